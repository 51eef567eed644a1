//! Samples of noise in an array that the user gives.

use ndarray::{Array2, Axis};
use num_complex::Complex;

use super::source::find::Wanted;
use super::source::messages::shape_text;
use crate::error::{Place, Result};

/// Reads noise samples as `(coils, samples)`: complex, stored as `(coils, samples)`, `(coils, rows, cols)`,
/// `(repetitions, coils, samples)` or, like k-space, `(slices, coils, rows, cols)`, all of them finite.
/// Without a dataset name: `noise`, `kspace`, or the only complex dataset of fitting shape.
pub fn read_noise(place: &Place, coils: usize) -> Result<Array2<Complex<f32>>> {
    let source = Wanted {
        what: "noise samples",
        names: &["noise", "kspace"],
        fits: &|source| source.element.is_complex() && coil_axis(&source.shape, coils).is_some(),
    }
    .find(place)?;
    let shape = shape_text(&source.shape);
    if !source.element.is_complex() {
        let problem = format!("holds {}, not complex numbers", source.dtype);
        return Err(source.error(problem, "write noise samples as complex64"));
    }
    let Some(axis) = coil_axis(&source.shape, coils) else {
        let problem = format!("noise samples of shape {shape} do not fit a scan of {coils} coils");
        let mend = if source.shape.last() == Some(&coils) {
            "move the coils to the front: (coils, samples)"
        } else {
            "give noise measured with the coils of this scan, (coils, samples)"
        };
        return Err(source.error(problem, mend));
    };
    let values = source.complex::<f32>(&[])?;
    let lanes = values
        .axis_iter(Axis(axis))
        .map(|coil| coil.iter().copied().collect::<Vec<_>>());
    let samples: Vec<_> = lanes.flatten().collect();
    let count = samples.len() / coils;
    Ok(Array2::from_shape_vec((coils, count), samples).expect("as many samples of each coil"))
}

/// Which axis of noise samples is that of the coils.
fn coil_axis(shape: &[usize], coils: usize) -> Option<usize> {
    let axes: &[usize] = match shape.len() {
        2 => &[0],
        3 => &[0, 1],
        4 => &[1],
        _ => &[],
    };
    axes.iter().copied().find(|&axis| shape[axis] == coils)
}
