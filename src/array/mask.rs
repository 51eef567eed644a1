use ndarray::Array2;

use super::Grid;

/// Which k-space locations were measured, the same for every coil. `(rows, cols)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    pub sampled: Array2<bool>,
}

impl Mask {
    pub fn new(sampled: Array2<bool>) -> Self {
        Self { sampled }
    }

    pub fn full(grid: Grid) -> Self {
        Self::new(Array2::from_elem(grid.dim(), true))
    }

    /// Whole lines: `columns[c]` tells whether column `c` was read out, in every row.
    pub fn from_columns(rows: usize, columns: &[bool]) -> Self {
        Self::new(Array2::from_shape_fn((rows, columns.len()), |(_, col)| columns[col]))
    }

    pub fn grid(&self) -> Grid {
        self.sampled.dim().into()
    }

    /// Number of sampled locations.
    pub fn count(&self) -> usize {
        self.sampled.iter().filter(|&&s| s).count()
    }

    pub fn is_full(&self) -> bool {
        self.sampled.iter().all(|&s| s)
    }

    /// Acceleration R: locations on the grid over locations sampled; infinite for an empty mask.
    pub fn acceleration(&self) -> f64 {
        self.grid().len() as f64 / self.count() as f64
    }
}
