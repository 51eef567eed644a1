use std::ops::Range;

use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;

use super::acquisition::Acquisition;
use super::equispaced::is_equispaced;
use super::held_data::{CHANCE, HeldData, missing_sides};
use super::record::SamplingRecord;
use super::sourced::Sourced;
use crate::array::{Grid, Mask};
use crate::error::{Error, Input, Result};
use crate::sampling::{self, Coverage};
use crate::solve::Method;

/// Below this acceleration hardly anything is missing.
const BARELY: f64 = 1.1;
/// No scan is sampled this thinly; the weights of such samples would drown all others.
const SMALLEST_PROBABILITY: f64 = 1e-6;
/// Ratio of the locations that a probability accounts for to those there are, above or below which it is odd.
const MISFIT: f64 = 1.5;

const ACQUIRED: &str = "the acquisitions of the scan";

/// A slice whose largest sample is smaller than this share of those of another holds nothing but rounding errors.
const AIR: f64 = 1e-6;

const OTHER_LOCATIONS: &str = "this slice holds data at other locations than the slices before: its own were used";

/// What a probability should be, for errors.
const DRAWN_WITH: &str = "the probability the mask was drawn with, or none to have it estimated";

/// Which locations were sampled, and with which probability.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// What was sampled of the locations that are not padding.
    pub mask: Mask,
    /// What was acquired, and what is zero padding.
    pub coverage: Coverage,
    /// Probability of each location, `(rows, cols)`, positive where sampled; 1 in the padding.
    pub probability: Array2<f64>,
    /// The fully sampled rectangle at the origin.
    pub centre: Grid,
    /// The same in words and numbers.
    pub record: SamplingRecord,
    /// What looks odd, a sentence each.
    pub warnings: Vec<String>,
    /// Whether the k-space itself is fully sampled, so that it is a reference for what the mask leaves of it.
    pub complete_scan: bool,
    /// Whether the mask is only where data were found.
    detected: bool,
    /// As [`Acquisition::acquired`].
    acquired: [Option<Range<usize>>; 2],
    /// The largest magnitude of the k-space that it was judged by.
    largest: f64,
}

impl Sampling {
    /// The sampling of an acquisition whose k-space is not all zero: its mask where k-space holds data, and the
    /// probability that is known or estimated.
    ///
    /// # Errors
    /// [`Error::Data`]: a mask or probability that does not fit or cannot be.
    pub fn of(acquisition: &Acquisition) -> Result<Self> {
        acquisition.check()?;
        let held = HeldData::of(
            acquisition.kspace.view(),
            &acquisition.acquired,
            acquisition.held.as_ref(),
        );
        let complete = held.is_complete();
        let (mask, origin) = match &acquisition.mask {
            Some(given) => (given.value.clone(), given.origin.clone()),
            None if complete => (held.mask.clone(), "fully sampled".into()),
            None if acquisition.held.is_some() => (held.mask.clone(), ACQUIRED.into()),
            None => (held.mask.clone(), "detected where k-space is not zero".into()),
        };
        let mut warnings: Vec<String> = held.warning().into_iter().collect();
        let mask = held.only(&mask, &mut warnings);
        if mask.count() == 0 {
            let found = "it samples none of the locations where k-space holds data";
            return Err(Error::data(
                Input::Mask,
                found,
                "the mask this k-space was sampled with",
            ));
        }
        Ok(Self {
            detected: acquisition.mask.is_none(),
            complete_scan: complete,
            acquired: acquisition.acquired.clone(),
            largest: held.largest,
            ..Self::with_probability(mask, &held.coverage, origin, acquisition.probability.clone(), warnings)?
        })
    }

    fn with_probability(
        mask: Mask,
        held: &Coverage,
        origin: String,
        known: Option<Sourced<Array2<f64>>>,
        mut warnings: Vec<String>,
    ) -> Result<Self> {
        let coverage = held.narrowed(&mask);
        let (probability, density) = match known {
            known if coverage.is_complete(&mask) => {
                let unused = |known: Sourced<_>| {
                    format!(
                        "the sampling probability ({}) is not used: nothing is missing",
                        known.origin
                    )
                };
                warnings.extend(known.map(unused));
                (Array2::ones(mask.sampled.dim()), "1: fully sampled".to_string())
            }
            Some(Sourced {
                value: probability,
                origin,
            }) => {
                let impossible = mask.sampled.iter().zip(&probability).filter(|&(&s, &p)| s && p <= 0.0);
                let impossible = impossible.count();
                if impossible > 0 {
                    let found = format!("it is 0 at {impossible} locations that the mask samples");
                    return Err(Error::data(Input::Probability, found, DRAWN_WITH));
                }
                check_size(&mask, &coverage, &probability, &origin, &mut warnings)?;
                (probability, origin)
            }
            None => {
                let estimate = sampling::estimate_density(&mask, &coverage);
                (estimate.probability, "estimated from the mask".to_string())
            }
        };
        Ok(Self::assembled(
            mask,
            coverage,
            (probability, density),
            origin,
            warnings,
        ))
    }

    /// Of a mask, what it covers, and the probability with its origin.
    fn assembled(
        mask: Mask,
        coverage: Coverage,
        (mut probability, density): (Array2<f64>, String),
        origin: String,
        mut warnings: Vec<String>,
    ) -> Self {
        for ((row, col), p) in probability.indexed_iter_mut() {
            if coverage.is_padding(row, col) {
                *p = 1.0;
            }
        }
        warnings.extend(warnings_of_missing_sides(&coverage));
        let centre = sampling::sampled_centre(&mask);
        let record = SamplingRecord::new(&mask, &coverage, centre, origin, density);
        Self {
            mask,
            coverage,
            probability,
            centre,
            record,
            warnings,
            complete_scan: false,
            detected: true,
            acquired: [None, None],
            largest: 0.0,
        }
    }

    /// # Errors
    /// [`Error::Data`]: an input of another grid than the mask.
    pub(super) fn check_grid(&self, what: Input, grid: Grid) -> Result<()> {
        let expected = self.mask.grid();
        if grid == expected {
            return Ok(());
        }
        Err(Error::data(
            what,
            grid.to_string(),
            format!("{expected} as the mask has"),
        ))
    }

    /// All that is known: what was sampled, and the padding, whose values are zero.
    pub fn known(&self) -> Mask {
        self.coverage.with_padding(&self.mask)
    }

    /// Whether nothing is missing.
    pub fn is_complete(&self) -> bool {
        self.coverage.is_complete(&self.mask)
    }

    /// Whether phase-encode lines are missing.
    pub fn samples_lines(&self) -> bool {
        self.phase_axis().is_some()
    }

    /// The axis of the phase encodes, where phase-encode lines are missing: what solvers see of the mask.
    fn phase_axis(&self) -> Option<Axis> {
        if self.is_complete() {
            return None;
        }
        sampling::line_axis(&self.known())
    }

    /// Whether partial Fourier left out one side of k-space.
    pub fn lacks_side(&self) -> bool {
        sampling::lacks_side(&self.known())
    }

    /// What there is to warn of: [`Self::warnings`], and lines where `method` counts on errors that look like noise.
    pub fn warnings_for(&self, method: &Method) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        warnings.extend(self.warning_of_lines(method));
        warnings
    }

    fn warning_of_lines(&self, method: &Method) -> Option<String> {
        let few_missing = self.record.acceleration < BARELY;
        let phase = self.phase_axis().filter(|_| method.unbiased && !few_missing)?;
        let what = if is_equispaced(&self.mask, phase) {
            "whole phase-encode lines at regular distances, which alias into copies of the object"
        } else {
            "whole phase-encode lines"
        };
        Some(format!(
            "the mask samples {what}: P-VDAMP removes less of their aliasing than the method howl, which is made for such masks"
        ))
    }

    /// That of k-space of size `grid` that is all zero, in every slice of a scan.
    pub fn of_nothing(grid: Grid) -> Self {
        let warnings = vec!["k-space of the scan is all zero, and so are the images".into()];
        let full = Mask::full(grid);
        let coverage = Coverage::of(&full, [None, None]);
        let probability = (Array2::ones(grid.dim()), "1: fully sampled".to_string());
        Self::assembled(
            full,
            coverage,
            probability,
            "none: the scan is all zero".into(),
            warnings,
        )
    }

    /// [`Self::of_other_slice`] of a frame of a dynamic scan, where other locations are nothing to warn of.
    ///
    /// # Errors
    /// [`Error::Data`]: k-space of another grid.
    pub fn of_other_frame(&self, kspace: ArrayView3<Complex<f32>>, held: Option<&Mask>) -> Result<Option<Self>> {
        let own = self.of_other_slice(kspace, held)?;
        Ok(own.map(|mut own| {
            own.warnings.retain(|warning| warning != OTHER_LOCATIONS);
            own
        }))
    }

    /// The sampling of another slice of the same scan, `(coils, rows, cols)`, where it holds data at other locations;
    /// `None` where it does not. `held` is where it was acquired, if that is known. A detected mask gives way to that of the
    /// slice; one that was given or drawn only loses what is not there.
    ///
    /// # Errors
    /// [`Error::Data`]: k-space of another grid.
    pub fn of_other_slice(&self, kspace: ArrayView3<Complex<f32>>, held: Option<&Mask>) -> Result<Option<Self>> {
        let (_, rows, cols) = kspace.dim();
        self.check_grid(Input::Kspace, Grid::new(rows, cols))?;
        let told = held.is_some();
        let held = HeldData::of(kspace, &self.acquired, held);
        if held.largest < AIR * self.largest && !told {
            return Ok(None);
        }
        let lacking = without(&self.mask, &held.mask) as f64 > CHANCE * self.mask.count() as f64;
        let more = without(&held.mask, &self.mask) as f64 > CHANCE * held.mask.count() as f64;
        if self.detected && (lacking || more) {
            let warning = OTHER_LOCATIONS;
            let origin = if told {
                ACQUIRED
            } else {
                "detected where k-space of this slice is not zero"
            };
            let origin = origin.to_string();
            let complete_scan = held.is_complete();
            let warnings = [Some(warning.into()), held.warning()].into_iter().flatten().collect();
            let own = Self::with_probability(held.mask, &held.coverage, origin, None, warnings)?;
            return Ok(Some(Self {
                complete_scan,
                largest: self.largest,
                acquired: self.acquired.clone(),
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
        let mut own = self.clone();
        own.complete_scan = held.is_complete();
        own.mask = held.only(&self.mask, &mut own.warnings);
        own.coverage = if fits { &self.coverage } else { &held.coverage }.narrowed(&own.mask);
        own.centre = sampling::sampled_centre(&own.mask);
        let SamplingRecord { origin, density, .. } = self.record.clone();
        own.record = SamplingRecord::new(&own.mask, &own.coverage, own.centre, origin, density);
        Ok(Some(own))
    }
}

fn warnings_of_missing_sides(coverage: &Coverage) -> Vec<String> {
    let warning = |side: String| {
        format!(
            "partial Fourier: one side of k-space, {side}, was not acquired; the method howl fills it in, other methods \
             leave it almost empty"
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
    origin: &str,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let sampled = mask.sampled.iter().zip(probability).filter(|&(&sampled, _)| sampled);
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    for (_, &p) in sampled {
        sum += 1.0 / p;
        least = least.min(p);
    }
    if least < SMALLEST_PROBABILITY {
        let found = format!("it is as low as {least:e} at a location that the mask samples");
        return Err(Error::data(Input::Probability, found, DRAWN_WITH));
    }
    let share = sum / (coverage.rows.acquired.len() * coverage.cols.acquired.len()) as f64;
    if !(1.0 / MISFIT..MISFIT).contains(&share) {
        warnings.push(format!(
            "the sampling probability ({origin}) accounts for {share:.2} times the locations there are, as if it belonged \
             to another mask"
        ));
    }
    Ok(())
}

/// How many locations of `a` are not in `b`.
fn without(a: &Mask, b: &Mask) -> usize {
    a.sampled.iter().zip(&b.sampled).filter(|&(&a, &b)| a && !b).count()
}
