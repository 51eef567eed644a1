//! Solvers: from a [`Problem`] to an image, one [`Solver::step`] an iteration, all run by one [`drive`]r.

mod a_fista;
mod cg_sense;
mod conjugate_gradients;
mod driver;
mod evolution;
mod fista;
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
pub use evolution::StateEvolution;
pub use howl::Howl;
pub use method::{Footprint, Knob, METHODS, Method};
pub use problem::Problem;
pub use proximal::ProximalGradient;
pub use pvdamp::PVdamp;
pub use search::{LambdaCurve, search_lambda};
pub use tuning::{Lambda, Tuning};
pub use zero_filled::ZeroFilled;

use ndarray::Array3;
use serde::Serialize;

use crate::array::{ImageSets, Real};
use crate::wavelet::{Pyramid, Transform};

/// One method, stepped by the driver.
pub trait Solver<T: Real> {
    /// One iteration.
    fn step(&mut self) -> Step;

    /// The image of lowest expected error so far, `(sets, rows, cols)`.
    fn image(&mut self) -> ImageSets<T>;

    /// An unbiased estimate of the image, where the method has one: truth plus noise of the variance that the
    /// state evolution states.
    fn unbiased(&self) -> Option<ImageSets<T>> {
        None
    }

    /// Error bars of [`Self::image`], `(sets, rows, cols)`: the predicted standard deviation of the real part of each
    /// pixel's error, and likewise of the imaginary part. `None` unless they were asked for by
    /// [`Tuning::error_bars`], and where they cannot be told, which [`Self::notes`] explains.
    fn deviation(&mut self) -> Option<Array3<T>> {
        None
    }

    /// How many steps it takes by a plan of its own, whatever the limit on iterations; `None` for methods without one.
    fn planned(&self) -> Option<usize> {
        None
    }

    /// The unbiased estimate that the next iteration starts from, where the method has a state evolution.
    fn tracked(&self) -> Option<Tracked<'_, T>> {
        None
    }

    /// What the method found out by itself and a reader of its result should know: sentences.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// An estimate r, and what is known of its error.
pub struct Tracked<'a, T> {
    /// `(sets, rows, cols)`.
    pub estimate: &'a ImageSets<T>,
    /// τ: predicted variance of each coefficient of `Ψ r`, one pyramid a set of maps.
    pub variance: &'a [Pyramid<T>],
    /// Ψ.
    pub transform: &'a Transform<T>,
}

/// What one iteration tells.
#[derive(Clone, Debug)]
pub struct Step {
    /// State evolution: every subband of every set of maps; empty for methods without one.
    pub bands: Vec<BandState>,
    /// The iteration, counted from 1, whose image would be returned now.
    pub kept: usize,
    /// The noise variance that a denoiser for white noise was told, per complex pixel or coefficient, in squared
    /// units of the image; `None` for methods without such a denoiser.
    pub noise: Option<f64>,
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

/// A soft threshold and what it did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shrinkage {
    /// Threshold λ.
    pub threshold: f64,
    /// Mean divergence α of the denoiser, after damping: the Onsager coefficient.
    pub alpha: f64,
    /// Stein's estimate of the mean squared error after the threshold; an estimate, so it can be negative.
    pub sure: f64,
}

/// Mean τ over all coefficients.
pub fn mean_tau(bands: &[BandState]) -> f64 {
    let (sum, size) = bands.iter().fold((0.0, 0), |(sum, size), band| {
        (sum + band.tau * band.size as f64, size + band.size)
    });
    sum / size.max(1) as f64
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Continue,
    Stop(StopReason),
}

/// Why a solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopReason {
    /// The limit on iterations.
    Iterations,
    /// The method's own plan is done.
    Planned,
    /// The limit on time.
    Time,
    /// The iteration has come to rest: for P-VDAMP, the mean variance fell by less than 0.1 % over several iterations.
    Settled,
    /// The mean variance rose and stayed above its least: the iterate of least variance was kept.
    TauRose,
    /// The iterate grew beyond any image that the data could show: the one before was kept.
    IterateGrew,
    /// Nothing to iterate for: the method is direct, or there is no aliasing and no noise to remove.
    Direct,
}

impl StopReason {
    /// As written to files.
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

    /// As told to a user.
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
