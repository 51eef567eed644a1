//! Arrays, the meaning of their axes, and the scalar type of transforms, operators and solvers.
//!
//! Axis 0 of an image is `rows` (the readout of a fastMRI slice), axis 1 is `cols` (the phase encodes).
//! A leading axis counts coils or sets of maps; with both, sets come first. The origin of an axis of length `n`, in
//! image space and in k-space, is at index `n / 2`.

mod mask;
mod over_coils;
mod real;
mod simd;

pub use mask::Mask;
pub use over_coils::{energy_over_coils, over_coils};
pub use real::Real;
pub use simd::{Aligned, LANES, Vectors, greatest, sum, transpose, vectorised};

use ndarray::{Array2, Array3, Array4};
use num_complex::Complex;

/// A complex image or one k-space plane, `(rows, cols)`. Image and k-space have the same units: the transform is
/// unitary.
pub type Image<T> = Array2<Complex<T>>;
/// A plane for every coil, `(coils, rows, cols)`: multi-coil k-space, or coil images.
pub type CoilStack<T> = Array3<Complex<T>>;
/// An image for every set of maps, `(sets, rows, cols)`.
pub type ImageSets<T> = Array3<Complex<T>>;
/// Coil sensitivity maps, `(sets, coils, rows, cols)`. The sum over coils of `|S|²` is 1 on the object and 0 outside.
/// There is more than one set for an object that is larger than the field of view ("soft SENSE").
pub type Maps<T> = Array4<Complex<T>>;

/// The size of an image or of one k-space plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Number of rows, axis 0: samples along the readout of a fastMRI slice.
    pub rows: usize,
    /// Number of columns, axis 1: phase encodes of a fastMRI slice.
    pub cols: usize,
}

impl Grid {
    /// A grid of `rows` by `cols` pixels.
    pub const fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols }
    }

    /// Number of pixels.
    pub const fn len(self) -> usize {
        self.rows * self.cols
    }

    /// Whether a side is 0, so that there are no pixels.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// `(rows, cols)`, the shape of an array on this grid.
    pub const fn dim(self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Distance of a k-space location from the origin, relative to half the matrix along each axis:
    /// 1 in the middle of an edge, √2 in a corner. The radius of every variable-density scheme here.
    pub fn radius(self, row: usize, col: usize) -> f64 {
        let along = |index: usize, n: usize| (index as f64 - (n / 2) as f64) / (n as f64 / 2.0).max(0.5);
        along(row, self.rows).hypot(along(col, self.cols))
    }

    /// The row-major index of the location `−k`, where `at` is that of `k`. Periodic: index 0 of an axis of even length
    /// mirrors onto itself.
    pub fn opposite(self, at: usize) -> usize {
        let mirror = |index: usize, n: usize| (2 * (n / 2) + n - index) % n;
        mirror(at / self.cols, self.rows) * self.cols + mirror(at % self.cols, self.cols)
    }

    /// The first row and column of a centred window: its origin is that of the grid. `size` must not exceed the grid.
    pub fn centred_offset(self, size: Grid) -> (usize, usize) {
        (self.rows / 2 - size.rows / 2, self.cols / 2 - size.cols / 2)
    }
}

impl From<(usize, usize)> for Grid {
    fn from((rows, cols): (usize, usize)) -> Self {
        Self { rows, cols }
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.rows, self.cols)
    }
}

/// Energy `Σ|v|²` of complex values, summed in f64.
pub fn energy<'a, T: Real>(values: impl IntoIterator<Item = &'a Complex<T>>) -> f64 {
    values.into_iter().map(|v| v.norm_sqr().wide()).sum()
}
