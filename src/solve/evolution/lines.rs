use ndarray::Axis;
use ndarray::parallel::prelude::*;
use num_complex::Complex;

use super::local::Lanes;
use super::noise::Noise;
use super::products::{STEPS, weighted_products};
use super::{Covariance, pairs, stands_for};
use crate::array::{Grid, LANES, Real, vectorised};
use crate::fourier::{self, Fourier};
use crate::operator::Samples;
use crate::solve::Problem;
use crate::wavelet::{Band, FilterBank, Layout, Orientation, Spectra, Wavelet};

/// Errors of 1-D undersampling: those along one phase-encode line are fully correlated, those of two lines are
/// uncorrelated.
///
/// Along the readout, then, nothing is averaged: with `w_c(n, k)` the 1-D wavelet coefficient at position n, by the
/// readout filter of band b, of line k transformed to the image along the readout, and `|ψ̂_b(k)|²` the energy spectrum
/// of the band's filter along the phase encodes,
/// `Z_b[c,c'](n) = Σ_{k sampled} |ψ̂_b(k)|² (1/p)(1/p − 1) conj(w_c(n, k)) w_c'(n, k)`, and the noise.
/// Noise is as white along the readout as elsewhere: its part is that of a plane.
pub(super) struct Lines<T: Real> {
    /// Axis of the readout.
    readout: Axis,
    /// For one line, of the image.
    fourier: Fourier<T>,
    bank: FilterBank<T>,
    /// Length of a line with the padding that the wavelet transform wants.
    padded: usize,
    scales: usize,
    /// Blocks of coefficients of a line.
    blocks: usize,
    lines: Vec<Line<T>>,
    /// For each subband.
    bands: Vec<LineBand<T>>,
}

/// Where the samples of a line are.
struct Line<T> {
    /// Its index along the phase encodes.
    phase: usize,
    /// For each: its index among all samples, its position along the readout, and the root of `(1/p)(1/p − 1)`.
    samples: Vec<(usize, usize, T)>,
}

struct LineBand<T> {
    /// The first block of the coefficients of the readout filter in those of a line, and how many coefficients there
    /// are.
    block: usize,
    length: usize,
    /// Of each line: `|ψ̂_b(k)|²`, the same for every position.
    spectrum: Vec<[[T; LANES]; 1]>,
}

impl<T: Real> Lines<T> {
    /// `phase` is the axis along which the mask varies.
    pub(super) fn new(
        problem: &Problem<T>,
        layout: &Layout,
        wavelet: &Wavelet,
        spectra: &Spectra,
        phase: Axis,
    ) -> Self {
        let readout = Axis(1 - phase.0);
        let along = |grid: Grid| [grid.rows, grid.cols][readout.0];
        let (length, padded) = (along(layout.image), along(layout.padded));
        let lines = lines(problem, phase);
        let of_band = |band: &Band| {
            let spectrum = spectra.band(band.orientation, band.scale);
            let spectrum = [spectrum.rows, spectrum.cols][phase.0];
            let is_high = match band.orientation {
                Orientation::H => readout == Axis(0),
                Orientation::V => readout == Axis(1),
                Orientation::D => true,
                Orientation::A => false,
            };
            LineBand {
                block: first_block(padded, band.scale, is_high),
                length: along(band.grid),
                spectrum: lines
                    .iter()
                    .map(|line| [[T::of(spectrum[line.phase]); LANES]])
                    .collect(),
            }
        };
        Self {
            readout,
            fourier: Fourier::new(Grid::new(1, length)),
            bank: FilterBank::of(wavelet),
            padded,
            scales: layout.scales,
            blocks: first_block(padded, layout.scales + 1, false),
            bands: layout.bands.iter().map(of_band).collect(),
            lines,
        }
    }

    /// `Z_b` for every subband, at every position along the readout.
    pub(super) fn covariance(&self, z: &Samples<T>, noise: &Noise) -> Vec<Covariance<T>> {
        let analysed: Vec<Vec<Lanes<T>>> = self
            .lines
            .par_iter()
            .map_init(|| self.scratch(), |scratch, line| self.analyse(line, z, scratch))
            .collect();
        let coils = z.dim().0;
        let of_band = |(index, band): (usize, &LineBand<T>)| {
            let blocks = (0..band.length.div_ceil(LANES)).into_par_iter().map(|block| {
                vectorised(
                    #[inline(always)]
                    || self.entries(index, band.block + block, &analysed, coils, noise),
                )
            });
            let blocks: Vec<Vec<Lanes<T>>> = blocks.collect();
            match self.readout {
                // One matrix for each row.
                Axis(0) => {
                    let position = |at: usize| {
                        let of_pair = move |entry: &Lanes<T>| Complex::new(entry[0][at % LANES], entry[1][at % LANES]);
                        blocks[at / LANES].iter().map(of_pair)
                    };
                    Covariance::Same((0..band.length).flat_map(position).collect())
                }
                _ => Covariance::Along(blocks.concat()),
            }
        };
        self.bands.par_iter().enumerate().map(of_band).collect()
    }

    fn scratch(&self) -> Scratch<T> {
        let zeros = || vec![Complex::new(T::zero(), T::zero()); self.padded];
        Scratch {
            fourier: self.fourier.scratch(),
            line: zeros(),
            halves: zeros(),
            extended: Vec::new(),
        }
    }

    /// Weighted wavelet coefficients along a line of every coil, `[coil][block]`: the blocks in the order that
    /// [`first_block`] says.
    fn analyse(&self, samples: &Line<T>, z: &Samples<T>, scratch: &mut Scratch<T>) -> Vec<Lanes<T>> {
        let zero = Complex::new(T::zero(), T::zero());
        let Scratch {
            fourier,
            line,
            halves,
            extended,
        } = scratch;
        let length = self.fourier.grid().cols;
        let mut coefficients = vec![[[T::zero(); LANES]; 2]; z.dim().0 * self.blocks];
        for (z, coefficients) in z.outer_iter().zip(coefficients.chunks_exact_mut(self.blocks)) {
            line.fill(zero);
            for &(sample, position, weight) in &samples.samples {
                line[position] = z[sample] * weight;
            }
            self.fourier.inverse(&mut line[..length], fourier);
            for scale in 1..=self.scales {
                let n = self.padded >> scale;
                let (low, high) = halves[..2 * n].split_at_mut(n);
                self.bank.split_line(&line[..2 * n], low, high, extended);
                for (half, is_high) in [(&*low, false), (&*high, true)] {
                    let blocks = &mut coefficients[first_block(self.padded, scale, is_high)..];
                    for (block, values) in blocks.iter_mut().zip(half.chunks(LANES)) {
                        for (j, v) in values.iter().enumerate() {
                            (block[0][j], block[1][j]) = (v.re, v.im);
                        }
                    }
                }
                line[..n].copy_from_slice(low);
            }
        }
        coefficients
    }

    /// `Z_b` at the positions of one block: `Σ_k |ψ̂_b(k)|² conj(w_c) w_d` over the lines, and the noise.
    #[inline(always)]
    fn entries(
        &self,
        band: usize,
        block: usize,
        analysed: &[Vec<Lanes<T>>],
        coils: usize,
        noise: &Noise,
    ) -> Vec<Lanes<T>> {
        let spectrum = &self.bands[band].spectrum;
        let mut sums = vec![[[0.0; LANES]; 2]; coils * (coils + 1) / 2];
        let mut of_lines = Vec::new();
        for (lines, spectrum) in analysed.chunks(STEPS).zip(spectrum.chunks(STEPS)) {
            of_lines.clear();
            for coil in 0..coils {
                of_lines.extend(lines.iter().map(|line| line[coil * self.blocks + block]));
            }
            let of_coil = |coil: usize| &of_lines[coil * lines.len()..(coil + 1) * lines.len()];
            for (sum, (c, d)) in sums.iter_mut().zip(pairs(coils)) {
                let [more] = weighted_products(of_coil(c), of_coil(d), spectrum);
                for j in 0..LANES {
                    sum[0][j] += more[0][j].wide();
                    sum[1][j] += more[1][j].wide();
                }
            }
        }
        let mut entries = vec![[[T::zero(); LANES]; 2]; sums.len()];
        for ((entry, sum), pair) in entries.iter_mut().zip(&sums).zip(pairs(coils)) {
            let (noise, count) = (noise.of(band, pair), stands_for(pair));
            for j in 0..LANES {
                entry[0][j] = T::of((sum[0][j] + noise.re) * count);
                entry[1][j] = T::of((sum[1][j] + noise.im) * count);
            }
        }
        entries
    }
}

/// What a thread reuses from line to line.
struct Scratch<T> {
    fourier: fourier::Scratch<T>,
    line: Vec<Complex<T>>,
    halves: Vec<Complex<T>>,
    extended: Vec<Complex<T>>,
}

/// Where, among the blocks of coefficients of a line, those of a scale begin that are low-pass or high-pass along it:
/// scale by scale, low before high.
fn first_block(padded: usize, scale: usize, is_high: bool) -> usize {
    let blocks = |scale: usize| (padded >> scale).div_ceil(LANES);
    let before: usize = (1..scale).map(blocks).sum();
    2 * before + if is_high { blocks(scale) } else { 0 }
}

/// Every phase-encode line with errors. Lines that are sampled with probability 1 have none.
fn lines<T: Real>(problem: &Problem<T>, phase: Axis) -> Vec<Line<T>> {
    let grid = problem.encoding.grid();
    let mut lines: Vec<Line<T>> = (0..[grid.rows, grid.cols][phase.0])
        .map(|phase| Line {
            phase,
            samples: Vec::new(),
        })
        .collect();
    let sampled = problem.encoding.sampled().iter().zip(&problem.inverse_probability);
    for (sample, (&at, &q)) in sampled.enumerate() {
        let at = [at as usize / grid.cols, at as usize % grid.cols];
        let weight = (q * (q - T::one())).max(T::zero()).sqrt();
        lines[at[phase.0]].samples.push((sample, at[1 - phase.0], weight));
    }
    let errs = |line: &Line<T>| line.samples.iter().any(|&(_, _, weight)| weight > T::zero());
    lines.into_iter().filter(errs).collect()
}
