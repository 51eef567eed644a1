//! The journal of a batch: a line for each result, synced to disk before the result gets its final name.
//!
//! A result counts as done if it exists and its checksum is that of a line. So a kill leaves both, or a line without
//! its result. In that case the volume is reconstructed again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::shard::suffix;
use super::{BatchVolume, Shard, SliceLine, manifest};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{append_regular, open_regular, read_regular};

/// Hidden folder for the journals.
const JOURNAL_FOLDER: &str = ".pvdamp";
const LOCK_ATTEMPTS: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const MEND: &str = "make room, or choose another -o folder";

/// A line of the journal.
#[derive(Serialize, Deserialize)]
enum Entry {
    /// Starts the lines of a run.
    Run(Run),
    Volume(Box<Finished>),
    /// The run completed everything.
    End,
}

impl Entry {
    /// Whether a batch can have written it: names of results lie below its folder, words are letters and digits.
    fn is_ours(&self) -> bool {
        let below = |name: &str| {
            Path::new(name)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
        };
        match self {
            Self::Run(run) => !run.word.is_empty() && run.word.chars().all(|c| c.is_ascii_alphanumeric()),
            Self::Volume(finished) => !finished.record.name.is_empty() && below(&finished.record.name),
            Self::End => true,
        }
    }
}

/// A run of a batch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Checksum of version and settings.
    pub recipe: String,
    pub version: String,
    pub settings: BTreeMap<String, String>,
    /// Whether finished volumes are reconstructed again.
    pub redo: bool,
    /// The word of the process that runs it: `AtomicFile::word`.
    pub word: String,
}

/// A volume that is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finished {
    /// [`Run::recipe`].
    pub recipe: String,
    pub record: BatchVolume,
    pub slices: Vec<SliceLine>,
}

/// What earlier runs in a folder did, including those of other shards.
#[derive(Default)]
pub struct EarlierRuns {
    /// By the name of the result, in the order in which they finished.
    pub volumes: HashMap<String, Vec<Finished>>,
    /// The last run of each recipe.
    pub runs: HashMap<String, Run>,
}

impl EarlierRuns {
    /// Reads all journals of a folder. A folder without journals is no error.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut past = Self::default();
        for path in journal_paths(folder) {
            for entry in entries(&path)? {
                match entry {
                    Entry::Run(run) => {
                        past.runs.insert(run.recipe.clone(), run);
                    }
                    Entry::Volume(finished) => {
                        let name = finished.record.name.clone();
                        past.volumes.entry(name).or_default().push(*finished);
                    }
                    Entry::End => {}
                }
            }
        }
        Ok(past)
    }
}

/// Whether this process could lock the journal, or the file system has no locks. Other processes that start take the
/// lock briefly to see whether it is free, so it is tried several times.
fn try_lock_exclusive(file: &File) -> bool {
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            _ => return true,
        }
    }
    false
}

fn journal_paths(folder: &Path) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(folder.join(JOURNAL_FOLDER))
        .into_iter()
        .flatten()
        .flatten();
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    paths
}

/// Incomplete lines do not parse and are skipped.
fn entries(path: &Path) -> Result<Vec<Entry>> {
    let bytes = read_regular(path)
        .map_err(|e| Error::data(path, format!("cannot be read ({e})"), "see that it may be read"))?;
    let lines = bytes.split(|&byte| byte == b'\n');
    let entries = lines.filter_map(|line| serde_json::from_slice(line).ok());
    Ok(entries.filter(Entry::is_ours).collect())
}

/// The journal of one shard, or of a whole batch. Only one process writes it.
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Words of processes that have ended and may have left temporary files (`AtomicFile::word`).
    pub ended_runs: HashSet<String>,
    /// Recipe and finished volumes of an earlier `--redo` run that did not complete.
    redone: (String, HashSet<String>),
}

impl Journal {
    /// Opens the journal for this run. Nothing is written yet.
    ///
    /// Errors: a folder that cannot be written or whose manifest is not a batch's, and another process that runs the
    /// same shard. The latter is detected only if the file system has locks; otherwise both do the same work.
    pub fn open(folder: &Path, shard: Option<Shard>) -> Result<Self> {
        let hidden = folder.join(JOURNAL_FOLDER);
        let [manifest, _] = manifest::paths(folder, shard);
        if manifest.exists() && !hidden.exists() {
            let problem = "is there, and no batch wrote it";
            return Err(Error::data(manifest.as_path(), problem, "choose another -o folder"));
        }
        if hidden.is_symlink() {
            let problem = "is a link: what lies elsewhere is not this batch's to write";
            let mend = "remove the link, or choose another -o folder";
            return Err(Error::data(hidden.as_path(), problem, mend));
        }
        let failed = |path: &Path, e: std::io::Error| Error::data(path, format!("cannot be written ({e})"), MEND);
        std::fs::create_dir_all(&hidden).map_err(|e| failed(&hidden, e))?;
        let path = hidden.join(format!("journal{}.jsonl", suffix(shard)));
        let file = append_regular(&path).map_err(|e| failed(&path, e))?;
        if !try_lock_exclusive(&file) {
            let mend = "wait for it, stop it, or choose another -o folder or --shard";
            return Err(Error::data(folder, "another pvdamp batch is at work there", mend));
        }
        let mut journal = Self {
            file,
            path,
            ended_runs: HashSet::new(),
            redone: Default::default(),
        };
        journal.replay(folder)?;
        Ok(journal)
    }

    /// Volumes that an incomplete `--redo` run with this recipe has finished.
    pub fn redone_volumes(&self, recipe: &str) -> HashSet<String> {
        match &self.redone {
            (of, names) if of == recipe => names.clone(),
            _ => HashSet::new(),
        }
    }

    /// Reads its own lines, and the runs in other journals that no process has locked.
    fn replay(&mut self, folder: &Path) -> Result<()> {
        let mut unfinished = false;
        for entry in entries(&self.path)? {
            match entry {
                Entry::Run(run) => {
                    if !(unfinished && run.redo && run.recipe == self.redone.0) {
                        self.redone = (run.recipe, HashSet::new());
                    }
                    unfinished = run.redo;
                    self.ended_runs.insert(run.word);
                }
                Entry::Volume(finished) => {
                    self.redone.1.insert(finished.record.name);
                }
                Entry::End => unfinished = false,
            }
        }
        if !unfinished {
            self.redone = Default::default();
        }
        for other in journal_paths(folder).into_iter().filter(|path| *path != self.path) {
            // the lock is released at once; that it was free is enough to know
            let is_free = open_regular(&other).is_ok_and(|file| file.try_lock_shared().is_ok());
            if is_free {
                let words = entries(&other)?.into_iter().filter_map(|entry| match entry {
                    Entry::Run(run) => Some(run.word),
                    _ => None,
                });
                self.ended_runs.extend(words);
            }
        }
        Ok(())
    }

    /// Records the start of a run.
    pub fn begin(&mut self, run: Run) -> Result<()> {
        // ends a line that a kill cut off
        self.write("\n".into())?;
        self.append(&Entry::Run(run))
    }

    /// Adds a volume whose result is on disk but does not have its final name yet.
    pub fn add(&mut self, finished: &Finished) -> Result<()> {
        self.append(&Entry::Volume(Box::new(finished.clone())))
    }

    /// Records that the run completed everything.
    pub fn end(&mut self) -> Result<()> {
        self.append(&Entry::End)
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)
            .map_err(|e| Error::internal(format!("the journal cannot be put as JSON ({e})")))?;
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

    fn run(word: &str, redo: bool) -> Run {
        Run {
            recipe: "r1".into(),
            version: "1.0".into(),
            settings: BTreeMap::from([("method".to_string(), "howl".to_string())]),
            redo,
            word: word.into(),
        }
    }

    #[test]
    fn entries_are_read_back_except_an_incomplete_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(EarlierRuns::read(folder.path()).unwrap().volumes.is_empty());
        let open = |shard, word| {
            let mut journal = Journal::open(folder.path(), shard).unwrap();
            journal.begin(run(word, false)).unwrap();
            journal
        };
        let mut journal = open(None, "w1");
        journal.add(&finished("a.h5", "r1")).unwrap();
        // as a kill in the middle of a line would leave it
        journal.write("{\"Volume\":{\"recipe\":\"r1\",\"rec".into()).unwrap();
        drop(journal);
        open(None, "w2").add(&finished("b.h5", "r1")).unwrap();
        let mut shard = open("1/2".parse().ok(), "w3");
        assert_eq!(shard.ended_runs, HashSet::from(["w1".to_string(), "w2".to_string()]));
        shard.add(&finished("a.h5", "r2")).unwrap();
        // that run has not ended
        assert!(!Journal::open(folder.path(), None).unwrap().ended_runs.contains("w3"));
        let past = EarlierRuns::read(folder.path()).unwrap();
        assert_eq!(past.runs["r1"].settings["method"], "howl");
        let recipes = |name: &str| past.volumes[name].iter().map(|f| f.recipe.clone()).collect::<Vec<_>>();
        let mut a = recipes("a.h5");
        a.sort();
        assert_eq!(
            (a, recipes("b.h5")),
            (vec!["r1".into(), "r2".into()], vec!["r1".to_string()])
        );
    }

    #[test]
    fn lines_that_point_out_of_the_folder_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), None).unwrap();
        for word in ["../x", "", "a/b"] {
            journal.begin(run(word, false)).unwrap();
        }
        journal.begin(run("0a1b2c", false)).unwrap();
        for name in ["sub/a.h5", "/etc/a.h5", "../a.h5", "sub/../../a.h5", ""] {
            journal.add(&finished(name, "r1")).unwrap();
        }
        drop(journal);
        let past = EarlierRuns::read(folder.path()).unwrap();
        assert_eq!(past.volumes.keys().collect::<Vec<_>>(), ["sub/a.h5"]);
        let ended = Journal::open(folder.path(), None).unwrap().ended_runs;
        assert_eq!(ended, HashSet::from(["0a1b2c".to_string()]));
    }

    #[test]
    fn a_second_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = |shard| Journal::open(folder.path(), shard);
        let held = open(None).unwrap();
        assert!(open(None).err().unwrap().to_string().contains("at work"));
        assert!(open("1/2".parse().ok()).is_ok());
        drop(held);
        assert!(open(None).is_ok());
    }

    #[test]
    fn redo_resumes_until_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Journal::open(folder.path(), None).unwrap();
        let redone = |journal: &Journal| {
            let mut names: Vec<String> = journal.redone.1.iter().cloned().collect();
            names.sort();
            names
        };
        let work = |redo: bool, name: &str| {
            let mut journal = open();
            journal.begin(run("w", redo)).unwrap();
            journal.add(&finished(name, "r1")).unwrap();
            journal
        };
        drop(work(false, "a.h5"));
        assert!(redone(&open()).is_empty());
        drop(work(true, "b.h5"));
        assert_eq!(redone(&open()), ["b.h5"]);
        let mut journal = work(true, "c.h5");
        journal.end().unwrap();
        drop(journal);
        assert!(redone(&open()).is_empty());
        drop(work(true, "d.h5"));
        assert_eq!(redone(&open()), ["d.h5"]);
        drop(work(false, "e.h5"));
        assert!(redone(&open()).is_empty());
    }

    #[test]
    fn a_foreign_manifest_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("batch.json"), "{}").unwrap();
        let message = Journal::open(folder.path(), None).err().unwrap().to_string();
        assert!(
            message.contains("batch.json") && message.contains("no batch wrote it"),
            "{message}"
        );
    }
}
