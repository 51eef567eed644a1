//! P-VDAMP, second edition: a state evolution that holds, then an image of less error.
//!
//! The first third of the iterations is message passing as the paper means it, with two changes that make the predicted
//! variance right at every iteration: the Onsager coefficient is weighted by the variance, and damping comes after the
//! correction. What they end with is the unbiased estimate. The others correct less than unbiasedness asks for, which
//! brings the error of the image down, and the variance with it too far: that one is only what the denoiser is given.
//!
//! `docs/algorithm.md` in the repository has the equations.

mod band;
mod guard;
mod published;

pub use published::PublishedPVdamp;

use std::sync::{Arc, Mutex};

use ndarray::{Array3, Axis};
use num_complex::Complex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use self::band::{Denoised, Form};
use self::guard::{Guard, Kept};
use super::folded::{Folded, phase};
use super::{Problem, Solver, StateEvolution, Step, StopReason, Tracked, Tuning, Verdict};
use crate::array::{ImageSets, Real, energy, sum};
use crate::fourier::Fourier;
use crate::operator::Samples;
use crate::sampling;
use crate::wavelet::{FilterBank, Layout, Pyramid, Transform, Workspace};

/// Iterations, and those for 1-D undersampling and for partial Fourier.
pub(crate) const ITERATIONS: usize = 30;
pub(crate) const LINE_ITERATIONS: usize = 60;
/// Seed of the shifts, unless set.
pub(crate) const SEED: u64 = 0;
/// One of so many iterations belongs to the first part.
const FIRST_PART: usize = 3;
/// When the phase is estimated again, as a share of the iterations.
const REFOLD: f64 = 0.4;
/// γ: the share of the Onsager correction in the second part.
const CORRECTION: f64 = 0.85;

/// Parallel Variable Density Approximate Message Passing (Millard, Chiew, Tanner, Hess & Mailhé, arXiv:2203.04180), with
/// what was found since.
///
/// It has no regularisation weight: each subband of each iteration is shrunk as Stein's estimate says is best, for the
/// error variance that [`StateEvolution`] predicts. [`Solver::unbiased`] is the estimate of the first part, whose
/// variance is known; [`Solver::image`] that of the second, which has less error. `docs/algorithm.md` in the
/// repository has the equations.
pub struct PVdamp<T: Real> {
    operator: Folded<T>,
    evolution: StateEvolution<T>,
    transform: Transform<T>,
    fourier: Fourier<T>,
    plan: Plan,
    /// ρ.
    damping: f64,
    shifts: Option<ChaCha8Rng>,
    /// Iterations done.
    iteration: usize,
    state: State<T>,
    /// What the first part ended with.
    unbiased: Option<Unbiased<T>>,
    guard: Guard<T>,
    scratch: ScratchSpace<T>,
}

/// How many iterations there are, of which form.
#[derive(Clone, Copy)]
struct Plan {
    iterations: usize,
    first_part: usize,
    refold: usize,
    /// Lines are few and weigh much, so that the first estimate may be far off: there it is damped too.
    lines: bool,
}

/// What one iteration hands to the next. Images are folded, but for the estimate.
struct State<T> {
    estimate: Unbiased<T>,
    /// `r̃`, damped: what the estimate was made of.
    corrected: ImageSets<T>,
    /// `Ψ⁻¹ŵ`, damped.
    denoised: ImageSets<T>,
}

/// An unbiased estimate r, as a caller sees it, and the variance of each coefficient of `Ψ r`, a pyramid a set of maps.
struct Unbiased<T> {
    r: ImageSets<T>,
    tau: Vec<Pyramid<T>>,
}

struct ScratchSpace<T> {
    coefficients: [Pyramid<Complex<T>>; 2],
    image: ImageSets<T>,
    residual: Samples<T>,
    /// One for each of the pyramids.
    wavelet: [Workspace<T>; 2],
    /// Buffers that bands reuse.
    bands: Mutex<Vec<band::Workspace<T>>>,
}

impl<T: Real> PVdamp<T> {
    /// The solver at its start, the density-compensated image. `tuning` gives the iterations, wavelet, scales, damping and
    /// the seed of the shifts.
    pub fn new(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        let iterations = Plan::iterations(problem, tuning);
        Self::with_first_part(problem, tuning, iterations.div_ceil(FIRST_PART))
    }

    /// The first part alone, for all iterations: the estimate stays unbiased, and its variance known, to the end. The
    /// error of the image is higher.
    pub fn unbiased_throughout(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        Self::with_first_part(problem, tuning, Plan::iterations(problem, tuning))
    }

    fn with_first_part(problem: &Arc<Problem<T>>, tuning: &Tuning, first_part: usize) -> Self {
        let encoding = &problem.encoding;
        let (grid, sets) = (encoding.grid(), encoding.sets());
        let layout = Arc::new(Layout::new(grid, tuning.scales(grid)));
        let transform = Transform::new(&layout, FilterBank::of(tuning.wavelet));
        let mut evolution = StateEvolution::new(problem, &layout, tuning.wavelet);
        evolution.calibrate(problem, &transform);
        let iterations = Plan::iterations(problem, tuning);
        let plan = Plan {
            iterations,
            first_part,
            refold: (REFOLD * iterations as f64) as usize,
            lines: evolution.models_lines(),
        };
        let mut tau = vec![Pyramid::filled(&layout, T::zero()); sets];
        evolution.update_calibrated(&problem.data, evolution.noise(), &mut tau);
        let r = problem.density_compensated();
        let nothing = || ImageSets::zeros(r.dim());
        let no_coefficients = || Pyramid::filled(&layout, Complex::new(T::zero(), T::zero()));
        Self {
            operator: Folded::new(problem),
            fourier: Fourier::new(grid),
            plan,
            damping: tuning.damping(plan.lines),
            shifts: tuning.shift.seed(Some(SEED)).map(ChaCha8Rng::seed_from_u64),
            iteration: 0,
            guard: Guard::new(&r, mean(&tau)),
            scratch: ScratchSpace {
                coefficients: [no_coefficients(), no_coefficients()],
                image: nothing(),
                residual: Samples::zeros(problem.data.dim()),
                wavelet: [transform.workspace(), transform.workspace()],
                bands: Mutex::default(),
            },
            state: State {
                corrected: nothing(),
                denoised: nothing(),
                estimate: Unbiased { r, tau },
            },
            unbiased: None,
            evolution,
            transform,
        }
    }

    fn is_first_part(&self) -> bool {
        self.iteration < self.plan.first_part
    }

    /// How this iteration denoises: ρ and the share of the correction.
    fn form(&self) -> Form {
        // Before the first iteration there is nothing to damp with, but on lines.
        let damping = if self.iteration > 0 || self.plan.lines {
            self.damping
        } else {
            1.0
        };
        if self.is_first_part() {
            Form::Unbiased { damping }
        } else {
            Form::UnderCorrected {
                damping,
                correction: CORRECTION * damping,
            }
        }
    }

    /// Denoises the estimate: `Ψ⁻¹ŵ` becomes the denoised image, `r̃` the corrected one.
    fn denoise(&mut self) -> Vec<Denoised> {
        let period = 1u32 << self.transform.layout.scales;
        let mut draw = || self.shifts.as_mut().map_or(0, |rng| (rng.next_u32() % period) as usize);
        let shift = [draw(), draw()];
        let form = self.form();
        let State {
            estimate,
            corrected,
            denoised,
        } = &mut self.state;
        let ScratchSpace {
            coefficients: [w, hat],
            image: r,
            wavelet: [work, hat_work],
            bands: idle,
            ..
        } = &mut self.scratch;
        self.operator.fold_into(&estimate.r, r);
        let idle = &*idle;
        let idle = || idle.lock().unwrap_or_else(|e| e.into_inner());
        let mut results = Vec::new();
        for (set, tau) in estimate.tau.iter().enumerate() {
            let (corrected, denoised) = (
                corrected.index_axis_mut(Axis(0), set),
                denoised.index_axis_mut(Axis(0), set),
            );
            let (r, transform) = (r.index_axis(Axis(0), set), &self.transform);
            rayon::join(
                || transform.analyse_shifted(r, shift, w, work),
                || {
                    if let Form::UnderCorrected { .. } = form {
                        transform.analyse_shifted(denoised.view(), shift, hat, hat_work);
                    }
                },
            );
            let bands = w.bands_mut().into_par_iter().zip(hat.bands_mut()).enumerate();
            results.par_extend(bands.map(|(index, (w, hat))| {
                let mut work = idle().pop().unwrap_or_default();
                let band = &tau.layout.bands[index];
                let result = band::denoise(w, hat, band, tau.band(index), shift, form, &mut work);
                idle().push(work);
                result
            }));
            let share = match form {
                Form::Unbiased { damping } => damping,
                // Damped already.
                Form::UnderCorrected { .. } => 1.0,
            };
            let share = T::of(share);
            rayon::join(
                || transform.synthesise_shifted(w, shift, share, corrected, work),
                || transform.synthesise_shifted(hat, shift, share, denoised, hat_work),
            );
        }
        results
    }

    /// Makes the corrected image unbiased by the data, `r = SᴴS r̃ + Aᴴ P⁻¹ (y − A r̃)`, and predicts its variance.
    fn advance(&mut self, results: &[Denoised]) -> Verdict {
        let Problem {
            encoding,
            data,
            inverse_probability,
            ..
        } = &*self.operator.problem;
        let ScratchSpace { image, residual, .. } = &mut self.scratch;
        self.operator.unfold_into(&self.state.corrected, image);
        let next = encoding.corrected(data, image, Some(inverse_probability), residual);
        if !self.guard.allows(&next) {
            self.guard.grew();
            return Verdict::Stop(StopReason::IterateGrew);
        }
        let estimate = &mut self.state.estimate;
        if self.iteration < self.plan.first_part {
            let error = results
                .iter()
                .filter(|result| result.finest)
                .map(|result| result.error)
                .sum();
            let noise = self.evolution.residual_noise(residual, error);
            self.evolution.update_calibrated(residual, noise, &mut estimate.tau);
        } else {
            self.evolution.update(residual, &mut estimate.tau);
        }
        estimate.r = next;
        let tau = mean(&estimate.tau);
        let Self {
            guard,
            operator,
            state,
            iteration,
            ..
        } = self;
        guard.note(tau, || state.kept(operator, *iteration + 1));
        Verdict::Continue
    }

    /// Keeps the estimate of the first part.
    fn end_first_part(&mut self) {
        let Self {
            guard,
            operator,
            state,
            iteration,
            ..
        } = self;
        let Unbiased { r, tau } = &state.estimate;
        self.unbiased = Some(Unbiased {
            r: r.clone(),
            tau: tau.clone(),
        });
        guard.end_first_part(|| state.kept(operator, *iteration));
    }

    /// Takes out what is left of the slow phase.
    fn refold(&mut self) {
        let State {
            corrected, denoised, ..
        } = &mut self.state;
        let more = phase::of_image(denoised, &self.fourier);
        self.operator.refold(&more, [corrected, denoised]);
    }

    /// What is told to be unbiased: the estimate that the first part ended with, or the latest.
    fn reported(&self) -> &Unbiased<T> {
        self.unbiased.as_ref().unwrap_or(&self.state.estimate)
    }
}

impl<T: Real> State<T> {
    /// The denoised image, of that iteration.
    fn kept(&self, operator: &Folded<T>, iteration: usize) -> Kept<T> {
        Kept {
            iteration,
            image: operator.unfold(&self.denoised),
        }
    }
}

impl Plan {
    fn iterations<T: Real>(problem: &Problem<T>, tuning: &Tuning) -> usize {
        let own = if sampling::lacks_lines(&problem.encoding.mask()) {
            LINE_ITERATIONS
        } else {
            ITERATIONS
        };
        tuning.iterations.unwrap_or(own)
    }
}

impl<T: Real> Solver<T> for PVdamp<T> {
    fn step(&mut self) -> Step {
        if self.iteration > 0 && self.iteration == self.plan.refold {
            self.refold();
        }
        let nothing_to_do = self.operator.problem.encoding.is_full() || mean(&self.state.estimate.tau) == 0.0;
        let results = self.denoise();
        let verdict = if nothing_to_do {
            Verdict::Stop(StopReason::Direct)
        } else {
            self.advance(&results)
        };
        // The second part begins with the estimate that is reported.
        let reported = self.iteration <= self.plan.first_part;
        self.iteration += 1;
        let verdict = match verdict {
            Verdict::Continue if self.iteration == self.plan.iterations => Verdict::Stop(StopReason::Planned),
            verdict => verdict,
        };
        if verdict == Verdict::Continue && self.iteration == self.plan.first_part {
            self.end_first_part();
        }
        let results = results.into_iter().filter(|_| reported);
        Step {
            bands: results.map(|result| result.state).collect(),
            kept: self.guard.best().map_or(self.iteration, |kept| kept.iteration),
            noise: None,
            verdict,
        }
    }

    /// `x̂ = SᴴS Ψ⁻¹ŵ + β Aᴴ(y − A Ψ⁻¹ŵ)`: the denoised image, made to agree with the data as far as they are not noise.
    fn image(&mut self) -> ImageSets<T> {
        let latest;
        let denoised = match self.guard.best() {
            Some(best) => &best.image,
            None => {
                latest = self.operator.unfold(&self.state.denoised);
                &latest
            }
        };
        let (problem, residual) = (&*self.operator.problem, &mut self.scratch.residual);
        let Problem { encoding, data, .. } = problem;
        let image = encoding.corrected(data, denoised, None, residual);
        match trusted_share(problem, self.evolution.noise(), residual) {
            Some(share) => {
                let weights = vec![T::of(share); data.dim().1];
                encoding.corrected(data, denoised, Some(&weights), residual)
            }
            None => image,
        }
    }

    fn unbiased(&self) -> Option<ImageSets<T>> {
        Some(self.reported().r.clone())
    }

    fn unbiased_deviation(&self) -> Option<Array3<T>> {
        let encoding = &self.operator.problem.encoding;
        Some(self.evolution.deviation(&self.reported().tau, encoding))
    }

    fn planned(&self) -> Option<usize> {
        Some(self.plan.iterations)
    }

    /// In the first part only, and what that ends with.
    fn tracked(&self) -> Option<Tracked<'_, T>> {
        let Unbiased { r, tau } = &self.state.estimate;
        (self.iteration <= self.plan.first_part).then_some(Tracked {
            estimate: r,
            variance: tau,
            transform: &self.transform,
        })
    }
}

/// β: the share of an image's residual that is added back: all but half of what is the noise of the samples, where that is
/// known. The other half stays for the detail that the denoiser took with the noise.
fn trusted_share<T: Real>(problem: &Problem<T>, noise: f64, residual: &Samples<T>) -> Option<f64> {
    let Problem { encoding, measured, .. } = problem;
    if encoding.is_full() || noise == 0.0 {
        return None;
    }
    let expected = noise * measured.iter().filter(|&&measured| measured).count() as f64;
    let found = energy(residual) / encoding.coils() as f64;
    Some(1.0 - 0.5 * (expected / found).min(1.0))
}

/// Mean over all coefficients of all sets.
fn mean<T: Real>(tau: &[Pyramid<T>]) -> f64 {
    let total: f64 = tau.iter().map(|pyramid| sum(&pyramid.values)).sum();
    total / tau.iter().map(|pyramid| pyramid.values.len()).sum::<usize>() as f64
}
