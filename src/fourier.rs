//! Centred, unitary 2-D Fourier transforms.
//!
//! With the origins `r0 = rows/2`, `c0 = cols/2` (integer division) in both domains,
//! `K[p, q] = 1/√n Σ x[r, c] exp(−2πi ((p − r0)(r − r0)/rows + (q − c0)(c − c0)/cols))`:
//! what fastMRI calls `fft2c` and BART `fft -u`. The inverse is the adjoint.

use std::sync::Arc;

use num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlanner};

use crate::array::{Grid, Real};

/// Rows or columns gathered at a time: eight f32 complex numbers are one cache line.
const BLOCK: usize = 8;

/// Plans for one grid. Shared between threads; each caller brings its own [`Scratch`].
pub struct Fourier<T: Real> {
    grid: Grid,
    forward: Axes<T>,
    inverse: Axes<T>,
    scale: T,
}

struct Axes<T> {
    along_row: Arc<dyn Fft<T>>,
    along_col: Arc<dyn Fft<T>>,
}

/// Buffers of one thread, reused over transforms.
pub struct Scratch<T> {
    /// [`BLOCK`] rows or columns.
    block: Vec<Complex<T>>,
    fft: Vec<Complex<T>>,
}

impl<T: Real> Fourier<T> {
    pub fn new(grid: Grid) -> Self {
        assert!(!grid.is_empty(), "a transform needs at least one pixel");
        let mut planner = FftPlanner::new();
        let mut plan = |direction| Axes {
            along_row: planner.plan_fft(grid.cols, direction),
            along_col: planner.plan_fft(grid.rows, direction),
        };
        Self {
            grid,
            forward: plan(FftDirection::Forward),
            inverse: plan(FftDirection::Inverse),
            scale: T::of(1.0 / (grid.len() as f64).sqrt()),
        }
    }

    pub fn grid(&self) -> Grid {
        self.grid
    }

    pub fn scratch(&self) -> Scratch<T> {
        let longest = [&self.forward, &self.inverse]
            .iter()
            .flat_map(|axes| [&axes.along_row, &axes.along_col])
            .map(|fft| fft.get_inplace_scratch_len())
            .max()
            .unwrap_or(0);
        let zeros = |len| vec![Complex::new(T::zero(), T::zero()); len];
        Scratch {
            block: zeros(self.grid.rows.max(self.grid.cols) * BLOCK),
            fft: zeros(longest),
        }
    }

    /// Image to k-space, in place. `plane` is row-major and of the grid's size.
    pub fn forward(&self, plane: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        self.transform(&self.forward, plane, scratch);
    }

    /// k-space to image, in place.
    pub fn inverse(&self, plane: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        self.transform(&self.inverse, plane, scratch);
    }

    /// Rows, then columns, a block of them at a time. The origin moves to index 0 on the way into the block and back
    /// on the way out, so that centring costs next to nothing and adds no rounding.
    fn transform(&self, axes: &Axes<T>, data: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        let Grid { rows, cols } = self.grid;
        assert_eq!(data.len(), self.grid.len(), "plane of another size than the plan");
        let Scratch { block, fft } = scratch;

        for lines in data.chunks_mut(cols * BLOCK) {
            let block = &mut block[..lines.len()];
            for (line, b) in lines.chunks_exact(cols).zip(block.chunks_exact_mut(cols)) {
                let (low, high) = line.split_at(cols / 2);
                b[..high.len()].copy_from_slice(high);
                b[high.len()..].copy_from_slice(low);
            }
            axes.along_row.process_with_scratch(block, fft);
            for (line, b) in lines.chunks_exact_mut(cols).zip(block.chunks_exact(cols)) {
                let (high, low) = b.split_at(cols - cols / 2);
                line[..low.len()].copy_from_slice(low);
                line[low.len()..].copy_from_slice(high);
            }
        }

        let origin = rows / 2;
        for first in (0..cols).step_by(BLOCK) {
            let width = BLOCK.min(cols - first);
            let block = &mut block[..rows * width];
            let lines = |row: usize| row * cols + first..row * cols + first + width;
            for (to, from) in (origin..rows).chain(0..origin).enumerate() {
                for (b, &value) in data[lines(from)].iter().enumerate() {
                    block[b * rows + to] = value;
                }
            }
            axes.along_col.process_with_scratch(block, fft);
            for (from, to) in (origin..rows).chain(0..origin).enumerate() {
                for (b, value) in data[lines(to)].iter_mut().enumerate() {
                    *value = block[b * rows + from] * self.scale;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn ramp(grid: Grid) -> Vec<Complex<f64>> {
        (0..grid.len())
            .map(|i| Complex::new((i as f64 * 0.37).sin(), (i as f64 * 0.11).cos()))
            .collect()
    }

    /// The definition, summed as it is written.
    fn slow(grid: Grid, x: &[Complex<f64>]) -> Vec<Complex<f64>> {
        let Grid { rows, cols } = grid;
        let at = |i: usize, n: usize| i as f64 - (n / 2) as f64;
        let mut out = Vec::new();
        for p in 0..rows {
            for q in 0..cols {
                let mut sum = Complex::new(0.0, 0.0);
                for r in 0..rows {
                    for c in 0..cols {
                        let turns = at(p, rows) * at(r, rows) / rows as f64 + at(q, cols) * at(c, cols) / cols as f64;
                        sum += x[r * cols + c] * Complex::from_polar(1.0, -TAU * turns);
                    }
                }
                out.push(sum / (grid.len() as f64).sqrt());
            }
        }
        out
    }

    #[test]
    fn follows_the_definition_at_even_odd_and_unit_sizes() {
        for (rows, cols) in [(8, 8), (9, 8), (6, 15), (7, 11), (1, 5), (5, 1), (20, 9)] {
            let grid = Grid::new(rows, cols);
            let fourier = Fourier::new(grid);
            let x = ramp(grid);
            let mut k = x.clone();
            let mut scratch = fourier.scratch();
            fourier.forward(&mut k, &mut scratch);
            for (a, b) in k.iter().zip(slow(grid, &x)) {
                assert!((a - b).norm() < 1e-12, "{grid}: {a} against {b}");
            }
            fourier.inverse(&mut k, &mut scratch);
            for (a, b) in k.iter().zip(&x) {
                assert!((a - b).norm() < 1e-13, "{grid}: no inverse");
            }
        }
    }
}
