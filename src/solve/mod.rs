//! Solvers: from a [`Problem`] to an image, one [`Solver::step`] an iteration, all run by one [`drive`]r.

mod driver;
mod evolution;
mod problem;
mod pvdamp;
mod zero_filled;

pub use driver::{History, IterationRecord, Limits, drive};
pub use evolution::StateEvolution;
pub use problem::Problem;
pub use pvdamp::PVdamp;
pub use zero_filled::ZeroFilled;

use serde::Serialize;

use crate::array::{Grid, ImageSets, Real};
use crate::error::{Error, Result};
use crate::wavelet::{Layout, Wavelet};

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
}

/// What one iteration tells.
#[derive(Clone, Debug)]
pub struct Step {
    /// State evolution: every subband of every set of maps; empty for methods without one.
    pub bands: Vec<BandState>,
    /// The iteration, counted from 1, whose image would be returned now.
    pub kept: usize,
    pub verdict: Verdict,
}

/// State evolution of one subband in one iteration. Variances are per complex coefficient, in squared units of
/// the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BandState {
    /// Mean predicted variance τ before the threshold.
    pub tau: f64,
    /// Threshold λ.
    pub threshold: f64,
    /// Mean divergence α of the denoiser, after damping: the Onsager coefficient.
    pub alpha: f64,
    /// Stein's estimate of the mean squared error after the threshold; an estimate, so it can be negative.
    pub sure: f64,
    /// Number of coefficients.
    pub size: usize,
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
    /// The limit on time.
    Time,
    /// The mean variance fell by less than 0.1 % over several iterations.
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
            Self::Time => "stopped at the time limit",
            Self::Settled => "settled",
            Self::TauRose => "stopped after τ had risen, the best iterate kept",
            Self::IterateGrew => "stopped where the iterate grew, the best one kept",
            Self::Direct => "direct, no iterations needed",
        }
    }
}

/// What a user can tune; the defaults are the published ones.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub wavelet: &'static Wavelet,
    pub scales: usize,
    /// ρ: the share of the new estimate in each damped update, 0 < ρ ≤ 1.
    pub damping: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            wavelet: Wavelet::find("db4").expect("db4 is in the table"),
            scales: 4,
            damping: 0.75,
        }
    }
}

impl Tuning {
    /// Errors: [`Error::Setting`] where a value has no meaning for an image of this size.
    pub fn validate(&self, grid: Grid) -> Result<()> {
        if !(self.damping > 0.0 && self.damping <= 1.0) {
            let found = self.damping;
            return Err(Error::setting(format!(
                "--damping {found}: the damping must be above 0 and at most 1; 0.75 is the published value"
            )));
        }
        let most = usize::BITS - (grid.rows.max(grid.cols).max(2) - 1).leading_zeros();
        if self.scales == 0 || self.scales > most as usize {
            let deepest = Layout::deepest(grid, self.wavelet.scaling.len());
            return Err(Error::setting(format!(
                "--scales {}: an image of {grid} can be split 1 to {most} times; for {} at most {deepest} makes sense",
                self.scales, self.wavelet.name
            )));
        }
        Ok(())
    }
}

/// A row of [`METHODS`].
pub struct Method {
    pub name: &'static str,
    pub summary: &'static str,
    pub citation: &'static str,
    /// Whether [`Solver::unbiased`] gives an image.
    pub unbiased: bool,
    pub build: fn(Problem<f32>, &Tuning) -> Box<dyn Solver<f32>>,
}

impl Method {
    pub fn find(name: &str) -> Option<&'static Method> {
        METHODS.iter().find(|m| m.name == name)
    }
}

/// Every method that can be chosen.
pub const METHODS: &[Method] = &[
    Method {
        name: "pvdamp",
        summary: "Parallel Variable Density Approximate Message Passing: SURE-tuned, with known error variance",
        citation: "Millard, Chiew, Tanner, Hess, Mailhé, arXiv:2203.04180",
        unbiased: true,
        build: |problem, tuning| Box::new(PVdamp::new(problem, tuning)),
    },
    Method {
        name: "zero-filled",
        summary: "density-compensated zero-filled SENSE combination, no iterations",
        citation: "Roemer et al., MRM 16 (1990)",
        unbiased: false,
        build: |problem, _| Box::new(ZeroFilled::new(problem)),
    },
];
