pub mod array;
pub mod error;
pub mod fourier;
pub mod quality;
pub mod simulate;
