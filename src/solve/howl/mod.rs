//! HOWL: held-out, residual-noise-tuned Wiener reconstruction. `docs/howl.md` in the repository has the equations.

mod descent;
mod error_bars;
mod held_out;
mod schedule;
mod smooth;

pub(super) use schedule::{ITERATIONS, LINE_ITERATIONS};

use std::sync::Arc;

use ndarray::{Array2, Array3};

use self::descent::{Descent, sample_energies};
use self::error_bars::ErrorPrior;
use self::held_out::{BandError, HeldOut};
use self::schedule::{Denoiser, PROBES, Schedule, Stage};
use super::folded::{Folded, phase};
use super::{BandState, Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real};
use crate::operator::Samples;

/// Held-out, residual-noise-tuned Wiener reconstruction: proximal gradient descent with denoisers in the place of the
/// proximal map.
///
/// The denoisers are local Wiener shrinkage in three frames and groups of similar patches ([`crate::denoise`]). The
/// noise variance that they remove is read off the residual, so that there is no regularisation weight. Error bars come
/// from samples that are held out. `docs/howl.md` in the repository has the equations.
pub struct Howl<T: Real> {
    operator: Folded<T>,
    descent: Descent<T>,
    schedule: Schedule,
    /// Steps taken.
    steps: usize,
    bars: Option<Bars<T>>,
    /// Complete data are their own only estimate, without error.
    complete: bool,
    /// Whether [`Tuning::error_bars`] asks for error bars.
    wants_error_bars: bool,
    notes: Vec<String>,
}

/// The estimate of the error that error bars are made of.
struct Bars<T: Real> {
    seed: u64,
    held_out: HeldOut<T>,
    /// Of the latest image that did not see the samples held out: its error, and the noise of a sample.
    errors: Vec<BandError>,
    noise: Array2<f64>,
    prior: Option<ErrorPrior<T>>,
    /// The image with its correction.
    corrected: Option<ImageSets<T>>,
    /// Sum over probes of the squared error.
    probed: Array3<f64>,
}

impl<T: Real> Howl<T> {
    /// The solver at its start. `tuning` gives the iterations, the scales and the seed of error bars.
    pub fn new(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        let operator = Folded {
            phase: phase::of_centre(problem),
            problem: Arc::clone(problem),
        };
        let scales = tuning.scales(problem.encoding.grid());
        let mut notes = Vec::new();
        let complete = problem.encoding.is_full();
        let seed = tuning.error_bars.filter(|_| !complete);
        let bars = seed.and_then(|seed| {
            let drawn = HeldOut::draw(problem, scales, seed);
            let held_out = drawn.map_err(|why| notes.push(why)).ok()?;
            Some(Bars::new(held_out, seed, &operator.phase))
        });
        let weights = bars.as_ref().map(|bars| bars.held_out.weights.as_slice());
        let start = operator.adjoint(&problem.data, weights);
        Self {
            descent: Descent::new(&operator, start, scales),
            schedule: Schedule::new(problem, tuning, bars.is_some()),
            steps: 0,
            operator,
            bars,
            complete,
            wants_error_bars: tuning.error_bars.is_some(),
            notes,
        }
    }

    /// One iteration, without the samples held out where there are error bars.
    fn descend(&mut self, denoiser: Denoiser, factor: f64) -> (Vec<BandState>, f64) {
        let Self {
            operator,
            descent,
            bars,
            ..
        } = self;
        let weights = bars.as_ref().map(|bars| bars.held_out.weights.as_slice());
        let gradient = descent.look_ahead(operator, weights);
        let noise = descent.noise(operator, weights);
        if let Some(bars) = bars {
            bars.judge(operator, &descent.residual);
        }
        let noise = descent.step(operator, gradient, denoiser, factor * factor * noise);
        (bars.as_ref().map_or(Vec::new(), Bars::states), noise)
    }

    /// One iteration with all samples. Before the first, the error of the image that did not see all is judged for
    /// the last time.
    fn warm(&mut self, denoiser: Denoiser, first: bool) -> f64 {
        let Self {
            operator,
            descent,
            bars,
            ..
        } = self;
        let gradient = if let (true, Some(bars)) = (first, bars) {
            let gradient = descent.look(operator);
            bars.judge(operator, &descent.residual);
            descent.drop_momentum();
            gradient
        } else {
            descent.look_ahead(operator, None)
        };
        let noise = descent.noise(operator, None);
        descent.step(operator, gradient, denoiser, noise)
    }

    /// Adds the linear estimate of its error to the image.
    fn correct(&mut self) {
        let Self {
            operator,
            descent,
            bars,
            ..
        } = self;
        let Some(bars) = bars else { return };
        descent.look(operator);
        let spectrum = bars.held_out.spectrum(&operator.problem.encoding, &bars.errors);
        let prior = ErrorPrior::new(&spectrum, &bars.noise, descent.x(), &descent.wavelet_frame(), operator);
        let image = descent.x() + &prior.correction(operator, &descent.residual);
        bars.prior = Some(prior);
        bars.corrected = Some(image);
    }
}

impl<T: Real> Bars<T> {
    fn new(held_out: HeldOut<T>, seed: u64, like: &ImageSets<T>) -> Self {
        let (_, rows, cols) = like.dim();
        Self {
            seed,
            held_out,
            errors: Vec::new(),
            noise: Array2::zeros((rows, cols)),
            prior: None,
            corrected: None,
            probed: Array3::zeros(like.dim()),
        }
    }

    fn judge(&mut self, operator: &Folded<T>, residual: &Samples<T>) {
        let encoding = &operator.problem.encoding;
        let energies = sample_energies(residual);
        self.noise = self.held_out.noise_spectrum(encoding, &energies);
        self.errors = self.held_out.errors(encoding, &energies, &self.noise);
    }

    fn states(&self) -> Vec<BandState> {
        let state = |error: &BandError| BandState {
            tau: error.variance,
            size: error.size,
            shrinkage: None,
        };
        self.errors.iter().map(state).collect()
    }
}

impl<T: Real> Solver<T> for Howl<T> {
    fn step(&mut self) -> Step {
        if self.complete {
            return Step {
                bands: Vec::new(),
                noise: None,
                kept: 1,
                verdict: Verdict::Stop(StopReason::Direct),
            };
        }
        let (mut bands, mut noise) = (Vec::new(), None);
        match self.schedule.stage(self.steps) {
            Stage::Descend {
                factor,
                denoiser,
                refold,
            } => {
                if refold {
                    self.descent.refold(&mut self.operator);
                }
                let (states, variance) = self.descend(denoiser, factor);
                (bands, noise) = (states, Some(variance));
            }
            Stage::Warm { denoiser, first } => noise = Some(self.warm(denoiser, first)),
            Stage::Correct => self.correct(),
            Stage::Probe(number) => {
                if let Some(bars) = &mut self.bars
                    && let Some(prior) = &bars.prior
                {
                    bars.probed += &prior.probe(&self.operator, bars.seed, number as u64);
                }
            }
        }
        self.steps += 1;
        let verdict = if self.steps == self.schedule.steps() {
            Verdict::Stop(StopReason::Planned)
        } else {
            Verdict::Continue
        };
        Step {
            bands,
            noise,
            // Probes change no image.
            kept: self.steps.min(self.schedule.image_steps()),
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        let corrected = self.bars.as_ref().and_then(|bars| bars.corrected.as_ref());
        match corrected {
            Some(image) => self.operator.unfold(image),
            None => self.operator.unfold(&self.descent.consistent(&self.operator)),
        }
    }

    fn deviation(&mut self) -> Option<Array3<T>> {
        if self.complete {
            return self.wants_error_bars.then(|| Array3::zeros(self.operator.phase.dim()));
        }
        let bars = self.bars.as_ref()?;
        let finished = self.steps == self.schedule.steps();
        finished.then(|| error_bars::deviation(&bars.probed, PROBES))
    }

    fn planned(&self) -> Option<usize> {
        Some(self.schedule.steps())
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        if self.bars.is_some() && self.steps < self.schedule.steps() {
            notes.push("no error bars: stopped before they were drawn".into());
        }
        notes
    }
}
