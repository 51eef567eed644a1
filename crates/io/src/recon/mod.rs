//! A scan on disk becomes an image: sampling, coil maps, noise, scale, solver, crop, and the record of it all.

mod coils;
mod combine;
mod lambda;
mod lines;
mod machine;
mod maps;
mod memory;
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
pub use memory::{PROGRAM_MEMORY, Workload};
pub use noise::NoiseSource;
pub use output::{ReconOutput, maps_dataset};
pub use prepare::Prepared;
pub use record::{CoilsRecord, MapsRecord, NoiseRecord, SamplingRecord, SliceRecord};
pub use sampling::{Sampling, SamplingSource};
pub use settings::{Lambda, Settings};
pub use slice::{Reconstruction, SliceMaps, SliceResult};
pub use stored::Stored;
