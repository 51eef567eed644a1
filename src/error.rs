//! The one error type: a sentence a user can act on.

use std::path::{Path, PathBuf};

pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, where, and the mend. `Display` is one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, or a dataset of it, cannot be used.
    #[error("{place}: {problem}; {mend}")]
    Data {
        place: Place,
        problem: String,
        mend: String,
    },
    /// Settings that contradict each other or the scan.
    #[error("{0}")]
    Setting(String),
    /// The user asked to stop; no file was left half written.
    #[error("interrupted: the output was not written")]
    Interrupted,
}

impl Error {
    /// An error about `place`: what is wrong there, and what to do about it.
    pub fn data(place: impl Into<Place>, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Data {
            place: place.into(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    pub fn setting(message: impl Into<String>) -> Self {
        Self::Setting(message.into())
    }
}

/// A file, or a dataset in one. Written `FILE` or `FILE:dataset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub dataset: Option<String>,
}

impl Place {
    pub fn new(file: impl Into<PathBuf>, dataset: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            dataset: Some(dataset.into()),
        }
    }
}

impl From<&Path> for Place {
    fn from(file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            dataset: None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.dataset {
            Some(dataset) => write!(f, "{}: dataset '{dataset}'", self.file.display()),
            None => write!(f, "{}", self.file.display()),
        }
    }
}
