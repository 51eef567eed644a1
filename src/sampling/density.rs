//! The sampling density of a mask of which nobody says how it was drawn.

use std::ops::Range;

use ndarray::{Array2, Axis};

use super::centre::{line_axis, sampled_centre};
use super::coverage::Coverage;
use super::fit::{LogOdds, Shell};
use crate::array::{Grid, Mask};

/// Largest degree of the polynomial.
const LARGEST_DEGREE: usize = 6;
/// Samples, or lines, in the shells that tell how low the density was seen to fall, and how many degrees they can tell apart.
const PER_SHELL: usize = 20;
/// A centre that the density about it would fill with this probability is not taken for an ACS.
const CHANCE: f64 = 1e-3;
/// The outer part of a support cut off by an ellipse that the fit leaves out: the ellipse may not be quite ours.
const CUT: f64 = 0.04;

/// An estimate of the probability with which each location was sampled.
#[derive(Clone, Debug)]
pub struct Density {
    /// `(rows, cols)`, in `(0, 1]`: 1 in the fully sampled centre, elsewhere a smooth function of the radius. Where
    /// nothing was acquired (zero padding, partial Fourier, corners cut off) it goes on as it is at the rim.
    pub probability: Array2<f64>,
    /// The fully sampled rectangle in the centre; 0x0 where chance may have filled it.
    pub centre: Grid,
    /// Within this radius all was sampled too: the centre may be an ellipse. 0 where `centre` is empty, infinite for
    /// a full mask.
    pub centre_radius: f64,
    /// For a mask of phase-encode lines, the axis along which it, and the density, varies; see [`line_axis`].
    pub lines: Option<Axis>,
    /// Degree of the polynomial; `None` where there was nothing to fit.
    pub degree: Option<usize>,
}

/// Estimates the sampling density from the mask, and from how far the acquisition went.
///
/// The density is taken to be 1 in the fully sampled centre, and a function of the radius beyond it
/// ([`Grid::radius`]; for a mask of phase-encode lines, the distance along the phase encodes alone). The log-odds of
/// being sampled, as a polynomial of the radius, are fitted to the counts in shells of one pixel (logistic regression,
/// a weighted least-squares fit iterated), its degree by the criterion of Hannan and Quinn. What was not acquired and
/// corners cut off do not count. Nowhere is the estimate lower than the lowest density seen in a shell of at least 20
/// samples, so that its inverse, a weight, stays within bounds. A mask with no sample beyond its centre gives ones.
pub fn estimate_density(mask: &Mask, coverage: &Coverage) -> Density {
    let mut density = Density {
        probability: Array2::ones(mask.grid().dim()),
        centre: sampled_centre(mask),
        centre_radius: 0.0,
        lines: line_axis(mask),
        degree: None,
    };
    let measured = (coverage.rows.acquired.clone(), coverage.cols.acquired.clone());
    let geometry = Geometry {
        grid: mask.grid(),
        lines: density.lines,
        measured,
    };
    let sampled_radius = geometry.sampled_radius(mask);
    if sampled_radius.is_infinite() {
        density.centre_radius = sampled_radius;
        return density;
    }
    if geometry.may_be_chance(mask, density.centre) {
        density.centre = Grid::new(0, 0);
    }
    if !density.centre.is_empty() {
        density.centre_radius = sampled_radius;
    }
    let centre = Centre {
        grid: density.centre,
        radius: density.centre_radius,
    };

    let shells = geometry.shells(mask, &centre);
    let merged = merge(&shells);
    if merged.is_empty() {
        return density;
    }
    let fit = LogOdds::fit(&shells, LARGEST_DEGREE.min(merged.len() - 1));
    let lowest = merged
        .iter()
        .map(|shell| shell.sampled / shell.locations)
        .fold(1.0, f64::min);
    density.degree = Some(fit.degree());
    for ((row, col), p) in density.probability.indexed_iter_mut() {
        if !centre.contains(&geometry, row, col) {
            *p = fit.at(geometry.radius(row, col)).max(lowest);
        }
    }
    density
}

/// Where the mask could have samples, and what a radius is there.
struct Geometry {
    grid: Grid,
    lines: Option<Axis>,
    /// Rows and columns from the first to the last acquired.
    measured: (Range<usize>, Range<usize>),
}

struct Centre {
    grid: Grid,
    radius: f64,
}

impl Centre {
    fn contains(&self, geometry: &Geometry, row: usize, col: usize) -> bool {
        let (first_row, first_col) = geometry.grid.centred_offset(self.grid);
        let in_rows = (first_row..first_row + self.grid.rows).contains(&row) || geometry.lines == Some(Axis(1));
        let in_cols = (first_col..first_col + self.grid.cols).contains(&col) || geometry.lines == Some(Axis(0));
        !self.grid.is_empty() && (in_rows && in_cols || geometry.radius(row, col) < self.radius)
    }
}

impl Geometry {
    fn radius(&self, row: usize, col: usize) -> f64 {
        match self.lines {
            Some(Axis(0)) => self.grid.radius(row, self.grid.cols / 2),
            Some(_) => self.grid.radius(self.grid.rows / 2, col),
            None => self.grid.radius(row, col),
        }
    }

    /// What was decided by itself: every location, or, of phase-encode lines, one of each.
    fn decisions(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut rows, mut cols) = self.measured.clone();
        match self.lines {
            Some(Axis(0)) => cols.end = cols.start + 1,
            Some(_) => rows.end = rows.start + 1,
            None => (),
        }
        rows.flat_map(move |row| cols.clone().map(move |col| (row, col)))
    }

    /// Whether a centre may well be full by chance, at the density of the frame about it that doubles its size.
    fn may_be_chance(&self, mask: &Mask, centre: Grid) -> bool {
        let twice = Grid::new(
            (2 * centre.rows).min(self.grid.rows),
            (2 * centre.cols).min(self.grid.cols),
        );
        let [inner, outer] = [centre, twice].map(|grid| Centre { grid, radius: 0.0 });
        let (mut inside, mut frame, mut sampled) = (0, 0, 0);
        for (row, col) in self.decisions() {
            if inner.contains(self, row, col) {
                inside += 1;
            } else if outer.contains(self, row, col) {
                frame += 1;
                sampled += usize::from(mask.sampled[[row, col]]);
            }
        }
        (sampled as f64 / frame.max(1) as f64).powf(inside as f64) > CHANCE
    }

    /// The radius within which all is sampled; infinite if nothing is missing.
    fn sampled_radius(&self, mask: &Mask) -> f64 {
        let missing = self.decisions().filter(|&at| !mask.sampled[at]);
        missing
            .map(|(row, col)| self.radius(row, col))
            .fold(f64::INFINITY, f64::min)
    }

    /// Counts beyond the centre in shells of one pixel of the longer axis, outwards.
    fn shells(&self, mask: &Mask, centre: &Centre) -> Vec<Shell> {
        let beyond: Vec<(f64, bool)> = self
            .decisions()
            .filter(|&(row, col)| !centre.contains(self, row, col))
            .map(|at| (self.radius(at.0, at.1), mask.sampled[at]))
            .collect();
        let farthest = beyond.iter().map(|&(radius, _)| radius).fold(0.0, f64::max);
        let outermost = beyond
            .iter()
            .filter(|&&(_, sampled)| sampled)
            .map(|&(radius, _)| radius)
            .fold(0.0, f64::max);
        let is_cut = self.lines.is_none() && outermost < (1.0 - CUT) * farthest;
        let rim = if is_cut { (1.0 - CUT) * outermost } else { farthest };

        let per_radius = 0.5 * self.grid.rows.max(self.grid.cols) as f64;
        let mut shells = vec![
            Shell {
                radius: 0.0,
                locations: 0.0,
                sampled: 0.0
            };
            (rim * per_radius) as usize + 2
        ];
        for (radius, sampled) in beyond.into_iter().filter(|&(radius, _)| radius <= rim) {
            let shell = &mut shells[(radius * per_radius).round() as usize];
            shell.radius += radius;
            shell.locations += 1.0;
            shell.sampled += f64::from(u8::from(sampled));
        }
        shells.retain(|shell| shell.locations > 0.0);
        shells.iter_mut().for_each(|shell| shell.radius /= shell.locations);
        shells
    }
}

/// Joins neighbouring shells until each has enough samples; empty without any sample.
fn merge(shells: &[Shell]) -> Vec<Shell> {
    let mut merged: Vec<Shell> = Vec::new();
    let mut open = Shell {
        radius: 0.0,
        locations: 0.0,
        sampled: 0.0,
    };
    for shell in shells {
        open.locations += shell.locations;
        open.sampled += shell.sampled;
        open.radius = shell.radius;
        if open.sampled >= PER_SHELL as f64 {
            merged.push(open);
            open = Shell {
                radius: 0.0,
                locations: 0.0,
                sampled: 0.0,
            };
        }
    }
    match merged.last_mut() {
        // Too few are left for a shell of their own.
        Some(last) => {
            last.locations += open.locations;
            last.sampled += open.sampled;
        }
        None if open.sampled > 0.0 => merged.push(open),
        None => (),
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::super::{Drawn, FAMILIES};
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn estimate(mask: &Mask) -> Density {
        estimate_density(mask, &Coverage::of(mask, [None, None]))
    }

    /// Root mean square and mean of the relative error, over the samples beyond the ACS.
    fn error(mask: &Mask, probability: &Array2<f64>) -> (f64, f64) {
        let estimate = estimate(mask);
        let errors: Vec<f64> = probability
            .indexed_iter()
            .filter(|&(at, &p)| mask.sampled[at] && p < 1.0)
            .map(|(at, &p)| estimate.probability[at] / p - 1.0)
            .collect();
        let mean = |of: &dyn Fn(f64) -> f64| errors.iter().map(|&e| of(e)).sum::<f64>() / errors.len() as f64;
        (mean(&|e| e * e).sqrt(), mean(&|e| e))
    }

    #[test]
    fn is_close_to_the_density_drawn_from_also_with_the_corners_cut_off() {
        for family in FAMILIES.iter().filter(|family| !family.lines) {
            for acceleration in [4.0, 5.0, 8.0, 10.0] {
                for rim in [2.0, 1.0] {
                    let mut bias = 0.0;
                    for seed in 0..3 {
                        let plan = plan((230, 180), acceleration, (24, 20), seed);
                        let Drawn { mut mask, probability } = (family.draw)(&plan).unwrap();
                        for ((row, col), sampled) in mask.sampled.indexed_iter_mut() {
                            *sampled &= plan.grid.radius(row, col) <= rim;
                        }
                        assert_eq!(estimate(&mask).centre, plan.acs);
                        let (rms, mean) = error(&mask, &probability);
                        assert!(rms < 0.08, "{} R {acceleration} rim {rim}: {rms}", family.name);
                        bias += mean / 3.0;
                    }
                    assert!(bias.abs() < 0.03, "{} R {acceleration} rim {rim}: {bias}", family.name);
                }
            }
        }
    }

    #[test]
    fn weights_stay_within_bounds() {
        let Drawn { mask, .. } = (FAMILIES[0].draw)(&plan((100, 90), 20.0, (6, 6), 1)).unwrap();
        let density = estimate(&mask);
        assert!(density.probability.iter().all(|&p| (0.01..=1.0).contains(&p)));
        // The sum of 1/p over the samples estimates the number of locations.
        let sum: f64 = density
            .probability
            .iter()
            .zip(&mask.sampled)
            .filter(|(_, s)| **s)
            .map(|(p, _)| 1.0 / p)
            .sum();
        assert!((sum / 9000.0 - 1.0).abs() < 0.15, "{sum}");
    }

    #[test]
    fn lines_are_fitted_along_the_phase_encodes() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let columns: Vec<bool> = (0..372)
            .map(|col| {
                (20..352).contains(&col)
                    && ((174..198).contains(&col) || rng.random::<f64>() < 0.2 && col != 173 && col != 198)
            })
            .collect();
        let mut mask = Mask::from_columns(64, &columns);
        mask.sampled.row_mut(0).fill(false);
        let density = estimate(&mask);
        assert_eq!((density.lines, density.centre), (Some(Axis(1)), Grid::new(63, 24)));
        for ((row, col), &p) in density.probability.indexed_iter() {
            assert_eq!(p, density.probability[[0, col]], "row {row}");
            assert_eq!(p == 1.0, (174..198).contains(&col), "column {col}");
            assert!(p == 1.0 || (p / 0.2 - 1.0).abs() < 0.35, "column {col}: {p}");
        }
        let turned = estimate(&Mask::new(mask.sampled.t().to_owned()));
        assert_eq!(turned.lines, Some(Axis(0)));
        assert_eq!(turned.probability.t(), density.probability);
    }

    #[test]
    fn an_elliptical_centre_is_one_throughout() {
        let grid = Grid::new(160, 120);
        let Drawn { mut mask, .. } = (FAMILIES[0].draw)(&plan((160, 120), 8.0, (0, 0), 2)).unwrap();
        assert!(
            estimate(&mask).centre.is_empty(),
            "a few neighbours in the centre are no ACS"
        );
        let ellipse = |row, col| grid.radius(row, col) < 0.2;
        for ((row, col), sampled) in mask.sampled.indexed_iter_mut() {
            *sampled |= ellipse(row, col);
        }
        let density = estimate(&mask);
        assert!(density.centre_radius >= 0.2);
        for ((row, col), &p) in density.probability.indexed_iter() {
            assert!(p == 1.0 || !ellipse(row, col));
            assert!(p < 0.7 || grid.radius(row, col) < 0.23, "{row} {col} {p}");
        }
    }

    #[test]
    fn full_zero_filled_and_empty_masks_give_ones() {
        let grid = Grid::new(20, 30);
        let mut filled = Mask::full(grid);
        filled.sampled.slice_mut(ndarray::s![.., ..8]).fill(false);
        filled.sampled.slice_mut(ndarray::s![17.., ..]).fill(false);
        let none = Mask::new(Array2::from_elem(grid.dim(), false));
        for mask in [Mask::full(grid), filled, none] {
            let density = estimate(&mask);
            assert!(density.probability.iter().all(|&p| p == 1.0));
            assert_eq!((density.degree, density.lines), (None, None));
        }
    }
}
