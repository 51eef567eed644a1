//! Archives of arrays as `numpy.savez` and `savez_compressed` write them: a zip file with a member `NAME.npy` for each.

use std::path::Path;

use zip::CompressionMethod;

use super::archive;
use super::array::Source;
use super::messages::DAMAGED;
use super::npy;
use super::raw::{self, RawArray};
use crate::error::{Cause, Error, Place, Result};

pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// Deflate packs at most 1032 bytes in one, for which a member needs a few more.
const INFLATION: u64 = 2000;

/// The arrays of an archive, in its order. What is compressed is unpacked when it is first read.
pub(super) fn open(path: &Path) -> Result<Vec<Source>> {
    let damaged = |e: Cause| Error::data(path, format!("the archive cannot be read ({e})"), DAMAGED).caused_by(e);
    let mut archive = archive::open(path).map_err(|e| damaged(e.into()))?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|e| damaged(e.into()))?;
        let full = member.name().map_err(|e| damaged(e.into()))?.into_owned();
        let Some(name) = full.strip_suffix(".npy") else {
            continue;
        };
        let place = Place::new(path, name);
        let (size, start) = (member.size(), member.data_start());
        if size / INFLATION > member.compressed_size() {
            let problem = format!("claims {size} bytes, packed in {}", member.compressed_size());
            return Err(Error::data(place, problem, DAMAGED));
        }
        let stored = member.compression() == CompressionMethod::Stored;
        let header = npy::Header::read(&mut member).map_err(|why| npy::damaged(place.clone(), why))?;
        let start = start.filter(|_| stored);
        found.push(header.source(place, size, |header, number| {
            let strides = raw::strides(&header.shape, header.fortran);
            let path = path.to_path_buf();
            match start {
                Some(start) => RawArray::in_path(path, start + header.length, number, strides),
                None => RawArray::packed(path, index, header.length, number, strides),
            }
        })?);
    }
    if found.is_empty() {
        let torch = archive
            .file_names()
            .any(|name| name.is_ok_and(|name| name.ends_with("/data.pkl")));
        let (problem, mend) = if torch {
            ("is a file of torch.save", "save the array with numpy.save")
        } else {
            (
                "the archive holds no array (.npy)",
                "unpack it, or write arrays with numpy.savez",
            )
        };
        return Err(Error::data(path, problem, mend));
    }
    Ok(found)
}
