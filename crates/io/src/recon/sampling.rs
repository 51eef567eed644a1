use std::ops::Range;

use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;

use super::SamplingRecord;
use super::lines::is_equispaced;
use crate::error::{Error, Place, Result};
use crate::format::{self, Scan};
use pvdamp::array::{Grid, Mask};
use pvdamp::sampling::{self, Coverage, Family, Request};
use pvdamp::solve::Method;

/// Fewer locations without data than this fraction are exact zeros by chance, not missing samples.
const CHANCE: f64 = 0.01;
/// Below this acceleration hardly anything is missing.
const BARELY: f64 = 1.1;
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
    /// What was sampled of the locations that are not padding.
    pub mask: Mask,
    /// What was acquired, and what is zero padding.
    pub coverage: Coverage,
    /// Probability of each location, `(rows, cols)`, positive where sampled; 1 in the padding.
    pub probability: Array2<f64>,
    /// The fully sampled rectangle at the origin.
    pub centre: Grid,
    pub record: SamplingRecord,
    pub warnings: Vec<String>,
    /// Whether the scan itself is fully sampled, so that it is a reference for what the mask leaves of it.
    pub complete_scan: bool,
    /// Whether the mask is only where data were found.
    detected: bool,
    /// First and last lines of rows and columns by the scan's header.
    told: [Option<Range<usize>>; 2],
}

/// Where a slice holds data.
struct Held {
    mask: Mask,
    coverage: Coverage,
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
        let told = told_lines(scan);
        let held = Held::by(kspace, &told);
        let (mask, origin, mut known) = match source {
            SamplingSource::Draw { family, request } => {
                if !held.is_complete() {
                    let mend = "leave out --accel, or give a fully sampled scan to draw a mask for";
                    return Err(Error::data(place.clone(), held.lack(), mend));
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
                None if held.is_complete() => (held.mask.clone(), "fully sampled".to_string(), None),
                None => (
                    held.mask.clone(),
                    "detected where k-space is not zero".to_string(),
                    None,
                ),
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
        let mask = held.only(&mask, &mut warnings);
        if mask.count() == 0 {
            let at = match source {
                SamplingSource::File(at) => at.clone(),
                _ => Place::new(&place.file, "mask"),
            };
            let problem = "the mask samples none of the locations where the scan holds data";
            return Err(Error::data(at, problem, "give the mask this scan was sampled with"));
        }
        let complete_scan = held.is_complete();
        Ok(Self {
            detected,
            complete_scan,
            told,
            ..Self::with_probability(mask, &held.coverage, origin, known, warnings)?
        })
    }

    fn with_probability(
        mask: Mask,
        held: &Coverage,
        origin: String,
        known: Option<(Array2<f64>, String, Place)>,
        mut warnings: Vec<String>,
    ) -> Result<Self> {
        let coverage = held.narrowed(&mask);
        let (mut probability, density) = match known {
            known if coverage.is_complete(&mask) => {
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
                check_size(&mask, &coverage, &probability, &at, &mut warnings)?;
                (probability, how)
            }
            None => {
                let estimate = sampling::estimate_density(&mask, &coverage);
                (estimate.probability, "estimated from the mask".to_string())
            }
        };
        for ((row, col), p) in probability.indexed_iter_mut() {
            if coverage.is_padding(row, col) {
                *p = 1.0;
            }
        }
        warnings.extend(warnings_of_missing_sides(&coverage));
        let centre = sampling::sampled_centre(&mask);
        let record = SamplingRecord::new(&mask, &coverage, centre, origin, density);
        Ok(Self {
            mask,
            coverage,
            probability,
            centre,
            record,
            warnings,
            complete_scan: false,
            detected: true,
            told: [None, None],
        })
    }

    /// All that is known: what was sampled, and the padding, whose values are zero.
    pub fn known(&self) -> Mask {
        self.coverage.with_padding(&self.mask)
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.coverage.is_complete(&self.mask)
    }

    /// Whether whole lines are missing.
    pub fn samples_lines(&self) -> bool {
        self.phase_axis().is_some()
    }

    /// The axis of the phase encodes, where whole lines are missing: what solvers see of the mask.
    fn phase_axis(&self) -> Option<Axis> {
        match self.is_complete() {
            true => None,
            false => sampling::line_axis(&self.known()),
        }
    }

    /// Whether partial Fourier left out one side of k-space.
    pub fn lacks_side(&self) -> bool {
        sampling::lacks_side(&self.known())
    }

    /// Warns where `method` counts on errors that look like noise.
    pub(super) fn warn_of_lines(&mut self, method: &Method) {
        let few_missing = self.record.acceleration < BARELY;
        let Some(phase) = self.phase_axis().filter(|_| method.unbiased && !few_missing) else {
            return;
        };
        let what = match is_equispaced(&self.mask, phase) {
            true => "whole lines at regular distances, which alias into copies of the object",
            false => "whole lines",
        };
        self.warnings.push(format!(
            "the mask samples {what}: P-VDAMP removes little of their aliasing, and --method howl is made for such masks"
        ));
    }

    /// That of a scan in which no slice holds data.
    pub fn of_nothing(grid: Grid) -> Result<Self> {
        let warnings = vec!["k-space of the scan is all zero, and so are the images".into()];
        let full = Mask::full(grid);
        let coverage = Coverage::of(&full, [None, None]);
        Self::with_probability(full, &coverage, "none: the scan is all zero".into(), None, warnings)
    }

    /// The sampling of one slice, where it holds data at other locations than the scan's mask; `None` where it does
    /// not. A detected mask gives way to that of the slice; one that was given or drawn only loses what is not there.
    pub fn of_odd_slice(&self, kspace: ArrayView3<Complex<f32>>) -> Result<Option<Self>> {
        let held = Held::by(kspace, &self.told);
        let lacking = without(&self.mask, &held.mask) as f64 > CHANCE * self.mask.count() as f64;
        let more = without(&held.mask, &self.mask) as f64 > CHANCE * held.mask.count() as f64;
        let told = self.told.clone();
        if self.detected && (lacking || more) {
            let warning = "this slice holds data at other locations than the slices before: its own were used";
            let origin = "detected where k-space of this slice is not zero".to_string();
            let complete_scan = held.is_complete();
            let own = Self::with_probability(held.mask, &held.coverage, origin, None, vec![warning.into()])?;
            return Ok(Some(Self {
                complete_scan,
                told,
                ..own
            }));
        }
        // What is padding in other slices may hold data in this one.
        let fits = held
            .mask
            .sampled
            .indexed_iter()
            .all(|((row, col), &held)| !held || !self.coverage.is_padding(row, col));
        if !lacking && fits {
            return Ok(None);
        }
        let mut odd = self.clone();
        odd.complete_scan = held.is_complete();
        odd.mask = held.only(&self.mask, &mut odd.warnings);
        odd.coverage = if fits { &self.coverage } else { &held.coverage }.narrowed(&odd.mask);
        odd.centre = sampling::sampled_centre(&odd.mask);
        let SamplingRecord { origin, density, .. } = self.record.clone();
        odd.record = SamplingRecord::new(&odd.mask, &odd.coverage, odd.centre, origin, density);
        Ok(Some(odd))
    }
}

impl Held {
    /// Where any coil is not zero; everywhere but in the padding, when the zeros are few enough to be chance.
    fn by(kspace: ArrayView3<Complex<f32>>, told: &[Option<Range<usize>>; 2]) -> Self {
        let mut mask = sampling::nonzero_mask(kspace);
        let coverage = Coverage::of(&mask, told.clone());
        let support = coverage.support().len();
        if (support - mask.count()) as f64 <= CHANCE * support as f64 {
            mask = coverage.without_padding(&Mask::full(mask.grid()));
        }
        Self { mask, coverage }
    }

    fn is_complete(&self) -> bool {
        self.coverage.is_complete(&self.mask)
    }

    /// Why it is not complete.
    fn lack(&self) -> String {
        let mut sides = missing_sides(&self.coverage);
        match sides.next() {
            Some(side) => format!("is undersampled already: partial Fourier left out {side}"),
            None => format!(
                "is undersampled already, R = {:.2}",
                self.coverage.acceleration(&self.mask)
            ),
        }
    }

    /// Takes out what a mask claims but the data lack.
    fn only(&self, mask: &Mask, warnings: &mut Vec<String>) -> Mask {
        let mask = self.coverage.without_padding(mask);
        let asked = mask.count();
        let both = ndarray::Zip::from(&mask.sampled)
            .and(&self.mask.sampled)
            .map_collect(|&a, &b| a && b);
        let both = Mask::new(both);
        let lacking = asked - both.count();
        if lacking as f64 <= CHANCE * asked as f64 {
            return mask;
        }
        warnings.push(format!(
            "the mask samples {lacking} of its {asked} locations where the scan holds no data: they count as not sampled"
        ));
        both
    }
}

/// The lines that the header says were acquired, of rows and of columns: the encode `center` is the one at zero
/// frequency. Of the readout it says nothing.
fn told_lines(scan: &Scan) -> [Option<Range<usize>>; 2] {
    let grid = scan.grid();
    let [rows, cols] = scan.geometry.plane.in_plane();
    let of_axis = |encode: usize, n: usize| {
        let header = scan.header.as_ref()?;
        let limits = [None, header.phase_encodes, header.partition_encodes][encode]?;
        let first = |encode: usize| (n / 2).checked_add(encode)?.checked_sub(limits.center?);
        let (start, last) = (first(limits.minimum)?, first(limits.maximum)?);
        let fits = header.encoded?.matrix[encode] == n && start <= last && last < n;
        fits.then(|| start..last + 1)
    };
    [of_axis(rows, grid.rows), of_axis(cols, grid.cols)]
}

/// The sides that partial Fourier left out, in words.
pub(super) fn missing_sides(coverage: &Coverage) -> impl Iterator<Item = String> {
    let side = |(name, missing): (&str, Option<Range<usize>>)| {
        missing.map(|missing| format!("{name} {} to {}", missing.start, missing.end - 1))
    };
    let (rows, cols) = (coverage.rows.missing.clone(), coverage.cols.missing.clone());
    [("rows", rows), ("columns", cols)].into_iter().filter_map(side)
}

fn warnings_of_missing_sides(coverage: &Coverage) -> Vec<String> {
    let warning = |side: String| {
        format!(
            "partial Fourier: one side of k-space, {side}, was not acquired; --method howl fills it in, other methods leave \
             it almost empty"
        )
    };
    missing_sides(coverage).map(warning).collect()
}

/// Over the samples, `1/p` adds up to about the number of locations acquired: a probability that is far from that
/// belongs to another mask. One so small that its weight leaves single precision cannot be used at all.
fn check_size(
    mask: &Mask,
    coverage: &Coverage,
    probability: &Array2<f64>,
    at: &Place,
    warnings: &mut Vec<String>,
) -> Result<()> {
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
    let share = sum / (coverage.rows.acquired.len() * coverage.cols.acquired.len()) as f64;
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
