//! Zip files, of which an archive of arrays is one.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::super::regular_file::open_regular;

pub(super) fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, ZipError> {
    ZipArchive::new(BufReader::new(open_regular(path)?))
}

/// There is no room for what an archive holds: nothing is wrong with the archive.
#[derive(Debug, thiserror::Error)]
#[error("it cannot be unpacked to the folder for temporary files, {folder} ({cause})", folder = .folder.display())]
pub(super) struct NoRoom {
    folder: PathBuf,
    cause: io::Error,
}

/// A compressed member, whole, in an unnamed temporary file.
///
/// # Errors
/// [`NoRoom`], as the inner error, where that file cannot be written.
pub(super) fn unpack(path: &Path, member: usize) -> io::Result<File> {
    let mut archive = open(path).map_err(io::Error::other)?;
    let packed = archive.by_index(member).map_err(io::Error::other)?;
    let claimed = packed.size();
    // One more byte tells of a member that goes on; without it the end of a sound one would not be checked.
    let mut packed = packed.take(claimed.saturating_add(1));
    let no_room = |cause| {
        let folder = std::env::temp_dir();
        io::Error::other(NoRoom { folder, cause })
    };
    let mut file = tempfile::tempfile().map_err(no_room)?;
    let mut block = vec![0; 1 << 16];
    let mut unpacked = 0;
    loop {
        let read = packed.read(&mut block)?;
        unpacked += read as u64;
        match read {
            _ if unpacked > claimed => return Err(io::Error::other("it holds more than it claims")),
            0 => break,
            _ => file.write_all(&block[..read]).map_err(no_room)?,
        }
    }
    file.rewind()?;
    Ok(file)
}
