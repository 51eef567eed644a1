//! Zip files, of which an archive of arrays is one.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;

use super::super::regular_file::open_regular;

/// No scan has more arrays than this.
const MOST_MEMBERS: u64 = 10_000;

/// # Errors
/// What is no archive, and one of too many members: their directory is read into memory.
pub(super) fn open(path: &Path) -> Result<ZipArchive<BufReader<File>>, ZipError> {
    let mut file = BufReader::new(open_regular(path)?);
    let too_many = |count: u64| {
        let problem = format!("it claims {count} members, and no more than {MOST_MEMBERS} are read");
        ZipError::Io(io::Error::other(problem))
    };
    let claimed = claimed_members(&mut file)?;
    if claimed > MOST_MEMBERS {
        return Err(too_many(claimed));
    }
    let config = Config {
        archive_offset: ArchiveOffset::Known(0),
    };
    let archive = ZipArchive::with_config(config, file)?;
    match archive.len() as u64 {
        count if count > MOST_MEMBERS => Err(too_many(count)),
        _ => Ok(archive),
    }
}

/// What the 64-bit records at the end of an archive claim, for which memory is taken before the members are looked for. The
/// old records cannot tell of more than 65535.
fn claimed_members(file: &mut (impl Read + Seek)) -> io::Result<u64> {
    const END: &[u8] = b"PK\x05\x06";
    const LOCATOR: &[u8] = b"PK\x06\x07";
    const LOCATOR_LENGTH: usize = 20;
    // a comment of 65535 bytes follows the end record, at most
    const TAIL: u64 = 65_535 + 22 + LOCATOR_LENGTH as u64;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    let mut most = 0;
    for window in tail.windows(LOCATOR_LENGTH + END.len()) {
        let (locator, end) = window.split_at(LOCATOR_LENGTH);
        if end == END && locator.starts_with(LOCATOR) {
            let mut record = [0; 40];
            file.seek(SeekFrom::Start(number(&locator[8..16])))?;
            file.read_exact(&mut record)?;
            if !record.starts_with(b"PK\x06\x06") {
                return Err(io::Error::other("its last record is not where it should be"));
            }
            most = most.max(number(&record[32..]));
        }
    }
    Ok(most)
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
