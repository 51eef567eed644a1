//! HDF5 files opened, with a sentence for each way in which that can fail.
//!
//! The library's own error stack stays silent: the `hdf5` crate switches it off in every thread it is called from.

use std::path::Path;

use hdf5::MinorErrorCode;

use super::super::reason::Reason;
use super::super::regular_file::open_regular;
use super::messages::DAMAGED;
use crate::error::{Error, Result};

/// Opens a file for reading.
pub(in crate::format) fn open(path: &Path) -> Result<hdf5::File> {
    let error = |problem: &str, mend: &str| Error::data(path, problem, mend);
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(error("no such file", "check the path").caused_by(e));
        }
        Err(e) => {
            let problem = format!("cannot be read ({e})");
            return Err(error(&problem, "check the path and its permissions").caused_by(e));
        }
        Ok(m) if m.is_dir() => return Err(error("this is a folder", "name a file in it")),
        Ok(m) if !m.is_file() => return Err(error("this is not a regular file", "name a file with data")),
        Ok(m) if m.len() == 0 => return Err(error("the file is empty", "copy or download it again")),
        Ok(_) => {}
    }
    if let Err(e) = open_regular(path) {
        let problem = format!("cannot be read ({e})");
        return Err(error(&problem, "check its permissions").caused_by(e));
    }
    if path.to_str().is_none() {
        return Err(error("the path is not UTF-8, which HDF5 needs", "rename the file"));
    }
    hdf5::File::open(path).map_err(|e| {
        let refused = if e.contains_minor(MinorErrorCode::NotHdf5) {
            error(
                "this is not an HDF5 file",
                "give fastMRI-style HDF5 (.h5), NumPy (.npy, .npz) or BART (.cfl with .hdr)",
            )
        } else if e.contains_minor(MinorErrorCode::Truncated) {
            error("the file is truncated", "copy or download it again")
        } else if e.contains_minor(MinorErrorCode::CantLockFile) {
            error(
                &format!("another program has it open for writing ({})", library(&e)),
                "close it there; where files cannot be locked at all, set HDF5_USE_FILE_LOCKING=FALSE",
            )
        } else {
            error(&format!("HDF5 cannot open it ({})", library(&e)), DAMAGED)
        };
        refused.caused_by(e)
    })
}

/// Whether a link of this name is there, groups on the way included.
pub(in crate::format) fn exists(file: &hdf5::File, name: &str) -> bool {
    let mut path = String::new();
    // every group on the way must be there, else the library's answer is an error, not a no
    name.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .all(|part| {
            path.push('/');
            path.push_str(part);
            file.link_exists(&path)
        })
        && !path.is_empty()
}

/// What the library says, by its words on one line.
pub(in crate::format) fn reason(error: hdf5::Error) -> Reason {
    Reason::new(library(&error), error)
}

/// The library's words on one line; of a failed system call, what the system said.
pub(in crate::format) fn library(error: &hdf5::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let system = text
        .split_once("error message = '")
        .and_then(|(_, rest)| rest.split_once('\''));
    system.map_or(text.clone(), |(message, _)| message.to_string())
}
