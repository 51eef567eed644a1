//! The encoding operator: coil sensitivity maps, Fourier transform, mask.

use ndarray::{Array3, ArrayView3};
use num_complex::Complex;
use numpy::PyArray3;
use pvdamp::array::Mask;
use pvdamp::operator::{self, Samples, gather};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{Plane, Stack, Stacks, give};
use crate::job::run;

type Planes<'py> = Bound<'py, PyArray3<Complex<f32>>>;

/// `A = M F S`, of maps `(sets, coils, rows, cols)` and a mask `(rows, cols)`.
#[pyclass(module = "pvdamp._pvdamp", frozen)]
pub(crate) struct Encoding {
    encoding: operator::Encoding<f32>,
    mask: Mask,
}

#[pymethods]
impl Encoding {
    #[new]
    fn new(py: Python<'_>, maps: Stacks<'_>, mask: Plane<'_, bool>) -> PyResult<Self> {
        let (maps, mask) = (maps.as_array(), Mask::new(mask.as_array().to_owned()));
        let (sets, coils, rows, cols) = maps.dim();
        if (rows, cols) != mask.sampled.dim() || maps.is_empty() {
            return Err(PyValueError::new_err(format!(
                "coil sensitivity maps: {sets} set(s) of {coils} coils, {rows}x{cols}; expected sets of coils of {}",
                mask.grid()
            )));
        }
        run(py, None, None, |_| Self {
            encoding: operator::Encoding::new(maps.to_owned(), &mask),
            mask,
        })
    }

    /// Images `(sets, rows, cols)` to k-space `(coils, rows, cols)`, zero where the mask samples nothing.
    fn forward<'py>(&self, py: Python<'py>, images: Stack<'py>) -> PyResult<Planes<'py>> {
        let images = self.images(&images)?;
        let kspace = run(py, None, None, |_| {
            self.scatter(&self.encoding.forward(&images.to_owned()))
        })?;
        Ok(give(py, kspace))
    }

    /// K-space `(coils, rows, cols)` to images `(sets, rows, cols)`; what the mask does not sample counts nothing.
    fn adjoint<'py>(&self, py: Python<'py>, kspace: Stack<'py>) -> PyResult<Planes<'py>> {
        let kspace = kspace.as_array();
        let (coils, rows, cols) = kspace.dim();
        let grid = self.encoding.grid();
        if coils != self.encoding.coils() || (rows, cols) != grid.dim() {
            let expected = self.encoding.coils();
            return Err(PyValueError::new_err(format!(
                "k-space: {coils} coils of {rows}x{cols}; expected {expected} coils of {grid}"
            )));
        }
        let images = run(py, None, None, |_| {
            self.encoding.adjoint(&gather(kspace, &self.mask), None)
        })?;
        Ok(give(py, images))
    }

    /// [`Self::adjoint`] of [`Self::forward`].
    fn normal<'py>(&self, py: Python<'py>, images: Stack<'py>) -> PyResult<Planes<'py>> {
        let images = self.images(&images)?;
        let images = run(py, None, None, |_| {
            self.encoding.adjoint(&self.encoding.forward(&images.to_owned()), None)
        })?;
        Ok(give(py, images))
    }
}

impl Encoding {
    fn images<'a>(&self, images: &'a Stack<'_>) -> PyResult<ArrayView3<'a, Complex<f32>>> {
        let images = images.as_array();
        let (sets, rows, cols) = images.dim();
        let (expected, grid) = (self.encoding.sets(), self.encoding.grid());
        if sets == expected && (rows, cols) == grid.dim() {
            return Ok(images);
        }
        Err(PyValueError::new_err(format!(
            "image: {sets} image(s) of {rows}x{cols}; expected {expected} of {grid}, one for each set of maps"
        )))
    }

    /// Samples `(coils, samples)` on planes, which are zero elsewhere.
    fn scatter(&self, samples: &Samples<f32>) -> Array3<Complex<f32>> {
        let grid = self.encoding.grid();
        let mut kspace = Array3::zeros((self.encoding.coils(), grid.rows, grid.cols));
        for (mut plane, samples) in kspace.outer_iter_mut().zip(samples.outer_iter()) {
            let sampled = plane
                .iter_mut()
                .zip(&self.mask.sampled)
                .filter(|(_, sampled)| **sampled);
            sampled.zip(samples).for_each(|((value, _), sample)| *value = *sample);
        }
        kspace
    }
}
