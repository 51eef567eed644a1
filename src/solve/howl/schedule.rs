use crate::array::Real;
use crate::sampling;
use crate::solve::{Problem, Tuning};

/// Iterations, and those for 1-D undersampling and for partial Fourier.
pub(crate) const ITERATIONS: usize = 30;
pub(crate) const LINE_ITERATIONS: usize = 100;
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
}

/// How an iteration denoises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Denoiser {
    /// In the frame whose turn it is.
    Frame,
    Patches,
}

/// One iteration, whose denoiser is given `factor` times the standard deviation of the noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stage {
    pub factor: f64,
    pub denoiser: Denoiser,
    /// Whether the phase is taken anew before it.
    pub refold: bool,
}

impl Schedule {
    /// 1-D undersampling leaves coherent aliasing, and partial Fourier an empty side of k-space: both take longer.
    pub(super) fn new<T: Real>(problem: &Problem<T>, tuning: &Tuning) -> Self {
        let mask = problem.encoding.mask();
        let (iterations, start) = if sampling::lacks_lines(&mask) {
            (LINE_ITERATIONS, 16.0)
        } else {
            (ITERATIONS, 4.0)
        };
        Self {
            iterations: tuning.iterations.unwrap_or(iterations),
            start,
        }
    }

    pub(super) fn steps(&self) -> usize {
        self.iterations
    }

    pub(super) fn stage(&self, step: usize) -> Stage {
        Stage {
            factor: self.factor(step),
            denoiser: self.denoiser(step),
            refold: step > 0 && step == (REFOLD * self.iterations as f64) as usize,
        }
    }

    /// Whether a step is in the middle of those that denoise more than the noise.
    pub(super) fn is_midway(&self, step: usize) -> bool {
        self.factor(step) > 1.0 && step == self.iterations / 4
    }

    fn denoiser(&self, iteration: usize) -> Denoiser {
        let left = self.iterations - 1 - iteration;
        // Patches last, and in every second iteration before.
        if (left as f64) < LATE * self.iterations as f64 && left.is_multiple_of(2) {
            Denoiser::Patches
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_iteration_is_told_the_noise_as_it_is() {
        for (iterations, first) in [(1, 1.0), (2, 16.0), (60, 16.0)] {
            let schedule = Schedule {
                iterations,
                start: 16.0,
            };
            assert_eq!((schedule.factor(0), schedule.factor(iterations - 1)), (first, 1.0));
        }
    }

    #[test]
    fn midway_is_before_the_noise_is_told_as_it_is() {
        for (iterations, expected) in [(1, vec![]), (2, vec![0]), (5, vec![1]), (30, vec![7]), (100, vec![25])] {
            let schedule = Schedule {
                iterations,
                start: 16.0,
            };
            let midway: Vec<usize> = (0..iterations).filter(|&step| schedule.is_midway(step)).collect();
            assert_eq!(midway, expected, "{iterations}");
        }
    }

    #[test]
    fn patches_come_late_and_the_phase_is_taken_anew_once() {
        let schedule = Schedule {
            iterations: 30,
            start: 4.0,
        };
        let stages: Vec<Stage> = (0..schedule.steps()).map(|step| schedule.stage(step)).collect();
        let stage = |factor, denoiser, refold| Stage {
            factor,
            denoiser,
            refold,
        };
        assert_eq!(stages[0], stage(4.0, Denoiser::Frame, false));
        assert_eq!(stages[12], stage(4f64.powf(0.2), Denoiser::Frame, true));
        assert_eq!(stages[28], stage(1.0, Denoiser::Frame, false));
        assert_eq!(stages[29], stage(1.0, Denoiser::Patches, false));
        let patches = |stage: &&Stage| stage.denoiser == Denoiser::Patches;
        assert_eq!(stages.iter().filter(patches).count(), 5);
        assert_eq!(stages.iter().filter(|stage| stage.refold).count(), 1);
    }
}
