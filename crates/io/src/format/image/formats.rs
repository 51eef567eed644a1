//! The table of formats that images are written in.

use std::path::Path;

use super::sink::ImageFormat;
use super::{bart, dicom, nifti, numpy, png};

/// Every kind of file that images are written to, but HDF5.
pub static IMAGE_FORMATS: &[ImageFormat] = &[bart::FORMAT, numpy::FORMAT, nifti::FORMAT, dicom::FORMAT, png::FORMAT];

impl ImageFormat {
    /// The row that a file of this name is written by; `None` is HDF5.
    pub fn of(path: &Path) -> Option<&'static ImageFormat> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let ends = |extension: &&str| {
            let stem = name.strip_suffix(*extension).and_then(|stem| stem.strip_suffix('.'));
            stem.is_some_and(|stem| !stem.is_empty())
        };
        IMAGE_FORMATS.iter().find(|row| row.extensions.iter().any(ends))
    }
}
