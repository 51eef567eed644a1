//! Coil sensitivity maps from the fully sampled centre of k-space; noise estimation, whitening, virtual coils and
//! combination.
//!
//! ESPIRiT: M. Uecker, P. Lai, M. J. Murphy, P. Virtue, M. Elad, J. M. Pauly, S. S. Vasanawala, M. Lustig, "ESPIRiT, an
//! eigenvalue approach to autocalibrating parallel MRI: where SENSE meets GRAPPA", Magn Reson Med 71 (2014) 990-1001,
//! doi 10.1002/mrm.24751. Small windows of k-space, over all coils, span a low-dimensional signal space; projecting
//! every window onto it is a convolution, and so in image space an `nc × nc` matrix for each pixel. Its eigenvectors
//! with eigenvalue 1 are the sensitivities there.

mod calibration;
mod combine;
mod hermitian;
mod low_resolution;
mod noise;
mod noise_scan;
mod pixels;
mod power;
mod principal_images;
mod scaling;
mod virtual_coils;
mod whitening;

pub use combine::{Normalisation, normalise, root_sum_of_squares};
pub use hermitian::eigenvalues;
pub use noise::{NoiseEstimate, estimate_noise};
pub use noise_scan::sample_covariance;
pub use principal_images::MOST_PRINCIPAL_IMAGES;
pub use scaling::CoilScaling;
pub(crate) use virtual_coils::principal;
pub use virtual_coils::{Compression, VirtualCoils};
pub use whitening::shrink;

use std::fmt;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3};
use num_complex::Complex;
use serde::{Serialize, Serializer};

use crate::array::{CoilStack, Grid, Maps};
use crate::error::{Error, Input, Parameter, Result};
use calibration::Calibration;

/// The smallest kernel whose windows still distinguish the coils.
const SMALLEST_KERNEL: usize = 3;
/// One set is not enough where a second holds on more than this fraction of the support.
const FOLDED: f64 = 0.02;
/// A second set holds where its eigenvalue is this close to that of the first on the object. Where the blurred edges of
/// an object that fills the field of view meet, it comes near 0.9 and needs no second set.
const HOLDS: f64 = 0.95;
/// Share of all dimensions up to which the signal space holds signal. Folded objects fill .2 to .6 of it with 4 coils
/// or more; noise fills it, and then every eigenvalue is 1.
const FILLED: f64 = 0.6;

/// How many sets of coil sensitivity maps are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapSets {
    /// Two where one is not enough, as where the object is larger than the field of view. What has to choose, as
    /// [`espirit`] itself, takes one, and reports whether that is enough.
    #[default]
    Auto,
    /// So many, 1 or 2.
    Fixed(usize),
}

impl fmt::Display for MapSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(sets) => write!(f, "{sets}"),
        }
    }
}

impl MapSets {
    /// How many sets; one where that is left open.
    pub fn count(self) -> usize {
        match self {
            Self::Auto => 1,
            Self::Fixed(sets) => sets,
        }
    }
}

/// How ESPIRiT calibrates maps.
#[derive(Clone, Debug, PartialEq)]
pub struct EspiritSettings {
    /// Side of the k-space window, in samples.
    pub kernel: usize,
    /// The calibration region is at most this many samples along each axis.
    pub calibration: usize,
    /// Sets of maps, 1 or 2.
    pub sets: MapSets,
    /// Singular values of the calibration matrix above this fraction of the largest are signal.
    pub singular_threshold: f64,
    /// Eigenvalue, between 0 and 1, around which a pixel is taken to hold signal. 0 keeps every pixel.
    /// The weight of a pixel rises smoothly from 0 at `crop − 0.1` to 1 at `crop + 0.05`.
    pub crop: f64,
}

impl Default for EspiritSettings {
    fn default() -> Self {
        Self {
            kernel: 6,
            calibration: 24,
            sets: MapSets::Auto,
            singular_threshold: 0.02,
            crop: 0.8,
        }
    }
}

impl EspiritSettings {
    /// The part of a fully sampled centre that is used.
    pub fn window(&self, centre: Grid) -> Grid {
        Grid::new(centre.rows.min(self.calibration), centre.cols.min(self.calibration))
    }

    /// # Errors
    /// [`Error::Setting`] where a value makes no sense.
    pub fn validate(&self) -> Result<()> {
        if !(1..=2).contains(&self.sets.count()) {
            let why = "cannot be estimated; ask for 1 or 2";
            return Err(Error::setting(Parameter::MapSets, self.sets, why));
        }
        if self.kernel < SMALLEST_KERNEL {
            let why = format!("is too small; give at least {SMALLEST_KERNEL}, 6 is usual");
            return Err(Error::setting(Parameter::Kernel, self.kernel, why));
        }
        if self.calibration == 0 {
            let why = "holds no samples; 24 is usual";
            return Err(Error::setting(Parameter::Calibration, self.calibration, why));
        }
        if !(0.0..1.0).contains(&self.singular_threshold) {
            let why = "is no fraction of the largest singular value; give 0 to 1, 0.02 is usual";
            return Err(Error::setting(
                Parameter::SingularThreshold,
                self.singular_threshold,
                why,
            ));
        }
        if !(0.0..1.0).contains(&self.crop) {
            let why = "is no eigenvalue; give 0 to 1, 0.8 is usual";
            return Err(Error::setting(Parameter::Crop, self.crop, why));
        }
        Ok(())
    }
}

/// How maps were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum MapMethod {
    /// ESPIRiT: eigenvectors of the projection onto the signal space.
    #[serde(rename = "espirit")]
    Espirit,
    /// Low-resolution coil images of the centre of k-space over their root sum of squares.
    #[serde(rename = "low-resolution")]
    LowResolution,
    /// One coil: its map is 1.
    #[serde(rename = "unit")]
    Unit,
}

/// How maps were made, and figures of their quality.
#[derive(Clone, Debug, Serialize)]
pub struct MapReport {
    /// The method, which follows from the size of the centre and the number of coils.
    pub method: MapMethod,
    /// The part of the centre that was used, in samples.
    #[serde(serialize_with = "as_text")]
    pub calibration: Grid,
    /// Side of the kernel that was used, which may be less than was asked for; 0 without a kernel.
    pub kernel: usize,
    /// Dimension of the signal space; 0 without a kernel.
    pub kernels_kept: usize,
    /// Sets of maps that were asked for.
    pub sets: usize,
    /// Fraction of pixels where the first set has a weight above 0.
    pub support: f64,
    /// Fraction of pixels where that weight lies between 0 and 1.
    pub soft: f64,
    /// Fraction of the support where a second set of maps holds; 0 where that cannot be judged.
    pub folded: f64,
    /// Median of the largest eigenvalue over the support: 1 is a perfect fit. `None` where none was computed.
    pub first_eigenvalue: Option<f64>,
    /// Median of the second eigenvalue over the support: near 1, the object is folded. `None` where none was computed.
    pub second_eigenvalue: Option<f64>,
    /// What a user should know about these maps, each a sentence without a full stop.
    pub warnings: Vec<String>,
}

fn as_text<S: Serializer>(grid: &Grid, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(grid)
}

impl MapReport {
    fn new(method: MapMethod, calibration: Grid, sets: usize) -> Self {
        Self {
            method,
            calibration,
            kernel: 0,
            kernels_kept: 0,
            sets,
            support: 0.0,
            soft: 0.0,
            folded: 0.0,
            first_eigenvalue: None,
            second_eigenvalue: None,
            warnings: Vec::new(),
        }
    }

    /// Whether one set of maps is not enough: a second holds on more than 2 % of the support.
    pub fn is_folded(&self) -> bool {
        self.folded > FOLDED
    }

    fn count_weights(&mut self, weights: ArrayView2<f32>) {
        let fraction = |test: &dyn Fn(f32) -> bool| {
            weights.iter().filter(|&&w| test(w)).count() as f64 / weights.len().max(1) as f64
        };
        self.support = fraction(&|w| w > 0.0);
        self.soft = fraction(&|w| w > 0.0 && w < 1.0);
    }
}

/// Coil sensitivity maps `(sets, coils, rows, cols)` from undersampled k-space `(coils, rows, cols)` with zeros where
/// nothing was sampled.
///
/// `centre` is the size of the fully sampled, centred rectangle of `kspace`. On a pixel that holds signal `Σ_c |S_c|²`
/// is 1; on a pixel that does not it is 0; between the two the maps carry a weight `w`, `Σ_c |S_c|² = w²`
/// ([`EspiritSettings::crop`]). The phase of each map is relative to weights `u` on the coils: `Σ_c conj(u_c) S_c` is
/// real and positive. They are those of `phase`, one a coil, or else the dominant left singular vector of the
/// calibration samples across coils. Scaling k-space does not change the maps.
///
/// A centre too small for the kernel makes the kernel smaller, and in the end gives low-resolution maps; the report
/// has a warning each time.
///
/// # Errors
/// [`Error::Setting`] for impossible settings. [`Error::Data`] for k-space without coils or locations, smaller than
/// `centre`, or with values that are not finite. [`Error::NotEnough`] where `centre` is empty.
pub fn espirit(
    kspace: ArrayView3<Complex<f32>>,
    centre: Grid,
    settings: &EspiritSettings,
    phase: Option<&[Complex<f64>]>,
) -> Result<(Maps<f32>, MapReport)> {
    espirit_of_images(kspace, &[], centre, settings, phase)
}

/// [`espirit`] on several images of the same coils, as the echoes of a scan: their windows span one signal space.
///
/// `kspace` is that of one of them; of each of the others, the centre, `(coils, rows, cols)`, is enough. All are brought to
/// their principal combinations first, without which noise would fill the space.
///
/// # Errors
/// Those of [`espirit`], and [`Error::Data`] for images of other coils, or smaller than the part of the centre that is used.
pub fn espirit_of_images(
    kspace: ArrayView3<Complex<f32>>,
    others: &[CoilStack<f32>],
    centre: Grid,
    settings: &EspiritSettings,
    phase: Option<&[Complex<f64>]>,
) -> Result<(Maps<f32>, MapReport)> {
    settings.validate()?;
    let (coils, rows, cols) = kspace.dim();
    let grid = Grid::new(rows, cols);
    if coils == 0 || grid.is_empty() {
        let found = format!("{coils} coils, {grid}");
        return Err(Error::data(Input::Kspace, found, "at least one coil and one location"));
    }
    if centre.rows > rows || centre.cols > cols {
        let found = format!("{grid}");
        return Err(Error::data(
            Input::Kspace,
            found,
            format!("at least the fully sampled centre of {centre}"),
        ));
    }
    let window = settings.window(centre);
    if coils == 1 {
        return Ok(unit_maps(grid, window, settings.sets.count()));
    }
    if window.is_empty() {
        return Err(Error::not_enough(
            Input::Kspace,
            "is not sampled at its origin, so that coil maps cannot be calibrated from it",
            "give coil maps",
        ));
    }
    let calibration = Calibration::of_images(kspace, others, window)?;
    if calibration.is_zero() {
        let mut report = MapReport::new(MapMethod::LowResolution, window, settings.sets.count());
        report.warnings.push(format!(
            "the {window} centre of k-space is all zeros: the coil maps are zero everywhere"
        ));
        return Ok((Maps::zeros((settings.sets.count(), coils, rows, cols)), report));
    }
    let reference = match phase {
        Some(phase) => phase.to_vec(),
        None => calibration.dominant_coils()?,
    };
    match fitting_kernel(window, settings.kernel, coils) {
        Some(kernel) => from_kernels(grid, &calibration, &reference, kernel, settings),
        None => Ok(low_resolution_maps(
            grid,
            &calibration,
            &reference,
            settings.sets.count(),
        )),
    }
}

/// The dominant left singular vector across coils of the samples in a centred `window`: one weight a coil, of unit
/// norm, the largest real and positive. Maps take their phase from it. `None` where the samples are all zero.
///
/// `kspace` is `(coils, rows, cols)`.
///
/// # Errors
/// [`Error::Data`] for values that are not finite.
///
/// # Panics
/// If `window` exceeds the planes.
pub fn dominant_coils(kspace: ArrayView3<Complex<f32>>, window: Grid) -> Result<Option<Vec<Complex<f64>>>> {
    let calibration = Calibration::cut(kspace, window)?;
    if calibration.is_zero() {
        Ok(None)
    } else {
        calibration.dominant_coils().map(Some)
    }
}

fn from_kernels(
    grid: Grid,
    calibration: &Calibration,
    reference: &[Complex<f64>],
    kernel: usize,
    settings: &EspiritSettings,
) -> Result<(Maps<f32>, MapReport)> {
    let window = calibration.window();
    let mut report = MapReport::new(MapMethod::Espirit, window, settings.sets.count());
    if kernel < settings.kernel {
        report.warnings.push(format!(
            "a centre of {window} is too small for an ESPIRiT kernel of {}: {kernel} was used",
            settings.kernel
        ));
    }
    let space = calibration.signal_space(kernel, settings.singular_threshold)?;
    report.kernel = kernel;
    report.kernels_kept = space.ncols();
    let full = space
        .nrows()
        .min(calibration.images() * (window.rows + 1 - kernel) * (window.cols + 1 - kernel));
    let filled = space.ncols() as f64 / full as f64;
    let taps = calibration::correlation(&space, calibration.coils(), kernel);
    drop(space);
    let crop = Crop::new(settings.crop);
    let (maps, eigenvalues) = pixels::eigenmaps(grid, &taps, reference, settings.sets.count(), crop);

    let weights = eigenvalues
        .index_axis(ndarray::Axis(0), 0)
        .mapv(|value| crop.weight(value));
    report.count_weights(weights.view());
    describe_eigenvalues(&mut report, &eigenvalues, &weights, filled, settings);
    Ok((maps, report))
}

fn describe_eigenvalues(
    report: &mut MapReport,
    eigenvalues: &Array3<f32>,
    weights: &Array2<f32>,
    filled: f64,
    settings: &EspiritSettings,
) {
    if report.support == 0.0 {
        report.warnings.push(format!(
            "no pixel has an eigenvalue above {:.2}, so the coil maps are zero everywhere: lower the crop",
            settings.crop
        ));
        return;
    }
    let inside = |set: usize| -> Vec<f32> {
        let plane = eigenvalues.index_axis(ndarray::Axis(0), set);
        plane
            .iter()
            .zip(weights)
            .filter(|(_, w)| **w > 0.0)
            .map(|(&value, _)| value)
            .collect()
    };
    let second = inside(1);
    let first_median = median(inside(0));
    let holds = second.iter().filter(|&&v| f64::from(v) > HOLDS * first_median).count();
    let folded = holds as f64 / second.len() as f64;
    // A kernel that had to shrink does not separate signal from noise well enough, nor does a space that noise fills.
    let trusted = settings.crop > 0.0 && report.kernel == settings.kernel && filled <= FILLED;
    report.folded = if trusted { folded } else { 0.0 };
    if settings.sets.count() == 1 && report.is_folded() {
        report.warnings.push(format!(
            "on {:.0} % of the object one set of maps is not enough (is it larger than the field of view?): use two sets of \
             maps",
            100.0 * folded
        ));
    }
    report.first_eigenvalue = Some(first_median);
    report.second_eigenvalue = Some(median(second));
}

/// The upper median; `values` must not be empty.
fn median(mut values: Vec<f32>) -> f64 {
    let middle = values.len() / 2;
    f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

fn unit_maps(grid: Grid, window: Grid, sets: usize) -> (Maps<f32>, MapReport) {
    let mut maps = Maps::zeros((sets, 1, grid.rows, grid.cols));
    maps.index_axis_mut(ndarray::Axis(0), 0).fill(Complex::new(1.0, 0.0));
    let mut report = MapReport::new(MapMethod::Unit, window, sets);
    report.support = 1.0;
    if sets > 1 {
        report
            .warnings
            .push("one coil has one set of maps: the second is zero".into());
    }
    (maps, report)
}

fn low_resolution_maps(
    grid: Grid,
    calibration: &Calibration,
    reference: &[Complex<f64>],
    sets: usize,
) -> (Maps<f32>, MapReport) {
    let window = calibration.window();
    let mut report = MapReport::new(MapMethod::LowResolution, window, sets);
    report.warnings.push(format!(
        "a centre of {window} is too small for ESPIRiT: the coil maps are its low-resolution images over their root sum \
         of squares"
    ));
    if sets > 1 {
        report
            .warnings
            .push("low-resolution maps are one set: the second is zero".into());
    }
    let (maps, weights) = low_resolution::maps(grid, calibration, reference, sets);
    report.count_weights(weights.view());
    (maps, report)
}

/// The largest kernel, at most `asked`, that the window can calibrate: it must slide at least twice along each axis,
/// and give more windows than the signal space has dimensions, `(k + 2)²` for smooth maps, and than there are coils.
fn fitting_kernel(window: Grid, asked: usize, coils: usize) -> Option<usize> {
    (SMALLEST_KERNEL..=asked.min(window.rows.max(window.cols)))
        .rev()
        .find(|&k| {
            window.rows >= k + 2
                && window.cols >= k + 2
                && (window.rows + 1 - k) * (window.cols + 1 - k) >= coils.max((k + 2) * (k + 2))
        })
}

/// The soft crop: from an eigenvalue, the weight of its pixel.
#[derive(Clone, Copy, Debug)]
struct Crop {
    /// Up to here the weight is 0.
    low: f32,
    /// From here it is 1.
    high: f32,
}

impl Crop {
    fn new(crop: f64) -> Self {
        if crop == 0.0 {
            return Self { low: 0.0, high: 0.0 };
        }
        Self {
            low: (crop - 0.1).max(0.0) as f32,
            high: (crop + 0.05).min(0.5 + 0.5 * crop) as f32,
        }
    }

    #[inline(always)]
    fn weight(self, eigenvalue: f32) -> f32 {
        let weight = smooth_step(eigenvalue, self.low, self.high);
        if eigenvalue <= self.low { 0.0 } else { weight }
    }
}

/// Rises from 0 at `low` to 1 at `high` with level ends.
#[inline(always)]
fn smooth_step(value: f32, low: f32, high: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    let between = t * t * (3.0 - 2.0 * t);
    if value >= high { 1.0 } else { between }
}

#[cfg(test)]
mod tests;
