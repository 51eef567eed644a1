//! Orthonormal, periodized 2-D wavelet transforms of complex images, and their power spectra.
//!
//! The transform agrees with MATLAB's `per` mode and PyWavelets' `periodization`. An image side that `2^scales`
//! does not divide is padded with zeros at its end for the transform, and cropped after it.

mod a_trous;
mod bank;
mod energy;
mod filters;
mod frame;
mod pyramid;
mod spectrum;
mod transform;

pub use a_trous::{ATrous, Padded};
pub use bank::FilterBank;
pub use energy::EnergyAverage;
pub use filters::{WAVELETS, Wavelet};
pub use frame::{Frame, Response};
pub use pyramid::{Band, Layout, Orientation, Pyramid};
pub use spectrum::{AxisSpectra, BandSpectrum, Spectra};
pub use transform::{Transform, Workspace};
