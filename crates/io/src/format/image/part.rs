//! Real images of complex ones, for formats that hold real numbers.

use std::path::Path;
use std::str::FromStr;

use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use crate::error::{Error, Result};

/// A real image of a complex one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Magnitude,
    /// In radians, from -π to π.
    Phase,
    Real,
    Imaginary,
}

impl Part {
    /// Every part.
    pub const ALL: [Part; 4] = [Part::Magnitude, Part::Phase, Part::Real, Part::Imaginary];

    /// As in file names, and as the entity `part` of BIDS has it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Magnitude => "mag",
            Part::Phase => "phase",
            Part::Real => "real",
            Part::Imaginary => "imag",
        }
    }

    /// Whether an image of real numbers lacks it.
    pub fn needs_phase(self) -> bool {
        self != Part::Magnitude
    }

    /// That of a slice on its way into `path`.
    ///
    /// # Errors
    /// As of [`magnitude_of`].
    pub(super) fn of(self, path: &Path, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<Array2<f32>> {
        match self {
            Part::Magnitude => magnitude_of(path, slice, image),
            Part::Phase => Ok(image.mapv(Complex::arg)),
            Part::Real => Ok(image.mapv(|value| value.re)),
            Part::Imaginary => Ok(image.mapv(|value| value.im)),
        }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|part| part.name() == text);
        found.ok_or_else(|| "it is mag, phase, real or imag".into())
    }
}

/// `|x|` of a slice on its way into `path`.
///
/// # Errors
/// Values that no single precision holds, though both their parts are finite.
pub(in crate::format) fn magnitude_of(
    path: &Path,
    slice: usize,
    image: ArrayView2<Complex<f32>>,
) -> Result<Array2<f32>> {
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
