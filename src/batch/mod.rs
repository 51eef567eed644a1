//! Many scans with the same settings: a plan, slices of several scans at once, results that outlive interruption, and a
//! manifest of it all.

mod file;
mod finished;
mod record;
mod shard;

pub use crate::recon::Stored;
pub use file::FileRecord;
pub use finished::Finished;
pub use record::{Manifest, Metrics, SliceLine, State, Status, Totals, VolumeRecord};
pub use shard::Shard;
