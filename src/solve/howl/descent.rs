use ndarray::{ArrayView2, Axis};
use num_complex::Complex;

use super::guard::Look;
use super::schedule::Denoiser;
use crate::array::{Grid, ImageSets, Real, energy, vectorised};
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
/// Samples farthest from the origin that show the noise where the residual does not: one of so many.
const FAR: usize = 10;
/// The fewest of them.
const FEWEST: usize = 20;

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
    /// Noise of a sample, where the residual cannot show it.
    noise: Option<f64>,
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
            noise: far_noise(problem),
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
        let (measured, sets) = (&operator.problem.measured, self.momentum.x.dim().0);
        self.noise
            .unwrap_or_else(|| residual_noise(&self.residual, measured, sets))
    }

    /// What the residual [ahead](Self::look_ahead) shows, with its gradient and [noise](Self::noise); `None` where images
    /// can explain any data. `data` is the energy of the samples.
    pub(super) fn judge(&self, operator: &Folded<T>, gradient: &ImageSets<T>, noise: f64, data: f64) -> Option<Look> {
        let Problem { encoding, measured, .. } = &*operator.problem;
        let free = encoding.coils().saturating_sub(encoding.sets());
        let count = measured.iter().filter(|&&measured| measured).count();
        let residual = energy(&self.residual);
        // y = A v + z and ⟨A v, z⟩ = ⟨v, Aᴴ z⟩.
        let seen = data - 2.0 * inner_product(&self.unfolded, gradient) - residual;
        (free > 0).then(|| Look {
            unseen: energy(&self.unfolded) - seen,
            mean: residual / (free * count.max(1)) as f64,
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

/// Complex noise variance of a sample, from the residuals of those measured: robust against the few in
/// which the image is not yet right. Of nc coils the images take one coil's part for each set of maps; the others are
/// left.
fn residual_noise<T: Real>(residual: &Samples<T>, measured: &[bool], sets: usize) -> f64 {
    let coils = residual.dim().0;
    let energies = sample_energies(residual).into_iter().zip(measured);
    let energies = energies
        .filter(|&(_, &measured)| measured)
        .map(|(energy, _)| energy)
        .collect();
    median_noise(energies, coils - sets)
}

/// The same where there are no more coils than images, so that these can explain all data: from the samples farthest
/// from the origin, which hold the least signal. `None` where the residual shows it.
fn far_noise<T: Real>(problem: &Problem<T>) -> Option<f64> {
    let encoding = &problem.encoding;
    if encoding.coils() > encoding.sets() {
        return None;
    }
    let grid = encoding.grid();
    let radius = |at: u32| grid.radius(at as usize / grid.cols, at as usize % grid.cols);
    let energies = sample_energies(&problem.data);
    let mut far: Vec<(f64, f64)> = encoding.sampled().iter().map(|&at| radius(at)).zip(energies).collect();
    let mut noisy = problem.measured.iter();
    far.retain(|_| noisy.next().copied().unwrap_or(true));
    far.sort_by(|a, b| b.0.total_cmp(&a.0));
    far.truncate((far.len() / FAR).max(FEWEST));
    let energies = far.into_iter().map(|(_, energy)| energy).collect();
    Some(median_noise(energies, encoding.coils()))
}

/// Variance of one of `coils` complex values, from the median over samples of the sum of their energies.
fn median_noise(mut energies: Vec<f64>, coils: usize) -> f64 {
    if energies.is_empty() {
        return 0.0;
    }
    let middle = energies.len() / 2;
    let (_, median, _) = energies.select_nth_unstable_by(middle, f64::total_cmp);
    let count = coils as f64;
    // Median of a Gamma distribution over its mean, after Wilson and Hilferty.
    *median / count / (1.0 - 1.0 / (9.0 * count)).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_noise_of_residuals_is_found() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut gauss = || -> f64 { StandardNormal.sample(&mut rng) };
        for (coils, sets) in [(2, 1), (8, 1), (8, 2), (32, 1)] {
            let mut residual = Samples::zeros((coils, 20_000));
            let mut left = residual.slice_mut(ndarray::s![..coils - sets, ..]);
            left.mapv_inplace(|_| Complex::new(gauss(), gauss()));
            let mut noisy = vec![true; 20_000];
            let (found, expected) = (residual_noise(&residual, &noisy, sets), 2.0);
            assert!(
                (found / expected - 1.0).abs() < 0.03,
                "{coils} coils: {found} of {expected}"
            );
            residual.slice_mut(ndarray::s![.., 9_000..]).fill(Complex::ZERO);
            noisy[9_000..].fill(false);
            let padded = residual_noise(&residual, &noisy, sets);
            assert!(
                (padded / expected - 1.0).abs() < 0.05,
                "{coils} coils: {padded} of {expected} beside padding"
            );
        }
        assert_eq!(residual_noise(&Samples::<f64>::zeros((4, 0)), &[], 1), 0.0);
    }
}
