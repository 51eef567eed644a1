//! HDF5 files opened, with a sentence for each way in which that can fail.
//!
//! The library's own error stack stays silent: the `hdf5` crate switches it off in every thread it is called from.

use std::path::Path;

use hdf5::MinorErrorCode;

use super::messages::DAMAGED;
use crate::error::{Error, Result};

/// Opens a file for reading.
pub(in crate::format) fn open(path: &Path) -> Result<hdf5::File> {
    let error = |problem: String, mend: &str| Err(Error::data(path, problem, mend));
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return error("no such file".into(), "check the path"),
        Err(e) => return error(format!("cannot be read ({e})"), "check the path and its permissions"),
        Ok(m) if m.is_dir() => return error("this is a folder".into(), "name a file in it"),
        Ok(m) if !m.is_file() => return error("this is not a regular file".into(), "name a file with data"),
        Ok(m) if m.len() == 0 => return error("the file is empty".into(), "copy or download it again"),
        Ok(_) => {}
    }
    if let Err(e) = std::fs::File::open(path) {
        return error(format!("cannot be read ({e})"), "check its permissions");
    }
    if path.to_str().is_none() {
        return error("the path is not UTF-8, which HDF5 needs".into(), "rename the file");
    }
    hdf5::File::open(path).or_else(|e| {
        if e.contains_minor(MinorErrorCode::NotHdf5) {
            error(
                "this is not an HDF5 file".into(),
                "give fastMRI-style HDF5 (.h5), NumPy (.npy, .npz) or BART (.cfl with .hdr)",
            )
        } else if e.contains_minor(MinorErrorCode::Truncated) {
            error("the file is truncated".into(), "copy or download it again")
        } else if e.contains_minor(MinorErrorCode::CantLockFile) {
            error(
                format!("another program has it open for writing ({})", library(&e)),
                "close it there; where files cannot be locked at all, set HDF5_USE_FILE_LOCKING=FALSE",
            )
        } else {
            error(format!("HDF5 cannot open it ({})", library(&e)), DAMAGED)
        }
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

/// The library's words on one line; of a failed system call, what the system said.
pub(in crate::format) fn library(error: &hdf5::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let system = text
        .split_once("error message = '")
        .and_then(|(_, rest)| rest.split_once('\''));
    system.map_or(text.clone(), |(message, _)| message.to_string())
}
