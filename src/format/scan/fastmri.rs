//! Scans as fastMRI stores them (Zbontar et al., arXiv:1811.08839; Knoll et al., Radiol Artif Intell 2:e190007, 2020):
//! HDF5 with `kspace`, and beside it an ISMRMRD header, a mask, reference images and attributes, all optional.

use std::path::Path;

use ndarray::{Axis, Ix3};

use super::super::attribute;
use super::super::header::Header;
use super::super::masks::{mask_of, probability_of};
use super::super::placed::read_geometry;
use super::super::source::find::{inventory, sources};
use super::super::source::h5::{self, Source, shape_text};
use super::{Geometry, Plane, Planes, Scan, ScanFormat, ScanOptions};
use crate::array::{CoilStack, Grid};
use crate::error::{Error, Result};

/// No receive array has more elements; a larger axis is not one of coils.
const MOST_COILS: usize = 128;

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "fastmri",
    title: "fastMRI HDF5",
    summary: "'kspace' (slices, coils, rows, cols), with 'ismrmrd_header', 'mask', 'reconstruction_rss' where they are",
    citation: "Zbontar et al., arXiv:1811.08839; Knoll et al., Radiol Artif Intell 2:e190007 (2020)",
    recognise: |path, _| h5::open(path).is_ok(),
    open,
};

/// k-space is complex64 or complex128 (a compound `{r, i}` or `{real, imag}`), of either byte order:
/// `(slices, coils, rows, cols)`, or `(slices, rows, cols)` and `(rows, cols)` of one coil. In `kspace` unless named.
///
/// # Errors
/// A file that cannot be opened as HDF5, no k-space, k-space of another type or rank, an axis of length
/// zero, a mask or probability that does not fit the grid.
fn open(path: &Path, options: &ScanOptions) -> Result<Scan> {
    let file = h5::open(path)?;
    let name = options.dataset.as_deref().unwrap_or("kspace");
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
    let known = read_geometry(&file, path, slices)?;
    let geometry = known.unwrap_or_else(|| Geometry::of_header(header.as_ref(), Plane::Xy, grid));
    let channels = header.as_ref().and_then(|h| h.receiver_channels).unwrap_or(1);
    warnings.extend(odd_axes(&kspace, channels, (slices, coils, grid)));
    Ok(Scan {
        place: kspace.place.clone(),
        format: FORMAT.name,
        slices,
        coils,
        grid,
        dtype: kspace.dtype.clone(),
        geometry,
        planes: Box::new(Slices(kspace)),
        references,
        header,
        mask,
        probability,
        noise_covariance: None,
        attributes,
        warnings,
    })
}

/// k-space whose first axis, where it has more than two, is the slices.
struct Slices(Source);

impl Planes for Slices {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let Self(kspace) = self;
        let lead: &[usize] = if kspace.shape.len() == 2 { &[] } else { &[slice] };
        let mut values = kspace.complex::<f32>(lead)?;
        if values.ndim() == 2 {
            values.insert_axis_inplace(Axis(0));
        }
        values
            .into_dimensionality::<Ix3>()
            .map_err(|e| kspace.error(e.to_string(), h5::DAMAGED))
    }
}

/// Shapes that can be read but are probably not meant so; `channels` is what the header says of the coils.
fn odd_axes(kspace: &Source, channels: usize, (slices, coils, grid): (usize, usize, Grid)) -> Option<String> {
    let shape = shape_text(&kspace.shape);
    let read = format!("k-space of shape {shape} is read as {slices} slices of {coils} coils, {grid}");
    let Grid { rows, cols } = grid;
    match kspace.shape.len() {
        3 if channels > 1 => Some(format!("{read}; the header says {channels} coils: is an axis missing?")),
        3 if cols <= 32 && rows > 2 * cols => Some(format!("{read}; are the coils last?")),
        4 if coils > rows || coils > cols => Some(format!("{read}; are the coils last?")),
        _ => None,
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
