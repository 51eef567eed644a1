//! Datasets of HDF5, read with their type and size checked.

use std::path::Path;

use hdf5::H5Type;
use hdf5::types::{CompoundType, TypeDescriptor};
use ndarray::ArrayD;
use num_complex::Complex;

use super::element::Element;
use super::h5::{exists, library};
use super::messages::{DAMAGED, TOO_LARGE, not_a_number, shape_text};
use crate::error::{Error, Place, Result};
use pvdamp::array::Real;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fields {
    /// `{r, i}`, as h5py writes complex numbers.
    RI,
    /// `{real, imag}`, as MATLAB does.
    RealImag,
    /// A number, not a pair.
    One,
    /// No number.
    None,
}

/// `{real, imag}` in memory; HDF5 matches the fields by name.
#[derive(Clone, Copy, hdf5::H5Type)]
#[repr(C)]
struct RealImag<T: H5Type> {
    real: T,
    imag: T,
}

/// What a dataset holds, and its name.
fn element_of(dtype: &hdf5::Datatype) -> (Element, Fields, String) {
    match dtype.to_descriptor() {
        Ok(TypeDescriptor::Compound(pair)) => of_compound(&pair),
        Ok(descriptor) => match width(&descriptor) {
            Some(wide) => (Element::Real { wide }, Fields::One, descriptor.to_string()),
            None => (Element::Other, Fields::None, descriptor.to_string()),
        },
        Err(_) => {
            let name = format!("an unsupported type of {} bytes", dtype.size());
            (Element::Other, Fields::None, name)
        }
    }
}

fn of_compound(pair: &CompoundType) -> (Element, Fields, String) {
    let names: Vec<&str> = pair.fields.iter().map(|f| f.name.as_str()).collect();
    let widths: Option<Vec<bool>> = pair.fields.iter().map(|f| width(&f.ty)).collect();
    let fields = match names[..] {
        ["r", "i"] => Fields::RI,
        ["real", "imag"] => Fields::RealImag,
        _ => Fields::None,
    };
    match widths {
        Some(widths) if fields != Fields::None => {
            let wide = widths.contains(&true);
            let name = if wide { "complex128" } else { "complex64" };
            (Element::Complex { wide }, fields, name.into())
        }
        _ => (
            Element::Other,
            Fields::None,
            format!("compound {{{}}}", names.join(", ")),
        ),
    }
}

/// Whether a number can exceed the range of f32; `None` if it is no number.
fn width(descriptor: &TypeDescriptor) -> Option<bool> {
    use TypeDescriptor::{Boolean, Enum, Float, Integer, Unsigned};
    match descriptor {
        Float(_) => Some(descriptor.size() > 4),
        Integer(_) | Unsigned(_) | Boolean | Enum(_) => Some(false),
        _ => None,
    }
}

/// A dataset opened for reading.
#[derive(Clone)]
pub(super) struct Hdf5Array {
    pub dataset: hdf5::Dataset,
    pub place: Place,
    pub shape: Vec<usize>,
    pub element: Element,
    /// `complex64`, `float32`, `bool`, ...
    pub dtype: String,
    fields: Fields,
}

/// A dataset that is there, with its name in the file; `None` where there is none of that name.
pub(super) fn open(file: &hdf5::File, path: &Path, name: &str) -> Result<Option<Hdf5Array>> {
    if !exists(file, name) {
        return Ok(None);
    }
    let place = Place::new(path, name);
    let damaged = |e: hdf5::Error| {
        let problem = format!("cannot be opened ({})", library(&e));
        Error::data(place.clone(), problem, DAMAGED).caused_by(e)
    };
    let dataset = match file.dataset(name) {
        Ok(dataset) => dataset,
        Err(_) if file.group(name).is_ok() => return Ok(None),
        Err(e) => return Err(damaged(e)),
    };
    let (element, fields, dtype) = element_of(&dataset.dtype().map_err(damaged)?);
    let space = dataset.space().map_err(damaged)?;
    if space.is_null() {
        return Err(Error::data(place, "holds nothing", "write values to it, or remove it"));
    }
    Ok(Some(Hdf5Array {
        dataset,
        place,
        shape: space.shape(),
        element,
        dtype,
        fields,
    }))
}

/// Every dataset of a file that can be opened, groups included.
pub(super) fn all(file: &hdf5::File, path: &Path) -> Vec<Hdf5Array> {
    fn visit(
        group: &hdf5::Group,
        file: &hdf5::File,
        path: &Path,
        folder: &str,
        depth: usize,
        found: &mut Vec<Hdf5Array>,
    ) {
        let mut names = group.member_names().unwrap_or_default();
        names.sort();
        for name in names {
            if found.len() >= MOST {
                return;
            }
            let name = format!("{folder}{name}");
            if let Ok(Some(array)) = open(file, path, &name) {
                found.push(array);
            } else if let (true, Ok(inner)) = (depth < DEEPEST, file.group(&name)) {
                visit(&inner, file, path, &format!("{name}/"), depth + 1, found);
            }
        }
    }
    // links may form a circle
    const DEEPEST: usize = 6;
    const MOST: usize = 200;
    let mut found = Vec::new();
    visit(file, file, path, "", 0, &mut found);
    found
}

impl Hdf5Array {
    fn error(&self, problem: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::data(self.place.clone(), problem, mend)
    }

    /// `count` values along each axis from `start` on.
    pub fn block<T: Real + H5Type>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<Complex<T>>> {
        match self.fields {
            Fields::RI => self.load(start, count),
            Fields::RealImag => Ok(self
                .load::<RealImag<T>>(start, count)?
                .mapv_into_any(|v| Complex::new(v.real, v.imag))),
            Fields::One => Ok(self
                .load::<T>(start, count)?
                .mapv_into_any(|re| Complex::new(re, T::zero()))),
            Fields::None => Err(not_a_number(&self.place, &self.dtype)),
        }
    }

    /// The same of numbers that are no pairs.
    pub fn real_block<T: Real + H5Type>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        self.load(start, count)
    }

    /// Straight into the array returned.
    fn load<T: H5Type>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        self.check_size::<T>(count)?;
        let read = if count == self.shape {
            self.dataset.read_dyn::<T>()
        } else {
            let ranges = start.iter().zip(count).map(|(&at, &n)| (at..at + n).into());
            let slab: hdf5::Hyperslab = ranges.collect::<Vec<hdf5::SliceOrIndex>>().into();
            self.dataset.read_slice::<T, _, _>(slab)
        };
        read.map_err(|e| {
            let error = match self.dataset.filters().iter().find(|filter| !filter.is_available()) {
                Some(filter) => self.error(
                    format!(
                        "is compressed by HDF5 filter {}, which this program does not have",
                        filter.id()
                    ),
                    "write it with gzip or without compression (h5repack -f GZIP=1)",
                ),
                None => self.error(format!("cannot be read ({})", library(&e)), DAMAGED),
            };
            error.caused_by(e)
        })
    }

    /// A damaged header can claim any shape: refuse one that the bytes stored cannot fill, at `width` bytes a value.
    pub fn check_claim(&self, width: usize) -> Result<()> {
        const INFLATION: u128 = 2000; // deflate reaches 1032
        const UNDOUBTED: u128 = 64 << 20;
        let stored = u128::from(self.dataset.storage_size());
        let claimed = product(&self.shape).saturating_mul(width as u128);
        let virtual_set = matches!(self.dataset.layout(), hdf5::dataset::Layout::Virtual);
        if !virtual_set && claimed > UNDOUBTED && claimed / INFLATION > stored {
            let shape = shape_text(&self.shape);
            return Err(self.error(format!("claims shape {shape} but stores {stored} bytes"), DAMAGED));
        }
        Ok(())
    }

    /// The same, and that there is memory for `count` values along each axis, before it is taken.
    fn check_size<T>(&self, count: &[usize]) -> Result<()> {
        self.check_claim(size_of::<T>())?;
        let wanted = product(count);
        let room = usize::try_from(wanted)
            .ok()
            .map(|n| Vec::<T>::new().try_reserve_exact(n).is_ok());
        if room != Some(true) {
            let gib = wanted as f64 * size_of::<T>() as f64 / f64::from(1 << 30);
            return Err(self.error(format!("needs {gib:.0} GiB of memory"), TOO_LARGE));
        }
        Ok(())
    }
}

fn product(shape: &[usize]) -> u128 {
    shape.iter().fold(1, |product, &n| product.saturating_mul(n as u128))
}
