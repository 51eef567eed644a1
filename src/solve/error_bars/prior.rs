use std::f64::consts::FRAC_1_SQRT_2;

use ndarray::{Array2, Array3, Zip};
use num_complex::Complex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::smooth::smooth;
use crate::array::{ImageSets, Real};
use crate::fourier::{Fourier, Scratch};
use crate::operator::Samples;
use crate::solve::conjugate_gradients::{ConjugateGradients, add_scaled};
use crate::solve::folded::Folded;
use crate::wavelet::Frame;

/// Steps of conjugate gradients in a correction.
const STEPS: usize = 6;
/// Least noise variance of a sample, relative to the median.
const QUIETEST: f64 = 0.2;
/// How many times the noise counts in a correction. What is left where there are data is mostly noise, which a
/// correction that trusts them would bring back.
const CAUTION: f64 = 3.0;
/// Share of the error that is everywhere on the object, against where the image has detail.
const FLOOR: f64 = 0.5;
/// Most that detail counts for, in multiples of the root of its mean.
const MOST_DETAIL: f64 = 6.0;
/// Magnitude, relative to the largest, at which a pixel counts half as object.
const EDGE: f64 = 0.04;
/// Finest bands that detail is judged by, and their weights.
const DETAIL: [f64; 6] = [1.0, 1.0, 1.0, 0.25, 0.25, 0.25];

/// What is known of an image's error beforehand: `e = envelope · F⁻¹ √spectrum · ξ` with ξ white. And the linear
/// estimate of it that the data allow.
pub(super) struct ErrorPrior<T: Real> {
    fourier: Fourier<T>,
    /// Root of the variance at each location of k-space.
    root: Vec<T>,
    /// `(sets, rows, cols)`; the mean squares of all sets add up to 1.
    envelope: Array3<T>,
    /// Noise variance of each sample, 0 in zero padding, and what a sample counts: 1 where the noise is at the median.
    noise: Vec<f64>,
    weights: Vec<T>,
    /// What the correction takes for the noise variance where the weight is 1.
    level: T,
}

impl<T: Real> ErrorPrior<T> {
    /// `spectrum` is the variance of the error at each location of k-space as if nothing were sampled there, `noise`
    /// that of a sample.
    pub(super) fn new(
        spectrum: &[f64],
        noise: &Array2<f64>,
        x: &ImageSets<T>,
        frame: &Frame<T>,
        operator: &Folded<T>,
    ) -> Self {
        let encoding = &operator.problem.encoding;
        let fourier = Fourier::new(encoding.grid());
        let noise = noise.as_slice().expect("standard layout");
        let samples = encoding.sampled().iter().zip(&operator.problem.measured);
        let noise: Vec<f64> = samples
            .map(|(&at, &measured)| if measured { noise[at as usize] } else { 0.0 })
            .collect();
        let mut sorted: Vec<f64> = noise.iter().copied().filter(|&noise| noise > 0.0).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let level = sorted
            .get(sorted.len() / 2)
            .copied()
            .unwrap_or(0.0)
            .max(f64::MIN_POSITIVE);
        let weight = |&noise: &f64| T::of(level / noise.max(QUIETEST * level));
        Self {
            root: of_sampled(spectrum, encoding.sampled(), &noise),
            envelope: envelope(x, frame, &fourier),
            weights: noise.iter().map(weight).collect(),
            level: T::of(CAUTION * level),
            noise,
            fourier,
        }
    }

    /// The linear minimum mean square estimate of the error whose residual is `residual`, by a few steps of conjugate
    /// gradients from 0.
    pub(super) fn correction(&self, operator: &Folded<T>, residual: &Samples<T>) -> ImageSets<T> {
        let mut scratch = self.fourier.scratch();
        let start = self.whiten(operator.adjoint(residual, Some(&self.weights)), &mut scratch);
        let mut gradients = ConjugateGradients::new(start);
        for _ in 0..STEPS {
            let moved = gradients.step(|white| {
                let data = operator.forward(&self.colour(white.clone(), &mut scratch));
                let mut turned = self.whiten(operator.adjoint(&data, Some(&self.weights)), &mut scratch);
                add_scaled(&mut turned, self.level, white);
                turned
            });
            if !moved {
                break;
            }
        }
        self.colour(gradients.x, &mut scratch)
    }

    /// What the correction leaves of an error drawn from the prior, with noise in the data: `|e − correction|²` of each
    /// pixel (Rizzo et al. 2020; pseudo-replicas, Robson et al. 2008).
    pub(super) fn probe(&self, operator: &Folded<T>, seed: u64, number: u64) -> Array3<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number + 1);
        let mut normal = || -> Complex<T> {
            let mut part = || -> f64 { StandardNormal.sample(&mut rng) };
            Complex::new(T::of(part() * FRAC_1_SQRT_2), T::of(part() * FRAC_1_SQRT_2))
        };
        let white = ImageSets::from_shape_simple_fn(self.envelope.dim(), &mut normal);
        let error = self.colour(white, &mut self.fourier.scratch());
        let mut data = operator.forward(&error);
        for mut coil in data.outer_iter_mut() {
            for (value, noise) in coil.iter_mut().zip(&self.noise) {
                *value += normal() * T::of(noise.sqrt());
            }
        }
        let correction = self.correction(operator, &data);
        Zip::from(&error)
            .and(&correction)
            .map_collect(|e, c| (e - c).norm_sqr().wide())
    }

    /// `envelope · F⁻¹ √spectrum · white`.
    fn colour(&self, mut white: ImageSets<T>, scratch: &mut Scratch<T>) -> ImageSets<T> {
        for mut set in white.outer_iter_mut() {
            let plane = set.as_slice_mut().expect("standard layout");
            plane.iter_mut().zip(&self.root).for_each(|(v, &root)| *v *= root);
            self.fourier.inverse(plane, scratch);
        }
        white.zip_mut_with(&self.envelope, |v, &e| *v *= e);
        white
    }

    /// The adjoint of [`Self::colour`].
    fn whiten(&self, mut image: ImageSets<T>, scratch: &mut Scratch<T>) -> ImageSets<T> {
        image.zip_mut_with(&self.envelope, |v, &e| *v *= e);
        for mut set in image.outer_iter_mut() {
            let plane = set.as_slice_mut().expect("standard layout");
            self.fourier.forward(plane, scratch);
            plane.iter_mut().zip(&self.root).for_each(|(v, &root)| *v *= root);
        }
        image
    }
}

/// Root of the spectrum, where a sample of the noise's variance makes its location as certain as the two allow.
fn of_sampled<T: Real>(spectrum: &[f64], sampled: &[u32], noise: &[f64]) -> Vec<T> {
    let mut root: Vec<T> = spectrum.iter().map(|v| T::of(v.sqrt())).collect();
    for (&at, &noise) in sampled.iter().zip(noise) {
        let prior = spectrum[at as usize];
        let posterior = prior * noise / (prior + noise).max(f64::MIN_POSITIVE);
        root[at as usize] = T::of(posterior.sqrt());
    }
    root
}

/// Standard deviation of the real part and of the imaginary part, from probes.
pub(super) fn deviation<T: Real>(probes: &Array3<f64>, count: usize) -> Array3<T> {
    let mut out = Array3::zeros(probes.dim());
    for (mut out, sum) in out.outer_iter_mut().zip(probes.outer_iter()) {
        let variance = smooth(&sum.to_owned(), 2.0) / (2.0 * count as f64);
        Zip::from(&mut out)
            .and(&variance)
            .for_each(|out, &v| *out = T::of(v.sqrt()));
    }
    out
}

/// Where the error is likely: on the object, and more so where the image has detail.
fn envelope<T: Real>(x: &ImageSets<T>, frame: &Frame<T>, fourier: &Fourier<T>) -> Array3<T> {
    let squares: Vec<Array2<f64>> = x
        .outer_iter()
        .map(|image| likely(&image.to_owned(), frame, fourier))
        .collect();
    // Of all sets together, as the spectrum is.
    let mean = squares.iter().map(|s| s.sum()).sum::<f64>() / fourier.grid().len() as f64;
    let mut out = Array3::zeros(x.dim());
    for (mut out, squares) in out.outer_iter_mut().zip(&squares) {
        Zip::from(&mut out)
            .and(squares)
            .for_each(|out, &square| *out = T::of((square / mean).sqrt()));
    }
    out
}

fn likely<T: Real>(image: &Array2<Complex<T>>, frame: &Frame<T>, fourier: &Fourier<T>) -> Array2<f64> {
    let magnitude = smooth(&image.mapv(|v| v.norm().wide()), 2.5);
    let largest = magnitude.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let detail = smooth(&detail(image, frame, fourier), 2.0);
    let mean = detail.mean().unwrap_or(0.0).max(f64::MIN_POSITIVE);
    Zip::from(&magnitude).and(&detail).map_collect(|&magnitude, &detail| {
        let square = (magnitude / largest).powi(2);
        let object = square / (square + EDGE * EDGE);
        (FLOOR + (1.0 - FLOOR) * (detail / mean).sqrt().min(MOST_DETAIL)) * object + 1e-3
    })
}

/// Energy of an image's finest bands.
fn detail<T: Real>(image: &Array2<Complex<T>>, frame: &Frame<T>, fourier: &Fourier<T>) -> Array2<f64> {
    let mut scratch = fourier.scratch();
    let mut spectrum = image.as_standard_layout().into_owned();
    fourier.forward(spectrum.as_slice_mut().expect("standard layout"), &mut scratch);
    let spectrum = spectrum.as_slice().expect("standard layout");
    let mut plane = spectrum.to_vec();
    let mut sum = Array2::zeros(image.dim());
    let details = frame.bands.len() - 1;
    for (band, weight) in frame.bands[..details].iter().zip(DETAIL) {
        band.apply(spectrum, &mut plane);
        fourier.inverse(&mut plane, &mut scratch);
        sum.iter_mut()
            .zip(&plane)
            .for_each(|(sum, v)| *sum += weight * v.norm_sqr().wide());
    }
    sum
}
