//! What outlives a killed batch: a line for each result, on disk before the result has its name.
//!
//! A result counts as done when it is there and is, byte for byte, what a line says. So a kill at any moment leaves either
//! both, or a line without its result, which is done again.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Shard, SliceLine, VolumeRecord};
use crate::error::{Error, Result};

/// Folder for what is not for eyes.
const FOLDER: &str = ".pvdamp";
const MEND: &str = "make room, or choose another -o folder";

/// A line.
#[derive(Serialize, Deserialize)]
enum Entry {
    /// Before the lines of a run.
    Run {
        recipe: String,
        version: String,
        settings: BTreeMap<String, String>,
    },
    Volume(Box<Finished>),
}

/// A volume that is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// Checksum of what it was made with: version and settings.
    pub recipe: String,
    pub record: VolumeRecord,
    pub slices: Vec<SliceLine>,
}

/// What earlier runs left in a folder, those of other shards among them.
#[derive(Default)]
pub struct Past {
    /// By the name of the result, the latest last.
    pub volumes: HashMap<String, Vec<Finished>>,
    /// Version and settings, by recipe.
    pub recipes: HashMap<String, (String, BTreeMap<String, String>)>,
}

impl Past {
    /// Reads all journals of a folder; none is no error. A line that was torn does not parse, and is passed over.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut past = Self::default();
        let Ok(entries) = std::fs::read_dir(folder.join(FOLDER)) else {
            return Ok(past);
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).map_err(|e| {
                Error::data(
                    path.as_path(),
                    format!("cannot be read ({e})"),
                    "see that it may be read",
                )
            })?;
            for line in bytes.split(|&byte| byte == b'\n') {
                match serde_json::from_slice(line) {
                    Ok(Entry::Run {
                        recipe,
                        version,
                        settings,
                    }) => {
                        past.recipes.insert(recipe, (version, settings));
                    }
                    Ok(Entry::Volume(finished)) => {
                        let name = finished.record.name.clone();
                        past.volumes.entry(name).or_default().push(*finished);
                    }
                    Err(_) => {}
                }
            }
        }
        Ok(past)
    }
}

/// The journal of one shard, or of a whole batch, which nobody else writes.
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens it for this run. Errors: a folder that cannot be written, and another run that is at work on the same; that is
    /// noticed where the file system has locks, and does no harm where it has none.
    pub fn open(
        folder: &Path,
        shard: Option<Shard>,
        recipe: &str,
        version: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let hidden = folder.join(FOLDER);
        let failed = |path: &Path, e: std::io::Error| Error::data(path, format!("cannot be written ({e})"), MEND);
        std::fs::create_dir_all(&hidden).map_err(|e| failed(&hidden, e))?;
        let path = hidden.join(format!("journal{}.jsonl", suffix(shard)));
        let open = OpenOptions::new().create(true).read(true).append(true).open(&path);
        let file = open.map_err(|e| failed(&path, e))?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let mend = "wait for it, stop it, or choose another -o folder or --shard";
            return Err(Error::data(folder, "another pvdamp batch is at work there", mend));
        }
        let mut journal = Self { file, path };
        // a line that was torn ends here
        journal.write("\n".into())?;
        journal.append(&Entry::Run {
            recipe: recipe.into(),
            version: version.into(),
            settings: settings.clone(),
        })?;
        Ok(journal)
    }

    /// Adds a volume whose result is on disk and about to get its name.
    pub fn add(&mut self, finished: &Finished) -> Result<()> {
        self.append(&Entry::Volume(Box::new(finished.clone())))
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)
            .map_err(|e| Error::setting(format!("the journal cannot be put as JSON ({e})")))?;
        self.write(line + "\n")
    }

    fn write(&mut self, text: String) -> Result<()> {
        let written = self
            .file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| Error::data(self.path.as_path(), format!("cannot be written ({e})"), MEND))
    }
}

/// `-2-of-8`, or nothing for the whole.
pub fn suffix(shard: Option<Shard>) -> String {
    shard.map_or(String::new(), |Shard { index, count }| format!("-{index}-of-{count}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Status;
    use crate::batch::record::tests::volume;

    fn finished(name: &str, recipe: &str) -> Finished {
        Finished {
            recipe: recipe.into(),
            record: volume(name, Status::Done),
            slices: Vec::new(),
        }
    }

    #[test]
    fn what_was_added_is_read_back_but_for_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Past::read(folder.path()).unwrap().volumes.is_empty());
        let settings = BTreeMap::from([("method".to_string(), "howl".to_string())]);
        let open = |shard| Journal::open(folder.path(), shard, "r1", "1.0", &settings).unwrap();
        let mut journal = open(None);
        journal.add(&finished("a.h5", "r1")).unwrap();
        // as a kill in the middle of a line leaves it
        journal.write("{\"Volume\":{\"recipe\":\"r1\",\"rec".into()).unwrap();
        drop(journal);
        open(None).add(&finished("b.h5", "r1")).unwrap();
        open("1/2".parse().ok()).add(&finished("a.h5", "r2")).unwrap();
        let past = Past::read(folder.path()).unwrap();
        assert_eq!(past.recipes["r1"], ("1.0".to_string(), settings.clone()));
        let recipes = |name: &str| past.volumes[name].iter().map(|f| f.recipe.clone()).collect::<Vec<_>>();
        let mut a = recipes("a.h5");
        a.sort();
        assert_eq!(
            (a, recipes("b.h5")),
            (vec!["r1".into(), "r2".into()], vec!["r1".to_string()])
        );
    }

    #[test]
    fn two_at_once_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let open = |shard| Journal::open(folder.path(), shard, "r", "1", &BTreeMap::new());
        let held = open(None).unwrap();
        assert!(open(None).err().unwrap().to_string().contains("at work"));
        assert!(open("1/2".parse().ok()).is_ok());
        drop(held);
        assert!(open(None).is_ok());
    }
}
