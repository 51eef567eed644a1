use serde::Serialize;
use serde_json::Value;

use super::sampling::missing_sides;
use crate::error::{Error, Result};
use pvdamp::array::{Grid, Mask};
use pvdamp::coil::MapReport;
use pvdamp::sampling::Coverage;
use pvdamp::solve::History;

/// What was done to one slice: one line of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct SliceRecord {
    pub slice: usize,
    pub version: &'static str,
    pub method: &'static str,
    pub sampling: SamplingRecord,
    /// `None` for a slice without data.
    pub maps: Option<MapsRecord>,
    pub noise: Option<NoiseRecord>,
    pub coils: Option<CoilsRecord>,
    /// Factor that k-space was multiplied by for the computation, and taken out again; a power of two. The
    /// state evolution below is in the units of the scan, with it taken out.
    pub scale: f64,
    /// The regularisation weight, for methods that have one, and the intensity of the image that it is relative to,
    /// in the units of the scan.
    pub lambda: Option<f64>,
    pub intensity: Option<f64>,
    /// `E|x − x0|² / |x|²` as the method predicts it: by the error bars where they were asked for, else by the state
    /// evolution; `None` for methods that predict nothing.
    pub predicted_nmse: Option<f64>,
    /// Names of the subbands, in the order of the state evolution; with two sets of maps, twice over.
    pub bands: Vec<String>,
    pub history: Option<History>,
    /// Seconds for everything, and for reading, maps and noise in it.
    pub seconds: f64,
    pub preparation_seconds: f64,
    /// What the method found out by itself.
    pub notes: Vec<String>,
    pub warnings: Vec<String>,
}

impl SliceRecord {
    /// As one line of JSON.
    pub fn line(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| self.unfit(&e))
    }

    /// The same without what the clock said, so that a file that holds it is the same whenever it is made.
    pub fn timeless_line(&self) -> Result<String> {
        let mut value = serde_json::to_value(self).map_err(|e| self.unfit(&e))?;
        leave_out_times(&mut value);
        Ok(value.to_string())
    }

    fn unfit(&self, e: &serde_json::Error) -> Error {
        Error::internal(format!(
            "the record of slice {} cannot be put as JSON ({e})",
            self.slice
        ))
    }
}

fn leave_out_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !matches!(name.as_str(), "seconds" | "preparation_seconds"));
            members.values_mut().for_each(leave_out_times);
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_times),
        _ => {}
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct SamplingRecord {
    /// Where the mask comes from.
    pub origin: String,
    /// Where the sampling probability comes from.
    pub density: String,
    /// R: locations that are not padding over those of them that are sampled.
    pub acceleration: f64,
    pub samples: usize,
    /// The fully sampled rectangle at the origin, `ROWSxCOLS`.
    pub centre: String,
    /// Rows and columns at the sides that were filled with zeros.
    pub padded_rows: usize,
    pub padded_columns: usize,
    /// The sides that partial Fourier left out, in words; empty where there are none.
    pub missing_sides: Vec<String>,
}

impl SamplingRecord {
    pub(super) fn new(mask: &Mask, coverage: &Coverage, centre: Grid, origin: String, density: String) -> Self {
        let (grid, support) = (mask.grid(), coverage.support());
        Self {
            origin,
            density,
            acceleration: coverage.acceleration(mask),
            samples: mask.count(),
            centre: centre.to_string(),
            padded_rows: grid.rows - support.rows,
            padded_columns: grid.cols - support.cols,
            missing_sides: missing_sides(coverage).collect(),
        }
    }

    /// `46 columns`, where there is padding.
    pub fn padding(&self) -> Option<String> {
        let lines = [(self.padded_rows, "row"), (self.padded_columns, "column")];
        let told = lines.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> = told
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        (!told.is_empty()).then(|| told.join(" and "))
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum MapsRecord {
    Estimated(MapReport),
    Given {
        origin: String,
        /// Whether the maps had to be scaled to a sum of squares of 1.
        renormalised: bool,
        /// Largest deviation of the sum of squares from 1 that was found.
        deviation: f64,
        /// Fraction of pixels that any coil sees.
        support: f64,
    },
}

#[derive(Clone, Debug, Serialize)]
pub struct NoiseRecord {
    pub origin: String,
    /// Complex standard deviation of a k-space sample, root mean square over coils, in the units of the scan.
    pub standard_deviation: f64,
}

/// The coils that a slice was reconstructed in.
#[derive(Clone, Debug, Serialize)]
pub struct CoilsRecord {
    /// Of the scan.
    pub measured: usize,
    /// Those the computation had: virtual ones where they are fewer, or whitened.
    pub used: usize,
    /// Share of the energy of the calibration samples that they keep; of all samples where those are fewer than 4 for
    /// each coil.
    pub energy: f64,
    /// Whether they were combined so that their noise is white.
    pub whitened: bool,
}
