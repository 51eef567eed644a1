//! HOWL: held-out, residual-noise-tuned Wiener reconstruction. `docs/howl.md` has the equations.

mod phase;

use ndarray::{Axis, Zip};
use num_complex::Complex;

use super::{Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real};
use crate::denoise::{LocalWiener, WienerWorkspace};
use crate::fourier::Fourier;
use crate::operator::Samples;
use crate::sampling;
use crate::wavelet::{Frame, Wavelet};

/// Wedges of each octave of the directional frame.
const ORIENTATIONS: usize = 6;
/// κ: share of the residual's noise that the denoiser is told.
const SHARE: f64 = 0.8;
/// Iteration at which the phase is taken anew, as a share of all.
const REFOLD: f64 = 0.4;

pub struct Howl<'a, T: Real> {
    problem: &'a Problem<T>,
    fourier: Fourier<T>,
    /// Used in turn.
    denoisers: Vec<LocalWiener<T>>,
    work: WienerWorkspace<T>,
    schedule: Schedule,
    step: f64,
    /// Of the image, as unit numbers: `image = phase · x`, with x nearly real.
    phase: ImageSets<T>,
    iteration: usize,
    x: ImageSets<T>,
    /// Where the next gradient is taken: x and the momentum.
    ahead: ImageSets<T>,
    momentum: f64,
    residual: Samples<T>,
}

/// How strong the denoiser is, iteration by iteration.
#[derive(Clone, Copy)]
struct Schedule {
    iterations: usize,
    /// Factor of the noise at the start.
    start: f64,
}

impl Schedule {
    fn new<T: Real>(problem: &Problem<T>, tuning: &Tuning) -> Self {
        let lines = sampling::line_axis(&problem.encoding.mask()).is_some();
        let (iterations, start) = if lines { (60, 8.0) } else { (30, 4.0) };
        Self {
            iterations: tuning.iterations.unwrap_or(iterations),
            start,
        }
    }

    /// Factor of the standard deviation of the noise.
    fn factor(&self, iteration: usize) -> f64 {
        let passed = iteration as f64 / self.iterations as f64;
        self.start.powf(1.0 - 2.0 * passed).max(1.0)
    }
}

impl<'a, T: Real> Howl<'a, T> {
    pub fn new(problem: &'a Problem<T>, tuning: &Tuning) -> Self {
        let grid = problem.encoding.grid();
        let [db4, haar] = ["db4", "haar"].map(|name| Wavelet::find(name).expect("in the table"));
        let frames = [
            Frame::undecimated(grid, tuning.scales, db4),
            Frame::undecimated(grid, tuning.scales, haar),
            Frame::directional(grid, tuning.scales, ORIENTATIONS),
        ];
        let fourier = Fourier::new(grid);
        let phase = phase::of_centre(problem);
        let mut start = problem.zero_filled();
        fold(&mut start, &phase);
        Self {
            denoisers: frames.into_iter().map(LocalWiener::new).collect(),
            work: WienerWorkspace::new(&fourier),
            schedule: Schedule::new(problem, tuning),
            step: problem.step_length(),
            phase,
            iteration: 0,
            ahead: start.clone(),
            x: start,
            momentum: 1.0,
            residual: Samples::zeros(problem.data.dim()),
            fourier,
            problem,
        }
    }

    /// `y − A x`, into the residual.
    fn measure(&mut self, x: &ImageSets<T>) {
        let mut image = x.clone();
        unfold(&mut image, &self.phase);
        self.problem
            .encoding
            .residual(&self.problem.data, &image, &mut self.residual);
    }

    /// `x + step · Aᴴ z`, with z the residual.
    fn descend(&self, x: &ImageSets<T>) -> ImageSets<T> {
        let mut step = self.problem.encoding.adjoint(&self.residual, None);
        fold(&mut step, &self.phase);
        let length = T::of(self.step);
        Zip::from(&mut step).and(x).for_each(|s, &x| *s = x + *s * length);
        step
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
    }

    fn refold(&mut self) {
        let turn = phase::of_image(&self.x, &self.fourier);
        fold(&mut self.x, &turn);
        fold(&mut self.ahead, &turn);
        unfold(&mut self.phase, &turn);
    }
}

impl<T: Real> Solver<T> for Howl<'_, T> {
    fn step(&mut self) -> Step {
        if self.iteration == (REFOLD * self.schedule.iterations as f64) as usize {
            self.refold();
        }
        let ahead = self.ahead.clone();
        self.measure(&ahead);
        let noise = residual_noise(&self.residual);
        let factor = self.schedule.factor(self.iteration);
        let variance = SHARE * self.step * noise / 2.0 * factor * factor;
        let mut next = self.descend(&ahead);
        let denoiser = &self.denoisers[self.iteration % self.denoisers.len()];
        for mut image in next.axis_iter_mut(Axis(0)) {
            let plane = image.as_slice_mut().expect("standard layout");
            denoiser.denoise(plane, variance, &self.fourier, &mut self.work);
        }
        self.advance(next);
        self.iteration += 1;
        let verdict = match self.iteration == self.schedule.iterations {
            true => Verdict::Stop(StopReason::Iterations),
            false => Verdict::Continue,
        };
        Step {
            bands: Vec::new(),
            kept: self.iteration,
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        let x = self.x.clone();
        self.measure(&x);
        let mut image = self.descend(&x);
        unfold(&mut image, &self.phase);
        image
    }

    fn planned(&self) -> Option<usize> {
        Some(self.schedule.iterations)
    }
}

/// Complex noise variance of a sample, from its residuals over coils: robust against the few samples in which the
/// image is not yet right, and larger by what the image explains of the noise.
fn residual_noise<T: Real>(residual: &Samples<T>) -> f64 {
    let coils = residual.dim().0;
    let mut energies: Vec<f64> = vec![0.0; residual.dim().1];
    for of_coil in residual.outer_iter() {
        let pairs = energies.iter_mut().zip(&of_coil);
        pairs.for_each(|(sum, v)| *sum += v.norm_sqr().wide());
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

/// `x ← conj(phase) · x`.
fn fold<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p: &Complex<T>| *x *= p.conj());
}

/// `x ← phase · x`.
fn unfold<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p| *x *= p);
}
