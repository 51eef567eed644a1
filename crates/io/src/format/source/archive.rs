//! Zip files, of which an archive of arrays is one.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::super::regular_file::open_regular;

pub(super) fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, ZipError> {
    ZipArchive::new(BufReader::new(open_regular(path)?))
}

/// A compressed member, whole, in an unnamed temporary file.
pub(super) fn unpack(path: &Path, member: usize) -> io::Result<File> {
    let mut archive = open(path).map_err(io::Error::other)?;
    let mut packed = archive.by_index(member).map_err(io::Error::other)?;
    let mut file = tempfile::tempfile()?;
    io::copy(&mut packed, &mut file)?;
    file.rewind()?;
    Ok(file)
}
