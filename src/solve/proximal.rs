//! Proximal gradient with Nesterov momentum, for `min ½‖y − A x‖² + Σ_b λ_b ‖(Ψx)_b‖₁` (FISTA; Beck & Teboulle 2009),
//! whatever decides the thresholds λ_b.
//!
//! The step is 1, or `1/‖A‖²` for maps that are not normalised over their sets together. The start is the zero-filled
//! image `Aᴴy`. Ψ is orthonormal where the image is a multiple of 2^scales along both axes; other images are padded
//! with zeros, which makes the threshold a close stand-in for the proximal map.

use std::sync::Arc;

use ndarray::{Axis, Zip};
use num_complex::Complex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::momentum::Momentum;
use super::{BandState, Problem, Shrinkage, Solver, Step, Tuning, Verdict};
use crate::array::{ImageSets, Real};
use crate::denoise;
use crate::operator::Samples;
use crate::wavelet::{FilterBank, Layout, Pyramid, Transform, Workspace};

/// A rule for the thresholds of [`ProximalGradient`].
pub trait Thresholds<T: Real> {
    /// Called before thresholding, with the gradient step that is going to be thresholded, `(sets, rows, cols)`, and
    /// the residual `y − A x` it was made with.
    fn observe(&mut self, _step: &ImageSets<T>, _residual: &Samples<T>) {}

    /// The threshold of subband `band`, an index of [`Layout::bands`], whose coefficients are `w`.
    fn threshold(&mut self, band: usize, w: &[Complex<T>]) -> Threshold;

    /// As [`Solver::notes`].
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A threshold in units of the image.
pub struct Threshold {
    /// The threshold for a gradient step of length 1. Without a noise variance it is a weight of the objective, and
    /// scales with the length of the step.
    pub value: f64,
    /// For rules that assume a noise variance: that variance, and the estimated mean squared error after thresholding,
    /// both per complex coefficient.
    pub noise: Option<(f64, f64)>,
}

/// The iteration, with the thresholds of a rule.
pub struct ProximalGradient<T: Real> {
    problem: Arc<Problem<T>>,
    transform: Transform<T>,
    rule: Box<dyn Thresholds<T>>,
    shifts: Option<ChaCha8Rng>,
    step: f64,
    restarts: bool,
    iteration: usize,
    momentum: Momentum<T>,
    residual: Samples<T>,
    coefficients: Pyramid<Complex<T>>,
    shrunk: Vec<Complex<T>>,
    work: Workspace<T>,
}

impl<T: Real> ProximalGradient<T> {
    /// The iteration from the zero-filled image, without shifts unless `tuning` has them. `rule` makes the rule, once the
    /// wavelet transform is known.
    pub fn new(
        problem: &Arc<Problem<T>>,
        tuning: &Tuning,
        rule: impl FnOnce(&Transform<T>) -> Box<dyn Thresholds<T>>,
    ) -> Self {
        let layout = Arc::new(Layout::new(
            problem.encoding.grid(),
            tuning.scales(problem.encoding.grid()),
        ));
        let transform = Transform::new(&layout, FilterBank::of(tuning.wavelet));
        Self {
            rule: rule(&transform),
            shifts: tuning.shift.seed(None).map(ChaCha8Rng::seed_from_u64),
            step: problem.step_length(),
            restarts: false,
            iteration: 0,
            momentum: Momentum::new(problem.zero_filled()),
            residual: Samples::zeros(problem.data.dim()),
            coefficients: Pyramid::filled(&layout, Complex::new(T::zero(), T::zero())),
            shrunk: Vec::new(),
            work: transform.workspace(),
            problem: Arc::clone(problem),
            transform,
        }
    }

    /// Drops the momentum whenever it points uphill (O'Donoghue & Candès 2015, gradient scheme).
    pub fn with_restarts(mut self) -> Self {
        self.restarts = true;
        self
    }

    /// `x + step · Aᴴ (y − A x)`, at the point ahead.
    fn gradient_step(&mut self) -> ImageSets<T> {
        let Problem { encoding, data, .. } = &*self.problem;
        let mut step = encoding.gradient(data, &self.momentum.ahead, None, &mut self.residual);
        let length = T::of(self.step);
        Zip::from(&mut step)
            .and(&self.momentum.ahead)
            .for_each(|step, &x| *step = x + *step * length);
        step
    }

    /// `Ψᵀ soft(Ψ step)`, on a wavelet grid that is shifted each time if shifts are random.
    fn shrink(&mut self, step: &ImageSets<T>, bands: &mut Vec<BandState>) -> ImageSets<T> {
        let period = 1u32 << self.transform.layout.scales;
        let mut draw = || self.shifts.as_mut().map_or(0, |rng| (rng.next_u32() % period) as usize);
        let by = [draw(), draw()];
        let mut out = ImageSets::zeros(step.raw_dim());
        for (set, image) in out.outer_iter_mut().enumerate() {
            let step = step.index_axis(Axis(0), set);
            self.transform
                .analyse_shifted(step, by, &mut self.coefficients, &mut self.work);
            for band in 0..self.coefficients.layout.bands.len() {
                bands.extend(self.shrink_band(band));
            }
            self.transform
                .synthesise_shifted(&self.coefficients, by, T::one(), image, &mut self.work);
        }
        out
    }

    fn shrink_band(&mut self, band: usize) -> Option<BandState> {
        let w = self.coefficients.band_mut(band);
        let Threshold { value, noise } = self.rule.threshold(band, w);
        let value = value * if noise.is_some() { 1.0 } else { self.step };
        self.shrunk.clear();
        self.shrunk.extend_from_slice(w);
        let alpha = denoise::soft_threshold(w, value, &mut self.shrunk);
        w.copy_from_slice(&self.shrunk);
        noise.map(|(tau, sure)| BandState {
            tau,
            shrinkage: Some(Shrinkage {
                threshold: Some(value),
                strength: None,
                alpha,
                sure,
            }),
            size: w.len(),
        })
    }

    /// Makes `next` the image, with momentum.
    fn advance(&mut self, next: ImageSets<T>) {
        if self.restarts && uphill(&self.momentum.ahead, &next, &self.momentum.x) {
            self.momentum.restart();
        }
        self.momentum.advance(next);
    }
}

impl<T: Real> Solver<T> for ProximalGradient<T> {
    fn step(&mut self) -> Step {
        let step = self.gradient_step();
        self.rule.observe(&step, &self.residual);
        let mut bands = Vec::new();
        let next = self.shrink(&step, &mut bands);
        self.advance(next);
        self.iteration += 1;
        Step {
            // one variance for all subbands
            noise: bands.first().map(|band| band.tau),
            bands,
            kept: self.iteration,
            verdict: Verdict::Continue,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.momentum.x.clone()
    }

    fn notes(&self) -> Vec<String> {
        self.rule.notes()
    }
}

/// Whether the step from `ahead` to `next` turns back on the way from `last`: `⟨ahead − next, next − last⟩ > 0`.
fn uphill<T: Real>(ahead: &ImageSets<T>, next: &ImageSets<T>, last: &ImageSets<T>) -> bool {
    let mut sum = 0.0;
    Zip::from(ahead)
        .and(next)
        .and(last)
        .for_each(|a, n, l| sum += ((a - n).conj() * (n - l)).re.wide());
    sum > 0.0
}
