//! The wavelet transform of complex images, and thresholds by Stein's unbiased risk estimate.

use std::sync::Arc;

use ndarray::{Array1, Array2};
use num_complex::Complex;
use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pvdamp::array::Grid;
use pvdamp::denoise;
use pvdamp::wavelet::{FilterBank, Layout, Pyramid, Transform, WAVELETS};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Plane, give};
use crate::errors::of_engine;
use crate::options;

type Bands<'py> = Vec<(String, Bound<'py, PyArray2<Complex<f32>>>)>;

/// Names of the wavelets.
#[pyfunction]
pub(crate) fn wavelets() -> Vec<&'static str> {
    WAVELETS.iter().map(|wavelet| wavelet.name).collect()
}

/// The layout and transform of images of a size; as many scales as usual where that is left open.
fn transform(grid: Grid, wavelet: &str, scales: Option<usize>) -> PyResult<(Arc<Layout>, Transform<f32>)> {
    let tuning = pvdamp::solve::Tuning {
        wavelet: options::wavelet(Some(wavelet))?,
        scales,
        ..Default::default()
    };
    if grid.is_empty() {
        return Err(PyValueError::new_err("image: it has no pixels"));
    }
    tuning.validate(grid).map_err(of_engine)?;
    let layout = Arc::new(Layout::new(grid, tuning.scales(grid)));
    let transform = Transform::new(&layout, FilterBank::of(tuning.wavelet));
    Ok((layout, transform))
}

/// Names and coefficients of the subbands of an image `(rows, cols)`, the finest first.
#[pyfunction]
pub(crate) fn analyse<'py>(
    py: Python<'py>,
    image: Plane<'py, Complex<f32>>,
    wavelet: &str,
    scales: Option<usize>,
) -> PyResult<Bands<'py>> {
    let image = image.as_array();
    let (layout, transform) = transform(image.dim().into(), wavelet, scales)?;
    let mut pyramid = Pyramid::filled(&layout, Complex::ZERO);
    py.detach(|| transform.analyse(image, &mut pyramid, &mut transform.workspace()));
    let band = |index: usize| {
        let (of, values) = (&layout.bands[index], pyramid.band(index).to_vec());
        let values = Array2::from_shape_vec(of.grid.dim(), values).expect("as many coefficients as places");
        (of.name(), give(py, values))
    };
    Ok((0..layout.bands.len()).map(band).collect())
}

/// The image `(rows, cols)` of subbands, in the order that [`analyse`] gives them in.
#[pyfunction]
pub(crate) fn synthesise<'py>(
    py: Python<'py>,
    bands: Vec<Plane<'py, Complex<f32>>>,
    shape: (usize, usize),
    wavelet: &str,
) -> PyResult<Bound<'py, PyArray2<Complex<f32>>>> {
    let whole = bands.len() % 3 == 1 && bands.len() > 1;
    if !whole {
        let found = bands.len();
        return Err(PyValueError::new_err(format!(
            "bands: {found} of them; expected three for each scale, and the coarsest"
        )));
    }
    let (layout, transform) = transform(shape.into(), wavelet, Some(bands.len() / 3))?;
    let mut pyramid = Pyramid::filled(&layout, Complex::ZERO);
    for (index, (band, of)) in bands.iter().zip(&layout.bands).enumerate() {
        let band = band.as_array();
        if band.dim() != of.grid.dim() {
            let found = Grid::from(band.dim());
            return Err(PyValueError::new_err(format!(
                "bands: {} is {found}; expected {} of an image of {}x{}",
                of.name(),
                of.grid,
                shape.0,
                shape.1
            )));
        }
        let places = pyramid.band_mut(index).iter_mut();
        places.zip(band).for_each(|(place, value)| *place = *value);
    }
    let mut image = Array2::zeros(shape);
    py.detach(|| transform.synthesise(&pyramid, image.view_mut(), &mut transform.workspace()));
    Ok(give(py, image))
}

/// The threshold of least estimated risk, and that risk, of coefficients with noise of these variances.
#[pyfunction]
pub(crate) fn sure_threshold(
    py: Python<'_>,
    coefficients: PyReadonlyArray1<'_, Complex<f32>>,
    variances: PyReadonlyArray1<'_, f32>,
) -> PyResult<(f64, f64)> {
    let (coefficients, variances) = (coefficients.as_array().to_vec(), variances.as_array().to_vec());
    if coefficients.len() != variances.len() {
        let (found, expected) = (variances.len(), coefficients.len());
        return Err(PyValueError::new_err(format!(
            "variance: {found} of them; expected {expected}, one for each coefficient, or one for all"
        )));
    }
    if variances
        .iter()
        .any(|variance| !(variance.is_finite() && *variance >= 0.0))
    {
        return Err(PyValueError::new_err(
            "variance: some are negative or not finite; expected 0 or more",
        ));
    }
    if coefficients.iter().any(|value| !value.is_finite()) {
        return Err(PyValueError::new_err(
            "coefficients: some are not finite; expected numbers",
        ));
    }
    let found = py.detach(|| denoise::sure_threshold(&coefficients, &variances, &mut denoise::Workspace::default()));
    Ok((found.threshold, found.risk))
}

type Shrunk<'py> = (Bound<'py, PyArray1<Complex<f32>>>, f64);

/// Soft-thresholded coefficients, and the mean divergence of the threshold.
#[pyfunction]
pub(crate) fn soft_threshold<'py>(
    py: Python<'py>,
    coefficients: PyReadonlyArray1<'py, Complex<f32>>,
    threshold: f64,
) -> PyResult<Shrunk<'py>> {
    if !(threshold.is_finite() && threshold >= 0.0) {
        return Err(PyValueError::new_err(format!(
            "threshold {threshold} is no magnitude; give 0 or more"
        )));
    }
    let coefficients = coefficients.as_array().to_vec();
    let mut out = vec![Complex::ZERO; coefficients.len()];
    let divergence = py.detach(|| denoise::soft_threshold(&coefficients, threshold, &mut out));
    Ok((give(py, Array1::from_vec(out)), divergence))
}
