//! The noise covariance that a slice is reconstructed with.

use std::ops::Range;

use ndarray::{Array2, ArrayView3, s};
use num_complex::Complex;

use super::noise::Noise;
use super::record::NoiseRecord;
use super::sampling::Sampling;
use super::sourced::Sourced;
use crate::array::{Grid, Mask};
use crate::coil;
use crate::sampling::Coverage;

/// The covariance, `(coils, coils)`, for k-space `(coils, rows, cols)`.
pub(super) fn noise_covariance(
    noise: &Noise,
    kspace: ArrayView3<Complex<f32>>,
    sampling: &Sampling,
) -> (Array2<Complex<f64>>, NoiseRecord) {
    let (covariance, origin) = match noise {
        Noise::Estimate => {
            let mut estimate = estimate(kspace, &sampling.mask, &sampling.coverage);
            coil::shrink(&mut estimate.covariance, estimate.samples);
            (estimate.covariance, estimate.how)
        }
        Noise::Covariance(Sourced { value, origin }) => (value.clone(), origin.clone()),
        Noise::Variance(variance) => (
            Array2::from_diag_elem(kspace.dim().0, Complex::new(*variance, 0.0)),
            format!("variance {variance:e} in every coil"),
        ),
    };
    let variance = covariance.diag().iter().map(|v| v.re).sum::<f64>() / covariance.dim().0 as f64;
    let record = NoiseRecord {
        origin,
        standard_deviation: variance.sqrt(),
    };
    (covariance, record)
}

/// Estimates noise without the zero padding: how far out a sample lies is then relative to what was acquired.
fn estimate(kspace: ArrayView3<Complex<f32>>, mask: &Mask, coverage: &Coverage) -> coil::NoiseEstimate {
    let grid = mask.grid();
    let unpadded = Grid::new(
        about_origin(&coverage.rows.support, grid.rows),
        about_origin(&coverage.cols.support, grid.cols),
    );
    let (row, col) = grid.centred_offset(unpadded);
    let (rows, cols) = (row..row + unpadded.rows, col..col + unpadded.cols);
    let mask = Mask::new(mask.sampled.slice(s![rows.clone(), cols.clone()]).to_owned());
    coil::estimate_noise(kspace.slice_move(s![.., rows, cols]), &mask)
}

/// Length of the shortest axis that holds `support` of an axis of `n`, the origins of both in the same place.
fn about_origin(support: &Range<usize>, n: usize) -> usize {
    let origin = n / 2;
    let (below, above) = (origin.saturating_sub(support.start), support.end.saturating_sub(origin));
    if above > below { 2 * above - 1 } else { 2 * below }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    const CROPPED: Grid = Grid::new(96, 81);

    /// Four coils in noise of variance 2, and a signal that reaches the edge where it is strong.
    fn scan(signal: f32) -> Array3<Complex<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        Array3::from_shape_fn((4, CROPPED.rows, CROPPED.cols), |(coil, row, col)| {
            let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
            let radius = CROPPED.radius(row, col) as f32;
            Complex::new(draw(), draw()) + signal * (1.0 + coil as f32) / (0.01 + radius * radius)
        })
    }

    #[test]
    fn zero_padding_does_not_change_the_estimate() {
        for (signal, hidden) in [(0.02, false), (50.0, true)] {
            let cropped = scan(signal);
            let full = Mask::full(CROPPED);
            let expected = coil::estimate_noise(cropped.view(), &full);
            assert_eq!(expected.covariance[[0, 0]].re == 0.0, hidden, "{}", expected.how);
            for grid in [CROPPED, Grid::new(96, 160), Grid::new(129, 81), Grid::new(192, 163)] {
                let (row, col) = grid.centred_offset(CROPPED);
                let within = s![.., row..row + CROPPED.rows, col..col + CROPPED.cols];
                let mut padded = Array3::zeros((4, grid.rows, grid.cols));
                padded.slice_mut(within).assign(&cropped);
                let mask = Mask::new(
                    padded
                        .index_axis(ndarray::Axis(0), 0)
                        .mapv(|v: Complex<f32>| v.norm() > 0.0),
                );
                let coverage = Coverage::of(&mask, [None, None]);
                for mask in [&mask, &coverage.with_padding(&mask)] {
                    assert_eq!(estimate(padded.view(), mask, &coverage), expected, "{grid}");
                }
            }
        }
    }

    #[test]
    fn the_origin_stays_where_it_is() {
        for n in 1..24 {
            for (start, end) in (0..=n / 2).flat_map(|start| (n / 2 + 1..=n).map(move |end| (start, end))) {
                let length = about_origin(&(start..end), n);
                let first = n / 2 - length / 2;
                assert!(first <= start && end <= first + length && first + length <= n);
                assert!(first == start || first + length == end);
            }
        }
    }
}
