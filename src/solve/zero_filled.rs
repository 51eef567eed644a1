use super::{Problem, Solver, Step, StopReason, Verdict};
use crate::array::{ImageSets, Real};

/// The zero-filled, coil-combined image, without any iteration.
pub struct ZeroFilled<'a, T: Real> {
    problem: &'a Problem<T>,
    compensated: bool,
}

impl<'a, T: Real> ZeroFilled<'a, T> {
    /// With density compensation: `Aᴴ P⁻¹ y`, unbiased, where P-VDAMP starts.
    pub fn compensated(problem: &'a Problem<T>) -> Self {
        Self {
            problem,
            compensated: true,
        }
    }

    /// Without density compensation: `Aᴴ y`, where FISTA starts.
    pub fn plain(problem: &'a Problem<T>) -> Self {
        Self {
            problem,
            compensated: false,
        }
    }
}

impl<T: Real> Solver<T> for ZeroFilled<'_, T> {
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
