use std::sync::Arc;

use super::conjugate_gradients::{ConjugateGradients, add_scaled};
use super::{Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real};

/// Residual of the normal equations, relative to the start, below which rounding is all that is left.
const SETTLED: f64 = 1e-6;

/// `min ‖y − A x‖² + λ ‖x‖²` by conjugate gradients on the normal equations (Pruessmann et al. 2001), from x = 0.
///
/// At λ = 0 the first iterations converge to the image and later ones to the noise: stopping early is the
/// regularisation.
pub struct CgSense<T: Real> {
    problem: Arc<Problem<T>>,
    lambda: T,
    iteration: usize,
    gradients: ConjugateGradients<T>,
    first_energy: f64,
}

impl<T: Real> CgSense<T> {
    /// The solver at x = 0. Of `tuning` only λ matters, as a Tikhonov weight without unit.
    pub fn new(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        let gradients = ConjugateGradients::new(problem.zero_filled());
        Self {
            problem: Arc::clone(problem),
            lambda: T::of(tuning.lambda.value()),
            iteration: 0,
            first_energy: gradients.energy(),
            gradients,
        }
    }
}

impl<T: Real> Solver<T> for CgSense<T> {
    fn step(&mut self) -> Step {
        self.iteration += 1;
        let encoding = &self.problem.encoding;
        // (AᴴA + λ) x
        let normal = |x: &ImageSets<T>| {
            let mut normal = encoding.adjoint(&encoding.forward(x), None);
            add_scaled(&mut normal, self.lambda, x);
            normal
        };
        let moved = self.gradients.step(normal);
        let verdict = if moved && self.gradients.energy() > SETTLED * SETTLED * self.first_energy {
            Verdict::Continue
        } else {
            Verdict::Stop(StopReason::Settled)
        };
        Step {
            bands: Vec::new(),
            kept: self.iteration,
            noise: None,
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.gradients.x.clone()
    }
}
