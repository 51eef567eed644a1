//! What is to be done: every scan looked at, none read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::file::{seed_of, sha256_of};
use super::journal::{EarlierRuns, Finished, Run};
use super::record::differences;
use super::{BatchVolume, FileRecord, Input, Shard, Status};
use pvdamp::reconstruct::Asking;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{Anonymizer, Outline, Scan, ScanOptions, acquisition_code, files_of};
use pvdamp_io::recon::{PROGRAM_MEMORY, SamplingSource, ScanReconstruction, ScanSettings, ScanSetup, Workload};

/// What all scans of a batch share.
pub struct Recipe {
    pub scan: ScanOptions,
    /// Of every scan. A file that they name may be a folder: each scan then has its own file there, of the name of its
    /// result. The seed of a mask is made one for each scan.
    pub settings: ScanSettings,
    /// What takes out of results who was scanned.
    pub anonymizer: Option<Anonymizer>,
    /// What the settings are made of, by option.
    pub described: BTreeMap<String, String>,
}

/// A scan of the plan.
pub struct Planned {
    pub input: Input,
    pub record: BatchVolume,
    /// Every file that is read for it: those of the scan, and those that the settings name.
    pub read: Vec<PathBuf>,
    /// Of an earlier run, whose result is there and whole.
    pub past: Option<Finished>,
    /// Bytes that one of its slices takes while it is reconstructed.
    pub memory: u64,
}

/// All scans of a batch, or of one shard of it.
pub struct Plan {
    pub volumes: Vec<Planned>,
    /// Checksum over the names and sizes of all scans of the batch.
    pub sum: String,
    /// Of the whole batch.
    pub scans: usize,
    /// Version and settings in one word.
    pub recipe: String,
}

impl Planned {
    /// Whether it can be done and was not.
    pub fn to_do(&self) -> bool {
        self.past.is_none() && self.record.status == Status::Left
    }
}

impl Recipe {
    /// What tells results of this program and these settings from others.
    pub fn sum(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        sha256_of(&format!("{version} {:?}", self.described))[..16].to_string()
    }

    /// Opens a scan with its settings.
    pub fn open(&self, input: &Input, going: &dyn Fn() -> ControlFlow<()>) -> Result<ScanReconstruction> {
        let mut scan = Scan::open(&input.path, &self.scan)?;
        if let Some(by) = &self.anonymizer {
            scan.anonymize(by);
        }
        let setup = ScanSetup::new(&Arc::new(scan), &self.settings_of(input))?;
        ScanReconstruction::settle(setup, &mut Asking(going))
    }

    /// The settings of one scan.
    pub fn settings_of(&self, input: &Input) -> ScanSettings {
        let mut settings = self.settings.clone();
        if let SamplingSource::Draw { family, request } = &mut settings.sampling {
            request.seed = volume_seed(request.seed, input.volume());
            if family.lines {
                request.seed &= u64::from(u32::MAX);
            }
        }
        for place in settings.places_mut().filter(|place| place.file.is_dir()) {
            place.file = place.file.join(&input.name);
        }
        settings
    }
}

/// The seed of the mask of a scan, from that of the batch and the scan's name, so that it is the same in every run.
fn volume_seed(seed: u64, volume: &str) -> u64 {
    seed_of(&format!("{seed}:{volume}"))
}

impl Plan {
    /// Looks at every scan: those that cannot be opened are known to have failed. Of a shard, its own are kept.
    ///
    /// Errors: settings that no scan can be reconstructed with; [`Error::Interrupted`] when `going` breaks off.
    pub fn new(
        inputs: Vec<Input>,
        recipe: &Recipe,
        shard: Option<Shard>,
        going: &dyn Fn() -> ControlFlow<()>,
    ) -> Result<Self> {
        let mut looked: Vec<(Planned, Option<Error>)> = Vec::new();
        for input in inputs {
            if going().is_break() {
                return Err(Error::Interrupted);
            }
            looked.push(look(input, recipe));
        }
        let refused = looked
            .iter()
            .all(|(_, error)| error.as_ref().is_some_and(Error::is_setting));
        let (mut volumes, errors): (Vec<Planned>, Vec<Option<Error>>) = looked.into_iter().unzip();
        if let (true, Some(error)) = (refused, errors.into_iter().flatten().next()) {
            return Err(error);
        }
        let sizes = |v: &Planned| {
            format!(
                "{} {} {} {}\n",
                v.record.name, v.record.slices, v.record.rows, v.record.cols
            )
        };
        let sum = sha256_of(&volumes.iter().map(sizes).collect::<String>())[..16].to_string();
        let scans = volumes.len();
        if let Some(Shard { index, count }) = shard {
            let slices: Vec<usize> = volumes.iter().map(|volume| volume.record.slices).collect();
            let parts = Shard::assign(&slices, count);
            let mut parts = parts.into_iter();
            volumes.retain(|_| parts.next() == Some(index));
        }
        Ok(Self {
            volumes,
            sum,
            scans,
            recipe: recipe.sum(),
        })
    }

    /// Finds what earlier runs have done of it: results that are there, are what was written, byte for byte, and were made
    /// of scans and other files that are still the same.
    ///
    /// With `redo` all is to be done again but for what it names, which was.
    ///
    /// Errors: a result's name that something else has, unless `redo`; [`Error::Interrupted`] when `going` breaks off.
    pub fn take_up(
        &mut self,
        output: &Path,
        redo: Option<&HashSet<String>>,
        described: &BTreeMap<String, String>,
        going: &(dyn Fn() -> ControlFlow<()> + Sync),
    ) -> Result<()> {
        let past = EarlierRuns::read(output)?;
        let recipe = &self.recipe;
        let taken: Result<Vec<()>> = self
            .volumes
            .par_iter_mut()
            .map(|volume| {
                if going().is_break() {
                    return Err(Error::Interrupted);
                }
                let name = &volume.input.name;
                if redo.is_some_and(|names| !names.contains(name)) {
                    return Ok(());
                }
                let known = past.volumes.get(name);
                match standing(known, &output.join(name), recipe) {
                    Standing::Done(finished) => {
                        let then = &finished.record.read;
                        let still = then
                            .iter()
                            .zip(&volume.read)
                            .all(|(file, path)| file.is_unchanged(path));
                        volume.past = (still && then.len() == volume.read.len()).then_some(*finished);
                    }
                    Standing::Other(other) if redo.is_none() => {
                        return Err(refusal(volume, output, &other, &past, described));
                    }
                    Standing::Foreign if redo.is_none() => return Err(foreign(output, name)),
                    _ => {}
                }
                Ok(())
            })
            .collect();
        taken.map(drop)
    }

    /// Gives up scans of which a single slice takes, with the program, more than `limit` bytes, which `is` what.
    pub fn refuse_larger(&mut self, limit: u64, is: &str) {
        for volume in self.volumes.iter_mut().filter(|volume| volume.to_do()) {
            let needed = volume.memory.saturating_add(PROGRAM_MEMORY);
            if let Err(error) = fit_memory(&volume.input.path, needed, limit, is) {
                volume.record.fail(&error);
            }
        }
    }

    /// Those that cannot be used.
    pub fn failed(&self) -> impl Iterator<Item = &BatchVolume> {
        self.volumes
            .iter()
            .filter(|volume| volume.past.is_none() && volume.record.status == Status::Failed)
            .map(|volume| &volume.record)
    }

    /// Refuses a folder where a result would have the place of a file that is read.
    pub fn keep_inputs(&self, output: &Path) -> Result<()> {
        let real = |path: &Path| path.canonicalize().ok();
        let files = self.volumes.iter().flat_map(|volume| &volume.read);
        let read: HashSet<PathBuf> = files.filter_map(|path| real(path)).collect();
        let mut results = self.volumes.iter().map(|volume| output.join(&volume.input.name));
        match results.find(|path| real(path).is_some_and(|real| read.contains(&real))) {
            Some(path) => {
                let problem = "is read by this batch, and would be a result too";
                Err(Error::data(path.as_path(), problem, "choose another -o folder"))
            }
            None => Ok(()),
        }
    }

    /// The folders that results lie in.
    pub fn folders(&self, output: &Path) -> BTreeSet<PathBuf> {
        let results = self.volumes.iter().map(|volume| output.join(&volume.input.name));
        let folders = results.filter_map(|path| path.parent().map(Path::to_path_buf));
        folders.chain([output.to_path_buf()]).collect()
    }
}

/// Refuses a scan of which a single slice needs more than `limit` bytes, which `is` what.
pub fn fit_memory(scan: &Path, needed: u64, limit: u64, is: &str) -> Result<()> {
    if needed <= limit {
        return Ok(());
    }
    let [needed, limit] = [needed, limit].map(|bytes| bytes.div_ceil(1 << 20));
    let problem = format!("needs about {needed} MB for one slice");
    Err(Error::data(scan, problem, format!("{is} {limit} MB")))
}

/// A scan from its headers.
fn look(input: Input, recipe: &Recipe) -> (Planned, Option<Error>) {
    let mut record = BatchVolume::unknown(input.name.clone(), input.path.display().to_string());
    let mut memory = 0;
    let mut read = vec![input.path.clone()];
    let mut fill = || -> Result<()> {
        check_name(&input)?;
        read = files_of(&input.path)?;
        let Outline {
            grid,
            slices,
            places,
            coils,
            format,
            acquisition,
        } = Scan::outline(&input.path, &recipe.scan)?;
        (record.slices, record.coils) = (slices, coils);
        (record.rows, record.cols) = (grid.rows, grid.cols);
        let tells = |text: &String| recipe.anonymizer.is_none() || acquisition_code(text).is_some();
        (record.format, record.acquisition) = (Some(format.into()), acquisition.filter(tells));
        let mut settings = recipe.settings_of(&input);
        for place in settings.places_mut() {
            read.extend(files_of(&place.file)?);
        }
        settings.validate(grid)?;
        if let SamplingSource::Draw { request, .. } = &settings.sampling {
            record.seed = Some(request.seed);
        }
        let workload = Workload {
            shared: settings.shares_maps(coils, slices, places),
            ..Workload::planned(grid, coils, &settings)
        };
        memory = workload.in_batch(slices);
        Ok(())
    };
    let error = fill().err();
    if let Some(error) = &error {
        record.fail(error);
    }
    let planned = Planned {
        input,
        record,
        read,
        past: None,
        memory,
    };
    (planned, error)
}

/// File systems take names of at most 255 bytes.
fn check_name(input: &Input) -> Result<()> {
    let longest = input.name.split('/').map(str::len).max().unwrap_or(0);
    if longest <= 255 {
        return Ok(());
    }
    let problem = format!("its result would have a name of {longest} bytes");
    Err(Error::data(
        input.path.as_path(),
        problem,
        "give it a name of 250 bytes at most",
    ))
}

/// What the name of a result stands for.
enum Standing {
    /// Nothing, or something of this batch that is not whole.
    Free,
    Done(Box<Finished>),
    /// A result with other settings: their sum.
    Other(String),
    /// Nothing that a batch has written.
    Foreign,
}

fn standing(known: Option<&Vec<Finished>>, path: &Path, recipe: &str) -> Standing {
    let latest_first = || known.into_iter().flatten().rev();
    if path.symlink_metadata().is_err() {
        return Standing::Free;
    }
    let now = known.and_then(|_| FileRecord::of(path, String::new()).ok());
    let is_now = |file: &FileRecord| now.as_ref().is_some_and(|now| now.sha256 == file.sha256);
    match latest_first().find(|f| f.record.written.as_ref().is_some_and(is_now)) {
        Some(finished) if finished.recipe == recipe => Standing::Done(Box::new(finished.clone())),
        Some(finished) => Standing::Other(finished.recipe.clone()),
        // one that was damaged since
        None if latest_first().any(|f| f.recipe == recipe) => Standing::Free,
        None => Standing::Foreign,
    }
}

const REDO: &str = "choose another -o folder, or replace it by --redo";

fn foreign(output: &Path, name: &str) -> Error {
    Error::data(
        output.join(name).as_path(),
        "is there, and no batch with these settings wrote it",
        REDO,
    )
}

fn refusal(
    volume: &Planned,
    output: &Path,
    other: &str,
    past: &EarlierRuns,
    described: &BTreeMap<String, String>,
) -> Error {
    let Some(Run { version, settings, .. }) = past.runs.get(other) else {
        return foreign(output, &volume.input.name);
    };
    let mut differing = differences(settings, described);
    if version.as_str() != env!("CARGO_PKG_VERSION") {
        differing.insert(0, format!("version {version} of the program"));
    }
    let problem = format!("is there from a batch with other settings: {}", differing.join(", "));
    Error::data(output.join(&volume.input.name).as_path(), problem, REDO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_differ_between_scans_and_not_between_runs() {
        assert_eq!(volume_seed(1, "file1"), volume_seed(1, "file1"));
        assert!(
            volume_seed(1, "file1") != volume_seed(1, "file2") && volume_seed(1, "file1") != volume_seed(2, "file1")
        );
    }
}
