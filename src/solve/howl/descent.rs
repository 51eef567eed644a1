use ndarray::{ArrayView2, Axis};
use num_complex::Complex;

use super::guard::Look;
use super::noise::{Noise, mean_energy};
use super::schedule::Denoiser;
use crate::array::{Grid, ImageSets, LANES, Real, vectorised};
use crate::denoise::{LocalWiener, SimilarPatches, WienerWorkspace};
use crate::fourier::Fourier;
use crate::operator::{Samples, sample_energies};
use crate::solve::Problem;
use crate::solve::folded::{Folded, phase};
use crate::solve::momentum::Momentum;
use crate::wavelet::{Frame, Wavelet};

/// Wedges of each octave of the directional frame.
const ORIENTATIONS: usize = 6;
/// κ: the noise variance that the denoiser is given, relative to that of the residual.
const FRAME_SHARE: f64 = 1.2;
/// The same for similar patches.
const PATCH_SHARE: f64 = 0.66;

/// Accelerated proximal gradient descent (Beck & Teboulle 2009), with denoisers in the place of the proximal map, which
/// alternate from iteration to iteration.
pub(super) struct Descent<T: Real> {
    momentum: Momentum<T>,
    step_length: f64,
    iteration: usize,
    /// `y − A x` at the latest point measured.
    residual: Samples<T>,
    fourier: Fourier<T>,
    frames: [LocalWiener<T>; 3],
    work: WienerWorkspace<T>,
    /// The image with its phase.
    unfolded: ImageSets<T>,
    /// Of each set of maps, once they were looked for.
    patches: Option<Vec<SimilarPatches>>,
    noise: Noise,
}

impl<T: Real> Descent<T> {
    pub(super) fn new(operator: &Folded<T>, start: ImageSets<T>, scales: usize) -> Self {
        let problem = &operator.problem;
        let grid = problem.encoding.grid();
        let fourier = Fourier::new(grid);
        let frames = [
            LocalWiener::undecimated(scales, wavelet("db4"), &fourier),
            LocalWiener::undecimated(scales, wavelet("haar"), &fourier),
            LocalWiener::new(&Frame::directional(grid, scales, ORIENTATIONS), &fourier),
        ];
        Self {
            unfolded: start.clone(),
            momentum: Momentum::new(start),
            step_length: problem.step_length(),
            iteration: 0,
            residual: Samples::zeros(problem.data.dim()),
            frames,
            work: WienerWorkspace::new(&fourier, scales, scales * ORIENTATIONS),
            patches: None,
            noise: Noise::of(problem),
            fourier,
        }
    }

    /// Measures the residual where the next step starts, and gives the gradient there.
    pub(super) fn look_ahead(&mut self, operator: &Folded<T>) -> ImageSets<T> {
        operator.gradient(&self.momentum.ahead, None, &mut self.unfolded, &mut self.residual)
    }

    /// Measures the residual of x, and gives the gradient there.
    fn look(&mut self, operator: &Folded<T>) -> ImageSets<T> {
        operator.gradient(&self.momentum.x, None, &mut self.unfolded, &mut self.residual)
    }

    /// Complex noise variance of a sample, as the latest residual shows it.
    pub(super) fn noise(&self, operator: &Folded<T>) -> f64 {
        self.noise.variance(&self.residual, &operator.problem)
    }

    /// What the residual [ahead](Self::look_ahead) shows, with its gradient and [noise](Self::noise); `None` where
    /// images can explain any data. `data` is the energy of the samples.
    pub(super) fn judge(&self, operator: &Folded<T>, gradient: &ImageSets<T>, noise: f64, data: f64) -> Option<Look> {
        let Problem { encoding, measured, .. } = &*operator.problem;
        let free = encoding.coils().saturating_sub(encoding.sets());
        if free == 0 {
            return None;
        }
        let energies = sample_energies(&self.residual);
        // y = A v + z and ⟨A v, z⟩ = ⟨v, Aᴴ z⟩, so that |A v|² = |y|² − 2 ⟨v, Aᴴ z⟩ − |z|².
        let explained = inner_product_with_next(&self.unfolded, gradient, T::of(1.0 / self.step_length));
        Some(Look {
            unseen: explained - data + energies.iter().sum::<f64>(),
            mean: mean_energy(&energies, measured, free),
            noise,
        })
    }

    /// One iteration from the gradient [ahead](Self::look_ahead). `noise` is the variance of a sample that the denoiser
    /// is to remove. Returns the variance of a complex pixel that the denoiser was given.
    pub(super) fn step(&mut self, operator: &Folded<T>, gradient: ImageSets<T>, denoiser: Denoiser, noise: f64) -> f64 {
        let length = T::of(self.step_length);
        let mut next = operator.step(&self.momentum.ahead, length, gradient);
        let noise = self.step_length * noise;
        let variance = match denoiser {
            Denoiser::Patches => self.denoise_patches(&mut next, noise),
            Denoiser::Frame => self.denoise_frame(&mut next, noise),
        };
        self.momentum.advance(next);
        self.iteration += 1;
        variance
    }

    fn denoise_frame(&mut self, images: &mut ImageSets<T>, noise: f64) -> f64 {
        let variance = FRAME_SHARE * noise;
        let denoiser = &self.frames[self.iteration % self.frames.len()];
        for mut image in images.axis_iter_mut(Axis(0)) {
            let plane = image.as_slice_mut().expect("standard layout");
            denoiser.denoise(plane, variance / 2.0, &self.fourier, &mut self.work);
        }
        variance
    }

    fn denoise_patches(&mut self, images: &mut ImageSets<T>, noise: f64) -> f64 {
        if self.patches.is_none() {
            self.patches = find_patches(self.fourier.grid(), &self.momentum.x);
        }
        let Some(patches) = &self.patches else {
            return self.denoise_frame(images, noise);
        };
        let variance = PATCH_SHARE * noise;
        for (mut image, patches) in images.axis_iter_mut(Axis(0)).zip(patches) {
            let plane = image.as_slice_mut().expect("standard layout");
            patches.denoise(plane, T::of(variance / 2.0));
        }
        variance
    }

    /// `x + ½ step · Aᴴ z`, with z the residual of x: half a step towards the data. A whole step would bring back their
    /// noise, none would lose the detail that the denoiser removed.
    pub(super) fn consistent(&mut self, operator: &Folded<T>) -> ImageSets<T> {
        let gradient = self.look(operator);
        operator.step(&self.momentum.x, T::of(0.5 * self.step_length), gradient)
    }

    /// Takes out what is left of the slow phase.
    pub(super) fn refold(&mut self, operator: &mut Folded<T>) {
        let more = phase::of_image(&self.momentum.x, &self.fourier);
        operator.refold(&more, [&mut self.momentum.x, &mut self.momentum.ahead]);
    }
}

/// Real part of `⟨v, share · v + 2 g⟩`.
fn inner_product_with_next<T: Real>(v: &ImageSets<T>, g: &ImageSets<T>, share: T) -> f64 {
    let [v, g] = [v, g].map(|x| x.as_slice().expect("standard layout"));
    vectorised(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            for (v, g) in v.chunks(LANES).zip(g.chunks(LANES)) {
                for (lane, (v, g)) in lanes.iter_mut().zip(v.iter().zip(g)) {
                    let next = v * share + g + g;
                    *lane += (v.re * next.re + v.im * next.im).wide();
                }
            }
            lanes.iter().sum()
        },
    )
}

fn wavelet(name: &str) -> &'static Wavelet {
    Wavelet::find(name).expect("in the table")
}

/// `None` for images too small.
fn find_patches<T: Real>(grid: Grid, x: &ImageSets<T>) -> Option<Vec<SimilarPatches>> {
    let of_image = |image: ArrayView2<Complex<T>>| {
        let real: Vec<T> = image.iter().map(|v| v.re).collect();
        SimilarPatches::find(grid, &real)
    };
    x.outer_iter().map(of_image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Mask, energy};
    use ndarray::{Array2, Array3, Array4};
    use std::sync::Arc;

    #[test]
    fn what_no_sample_shows_is_the_rest_of_the_energy() {
        let grid = Grid::new(18, 20);
        let value = |at: usize| Complex::new((at as f64 * 0.7).sin(), (at as f64 * 0.3).cos());
        let kspace = Array3::from_shape_fn((3, 18, 20), |(coil, r, c)| value(coil * 97 + r * 13 + c * c));
        // Σ |S|² is 1 in one case, and at most 3 in the other.
        for gain in [1.0, 3f64.sqrt()] {
            let maps = Array4::from_shape_fn((1, 3, 18, 20), |(_, coil, r, c)| {
                Complex::from_polar(gain / 3f64.sqrt(), (coil * (r + 2 * c)) as f64 * 0.1)
            });
            let mask = Mask::new(Array2::from_shape_fn(grid.dim(), |(r, c)| (r * 3 + c) % 4 < 2));
            let probability = Array2::from_elem(grid.dim(), 0.5);
            let problem = Problem::new(kspace.view(), &mask, &probability, maps, Array2::zeros((3, 3))).unwrap();
            let operator = Folded::new(&Arc::new(problem));
            let Problem { encoding, data, .. } = &*operator.problem;
            let mut descent = Descent::new(&operator, operator.adjoint(data, None), 1);
            let gradient = descent.look_ahead(&operator);
            let look = descent.judge(&operator, &gradient, 0.5, energy(data)).unwrap();
            let image = operator.unfold(&descent.momentum.ahead);
            let seen = encoding.forward(&image);
            let expected = gain * gain * energy(&image) - energy(&seen);
            assert!(
                (look.unseen / expected - 1.0).abs() < 1e-9,
                "{} of {expected}",
                look.unseen
            );
            let mean = energy(&(data - &seen)) / (2.0 * data.dim().1 as f64);
            assert!((look.mean / mean - 1.0).abs() < 1e-9 && look.noise == 0.5);
        }
    }
}
