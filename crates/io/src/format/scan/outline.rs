use std::path::Path;

use super::{Scan, ScanOptions};
use crate::error::Result;
use pvdamp::array::Grid;

/// What a scan is, without its k-space: enough to plan what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The row of [`SCAN_FORMATS`](super::SCAN_FORMATS) that reads it.
    pub format: &'static str,
    pub slices: usize,
    pub coils: usize,
    pub grid: Grid,
    /// The text `acquisition` among its attributes.
    pub acquisition: Option<String>,
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
            acquisition: acquisition.and_then(|a| a.text()).map(str::to_string),
        })
    }
}
