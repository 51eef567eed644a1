//! The eigenvectors of every pixel's coil matrix, one image row at a time.

use std::f64::consts::TAU;
use std::ops::Range;

use ndarray::{Array3, ArrayViewMut2, ArrayViewMut3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use super::calibration::Correlation;
use super::crop::Crop;
use super::power::{Block, LANES, Split};
use crate::array::{Grid, Maps, vectorised};

type C32 = Complex<f32>;

/// Maps `(sets, coils, rows, cols)` and the two largest eigenvalues `(2, rows, cols)` of every pixel.
///
/// The convolution `h` is in image space the matrix `G(r) = Σ_d h[d] exp(2πi d·(r − r0)/n)` for each pixel, with the
/// origin `r0` in the middle. There are few taps, so that summing them costs less than an FFT of each entry of `G`, and
/// `G` is never stored. Rows are independent of each other, so the result does not depend on the threads.
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
        turns: Turns::new(grid.rows),
        waves: waves(grid.cols, correlation.reach),
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
        |scratch, (row, (maps, values))| {
            vectorised(
                #[inline(always)]
                || rows.solve(row, maps, values, scratch),
            );
        },
    );
    (maps, eigenvalues)
}

/// `exp(2πi d (i − i0)/n)` along an axis of `n`, its origin `i0` in the middle.
struct Turns(Vec<C32>);

impl Turns {
    fn new(n: usize) -> Self {
        let turn = |m| Complex::from_polar(1.0, TAU * m as f64 / n as f64);
        Self((0..n).map(turn).map(|v| C32::new(v.re as f32, v.im as f32)).collect())
    }

    /// For all `d` from `−reach` to `reach`.
    fn at(&self, index: usize, reach: usize) -> impl Iterator<Item = C32> {
        let n = self.0.len();
        let distance = (index + n - n / 2) % n;
        (0..=2 * reach).map(move |d| self.0[(d + reach * n - reach) % n * distance % n])
    }
}

/// The turns along a row, for each block of pixels one after the other. A block at the end repeats the last pixel.
fn waves(cols: usize, reach: usize) -> Vec<Split> {
    let (turns, side) = (Turns::new(cols), 2 * reach + 1);
    let mut waves = vec![Split::ZERO; cols.div_ceil(LANES) * side];
    for (block, waves) in waves.chunks_exact_mut(side).enumerate() {
        for lane in 0..LANES {
            let col = (block * LANES + lane).min(cols - 1);
            for (wave, turn) in waves.iter_mut().zip(turns.at(col, reach)) {
                (wave.re[lane], wave.im[lane]) = (turn.re, turn.im);
            }
        }
    }
    waves
}

/// What all rows share.
struct Rows<'a> {
    grid: Grid,
    correlation: &'a Correlation,
    turns: Turns,
    waves: Vec<Split>,
    reference: Vec<C32>,
    sets: usize,
    crop: Crop,
}

struct Scratch {
    /// `(pair, d)`: the upper triangle of a short convolution along one row, real and imaginary parts.
    folded: [Vec<f32>; 2],
    block: Block,
}

impl Rows<'_> {
    fn scratch(&self) -> Scratch {
        let length = self.correlation.length();
        Scratch {
            folded: [vec![0.0; length], vec![0.0; length]],
            block: Block::new(self.correlation.coils),
        }
    }

    /// Maps `(sets, coils, cols)` and eigenvalues `(2, cols)` of one row.
    #[inline(always)]
    fn solve(&self, row: usize, maps: &mut ArrayViewMut3<C32>, values: &mut ArrayViewMut2<f32>, scratch: &mut Scratch) {
        let Scratch { folded, block } = scratch;
        let cols = self.grid.cols;
        self.fold(row, folded);
        let side = self.correlation.side();
        for (first, waves) in (0..cols).step_by(LANES).zip(self.waves.chunks_exact(side)) {
            let width = LANES.min(cols - first);
            block.load([&folded[0], &folded[1]], waves);
            block.solve(self.sets, self.crop.low);
            for (set, mut values) in values.outer_iter_mut().enumerate() {
                let values = values.as_slice_mut().expect("a row of an array");
                values[first..first + width].copy_from_slice(&block.values[set][..width]);
            }
            for (set, mut maps) in maps.outer_iter_mut().enumerate() {
                self.write(set, block, &mut maps, first..first + width);
            }
        }
    }

    /// Sums the taps over the row axis for one image row, which leaves a short convolution along the columns.
    #[inline(always)]
    fn fold(&self, row: usize, [folded_re, folded_im]: &mut [Vec<f32>; 2]) {
        let Correlation {
            reach, taps: [re, im], ..
        } = self.correlation;
        folded_re.fill(0.0);
        folded_im.fill(0.0);
        let length = self.correlation.length();
        let taps = re.chunks_exact(length).zip(im.chunks_exact(length));
        for ((re, im), turn) in taps.zip(self.turns.at(row, *reach)) {
            let sums = folded_re.iter_mut().zip(folded_im.iter_mut());
            for ((sum_re, sum_im), (re, im)) in sums.zip(re.iter().zip(im)) {
                *sum_re += re * turn.re - im * turn.im;
                *sum_im += re * turn.im + im * turn.re;
            }
        }
    }

    /// Weight and reference phase of the eigenvectors of a block, into the maps `(coils, cols)` of a row.
    #[inline(always)]
    fn write(&self, set: usize, block: &Block, maps: &mut ArrayViewMut2<C32>, cols: Range<usize>) {
        let mut weights = [0.0; LANES];
        for (weight, &value) in weights.iter_mut().zip(&block.values[set]) {
            *weight = self.crop.weight(value);
        }
        if weights == [0.0; LANES] {
            return;
        }
        let (vector, scale) = block.vector(set);
        // Σ_c conj(u_c) s_c, whose conjugate over its size makes it real and positive.
        let mut product = Split::ZERO;
        for (entry, u) in vector.clone().zip(&self.reference) {
            product.add_scaled(entry, u.conj());
        }
        let mut factor = Split::ZERO;
        for lane in 0..LANES {
            let (re, im) = (product.re[lane] * scale[lane], product.im[lane] * scale[lane]);
            // Vectors and weights are of unit length: a square that underflows is of nothing but rounding.
            let size = (re * re + im * im).sqrt();
            let inverse = 1.0 / size;
            let (re, im) = if size > 0.0 {
                (re * inverse, im * inverse)
            } else {
                (1.0, 0.0)
            };
            factor.re[lane] = weights[lane] * scale[lane] * re;
            factor.im[lane] = -weights[lane] * scale[lane] * im;
        }
        for (mut map, entry) in maps.outer_iter_mut().zip(vector) {
            let mut value = Split::ZERO;
            value.add_product(entry, &factor);
            let map = map.as_slice_mut().expect("a row of an array");
            for ((pixel, &re), &im) in map[cols.clone()].iter_mut().zip(&value.re).zip(&value.im) {
                *pixel = C32::new(re, im);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibration::{Calibration, correlation};
    use super::*;
    use crate::coil::hermitian::eigen;
    use faer::Mat;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    type C64 = Complex<f64>;
    const COILS: usize = 3;
    const KERNEL: usize = 3;

    /// Of noise: eigenvalues of every size.
    fn taps() -> Correlation {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let samples = Array3::from_shape_simple_fn((COILS, 8, 9), || C32::new(draw() as f32, draw() as f32));
        let calibration = Calibration::of(samples.view(), &[]).unwrap();
        let space = calibration.signal_space(KERNEL, 0.8, 0.0).unwrap();
        correlation(&space.basis, COILS, KERNEL)
    }

    /// `Σ_d h[d] exp(2πi d·(r − r0)/n)`, the lower triangle.
    fn matrix(taps: &Correlation, grid: Grid, row: usize, col: usize) -> Mat<C64> {
        let side = taps.side();
        let turn = |d: usize, i: usize, n: usize| {
            let cycles = (d as f64 - taps.reach as f64) * (i as f64 - (n / 2) as f64) / n as f64;
            C64::from_polar(1.0, TAU * cycles)
        };
        Mat::from_fn(COILS, COILS, |c, d| {
            if c < d {
                return C64::new(0.0, 0.0);
            }
            // Entry (d, c) of the upper triangle, conjugated.
            let pair = (0..d).map(|row| COILS - row).sum::<usize>() + c - d;
            let places = (0..side).flat_map(|y| (0..side).map(move |x| (y, x)));
            let terms = places.map(|(y, x)| {
                let at = y * taps.length() + pair * side + x;
                let tap = C64::new(taps.taps[0][at].into(), taps.taps[1][at].into());
                tap * turn(y, row, grid.rows) * turn(x, col, grid.cols)
            });
            terms.sum::<C64>().conj()
        })
    }

    #[test]
    fn maps_are_the_eigenvectors_of_every_pixels_matrix() {
        let taps = taps();
        let reference = [C64::new(0.6, 0.0), C64::new(0.0, 0.8), C64::new(0.0, 0.0)];
        // Blocks that are full and one that is not; an axis shorter than the taps.
        for grid in [Grid::new(6, 16), Grid::new(7, 37), Grid::new(4, 3)] {
            let (maps, values) = eigenmaps(grid, &taps, &reference, 1, Crop::new(0.0));
            for (row, col) in (0..grid.rows).flat_map(|row| (0..grid.cols).map(move |col| (row, col))) {
                let lower = matrix(&taps, grid, row, col);
                let entry = |c: usize, d: usize| if c < d { lower[(d, c)].conj() } else { lower[(c, d)] };
                let (expected, _) = eigen(lower.clone()).unwrap();
                let value = f64::from(values[[0, row, col]]);
                let largest = expected[COILS - 1];
                assert!((value - largest).abs() < 1e-3 * largest, "{value} for {expected:?}");
                let map: Vec<C64> = (0..COILS)
                    .map(|c| maps[[0, c, row, col]])
                    .map(|v| C64::new(v.re.into(), v.im.into()))
                    .collect();
                assert!((map.iter().map(|v| v.norm_sqr()).sum::<f64>() - 1.0).abs() < 1e-5);
                for c in 0..COILS {
                    let product: C64 = (0..COILS).map(|d| entry(c, d) * map[d]).sum();
                    assert!((product - map[c] * value).norm() < 1e-3 * value);
                }
                let phase: C64 = reference.iter().zip(&map).map(|(u, s)| u.conj() * s).sum();
                assert!(phase.re > 0.0 && phase.im.abs() < 1e-5, "{phase}");
            }
        }
    }
}
