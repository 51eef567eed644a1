//! Tuning-free compressed-sensing reconstruction of multi-coil MRI: from k-space in an array to an image, with no
//! regularisation weight to choose.
//!
//! ```
//! use ndarray::Array3;
//! use pvdamp::{Acquisition, Complex32, Settings, reconstruct};
//!
//! # fn main() -> pvdamp::Result<()> {
//! // Undersampled k-space, (coils, rows, cols): the origin of each axis of n samples at n / 2, zero where not sampled.
//! let kspace: Array3<Complex32> = scan();
//! let acquisition = Acquisition::new(&kspace);
//! let reconstruction = reconstruct(&acquisition, &Settings::default(), &mut ())?;
//!
//! let magnitude = reconstruction.magnitude(); // (rows, cols), in the units of the k-space
//! println!("R = {:.2}", reconstruction.record.sampling.acceleration);
//! for warning in &reconstruction.record.warnings {
//!     eprintln!("{warning}");
//! }
//! # assert_eq!(magnitude.dim(), (64, 64));
//! # assert!(magnitude.iter().all(|v| v.is_finite()) && magnitude.sum() > 0.0);
//! # Ok(())
//! # }
//! # fn scan() -> Array3<Complex32> {
//! #     use pvdamp::{array::Grid, sampling::{Family, Request}, simulate::{SimulationSettings, simulate_slice}};
//! #     let grid = Grid::new(64, 64);
//! #     let settings = SimulationSettings { grid, coils: 4, slices: 1, noise: 0.005, seed: 1 };
//! #     let request = Request { acceleration: 3.0, acs: None, order: None, seed: 1 };
//! #     let mask = Family::find("bernoulli").unwrap().draw(&request, grid).unwrap().mask;
//! #     let mut kspace = simulate_slice(&settings, 0).unwrap().kspace;
//! #     for mut coil in kspace.outer_iter_mut() {
//! #         coil.zip_mut_with(&mask.sampled, |v, &sampled| if !sampled { *v = Complex32::ZERO });
//! #     }
//! #     kspace
//! # }
//! ```
//!
//! An [`Acquisition`] can say more: mask, sampling probability, coil sensitivity maps, noise. [`Settings`] choose another
//! [method](solve::METHODS), error bars, or the maps in the result. An [`Observer`] sees progress and may cancel. What does
//! not fit is an [`Error`] that code can match. The stages between k-space and image are in [`mod@reconstruct`], each to be
//! had by itself; a method of your own implements [`solve::Solver`].
//!
//! The methods: P-VDAMP (C. Millard, M. Chiew, J. Tanner, A. T. Hess, B. Mailhé,
//! [arXiv:2203.04180](https://arxiv.org/abs/2203.04180)), HOWL, which was found with this library, and others to compare
//! with. Files are the matter of `pvdamp-io`, the command line of `pvdamp-cli`.
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
//! The repository's `docs/` has these at length, with the algorithm.

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

pub use {ndarray, num_complex};

pub use error::{Error, Input, Parameter, Result};
pub use num_complex::Complex32;
pub use reconstruct::{Acquisition, Noise, Observer, Reconstruction, Settings, reconstruct};
