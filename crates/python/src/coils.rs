//! Coil sensitivity maps, noise, whitening and virtual coils.

use ndarray::Array2;
use num_complex::Complex;
use numpy::{PyArray2, PyArray3, PyArray4, PyReadonlyArray2};
use pvdamp::coil::{self, VirtualCoils};
use pvdamp::reconstruct::{Channels, CoilMaps, Sampling};
use pvdamp::{Acquisition, Noise, Settings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Plane, Stack, give};
use crate::errors::of_engine;
use crate::job::run;
use crate::options::{MapOptions, NumberOr, compression};
use crate::reconstruct::Covariance;

type Maps<'py> = Bound<'py, PyArray4<Complex<f32>>>;

/// Maps `(sets, coils, rows, cols)` and what there is to warn of.
#[pyfunction]
pub(crate) fn espirit<'py>(
    py: Python<'py>,
    kspace: Stack<'py>,
    mask: Option<Plane<'py, bool>>,
    noise_covariance: Option<Covariance<'py>>,
    options: MapOptions,
    threads: Option<usize>,
) -> PyResult<(Maps<'py>, Vec<String>)> {
    let settings = options.settings()?;
    let acquisition = acquisition(&kspace, mask.as_ref());
    let noise = noise_covariance.as_ref().map_or(Noise::Estimate, Covariance::noise);
    let acquisition = acquisition.with_noise(noise);
    let found = run(py, threads, None, |watch| {
        acquisition.check()?;
        settings.validate(acquisition.grid())?;
        if !acquisition.holds_data() {
            return Ok(None);
        }
        let sampling = Sampling::of(&acquisition)?;
        let kspace = acquisition.kspace.into_owned();
        let Some(channels) = Channels::of(kspace, &sampling, &acquisition.noise, &settings, false)? else {
            return Ok(None);
        };
        let maps = CoilMaps::calibrate(&channels, &sampling, &settings, watch)?;
        let mut warnings = sampling.warnings.clone();
        warnings.extend(maps.record.warnings());
        Ok(Some((channels.to_scan(maps.maps), warnings)))
    })?;
    match found.map_err(of_engine)? {
        Some((maps, warnings)) => Ok((give(py, maps), warnings)),
        None => Err(nothing()),
    }
}

/// Virtual coils, and the matrix `(virtual, coils)` that makes them of the coils.
type Combined<'py> = (Bound<'py, PyArray3<Complex<f32>>>, Bound<'py, PyArray2<Complex<f64>>>);

/// K-space `(virtual, rows, cols)` of virtual coils, whitened where a covariance is given and says so, at most as many as
/// are wanted; and their matrix.
#[pyfunction]
pub(crate) fn virtual_coils<'py>(
    py: Python<'py>,
    kspace: Stack<'py>,
    mask: Option<Plane<'py, bool>>,
    noise_covariance: Option<PyReadonlyArray2<'py, Complex<f64>>>,
    wanted: NumberOr<usize>,
    threads: Option<usize>,
) -> PyResult<Combined<'py>> {
    let wanted = compression(&wanted)?;
    let settings = Settings {
        compression: wanted,
        ..Settings::default()
    };
    let acquisition = acquisition(&kspace, mask.as_ref());
    let coils = acquisition.coils();
    let whiten = noise_covariance.is_some();
    let covariance = noise_covariance.map_or_else(
        || Array2::from_elem((coils, coils), Complex::ZERO),
        |covariance| covariance.as_array().to_owned(),
    );
    let found = run(py, threads, None, |_| {
        let noise = Noise::Covariance(covariance.clone().into());
        let acquisition = acquisition.with_noise(noise);
        acquisition.check()?;
        settings.validate(acquisition.grid())?;
        if !acquisition.holds_data() {
            return Ok(None);
        }
        let sampling = Sampling::of(&acquisition)?;
        let (centre, locations) = (
            settings.espirit.window(sampling.centre),
            sampling.coverage.support().len(),
        );
        let mut kspace = acquisition.kspace.into_owned();
        let made = VirtualCoils::new(kspace.view(), centre, &covariance, locations, whiten, wanted)?;
        let matrix = match &made {
            Some(made) => {
                made.apply(&mut kspace);
                made.matrix().to_owned()
            }
            None => Array2::from_diag_elem(coils, Complex::ONE),
        };
        Ok(Some((kspace, matrix)))
    })?;
    match found.map_err(of_engine)? {
        Some((kspace, matrix)) => Ok((give(py, kspace), give(py, matrix))),
        None => Err(nothing()),
    }
}

/// The covariance `(coils, coils)` of samples of noise alone, `(coils, samples)`.
#[pyfunction]
pub(crate) fn noise_covariance<'py>(
    py: Python<'py>,
    samples: PyReadonlyArray2<'py, Complex<f32>>,
) -> PyResult<Bound<'py, PyArray2<Complex<f64>>>> {
    match Noise::of_samples(samples.as_array()).map_err(of_engine)? {
        Noise::Covariance(covariance) => Ok(give(py, covariance.value)),
        _ => Err(PyValueError::new_err("internal error: no covariance; please report it")),
    }
}

/// The covariance `(coils, coils)` of the noise, from the quietest samples, and how it was found.
#[pyfunction]
pub(crate) fn estimate_noise<'py>(
    py: Python<'py>,
    kspace: Stack<'py>,
    mask: Option<Plane<'py, bool>>,
) -> PyResult<(Bound<'py, PyArray2<Complex<f64>>>, String)> {
    let acquisition = acquisition(&kspace, mask.as_ref());
    let found = run(py, None, None, |_| {
        acquisition.check()?;
        if !acquisition.holds_data() {
            return Ok(None);
        }
        let sampling = Sampling::of(&acquisition)?;
        Ok(Some(coil::estimate_noise(acquisition.kspace.view(), &sampling.mask)))
    })?;
    let estimate = found.map_err(of_engine)?.ok_or_else(nothing)?;
    Ok((give(py, estimate.covariance), estimate.how))
}

fn acquisition<'k>(kspace: &'k Stack<'_>, mask: Option<&Plane<'_, bool>>) -> Acquisition<'k> {
    let acquisition = Acquisition::new(kspace.as_array());
    match mask {
        Some(mask) => acquisition.with_mask(mask.as_array().to_owned()),
        None => acquisition,
    }
}

fn nothing() -> PyErr {
    PyValueError::new_err("k-space: it is all zero; expected samples")
}
