//! How far an image is from the truth.

use num_complex::Complex;
use numpy::PyReadonlyArray3;
use pvdamp::quality::{self, FastMri, Score};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::Plane;
use crate::job::run;

/// fastMRI's NMSE, PSNR and SSIM of magnitudes `(slices, rows, cols)`; the data range is the maximum of the target where it is
/// not given.
#[pyfunction]
pub(crate) fn magnitude_metrics(
    py: Python<'_>,
    target: PyReadonlyArray3<'_, f32>,
    image: PyReadonlyArray3<'_, f32>,
    data_range: Option<f64>,
) -> PyResult<(Option<f64>, Option<f64>, Option<f64>)> {
    let (target, image) = (target.as_array(), image.as_array());
    same_shape(target.shape(), image.shape())?;
    let FastMri { nmse, psnr, ssim, .. } = run(py, None, None, |_| match data_range {
        None => quality::fastmri_metrics(target, image),
        Some(data_range) => {
            let mut sum = Score::default();
            for (target, image) in target.outer_iter().zip(image.outer_iter()) {
                sum.add(&Score::of(target, image, data_range));
            }
            sum.metrics(data_range)
        }
    })?;
    Ok((nmse, psnr, ssim))
}

/// NMSE of complex images `(rows, cols)` whose phases are aligned, where the mask is true.
#[pyfunction]
pub(crate) fn complex_nmse(
    target: Plane<'_, Complex<f32>>,
    image: Plane<'_, Complex<f32>>,
    mask: Option<Plane<'_, bool>>,
) -> PyResult<Option<f64>> {
    let (target, image) = pair(&target, &image)?;
    let mask = mask.map(|mask| mask.as_array().to_owned());
    if let Some(mask) = &mask {
        same_shape(target.shape(), mask.shape())?;
    }
    Ok(quality::complex_nmse(&target, &image, mask.as_ref()))
}

/// High-frequency error norm in dB of complex images `(rows, cols)`.
#[pyfunction]
pub(crate) fn hfen(target: Plane<'_, Complex<f32>>, image: Plane<'_, Complex<f32>>) -> PyResult<Option<f64>> {
    let (target, image) = pair(&target, &image)?;
    Ok(quality::hfen(&target, &image))
}

type Image = pvdamp::array::Image<f32>;

fn pair(target: &Plane<'_, Complex<f32>>, image: &Plane<'_, Complex<f32>>) -> PyResult<(Image, Image)> {
    let (target, image) = (target.as_array(), image.as_array());
    same_shape(target.shape(), image.shape())?;
    Ok((target.to_owned(), image.to_owned()))
}

fn same_shape(target: &[usize], image: &[usize]) -> PyResult<()> {
    if target == image {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "image: shape {image:?}; expected {target:?} as the target has"
    )))
}
