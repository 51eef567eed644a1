//! Error bars of any method, from samples that it does not see. `docs/error-bars.md` in the repository has the
//! equations.

mod deviation;
mod held_out;
mod smooth;

use std::sync::Arc;

use ndarray::Array3;

use self::deviation::CoilSight;
use self::held_out::HeldOut;
use super::{BandState, Problem, Solver, Step, StopReason, Tracked, Verdict};
use crate::array::{Grid, ImageSets, Real};
use crate::wavelet::{Frame, Wavelet};

/// A solver whose image gets error bars.
///
/// The image is that of the solver itself, made of all samples. It is made first, so that a limit on time costs error bars
/// and not the image. Then the solver runs once more without a share of the samples, which tell its error (Yaman et al.
/// 2020). `docs/error-bars.md` in the repository has the equations.
pub struct ErrorBars<T: Real> {
    problem: Arc<Problem<T>>,
    make: Make<T>,
    scales: usize,
    /// Of each of the two runs, at most.
    iterations: usize,
    /// Or why there are no error bars.
    held_out: Result<Arc<HeldOut>, String>,
    planned: Option<usize>,
    /// Of the run on all samples, and then of that without those held out.
    solver: Option<Box<dyn Solver<T>>>,
    /// Once all samples have had their run.
    found: Option<Found<T>>,
    /// Once the samples held out have told it.
    deviation: Option<Array3<T>>,
    /// Steps that the run has left.
    left: usize,
    /// Of the run on all samples: the iteration kept, why it ended, and whether its steps tell a state evolution.
    kept: usize,
    stop: StopReason,
    evolves: bool,
    /// The image is that of complete data, and so without error.
    complete: bool,
}

type Make<T> = Box<dyn Fn(&Arc<Problem<T>>) -> Box<dyn Solver<T>>>;

/// What the run on all samples found.
struct Found<T: Real> {
    image: ImageSets<T>,
    unbiased: Option<ImageSets<T>>,
    unbiased_deviation: Option<Array3<T>>,
    notes: Vec<String>,
    warnings: Vec<String>,
}

impl<T: Real> ErrorBars<T> {
    /// Error bars of the solver that `make` makes of a problem, which takes at most `iterations` steps. `scales` are those
    /// of the wavelets in whose bands the error is told; `seed` is that of what is held out.
    pub fn new(
        problem: &Arc<Problem<T>>,
        scales: usize,
        iterations: usize,
        seed: u64,
        make: impl Fn(&Arc<Problem<T>>) -> Box<dyn Solver<T>> + 'static,
    ) -> Self {
        let held_out = HeldOut::draw(problem, scales, seed).map(Arc::new);
        let solver = make(problem);
        let planned = solver.planned();
        let iterations = planned.unwrap_or(iterations);
        Self {
            planned: match held_out {
                Ok(_) => Some(2 * iterations + 1),
                Err(_) => planned,
            },
            solver: Some(solver),
            found: None,
            deviation: None,
            left: iterations,
            kept: 0,
            stop: StopReason::Iterations,
            evolves: false,
            complete: false,
            problem: Arc::clone(problem),
            make: Box::new(make),
            scales,
            iterations,
            held_out,
        }
    }

    /// One iteration of the run on all samples.
    fn iterate(&mut self) -> Step {
        let step = self.solver.as_mut().expect("a run").step();
        self.left = self.left.saturating_sub(1);
        self.kept = step.kept;
        self.evolves |= !step.bands.is_empty();
        if let Verdict::Stop(reason) = step.verdict {
            self.complete = reason == StopReason::Direct && self.problem.encoding.is_full();
            self.stop = reason;
            self.left = 0;
        }
        if self.held_out.is_err() || self.complete {
            return step;
        }
        Step {
            verdict: Verdict::Continue,
            ..step
        }
    }

    /// Keeps what was found, and starts the run without the samples held out. The first solver goes before there is a
    /// second: both can be large.
    fn start_rest(&mut self, held_out: &HeldOut) {
        let mut solver = self.solver.take().expect("a run");
        self.found = Some(Found {
            image: solver.image(),
            unbiased: solver.unbiased(),
            unbiased_deviation: solver.unbiased_deviation(),
            notes: solver.notes(),
            warnings: solver.warnings(),
        });
        drop(solver);
        let rest = Arc::new(held_out.rest(&self.problem));
        self.solver = Some((self.make)(&rest));
        self.left = self.iterations;
    }

    /// Error bars; and what the samples held out tell of the error of the image that did not see them.
    fn judge(&mut self, held_out: &HeldOut) -> Vec<BandState> {
        let blind = self.solver.take().expect("a run").image();
        let image = &self.found.as_ref().expect("an image").image;
        let Problem { encoding, data, .. } = &*self.problem;
        let residual = |image: &ImageSets<T>| data - &encoding.forward(image);
        let sight = CoilSight::new(encoding, image);
        let spectrum = held_out.tell(&self.problem, &sight, &residual(&blind));
        let db4 = Wavelet::find("db4").expect("in the table");
        let frame = Frame::undecimated(encoding.grid(), self.scales, db4);
        let deviation = deviation::deviation(&self.problem, &frame, &sight, &spectrum, image, &residual(image));
        self.deviation = Some(deviation);
        spectrum.bands
    }

    /// One step after those of the run on all samples. Returns what is known of the error.
    fn go_on(&mut self, held_out: &HeldOut) -> Vec<BandState> {
        if self.found.is_none() {
            self.start_rest(held_out);
        }
        if self.left == 0 {
            return self.judge(held_out);
        }
        self.left -= 1;
        if self.solver.as_mut().expect("a run").step().verdict != Verdict::Continue {
            self.left = 0;
        }
        Vec::new()
    }
}

impl<T: Real> Solver<T> for ErrorBars<T> {
    fn step(&mut self) -> Step {
        let held_out = match &self.held_out {
            Ok(held_out) if self.left == 0 || self.found.is_some() => Arc::clone(held_out),
            _ => return self.iterate(),
        };
        let bands = self.go_on(&held_out);
        Step {
            // A method with a state evolution has told it.
            bands: if self.evolves { Vec::new() } else { bands },
            kept: self.kept,
            noise: None,
            verdict: if self.deviation.is_some() {
                Verdict::Stop(self.stop)
            } else {
                Verdict::Continue
            },
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        match (&self.found, &mut self.solver) {
            (Some(found), _) => found.image.clone(),
            (None, solver) => solver.as_mut().expect("a run").image(),
        }
    }

    fn unbiased(&self) -> Option<ImageSets<T>> {
        match &self.found {
            Some(found) => found.unbiased.clone(),
            None => self.solver.as_ref()?.unbiased(),
        }
    }

    fn unbiased_deviation(&self) -> Option<Array3<T>> {
        match &self.found {
            Some(found) => found.unbiased_deviation.clone(),
            None => self.solver.as_ref()?.unbiased_deviation(),
        }
    }

    fn deviation(&mut self) -> Option<Array3<T>> {
        let encoding = &self.problem.encoding;
        if self.complete {
            let Grid { rows, cols } = encoding.grid();
            return Some(Array3::zeros((encoding.sets(), rows, cols)));
        }
        self.deviation.clone()
    }

    fn planned(&self) -> Option<usize> {
        self.planned
    }

    fn tracked(&self) -> Option<Tracked<'_, T>> {
        self.solver.as_ref().filter(|_| self.found.is_none())?.tracked()
    }

    fn warnings(&self) -> Vec<String> {
        match (&self.found, &self.solver) {
            (Some(found), _) => found.warnings.clone(),
            (None, solver) => solver.as_ref().map_or(Vec::new(), |solver| solver.warnings()),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = match (&self.found, &self.solver) {
            (Some(found), _) => found.notes.clone(),
            (None, solver) => solver.as_ref().map_or(Vec::new(), |solver| solver.notes()),
        };
        match &self.held_out {
            _ if self.complete || self.deviation.is_some() => {}
            Ok(_) => notes.push("no error bars: stopped before they were estimated".into()),
            Err(why) => notes.push(why.clone()),
        }
        notes
    }
}
