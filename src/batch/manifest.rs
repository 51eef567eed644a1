//! `batch.json` and `batch.jsonl`, of a whole batch or of a shard, and how shards become a whole.

use std::path::{Path, PathBuf};

use super::journal::suffix;
use super::plan::differences;
use super::{Manifest, Shard, SliceLine, State, Status, Totals, VolumeRecord};
use crate::error::{Error, Result};
use crate::format::AtomicFile;

/// Where the manifest of a shard, or of a whole batch, lies in its folder: the JSON, and the lines of its slices.
pub fn paths(folder: &Path, shard: Option<Shard>) -> [PathBuf; 2] {
    ["json", "jsonl"].map(|ending| folder.join(format!("batch{}.{ending}", suffix(shard))))
}

impl Manifest {
    /// Writes both files, each whole, the one with the slices first.
    pub fn write(&self, slices: &[SliceLine], folder: &Path) -> Result<()> {
        let [json, lines] = paths(folder, self.shard);
        let unfit = |e: serde_json::Error| Error::setting(format!("the manifest cannot be put as JSON ({e})"));
        let mut text = String::new();
        for slice in slices {
            text += &serde_json::to_string(slice).map_err(unfit)?;
            text.push('\n');
        }
        AtomicFile::write_whole(&lines, text.as_bytes())?;
        let mut text = serde_json::to_string_pretty(self).map_err(unfit)?;
        text.push('\n');
        AtomicFile::write_whole(&json, text.as_bytes())
    }

    /// Reads what [`Manifest::write`] wrote. Errors: files that are not there or were changed.
    pub fn read(folder: &Path, shard: Option<Shard>) -> Result<(Self, Vec<SliceLine>)> {
        let [json, lines] = paths(folder, shard);
        let manifest = parsed(&json, &read(&json)?)?;
        let text = read(&lines)?;
        let slices = text.lines().map(|line| parsed(&lines, line)).collect::<Result<_>>()?;
        Ok((manifest, slices))
    }
}

/// Joins the shards of a batch into its `batch.json` and `batch.jsonl`.
///
/// Errors: a shard that is missing, not complete, or of another batch, a result that is not what was written. Nothing is
/// written then.
pub fn merge(folder: &Path) -> Result<Manifest> {
    let count = count_of(folder)?;
    let shards = (1..=count).map(|index| Some(Shard { index, count }));
    let missing: Vec<String> = shards
        .clone()
        .flatten()
        .filter(|&shard| !paths(folder, Some(shard))[0].is_file())
        .map(|shard| shard.to_string())
        .collect();
    if !missing.is_empty() {
        let problem = format!("there is no manifest of shard {}", missing.join(", "));
        return Err(Error::data(folder, problem, "run what is missing, and merge again"));
    }
    let parts = shards
        .map(|shard| Manifest::read(folder, shard))
        .collect::<Result<Vec<_>>>()?;
    let first = parts[0].0.clone();
    let (mut volumes, mut slices): (Vec<VolumeRecord>, Vec<SliceLine>) = Default::default();
    for (part, lines) in parts {
        check(folder, &part, &first)?;
        volumes.extend(part.volumes);
        slices.extend(lines);
    }
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    slices.sort_by(|a, b| (&a.volume, a.slice).cmp(&(&b.volume, b.slice)));
    if volumes.len() != first.scans || volumes.windows(2).any(|pair| pair[0].name == pair[1].name) {
        let problem = format!(
            "the {count} shards hold {} scans, not each of {} once",
            volumes.len(),
            first.scans
        );
        return Err(Error::data(
            folder,
            problem,
            "run all shards again: what is done is not done again",
        ));
    }
    let whole = Manifest {
        shard: None,
        written_at: now(),
        totals: Totals::of(&volumes, &slices),
        volumes,
        ..first
    };
    whole.write(&slices, folder)?;
    Ok(whole)
}

/// Whether a shard is complete, is of the same batch as the first, and has its results still.
fn check(folder: &Path, part: &Manifest, first: &Manifest) -> Result<()> {
    let shard = part.shard.map(|shard| shard.to_string()).unwrap_or_default();
    let again = format!("run it again with --shard {shard}, and merge then");
    let json = &paths(folder, part.shard)[0];
    let refused = |problem: String| Err(Error::data(json.as_path(), problem, again.as_str()));
    if part.state != State::Complete {
        return refused(format!(
            "shard {shard} is not complete: {} scan(s) are left",
            part.totals.left
        ));
    }
    if part.version != first.version {
        return refused(format!(
            "is of version {}, that of the first shard of {}",
            part.version, first.version
        ));
    }
    let differing = differences(&first.settings, &part.settings);
    if !differing.is_empty() {
        return refused(format!(
            "has other settings; the first shard has {}",
            differing.join(", ")
        ));
    }
    if part.plan != first.plan || part.scans != first.scans {
        return refused("was cut out of another list of scans than the first shard".into());
    }
    // done since by a run that this shard knows nothing of
    let mended = |volume: &&VolumeRecord| volume.status == Status::Failed && folder.join(&volume.name).exists();
    if let Some(volume) = part.volumes.iter().find(mended) {
        return refused(format!("shard {shard} failed on {}, which is there now", volume.name));
    }
    let written = part.volumes.iter().filter_map(|volume| volume.written.as_ref());
    for file in written {
        let path = folder.join(&file.path);
        if !file.has_content_of(&path) {
            return Err(Error::data(
                path.as_path(),
                format!("is not what shard {shard} wrote"),
                again,
            ));
        }
    }
    Ok(())
}

/// How many shards there are, by the names of their manifests.
fn count_of(folder: &Path) -> Result<usize> {
    let failed = |e: std::io::Error| {
        Error::data(
            folder,
            format!("this folder cannot be read ({e})"),
            "name another by -o",
        )
    };
    let mut counts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let middle = name.strip_prefix("batch-").and_then(|name| name.strip_suffix(".json"));
        let shard = middle.and_then(|m| m.split_once("-of-"));
        counts.extend(
            shard
                .and_then(|(index, count)| format!("{index}/{count}").parse::<Shard>().ok())
                .map(|s| s.count),
        );
    }
    counts.sort_unstable();
    counts.dedup();
    match counts[..] {
        [count] => Ok(count),
        [] => Err(Error::data(
            folder,
            "there is no shard's manifest, batch-I-of-N.json",
            "run the shards first, with --shard I/N",
        )),
        _ => {
            let told: Vec<String> = counts.iter().map(usize::to_string).collect();
            let problem = format!(
                "there are manifests of batches cut into {} shards",
                told.join(" and into ")
            );
            Err(Error::data(folder, problem, "remove those that are not wanted"))
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::data(path, format!("cannot be read ({e})"), "run the batch again");
    std::fs::read_to_string(path).map_err(failed)
}

fn parsed<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<T> {
    let failed = |e: serde_json::Error| {
        Error::data(
            path,
            format!("is not what a batch of this version wrote ({e})"),
            "run the batch again",
        )
    };
    serde_json::from_str(text).map_err(failed)
}

/// UTC.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}
