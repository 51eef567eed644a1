use std::fmt;

use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use super::NoiseRecord;
use crate::array::Mask;
use crate::coil;
use crate::error::{Error, Place, Result};
use crate::format::{self, Scan};

/// Where Σ_meas comes from: `E[ε εᴴ]` of one k-space sample over coils, in squared units of k-space.
#[derive(Clone)]
pub enum NoiseSource {
    /// Measured where the scan holds a measurement of noise, else estimated from each slice.
    Scan,
    File(Place),
    /// The covariance of samples of noise.
    Samples(Place),
    /// The same variance in every coil, no correlation.
    Variance(f64),
}

impl fmt::Display for NoiseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scan => write!(f, "measured with the scan, else estimated from each slice"),
            Self::File(place) => write!(f, "read from {place}"),
            Self::Samples(place) => write!(f, "of the noise samples of {place}"),
            Self::Variance(variance) => write!(f, "variance {variance:e} in every coil"),
        }
    }
}

impl NoiseSource {
    /// Reads what is in a file, once. Errors: no covariance or noise samples of the coils of `scan` there.
    pub(super) fn open(&self, scan: &Scan) -> Result<OpenNoise> {
        let coils = scan.coils();
        let covariance = match self {
            Self::Scan => match &scan.noise_covariance {
                Some(measured) => {
                    return Ok(OpenNoise::Known(measured.clone(), "measured with the scan".into()));
                }
                None => return Ok(OpenNoise::Estimate),
            },
            Self::File(place) => format::read_covariance(place, coils)?,
            Self::Samples(place) => {
                let samples = format::read_noise(place, coils)?;
                let mend = "give samples of noise alone, of all coils of the scan";
                let found = coil::sample_covariance(samples.view());
                let (mut covariance, count) = found.map_err(|e| Error::data(place.clone(), e.to_string(), mend))?;
                coil::shrink(&mut covariance, count);
                let origin = format!("of {count} noise samples of {place}");
                return Ok(OpenNoise::Known(covariance, origin));
            }
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
                let mut estimate = coil::estimate_noise(kspace, mask);
                coil::shrink(&mut estimate.covariance, estimate.samples);
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
