pub mod array;
pub mod error;
pub mod format;
pub mod fourier;
