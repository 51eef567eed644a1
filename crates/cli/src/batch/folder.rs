//! Reads a batch back from its output folder.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::manifest::{Lines, paths, shards_in};
use super::{BatchVolume, Manifest, SliceLine};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::recon::StoredResult;

/// The contents of a batch's output folder.
pub struct BatchFolder {
    folder: PathBuf,
    pub manifest: Manifest,
    /// In the order of the manifest's volumes, then by slice. No slice occurs twice.
    pub slices: Vec<SliceLine>,
    /// Sentences that say what could not be read.
    pub notes: Vec<String>,
}

impl BatchFolder {
    /// Reads manifest and lines.
    ///
    /// # Errors
    /// A folder whose manifest of the whole batch is missing or unreadable. Unreadable lines are reported in `notes`.
    pub fn open(folder: &Path) -> Result<Self> {
        let [json, _] = paths(folder, None);
        if let Ok(false) = json.try_exists() {
            return Err(no_manifest(folder));
        }
        let manifest = Manifest::read(folder, None)?;
        let mut notes = Vec::new();
        let lines = match Lines::read(folder, None) {
            Ok(lines) => parsed_lines(lines, &mut notes),
            Err(e) => {
                notes.push(format!(
                    "batch.jsonl cannot be read ({e}): the figures of slices are missing"
                ));
                Vec::new()
            }
        };
        Ok(Self {
            folder: folder.to_path_buf(),
            slices: ordered_lines(lines, &manifest.volumes, &mut notes),
            manifest,
            notes,
        })
    }

    /// Images and state evolution of a volume that is done.
    ///
    /// # Errors
    /// A result that is missing or damaged, or whose number of slices differs from the manifest.
    pub fn result(&self, volume: &BatchVolume) -> Result<StoredResult> {
        let path = self.path(volume)?;
        let stored = StoredResult::read(&path)?;
        let slices = stored.magnitude.dim().0;
        if slices != volume.slices {
            let problem = format!("holds {slices} slice(s), batch.json says {}", volume.slices);
            return Err(Error::data(path.as_path(), problem, "run the batch again"));
        }
        Ok(stored)
    }

    /// The files of the batch. They must not be overwritten.
    pub fn files(&self) -> Vec<PathBuf> {
        let results = self.manifest.volumes.iter().filter_map(|volume| self.path(volume).ok());
        let own = paths(&self.folder, None);
        own.into_iter().chain(results).collect()
    }

    /// The path of the volume's result. Errors: a name that leads out of the folder.
    fn path(&self, volume: &BatchVolume) -> Result<PathBuf> {
        let inside = Path::new(&volume.name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            let problem = format!("names a result outside of its folder, {}", volume.name);
            let [json, _] = paths(&self.folder, None);
            return Err(Error::data(json.as_path(), problem, "run the batch again"));
        }
        Ok(self.folder.join(&volume.name))
    }
}

fn no_manifest(folder: &Path) -> Error {
    match shards_in(folder).map(|shards| shards.len()) {
        Err(_) => Error::data(folder, "no such folder", "name the output folder of pvdamp batch"),
        Ok(0) => Error::data(
            folder,
            "there is no batch.json in it",
            "name the output folder of pvdamp batch",
        ),
        Ok(count) => {
            let problem = format!("holds {count} part(s) of a batch that are not merged");
            let mend = format!("merge them first: pvdamp batch --merge -o {}", folder.display());
            Error::data(folder, problem, mend)
        }
    }
}

/// The records that parsed. Other lines are skipped and noted, such as one cut off when the batch was killed.
fn parsed_lines(lines: Lines, notes: &mut Vec<String>) -> Vec<SliceLine> {
    if let Some(first) = lines.unreadable.first() {
        let count = lines.unreadable.len();
        notes.push(format!(
            "batch.jsonl: {count} line(s) are no records of slices and are left out, the first is line {first}"
        ));
    }
    lines.slices
}

/// Sorts lines by volume and slice. Of several lines for one slice the last is kept; unmatched lines are skipped.
fn ordered_lines(lines: Vec<SliceLine>, volumes: &[BatchVolume], notes: &mut Vec<String>) -> Vec<SliceLine> {
    let indexed = volumes.iter().enumerate().map(|(i, volume)| (volume.name.as_str(), i));
    let index_by_name: HashMap<&str, usize> = indexed.collect();
    let mut last: HashMap<(usize, usize), SliceLine> = HashMap::new();
    let mut unmatched = 0;
    for line in lines {
        match index_by_name.get(line.volume.as_str()) {
            Some(&volume) if line.slice < volumes[volume].slices => {
                last.insert((volume, line.slice), line);
            }
            _ => unmatched += 1,
        }
    }
    if unmatched > 0 {
        notes.push(format!(
            "batch.jsonl: {unmatched} line(s) are of no slice in batch.json and are left out"
        ));
    }
    let mut ordered: Vec<((usize, usize), SliceLine)> = last.into_iter().collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::record;

    fn line(volume: &str, slice: usize, seconds: f64) -> String {
        serde_json::to_string(&record::tests::line(volume, slice, seconds)).unwrap()
    }

    #[test]
    fn unreadable_lines_are_skipped_and_noted() {
        let mut notes = Vec::new();
        let (whole, other) = (line("a.h5", 0, 1.0), line("a.h5", 1, 1.0));
        let text = format!("{whole}\n\n{}\n{{}}\n{other}\n{}", "\u{fffd}", &whole[..50]);
        let found = parsed_lines(Lines::parse(&text), &mut notes);
        assert_eq!(found.iter().map(|l| l.slice).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(
            notes,
            ["batch.jsonl: 3 line(s) are no records of slices and are left out, the first is line 3"]
        );
    }

    #[test]
    fn lines_are_in_the_order_of_the_volumes_and_the_last_of_a_slice_counts() {
        let volumes = ["b.h5", "a.h5"].map(|name| BatchVolume {
            slices: 2,
            ..BatchVolume::unknown(name.into(), name.into())
        });
        let given = [
            line("a.h5", 1, 1.0),
            line("b.h5", 0, 2.0),
            line("a.h5", 1, 3.0),
            line("a.h5", 0, 4.0),
            line("a.h5", 2, 5.0),
            line("c.h5", 0, 6.0),
        ];
        let mut notes = Vec::new();
        let given = parsed_lines(Lines::parse(&given.join("\n")), &mut notes);
        assert!(notes.is_empty());
        let ordered = ordered_lines(given, &volumes, &mut notes);
        let found: Vec<(&str, usize, f64)> = ordered
            .iter()
            .map(|l| (l.volume.as_str(), l.slice, l.seconds))
            .collect();
        assert_eq!(found, [("b.h5", 0, 2.0), ("a.h5", 0, 4.0), ("a.h5", 1, 3.0)]);
        assert_eq!(
            notes,
            ["batch.jsonl: 2 line(s) are of no slice in batch.json and are left out"]
        );
    }
}
