//! Which k-space locations are measured, and how probable that was.
//!
//! Two questions are answered here. *Drawing*: a mask of a wanted acceleration R with a fully sampled centre
//! (the ACS), and the probability with which its generator samples each location ([`FAMILIES`]). *Reading*: the
//! mask of measured k-space ([`held_data`]), how far it goes ([`Coverage`]), its ACS ([`sampled_centre`]) and, where
//! nobody says how it was drawn, an estimate of its sampling density ([`estimate_density`]).
//!
//! Radii are [`Grid::radius`]: 1 in the middle of an edge, √2 in a corner.

mod bernoulli;
mod centre;
mod coverage;
mod density;
mod fit;
mod held;
mod lines;
mod plan;
mod poisson_disc;
mod random_state;
mod request;
mod variable;

pub use centre::{line_axis, sampled_centre};
pub use coverage::{Coverage, Span, lacks_side};
pub use density::{Density, estimate_density};
pub use held::{Held, held_data, held_energy};
pub use plan::{DEFAULT_ORDER, LARGEST_ORDER, MaskPlan};
pub use request::{Acs, Request};

use ndarray::Array2;

use crate::array::{Grid, Mask};
use crate::error::{Error, Parameter, Result};

/// A mask and the probability with which its generator samples each location: in `(0, 1]`, 1 in the ACS.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// `(rows, cols)`.
    pub mask: Mask,
    /// `(rows, cols)`.
    pub probability: Array2<f64>,
}

/// A way to draw masks.
#[derive(Debug)]
pub struct Family {
    /// As typed on the command line.
    pub name: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Where it is described.
    pub citation: &'static str,
    /// Whether it samples phase-encode lines (columns), drawn as fastMRI draws them.
    pub lines: bool,
    /// Depends on the plan alone. Fails as [`Family::validate`] does.
    pub draw: fn(&MaskPlan) -> Result<Drawn>,
}

/// Every family of masks.
pub static FAMILIES: &[Family] = &[
    Family {
        name: "bernoulli",
        summary: "every location by itself, with a density that falls from the centre",
        citation: "Lustig, Donoho and Pauly, Magn Reson Med 58:1182 (2007)",
        lines: false,
        draw: bernoulli::draw,
    },
    Family {
        name: "poisson-disc",
        summary: "samples keep a distance that grows from the centre outwards",
        citation: "Cook, ACM Trans Graph 5:51 (1986); Vasanawala et al., ISBI 2011, p. 1039",
        lines: false,
        draw: poisson_disc::draw,
    },
    Family {
        name: "lines-random",
        summary: "phase-encode lines, each by itself, one density beyond the centre; fastMRI's mask of the same seed",
        citation: "Zbontar et al., arXiv:1811.08839",
        lines: true,
        draw: lines::draw_random,
    },
    Family {
        name: "lines-equispaced",
        summary: "phase-encode lines at one distance beyond the centre; fastMRI's mask of the same seed",
        citation: "Zbontar et al., arXiv:1811.08839",
        lines: true,
        draw: lines::draw_equispaced,
    },
];

impl Family {
    /// The family of that name.
    pub fn find(name: &str) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.name == name)
    }

    /// What a request comes to on a grid: the customary centre and density where it names none.
    ///
    /// # Errors
    /// [`Error::Setting`]: values that make no mask, and those that mean nothing to this family.
    pub fn plan(&self, request: &Request, grid: Grid) -> Result<MaskPlan> {
        let Request {
            acceleration,
            acs,
            order,
            seed,
        } = *request;
        let meaningless = |parameter, value, taken: &str| {
            let why = format!("means nothing to {} masks, which take {taken}", self.name);
            Error::setting(parameter, value, why)
        };
        if let (true, Some(order)) = (self.lines, order) {
            return Err(meaningless(
                Parameter::Order,
                order,
                "acceleration, ACS or its fraction, and seed",
            ));
        }
        let acs = match (self.lines, acs) {
            (true, acs) => lines::centre(grid, acceleration, acs)?,
            (false, None) => MaskPlan::default_acs(grid),
            (false, Some(Acs::Side(side))) => Grid::new(side, side),
            (false, Some(Acs::Rectangle(rectangle))) => rectangle,
            (false, Some(Acs::Fraction(share))) => {
                return Err(meaningless(
                    Parameter::AcsFraction,
                    share,
                    "acceleration, ACS, order and seed",
                ));
            }
        };
        let plan = MaskPlan {
            grid,
            acceleration,
            acs,
            order: order.unwrap_or(DEFAULT_ORDER),
            seed,
        };
        self.validate(&plan)?;
        Ok(plan)
    }

    /// Draws the mask of a request on a grid `(rows, cols)`.
    ///
    /// # Errors
    /// Those of [`Family::plan`].
    pub fn draw(&self, request: &Request, grid: Grid) -> Result<Drawn> {
        (self.draw)(&self.plan(request, grid)?)
    }

    /// Whether such a mask exists.
    ///
    /// # Errors
    /// [`Error::Setting`] where it does not.
    pub fn validate(&self, plan: &MaskPlan) -> Result<()> {
        if self.lines {
            lines::validate(plan)
        } else {
            plan.validate()
        }
    }
}

/// Whether whole phase-encode lines, or by partial Fourier one side of k-space, are missing: what takes iterative methods
/// longer. `mask` holds all that is known, padding included.
pub fn lacks_lines(mask: &Mask) -> bool {
    line_axis(mask).is_some() || lacks_side(mask)
}

#[cfg(test)]
mod tests;
