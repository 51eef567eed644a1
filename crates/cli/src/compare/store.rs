//! The output folder of a bench: a journal for resuming, and images.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::plan::{Case, file_name};
use super::{
    CalibrationRecord, CaseImages, CaseRecord, EvolutionRecord, Outcome, ResidualImages, RunRecord, SensitivityRecord,
};
use pvdamp::array::Image;
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::{Hdf5Output, Role, Volume, append_regular, read_text, read_volume};
use pvdamp_io::recon::Machine;

const JOURNAL: &str = "journal.jsonl";
const IMAGES_FOLDER: &str = "shown";
const REFERENCE_NAME: &str = "reference";

/// A line of the journal.
#[derive(Serialize, Deserialize)]
enum Entry {
    Start { version: String, machine: Machine },
    Case { stamp: String, record: CaseRecord },
    Curve(SensitivityRecord),
    Run(RunRecord),
    Evolution(EvolutionRecord),
    Calibration(CalibrationRecord),
}

impl Entry {
    /// Whether this program can have written it: a case is the name of a folder of pictures, which is removed when the
    /// case has changed.
    fn is_ours(&self) -> bool {
        match self {
            Self::Case { record, .. } => is_plain_name(&record.id),
            _ => true,
        }
    }
}

/// Whether a text names an entry of a folder, and nothing beside or above it.
fn is_plain_name(text: &str) -> bool {
    let mut parts = Path::new(text).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name == text)
}

/// Finished results, in memory and on disk.
pub struct Store {
    folder: PathBuf,
    journal: File,
    /// By case and contender.
    pub runs: HashMap<(String, String), RunRecord>,
    pub curves: HashMap<(String, String), SensitivityRecord>,
    pub evolutions: HashMap<(String, String), EvolutionRecord>,
    pub calibrations: HashMap<(String, String), CalibrationRecord>,
}

impl Store {
    /// Opens the folder and restores the results of an earlier bench for the same cases. A journal of another version,
    /// machine or number of threads is renamed; the returned text says so.
    ///
    /// Errors: a folder that cannot be read or written.
    pub fn open(folder: &Path, machine: &Machine, cases: &[Case]) -> Result<(Self, Option<String>)> {
        let path = folder.join(JOURNAL);
        let failed = |e: std::io::Error| Error::data(path.as_path(), format!("cannot be used ({e})"), MEND);
        let images = folder.join(IMAGES_FOLDER);
        if images.is_symlink() {
            let problem = "is a link: what lies elsewhere is not this bench's to remove";
            return Err(Error::data(
                images.as_path(),
                problem,
                "remove the link, or choose another -o folder",
            ));
        }
        let mut text = String::new();
        if path.exists() {
            text = read_text(&path).map_err(failed)?;
        }
        // A line cut off by an interruption does not parse. Its work is done again.
        let entries: Vec<Entry> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(Entry::is_ours)
            .collect();
        let is_same_setup = match entries.first() {
            Some(Entry::Start {
                version,
                machine: earlier,
            }) => version == env!("CARGO_PKG_VERSION") && earlier == machine,
            _ => false,
        };
        let mut notice = None;
        if path.exists() && !is_same_setup {
            let aside = free_name(folder);
            std::fs::rename(&path, &aside).map_err(failed)?;
            notice = Some(format!(
                "{} is of another version, machine or number of threads: all is run anew, and it is kept as {}",
                path.display(),
                aside.display()
            ));
            text.clear();
        }
        let journal = append_regular(&path).map_err(failed)?;
        let mut store = Self {
            folder: folder.to_path_buf(),
            journal,
            runs: HashMap::new(),
            curves: HashMap::new(),
            evolutions: HashMap::new(),
            calibrations: HashMap::new(),
        };
        if text.is_empty() {
            store.append(&Entry::Start {
                version: env!("CARGO_PKG_VERSION").into(),
                machine: machine.clone(),
            })?;
        } else {
            if !text.ends_with('\n') {
                store.write("\n")?;
            }
            store.restore(entries, cases);
        }
        Ok((store, notice))
    }

    /// Keeps the entries of cases that have not changed.
    fn restore(&mut self, entries: Vec<Entry>, cases: &[Case]) {
        let now: HashMap<&str, &Case> = cases.iter().map(|case| (case.record.id.as_str(), case)).collect();
        let mut same: HashMap<String, bool> = HashMap::new();
        for entry in entries {
            match entry {
                Entry::Start { .. } => {}
                Entry::Case { stamp, record } => {
                    let found = now.get(record.id.as_str());
                    let is_same = found.is_some_and(|case| case.stamp == stamp && case.record == record);
                    if !is_same {
                        self.discard(&record.id);
                    }
                    same.insert(record.id, is_same);
                }
                Entry::Curve(curve) if same.get(&curve.case) == Some(&true) => {
                    self.curves.insert((curve.case.clone(), curve.contender.clone()), curve);
                }
                Entry::Run(run) if same.get(&run.case) == Some(&true) => {
                    self.runs.insert((run.case.clone(), run.contender.clone()), run);
                }
                Entry::Evolution(evolution) if same.get(&evolution.case) == Some(&true) => {
                    let key = (evolution.case.clone(), evolution.contender.clone());
                    self.evolutions.insert(key, evolution);
                }
                Entry::Calibration(calibration) if same.get(&calibration.case) == Some(&true) => {
                    let key = (calibration.case.clone(), calibration.contender.clone());
                    self.calibrations.insert(key, calibration);
                }
                _ => {}
            }
        }
    }

    /// Removes the results of a case that has changed.
    fn discard(&mut self, case: &str) {
        // Old images would be taken for those of the changed case.
        let _ = std::fs::remove_dir_all(self.folder.join(IMAGES_FOLDER).join(case));
        self.runs.retain(|key, _| key.0 != case);
        self.curves.retain(|key, _| key.0 != case);
        self.evolutions.retain(|key, _| key.0 != case);
        self.calibrations.retain(|key, _| key.0 != case);
    }

    /// Records that the following entries belong to this case.
    pub fn begin(&mut self, case: &Case) -> Result<()> {
        self.append(&Entry::Case {
            stamp: case.stamp.clone(),
            record: case.record.clone(),
        })
    }

    pub fn add_curve(&mut self, curve: SensitivityRecord) -> Result<()> {
        let key = (curve.case.clone(), curve.contender.clone());
        self.append(&Entry::Curve(curve.clone()))?;
        self.curves.insert(key, curve);
        Ok(())
    }

    /// Adds a run. If the case is `shown`, its images are written first.
    pub fn add_run(&mut self, outcome: Outcome, shown: bool) -> Result<()> {
        let Outcome {
            record,
            image,
            evolution,
            calibration,
        } = outcome;
        let (evolution, residuals) = evolution.unzip();
        let (calibration, deviation) = calibration.unzip();
        if shown {
            let residuals = residuals.unwrap_or_default();
            self.write_pictures(&record.case, &record.contender, &image, &residuals, deviation.as_ref())?;
        }
        let key = (record.case.clone(), record.contender.clone());
        if let Some(evolution) = evolution {
            self.append(&Entry::Evolution(evolution.clone()))?;
            self.evolutions.insert(key.clone(), evolution);
        }
        if let Some(calibration) = calibration {
            self.append(&Entry::Calibration(calibration.clone()))?;
            self.calibrations.insert(key.clone(), calibration);
        }
        self.append(&Entry::Run(record.clone()))?;
        self.runs.insert(key, record);
        Ok(())
    }

    pub fn has_pictures(&self, case: &str, contender: &str) -> bool {
        self.pictures(case, contender).is_file()
    }

    pub fn has_reference(&self, case: &str) -> bool {
        self.has_pictures(case, REFERENCE_NAME)
    }

    pub fn write_reference(&self, case: &str, image: &Image<f32>) -> Result<()> {
        self.write_pictures(case, REFERENCE_NAME, image, &[], None)
    }

    fn write_pictures(
        &self,
        case: &str,
        name: &str,
        image: &Image<f32>,
        residuals: &[ResidualImages],
        deviation: Option<&Array2<f32>>,
    ) -> Result<()> {
        let path = self.pictures(case, name);
        let folder = path.parent().expect("a folder of pictures");
        let failed = |e: std::io::Error| Error::data(folder, format!("cannot be made ({e})"), MEND);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = Hdf5Output::create(&path)?;
        file.write("image", image.view())?;
        for residual in residuals {
            file.write(&format!("error_{}", residual.iteration), residual.error.view())?;
            file.write(&format!("predicted_{}", residual.iteration), residual.predicted.view())?;
        }
        if let Some(deviation) = deviation {
            file.write("std", deviation.view())?;
        }
        file.finish()
    }

    /// The images of a case: the reference, those of the contenders, and residuals.
    pub fn case_images(&self, case: &str, contenders: &[String]) -> Result<CaseImages> {
        let mut case_images = CaseImages {
            case: case.into(),
            reference: None,
            images: Vec::new(),
            residuals: Vec::new(),
            deviations: Vec::new(),
        };
        let reference = self.pictures(case, REFERENCE_NAME);
        if reference.is_file() {
            case_images.reference = Some(read_image(&reference)?);
        }
        for contender in contenders {
            let path = self.pictures(case, contender);
            let key = (case.to_string(), contender.clone());
            if !path.is_file() || !self.runs.contains_key(&key) {
                continue;
            }
            case_images.images.push((contender.clone(), read_image(&path)?));
            if self.calibrations.contains_key(&key) {
                case_images
                    .deviations
                    .push((contender.clone(), read_plane(&path, "std")?));
            }
            let evolution = self.evolutions.get(&key);
            for residual in evolution.iter().flat_map(|evolution| &evolution.residuals) {
                let iteration = residual.iteration;
                case_images.residuals.push(ResidualImages {
                    contender: contender.clone(),
                    iteration,
                    error: read_plane(&path, &format!("error_{iteration}"))?,
                    predicted: read_plane(&path, &format!("predicted_{iteration}"))?,
                });
            }
        }
        Ok(case_images)
    }

    fn pictures(&self, case: &str, name: &str) -> PathBuf {
        self.folder
            .join(IMAGES_FOLDER)
            .join(case)
            .join(format!("{}.h5", file_name(name)))
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)
            .map_err(|e| Error::internal(format!("the journal cannot be put as JSON ({e})")))?;
        self.write(&(line + "\n"))
    }

    fn write(&mut self, text: &str) -> Result<()> {
        let path = self.folder.join(JOURNAL);
        let written = self
            .journal
            .write_all(text.as_bytes())
            .and_then(|()| self.journal.sync_data());
        written.map_err(|e| Error::data(path.as_path(), format!("cannot be written ({e})"), MEND))
    }
}

const MEND: &str = "make room, or choose another -o folder";

fn free_name(folder: &Path) -> PathBuf {
    let name = |n: usize| folder.join(format!("journal-{n}.jsonl"));
    (1..).map(name).find(|path| !path.exists()).expect("a free name")
}

/// Reads the complex image `(rows, cols)` in dataset `image`.
pub fn read_image(path: &Path) -> Result<Image<f32>> {
    let place = Place::new(path, "image");
    match read_volume(&place, Role::Result)? {
        Volume::Complex(images) if images.dim().0 == 1 => Ok(images.index_axis_move(ndarray::Axis(0), 0)),
        _ => Err(Error::data(
            place,
            "is not one complex image",
            "delete the file to have it made again",
        )),
    }
}

fn read_plane(path: &Path, dataset: &str) -> Result<Array2<f32>> {
    let planes = read_volume(&Place::new(path, dataset), Role::Result)?.into_magnitude();
    Ok(planes.index_axis_move(ndarray::Axis(0), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_in_the_folder_is_plain() {
        for plain in ["full-s0-bernoulli-R4", "..x", "a b"] {
            assert!(is_plain_name(plain), "{plain}");
        }
        for other in ["", ".", "..", "/", "/tmp", "a/b", "../a", "a/..", "a/", "./a"] {
            assert!(!is_plain_name(other), "{other}");
        }
    }
}
