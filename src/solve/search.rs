//! The λ of least error, when a reference can tell.

use crate::error::Result;

/// Lattice points in a decade of λ.
const PER_DECADE: f64 = 4.0;
/// Where the search starts, as a lattice index: λ = 10⁻²·⁵, near the best of most scans.
const START: i32 = -10;
/// Lattice indices that are never left: λ from 10⁻⁷ to 10².
const RANGE: std::ops::RangeInclusive<i32> = -28..=8;
/// Relative accuracy of the best λ.
const ACCURACY: f64 = 0.02;
/// Rounds of refinement at most.
const ROUNDS: usize = 16;

/// Error in dB against λ: what was tried, by rising λ.
#[derive(Clone, Debug, Default)]
pub struct LambdaCurve {
    /// λ and its error.
    pub points: Vec<(f64, f64)>,
}

impl LambdaCurve {
    /// The point of least error; `None` where no error is finite.
    pub fn best(&self) -> Option<(f64, f64)> {
        let finite = self.points.iter().filter(|point| point.1.is_finite());
        finite.min_by(|a, b| a.1.total_cmp(&b.1)).copied()
    }

    /// A run that breaks down is a bad one, not the end of the search.
    fn insert(&mut self, lambda: f64, error: f64) {
        let error = if error.is_nan() { f64::INFINITY } else { error };
        let at = self.points.partition_point(|p| p.0 < lambda);
        self.points.insert(at, (lambda, error));
    }

    /// Indices of the best point and its neighbours, where it has both.
    fn bracket(&self) -> Option<[(f64, f64); 3]> {
        let best = self.best()?;
        let at = self.points.iter().position(|p| *p == best)?;
        (at > 0 && at + 1 < self.points.len()).then(|| [at - 1, at, at + 1].map(|i| self.points[i]))
    }
}

/// Finds the λ of least `error`, in dB, to 2 %: down a lattice of four a decade until the best point has a worse one
/// on either side, then by parabolas through those three in log λ. `reach` asks for lattice points further out on
/// both sides of the best, for a curve to show.
///
/// Errors: those of `error`.
pub fn search_lambda(reach: i32, error: &mut dyn FnMut(f64) -> Result<f64>) -> Result<LambdaCurve> {
    let lattice = |index: i32| 10f64.powf(f64::from(index) / PER_DECADE);
    let mut curve = LambdaCurve::default();
    let (mut low, mut high) = (START, START);
    let mut best = START;
    let mut try_at = |index: i32, curve: &mut LambdaCurve| -> Result<()> {
        curve.insert(lattice(index), error(lattice(index))?);
        Ok(())
    };
    try_at(START, &mut curve)?;
    loop {
        let wanted_low = (best - reach.max(1)).max(*RANGE.start());
        let wanted_high = (best + reach.max(1)).min(*RANGE.end());
        if low > wanted_low {
            low -= 1;
            try_at(low, &mut curve)?;
        } else if high < wanted_high {
            high += 1;
            try_at(high, &mut curve)?;
        } else {
            break;
        }
        let found = |index: &i32| curve.best().is_some_and(|point| point.0 == lattice(*index));
        best = (low..=high).find(found).unwrap_or(best);
    }
    refine(&mut curve, error)?;
    Ok(curve)
}

/// Narrows the bracket around the best point.
fn refine(curve: &mut LambdaCurve, error: &mut dyn FnMut(f64) -> Result<f64>) -> Result<()> {
    // A parabola mostly lands within the accuracy at once; this many rounds are for curves that are none.
    for _ in 0..ROUNDS {
        let Some([left, best, right]) = curve.bracket() else {
            break;
        };
        if (right.0 / left.0).ln() < 2.5 * ACCURACY {
            break;
        }
        let next = vertex(left, best, right);
        let step = (next / best.0).ln().abs();
        // A vertex at the best point itself: the bracket is closed from both sides.
        let next = match step < ACCURACY / 2.0 {
            true if (right.0 / best.0).ln() > (best.0 / left.0).ln() => best.0 * (1.0 + ACCURACY),
            true => best.0 / (1.0 + ACCURACY),
            false => next,
        };
        curve.insert(next, error(next)?);
    }
    Ok(())
}

/// λ at the vertex of the parabola through three points in log λ, kept inside the bracket.
fn vertex(left: (f64, f64), best: (f64, f64), right: (f64, f64)) -> f64 {
    let (a, b) = ((left.0 / best.0).ln(), (right.0 / best.0).ln());
    let (rise_a, rise_b) = (left.1 - best.1, right.1 - best.1);
    let curvature = rise_a * b - rise_b * a;
    let vertex = 0.5 * (rise_a * b * b - rise_b * a * a) / curvature;
    match vertex.is_finite() && vertex > 0.9 * a && vertex < 0.9 * b {
        true => best.0 * vertex.exp(),
        // No parabola: halve the longer side.
        false if b > -a => best.0 * (b / 2.0).exp(),
        false => best.0 * (a / 2.0).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn searched(best: f64, reach: i32) -> (LambdaCurve, usize) {
        let mut runs = 0;
        let curve = search_lambda(reach, &mut |lambda| {
            runs += 1;
            // Steeper towards large λ, as real curves are.
            let far = (lambda / best).ln();
            Ok(-30.0 + if far > 0.0 { 1.5 * far * far } else { far * far })
        });
        (curve.unwrap(), runs)
    }

    #[test]
    fn the_best_weight_is_found_to_two_percent() {
        for best in [1e-6, 3e-4, 0.0013, 0.0032, 0.05, 8.0] {
            let (curve, runs) = searched(best, 1);
            assert!(
                (curve.best().unwrap().0 / best).ln().abs() < ACCURACY,
                "{best}: {:?}",
                curve.best()
            );
            assert!(runs < 30, "{best}: {runs}");
            assert_eq!(runs, curve.points.len());
            assert!(curve.points.is_sorted_by(|a, b| a.0 < b.0));
        }
    }

    #[test]
    fn a_longer_reach_gives_a_decade_on_both_sides() {
        let (curve, runs) = searched(0.0013, 4);
        let best = curve.best().unwrap().0;
        assert!(curve.points[0].0 < best / 7.0 && curve.points.last().unwrap().0 > best * 7.0);
        assert!(runs < 20, "{runs}");
    }

    #[test]
    fn a_curve_without_a_minimum_ends_at_the_edge() {
        let curve = search_lambda(1, &mut |lambda| Ok(lambda)).unwrap();
        assert!(curve.best().unwrap().0 < 2e-7);
        let broken = search_lambda(1, &mut |_| Ok(f64::NAN)).unwrap();
        assert_eq!(broken.best(), None);
        assert!(matches!(
            search_lambda(1, &mut |_| Err(Error::Cancelled)),
            Err(Error::Cancelled)
        ));
    }
}
