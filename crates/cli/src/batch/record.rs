//! What a batch knows: `batch.json` and the lines of `batch.jsonl`.
//!
//! Times are in seconds; NMSE is linear, as fastMRI gives it, PSNR in dB; sizes in pixels.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FileRecord, Shard};
use pvdamp_io::error::Error;
use pvdamp_io::recon::Machine;

/// `batch.json`: a whole batch, or what one shard of it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Of the program.
    pub version: String,
    pub state: State,
    /// Options of the reconstruction and their values, the defaults among them, by name; without those that have neither.
    pub settings: BTreeMap<String, String>,
    /// The part of the whole that this is; `None` of the whole.
    pub shard: Option<Shard>,
    /// Checksum over the names and sizes of all that was planned, by which shards that saw the same are told.
    pub plan: String,
    /// Scans of the whole.
    pub scans: usize,
    pub machine: Machine,
    /// When this was written, UTC, RFC 3339.
    pub written_at: String,
    pub totals: Totals,
    /// In the order of their names; those that are still to be done are among them.
    pub volumes: Vec<BatchVolume>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// At work, or killed.
    Running,
    /// Asked to stop, or stopped by an output that cannot be written.
    Stopped,
    /// Every volume is done or failed.
    Complete,
}

/// Sums over the volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub volumes: usize,
    pub done: usize,
    pub failed: usize,
    pub left: usize,
    pub slices: usize,
    pub slices_done: usize,
    /// Slices that have something to warn of.
    pub slices_with_warnings: usize,
    /// Spent on the slices that are done, over all threads that worked on slices at once.
    pub slice_seconds: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Done,
    Failed,
    /// Not done yet.
    #[default]
    Left,
}

/// One scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchVolume {
    /// Of the result, in the folder of the batch, with `/` between folders: `sub/file1.h5`. Unique.
    pub name: String,
    /// The scan.
    pub input: String,
    pub status: Status,
    /// Why it failed: one sentence.
    pub error: Option<String>,
    /// By the reader that opens it; what follows is 0 or `None` where it cannot be opened.
    pub format: Option<String>,
    pub slices: usize,
    pub coils: usize,
    pub rows: usize,
    pub cols: usize,
    /// The scan's attribute `acquisition`.
    pub acquisition: Option<String>,
    /// Seed of its mask, where one was drawn.
    pub seed: Option<u64>,
    /// R.
    pub acceleration: Option<f64>,
    /// Of the magnitude images against the first reference in the scan; `None` without one.
    pub metrics: Option<FastMriMetrics>,
    /// Everything that was read for it: the scan, and masks, maps and the like that were given.
    pub read: Vec<FileRecord>,
    /// The result.
    pub written: Option<FileRecord>,
    /// From opening to the name of the result.
    pub seconds: Option<f64>,
    /// Of the whole scan.
    pub warnings: Vec<String>,
}

/// fastMRI's, with the maximum of the reference volume as the range of the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FastMriMetrics {
    pub nmse: Option<f64>,
    pub psnr_db: Option<f64>,
    pub ssim: Option<f64>,
}

/// One slice: a line of `batch.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceLine {
    /// [`BatchVolume::name`].
    pub volume: String,
    pub slice: usize,
    pub version: String,
    pub method: String,
    pub acceleration: f64,
    /// 0 for a slice without data, and for methods that do not iterate.
    pub iterations: usize,
    pub kept: usize,
    /// Why the iterations stopped; `None` for a slice without data.
    pub stop: Option<String>,
    pub lambda: Option<f64>,
    /// `E|x − x0|² / |x|²` as the method predicts it.
    pub predicted_nmse: Option<f64>,
    pub metrics: Option<FastMriMetrics>,
    pub seconds: f64,
    pub preparation_seconds: f64,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

impl BatchVolume {
    /// Of a scan of which nothing is known yet.
    pub fn unknown(name: String, input: String) -> Self {
        Self {
            name,
            input,
            ..Self::default()
        }
    }

    /// It cannot be used, and the reason names it.
    pub fn fail(&mut self, error: &Error) {
        self.status = Status::Failed;
        self.error = Some(match error {
            Error::Data { .. } => error.to_string(),
            _ => format!("{}: {error}", self.input),
        });
    }
}

impl Totals {
    /// Over volumes, and the slices of those that are done.
    pub fn of(volumes: &[BatchVolume], slices: &[SliceLine]) -> Self {
        let count = |status| volumes.iter().filter(|volume| volume.status == status).count();
        Self {
            volumes: volumes.len(),
            done: count(Status::Done),
            failed: count(Status::Failed),
            left: count(Status::Left),
            slices: volumes.iter().map(|volume| volume.slices).sum(),
            slices_done: slices.len(),
            slices_with_warnings: slices.iter().filter(|slice| !slice.warnings.is_empty()).count(),
            slice_seconds: slices.iter().map(|slice| slice.seconds).sum(),
        }
    }
}

/// What `then` has that is not so `now`.
pub fn differences(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let differing = names.into_iter().filter(|name| then.get(*name) != now.get(*name));
    differing
        .map(|name| match then.get(name) {
            Some(value) => format!("--{name} {value}"),
            None => format!("no --{name}"),
        })
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn volume(name: &str, status: Status) -> BatchVolume {
        BatchVolume {
            status,
            ..BatchVolume::unknown(name.into(), name.into())
        }
    }

    pub fn line(volume: &str, slice: usize, seconds: f64) -> SliceLine {
        SliceLine {
            volume: volume.into(),
            slice,
            version: "1".into(),
            method: "howl".into(),
            acceleration: 4.0,
            iterations: 3,
            kept: 2,
            stop: None,
            lambda: None,
            predicted_nmse: None,
            metrics: None,
            seconds,
            preparation_seconds: 0.5,
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn what_differs_is_named_as_it_was() {
        let settings = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
        };
        let then = settings(&[("method", "howl"), ("seed", "1")]);
        let now = settings(&[("method", "pvdamp"), ("seed", "1"), ("accel", "4")]);
        assert_eq!(differences(&then, &now), ["no --accel", "--method howl"]);
        assert!(differences(&now, &now).is_empty());
    }
}
