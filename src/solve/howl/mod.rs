//! HOWL: held-out, residual-noise-tuned Wiener reconstruction. `docs/howl.md` in the repository has the equations.

mod descent;
mod guard;
mod noise;
mod schedule;

pub(super) use schedule::{ITERATIONS, LINE_ITERATIONS};

use std::sync::Arc;

use self::descent::Descent;
use self::guard::{Acts, Guard};
use self::schedule::{Schedule, Stage};
use super::folded::Folded;
use super::{Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real, energy};

/// Held-out, residual-noise-tuned Wiener reconstruction: proximal gradient descent with denoisers in the place of the
/// proximal map.
///
/// The denoisers are local Wiener shrinkage in three frames and groups of similar patches ([`crate::denoise`]). The
/// noise variance that they remove is read off the residual, so that there is no regularisation weight.
/// `docs/howl.md` in the repository has the equations.
pub struct Howl<T: Real> {
    operator: Folded<T>,
    descent: Descent<T>,
    schedule: Schedule,
    guard: Guard,
    /// Energy of the samples.
    data_energy: f64,
    /// Steps taken.
    steps: usize,
    /// Complete data are their own only estimate.
    complete: bool,
}

impl<T: Real> Howl<T> {
    /// The solver at its start. `tuning` gives the iterations and the scales.
    pub fn new(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        let operator = Folded::new(problem);
        let start = operator.adjoint(&problem.data, None);
        Self {
            descent: Descent::new(&operator, start, tuning.scales(problem.encoding.grid())),
            schedule: Schedule::new(problem, tuning),
            guard: Guard::default(),
            data_energy: energy(&problem.data),
            steps: 0,
            operator,
            complete: problem.encoding.is_full(),
        }
    }
}

impl<T: Real> Solver<T> for Howl<T> {
    fn step(&mut self) -> Step {
        if self.complete {
            return Step {
                bands: Vec::new(),
                noise: None,
                kept: 1,
                verdict: Verdict::Stop(StopReason::Direct),
            };
        }
        let Self {
            operator,
            descent,
            guard,
            ..
        } = self;
        let Stage {
            factor,
            denoiser,
            refold,
        } = self.schedule.stage(self.steps);
        if refold {
            descent.refold(operator);
        }
        let gradient = descent.look_ahead(operator);
        let noise = descent.noise(operator);
        let mut variance = factor * factor * noise;
        let expects = self.schedule.is_midway(self.steps);
        if (expects || factor == 1.0)
            && let Some(look) = descent.judge(operator, &gradient, noise, self.data_energy)
        {
            if expects {
                guard.expect(look);
            } else {
                variance = variance.max(guard.floor(self.steps + 1, look));
            }
        }
        let noise = descent.step(operator, gradient, denoiser, variance);
        self.steps += 1;
        let verdict = if self.steps == self.schedule.steps() {
            Verdict::Stop(StopReason::Planned)
        } else {
            Verdict::Continue
        };
        Step {
            bands: Vec::new(),
            noise: Some(noise),
            kept: self.steps,
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.operator.unfold(&self.descent.consistent(&self.operator))
    }

    fn warnings(&self) -> Vec<String> {
        let warning = |acts: Acts| {
            format!(
                "the coil maps do not explain the data, whose residual is {:.1} times the noise: from iteration {} on \
                 HOWL counted all of it as noise, so that the image is smoother",
                acts.excess, acts.since
            )
        };
        self.guard.acts().map(warning).into_iter().collect()
    }

    fn planned(&self) -> Option<usize> {
        Some(self.schedule.steps())
    }
}
