use ndarray::{ArrayView2, Axis};
use num_complex::Complex;

use super::guard::Look;
use super::noise::{Noise, mean_energy};
use super::schedule::Denoiser;
use crate::array::{Grid, ImageSets, Real, energy, vectorised};
use crate::denoise::{LocalWiener, SimilarPatches, WienerWorkspace};
use crate::fourier::Fourier;
use crate::operator::Samples;
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

    /// What the residual [ahead](Self::look_ahead) shows, with its gradient and [noise](Self::noise); `None` where images
    /// can explain any data. `data` is the energy of the samples.
    pub(super) fn judge(&self, operator: &Folded<T>, gradient: &ImageSets<T>, noise: f64, data: f64) -> Option<Look> {
        let Problem { encoding, measured, .. } = &*operator.problem;
        let free = encoding.coils().saturating_sub(encoding.sets());
        let residual = energy(&self.residual);
        // y = A v + z and ⟨A v, z⟩ = ⟨v, Aᴴ z⟩.
        let seen = data - 2.0 * inner_product(&self.unfolded, gradient) - residual;
        (free > 0).then(|| Look {
            unseen: energy(&self.unfolded) / self.step_length - seen,
            mean: mean_energy(&self.residual, measured, free),
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

/// Real part of `⟨a, b⟩`.
fn inner_product<T: Real>(a: &ImageSets<T>, b: &ImageSets<T>) -> f64 {
    let [a, b] = [a, b].map(|x| x.as_slice().expect("standard layout"));
    vectorised(
        #[inline(always)]
        || {
            let terms = a.iter().zip(b);
            terms.map(|(a, b)| (a.re * b.re + a.im * b.im).wide()).sum()
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
