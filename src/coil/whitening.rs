//! Whitening: the linear map across coils after which their noise is alike and not correlated.
//!
//! K. P. Pruessmann, M. Weiger, P. Börnert, P. Boesiger, Magn Reson Med 46 (2001) 638-651, section on noise
//! correlation; P. Kellman, E. R. McVeigh, Magn Reson Med 54 (2005) 1439-1447. Of all matrices that whiten, the one
//! here is the closest to a mere scaling of each coil (ZCA-cor of A. Kessy, A. Lewin, K. Strimmer, Am Stat 72 (2018)
//! 309-314): with the correlation `R = D^-½ Σ D^-½` it is `W = R^-½ D^-½`, so that gains of coils do not
//! matter for what counts as singular.

use faer::Mat;
use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use super::hermitian::eigen;
use crate::error::Result;

type C64 = Complex<f64>;

/// Noise variance of a coil, relative to the mean over coils, below which it is taken to be this.
const LEAST_VARIANCE: f64 = 1e-6;
/// Eigenvalue of the correlation between coils below which it is taken to be this: coils that measure the same would
/// be told apart by rounding alone.
const LEAST_EIGENVALUE: f64 = 1e-3;
/// Off-diagonal entries and differences of variances up to this, relative to the mean variance, are rounding.
const WHITE: f64 = 1e-6;

/// A map across coils that makes noise white, and its inverse.
pub(super) struct Whitening {
    /// W, `(coils, coils)`: `W Σ Wᴴ = σ² I`.
    pub matrix: Array2<C64>,
    /// `W⁻¹`.
    pub inverse: Array2<C64>,
    /// σ², the mean noise variance over coils.
    pub variance: f64,
    /// Coils and combinations of coils that had less noise than can be worked with, and were given some.
    pub raised: usize,
}

/// Whether noise of this covariance is white already, or nothing is known of it.
pub(super) fn is_white(covariance: ArrayView2<C64>) -> bool {
    let mean = mean_variance(covariance);
    let rounding = |((c, d), v): ((usize, usize), &C64)| {
        let expected = if c == d { mean } else { 0.0 };
        (v - expected).norm() <= WHITE * mean
    };
    covariance.indexed_iter().all(rounding)
}

/// `None` where the noise is white already or zero.
pub(super) fn whitening(covariance: ArrayView2<C64>) -> Result<Option<Whitening>> {
    let coils = covariance.nrows();
    if is_white(covariance) {
        return Ok(None);
    }
    let mean = mean_variance(covariance);
    let mut raised = 0;
    let mut deviations = Vec::with_capacity(coils);
    for value in covariance.diag() {
        let variance = value.re / mean;
        raised += usize::from(variance < LEAST_VARIANCE);
        deviations.push(variance.max(LEAST_VARIANCE).sqrt());
    }
    let correlation = Mat::from_fn(coils, coils, |c, d| match c == d {
        true => C64::new(1.0, 0.0),
        false => covariance[[c, d]] / (mean * deviations[c] * deviations[d]),
    });
    let (values, vectors) = eigen(correlation)?;
    raised += values.iter().filter(|&&v| v < LEAST_EIGENVALUE).count();
    let roots: Vec<f64> = values.iter().map(|v| v.max(LEAST_EIGENVALUE).sqrt()).collect();
    let between = |c: usize, d: usize, weight: &dyn Fn(f64) -> f64| -> C64 {
        let parts = roots.iter().enumerate();
        parts
            .map(|(i, &root)| vectors[(c, i)] * vectors[(d, i)].conj() * weight(root))
            .sum()
    };
    Ok(Some(Whitening {
        matrix: Array2::from_shape_fn((coils, coils), |(c, d)| {
            between(c, d, &|root| 1.0 / root) / deviations[d]
        }),
        inverse: Array2::from_shape_fn((coils, coils), |(c, d)| between(c, d, &|root| root) * deviations[c]),
        variance: mean,
        raised,
    }))
}

fn mean_variance(covariance: ArrayView2<C64>) -> f64 {
    covariance.diag().iter().map(|v| v.re).sum::<f64>() / covariance.nrows().max(1) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// A fixed mixing of coils, with gains that differ.
    fn mixing(coils: usize) -> Array2<C64> {
        Array2::from_shape_fn((coils, coils), |(c, d)| {
            let gain = 0.3 + c as f64;
            match c == d {
                true => C64::new(gain, 0.0),
                false => C64::from_polar(gain * 0.4, (c * 5 + 2 * d) as f64),
            }
        })
    }

    /// `A Aᴴ` of the mixing A.
    pub(in crate::coil) fn correlated(coils: usize) -> Array2<C64> {
        mixing(coils).dot(&adjoint(&mixing(coils)))
    }

    /// Noise of that covariance, `(coils, samples)`.
    pub(in crate::coil) fn draws(coils: usize, samples: usize) -> Array2<C64> {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let white = Array2::from_shape_fn((coils, samples), |_| C64::new(draw(), draw()) * 0.5f64.sqrt());
        mixing(coils).dot(&white)
    }

    fn adjoint(matrix: &Array2<C64>) -> Array2<C64> {
        matrix.t().mapv(|v| v.conj())
    }

    fn off(matrix: &Array2<C64>, expected: impl Fn(usize, usize) -> f64) -> f64 {
        let distance = |((c, d), v): ((usize, usize), &C64)| (v - expected(c, d)).norm();
        matrix.indexed_iter().map(distance).fold(0.0, f64::max)
    }

    fn unit(c: usize, d: usize) -> f64 {
        f64::from(u8::from(c == d))
    }

    #[test]
    fn it_makes_noise_white_at_every_scale_and_has_an_inverse() {
        for coils in [2, 5, 16] {
            for scale in [1.0, 1e-14, 1e26] {
                let covariance = correlated(coils) * C64::new(scale, 0.0);
                let found = whitening(covariance.view()).unwrap().unwrap();
                let white = found.matrix.dot(&covariance).dot(&adjoint(&found.matrix));
                let white = white.mapv(|v| v / found.variance);
                assert!(off(&white, unit) < 1e-9, "{coils} coils: {}", off(&white, unit));
                assert!(off(&found.matrix.dot(&found.inverse), unit) < 1e-9);
                assert_eq!(found.raised, 0);
            }
        }
    }

    #[test]
    fn a_power_of_two_changes_no_digit() {
        let covariance = correlated(6);
        let [one, other] = [1.0, 2f64.powi(-40)].map(|power| {
            let scaled = covariance.mapv(|v| v * power);
            whitening(scaled.view()).unwrap().unwrap().matrix
        });
        assert_eq!(one, other);
    }

    #[test]
    fn white_noise_and_none_are_left_alone() {
        for variance in [0.0, 3.0] {
            let covariance = Array2::from_diag_elem(4, C64::new(variance, 0.0));
            assert!(whitening(covariance.view()).unwrap().is_none());
        }
    }

    /// A dead coil, and one that is a copy of another: no value explodes, and what was done is counted.
    #[test]
    fn a_singular_covariance_is_made_regular() {
        let mut covariance = correlated(4);
        for other in 0..4 {
            covariance[[2, other]] = C64::new(0.0, 0.0);
            covariance[[other, 2]] = C64::new(0.0, 0.0);
        }
        let dead = whitening(covariance.view()).unwrap().unwrap();
        let mut covariance = correlated(4);
        for other in 0..4 {
            covariance[[3, other]] = covariance[[1, other]];
        }
        for other in 0..4 {
            covariance[[other, 3]] = covariance[[other, 1]];
        }
        let twins = whitening(covariance.view()).unwrap().unwrap();
        for found in [dead, twins] {
            assert_eq!(found.raised, 1);
            assert!(off(&found.matrix.dot(&found.inverse), unit) < 1e-9);
            let largest = found.matrix.iter().map(|v| v.norm()).fold(0.0, f64::max);
            assert!(largest.is_finite() && largest < 2e3, "{largest}");
        }
    }
}
