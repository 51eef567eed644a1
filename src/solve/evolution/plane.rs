use ndarray::parallel::prelude::*;
use num_complex::Complex;

use super::local::Lanes;
use super::products::{STEPS, weighted_products};
use super::{Covariance, pairs, stands_for};
use crate::array::{LANES, Real, vectorised};
use crate::operator::Samples;
use crate::solve::Problem;
use crate::wavelet::{AxisSpectra, Band, Layout, Orientation, Spectra};

/// Column spectra worked on together: all there are at the usual four scales.
const SPECTRA: usize = 5;

/// Errors of 2-D undersampling, where each location is drawn independently. With the energy spectrum `|ψ̂_b|²` of a
/// subband, `Z_b[c,c'] = Σ_{k sampled} |ψ̂_b(k)|² ((1/p)(1/p − 1) conj(z_c) z_c' + Σ_meas[c',c] / p)`.
///
/// The spectra are separable and even. So a lane takes the samples of two k-space rows, opposite ones, and sums their
/// products with each column spectrum; what the lanes then have is summed with each row spectrum. And since
/// `a_s + d_s = 2 a_{s−1}` of an orthonormal wavelet, d_1 … d_S and a_S are all the column spectra that are needed.
pub(super) struct Plane<T> {
    bands: Vec<Band>,
    blocks: Vec<Block<T>>,
}

/// Up to [`STEPS`] samples in each of [`LANES`] lanes, of which none that has no error.
struct Block<T> {
    steps: usize,
    /// Which samples, of each lane.
    samples: [Vec<u32>; LANES],
    /// `(1/p)(1/p − 1)` times each column spectrum, [`SPECTRA`] at a time: `[group][step][spectrum]`. Zero where a lane
    /// has no sample, or a group no spectrum.
    weights: Vec<Vec<[[T; LANES]; SPECTRA]>>,
    /// a_s of the row of each lane, `[scale]`, and d_s.
    low: Vec<[f64; LANES]>,
    high: Vec<[f64; LANES]>,
}

/// What a thread reuses from block to block.
#[derive(Default)]
struct Scratch<T> {
    /// Residual of every coil at the samples of a block, `[coil][step]`.
    residual: Vec<Lanes<T>>,
    /// `Σ_c a_s(c) (1/p)(1/p − 1) conj(z) z'` of each lane, `[scale]`, and the same of d_s.
    low: Vec<Lanes<T>>,
    high: Vec<Lanes<T>>,
}

/// A sample that has an error.
struct Erring {
    sample: usize,
    column: usize,
    weight: f64,
}

impl<T: Real> Plane<T> {
    pub(super) fn new(problem: &Problem<T>, layout: &Layout, spectra: &Spectra) -> Self {
        let mut blocks = Vec::new();
        // Neighbouring rows in the lanes of a block: their samples lie side by side.
        for lanes in by_distance(problem).chunks(LANES) {
            let steps = lanes.iter().map(|(_, samples)| samples.len()).max().unwrap_or(0);
            for first in (0..steps).step_by(STEPS) {
                blocks.push(Block::new(lanes, first..steps.min(first + STEPS), spectra));
            }
        }
        Self {
            bands: layout.bands.clone(),
            blocks,
        }
    }

    /// `Z_b` for every subband: the sum above times a factor of the subband, and noise by subband and pair of coils.
    pub(super) fn covariance(
        &self,
        z: &Samples<T>,
        factors: &[f64],
        noise: impl Fn(usize, (usize, usize)) -> Complex<f64>,
    ) -> Vec<Covariance<T>> {
        let blocks = self.blocks.par_iter().map_init(Scratch::default, |scratch, block| {
            vectorised(
                #[inline(always)]
                || block.sums(z, &self.bands, scratch),
            )
        });
        let blocks: Vec<Vec<Complex<f64>>> = blocks.collect();
        let mut sums = vec![Complex::new(0.0, 0.0); pairs(z.dim().0).count() * self.bands.len()];
        for block in &blocks {
            sums.iter_mut().zip(block).for_each(|(sum, more)| *sum += more);
        }
        let of_band = |band: usize| {
            let of_pair = |(sums, pair): (&[Complex<f64>], _)| {
                let entry = (sums[band] * factors[band] + noise(band, pair)) * stands_for(pair);
                Complex::new(T::of(entry.re), T::of(entry.im))
            };
            let sums = sums.chunks_exact(self.bands.len());
            Covariance::Same(sums.zip(pairs(z.dim().0)).map(of_pair).collect())
        };
        (0..self.bands.len()).map(of_band).collect()
    }
}

/// The samples that have an error, of the rows of k-space at each distance from its centre.
fn by_distance<T: Real>(problem: &Problem<T>) -> Vec<(usize, Vec<Erring>)> {
    let grid = problem.encoding.grid();
    let mut lanes: Vec<_> = (0..=grid.rows / 2).map(|distance| (distance, Vec::new())).collect();
    let sampled = problem.encoding.sampled().iter().zip(&problem.inverse_probability);
    for (sample, (&at, q)) in sampled.enumerate() {
        let (row, column) = (at as usize / grid.cols, at as usize % grid.cols);
        let weight = q.wide() * (q.wide() - 1.0);
        if weight != 0.0 {
            lanes[row.abs_diff(grid.rows / 2)]
                .1
                .push(Erring { sample, column, weight });
        }
    }
    lanes.retain(|(_, samples)| !samples.is_empty());
    lanes
}

impl<T: Real> Block<T> {
    fn new(lanes: &[(usize, Vec<Erring>)], steps: std::ops::Range<usize>, spectra: &Spectra) -> Self {
        let columns = independent(&spectra.cols);
        let at = |step: usize, lane: usize| lanes.get(lane).and_then(|(_, samples)| samples.get(step));
        let weight = |step, lane, spectrum: Option<&&Vec<f64>>| match (at(step, lane), spectrum) {
            (Some(erring), Some(spectrum)) => T::of(erring.weight * spectrum[erring.column]),
            _ => T::zero(),
        };
        let of_lane = |spectrum: &Vec<f64>| {
            // A row and its opposite have the same spectrum; the one before the centre is always there.
            let centre = spectrum.len() / 2;
            std::array::from_fn(|lane| lanes.get(lane).map_or(0.0, |(distance, _)| spectrum[centre - distance]))
        };
        let of_group = |group: &[&Vec<f64>]| {
            let of_step = |step| {
                std::array::from_fn(|spectrum| std::array::from_fn(|lane| weight(step, lane, group.get(spectrum))))
            };
            steps.clone().map(of_step).collect()
        };
        Self {
            steps: steps.len(),
            samples: std::array::from_fn(|lane| {
                let samples = steps.clone().map_while(|step| at(step, lane));
                samples.map(|erring| erring.sample as u32).collect()
            }),
            weights: columns.chunks(SPECTRA).map(of_group).collect(),
            low: spectra.rows.low.iter().map(of_lane).collect(),
            high: spectra.rows.high.iter().map(of_lane).collect(),
        }
    }

    /// `Σ |ψ̂_b|² (1/p)(1/p − 1) conj(z_c) z_c'` over the samples of the block, `[pair][band]`.
    #[inline(always)]
    fn sums(&self, z: &Samples<T>, bands: &[Band], scratch: &mut Scratch<T>) -> Vec<Complex<f64>> {
        let (coils, steps) = (z.dim().0, self.steps);
        let Scratch { residual, low, high } = scratch;
        // Zero where a lane has no sample: what a block before left there may be anything.
        residual.clear();
        residual.resize(coils * steps, [[T::zero(); LANES]; 2]);
        for (values, residual) in z.outer_iter().zip(residual.chunks_exact_mut(steps)) {
            gather(values.to_slice().expect("row-major samples"), &self.samples, residual);
        }
        let of_coil = |coil: usize| &residual[coil * steps..(coil + 1) * steps];
        let mut sums = Vec::with_capacity(coils * (coils + 1) / 2 * bands.len());
        for (c, d) in pairs(coils) {
            high.clear();
            for weights in &self.weights {
                high.extend(weighted_products::<T, SPECTRA>(of_coil(c), of_coil(d), weights));
            }
            self.low_from_high(low, high);
            for band in bands {
                let scale = band.scale - 1;
                let (rows, lanes) = match band.orientation {
                    Orientation::H => (&self.high[scale], &low[scale]),
                    Orientation::V => (&self.low[scale], &high[scale]),
                    Orientation::D => (&self.high[scale], &high[scale]),
                    Orientation::A => (&self.low[scale], &low[scale]),
                };
                sums.push(dot(rows, lanes));
            }
        }
        sums
    }

    /// Sums with a_1 … a_S, of those with d_1 … d_S, a_S.
    #[inline(always)]
    fn low_from_high(&self, low: &mut Vec<Lanes<T>>, high: &[Lanes<T>]) {
        let scales = self.low.len();
        let half = T::of(0.5);
        low.resize(scales, [[T::zero(); LANES]; 2]);
        low[scales - 1] = high[scales];
        for scale in (1..scales).rev() {
            let ([.., finer], [coarser, ..]) = low.split_at_mut(scale) else {
                unreachable!("a scale on either side")
            };
            for j in 0..LANES {
                finer[0][j] = half * (coarser[0][j] + high[scale][0][j]);
                finer[1][j] = half * (coarser[1][j] + high[scale][1][j]);
            }
        }
    }
}

/// d_1 … d_S, a_S.
fn independent(spectra: &AxisSpectra) -> Vec<&Vec<f64>> {
    spectra.high.iter().chain(spectra.low.last()).collect()
}

/// The values at the samples of each lane.
#[inline(always)]
fn gather<T: Real>(values: &[Complex<T>], samples: &[Vec<u32>; LANES], out: &mut [Lanes<T>]) {
    for (lane, samples) in samples.iter().enumerate() {
        for (out, &sample) in out.iter_mut().zip(samples) {
            let v = values[sample as usize];
            out[0][lane] = v.re;
            out[1][lane] = v.im;
        }
    }
}

/// `Σ weight · value` over the lanes.
#[inline(always)]
fn dot<T: Real>(weights: &[f64; LANES], values: &Lanes<T>) -> Complex<f64> {
    let mut products = [[0.0; LANES]; 2];
    for j in 0..LANES {
        products[0][j] = weights[j] * values[0][j].wide();
        products[1][j] = weights[j] * values[1][j].wide();
    }
    let [re, im] = products.map(|products| {
        let mut fours = products.chunks_exact(4).map(|p| (p[0] + p[1]) + (p[2] + p[3]));
        let mut next = || fours.next().unwrap_or(0.0);
        (next() + next()) + (next() + next())
    });
    Complex::new(re, im)
}
