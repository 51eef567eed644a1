//! Images to compare: reconstructions and their references.

use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3};
use num_complex::Complex;

use super::geometry_dataset::GEOMETRY;
use super::source::array::Source;
use super::source::container::{Container, files_of};
use super::source::find::Wanted;
use super::source::messages::{DAMAGED, shape_text};
use super::stamp::ReadFiles;
use crate::error::{Place, Result};

/// Images of a scan, `(slices, rows, cols)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Volume {
    Real(Array3<f32>),
    Complex(Array3<Complex<f32>>),
}

impl Volume {
    /// `(slices, rows, cols)`.
    pub fn dim(&self) -> (usize, usize, usize) {
        match self {
            Self::Real(images) => images.dim(),
            Self::Complex(images) => images.dim(),
        }
    }

    /// `|x|`; a real volume stays as it is.
    pub fn into_magnitude(self) -> Array3<f32> {
        match self {
            Self::Real(images) => images,
            Self::Complex(images) => images.mapv(Complex::norm),
        }
    }
}

/// Which side of a comparison a volume is, and with that the datasets looked for where none is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `reconstruction_rss`, `reconstruction_esc`, `reconstruction`.
    Target,
    /// `reconstruction`.
    Result,
}

/// Reads a real or complex volume `(slices, rows, cols)`, or a plane `(rows, cols)` as one slice; all of it finite.
///
/// # Errors
/// What cannot be read, is no volume, or changes meanwhile.
pub fn read_volume(place: &Place, role: Role) -> Result<Volume> {
    let files = ReadFiles::of(files_of(&place.file)?);
    let read = read_images(place, role);
    files.check()?;
    read
}

fn read_images(place: &Place, role: Role) -> Result<Volume> {
    let names: &[&str] = match role {
        Role::Target => &["reconstruction_rss", "reconstruction_esc", "reconstruction"],
        Role::Result => &["reconstruction"],
    };
    let images = |source: &Source| source.element.is_number() && matches!(source.shape.len(), 2 | 3);
    let fits = |source: &Source| images(source) && source.name() != GEOMETRY;
    let source = Wanted {
        what: "images",
        names,
        fits: &fits,
    }
    .find(place)?;
    check_rank(&source)?;
    Ok(if source.element.is_complex() {
        Volume::Complex(stack(&source, source.complex(&[])?)?)
    } else {
        Volume::Real(stack(&source, source.real(&[])?)?)
    })
}

/// Reads a list of numbers, all finite; `None` where there is no such dataset.
pub fn read_list(place: &Place) -> Result<Option<Vec<f64>>> {
    let file = Container::open(&place.file)?;
    let Some(source) = file.source(place.dataset.as_deref().unwrap_or_default())? else {
        return Ok(None);
    };
    if source.shape.len() != 1 {
        let problem = format!("has shape {}", shape_text(&source.shape));
        return Err(source.error(problem, "give a list of numbers"));
    }
    Ok(Some(source.real(&[])?.into_iter().collect()))
}

/// Reads real numbers of any shape, NaN where there is none; `None` where there is no such dataset.
pub fn read_table(place: &Place) -> Result<Option<ArrayD<f64>>> {
    let file = Container::open(&place.file)?;
    let source = file.source(place.dataset.as_deref().unwrap_or_default())?;
    source.map(|source| source.real_or_nan()).transpose()
}

/// One slice of a volume on disk; the magnitude of a complex one.
pub(super) fn plane_of(source: &Source, slice: usize) -> Result<Array2<f32>> {
    check_rank(source)?;
    let slices = if source.shape.len() == 2 { 1 } else { source.shape[0] };
    if slice >= slices {
        let problem = format!("has no slice {slice}, but {slices} of them");
        return Err(source.error(problem, "give as many references as slices"));
    }
    let lead: &[usize] = if source.shape.len() == 2 { &[] } else { &[slice] };
    let plane = if source.element.is_complex() {
        source.complex::<f32>(lead)?.mapv(Complex::norm)
    } else {
        source.real(lead)?
    };
    plane
        .into_dimensionality::<Ix2>()
        .map_err(|e| source.error(e.to_string(), DAMAGED).caused_by(e))
}

fn check_rank(source: &Source) -> Result<()> {
    let shape = shape_text(&source.shape);
    if !matches!(source.shape.len(), 2 | 3) {
        return Err(source.error(
            format!("has shape {shape}"),
            "give images as (slices, rows, cols) or (rows, cols)",
        ));
    }
    if source.shape.contains(&0) {
        return Err(source.error(
            format!("has shape {shape}, with an empty axis"),
            "give images with data",
        ));
    }
    Ok(())
}

fn stack<T>(source: &Source, mut images: ArrayD<T>) -> Result<Array3<T>> {
    if images.ndim() == 2 {
        images.insert_axis_inplace(Axis(0));
    }
    images
        .into_dimensionality::<Ix3>()
        .map_err(|e| source.error(e.to_string(), DAMAGED).caused_by(e))
}
