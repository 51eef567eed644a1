//! Expands folders, patterns and lists to scans, and names their results.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{files_below, files_of, has_ending, read_regular};

/// File name endings of scans in a folder.
const SCAN_ENDINGS: &[&str] = &["h5", "hdf5", "mrd"];
/// Endings that are replaced by `.h5` in the name of a result.
const REMOVED_ENDINGS: &[&str] = &["h5", "hdf5", "mrd", "npy", "npz", "cfl", "hdr"];
/// Ending of a list of scans.
const LIST_ENDINGS: &[&str] = &["txt"];

/// A scan and the name of its result, relative to the output folder and with `/` between folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub path: PathBuf,
    pub name: String,
}

impl Input {
    /// Names the result after the path below `base`, or after the file name if `path` is not below it.
    fn below(base: &Path, path: PathBuf) -> Self {
        let relative = path.strip_prefix(base).ok();
        let relative = relative.filter(|r| r.components().all(|c| matches!(c, Component::Normal(_))));
        let relative = relative.unwrap_or_else(|| Path::new(path.file_name().unwrap_or_default()));
        let stem = if has_ending(relative, REMOVED_ENDINGS) {
            relative.with_extension("")
        } else {
            relative.to_path_buf()
        };
        let parts: Vec<_> = stem.iter().map(|part| part.to_string_lossy()).collect();
        let name = parts.join("/") + ".h5";
        Self { path, name }
    }

    /// Names the result after the file name.
    fn single(path: PathBuf) -> Self {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self::below(&folder, path)
    }

    /// The name without its ending. The seed of the scan's mask depends on it.
    pub fn volume(&self) -> &str {
        self.name.strip_suffix(".h5").unwrap_or(&self.name)
    }
}

/// The scans that `given` names, sorted by the names of their results and without duplicates. An entry is a folder,
/// which is searched recursively, a pattern, a list of scans, or a scan. Files in `output` are skipped.
///
/// Errors: a path that does not exist or holds no scans, and two scans whose results would have the same name.
pub fn inputs(given: &[PathBuf], output: &Path) -> Result<Vec<Input>> {
    let real_output = output.canonicalize().ok();
    let mut found = Vec::new();
    for path in given {
        if path.is_dir() {
            if real_output.is_some() && path.canonicalize().ok() == real_output {
                let problem = "is the folder for the results too, which would be taken for scans";
                return Err(Error::data(path.as_path(), problem, "choose another -o folder"));
            }
            let scans = files_below(path, SCAN_ENDINGS, output)?;
            if scans.is_empty() {
                let mend = "name another folder, or other files by a pattern: 'DIR/*.npy'";
                return Err(Error::data(
                    path.as_path(),
                    "no .h5, .hdf5 or .mrd file is below this folder",
                    mend,
                ));
            }
            found.extend(scans.into_iter().map(|scan| Input::below(path, path.join(scan))));
        } else if path.is_file() && has_ending(path, LIST_ENDINGS) {
            found.extend(read_list(path)?);
        } else if path.exists() {
            found.push(Input::single(path.clone()));
        } else {
            found.extend(matching_files(path)?);
        }
    }
    unique_by_name(found)
}

/// Reads one path per line. Empty lines and lines that begin with # are skipped.
fn read_list(path: &Path) -> Result<Vec<Input>> {
    let unreadable = |why: String| {
        let problem = format!("this list cannot be read ({why})");
        Error::data(path, problem, "write one path a line, as UTF-8")
    };
    let bytes = read_regular(path).map_err(|e| unreadable(e.to_string()))?;
    let text = str::from_utf8(&bytes).map_err(|e| unreadable(e.to_string()))?;
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<Input> = lines.map(|line| Input::single(line.into())).collect();
    if found.is_empty() {
        return Err(Error::data(path, "this list names no scan", "write one path a line"));
    }
    Ok(found)
}

fn matching_files(pattern: &Path) -> Result<Vec<Input>> {
    let text = pattern.to_string_lossy();
    let has_wildcard = |part: &str| part.contains(['*', '?', '[']);
    if !has_wildcard(&text) {
        let mend = "name a folder, a pattern, a list (.txt) or scans that are there";
        return Err(Error::data(pattern, "there is no such file or folder", mend));
    }
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        require_literal_separator: true,
        ..glob::MatchOptions::new()
    };
    let paths = glob::glob_with(&text, options)
        .map_err(|e| Error::data(pattern, format!("this is no pattern ({e})"), "use * ? [..] and **"))?;
    let base: PathBuf = pattern
        .iter()
        .take_while(|part| !has_wildcard(&part.to_string_lossy()))
        .collect();
    let found: Vec<Input> = paths
        .filter_map(|path| path.ok().filter(|path| path.is_file()))
        .map(|path| Input::below(&base, path))
        .collect();
    if found.is_empty() {
        return Err(Error::data(pattern, "no file matches this pattern", "name another"));
    }
    Ok(found)
}

fn unique_by_name(found: Vec<Input>) -> Result<Vec<Input>> {
    let files = |input: &Input| -> Vec<PathBuf> {
        let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
        let files = files_of(&input.path).unwrap_or_else(|_| vec![input.path.clone()]);
        files.into_iter().map(real).collect()
    };
    let mut by_name: BTreeMap<String, Input> = BTreeMap::new();
    for input in found {
        if let Some(other) = by_name.get(&input.name)
            && files(other) != files(&input)
        {
            let problem = format!(
                "its result would be {}, and so would that of {}",
                input.name,
                other.path.display()
            );
            let mend = "give their common folder, whose subfolders are kept, or batch them into two folders";
            return Err(Error::data(input.path.as_path(), problem, mend));
        }
        by_name.entry(input.name.clone()).or_insert(input);
    }
    Ok(by_name.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in [
            "b.h5",
            "a.HDF5",
            "notes.md",
            ".hidden.h5",
            "sub/c.mrd",
            "sub/deep/a.h5",
            "out/a.h5",
            "k.npy",
            "v.1",
        ] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn names(folder: &tempfile::TempDir, given: &[&str]) -> Result<Vec<String>> {
        let given: Vec<PathBuf> = given.iter().map(|path| folder.path().join(path)).collect();
        let found = inputs(&given, &folder.path().join("out"))?;
        assert!(found.iter().all(|input| input.path.is_file()));
        Ok(found.into_iter().map(|input| input.name).collect())
    }

    #[test]
    fn folders_are_searched_and_kept() {
        let folder = tree();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/loop")).unwrap();
        assert_eq!(
            names(&folder, &[""]).unwrap(),
            ["a.h5", "b.h5", "sub/c.h5", "sub/deep/a.h5"]
        );
        assert!(
            names(&folder, &["sub/deep/no"])
                .unwrap_err()
                .to_string()
                .contains("no such file")
        );
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        assert!(names(&folder, &["empty"]).unwrap_err().to_string().contains("no .h5"));
    }

    #[test]
    fn patterns_and_files_are_taken() {
        let folder = tree();
        assert_eq!(names(&folder, &["*.npy"]).unwrap(), ["k.h5"]);
        // names keep the folders below the fixed part of a pattern, but not those of a scan named directly
        assert_eq!(
            names(&folder, &["sub/**/*.h5", "sub/deep/a.h5"]).unwrap(),
            ["a.h5", "deep/a.h5"]
        );
        assert_eq!(names(&folder, &["b.h5", "v.1", "b.h5"]).unwrap(), ["b.h5", "v.1.h5"]);
        assert!(
            names(&folder, &["*.dat"])
                .unwrap_err()
                .to_string()
                .contains("no file matches")
        );
        let twice = names(&folder, &["a.HDF5", "sub/deep/a.h5"]).unwrap_err().to_string();
        assert!(twice.contains("a.h5, and so would that of"), "{twice}");
    }

    #[test]
    fn lists_name_scans_one_a_line() {
        let folder = tree();
        let list = folder.path().join("list.txt");
        let text = format!("# scans\n\n{0}/b.h5\n  {0}/gone.h5  \n", folder.path().display());
        std::fs::write(&list, text).unwrap();
        let found = inputs(std::slice::from_ref(&list), Path::new("out")).unwrap();
        let names: Vec<&str> = found.iter().map(|input| input.name.as_str()).collect();
        assert_eq!((names, found[1].volume()), (vec!["b.h5", "gone.h5"], "gone"));
        std::fs::write(&list, "# none\n").unwrap();
        assert!(inputs(&[list], Path::new("out")).is_err());
    }
}
