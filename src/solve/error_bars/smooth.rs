//! Box smoothing of maps, around the edges.

use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::array::Grid;

/// Widths between which [`smooth_with_radius`] interpolates.
const WIDTHS: [f64; 4] = [2.0, 4.0, 8.0, 14.0];

/// Two passes of a box along each axis, of the odd size next to `width·√6`: nearly a Gaussian of that standard
/// deviation.
pub(super) fn smooth(map: &Array2<f64>, width: f64) -> Array2<f64> {
    let size = (width * 6f64.sqrt()).round() as usize | 1;
    let mut out = map.clone();
    let mut line = Vec::new();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in out.lanes_mut(axis) {
            for _ in 0..2 {
                line.clear();
                line.extend(lane.iter());
                box_average(&line, size, |index, value| lane[index] = value);
            }
        }
    }
    out
}

/// Smoothing that widens with the distance from the origin of k-space, as 2 + 0.3 |k| samples up to 14.
pub(super) fn smooth_with_radius(map: &Array2<f64>) -> Array2<f64> {
    let smoothed: Vec<Array2<f64>> = WIDTHS.par_iter().map(|&width| smooth(map, width)).collect();
    let grid = Grid::from(map.dim());
    Array2::from_shape_fn(map.dim(), |(row, col)| {
        let along = |index: usize, n: usize| index.abs_diff(n / 2) as f64;
        let radius = along(row, grid.rows).hypot(along(col, grid.cols));
        let width = (2.0 + 0.3 * radius).min(WIDTHS[WIDTHS.len() - 1]);
        let upper = WIDTHS
            .iter()
            .position(|&w| w >= width)
            .unwrap_or(WIDTHS.len() - 1)
            .max(1);
        let (low, high) = (WIDTHS[upper - 1], WIDTHS[upper]);
        let share = (width / low).ln() / (high / low).ln();
        smoothed[upper - 1][[row, col]] * (1.0 - share) + smoothed[upper][[row, col]] * share
    })
}

/// The mean of each value and its opposite through the origin.
pub(super) fn symmetrise(map: &Array2<f64>) -> Array2<f64> {
    let grid = Grid::from(map.dim());
    let flat = map.as_standard_layout();
    let flat = flat.as_slice().expect("standard layout");
    Array2::from_shape_fn(map.dim(), |(row, col)| {
        let at = row * grid.cols + col;
        (flat[at] + flat[grid.opposite(at)]) / 2.0
    })
}

/// Averages over `size` values around each, around the ends; over all where there are fewer.
fn box_average(line: &[f64], size: usize, mut put: impl FnMut(usize, f64)) {
    let n = line.len();
    if size >= n {
        let mean = line.iter().sum::<f64>() / n as f64;
        return (0..n).for_each(|index| put(index, mean));
    }
    let reach = size / 2;
    let mut sum: f64 = (0..size).map(|k| line[(n - reach + k) % n]).sum();
    for index in 0..n {
        // Never below 0 by rounding, as energies are not; a NaN stays one.
        let mean = sum / size as f64;
        put(index, if mean < 0.0 { 0.0 } else { mean });
        sum += line[(index + reach + 1) % n] - line[(index + n - reach) % n];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_go_around_the_ends_and_keep_the_mean() {
        let map = Array2::from_shape_fn((9, 20), |(r, c)| ((r * 7 + c * 3) % 11) as f64);
        for width in [0.5, 1.0, 2.0, 14.0] {
            let smoothed = smooth(&map, width);
            assert!(
                (smoothed.mean().unwrap() - map.mean().unwrap()).abs() < 1e-12,
                "{width}"
            );
        }
        let mut impulse = Array2::zeros((1, 12));
        impulse[[0, 0]] = 9.0;
        // size 3 twice: 1 2 3 2 1, over nine
        let found: Vec<f64> = smooth(&impulse, 1.0).into_iter().map(f64::round).collect();
        assert_eq!(found, [3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
    }

    #[test]
    fn constant_maps_stay_under_any_smoothing() {
        let map = Array2::from_elem((17, 30), 2.5);
        for smoothed in [smooth_with_radius(&map), symmetrise(&map)] {
            assert!(smoothed.iter().all(|v| (v - 2.5).abs() < 1e-12));
        }
    }
}
