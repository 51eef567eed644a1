//! A scan on disk becomes an image: sampling, coil maps, noise, scale, solver, crop, and the record of it all.

mod coils;
mod combine;
mod lambda;
mod lines;
mod machine;
mod maps;
mod noise;
mod output;
mod prepare;
mod record;
mod sampling;
mod sets;
mod settings;
mod slice;
mod stored;

pub use lambda::lambda_curve;
pub use machine::Machine;
pub use maps::{MapSets, MapsSource};
pub use noise::NoiseSource;
pub use output::{ReconOutput, maps_dataset};
pub use prepare::Prepared;
pub use record::{CoilsRecord, MapsRecord, NoiseRecord, SamplingRecord, SliceRecord};
pub use sampling::{Sampling, SamplingSource};
pub use settings::{Lambda, Settings};
pub use slice::{Reconstruction, SliceMaps, SliceResult};
pub use stored::Stored;

use crate::array::Grid;
use crate::solve::Method;

/// Bytes that reconstructing one slice takes at its peak, roughly: single precision, `sets` sets of maps, `used` of
/// `coils` coils as [`Compression::most`](crate::coil::Compression::most) says.
///
/// The k-space of the slice is held while the maps are made; the maps and their energy averages (ξ) stay for all
/// iterations, and so do the images of the method; the program itself takes 10 MB.
pub fn slice_memory(grid: Grid, coils: usize, settings: &Settings) -> u64 {
    memory_estimate(grid, coils, settings.compression.most(coils), 2, settings.method)
}

pub fn memory_estimate(grid: Grid, coils: usize, used: usize, sets: usize, method: &Method) -> u64 {
    let image = 8 * grid.len() as u64;
    let (coils, used, sets) = (coils as u64, used as u64, sets as u64);
    image * (coils + used * 2 * sets + method.images * sets) + 10_000_000
}
