//! One scan at work: opened, its slices in any order and several at once, and its result closed.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use super::file::ChecksumCache;
use super::journal::Finished;
use super::plan::Planned;
use super::{BatchVolume, FastMriMetrics, FileRecord, Recipe, SliceLine, Status, lock};
use pvdamp::array::Grid;
use pvdamp::quality::{FastMri, Score, common_region, crop};
use pvdamp::reconstruct::MapsRecord;
use pvdamp::solve::IterationRecord;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{AtomicFile, ReadFiles, Scan};
use pvdamp_io::recon::{ResultFile, ScanReconstruction, SliceRecord, SliceResult};

/// What stops a scan.
pub enum Trouble {
    /// It cannot be used; the others can.
    Scan(Error),
    /// Nothing more can be written, or the user asked to stop: all of them.
    All(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Interrupted => Self::All(error),
            _ => Self::Scan(error),
        }
    }
}

/// A scan that is open, with its result under a temporary name.
pub struct OpenVolume {
    /// Bytes that a slice takes at work.
    pub memory: u64,
    record: BatchVolume,
    start: Instant,
    /// Everything that is read for it, as it was before.
    read: ReadFiles,
    reconstruction: ScanReconstruction,
    /// What there is to warn of in all slices.
    known_warnings: Vec<String>,
    /// Maximum of the reference, where there is one that the images can be held to.
    range: Option<f64>,
    work: Mutex<Work>,
    /// Slices that are not done.
    left: AtomicUsize,
}

struct Work {
    /// `None` once it is closed, or after a failure.
    output: Option<ResultFile>,
    slices: Vec<(SliceLine, Option<Score>)>,
    trouble: Option<Trouble>,
}

impl OpenVolume {
    /// Errors: [`Trouble::All`] where the folder of results cannot be written.
    pub fn open(
        planned: &Planned,
        recipe: &Recipe,
        output: &Path,
        going: &dyn Fn() -> ControlFlow<()>,
    ) -> std::result::Result<Self, Trouble> {
        let start = Instant::now();
        let read = ReadFiles::of(planned.read.iter().cloned());
        let reconstruction = recipe.open(&planned.input, going)?;
        let scan = reconstruction.scan();
        let known = reconstruction.setup().warnings();
        let mut record = planned.record.clone();
        (record.slices, record.coils) = (scan.slices(), scan.coils());
        record.acceleration = Some(reconstruction.sampling().record.acceleration);
        record.warnings = [&scan.warnings[..], &known].concat();
        record.warnings.extend(reconstruction.decision().why_two_sets.clone());
        record.choice = reconstruction.decision().choice.why.map(str::to_string);
        let range = match range_of(scan) {
            Ok(range) => range,
            Err(error) => {
                record.warnings.push(format!("there are no metrics: {error}"));
                None
            }
        };
        let path = output.join(&record.name);
        if let Some(folder) = path.parent() {
            let failed = |e: std::io::Error| Error::data(folder, format!("this folder cannot be made ({e})"), ROOM);
            std::fs::create_dir_all(folder)
                .map_err(failed)
                .map_err(|error| blame(error, output))?;
        }
        let work = ResultFile::create(&path, &reconstruction).map_err(|error| blame(error, output))?;
        Ok(Self {
            memory: reconstruction
                .setup()
                .workload(reconstruction.sets())
                .in_batch(record.slices),
            start,
            read,
            range,
            left: AtomicUsize::new(record.slices),
            record,
            known_warnings: known,
            reconstruction,
            work: Mutex::new(Work {
                output: Some(work),
                slices: Vec::new(),
                trouble: None,
            }),
        })
    }

    pub fn slices(&self) -> usize {
        self.record.slices
    }

    /// Reconstructs a slice and writes it. What goes wrong is kept, and the slices after it are not begun.
    pub fn slice(&self, slice: usize, going: &dyn Fn() -> ControlFlow<()>) -> Option<SliceLine> {
        if self.lock().trouble.is_some() {
            return None;
        }
        let done = self.try_slice(slice, going);
        done.map_err(|trouble| self.fail(trouble)).ok()
    }

    fn try_slice(&self, slice: usize, going: &dyn Fn() -> ControlFlow<()>) -> std::result::Result<SliceLine, Trouble> {
        if going().is_break() {
            return Err(Trouble::All(Error::Interrupted));
        }
        let result = self.reconstruction.slice(slice, &mut |_: &IterationRecord| going())?;
        let score = self.range.map(|range| self.score(&result, range)).transpose()?;
        let metrics = score
            .as_ref()
            .zip(self.range)
            .map(|(score, range)| score.metrics(range).into());
        let line = line_of(&self.record, &result.record, metrics, &self.known_warnings);
        let mut work = self.lock();
        if let Some(output) = &mut work.output {
            output.write(&result).map_err(Trouble::All)?;
        }
        work.slices.push((line.clone(), score));
        Ok(line)
    }

    fn score(&self, result: &SliceResult, range: f64) -> Result<Score> {
        let target = self.reconstruction.scan().read_reference(result.record.slice)?;
        let target = target.ok_or_else(|| {
            Error::data(
                self.reconstruction.scan().place().clone(),
                "lost its reference",
                "run it again",
            )
        })?;
        let region = common_region(target.dim().into(), Grid::from(result.magnitude.dim()));
        Ok(Score::of(
            crop(target.view(), region),
            crop(result.magnitude.view(), region),
            range,
        ))
    }

    /// Keeps the first trouble; the result is given up.
    pub fn fail(&self, trouble: Trouble) {
        let mut work = self.lock();
        work.output = None;
        work.trouble.get_or_insert(trouble);
    }

    /// Some slices are done, or left out: whether none are left.
    pub fn ended(&self, slices: usize) -> bool {
        self.left.fetch_sub(slices, Ordering::AcqRel) == slices
    }

    /// What came of it, when no slice is left: the result, still without its name.
    pub fn close(&self, recipe: &str, sums: &ChecksumCache) -> std::result::Result<(Finished, AtomicFile), Trouble> {
        let mut work = self.lock();
        let output = work.output.take();
        if let Some(trouble) = work.trouble.take() {
            return Err(trouble);
        }
        let mut slices = std::mem::take(&mut work.slices);
        drop(work);
        slices.sort_by_key(|(line, _)| line.slice);
        let mut total = Score::default();
        slices
            .iter()
            .filter_map(|(_, score)| score.as_ref())
            .for_each(|score| total.add(score));
        let output = output.ok_or_else(|| Error::internal("a result was closed twice"))?;
        let mut file = output.close().map_err(Trouble::All)?;
        file.close().map_err(Trouble::All)?;
        let mut record = self.record.clone();
        self.read.check()?;
        for path in self.read.paths() {
            record.read.push(sums.record(path)?);
        }
        // the checksums too are those of what was read
        self.read.check()?;
        record.written = Some(FileRecord::of(file.temporary(), self.record.name.clone()).map_err(Trouble::All)?);
        record.metrics = self.range.map(|range| total.metrics(range).into());
        record.status = Status::Done;
        record.seconds = Some(self.start.elapsed().as_secs_f64());
        let finished = Finished {
            recipe: recipe.into(),
            record,
            slices: slices.into_iter().map(|(line, _)| line).collect(),
        };
        Ok((finished, file))
    }

    /// What is known of it.
    pub fn record(&self) -> &BatchVolume {
        &self.record
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        lock(&self.work)
    }
}

const ROOM: &str = "make room, or choose another -o folder";

/// Whether a result cannot be begun because of itself, or because nothing can be written any more.
fn blame(error: Error, output: &Path) -> Trouble {
    let probe = AtomicFile::create(&output.join("probe")).and_then(|mut file| {
        let written = std::io::Write::write_all(&mut file, &[1; 1 << 16]);
        written.map_err(|e| Error::data(output, format!("cannot be written ({e})"), ROOM))?;
        file.close()
    });
    match probe {
        Ok(()) => Trouble::Scan(error),
        Err(_) => Trouble::All(error),
    }
}

/// Maximum of the part of the reference that images are held to. Errors: a reference that cannot be read.
fn range_of(scan: &Scan) -> Result<Option<f64>> {
    let mut range = None;
    for slice in 0..scan.slices() {
        let Some(target) = scan.read_reference(slice)? else {
            return Ok(None);
        };
        let region = common_region(target.dim().into(), scan.crop_size());
        let largest = crop(target.view(), region).iter().copied().fold(0.0, f32::max);
        range = Some(range.unwrap_or(0.0_f64).max(f64::from(largest)));
    }
    Ok(range)
}

impl From<FastMri> for FastMriMetrics {
    fn from(found: FastMri) -> Self {
        Self {
            nmse: found.nmse,
            // JSON has no infinity
            psnr_db: found.psnr.filter(|psnr| psnr.is_finite()),
            ssim: found.ssim,
        }
    }
}

fn line_of(volume: &BatchVolume, slice: &SliceRecord, metrics: Option<FastMriMetrics>, known: &[String]) -> SliceLine {
    let SliceRecord { slice, record } = slice;
    let history = record.history.as_ref();
    SliceLine {
        volume: volume.name.clone(),
        slice: *slice,
        version: record.version.into(),
        method: record.method.into(),
        acceleration: record.sampling.acceleration,
        iterations: history.map_or(0, |history| history.iterations.len()),
        kept: history.map_or(0, |history| history.kept),
        stop: history.map(|history| history.stop.name().into()),
        lambda: record.lambda,
        predicted_nmse: record.predicted_nmse,
        maps_unexplained: record.maps.as_ref().and_then(MapsRecord::unexplained),
        metrics,
        seconds: record.seconds,
        preparation_seconds: record.preparation_seconds,
        notes: record.notes.clone(),
        // those of the whole scan are recorded once
        warnings: record
            .warnings
            .iter()
            .filter(|warning| !known.contains(warning))
            .cloned()
            .collect(),
    }
}
