use crate::array::Real;
use crate::sampling;
use crate::solve::{Problem, Tuning};

/// Iterations with all data from where those without the held-out samples ended.
const WARM: usize = 10;
/// Probes that error bars are told from.
pub const PROBES: usize = 4;
/// When the phase is taken anew, as a share of the iterations.
const REFOLD: f64 = 0.4;

/// What each step is.
#[derive(Clone, Copy)]
pub struct Schedule {
    iterations: usize,
    /// Factor of the noise's standard deviation at the start.
    start: f64,
    error_bars: bool,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// An iteration that tells the denoiser `factor` times the noise's standard deviation.
    Descend { factor: f64, refold: bool },
    /// An iteration with all data; the first of them starts anew.
    Warm { first: bool },
    /// The linear correction.
    Correct,
    /// What the correction leaves of a drawn error.
    Probe(usize),
}

impl Schedule {
    /// Whole lines leave more aliasing, and take longer.
    pub fn new<T: Real>(problem: &Problem<T>, tuning: &Tuning, error_bars: bool) -> Self {
        let lines = sampling::line_axis(&problem.encoding.mask()).is_some();
        let (iterations, start) = if lines { (60, 8.0) } else { (30, 4.0) };
        Self {
            iterations: tuning.iterations.unwrap_or(iterations),
            start,
            error_bars,
        }
    }

    pub fn steps(&self) -> usize {
        self.iterations + if self.error_bars { WARM + 1 + PROBES } else { 0 }
    }

    pub fn stage(&self, step: usize) -> Stage {
        let after = step.checked_sub(self.iterations);
        match after {
            None => Stage::Descend {
                factor: self.factor(step),
                refold: step > 0 && step == (REFOLD * self.iterations as f64) as usize,
            },
            Some(warm) if warm < WARM => Stage::Warm { first: warm == 0 },
            Some(WARM) => Stage::Correct,
            Some(late) => Stage::Probe(late - WARM - 1),
        }
    }

    /// From the start's to 1 at half of the iterations.
    fn factor(&self, iteration: usize) -> f64 {
        let passed = iteration as f64 / self.iterations as f64;
        self.start.powf(1.0 - 2.0 * passed).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_its_turn() {
        let schedule = Schedule {
            iterations: 30,
            start: 4.0,
            error_bars: true,
        };
        let stages: Vec<Stage> = (0..schedule.steps()).map(|step| schedule.stage(step)).collect();
        assert_eq!(
            stages[0],
            Stage::Descend {
                factor: 4.0,
                refold: false
            }
        );
        assert_eq!(
            stages[12],
            Stage::Descend {
                factor: 4f64.powf(0.2),
                refold: true
            }
        );
        assert_eq!(
            stages[29],
            Stage::Descend {
                factor: 1.0,
                refold: false
            }
        );
        assert_eq!(stages[30], Stage::Warm { first: true });
        assert_eq!(
            stages[39..],
            [
                Stage::Warm { first: false },
                Stage::Correct,
                Stage::Probe(0),
                Stage::Probe(1),
                Stage::Probe(2),
                Stage::Probe(3)
            ]
        );
    }
}
