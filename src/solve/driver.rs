use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::{BandState, Solver, StopReason, Verdict, mean_tau};
use crate::array::Real;
use crate::error::{Error, Result};

/// When to stop at the latest.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Gives way to [`Solver::planned`].
    pub iterations: usize,
    /// Of all iterations together, on the clock; none where `None`.
    pub time: Option<Duration>,
}

/// One iteration, as recorded.
#[derive(Clone, Debug, Serialize)]
pub struct IterationRecord {
    /// Seconds spent in the iterations so far, this one among them.
    pub seconds: f64,
    /// Mean τ over all coefficients, before they are denoised; 0 where no subband is on record.
    pub tau: f64,
    /// As [`Step::noise`](super::Step::noise).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// State evolution of the subbands, those of a second set of maps behind those of the first.
    pub bands: Vec<BandState>,
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct History {
    /// All iterations, in order.
    pub iterations: Vec<IterationRecord>,
    /// The iteration, counted from 1, whose image was kept.
    pub kept: usize,
    /// Why it ended.
    pub stop: StopReason,
    /// Spent in all iterations.
    pub seconds: f64,
}

/// Sees each iteration, and the solver as it stands then, and may break off.
pub type StepObserver<'a, T> = dyn FnMut(&IterationRecord, &mut dyn Solver<T>) -> ControlFlow<()> + 'a;

/// Steps `solver` until it or a limit says stop. What `observe` takes does not count as the solver's time.
///
/// Errors: [`Error::Cancelled`] when `observe` broke off.
pub fn drive<T: Real>(solver: &mut dyn Solver<T>, limits: Limits, observe: &mut StepObserver<T>) -> Result<History> {
    let start = Instant::now();
    let mut seconds = 0.0;
    let mut iterations = Vec::new();
    let mut kept = 0;
    let most = solver.planned().unwrap_or(limits.iterations);
    let stop = loop {
        if iterations.len() == most {
            break StopReason::Iterations;
        }
        if limits.time.is_some_and(|most| start.elapsed() >= most) {
            break StopReason::Time;
        }
        let before = Instant::now();
        let step = solver.step();
        seconds += before.elapsed().as_secs_f64();
        let record = IterationRecord {
            seconds,
            tau: mean_tau(&step.bands),
            noise: step.noise,
            bands: step.bands,
        };
        if observe(&record, solver).is_break() {
            return Err(Error::Cancelled);
        }
        iterations.push(record);
        kept = step.kept;
        if let Verdict::Stop(reason) = step.verdict {
            break reason;
        }
    };
    Ok(History {
        iterations,
        kept,
        stop,
        seconds,
    })
}
