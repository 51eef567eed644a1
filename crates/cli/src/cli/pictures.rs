use std::path::{Path, PathBuf};

use super::arguments::make_folder;
use pvdamp_io::error::Result;
use pvdamp_io::format::{window, write_png};
use pvdamp_io::recon::{ScanReconstruction, SliceResult};

pub const MEND: &str = "choose another --png folder";

/// Pictures of the slices of a result, in a folder.
pub struct Pictures<'a> {
    folder: &'a Path,
    /// Of the result's name, without folder and ending.
    stem: String,
}

impl<'a> Pictures<'a> {
    pub fn new(folder: &'a Path, output: &Path) -> Self {
        Self {
            folder,
            stem: output.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Every file that may be written.
    pub fn files(&self, slices: usize) -> impl Iterator<Item = PathBuf> {
        let kinds = ["", "_unbiased", "_std"];
        (0..slices).flat_map(move |slice| kinds.map(|kind| self.file(slice, kind)))
    }

    /// Makes the folder, where it is not there yet.
    pub fn make_folder(&self) -> Result<()> {
        make_folder(self.folder, MEND)
    }

    pub fn write(&self, reconstruction: &ScanReconstruction, result: &SliceResult) -> Result<()> {
        let slice = result.record.slice;
        let range = window(&result.magnitude);
        write_png(&self.file(slice, ""), result.magnitude.view(), range)?;
        if let Some(unbiased) = &result.unbiased {
            let magnitude = reconstruction.cropped_magnitude(unbiased);
            write_png(&self.file(slice, "_unbiased"), magnitude.view(), range)?;
        }
        // of NaN a picture would be as black as of certainty
        let finite = result.deviation.as_ref().filter(|d| d.iter().all(|v| v.is_finite()));
        if let Some(deviation) = finite {
            let deviation = reconstruction.cropped(deviation.view()).to_owned();
            write_png(&self.file(slice, "_std"), deviation.view(), window(&deviation))?;
        }
        Ok(())
    }

    fn file(&self, slice: usize, kind: &str) -> PathBuf {
        self.folder.join(format!("{}_{slice:03}{kind}.png", self.stem))
    }
}
