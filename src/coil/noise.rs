//! Measurement noise from the quietest part of k-space.

use std::f64::consts::{LN_2, TAU};

use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use crate::array::Mask;

/// Fewer samples than this for each coil say too little about a covariance.
const LEAST_PER_COIL: usize = 8;
/// The outer half of the samples is cut into cells: rings of equal count and, where there are enough samples, sectors.
const RINGS: usize = 4;
const MOST_SECTORS: usize = 8;
const WANTED_IN_CELL: usize = 256;
/// Standard deviation of a variance from the median of N exponential draws: this over √N, relative.
const MEDIAN_SPREAD: f64 = 1.0 / LN_2;
/// Cells within so many standard deviations of the quietest are as quiet.
const AS_QUIET: f64 = 3.0;
/// Noise exceeds its variance this many times once in 20 000 samples.
const BRIGHT: f64 = 10.0;

/// Between these radii, short of the edge of k-space, signal would show above the noise if it reached the edge.
const BEFORE_THE_EDGE: std::ops::Range<f64> = 0.75..0.9;
/// Power there, over the quietest, up to which the quietest is taken for noise alone.
const FLAT: f64 = 1.15;

/// An estimate of the noise in k-space.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseEstimate {
    /// `(coils, coils)`: `E[ε εᴴ]`, the complex variance of one k-space sample, in the units of k-space squared.
    /// Hermitian and positive semidefinite; zero where too little was sampled.
    pub covariance: Array2<Complex<f64>>,
    /// Number of k-space locations it was estimated from.
    pub samples: usize,
    /// How it was estimated, or why it was taken as zero; in words.
    pub how: String,
}

/// Estimates the noise covariance between coils from k-space `(coils, rows, cols)`, sampled where `mask` says.
///
/// The outer half of the samples (by [`crate::array::Grid::radius`]) is cut into rings and sectors. Signal differs
/// between these cells and noise does not, so the quietest cell, and all that are as quiet within their spread, hold
/// the least signal. From those: for each coil the median of `|y|²`, which is `σ² ln 2` for complex Gaussian noise
/// and robust against bright samples, and the sample correlation between coils. Where signal reaches the edge of
/// k-space that is only an upper bound: the covariance is taken as zero then, which serves a reconstruction better
/// (with too large a covariance the image is smoothed, with too small a one some noise stays). Where k-space was
/// filtered, the estimate is too small. Locations at which every coil is exactly zero count as zero padding, and are
/// left out.
///
/// # Panics
/// If the mask is larger than the planes.
pub fn estimate_noise(kspace: ArrayView3<Complex<f32>>, mask: &Mask) -> NoiseEstimate {
    let coils = kspace.dim().0;
    let locations = measured_locations(kspace, mask);
    let outer = &locations[locations.len() / 2..];
    let quiet = quietest(kspace, cells(outer));
    let zero = |why: String| NoiseEstimate {
        covariance: Array2::zeros((coils, coils)),
        samples: quiet.len(),
        how: format!("taken as zero: {why}"),
    };
    if coils == 0 || quiet.len() < LEAST_PER_COIL * coils {
        return zero(format!("{} quiet samples are too few for {coils} coils", quiet.len()));
    }
    let covariance = covariance(kspace, &quiet);
    let excess = excess_before_the_edge(kspace, &locations, &covariance);
    if excess > FLAT {
        return zero(format!(
            "signal reaches the edge of k-space, {excess:.2} times the quietest power before it, and hides the noise"
        ));
    }
    NoiseEstimate {
        covariance,
        samples: quiet.len(),
        how: format!(
            "median and correlation of the {} quietest of {} samples in the outer half of k-space",
            quiet.len(),
            outer.len()
        ),
    }
}

/// Power of k-space before its edge over the estimated noise, mean over coils; 1 where that cannot be estimated.
fn excess_before_the_edge(
    kspace: ArrayView3<Complex<f32>>,
    locations: &[KspaceLocation],
    covariance: &Array2<Complex<f64>>,
) -> f64 {
    let ring: Vec<KspaceLocation> = locations
        .iter()
        .copied()
        .filter(|p| BEFORE_THE_EDGE.contains(&p.radius))
        .collect();
    let ratio = |(coil, variance): (usize, &Complex<f64>)| {
        (variance.re > 0.0).then(|| median_power(&kspace, &ring, coil) / LN_2 / variance.re)
    };
    let ratios: Vec<f64> = covariance.diag().iter().enumerate().filter_map(ratio).collect();
    if ring.len() < LEAST_PER_COIL || ratios.is_empty() {
        return 1.0;
    }
    ratios.iter().sum::<f64>() / ratios.len() as f64
}

/// A measured k-space location.
#[derive(Clone, Copy)]
struct KspaceLocation {
    row: usize,
    col: usize,
    radius: f64,
    /// In turns, from 0 to 1.
    angle: f64,
}

/// The values of all coils at a location.
fn at(kspace: &ArrayView3<Complex<f32>>, location: KspaceLocation) -> impl Iterator<Item = Complex<f32>> + Clone {
    (0..kspace.dim().0).map(move |coil| kspace[[coil, location.row, location.col]])
}

fn wide(value: Complex<f32>) -> Complex<f64> {
    Complex::new(value.re.into(), value.im.into())
}

/// All measured locations, from the inside out.
fn measured_locations(kspace: ArrayView3<Complex<f32>>, mask: &Mask) -> Vec<KspaceLocation> {
    let grid = mask.grid();
    let along = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / n as f64;
    let mut locations: Vec<KspaceLocation> = mask
        .sampled
        .indexed_iter()
        .filter(|&(_, &sampled)| sampled)
        .map(|((row, col), _)| KspaceLocation {
            row,
            col,
            radius: grid.radius(row, col),
            angle: along(row, grid.rows).atan2(along(col, grid.cols)) / TAU + 0.5,
        })
        .filter(|&location| {
            let mut values = at(&kspace, location);
            values.clone().any(|v| v != Complex::new(0.0, 0.0)) && values.all(|v| v.is_finite())
        })
        .collect();
    // No radius is negative: in the order of their bits.
    locations.sort_by_key(|location| location.radius.to_bits());
    locations
}

/// Rings and sectors. Locations are sorted by radius.
fn cells(locations: &[KspaceLocation]) -> Vec<Vec<KspaceLocation>> {
    let sectors = (locations.len() / (RINGS * WANTED_IN_CELL)).clamp(1, MOST_SECTORS);
    let rings = (locations.len() / WANTED_IN_CELL).clamp(1, RINGS);
    let mut cells = vec![Vec::new(); rings * sectors];
    for (i, &location) in locations.iter().enumerate() {
        let sector = ((location.angle * sectors as f64) as usize).min(sectors - 1);
        cells[i * rings / locations.len() * sectors + sector].push(location);
    }
    cells
}

/// All locations of the cells that are as quiet as the quietest, and of more if those are too few.
fn quietest(kspace: ArrayView3<Complex<f32>>, mut cells: Vec<Vec<KspaceLocation>>) -> Vec<KspaceLocation> {
    let coils = kspace.dim().0;
    let fewest = WANTED_IN_CELL / 8;
    if cells.iter().any(|cell| cell.len() >= fewest) {
        cells.retain(|cell| cell.len() >= fewest);
    }
    let medians: Vec<Vec<f64>> = cells
        .iter()
        .map(|cell| (0..coils).map(|coil| median_power(&kspace, cell, coil)).collect())
        .collect();
    // Coils differ in gain: each counts relative to its own quietest cell.
    let least: Vec<f64> = (0..coils)
        .map(|coil| medians.iter().map(|m| m[coil]).fold(f64::INFINITY, f64::min))
        .collect();
    let score = |medians: &Vec<f64>| {
        medians
            .iter()
            .zip(&least)
            .map(|(&m, &least)| if least > 0.0 { m / least } else { 1.0 })
            .sum::<f64>()
    };
    let mut ranked: Vec<(f64, Vec<KspaceLocation>)> = medians.iter().map(score).zip(cells).collect();
    ranked.sort_by(|a, b| a.0.total_cmp(&b.0));

    let lowest = ranked.first().map_or(0.0, |cell| cell.0);
    let mut quiet = Vec::new();
    for (score, cell) in ranked {
        let spread = MEDIAN_SPREAD / (cell.len().max(1) as f64).sqrt();
        if score <= lowest * (1.0 + AS_QUIET * spread) || quiet.len() < LEAST_PER_COIL * coils {
            quiet.extend(cell);
        }
    }
    quiet
}

/// Median of `|y|²` of one coil.
fn median_power(kspace: &ArrayView3<Complex<f32>>, locations: &[KspaceLocation], coil: usize) -> f64 {
    let mut powers: Vec<f64> = locations
        .iter()
        .map(|p| wide(kspace[[coil, p.row, p.col]]).norm_sqr())
        .collect();
    let middle = powers.len() / 2;
    if powers.is_empty() {
        0.0
    } else {
        *powers.select_nth_unstable_by(middle, f64::total_cmp).1
    }
}

/// Variances from medians, correlations from products: `D R D` with a correlation matrix R is positive semidefinite.
fn covariance(kspace: ArrayView3<Complex<f32>>, locations: &[KspaceLocation]) -> Array2<Complex<f64>> {
    let coils = kspace.dim().0;
    let variances: Vec<f64> = (0..coils)
        .map(|coil| median_power(&kspace, locations, coil) / LN_2)
        .collect();
    let mut products = Array2::<Complex<f64>>::zeros((coils, coils));
    let mut values = Vec::with_capacity(coils);
    for &location in locations {
        values.clear();
        values.extend(at(&kspace, location).map(wide));
        // A few bright samples would make all coils look alike.
        if values
            .iter()
            .zip(&variances)
            .any(|(v, &variance)| v.norm_sqr() > BRIGHT * variance)
        {
            continue;
        }
        for (c, mut products) in products.outer_iter_mut().enumerate() {
            let products = products.as_slice_mut().expect("a row of an array");
            for (product, value) in products[c..].iter_mut().zip(&values[c..]) {
                *product += values[c] * value.conj();
            }
        }
    }
    let scale: Vec<f64> = (0..coils)
        .map(|c| {
            if products[[c, c]].re > 0.0 {
                (variances[c] / products[[c, c]].re).sqrt()
            } else {
                0.0
            }
        })
        .collect();
    Array2::from_shape_fn((coils, coils), |(c, d)| {
        let product = if c <= d {
            products[[c, d]]
        } else {
            products[[d, c]].conj()
        };
        product * (scale[c] * scale[d])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Grid, Mask};
    use ndarray::Array3;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// Draws `ε = A w` of white `w`, and `A Aᴴ`. A bright, decaying signal is added in the middle.
    fn noisy(mixing: &Array2<Complex<f64>>, grid: Grid, signal: f64, scale: f64) -> Array3<Complex<f32>> {
        let coils = mixing.dim().0;
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut kspace = Array3::zeros((coils, grid.rows, grid.cols));
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                let white: Vec<Complex<f64>> = (0..coils)
                    .map(|_| {
                        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
                        Complex::new(draw(), draw()) * 0.5f64.sqrt()
                    })
                    .collect();
                // Signal decays away from the origin and is stronger along one axis, as sharp edges make it.
                let (y, x) = (
                    (row as f64 - grid.rows as f64 / 2.0).abs(),
                    (col as f64 - grid.cols as f64 / 2.0).abs(),
                );
                let image = signal * (1.0 + 0.05 * y * x + y).powi(-2) / (1.0 + x);
                for coil in 0..coils {
                    let noise: Complex<f64> = (0..coils).map(|c| mixing[[coil, c]] * white[c]).sum();
                    let value = (noise + image * (1.0 + coil as f64)) * scale;
                    kspace[[coil, row, col]] = Complex::new(value.re as f32, value.im as f32);
                }
            }
        }
        kspace
    }

    fn covariance_of(mixing: &Array2<Complex<f64>>) -> Array2<Complex<f64>> {
        mixing.dot(&mixing.t().mapv(|v| v.conj()))
    }

    fn relative(a: &Array2<Complex<f64>>, b: &Array2<Complex<f64>>) -> f64 {
        let energy = |m: &Array2<Complex<f64>>| m.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
        energy(&(a - b)) / energy(b)
    }

    fn mixed(coils: usize) -> Array2<Complex<f64>> {
        Array2::from_shape_fn((coils, coils), |(c, d)| {
            let gain = 1.0 + c as f64;
            if c == d {
                Complex::new(gain, 0.0)
            } else {
                Complex::from_polar(gain * 0.25, (c * 3 + d) as f64)
            }
        })
    }

    #[test]
    fn white_and_correlated_noise_are_found_at_every_scale() {
        let grid = Grid::new(128, 120);
        for coils in [1, 4, 8] {
            for mixing in [Array2::from_diag_elem(coils, Complex::new(2.0, 0.0)), mixed(coils)] {
                for scale in [1.0, 1e-7, 1e13] {
                    let kspace = noisy(&mixing, grid, 1e3, scale);
                    let estimate = estimate_noise(kspace.view(), &Mask::full(grid));
                    let error = relative(
                        &estimate.covariance.mapv(|v| v / (scale * scale)),
                        &covariance_of(&mixing),
                    );
                    assert!(error < 0.1, "{coils} coils: off by {error}");
                    assert!(estimate.samples > 500, "{}", estimate.how);
                }
            }
        }
    }

    #[test]
    fn signal_at_the_edge_of_k_space_is_not_taken_for_noise() {
        let grid = Grid::new(128, 120);
        let kspace = noisy(&mixed(4), grid, 1e6, 1.0);
        let estimate = estimate_noise(kspace.view(), &Mask::full(grid));
        assert!(estimate.covariance.iter().all(|v| v.norm() == 0.0));
        assert!(estimate.how.contains("hides the noise"), "{}", estimate.how);
    }

    #[test]
    fn undersampled_and_filled_k_space_gives_the_same() {
        let (grid, coils) = (Grid::new(160, 128), 4);
        let mixing = mixed(coils);
        let mut kspace = noisy(&mixing, grid, 1e4, 1.0);
        // A quarter of the locations, and zeros beyond the acquired columns that the mask does not know of.
        let mask = Mask::new(Array2::from_shape_fn(grid.dim(), |(r, c)| {
            (r * 7 + c * 5 + r * c) % 4 == 0
        }));
        for ((_, row, col), value) in kspace.indexed_iter_mut() {
            if !mask.sampled[[row, col]] || !(20..110).contains(&col) {
                *value = Complex::new(0.0, 0.0);
            }
        }
        let estimate = estimate_noise(kspace.view(), &mask);
        let error = relative(&estimate.covariance, &covariance_of(&mixing));
        assert!(error < 0.15, "off by {error} ({})", estimate.how);
    }

    #[test]
    fn it_is_hermitian_and_semidefinite_and_a_dead_coil_has_none() {
        let grid = Grid::new(64, 64);
        let mut kspace = noisy(&mixed(5), grid, 10.0, 1.0);
        kspace.index_axis_mut(ndarray::Axis(0), 3).fill(Complex::new(0.0, 0.0));
        let covariance = estimate_noise(kspace.view(), &Mask::full(grid)).covariance;
        assert!(covariance.iter().all(|v| v.is_finite()) && covariance[[3, 3]].re == 0.0);
        for turn in 0..50 {
            let x: Vec<Complex<f64>> = (0..5)
                .map(|c| Complex::from_polar(1.0, f64::from(turn * (c + 2))))
                .collect();
            let form: Complex<f64> = covariance
                .indexed_iter()
                .map(|((c, d), v)| x[c].conj() * v * x[d])
                .sum();
            assert!(form.re > 0.0 && form.im.abs() < 1e-9 * form.re);
        }
    }

    #[test]
    fn too_few_samples_give_zero_and_say_so() {
        let grid = Grid::new(8, 8);
        let kspace = noisy(&mixed(8), grid, 1.0, 1.0);
        for (data, mask) in [
            (kspace.clone(), Mask::full(grid)),
            (kspace.clone(), Mask::new(Array2::from_elem((8, 8), false))),
            (Array3::zeros((8, 8, 8)), Mask::full(grid)),
        ] {
            let estimate = estimate_noise(data.view(), &mask);
            assert!(estimate.covariance.iter().all(|v| v.norm() == 0.0) && estimate.how.contains("too few"));
        }
    }
}
