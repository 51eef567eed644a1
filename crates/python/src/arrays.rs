//! Arrays of NumPy as the engine takes and gives them.

use ndarray::{Array, Dimension};
use num_complex::Complex;
use numpy::{PyArray, PyReadonlyArray2, PyReadonlyArray3, PyReadonlyArray4};
use pyo3::prelude::*;

/// `(coils, rows, cols)`, or `(slices, rows, cols)`.
pub(crate) type Stack<'py> = PyReadonlyArray3<'py, Complex<f32>>;
/// `(slices, coils, rows, cols)`, or `(sets, coils, rows, cols)`.
pub(crate) type Stacks<'py> = PyReadonlyArray4<'py, Complex<f32>>;
/// `(rows, cols)`.
pub(crate) type Plane<'py, T> = PyReadonlyArray2<'py, T>;

/// An array that Python owns, without a copy.
pub(crate) fn give<T: numpy::Element, D: Dimension>(py: Python<'_>, array: Array<T, D>) -> Bound<'_, PyArray<T, D>> {
    PyArray::from_owned_array(py, array)
}
