//! Where k-space holds data, and what is missing.

use std::ops::Range;

use ndarray::{ArrayView3, Zip, s};
use num_complex::Complex;

use crate::array::Mask;
use crate::sampling::{self, Coverage};

/// Fewer locations without data than this fraction are exact zeros by chance, not missing samples.
pub(super) const CHANCE: f64 = 0.01;

/// Where k-space holds data.
pub(super) struct HeldData {
    pub(super) mask: Mask,
    pub(super) coverage: Coverage,
    /// The largest magnitude.
    pub(super) largest: f64,
    /// Locations with values that are too small to be data.
    negligible: usize,
}

impl HeldData {
    /// Where it is told that data were acquired, else where any coil is not zero; everywhere but in the padding, when the
    /// zeros are few enough to be chance.
    pub(super) fn of(
        kspace: ArrayView3<Complex<f32>>,
        acquired: &[Option<Range<usize>>; 2],
        told: Option<&Mask>,
    ) -> Self {
        let held = sampling::held_data(kspace);
        let (mut mask, negligible) = match told {
            Some(told) => (told.clone(), 0),
            None => (held.mask, held.negligible),
        };
        let coverage = Coverage::of(&mask, acquired.clone());
        let support = coverage.support().len();
        if (support - mask.count()) as f64 <= CHANCE * support as f64 {
            mask = coverage.without_padding(&Mask::full(mask.grid()));
        }
        Self {
            mask,
            coverage,
            largest: held.largest,
            negligible,
        }
    }

    /// What was not taken for data.
    pub(super) fn warning(&self) -> Option<String> {
        let few = self.negligible as f64 <= CHANCE * self.mask.grid().len() as f64;
        (!few).then(|| {
            format!(
                "{} locations hold values that are smaller than all others by orders of magnitude, as transforms leave them: \
                 they count as not sampled",
                self.negligible
            )
        })
    }

    /// Whether nothing is missing but sides that were never acquired.
    pub(super) fn is_complete_within(&self) -> bool {
        let (rows, cols) = (self.coverage.rows.acquired.clone(), self.coverage.cols.acquired.clone());
        let within = self.mask.sampled.slice(s![rows, cols]);
        let missing = within.iter().filter(|&&sampled| !sampled).count();
        missing as f64 <= CHANCE * within.len() as f64
    }

    /// Whether nothing is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.coverage.is_complete(&self.mask)
    }

    /// Why it is not complete.
    pub(super) fn lack(&self) -> String {
        let mut sides = missing_sides(&self.coverage);
        match sides.next() {
            Some(side) => format!("undersampled already: partial Fourier left out {side}"),
            None => format!(
                "undersampled already, R = {:.2}",
                self.coverage.acceleration(&self.mask)
            ),
        }
    }

    /// Takes out what a mask claims but the data lack.
    pub(super) fn only(&self, mask: &Mask, warnings: &mut Vec<String>) -> Mask {
        let mask = self.coverage.without_padding(mask);
        let claimed = mask.count();
        let both = Zip::from(&mask.sampled)
            .and(&self.mask.sampled)
            .map_collect(|&a, &b| a && b);
        let both = Mask::new(both);
        let lacking = claimed - both.count();
        if lacking as f64 <= CHANCE * claimed as f64 {
            return mask;
        }
        warnings.push(format!(
            "the mask samples {lacking} of its {claimed} locations where the scan holds no data: they count as not sampled"
        ));
        both
    }
}

/// The sides that partial Fourier left out, in words.
pub(super) fn missing_sides(coverage: &Coverage) -> impl Iterator<Item = String> {
    let side = |(name, missing): (&str, Option<Range<usize>>)| {
        missing.map(|missing| format!("{name} {} to {}", missing.start, missing.end - 1))
    };
    let (rows, cols) = (coverage.rows.missing.clone(), coverage.cols.missing.clone());
    [("rows", rows), ("columns", cols)].into_iter().filter_map(side)
}
