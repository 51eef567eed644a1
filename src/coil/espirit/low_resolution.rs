//! Maps where the centre of k-space is too small for ESPIRiT: coil images of it over their root sum of squares.

use std::f64::consts::PI;

use ndarray::{Array2, Axis, s};
use num_complex::Complex;

use super::calibration::Calibration;
use super::crop::smooth_step;
use crate::array::{CoilStack, Grid, Maps};
use crate::coil::root_sum_of_squares;
use crate::fourier::Fourier;

/// A pixel holds signal where the low-resolution image is brighter than this fraction of its maximum; from [`BRIGHT`]
/// on its weight is 1.
const DARK: f32 = 0.05;
const BRIGHT: f32 = 0.15;

/// Maps `(sets, coils, rows, cols)`, the second set zero, and the weight of each pixel.
pub(super) fn maps(
    grid: Grid,
    calibration: &Calibration,
    reference: &[Complex<f64>],
    sets: usize,
) -> (Maps<f32>, Array2<f32>) {
    let coils = calibration.coils();
    let images = coil_images(grid, calibration);
    let rss = root_sum_of_squares(images.view());
    let brightest = rss.iter().copied().fold(0.0, f32::max);
    let weights = rss.mapv(|v| {
        if v > DARK * brightest {
            smooth_step(v / brightest, DARK, BRIGHT)
        } else {
            0.0
        }
    });

    let reference: Vec<_> = reference
        .iter()
        .map(|v| Complex::new(v.re as f32, v.im as f32))
        .collect();
    let mut maps = Maps::zeros((sets, coils, grid.rows, grid.cols));
    for ((row, col), &weight) in weights.indexed_iter() {
        if weight > 0.0 {
            let factor = unit_towards(&reference, |coil| images[[coil, row, col]]) * (weight / rss[[row, col]]);
            for coil in 0..coils {
                maps[[0, coil, row, col]] = images[[coil, row, col]] * factor;
            }
        }
    }
    (maps, weights)
}

/// Images of the centre alone, under a Hann window against ringing.
fn coil_images(grid: Grid, calibration: &Calibration) -> CoilStack<f32> {
    let window = calibration.window();
    let (row, col) = grid.centred_offset(window);
    let taper = |i: usize, n: usize| {
        let from_origin = i as f64 - (n / 2) as f64;
        0.5 + 0.5 * (PI * from_origin / (n as f64 / 2.0 + 1.0)).cos()
    };
    let mut images = CoilStack::zeros((calibration.coils(), grid.rows, grid.cols));
    let fourier = Fourier::new(grid);
    let mut scratch = fourier.scratch();
    for (mut image, samples) in images.axis_iter_mut(Axis(0)).zip(calibration.samples.outer_iter()) {
        let mut centre = image.slice_mut(s![row..row + window.rows, col..col + window.cols]);
        for ((i, j), value) in centre.indexed_iter_mut() {
            let tapered = samples[[i, j]] * taper(i, window.rows) * taper(j, window.cols);
            *value = Complex::new(tapered.re as f32, tapered.im as f32);
        }
        fourier.inverse(image.as_slice_mut().expect("a plane of its own"), &mut scratch);
    }
    images
}

/// The phase factor that makes `Σ_c conj(u_c) s_c` real and positive, for the virtual coil `u`.
fn unit_towards(virtual_coil: &[Complex<f32>], sensitivity: impl Fn(usize) -> Complex<f32>) -> Complex<f32> {
    let product: Complex<f32> = virtual_coil
        .iter()
        .enumerate()
        .map(|(coil, u)| u.conj() * sensitivity(coil))
        .sum();
    let size = product.norm();
    if size > 0.0 {
        product.conj() / size
    } else {
        Complex::new(1.0, 0.0)
    }
}
