use super::{Problem, Solver, Step, StopReason, Verdict};
use crate::array::{ImageSets, Real};

/// The zero-filled image, combined over coils: what there is before any reconstruction.
pub struct ZeroFilled<'a, T: Real> {
    problem: &'a Problem<T>,
    compensated: bool,
}

impl<'a, T: Real> ZeroFilled<'a, T> {
    /// `Aᴴ P⁻¹ y`, unbiased: the start of P-VDAMP.
    pub fn compensated(problem: &'a Problem<T>) -> Self {
        Self {
            problem,
            compensated: true,
        }
    }

    /// `Aᴴ y`: the start of FISTA.
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
        match self.compensated {
            true => self.problem.density_compensated(),
            false => self.problem.zero_filled(),
        }
    }
}
