//! Whole methods as pieces of work: what `roofline` and `growth` time.

use std::sync::Arc;
use std::time::Instant;

use ndarray::ArrayView3;
use num_complex::Complex;
use pvdamp::coil::{EspiritContext, EspiritSettings, espirit};
use pvdamp::solve::{Howl, PVdamp, Problem, Solver, Tuning, Verdict};

use super::ACS;
use super::clock::{Clock, Work};

pub const ITERATION: &str = "P-VDAMP iteration";
pub const HOWL: &str = "HOWL iteration";
pub const ESPIRIT: &str = "ESPIRiT";

const ITERATIONS: usize = 30;

/// The iterations of P-VDAMP but the first, which is not damped.
pub fn pvdamp(problem: &Arc<Problem<f32>>) -> Work<'_> {
    Box::new(move |clock: &mut Clock| {
        let mut solver = PVdamp::new(problem, &Tuning::default());
        solver.step();
        for _ in 1..ITERATIONS {
            let step = clock.time(ITERATION, || solver.step());
            if step.verdict != Verdict::Continue {
                break;
            }
        }
    })
}

/// The iterations of HOWL, all and by their denoiser.
pub fn howl(problem: &Arc<Problem<f32>>) -> Work<'_> {
    Box::new(move |clock: &mut Clock| {
        let mut solver = Howl::new(problem, &Tuning::default());
        for iteration in 0..ITERATIONS {
            let start = Instant::now();
            solver.step();
            let taken = start.elapsed();
            clock.note(HOWL, taken);
            clock.note(howl_kind(iteration), taken);
        }
    })
}

/// `docs/howl.md`: the frames take turns; of the last nine iterations every second denoises by similar patches, which
/// the first of them looks for.
pub fn howl_kind(iteration: usize) -> &'static str {
    let left = ITERATIONS - 1 - iteration;
    match (left, iteration % 3) {
        (8, _) => "similar patches, the first",
        (..8, _) if left.is_multiple_of(2) => "similar patches",
        (_, 0) => "db4 frame",
        (_, 1) => "Haar frame",
        _ => "directional frame",
    }
}

pub const HOWL_KINDS: [&str; 5] = [
    "db4 frame",
    "Haar frame",
    "directional frame",
    "similar patches, the first",
    "similar patches",
];

/// One set of maps from the calibration region.
pub fn maps(kspace: ArrayView3<'_, Complex<f32>>) -> Work<'_> {
    let settings = EspiritSettings::default();
    Box::new(move |clock: &mut Clock| {
        let made = clock.time(ESPIRIT, || espirit(kspace, ACS, &settings, &EspiritContext::default()));
        made.expect("a sampled centre");
    })
}
