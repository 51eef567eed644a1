//! Arrays and the meaning of their axes. Everything else is built on these.
//!
//! Axis 0 of an image is `rows` (the readout of a fastMRI slice), axis 1 is `cols` (the phase encodes).
//! A leading axis is always what repeats: coils, then map sets. The origin of an axis of length `n`, in
//! image space and in k-space, is at index `n / 2`.

mod mask;
mod over_coils;
mod real;
mod simd;

pub use mask::Mask;
pub use over_coils::over_coils;
pub use real::Real;
pub use simd::{Aligned, LANES, Vectors, greatest, sum, transpose, vectorised};

use ndarray::{Array2, Array3, Array4};
use num_complex::Complex;

/// A complex image or one k-space plane, `(rows, cols)`.
pub type Image<T> = Array2<Complex<T>>;
/// A plane for every coil, `(coils, rows, cols)`: k-space, or coil images.
pub type CoilStack<T> = Array3<Complex<T>>;
/// An image for every set of maps, `(sets, rows, cols)`.
pub type ImageSets<T> = Array3<Complex<T>>;
/// Coil sensitivity maps, `(sets, coils, rows, cols)`; the sum over coils of `|S|²` is 1 on the object.
pub type Maps<T> = Array4<Complex<T>>;

/// The size of an image or of one k-space plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    pub rows: usize,
    pub cols: usize,
}

impl Grid {
    pub const fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols }
    }

    /// Number of pixels.
    pub const fn len(self) -> usize {
        self.rows * self.cols
    }

    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    pub const fn dim(self) -> (usize, usize) {
        (self.rows, self.cols)
    }

    /// Distance of a k-space location from the origin, relative to half the matrix along each axis:
    /// 1 in the middle of an edge, √2 in a corner. The radius of every variable-density scheme here.
    pub fn radius(self, row: usize, col: usize) -> f64 {
        let along = |index: usize, n: usize| (index as f64 - (n / 2) as f64) / (n as f64 / 2.0).max(0.5);
        along(row, self.rows).hypot(along(col, self.cols))
    }

    /// The row-major index of the location on the other side of the origin, around the edges.
    pub fn opposite(self, at: usize) -> usize {
        let mirror = |index: usize, n: usize| (2 * (n / 2) + n - index) % n;
        mirror(at / self.cols, self.rows) * self.cols + mirror(at % self.cols, self.cols)
    }

    /// Where a window of `size` lies so that both origins meet: the first row and column of it.
    /// `size` must not exceed the grid.
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

/// Energy `Σ|v|²`, summed in f64.
pub fn energy<'a, T: Real>(values: impl IntoIterator<Item = &'a Complex<T>>) -> f64 {
    values.into_iter().map(|v| v.norm_sqr().wide()).sum()
}
