use std::ops::Range;

use ndarray::parallel::prelude::*;
use num_complex::Complex;

use super::{Covariance, Noise, entry, pairs};
use crate::array::{Grid, Real};
use crate::operator::Samples;
use crate::solve::Problem;
use crate::wavelet::{Band, Layout, Orientation, Spectra, Wavelet};

/// Values worked on together: a few vector registers.
const LANES: usize = 8;

/// Errors of locations that were sampled each by itself. With the energy spectrum `|ψ̂_b|²` of a subband,
/// `Z_b[c,c'] = Σ_{k sampled} |ψ̂_b(k)|² ((1/p)(1/p − 1) conj(z_c) z_c' + Σ_meas[c',c] / p)`.
pub(super) struct Plane<T> {
    sums: BandSums<T>,
    /// `(1/p)(1/p − 1)` of each sample.
    weights: Vec<T>,
}

impl<T: Real> Plane<T> {
    pub(super) fn new(problem: &Problem<T>, sums: BandSums<T>) -> Self {
        let inverse = &problem.inverse_probability;
        Self {
            sums,
            weights: inverse.iter().map(|&q| q * (q - T::one())).collect(),
        }
    }

    /// `Z_b` for every subband.
    pub(super) fn covariance(&self, z: &Samples<T>, noise: &Noise) -> Vec<Covariance<T>> {
        let pairs: Vec<_> = pairs(z.dim().0).collect();
        let sums = pairs.par_iter().map(|&(c, d)| {
            let (left, right) = (z.row(c), z.row(d));
            let (left, right) = (left.to_slice().expect("rows"), right.to_slice().expect("rows"));
            let mut sums = self.sums.of(|samples, values| {
                let pairs = left[samples.clone()].iter().zip(&right[samples.clone()]);
                let weighted = pairs.zip(&self.weights[samples]);
                values.extend(weighted.map(|((l, r), &weight)| l.conj() * r * weight));
            });
            for (band, sum) in sums.iter_mut().enumerate() {
                *sum += noise.of(band, (c, d));
            }
            sums
        });
        let sums: Vec<Vec<Complex<f64>>> = sums.collect();
        let of_band = |band: usize| Covariance {
            entries: sums
                .iter()
                .zip(&pairs)
                .map(|(sums, &pair)| entry(sums[band], pair))
                .collect(),
            positions: None,
        };
        (0..self.sums.spectra.bands.len()).map(of_band).collect()
    }
}

/// Sums over the sampled locations, weighted by the spectrum of each subband.
pub(super) struct BandSums<T> {
    spectra: BandTable<T>,
    /// Runs of samples that share a k-space row, as (row, samples).
    rows: Vec<(usize, Range<usize>)>,
    /// k-space column of each sample.
    columns: Vec<u32>,
}

impl<T: Real> BandSums<T> {
    pub(super) fn new(problem: &Problem<T>, layout: &Layout, wavelet: &Wavelet) -> Self {
        let (rows, columns) = by_row(problem.encoding.sampled(), problem.encoding.grid());
        Self {
            spectra: BandTable::new(layout, wavelet),
            rows,
            columns,
        }
    }

    /// `Σ_k |ψ̂_b(k)|² / p` for every subband, with 1/p of each sample.
    pub(super) fn noise_gain(&self, inverse_probability: &[T]) -> Vec<f64> {
        let gain = self.of(|samples, values| {
            values.extend(inverse_probability[samples].iter().map(|&q| Complex::new(q, T::zero())));
        });
        gain.iter().map(|sum| sum.re).collect()
    }

    /// `Σ_k |ψ̂_b(k)|² value(k)` over the sampled locations, for every subband b; `values` appends those of a run of
    /// samples. The spectra are separable: along a k-space row only the column spectra are needed, in T; rows are
    /// summed in f64.
    fn of(&self, values: impl Fn(Range<usize>, &mut Vec<Complex<T>>)) -> Vec<Complex<f64>> {
        let zero = Complex::new(0.0, 0.0);
        let mut sums = vec![zero; self.spectra.bands.len()];
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

/// The separable spectra of all subbands, laid out for [`BandSums::of`].
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
