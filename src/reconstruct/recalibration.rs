//! Coil maps calibrated again from a first reconstruction, where little of the centre of k-space was sampled.
//!
//! A first, short reconstruction with the maps of the few central lines fills the centre of k-space: what was sampled
//! stays, the rest comes from the coil images `S x`. Maps calibrated on that full centre are nearly those of a full scan.
//! Measured: `docs/algorithm.md`.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array3, Axis, Zip, s};
use num_complex::Complex;
use rayon::prelude::*;

use super::channels::Channels;
use super::observer::Observer;
use super::sampling::Sampling;
use crate::array::{Grid, ImageSets, Maps};
use crate::coil::EspiritSettings;
use crate::error::Result;
use crate::fourier::Fourier;
use crate::operator::Encoding;
use crate::solve::{Footprint, Howl, Limits, Method, Problem, Solver, Tuning, drive};

/// From so many samples along the shorter side of the centre on, its own maps are as good.
const ENOUGH: usize = 18;
/// With fewer than these, the first maps are so poor that each pass finds better ones.
const VERY_FEW: usize = 7;
/// Passes there.
const SEVERAL: usize = 3;
/// Iterations of HOWL in each pass: more change the maps no further.
const ITERATIONS: usize = 12;

/// How often coil maps are calibrated again from a first reconstruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recalibration {
    /// Once where the shorter side of the sampled centre has fewer than 18 samples, three times where it has fewer than 7.
    #[default]
    Auto,
    /// So often; 0 for never.
    Passes(usize),
}

impl fmt::Display for Recalibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Passes(0) => f.write_str("off"),
            Self::Passes(passes) => write!(f, "{passes}"),
        }
    }
}

impl Recalibration {
    /// How often, of so many coils that were sampled like that: never of one, nor where nothing is missing.
    pub fn passes_on(self, sampling: &Sampling, coils: usize, espirit: &EspiritSettings) -> usize {
        if coils == 1 || sampling.is_complete() {
            return 0;
        }
        self.passes(sampling.centre, sampling.mask.grid(), espirit)
    }

    /// How often, with a sampled `centre` of k-space of size `grid`.
    fn passes(self, centre: Grid, grid: Grid, espirit: &EspiritSettings) -> usize {
        if let Self::Passes(passes) = self {
            return passes;
        }
        let largest = espirit.window(grid);
        let lacks = |enough: usize| {
            let short = |centre: usize, largest: usize| centre < enough.min(largest);
            short(centre.rows, largest.rows) || short(centre.cols, largest.cols)
        };
        match () {
            () if lacks(VERY_FEW) => SEVERAL,
            () if lacks(ENOUGH) => 1,
            () => 0,
        }
    }

    /// What memory the reconstructions take that maps are calibrated from again.
    pub fn footprint() -> Footprint {
        Method::find("howl").expect("HOWL is in the table").footprint
    }
}

/// The centre of k-space, at most `region`, that a short reconstruction with these maps fills: `(channels, rows, cols)`.
///
/// # Errors
/// [`Error::Cancelled`](crate::Error::Cancelled) when the observer asked for it.
pub(super) fn filled_centre(
    channels: &Channels,
    sampling: &Sampling,
    maps: Maps<f32>,
    region: Grid,
    observer: &mut dyn Observer,
) -> Result<Array3<Complex<f32>>> {
    let known = sampling.known();
    let problem = Problem::new(
        channels.kspace.view(),
        &known,
        &sampling.probability,
        maps,
        channels.covariance.clone(),
    )?;
    let problem = Arc::new(problem);
    let tuning = Tuning {
        iterations: Some(ITERATIONS),
        ..Tuning::default()
    };
    let mut solver = Howl::new(&problem, &tuning);
    let limits = Limits {
        iterations: ITERATIONS,
        time: None,
    };
    drive(&mut solver, limits, &mut |record, _| observer.iteration(record))?;
    let image = solver.image();
    drop(solver);
    let mut centre = model_centre(&problem.encoding, &image, region);
    let (row, col) = channels.grid().centred_offset(region);
    let window = s![row..row + region.rows, col..col + region.cols];
    let known = known.sampled.slice(window);
    for (mut filled, samples) in centre.outer_iter_mut().zip(channels.kspace.outer_iter()) {
        Zip::from(&mut filled)
            .and(samples.slice(window))
            .and(known)
            .for_each(|value, &sample, &known| *value = if known { sample } else { *value });
    }
    Ok(centre)
}

/// The centre of `F S x`.
fn model_centre(encoding: &Encoding<f32>, image: &ImageSets<f32>, region: Grid) -> Array3<Complex<f32>> {
    let grid = encoding.grid();
    let fourier = Fourier::new(grid);
    let (row, col) = grid.centred_offset(region);
    let mut centre = Array3::zeros((encoding.coils(), region.rows, region.cols));
    let mut planes: Vec<_> = centre.axis_iter_mut(Axis(0)).collect();
    planes.par_iter_mut().enumerate().for_each_init(
        || fourier.scratch(),
        |scratch, (coil, plane)| {
            let mut coil_image = encoding.map(0, coil) * image.index_axis(Axis(0), 0);
            for set in 1..encoding.sets() {
                coil_image += &(encoding.map(set, coil) * image.index_axis(Axis(0), set));
            }
            fourier.forward(coil_image.as_slice_mut().expect("a plane of its own"), scratch);
            plane.assign(&coil_image.slice(s![row..row + region.rows, col..col + region.cols]));
        },
    );
    centre
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_centre_is_filled_and_a_full_one_is_not() {
        let (grid, espirit) = (Grid::new(256, 200), EspiritSettings::default());
        let passes = |rows, cols| Recalibration::Auto.passes(Grid::new(rows, cols), grid, &espirit);
        assert_eq!([passes(24, 24), passes(256, 20), passes(18, 18)], [0, 0, 0]);
        assert_eq!([passes(256, 17), passes(12, 12), passes(7, 24)], [1, 1, 1]);
        assert_eq!([passes(256, 6), passes(4, 4), passes(0, 0)], [3, 3, 3]);
        // An axis with no more than that is not short.
        let flat = |rows, cols| Recalibration::Auto.passes(Grid::new(rows, cols), Grid::new(5, 200), &espirit);
        assert_eq!([flat(5, 24), flat(5, 10), flat(4, 24)], [0, 1, 3]);
        let fixed = Recalibration::Passes(2);
        assert_eq!(fixed.passes(Grid::new(24, 24), grid, &espirit), 2);
    }
}
