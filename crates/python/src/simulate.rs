//! Simulated scans.

use ndarray::{Axis, stack};
use num_complex::Complex;
use numpy::{PyArray3, PyArray4};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pyo3::prelude::*;

use crate::arrays::give;
use crate::errors::of_engine;
use crate::job::run;

type Coils<'py> = Bound<'py, PyArray4<Complex<f32>>>;
type Images<'py> = Bound<'py, PyArray3<Complex<f32>>>;

/// K-space `(slices, coils, rows, cols)`, true images `(slices, rows, cols)`, true maps `(slices, coils, rows, cols)`.
#[pyfunction]
pub(crate) fn simulate(
    py: Python<'_>,
    shape: (usize, usize),
    coils: usize,
    slices: usize,
    noise: f64,
    seed: u64,
) -> PyResult<(Coils<'_>, Images<'_>, Coils<'_>)> {
    let settings = SimulationSettings {
        grid: shape.into(),
        coils,
        slices,
        noise,
        seed,
    };
    settings.validate().map_err(of_engine)?;
    let made = run(py, None, None, |_| {
        let slices = (0..slices).map(|slice| simulate_slice(&settings, slice));
        slices.collect::<pvdamp::Result<Vec<_>>>()
    })?;
    let made = made.map_err(of_engine)?;
    let stacked = "slices of one shape";
    let kspace: Vec<_> = made.iter().map(|slice| slice.kspace.view()).collect();
    let images: Vec<_> = made.iter().map(|slice| slice.image.view()).collect();
    let maps: Vec<_> = made.iter().map(|slice| slice.maps.view()).collect();
    Ok((
        give(py, stack(Axis(0), &kspace).expect(stacked)),
        give(py, stack(Axis(0), &images).expect(stacked)),
        give(py, stack(Axis(0), &maps).expect(stacked)),
    ))
}
