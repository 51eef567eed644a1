use crate::array::Real;
use crate::sampling;
use crate::solve::{Problem, Tuning};

/// Iterations, and those for 1-D undersampling and for partial Fourier.
pub(crate) const ITERATIONS: usize = 30;
pub(crate) const LINE_ITERATIONS: usize = 100;
/// Iterations with all data from where those without the held-out samples ended.
const WARM: usize = 10;
/// When the phase is estimated again, as a share of the iterations.
const REFOLD: f64 = 0.4;

/// Share of the iterations, at their end, of which every second denoises by similar patches.
const LATE: f64 = 0.3;

/// What each step is.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    iterations: usize,
    /// Factor of the noise's standard deviation at the start.
    start: f64,
    error_bars: bool,
}

/// How an iteration denoises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Denoiser {
    /// In the frame whose turn it is.
    Frame,
    Patches,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stage {
    /// An iteration whose denoiser is given `factor` times the standard deviation of the noise.
    Descend {
        factor: f64,
        denoiser: Denoiser,
        refold: bool,
    },
    /// An iteration with all data; the first of them starts without momentum.
    Warm { denoiser: Denoiser, first: bool },
    /// What the samples held out tell.
    Judge,
}

impl Schedule {
    /// 1-D undersampling leaves coherent aliasing, and partial Fourier an empty side of k-space: both take longer.
    pub(super) fn new<T: Real>(problem: &Problem<T>, tuning: &Tuning, error_bars: bool) -> Self {
        let mask = problem.encoding.mask();
        let (iterations, start) = if sampling::lacks_lines(&mask) {
            (LINE_ITERATIONS, 16.0)
        } else {
            (ITERATIONS, 4.0)
        };
        Self {
            iterations: tuning.iterations.unwrap_or(iterations),
            start,
            error_bars,
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.iterations + if self.error_bars { WARM + 1 } else { 0 }
    }

    /// Steps after which the image is as it will be returned.
    pub(super) fn image_steps(&self) -> usize {
        self.iterations + if self.error_bars { WARM } else { 0 }
    }

    pub(super) fn stage(&self, step: usize) -> Stage {
        let after = step.checked_sub(self.iterations);
        match after {
            None => Stage::Descend {
                factor: self.factor(step),
                denoiser: self.denoiser(step),
                refold: step > 0 && step == (REFOLD * self.iterations as f64) as usize,
            },
            Some(warm) if warm < WARM => Stage::Warm {
                denoiser: alternate(WARM - 1 - warm),
                first: warm == 0,
            },
            Some(_) => Stage::Judge,
        }
    }

    fn denoiser(&self, iteration: usize) -> Denoiser {
        let left = self.iterations - 1 - iteration;
        if (left as f64) < LATE * self.iterations as f64 {
            alternate(left)
        } else {
            Denoiser::Frame
        }
    }

    /// From the start's to 1 at half of the iterations; 1 in the last, however few there are.
    fn factor(&self, iteration: usize) -> f64 {
        if iteration + 1 == self.iterations {
            return 1.0;
        }
        let passed = iteration as f64 / self.iterations as f64;
        self.start.powf(1.0 - 2.0 * passed).max(1.0)
    }
}

/// Patches last, and in every second iteration before.
fn alternate(left: usize) -> Denoiser {
    if left.is_multiple_of(2) {
        Denoiser::Patches
    } else {
        Denoiser::Frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_iteration_is_told_the_noise_as_it_is() {
        for (iterations, first) in [(1, 1.0), (2, 16.0), (60, 16.0)] {
            let schedule = Schedule {
                iterations,
                start: 16.0,
                error_bars: false,
            };
            assert_eq!((schedule.factor(0), schedule.factor(iterations - 1)), (first, 1.0));
        }
    }

    #[test]
    fn every_stage_has_its_turn() {
        let schedule = Schedule {
            iterations: 30,
            start: 4.0,
            error_bars: true,
        };
        let stages: Vec<Stage> = (0..schedule.steps()).map(|step| schedule.stage(step)).collect();
        let descend = |factor, denoiser, refold| Stage::Descend {
            factor,
            denoiser,
            refold,
        };
        assert_eq!(stages[0], descend(4.0, Denoiser::Frame, false));
        assert_eq!(stages[12], descend(4f64.powf(0.2), Denoiser::Frame, true));
        assert_eq!(stages[28], descend(1.0, Denoiser::Frame, false));
        assert_eq!(stages[29], descend(1.0, Denoiser::Patches, false));
        let patches = |stage: &&Stage| {
            matches!(
                stage,
                Stage::Descend {
                    denoiser: Denoiser::Patches,
                    ..
                }
            )
        };
        assert_eq!(stages.iter().filter(patches).count(), 5);
        let warm = |denoiser, first| Stage::Warm { denoiser, first };
        assert_eq!(stages[30], warm(Denoiser::Frame, true));
        assert_eq!(stages[39..], [warm(Denoiser::Patches, false), Stage::Judge]);
    }
}
