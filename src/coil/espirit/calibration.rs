//! The calibration matrix, its signal space, and the convolution that projects windows of k-space onto it.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use ndarray::{Array3, ArrayView3};
use num_complex::Complex;
use rayon::prelude::*;

use super::principal_images::principal_images;
use crate::array::{CoilStack, Grid};
use crate::coil::hermitian::{eigen, eigen_from, gram};
use crate::error::Result;

type C64 = Complex<f64>;

/// Largest singular value that noise reaches, over that of a matrix of independent entries. The windows overlap, so that
/// entries repeat.
const OVERLAP: f64 = 1.4;

/// The centre of k-space, scaled to a largest magnitude of 1.
pub(in crate::coil) struct Calibration {
    /// `(coils, rows, cols)`.
    pub samples: Array3<C64>,
    /// Centres of further images of the same coils, of the same size and units.
    others: Vec<Array3<C64>>,
    /// What scaled them.
    scale: f64,
}

/// An orthonormal basis of the windows of k-space that hold signal.
pub(super) struct SignalSpace {
    /// Column by column.
    pub basis: Mat<C64>,
    /// Singular values above this fraction of the largest are signal.
    pub threshold: f64,
}

impl Calibration {
    /// The samples of a centred region, `(coils, rows, cols)`, and of other images of the same coils: the principal ones of
    /// them.
    pub(in crate::coil) fn of(region: ArrayView3<Complex<f32>>, others: &[CoilStack<f32>]) -> Result<Self> {
        let (_, rows, cols) = region.dim();
        let mut images = principal_images(region, others, Grid::new(rows, cols))?;
        let largest = images.iter().flatten().map(|v| v.norm()).fold(0.0, f64::max);
        let scale = if largest > 0.0 { 1.0 / largest } else { 1.0 };
        images.iter_mut().for_each(|image| image.mapv_inplace(|v| v * scale));
        let others = images.split_off(1);
        let samples = images.remove(0);
        Ok(Self { samples, others, scale })
    }

    /// Images whose windows span the signal space.
    pub(super) fn images(&self) -> usize {
        1 + self.others.len()
    }

    pub(in crate::coil) fn is_zero(&self) -> bool {
        self.samples.iter().all(|v| v.norm_sqr() == 0.0)
    }

    pub(super) fn coils(&self) -> usize {
        self.samples.dim().0
    }

    pub(super) fn window(&self) -> Grid {
        let (_, rows, cols) = self.samples.dim();
        Grid::new(rows, cols)
    }

    /// The dominant left singular vector of the samples across coils, of unit norm, its
    /// largest entry real and positive.
    pub(in crate::coil) fn dominant_coils(&self) -> Result<Vec<C64>> {
        let window = self.window();
        let data = Mat::from_fn(self.coils(), window.len(), |coil, i| {
            self.samples[[coil, i / window.cols, i % window.cols]]
        });
        let (_, vectors) = eigen(gram(data.as_ref()))?;
        let dominant: Vec<C64> = (0..self.coils()).map(|c| vectors[(c, self.coils() - 1)]).collect();
        let largest = dominant
            .iter()
            .copied()
            .fold(C64::new(0.0, 0.0), |a, b| if b.norm() > a.norm() { b } else { a });
        Ok(dominant.iter().map(|v| v * largest.conj() / largest.norm()).collect())
    }

    /// An orthonormal basis of the space that holds the windows of `kernel × kernel` samples of all coils: the singular
    /// vectors of the calibration matrix whose singular value exceeds `threshold` times the largest, and what noise of
    /// that `variance` reaches. Entry `(coil · kernel + row) · kernel + col` of a column is a window's sample.
    pub(super) fn signal_space(&self, kernel: usize, threshold: f64, variance: f64) -> Result<SignalSpace> {
        let (coils, rows, cols) = self.samples.dim();
        let across = cols + 1 - kernel;
        let of_image = (rows + 1 - kernel) * across;
        let windows = self.images() * of_image;
        let length = coils * kernel * kernel;
        let images: Vec<&[C64]> = std::iter::once(&self.samples)
            .chain(&self.others)
            .map(|image| image.as_slice().expect("an array of its own"))
            .collect();
        let mut matrix = Mat::<C64>::zeros(length, windows);
        for (window, mut column) in matrix.col_iter_mut().enumerate() {
            let samples = images[window / of_image];
            let (top, left) = (window % of_image / across, window % across);
            let column = column
                .as_mut()
                .try_as_col_major_mut()
                .expect("columns in one piece")
                .as_slice_mut();
            for (line, target) in column.chunks_exact_mut(kernel).enumerate() {
                let (coil, row) = (line / kernel, top + line % kernel);
                target.copy_from_slice(&samples[(coil * rows + row) * cols + left..][..kernel]);
            }
        }
        // The edge of the spectrum of random matrices, after Marčenko and Pastur.
        let edge = (windows as f64).sqrt() + (length as f64).sqrt();
        let noise = OVERLAP * variance.sqrt() * self.scale * edge;
        let threshold_of = |values: &[f64]| threshold.max(noise / values[values.len() - 1].sqrt());
        let above = |values: &[f64]| {
            let least = threshold_of(values).powi(2) * values[values.len() - 1];
            values.iter().position(|&v| v > least).unwrap_or(values.len() - 1)
        };
        // The smaller of the two Gram matrices has all the non-zero singular values.
        if length <= windows {
            let (values, basis) = eigen_from(gram(matrix.as_ref()), above)?;
            let threshold = threshold_of(&values);
            return Ok(SignalSpace { basis, threshold });
        }
        let (values, kept) = eigen_from(gram(matrix.adjoint().to_owned().as_ref()), above)?;
        let (size, first) = (values.len(), values.len() - kept.ncols());
        let scaled = Mat::from_fn(size, size - first, |i, j| kept[(i, j)] / values[first + j].sqrt());
        let mut basis = Mat::zeros(length, size - first);
        matmul(
            &mut basis,
            Accum::Replace,
            &matrix,
            &scaled,
            C64::new(1.0, 0.0),
            Par::Seq,
        );
        let threshold = threshold_of(&values);
        Ok(SignalSpace { basis, threshold })
    }
}

/// The convolution of k-space with which every window is projected onto the signal space and the windows are averaged:
/// `out_c[m] = Σ_c' Σ_d h_cc'[d] in_c'[m − d]` with `d` from `−reach` to `reach` along both axes.
/// Divided by the number of windows that hold a sample, so that it is the identity on signal.
pub(super) struct Correlation {
    pub coils: usize,
    pub reach: usize,
    /// Real and imaginary parts, `(row, pair, col)` with the pairs `c ≤ c'` in order; `h_c'c[d] = conj(h_cc'[−d])`.
    pub taps: [Vec<f32>; 2],
}

impl Correlation {
    /// Taps along an axis.
    pub(super) fn side(&self) -> usize {
        2 * self.reach + 1
    }

    /// Taps of all pairs in a row.
    pub(super) fn length(&self) -> usize {
        self.coils * (self.coils + 1) / 2 * self.side()
    }
}

/// [`Correlation`] of the signal space with the orthonormal basis `space`.
///
/// With the projection `P = V Vᴴ` a sample at `b` in a window comes to `a` with weight `P[a, b]`, whatever the window:
/// `h[d] = 1/k² Σ_{a − b = d} P[a, b]`. P is formed for one coil `c` at a time.
pub(super) fn correlation(space: &Mat<C64>, coils: usize, kernel: usize) -> Correlation {
    let area = kernel * kernel;
    let side = 2 * kernel - 1;
    // `(other, row, col)`.
    let of_coil = |coil: usize| -> Vec<C64> {
        let own = space.get(coil * area..(coil + 1) * area, ..);
        let others = space.get(coil * area.., ..);
        let mut projection = Mat::<C64>::zeros(area, others.nrows());
        matmul(
            &mut projection,
            Accum::Replace,
            own,
            others.adjoint(),
            C64::new(1.0 / area as f64, 0.0),
            Par::Seq,
        );
        let mut taps = vec![C64::new(0.0, 0.0); (coils - coil) * side * side];
        for (b, column) in projection.col_iter().enumerate() {
            let (other, row, col) = (b / area, b / kernel % kernel, b % kernel);
            let column = column.try_as_col_major().expect("columns in one piece").as_slice();
            for (a, weights) in column.chunks_exact(kernel).enumerate() {
                let first = (other * side + a + kernel - 1 - row) * side + kernel - 1 - col;
                let sums = &mut taps[first..first + kernel];
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
            }
        }
        taps
    };
    let taps: Vec<_> = (0..coils).into_par_iter().map(of_coil).collect();
    let mut parts = [Vec::new(), Vec::new()];
    for row in 0..side {
        for pair in taps.iter().flat_map(|of_coil| of_coil.chunks_exact(side * side)) {
            let taps = &pair[row * side..(row + 1) * side];
            parts[0].extend(taps.iter().map(|v| v.re as f32));
            parts[1].extend(taps.iter().map(|v| v.im as f32));
        }
    }
    Correlation {
        coils,
        reach: kernel - 1,
        taps: parts,
    }
}
