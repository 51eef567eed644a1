//! Files of images, and of k-space as an array, that other programs read.
//!
//! An output is told by the ending of its name: each row of [`IMAGE_FORMATS`] has its own, and every other name is
//! HDF5. What a format gives is an [`ImageSink`], which takes the slices and shows its files when all are there.

mod bart;
mod dicom;
mod nifti;
mod numpy;
mod orientation;
mod png;
mod read;
mod staging;

pub use png::{window, write_png};
pub use read::{Images, holds_images};

use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2, ArrayView3};
use num_complex::Complex;

use super::header::Header;
use super::output::AtomicFile;
use super::scan::{Geometry, Scan};
use crate::error::{Error, Result};
use pvdamp::array::Grid;

/// A kind of file that images are written to.
pub struct ImageFormat {
    /// One word, lower case.
    pub name: &'static str,
    pub title: &'static str,
    pub summary: &'static str,
    pub citation: &'static str,
    /// Endings of file names, lower case, without the first dot.
    pub extensions: &'static [&'static str],
    /// Whether images stay complex; else their magnitude is written.
    pub complex: bool,
    /// The files written under a name, for so many slices.
    files: fn(&Path, usize) -> Vec<PathBuf>,
    create: fn(&Path, &Series) -> Result<Box<dyn ImageSink>>,
    /// Of formats that hold k-space too.
    kspace: Option<CreateKspace>,
}

type CreateKspace = fn(&Path, &KspaceSeries) -> Result<Box<dyn KspaceSink>>;

/// Every kind of file that images are written to, but HDF5.
pub static IMAGE_FORMATS: &[ImageFormat] = &[bart::FORMAT, numpy::FORMAT, nifti::FORMAT, dicom::FORMAT, png::FORMAT];

/// Images on their way into a file.
pub trait ImageSink {
    /// One slice, `(rows, cols)`, in the units of the scan; each slice once, in any order.
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()>;

    /// Puts everything on disk and gives the files their names.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// K-space on its way into a file.
pub trait KspaceSink {
    /// What was left out, a sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// One slice, `(coils, rows, cols)`, centred; each slice once, in any order.
    fn write(&mut self, slice: usize, kspace: ArrayView3<Complex<f32>>) -> Result<()>;

    /// Puts everything on disk and gives the files their names.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// What is known of images beforehand.
#[derive(Clone, Debug)]
pub struct Series {
    pub slices: usize,
    /// Of the image as it is written.
    pub grid: Grid,
    pub geometry: Geometry,
    pub header: Option<Header>,
    /// How the images were made, one line.
    pub description: String,
    /// The method that made them; empty where it is not known.
    pub method: String,
}

impl Series {
    /// The images of a scan, cropped as its header says. Cropping keeps the origin, so that the geometry is that of the
    /// scan.
    pub fn of_scan(scan: &Scan, description: String, method: &str) -> Self {
        Self {
            slices: scan.slices(),
            grid: scan.crop_size(),
            geometry: scan.geometry.clone(),
            header: scan.header.clone(),
            description,
            method: method.to_string(),
        }
    }
}

/// What is known of k-space beforehand.
#[derive(Clone, Debug)]
pub struct KspaceSeries {
    pub slices: usize,
    pub coils: usize,
    pub grid: Grid,
    pub geometry: Geometry,
}

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

    /// The files that `create` makes of this name.
    pub fn files(&self, path: &Path, slices: usize) -> Vec<PathBuf> {
        (self.files)(path, slices)
    }

    /// Starts the files, under temporary names.
    ///
    /// # Errors
    /// A folder that is not there or cannot be written, and images that the format cannot hold.
    pub fn create(&self, path: &Path, series: &Series) -> Result<Box<dyn ImageSink>> {
        let files = self.files(path, series.slices);
        if (MOST_FILES..series.slices).contains(&files.len()) {
            let problem = format!("{} images are too many to be a file each", series.slices);
            return Err(Error::data(path, problem, "write HDF5 or another format"));
        }
        // what cannot be written is known before anything is computed
        for file in files {
            drop(AtomicFile::create(&file)?);
        }
        (self.create)(path, series)
    }

    /// The same for k-space, of formats that hold it.
    ///
    /// # Errors
    /// As for [`ImageFormat::create`], and a format of images only.
    pub fn create_kspace(&self, path: &Path, series: &KspaceSeries) -> Result<Box<dyn KspaceSink>> {
        let create = self.kspace.ok_or_else(|| {
            let problem = format!("{} holds images, and the input is k-space", self.title);
            Error::data(path, problem, "reconstruct it: pvdamp recon SCAN -o FILE")
        })?;
        create(path, series)
    }
}

/// `|x|` of a slice on its way into `path`.
///
/// # Errors
/// Values that no single precision holds, though both their parts are finite.
pub(super) fn magnitude_of(path: &Path, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<Array2<f32>> {
    let magnitude = image.mapv(Complex::norm);
    match magnitude.iter().filter(|v| !v.is_finite()).count() {
        0 => Ok(magnitude),
        bad => {
            let problem = format!("slice {slice}: the magnitude of {bad} values exceeds single precision (3.4e38)");
            Err(Error::data(
                path,
                problem,
                "rescale the data, for instance to a maximum of 1",
            ))
        }
    }
}

fn one_file(path: &Path, _: usize) -> Vec<PathBuf> {
    vec![path.to_path_buf()]
}

/// Of a series: a damaged file may tell of more slices than there is memory for their names.
const MOST_FILES: usize = 100_000;

/// `out.png` of one slice; `out_000.png`, `out_001.png` and so on of several, [`MOST_FILES`] at most.
fn numbered(path: &Path, slices: usize) -> Vec<PathBuf> {
    if slices == 1 {
        return one_file(path, 1);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let name = |slice: usize| path.with_file_name(format!("{stem}_{slice:03}.{extension}"));
    (0..slices.min(MOST_FILES)).map(name).collect()
}

#[cfg(test)]
mod tests;
