//! Files of images.

mod png;

pub use png::{window, write_png};
