//! What measurement noise adds to the covariance of a residual, and how much of it a residual shows.

use ndarray::Array2;
use num_complex::Complex;

use crate::array::Real;
use crate::operator::{Samples, sample_energies};
use crate::solve::Problem;
use crate::wavelet::{Band, Layout, Orientation, Spectra};

/// The contribution of measurement noise to `Z_b`.
pub(super) struct Noise {
    /// Σ_meas.
    covariance: Array2<Complex<f64>>,
    /// `Σ_k |ψ̂_b(k)|² / p` over the locations measured, for each band.
    gain: Vec<f64>,
    /// The same of `(1/p)(1/p − 1)`: what the noise in a residual has of the sum that aliasing is predicted by.
    aliased: Vec<f64>,
}

/// How much white noise a residual holds beside the error of the estimate.
pub(super) struct ResidualNoise {
    /// Of each sample: `1/p`, and its share of the finest scale.
    weights: Vec<f64>,
    /// What unit noise would sum up to. 0 where nothing tells noise from an image's error, as with one coil.
    unit: f64,
}

impl Noise {
    pub(super) fn new<T: Real>(problem: &Problem<T>, layout: &Layout, spectra: &Spectra) -> Self {
        let cols = problem.encoding.grid().cols;
        let samples = problem.encoding.sampled().iter().zip(&problem.inverse_probability);
        // Zero padding has no noise.
        let measured: Vec<_> = samples
            .zip(&problem.measured)
            .filter(|&(_, &measured)| measured)
            .map(|((&at, q), _)| (at as usize / cols, at as usize % cols, q.wide()))
            .collect();
        let sum = |band: &Band, weight: fn(f64) -> f64| -> f64 {
            let spectrum = spectra.band(band.orientation, band.scale);
            let power =
                |&(row, column, q): &(usize, usize, f64)| weight(q) * spectrum.rows[row] * spectrum.cols[column];
            measured.iter().map(power).sum()
        };
        Self {
            covariance: problem.noise.clone(),
            gain: layout.bands.iter().map(|band| sum(band, |q| q)).collect(),
            aliased: layout.bands.iter().map(|band| sum(band, |q| q * (q - 1.0))).collect(),
        }
    }

    /// Of coils c and d in a band.
    pub(super) fn of(&self, band: usize, (c, d): (usize, usize)) -> Complex<f64> {
        // conj(z_c) z_d meets E[conj(ε_c) ε_d], which is the transpose of E[ε εᴴ].
        self.covariance[[d, c]] * self.gain[band]
    }

    /// What white noise of variance 1 in each coil adds to the sum over a residual that holds it.
    pub(super) fn aliased(&self, band: usize) -> f64 {
        self.aliased[band]
    }

    /// The mean over coils.
    pub(super) fn variance(&self) -> f64 {
        let coils = self.covariance.nrows().max(1) as f64;
        self.covariance.diag().iter().map(|v| v.re).sum::<f64>() / coils
    }
}

impl ResidualNoise {
    pub(super) fn new<T: Real>(problem: &Problem<T>, layout: &Layout, spectra: &Spectra) -> Self {
        let encoding = &problem.encoding;
        let cols = encoding.grid().cols;
        let smooth = spectra.band(Orientation::A, 1);
        // All that is not in the low pass is detail.
        let coarse = layout.padded.len() as f64 / 4.0;
        let share = |at: u32| 1.0 - coarse * smooth.rows[at as usize / cols] * smooth.cols[at as usize % cols];
        let samples = encoding.sampled().iter().zip(&problem.inverse_probability);
        let weights: Vec<f64> = samples.map(|(&at, q)| q.wide() * share(at).max(0.0)).collect();
        // As many coils' worth of it as there are images look like an error of them.
        let free = encoding.coils().saturating_sub(encoding.sets()) as f64;
        let measured = weights.iter().zip(&problem.measured).filter(|&(_, &measured)| measured);
        Self {
            unit: free * measured.map(|(weight, _)| weight).sum::<f64>(),
            weights,
        }
    }

    /// The variance of a sample, from the residual `z` of an estimate whose error has the energy `error` in the detail
    /// subbands of the finest scale: what the residual holds there beyond that.
    pub(super) fn variance<T: Real>(&self, z: &Samples<T>, error: f64) -> f64 {
        if self.unit == 0.0 {
            return 0.0;
        }
        let energies = sample_energies(z);
        let energy: f64 = energies
            .iter()
            .zip(&self.weights)
            .map(|(energy, weight)| energy * weight)
            .sum();
        ((energy - error) / self.unit).max(0.0)
    }
}
