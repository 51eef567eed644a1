//! Compact curves over a slice's iterations: two base-64 digits per value.

use ndarray::{ArrayView1, s};
use serde::Serialize;

use crate::batch::StoredResult;

/// Levels of a value on a logarithmic scale. Level 0 is a missing value.
const LEVELS: usize = 4096;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Curves over the iterations: one text for each of [`curve_names`], empty for a curve without values.
#[derive(Serialize)]
pub struct EncodedCurves {
    /// Number of iterations.
    count: usize,
    /// The iterations of the values, from 1; left out if they are all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Vec<usize>>,
    /// log₁₀ of the values of levels 1 and [`LEVELS`] − 1.
    low: f64,
    high: f64,
    values: Vec<String>,
}

/// Names of a volume's curves: `noise` and `mean`, then the subbands without duplicates.
pub fn curve_names(stored: &StoredResult) -> Vec<String> {
    let mut names = vec!["noise".to_string(), "mean".to_string()];
    for name in &stored.subbands {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Curves of one slice at no more than `max_count` iterations, including the first and the last; `None` without values.
pub fn encoded_curves(
    stored: &StoredResult,
    slice: usize,
    names: &[String],
    max_count: usize,
) -> Option<EncodedCurves> {
    let series: Vec<Vec<f64>> = names.iter().map(|name| values(stored, slice, name)).collect();
    let count = series.iter().filter_map(|s| s.iter().rposition(|&v| v > 0.0)).max()? + 1;
    let selected_iterations = selected_iterations(count, max_count);
    let shown = |series: &Vec<f64>| -> Vec<f64> {
        let value = |&at: &usize| series.get(at - 1).copied().unwrap_or(f64::NAN);
        // methods that predict nothing have 0; a variance is above it
        let logarithm = |v: f64| if v > 0.0 { v.log10() } else { f64::NAN };
        selected_iterations.iter().map(value).map(logarithm).collect()
    };
    let series: Vec<Vec<f64>> = series.iter().map(shown).collect();
    let finite = || series.iter().flatten().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    // rounded outwards, so that the stored range holds all values
    let (low, high) = ((low * 1e4).floor() / 1e4, (high * 1e4).ceil() / 1e4 + 1e-4);
    Some(EncodedCurves {
        count,
        at: (selected_iterations.len() < count).then_some(selected_iterations),
        low,
        high,
        values: series.iter().map(|series| encoded(series, low, high)).collect(),
    })
}

/// Values of a curve in each iteration; the mean over sets of maps.
fn values(stored: &StoredResult, slice: usize, name: &str) -> Vec<f64> {
    let row = |table: &Option<ndarray::Array2<f64>>| table.as_ref().map_or(vec![], |t| t.row(slice).to_vec());
    match (name, &stored.tau) {
        ("noise", _) => row(&stored.noise),
        ("mean", _) => row(&stored.mean_tau),
        (_, None) => Vec::new(),
        (name, Some(tau)) => {
            let sets = stored.subbands.iter().enumerate().filter(|(_, band)| *band == name);
            let sets: Vec<ArrayView1<f64>> = sets.map(|(band, _)| tau.slice(s![slice, .., band])).collect();
            let mean = |i: usize| sets.iter().map(|set| set[i]).sum::<f64>() / sets.len() as f64;
            (0..tau.dim().1).map(mean).collect()
        }
    }
}

/// Evenly spaced iterations from 1 to `count`.
fn selected_iterations(count: usize, max_count: usize) -> Vec<usize> {
    let max_count = max_count.max(2);
    if count <= max_count {
        return (1..=count).collect();
    }
    let step = (count - 1) as f64 / (max_count - 1) as f64;
    (0..max_count).map(|i| 1 + (i as f64 * step).round() as usize).collect()
}

fn encoded(values: &[f64], low: f64, high: f64) -> String {
    if values.iter().all(|v| !v.is_finite()) {
        return String::new();
    }
    let level = |v: f64| {
        if !v.is_finite() {
            return 0;
        }
        let level = (v - low) / (high - low) * (LEVELS - 2) as f64;
        1 + level.round().clamp(0.0, (LEVELS - 2) as f64) as usize
    };
    let digits = |v: &f64| [level(*v) / 64, level(*v) % 64].map(|digit| char::from(DIGITS[digit]));
    values.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    fn stored() -> StoredResult {
        let tau = Array3::from_shape_fn((2, 50, 4), |(s, i, b)| match (s, i) {
            (1, 20..) => f64::NAN,
            _ => 1e-3 * 0.8f64.powi(i as i32) * (b + 1) as f64,
        });
        StoredResult {
            magnitude: Array3::zeros((2, 4, 4)),
            mean_tau: Some(Array2::zeros((2, 50))),
            noise: None,
            tau: Some(tau),
            subbands: ["H1", "A1", "H1", "A1"].map(String::from).into(),
        }
    }

    /// Decodes a curve as the script of the page does.
    fn read(encoded_curves: &EncodedCurves, series: usize) -> Vec<f64> {
        let digit = |c: u8| DIGITS.iter().position(|&d| d == c).unwrap();
        let pairs = encoded_curves.values[series].as_bytes().chunks(2);
        let level = |pair: &[u8]| digit(pair[0]) * 64 + digit(pair[1]);
        let value = |level: usize| match level {
            0 => f64::NAN,
            _ => 10f64
                .powf(encoded_curves.low + (encoded_curves.high - encoded_curves.low) * (level - 1) as f64 / 4094.0),
        };
        pairs.map(|pair| value(level(pair))).collect()
    }

    #[test]
    fn values_come_back_to_half_a_percent() {
        let stored = stored();
        let names = curve_names(&stored);
        assert_eq!(names, ["noise", "mean", "H1", "A1"]);
        let encoded_curves = encoded_curves(&stored, 0, &names, 100).unwrap();
        assert_eq!((encoded_curves.count, &encoded_curves.at), (50, &None));
        assert_eq!(encoded_curves.values[0], "");
        assert_eq!(encoded_curves.values[1], "");
        for (series, factor) in [(2, 2.0), (3, 3.0)] {
            let values = read(&encoded_curves, series);
            assert_eq!(values.len(), 50);
            for (i, value) in values.iter().enumerate() {
                let truth = 1e-3 * 0.8f64.powi(i as i32) * factor;
                assert!((value / truth - 1.0).abs() < 0.005, "{value} {truth}");
            }
        }
    }

    #[test]
    fn long_courses_are_thinned_and_short_ones_end() {
        let stored = stored();
        let names = curve_names(&stored);
        let encoded_curves = encoded_curves(&stored, 1, &names, 5).unwrap();
        assert_eq!(encoded_curves.count, 20);
        assert_eq!(encoded_curves.at.as_deref(), Some(&[1, 6, 11, 15, 20][..]));
        assert!(read(&encoded_curves, 2).iter().all(|v| v.is_finite()));
        assert_eq!(selected_iterations(3, 0), [1, 3]);
        let nothing = StoredResult { tau: None, ..stored };
        assert!(super::encoded_curves(&nothing, 0, &names, 5).is_none());
    }
}
