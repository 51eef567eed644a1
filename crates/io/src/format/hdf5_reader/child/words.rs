//! What the library says when it fails.
//!
//! Its own error stack stays silent: the `hdf5` crate switches it off in every thread it is called from.

use hdf5::MinorErrorCode;

use super::super::failure::Failure;

/// The library's words on one line; of a failed system call, what the system said.
pub(in crate::format) fn words(error: &hdf5::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let system = text
        .split_once("error message = '")
        .and_then(|(_, rest)| rest.split_once('\''));
    system.map_or(text.clone(), |(message, _)| message.to_string())
}

impl From<hdf5::Error> for Failure {
    fn from(error: hdf5::Error) -> Self {
        Self::Library(words(&error))
    }
}

/// Why a file cannot be opened.
pub(super) fn of_opening(error: &hdf5::Error) -> Failure {
    if error.contains_minor(MinorErrorCode::NotHdf5) {
        Failure::NotHdf5
    } else if error.contains_minor(MinorErrorCode::Truncated) {
        Failure::Truncated
    } else if error.contains_minor(MinorErrorCode::CantLockFile) {
        Failure::Locked(words(error))
    } else {
        Failure::Library(format!("HDF5 cannot open it: {}", words(error)))
    }
}
