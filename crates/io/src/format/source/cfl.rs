//! Arrays as BART keeps them: dimensions as text in `NAME.hdr`, complex64 values in `NAME.cfl`, first dimension
//! fastest.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::regular_file::open_regular;
use super::array::{DIMENSIONS, Dimensions, Source};
use super::messages::DAMAGED;
use super::number::Number;
use super::raw::{self, RawArray};
use crate::error::{Error, Place, Result};

// which of BART's dimensions is which
const READ: usize = 0;
const COIL: usize = 3;
const MAPS: usize = 4;

/// The names of header and values, where `path` is one of them or the name that they share, and the header is one of
/// BART's.
pub(super) fn header_and_values(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let extension = path.extension().and_then(|e| e.to_str());
    let base = match extension {
        Some("cfl" | "hdr") => path.with_extension(""),
        _ if path.exists() => return None,
        _ => path.to_path_buf(),
    };
    let with = |extension: &str| {
        let mut name = OsString::from(&base);
        name.push(extension);
        PathBuf::from(name)
    };
    let (header, values) = (with(".hdr"), with(".cfl"));
    // other programs have .hdr files too, but no .cfl beside them
    let text = text_of(&header).ok()?;
    let is_header = text.trim_start().starts_with("# Dimensions") || values.exists() && parse(&text).is_some();
    is_header.then_some((header, values))
}

/// The array of a pair of files; `path` is what the user named.
///
/// Its axes are rows and columns last, and before them coils, sets of maps, and whatever else repeats; those of length
/// 1 are left out.
pub(super) fn open(path: &Path, header: &Path, values: &Path) -> Result<Source> {
    let place = Place::from(path);
    let unreadable = |what: &Path, e: std::io::Error| {
        let problem = format!("{} cannot be read ({e})", what.display());
        Error::data(path, problem, "keep .hdr and .cfl of one name together").caused_by(e)
    };
    let text = text_of(header).map_err(|e| unreadable(header, e))?;
    let dimensions = parse(&text).ok_or_else(|| {
        let problem = "the header (.hdr) does not give 1 to 16 dimensions of at least 1";
        Error::data(path, problem, "write the array with BART again")
    })?;
    let file = open_regular(values).map_err(|e| unreadable(values, e))?;
    let there = file.metadata().map_err(|e| unreadable(values, e))?.len();
    let needed = raw::size(&dimensions, Number::COMPLEX64.width()).ok_or_else(|| {
        let problem = "the header (.hdr) tells of more values than any file holds";
        Error::data(path, problem, DAMAGED)
    })?;
    if there != needed {
        let problem = format!("the values (.cfl) are {there} bytes, but the header (.hdr) tells of {needed}");
        return Err(Error::data(path, problem, DAMAGED));
    }
    let strides = raw::strides(&dimensions, true);
    let raw = RawArray::in_file(file, 0, Number::COMPLEX64, strides);
    let repeated = (COIL..DIMENSIONS).rev();
    let order: Vec<usize> = repeated.chain(READ..COIL).filter(|&d| dimensions[d] > 1).collect();
    Ok(Source::of_bart(place, dimensions, raw).arranged(&order))
}

impl Source {
    /// The same values with these of BART's dimensions as axes, where all others have length 1.
    pub fn by_dimensions(&self, order: &[usize]) -> Option<Source> {
        let dimensions = self.dimensions.as_ref()?;
        let rest = (0..DIMENSIONS).filter(|d| !order.contains(d));
        rest.into_iter()
            .all(|d| dimensions[d] == 1)
            .then(|| self.arranged(order))
    }

    /// The dimensions that k-space has as axes in [`Source::of_kspace`], slowest first.
    pub fn kspace_dimensions(&self) -> Vec<usize> {
        let lengths = self.dimensions.unwrap_or([1; DIMENSIONS]);
        (READ..DIMENSIONS)
            .rev()
            .filter(|&d| d <= COIL || lengths[d] > 1)
            .collect()
    }

    /// k-space with its axes in the order of the file, slowest first; those of the readout, the phase encodes and the
    /// coils are there even if their length is 1. Of another file than BART's, as it is.
    pub fn of_kspace(&self) -> Source {
        self.arranged(&self.kspace_dimensions())
    }

    /// Maps as `(slices, sets, coils, rows, cols)`: of a volume the slices are the positions along the readout, else
    /// what repeats; `None` where several dimensions repeat.
    pub fn maps_by_dimensions(&self) -> Option<Source> {
        let dimensions = self.dimensions.as_ref()?;
        let spatial: Vec<usize> = (READ..COIL).filter(|&d| dimensions[d] > 1).collect();
        let mut repeated = (MAPS + 1..DIMENSIONS).filter(|&d| dimensions[d] > 1);
        match (&spatial[..], repeated.next()) {
            (&[x, y, z], None) => self.by_dimensions(&[x, MAPS, COIL, y, z]),
            (&[y, z], slices) => self.by_dimensions(&[slices.unwrap_or(DIMENSIONS - 1), MAPS, COIL, y, z]),
            _ => None,
        }
    }

    /// A noise covariance, as `bart whiten` writes it: coils along dimensions 3 and 4.
    pub fn covariance_by_dimensions(&self) -> Option<Source> {
        self.by_dimensions(&[COIL, MAPS])
    }
}

/// The first line after `# Dimensions`; in a header without that comment the first that is none.
fn parse(text: &str) -> Option<Dimensions> {
    let named = |line: &&str| line.trim_start().starts_with("# Dimensions");
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    let line = match lines.clone().position(|line| named(&line)) {
        Some(at) => lines.nth(at + 1)?,
        None => lines.find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))?,
    };
    let lengths: Option<Vec<usize>> = line.split_whitespace().map(|n| n.parse().ok()).collect();
    let lengths = lengths.filter(|l| (1..=DIMENSIONS).contains(&l.len()) && !l.contains(&0))?;
    let mut dimensions = [1; DIMENSIONS];
    dimensions[..lengths.len()].copy_from_slice(&lengths);
    Some(dimensions)
}

/// The head of a file that may be anything.
fn text_of(path: &Path) -> std::io::Result<String> {
    const LONGEST: u64 = 1 << 16;
    let mut bytes = Vec::new();
    open_regular(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_bart_writes_them() {
        let text =
            "# Dimensions\n256 128 1 8 2 1 1 1 1 1 1 1 1 1 1 1 \n# Command\nphantom k\n# Creator\nBART v0.8.00\n";
        let dimensions = parse(text).unwrap();
        assert_eq!(dimensions[..6], [256, 128, 1, 8, 2, 1]);
        for text in [
            "# Dimensions\n5 3",
            "5 3",
            "\n# of mine\r\n5 3\r\n",
            "# Creator\nx\n# Dimensions\n5 3",
        ] {
            assert_eq!(parse(text).unwrap()[..3], [5, 3, 1], "{text:?}");
        }
        for bad in [
            "",
            "# Dimensions",
            "# Dimensions\n",
            "# Dimensions\n4 0 1",
            "# Dimensions\n4 x",
            "samples = 4",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
