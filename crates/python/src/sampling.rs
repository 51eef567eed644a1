//! Sampling masks and their density.

use numpy::PyArray2;
use pvdamp::array::{Grid, Mask};
use pvdamp::sampling::{self, Acs, Coverage, FAMILIES, Family, Request};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Plane, give};
use crate::errors::of_engine;

type Drawn<'py> = (Bound<'py, PyArray2<bool>>, Bound<'py, PyArray2<f64>>);

/// Size of the fully sampled centre.
#[derive(FromPyObject)]
pub(crate) enum Centre {
    Side(usize),
    Rectangle(usize, usize),
    /// As a share of the lines.
    Fraction(f64),
}

/// A mask of a family, and the probability that it samples each location, `(rows, cols)`.
#[pyfunction]
pub(crate) fn draw_mask<'py>(
    py: Python<'py>,
    family: &str,
    shape: (usize, usize),
    acceleration: f64,
    acs: Option<Centre>,
    order: Option<f64>,
    seed: u64,
) -> PyResult<Drawn<'py>> {
    let unknown = || {
        let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
        PyValueError::new_err(format!("family {family:?} is none of {}", names.join(", ")))
    };
    let family = Family::find(family).ok_or_else(unknown)?;
    let request = Request {
        acceleration,
        acs: match acs {
            Some(Centre::Side(side)) => Some(Acs::Side(side)),
            Some(Centre::Rectangle(rows, cols)) => Some(Acs::Rectangle(Grid::new(rows, cols))),
            Some(Centre::Fraction(share)) => Some(Acs::Fraction(share)),
            None => None,
        },
        order,
        seed,
    };
    let drawn = py.detach(|| family.draw(&request, shape.into())).map_err(of_engine)?;
    Ok((give(py, drawn.mask.sampled), give(py, drawn.probability)))
}

/// The probability `(rows, cols)` with which a mask was drawn, estimated from it.
#[pyfunction]
pub(crate) fn estimate_density<'py>(py: Python<'py>, mask: Plane<'py, bool>) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let mask = Mask::new(mask.as_array().to_owned());
    if mask.count() == 0 {
        return Err(PyValueError::new_err(
            "sampling mask: it samples nothing; expected a mask with samples",
        ));
    }
    let density = py.detach(|| sampling::estimate_density(&mask, &Coverage::of(&mask, [None, None])));
    Ok(give(py, density.probability))
}
