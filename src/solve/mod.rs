//! Solvers: from a [`Problem`] to an image. A method implements [`Solver`], whose [`step`](Solver::step) is one
//! iteration; [`drive`] runs it. [`METHODS`] lists the methods.

mod a_fista;
mod cg_sense;
mod conjugate_gradients;
mod driver;
mod error_bars;
mod evolution;
mod fista;
mod folded;
mod howl;
mod method;
mod momentum;
mod problem;
mod proximal;
mod pvdamp;
mod search;
mod sure_it;
mod tuning;
mod zero_filled;

pub use cg_sense::CgSense;
pub use driver::{History, IterationRecord, Limits, StepObserver, drive};
pub use error_bars::ErrorBars;
pub use evolution::StateEvolution;
pub use howl::Howl;
pub use method::{Footprint, Knob, METHODS, Method};
pub use problem::Problem;
pub use proximal::ProximalGradient;
pub use pvdamp::{PVdamp, PublishedPVdamp};
pub use search::{LambdaCurve, search_lambda};
pub use tuning::{Lambda, Shift, Tuning};
pub use zero_filled::ZeroFilled;

use ndarray::Array3;
use serde::Serialize;

use crate::array::{ImageSets, Real};
use crate::wavelet::{Pyramid, Transform};

/// A method at work on one problem: an iteration at a time, as [`drive`] asks for it.
pub trait Solver<T: Real> {
    /// Does one iteration.
    fn step(&mut self) -> Step;

    /// The image of lowest expected error so far, `(sets, rows, cols)`, in the units of k-space.
    fn image(&mut self) -> ImageSets<T>;

    /// An unbiased estimate of the image, `(sets, rows, cols)`: the truth plus noise of the variance that the state
    /// evolution predicts. `None` for methods without one.
    fn unbiased(&self) -> Option<ImageSets<T>> {
        None
    }

    /// The predicted standard deviation of the real part of the error of each pixel of [`Self::unbiased`], and likewise of
    /// the imaginary part, `(sets, rows, cols)`: by the state evolution. `None` for methods without one.
    fn unbiased_deviation(&self) -> Option<Array3<T>> {
        None
    }

    /// Error bars of [`Self::image`], `(sets, rows, cols)`: the predicted standard deviation of the real part of each
    /// pixel's error, and likewise of the imaginary part. `None` unless [`Tuning::error_bars`] asks for them, and where
    /// they cannot be estimated, which [`Self::notes`] explains.
    fn deviation(&mut self) -> Option<Array3<T>> {
        None
    }

    /// The number of steps of a method with a schedule of its own, which overrides the limit on iterations; `None` for
    /// methods without one.
    fn planned(&self) -> Option<usize> {
        None
    }

    /// The unbiased estimate that the next iteration starts from, where the method has a state evolution and keeps to it.
    fn tracked(&self) -> Option<Tracked<'_, T>> {
        None
    }

    /// What a user should know before he believes the image, each a sentence.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Remarks for the user, such as parameters that the method estimated; each a sentence.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An unbiased estimate r of the image, and the predicted variance of its error.
pub struct Tracked<'a, T> {
    /// r, `(sets, rows, cols)`.
    pub estimate: &'a ImageSets<T>,
    /// τ: predicted variance `E|e|²` of each complex coefficient of `Ψ r`, one pyramid for each set of maps.
    pub variance: &'a [Pyramid<T>],
    /// The wavelet transform Ψ.
    pub transform: &'a Transform<T>,
}

/// The record of one iteration.
#[derive(Clone, Debug)]
pub struct Step {
    /// State evolution: every subband of every set of maps; empty for methods without one, and in iterations whose
    /// variance is not known.
    pub bands: Vec<BandState>,
    /// The iteration, counted from 1, whose image would be returned now.
    pub kept: usize,
    /// The noise variance that a denoiser for white noise was given, per complex pixel or coefficient, in squared
    /// units of the image; `None` for methods without such a denoiser.
    pub noise: Option<f64>,
    /// Whether there is more to do.
    pub verdict: Verdict,
}

/// State evolution of one subband in one iteration. Variances are per complex coefficient, in squared units of
/// the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BandState {
    /// Mean predicted variance τ before the threshold.
    pub tau: f64,
    /// How the subband was thresholded; `None` for methods that denoise otherwise.
    #[serde(flatten)]
    pub shrinkage: Option<Shrinkage>,
    /// Number of coefficients.
    pub size: usize,
}

/// How a subband was denoised, and what that did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shrinkage {
    /// Threshold λ of a soft threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Strength κ of a Wiener shrinkage, the mean of real and imaginary part: how many times the noise counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<f64>,
    /// Divergence α of the denoiser, as the Onsager correction takes it: 1 for the identity, 0 for the zero map.
    pub alpha: f64,
    /// Stein's estimate of the mean squared error after it; an estimate, so it can be negative.
    pub sure: f64,
}

/// Mean τ over all coefficients of all subbands; 0 where there are none.
pub fn mean_tau(bands: &[BandState]) -> f64 {
    let (sum, size) = bands.iter().fold((0.0, 0), |(sum, size), band| {
        (sum + band.tau * band.size as f64, size + band.size)
    });
    sum / size.max(1) as f64
}

/// Whether a solver goes on after an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another iteration can improve the image.
    Continue,
    /// The solver is done: further steps are of no use.
    Stop(StopReason),
}

/// Why a solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// The limit on iterations was reached.
    Iterations,
    /// The method's own schedule is done.
    Planned,
    /// The limit on time was reached.
    Time,
    /// The iteration has converged: for the published P-VDAMP, the mean variance fell by less than 0.1 % over five iterations.
    Settled,
    /// The mean variance τ rose and stayed above its minimum: the iterate of least variance was kept.
    TauRose,
    /// The energy of the iterate grew beyond that of any image that agrees with the data: the iterate before was kept.
    IterateGrew,
    /// No iterations are needed: the method is direct, or there is no aliasing and no noise to remove.
    Direct,
}

impl StopReason {
    /// The name in files, in kebab case, as serde writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::Planned => "planned",
            Self::Time => "time",
            Self::Settled => "settled",
            Self::TauRose => "tau-rose",
            Self::IterateGrew => "iterate-grew",
            Self::Direct => "direct",
        }
    }

    /// A phrase for the user.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Iterations => "stopped at the iteration limit",
            Self::Planned => "done as planned",
            Self::Time => "stopped at the time limit",
            Self::Settled => "settled",
            Self::TauRose => "stopped after τ had risen, the best iterate kept",
            Self::IterateGrew => "stopped where the iterate grew, the best one kept",
            Self::Direct => "direct, no iterations needed",
        }
    }
}
