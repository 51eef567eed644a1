//! What every reader here asks of HDF5: a file opened with a sentence for each way it can fail, and a dataset read with
//! its type and size checked.
//!
//! The library's own error stack stays silent: the `hdf5` crate switches it off in every thread it is called from.

use std::path::Path;

use hdf5::types::{CompoundType, TypeDescriptor};
use hdf5::{H5Type, MinorErrorCode};
use ndarray::ArrayD;
use num_complex::Complex;

use super::array::{Element, Source, shape_text};
use crate::error::{Error, Place, Result};
use pvdamp::array::Real;

pub(in crate::format) const DAMAGED: &str = "the file is damaged or incomplete: copy or download it again";

/// Opens a file for reading.
pub(in crate::format) fn open(path: &Path) -> Result<hdf5::File> {
    let error = |problem: String, mend: &str| Err(Error::data(path, problem, mend));
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return error("no such file".into(), "check the path"),
        Err(e) => return error(format!("cannot be read ({e})"), "check the path and its permissions"),
        Ok(m) if m.is_dir() => return error("this is a folder".into(), "name a file in it"),
        Ok(m) if !m.is_file() => return error("this is not a regular file".into(), "name a file with data"),
        Ok(m) if m.len() == 0 => return error("the file is empty".into(), "copy or download it again"),
        Ok(_) => {}
    }
    if let Err(e) = std::fs::File::open(path) {
        return error(format!("cannot be read ({e})"), "check its permissions");
    }
    if path.to_str().is_none() {
        return error("the path is not UTF-8, which HDF5 needs".into(), "rename the file");
    }
    hdf5::File::open(path).or_else(|e| {
        if e.contains_minor(MinorErrorCode::NotHdf5) {
            error(
                "this is not an HDF5 file".into(),
                "give fastMRI-style HDF5 (.h5), NumPy (.npy, .npz) or BART (.cfl with .hdr)",
            )
        } else if e.contains_minor(MinorErrorCode::Truncated) {
            error("the file is truncated".into(), "copy or download it again")
        } else if e.contains_minor(MinorErrorCode::CantLockFile) {
            error(
                format!("another program has it open for writing ({})", library(&e)),
                "close it there; where files cannot be locked at all, set HDF5_USE_FILE_LOCKING=FALSE",
            )
        } else {
            error(format!("HDF5 cannot open it ({})", library(&e)), DAMAGED)
        }
    })
}

/// Whether a link of this name is there, groups on the way included.
pub(in crate::format) fn exists(file: &hdf5::File, name: &str) -> bool {
    let mut path = String::new();
    // every group on the way must be there, else the library's answer is an error, not a no
    name.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .all(|part| {
            path.push('/');
            path.push_str(part);
            file.link_exists(&path)
        })
        && !path.is_empty()
}

/// The library's words on one line; of a failed system call, what the system said.
pub(in crate::format) fn library(error: &hdf5::Error) -> String {
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let system = text
        .split_once("error message = '")
        .and_then(|(_, rest)| rest.split_once('\''));
    system.map_or(text.clone(), |(message, _)| message.to_string())
}

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

/// The numbers of a dataset.
#[derive(Clone)]
pub(super) struct Hdf5Array {
    pub dataset: hdf5::Dataset,
    fields: Fields,
}

/// A dataset that is there, with its name in the file; `None` where there is none of that name.
pub(in crate::format) fn source(file: &hdf5::File, path: &Path, name: &str) -> Result<Option<Source>> {
    if !exists(file, name) {
        return Ok(None);
    }
    let place = Place::new(path, name);
    let damaged = |e: hdf5::Error| Error::data(place.clone(), format!("cannot be opened ({})", library(&e)), DAMAGED);
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
    let values = Hdf5Array { dataset, fields };
    Ok(Some(Source::of_hdf5(place, space.shape(), element, dtype, values)))
}

/// Every dataset of a file that can be opened, groups included.
pub(in crate::format) fn sources(file: &hdf5::File, path: &Path) -> Vec<Source> {
    fn visit(group: &hdf5::Group, file: &hdf5::File, path: &Path, folder: &str, depth: usize, found: &mut Vec<Source>) {
        let mut names = group.member_names().unwrap_or_default();
        names.sort();
        for name in names {
            if found.len() >= MOST {
                return;
            }
            let name = format!("{folder}{name}");
            if let Ok(Some(source)) = source(file, path, &name) {
                found.push(source);
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
    /// `count` values along each axis from `start` on.
    pub fn block<T: Real + H5Type>(
        &self,
        source: &Source,
        start: &[usize],
        count: &[usize],
    ) -> Result<ArrayD<Complex<T>>> {
        match self.fields {
            Fields::RI => self.load(source, start, count),
            Fields::RealImag => Ok(self
                .load::<RealImag<T>>(source, start, count)?
                .mapv_into_any(|v| Complex::new(v.real, v.imag))),
            Fields::One => Ok(self
                .load::<T>(source, start, count)?
                .mapv_into_any(|re| Complex::new(re, T::zero()))),
            Fields::None => Err(source.not_a_number()),
        }
    }

    /// The same of numbers that are no pairs.
    pub fn real_block<T: Real + H5Type>(&self, source: &Source, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        self.load(source, start, count)
    }

    /// Straight into the array returned.
    fn load<T: H5Type>(&self, source: &Source, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        self.check_size::<T>(source, count)?;
        let read = if count == source.shape {
            self.dataset.read_dyn::<T>()
        } else {
            let ranges = start.iter().zip(count).map(|(&at, &n)| (at..at + n).into());
            let slab: hdf5::Hyperslab = ranges.collect::<Vec<hdf5::SliceOrIndex>>().into();
            self.dataset.read_slice::<T, _, _>(slab)
        };
        read.map_err(
            |e| match self.dataset.filters().iter().find(|filter| !filter.is_available()) {
                Some(filter) => source.error(
                    format!(
                        "is compressed by HDF5 filter {}, which this program does not have",
                        filter.id()
                    ),
                    "write it with gzip or without compression (h5repack -f GZIP=1)",
                ),
                None => source.error(format!("cannot be read ({})", library(&e)), DAMAGED),
            },
        )
    }

    /// A damaged header can claim any shape: refuse one that the bytes stored cannot fill, at `width` bytes a value.
    pub fn check_claim(&self, source: &Source, width: usize) -> Result<()> {
        const INFLATION: u128 = 2000; // deflate reaches 1032
        const UNDOUBTED: u128 = 64 << 20;
        let stored = u128::from(self.dataset.storage_size());
        let claimed = product(&source.shape).saturating_mul(width as u128);
        let virtual_set = matches!(self.dataset.layout(), hdf5::dataset::Layout::Virtual);
        if !virtual_set && claimed > UNDOUBTED && claimed / INFLATION > stored {
            let shape = shape_text(&source.shape);
            return Err(source.error(format!("claims shape {shape} but stores {stored} bytes"), DAMAGED));
        }
        Ok(())
    }

    /// The same, and that there is memory for `count` values along each axis, before it is taken.
    fn check_size<T>(&self, source: &Source, count: &[usize]) -> Result<()> {
        self.check_claim(source, size_of::<T>())?;
        let wanted = product(count);
        let room = usize::try_from(wanted)
            .ok()
            .map(|n| Vec::<T>::new().try_reserve_exact(n).is_ok());
        if room != Some(true) {
            let gib = wanted as f64 * size_of::<T>() as f64 / f64::from(1 << 30);
            return Err(source.error(
                format!("needs {gib:.0} GiB of memory"),
                "use a machine with more, or a smaller scan",
            ));
        }
        Ok(())
    }
}

fn product(shape: &[usize]) -> u128 {
    shape.iter().fold(1, |product, &n| product.saturating_mul(n as u128))
}
