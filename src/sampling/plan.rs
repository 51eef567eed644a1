use crate::array::Grid;
use crate::error::{Error, Parameter, Result};

/// Order of the density where the user names none.
pub const DEFAULT_ORDER: f64 = 2.0;
/// Beyond this order all samples but a few are in the centre.
pub const LARGEST_ORDER: f64 = 10.0;

/// A mask to draw on one grid, with every value filled in: what a [`Request`](super::Request) comes to there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskPlan {
    /// The k-space plane, `(rows, cols)`.
    pub grid: Grid,
    /// R: locations on the grid for each one sampled, ACS included. At least 1.
    pub acceleration: f64,
    /// The fully sampled rectangle about the origin; 0x0 for none. Of a mask of phase-encode lines its columns count.
    pub acs: Grid,
    /// How steeply the density falls from the centre outwards: 0 is uniform, 2 usual ([`DEFAULT_ORDER`]). Means
    /// nothing to masks of phase-encode lines.
    pub order: f64,
    /// Of the draw. Families of phase-encode lines take those of fastMRI, below 2³².
    pub seed: u64,
}

impl MaskPlan {
    /// Whether a mask of single locations exists.
    pub fn validate(&self) -> Result<()> {
        self.validate_numbers()?;
        let Self {
            grid,
            acceleration,
            acs,
            ..
        } = *self;
        let largest = self.largest_acceleration();
        if acceleration > largest {
            let why = format!(
                "cannot be reached: with an ACS of {acs} on a grid of {grid} the largest is {:.2}; lower it or make the \
                 ACS smaller",
                typed(largest)
            );
            return Err(Error::setting(Parameter::Acceleration, acceleration, why));
        }
        Ok(())
    }

    /// Whether each number is one of its kind.
    pub(super) fn validate_numbers(&self) -> Result<()> {
        let Self {
            grid,
            acceleration,
            acs,
            order,
            ..
        } = *self;
        if grid.is_empty() {
            let why = "has no location to sample; give both sides above 0";
            return Err(Error::setting(Parameter::Size, grid, why));
        }
        if !acceleration.is_finite() || acceleration < 1.0 {
            let why = "is not an acceleration; give a number of at least 1, such as 5";
            return Err(Error::setting(Parameter::Acceleration, acceleration, why));
        }
        if !(0.0..=LARGEST_ORDER).contains(&order) {
            let why =
                format!("is not an order of the sampling density; give a number from 0 (uniform) to {LARGEST_ORDER}");
            return Err(Error::setting(Parameter::Order, order, why));
        }
        if acs.rows > grid.rows || acs.cols > grid.cols {
            let why = format!("is larger than the k-space grid of {grid}; make it smaller");
            return Err(Error::setting(Parameter::Acs, acs, why));
        }
        Ok(())
    }

    /// The ACS where none is asked for: 24 × 24, or all of an axis that is shorter.
    pub fn default_acs(grid: Grid) -> Grid {
        Grid::new(grid.rows.min(24), grid.cols.min(24))
    }

    /// The ACS and one sample beyond it, if there is a beyond.
    fn largest_acceleration(&self) -> f64 {
        let n = self.grid.len();
        n as f64 / (self.acs.len() + 1).min(n) as f64
    }

    /// Whether a location lies in the ACS.
    pub(super) fn in_acs(&self, row: usize, col: usize) -> bool {
        let (first_row, first_col) = self.grid.centred_offset(self.acs);
        (first_row..first_row + self.acs.rows).contains(&row) && (first_col..first_col + self.acs.cols).contains(&col)
    }
}

/// Rounded down to two digits, so that the number can be typed back.
pub(super) fn typed(largest: f64) -> f64 {
    (largest * 100.0).floor() / 100.0
}
