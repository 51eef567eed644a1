//! P-VDAMP: tuning-free compressed-sensing reconstruction of multi-coil MRI scans.
//!
//! The way of a scan: [`format`] reads k-space, [`recon`] finds out how it was sampled, calibrates maps ([`coil`]) and
//! poses a [`solve::Problem`]; a [`solve::Solver`] makes the image; [`recon`] writes it.
//!
//! # Conventions
//!
//! - **Axes.** An image or k-space plane is `(rows, cols)`, rows the readout; before them sets of maps, then coils.
//!   The origin of an axis of n samples is at index `n / 2`, in the image as in k-space.
//! - **Fourier transform.** Centred and unitary ([`fourier`]), so that energies are the same on both sides.
//! - **Maps.** `Σ_c |S_c|² = 1` on the object, 0 outside.
//! - **Units.** The image is in the units of k-space. τ, the state evolution, is the variance `E|e|²` of a complex
//!   wavelet coefficient, in the square of these units; a threshold λ is a magnitude of such a coefficient; the noise
//!   covariance is `E[ε εᴴ]` of one k-space sample over coils.
//! - **Numbers.** Single precision, long sums in double. No result depends on the number of threads, and random draws
//!   only on a seed. K-space times a power of two gives the image times that, bit for bit.
//!
//! `docs/` has these at length, with the algorithm, the file formats and the commands.

#![deny(missing_docs, unreachable_pub)]

pub mod array;
pub mod coil;
pub mod denoise;
pub mod error;
pub mod fourier;
pub mod operator;
pub mod quality;
pub mod reconstruct;
pub mod sampling;
pub mod simulate;
pub mod solve;
pub mod wavelet;

pub use error::{Error, Input, Parameter, Result};
pub use num_complex::Complex32;
pub use reconstruct::{Acquisition, Noise, Observer, Reconstruction, Settings, reconstruct};
