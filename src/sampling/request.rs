use crate::array::Grid;

/// A mask to draw, on whatever grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// R: locations on the grid for each one sampled, ACS included. At least 1.
    pub acceleration: f64,
    /// The fully sampled centre; the customary one where `None`.
    pub acs: Option<Acs>,
    /// How steeply the density falls from the centre outwards, see [`MaskPlan::order`](super::MaskPlan::order);
    /// [`DEFAULT_ORDER`](super::DEFAULT_ORDER) where `None`. Masks of phase-encode lines take none.
    pub order: Option<f64>,
    /// Of the draw.
    pub seed: u64,
}

impl Request {
    /// A mask of this acceleration with the customary centre and density, of seed 0.
    pub fn new(acceleration: f64) -> Self {
        Self {
            acceleration,
            acs: None,
            order: None,
            seed: 0,
        }
    }
}

/// The fully sampled centre, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Acs {
    /// So many rows and columns; of masks of phase-encode lines, so many lines.
    Side(usize),
    /// Rows and columns.
    Rectangle(Grid),
    /// Share of the lines, for masks of phase-encode lines.
    Fraction(f64),
}
