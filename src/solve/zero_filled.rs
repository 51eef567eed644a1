use super::{Problem, Solver, Step, StopReason, Verdict};
use crate::array::{ImageSets, Real};

/// The density-compensated zero-filled image `Aᴴ P⁻¹ y`, the start of the iterative methods.
pub struct ZeroFilled<T: Real> {
    problem: Problem<T>,
}

impl<T: Real> ZeroFilled<T> {
    pub fn new(problem: Problem<T>) -> Self {
        Self { problem }
    }
}

impl<T: Real> Solver<T> for ZeroFilled<T> {
    fn step(&mut self) -> Step {
        Step {
            bands: Vec::new(),
            kept: 1,
            verdict: Verdict::Stop(StopReason::Direct),
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.problem.density_compensated()
    }
}
