//! The records in `results.json`, for users, scripts and the report.
//!
//! Squared errors and variances are in the squared units of the scan; NMSE and HFEN in dB; times in seconds.

use serde::{Deserialize, Serialize};

use pvdamp_io::recon::Machine;

/// All results of a bench.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    pub version: String,
    pub machine: Machine,
    /// In the order of the command line; other programs last.
    pub contenders: Vec<ContenderRecord>,
    pub cases: Vec<CaseRecord>,
    pub runs: Vec<RunRecord>,
    pub sensitivities: Vec<SensitivityRecord>,
    pub evolutions: Vec<EvolutionRecord>,
    pub calibrations: Vec<CalibrationRecord>,
    /// What was skipped, and why.
    pub notes: Vec<String>,
}

/// A method with its settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContenderRecord {
    /// As typed: `fista:optimal:shift`. Unique.
    pub id: String,
    /// For a table: `FISTA, optimal λ, random shifts`.
    pub label: String,
    /// `pvdamp`, or the name of the other program.
    pub program: String,
    /// What it took from the reference; empty for a method that uses only what a user has.
    pub oracle: String,
    /// What the times of another program include, if that differs from this program.
    pub timed: String,
}

/// A slice, undersampled in one way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// Valid as a file name. Unique.
    pub id: String,
    /// Scan, slice, sampling and R. Cases that differ only in the seed of the mask share it.
    pub group: String,
    pub scan: String,
    pub slice: usize,
    pub rows: usize,
    pub cols: usize,
    pub coils: usize,
    /// Family or file of the mask, or `as acquired`.
    pub sampling: String,
    /// R of the mask; for a drawn mask the requested one.
    pub acceleration: f64,
    pub seed: Option<u64>,
    /// Whether there is a fully sampled reference.
    pub reference: bool,
    /// Arguments after `pvdamp recon SCAN` that reproduce this case.
    pub arguments: Vec<String>,
}

/// One contender on one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    pub case: String,
    pub contender: String,
    /// Regularisation weight relative to the intensity of the image.
    pub lambda: Option<f64>,
    pub threads: usize,
    pub iterations: usize,
    /// The iteration whose image was kept, from 1.
    pub kept: usize,
    pub stop: String,
    /// From k-space and maps in memory to the image, without the search for λ and without metrics.
    pub seconds: f64,
    /// First time and iteration from which on NMSE (object) stays within 0.1 dB of its last value.
    pub converged_seconds: Option<f64>,
    pub converged_iteration: Option<usize>,
    /// `None` without a reference.
    pub metrics: Option<RunMetrics>,
    /// After each iteration; empty for other programs.
    pub trace: Vec<TracePoint>,
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RunMetrics {
    /// Of complex images after aligning one global phase, over all pixels.
    pub nmse_db: Option<f64>,
    /// The same over the object, where `|x0| > max|x0| / 20`.
    pub nmse_object_db: Option<f64>,
    /// Of magnitude images, as fastMRI defines them.
    pub psnr_db: Option<f64>,
    pub ssim: Option<f64>,
    pub hfen_db: Option<f64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct TracePoint {
    /// Until the image of this iteration: setup, the iterations so far, and computing the image.
    pub seconds: f64,
    pub nmse_object_db: Option<f64>,
    /// Mean predicted variance before the threshold; 0 for methods without a state evolution.
    pub tau: f64,
}

/// NMSE (object) of a method as a function of λ on one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SensitivityRecord {
    pub case: String,
    /// The contender with `optimal` as its λ.
    pub contender: String,
    /// The best λ.
    pub lambda: f64,
    /// `(λ, NMSE in dB)`, sorted by λ.
    pub points: Vec<(f64, f64)>,
}

/// Predicted against measured error variance of an unbiased estimate on one case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvolutionRecord {
    pub case: String,
    pub contender: String,
    /// H1 V1 D1 … A4.
    pub bands: Vec<String>,
    /// Before the threshold of each iteration, from the first on.
    pub steps: Vec<EvolutionStep>,
    /// Statistics of a few iterations.
    pub residuals: Vec<ResidualRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvolutionStep {
    /// Mean of τ and of `|Ψ(r − x0)|²` in each subband.
    pub predicted: Vec<f64>,
    pub measured: Vec<f64>,
}

/// Real and imaginary parts of `Ψ(r − x0) / √(τ/2)` over all detail coefficients: a standard Gaussian if the state
/// evolution is right.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResidualRecord {
    /// From 1.
    pub iteration: usize,
    pub count: usize,
    pub mean: f64,
    pub variance: f64,
    /// 3 for a Gaussian.
    pub kurtosis: f64,
    /// Density over equal bins from -5 to 5.
    pub histogram: Vec<f64>,
    /// `(quantile of the standard Gaussian, measured quantile)`.
    pub quantiles: Vec<(f64, f64)>,
}

/// Error bars against the true error of the image on one case, over the pixels where `|x0| > max|x0| / 20`. The error
/// includes the noise in the unsampled part of the reference. The noise of the samples is in both images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CalibrationRecord {
    pub case: String,
    pub contender: String,
    pub pixels: usize,
    /// Share of real and imaginary parts of the error within one predicted standard deviation: ideally 0.6827.
    pub within_68: f64,
    /// The same within 1.96 standard deviations: ideally 0.95.
    pub within_95: f64,
    /// Predicted over true energy of the error, the former being `Σ 2σ²`; `None` if the error is 0.
    pub energy_ratio: Option<f64>,
    /// Bins with the same number of pixels each, sorted by prediction.
    pub bins: Vec<CalibrationBin>,
}

/// Standard deviations of the real or imaginary part of the error, in the units of the scan.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted standard deviation.
    pub predicted: f64,
    /// Root mean square of the true error.
    pub measured: f64,
}
