//! Whitening: the linear map across coils after which their noise has equal variances and no correlation.
//!
//! K. P. Pruessmann, M. Weiger, P. Börnert, P. Boesiger, Magn Reson Med 46 (2001) 638-651, section on noise
//! correlation; P. Kellman, E. R. McVeigh, Magn Reson Med 54 (2005) 1439-1447. Of all matrices that whiten, `Σ^-½` is
//! the one that changes the coils least (A. Kessy, A. Lewin, K. Strimmer, Am Stat 72 (2018) 309-314).

use faer::Mat;
use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use super::hermitian::eigen;
use crate::error::Result;

type C64 = Complex<f64>;

/// Power of what coil maps do not explain of the signal, relative to the signal: it is in the data like noise, and
/// alike in all coils. Without it, coils that differ in noise far below the errors of the maps would be weighted by
/// noise alone.
const UNEXPLAINED: f64 = 1e-3;
/// The same relative to the noise: of coils that measure the same, whose signal cancels too, rounding is left.
const ROUNDING: f64 = 1e-6;
/// Off-diagonal entries and differences of variances up to this, relative to the mean variance, are rounding.
const WHITE: f64 = 1e-6;

/// A map across coils that makes noise white, and its inverse.
pub(super) struct Whitening {
    /// W, `(coils, coils)`: `W Σ' Wᴴ = σ² I` with the mean variance σ² of Σ'.
    pub matrix: Array2<C64>,
    /// `W⁻¹`.
    pub inverse: Array2<C64>,
}

/// `Σ' = Σ + δ I`, with δ a thousandth of `signal`, the mean power over pixels and coils of a coil image, made white. A
/// dead coil or one that is the copy of another so stays what it is. `None` where the noise is white already or zero.
pub(super) fn whitening(covariance: ArrayView2<C64>, signal: f64) -> Result<Option<Whitening>> {
    if is_white(covariance) {
        return Ok(None);
    }
    let coils = covariance.nrows();
    let more = UNEXPLAINED * signal + ROUNDING * mean_variance(covariance);
    let mean = mean_variance(covariance) + more;
    let (values, vectors) = eigen(Mat::from_fn(coils, coils, |c, d| {
        (covariance[[c, d]] + if c == d { more } else { 0.0 }) / mean
    }))?;
    // Where the covariance is singular rounding can take an eigenvalue below what was added.
    let roots: Vec<f64> = values.iter().map(|v| v.max(more / mean).sqrt()).collect();
    let power = |of: &dyn Fn(f64) -> f64| {
        Array2::from_shape_fn((coils, coils), |(c, d)| {
            let parts = roots.iter().enumerate();
            parts
                .map(|(i, &root)| vectors[(c, i)] * vectors[(d, i)].conj() * of(root))
                .sum::<C64>()
        })
    };
    Ok(Some(Whitening {
        matrix: power(&|root| 1.0 / root),
        inverse: power(&|root| root),
    }))
}

/// Shrinks a covariance `(coils, coils)` that was estimated from `samples` samples towards white noise, in place:
/// `(1 − ρ) Σ + ρ σ² I`.
///
/// σ² is the mean variance, and ρ the share of the distance from white noise that so few samples have by chance (O.
/// Ledoit, M. Wolf, J Multivar Anal 88 (2004) 365-411, for complex Gaussian samples). The covariance of white noise
/// comes out white.
pub fn shrink(covariance: &mut Array2<C64>, samples: usize) {
    let coils = covariance.nrows() as f64;
    let mean = mean_variance(covariance.view());
    let from_white = |((c, d), v): ((usize, usize), &C64)| (v - if c == d { mean } else { 0.0 }).norm_sqr();
    let distance: f64 = covariance.indexed_iter().map(from_white).sum();
    let chance = (coils * mean).powi(2) / samples.max(1) as f64;
    let share = if distance > chance { chance / distance } else { 1.0 };
    for ((c, d), value) in covariance.indexed_iter_mut() {
        *value = *value * (1.0 - share) + if c == d { share * mean } else { 0.0 };
    }
}

/// Whether noise of this covariance is white already, or nothing is known of it.
fn is_white(covariance: ArrayView2<C64>) -> bool {
    let mean = mean_variance(covariance);
    let rounding = |((c, d), v): ((usize, usize), &C64)| {
        let expected = if c == d { mean } else { 0.0 };
        (v - expected).norm() <= WHITE * mean
    };
    covariance.indexed_iter().all(rounding)
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
            if c == d {
                C64::new(gain, 0.0)
            } else {
                C64::from_polar(gain * 0.4, (c * 5 + 2 * d) as f64)
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
                let covariance = correlated(coils).mapv(|v| v * scale);
                let found = whitening(covariance.view(), 0.0).unwrap().unwrap();
                let mean = mean_variance(covariance.view());
                let raised = Array2::from_diag_elem(coils, C64::new(ROUNDING * mean, 0.0)) + &covariance;
                let white = found.matrix.dot(&raised).dot(&adjoint(&found.matrix));
                let white = white.mapv(|v| v / (mean * (1.0 + ROUNDING)));
                assert!(off(&white, unit) < 1e-9, "{coils} coils: {}", off(&white, unit));
                assert!(off(&found.matrix.dot(&found.inverse), unit) < 1e-9);
            }
        }
    }

    /// Samples of noise become samples of white noise.
    #[test]
    fn whitened_noise_has_the_covariance_of_white_noise() {
        let noise = draws(6, 40_000);
        let found = whitening(correlated(6).view(), 0.0).unwrap().unwrap();
        let white = found.matrix.dot(&noise);
        let mean = mean_variance(correlated(6).view());
        let sampled = white.dot(&adjoint(&white)).mapv(|v| v / (40_000.0 * mean));
        assert!(off(&sampled, unit) < 0.03, "{}", off(&sampled, unit));
    }

    /// The louder the signal, the less noise says of how far coils can be trusted.
    #[test]
    fn noise_far_below_the_signal_changes_little() {
        let covariance = correlated(5);
        let mean = mean_variance(covariance.view());
        let distance = |signal: f64| off(&whitening(covariance.view(), signal).unwrap().unwrap().matrix, unit);
        assert!(distance(0.0) > 1.0 && distance(1e6 * mean) < 1e-2);
    }

    #[test]
    fn a_power_of_two_changes_no_digit() {
        let covariance = correlated(6);
        let [one, other] = [1.0, 2f64.powi(-40)].map(|power| {
            let scaled = covariance.mapv(|v| v * power);
            whitening(scaled.view(), 30.0 * power).unwrap().unwrap().matrix
        });
        assert_eq!(one, other);
    }

    #[test]
    fn white_noise_and_none_are_left_alone() {
        for variance in [0.0, 3.0] {
            let covariance = Array2::from_diag_elem(4, C64::new(variance, 0.0));
            assert!(whitening(covariance.view(), 1.0).unwrap().is_none());
        }
    }

    #[test]
    fn scatter_is_shrunk_and_what_differs_is_kept() {
        let average = |samples: &Array2<C64>| {
            let count = samples.ncols() as f64;
            samples.dot(&adjoint(samples)).mapv(|v| v / count)
        };
        let before = average(&draws(6, 300));
        let mut after = before.clone();
        shrink(&mut after, 300);
        let change = off(&(&after - &before), |_, _| 0.0);
        assert!(change > 0.0 && change < 0.2 * mean_variance(before.view()), "{change}");

        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let before = average(&Array2::from_shape_fn((6, 300), |_| C64::new(draw(), draw())));
        let mut after = before.clone();
        shrink(&mut after, 300);
        let [before, after] = [before, after].map(|m| off(&m, |c, d| 2.0 * unit(c, d)));
        assert!(after < 0.5 * before, "{after} after {before}");
    }

    /// A dead coil, and one that is a copy of another: no value explodes.
    #[test]
    fn a_singular_covariance_is_made_regular() {
        let mut dead = correlated(4);
        let mut twins = correlated(4);
        for other in 0..4 {
            dead[[2, other]] = C64::new(0.0, 0.0);
            dead[[other, 2]] = C64::new(0.0, 0.0);
            twins[[3, other]] = twins[[1, other]];
        }
        for other in 0..4 {
            twins[[other, 3]] = twins[[other, 1]];
        }
        for covariance in [dead, twins] {
            for (signal, most) in [(0.0, 1.1e3), (100.0 * mean_variance(covariance.view()), 4.0)] {
                let found = whitening(covariance.view(), signal).unwrap().unwrap();
                assert!(off(&found.matrix.dot(&found.inverse), unit) < 1e-9);
                let largest = found.matrix.iter().map(|v| v.norm()).fold(0.0, f64::max);
                assert!(largest.is_finite() && largest < most, "{largest}");
            }
        }
    }
}
