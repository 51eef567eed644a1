//! Complex soft thresholding, tuned by Stein's unbiased risk estimate.
//!
//! For coefficients `w = w0 + noise` with complex Gaussian noise of variance τ_j (`E|noise_j|² = τ_j`), and
//! `g(w; λ) = w (1 − min(λ/|w|, 1))`, the risk `E Σ_j |g(w_j) − w0_j|²` is estimated without w0 by
//! `SURE(λ) = Σ_j min(|w_j|, λ)² + Σ_{|w_j|>λ} τ_j (2 − λ/|w_j|) − Σ_j τ_j`
//! (Stein 1981; Donoho & Johnstone 1995; for complex values and coloured noise P-VDAMP, arXiv:2203.04180).

mod sure;

pub use sure::{SureThreshold, Workspace, sure_threshold};

use num_complex::Complex;

use crate::array::{LANES, Real, vectorised};

/// Writes `g(w; λ)` to `out`, of the same length, and returns its mean divergence
/// `α = ½ mean_j (2 − λ/|w_j|  where |w_j| > λ, else 0)`.
///
/// That is `∂Re g/∂Re w + ∂Im g/∂Im w` halved: 1 for the identity, 0 for the zero map. `threshold` is λ, a magnitude in
/// the units of w.
pub fn soft_threshold<T: Real>(w: &[Complex<T>], threshold: f64, out: &mut [Complex<T>]) -> f64 {
    shrink(
        w,
        threshold,
        out,
        #[inline(always)]
        |_, g| g,
    )
}

/// [`soft_threshold`] with damping: `out ← ρ g(w; λ) + (1 − ρ) out`, with ρ the `share`. The divergence is that of g
/// alone.
pub fn damped_soft_threshold<T: Real>(w: &[Complex<T>], threshold: f64, share: f64, out: &mut [Complex<T>]) -> f64 {
    let (new, old) = (T::of(share), T::of(1.0 - share));
    shrink(
        w,
        threshold,
        out,
        #[inline(always)]
        |out, g| g * new + out * old,
    )
}

/// Coefficients whose divergences are added in T before the sum goes on in f64.
const BLOCK: usize = 8 * LANES;

/// `out ← merge(out, g(w; λ))`; returns the mean divergence of g.
fn shrink<T: Real>(
    w: &[Complex<T>],
    threshold: f64,
    out: &mut [Complex<T>],
    merge: impl Fn(Complex<T>, Complex<T>) -> Complex<T>,
) -> f64 {
    let lambda = T::of(threshold);
    let one = |out: &mut Complex<T>, w: &Complex<T>| {
        let magnitude = (w.re * w.re + w.im * w.im).sqrt();
        let ratio = lambda / magnitude;
        // Not a number where both are zero, and then not kept.
        let kept = magnitude > lambda;
        let gain = if kept { T::one() - ratio } else { T::zero() };
        *out = merge(*out, Complex::new(w.re * gain, w.im * gain));
        if kept { T::one() + gain } else { T::zero() }
    };
    let divergence = vectorised(
        #[inline(always)]
        || {
            let mut sum = 0.0;
            for (out, w) in out.chunks_mut(BLOCK).zip(w.chunks(BLOCK)) {
                let mut lanes = [T::zero(); LANES];
                for (out, w) in out.chunks_mut(LANES).zip(w.chunks(LANES)) {
                    for ((lane, out), w) in lanes.iter_mut().zip(out).zip(w) {
                        *lane += one(out, w);
                    }
                }
                sum += lanes.iter().map(|lane| lane.wide()).sum::<f64>();
            }
            sum
        },
    );
    0.5 * divergence / w.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    fn normal(rng: &mut ChaCha8Rng, variance: f64) -> Complex<f64> {
        let mut draw = || -> f64 { StandardNormal.sample(rng) };
        Complex::new(draw(), draw()) * (variance / 2.0).sqrt()
    }

    /// Sparse truth, and a noise variance that differs from coefficient to coefficient.
    fn scene(rng: &mut ChaCha8Rng, len: usize) -> (Vec<Complex<f64>>, Vec<f64>) {
        let truth = (0..len)
            .map(|j| normal(rng, if j % 7 == 0 { 20.0 } else { 0.01 }))
            .collect();
        let tau = (0..len).map(|j| 0.5 + (j % 3) as f64).collect();
        (truth, tau)
    }

    fn noisy(rng: &mut ChaCha8Rng, truth: &[Complex<f64>], tau: &[f64]) -> Vec<Complex<f64>> {
        truth.iter().zip(tau).map(|(t, &tau)| t + normal(rng, tau)).collect()
    }

    fn sure(w: &[Complex<f64>], tau: &[f64], lambda: f64) -> f64 {
        let term = |(w, &tau): (&Complex<f64>, &f64)| {
            let m = w.norm();
            m.min(lambda).powi(2) + if m > lambda { tau * (2.0 - lambda / m) } else { 0.0 } - tau
        };
        w.iter().zip(tau).map(term).sum()
    }

    #[test]
    fn finds_the_minimum_that_a_plain_search_finds() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut work = Workspace::default();
        for len in [1, 2, 3, 50, 400] {
            let (truth, tau) = scene(&mut rng, len);
            let mut w = noisy(&mut rng, &truth, &tau);
            if len > 10 {
                (w[3], w[4]) = (w[3], w[3].conj()); // a tie
                w[5] = Complex::new(0.0, 0.0);
            }
            let found = sure_threshold(&w, &tau, &mut work);
            let risks = w.iter().map(|v| sure(&w, &tau, v.norm()));
            let least = risks.fold(f64::INFINITY, f64::min);
            assert!(
                (found.risk - least).abs() < 1e-9 * (1.0 + least.abs()),
                "{found:?} against {least}"
            );
            assert!((sure(&w, &tau, found.threshold) - least).abs() < 1e-9 * (1.0 + least.abs()));
        }
    }

    #[test]
    fn sure_is_unbiased() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (truth, tau) = scene(&mut rng, 2000);
        for lambda in [0.3, 1.5, 4.0] {
            let (mut estimate, mut risk, draws) = (0.0, 0.0, 300);
            let mut out = vec![Complex::default(); truth.len()];
            for _ in 0..draws {
                let w = noisy(&mut rng, &truth, &tau);
                estimate += sure(&w, &tau, lambda);
                soft_threshold(&w, lambda, &mut out);
                risk += out.iter().zip(&truth).map(|(g, t)| (g - t).norm_sqr()).sum::<f64>();
            }
            assert!(
                (estimate / risk - 1.0).abs() < 0.01,
                "λ = {lambda}: {}",
                estimate / risk
            );
        }
    }

    #[test]
    fn divergence_agrees_with_a_finite_difference() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (truth, tau) = scene(&mut rng, 500);
        let w = noisy(&mut rng, &truth, &tau);
        let (lambda, step) = (0.9, 1e-6);
        let mut out = vec![Complex::default(); w.len()];
        let alpha = soft_threshold(&w, lambda, &mut out);
        let moved = |direction: Complex<f64>| -> Vec<Complex<f64>> {
            let w: Vec<_> = w.iter().map(|v| v + direction * step).collect();
            let mut out = vec![Complex::default(); w.len()];
            soft_threshold(&w, lambda, &mut out);
            out
        };
        let (along_re, along_im) = (moved(Complex::new(1.0, 0.0)), moved(Complex::new(0.0, 1.0)));
        let terms = (0..w.len()).map(|j| (along_re[j].re - out[j].re + along_im[j].im - out[j].im) / step);
        let slope = 0.5 * terms.sum::<f64>() / w.len() as f64;
        assert!((slope - alpha).abs() < 1e-5, "{slope} against {alpha}");
    }

    #[test]
    fn nothing_to_threshold() {
        let mut work = Workspace::<f32>::default();
        let w = [Complex::new(0.0f32, 0.0); 4];
        let found = sure_threshold(&w, &[1.0; 4], &mut work);
        assert_eq!((found.threshold, found.risk), (0.0, -4.0));
        assert_eq!(soft_threshold(&w, 0.0, &mut [Complex::default(); 4]), 0.0);
    }
}
