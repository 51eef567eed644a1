//! Strings and text, however they are stored.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use hdf5::Container;
use hdf5::types::{FixedAscii, FixedUnicode, IntSize, TypeDescriptor, VarLenAscii, VarLenUnicode};

use super::super::super::header::LONGEST;
use super::super::failure::Failure;
use super::arrays::product;

/// Attributes lie in the object's header, a few kilobytes; a dense one is refused beyond this.
pub(super) const MOST_VALUES: u64 = 1 << 16;

/// A fixed-length string longer than this is not read.
const LONG: usize = 1 << 20;

/// Strings of variable or fixed length, in memory order. Bytes that are not UTF-8 are replaced.
pub(super) fn texts(container: &Container) -> Result<Vec<String>, Failure> {
    let descriptor = container.dtype()?.to_descriptor()?;
    if product(&container.shape()) > MOST_VALUES {
        return Err(Failure::Damaged("too many strings".into()));
    }
    // HDF5 converts no character sets, so the type read is the one stored, at least as long
    macro_rules! strings {
        ($string:ty) => {
            container
                .read_raw::<$string>()
                .map(|all| all.iter().map(|s| lossy(s.as_bytes())).collect())
        };
    }
    use TypeDescriptor as T;
    let read = match descriptor {
        T::VarLenUnicode => strings!(VarLenUnicode),
        T::VarLenAscii => strings!(VarLenAscii),
        T::FixedUnicode(..=256) => strings!(FixedUnicode<256>),
        T::FixedAscii(..=256) => strings!(FixedAscii<256>),
        T::FixedUnicode(..=LONG) if product(&container.shape()) <= 16 => strings!(FixedUnicode<LONG>),
        T::FixedAscii(..=LONG) if product(&container.shape()) <= 16 => strings!(FixedAscii<LONG>),
        other => return Err(Failure::Damaged(format!("{other} is not kept"))),
    };
    Ok(read?)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_string()
}

/// A text: a string of variable or fixed length, or bytes; one value or an array of one.
///
/// `place` is where its bytes lie, if they lie together in a file that is open.
pub(super) fn text(dataset: &hdf5::Dataset, place: Option<(&File, u64)>) -> Result<String, Failure> {
    let too_long = || Err(Failure::Damaged("too long for a header".into()));
    let dtype = dataset.dtype()?;
    match dtype.to_descriptor() {
        Ok(TypeDescriptor::Unsigned(IntSize::U1) | TypeDescriptor::Integer(IntSize::U1)) => {
            if dataset.storage_size() > LONGEST || product(&dataset.shape()) > LONGEST {
                return too_long();
            }
            Ok(until_nul(&dataset.read_raw::<u8>()?))
        }
        Err(_) => opaque(place, dtype.size() as u64),
        Ok(_) => {
            let text = texts(dataset)?.into_iter().next();
            let text = text.ok_or_else(|| Failure::Damaged("empty".into()))?;
            if text.len() as u64 > LONGEST {
                too_long()
            } else {
                Ok(text)
            }
        }
    }
}

/// Opaque bytes have no counterpart in the `hdf5` crate: they are read where they lie in the file.
fn opaque(place: Option<(&File, u64)>, length: u64) -> Result<String, Failure> {
    let (Some((mut raw, offset)), true) = (place, length <= LONGEST) else {
        return Err(Failure::Damaged(format!(
            "an unsupported type of {length} bytes, which is neither text nor bytes"
        )));
    };
    let mut bytes = Vec::new();
    let read = raw
        .seek(SeekFrom::Start(offset))
        .and_then(|_| raw.take(length).read_to_end(&mut bytes));
    read.map_err(|e| Failure::Library(e.to_string()))?;
    Ok(until_nul(&bytes))
}

fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
