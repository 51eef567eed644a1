//! A scan on disk becomes a result: what is settled once for all slices, then slice by slice, then the file of it all.
//!
//! ```text
//! Scan, ScanSettings → ScanSetup → Decision → ScanReconstruction → SliceResult → ResultFile
//! ```
//!
//! The way of one slice is the engine's, [`mod@pvdamp::reconstruct`].

mod acquired;
mod beside;
mod calibration;
mod frames;
mod inputs;
mod machine;
mod memory;
mod output;
mod places;
mod record;
mod scan;
mod settings;
mod setup;
mod stored;

pub use machine::Machine;
pub use memory::{PROGRAM_MEMORY, Workload};
pub use output::{ResultFile, maps_dataset};
pub use record::SliceRecord;
pub use scan::{ScanReconstruction, SliceMaps, SliceResult};
pub use settings::{MapsSource, NoiseSource, SamplingSource, ScanSettings};
pub use setup::{Decision, ScanSetup};
pub use stored::StoredResult;
