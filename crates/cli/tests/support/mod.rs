//! What the tests of the program share.
#![allow(dead_code, unused_imports)] // each test binary uses its part

pub mod client;
pub mod command;
#[path = "../../../../tests/support/shared_data.rs"]
mod shared_data;

use std::path::{Path, PathBuf};

use num_complex::Complex;

pub(crate) use shared_data::shared_data;

pub type C64 = Complex<f64>;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `‖a − b‖ / ‖b‖`.
pub fn relative<'a, A: Into<C64> + Copy + 'a>(
    a: impl IntoIterator<Item = &'a A>,
    b: impl IntoIterator<Item = &'a A>,
) -> f64 {
    let (mut error, mut power) = (0.0, 0.0);
    for (&a, &b) in a.into_iter().zip(b) {
        let (a, b): (C64, C64) = (a.into(), b.into());
        error += (a - b).norm_sqr();
        power += b.norm_sqr();
    }
    (error / power).sqrt()
}

pub fn open(path: PathBuf) -> hdf5::File {
    hdf5::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
