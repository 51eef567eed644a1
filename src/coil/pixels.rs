//! The eigenvectors of every pixel's coil matrix, one image row at a time.

use std::f64::consts::TAU;
use std::sync::Arc;

use ndarray::{Array3, ArrayViewMut2, ArrayViewMut3, Axis};
use num_complex::Complex;
use rayon::prelude::*;
use rustfft::{Fft, FftPlanner};

use super::Crop;
use super::calibration::Correlation;
use super::power::{Block, LANES};
use crate::array::{Grid, Maps};

type C32 = Complex<f32>;
const ZERO: C32 = C32::new(0.0, 0.0);

/// Maps `(sets, coils, rows, cols)` and the two largest eigenvalues `(2, rows, cols)` of every pixel.
///
/// The convolution `h` is in image space the matrix `G(r) = Σ_d h[d] exp(2πi d·(r − r0)/n)` for each pixel, with the
/// origin `r0` in the middle. Rows are independent of each other, so the result does not depend on the threads.
pub(super) fn eigenmaps(
    grid: Grid,
    correlation: &Correlation,
    reference: &[Complex<f64>],
    sets: usize,
    crop: Crop,
) -> (Maps<f32>, Array3<f32>) {
    let rows = Rows {
        grid,
        correlation,
        turns: (0..grid.rows)
            .map(|m| Complex::from_polar(1.0, TAU * m as f64 / grid.rows as f64))
            .map(|v| C32::new(v.re as f32, v.im as f32))
            .collect(),
        inverse: FftPlanner::new().plan_fft_inverse(grid.cols),
        reference: reference.iter().map(|v| C32::new(v.re as f32, v.im as f32)).collect(),
        sets,
        crop,
    };
    let mut maps = Maps::zeros((sets, correlation.coils, grid.rows, grid.cols));
    let mut eigenvalues = Array3::zeros((2, grid.rows, grid.cols));
    let mut targets: Vec<_> = maps
        .axis_iter_mut(Axis(2))
        .zip(eigenvalues.axis_iter_mut(Axis(1)))
        .collect();
    targets.par_iter_mut().enumerate().for_each_init(
        || rows.scratch(),
        |scratch, (row, (maps, values))| rows.solve(row, maps, values, scratch),
    );
    (maps, eigenvalues)
}

/// What all rows share.
struct Rows<'a> {
    grid: Grid,
    correlation: &'a Correlation,
    /// `exp(2πi m/rows)`.
    turns: Vec<C32>,
    /// Along a row.
    inverse: Arc<dyn Fft<f32>>,
    reference: Vec<C32>,
    sets: usize,
    crop: Crop,
}

struct Scratch {
    /// `(pair, col)`: the upper triangle of G for each pixel of one row, the origin at index 0.
    entries: Vec<C32>,
    fft: Vec<C32>,
    block: Block,
}

impl Rows<'_> {
    fn scratch(&self) -> Scratch {
        let pairs = self.correlation.taps.dim().0;
        Scratch {
            entries: vec![ZERO; pairs * self.grid.cols],
            fft: vec![ZERO; self.inverse.get_inplace_scratch_len()],
            block: Block::new(self.correlation.coils),
        }
    }

    /// Maps `(sets, coils, cols)` and eigenvalues `(2, cols)` of one row.
    fn solve(&self, row: usize, maps: &mut ArrayViewMut3<C32>, values: &mut ArrayViewMut2<f32>, scratch: &mut Scratch) {
        let Scratch { entries, fft, block } = scratch;
        let cols = self.grid.cols;
        self.fold(row, entries);
        self.inverse.process_with_scratch(entries, fft);
        for first in (0..cols).step_by(LANES) {
            let width = LANES.min(cols - first);
            let place = |lane: usize| (first + lane.min(width - 1) + cols - cols / 2) % cols;
            let places: [usize; LANES] = std::array::from_fn(place);
            block.load(|pair, lane| entries[pair * cols + places[lane]]);
            block.solve(self.sets, self.crop.low);
            for lane in 0..width {
                for set in 0..2 {
                    values[[set, first + lane]] = block.values[set][lane];
                }
                for set in 0..self.sets {
                    self.write(set, lane, block, maps, first + lane);
                }
            }
        }
    }

    /// Sums the taps over the row axis for one image row, which leaves a short convolution along the columns.
    fn fold(&self, row: usize, entries: &mut [C32]) {
        let Grid { rows, cols } = self.grid;
        let (reach, taps) = (self.correlation.reach, &self.correlation.taps);
        let side = 2 * reach + 1;
        let wrapped = |index: usize, n: usize| (index + reach * n - reach) % n;
        let distance = row + rows - rows / 2;
        let phases: Vec<C32> = (0..side)
            .map(|d| self.turns[wrapped(d, rows) * distance % rows])
            .collect();
        entries.fill(ZERO);
        let mut folded = vec![ZERO; side];
        for (taps, entry) in taps.outer_iter().zip(entries.chunks_exact_mut(cols)) {
            folded.fill(ZERO);
            for (taps, phase) in taps.outer_iter().zip(&phases) {
                for (sum, tap) in folded.iter_mut().zip(taps) {
                    *sum += tap * phase;
                }
            }
            for (d, sum) in folded.iter().enumerate() {
                entry[wrapped(d, cols)] += sum;
            }
        }
    }

    /// Weight and reference phase of one pixel's eigenvector.
    fn write(&self, set: usize, lane: usize, block: &Block, maps: &mut ArrayViewMut3<C32>, col: usize) {
        let weight = self.crop.weight(block.values[set][lane]);
        if weight == 0.0 {
            return;
        }
        let factor = weight * unit_towards(&self.reference, |coil| block.entry(set, coil, lane));
        for coil in 0..self.correlation.coils {
            maps[[set, coil, col]] = block.entry(set, coil, lane) * factor;
        }
    }
}

/// The phase factor that makes `Σ_c conj(u_c) s_c` real and positive, for the virtual coil `u`.
pub(super) fn unit_towards(virtual_coil: &[C32], sensitivity: impl Fn(usize) -> C32) -> C32 {
    let product: C32 = virtual_coil
        .iter()
        .enumerate()
        .map(|(coil, u)| u.conj() * sensitivity(coil))
        .sum();
    let size = product.norm();
    if size > 0.0 {
        product.conj() / size
    } else {
        C32::new(1.0, 0.0)
    }
}
