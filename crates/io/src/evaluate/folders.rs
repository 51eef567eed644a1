//! Files of two folders, paired by their names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::comparison::{Comparison, compare};
use super::summary::VolumeRecord;
use crate::error::{Error, Place, Result};
use crate::format::{files_below, read_attributes};

/// What fastMRI's files call the kind of a scan, as `CORPDFS_FBK` or `AXT2`.
const ACQUISITION: &str = "acquisition";
/// Of a target that does not tell.
const UNKNOWN: &str = "unknown";
/// Endings of HDF5 files, in small letters.
const ENDINGS: &[&str] = &["h5", "hdf5"];

/// A folder of targets and one of results. A result belongs to the target of its path below the folder.
pub struct Folders {
    targets: Place,
    results: Place,
    /// Paths of the targets below their folder, in order.
    pub files: Vec<PathBuf>,
    /// Results without a target.
    pub extra: Vec<PathBuf>,
}

impl Folders {
    /// Lists the files ending in `.h5` or `.hdf5`, in subfolders too, those left out whose names begin with a dot. The
    /// dataset of a place, where it names one, is that of every file.
    ///
    /// # Errors
    /// Folders that cannot be listed, that hold no such file, or have none in common.
    pub fn open(targets: &Place, results: &Place) -> Result<Self> {
        let files = listed(&targets.file, &results.file)?;
        let found = listed(&results.file, &targets.file)?;
        let (common, extra): (Vec<_>, Vec<_>) = found.into_iter().partition(|file| files.contains(file));
        if common.is_empty() {
            let problem = format!("holds no file of the name of one in {}", targets.file.display());
            let mend = "give results the names of their targets";
            return Err(Error::data(results.file.as_path(), problem, mend));
        }
        Ok(Self {
            targets: targets.clone(),
            results: results.clone(),
            files,
            extra,
        })
    }

    /// The two files of a pair, the result whether it is there or not.
    pub fn pair(&self, file: &Path) -> [Place; 2] {
        [&self.targets, &self.results].map(|folder| Place {
            file: folder.file.join(file),
            dataset: folder.dataset.clone(),
        })
    }

    /// The acquisitions of all targets that can be read, by name.
    pub fn acquisitions(&self) -> Vec<String> {
        let names = self
            .files
            .iter()
            .filter_map(|file| acquisition(&self.targets.file.join(file)).ok());
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Compares the pair of one of `files`, or says why that cannot be done; `None` where `only` is the name of an
    /// acquisition and the target is of another. `calgary` as in [`compare`].
    pub fn evaluate(&self, file: &Path, only: Option<&str>, calgary: bool) -> Option<VolumeRecord> {
        let [target, result] = self.pair(file);
        let (acquisition, outcome) = match acquisition(&target.file) {
            Ok(name) if only.is_some_and(|only| only != name) => return None,
            Ok(name) => (Some(name), judge(&target, &result, calgary)),
            Err(error) => (None, Err(error)),
        };
        let (comparison, error) = match outcome {
            Ok(comparison) => (Some(comparison), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Some(VolumeRecord {
            file: file.display().to_string(),
            acquisition,
            comparison,
            error,
        })
    }
}

/// What the target says of its acquisition.
fn acquisition(target: &Path) -> Result<String> {
    let attribute = read_attributes(target)?.into_iter().find(|a| a.name == ACQUISITION);
    let name = attribute
        .as_ref()
        .and_then(|a| a.text())
        .filter(|name| !name.is_empty());
    Ok(name.unwrap_or(UNKNOWN).to_string())
}

/// A comparison in which every figure of fastMRI has a value, so that means can be taken.
fn judge(target: &Place, result: &Place, calgary: bool) -> Result<Comparison> {
    if !result.file.is_file() {
        let mend = "reconstruct it, or take its target away";
        return Err(Error::data(result.file.as_path(), "there is no such result", mend));
    }
    let comparison = compare(target, result, calgary)?;
    if comparison.nmse.is_none() || comparison.psnr_db.is_none() {
        let problem = format!("is zero in the part compared, {}", comparison.region);
        return Err(Error::data(target.clone(), problem, "take it away"));
    }
    if comparison.ssim.is_none() {
        let problem = format!("leaves {} to compare, too little for SSIM's window", comparison.region);
        return Err(Error::data(result.clone(), problem, "give 7x7 pixels or more"));
    }
    Ok(comparison)
}

/// The HDF5 files below a folder, in order. Errors: a folder that cannot be listed or holds none.
fn listed(folder: &Path, other: &Path) -> Result<Vec<PathBuf>> {
    // results may lie in a folder among the targets
    let found = files_below(folder, ENDINGS, other)?;
    if found.is_empty() {
        return Err(Error::data(
            folder,
            "holds no .h5 file",
            "name a folder of fastMRI-style volumes",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(files: &[PathBuf]) -> Vec<&str> {
        files.iter().map(|file| file.to_str().unwrap()).collect()
    }

    #[test]
    fn files_are_paired_by_their_path() {
        let targets = folder(&[
            "b.h5",
            "a.HDF5",
            "x/c.h5",
            "x/y/d.h5",
            ".e.h5",
            ".z/f.h5",
            "notes.txt",
            "g.npy",
            "results/b.h5",
            "results/x/c.h5",
            "results/x/d.h5",
        ]);
        let root = targets.path();
        let found = Folders::open(&root.into(), &root.join("results").as_path().into()).unwrap();
        assert_eq!(names(&found.files), ["a.HDF5", "b.h5", "x/c.h5", "x/y/d.h5"]);
        assert_eq!(names(&found.extra), ["x/d.h5"]);
        let targets = Place::new(root, "other");
        let found = Folders::open(&targets, &root.join("results").as_path().into()).unwrap();
        let [target, result] = found.pair(Path::new("x/c.h5"));
        assert_eq!(target, Place::new(root.join("x/c.h5"), "other"));
        assert_eq!(result, root.join("results/x/c.h5").as_path().into());
    }

    #[test]
    fn folders_without_a_pair_are_refused() {
        let [one, other, none] = [&["a.h5"][..], &["x/a.h5"], &["a.txt", ".a.h5"]].map(folder);
        let refused = |targets: &Path, results: &Path| {
            let error = Folders::open(&targets.into(), &results.into()).err().unwrap();
            error.to_string()
        };
        assert!(refused(one.path(), other.path()).contains("holds no file of the name of one in"));
        assert!(refused(one.path(), none.path()).contains("holds no .h5 file"));
        assert!(refused(&one.path().join("missing"), other.path()).contains("cannot be listed"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        use std::os::unix::fs::symlink;
        let (targets, elsewhere) = (folder(&["x/a.h5"]), folder(&["b.h5"]));
        symlink(targets.path(), targets.path().join("x/up")).unwrap();
        symlink(elsewhere.path(), targets.path().join("linked")).unwrap();
        symlink("nowhere", targets.path().join("lost.h5")).unwrap();
        let found = listed(targets.path(), elsewhere.path().join("..").as_path()).unwrap();
        assert_eq!(names(&found), ["linked/b.h5", "lost.h5", "x/a.h5"]);
    }
}
