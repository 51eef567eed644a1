//! From k-space to an image in one call, or stage by stage.
//!
//! Each stage is one function from plain values to a plain value, so that a caller can put his own in the place of any:
//!
//! | value | made by | holds |
//! |---|---|---|
//! | [`Acquisition`] | the caller | k-space, and what is known of it |
//! | [`Sampling`] | [`Sampling::of`] | which locations were sampled, with which probability |
//! | [`Channels`] | [`Channels::of`] | samples and noise in the coils of the computation: scaled, whitened, compressed |
//! | [`CoilMaps`] | [`CoilMaps::calibrate`] or [`CoilMaps::given`] | coil sensitivity maps of these coils |
//! | [`Prepared`] | [`Prepared::pose`] | the [`Problem`](crate::solve::Problem) that a solver is given |
//! | [`Reconstruction`] | [`Prepared::solve`] | images in the units of the k-space, and the record of what was done |
//!
//! [`reconstruct`] runs them in this order, and [`Acquisition::prepare`] all but the last. The scans of `pvdamp-io` go the
//! same way, slice by slice, with a sampling and a number of map sets that are settled once for all slices.

mod acquisition;
mod channels;
mod combine;
mod equispaced;
mod image;
mod lambda;
mod maps;
mod noise;
mod observer;
mod prepared;
mod record;
mod sampling;
mod scale;
mod settings;

pub use acquisition::{Acquisition, Sourced};
pub use channels::Channels;
pub use image::Reconstruction;
pub use lambda::lambda_curve;
pub use maps::{CoilMaps, MapSets};
pub use noise::Noise;
pub use observer::{Observer, Stage};
pub use prepared::Prepared;
pub use record::{CoilsRecord, MapsRecord, NoiseRecord, Record, SamplingRecord};
pub use sampling::Sampling;
pub use settings::Settings;

use crate::error::Result;

/// Reconstructs an image from k-space.
///
/// What the acquisition does not say is found out from its k-space: the mask where it is not zero, the sampling
/// probability from the mask, coil sensitivity maps by ESPIRiT from the sampled centre, the noise from the quietest
/// samples. All-zero k-space gives an image of zeros, and a warning in the record. The result does not depend on the
/// number of threads.
///
/// The k-space is copied once, since the acquisition stays as it is; [`Acquisition::prepare`], which consumes it, spares
/// that.
///
/// # Errors
/// - [`Error::Data`](crate::Error::Data): arrays whose shapes or values do not fit each other;
/// - [`Error::NotEnough`](crate::Error::NotEnough): no sampled centre to calibrate maps on, and none given;
/// - [`Error::Setting`](crate::Error::Setting): settings that make no sense, by themselves or for these data;
/// - [`Error::Cancelled`](crate::Error::Cancelled): the observer asked to stop.
///
/// # Examples
/// ```
/// use ndarray::Array3;
/// use pvdamp::{Acquisition, Complex32, Settings, reconstruct};
///
/// # fn main() -> pvdamp::Result<()> {
/// // Undersampled k-space of 4 coils, 64 x 64, (coils, rows, cols), the origin at [32, 32]; zero where not sampled.
/// let kspace: Array3<Complex32> = scan();
/// let acquisition = Acquisition::new(&kspace);
/// let reconstruction = reconstruct(&acquisition, &Settings::default(), &mut ())?;
///
/// let magnitude = reconstruction.magnitude(); // (rows, cols), in the units of the k-space
/// println!("R = {:.2}", reconstruction.record.sampling.acceleration);
/// for warning in &reconstruction.record.warnings {
///     eprintln!("{warning}");
/// }
/// # assert_eq!(magnitude.dim(), (64, 64));
/// # Ok(())
/// # }
/// # fn scan() -> Array3<Complex32> {
/// #     use pvdamp::{array::Grid, sampling::{Family, Request}, simulate::{SimulationSettings, simulate_slice}};
/// #     let grid = Grid::new(64, 64);
/// #     let settings = SimulationSettings { grid, coils: 4, slices: 1, noise: 0.005, seed: 1 };
/// #     let request = Request { acceleration: 3.0, acs: None, order: None, seed: 1 };
/// #     let mask = Family::find("bernoulli").unwrap().draw(&request, grid).unwrap().mask;
/// #     let mut kspace = simulate_slice(&settings, 0).unwrap().kspace;
/// #     for mut coil in kspace.outer_iter_mut() {
/// #         coil.zip_mut_with(&mask.sampled, |v, &sampled| if !sampled { *v = Complex32::new(0.0, 0.0) });
/// #     }
/// #     kspace
/// # }
/// ```
pub fn reconstruct(
    acquisition: &Acquisition,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Reconstruction> {
    let grid = acquisition.grid();
    let coils = acquisition.coils();
    match acquisition.clone().prepare(settings, observer)? {
        Some(prepared) => prepared.solve(settings, observer),
        None => Ok(Reconstruction::of_nothing(
            &Sampling::of_nothing(grid)?,
            coils,
            settings,
        )),
    }
}
