//! Many scans with the same settings: a plan, slices of several scans at once, results that outlive interruption, and a
//! manifest of it all.

mod file;
mod folder;
mod forecast;
mod input;
mod journal;
mod manifest;
mod memory;
mod plan;
mod queue;
mod record;
mod run;
mod shard;
mod volume;

pub use pvdamp_io::recon::Stored;
use std::sync::{Mutex, MutexGuard};

pub use file::FileRecord;
pub use folder::BatchFolder;
pub use forecast::{Forecast, at_once, forecast};
pub use input::{Input, inputs};
pub use journal::Journal;
pub use manifest::merge;
pub use memory::{usual_limit, whole_memory};
pub use plan::{Plan, Planned, Recipe};
pub use record::{BatchVolume, FastMriMetrics, Manifest, SliceLine, State, Status, Totals};
pub use run::{Batch, Listener};
pub use shard::Shard;

/// What a lock holds, also after a thread has ended in a defect: others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
