//! Reconstructs many scans with the same settings: a plan, a queue of slices, a journal for resuming, and a manifest.

mod file;
mod folder;
mod forecast;
mod input;
mod journal;
mod manifest;
mod plan;
mod queue;
mod record;
mod run;
mod shard;
mod volume;

pub use pvdamp_io::recon::StoredResult;
use std::sync::{Mutex, MutexGuard};

pub use file::FileRecord;
pub use folder::BatchFolder;
pub use forecast::{Forecast, concurrent_slices, forecast};
pub use input::{Input, inputs};
pub use journal::Journal;
pub use manifest::merge;
pub use plan::{Plan, Planned, Recipe, fit_memory};
pub use record::{BatchVolume, FastMriMetrics, Manifest, SliceLine, State, Status, Totals};
pub use run::{Batch, Listener};
pub use shard::Shard;

/// Locks a mutex, even after another thread has panicked, so that the remaining threads continue.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
