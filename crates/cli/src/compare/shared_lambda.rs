//! Finds one λ for all cases.

use super::SensitivityRecord;

/// Number of steps per factor of e in the search for the best λ.
const STEPS_PER_E: f64 = 100.0;

/// The λ with the lowest mean error in dB over all curves. Curves are interpolated by parabolas. `None` without a
/// curve.
pub fn shared_lambda(curves: &[&SensitivityRecord]) -> Option<f64> {
    let readable = curves.iter().filter(|curve| curve.points.len() >= 3);
    let curves: Vec<&SensitivityRecord> = readable.copied().collect();
    let lambdas = curves.iter().flat_map(|curve| &curve.points).map(|p| p.0.ln());
    let (low, high) = lambdas.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    let steps = ((high - low) * STEPS_PER_E).ceil() as usize;
    let candidates = (0..=steps).map(|i| low + (high - low) * i as f64 / steps.max(1) as f64);
    let mean = |at: f64| curves.iter().map(|curve| interpolated(&curve.points, at)).sum::<f64>();
    let best = candidates.map(|at| (at, mean(at))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(best.0.exp())
}

/// Error at log λ `at`, from the parabola through the nearest three points. Beyond the ends it is extrapolated linearly
/// from the last two points. Needs at least three points.
fn interpolated(points: &[(f64, f64)], at: f64) -> f64 {
    let extrapolated = |end: (f64, f64), before: (f64, f64)| {
        end.1 + (at - end.0.ln()) * (end.1 - before.1) / (end.0.ln() - before.0.ln())
    };
    let last = points.len() - 1;
    if at <= points[0].0.ln() {
        return extrapolated(points[0], points[1]);
    }
    if at >= points[last].0.ln() {
        return extrapolated(points[last], points[last - 1]);
    }
    let after = points.partition_point(|p| p.0.ln() < at);
    // Of the two triples around `at`, take the one whose third point is nearer.
    let starts_left =
        after + 1 >= points.len() || (after >= 2 && at - points[after - 2].0.ln() < points[after + 1].0.ln() - at);
    let start = if starts_left { after.max(2) - 2 } else { after - 1 };
    let nearest = &points[start..start + 3];
    let lagrange_term = |i: usize| {
        let others = (0..3).filter(|&j| j != i);
        others.fold(nearest[i].1, |product, j| {
            product * (at - nearest[j].0.ln()) / (nearest[i].0.ln() - nearest[j].0.ln())
        })
    };
    (0..3).map(lagrange_term).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(best: f64, floor: f64) -> SensitivityRecord {
        let error = |lambda: f64| floor + 2.0 * (lambda / best).ln().powi(2);
        let lambda = |i: i32| 10f64.powf(f64::from(i) / 4.0);
        SensitivityRecord {
            case: String::new(),
            contender: String::new(),
            lambda: best,
            points: (-16..0).map(|i| (lambda(i), error(lambda(i)))).collect(),
        }
    }

    #[test]
    fn the_shared_lambda_is_between_those_of_the_cases() {
        let curves = [curve(0.001, -30.0), curve(0.004, -25.0)];
        let found = shared_lambda(&curves.iter().collect::<Vec<_>>()).unwrap();
        assert!((found / 0.002 - 1.0).abs() < 0.02, "{found}");
        assert_eq!(shared_lambda(&[]), None);
    }
}
