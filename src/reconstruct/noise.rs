use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use super::sourced::Sourced;
use crate::coil;
use crate::error::{Error, Input, Result};

/// How far from Hermitian a covariance may be, relative to its largest entry.
const ROUNDING: f64 = 1e-4;

/// The measurement noise: `E[ε εᴴ]` of one k-space sample over coils, in squared units of k-space.
#[derive(Clone, Debug)]
pub enum Noise {
    /// Estimated from the quietest part of k-space.
    Estimate,
    /// `(coils, coils)`, Hermitian.
    Covariance(Sourced<Array2<Complex<f64>>>),
    /// The same variance `E|ε|²` in every coil, no correlation.
    Variance(f64),
}

impl Noise {
    /// The covariance of samples of noise alone, `(coils, samples)`. Locations where all coils are zero do not count.
    ///
    /// # Errors
    /// [`Error::NotEnough`]: too few samples for so many coils; [`Error::Data`]: samples that are all alike.
    pub fn of_samples(samples: ArrayView2<Complex<f32>>) -> Result<Self> {
        let (mut covariance, count) = coil::sample_covariance(samples)?;
        coil::shrink(&mut covariance, count);
        Ok(Self::Covariance(Sourced::new(
            covariance,
            format!("of {count} noise samples"),
        )))
    }

    pub(super) fn check(&self, coils: usize) -> Result<()> {
        let refused = |found: String, expected: &str| Err(Error::data(Input::NoiseCovariance, found, expected));
        match self {
            Self::Estimate => Ok(()),
            Self::Variance(variance) if variance.is_finite() && *variance >= 0.0 => Ok(()),
            Self::Variance(variance) => refused(format!("a variance of {variance}"), "a finite number, 0 or more"),
            Self::Covariance(Sourced { value, .. }) => {
                if value.dim() != (coils, coils) {
                    let (rows, cols) = value.dim();
                    return refused(
                        format!("{rows}x{cols} values"),
                        &format!("{coils}x{coils}, coils by coils"),
                    );
                }
                let largest = value.iter().map(|v| v.norm()).fold(0.0, f64::max);
                let is_hermitian = value
                    .indexed_iter()
                    .all(|((c, d), v)| (v - value[[d, c]].conj()).norm() <= ROUNDING * largest);
                let is_variance = value.diag().iter().all(|v| v.re >= 0.0);
                if !largest.is_finite() || !is_hermitian || !is_variance {
                    return refused("no covariance".into(), "a Hermitian matrix of finite values");
                }
                Ok(())
            }
        }
    }
}
