pub mod array;
pub mod coil;
pub mod error;
pub mod fourier;
