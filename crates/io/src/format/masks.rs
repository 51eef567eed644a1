//! Sampling masks and sampling probabilities: planes `(rows, cols)`, or `(cols,)` where phase-encode lines are sampled.
//! Rows and columns of a volume are its two phase encodes.

use ndarray::{Array2, ArrayD, Ix1, Ix2};

use super::source::array::Source;
use super::source::find::Wanted;
use super::source::messages::shape_text;
use crate::error::{Place, Result};
use pvdamp::array::{Grid, Mask};

/// Reads a sampling mask for `grid`: bool, integers or floats, zero where nothing was sampled.
/// Without a dataset name: `mask`, or the only dataset of fitting shape.
pub fn read_mask(place: &Place, grid: Grid) -> Result<Mask> {
    let fits = |source: &Source| fits(source, grid);
    mask_of(
        &Wanted {
            what: "sampling mask",
            names: &["mask"],
            fits: &fits,
        }
        .find(place)?,
        grid,
    )
}

/// Reads the probability that each location of `grid` is sampled.
/// Without a dataset name: `prob_map`, or the only dataset of fitting shape.
pub fn read_probability(place: &Place, grid: Grid) -> Result<Array2<f64>> {
    let fits = |source: &Source| fits(source, grid);
    probability_of(
        &Wanted {
            what: "sampling probability",
            names: &["prob_map"],
            fits: &fits,
        }
        .find(place)?,
        grid,
    )
}

pub(super) fn mask_of(source: &Source, grid: Grid) -> Result<Mask> {
    let values = plane(source, grid)?;
    let mut sampled = values.iter().copied().filter(|&v| v != 0.0);
    let Some(first) = sampled.next() else {
        return Err(source.error("the mask samples nothing", "mark the sampled locations with 1"));
    };
    if let Some(other) = sampled.find(|&v| v != first) {
        let problem = format!("a mask has one value besides 0, this has {first} and {other}");
        return Err(source.error(problem, "write 1 where k-space was sampled; give probabilities as such"));
    }
    Ok(Mask::new(values.mapv(|v| v != 0.0)))
}

pub(super) fn probability_of(source: &Source, grid: Grid) -> Result<Array2<f64>> {
    let values = plane(source, grid)?;
    match values.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        Some(value) => Err(source.error(format!("{value} is not a probability"), "give values from 0 to 1")),
        None => Ok(values),
    }
}

fn fits(source: &Source, grid: Grid) -> bool {
    let shapes: [&[usize]; 2] = [&[grid.cols], &[grid.rows, grid.cols]];
    source.element.is_number() && !source.element.is_complex() && shapes.contains(&&source.shape[..])
}

fn plane(source: &Source, grid: Grid) -> Result<Array2<f64>> {
    let found = &source.shape[..];
    if found != [grid.cols] && found != [grid.rows, grid.cols] {
        let problem = format!(
            "has shape {}, but the scan needs {} or {}",
            shape_text(found),
            shape_text(&[grid.cols]),
            shape_text(&[grid.rows, grid.cols])
        );
        let mend = match found {
            [cols, rows] if [*rows, *cols] == [grid.rows, grid.cols] => "transpose it: rows (readout) come first",
            [rows] if *rows == grid.rows => "a mask of one axis runs along the columns (phase encodes)",
            _ => "give the mask this scan was sampled with",
        };
        return Err(source.error(problem, mend));
    }
    let values = numbers(source)?;
    let lines = |v: ArrayD<f64>| {
        v.into_dimensionality::<Ix1>()
            .ok()?
            .broadcast(grid.dim())
            .map(|v| v.to_owned())
    };
    let plane = if found.len() == 1 {
        lines(values)
    } else {
        values.into_dimensionality::<Ix2>().ok()
    };
    plane.ok_or_else(|| source.error("changed while it was read", "read it again"))
}

/// Real values; those of BART, whose arrays are all complex, too.
fn numbers(source: &Source) -> Result<ArrayD<f64>> {
    if source.dimensions().is_none() {
        return source.real(&[]);
    }
    let values = source.complex::<f64>(&[])?;
    match values.iter().find(|v| v.im != 0.0) {
        Some(value) => Err(source.error(format!("holds {value}, which is not real"), "give the sampling pattern")),
        None => Ok(values.mapv_into_any(|v| v.re)),
    }
}
