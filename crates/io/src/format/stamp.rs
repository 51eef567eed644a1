use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What tells that a file changed, without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub bytes: u64,
    /// Last change, nanoseconds since 1970.
    pub modified: u64,
}

impl Stamp {
    /// # Errors
    /// A file that is not there.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
        let modified = metadata.modified().ok().and_then(since).unwrap_or_default();
        Ok(Self {
            bytes: metadata.len(),
            modified: u64::try_from(modified.as_nanos()).unwrap_or(u64::MAX),
        })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, {} ns", self.bytes, self.modified)
    }
}

/// Files that are read over a time, as they were before the first of them was opened.
#[derive(Clone, Debug, Default)]
pub struct ReadFiles(Vec<(PathBuf, Option<Stamp>)>);

impl ReadFiles {
    /// A file that is not there is missed when it is opened.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let stamped = |path: PathBuf| {
            let stamp = Stamp::of(&path).ok();
            (path, stamp)
        };
        Self(paths.into_iter().map(stamped).collect())
    }

    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// To be asked after reading: what was read before is then of the files as they were at first.
    ///
    /// # Errors
    /// A file that changed meanwhile, or is gone.
    pub fn check(&self) -> Result<()> {
        match self.0.iter().find(|(path, before)| Stamp::of(path).ok() != *before) {
            Some((path, _)) => {
                let mend = "run this again when it is whole";
                Err(Error::data(path.as_path(), "changed while it was read", mend))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let missing = ReadFiles::of(paths.clone());
        missing.check().unwrap();
        paths.iter().for_each(|path| std::fs::write(path, "whole").unwrap());
        assert!(missing.check().is_err());
        let changes: [fn(&PathBuf) -> std::io::Result<()>; 2] =
            [|path| std::fs::write(path, "cut"), |path| std::fs::remove_file(path)];
        for change in changes {
            let files = ReadFiles::of(paths.clone());
            files.check().unwrap();
            change(&paths[1]).unwrap();
            let error = files.check().unwrap_err().to_string();
            assert!(error.contains("b: changed while it was read"), "{error}");
        }
    }
}
