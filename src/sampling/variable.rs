//! The variable density that every family aims at.

use ndarray::Array2;

use super::MaskPlan;

/// Sampling probability `(rows, cols)` of a valid plan: 1 in the ACS, elsewhere falling with the radius ρ as
/// `p(ρ) = p₀ / (1 + sρ)^order`, with the slope s that makes the mean over the grid 1/R.
///
/// Lustig, Donoho and Pauly (2007) let the density fall as a polynomial of the distance; here that polynomial
/// is the denominator, so that p stays positive out to the corners, where `1/p` is a weight. At order 2 the
/// distance between samples, `1/√p`, grows linearly with ρ. The height at the origin follows from q, the mean density
/// wanted beyond the ACS, as `p₀ = q^(1/(1 + 2 order))`: never below q, so that a slope exists for every R.
/// At order 2 and R from 5 to 10 it is about 2/3, which gives densities like those of the P-VDAMP experiments
/// (Millard et al., arXiv:2203.04180).
pub(super) fn density(plan: &MaskPlan) -> Array2<f64> {
    let MaskPlan { grid, order, .. } = *plan;
    let beyond = grid.len() - plan.acs.len();
    if beyond == 0 {
        return Array2::ones(grid.dim());
    }
    let wanted = grid.len() as f64 / plan.acceleration - plan.acs.len() as f64;
    let mean = (wanted / beyond as f64).min(1.0);
    let height = mean.powf(1.0 / (1.0 + 2.0 * order));
    let radii: Vec<f64> = locations(plan).map(|(row, col)| grid.radius(row, col)).collect();
    let slope = slope(&radii, order, mean / height);

    let mut density = Array2::ones(grid.dim());
    for ((row, col), radius) in locations(plan).zip(radii) {
        density[[row, col]] = height * (1.0 + slope * radius).powf(-order);
    }
    density
}

/// The locations beyond the ACS, row by row.
pub(super) fn locations(plan: &MaskPlan) -> impl Iterator<Item = (usize, usize)> {
    let cols = plan.grid.cols;
    (0..plan.grid.len())
        .map(move |i| (i / cols, i % cols))
        .filter(|&(row, col)| !plan.in_acs(row, col))
}

/// The s for which the mean of `(1 + sρ)^-order` is `target`, in (0, 1].
///
/// `mean^(-1/order)` is a power mean of 1 + sρ, increasing, concave and nearly linear in s: Newton's method from
/// s = 0 rises to the root without overshooting, in a few steps.
fn slope(radii: &[f64], order: f64, target: f64) -> f64 {
    if target >= 1.0 {
        return 0.0;
    }
    let n = radii.len() as f64;
    let mut slope = 0.0;
    for _ in 0..200 {
        let (mut mean, mut fall) = (0.0, 0.0);
        for radius in radii {
            let base = 1.0 + slope * radius;
            let value = base.powf(-order) / n;
            mean += value;
            fall += value * radius / base;
        }
        slope += mean * ((mean / target).powf(1.0 / order) - 1.0) / fall;
        if mean / target - 1.0 < 1e-13 {
            break;
        }
    }
    slope
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Grid;

    /// Densities with which P-VDAMP is known to work at R = 5 and 10 on 256x256, read off in shells.
    #[test]
    fn falls_as_the_densities_that_work() {
        for (acceleration, table) in [
            (
                5.0,
                [
                    (0.15, 0.46),
                    (0.25, 0.385),
                    (0.45, 0.272),
                    (0.65, 0.2),
                    (0.95, 0.134),
                    (1.25, 0.1),
                ],
            ),
            (
                10.0,
                [
                    (0.15, 0.35),
                    (0.25, 0.255),
                    (0.45, 0.146),
                    (0.65, 0.0925),
                    (0.95, 0.0536),
                    (1.25, 0.037),
                ],
            ),
        ] {
            let grid = Grid::new(256, 256);
            let plan = MaskPlan {
                grid,
                acceleration,
                acs: Grid::new(24, 24),
                order: super::super::DEFAULT_ORDER,
                seed: 0,
            };
            let density = density(&plan);
            for (radius, wanted) in table {
                let along = 128 + (radius * 128.0 / 2f64.sqrt()).round() as usize;
                let p = density[[along, along]];
                assert!(
                    (p / wanted - 1.0).abs() < 0.1,
                    "R {acceleration} radius {radius}: {p} for {wanted}"
                );
            }
        }
    }

    #[test]
    fn order_is_the_steepness_and_0_is_uniform() {
        let at = |order: f64, row: usize| {
            let grid = Grid::new(101, 80);
            density(&MaskPlan {
                grid,
                acceleration: 6.0,
                acs: Grid::new(9, 9),
                order,
                seed: 0,
            })[[row, 40]]
        };
        let uniform = (101.0 * 80.0 / 6.0 - 81.0) / (101.0 * 80.0 - 81.0);
        assert!((at(0.0, 10) / uniform - 1.0).abs() < 1e-12);
        let falls: Vec<f64> = [0.0, 0.5, 1.0, 2.0, 4.0]
            .map(|order| at(order, 60) / at(order, 0))
            .to_vec();
        assert!(falls.windows(2).all(|pair| pair[1] > pair[0]), "{falls:?}");
    }
}
