use ndarray::parallel::prelude::*;
use ndarray::{ArrayView1, Axis};
use num_complex::Complex;
use rayon::slice::ParallelSliceMut;

use super::{Covariance, Noise, entry, pairs};
use crate::array::{Grid, Real};
use crate::fourier::Fourier;
use crate::operator::Samples;
use crate::solve::Problem;
use crate::wavelet::{Band, FilterBank, Layout, Orientation, Spectra, Wavelet};

/// Errors of lines that were sampled as a whole: those of one line are fully correlated, those of two are not.
///
/// Along the readout, then, nothing is averaged: with `w_c(n, k)` the 1-D wavelet coefficient at position n, by the
/// readout filter of band b, of line k transformed to the image along the readout, and `|ψ̂_b(k)|²` the energy spectrum
/// of the band's filter along the phase encodes,
/// `Z_b[c,c'](n) = Σ_{k sampled} |ψ̂_b(k)|² (1/p)(1/p − 1) conj(w_c(n, k)) w_c'(n, k)`, and the noise.
/// Noise is as white along the readout as elsewhere: its part is that of a plane.
pub(super) struct Lines<T: Real> {
    /// Along which lines were read out.
    readout: Axis,
    /// For one line, of the image.
    fourier: Fourier<T>,
    bank: FilterBank<T>,
    /// Length of a line with the padding that the wavelet transform wants.
    padded: usize,
    scales: usize,
    lines: Vec<Line<T>>,
    /// For each subband.
    bands: Vec<LineBand>,
}

/// Where the samples of a line are.
struct Line<T> {
    /// Its index along the phase encodes.
    phase: usize,
    /// For each: its index among all samples, its position along the readout, and the root of `(1/p)(1/p − 1)`.
    samples: Vec<(usize, usize, T)>,
}

struct LineBand {
    /// Where the coefficients of the readout filter begin in those of a line, and how many there are.
    start: usize,
    length: usize,
    /// Of each line: `|ψ̂_b(k)|²`.
    spectrum: Vec<f64>,
}

impl<T: Real> Lines<T> {
    /// `phase` is the axis along which the mask varies.
    pub(super) fn new(problem: &Problem<T>, layout: &Layout, wavelet: &Wavelet, phase: Axis) -> Self {
        let readout = Axis(1 - phase.0);
        let along = |grid: Grid| [grid.rows, grid.cols][readout.0];
        let (length, padded) = (along(layout.image), along(layout.padded));
        let lines = lines(problem, phase);
        let spectra = Spectra::new(layout, wavelet);
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
                start: start(padded, band.scale, is_high),
                length: along(band.grid),
                spectrum: lines.iter().map(|line| spectrum[line.phase]).collect(),
            }
        };
        Self {
            readout,
            fourier: Fourier::new(Grid::new(1, length)),
            bank: FilterBank::of(wavelet),
            padded,
            scales: layout.scales,
            bands: layout.bands.iter().map(of_band).collect(),
            lines,
        }
    }

    /// `Z_b` for every subband, at every position along the readout.
    pub(super) fn covariance(&self, z: &Samples<T>, noise: &Noise) -> Vec<Covariance<T>> {
        let coils: Vec<_> = z.outer_iter().collect();
        let coefficients: Vec<Vec<T>> = coils.par_iter().map(|coil| self.analyse(coil)).collect();
        let pairs: Vec<_> = pairs(coils.len()).collect();
        let of_band = |(index, band): (usize, &LineBand)| {
            let mut entries = vec![Complex::new(T::zero(), T::zero()); pairs.len() * band.length];
            entries
                .par_chunks_mut(band.length)
                .zip(&pairs)
                .for_each(|(entries, &(c, d))| {
                    let sums = self.sum(band, &coefficients[c], &coefficients[d]);
                    let noise = noise.of(index, (c, d));
                    entries
                        .iter_mut()
                        .zip(sums)
                        .for_each(|(e, sum)| *e = entry(sum + noise, (c, d)));
                });
            Covariance {
                entries,
                positions: Some((self.readout, band.length)),
            }
        };
        self.bands.iter().enumerate().map(of_band).collect()
    }

    /// Weighted wavelet coefficients along every line of one coil: line by line, and in it as [`start`] says, real parts
    /// before imaginary ones.
    fn analyse(&self, z: &ArrayView1<Complex<T>>) -> Vec<T> {
        let zero = Complex::new(T::zero(), T::zero());
        let size = self.line_size();
        let mut coefficients = vec![T::zero(); self.lines.len() * size];
        let length = self.fourier.grid().cols;
        let mut scratch = self.fourier.scratch();
        let (mut line, mut extended) = (vec![zero; self.padded], Vec::new());
        let mut halves = vec![zero; self.padded];
        for (samples, coefficients) in self.lines.iter().zip(coefficients.chunks_exact_mut(size)) {
            line.fill(zero);
            for &(sample, position, weight) in &samples.samples {
                line[position] = z[sample] * weight;
            }
            self.fourier.inverse(&mut line[..length], &mut scratch);
            for scale in 1..=self.scales {
                let n = self.padded >> scale;
                let (low, high) = halves[..2 * n].split_at_mut(n);
                self.bank.split_line(&line[..2 * n], low, high, &mut extended);
                for (half, is_high) in [(&*low, false), (&*high, true)] {
                    let first = start(self.padded, scale, is_high);
                    let (re, im) = coefficients[first..first + 2 * n].split_at_mut(n);
                    for ((v, re), im) in half.iter().zip(re).zip(im) {
                        (*re, *im) = (v.re, v.im);
                    }
                }
                line[..n].copy_from_slice(low);
            }
        }
        coefficients
    }

    /// Values that [`Self::analyse`] gives for a line: those before the first of a scale that is not there.
    fn line_size(&self) -> usize {
        start(self.padded, self.scales + 1, false)
    }

    /// `Σ_k |ψ̂_b(k)|² conj(left) right` at each position along the readout.
    fn sum(&self, band: &LineBand, left: &[T], right: &[T]) -> impl Iterator<Item = Complex<f64>> {
        let (size, n) = (self.line_size(), band.length);
        let (mut re, mut im) = (vec![0.0; n], vec![0.0; n]);
        let lines = left.chunks_exact(size).zip(right.chunks_exact(size));
        for ((left, right), &spectrum) in lines.zip(&band.spectrum) {
            let (real, imaginary) = (band.start..band.start + n, band.start + n..band.start + 2 * n);
            let (lr, li) = (&left[real.clone()], &left[imaginary.clone()]);
            let (rr, ri) = (&right[real], &right[imaginary]);
            for (j, (re, im)) in re.iter_mut().zip(&mut im).enumerate() {
                *re += spectrum * (lr[j] * rr[j] + li[j] * ri[j]).wide();
                *im += spectrum * (lr[j] * ri[j] - li[j] * rr[j]).wide();
            }
        }
        re.into_iter().zip(im).map(|(re, im)| Complex::new(re, im))
    }
}

/// Where, among the values of a line, the coefficients of a scale begin that are low-pass or high-pass along it: scale by
/// scale, low before high, each real and then imaginary.
fn start(padded: usize, scale: usize, is_high: bool) -> usize {
    let before: usize = (1..scale).map(|finer| padded >> finer).sum();
    4 * before + if is_high { 2 * (padded >> scale) } else { 0 }
}

/// Every line with errors: of one that was sure to be sampled there are none.
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
