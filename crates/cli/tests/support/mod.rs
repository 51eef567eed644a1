//! What the tests of the program share.
#![allow(dead_code, unused_imports)] // each test binary uses its part

pub mod client;
pub mod command;
#[path = "../../../../tests/support/relative.rs"]
mod relative;
#[path = "../../../../tests/support/shared_data.rs"]
mod shared_data;

use std::path::{Path, PathBuf};

use num_complex::Complex;

pub(crate) use relative::relative;
pub(crate) use shared_data::shared_data;

pub type C64 = Complex<f64>;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn open(path: PathBuf) -> hdf5::File {
    hdf5::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
