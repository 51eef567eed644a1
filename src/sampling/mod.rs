//! Which k-space locations are measured, and how probable that was.
//!
//! Two questions are answered here. *Drawing*: a mask of a wanted acceleration R with a fully sampled centre
//! (the ACS), and the probability with which its generator samples each location ([`FAMILIES`]). *Reading*: the
//! mask of measured k-space ([`nonzero_mask`]), its ACS ([`sampled_centre`]) and, where nobody says how it was
//! drawn, an estimate of its sampling density ([`estimate_density`]).
//!
//! Radii are [`Grid::radius`]: 1 in the middle of an edge, √2 in a corner.

mod bernoulli;
mod centre;
mod density;
mod fit;
mod poisson_disc;
mod variable;

pub use centre::{is_complete, line_axis, sampled_centre};
pub use density::{Density, estimate_density};

use ndarray::{Array2, ArrayView3, Axis, Zip};
use num_complex::Complex;

use crate::array::{Grid, Mask, Real};
use crate::error::{Error, Result};

/// Order of the density where the user names none.
pub const DEFAULT_ORDER: f64 = 2.0;
/// Beyond this order all samples but a few are in the centre.
pub const LARGEST_ORDER: f64 = 10.0;

/// A mask to draw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// The k-space plane, `(rows, cols)`.
    pub grid: Grid,
    /// R: locations on the grid for each one sampled, ACS included. At least 1.
    pub acceleration: f64,
    /// The fully sampled rectangle about the origin; 0x0 for none.
    pub acs: Grid,
    /// How steeply the density falls from the centre outwards: 0 is uniform, 2 usual ([`DEFAULT_ORDER`]).
    pub order: f64,
    pub seed: u64,
}

impl Request {
    /// Whether such a mask exists. The errors name the command line's options.
    pub fn validate(&self) -> Result<()> {
        let Self {
            grid,
            acceleration,
            acs,
            order,
            ..
        } = *self;
        if grid.is_empty() {
            return Err(Error::setting(format!(
                "a mask of {grid} has no location to sample; give both sizes above 0"
            )));
        }
        if !acceleration.is_finite() || acceleration < 1.0 {
            return Err(Error::setting(format!(
                "--accel {acceleration} is not an acceleration; give a number of at least 1, such as --accel 5"
            )));
        }
        if !(0.0..=LARGEST_ORDER).contains(&order) {
            return Err(Error::setting(format!(
                "--order {order} is not an order of the sampling density; give a number from 0 (uniform) to {LARGEST_ORDER}"
            )));
        }
        if acs.rows > grid.rows || acs.cols > grid.cols {
            return Err(Error::setting(format!(
                "--acs {acs} is larger than the k-space grid of {grid}; make it smaller"
            )));
        }
        let largest = self.largest_acceleration();
        if acceleration > largest {
            // Rounded down, so that the number can be typed back.
            let largest = (largest * 100.0).floor() / 100.0;
            return Err(Error::setting(format!(
                "--accel {acceleration} cannot be reached: with an ACS of {acs} on a grid of {grid} the largest is \
                 {largest:.2}; lower --accel or make --acs smaller"
            )));
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
    fn in_acs(&self, row: usize, col: usize) -> bool {
        let (first_row, first_col) = self.grid.centred_offset(self.acs);
        (first_row..first_row + self.acs.rows).contains(&row) && (first_col..first_col + self.acs.cols).contains(&col)
    }
}

/// A mask and the probability with which its generator samples each location: in `(0, 1]`, 1 in the ACS.
#[derive(Clone, Debug)]
pub struct Drawn {
    pub mask: Mask,
    pub probability: Array2<f64>,
}

/// A way to draw masks.
#[derive(Debug)]
pub struct Family {
    /// As typed on the command line.
    pub name: &'static str,
    pub summary: &'static str,
    pub citation: &'static str,
    /// Depends on the request alone. Fails as [`Request::validate`] does.
    pub draw: fn(&Request) -> Result<Drawn>,
}

/// Every family of masks.
pub const FAMILIES: &[Family] = &[
    Family {
        name: "bernoulli",
        summary: "every location by itself, with a density that falls from the centre",
        citation: "Lustig, Donoho and Pauly, Magn Reson Med 58:1182 (2007)",
        draw: bernoulli::draw,
    },
    Family {
        name: "poisson-disc",
        summary: "samples keep a distance that grows from the centre outwards",
        citation: "Cook, ACM Trans Graph 5:51 (1986); Vasanawala et al., ISBI 2011, p. 1039",
        draw: poisson_disc::draw,
    },
];

impl Family {
    /// The family of that name.
    pub fn find(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.name == name)
    }
}

/// The mask of measured k-space `(coils, rows, cols)`: sampled where any coil is not exactly zero.
pub fn nonzero_mask<T: Real>(kspace: ArrayView3<Complex<T>>) -> Mask {
    let (_, rows, cols) = kspace.dim();
    let mut sampled = Array2::from_elem((rows, cols), false);
    for coil in kspace.axis_iter(Axis(0)) {
        Zip::from(&mut sampled)
            .and(&coil)
            .for_each(|s, v| *s |= v.re != T::zero() || v.im != T::zero());
    }
    Mask::new(sampled)
}

#[cfg(test)]
mod tests;
