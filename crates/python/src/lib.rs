//! The module `_pvdamp`, which the Python package `pvdamp` stands on.
//!
//! The package in `python/pvdamp/` has the names, defaults and documentation that users see, and hands over arrays of the
//! right type; this module has one function for each of its functions, and no default of its own. What computes runs on a
//! pool of threads without Python's lock ([`job`]).

mod arrays;
mod coils;
mod encoding;
mod errors;
mod files;
mod job;
mod metrics;
mod options;
mod origin;
mod program;
mod reconstruct;
mod sampling;
mod simulate;
mod wavelet;

#[pyo3::pymodule]
mod _pvdamp {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::coils::{espirit, estimate_noise, noise_covariance, virtual_coils};
    #[pymodule_export]
    use crate::encoding::Encoding;
    #[pymodule_export]
    use crate::files::{ImageFile, Scan, write_images, write_result};
    #[pymodule_export]
    use crate::metrics::{complex_nmse, hfen, magnitude_metrics};
    #[pymodule_export]
    use crate::program::{read_for_parent, run};
    #[pymodule_export]
    use crate::reconstruct::{magnitude, methods, reconstruct, reconstruct_scan, reconstruct_slices};
    #[pymodule_export]
    use crate::sampling::{draw_mask, estimate_density};
    #[pymodule_export]
    use crate::simulate::simulate;
    #[pymodule_export]
    use crate::wavelet::{analyse, soft_threshold, sure_threshold, synthesise, wavelets};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
