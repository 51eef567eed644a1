pub mod array;
pub mod denoise;
pub mod error;
pub mod fourier;
pub mod operator;
pub mod solve;
pub mod wavelet;
