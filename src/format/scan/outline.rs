use std::path::Path;

use super::super::attribute::AttributeValue;
use super::super::source::container::files_of;
use super::{Reference, Scan, ScanOptions};
use crate::array::Grid;
use crate::error::{Error, Result};

/// What a scan is, without its k-space: enough to plan what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The row of [`SCAN_FORMATS`](super::SCAN_FORMATS) that reads it.
    pub format: &'static str,
    pub slices: usize,
    pub coils: usize,
    pub grid: Grid,
    /// As [`Scan::crop_size`].
    pub crop: Grid,
    /// Of all its files.
    pub bytes: u64,
    /// The text `acquisition` among its attributes.
    pub acquisition: Option<String>,
    /// Its reference images.
    pub references: Vec<Reference>,
}

impl Scan {
    /// What [`Scan::open`] would open, by headers, masks and tables alone: planes of a volume are not put in order. Of raw
    /// data the noise scan is read, of Calgary-Campinas' one slice.
    ///
    /// # Errors
    /// Those of [`Scan::open`], but for those of k-space that only opening reads.
    pub fn outline(path: &Path, options: &ScanOptions) -> Result<Outline> {
        let scan = Self::unprepared(path, options)?;
        let acquisition = scan.attributes.iter().find(|a| a.name == "acquisition");
        Ok(Outline {
            format: scan.format,
            slices: scan.slices,
            coils: scan.coils,
            grid: scan.grid,
            crop: scan.crop_size(),
            bytes: bytes_of(path)?,
            acquisition: acquisition.and_then(|a| match &a.value {
                AttributeValue::Text(text) => Some(text.clone()),
                _ => None,
            }),
            references: scan.references(),
        })
    }
}

fn bytes_of(path: &Path) -> Result<u64> {
    let bytes = |file: &Path| {
        let unread = |e| {
            Error::data(
                file,
                format!("cannot be read ({e})"),
                "check the path and its permissions",
            )
        };
        std::fs::metadata(file).map(|about| about.len()).map_err(unread)
    };
    files_of(path).iter().map(|file| bytes(file)).sum()
}
