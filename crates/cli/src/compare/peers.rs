//! Results of other programs, evaluated as those of this one: `peers/CONTENDER/CASE.h5` in the folder of a bench, with
//! dataset `image` `(rows, cols)` in the units of the scan, and attributes that describe it.

use std::path::{Path, PathBuf};

use super::run::PreparedCase;
use super::store::read_image;
use super::{CaseRecord, ContenderRecord, RunRecord, SensitivityRecord};
use pvdamp::array::Image;
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::{Attribute, AttributeValue, read_attributes, read_list};

const PEERS: &str = "peers";

/// A result of another program.
pub struct PeerResult {
    pub record: RunRecord,
    pub image: Image<f32>,
    pub sensitivity: Option<SensitivityRecord>,
}

/// The contenders with results in the folder, sorted by name.
pub fn contenders(folder: &Path) -> Result<Vec<ContenderRecord>> {
    let Ok(entries) = std::fs::read_dir(folder.join(PEERS)) else {
        return Ok(Vec::new());
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    folders
        .iter()
        .filter_map(|folder| contender(folder).transpose())
        .collect()
}

/// The contender as its first result describes it; `None` for a folder without results.
fn contender(folder: &Path) -> Result<Option<ContenderRecord>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| is_result(p))
        .collect();
    files.sort();
    let Some(file) = files.first() else {
        return Ok(None);
    };
    let attributes = ResultAttributes::of(file)?;
    Ok(Some(ContenderRecord {
        id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        label: attributes.text("label")?,
        program: attributes.text("program")?,
        oracle: attributes.text("oracle")?,
        timed: attributes.text("timed").unwrap_or_default(),
    }))
}

fn is_result(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "h5")
}

pub fn path(folder: &Path, contender: &str, case: &str) -> PathBuf {
    folder.join(PEERS).join(contender).join(format!("{case}.h5"))
}

/// Evaluates the result at `path`. Errors: an image of another size, and missing attributes.
pub fn evaluate(path: &Path, contender: &str, case: &CaseRecord, prepared_case: &PreparedCase) -> Result<PeerResult> {
    let attributes = ResultAttributes::of(path)?;
    // Made for an earlier case of the same name.
    if attributes
        .text("arguments")
        .is_ok_and(|words| words != case.arguments.join(" "))
    {
        let problem = format!("is of another case than {} is now", case.id);
        return Err(Error::data(path, problem, "delete it, and have it made again"));
    }
    let image = read_image(path)?;
    let grid = prepared_case.prepared.problem.encoding.grid();
    if image.dim() != grid.dim() {
        let problem = format!("is {}x{}, the case {grid}", image.nrows(), image.ncols());
        return Err(Error::data(
            Place::new(path, "image"),
            problem,
            "give the whole image, not cropped",
        ));
    }
    // The metrics are computed in the units of the solvers.
    let scaled = image.mapv(|v| v * prepared_case.prepared.scale);
    let magnitude = |image: &Image<f32>| prepared_case.reconstruction.cropped_magnitude(image);
    let record = RunRecord {
        case: case.id.clone(),
        contender: contender.into(),
        lambda: attributes.number("lambda").ok(),
        threads: attributes.number("threads")? as usize,
        iterations: attributes.number("iterations")? as usize,
        kept: attributes.number("iterations")? as usize,
        stop: "iterations".into(),
        seconds: attributes.number("seconds")?,
        converged_seconds: None,
        converged_iteration: None,
        metrics: prepared_case
            .reference_metrics
            .as_ref()
            .map(|reference| reference.metrics(&scaled, magnitude)),
        trace: Vec::new(),
        notes: Vec::new(),
    };
    Ok(PeerResult {
        record,
        image: prepared_case.unscaled(&prepared_case.aligned(scaled)),
        sensitivity: sensitivity(path, contender, &case.id, attributes.number("lambda").ok())?,
    })
}

/// The errors over λ, if the program stored them.
fn sensitivity(path: &Path, contender: &str, case: &str, lambda: Option<f64>) -> Result<Option<SensitivityRecord>> {
    let column = |name: &str| read_list(&Place::new(path, format!("sensitivity/{name}")));
    let (Some(lambda), Some(lambdas), Some(errors)) = (lambda, column("lambda")?, column("nmse_object_db")?) else {
        return Ok(None);
    };
    let mut points: Vec<(f64, f64)> = lambdas.into_iter().zip(errors).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(Some(SensitivityRecord {
        case: case.into(),
        contender: contender.into(),
        lambda,
        points,
    }))
}

/// The attributes of a result.
struct ResultAttributes<'a> {
    path: &'a Path,
    attributes: Vec<Attribute>,
}

impl<'a> ResultAttributes<'a> {
    fn of(path: &'a Path) -> Result<Self> {
        Ok(Self {
            path,
            attributes: read_attributes(path)?,
        })
    }

    fn value(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|a| a.name == name).map(|a| &a.value)
    }

    fn text(&self, name: &str) -> Result<String> {
        match self.value(name) {
            Some(AttributeValue::Text(text)) => Ok(text.clone()),
            _ => Err(self.missing(name, "a text")),
        }
    }

    fn number(&self, name: &str) -> Result<f64> {
        match self.value(name) {
            Some(AttributeValue::Float(number)) => Ok(*number),
            Some(AttributeValue::Int(number)) => Ok(*number as f64),
            _ => Err(self.missing(name, "a number")),
        }
    }

    fn missing(&self, name: &str, kind: &str) -> Error {
        let problem = format!("has no attribute '{name}' that is {kind}");
        Error::data(
            self.path,
            problem,
            "write it as docs/formats.md has it, or take the file away",
        )
    }
}
