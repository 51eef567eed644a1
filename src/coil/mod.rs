//! Coil sensitivity maps from the fully sampled centre of k-space; noise estimation, whitening, virtual coils and
//! combination.
//!
//! ESPIRiT: M. Uecker, P. Lai, M. J. Murphy, P. Virtue, M. Elad, J. M. Pauly, S. S. Vasanawala, M. Lustig, "ESPIRiT, an
//! eigenvalue approach to autocalibrating parallel MRI: where SENSE meets GRAPPA", Magn Reson Med 71 (2014) 990-1001,
//! doi 10.1002/mrm.24751. Small windows of k-space, over all coils, span a low-dimensional signal space; projecting
//! every window onto it is a convolution, and so in image space an `nc × nc` matrix for each pixel. Its eigenvectors
//! with eigenvalue 1 are the sensitivities there.

mod combine;
mod espirit;
mod hermitian;
mod noise;
mod noise_scan;
mod scaling;
mod virtual_coils;
mod whitening;

pub use combine::{Normalisation, normalise, root_sum_of_squares};
pub use espirit::{
    EspiritContext, EspiritSettings, MOST_PRINCIPAL_IMAGES, MapMethod, MapReport, MapSets, espirit, espirit_of_region,
};
pub use hermitian::eigenvalues;
pub use noise::{NoiseEstimate, estimate_noise};
pub use noise_scan::sample_covariance;
pub use scaling::CoilScaling;
pub(crate) use virtual_coils::principal;
pub use virtual_coils::{Compression, VirtualCoils};
pub use whitening::shrink;

use ndarray::{ArrayView3, s};
use num_complex::Complex;

use crate::array::Grid;
use crate::error::Result;
use espirit::Calibration;

/// The dominant left singular vector across coils of the samples in a centred `window`: one weight a coil, of unit
/// norm, the largest real and positive. Maps take their phase from it. `None` where the samples are all zero.
///
/// `kspace` is `(coils, rows, cols)`.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for values that are not finite.
///
/// # Panics
/// If `window` exceeds the planes.
pub fn dominant_coils(kspace: ArrayView3<Complex<f32>>, window: Grid) -> Result<Option<Vec<Complex<f64>>>> {
    let (_, rows, cols) = kspace.dim();
    let (row, col) = Grid::new(rows, cols).centred_offset(window);
    let region = kspace.slice_move(s![.., row..row + window.rows, col..col + window.cols]);
    let calibration = Calibration::of(region, &[])?;
    if calibration.is_zero() {
        Ok(None)
    } else {
        calibration.dominant_coils().map(Some)
    }
}
