//! What a format of images gives: the sinks that slices are written to, and what is known beforehand.

use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, ArrayView3};
use num_complex::Complex;

use super::super::atomic_file::AtomicFile;
use super::super::geometry::Geometry;
use super::super::header::Header;
use super::super::scan::Scan;
use super::part::Part;
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
    /// Whether phase, real and imaginary part can be written too, each to files of its own.
    pub parts: bool,
    /// The files written under a name, for so many slices.
    pub(super) files: fn(&Path, usize) -> Vec<PathBuf>,
    pub(super) create: fn(&Path, &Series) -> Result<Box<dyn ImageSink>>,
    /// Of formats that hold k-space too.
    pub(super) kspace: Option<CreateKspace>,
}

pub(super) type CreateKspace = fn(&Path, &KspaceSeries) -> Result<Box<dyn KspaceSink>>;

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
    /// What to write of complex images, of formats that take [parts](ImageFormat::parts); the magnitude where none is
    /// named.
    pub parts: Vec<Part>,
    /// Whether what tells of the patient was taken out, as the file is to say where it can.
    pub anonymized: bool,
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
            parts: Vec::new(),
            anonymized: scan.anonymized,
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
    /// The files that `create` makes of this name, with these parts of the images.
    pub fn files(&self, path: &Path, slices: usize, parts: &[Part]) -> Vec<PathBuf> {
        let names = self.names(path, parts).into_iter();
        names.flat_map(|(_, name)| (self.files)(&name, slices)).collect()
    }

    /// The name of each part: that of the output where there is one, `out_part-phase.nii.gz` and so on of several.
    pub(super) fn names(&self, path: &Path, parts: &[Part]) -> Vec<(Part, PathBuf)> {
        match parts {
            [] => return vec![(Part::Magnitude, path.to_path_buf())],
            [part] => return vec![(*part, path.to_path_buf())],
            _ => {}
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ending = |extension: &&str| {
            let (stem, ending) = name.split_at_checked(name.len().checked_sub(extension.len() + 1)?)?;
            let same = ending.strip_prefix('.')?.eq_ignore_ascii_case(extension);
            same.then_some((stem, ending))
        };
        let (stem, ending) = self.extensions.iter().find_map(ending).unwrap_or((&name, ""));
        let named = |part: &Part| {
            (
                *part,
                path.with_file_name(format!("{stem}_part-{}{ending}", part.name())),
            )
        };
        parts.iter().map(named).collect()
    }

    /// Starts the files, under temporary names.
    ///
    /// # Errors
    /// A folder that is not there or cannot be written, and images that the format cannot hold.
    pub fn create(&self, path: &Path, series: &Series) -> Result<Box<dyn ImageSink>> {
        let files = self.files(path, series.slices, &series.parts);
        if series.slices > MOST_FILES && files.len() >= MOST_FILES {
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

pub(super) fn one_file(path: &Path, _: usize) -> Vec<PathBuf> {
    vec![path.to_path_buf()]
}

/// Of a series: a damaged file may tell of more slices than there is memory for their names.
pub(super) const MOST_FILES: usize = 100_000;

/// `out.png` of one slice; `out_000.png`, `out_001.png` and so on of several, [`MOST_FILES`] at most.
pub(super) fn numbered(path: &Path, slices: usize) -> Vec<PathBuf> {
    if slices == 1 {
        return one_file(path, 1);
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let name = |slice: usize| path.with_file_name(format!("{stem}_{slice:03}.{extension}"));
    (0..slices.min(MOST_FILES)).map(name).collect()
}
