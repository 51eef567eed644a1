//! An array in a file of any kind: where it is, its shape and what it holds.

use std::io::ErrorKind;

use ndarray::{ArrayD, Axis};
use num_complex::Complex;

use super::super::hdf5_reader::{Hdf5Array, Number};
use super::archive::NoRoom;
use super::element::Element;
use super::messages::{DAMAGED, TOO_LARGE, not_a_number};
use super::raw::{self, RawArray};
use crate::error::{Error, Place, Result};
use pvdamp::array::{Real, vectorised};

/// Dimensions that BART has.
pub(super) const DIMENSIONS: usize = 16;

/// Lengths of BART's dimensions: readout, two phase encodes, coils, sets of maps, ...; 1 where there is none.
pub(in crate::format) type Dimensions = [usize; DIMENSIONS];

/// An array opened for reading.
#[derive(Clone)]
pub(in crate::format) struct Source {
    pub place: Place,
    pub shape: Vec<usize>,
    pub element: Element,
    /// `complex64`, `float32`, `bool`, ...
    pub dtype: String,
    /// All of BART's, of its files.
    pub(super) dimensions: Option<Dimensions>,
    values: Values,
}

#[derive(Clone)]
enum Values {
    Hdf5(Hdf5Array),
    Raw(RawArray),
    /// They are no numbers.
    None,
}

impl Source {
    pub(super) fn of_hdf5(values: Hdf5Array) -> Self {
        Self {
            place: values.place().clone(),
            shape: values.shape().to_vec(),
            element: values.element(),
            dtype: values.dtype().to_string(),
            dimensions: None,
            values: Values::Hdf5(values),
        }
    }

    pub(super) fn of_raw(place: Place, shape: Vec<usize>, values: RawArray) -> Self {
        let wide = values.number.is_wide();
        let element = if values.number.is_complex() {
            Element::Complex { wide }
        } else {
            Element::Real { wide }
        };
        Self {
            place,
            shape,
            element,
            dtype: values.number.name(),
            dimensions: None,
            values: Values::Raw(values),
        }
    }

    pub(super) fn of_bart(place: Place, dimensions: Dimensions, values: RawArray) -> Self {
        Self {
            dimensions: Some(dimensions),
            ..Self::of_raw(place, dimensions.to_vec(), values)
        }
    }

    pub(super) fn without_numbers(place: Place, shape: Vec<usize>, dtype: String) -> Self {
        Self {
            place,
            shape,
            element: Element::Other,
            dtype,
            dimensions: None,
            values: Values::None,
        }
    }

    /// Of an array of BART's, the dimensions in `order` as axes.
    pub(super) fn arranged(&self, order: &[usize]) -> Self {
        let (Some(dimensions), Values::Raw(values)) = (&self.dimensions, &self.values) else {
            return self.clone();
        };
        let all = raw::strides(dimensions, true);
        let strides = order.iter().map(|&d| all[d]).collect();
        Self {
            shape: order.iter().map(|&d| dimensions[d]).collect(),
            values: Values::Raw(values.with_strides(strides)),
            ..self.clone()
        }
    }

    /// BART's lengths of all dimensions, of a file of BART's.
    pub fn dimensions(&self) -> Option<&Dimensions> {
        self.dimensions.as_ref()
    }

    /// Empty for the array of a file that holds one without a name.
    pub fn name(&self) -> &str {
        self.place.dataset.as_deref().unwrap_or_default()
    }

    /// The dataset, of HDF5.
    pub fn hdf5(&self) -> Option<&Hdf5Array> {
        match &self.values {
            Values::Hdf5(values) => Some(values),
            _ => None,
        }
    }

    /// How far apart neighbours along each axis lie in the file, in values.
    pub fn strides(&self) -> Vec<u64> {
        match &self.values {
            Values::Raw(values) => values.strides.clone(),
            _ => raw::strides(&self.shape, false),
        }
    }

    /// How many values along an axis are compressed together; 1 where none are.
    pub fn chunk(&self, axis: usize) -> usize {
        self.hdf5().map_or(1, |values| values.chunk(axis))
    }

    /// An error about this array.
    pub fn error(&self, problem: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::data(self.place.clone(), problem, mend)
    }

    /// Refuses a shape that the bytes stored cannot fill, as a damaged header may claim it.
    pub fn check_claim(&self) -> Result<()> {
        match &self.values {
            Values::Hdf5(values) => values.check_claim(size_of::<Complex<f32>>()),
            // the length of these files was held to their shape when they were opened
            Values::Raw(_) | Values::None => Ok(()),
        }
    }

    /// Values at the leading indices `lead`, whole along the other axes; all finite; real ones are taken as complex.
    pub fn complex<T: Number>(&self, lead: &[usize]) -> Result<ArrayD<Complex<T>>> {
        let (start, count) = self.at(lead);
        let values = self.block(&start, &count, lead.first().copied())?;
        Ok(without_axes(values, lead.len()))
    }

    /// The same of real values.
    pub fn real<T: Number>(&self, lead: &[usize]) -> Result<ArrayD<T>> {
        let (start, count) = self.at(lead);
        let values = self.real_block::<T>(&start, &count)?;
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(without_axes(values, lead.len())),
            bad => Err(self.not_finite(&start, &count, lead.first().copied(), bad)),
        }
    }

    /// All real values, whatever they are.
    pub fn real_or_nan<T: Number>(&self) -> Result<ArrayD<T>> {
        let (start, count) = self.at(&[]);
        self.real_block(&start, &count)
    }

    fn real_block<T: Number>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        if !matches!(self.element, Element::Real { .. }) {
            return Err(not_a_number(&self.place, &self.dtype));
        }
        match &self.values {
            Values::Hdf5(values) => values.real_block::<T>(start, count),
            _ => Ok(self.load::<T>(start, count)?.mapv_into_any(|v| v.re)),
        }
    }

    /// `count` complex values along each axis from `start` on, all finite; `slice` is named in errors.
    pub fn block<T: Number>(
        &self,
        start: &[usize],
        count: &[usize],
        slice: Option<usize>,
    ) -> Result<ArrayD<Complex<T>>> {
        let values = self.load::<T>(start, count)?;
        match infinite(&values) {
            0 => Ok(values),
            bad => Err(self.not_finite(start, count, slice, bad)),
        }
    }

    fn load<T: Number>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<Complex<T>>> {
        match &self.values {
            Values::Hdf5(values) => values.block(start, count),
            Values::Raw(values) => {
                let read = values.block(start, count);
                read.map_err(|e| {
                    let of_folder = e.get_ref().is_some_and(|inner| inner.is::<NoRoom>());
                    let (problem, mend) = match e.kind() {
                        _ if of_folder => (e.to_string(), "make room there, or name another folder by TMPDIR"),
                        ErrorKind::OutOfMemory => (e.to_string(), TOO_LARGE),
                        _ => (format!("cannot be read ({e})"), DAMAGED),
                    };
                    self.error(problem, mend).caused_by(e)
                })
            }
            Values::None => Err(not_a_number(&self.place, &self.dtype)),
        }
    }

    /// Start and count of what has the leading indices `lead`.
    fn at(&self, lead: &[usize]) -> (Vec<usize>, Vec<usize>) {
        let whole = self.shape.len() - lead.len();
        let start = lead.iter().copied().chain(std::iter::repeat_n(0, whole));
        let count = lead.iter().map(|_| 1).chain(self.shape[lead.len()..].iter().copied());
        (start.collect(), count.collect())
    }

    /// Tells NaN and Inf in the file from values that only single precision cannot hold.
    fn not_finite(&self, start: &[usize], count: &[usize], slice: Option<usize>, bad: usize) -> Error {
        let wide = matches!(
            self.element,
            Element::Complex { wide: true } | Element::Real { wide: true }
        );
        let of_file = if wide {
            self.load::<f64>(start, count).map_or(bad, |v| infinite(&v))
        } else {
            bad
        };
        let slice = slice.map_or(String::new(), |slice| format!("slice {slice}: "));
        match of_file {
            0 => self.error(
                format!("{slice}{bad} values exceed single precision (3.4e38)"),
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
    let values = values.as_slice_memory_order().expect("an array of its own");
    vectorised(
        #[inline(always)]
        || {
            let mut count = 0;
            for v in values {
                count += usize::from(!(v.re.is_finite() & v.im.is_finite()));
            }
            count
        },
    )
}

/// Takes away leading axes of length 1.
fn without_axes<T>(mut values: ArrayD<T>, axes: usize) -> ArrayD<T>
where
    T: Clone,
{
    for _ in 0..axes {
        values = values.index_axis_move(Axis(0), 0);
    }
    values
}
