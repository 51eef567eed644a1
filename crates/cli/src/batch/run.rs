//! A batch at work: every thread of the pool takes slices of whatever scan is open.

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

/// How often the manifest is written while the batch is at work, at most.
const FRESH: Duration = Duration::from_secs(60);

/// A batch ready to run.
pub struct Batch {
    pub plan: Plan,
    pub recipe: Recipe,
    pub output: PathBuf,
    pub shard: Option<Shard>,
    /// Whether it does again what is done.
    pub redo: bool,
    /// Bytes for all slices that are at work at once.
    pub memory: u64,
}

/// Hears how far it is, from several threads.
pub trait Listener: Sync {
    fn slice(&self, volume: &BatchVolume, line: &SliceLine);
    /// Slices that will not come, since their scan failed.
    fn left_out(&self, volume: &BatchVolume, slices: usize);
    /// A scan is done, or failed.
    fn volume(&self, volume: &BatchVolume);
    /// `Break` to stop; what is done is kept.
    fn going(&self) -> ControlFlow<()>;
}

/// What is known, by the name of the result.
struct Ledger {
    volumes: BTreeMap<String, BatchVolume>,
    slices: HashMap<String, Vec<SliceLine>>,
    journal: Journal,
    /// When the manifest was written last.
    written: Instant,
    /// What stopped the batch.
    stopped: Option<Error>,
}

impl Batch {
    /// Does what is left to do; the manifest of all of it. A scan that cannot be used is passed over.
    ///
    /// Errors: [`Error::Interrupted`] when the listener broke off, and results that cannot be written; the manifest is
    /// written where it can be.
    pub fn run(&self, mut journal: Journal, listener: &dyn Listener) -> Result<Manifest> {
        for folder in self.plan.folders(&self.output) {
            AtomicFile::remove_leftovers(&folder, &journal.dead);
        }
        journal.begin(Run {
            recipe: self.plan.recipe.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            settings: self.recipe.described.clone(),
            redo: self.redo,
            word: AtomicFile::word().into(),
        })?;
        let ledger = Mutex::new(self.ledger(journal));
        let to_do = self.plan.volumes.iter().enumerate().filter(|(_, v)| v.to_do());
        let waiting = to_do.map(|(index, volume)| Waiting {
            index,
            slices: volume.record.slices,
            memory: volume.memory,
        });
        let queue = Queue::new(waiting, self.memory, rayon::current_num_threads());
        let at_work = AtWork {
            batch: self,
            queue: &queue,
            ledger: &ledger,
            listener,
            sums: ChecksumCache::default(),
        };
        self.save(lock(&ledger).lines(), State::Running)?;
        rayon::broadcast(|_| at_work.lane());
        let mut ledger = ledger.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        match ledger.stopped.take() {
            Some(error) => {
                // what stopped it is worth more than that this cannot be written either
                let _ = self.save(ledger.lines(), State::Stopped);
                Err(error)
            }
            None => {
                let manifest = self.save(ledger.lines(), State::Complete)?;
                ledger.journal.end()?;
                Ok(manifest)
            }
        }
    }

    fn ledger(&self, journal: Journal) -> Ledger {
        let mut ledger = Ledger {
            volumes: BTreeMap::new(),
            slices: HashMap::new(),
            journal,
            written: Instant::now(),
            stopped: None,
        };
        for volume in &self.plan.volumes {
            let record = match &volume.past {
                Some(past) => {
                    ledger.slices.insert(past.record.name.clone(), past.slices.clone());
                    past.record.clone()
                }
                None => volume.record.clone(),
            };
            ledger.volumes.insert(record.name.clone(), record);
        }
        ledger
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

impl Ledger {
    /// All volumes, and the slices of those that are done, in order.
    fn lines(&mut self) -> (Vec<BatchVolume>, Vec<SliceLine>) {
        self.written = Instant::now();
        let volumes: Vec<BatchVolume> = self.volumes.values().cloned().collect();
        let lines = volumes.iter().filter_map(|volume| self.slices.get(&volume.name));
        let slices = lines.flatten().cloned().collect();
        (volumes, slices)
    }
}

/// What the threads share.
struct AtWork<'a> {
    batch: &'a Batch,
    queue: &'a Queue<OpenVolume>,
    ledger: &'a Mutex<Ledger>,
    listener: &'a dyn Listener,
    sums: ChecksumCache,
}

impl AtWork<'_> {
    /// One thread of the pool, until nothing is left. Where it has to wait, and when it is done, it helps the others with
    /// the coils of their slices.
    fn lane(&self) {
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
        let open = || OpenVolume::open(planned, &self.batch.recipe, &self.batch.output);
        match sheltered(open) {
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
        let done = sheltered(work).unwrap_or_else(|trouble| {
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
        match sheltered(|| volume.close(&self.batch.plan.recipe, &self.sums)) {
            Ok((finished, file)) => self.finished(finished, file),
            Err(trouble) => self.failed(volume.record().clone(), trouble),
        }
    }

    /// The line first, the name then: whoever finds the result finds the line.
    fn finished(&self, finished: Finished, file: AtomicFile) {
        let mut ledger = lock(self.ledger);
        let named = ledger.journal.add(&finished).and_then(|()| file.commit());
        if let Err(error) = named {
            drop(ledger);
            return self.stop(error);
        }
        let Finished { record, slices, .. } = finished;
        ledger.slices.insert(record.name.clone(), slices);
        self.note(ledger, record);
    }

    fn failed(&self, mut record: BatchVolume, trouble: Trouble) {
        match trouble {
            Trouble::All(error) => self.stop(error),
            Trouble::Scan(error) => {
                record.fail(&error);
                self.note(lock(self.ledger), record);
            }
        }
    }

    fn note(&self, mut ledger: MutexGuard<'_, Ledger>, record: BatchVolume) {
        self.listener.volume(&record);
        ledger.volumes.insert(record.name.clone(), record);
        let lines = (ledger.written.elapsed() >= FRESH).then(|| ledger.lines());
        drop(ledger);
        if let Some(lines) = lines {
            // it is written again at the end, which tells
            let _ = self.batch.save(lines, State::Running);
        }
    }

    fn stop(&self, error: Error) {
        self.queue.stop();
        lock(self.ledger).stopped.get_or_insert(error);
    }
}

/// A defect that ends a thread's work must not end that of others.
fn sheltered<T>(work: impl FnOnce() -> std::result::Result<T, Trouble>) -> std::result::Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().map(String::as_str);
        let told = told.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason");
        Err(Trouble::Scan(Error::internal(format!(
            "a panic stopped this scan: {told}"
        ))))
    })
}
