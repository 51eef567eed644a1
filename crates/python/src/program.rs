//! The program `pvdamp`, as the package runs it.

use std::ffi::OsString;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// Runs the program with these arguments, its name first, and gives its exit code. `reader` is the command line of a process
/// that calls [`read_for_parent`].
#[pyfunction]
pub(crate) fn run(py: Python<'_>, arguments: Vec<OsString>, reader: Vec<OsString>) -> u8 {
    py.detach(|| pvdamp_cli::cli::run(arguments, reader))
}

/// Reads HDF5 for the process that started this one, until that ends.
#[pyfunction]
pub(crate) fn read_for_parent(py: Python<'_>) -> PyResult<()> {
    py.detach(pvdamp_io::format::read_for_parent)
        .map_err(|e| PyOSError::new_err(e.to_string()))
}
