//! Scans as fastMRI stores them (Zbontar et al., arXiv:1811.08839; Knoll et al., Radiol Artif Intell 2:e190007, 2020):
//! HDF5 with `kspace`, and beside it an ISMRMRD header, a mask, reference images and attributes, all optional.

use std::path::Path;

use ndarray::{Array2, Axis, Ix3};
use num_complex::Complex;

use super::attribute::{self, Attribute};
use super::find::{inventory, sources};
use super::h5::{self, Source, shape_text};
use super::header::Header;
use super::masks::{mask_of, probability_of};
use super::volume::plane_of;
use crate::array::{CoilStack, Grid, Mask};
use crate::error::{Error, Result};

/// No receive array has more elements; a larger axis is not one of coils.
const MOST_COILS: usize = 128;

/// A scan opened for reading, slice by slice. k-space is centred, rows are the readout.
pub struct Scan {
    kspace: Source,
    slices: usize,
    coils: usize,
    grid: Grid,
    references: Vec<Source>,
    /// From `ismrmrd_header`, where that is there and can be read.
    pub header: Option<Header>,
    /// From `mask`: `(cols,)` as in the test files of fastMRI, or `(rows, cols)`.
    pub mask: Option<Mask>,
    /// From `prob_map`: the probability that each location is sampled, `(rows, cols)`.
    pub probability: Option<Array2<f64>>,
    /// Of the noise of a k-space sample across coils, `E[ε εᴴ]`, `(coils, coils)`, in squared units of k-space, where the
    /// file holds a measurement of it.
    pub noise_covariance: Option<Array2<Complex<f64>>>,
    /// Those of the file.
    pub attributes: Vec<Attribute>,
    /// What was left out or looks odd, a sentence each.
    pub warnings: Vec<String>,
}

/// A reference image of the scan: its dataset and shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub dataset: String,
    pub shape: Vec<usize>,
}

impl Scan {
    /// Opens a scan; no k-space is read yet. `kspace_dataset` is `kspace` unless named.
    ///
    /// k-space is complex64 or complex128 (a compound `{r, i}` or `{real, imag}`), of either byte order:
    /// `(slices, coils, rows, cols)`, or `(slices, rows, cols)` and `(rows, cols)` of one coil.
    ///
    /// # Errors
    /// A file that cannot be opened as HDF5, no k-space, k-space of another type or rank, an axis of length
    /// zero, a mask or probability that does not fit the grid.
    pub fn open(path: &Path, kspace_dataset: Option<&str>) -> Result<Self> {
        let file = h5::open(path)?;
        let name = kspace_dataset.unwrap_or("kspace");
        let kspace = Source::open(&file, path, name)?.ok_or_else(|| no_kspace(&file, path, name))?;
        let (slices, coils, grid) = axes(&kspace)?;
        let optional = |name: &str| Source::open(&file, path, name);
        let (attributes, mut warnings) = attribute::read_all(&file);
        let header = match optional("ismrmrd_header").map(|source| source.map(|s| Header::read(&s))) {
            Ok(None) => None,
            Ok(Some(Ok(header))) => Some(header),
            Ok(Some(Err(why))) => warn(&mut warnings, format!("the ismrmrd_header is not used: {why}")),
            Err(error) => warn(&mut warnings, format!("the ismrmrd_header is not used: {error}")),
        };
        let mask = optional("mask")?.map(|s| mask_of(&s, grid)).transpose()?;
        let probability = optional("prob_map")?.map(|s| probability_of(&s, grid)).transpose()?;
        let mut references = Vec::new();
        for name in ["reconstruction_rss", "reconstruction_esc"] {
            match optional(name) {
                Ok(source) => references.extend(source),
                Err(error) => warnings.push(format!("a reference is not used: {error}")),
            }
        }
        let mut scan = Self {
            kspace,
            slices,
            coils,
            grid,
            references,
            header,
            mask,
            probability,
            noise_covariance: None,
            attributes,
            warnings,
        };
        scan.warnings.extend(scan.odd_axes());
        Ok(scan)
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

    /// How k-space is stored: `complex64` or `complex128`.
    pub fn dtype(&self) -> &str {
        &self.kspace.dtype
    }

    /// Reads one slice, `(coils, rows, cols)`, and nothing of the others.
    ///
    /// # Errors
    /// Data that cannot be read, NaN or Inf, and complex128 values beyond single precision.
    pub fn read_slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        self.check_slice(slice)?;
        let lead: &[usize] = if self.kspace.shape.len() == 2 { &[] } else { &[slice] };
        let mut values = self.kspace.complex::<f32>(lead)?;
        if values.ndim() == 2 {
            values.insert_axis_inplace(Axis(0));
        }
        values
            .into_dimensionality::<Ix3>()
            .map_err(|e| self.kspace.error(e.to_string(), h5::DAMAGED))
    }

    /// The reference images that are there.
    pub fn references(&self) -> Vec<Reference> {
        let reference = |s: &Source| Reference {
            dataset: s.name().to_string(),
            shape: s.shape.clone(),
        };
        self.references.iter().map(reference).collect()
    }

    /// The reference image of a slice: of `reconstruction_rss`, else of `reconstruction_esc`.
    pub fn read_reference(&self, slice: usize) -> Result<Option<Array2<f32>>> {
        self.check_slice(slice)?;
        self.references
            .first()
            .map(|source| plane_of(source, slice))
            .transpose()
    }

    /// The part of the image the header asks for, in pixels: the reconstruction matrix, x along rows and y
    /// along columns, no larger than the grid; the grid itself without a header.
    pub fn crop_size(&self) -> Grid {
        let Some(recon) = self.header.as_ref().and_then(|h| h.recon) else {
            return self.grid;
        };
        let clamp = |asked: usize, there: usize| if asked == 0 { there } else { asked.min(there) };
        Grid::new(
            clamp(recon.matrix[0], self.grid.rows),
            clamp(recon.matrix[1], self.grid.cols),
        )
    }

    /// Readout oversampling by the header; 1 without one.
    pub fn readout_oversampling(&self) -> f64 {
        self.header.as_ref().map_or(1.0, Header::readout_oversampling)
    }

    fn check_slice(&self, slice: usize) -> Result<()> {
        if slice < self.slices {
            return Ok(());
        }
        let problem = format!("there is no slice {slice}, the scan has {}", self.slices);
        Err(self.kspace.error(problem, "count slices from 0"))
    }

    /// Shapes that can be read but are probably not meant so.
    fn odd_axes(&self) -> Option<String> {
        let shape = shape_text(&self.kspace.shape);
        let channels = self.header.as_ref().and_then(|h| h.receiver_channels).unwrap_or(1);
        let (coils, Grid { rows, cols }) = (self.coils, self.grid);
        let read = format!(
            "k-space of shape {shape} is read as {} slices of {coils} coils, {}",
            self.slices, self.grid
        );
        match self.kspace.shape.len() {
            3 if channels > 1 => Some(format!("{read}; the header says {channels} coils: is an axis missing?")),
            3 if cols <= 32 && rows > 2 * cols => Some(format!("{read}; are the coils last?")),
            4 if coils > rows || coils > cols => Some(format!("{read}; are the coils last?")),
            _ => None,
        }
    }
}

fn warn<T>(warnings: &mut Vec<String>, sentence: String) -> Option<T> {
    warnings.push(sentence);
    None
}

/// Slices, coils and grid of a k-space dataset.
fn axes(kspace: &Source) -> Result<(usize, usize, Grid)> {
    let shape = shape_text(&kspace.shape);
    if !kspace.element.is_complex() {
        let mend = if kspace.element.is_number() {
            "give complex k-space: write real and imaginary part as one complex array"
        } else {
            "write k-space as complex64, a compound {r, i} of floats"
        };
        return Err(kspace.error(format!("holds {}, not complex numbers", kspace.dtype), mend));
    }
    let (slices, coils, grid) = match kspace.shape[..] {
        [slices, coils, rows, cols] => (slices, coils, Grid::new(rows, cols)),
        [slices, rows, cols] => (slices, 1, Grid::new(rows, cols)),
        [rows, cols] => (1, 1, Grid::new(rows, cols)),
        _ => {
            let problem = format!("has shape {shape}, of {} axes", kspace.shape.len());
            let mend = "reshape it to (slices, coils, rows, cols)";
            return Err(kspace.error(problem, mend));
        }
    };
    if kspace.shape.contains(&0) {
        return Err(kspace.error(
            format!("has shape {shape}, with an empty axis"),
            "give a scan with data",
        ));
    }
    if coils > MOST_COILS {
        let problem = format!("has shape {shape}, which reads as {coils} coils");
        return Err(kspace.error(problem, "if the coils are last, move them: (slices, coils, rows, cols)"));
    }
    Ok((slices, coils, grid))
}

fn no_kspace(file: &hdf5::File, path: &Path, name: &str) -> Error {
    let held = sources(file, path);
    let has = |name: &str| held.iter().any(|s| s.name() == name);
    let raw = held.iter().any(|s| {
        s.name()
            .strip_suffix("/data")
            .is_some_and(|group| has(&format!("{group}/xml")))
    });
    let images = held.iter().any(|s| s.name().starts_with("reconstruction"));
    let problem = format!("no dataset '{name}'; the file holds {}", inventory(&held));
    let mend = if raw {
        "this is ISMRMRD raw data, whose readouts are not read yet: convert it to an array 'kspace'"
    } else if images {
        "it holds images only: give the file with the k-space they were made of"
    } else {
        "name the k-space dataset, or write it as 'kspace' (slices, coils, rows, cols)"
    };
    Error::data(path, problem, mend)
}
