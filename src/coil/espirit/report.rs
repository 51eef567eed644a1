use ndarray::{Array2, Array3, ArrayView2, Axis};
use serde::{Serialize, Serializer};

use super::settings::{EspiritSettings, USUAL_KERNEL};
use crate::array::Grid;

/// One set is not enough where a second holds on more than this fraction of the support.
const FOLDED: f64 = 0.02;
/// It may not be enough either where it leaves more of the centre unexplained.
const DOUBTFUL: f64 = 0.03;
/// The smallest kernel by whose eigenvalues that is judged: with one of 4, sound scans come to 2 % too.
const LEAST_KERNEL: usize = 5;
/// A second set holds where its eigenvalue is this close to that of the first on the object. Where the blurred edges of
/// an object that fills the field of view meet, it comes near 0.9 and needs no second set.
const HOLDS: f64 = 0.95;
/// Share of all dimensions up to which the signal space holds signal. Folded objects fill .2 to .6 of it with 4 coils
/// or more; noise fills it, and then every eigenvalue is 1.
const FILLED: f64 = 0.6;

/// How maps were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum MapMethod {
    /// ESPIRiT: eigenvectors of the projection onto the signal space.
    #[serde(rename = "espirit")]
    Espirit,
    /// Low-resolution coil images of the centre of k-space over their root sum of squares.
    #[serde(rename = "low-resolution")]
    LowResolution,
    /// One coil: its map is 1.
    #[serde(rename = "unit")]
    Unit,
}

/// How maps were made, and figures of their quality.
#[derive(Clone, Debug, Serialize)]
pub struct MapReport {
    /// The method, which follows from the size of the centre and the number of coils.
    pub method: MapMethod,
    /// The part of the centre that was used, in samples; where the maps were calibrated again, of the centre that was filled.
    #[serde(serialize_with = "as_text")]
    pub calibration: Grid,
    /// Side of the kernel that was used, which may be less than was asked for; 0 without a kernel.
    pub kernel: usize,
    /// Above this fraction of the largest, singular values of the calibration matrix were signal. `None` without a kernel.
    pub singular_threshold: Option<f64>,
    /// Dimension of the signal space; 0 without a kernel.
    pub kernels_kept: usize,
    /// Sets of maps that were asked for.
    pub sets: usize,
    /// Fraction of pixels where the first set has a weight above 0.
    pub support: f64,
    /// Fraction of pixels where that weight lies between 0 and 1.
    pub soft: f64,
    /// Fraction of the support where a second set of maps holds; 0 where that cannot be judged.
    pub folded: f64,
    /// Median of the largest eigenvalue over the support: 1 is a perfect fit. `None` where none was computed.
    pub first_eigenvalue: Option<f64>,
    /// Median of the second eigenvalue over the support: near 1, the object is folded. `None` where none was computed.
    pub second_eigenvalue: Option<f64>,
    /// What the maps leave unexplained of the sampled centre, `‖y − A x‖ / ‖y‖` with the image that fits best and without
    /// the noise: sound maps leave up to .025. `None` where that was not computed.
    pub unexplained: Option<f64>,
    /// How often the maps were calibrated again from a first reconstruction.
    pub recalibrations: usize,
    /// What was taken because of the data, and why, each a sentence without a full stop.
    pub notes: Vec<String>,
    /// What a user should know about these maps, each a sentence without a full stop.
    pub warnings: Vec<String>,
}

fn as_text<S: Serializer>(grid: &Grid, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(grid)
}

impl MapReport {
    pub(super) fn new(method: MapMethod, calibration: Grid, sets: usize) -> Self {
        Self {
            method,
            calibration,
            kernel: 0,
            singular_threshold: None,
            kernels_kept: 0,
            sets,
            support: 0.0,
            soft: 0.0,
            folded: 0.0,
            first_eigenvalue: None,
            second_eigenvalue: None,
            unexplained: None,
            recalibrations: 0,
            notes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether one set of maps is not enough: a second holds on more than 2 % of the support.
    pub fn is_folded(&self) -> bool {
        self.folded > FOLDED
    }

    /// What there is to warn of: [`Self::warnings`], and one set where that is not enough.
    pub fn all_warnings(&self) -> Vec<String> {
        let folded = (self.sets == 1 && self.is_folded()).then(|| {
            format!(
                "on {:.0} % of the object one set of maps is not enough (is it larger than the field of view?): use two sets \
                 of maps",
                100.0 * self.folded
            )
        });
        self.warnings.iter().cloned().chain(folded).collect()
    }

    /// Whether one set may not be enough: [`Self::is_folded`], or more is left unexplained than by sound maps.
    pub fn is_doubtful(&self) -> bool {
        self.is_folded() || self.unexplained.is_some_and(|left| left > DOUBTFUL)
    }

    pub(super) fn count_weights(&mut self, weights: ArrayView2<f32>) {
        let fraction = |test: &dyn Fn(f32) -> bool| {
            weights.iter().filter(|&&w| test(w)).count() as f64 / weights.len().max(1) as f64
        };
        self.support = fraction(&|w| w > 0.0);
        self.soft = fraction(&|w| w > 0.0 && w < 1.0);
    }

    pub(super) fn describe_kernel(&mut self, kernel: usize, settings: &EspiritSettings) {
        let window = self.calibration;
        self.kernel = kernel;
        match settings.kernel {
            Some(asked) if kernel < asked => self.warnings.push(format!(
                "a centre of {window} is too small for an ESPIRiT kernel of {asked}: {kernel} was used"
            )),
            None if kernel < USUAL_KERNEL => self.notes.push(format!(
                "an ESPIRiT kernel of {kernel} fits the centre of {window}, the usual {USUAL_KERNEL} does not"
            )),
            _ => {}
        }
    }

    pub(super) fn describe_threshold(&mut self, threshold: f64, settings: &EspiritSettings) {
        self.singular_threshold = Some(threshold);
        if threshold > settings.singular_threshold {
            self.notes.push(format!(
                "singular values above {threshold:.3} of the largest are signal: noise reaches up to there"
            ));
        }
    }

    pub(super) fn describe_eigenvalues(
        &mut self,
        eigenvalues: &Array3<f32>,
        weights: &Array2<f32>,
        filled: f64,
        settings: &EspiritSettings,
    ) {
        if self.support == 0.0 {
            self.warnings.push(format!(
                "no pixel has an eigenvalue above {:.2}, so the coil maps are zero everywhere: lower the crop",
                settings.crop_for(self.sets)
            ));
            return;
        }
        let inside = |set: usize| -> Vec<f32> {
            let plane = eigenvalues.index_axis(Axis(0), set);
            plane
                .iter()
                .zip(weights)
                .filter(|(_, w)| **w > 0.0)
                .map(|(&value, _)| value)
                .collect()
        };
        let second = inside(1);
        let first_median = median(inside(0));
        let holds = second.iter().filter(|&&v| f64::from(v) > HOLDS * first_median).count();
        let folded = holds as f64 / second.len() as f64;
        // A small kernel does not separate signal from noise well enough, nor does a space that noise fills.
        let trusted = settings.crop_for(self.sets) > 0.0 && self.kernel >= LEAST_KERNEL && filled <= FILLED;
        self.folded = if trusted { folded } else { 0.0 };
        self.first_eigenvalue = Some(first_median);
        self.second_eigenvalue = Some(median(second));
    }
}

/// The upper median; `values` must not be empty.
fn median(mut values: Vec<f32>) -> f64 {
    let middle = values.len() / 2;
    f64::from(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}
