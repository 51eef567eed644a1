use ndarray::Array2;

use super::Grid;

/// Which k-space locations were sampled. All coils share one mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// `true` where k-space was sampled, `(rows, cols)`, with the origin at `(rows / 2, cols / 2)`.
    pub sampled: Array2<bool>,
}

impl Mask {
    /// The mask of a pattern `(rows, cols)`.
    pub fn new(sampled: Array2<bool>) -> Self {
        Self { sampled }
    }

    /// Full sampling: every location of `grid`.
    pub fn full(grid: Grid) -> Self {
        Self::new(Array2::from_elem(grid.dim(), true))
    }

    /// 1-D undersampling: `columns[c]` says whether the phase-encode line at column `c` was acquired. A line is sampled
    /// in all `rows`.
    pub fn from_columns(rows: usize, columns: &[bool]) -> Self {
        Self::new(Array2::from_shape_fn((rows, columns.len()), |(_, col)| columns[col]))
    }

    /// Size of the k-space plane.
    pub fn grid(&self) -> Grid {
        self.sampled.dim().into()
    }

    /// Number of sampled locations.
    pub fn count(&self) -> usize {
        self.sampled.iter().filter(|&&s| s).count()
    }

    /// Whether every location is sampled.
    pub fn is_full(&self) -> bool {
        self.sampled.iter().all(|&s| s)
    }

    /// Acceleration factor R: locations on the grid over sampled locations. Infinite for an empty mask.
    pub fn acceleration(&self) -> f64 {
        self.grid().len() as f64 / self.count() as f64
    }
}
