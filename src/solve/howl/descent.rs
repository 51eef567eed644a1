use ndarray::{Axis, Zip};

use super::folded::Folded;
use super::phase;
use crate::array::{ImageSets, Real};
use crate::denoise::{LocalWiener, WienerWorkspace};
use crate::fourier::Fourier;
use crate::operator::Samples;
use crate::wavelet::{Frame, Wavelet};

/// Wedges of each octave of the directional frame.
const ORIENTATIONS: usize = 6;
/// κ: share of the residual's noise that the denoiser is told.
const SHARE: f64 = 0.8;

/// Accelerated proximal gradient descent (Beck & Teboulle 2009), with a denoiser in the place of the proximal map that
/// is another in every iteration.
pub struct Descent<T: Real> {
    pub x: ImageSets<T>,
    /// Where the next gradient is taken: x and the momentum.
    ahead: ImageSets<T>,
    momentum: f64,
    step_length: f64,
    iteration: usize,
    /// `y − A x` at the latest point measured.
    pub residual: Samples<T>,
    fourier: Fourier<T>,
    denoisers: Vec<LocalWiener<T>>,
    work: WienerWorkspace<T>,
}

impl<T: Real> Descent<T> {
    pub fn new(operator: &Folded<T>, start: ImageSets<T>, scales: usize) -> Self {
        let problem = operator.problem;
        let grid = problem.encoding.grid();
        let [db4, haar] = ["db4", "haar"].map(|name| Wavelet::find(name).expect("in the table"));
        let frames = [
            Frame::undecimated(grid, scales, db4),
            Frame::undecimated(grid, scales, haar),
            Frame::directional(grid, scales, ORIENTATIONS),
        ];
        let fourier = Fourier::new(grid);
        Self {
            ahead: start.clone(),
            x: start,
            momentum: 1.0,
            step_length: problem.step_length(),
            iteration: 0,
            residual: Samples::zeros(problem.data.dim()),
            denoisers: frames.into_iter().map(LocalWiener::new).collect(),
            work: WienerWorkspace::new(&fourier),
            fourier,
        }
    }

    /// The undecimated wavelet frame.
    pub fn wavelet_frame(&self) -> &Frame<T> {
        self.denoisers[0].frame()
    }

    /// Measures the residual where the next step starts.
    pub fn look_ahead(&mut self, operator: &Folded<T>) {
        operator.residual(&self.ahead, &mut self.residual);
    }

    /// Measures the residual of x.
    pub fn look(&mut self, operator: &Folded<T>) {
        operator.residual(&self.x, &mut self.residual);
    }

    /// One iteration from the residual [ahead](Self::look_ahead), of the samples with weight 1. The denoiser is told
    /// `factor` times the noise's standard deviation. Returns the variance it was told, of a complex pixel.
    pub fn step(&mut self, operator: &Folded<T>, weights: Option<&[T]>, factor: f64) -> f64 {
        let mut next = operator.adjoint(&self.residual, weights);
        self.add_step(&mut next, &self.ahead);
        let noise = SHARE * self.step_length * residual_noise(&self.residual, weights) * factor * factor;
        let denoiser = &self.denoisers[self.iteration % self.denoisers.len()];
        for mut image in next.axis_iter_mut(Axis(0)) {
            let plane = image.as_slice_mut().expect("standard layout");
            denoiser.denoise(plane, noise / 2.0, &self.fourier, &mut self.work);
        }
        self.advance(next);
        noise
    }

    /// `x + step · Aᴴ z`, with z the residual [of x](Self::look): x, and what the data say against it.
    pub fn consistent(&self, operator: &Folded<T>) -> ImageSets<T> {
        let mut image = operator.adjoint(&self.residual, None);
        self.add_step(&mut image, &self.x);
        image
    }

    /// Takes out what is left of the slow phase.
    pub fn refold(&mut self, operator: &mut Folded<T>) {
        let more = phase::of_image(&self.x, &self.fourier);
        operator.refold(&more, [&mut self.x, &mut self.ahead]);
    }

    /// Drops the momentum.
    pub fn rest(&mut self) {
        self.ahead.assign(&self.x);
        self.momentum = 1.0;
    }

    /// `gradient ← from + step · gradient`.
    fn add_step(&self, gradient: &mut ImageSets<T>, from: &ImageSets<T>) {
        let length = T::of(self.step_length);
        Zip::from(gradient).and(from).for_each(|g, &x| *g = x + *g * length);
    }

    fn advance(&mut self, next: ImageSets<T>) {
        let grown = (1.0 + (1.0 + 4.0 * self.momentum * self.momentum).sqrt()) / 2.0;
        let carry = T::of((self.momentum - 1.0) / grown);
        self.momentum = grown;
        Zip::from(&mut self.ahead)
            .and(&next)
            .and(&self.x)
            .for_each(|ahead, &new, &old| *ahead = new + (new - old) * carry);
        self.x = next;
        self.iteration += 1;
    }
}

/// Complex noise variance of a sample, from the residuals of those with weight 1: robust against the few in which the
/// image is not yet right, and larger by what the image explains of the noise.
fn residual_noise<T: Real>(residual: &Samples<T>, weights: Option<&[T]>) -> f64 {
    let coils = residual.dim().0;
    let mut energies: Vec<f64> = vec![0.0; residual.dim().1];
    for of_coil in residual.outer_iter() {
        let pairs = energies.iter_mut().zip(&of_coil);
        pairs.for_each(|(sum, v)| *sum += v.norm_sqr().wide());
    }
    if let Some(weights) = weights {
        let mut counts = weights.iter().map(|&weight| weight > T::zero());
        energies.retain(|_| counts.next().unwrap_or(true));
    }
    if energies.is_empty() {
        return 0.0;
    }
    let middle = energies.len() / 2;
    let (_, median, _) = energies.select_nth_unstable_by(middle, f64::total_cmp);
    let count = coils as f64;
    // Median of a Gamma distribution over its mean, after Wilson and Hilferty.
    let of_mean = (1.0 - 1.0 / (9.0 * count)).powi(3);
    *median / count / of_mean * explained(coils)
}

/// `nc/(nc − 1)`: of the noise in nc coils, the image takes one coil's part. Of a single coil it takes half.
fn explained(coils: usize) -> f64 {
    match coils {
        1 => 2.0,
        _ => coils as f64 / (coils - 1) as f64,
    }
}
