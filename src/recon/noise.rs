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
    /// The covariance for a slice of `coils` coils, `(coils, coils)`.
    pub fn covariance(
        &self,
        kspace: ArrayView3<Complex<f32>>,
        mask: &Mask,
    ) -> Result<(Array2<Complex<f64>>, NoiseRecord)> {
        let coils = kspace.dim().0;
        let (covariance, origin) = match self {
            Self::Estimate => {
                let estimate = coil::estimate_noise(kspace, mask);
                (estimate.covariance, estimate.how)
            }
            Self::File(place) => (format::read_covariance(place, coils)?, self.to_string()),
            Self::Variance(variance) => {
                let diagonal = Array2::from_diag_elem(coils, Complex::new(*variance, 0.0));
                (diagonal, self.to_string())
            }
        };
        let variance = covariance.diag().iter().map(|v| v.re).sum::<f64>() / coils as f64;
        let record = NoiseRecord {
            origin,
            standard_deviation: variance.sqrt(),
        };
        Ok((covariance, record))
    }
}
