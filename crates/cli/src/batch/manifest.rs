//! Writes, reads and merges `batch.json` and `batch.jsonl` of whole batches and shards.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use super::record::differences;
use super::shard::suffix;
use super::{BatchVolume, Manifest, Shard, SliceLine, State, Status, Totals};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{AtomicFile, MOST_SLICES, read_regular, read_text};

/// Paths of the manifest of a shard or a whole batch: the JSON, and the lines of the slices.
pub fn paths(folder: &Path, shard: Option<Shard>) -> [PathBuf; 2] {
    ["json", "jsonl"].map(|ending| folder.join(format!("batch{}.{ending}", suffix(shard))))
}

impl Manifest {
    /// Writes both files atomically, the one with the slices first.
    pub fn write(&self, slices: &[SliceLine], folder: &Path) -> Result<()> {
        let [json, lines] = paths(folder, self.shard);
        let json_error = |e: serde_json::Error| Error::internal(format!("the manifest cannot be put as JSON ({e})"));
        let mut text = String::new();
        for slice in slices {
            text += &serde_json::to_string(slice).map_err(json_error)?;
            text.push('\n');
        }
        AtomicFile::write_whole(&lines, text.as_bytes())?;
        let mut text = serde_json::to_string_pretty(self).map_err(json_error)?;
        text.push('\n');
        AtomicFile::write_whole(&json, text.as_bytes())
    }

    /// Reads the JSON that [`Manifest::write`] wrote. Errors: a file that is missing or is not a manifest.
    pub fn read(folder: &Path, shard: Option<Shard>) -> Result<Self> {
        let [json, _] = paths(folder, shard);
        let text = read_regular(&json).map_err(|e| read_error(&json, &e))?;
        let wrong = |why: &str| {
            let problem = format!("is no manifest of a batch of this version ({why})");
            Error::data(json.as_path(), problem, "run the batch again, or name another folder")
        };
        let manifest: Self = serde_json::from_slice(&text).map_err(|e| wrong(&e.to_string()).caused_by(e))?;
        // a report goes over all slices, also those that no line tells of
        if manifest.volumes.iter().any(|volume| volume.slices > MOST_SLICES) {
            return Err(wrong("more slices than a scan has"));
        }
        Ok(manifest)
    }
}

/// The lines of `batch.jsonl`.
#[derive(Default)]
pub struct Lines {
    pub slices: Vec<SliceLine>,
    /// Numbers, from 1, of lines that do not parse: incomplete or changed.
    pub unreadable: Vec<usize>,
}

impl Lines {
    /// Reads the lines that [`Manifest::write`] wrote.
    pub fn read(folder: &Path, shard: Option<Shard>) -> io::Result<Self> {
        let [_, path] = paths(folder, shard);
        Ok(Self::parse(&read_text(&path)?))
    }

    pub fn parse(text: &str) -> Self {
        let mut lines = Self::default();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(slice) => lines.slices.push(slice),
                Err(_) => lines.unreadable.push(i + 1),
            }
        }
        lines
    }
}

/// The shards whose manifests are in a folder.
pub fn shards_in(folder: &Path) -> io::Result<Vec<Shard>> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let middle = name.strip_prefix("batch-").and_then(|name| name.strip_suffix(".json"));
        let parts = middle.and_then(|middle| middle.split_once("-of-"));
        shards.extend(parts.and_then(|(index, count)| format!("{index}/{count}").parse::<Shard>().ok()));
    }
    Ok(shards)
}

/// Joins the shards of a batch into its `batch.json` and `batch.jsonl`.
///
/// Errors: a shard that is missing, incomplete or from another batch, and a result whose checksum is wrong. In these
/// cases nothing is written.
pub fn merge(folder: &Path) -> Result<Manifest> {
    let count = shard_count(folder)?;
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
    let first = parts[0].clone();
    let (mut volumes, mut slices): (Vec<BatchVolume>, Vec<SliceLine>) = Default::default();
    for part in parts {
        same_batch(folder, &part, &first)?;
        slices.extend(verified_lines(folder, &part)?);
        volumes.extend(part.volumes);
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

/// Checks that a shard belongs to the same batch as the first. If not, either may be the wrong one.
fn same_batch(folder: &Path, part: &Manifest, first: &Manifest) -> Result<()> {
    let differing = differences(&first.settings, &part.settings);
    let difference = if part.version != first.version {
        format!("it is of version {}, that one of {}", part.version, first.version)
    } else if !differing.is_empty() {
        format!("that one has {}", differing.join(", "))
    } else if part.plan != first.plan || part.scans != first.scans {
        "they were cut out of different lists of scans".into()
    } else {
        return Ok(());
    };
    let [json, _] = paths(folder, part.shard);
    let problem = format!("differs from shard {}: {difference}", shard_name(first.shard));
    let mend = "run both again with the same version, settings and scans, and merge then";
    Err(Error::data(json.as_path(), problem, mend))
}

/// The lines of a shard, after checking that it is complete and that its results are unchanged.
fn verified_lines(folder: &Path, part: &Manifest) -> Result<Vec<SliceLine>> {
    let shard = shard_name(part.shard);
    let again = format!("run it again with --shard {shard}, and merge then");
    let [json, lines] = &paths(folder, part.shard);
    let refused = |problem: String| Err(Error::data(json.as_path(), problem, again.as_str()));
    if part.state != State::Complete {
        return refused(format!(
            "shard {shard} is not complete: {} scan(s) are left",
            part.totals.left
        ));
    }
    let Lines { slices, unreadable } = Lines::read(folder, part.shard).map_err(|e| read_error(lines, &e))?;
    if let Some(problem) = mismatch(part, &slices, &unreadable) {
        return Err(Error::data(lines.as_path(), problem, again));
    }
    // reconstructed since by another run
    let done_since = |volume: &&BatchVolume| volume.status == Status::Failed && folder.join(&volume.name).exists();
    if let Some(volume) = part.volumes.iter().find(done_since) {
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
    Ok(slices)
}

/// How the lines differ from the manifest, if they do. A kill between writing the two files leaves older lines.
fn mismatch(part: &Manifest, slices: &[SliceLine], unreadable: &[usize]) -> Option<String> {
    if let Some(number) = unreadable.first() {
        return Some(format!("line {number} is no record of a slice"));
    }
    let expected = part.totals.slices_done;
    if slices.len() != expected {
        return Some(format!("has {} lines, the manifest says {expected}", slices.len()));
    }
    let mut by_volume: HashMap<&str, Vec<usize>> = HashMap::new();
    for line in slices {
        by_volume.entry(&line.volume).or_default().push(line.slice);
    }
    by_volume.values_mut().for_each(|numbers| numbers.sort_unstable());
    let done = |volume: &&BatchVolume| volume.status == Status::Done;
    let has_lines = |volume: &BatchVolume| {
        let numbers = by_volume.get(volume.name.as_str()).map_or(&[][..], Vec::as_slice);
        numbers.iter().copied().eq(0..volume.slices)
    };
    let without = part.volumes.iter().filter(done).find(|volume| !has_lines(volume))?;
    Some(format!(
        "has not one line for each of the {} slice(s) of {}",
        without.slices, without.name
    ))
}

fn shard_name(shard: Option<Shard>) -> String {
    shard.map_or(String::new(), |shard| shard.to_string())
}

/// The number of shards, from the names of their manifests.
fn shard_count(folder: &Path) -> Result<usize> {
    let failed = |e: io::Error| {
        Error::data(
            folder,
            format!("this folder cannot be read ({e})"),
            "name another by -o",
        )
    };
    let shards = shards_in(folder).map_err(failed)?;
    let mut counts: Vec<usize> = shards.iter().map(|shard| shard.count).collect();
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
            let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
            let problem = format!(
                "there are manifests of batches cut into {} shards",
                counts.join(" and into ")
            );
            Err(Error::data(folder, problem, "remove those that are not wanted"))
        }
    }
}

fn read_error(path: &Path, e: &io::Error) -> Error {
    let mend = "see that it may be read, or run the batch again";
    Error::data(path, format!("cannot be read ({e})"), mend)
}

/// The current time in UTC, RFC 3339.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::record::tests::{line, volume};
    use pvdamp_io::recon::Machine;

    /// Writes the manifest of shard `index` of 2, with one scan of two slices done.
    fn write(folder: &Path, index: usize, change: impl FnOnce(&mut Manifest, &mut Vec<SliceLine>)) {
        let name = format!("{index}.h5");
        let mut slices = vec![line(&name, 0, 1.0), line(&name, 1, 1.0)];
        let volumes = vec![BatchVolume {
            slices: 2,
            ..volume(&name, Status::Done)
        }];
        let mut manifest = Manifest {
            version: "1".into(),
            state: State::Complete,
            settings: [("accel".to_string(), "4".to_string())].into(),
            shard: Some(Shard { index, count: 2 }),
            plan: "p".into(),
            scans: 2,
            machine: Machine::this(),
            written_at: now(),
            totals: Totals::of(&volumes, &slices),
            volumes,
        };
        change(&mut manifest, &mut slices);
        manifest.write(&slices, folder).unwrap();
    }

    #[test]
    fn what_is_written_is_read_and_merged() {
        let folder = tempfile::tempdir().unwrap();
        for index in [2, 1] {
            write(folder.path(), index, |_, _| {});
        }
        let mut shards = shards_in(folder.path()).unwrap();
        shards.sort_by_key(|shard| shard.index);
        assert_eq!(shards, [1, 2].map(|index| Shard { index, count: 2 }));
        let whole = merge(folder.path()).unwrap();
        assert_eq!((whole.totals.done, whole.totals.slices_done), (2, 4));
        assert_eq!(Manifest::read(folder.path(), None).unwrap().volumes, whole.volumes);
        let lines = Lines::read(folder.path(), None).unwrap();
        assert!(lines.unreadable.is_empty());
        let places = lines.slices.iter().map(|line| (line.volume.as_str(), line.slice));
        assert!(places.eq([("1.h5", 0), ("1.h5", 1), ("2.h5", 0), ("2.h5", 1)]));
    }

    #[test]
    fn lines_of_another_manifest_are_refused() {
        type Change = fn(&mut Manifest, &mut Vec<SliceLine>);
        let cases: [(Change, &str); 4] = [
            (|_, slices| drop(slices.pop()), "has 1 lines, the manifest says 2"),
            (|_, slices| slices[1].volume = "1.h5".into(), "2 slice(s) of 2.h5"),
            (|_, slices| slices[1].slice = 0, "2 slice(s) of 2.h5"),
            (|_, slices| slices[1].slice = 2, "2 slice(s) of 2.h5"),
        ];
        for (change, words) in cases {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), 1, |_, _| {});
            write(folder.path(), 2, change);
            let refused = merge(folder.path()).unwrap_err().to_string();
            for words in [words, "batch-2-of-2.jsonl", "run it again with --shard 2/2"] {
                assert!(refused.contains(words), "{refused}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), 1, |_, _| {});
        write(folder.path(), 2, |_, _| {});
        let [_, lines] = paths(folder.path(), "2/2".parse().ok());
        let text = std::fs::read_to_string(&lines).unwrap();
        std::fs::write(&lines, &text[..text.len() - 9]).unwrap();
        let refused = merge(folder.path()).unwrap_err().to_string();
        assert!(refused.contains("line 2 is no record of a slice"), "{refused}");
        assert!(!folder.path().join("batch.json").exists());
    }

    /// Whichever shard was changed, the message asks for both to be run again.
    #[test]
    fn shards_of_different_batches_are_refused() {
        type Change = fn(&mut Manifest, &mut Vec<SliceLine>);
        let cases: [(Change, &str); 3] = [
            (|manifest, _| manifest.version = "2".into(), "is of version"),
            (|manifest, _| manifest.settings.clear(), "--accel"),
            (|manifest, _| manifest.plan = "q".into(), "different lists of scans"),
        ];
        for (change, words) in cases {
            for changed in [1, 2] {
                let folder = tempfile::tempdir().unwrap();
                write(folder.path(), changed, change);
                write(folder.path(), 3 - changed, |_, _| {});
                let refused = merge(folder.path()).unwrap_err().to_string();
                for words in [words, "batch-2-of-2.json", "differs from shard 1/2", "run both again"] {
                    assert!(refused.contains(words), "{refused}");
                }
            }
        }
    }
}
