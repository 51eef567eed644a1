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
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use num_complex::Complex;
use rayon::slice::ParallelSliceMut;

use super::Problem;
use crate::array::{Grid, Maps, Real};
use crate::operator::Samples;
use crate::wavelet::{Band, EnergyAverage, Layout, Orientation, Pyramid, Spectra, Wavelet};

/// Coefficients one task works on: small enough to stay in cache with every coil's ξ.
const BLOCK: usize = 1024;

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
        let xi = local_maps(problem.encoding.maps(), layout, wavelet);
        Self::with_local_maps(problem, layout, wavelet, &xi)
    }

    /// With ξ given: one pyramid for each set and, in it, each coil.
    pub fn with_local_maps(
        problem: &Problem<T>,
        layout: &Arc<Layout>,
        wavelet: &Wavelet,
        xi: &[Vec<Pyramid<Complex<T>>>],
    ) -> Self {
        let encoding = &problem.encoding;
        let spectra = BandTable::new(layout, wavelet);
        let (rows, columns) = by_row(encoding.sampled(), encoding.grid());
        let one = T::one();
        let inverse = &problem.inverse_probability;
        let mut evolution = Self {
            layout: Arc::clone(layout),
            coils: encoding.coils(),
            xi: xi.iter().map(|set| split_parts(set)).collect(),
            spectra,
            rows,
            columns,
            weights: inverse.iter().map(|&q| q * (q - one)).collect(),
            noise_gain: Vec::new(),
            noise: problem.noise.clone(),
        };
        let gain = evolution.band_sums(|sample| Complex::new(inverse[sample], T::zero()));
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

    /// `Z_b` for every subband; each the upper triangle of a Hermitian matrix, in the order of [`pairs`].
    fn covariance(&self, z: &Samples<T>) -> Vec<Vec<Complex<T>>> {
        let pairs: Vec<_> = pairs(self.coils).collect();
        let sums = pairs.par_iter().map(|&(c, d)| {
            let (left, right) = (z.row(c), z.row(d));
            let (left, right) = (left.to_slice().expect("rows"), right.to_slice().expect("rows"));
            let mut sums = self.band_sums(|i| left[i].conj() * right[i] * self.weights[i]);
            for (sum, &gain) in sums.iter_mut().zip(&self.noise_gain) {
                // conj(z_c) z_d meets E[conj(ε_c) ε_d], which is the transpose of E[ε εᴴ].
                *sum += self.noise[[d, c]] * gain;
            }
            sums
        });
        let sums: Vec<Vec<Complex<f64>>> = sums.collect();
        let narrow = |v: Complex<f64>| Complex::new(T::of(v.re), T::of(v.im));
        let bands = 0..self.layout.bands.len();
        bands
            .map(|b| sums.iter().map(|pair| narrow(pair[b])).collect())
            .collect()
    }

    /// `Σ_k |ψ̂_b(k)|² value(k)` over the sampled locations, for every subband b. The spectra are separable:
    /// along a k-space row only the column spectra are needed, in T; rows are summed in f64.
    fn band_sums(&self, value: impl Fn(usize) -> Complex<T>) -> Vec<Complex<f64>> {
        let width = self.spectra.width;
        let mut sums = vec![Complex::new(0.0, 0.0); self.layout.bands.len()];
        let (mut re, mut im) = (vec![T::zero(); width], vec![T::zero(); width]);
        for (row, samples) in &self.rows {
            re.fill(T::zero());
            im.fill(T::zero());
            for i in samples.clone() {
                let value = value(i);
                let spectra = self.spectra.column(self.columns[i] as usize);
                for ((re, im), &s) in re.iter_mut().zip(&mut im).zip(spectra) {
                    *re += s * value.re;
                    *im += s * value.im;
                }
            }
            for (sum, band) in sums.iter_mut().zip(&self.spectra.bands) {
                let gain = band.rows[*row];
                *sum += Complex::new(re[band.column].wide() * gain, im[band.column].wide() * gain);
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
            let twice = if c == d { T::one() } else { T::one() + T::one() };
            let (zr, zi) = (z.re * twice, z.im * twice);
            let (cr, ci, dr, di) = (part(c, 0), part(c, 1), part(d, 0), part(d, 1));
            for (j, sum) in sum.iter_mut().enumerate() {
                // Re of conj(ξ_c) ξ_d Z
                *sum += zr * (cr[j] * dr[j] + ci[j] * di[j]) - zi * (cr[j] * di[j] - ci[j] * dr[j]);
            }
        }
        for (tau, sum) in tau.iter_mut().zip(sum) {
            *tau = sum.max(T::zero());
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

/// ξ: `conj(S)` averaged over the energy of each wavelet; sets, then coils.
fn local_maps<T: Real>(maps: &Maps<T>, layout: &Arc<Layout>, wavelet: &Wavelet) -> Vec<Vec<Pyramid<Complex<T>>>> {
    let energy = EnergyAverage::new(layout, wavelet);
    let of_map = |map: ArrayView2<Complex<T>>| {
        let mut xi = Pyramid::filled(layout, Complex::new(T::zero(), T::zero()));
        energy.average(map.mapv(|s| s.conj()).view(), &mut xi);
        xi
    };
    let of_set = |set: ArrayView3<Complex<T>>| set.axis_iter(Axis(0)).into_par_iter().map(of_map).collect();
    maps.outer_iter().map(of_set).collect()
}

/// Real and imaginary parts apart, `[coil][part][coefficient]`: what the loops of [`StateEvolution::update`] want.
fn split_parts<T: Real>(coils: &[Pyramid<Complex<T>>]) -> Vec<T> {
    let parts = coils.iter().flat_map(|xi| {
        let re = xi.values.iter().map(|v| v.re);
        re.chain(xi.values.iter().map(|v| v.im))
    });
    parts.collect()
}

/// The separable spectra of all subbands, laid out for [`StateEvolution::band_sums`].
struct BandTable<T> {
    bands: Vec<BandRows>,
    /// Column spectra, `[k-space column][a_1 … a_s, d_1 … d_s]`.
    columns: Vec<T>,
    width: usize,
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
        let columns = (0..layout.image.cols).flat_map(|k| along_columns.iter().map(move |s| T::of(s[k])));
        Self {
            bands: layout.bands.iter().map(of_band).collect(),
            columns: columns.collect(),
            width: 2 * scales,
        }
    }

    fn column(&self, k: usize) -> &[T] {
        &self.columns[k * self.width..(k + 1) * self.width]
    }
}
