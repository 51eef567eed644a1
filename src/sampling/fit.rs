//! A polynomial for the log-odds of being sampled, fitted to counts.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Locations of like radius, and how many of them were sampled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shell {
    pub radius: f64,
    pub locations: f64,
    pub sampled: f64,
}

/// `ln(p/(1 − p))` as a polynomial of the radius.
pub(super) struct LogOdds {
    /// Of Chebyshev polynomials over `range`.
    coefficients: Vec<f64>,
    range: (f64, f64),
}

impl LogOdds {
    /// The binomial maximum likelihood, with the degree, up to `largest_degree`, that the criterion of
    /// Hannan and Quinn picks (J R Stat Soc B 41:190, 1979).
    /// The fitted p adds up to the number of samples, and stays between 0 and 1.
    pub(super) fn fit(shells: &[Shell], largest_degree: usize) -> Self {
        let samples: f64 = shells.iter().map(|shell| shell.sampled).sum();
        let price = samples.max(16.0).ln().ln();
        let merit = |fit: &Self| fit.log_likelihood(shells) - price * fit.coefficients.len() as f64;
        let mut best = Self::of_degree(shells, 0);
        for degree in 1..=largest_degree {
            let fit = Self::of_degree(shells, degree);
            if merit(&fit) > merit(&best) {
                best = fit;
            }
        }
        best
    }

    pub(super) fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// The probability at a radius; beyond the radii fitted it stays as it is there.
    pub(super) fn at(&self, radius: f64) -> f64 {
        let basis = self.basis(radius);
        let odds: f64 = basis
            .zip(&self.coefficients)
            .map(|(value, coefficient)| value * coefficient)
            .sum();
        1.0 / (1.0 + (-odds).exp())
    }

    /// Newton's method, each step a weighted least-squares fit over the shells.
    fn of_degree(shells: &[Shell], degree: usize) -> Self {
        let locations: f64 = shells.iter().map(|shell| shell.locations).sum();
        let samples: f64 = shells.iter().map(|shell| shell.sampled).sum();
        let radii = || shells.iter().map(|shell| shell.radius);
        let mut fit = Self {
            coefficients: vec![0.0; degree + 1],
            range: (
                radii().fold(f64::INFINITY, f64::min),
                radii().fold(f64::NEG_INFINITY, f64::max),
            ),
        };
        // Half a location each way keeps the odds finite where all or none were sampled.
        fit.coefficients[0] = ((samples + 0.5) / (locations - samples + 0.5)).ln();
        for _ in 0..25 {
            let mut gradient = Mat::<f64>::zeros(degree + 1, 1);
            let mut information = Mat::<f64>::zeros(degree + 1, degree + 1);
            for shell in shells {
                let p = fit.at(shell.radius);
                let basis: Vec<f64> = fit.basis(shell.radius).collect();
                for (i, a) in basis.iter().enumerate() {
                    gradient[(i, 0)] += a * (shell.sampled - shell.locations * p);
                    for (j, b) in basis.iter().enumerate() {
                        information[(i, j)] += a * b * shell.locations * p * (1.0 - p);
                    }
                }
            }
            // Singular where the odds run to infinity; what is reached by then is good.
            let Ok(factor) = information.llt(Side::Lower) else {
                break;
            };
            let step = factor.solve(&gradient);
            let size = step.norm_max();
            if !size.is_finite() {
                break;
            }
            let damping = (2.0 / size).min(1.0);
            for (i, coefficient) in fit.coefficients.iter_mut().enumerate() {
                *coefficient += damping * step[(i, 0)];
            }
            if size < 1e-9 {
                break;
            }
        }
        fit
    }

    fn log_likelihood(&self, shells: &[Shell]) -> f64 {
        let term = |count: f64, p: f64| if count > 0.0 { count * p.ln() } else { 0.0 };
        let of_shell = |shell: &Shell| {
            let p = self.at(shell.radius);
            term(shell.sampled, p) + term(shell.locations - shell.sampled, 1.0 - p)
        };
        shells.iter().map(of_shell).sum()
    }

    /// The Chebyshev polynomials at a radius.
    fn basis(&self, radius: f64) -> impl Iterator<Item = f64> {
        let (low, high) = self.range;
        let x = if high > low {
            2.0 * (radius.clamp(low, high) - low) / (high - low) - 1.0
        } else {
            0.0
        };
        let angle = x.acos();
        (0..self.coefficients.len()).map(move |n| (n as f64 * angle).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shells(p: impl Fn(f64) -> f64) -> Vec<Shell> {
        let radii = (0..60).map(|k| 0.1 + 0.02 * f64::from(k));
        radii
            .map(|radius| Shell {
                radius,
                locations: 20000.0,
                sampled: (20000.0 * p(radius)).round(),
            })
            .collect()
    }

    #[test]
    fn recovers_a_density_and_the_number_of_samples() {
        for p in [
            |r: f64| 0.6 / (1.0 + 3.0 * r).powi(2),
            |r: f64| (-r).exp(),
            |_: f64| 0.3,
        ] {
            let shells = shells(p);
            let fit = LogOdds::fit(&shells, 6);
            let total: f64 = shells.iter().map(|shell| shell.locations * fit.at(shell.radius)).sum();
            let samples: f64 = shells.iter().map(|shell| shell.sampled).sum();
            assert!((total / samples - 1.0).abs() < 1e-9);
            assert!(
                shells
                    .iter()
                    .all(|shell| (fit.at(shell.radius) / p(shell.radius) - 1.0).abs() < 0.03)
            );
            assert_eq!(fit.at(9.0), fit.at(shells[59].radius), "goes on as it is at the rim");
        }
        assert_eq!(LogOdds::fit(&shells(|_| 0.3), 6).degree(), 0);
    }

    #[test]
    fn survives_shells_all_or_none_of_which_is_sampled() {
        for p in [|_: f64| 1.0, |_: f64| 0.0, |r: f64| f64::from(u8::from(r < 0.5))] {
            let fit = LogOdds::fit(&shells(p), 6);
            assert!((0..100).all(|k| (0.0..=1.0).contains(&fit.at(0.02 * f64::from(k)))));
        }
    }
}
