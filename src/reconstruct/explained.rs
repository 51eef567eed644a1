//! How well coil maps explain the samples.

use std::sync::Arc;

use ndarray::{Array2, Array3, s};
use num_complex::Complex;

use super::channels::Channels;
use crate::array::{Grid, Maps, Mask};
use crate::error::Result;
use crate::solve::{CgSense, Problem, Solver, Tuning};

/// Above this, the maps are wrong: sound ones leave up to .025.
pub(super) const WRONG: f64 = 0.05;
/// Conjugate-gradient iterations: enough that sound maps leave .005 to .025.
const ITERATIONS: usize = 6;
/// A centre narrower than this tells nothing: its image has too few pixels along one axis.
const NARROWEST: usize = 3;
/// Pixels of the small image for each sample of the region, along each axis.
const FINER: usize = 2;

/// What maps `(sets, channels, rows, cols)` leave unexplained of the sampled centre of k-space, at most `region` of it:
/// `‖y − A x‖ / ‖y‖` for the image x that fits best, with the noise's share taken out. Whatever the size of the centre,
/// sound maps leave .005 to .025. `None` where it tells nothing: for no more channels than sets, which explain any
/// samples, and without a centre of a few samples along both axes.
///
/// The image is that of the centre alone, and so are its pixels as large: it takes no time beside the calibration.
pub(super) fn unexplained(maps: &Maps<f32>, channels: &Channels, region: Grid) -> Result<Option<f64>> {
    let (sets, coils, _, _) = maps.dim();
    if coils <= sets || region.rows.min(region.cols) < NARROWEST {
        return Ok(None);
    }
    let grid = channels.grid();
    let small = Grid::new(
        (FINER * region.rows).min(grid.rows),
        (FINER * region.cols).min(grid.cols),
    );
    let (row, col) = grid.centred_offset(region);
    let centre = channels
        .kspace
        .slice(s![.., row..row + region.rows, col..col + region.cols]);
    let (row, col) = small.centred_offset(region);
    let window = s![row..row + region.rows, col..col + region.cols];
    let mut kspace = Array3::zeros((coils, small.rows, small.cols));
    for (mut plane, centre) in kspace.outer_iter_mut().zip(centre.outer_iter()) {
        plane.slice_mut(window).assign(&centre);
    }
    let mut mask = Array2::from_elem(small.dim(), false);
    mask.slice_mut(window).fill(true);
    let problem = Problem::new(
        kspace.view(),
        &Mask::new(mask),
        &Array2::ones(small.dim()),
        coarse(maps, small),
        Array2::zeros((coils, coils)),
    )?;
    let problem = Arc::new(problem);
    let mut solver = CgSense::new(&problem, &Tuning::default());
    for _ in 0..ITERATIONS {
        solver.step();
    }
    let fit = problem.encoding.forward(&solver.image());
    let energy = |value: Complex<f32>| f64::from(value.norm_sqr());
    let left: f64 = fit.iter().zip(&problem.data).map(|(fit, y)| energy(fit - y)).sum();
    let all: f64 = problem.data.iter().copied().map(energy).sum();
    let noise = channels.noise_variance() * (region.len() * (coils - sets)) as f64;
    Ok((all > 0.0).then(|| ((left - noise).max(0.0) / all).sqrt()))
}

/// Maps at every so many pixels, each of norm 1 where there is one.
fn coarse(maps: &Maps<f32>, small: Grid) -> Maps<f32> {
    let (sets, coils, rows, cols) = maps.dim();
    let nearest = |index: usize, few: usize, many: usize| {
        let from_origin = (index as f64 - (few / 2) as f64) * many as f64 / few as f64;
        let place = (many / 2) as f64 + from_origin;
        (place.round().max(0.0) as usize).min(many - 1)
    };
    let at = |row, col| (nearest(row, small.rows, rows), nearest(col, small.cols, cols));
    let mut coarse = Maps::zeros((sets, coils, small.rows, small.cols));
    for set in 0..sets {
        for (row, col) in (0..small.rows).flat_map(|row| (0..small.cols).map(move |col| (row, col))) {
            let (from_row, from_col) = at(row, col);
            let pixel = maps.slice(s![set, .., from_row, from_col]);
            let norm = pixel.iter().map(|v| v.norm_sqr()).sum::<f32>().sqrt();
            if norm > 0.0 {
                coarse
                    .slice_mut(s![set, .., row, col])
                    .assign(&pixel.mapv(|v| v / norm));
            }
        }
    }
    coarse
}

/// What there is to say of calibrated maps that leave so much of the centre unexplained; `None` where that is usual.
pub fn warning_of_maps(unexplained: f64) -> Option<String> {
    let asks = "Are echoes or frames stacked as coils, did the object move, is the centre of k-space elsewhere, or are there \
                too few central lines?";
    warning_of("the coil maps", unexplained, asks)
}

pub(super) fn warning_of_given(unexplained: f64) -> Option<String> {
    let asks =
        "Do they belong to this slice, with the same coils in the same order, and is nothing mirrored or shifted?";
    warning_of("the given coil maps", unexplained, asks)
}

fn warning_of(which: &str, unexplained: f64, asks: &str) -> Option<String> {
    (unexplained > WRONG).then(|| {
        let percent = 100.0 * unexplained;
        format!(
            "{which} leave {percent:.0} % of the centre of k-space unexplained, where 1 to 3 % is usual: do not trust the \
             image. {asks}"
        )
    })
}
