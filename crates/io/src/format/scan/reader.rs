//! What every format gives: a scan whose k-space is read slice by slice.

use std::sync::{Mutex, PoisonError};

use ndarray::Array2;
use num_complex::Complex;

use super::super::attribute::Attribute;
use super::super::geometry::{Geometry, Plane};
use super::super::header::Header;
use super::super::plane_order::KspaceOrder;
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::stamp::ReadFiles;
use super::super::volume::plane_of;
use super::ismrmrd::Chain;
use super::options::ScanOptions;
use super::origin::Origin;
use super::places::Places;
use crate::error::{Error, Place, Result};
use pvdamp::array::{CoilStack, Grid, Mask};

/// A kind of file that scans are read from.
pub struct ScanFormat {
    /// One word, lower case.
    pub name: &'static str,
    pub title: &'static str,
    pub summary: &'static str,
    pub citation: &'static str,
    /// Whether the content of a file looks like this kind.
    pub(super) recognise: fn(&Container, &ScanOptions) -> bool,
    /// The scan, before its planes are prepared.
    pub(super) open: fn(&Container, &ScanOptions) -> Result<Scan>,
}

/// Measured k-space, one slice at a time.
pub(super) trait Planes: Send + Sync {
    /// What has to be done before a slice is read, and may take long; sentences to warn of.
    fn prepare(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// One slice, `(coils, rows, cols)`, centred, all of it finite; nothing of the others stays in memory.
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>>;

    /// Where it was acquired, `(rows, cols)`, where the file tells that line by line.
    fn acquired(&self, _slice: usize) -> Option<Mask> {
        None
    }
}

/// Where the origin of the images lies that a format means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageBegins {
    /// In the middle, as everywhere here, unless the images themselves say otherwise.
    AtItsEdge,
    /// At the first pixel.
    AtItsOrigin,
}

/// k-space that coil maps can be calibrated on, beside that of the image.
pub(super) struct Calibration {
    pub planes: Box<dyn Planes>,
    /// Which of the planes is of each slice of the scan.
    pub of_slice: Vec<usize>,
    /// How many lines it has.
    pub lines: usize,
}

/// A scan opened for reading, slice by slice. k-space is centred. Rows are the readout of a two-dimensional scan; of a
/// volume, whose readout has become the slices, rows and columns are the two phase encodes.
pub struct Scan {
    pub(super) planes: Box<dyn Planes>,
    pub(super) image_begins: ImageBegins,
    /// Of raw data, the encoding steps ky and kz at zero frequency.
    pub(super) steps_at_centre: Option<[usize; 2]>,
    /// What was done to bring its origins to the centre; `None` where they lay there.
    pub(super) origin: Option<Origin>,
    /// The first slice, where it was read to look at it. It is handed out once.
    pub(super) looked_at: Mutex<Option<CoilStack<f32>>>,
    /// Of the k-space, for errors.
    pub(super) place: Place,
    /// The row of [`SCAN_FORMATS`](super::SCAN_FORMATS) it was read by.
    pub format: &'static str,
    pub(super) slices: usize,
    /// Of which so many, one after the other, are the planes of a volume; 1 of a two-dimensional scan.
    pub(super) planes_of_volume: usize,
    pub(super) coils: usize,
    pub(super) grid: Grid,
    /// How k-space is stored: `complex64`, `complex128`, ...
    pub dtype: String,
    pub geometry: Geometry,
    /// Which slices show the same place.
    pub places: Places,
    pub(super) references: Vec<Source>,
    /// The ISMRMRD header, where that is there and can be read.
    pub header: Option<Header>,
    /// The file's own, `(rows, cols)`.
    pub mask: Option<Mask>,
    /// The probability that each location is sampled, `(rows, cols)`, where the file tells.
    pub probability: Option<Array2<f64>>,
    /// `(coils, coils)`: `E[ε εᴴ]` of one k-space sample, where the file holds a noise scan.
    pub noise_covariance: Option<Array2<Complex<f64>>>,
    /// Of lines that were acquired for it alone.
    pub(super) calibration: Option<Calibration>,
    /// Of raw data, what a measurement of noise becomes in its k-space.
    pub(in crate::format) noise_chain: Option<Chain>,
    /// How k-space lies in its file.
    pub(in crate::format) kspace_order: KspaceOrder,
    /// Those of the file.
    pub attributes: Vec<Attribute>,
    /// Whether what tells of the patient was taken out.
    pub(in crate::format) anonymized: bool,
    /// What was left out or looks odd, a sentence each.
    pub warnings: Vec<String>,
    /// What it is read from, as it was before; [`Scan::open`] fills it in.
    pub(super) files: ReadFiles,
}

/// What a scan is, without its k-space: enough to plan what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// The row of [`SCAN_FORMATS`](super::SCAN_FORMATS) that reads it.
    pub format: &'static str,
    pub slices: usize,
    /// Places that they show.
    pub places: usize,
    pub coils: usize,
    pub grid: Grid,
    /// The text `acquisition` among its attributes.
    pub acquisition: Option<String>,
}

/// A reference image of the scan: its dataset and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub dataset: String,
    pub shape: Vec<usize>,
}

impl Scan {
    /// Where its k-space lies.
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn grid(&self) -> Grid {
        self.grid
    }

    pub fn slices(&self) -> usize {
        self.slices
    }

    pub fn coils(&self) -> usize {
        self.coils
    }

    /// How k-space lies in its file, which tells how arrays that go with it do.
    pub fn kspace_order(&self) -> KspaceOrder {
        self.kspace_order
    }

    /// A plane from another file, as a mask, that may lie as k-space does in its own: brought to the centre as that was;
    /// `None` where k-space lay there. `outside` where nothing is.
    pub fn moved_like_kspace<T: Copy>(&self, plane: &Array2<T>, outside: T) -> Option<Array2<T>> {
        let origin = self.origin.as_ref().filter(|origin| origin.is_moved())?;
        Some(origin.plane(plane, outside))
    }

    /// Of raw data, the encoding step at zero frequency along y (1) or z (2).
    pub fn step_at_centre(&self, axis: usize) -> Option<usize> {
        let steps = self.steps_at_centre?;
        steps.get(axis.checked_sub(1)?).copied()
    }

    /// Whether its image was moved by half its size, so that maps and images from elsewhere may lie as it did.
    pub fn image_was_moved(&self) -> bool {
        self.origin.as_ref().is_some_and(Origin::is_turned)
    }

    /// Reads one slice, `(coils, rows, cols)`.
    ///
    /// # Errors
    /// Data that cannot be read, NaN or Inf, complex128 values beyond single precision, and a file that changed since it
    /// was opened.
    pub fn read_slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        self.check_slice(slice)?;
        let before = || self.looked_at.lock().unwrap_or_else(PoisonError::into_inner).take();
        let read = match (slice == 0).then(before).flatten() {
            Some(kspace) => Ok(kspace),
            None => self.planes.slice(slice),
        };
        // why a file that is being written cannot be read any more matters less than that it is
        self.files.check()?;
        read
    }

    /// Where a slice was acquired, `(rows, cols)`, where its acquisitions tell.
    pub fn acquired(&self, slice: usize) -> Option<Mask> {
        self.planes.acquired(slice)
    }

    /// How many lines the scan has beside those of its image, acquired to calibrate coil maps on.
    pub fn calibration_lines(&self) -> usize {
        self.calibration.as_ref().map_or(0, |calibration| calibration.lines)
    }

    /// k-space of a slice that was acquired to calibrate coil maps on, `(coils, rows, cols)`, and where it was acquired,
    /// `(rows, cols)`; `None` where there is none.
    ///
    /// # Errors
    /// Those of [`Self::read_slice`].
    pub fn read_calibration(&self, slice: usize) -> Result<Option<(CoilStack<f32>, Option<Mask>)>> {
        self.check_slice(slice)?;
        let Some(calibration) = &self.calibration else {
            return Ok(None);
        };
        let at = calibration.of_slice[slice];
        let read = calibration.planes.slice(at);
        self.files.check()?;
        Ok(Some((read?, calibration.planes.acquired(at))))
    }

    /// How many slices, one after the other, are the planes of a volume, cut along its readout, and so sampled alike; 1
    /// of a two-dimensional scan.
    pub fn planes_of_volume(&self) -> usize {
        self.planes_of_volume
    }

    /// The files that it is read from, as they were before they were opened.
    pub fn files(&self) -> &ReadFiles {
        &self.files
    }

    /// The reference images that are there.
    pub fn references(&self) -> Vec<Reference> {
        let reference = |s: &Source| Reference {
            dataset: s.name().to_string(),
            shape: s.shape.clone(),
        };
        self.references.iter().map(reference).collect()
    }

    /// The reference image of a slice: the first of [`Scan::references`].
    pub fn read_reference(&self, slice: usize) -> Result<Option<Array2<f32>>> {
        self.check_slice(slice)?;
        let read = self.references.first().map(|source| plane_of(source, slice));
        self.files.check()?;
        read.transpose()
    }

    /// The part of the image the header asks for, in pixels: the field of view of the reconstructed space, or its matrix
    /// where fields of view are not told, no larger than the grid; the grid itself without a header.
    pub fn crop_size(&self) -> Grid {
        let [rows, cols] = self.geometry.plane.in_plane();
        let shown = |axis: usize, n: usize| {
            let along = self.header.as_ref().and_then(|header| header.along(axis));
            along.map_or(n, |along| along.pixels(n))
        };
        Grid::new(shown(rows, self.grid.rows), shown(cols, self.grid.cols))
    }

    /// Readout oversampling that is left in the slices, by the header; 1 without one.
    pub fn readout_oversampling(&self) -> f64 {
        match (self.geometry.plane, self.header.as_ref().and_then(|h| h.along(0))) {
            (Plane::Xy, Some(along)) => along.oversampling_left(self.grid.rows),
            _ => 1.0,
        }
    }

    fn check_slice(&self, slice: usize) -> Result<()> {
        if slice < self.slices {
            return Ok(());
        }
        let problem = format!("there is no slice {slice}, the scan has {}", self.slices);
        Err(Error::data(self.place.clone(), problem, "count slices from 0"))
    }
}
