use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use super::SamplingRecord;
use super::lines::is_equispaced;
use crate::array::{Grid, Mask};
use crate::error::{Error, Place, Result};
use crate::format::{self, Scan};
use crate::sampling::{self, Family, Request};
use crate::solve::Method;

/// Fewer locations without data than this fraction are exact zeros by chance, not missing samples.
const CHANCE: f64 = 0.01;
/// No scan is sampled this thinly; the weights of such samples would drown all others.
const SMALLEST_PROBABILITY: f64 = 1e-6;
/// Ratio of the locations that a probability accounts for to those there are, above or below which it is odd.
const MISFIT: f64 = 1.5;

/// Where the sampling mask comes from.
#[derive(Clone)]
pub enum SamplingSource {
    /// The mask in the scan's file, else where k-space is not zero.
    Scan,
    /// A mask in a file.
    File(Place),
    /// A mask drawn here, for a fully sampled scan. The grid of the request is the scan's.
    Draw { family: &'static Family, request: Request },
}

/// Which locations were sampled, and with which probability.
#[derive(Clone)]
pub struct Sampling {
    pub mask: Mask,
    /// Probability of each location, `(rows, cols)`, positive where sampled.
    pub probability: Array2<f64>,
    /// The fully sampled rectangle at the origin.
    pub centre: Grid,
    pub record: SamplingRecord,
    pub warnings: Vec<String>,
    /// Whether the scan itself is fully sampled, so that it is a reference for what the mask leaves of it.
    pub complete_scan: bool,
    /// Whether the mask is only where data were found.
    detected: bool,
}

impl Sampling {
    /// The sampling of a scan, judged by `kspace`, one of its slices that is not all zero.
    ///
    /// Errors: a mask or probability that does not fit or cannot be, and drawing a mask for a scan that is
    /// undersampled already.
    pub fn of_scan(
        scan: &Scan,
        place: &Place,
        kspace: ArrayView3<Complex<f32>>,
        source: &SamplingSource,
        probability: Option<&Place>,
    ) -> Result<Self> {
        let grid = scan.grid();
        let mut warnings = Vec::new();
        let measured = measured(kspace);
        let (mask, origin, mut known) = match source {
            SamplingSource::Draw { family, request } => {
                if !sampling::is_complete(&measured) {
                    let problem = format!("is undersampled already, R = {:.2}", measured.acceleration());
                    let mend = "leave out --accel, or give a fully sampled scan to draw a mask for";
                    return Err(Error::data(place.clone(), problem, mend));
                }
                let request = Request { grid, ..*request };
                let drawn = (family.draw)(&request)?;
                let origin = format!(
                    "drawn: {} R={} seed={}",
                    family.name, request.acceleration, request.seed
                );
                (
                    drawn.mask,
                    origin,
                    Some((drawn.probability, "known: drawn here".to_string(), place.clone())),
                )
            }
            SamplingSource::File(at) => (format::read_mask(at, grid)?, format!("read from {at}"), None),
            SamplingSource::Scan => match &scan.mask {
                Some(mask) => (mask.clone(), "read from the scan's mask".to_string(), None),
                None if measured.is_full() => (measured.clone(), "fully sampled".to_string(), None),
                None => (measured.clone(), "detected where k-space is not zero".to_string(), None),
            },
        };
        if let Some(at) = probability {
            let read = format::read_probability(at, grid)?;
            known = Some((read, format!("read from {at}"), at.clone()));
        } else if let (None, SamplingSource::Scan, Some(read)) = (&known, source, &scan.probability) {
            let at = Place::new(&place.file, "prob_map");
            known = Some((read.clone(), "read from the scan's prob_map".to_string(), at));
        }
        let detected = matches!(source, SamplingSource::Scan) && scan.mask.is_none();
        let mask = only_measured(&mask, &measured, &mut warnings);
        if mask.count() == 0 {
            let at = match source {
                SamplingSource::File(at) => at.clone(),
                _ => Place::new(&place.file, "mask"),
            };
            let problem = "the mask samples none of the locations where the scan holds data";
            return Err(Error::data(at, problem, "give the mask this scan was sampled with"));
        }
        Ok(Self {
            detected,
            complete_scan: sampling::is_complete(&measured),
            ..Self::with_probability(mask, origin, known, warnings)?
        })
    }

    fn with_probability(
        mask: Mask,
        origin: String,
        known: Option<(Array2<f64>, String, Place)>,
        mut warnings: Vec<String>,
    ) -> Result<Self> {
        let (probability, density) = match known {
            known if mask.is_full() => {
                warnings
                    .extend(known.map(|(_, how, _)| {
                        format!("the sampling probability ({how}) is not used: nothing is missing")
                    }));
                (Array2::ones(mask.sampled.dim()), "1: fully sampled".to_string())
            }
            Some((probability, how, at)) => {
                let impossible = mask.sampled.iter().zip(&probability).filter(|&(&s, &p)| s && p <= 0.0);
                let impossible = impossible.count();
                if impossible > 0 {
                    let problem =
                        format!("the sampling probability is 0 at {impossible} locations that the mask samples");
                    let mend = "give the probability the mask was drawn with, or leave it out to have it estimated";
                    return Err(Error::data(at, problem, mend));
                }
                check_size(&mask, &probability, &at, &mut warnings)?;
                (probability, how)
            }
            None => {
                let estimate = sampling::estimate_density(&mask);
                (estimate.probability, "estimated from the mask".to_string())
            }
        };
        let centre = sampling::sampled_centre(&mask);
        let record = SamplingRecord {
            origin,
            density,
            acceleration: mask.acceleration(),
            samples: mask.count(),
            centre: centre.to_string(),
        };
        Ok(Self {
            mask,
            probability,
            centre,
            record,
            warnings,
            complete_scan: false,
            detected: true,
        })
    }

    /// Whether whole lines are missing.
    pub fn samples_lines(&self) -> bool {
        !self.mask.is_full() && sampling::line_axis(&self.mask).is_some()
    }

    /// Warns where `method` counts on errors that look like noise.
    pub(super) fn warn_of_lines(&mut self, method: &Method) {
        if !method.unbiased || !self.samples_lines() {
            return;
        }
        let why = match is_equispaced(&self.mask) {
            true => " at regular distances: aliasing is made of copies of the object, which P-VDAMP takes for noise",
            false => ": aliasing spreads along one axis only, where it is too strong for P-VDAMP to remove",
        };
        self.warnings.push(format!(
            "the mask samples whole lines{why}; its variances account for errors that are correlated along the \
             lines, but the image will be far from the best possible; --method howl is made for such masks"
        ));
    }

    /// That of a scan in which no slice holds data.
    pub fn of_nothing(grid: Grid) -> Result<Self> {
        let warnings = vec!["k-space of the scan is all zero, and so are the images".into()];
        Self::with_probability(Mask::full(grid), "none: the scan is all zero".into(), None, warnings)
    }

    /// The sampling of one slice, where it holds data at other locations than the scan's mask; `None` where it does
    /// not. A detected mask gives way to that of the slice; one that was given or drawn only loses what is not there.
    pub fn of_odd_slice(&self, kspace: ArrayView3<Complex<f32>>) -> Result<Option<Self>> {
        let measured = measured(kspace);
        let lacking = without(&self.mask, &measured) as f64 > CHANCE * self.mask.count() as f64;
        let more = without(&measured, &self.mask) as f64 > CHANCE * measured.count() as f64;
        if self.detected && (lacking || more) {
            let warning = "this slice holds data at other locations than the slices before: its own were used";
            let origin = "detected where k-space of this slice is not zero".to_string();
            let complete_scan = sampling::is_complete(&measured);
            let own = Self::with_probability(measured, origin, None, vec![warning.into()])?;
            return Ok(Some(Self { complete_scan, ..own }));
        }
        if !lacking {
            return Ok(None);
        }
        let mut odd = self.clone();
        odd.complete_scan = sampling::is_complete(&measured);
        odd.mask = only_measured(&self.mask, &measured, &mut odd.warnings);
        odd.centre = sampling::sampled_centre(&odd.mask);
        odd.record.acceleration = odd.mask.acceleration();
        odd.record.samples = odd.mask.count();
        odd.record.centre = odd.centre.to_string();
        Ok(Some(odd))
    }
}

/// Over the samples, `1/p` adds up to about the number of locations: a probability that is far from that belongs to
/// another mask. One so small that its weight leaves single precision cannot be used at all.
fn check_size(mask: &Mask, probability: &Array2<f64>, at: &Place, warnings: &mut Vec<String>) -> Result<()> {
    let sampled = mask.sampled.iter().zip(probability).filter(|&(&sampled, _)| sampled);
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    for (_, &p) in sampled {
        sum += 1.0 / p;
        least = least.min(p);
    }
    if least < SMALLEST_PROBABILITY {
        let problem = format!("the sampling probability is as low as {least:e} at a location that the mask samples");
        let mend = "give the probability the mask was drawn with, or leave it out to have it estimated";
        return Err(Error::data(at.clone(), problem, mend));
    }
    let share = sum / mask.grid().len() as f64;
    if !(1.0 / MISFIT..MISFIT).contains(&share) {
        warnings.push(format!(
            "{at}: this sampling probability accounts for {share:.2} times the locations there are, as if it belonged to \
             another mask"
        ));
    }
    Ok(())
}

/// How many locations of `a` are not in `b`.
fn without(a: &Mask, b: &Mask) -> usize {
    a.sampled.iter().zip(&b.sampled).filter(|&(&a, &b)| a && !b).count()
}

/// Where any coil is not zero; everywhere, when the zeros are few enough to be chance.
fn measured(kspace: ArrayView3<Complex<f32>>) -> Mask {
    let mask = sampling::nonzero_mask(kspace);
    let missing = mask.grid().len() - mask.count();
    if missing as f64 <= CHANCE * mask.grid().len() as f64 {
        return Mask::full(mask.grid());
    }
    mask
}

/// Takes out what the mask claims but the data lack.
fn only_measured(mask: &Mask, measured: &Mask, warnings: &mut Vec<String>) -> Mask {
    let asked = mask.count();
    let both = ndarray::Zip::from(&mask.sampled)
        .and(&measured.sampled)
        .map_collect(|&a, &b| a && b);
    let both = Mask::new(both);
    let lacking = asked - both.count();
    if lacking as f64 <= CHANCE * asked as f64 {
        return mask.clone();
    }
    warnings.push(format!(
        "the mask samples {lacking} of its {asked} locations where the scan holds no data: they count as not sampled"
    ));
    both
}
