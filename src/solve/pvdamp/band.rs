//! One subband of one iteration.

use num_complex::Complex;

use crate::array::{Real, sum, vectorised};
use crate::denoise::{SureWiener, SureWienerWorkspace, sure_wiener};
use crate::solve::{BandState, Shrinkage};
use crate::wavelet::{Band, Orientation};

/// `1 − α` below which a denoiser counts as the identity, which needs no correction.
const IDENTITY: f64 = 0.01;

/// How an iteration damps and corrects.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// The whole correction of the undamped coefficients; the corrected image is damped afterwards.
    Unbiased { damping: f64 },
    /// The denoised coefficients are damped, and α is multiplied by `correction`.
    UnderCorrected { damping: f64, correction: f64 },
}

/// What became of a subband.
pub(super) struct Denoised {
    pub state: BandState,
    /// Energy of the error of the corrected coefficients, as Stein's estimate has it.
    pub error: f64,
    /// Whether it is a detail subband of the finest scale.
    pub finest: bool,
}

/// Buffers that bands reuse.
#[derive(Default)]
pub(super) struct Workspace<T> {
    /// Variance of a part of a coefficient.
    variance: Vec<T>,
    /// Real parts, and imaginary ones.
    parts: [Part<T>; 2],
}

#[derive(Default)]
struct Part<T> {
    values: Vec<T>,
    work: SureWienerWorkspace<T>,
}

/// Denoises the coefficients `w`, real and imaginary part each by itself, since folding the phase makes one of them nearly
/// nothing but noise. `hat` becomes `ŵ`, damped with what it was where the form says so, and `w` becomes
/// `w̃ = (ŵ − αw)/(1 − α)`. `tau` is on the grid that is not moved by `shift`.
pub(super) fn denoise<T: Real>(
    w: &mut [Complex<T>],
    hat: &mut [Complex<T>],
    band: &Band,
    tau: &[T],
    shift: [usize; 2],
    form: Form,
    work: &mut Workspace<T>,
) -> Denoised {
    let (size, total) = (w.len(), sum(tau));
    let finest = band.scale == 1 && band.orientation != Orientation::A;
    // Without noise there is nothing to remove, nor to damp: the band passes as it is.
    if total == 0.0 {
        hat.copy_from_slice(w);
        let shrinkage = Shrinkage {
            threshold: None,
            strength: Some(0.0),
            alpha: 1.0,
            sure: 0.0,
        };
        let state = BandState {
            tau: 0.0,
            shrinkage: Some(shrinkage),
            size,
        };
        return Denoised {
            state,
            error: 0.0,
            finest,
        };
    }
    let Workspace { variance, parts } = work;
    move_variance(tau, band, shift, variance);
    let [re, im] = shrink_parts(w, band, variance, parts);
    correct(w, hat, parts, [re.divergence, im.divergence], form);
    let shrinkage = Shrinkage {
        threshold: None,
        strength: Some((re.strength + im.strength) / 2.0),
        alpha: (re.divergence + im.divergence) / 2.0,
        sure: (re.risk + im.risk) / size as f64,
    };
    let state = BandState {
        tau: total / size as f64,
        shrinkage: Some(shrinkage),
        size,
    };
    Denoised {
        state,
        error: left(&re, total / 2.0) + left(&im, total / 2.0),
        finest,
    }
}

/// Energy of the error of `(g − αw)/(1 − α)`: that of g is the risk, that of w is `noise`, and they share `α · noise`.
fn left(of: &SureWiener, noise: f64) -> f64 {
    let alpha = of.divergence;
    if 1.0 - alpha > IDENTITY {
        (of.risk - alpha * alpha * noise).max(0.0) / (1.0 - alpha).powi(2)
    } else {
        noise
    }
}

/// Denoises either part of `w` into its buffer.
fn shrink_parts<T: Real>(
    w: &[Complex<T>],
    band: &Band,
    variance: &[T],
    [re, im]: &mut [Part<T>; 2],
) -> [SureWiener; 2] {
    re.values.clear();
    im.values.clear();
    re.values.extend(w.iter().map(|v| v.re));
    im.values.extend(w.iter().map(|v| v.im));
    let shrink = |part: &mut Part<T>| sure_wiener(&mut part.values, band.grid, variance, &mut part.work);
    let (re, im) = rayon::join(|| shrink(re), || shrink(im));
    [re, im]
}

/// `hat` becomes `ŵ`, damped where the form says so, and `w` becomes `(ŵ − αw)/(1 − α)`.
fn correct<T: Real>(
    w: &mut [Complex<T>],
    hat: &mut [Complex<T>],
    [re, im]: &[Part<T>; 2],
    alphas: [f64; 2],
    form: Form,
) {
    let (damping, correction) = match form {
        Form::Unbiased { .. } => (1.0, 1.0),
        Form::UnderCorrected { damping, correction } => (damping, correction),
    };
    let gain = |alpha: f64| {
        let left = 1.0 - correction * alpha;
        T::of(if left > IDENTITY { 1.0 / left } else { 0.0 })
    };
    let gains = alphas.map(gain);
    let (new, old) = (T::of(damping), T::of(1.0 - damping));
    let damped = damping < 1.0;
    vectorised(
        #[inline(always)]
        || {
            let denoised = re.values.iter().zip(&im.values);
            for ((w, hat), (&re, &im)) in w.iter_mut().zip(&mut *hat).zip(denoised) {
                let g = Complex::new(re, im);
                // What `hat` was has no meaning where nothing is damped.
                *hat = if damped { g * new + *hat * old } else { g };
                // So written that nothing is lost where α is near 1.
                w.re += (hat.re - w.re) * gains[0];
                w.im += (hat.im - w.im) * gains[1];
            }
        },
    );
}

/// Half of τ, the variance of either part, at the coefficients of an image moved by `shift`: τ, which varies slowly, is
/// taken from the nearest coefficient of the image as it lies.
fn move_variance<T: Real>(tau: &[T], band: &Band, shift: [usize; 2], out: &mut Vec<T>) {
    let cell = 1 << band.scale;
    let (rows, cols) = band.grid.dim();
    let [down, right] = [(shift[0], rows), (shift[1], cols)].map(|(by, n)| (by + cell / 2) / cell % n);
    out.clear();
    for row in 0..rows {
        let line = &tau[(row + rows - down) % rows * cols..][..cols];
        let (head, tail) = line.split_at(cols - right);
        out.extend(tail.iter().chain(head).map(|&v| v * T::of(0.5)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Grid;

    fn band(rows: usize, cols: usize, scale: usize) -> Band {
        Band {
            orientation: Orientation::H,
            scale,
            grid: Grid::new(rows, cols),
            offset: 0,
        }
    }

    #[test]
    fn the_variance_moves_with_the_image() {
        let tau: Vec<f64> = (0..12).map(f64::from).collect();
        let mut out = Vec::new();
        // Four pixels are a coefficient of scale 2.
        for (shift, expected) in [
            ([0, 0], 0.0),
            ([4, 0], 8.0),
            ([0, 4], 3.0),
            ([1, 1], 0.0),
            ([2, 3], 11.0),
        ] {
            move_variance(&tau, &band(3, 4, 2), shift, &mut out);
            assert_eq!(out[0] * 2.0, expected, "{shift:?}");
        }
    }

    /// What is left after the whole correction is orthogonal to the noise that came in, and as large as predicted.
    #[test]
    fn the_corrected_error_is_orthogonal_and_known() {
        use rand::SeedableRng;
        use rand_distr::{Distribution, StandardNormal};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let band = band(96, 96, 1);
        let (mut tau, mut truth, mut noise) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..band.grid.len() {
            // Some of it has no noise, as where no coil sees.
            let variance = if at % 96 < 10 { 0.0 } else { 0.5 + (at % 3) as f64 };
            let strong = if (at / 7) % 11 == 0 { 4.0 } else { 0.1 };
            tau.push(variance);
            truth.push(Complex::new(normal() * strong, normal() * 0.1 * strong));
            noise.push(Complex::new(normal(), normal()) * (variance / 2.0).sqrt());
        }
        let mut w: Vec<_> = truth.iter().zip(&noise).map(|(t, n)| t + n).collect();
        let mut hat = w.clone();
        let form = Form::Unbiased { damping: 0.5 };
        let result = denoise(&mut w, &mut hat, &band, &tau, [0, 0], form, &mut Workspace::default());
        let product = |w: &[Complex<f64>]| -> f64 {
            let pairs = w.iter().zip(&truth).zip(&noise);
            pairs.map(|((w, t), n)| (w - t).re * n.re + (w - t).im * n.im).sum()
        };
        let of_noise: f64 = noise.iter().map(|n| n.norm_sqr()).sum();
        assert!(product(&w).abs() < 0.03 * of_noise, "{} of {of_noise}", product(&w));
        assert!(product(&hat) > 0.1 * of_noise);
        let error: f64 = w.iter().zip(&truth).map(|(w, t)| (w - t).norm_sqr()).sum();
        assert!((result.error / error - 1.0).abs() < 0.1, "{} of {error}", result.error);
        assert!(result.finest);
    }
}
