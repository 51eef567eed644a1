//! Errors as Python knows them, with the sentences of the program.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use pvdamp::Error as Engine;
use pvdamp_io::error::Error;
use pyo3::PyErr;
use pyo3::exceptions::{
    PyFileNotFoundError, PyKeyboardInterrupt, PyOSError, PyPermissionError, PyRuntimeError, PyValueError,
};

/// Settings and arrays that cannot be used are a `ValueError`, a defect of the library is a `RuntimeError`.
pub(crate) fn of_engine(error: Engine) -> PyErr {
    match error {
        Engine::Cancelled => PyKeyboardInterrupt::new_err(()),
        Engine::Internal(_) => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

/// A file that cannot be used is an `OSError`, or the kind of it that tells why.
pub(crate) fn of_files(error: Error) -> PyErr {
    let sentence = error.to_string();
    match error {
        Error::Engine(error) => of_engine(error),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::Setting(_) => PyValueError::new_err(sentence),
        Error::PassedOver { .. } => PyOSError::new_err(sentence),
        Error::Data { .. } => match reason(&error) {
            Some(ErrorKind::NotFound) => PyFileNotFoundError::new_err(sentence),
            Some(ErrorKind::PermissionDenied) => PyPermissionError::new_err(sentence),
            _ => PyOSError::new_err(sentence),
        },
    }
}

/// What the system said, where it said something.
fn reason(error: &Error) -> Option<ErrorKind> {
    let source = error.source()?.downcast_ref::<io::Error>()?;
    Some(source.kind())
}
