//! HOWL: held-out, residual-noise-tuned Wiener reconstruction. `docs/howl.md` in the repository has the equations.

mod descent;
mod error_bars;
mod folded;
mod held_out;
mod phase;
mod schedule;
mod smooth;

pub(super) use schedule::{ITERATIONS, LINE_ITERATIONS};

use ndarray::Array3;

use self::descent::Descent;
use self::error_bars::{CoilSight, deviation};
use self::folded::Folded;
use self::held_out::{BandError, HeldOut};
use self::schedule::{Denoiser, Schedule, Stage};
use super::{BandState, Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real};
use crate::operator::Samples;

/// Held-out, residual-noise-tuned Wiener reconstruction: proximal gradient descent with denoisers in the place of the
/// proximal map.
///
/// The denoisers are local Wiener shrinkage in three frames and groups of similar patches ([`crate::denoise`]). The
/// noise variance that they remove is read off the residual, so that there is no regularisation weight. Error bars come
/// from samples that are held out. `docs/howl.md` in the repository has the equations.
pub struct Howl<'a, T: Real> {
    operator: Folded<'a, T>,
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

/// What error bars are made of.
struct Bars<T: Real> {
    held_out: HeldOut<T>,
    /// `y − A x` of the image that did not see the samples held out.
    blind: Option<Samples<T>>,
    deviation: Option<Array3<T>>,
}

impl<'a, T: Real> Howl<'a, T> {
    /// The solver at its start. `tuning` gives the iterations, the scales and the seed of error bars.
    pub fn new(problem: &'a Problem<T>, tuning: &Tuning) -> Self {
        let operator = Folded {
            phase: phase::of_centre(problem),
            problem,
        };
        let scales = tuning.scales(problem.encoding.grid());
        let mut notes = Vec::new();
        let complete = problem.encoding.is_full();
        let seed = tuning.error_bars.filter(|_| !complete);
        let bars = seed.and_then(|seed| {
            let drawn = HeldOut::draw(problem, scales, seed);
            let held_out = drawn.map_err(|why| notes.push(why)).ok()?;
            Some(Bars {
                held_out,
                blind: None,
                deviation: None,
            })
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
    fn descend(&mut self, denoiser: Denoiser, factor: f64) -> f64 {
        let Self {
            operator,
            descent,
            bars,
            ..
        } = self;
        let weights = bars.as_ref().map(|bars| bars.held_out.weights.as_slice());
        let gradient = descent.look_ahead(operator, weights);
        let noise = descent.noise(operator, weights);
        descent.step(operator, gradient, denoiser, factor * factor * noise)
    }

    /// One iteration with all samples. Before the first, the residual is kept of the image that did not see all.
    fn warm(&mut self, denoiser: Denoiser, first: bool) -> f64 {
        let Self {
            operator,
            descent,
            bars,
            ..
        } = self;
        if let (true, Some(bars)) = (first, bars) {
            let blind = descent.consistent(operator, Some(&bars.held_out.weights));
            bars.blind = Some(&operator.problem.data - &operator.forward(&blind));
            descent.drop_momentum();
        }
        let gradient = descent.look_ahead(operator, None);
        let noise = descent.noise(operator, None);
        descent.step(operator, gradient, denoiser, noise)
    }

    /// Error bars of the image, and what the samples held out tell of the one that did not see them.
    fn judge(&mut self) -> Vec<BandState> {
        let image = self.image();
        let Self { operator, descent, .. } = self;
        let Problem { encoding, data, .. } = operator.problem;
        let Some(bars) = &mut self.bars else { return Vec::new() };
        let Some(blind) = &bars.blind else { return Vec::new() };
        let sight = CoilSight::new(encoding, &image);
        let spectrum = bars.held_out.tell(operator.problem, &sight, blind);
        let residual = data - &encoding.forward(&image);
        let frame = descent.wavelet_frame();
        bars.deviation = Some(deviation(
            operator.problem,
            &frame,
            &sight,
            &spectrum,
            &image,
            &residual,
        ));
        let state = |error: &BandError| BandState {
            tau: error.variance,
            size: error.size,
            shrinkage: None,
        };
        spectrum.bands.iter().map(state).collect()
    }
}

impl<T: Real> Solver<T> for Howl<'_, T> {
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
                noise = Some(self.descend(denoiser, factor));
            }
            Stage::Warm { denoiser, first } => noise = Some(self.warm(denoiser, first)),
            Stage::Judge => bands = self.judge(),
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
            // Error bars change no image.
            kept: self.steps.min(self.schedule.image_steps()),
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.operator.unfold(&self.descent.consistent(&self.operator, None))
    }

    fn deviation(&mut self) -> Option<Array3<T>> {
        if self.complete {
            return self.wants_error_bars.then(|| Array3::zeros(self.operator.phase.dim()));
        }
        self.bars.as_ref()?.deviation.clone()
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
