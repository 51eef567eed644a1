use std::fmt;

use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use super::NoiseRecord;
use crate::array::Mask;
use crate::coil;
use crate::error::{Place, Result};
use crate::format;

/// Where Σ_meas comes from: `E[ε εᴴ]` of one k-space sample over coils, in squared units of k-space.
#[derive(Clone)]
pub enum NoiseSource {
    Estimate,
    File(Place),
    /// The same variance in every coil, no correlation.
    Variance(f64),
}

impl fmt::Display for NoiseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Estimate => write!(f, "estimated from each slice"),
            Self::File(place) => write!(f, "read from {place}"),
            Self::Variance(variance) => write!(f, "variance {variance:e} in every coil"),
        }
    }
}

impl NoiseSource {
    /// Reads what is in a file, once. Errors: no covariance of `coils` coils there.
    pub(super) fn open(&self, coils: usize) -> Result<OpenNoise> {
        let covariance = match self {
            Self::Estimate => return Ok(OpenNoise::Estimate),
            Self::File(place) => format::read_covariance(place, coils)?,
            Self::Variance(variance) => Array2::from_diag_elem(coils, Complex::new(*variance, 0.0)),
        };
        Ok(OpenNoise::Known(covariance, self.to_string()))
    }
}

/// A noise covariance ready to be had slice by slice.
pub(super) enum OpenNoise {
    Estimate,
    Known(Array2<Complex<f64>>, String),
}

impl OpenNoise {
    /// The covariance for a slice, `(coils, coils)`.
    pub fn covariance(&self, kspace: ArrayView3<Complex<f32>>, mask: &Mask) -> (Array2<Complex<f64>>, NoiseRecord) {
        let (covariance, origin) = match self {
            Self::Estimate => {
                let estimate = coil::estimate_noise(kspace, mask);
                (estimate.covariance, estimate.how)
            }
            Self::Known(covariance, origin) => (covariance.clone(), origin.clone()),
        };
        let variance = covariance.diag().iter().map(|v| v.re).sum::<f64>() / covariance.dim().0 as f64;
        let record = NoiseRecord {
            origin,
            standard_deviation: variance.sqrt(),
        };
        (covariance, record)
    }
}
