//! Why a file of HDF5, or a part of it, cannot be read.

use serde::{Deserialize, Serialize};

use super::super::source::messages::{DAMAGED, TOO_LARGE};
use crate::error::{Error, Place};

/// Why something cannot be read; `Display` is a part of a sentence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(in crate::format) enum Failure {
    /// The library's words.
    #[error("{0}")]
    Library(String),
    #[error("this is not an HDF5 file")]
    NotHdf5,
    #[error("the file is truncated")]
    Truncated,
    #[error("another program has it open for writing ({0})")]
    Locked(String),
    /// The file leads to another, which is not opened.
    #[error("{how} leads to {file}, {why}")]
    Elsewhere { how: String, file: String, why: Barred },
    /// A dataset without values.
    #[error("holds nothing")]
    Empty,
    #[error("needs {} MB of memory", .0.div_ceil(1 << 20))]
    TooLarge(u64),
    /// What it claims cannot be.
    #[error("{0}")]
    Damaged(String),
    #[error("is compressed by HDF5 filter {0}, which this program does not have")]
    Filter(i32),
    /// The child died of it.
    #[error("HDF5 crashed on it ({0})")]
    Crashed(String),
    /// Somebody ended it, as a machine does that has no memory left.
    #[error("the process that read it was killed")]
    Killed,
    #[error("HDF5 worked on it for too long and was stopped")]
    Endless,
    #[error("nothing was read for {0} s")]
    Stalled(u64),
    #[error("the process that reads it cannot be started ({0})")]
    NoChild(String),
    #[error("interrupted")]
    Interrupted,
}

/// Why another file is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub(in crate::format) enum Barred {
    #[error("and links are not followed")]
    Unasked,
    #[error("outside the folder of this file")]
    Outside,
    #[error("which is not there or cannot be read")]
    Missing,
    #[error("which is shorter than that")]
    Short,
}

impl Failure {
    /// Whether the reader is lost by it, so that nothing more can be asked.
    pub fn is_loss(&self) -> bool {
        let interrupted = matches!(self, Self::Interrupted);
        interrupted || matches!(self, Self::Crashed(_) | Self::Killed | Self::Endless | Self::Stalled(_))
    }

    /// An error about `place`; `undone` is what failed, as in `cannot be read`. Of a reader that is lost all later
    /// questions tell too, so that only the file is named then.
    pub fn error(self, place: impl Into<Place>, undone: &str) -> Error {
        let mut place = place.into();
        if self.is_loss() {
            place.dataset = None;
        }
        let (problem, mend) = match &self {
            Self::Interrupted => return Error::Interrupted,
            Self::Library(words) => (format!("{undone} ({words})"), DAMAGED),
            Self::NotHdf5 => (
                self.to_string(),
                "give fastMRI-style HDF5 (.h5), NumPy (.npy, .npz) or BART (.cfl with .hdr)",
            ),
            Self::Truncated => (self.to_string(), "copy or download it again"),
            Self::Locked(_) => (
                self.to_string(),
                "close it there; where files cannot be locked at all, set HDF5_USE_FILE_LOCKING=FALSE",
            ),
            Self::Elsewhere { why, .. } => {
                let mend = match why {
                    Barred::Unasked => "--follow-links reads files in the folder of the scan; or copy the data into it",
                    Barred::Outside => "put both into one folder, or copy the data into this file",
                    Barred::Missing | Barred::Short => "put it there whole, or copy the data into this file",
                };
                (self.to_string(), mend)
            }
            Self::Empty => (self.to_string(), "write values to it, or remove it"),
            Self::TooLarge(_) => (self.to_string(), TOO_LARGE),
            Self::Filter(_) => (
                self.to_string(),
                "write it with gzip or without compression (h5repack -f GZIP=1)",
            ),
            Self::Damaged(_) | Self::Crashed(_) | Self::Endless => (self.to_string(), DAMAGED),
            Self::Stalled(_) => (self.to_string(), "see whether its disk still answers, and try again"),
            Self::Killed => (self.to_string(), "see whether there is memory for it, and try again"),
            Self::NoChild(_) => (
                self.to_string(),
                "allow more processes and open files, or end others, and try again",
            ),
        };
        Error::data(place, problem, mend).caused_by(self)
    }
}
