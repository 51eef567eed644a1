use serde::Serialize;

use super::explained::{warning_of_given, warning_of_maps};
use super::held_data::missing_sides;
use super::shared_maps::SharedMaps;
use crate::array::{Grid, Mask};
use crate::coil::MapReport;
use crate::sampling::Coverage;
use crate::solve::History;

/// What was done to reconstruct an image, and what was found on the way.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// Of this library.
    pub version: &'static str,
    /// Name of the method.
    pub method: &'static str,
    /// Why it was taken, where it was chosen by the data: those of the scan, for a slice of a scan.
    pub choice: Option<&'static str>,
    /// Which locations were sampled.
    pub sampling: SamplingRecord,
    /// `None` for k-space that is all zero.
    pub maps: Option<MapsRecord>,
    /// `None` for k-space that is all zero.
    pub noise: Option<NoiseRecord>,
    /// `None` for k-space that is all zero.
    pub coils: Option<CoilsRecord>,
    /// Factor that k-space was multiplied by for the computation, and taken out again; a power of two. The
    /// state evolution below is in the units of the k-space, with it taken out.
    pub scale: f64,
    /// The regularisation weight, for methods that have one.
    pub lambda: Option<f64>,
    /// The intensity of the image that λ is relative to, in the units of the k-space.
    pub intensity: Option<f64>,
    /// `E|x − x0|² / |x|²` as the method predicts it: by the error bars where they were asked for; else that of the unbiased
    /// image, by the state evolution; `None` for methods that predict nothing.
    pub predicted_nmse: Option<f64>,
    /// Names of the subbands, in the order of the state evolution; with two sets of maps, twice over.
    pub bands: Vec<String>,
    /// The iterations, with their state evolution.
    pub history: Option<History>,
    /// Seconds for everything.
    pub seconds: f64,
    /// Of them, for what comes before the iterations.
    pub preparation_seconds: f64,
    /// What was found out on the way, as the kernel that coil maps were calibrated with, and what the method tells.
    pub notes: Vec<String>,
    /// What a user should know before he believes the image.
    pub warnings: Vec<String>,
}

/// Which locations were sampled.
#[derive(Clone, Debug, Serialize)]
pub struct SamplingRecord {
    /// Where the mask comes from.
    pub origin: String,
    /// Where the sampling probability comes from.
    pub density: String,
    /// R: locations that are not padding over those of them that are sampled.
    pub acceleration: f64,
    /// Locations sampled.
    pub samples: usize,
    /// The fully sampled rectangle at the origin, `ROWSxCOLS`.
    pub centre: String,
    /// Rows at the sides that were filled with zeros.
    pub padded_rows: usize,
    /// Likewise columns.
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
        let padded = lines.iter().filter(|(count, _)| *count > 0);
        let padded: Vec<String> = padded
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        (!padded.is_empty()).then(|| padded.join(" and "))
    }
}

/// Where coil sensitivity maps come from.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum MapsRecord {
    /// Calibrated on the sampled centre.
    Estimated(MapReport),
    /// By the caller.
    Given {
        /// Where they come from, in words.
        origin: String,
        /// Whether the maps had to be scaled to a sum of squares of 1.
        renormalised: bool,
        /// Largest deviation of the sum of squares from 1 that was found.
        deviation: f64,
        /// Fraction of pixels that any coil sees.
        support: f64,
        /// What they leave unexplained of the sampled centre, see [`MapReport::unexplained`].
        unexplained: Option<f64>,
    },
    /// Calibrated on the frames of a place, this slice among them.
    Shared {
        /// How many frames there are.
        #[serde(rename = "shared_by_frames")]
        frames: usize,
        /// How many images the maps come from, each a mean over frames.
        #[serde(rename = "mean_images")]
        images: usize,
        /// How they were calibrated.
        #[serde(flatten)]
        report: MapReport,
    },
}

impl MapsRecord {
    /// Of maps that a slice shares with others, and what they leave unexplained of its own centre.
    pub fn shared(maps: &SharedMaps, unexplained: Option<f64>) -> Self {
        Self::Shared {
            frames: maps.frames,
            images: maps.images,
            report: MapReport {
                unexplained: unexplained.or(maps.report.unexplained),
                ..maps.report.clone()
            },
        }
    }

    /// What maps were calibrated on, where several slices share them: `the mean over 20 frames`.
    pub fn source(&self) -> Option<String> {
        match self {
            // another scan tells for itself
            Self::Shared { frames: 1, .. } => None,
            Self::Shared { frames, images: 1, .. } => Some(format!("the mean over {frames} frames")),
            Self::Shared { frames, images, .. } => Some(format!("{images} images of {frames} frames")),
            Self::Estimated(_) | Self::Given { .. } => None,
        }
    }

    /// How maps were calibrated; `None` of those that were given.
    pub fn report(&self) -> Option<&MapReport> {
        match self {
            Self::Estimated(report) | Self::Shared { report, .. } => Some(report),
            Self::Given { .. } => None,
        }
    }

    /// What looks odd about the maps, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let (mut warnings, of_unexplained) = match self {
            Self::Estimated(report) | Self::Shared { report, .. } => {
                (report.all_warnings(), report.unexplained.and_then(warning_of_maps))
            }
            Self::Given { unexplained, .. } => (Vec::new(), unexplained.and_then(warning_of_given)),
        };
        warnings.extend(of_unexplained);
        warnings
    }

    /// What the maps leave unexplained of the sampled centre, see [`MapReport::unexplained`].
    pub fn unexplained(&self) -> Option<f64> {
        match self {
            Self::Estimated(report) | Self::Shared { report, .. } => report.unexplained,
            Self::Given { unexplained, .. } => *unexplained,
        }
    }
}

/// The measurement noise.
#[derive(Clone, Debug, Serialize)]
pub struct NoiseRecord {
    /// Where it comes from, in words.
    pub origin: String,
    /// Complex standard deviation of a k-space sample, root mean square over coils, in the units of the k-space.
    pub standard_deviation: f64,
}

/// The coils that a slice was reconstructed in.
#[derive(Clone, Debug, Serialize)]
pub struct CoilsRecord {
    /// That were measured.
    pub measured: usize,
    /// Those the computation had: virtual ones where they are fewer, or whitened.
    pub used: usize,
    /// Share of the energy of the calibration samples that they keep; of all samples where those are fewer than 4 for
    /// each coil.
    pub energy: f64,
    /// Whether they were combined so that their noise is white.
    pub whitened: bool,
}
