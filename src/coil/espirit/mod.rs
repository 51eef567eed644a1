//! ESPIRiT: the signal space of the centre of k-space, and its eigenvectors for each pixel.

mod calibration;
mod crop;
mod low_resolution;
mod pixels;
mod power;
mod principal_images;
mod report;
mod settings;

use ndarray::{ArrayView3, Axis, s};
use num_complex::Complex;

pub(super) use self::calibration::Calibration;
use self::crop::Crop;
pub use self::principal_images::MOST_PRINCIPAL_IMAGES;
pub use self::report::{MapMethod, MapReport};
use self::settings::SMALLEST_KERNEL;
pub use self::settings::{EspiritSettings, MapSets};
use crate::array::{CoilStack, Grid, Maps};
use crate::error::{Error, Input, Result};

/// What is known beside the samples; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct EspiritContext<'a> {
    /// Weights `u` on the coils, one a coil, that fix the phase of the maps: `Σ_c conj(u_c) S_c` is real and positive. The
    /// dominant left singular vector of the calibration samples across coils where `None`.
    pub phase: Option<&'a [Complex<f64>]>,
    /// Variance of the complex noise of a sample, mean over coils, in squared units of k-space; 0 where it is not known.
    pub noise: f64,
    /// Other images by the same coils, as the echoes of a scan: of each the centre of k-space, `(coils, rows, cols)`, at
    /// least as large as the part that is used. Their windows span the signal space with those of the samples. All are
    /// brought to their principal combinations first, without which noise would fill the space.
    pub others: &'a [CoilStack<f32>],
}

/// Coil sensitivity maps `(sets, coils, rows, cols)` from undersampled k-space `(coils, rows, cols)` with zeros where
/// nothing was sampled.
///
/// `centre` is the size of the fully sampled, centred rectangle of `kspace`. On a pixel that holds signal `Σ_c |S_c|²`
/// is 1; on a pixel that does not it is 0; between the two the maps carry a weight `w`, `Σ_c |S_c|² = w²`
/// ([`EspiritSettings::crop`]). Scaling k-space does not change the maps.
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
    context: &EspiritContext,
) -> Result<(Maps<f32>, MapReport)> {
    let (_, rows, cols) = kspace.dim();
    let grid = Grid::new(rows, cols);
    if centre.rows > rows || centre.cols > cols {
        let found = format!("{grid}");
        return Err(Error::data(
            Input::Kspace,
            found,
            format!("at least the fully sampled centre of {centre}"),
        ));
    }
    let window = settings.window(centre);
    let (row, col) = grid.centred_offset(window);
    let region = kspace.slice_move(s![.., row..row + window.rows, col..col + window.cols]);
    espirit_of_region(region, grid, settings, context)
}

/// The same, on images of size `grid`, from the samples of the centre alone: `(coils, rows, cols)` around the origin, all
/// of which are used.
///
/// # Errors
/// Those of [`espirit`].
pub fn espirit_of_region(
    region: ArrayView3<Complex<f32>>,
    grid: Grid,
    settings: &EspiritSettings,
    context: &EspiritContext,
) -> Result<(Maps<f32>, MapReport)> {
    settings.validate()?;
    let (coils, rows, cols) = region.dim();
    let window = Grid::new(rows, cols);
    if coils == 0 || grid.is_empty() {
        let found = format!("{coils} coils, {grid}");
        return Err(Error::data(Input::Kspace, found, "at least one coil and one location"));
    }
    let sets = settings.sets.count();
    if coils == 1 {
        return Ok(unit_maps(grid, window, sets));
    }
    if window.is_empty() {
        return Err(Error::not_enough(
            Input::Kspace,
            "is not sampled at its origin, so that coil maps cannot be calibrated from it",
            "give coil maps",
        ));
    }
    let calibration = Calibration::of(region, context.others)?;
    if calibration.is_zero() {
        let mut report = MapReport::new(MapMethod::LowResolution, window, sets);
        report.warnings.push(format!(
            "the {window} centre of k-space is all zeros: the coil maps are zero everywhere"
        ));
        return Ok((Maps::zeros((sets, coils, grid.rows, grid.cols)), report));
    }
    let reference = match context.phase {
        Some(phase) => phase.to_vec(),
        None => calibration.dominant_coils()?,
    };
    let asked = settings.kernel_for(window);
    match fitting_kernel(window, asked, coils) {
        Some(kernel) => from_kernels(grid, &calibration, &reference, kernel, settings, context.noise),
        None => Ok(low_resolution_maps(grid, &calibration, &reference, sets)),
    }
}

fn from_kernels(
    grid: Grid,
    calibration: &Calibration,
    reference: &[Complex<f64>],
    kernel: usize,
    settings: &EspiritSettings,
    noise: f64,
) -> Result<(Maps<f32>, MapReport)> {
    let window = calibration.window();
    let mut report = MapReport::new(MapMethod::Espirit, window, settings.sets.count());
    report.describe_kernel(kernel, settings);
    let space = calibration.signal_space(kernel, settings.singular_threshold, noise)?;
    report.describe_threshold(space.threshold, settings);
    let basis = space.basis;
    report.kernels_kept = basis.ncols();
    let full = basis
        .nrows()
        .min(calibration.images() * (window.rows + 1 - kernel) * (window.cols + 1 - kernel));
    let filled = basis.ncols() as f64 / full as f64;
    let taps = calibration::correlation(&basis, calibration.coils(), kernel);
    drop(basis);
    let crop = Crop::new(settings.crop_for(settings.sets.count()));
    let (maps, eigenvalues) = pixels::eigenmaps(grid, &taps, reference, settings.sets.count(), crop);

    let weights = eigenvalues.index_axis(Axis(0), 0).mapv(|value| crop.weight(value));
    report.count_weights(weights.view());
    report.describe_eigenvalues(&eigenvalues, &weights, filled, settings);
    Ok((maps, report))
}

fn unit_maps(grid: Grid, window: Grid, sets: usize) -> (Maps<f32>, MapReport) {
    let mut maps = Maps::zeros((sets, 1, grid.rows, grid.cols));
    maps.index_axis_mut(Axis(0), 0).fill(Complex::new(1.0, 0.0));
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

#[cfg(test)]
mod tests;
