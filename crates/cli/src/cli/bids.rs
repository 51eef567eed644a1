//! Images as a BIDS dataset (Gorgolewski et al. 2016, <https://bids-specification.readthedocs.io>): names, sidecars
//! and the description of the dataset. What is not known is left out.

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Map, Value, json};

use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{AtomicFile, Header, Part};

/// Kinds of anatomical images whose names need no more than the subject. Each tells of the contrast, which k-space does
/// not: none can be the default.
const SUFFIXES: [&str; 9] = [
    "T1w",
    "T2w",
    "PDw",
    "T2starw",
    "FLAIR",
    "inplaneT1",
    "inplaneT2",
    "PDT2",
    "angio",
];
/// Of the specification.
const VERSION: &str = "1.10.0";

/// A dataset to write into.
#[derive(Args)]
pub struct BidsArguments {
    /// Write the images into this BIDS dataset, as sub-NAME/anat/sub-NAME_SUFFIX.nii.gz with a sidecar, in place of
    /// OUTPUT; NAME is that of INPUT, its letters and digits
    #[arg(long, value_name = "DIR")]
    bids: Option<PathBuf>,

    /// Kind of the images in the dataset
    #[arg(long, value_parser = PossibleValuesParser::new(SUFFIXES))]
    suffix: Option<String>,
}

impl BidsArguments {
    /// The place of the images of `input` in the dataset, where one is asked for.
    ///
    /// # Errors
    /// Images of no kind, a kind without a dataset, and an input whose name has no letter and no digit.
    pub fn subject(&self, input: &Path) -> Result<Option<Subject<'_>>> {
        let folder = match (self.bids.as_deref(), &self.suffix) {
            (Some(folder), _) => folder,
            (None, None) => return Ok(None),
            (None, Some(suffix)) => {
                return Err(Error::setting(format!(
                    "--suffix {suffix} is the kind of images in a BIDS dataset: name that by --bids, or leave --suffix out"
                )));
            }
        };
        let suffix = self.suffix.as_deref().ok_or_else(|| {
            Error::setting(format!(
                "--bids needs --suffix, the kind of the images, which the data do not tell: one of {}",
                SUFFIXES.join(", ")
            ))
        })?;
        let name = input.file_stem().unwrap_or_default().to_string_lossy();
        let label: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        if label.is_empty() {
            let problem = "has no letter (a to z) and no digit in its name, by which BIDS names the subject";
            return Err(Error::data(input, problem, "rename it"));
        }
        Ok(Some(Subject { folder, suffix, label }))
    }
}

/// Where the images of a subject go.
pub struct Subject<'a> {
    folder: &'a Path,
    suffix: &'a str,
    label: String,
}

impl Subject<'_> {
    pub fn folder(&self) -> PathBuf {
        self.folder.join(format!("sub-{}", self.label)).join("anat")
    }

    /// The file of a part, or of the magnitude where none was asked for.
    pub fn image(&self, part: Option<Part>) -> PathBuf {
        self.file(part, "nii.gz")
    }

    pub fn sidecar(&self, part: Option<Part>) -> PathBuf {
        self.file(part, "json")
    }

    fn file(&self, part: Option<Part>, ending: &str) -> PathBuf {
        let part = part.map_or(String::new(), |part| format!("_part-{}", part.name()));
        let Self { suffix, label, .. } = self;
        self.folder().join(format!("sub-{label}{part}_{suffix}.{ending}"))
    }

    /// Writes what is known of the images beside them, and the description of the dataset where there is none.
    pub fn describe(&self, parts: &[Option<Part>], header: Option<&Header>) -> Result<()> {
        for &part in parts {
            write_json(&self.sidecar(part), &sidecar(part, header))?;
        }
        let path = self.folder.join("dataset_description.json");
        if path.symlink_metadata().is_ok() {
            return Ok(());
        }
        let folder = self.folder.canonicalize().ok();
        let name = folder
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy());
        write_json(
            &path,
            &json!({
                "Name": name.as_deref().unwrap_or("pvdamp"),
                "BIDSVersion": VERSION,
                "DatasetType": "raw",
                "GeneratedBy": [{"Name": "pvdamp", "Version": env!("CARGO_PKG_VERSION")}],
            }),
        )
    }
}

/// What the header tells of sequence and scanner, of a part; nothing of the patient.
fn sidecar(part: Option<Part>, header: Option<&Header>) -> Value {
    let mut fields = Map::new();
    if part == Some(Part::Phase) {
        fields.insert("Units".into(), "rad".into());
    }
    let Some(Header { sequence, system, .. }) = header else {
        return fields.into();
    };
    // of several echoes nothing tells which an image is of
    let one = |values: &[f64]| match values {
        [value] => Some(*value),
        _ => None,
    };
    let seconds = |times_ms: &[f64]| one(times_ms).map(|time| time / 1000.0);
    for (name, value) in [
        ("EchoTime", seconds(&sequence.echo_times_ms)),
        ("RepetitionTime", seconds(&sequence.repetition_times_ms)),
        ("InversionTime", seconds(&sequence.inversion_times_ms)),
        ("FlipAngle", one(&sequence.flip_angles_deg)),
        ("MagneticFieldStrength", system.field_strength_t),
        ("ImagingFrequency", system.h1_frequency_hz.map(|hz| hz / 1e6)),
    ] {
        fields.extend(value.map(|value| (name.into(), value.into())));
    }
    for (name, value) in [
        ("SequenceName", &sequence.name),
        ("Manufacturer", &system.vendor),
        ("ManufacturersModelName", &system.model),
        ("InstitutionName", &system.institution),
        ("StationName", &system.station),
        ("DeviceSerialNumber", &system.serial_number),
    ] {
        fields.extend(value.clone().map(|value| (name.into(), value.into())));
    }
    fields.into()
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    AtomicFile::write_whole(path, format!("{value:#}\n").as_bytes())
}
