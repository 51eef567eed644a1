//! Means over volumes, and the tables they come from.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::comparison::Comparison;
use crate::error::{Error, Result};
use pvdamp::quality;

/// One pair of volumes: compared, or the reason why not.
#[derive(Debug, Serialize)]
pub struct VolumeRecord {
    /// Its path below the folder of targets.
    pub file: String,
    /// What the target says of it; `None` where that cannot be read.
    pub acquisition: Option<String>,
    #[serde(flatten)]
    pub comparison: Option<Comparison>,
    pub error: Option<String>,
}

/// Two folders compared.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    pub volumes: Vec<VolumeRecord>,
    /// Of each kind of acquisition, by name.
    pub acquisitions: Vec<Acquisition>,
    pub all: Summary,
}

#[derive(Debug, Serialize)]
pub struct Acquisition {
    pub acquisition: String,
    #[serde(flatten)]
    pub summary: Summary,
}

/// Over the volumes that could be compared.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// How many they are.
    pub volumes: usize,
    pub nmse: MeanStd,
    pub psnr_db: MeanStd,
    pub ssim: MeanStd,
    /// By the definitions of the Calgary-Campinas challenge, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calgary: Option<CalgarySummary>,
}

/// The same of the figures of the Calgary-Campinas challenge.
#[derive(Debug, Serialize)]
pub struct CalgarySummary {
    pub psnr_db: MeanStd,
    pub ssim: MeanStd,
    pub vif: MeanStd,
}

/// A mean, and the standard deviation of the sample (n − 1), which one value does not have. fastMRI prints twice the
/// standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MeanStd {
    pub mean: Option<f64>,
    pub std: Option<f64>,
}

impl Evaluation {
    pub fn of(volumes: Vec<VolumeRecord>) -> Self {
        let mut groups: BTreeMap<&str, Vec<&VolumeRecord>> = BTreeMap::new();
        for volume in &volumes {
            if let Some(name) = &volume.acquisition {
                groups.entry(name).or_default().push(volume);
            }
        }
        let group = |(name, volumes): (&&str, &Vec<&VolumeRecord>)| Acquisition {
            acquisition: name.to_string(),
            summary: Summary::of(volumes.iter().copied()),
        };
        Self {
            acquisitions: groups.iter().map(group).collect(),
            all: Summary::of(volumes.iter()),
            volumes,
        }
    }

    /// How many volumes could not be compared.
    pub fn failed(&self) -> usize {
        self.volumes.len() - self.all.volumes
    }
}

impl Summary {
    fn of<'a>(volumes: impl Iterator<Item = &'a VolumeRecord>) -> Self {
        let compared: Vec<&Comparison> = volumes.filter_map(|volume| volume.comparison.as_ref()).collect();
        let spread = |figure: fn(&Comparison) -> Option<f64>| {
            MeanStd::of(&compared.iter().filter_map(|c| figure(c)).collect::<Vec<_>>())
        };
        let asked = compared.iter().any(|c| c.calgary.is_some());
        let calgary = asked.then(|| CalgarySummary {
            psnr_db: spread(|c| c.calgary?.psnr_db),
            ssim: spread(|c| c.calgary?.ssim),
            vif: spread(|c| c.calgary?.vif),
        });
        Self {
            calgary,
            volumes: compared.len(),
            nmse: spread(|c| c.nmse),
            psnr_db: spread(|c| c.psnr_db),
            ssim: spread(|c| c.ssim),
        }
    }
}

impl MeanStd {
    /// The mean is infinite where a value is, as the PSNR of a perfect image, and there is no deviation then.
    pub fn of(values: &[f64]) -> Self {
        let found = quality::Spread::of(values.iter().copied());
        Self {
            mean: found.map(|found| found.mean),
            std: found.and_then(|found| found.sd),
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    file: TextCell<'a>,
    acquisition: Option<TextCell<'a>>,
    slices: Option<usize>,
    region: Option<TextCell<'a>>,
    data_range: Option<f64>,
    nmse: Option<f64>,
    psnr_db: Option<f64>,
    ssim: Option<f64>,
    calgary_psnr_db: Option<f64>,
    calgary_ssim: Option<f64>,
    calgary_vif: Option<f64>,
    error: Option<TextCell<'a>>,
}

/// Text in a table. What a spreadsheet would run as a formula gets an apostrophe before it.
pub struct TextCell<'a>(pub &'a str);

impl Serialize for TextCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if self.0.starts_with(['=', '+', '-', '@', '\t', '\r']) {
            return serializer.collect_str(&format_args!("'{}", self.0));
        }
        serializer.serialize_str(self.0)
    }
}

/// The volumes as a table with a heading, one line each; what has no value is empty.
pub fn volumes_csv(evaluation: &Evaluation) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for volume in &evaluation.volumes {
        let found = volume.comparison.as_ref();
        let calgary = found.and_then(|c| c.calgary);
        let line = Line {
            file: TextCell(&volume.file),
            acquisition: volume.acquisition.as_deref().map(TextCell),
            slices: found.map(|c| c.slices),
            region: found.map(|c| TextCell(&c.region)),
            data_range: found.map(|c| c.data_range),
            nmse: found.and_then(|c| c.nmse),
            psnr_db: found.and_then(|c| c.psnr_db),
            ssim: found.and_then(|c| c.ssim),
            calgary_psnr_db: calgary.and_then(|c| c.psnr_db),
            calgary_ssim: calgary.and_then(|c| c.ssim),
            calgary_vif: calgary.and_then(|c| c.vif),
            error: volume.error.as_deref().map(TextCell),
        };
        writer.serialize(line).map_err(unwritten)?;
    }
    writer.into_inner().map_err(unwritten)
}

fn unwritten(e: impl std::fmt::Display) -> Error {
    Error::internal(format!("the figures cannot be put as a table ({e})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(file: &str, acquisition: &str, figures: Option<(f64, f64, f64)>) -> VolumeRecord {
        let comparison = figures.map(|(nmse, psnr, ssim)| Comparison {
            nmse: Some(nmse),
            psnr_db: Some(psnr),
            ssim: Some(ssim),
            data_range: 2.0,
            data_range_is: "maximum of the target volume",
            slices: 3,
            region: "8x9".into(),
            calgary: None,
            complex: None,
        });
        VolumeRecord {
            file: file.into(),
            acquisition: (!acquisition.is_empty()).then(|| acquisition.into()),
            error: comparison.is_none().then(|| "a, b".into()),
            comparison,
        }
    }

    #[test]
    fn means_are_over_volumes_that_were_compared() {
        let evaluation = Evaluation::of(vec![
            volume("1", "B", Some((0.1, 30.0, 0.5))),
            volume("2", "A", Some((0.2, f64::INFINITY, 0.75))),
            volume("3", "B", Some((0.4, 33.0, 1.0))),
            volume("4", "B", None),
            volume("5", "", None),
        ]);
        assert_eq!((evaluation.all.volumes, evaluation.failed()), (3, 2));
        let names: Vec<_> = evaluation.acquisitions.iter().map(|a| a.acquisition.as_str()).collect();
        assert_eq!(names, ["A", "B"]);
        let [a, b] = &evaluation.acquisitions[..] else {
            panic!("{evaluation:?}")
        };
        assert_eq!((a.summary.volumes, b.summary.volumes), (1, 2));
        assert_eq!((a.summary.ssim.mean, a.summary.ssim.std), (Some(0.75), None));
        assert_eq!(b.summary.psnr_db.mean, Some(31.5));
        assert_eq!(b.summary.psnr_db.std, Some(4.5f64.sqrt()));
        let psnr = evaluation.all.psnr_db;
        assert_eq!((psnr.mean, psnr.std), (Some(f64::INFINITY), None));
        assert_eq!(evaluation.all.ssim.std, Some(0.25));
        assert_eq!(MeanStd::of(&[]), MeanStd { mean: None, std: None });
    }

    #[test]
    fn a_table_has_a_line_for_each_volume() {
        let volumes = vec![
            volume("x/1.h5", "A", Some((0.25, f64::INFINITY, 0.5))),
            volume("2.h5", "", None),
        ];
        let table = String::from_utf8(volumes_csv(&Evaluation::of(volumes)).unwrap()).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "file,acquisition,slices,region,data_range,nmse,psnr_db,ssim,calgary_psnr_db,calgary_ssim,calgary_vif,error",
                "x/1.h5,A,3,8x9,2.0,0.25,inf,0.5,,,,",
                "2.h5,,,,,,,,,,,\"a, b\"",
            ]
        );
    }

    #[test]
    fn a_spreadsheet_runs_no_cell() {
        let volumes = vec![
            volume("=1+1.h5", "@SUM(A1)", Some((0.25, -3.0, -0.5))),
            volume("-2.h5", "+x", None),
            volume("a=b.h5", "\tx", None),
        ];
        let table = String::from_utf8(volumes_csv(&Evaluation::of(volumes)).unwrap()).unwrap();
        let lines: Vec<&str> = table.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "'=1+1.h5,'@SUM(A1),3,8x9,2.0,0.25,-3.0,-0.5,,,,",
                "'-2.h5,'+x,,,,,,,,,,\"a, b\"",
                "a=b.h5,'\tx,,,,,,,,,,\"a, b\"",
            ]
        );
    }
}
