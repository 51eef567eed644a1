use std::sync::Arc;

use super::{Problem, Solver, Step, StopReason, Verdict};
use crate::array::{ImageSets, Real};

/// The zero-filled, coil-combined image, without any iteration.
pub struct ZeroFilled<T: Real> {
    problem: Arc<Problem<T>>,
    compensated: bool,
}

impl<T: Real> ZeroFilled<T> {
    /// With density compensation: `Aᴴ P⁻¹ y`, unbiased, where P-VDAMP starts.
    pub fn compensated(problem: &Arc<Problem<T>>) -> Self {
        Self {
            problem: Arc::clone(problem),
            compensated: true,
        }
    }

    /// Without density compensation: `Aᴴ y`, where FISTA starts.
    pub fn plain(problem: &Arc<Problem<T>>) -> Self {
        Self {
            problem: Arc::clone(problem),
            compensated: false,
        }
    }
}

impl<T: Real> Solver<T> for ZeroFilled<T> {
    fn step(&mut self) -> Step {
        Step {
            bands: Vec::new(),
            kept: 1,
            noise: None,
            verdict: Verdict::Stop(StopReason::Direct),
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        if self.compensated {
            self.problem.density_compensated()
        } else {
            self.problem.zero_filled()
        }
    }
}
