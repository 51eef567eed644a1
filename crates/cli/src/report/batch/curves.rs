//! The course of a slice's iterations in few letters: two of base 64 a value.

use ndarray::{ArrayView1, s};
use serde::Serialize;

use crate::batch::Stored;

/// Levels of a value, on a logarithmic scale; 0 is none.
const LEVELS: usize = 4096;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What is drawn against iterations: for each of [`names`] a text, empty where there is no value at all.
#[derive(Serialize)]
pub struct Course {
    /// Iterations that were done.
    count: usize,
    /// Which of them, from 1, the values are of; left out where they are all.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Vec<usize>>,
    /// log₁₀ of the values of levels 1 and [`LEVELS`] − 1.
    low: f64,
    high: f64,
    values: Vec<String>,
}

/// Of all curves of a volume: `noise` and `mean`, then the subbands, each once.
pub fn names(stored: &Stored) -> Vec<String> {
    let mut names = vec!["noise".to_string(), "mean".to_string()];
    for name in &stored.subbands {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Of one slice, of at most `most` iterations, the first and the last among them; `None` where nothing is known.
pub fn course(stored: &Stored, slice: usize, names: &[String], most: usize) -> Option<Course> {
    let series: Vec<Vec<f64>> = names.iter().map(|name| values(stored, slice, name)).collect();
    let count = series.iter().filter_map(|s| s.iter().rposition(|&v| v > 0.0)).max()? + 1;
    let chosen = chosen(count, most);
    let shown = |series: &Vec<f64>| -> Vec<f64> {
        let value = |&at: &usize| series.get(at - 1).copied().unwrap_or(f64::NAN);
        // 0 of methods that predict nothing; a variance is above it
        let place = |v: f64| if v > 0.0 { v.log10() } else { f64::NAN };
        chosen.iter().map(value).map(place).collect()
    };
    let series: Vec<Vec<f64>> = series.iter().map(shown).collect();
    let finite = || series.iter().flatten().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return None;
    }
    // rounded outwards, so that what is written holds them all
    let (low, high) = ((low * 1e4).floor() / 1e4, (high * 1e4).ceil() / 1e4 + 1e-4);
    Some(Course {
        count,
        at: (chosen.len() < count).then_some(chosen),
        low,
        high,
        values: series.iter().map(|series| text(series, low, high)).collect(),
    })
}

/// Of sets of maps the mean.
fn values(stored: &Stored, slice: usize, name: &str) -> Vec<f64> {
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

/// Iterations from 1 to `count`, evenly.
fn chosen(count: usize, most: usize) -> Vec<usize> {
    let most = most.max(2);
    if count <= most {
        return (1..=count).collect();
    }
    let step = (count - 1) as f64 / (most - 1) as f64;
    (0..most).map(|i| 1 + (i as f64 * step).round() as usize).collect()
}

fn text(values: &[f64], low: f64, high: f64) -> String {
    if values.iter().all(|v| !v.is_finite()) {
        return String::new();
    }
    let level = |v: f64| match v.is_finite() {
        true => {
            1 + ((v - low) / (high - low) * (LEVELS - 2) as f64)
                .round()
                .clamp(0.0, (LEVELS - 2) as f64) as usize
        }
        false => 0,
    };
    let digits = |v: &f64| [level(*v) / 64, level(*v) % 64].map(|digit| char::from(DIGITS[digit]));
    values.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Array3};

    fn stored() -> Stored {
        let tau = Array3::from_shape_fn((2, 50, 4), |(s, i, b)| match (s, i) {
            (1, 20..) => f64::NAN,
            _ => 1e-3 * 0.8f64.powi(i as i32) * (b + 1) as f64,
        });
        Stored {
            magnitude: Array3::zeros((2, 4, 4)),
            mean_tau: Some(Array2::zeros((2, 50))),
            noise: None,
            tau: Some(tau),
            subbands: ["H1", "A1", "H1", "A1"].map(String::from).into(),
        }
    }

    /// As the script of the page reads it.
    fn read(course: &Course, series: usize) -> Vec<f64> {
        let digit = |c: u8| DIGITS.iter().position(|&d| d == c).unwrap();
        let pairs = course.values[series].as_bytes().chunks(2);
        let level = |pair: &[u8]| digit(pair[0]) * 64 + digit(pair[1]);
        let value = |level: usize| match level {
            0 => f64::NAN,
            _ => 10f64.powf(course.low + (course.high - course.low) * (level - 1) as f64 / 4094.0),
        };
        pairs.map(|pair| value(level(pair))).collect()
    }

    #[test]
    fn values_come_back_to_half_a_percent() {
        let stored = stored();
        let names = names(&stored);
        assert_eq!(names, ["noise", "mean", "H1", "A1"]);
        let course = course(&stored, 0, &names, 100).unwrap();
        assert_eq!((course.count, &course.at), (50, &None));
        assert_eq!(course.values[0], "");
        assert_eq!(course.values[1], "");
        for (series, factor) in [(2, 2.0), (3, 3.0)] {
            let values = read(&course, series);
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
        let names = names(&stored);
        let course = course(&stored, 1, &names, 5).unwrap();
        assert_eq!(course.count, 20);
        assert_eq!(course.at.as_deref(), Some(&[1, 6, 11, 15, 20][..]));
        assert!(read(&course, 2).iter().all(|v| v.is_finite()));
        assert_eq!(chosen(3, 0), [1, 3]);
        let nothing = Stored { tau: None, ..stored };
        assert!(super::course(&nothing, 0, &names, 5).is_none());
    }
}
