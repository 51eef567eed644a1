//! The records in `batch.json` and `batch.jsonl`.
//!
//! Times are in seconds; NMSE is linear, as fastMRI gives it, PSNR in dB; sizes in pixels.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FileRecord, Shard};
use crate::flags::in_flags;
use pvdamp_io::error::Error;
use pvdamp_io::recon::Machine;

/// `batch.json` of a whole batch or of one shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program.
    pub version: String,
    pub state: State,
    /// Options of the reconstruction by name, including defaults. Options without a value are left out.
    pub settings: BTreeMap<String, String>,
    /// The shard; `None` for a whole batch.
    pub shard: Option<Shard>,
    /// Checksum of the names and sizes of all planned scans. Shards of the same batch have the same one.
    pub plan: String,
    /// Number of scans in the whole batch.
    pub scans: usize,
    pub machine: Machine,
    /// When this was written, UTC, RFC 3339.
    pub written_at: String,
    pub totals: Totals,
    /// Sorted by name, including those that are not done yet.
    pub volumes: Vec<BatchVolume>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Running, or killed.
    Running,
    /// Stopped by the user, or because the output cannot be written.
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
    /// Slices with warnings.
    pub slices_with_warnings: usize,
    /// Sum of the times of the finished slices. Slices that ran at once each count in full.
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

/// One scan of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchVolume {
    /// Path of the result relative to the folder of the batch, with `/` between folders: `sub/file1.h5`. Unique.
    pub name: String,
    /// Path of the scan.
    pub input: String,
    pub status: Status,
    /// Why it failed, in one sentence.
    pub error: Option<String>,
    /// Format of the scan. If it cannot be opened, this and the fields below are `None` or 0.
    pub format: Option<String>,
    pub slices: usize,
    pub coils: usize,
    pub rows: usize,
    pub cols: usize,
    /// The scan's attribute `acquisition`.
    pub acquisition: Option<String>,
    /// Seed of its mask, if one was drawn.
    pub seed: Option<u64>,
    /// Acceleration factor R.
    pub acceleration: Option<f64>,
    /// Why its method was taken, where that was left to the data.
    #[serde(default)]
    pub choice: Option<String>,
    /// Metrics of the magnitude images against the first reference in the scan; `None` without one.
    pub metrics: Option<FastMriMetrics>,
    /// All files that were read for it: the scan, and files of masks, maps or noise.
    pub read: Vec<FileRecord>,
    /// The result.
    pub written: Option<FileRecord>,
    /// From opening the scan to naming the result.
    pub seconds: Option<f64>,
    /// Warnings about the whole scan.
    pub warnings: Vec<String>,
}

/// The metrics of fastMRI. The data range is the maximum of the reference volume.
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
    /// 0 for a slice without data and for methods that do not iterate.
    pub iterations: usize,
    pub kept: usize,
    /// Why the iterations stopped; `None` for a slice without data.
    pub stop: Option<String>,
    pub lambda: Option<f64>,
    /// The method's own prediction of `E|x − x0|² / |x|²`.
    pub predicted_nmse: Option<f64>,
    /// What the coil maps leave unexplained of the sampled centre, `‖y − A x‖ / ‖y‖`; `None` where that is not known.
    #[serde(default)]
    pub maps_unexplained: Option<f64>,
    pub metrics: Option<FastMriMetrics>,
    pub seconds: f64,
    pub preparation_seconds: f64,
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

impl BatchVolume {
    /// The record of a scan that was not opened yet.
    pub fn unknown(name: String, input: String) -> Self {
        Self {
            name,
            input,
            ..Self::default()
        }
    }

    /// Marks the scan as failed. The error message names the scan.
    pub fn fail(&mut self, error: &Error) {
        self.status = Status::Failed;
        self.error = Some(match error {
            Error::Data { .. } => error.to_string(),
            _ => format!("{}: {}", self.input, in_flags(error)),
        });
    }
}

impl Totals {
    /// Sums over all volumes, and over the slices of finished volumes.
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

/// The options in `then` whose values differ in `now`.
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
            maps_unexplained: None,
            metrics: None,
            seconds,
            preparation_seconds: 0.5,
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn differences_name_the_earlier_value() {
        let settings = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
        };
        let then = settings(&[("method", "howl"), ("seed", "1")]);
        let now = settings(&[("method", "pvdamp"), ("seed", "1"), ("accel", "4")]);
        assert_eq!(differences(&then, &now), ["no --accel", "--method howl"]);
        assert!(differences(&now, &now).is_empty());
    }
}
