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
//! Slices of a scan share what decides the shape of their results, which [`Slices`] settles. Frames of one place share maps: [`FrameMean`] adds them up, [`SharedMaps::calibrate`] makes maps of their mean, and
//! [`Acquisition::shared_maps`] takes them.
//!
//! [`reconstruct`] runs them in this order, and [`Acquisition::prepare`] all but the last. The scans of `pvdamp-io` go the
//! same way, slice by slice, with a sampling and a number of map sets that are settled once for all slices.

mod acquisition;
mod channels;
mod choice;
mod combine;
mod equispaced;
mod explained;
mod held_data;
mod image;
mod lambda;
mod maps;
mod noise;
mod noise_covariance;
mod observer;
mod prepared;
mod recalibration;
mod record;
mod sampling;
mod scale;
mod settings;
mod shared_maps;
mod slices;
mod sourced;

pub use acquisition::Acquisition;
pub use channels::Channels;
pub use choice::{Choice, Facts};
pub use explained::warning_of_maps;
pub use image::Reconstruction;
pub use lambda::lambda_curve;
pub use maps::{CoilMaps, Judgement, SecondSet};
pub use noise::Noise;
pub use observer::{Asking, Observer, Stage};
pub use prepared::Prepared;
pub use recalibration::Recalibration;
pub use record::{CoilsRecord, MapsRecord, NoiseRecord, Record, SamplingRecord};
pub use sampling::Sampling;
pub use settings::Settings;
pub use shared_maps::{FrameMean, SharedMaps};
pub use slices::{Slices, judged_positions, judged_slices};
pub use sourced::Sourced;

use crate::error::Result;

/// Reconstructs an image from k-space.
///
/// What the acquisition does not say is found out from its k-space: the mask where it is not zero, the sampling
/// probability from the mask, coil sensitivity maps by ESPIRiT from the sampled centre, the noise from the quietest
/// samples. All-zero k-space gives an image of zeros, and a warning in the record. The result does not depend on the
/// number of threads.
///
/// What iterates runs on the global thread pool of rayon, or the one it is called in. From a thread of the pool, as in
/// `rayon::scope(|_| reconstruct(…))`, it is faster: each of many short parallel loops is then not handed over first.
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
/// The [crate] has an example.
pub fn reconstruct(
    acquisition: &Acquisition,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Reconstruction> {
    let Some(mut prepared) = acquisition.clone().prepare(settings, observer)? else {
        let sets = match &acquisition.maps {
            Some(maps) => maps.value.dim().0,
            None => settings.espirit.sets.count(),
        };
        let sampling = Sampling::of_nothing(acquisition.grid());
        return Ok(Reconstruction::of_nothing(
            &sampling,
            acquisition.coils(),
            sets,
            settings,
        ));
    };
    let maps = prepared.kept_maps.take();
    Ok(Reconstruction {
        maps,
        ..prepared.solve(settings, observer)?
    })
}
