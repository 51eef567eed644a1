//! The state evolution: variance of every wavelet coefficient of an unbiased estimate.
//!
//! For a k-space residual z (the data at the start), subband b with energy spectrum `|ψ̂_b|²`, and ξ the coil
//! maps averaged over the energy of each wavelet (arXiv:2203.04180, section III, restated with ξ ≈ conj(S)):
//! `Z_b[c,c'] = Σ_{k sampled} |ψ̂_b(k)|² ((1/p)(1/p − 1) conj(z_c) z_c' + Σ_meas[c',c] / p)`,
//! `τ_b[j] = Re Σ_{c,c'} conj(ξ_c[j]) Z_b[c,c'] ξ_c'[j]`:
//! the energy, in the band, of the residual that the coils combine at position j.

use std::ops::Range;
use std::sync::Arc;

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;
use rayon::slice::ParallelSliceMut;

use super::Problem;
use crate::array::{Grid, Real};
use crate::operator::Samples;
use crate::wavelet::{Band, EnergyAverage, Layout, Orientation, Pyramid, Spectra, Wavelet};

/// Coefficients one task works on: few enough to stay in the first cache with ξ of every coil.
const BLOCK: usize = 256;
/// Values worked on together: a few vector registers.
const LANES: usize = 8;

/// Everything about the variance that does not change from iteration to iteration.
pub struct StateEvolution<T> {
    layout: Arc<Layout>,
    coils: usize,
    /// For each set of maps: ξ of each coil, real parts and imaginary parts apart, `[coil][part][coefficient]`.
    xi: Vec<Vec<T>>,
    spectra: BandTable<T>,
    /// Runs of samples that share a k-space row, as (row, samples).
    rows: Vec<(usize, Range<usize>)>,
    /// k-space column of each sample.
    columns: Vec<u32>,
    /// `(1/p)(1/p − 1)` of each sample.
    weights: Vec<T>,
    /// The Σ_meas term of `Z_b`, one scalar a band: `Σ_k |ψ̂_b(k)|² / p`.
    noise_gain: Vec<f64>,
    noise: Array2<Complex<f64>>,
}

impl<T: Real> StateEvolution<T> {
    pub fn new(problem: &Problem<T>, layout: &Arc<Layout>, wavelet: &Wavelet) -> Self {
        let energy = EnergyAverage::new(layout, wavelet);
        let sets = problem.encoding.maps().outer_iter();
        let xi = sets.map(|maps| local_maps(maps, layout, &energy)).collect();
        Self::with_parts(problem, layout, wavelet, xi)
    }

    /// With ξ given: one pyramid for each set and, in it, each coil.
    pub fn with_local_maps(
        problem: &Problem<T>,
        layout: &Arc<Layout>,
        wavelet: &Wavelet,
        xi: &[Vec<Pyramid<Complex<T>>>],
    ) -> Self {
        let of_set = |set: &Vec<Pyramid<Complex<T>>>| {
            let coils = set.len();
            let mut parts = vec![T::zero(); 2 * coils * layout.padded.len()];
            let each = parts.chunks_exact_mut(2 * layout.padded.len());
            each.zip(set).for_each(|(parts, xi)| split_parts(&xi.values, parts));
            parts
        };
        Self::with_parts(problem, layout, wavelet, xi.iter().map(of_set).collect())
    }

    fn with_parts(problem: &Problem<T>, layout: &Arc<Layout>, wavelet: &Wavelet, xi: Vec<Vec<T>>) -> Self {
        let encoding = &problem.encoding;
        let spectra = BandTable::new(layout, wavelet);
        let (rows, columns) = by_row(encoding.sampled(), encoding.grid());
        let one = T::one();
        let inverse = &problem.inverse_probability;
        let mut evolution = Self {
            layout: Arc::clone(layout),
            coils: encoding.coils(),
            xi,
            spectra,
            rows,
            columns,
            weights: inverse.iter().map(|&q| q * (q - one)).collect(),
            noise_gain: Vec::new(),
            noise: problem.noise.clone(),
        };
        let gain = evolution.band_sums(|samples, values| {
            values.extend(inverse[samples].iter().map(|&q| Complex::new(q, T::zero())));
        });
        evolution.noise_gain = gain.iter().map(|sum| sum.re).collect();
        evolution
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// τ of the estimate that has residual `z`, for set `m` of maps into `tau[m]`.
    pub fn update(&self, z: &Samples<T>, tau: &mut [Pyramid<T>]) {
        let covariance = self.covariance(z);
        for (tau, xi) in tau.iter_mut().zip(&self.xi) {
            for (band, covariance) in covariance.iter().enumerate() {
                let offset = self.layout.bands[band].offset;
                let blocks = tau.band_mut(band).par_chunks_mut(BLOCK).enumerate();
                blocks.for_each(|(i, block)| self.quadratic_form(xi, covariance, offset + i * BLOCK, block));
            }
        }
    }

    /// `Z_b` for every subband; each the upper triangle of a Hermitian matrix, in the order of [`pairs`], and twice
    /// what lies above the diagonal, to stand for what lies below.
    fn covariance(&self, z: &Samples<T>) -> Vec<Vec<Complex<T>>> {
        let pairs: Vec<_> = pairs(self.coils).collect();
        let sums = pairs.par_iter().map(|&(c, d)| {
            let (left, right) = (z.row(c), z.row(d));
            let (left, right) = (left.to_slice().expect("rows"), right.to_slice().expect("rows"));
            let mut sums = self.band_sums(|samples, values| {
                let pairs = left[samples.clone()].iter().zip(&right[samples.clone()]);
                let weighted = pairs.zip(&self.weights[samples]);
                values.extend(weighted.map(|((l, r), &weight)| l.conj() * r * weight));
            });
            for (sum, &gain) in sums.iter_mut().zip(&self.noise_gain) {
                // conj(z_c) z_d meets E[conj(ε_c) ε_d], which is the transpose of E[ε εᴴ].
                *sum += self.noise[[d, c]] * gain;
            }
            sums
        });
        let sums: Vec<Vec<Complex<f64>>> = sums.collect();
        let of_band = |band: usize| {
            let entry = |(sums, &(c, d)): (&Vec<Complex<f64>>, &(usize, usize))| {
                let v = sums[band] * if c == d { 1.0 } else { 2.0 };
                Complex::new(T::of(v.re), T::of(v.im))
            };
            sums.iter().zip(&pairs).map(entry).collect()
        };
        (0..self.layout.bands.len()).map(of_band).collect()
    }

    /// `Σ_k |ψ̂_b(k)|² value(k)` over the sampled locations, for every subband b; `values` appends those of a run of
    /// samples. The spectra are separable: along a k-space row only the column spectra are needed, in T; rows are
    /// summed in f64.
    fn band_sums(&self, values: impl Fn(Range<usize>, &mut Vec<Complex<T>>)) -> Vec<Complex<f64>> {
        let zero = Complex::new(0.0, 0.0);
        let mut sums = vec![zero; self.layout.bands.len()];
        let mut along_row = vec![zero; self.spectra.columns.len() * LANES];
        let mut of_row = Vec::new();
        for (row, samples) in &self.rows {
            of_row.clear();
            values(samples.clone(), &mut of_row);
            let columns = &self.columns[samples.clone()];
            for (sums, spectra) in along_row.chunks_exact_mut(LANES).zip(&self.spectra.columns) {
                let (mut re, mut im) = ([T::zero(); LANES], [T::zero(); LANES]);
                for (value, &column) in of_row.iter().zip(columns) {
                    let spectra = &spectra[column as usize];
                    for j in 0..LANES {
                        re[j] += spectra[j] * value.re;
                        im[j] += spectra[j] * value.im;
                    }
                }
                for (j, sum) in sums.iter_mut().enumerate() {
                    *sum = Complex::new(re[j].wide(), im[j].wide());
                }
            }
            for (sum, band) in sums.iter_mut().zip(&self.spectra.bands) {
                *sum += along_row[band.column] * band.rows[*row];
            }
        }
        sums
    }

    /// `Re Σ conj(ξ_c) Z[c,c'] ξ_c'` for the coefficients from `first` on. Never negative: rounding is clipped.
    fn quadratic_form(&self, xi: &[T], covariance: &[Complex<T>], first: usize, tau: &mut [T]) {
        let size = self.layout.padded.len();
        let part = |coil: usize, part: usize| {
            let start = (2 * coil + part) * size + first;
            &xi[start..start + tau.len()]
        };
        let mut sum = [T::zero(); BLOCK];
        let sum = &mut sum[..tau.len()];
        for ((c, d), z) in pairs(self.coils).zip(covariance) {
            let (cr, ci, dr, di) = (part(c, 0), part(c, 1), part(d, 0), part(d, 1));
            for (j, sum) in sum.iter_mut().enumerate() {
                // Re of conj(ξ_c) ξ_d Z
                *sum += z.re * (cr[j] * dr[j] + ci[j] * di[j]) - z.im * (cr[j] * di[j] - ci[j] * dr[j]);
            }
        }
        for (tau, sum) in tau.iter_mut().zip(sum) {
            // A NaN stays one: it must not pass for no noise.
            *tau = if *sum < T::zero() { T::zero() } else { *sum };
        }
    }
}

/// Coil pairs `c ≤ c'`.
fn pairs(coils: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..coils).flat_map(move |c| (c..coils).map(move |d| (c, d)))
}

/// Samples, which are in row-major order, by k-space row.
fn by_row(sampled: &[u32], grid: Grid) -> (Vec<(usize, Range<usize>)>, Vec<u32>) {
    let mut rows: Vec<(usize, Range<usize>)> = Vec::new();
    for (i, &at) in sampled.iter().enumerate() {
        let row = at as usize / grid.cols;
        match rows.last_mut() {
            Some((last, samples)) if *last == row => samples.end = i + 1,
            _ => rows.push((row, i..i + 1)),
        }
    }
    let columns = sampled.iter().map(|&at| at % grid.cols as u32).collect();
    (rows, columns)
}

/// ξ of one set `(coils, rows, cols)`: `conj(S)` averaged over the energy of each wavelet. As
/// `[coil][part][coefficient]`, written coil by coil: all coils as complex pyramids first would double the memory.
fn local_maps<T: Real>(maps: ArrayView3<Complex<T>>, layout: &Arc<Layout>, energy: &EnergyAverage<T>) -> Vec<T> {
    let size = layout.padded.len();
    let mut parts = vec![T::zero(); 2 * maps.dim().0 * size];
    let coils = parts
        .par_chunks_exact_mut(2 * size)
        .zip(maps.axis_iter(Axis(0)).into_par_iter());
    coils.for_each_init(
        || Pyramid::filled(layout, Complex::new(T::zero(), T::zero())),
        |xi, (parts, map)| {
            energy.average(map, xi);
            xi.values.iter_mut().for_each(|v| *v = v.conj());
            split_parts(&xi.values, parts);
        },
    );
    parts
}

/// Real and then imaginary parts: what the loops of [`StateEvolution::update`] want.
fn split_parts<T: Real>(values: &[Complex<T>], parts: &mut [T]) {
    let (re, im) = parts.split_at_mut(values.len());
    for ((v, re), im) in values.iter().zip(re).zip(im) {
        (*re, *im) = (v.re, v.im);
    }
}

/// The separable spectra of all subbands, laid out for [`StateEvolution::band_sums`].
struct BandTable<T> {
    bands: Vec<BandRows>,
    /// Column spectra a_1 … a_s, d_1 … d_s, [`LANES`] at a time: `[group][k-space column][one of the group]`,
    /// the last group filled up with zeros.
    columns: Vec<Vec<[T; LANES]>>,
}

struct BandRows {
    rows: Vec<f64>,
    /// Which of the column spectra.
    column: usize,
}

impl<T: Real> BandTable<T> {
    fn new(layout: &Layout, wavelet: &Wavelet) -> Self {
        let spectra = Spectra::new(layout, wavelet);
        let scales = layout.scales;
        let of_band = |band: &Band| BandRows {
            rows: spectra.band(band.orientation, band.scale).rows.to_vec(),
            column: match band.orientation {
                Orientation::H | Orientation::A => band.scale - 1,
                Orientation::V | Orientation::D => scales + band.scale - 1,
            },
        };
        let along_columns: Vec<&Vec<f64>> = spectra.cols.low.iter().chain(&spectra.cols.high).collect();
        let of_group = |group: &[&Vec<f64>]| {
            let at = |k: usize| std::array::from_fn(|j| group.get(j).map_or(T::zero(), |s| T::of(s[k])));
            (0..layout.image.cols).map(at).collect()
        };
        Self {
            bands: layout.bands.iter().map(of_band).collect(),
            columns: along_columns.chunks(LANES).map(of_group).collect(),
        }
    }
}
