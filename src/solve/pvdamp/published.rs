//! Parallel Variable Density Approximate Message Passing (arXiv:2203.04180), as it was published.
//!
//! Every iterate r is the truth plus noise whose wavelet-domain variance τ the state evolution predicts. So each
//! iteration denoises each subband by the soft threshold of least risk, removes the denoiser's own bias (Onsager
//! correction), and makes the result unbiased again with the data and the sampling density.
//!
//! `docs/algorithm.md` in the repository lists the differences from the published code.

use std::sync::{Arc, Mutex};

use ndarray::{Array3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use super::guard::GROWN;
use super::mean;
use crate::array::{ImageSets, Real, energy, sum, vectorised};
use crate::denoise;
use crate::operator::Samples;
use crate::solve::{
    BandState, Problem, Shrinkage, Solver, StateEvolution, Step, StopReason, Tracked, Tuning, Verdict, mean_tau,
};
use crate::wavelet::{FilterBank, Layout, Pyramid, Transform, Workspace};

/// Relative fall of mean τ that counts as progress.
const SETTLED: f64 = 1e-3;
/// Iterations without progress before the run stops.
const PATIENCE: usize = 5;
/// `1 − α` below which a denoiser counts as the identity, which needs no correction.
const IDENTITY: f64 = 1e-4;

/// Parallel Variable Density Approximate Message Passing as Millard, Chiew, Tanner, Hess & Mailhé published it
/// (arXiv:2203.04180): what papers compare with. The images of [`PVdamp`](super::PVdamp) have less error.
///
/// It has no regularisation weight: each subband of each iteration is thresholded at the minimum of SURE, for the error
/// variance that [`StateEvolution`] predicts. It stops by itself, where that variance no longer falls, and keeps the
/// iterate of least variance.
pub struct PublishedPVdamp<T: Real> {
    problem: Arc<Problem<T>>,
    evolution: StateEvolution<T>,
    transform: Transform<T>,
    /// ρ of the first iteration, and of those after it.
    damping: [f64; 2],
    state: State<T>,
    scratch: ScratchSpace<T>,
}

/// What one iteration hands to the next.
struct State<T> {
    /// Iterations begun.
    iteration: usize,
    /// The unbiased estimate.
    r: ImageSets<T>,
    /// Variance of each coefficient of `Ψ r`, one pyramid a set of maps.
    tau: Vec<Pyramid<T>>,
    /// Damped denoised coefficients `ŵ` of the latest iteration; zero before the first.
    denoised: Vec<Pyramid<Complex<T>>>,
    /// The estimate that `denoised` was made of, once `r` is a later one.
    before: Option<Estimate<T>>,
    /// Energy of the first estimate.
    first_energy: f64,
    guard: Guard<T>,
}

/// Watches the mean of τ. It is noisy, so that a single rise means little: the iterate of least τ is kept, and the
/// iteration continues until [`PATIENCE`] iterations have brought no progress.
struct Guard<T> {
    least: f64,
    /// Mean τ at the last worthwhile fall, and the iterations since.
    reference: f64,
    stale: usize,
    /// The iterate of least τ, where that is not the current one.
    best: Option<Best<T>>,
}

struct Best<T> {
    iteration: usize,
    estimate: Estimate<T>,
    denoised: Vec<Pyramid<Complex<T>>>,
}

/// An unbiased estimate of an earlier iteration.
struct Estimate<T> {
    r: ImageSets<T>,
    /// Its variance.
    tau: Vec<Pyramid<T>>,
}

struct ScratchSpace<T> {
    coefficients: Pyramid<Complex<T>>,
    residual: Samples<T>,
    wavelet: Workspace<T>,
    /// Buffers that bands reuse.
    sure: Mutex<Vec<denoise::Workspace<T>>>,
}

impl<T: Real> PublishedPVdamp<T> {
    /// The solver at its start, the density-compensated image. `tuning` gives wavelet, scales and damping.
    pub fn new(problem: &Arc<Problem<T>>, tuning: &Tuning) -> Self {
        let layout = Arc::new(Layout::new(
            problem.encoding.grid(),
            tuning.scales(problem.encoding.grid()),
        ));
        let evolution = StateEvolution::new(problem, &layout, tuning.wavelet);
        Self::with_evolution(problem, evolution, tuning)
    }

    /// The same with a state evolution that the caller made for `problem` and `tuning`.
    pub fn with_evolution(problem: &Arc<Problem<T>>, evolution: StateEvolution<T>, tuning: &Tuning) -> Self {
        let layout = Arc::clone(evolution.layout());
        let transform = Transform::new(&layout, FilterBank::of(tuning.wavelet));
        let zero = Complex::new(T::zero(), T::zero());
        let sets = problem.encoding.sets();

        let mut tau = vec![Pyramid::filled(&layout, T::zero()); sets];
        evolution.update(&problem.data, &mut tau);
        let least = mean(&tau);
        let guard = Guard {
            least,
            reference: least,
            stale: 0,
            best: None,
        };
        let r = problem.density_compensated();
        // Phase-encode lines are few and weigh much, so that the first estimate may be far off: there it is damped too.
        let lines = evolution.models_lines();
        let damping = tuning.damping(lines);
        Self {
            damping: [if lines { damping } else { 1.0 }, damping],
            state: State {
                iteration: 0,
                first_energy: energy(&r),
                r,
                tau,
                denoised: vec![Pyramid::filled(&layout, zero); sets],
                before: None,
                guard,
            },
            scratch: ScratchSpace {
                coefficients: Pyramid::filled(&layout, zero),
                residual: Samples::zeros(problem.data.dim()),
                wavelet: transform.workspace(),
                sure: Mutex::default(),
            },
            problem: Arc::clone(problem),
            evolution,
            transform,
        }
    }

    /// Denoises `Ψ r`, set by set, and returns the Onsager-corrected image.
    fn denoise(&mut self, bands: &mut Vec<BandState>) -> ImageSets<T> {
        let mut corrected = ImageSets::zeros(self.state.r.dim());
        let share = self.damping[self.state.iteration.min(1)];
        for (set, mut target) in corrected.outer_iter_mut().enumerate() {
            let ScratchSpace {
                coefficients: w,
                wavelet: work,
                sure,
                ..
            } = &mut self.scratch;
            let sure = &*sure;
            let State { r, tau, denoised, .. } = &mut self.state;
            self.transform.analyse(r.index_axis(Axis(0), set), w, work);
            let tau = &tau[set];
            let pairs = w.bands_mut().into_par_iter().zip(denoised[set].bands_mut()).enumerate();
            let states = pairs.map(|(index, (w, denoised))| {
                let idle = || sure.lock().unwrap_or_else(|e| e.into_inner());
                let mut work = idle().pop().unwrap_or_default();
                let state = denoise_band(w, tau.band(index), denoised, share, &mut work);
                idle().push(work);
                state
            });
            bands.par_extend(states);
            self.transform.synthesise(w, target.view_mut(), work);
        }
        corrected
    }

    /// The estimate that the kept image was made of, where that is not the current one.
    fn kept_estimate(&self) -> Option<&Estimate<T>> {
        let best = self.state.guard.best.as_ref().map(|best| &best.estimate);
        best.or(self.state.before.as_ref())
    }

    /// `r' = SᴴS r̃ + Aᴴ P⁻¹ (y − A r̃)`: unbiased again. Leaves the residual in the scratch space.
    fn unbias(&mut self, corrected: ImageSets<T>) -> ImageSets<T> {
        let Problem { encoding, data, .. } = &*self.problem;
        let weights = &self.problem.inverse_probability;
        encoding.corrected(data, &corrected, Some(weights), &mut self.scratch.residual)
    }

    /// Makes `next` the current iterate, unless it diverged: then the best one before it stays.
    fn advance(&mut self, next: ImageSets<T>) -> Verdict {
        // Written so that a NaN counts as growth.
        let sound = energy(&next) <= GROWN * self.state.first_energy;
        if !sound {
            return Verdict::Stop(StopReason::IterateGrew);
        }
        let State {
            r,
            tau,
            denoised,
            iteration,
            before: previous,
            guard,
            ..
        } = &mut self.state;
        let tau_before = tau.clone();
        self.evolution.update(&self.scratch.residual, tau);
        let mean = mean(tau);
        let before = Estimate {
            r: std::mem::replace(r, next),
            tau: tau_before,
        };
        if mean < guard.least {
            guard.least = mean;
            guard.best = None;
            *previous = Some(before);
        } else if guard.best.is_none() {
            guard.best = Some(Best {
                iteration: *iteration,
                estimate: before,
                denoised: denoised.clone(),
            });
        }
        if mean < (1.0 - SETTLED) * guard.reference {
            guard.reference = mean;
            guard.stale = 0;
            return Verdict::Continue;
        }
        guard.stale += 1;
        if guard.stale < PATIENCE {
            return Verdict::Continue;
        }
        Verdict::Stop(match guard.best {
            Some(_) => StopReason::TauRose,
            None => StopReason::Settled,
        })
    }
}

impl<T: Real> Solver<T> for PublishedPVdamp<T> {
    fn step(&mut self) -> Step {
        let mut bands = Vec::new();
        let corrected = self.denoise(&mut bands);
        self.state.iteration += 1;
        self.state.before = None;
        // Complete data are their own only estimate.
        let complete = self.problem.encoding.is_full();
        let verdict = if complete || mean_tau(&bands) == 0.0 {
            Verdict::Stop(StopReason::Direct)
        } else {
            let next = self.unbias(corrected);
            self.advance(next)
        };
        let kept = match &self.state.guard.best {
            Some(best) => best.iteration,
            None => self.state.iteration,
        };
        Step {
            bands,
            kept,
            noise: None,
            verdict,
        }
    }

    /// `x̂ = SᴴS Ψ⁻¹ŵ + Aᴴ(y − A Ψ⁻¹ŵ)`: the denoised image, made to agree with the data.
    fn image(&mut self) -> ImageSets<T> {
        let denoised = match &self.state.guard.best {
            Some(best) => &best.denoised,
            None => &self.state.denoised,
        };
        let mut image = ImageSets::zeros(self.state.r.dim());
        for (denoised, mut target) in denoised.iter().zip(image.outer_iter_mut()) {
            let work = &mut self.scratch.wavelet;
            self.transform.synthesise(denoised, target.view_mut(), work);
        }
        let Problem { encoding, data, .. } = &*self.problem;
        encoding.corrected(data, &image, None, &mut self.scratch.residual)
    }

    /// The estimate that the image was made of: the one whose variance the iteration kept has on record.
    fn unbiased(&self) -> Option<ImageSets<T>> {
        Some(self.kept_estimate().map_or(&self.state.r, |kept| &kept.r).clone())
    }

    fn unbiased_deviation(&self) -> Option<Array3<T>> {
        let tau = self.kept_estimate().map_or(&self.state.tau, |kept| &kept.tau);
        Some(self.evolution.deviation(tau, &self.problem.encoding))
    }

    fn tracked(&self) -> Option<Tracked<'_, T>> {
        Some(Tracked {
            estimate: &self.state.r,
            variance: &self.state.tau,
            transform: &self.transform,
        })
    }
}

/// One subband: SURE threshold, damping with share ρ of the new, Onsager correction. `w` becomes
/// `w̃ = (ŵ − αw)/(1 − α)`, written as `w + (ŵ − w)/(1 − α)` to lose nothing where α is near 1.
fn denoise_band<T: Real>(
    w: &mut [Complex<T>],
    tau: &[T],
    denoised: &mut [Complex<T>],
    share: f64,
    sure: &mut denoise::Workspace<T>,
) -> BandState {
    let size = w.len();
    let mean_tau = sum(tau) / size as f64;
    // Without noise there is nothing to remove, nor to damp: the band passes as it is.
    if mean_tau == 0.0 {
        denoised.copy_from_slice(w);
        return BandState {
            tau: 0.0,
            shrinkage: Some(Shrinkage {
                threshold: Some(0.0),
                strength: None,
                alpha: 1.0,
                sure: 0.0,
            }),
            size,
        };
    }
    let best = denoise::sure_threshold(w, tau, sure);
    let alpha = share * denoise::damped_soft_threshold(w, best.threshold, share, denoised);
    if 1.0 - alpha > IDENTITY {
        let gain = T::of(1.0 / (1.0 - alpha));
        vectorised(
            #[inline(always)]
            || {
                for (w, d) in w.iter_mut().zip(&*denoised) {
                    *w = *w + (*d - *w) * gain;
                }
            },
        );
    }
    BandState {
        tau: mean_tau,
        shrinkage: Some(Shrinkage {
            threshold: Some(best.threshold),
            strength: None,
            alpha,
            sure: best.risk / size as f64,
        }),
        size,
    }
}
