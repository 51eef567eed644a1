//! A-FISTA (Varela-Mattatall, Baron, Menon 2021): FISTA with a threshold for each scale, read off the histogram of the
//! wavelet coefficients of the zero-filled image.
//!
//! The counts of a histogram fall into two clusters: the few tall bins around zero, which hold what is noise-like,
//! and the rest. The threshold is where the tall ones end, over √2. The approximation is left as it is.

use std::sync::Arc;

use ndarray::Axis;
use num_complex::Complex;

use super::proximal::{ProximalGradient, Threshold, Thresholds};
use super::{Problem, Shift, Tuning};
use crate::array::Real;
use crate::wavelet::{Band, Orientation, Pyramid, Transform};

/// Seed of the shifts, unless set.
pub(super) const SEED: u64 = 0;
/// Bins of each histogram. The method does not say; the threshold is as coarse as they are.
const BINS: usize = 50;
/// Rounds of two-means: more than it takes to converge.
const ROUNDS: usize = 100;

pub(super) fn new<T: Real>(problem: &Arc<Problem<T>>, tuning: &Tuning) -> ProximalGradient<T> {
    let rule = |transform: &Transform<T>| {
        let rule: Box<dyn Thresholds<T>> = Box::new(ScaleThresholds::of(problem, transform));
        rule
    };
    let shifted = Tuning {
        shift: tuning.shift.seed(Some(SEED)).map_or(Shift::Off, Shift::Random),
        ..tuning.clone()
    };
    ProximalGradient::new(problem, &shifted, rule).with_restarts()
}

struct ScaleThresholds {
    /// For each subband, in units of the image.
    of_band: Vec<f64>,
    /// For each scale from the finest, relative to the image's intensity.
    relative: Vec<f64>,
}

impl ScaleThresholds {
    fn of<T: Real>(problem: &Problem<T>, transform: &Transform<T>) -> Self {
        let layout = &transform.layout;
        let image = problem.zero_filled();
        let mut work = transform.workspace();
        let coefficients: Vec<Pyramid<Complex<T>>> = image
            .axis_iter(Axis(0))
            .map(|image| {
                let mut w = Pyramid::filled(layout, Complex::new(T::zero(), T::zero()));
                transform.analyse(image, &mut w, &mut work);
                w
            })
            .collect();
        let is_detail = |band: &Band, scale| band.scale == scale && band.orientation != Orientation::A;
        let of_scale = |scale: usize| {
            let bands = (0..layout.bands.len()).filter(|&band| is_detail(&layout.bands[band], scale));
            let values = bands.flat_map(|band| coefficients.iter().flat_map(move |w| w.band(band)));
            let parts: Vec<f64> = values.flat_map(|v| [v.re.wide(), v.im.wide()]).collect();
            edge_of_the_tall(&parts) / std::f64::consts::SQRT_2
        };
        let scales: Vec<f64> = (1..=layout.scales).map(of_scale).collect();
        let of_band = |band: &Band| match band.orientation {
            Orientation::A => 0.0,
            _ => scales[band.scale - 1],
        };
        let intensity = problem.intensity();
        Self {
            of_band: layout.bands.iter().map(of_band).collect(),
            relative: scales.iter().map(|threshold| threshold / intensity).collect(),
        }
    }
}

impl<T: Real> Thresholds<T> for ScaleThresholds {
    fn threshold(&mut self, band: usize, _w: &[Complex<T>]) -> Threshold {
        Threshold {
            value: self.of_band[band],
            noise: None,
        }
    }

    fn notes(&self) -> Vec<String> {
        let values: Vec<String> = self.relative.iter().map(|v| format!("{v:.2e}")).collect();
        vec![format!(
            "a-fista found λ = {} from the finest scale on",
            values.join(", ")
        )]
    }
}

/// The largest magnitude that the tall bins of the histogram of `values` reach; 0 where all values are equal.
fn edge_of_the_tall(values: &[f64]) -> f64 {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let width = (high - low) / BINS as f64;
    // Written so that a NaN has no edge either.
    let wide = width > 0.0;
    if !wide {
        return 0.0;
    }
    let mut counts = [0usize; BINS];
    for value in values {
        counts[(((value - low) / width) as usize).min(BINS - 1)] += 1;
    }
    let border = two_means(&counts);
    let is_tall = |&count: &usize| count as f64 > border;
    let first = counts.iter().position(is_tall).unwrap_or(0);
    let last = counts.iter().rposition(is_tall).unwrap_or(0);
    let edges = [first, last + 1].map(|edge| (low + width * edge as f64).abs());
    edges[0].max(edges[1])
}

/// Lloyd's two-means of the counts, from the least and the greatest: the border between the clusters.
fn two_means(counts: &[usize]) -> f64 {
    let least = counts.iter().min().copied().unwrap_or(0);
    let greatest = counts.iter().max().copied().unwrap_or(0);
    let mut border = (least + greatest) as f64 / 2.0;
    for _ in 0..ROUNDS {
        let (tall, short): (Vec<usize>, Vec<usize>) = counts.iter().partition(|&&count| count as f64 > border);
        let mean = |cluster: &[usize]| cluster.iter().sum::<usize>() as f64 / cluster.len().max(1) as f64;
        border = (mean(&tall) + mean(&short)) / 2.0;
    }
    border
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_clusters_are_told_apart() {
        let border = two_means(&[1, 2, 3, 90, 100, 95, 2, 0]);
        assert!((3.0..90.0).contains(&border), "{border}");
    }

    #[test]
    fn the_tall_bins_end_where_the_dense_part_does() {
        // 1000 values in -1..1, one a unit from -25 to 25: bins are one wide
        let mut values: Vec<f64> = (0..1000).map(|i| (f64::from(i) - 499.5) / 500.0).collect();
        values.extend((-25..=25).map(f64::from));
        assert_eq!(edge_of_the_tall(&values), 1.0);
        assert_eq!(edge_of_the_tall(&[2.0; 9]), 0.0);
        assert_eq!(edge_of_the_tall(&[f64::NAN; 9]), 0.0);
    }
}
