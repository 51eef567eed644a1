//! Runs a batch: every thread of the pool takes the next slice of any open scan.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::file::ChecksumCache;
use super::journal::{Finished, Journal, Run};
use super::manifest::now;
use super::queue::{Queue, Waiting, Work};
use super::volume::{OpenVolume, Trouble};
use super::{BatchVolume, Manifest, Plan, Recipe, Shard, SliceLine, State, Totals, lock};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::AtomicFile;
use pvdamp_io::recon::Machine;

/// The shortest time between two writes of the manifest while the batch runs.
const MANIFEST_INTERVAL: Duration = Duration::from_secs(60);

/// A batch ready to run.
pub struct Batch {
    pub plan: Plan,
    pub recipe: Recipe,
    pub output: PathBuf,
    pub shard: Option<Shard>,
    /// Whether finished volumes are reconstructed again.
    pub redo: bool,
    /// Bytes for all slices that are reconstructed at once.
    pub memory: u64,
}

/// Receives progress, from several threads.
pub trait Listener: Sync {
    fn slice(&self, volume: &BatchVolume, line: &SliceLine);
    /// Slices that are dropped because their scan failed.
    fn left_out(&self, volume: &BatchVolume, slices: usize);
    /// A scan is done or has failed.
    fn volume(&self, volume: &BatchVolume);
    /// `Break` stops the batch. Finished volumes are kept.
    fn going(&self) -> ControlFlow<()>;
}

/// The records of the batch so far, by the name of the result.
struct BatchRecords {
    volumes: BTreeMap<String, BatchVolume>,
    slices: HashMap<String, Vec<SliceLine>>,
    journal: Journal,
    /// When the manifest was last written.
    written: Instant,
    /// What stopped the batch.
    stopped: Option<Error>,
}

impl Batch {
    /// Reconstructs what is left and returns the manifest. Scans that cannot be used are skipped.
    ///
    /// Errors: [`Error::Interrupted`] when the listener stopped it, and results that cannot be written. The manifest is
    /// still written if possible.
    pub fn run(&self, mut journal: Journal, listener: &dyn Listener) -> Result<Manifest> {
        for folder in self.plan.folders(&self.output) {
            AtomicFile::remove_leftovers(&folder, &journal.ended_runs);
        }
        journal.begin(Run {
            recipe: self.plan.recipe.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            settings: self.recipe.described.clone(),
            redo: self.redo,
            word: AtomicFile::word().into(),
        })?;
        let records = Mutex::new(self.records(journal));
        let to_do = self.plan.volumes.iter().enumerate().filter(|(_, v)| v.to_do());
        let waiting = to_do.map(|(index, volume)| Waiting {
            index,
            slices: volume.record.slices,
            memory: volume.memory,
        });
        let queue = Queue::new(waiting, self.memory, rayon::current_num_threads());
        let workers = Workers {
            batch: self,
            queue: &queue,
            records: &records,
            listener,
            sums: ChecksumCache::default(),
        };
        self.save(lock(&records).lines(), State::Running)?;
        rayon::broadcast(|_| workers.take_work());
        let mut records = records.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        match records.stopped.take() {
            Some(error) => {
                // the error that stopped the batch matters more than one in writing the manifest
                let _ = self.save(records.lines(), State::Stopped);
                Err(error)
            }
            None => {
                let manifest = self.save(records.lines(), State::Complete)?;
                records.journal.end()?;
                Ok(manifest)
            }
        }
    }

    fn records(&self, journal: Journal) -> BatchRecords {
        let mut records = BatchRecords {
            volumes: BTreeMap::new(),
            slices: HashMap::new(),
            journal,
            written: Instant::now(),
            stopped: None,
        };
        for volume in &self.plan.volumes {
            let record = match &volume.past {
                Some(past) => {
                    records.slices.insert(past.record.name.clone(), past.slices.clone());
                    past.record.clone()
                }
                None => volume.record.clone(),
            };
            records.volumes.insert(record.name.clone(), record);
        }
        records
    }

    /// Writes the manifest.
    fn save(&self, (volumes, slices): (Vec<BatchVolume>, Vec<SliceLine>), state: State) -> Result<Manifest> {
        let manifest = Manifest {
            version: env!("CARGO_PKG_VERSION").into(),
            state,
            settings: self.recipe.described.clone(),
            shard: self.shard,
            plan: self.plan.sum.clone(),
            scans: self.plan.scans,
            machine: Machine::this(),
            written_at: now(),
            totals: Totals::of(&volumes, &slices),
            volumes,
        };
        manifest.write(&slices, &self.output)?;
        Ok(manifest)
    }
}

impl BatchRecords {
    /// All volumes, and the slices of those that are done, in order by name.
    fn lines(&mut self) -> (Vec<BatchVolume>, Vec<SliceLine>) {
        self.written = Instant::now();
        let volumes: Vec<BatchVolume> = self.volumes.values().cloned().collect();
        let lines = volumes.iter().filter_map(|volume| self.slices.get(&volume.name));
        let slices = lines.flatten().cloned().collect();
        (volumes, slices)
    }
}

/// What the threads of the pool share.
struct Workers<'a> {
    batch: &'a Batch,
    queue: &'a Queue<OpenVolume>,
    records: &'a Mutex<BatchRecords>,
    listener: &'a dyn Listener,
    sums: ChecksumCache,
}

impl Workers<'_> {
    /// The loop of one thread, until no work is left. While it waits, and after it ends, the thread helps others with
    /// the coils of their slices.
    fn take_work(&self) {
        loop {
            let next = self.queue.next();
            if !matches!(next, Work::Done) && self.listener.going().is_break() {
                return self.stop(Error::Interrupted);
            }
            match next {
                Work::Open(waiting) => self.open(waiting),
                Work::Slice(volume, slice) => self.slice(&volume, slice),
                Work::Wait => match rayon::yield_now() {
                    Some(rayon::Yield::Executed) => {}
                    _ => std::thread::sleep(Duration::from_millis(1)),
                },
                Work::Done => break,
            }
        }
    }

    fn open(&self, waiting: Waiting) {
        let planned = &self.batch.plan.volumes[waiting.index];
        let open = || {
            OpenVolume::open(planned, &self.batch.recipe, &self.batch.output, &|| {
                self.listener.going()
            })
        };
        match catch_panic(open) {
            Ok(volume) => {
                let (slices, memory) = (volume.slices(), volume.memory);
                self.queue.opened(waiting, Some((Arc::new(volume), slices, memory)));
            }
            Err(trouble) => {
                self.queue.opened(waiting, None);
                self.listener.left_out(&planned.record, planned.record.slices);
                self.failed(planned.record.clone(), trouble);
            }
        }
    }

    fn slice(&self, volume: &Arc<OpenVolume>, slice: usize) {
        let work = || Ok(volume.slice(slice, &|| self.listener.going()));
        let done = catch_panic(work).unwrap_or_else(|trouble| {
            volume.fail(trouble);
            None
        });
        self.queue.ended(volume.memory);
        let mut ended = 1;
        match done {
            Some(line) => self.listener.slice(volume.record(), &line),
            None => {
                ended += self.queue.drop_slices(volume);
                self.listener.left_out(volume.record(), ended);
            }
        }
        if volume.ended(ended) {
            self.close(volume);
        }
    }

    fn close(&self, volume: &OpenVolume) {
        match catch_panic(|| volume.close(&self.batch.plan.recipe, &self.sums)) {
            Ok((finished, file)) => self.finished(finished, file),
            Err(trouble) => self.failed(volume.record().clone(), trouble),
        }
    }

    /// Writes the line of the journal before the result gets its name, so that every result has a line.
    fn finished(&self, finished: Finished, file: AtomicFile) {
        let mut records = lock(self.records);
        let named = records.journal.add(&finished).and_then(|()| file.commit());
        if let Err(error) = named {
            drop(records);
            return self.stop(error);
        }
        let Finished { record, slices, .. } = finished;
        records.slices.insert(record.name.clone(), slices);
        self.record_volume(records, record);
    }

    fn failed(&self, mut record: BatchVolume, trouble: Trouble) {
        match trouble {
            Trouble::All(error) => self.stop(error),
            Trouble::Scan(error) => {
                record.fail(&error);
                self.record_volume(lock(self.records), record);
            }
        }
    }

    fn record_volume(&self, mut records: MutexGuard<'_, BatchRecords>, record: BatchVolume) {
        self.listener.volume(&record);
        records.volumes.insert(record.name.clone(), record);
        let lines = (records.written.elapsed() >= MANIFEST_INTERVAL).then(|| records.lines());
        drop(records);
        if let Some(lines) = lines {
            // an error shows at the end, when the manifest is written again
            let _ = self.batch.save(lines, State::Running);
        }
    }

    fn stop(&self, error: Error) {
        self.queue.stop();
        lock(self.records).stopped.get_or_insert(error);
    }
}

/// Turns a panic into an error of the scan, so that the other scans continue.
fn catch_panic<T>(work: impl FnOnce() -> std::result::Result<T, Trouble>) -> std::result::Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
        Err(Trouble::Scan(Error::internal(format!(
            "a panic stopped this scan: {message}"
        ))))
    })
}
