//! Sampling masks and sampling probabilities: planes `(rows, cols)`, or `(cols,)` where phase-encode lines are sampled.
//! Rows and columns of a volume are its two phase encodes.

use ndarray::{Array2, ArrayD};

use super::plane_order::{Alternatives, KspaceOrder, plane_order};
use super::source::array::Source;
use super::source::find::Wanted;
use super::source::messages::shape_text;
use crate::error::{Place, Result};
use pvdamp::array::{Grid, Mask};

/// Reads a sampling mask for `grid`: bool, integers, floats or complex numbers without imaginary part, zero where nothing was
/// sampled. Axes of length 1 do not count. Without a dataset name: `mask`, or the only dataset of fitting shape. `order` is
/// how the k-space lies that it goes with.
pub fn read_mask(place: &Place, grid: Grid, order: KspaceOrder) -> Result<Alternatives<Mask>> {
    let fits = |source: &Source| fits(source, grid);
    let wanted = Wanted {
        what: "sampling mask",
        names: &["mask"],
        fits: &fits,
    };
    masks(&wanted.find(place)?, grid, order, false)
}

/// Reads the probability that each location of `grid` is sampled.
/// Without a dataset name: `prob_map`, or the only dataset of fitting shape.
pub fn read_probability(place: &Place, grid: Grid, order: KspaceOrder) -> Result<Alternatives<Array2<f64>>> {
    let fits = |source: &Source| fits(source, grid);
    let wanted = Wanted {
        what: "sampling probability",
        names: &["prob_map"],
        fits: &fits,
    };
    probabilities(&wanted.find(place)?, grid, order, false)
}

/// That of a scan's own file.
pub(super) fn mask_of(source: &Source, grid: Grid, order: KspaceOrder) -> Result<Mask> {
    masks(source, grid, order, true).map(|mask| mask.likely)
}

/// That of a scan's own file.
pub(super) fn probability_of(source: &Source, grid: Grid, order: KspaceOrder) -> Result<Array2<f64>> {
    probabilities(source, grid, order, true).map(|probability| probability.likely)
}

fn masks(source: &Source, grid: Grid, order: KspaceOrder, own: bool) -> Result<Alternatives<Mask>> {
    let planes = planes(source, grid, order, own)?;
    let mut sampled = planes.likely.iter().copied().filter(|&v| v != 0.0);
    let Some(first) = sampled.next() else {
        return Err(source.error("the mask samples nothing", "mark the sampled locations with 1"));
    };
    if let Some(other) = sampled.find(|&v| v != first) {
        let problem = format!("a mask has one value besides 0, this has {first} and {other}");
        return Err(source.error(problem, "write 1 where k-space was sampled; give probabilities as such"));
    }
    let mask = |values: Array2<f64>| Mask::new(values.mapv(|v| v != 0.0));
    Ok(Alternatives {
        likely: mask(planes.likely),
        other: planes.other.map(mask),
        only_turned: planes.only_turned,
    })
}

fn probabilities(source: &Source, grid: Grid, order: KspaceOrder, own: bool) -> Result<Alternatives<Array2<f64>>> {
    let planes = planes(source, grid, order, own)?;
    match planes.likely.iter().find(|v| !(0.0..=1.0).contains(*v)) {
        Some(value) => Err(source.error(format!("{value} is not a probability"), "give values from 0 to 1")),
        None => Ok(planes),
    }
}

fn fits(source: &Source, grid: Grid) -> bool {
    source.element.is_number() && !source.element.is_complex() && arrangement(source, grid).is_some()
}

/// How a plane is stored.
enum Arrangement {
    /// Of phase-encode lines, along the columns.
    Lines,
    /// Whether it fits with rows first, with columns first.
    Plane([bool; 2]),
}

/// `None` where the shape fits neither way.
fn arrangement(source: &Source, grid: Grid) -> Option<Arrangement> {
    let of = |shape: &[usize]| match *shape {
        [n] if n == grid.cols => Some(Arrangement::Lines),
        [first, second] => {
            let fits = [[first, second], [second, first]].map(|shape| shape == [grid.rows, grid.cols]);
            fits.contains(&true).then_some(Arrangement::Plane(fits))
        }
        _ => None,
    };
    of(&source.shape).or_else(|| of(&without_singles(&source.shape)))
}

fn without_singles(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&n| n != 1).collect()
}

fn planes(source: &Source, grid: Grid, order: KspaceOrder, own: bool) -> Result<Alternatives<Array2<f64>>> {
    let changed = || source.error("changed while it was read", "read it again");
    let misfit = || {
        let found = &source.shape[..];
        let problem = format!(
            "has shape {}, but the scan needs {} or {}",
            shape_text(found),
            shape_text(&[grid.cols]),
            shape_text(&[grid.rows, grid.cols])
        );
        let mend = match found {
            [rows] if *rows == grid.rows => "a mask of one axis runs along the columns (phase encodes)",
            _ => "give the mask this scan was sampled with",
        };
        source.error(problem, mend)
    };
    let arrangement = arrangement(source, grid).ok_or_else(misfit)?;
    let fits = match arrangement {
        Arrangement::Lines => {
            let values = numbers(source)?;
            let values = values.into_shape_with_order(grid.cols).map_err(|_| changed())?;
            let plane = values.broadcast(grid.dim()).ok_or_else(changed)?;
            return Ok(Alternatives {
                likely: plane.to_owned(),
                other: None,
                only_turned: false,
            });
        }
        Arrangement::Plane(fits) => fits,
    };
    let lies = plane_order(source, fits, order, own).ok_or_else(misfit)?;
    let values = numbers(source)?;
    let one = |columns_first: bool| {
        let plane = if columns_first {
            let stored = values.view().into_shape_with_order((grid.cols, grid.rows));
            stored.map(|plane| plane.reversed_axes())
        } else {
            values.view().into_shape_with_order(grid.dim())
        };
        plane
            .map(|plane| plane.as_standard_layout().into_owned())
            .map_err(|_| changed())
    };
    Ok(Alternatives {
        likely: one(lies.columns_first)?,
        other: lies.doubtful.then(|| one(!lies.columns_first)).transpose()?,
        only_turned: lies.columns_first && !order.columns_first && fits == [false, true],
    })
}

/// Real values, also where they are stored as complex numbers, in C order.
fn numbers(source: &Source) -> Result<ArrayD<f64>> {
    if !source.element.is_complex() {
        return source.real(&[]).map(|values| values.as_standard_layout().into_owned());
    }
    let values = source.complex::<f64>(&[])?.as_standard_layout().into_owned();
    match values.iter().find(|v| v.im != 0.0) {
        Some(value) => Err(source.error(format!("holds {value}, which is not real"), "give the sampling pattern")),
        None => Ok(values.mapv_into_any(|v| v.re)),
    }
}
