//! Phase-encode lines, which are columns, as fastMRI draws them (Zbontar et al., arXiv:1811.08839): the mask of a seed
//! is that of fastMRI's `RandomMaskFunc` and `EquispacedMaskFractionFunc` for the same integer seed, bit for bit.

use std::ops::Range;

use ndarray::Array2;

use super::plan::{MaskPlan, typed};
use super::request::Acs;
use super::{Drawn, random_state::RandomState};
use crate::array::{Grid, Mask};
use crate::error::{Error, Parameter, Result};

/// Share of the lines in the centre, times R: fastMRI has 8 % at R = 4 and 4 % at R = 8.
const CENTRE_SHARE: f64 = 0.32;

/// Every column beyond the centre by itself, with the one probability that gives R on average.
pub(super) fn draw_random(plan: &MaskPlan) -> Result<Drawn> {
    let (rule, mut rng) = (LineRule::new(plan)?, random_state(plan)?);
    Ok(rule.drawn((0..rule.columns).map(|_| rng.double() < rule.probability).collect()))
}

/// Columns at one distance, the first at random, so that R comes out with the centre counted. The distance is no whole
/// number: each column is rounded.
pub(super) fn draw_equispaced(plan: &MaskPlan) -> Result<Drawn> {
    let (rule, mut rng) = (LineRule::new(plan)?, random_state(plan)?);
    let mut columns = vec![false; rule.columns];
    if rule.central.len() < rule.columns {
        let spacing = rule.spacing();
        let offset = f64::from(rng.below(spacing.round_ties_even() as u32));
        // numpy counts from the second value on, and never reaches the last column but by rounding.
        let step = (offset + spacing) - offset;
        let count = ((rule.columns as f64 - 1.0 - offset) / spacing).ceil().max(0.0) as usize;
        for i in 0..count {
            columns[(offset + i as f64 * step).round_ties_even() as usize] = true;
        }
    }
    Ok(rule.drawn(columns))
}

/// Whether such a mask exists.
pub(super) fn validate(plan: &MaskPlan) -> Result<()> {
    LineRule::new(plan)?;
    random_state(plan)?;
    Ok(())
}

/// The centre of a mask of phase-encode lines, the customary one where `acs` is `None`.
pub(super) fn centre(grid: Grid, acceleration: f64, acs: Option<Acs>) -> Result<Grid> {
    let of_share = |share: f64| (grid.cols as f64 * share).round_ties_even() as usize;
    let columns = match acs {
        None => of_share(CENTRE_SHARE / acceleration.max(1.0)),
        Some(Acs::Side(columns)) => columns,
        Some(Acs::Fraction(share)) if (0.0..=1.0).contains(&share) => of_share(share),
        Some(Acs::Fraction(share)) => {
            let why = "is no share of the columns; give a number from 0 to 1, such as 0.08";
            return Err(Error::setting(Parameter::AcsFraction, share, why));
        }
        Some(Acs::Rectangle(rectangle)) => {
            let why = format!(
                "is a rectangle; the centre of phase-encode lines is a number of columns: give {}, or a fraction",
                rectangle.cols
            );
            return Err(Error::setting(Parameter::Acs, rectangle, why));
        }
    };
    if columns > grid.cols {
        let why = format!(
            "is more than the {} columns of the k-space grid; make it smaller",
            grid.cols
        );
        return Err(Error::setting(Parameter::Acs, columns, why));
    }
    Ok(Grid::new(grid.rows, columns))
}

fn random_state(plan: &MaskPlan) -> Result<RandomState> {
    let seed = u32::try_from(plan.seed).map_err(|_| {
        let why = format!(
            "is too large: seeds of masks of phase-encode lines are fastMRI's, which end at {}; give a smaller one",
            u32::MAX
        );
        Error::setting(Parameter::Seed, plan.seed, why)
    })?;
    Ok(RandomState::new(seed))
}

struct LineRule {
    rows: usize,
    columns: usize,
    acceleration: f64,
    /// The columns always sampled.
    central: Range<usize>,
    /// Of every other.
    probability: f64,
}

impl LineRule {
    fn new(plan: &MaskPlan) -> Result<Self> {
        plan.validate_numbers()?;
        let MaskPlan {
            grid,
            acceleration,
            acs,
            ..
        } = *plan;
        let (columns, low) = (grid.cols, acs.cols);
        let largest = columns as f64 / (low + 1).min(columns) as f64;
        if acceleration > largest {
            let why = format!(
                "cannot be reached: with {low} of {columns} columns in the centre the largest is {:.2}; lower it, or make \
                 the ACS or its fraction smaller",
                typed(largest)
            );
            return Err(Error::setting(Parameter::Acceleration, acceleration, why));
        }
        let first = (columns - low).div_ceil(2);
        let wanted = columns as f64 / acceleration - low as f64;
        let beyond = (columns - low) as f64;
        Ok(Self {
            rows: grid.rows,
            columns,
            acceleration,
            central: first..first + low,
            probability: if low == columns { 1.0 } else { wanted / beyond },
        })
    }

    /// Distance between columns that fills what the centre leaves.
    fn spacing(&self) -> f64 {
        let (low, columns) = (self.central.len() as f64, self.columns as f64);
        (self.acceleration * (low - columns)) / (low * self.acceleration - columns)
    }

    fn drawn(&self, mut columns: Vec<bool>) -> Drawn {
        columns[self.central.clone()].fill(true);
        let probability = |(_, col): (usize, usize)| {
            if self.central.contains(&col) {
                1.0
            } else {
                self.probability
            }
        };
        Drawn {
            mask: Mask::from_columns(self.rows, &columns),
            probability: Array2::from_shape_fn((self.rows, self.columns), probability),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Family, Request};
    use super::*;

    /// Masks that fastMRI 0.3.0 gives, as the digits of a hexadecimal number, first column first: columns, R, share in
    /// the centre, seed.
    const RANDOM: [(usize, f64, f64, u64, &str); 5] = [
        (
            320,
            4.0,
            0.08,
            0,
            "000380a02011050d141521095000000208003ffffffc1800021c02000040518106080014108135c0",
        ),
        (
            368,
            4.0,
            0.08,
            42,
            "0e23040584a040a028851020380500108800488008bffffffe66c002000508021200001432180186000f12106800",
        ),
        (
            372,
            8.0,
            0.04,
            1000,
            "02010840c041800000010000120008000004110144041fffc00012380084004000441113200000000000184040400",
        ),
        (181, 8.0, 0.04, 7, "8104100000000102000001fc0809000400026a00808500"),
        (
            256,
            5.0,
            0.1,
            4294967295,
            "8800008830800004c081000005001ffffff80820140003810080000020004000",
        ),
    ];
    const EQUISPACED: [(usize, f64, f64, u64, &str); 5] = [
        (
            320,
            4.0,
            0.08,
            0,
            "0841082104208420841082104210420841083ffffffc208410841082104208420841082104210420",
        ),
        (
            368,
            4.0,
            0.08,
            42,
            "1082104210421042084208420841084108210821083ffffffe210420842084108410841082108210821042104208",
        ),
        (
            372,
            8.0,
            0.04,
            1000,
            "100200200400800801002002004008008010020020041fffc80100200200400800801002002004008008010020020",
        ),
        (181, 8.0, 0.04, 7, "0801002004004008010021fc0080100200200400801000"),
        (
            256,
            5.0,
            0.1,
            4294967295,
            "10080402008040201008040201005ffffff80402010080201008040201008040",
        ),
    ];

    fn plan(family: &str, grid: (usize, usize), acceleration: f64, acs: Option<Acs>, seed: u64) -> Result<MaskPlan> {
        Family::find(family).unwrap().plan(
            &Request {
                acceleration,
                acs,
                order: None,
                seed,
            },
            grid.into(),
        )
    }

    #[test]
    fn masks_are_those_of_fastmri() {
        for (family, masks) in [("lines-random", RANDOM), ("lines-equispaced", EQUISPACED)] {
            for (columns, acceleration, share, seed, digits) in masks {
                let plan = plan(family, (3, columns), acceleration, Some(Acs::Fraction(share)), seed).unwrap();
                let Drawn { mask, probability } = (Family::find(family).unwrap().draw)(&plan).unwrap();
                let bits = digits
                    .chars()
                    .flat_map(|c| (0..4).map(move |k| c.to_digit(16).unwrap() >> (3 - k) & 1 == 1));
                let wanted: Vec<bool> = bits.take(columns).collect();
                for row in 0..3 {
                    assert_eq!(
                        mask.sampled.row(row).to_vec(),
                        wanted,
                        "{family} {columns} R {acceleration} seed {seed}"
                    );
                }
                assert!((probability.row(1).sum() - columns as f64 / acceleration).abs() < 1e-9);
                assert!(
                    mask.sampled
                        .iter()
                        .zip(&probability)
                        .all(|(&sampled, &p)| sampled || p < 1.0)
                );
            }
        }
    }

    #[test]
    fn the_acceleration_comes_out_on_average_and_the_centre_is_full() {
        for family in ["lines-random", "lines-equispaced"] {
            for (columns, acceleration, acs) in [
                (320, 4.0, None),
                (181, 8.0, None),
                (96, 2.5, Some(Acs::Side(8))),
                (64, 3.0, Some(Acs::Side(0))),
                (77, 4.0, Some(Acs::Fraction(0.2))),
            ] {
                let mut counts = Vec::new();
                for seed in 0..200 {
                    let plan = plan(family, (2, columns), acceleration, acs, seed).unwrap();
                    let Drawn { mask, probability } = (Family::find(family).unwrap().draw)(&plan).unwrap();
                    let first = (columns - plan.acs.cols).div_ceil(2);
                    for col in 0..columns {
                        let central = (first..first + plan.acs.cols).contains(&col);
                        assert!(mask.sampled[[1, col]] || !central);
                        assert_eq!(probability[[1, col]] == 1.0, central);
                    }
                    counts.push(mask.count() as f64 / 2.0);
                }
                let mean = counts.iter().sum::<f64>() / counts.len() as f64;
                let wanted = columns as f64 / acceleration;
                let spread = if family == "lines-random" { wanted.sqrt() } else { 1.0 };
                let tolerance = 4.0 * spread / f64::sqrt(200.0) + if family == "lines-random" { 0.0 } else { 0.7 };
                assert!(
                    (mean - wanted).abs() < tolerance,
                    "{family} {columns} R {acceleration}: {mean} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn the_customary_centre_is_that_of_fastmri() {
        for (columns, acceleration, low) in [(320, 4.0, 26), (368, 8.0, 15), (372, 4.0, 30), (20, 2.0, 3)] {
            let plan = plan("lines-random", (5, columns), acceleration, None, 0).unwrap();
            assert_eq!(plan.acs, Grid::new(5, low));
        }
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |acceleration: f64, acs: Option<Acs>, seed: u64, part: &str| {
            for family in ["lines-random", "lines-equispaced"] {
                let error = plan(family, (4, 320), acceleration, acs, seed).unwrap_err().to_string();
                assert!(error.contains(part), "{error}");
            }
        };
        refused(
            13.0,
            Some(Acs::Fraction(0.08)),
            0,
            "acceleration 13 cannot be reached: with 26 of 320 columns",
        );
        refused(13.0, Some(Acs::Side(26)), 0, "the largest is 11.85");
        refused(0.5, None, 0, "acceleration 0.5 is not an acceleration");
        refused(f64::NAN, None, 0, "acceleration NaN");
        refused(4.0, Some(Acs::Side(321)), 0, "ACS 321 is more than the 320 columns");
        refused(4.0, Some(Acs::Rectangle(Grid::new(24, 26))), 0, "give 26");
        for share in [-0.1, 1.1, f64::NAN] {
            refused(4.0, Some(Acs::Fraction(share)), 0, "ACS fraction");
        }
        refused(4.0, None, 1 << 32, "end at 4294967295");
        let order = Family::find("lines-random").unwrap().plan(
            &Request {
                acceleration: 4.0,
                acs: None,
                order: Some(2.0),
                seed: 0,
            },
            Grid::new(4, 320),
        );
        assert!(
            order
                .unwrap_err()
                .to_string()
                .contains("order 2 means nothing to lines-random masks")
        );
    }
}
