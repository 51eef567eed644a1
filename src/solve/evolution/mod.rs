//! The state evolution: variance of every wavelet coefficient of an unbiased estimate.
//!
//! For a k-space residual z (the data at the start), subband b, and ξ the coil maps averaged over the energy of each
//! wavelet (arXiv:2203.04180, section III, restated with ξ ≈ conj(S)):
//! `τ_b[j] = Re Σ_{c,c'} conj(ξ_c[j]) Z_b[c,c'] ξ_c'[j]`:
//! the energy, in the band, of the residual that the coils combine at position j.
//!
//! What `Z_b`, the covariance across coils, looks like depends on the mask: of locations that were sampled each by
//! itself it is one matrix a band (`plane`), of whole lines one for each position along the readout (`lines`).

mod lines;
mod plane;

use std::iter::repeat;
use std::sync::Arc;

use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;
use rayon::slice::ParallelSliceMut;

use self::lines::Lines;
use self::plane::{BandSums, Plane};
use super::Problem;
use crate::array::Real;
use crate::operator::Samples;
use crate::sampling;
use crate::wavelet::{EnergyAverage, Layout, Pyramid, Wavelet};

/// Coefficients one task works on: few enough to stay in the first cache with ξ of every coil.
const BLOCK: usize = 256;

/// Everything about the variance that does not change from iteration to iteration.
pub struct StateEvolution<T: Real> {
    layout: Arc<Layout>,
    coils: usize,
    /// For each set of maps: ξ of each coil, real parts and imaginary parts apart, `[coil][part][coefficient]`.
    xi: Vec<Vec<T>>,
    errors: Errors<T>,
    noise: Noise,
}

/// Which errors are correlated.
enum Errors<T: Real> {
    /// None: every location was sampled by itself.
    Plane(Plane<T>),
    /// Those of one line.
    Lines(Lines<T>),
}

/// The part of `Z_b` that measurement noise has.
struct Noise {
    /// Σ_meas.
    covariance: Array2<Complex<f64>>,
    /// `Σ_k |ψ̂_b(k)|² / p` over the locations measured, for each band.
    gain: Vec<f64>,
}

/// `Z_b` of one subband: the upper triangle of a Hermitian matrix, in the order of [`pairs`], and twice what lies above
/// the diagonal, to stand for what lies below.
struct Covariance<T> {
    /// `[pair][position]`.
    entries: Vec<Complex<T>>,
    /// The axis of the subband along which positions run, and how many there are; `None` for one matrix.
    positions: Option<(Axis, usize)>,
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
        let sums = BandSums::new(problem, layout, wavelet);
        let noise = Noise {
            covariance: problem.noise.clone(),
            gain: sums.noise_gain(&noisy(problem)),
        };
        Self {
            layout: Arc::clone(layout),
            coils: problem.encoding.coils(),
            xi,
            errors: match sampling::line_axis(&problem.encoding.mask()) {
                Some(axis) => Errors::Lines(Lines::new(problem, layout, wavelet, axis)),
                None => Errors::Plane(Plane::new(problem, sums)),
            },
            noise,
        }
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Whether the mask is of whole lines, and their errors are taken as correlated.
    pub fn models_lines(&self) -> bool {
        matches!(self.errors, Errors::Lines(_))
    }

    /// τ of the estimate that has residual `z`, for set `m` of maps into `tau[m]`.
    pub fn update(&self, z: &Samples<T>, tau: &mut [Pyramid<T>]) {
        let covariance = match &self.errors {
            Errors::Plane(plane) => plane.covariance(z, &self.noise),
            Errors::Lines(lines) => lines.covariance(z, &self.noise),
        };
        for (tau, xi) in tau.iter_mut().zip(&self.xi) {
            for (band, covariance) in covariance.iter().enumerate() {
                self.update_band(xi, covariance, band, tau.band_mut(band));
            }
        }
    }

    fn update_band(&self, xi: &[T], covariance: &Covariance<T>, band: usize, tau: &mut [T]) {
        let band = &self.layout.bands[band];
        let row_length = match covariance.positions {
            None => band.grid.len(),
            Some(_) => band.grid.cols,
        };
        let entries = |pair: usize, n: usize| &covariance.entries[pair * n..(pair + 1) * n];
        tau.par_chunks_mut(row_length).enumerate().for_each(|(row, tau)| {
            tau.par_chunks_mut(BLOCK).enumerate().for_each(|(i, tau)| {
                let first = band.offset + row * row_length + i * BLOCK;
                let cols = i * BLOCK..i * BLOCK + tau.len();
                match covariance.positions {
                    None => self.quadratic_form(xi, |pair| repeat(covariance.entries[pair]), first, tau),
                    Some((Axis(0), n)) => self.quadratic_form(xi, |pair| repeat(entries(pair, n)[row]), first, tau),
                    Some((_, n)) => {
                        let along = |pair| entries(pair, n)[cols.clone()].iter().copied();
                        self.quadratic_form(xi, along, first, tau);
                    }
                }
            });
        });
    }

    /// `Re Σ conj(ξ_c) Z[c,c'] ξ_c'` for the coefficients from `first` on, with an entry of Z for each of them.
    /// Never negative: rounding is clipped.
    fn quadratic_form<Z: Iterator<Item = Complex<T>>>(
        &self,
        xi: &[T],
        covariance: impl Fn(usize) -> Z,
        first: usize,
        tau: &mut [T],
    ) {
        let size = self.layout.padded.len();
        let part = |coil: usize, part: usize| {
            let start = (2 * coil + part) * size + first;
            &xi[start..start + tau.len()]
        };
        let mut sum = [T::zero(); BLOCK];
        let sum = &mut sum[..tau.len()];
        for (pair, (c, d)) in pairs(self.coils).enumerate() {
            let (cr, ci, dr, di) = (part(c, 0), part(c, 1), part(d, 0), part(d, 1));
            for ((j, sum), z) in sum.iter_mut().enumerate().zip(covariance(pair)) {
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

impl Noise {
    /// Of coils c and d in a band.
    fn of(&self, band: usize, (c, d): (usize, usize)) -> Complex<f64> {
        // conj(z_c) z_d meets E[conj(ε_c) ε_d], which is the transpose of E[ε εᴴ].
        self.covariance[[d, c]] * self.gain[band]
    }
}

/// 1/p of each sample that has noise; 0 of zero padding.
fn noisy<T: Real>(problem: &Problem<T>) -> Vec<T> {
    let samples = problem.inverse_probability.iter().zip(&problem.measured);
    samples
        .map(|(&q, &measured)| if measured { q } else { T::zero() })
        .collect()
}

/// Coil pairs `c ≤ c'`.
fn pairs(coils: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..coils).flat_map(move |c| (c..coils).map(move |d| (c, d)))
}

/// An entry of a [`Covariance`]: the sum for coils c and d.
fn entry<T: Real>(sum: Complex<f64>, (c, d): (usize, usize)) -> Complex<T> {
    let v = sum * if c == d { 1.0 } else { 2.0 };
    Complex::new(T::of(v.re), T::of(v.im))
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

/// Real and then imaginary parts: what loops over coefficients want.
fn split_parts<T: Real>(values: &[Complex<T>], parts: &mut [T]) {
    let (re, im) = parts.split_at_mut(values.len());
    for ((v, re), im) in values.iter().zip(re).zip(im) {
        (*re, *im) = (v.re, v.im);
    }
}

#[cfg(test)]
mod tests;
