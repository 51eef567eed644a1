//! Arrays as NumPy writes them (numpy.lib.format, versions 1 to 3): a magic string, a header in Python's words, the
//! values.

use std::io::Read;
use std::path::Path;

use super::super::reason::Reason;
use super::super::regular_file::open_regular;
use super::array::Source;
use super::messages::{DAMAGED, shape_text};
use super::number::Number;
use super::raw::{self, RawArray};
use crate::error::{Error, Place, Result};

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// No header of numbers is longer, in bytes; a damaged one may claim to be.
const LONGEST: usize = 1 << 16;
/// NumPy has no arrays of more axes.
const MOST_AXES: usize = 64;
/// Of a header that cannot be read, as many characters are shown.
const SHOWN: usize = 80;

/// What stands before the values.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// `<c8`, or whatever NumPy calls the type.
    pub description: String,
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// Bytes before the first value.
    pub length: u64,
}

/// The array of an `.npy` file.
pub(super) fn open(path: &Path) -> Result<Source> {
    let place = Place::from(path);
    let unreadable = |e: std::io::Error| {
        let problem = format!("cannot be read ({e})");
        Error::data(path, problem, "check the path and its permissions").caused_by(e)
    };
    let mut file = open_regular(path).map_err(unreadable)?;
    let there = file.metadata().map_err(unreadable)?.len();
    let header = Header::read(&mut file).map_err(|why| damaged(path, why))?;
    header.source(place, there, |header, number| {
        let strides = raw::strides(&header.shape, header.fortran);
        RawArray::in_file(file, header.length, number, strides)
    })
}

/// An array whose header cannot be read.
pub(super) fn damaged(place: impl Into<Place>, why: Reason) -> Error {
    let error = Error::data(place, why.to_string(), DAMAGED);
    why.cause_of(error)
}

impl Header {
    /// The error says what is wrong with it.
    pub fn read(file: &mut impl Read) -> std::result::Result<Self, Reason> {
        let cut = |e: std::io::Error| Reason::new("is cut off in the header of the array", e);
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(cut)?;
        if start[..6] != *MAGIC {
            return Err("is no array of NumPy".into());
        }
        let (mut wide, prefix) = ([0; 4], if start[6] == 1 { 2 } else { 4 });
        file.read_exact(&mut wide[..prefix]).map_err(cut)?;
        let length = u32::from_le_bytes(wide) as usize;
        if !(1..=3).contains(&start[6]) || length > LONGEST {
            return Err("has a header of a version that is not known".into());
        }
        let mut text = vec![0; length];
        file.read_exact(&mut text).map_err(cut)?;
        let length = (8 + prefix + length) as u64;
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text, length).ok_or_else(|| {
            let shown: String = text.trim().chars().take(SHOWN).collect();
            format!("has the header {shown:?}, which is not NumPy's").into()
        })
    }

    /// `{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(text: &str, length: u64) -> Option<Self> {
        let entry = |key: &str| {
            let (_, rest) = text.split_once(&format!("'{key}':"))?;
            Some(rest.trim_start())
        };
        let description = entry("descr")?;
        let description = match description.strip_prefix('\'') {
            Some(quoted) => quoted.split('\'').next()?,
            None => "a record",
        };
        let shape = entry("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let lengths = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
        let shape: Vec<usize> = lengths.map(|n| n.parse().ok()).collect::<Option<_>>()?;
        (shape.len() <= MOST_AXES).then_some(Self {
            description: description.to_string(),
            fortran: entry("fortran_order")?.starts_with("True"),
            shape,
            length,
        })
    }

    /// The source of which this is the header, among `there` bytes with the header; `values` are not asked for what is
    /// no number.
    pub fn source(self, place: Place, there: u64, values: impl FnOnce(&Self, Number) -> RawArray) -> Result<Source> {
        let Some(number) = Number::of_numpy(&self.description) else {
            return Ok(Source::without_numbers(place, self.shape, self.description));
        };
        let needed = raw::size(&self.shape, number.width()).and_then(|bytes| bytes.checked_add(self.length));
        let Some(needed) = needed else {
            let problem = format!("claims shape {}, which no file holds", shape_text(&self.shape));
            return Err(Error::data(place, problem, DAMAGED));
        };
        if needed > there {
            let problem = format!("the array is cut off: it needs {needed} bytes, and there are {there}");
            return Err(Error::data(place, problem, DAMAGED));
        }
        let values = values(&self, number);
        Ok(Source::of_raw(place, self.shape, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Header> {
        Header::parse(text, 0)
    }

    #[test]
    fn headers_as_numpy_writes_them() {
        let header = parse("{'descr': '<c8', 'fortran_order': False, 'shape': (3, 4), }").unwrap();
        assert_eq!(
            (&*header.description, header.fortran, header.shape),
            ("<c8", false, vec![3, 4])
        );
        let header = parse("{'descr': '|b1', 'fortran_order': True, 'shape': (7,), }").unwrap();
        assert_eq!(
            (&*header.description, header.fortran, header.shape),
            ("|b1", true, vec![7])
        );
        let scalar = parse("{'descr': '>f8', 'fortran_order': False, 'shape': (), }").unwrap();
        assert_eq!(scalar.shape, [0usize; 0]);
        let record = parse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }").unwrap();
        assert_eq!(record.description, "a record");
        for bad in [
            "",
            "{'descr': '<c8', 'shape': (3, 4), }",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (3, x), }",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (-3, 4), }",
            "{'descr': '<c8', 'fortran_order': False, 'shape': 3, }",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_of_every_version_and_damaged_ones() {
        let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
        let short = (text.len() as u16).to_le_bytes();
        let long = (text.len() as u32).to_le_bytes();
        let file = |version: u8, length: &[u8]| [MAGIC, &[version, 0], length, text].concat();
        for (bytes, before) in [(file(1, &short), 10), (file(2, &long), 12), (file(3, &long), 12)] {
            let header = Header::read(&mut &bytes[..]).unwrap();
            assert_eq!((header.length, header.shape), ((before + text.len()) as u64, vec![2]));
            for end in 0..bytes.len() {
                assert!(Header::read(&mut &bytes[..end]).is_err());
            }
        }
        let read = |bytes: &[u8]| Header::read(&mut &bytes[..]).unwrap_err().to_string();
        assert!(read(&file(9, &long)).contains("version"));
        assert!(read(&file(2, &[0xff; 4])).contains("version"));
        assert!(read(&[0x50; 80]).contains("no array"));
    }
}
