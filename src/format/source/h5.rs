//! What every reader here asks of HDF5: a file opened with a sentence for each way it can fail, a dataset
//! found by name or by shape, and values read with their count, type and finiteness checked.
//!
//! The library's own error stack stays silent: the `hdf5` crate switches it off in every thread it is called from.

use std::path::Path;

use hdf5::types::{CompoundType, TypeDescriptor};
use hdf5::{H5Type, MinorErrorCode};
use ndarray::ArrayD;
use num_complex::Complex;

use crate::array::Real;
use crate::error::{Error, Place, Result};

pub(in crate::format) const DAMAGED: &str = "the file is damaged or incomplete: copy or download it again";

/// Opens a file for reading.
pub(in crate::format) fn open(path: &Path) -> Result<hdf5::File> {
    let error = |problem: String, mend: &str| Err(Error::data(path, problem, mend));
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return error("no such file".into(), "check the path"),
        Err(e) => return error(format!("cannot be read ({e})"), "check the path and its permissions"),
        Ok(m) if m.is_dir() => return error("this is a folder".into(), "name a file in it"),
        Ok(m) if !m.is_file() => return error("this is not a regular file".into(), "name an HDF5 file"),
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
                "give k-space as fastMRI-style HDF5 (.h5)",
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

/// `(1, 8, 256, 256)`.
pub(in crate::format) fn shape_text(shape: &[usize]) -> String {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({})", axes.join(", "))
}

/// What one value of a dataset is.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::format) enum Element {
    /// A number, a bool or an enum. `wide` if it does not fit f32.
    Real {
        wide: bool,
    },
    /// A pair of numbers in a compound.
    Complex {
        fields: Fields,
        wide: bool,
    },
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::format) enum Fields {
    /// `{r, i}`, as h5py writes complex numbers.
    RI,
    /// `{real, imag}`, as MATLAB does.
    RealImag,
}

/// `{real, imag}` in memory; HDF5 matches the fields by name.
#[derive(Clone, Copy, hdf5::H5Type)]
#[repr(C)]
struct RealImag<T: H5Type> {
    real: T,
    imag: T,
}

impl Element {
    fn of(dtype: &hdf5::Datatype) -> (Self, String) {
        match dtype.to_descriptor() {
            Ok(TypeDescriptor::Compound(pair)) => Self::of_compound(&pair),
            Ok(descriptor) => {
                let element = match width(&descriptor) {
                    Some(wide) => Self::Real { wide },
                    None => Self::Other,
                };
                (element, descriptor.to_string())
            }
            Err(_) => (Self::Other, format!("an unsupported type of {} bytes", dtype.size())),
        }
    }

    fn of_compound(pair: &CompoundType) -> (Self, String) {
        let names: Vec<&str> = pair.fields.iter().map(|f| f.name.as_str()).collect();
        let widths: Option<Vec<bool>> = pair.fields.iter().map(|f| width(&f.ty)).collect();
        let fields = match names[..] {
            ["r", "i"] => Some(Fields::RI),
            ["real", "imag"] => Some(Fields::RealImag),
            _ => None,
        };
        match (fields, widths) {
            (Some(fields), Some(widths)) => {
                let wide = widths.contains(&true);
                (Self::Complex { fields, wide }, complex_name(wide).into())
            }
            _ => (Self::Other, format!("compound {{{}}}", names.join(", "))),
        }
    }

    pub fn is_complex(&self) -> bool {
        matches!(self, Self::Complex { .. })
    }

    pub fn is_number(&self) -> bool {
        *self != Self::Other
    }
}

fn complex_name(wide: bool) -> &'static str {
    if wide { "complex128" } else { "complex64" }
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

/// A dataset opened for reading: where it is, its shape and what it holds.
pub(in crate::format) struct Source {
    pub place: Place,
    pub shape: Vec<usize>,
    pub element: Element,
    /// `complex64`, `float32`, `bool`, ...
    pub dtype: String,
    pub dataset: hdf5::Dataset,
}

impl Source {
    /// `None` where the file has no such dataset.
    pub fn open(file: &hdf5::File, path: &Path, name: &str) -> Result<Option<Self>> {
        if !exists(file, name) {
            return Ok(None);
        }
        let place = Place::new(path, name);
        let damaged =
            |e: hdf5::Error| Error::data(place.clone(), format!("cannot be opened ({})", library(&e)), DAMAGED);
        let dataset = match file.dataset(name) {
            Ok(dataset) => dataset,
            Err(_) if file.group(name).is_ok() => return Ok(None),
            Err(e) => return Err(damaged(e)),
        };
        let (element, dtype) = Element::of(&dataset.dtype().map_err(damaged)?);
        let space = dataset.space().map_err(damaged)?;
        if space.is_null() {
            return Err(Error::data(place, "holds nothing", "write values to it, or remove it"));
        }
        Ok(Some(Self {
            place,
            shape: space.shape(),
            element,
            dtype,
            dataset,
        }))
    }

    pub fn name(&self) -> &str {
        self.place.dataset.as_deref().unwrap_or_default()
    }

    /// An error about this dataset.
    pub fn error(&self, problem: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::data(self.place.clone(), problem, mend)
    }

    /// Values at the leading indices `lead`, whole along the other axes, straight into the array returned.
    fn load<T: H5Type>(&self, lead: &[usize]) -> Result<ArrayD<T>> {
        self.check_size::<T>(lead)?;
        let read = if lead.is_empty() {
            self.dataset.read_dyn::<T>()
        } else {
            let fixed = lead.iter().map(|&index| hdf5::SliceOrIndex::Index(index));
            let whole = self.shape[lead.len()..].iter().map(|_| (..).into());
            let slab: hdf5::Hyperslab = fixed.chain(whole).collect::<Vec<_>>().into();
            self.dataset.read_slice::<T, _, _>(slab)
        };
        read.map_err(
            |e| match self.dataset.filters().iter().find(|filter| !filter.is_available()) {
                Some(filter) => self.error(
                    format!(
                        "is compressed by HDF5 filter {}, which this program does not have",
                        filter.id()
                    ),
                    "write it with gzip or without compression (h5repack -f GZIP=1)",
                ),
                None => self.error(format!("{}cannot be read ({})", slice_text(lead), library(&e)), DAMAGED),
            },
        )
    }

    /// A damaged header can claim any shape: refuse one that the bytes stored cannot fill, before memory is taken.
    fn check_size<T>(&self, lead: &[usize]) -> Result<()> {
        const INFLATION: u128 = 2000; // deflate reaches 1032
        const UNDOUBTED: u128 = 64 << 20;
        let bytes = |shape: &[usize], each: usize| shape.iter().fold(each as u128, |b, &n| b.saturating_mul(n as u128));
        let stored = u128::from(self.dataset.storage_size());
        let claimed = bytes(&self.shape, std::mem::size_of::<T>());
        let virtual_set = matches!(self.dataset.layout(), hdf5::dataset::Layout::Virtual);
        if !virtual_set && claimed > UNDOUBTED && claimed / INFLATION > stored {
            let shape = shape_text(&self.shape);
            return Err(self.error(format!("claims shape {shape} but stores {stored} bytes"), DAMAGED));
        }
        let wanted = bytes(&self.shape[lead.len()..], 1);
        let room = usize::try_from(wanted)
            .ok()
            .map(|n| Vec::<T>::new().try_reserve_exact(n).is_ok());
        if room != Some(true) {
            let gib = wanted as f64 * std::mem::size_of::<T>() as f64 / f64::from(1 << 30);
            return Err(self.error(
                format!("needs {gib:.0} GiB of memory"),
                "use a machine with more, or a smaller scan",
            ));
        }
        Ok(())
    }

    fn load_complex<T: Real + H5Type>(&self, lead: &[usize]) -> Result<ArrayD<Complex<T>>> {
        match self.element {
            Element::Complex { fields: Fields::RI, .. } => self.load(lead),
            Element::Complex {
                fields: Fields::RealImag,
                ..
            } => Ok(self
                .load::<RealImag<T>>(lead)?
                .mapv_into_any(|v| Complex::new(v.real, v.imag))),
            Element::Real { .. } => Ok(self.load::<T>(lead)?.mapv(|re| Complex::new(re, T::zero()))),
            Element::Other => Err(self.not_a_number()),
        }
    }

    /// Complex values, all finite; real ones are taken as complex.
    pub fn complex<T: Real + H5Type>(&self, lead: &[usize]) -> Result<ArrayD<Complex<T>>> {
        let values = self.load_complex::<T>(lead)?;
        match infinite(&values) {
            0 => Ok(values),
            count => Err(self.not_finite(lead, count)),
        }
    }

    /// Real values, all finite.
    pub fn real<T: Real + H5Type>(&self, lead: &[usize]) -> Result<ArrayD<T>> {
        if !matches!(self.element, Element::Real { .. }) {
            return Err(self.not_a_number());
        }
        let values = self.load::<T>(lead)?;
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(values),
            count => Err(self.not_finite(lead, count)),
        }
    }

    fn not_a_number(&self) -> Error {
        self.error(
            format!("holds {}, where numbers are expected", self.dtype),
            "name the right dataset",
        )
    }

    /// Tells NaN and Inf in the file from values that only single precision cannot hold.
    fn not_finite(&self, lead: &[usize], count: usize) -> Error {
        let wide = matches!(
            self.element,
            Element::Complex { wide: true, .. } | Element::Real { wide: true }
        );
        let of_file = if wide {
            self.load_complex::<f64>(lead).map_or(count, |v| infinite(&v))
        } else {
            count
        };
        let slice = slice_text(lead);
        match of_file {
            0 => self.error(
                format!("{slice}{count} values exceed single precision (3.4e38)"),
                "rescale the data, for instance to a maximum of 1",
            ),
            n => self.error(
                format!("{slice}{n} values are NaN or infinite"),
                "set them to zero or write them anew",
            ),
        }
    }
}

fn infinite<T: Real>(values: &ArrayD<Complex<T>>) -> usize {
    values
        .iter()
        .filter(|v| !(v.re.is_finite() && v.im.is_finite()))
        .count()
}

fn slice_text(lead: &[usize]) -> String {
    lead.first().map_or(String::new(), |slice| format!("slice {slice}: "))
}
