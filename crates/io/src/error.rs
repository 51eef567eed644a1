//! What can go wrong with files: a sentence a user can act on.

use std::path::{Path, PathBuf};

use pvdamp::Error as Engine;

pub type Result<T> = std::result::Result<T, Error>;

/// What underlies an error.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong, where, and the mend. `Display` is one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file, or a dataset of it, cannot be used.
    #[error("{place}: {problem}; {mend}")]
    Data {
        place: Place,
        problem: String,
        mend: String,
        source: Option<Cause>,
    },
    /// Settings that contradict each other or the scan.
    #[error("{0}")]
    Setting(String),
    /// What the engine says, of no file in particular.
    #[error(transparent)]
    Engine(Engine),
    /// The user asked to stop; no file was left half written.
    #[error("interrupted; nothing was left half written")]
    Interrupted,
    /// Of many files some could not be used, each of which was reported; the work on all others is done. `what` names
    /// them in the plural.
    #[error("passed over {failed} of {of} {what}, which could not be used; the reasons are given, the others are done")]
    PassedOver { failed: usize, of: usize, what: String },
}

impl Error {
    /// An error about `place`: what is wrong there, and what to do about it.
    pub fn data(place: impl Into<Place>, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Data {
            place: place.into(),
            problem: problem.into(),
            mend: mend.into(),
            source: None,
        }
    }

    /// The same with what underlies it; other errors stay as they are.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        if let Self::Data { source, .. } = &mut self {
            *source = Some(cause.into());
        }
        self
    }

    /// Whether settings are at fault, and no file.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Setting(_) | Self::Engine(Engine::Setting { .. }))
    }

    /// A defect of this program.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::Engine(Engine::Internal(what.into()))
    }

    /// The end of work on `of` files, `what` in the plural: an error where some failed.
    pub fn passed_over(failed: usize, of: usize, what: &str) -> Result<()> {
        match failed {
            0 => Ok(()),
            _ => Err(Self::PassedOver {
                failed,
                of,
                what: what.into(),
            }),
        }
    }

    pub fn setting(message: impl Into<String>) -> Self {
        Self::Setting(message.into())
    }
}

impl From<Engine> for Error {
    fn from(error: Engine) -> Self {
        match error {
            Engine::Cancelled => Self::Interrupted,
            error => Self::Engine(error),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_over_is_one_sentence() {
        let error = Error::PassedOver {
            failed: 1,
            of: 5,
            what: "scans".into(),
        };
        let sentence = "passed over 1 of 5 scans, which could not be used; the reasons are given, the others are done";
        assert_eq!(error.to_string(), sentence);
    }
}
