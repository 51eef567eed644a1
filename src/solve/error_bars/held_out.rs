use ndarray::{Array2, Zip};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::smooth::{smooth_with_radius, symmetrise};
use crate::array::{Grid, Real};
use crate::operator::Encoding;
use crate::sampling;
use crate::solve::Problem;
use crate::wavelet::{Band, Layout, Spectra, Wavelet};

/// h: probability that a sample is held out.
const SHARE: f64 = 0.12;
/// Fewest samples to estimate a variance from.
const FEWEST: usize = 30;
/// Probability from which on a location counts as always sampled: it is never held out.
const ALWAYS: f64 = 0.999;
/// Variances below this many of their standard errors count as this many.
const FLOOR: f64 = 0.25;

/// Samples that are held out of an image, which estimate its error at all locations that it does not use (Yaman et al.
/// 2020, weighted as by Horvitz and Thompson 1952).
pub(super) struct HeldOut<T> {
    /// 1 for the samples that the image is made of, 0 for those held out.
    pub weights: Vec<T>,
    /// 1 for those of them that were measured, and so show the noise; zero padding does not.
    noisy: Vec<f64>,
    /// `noisy`, smoothed over k-space.
    seen: Array2<f64>,
    grid: Grid,
    samples: Vec<HeldOutSample>,
    bands: Vec<BandEnergy>,
}

/// A sample that is held out.
struct HeldOutSample {
    sample: usize,
    /// Row-major, on the grid.
    at: usize,
    /// Of being held out, for a location that the image did not see.
    inverse_probability: f64,
}

/// `|G_b|²` of a band of the undecimated wavelet frame, as a product over the axes.
struct BandEnergy {
    rows: Vec<f64>,
    cols: Vec<f64>,
    /// Mean over all of k-space.
    gain: f64,
    size: usize,
}

/// Energy of an image's error in one band, over all locations that it did not see.
#[derive(Clone, Copy, Debug)]
pub(super) struct BandError {
    pub energy: f64,
    /// The same as variance of a coefficient of the orthonormal transform.
    pub variance: f64,
    /// Coefficients that the orthonormal transform has of this band.
    pub size: usize,
}

impl<T: Real> HeldOut<T> {
    /// Draws the samples. Errors: a sentence that says why they cannot estimate the error.
    pub(super) fn draw(problem: &Problem<T>, scales: usize, seed: u64) -> Result<Self, String> {
        let encoding = &problem.encoding;
        let grid = encoding.grid();
        let probability = |sample: usize| (1.0 / problem.inverse_probability[sample].wide()).min(1.0);
        let mask = encoding.mask();
        if sampling::lacks_side(&mask) {
            return Err("no error bars: of what partial Fourier left out, no sample held out can tell".into());
        }
        if sampling::line_axis(&mask).is_some() {
            return Err(
                "no error bars: too few phase-encode lines can be held out to tell the error of the rest".into(),
            );
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut chosen = || (f64::from(rng.next_u32()) + 0.5) / 2f64.powi(32) < SHARE;
        let can_be = |&sample: &usize| probability(sample) < ALWAYS;
        let held: Vec<usize> = (0..encoding.sampled().len())
            .filter(can_be)
            .filter(|_| chosen())
            .collect();
        if held.len() < FEWEST {
            let count = held.len();
            return Err(format!(
                "no error bars: only {count} of the samples can be held out, and at least {FEWEST} are needed"
            ));
        }
        let mut weights = vec![T::one(); encoding.sampled().len()];
        held.iter().for_each(|&sample| weights[sample] = T::zero());
        let held_out = |&sample: &usize| {
            let p = probability(sample);
            let unseen = 1.0 - p * (1.0 - SHARE);
            HeldOutSample {
                sample,
                at: encoding.sampled()[sample] as usize,
                inverse_probability: unseen / (p * SHARE),
            }
        };
        let measured = problem.measured.iter().map(|&measured| f64::from(u8::from(measured)));
        let noisy: Vec<f64> = measured
            .zip(&weights)
            .map(|(measured, weight)| measured * weight.wide())
            .collect();
        Ok(Self {
            seen: smooth_samples(encoding, noisy.iter().copied()),
            noisy,
            weights,
            grid,
            samples: held.iter().map(held_out).collect(),
            bands: band_energies(grid, scales),
        })
    }

    /// Variance of noise and of what the maps do not explain, per coil and complex sample, at every location: the
    /// energy of the residuals of the samples that the image has seen, averaged over coils and nearby locations.
    /// `energies` are the residuals', of each sample over coils.
    pub(super) fn noise_spectrum(&self, encoding: &Encoding<T>, energies: &[f64]) -> Array2<f64> {
        let coils = encoding.coils() as f64;
        let pairs = energies.iter().zip(&self.noisy);
        let weighted: Vec<f64> = pairs.map(|(energy, noisy)| energy * noisy / coils).collect();
        let seen: f64 = self.noisy.iter().sum();
        let mean = weighted.iter().sum::<f64>() / seen.max(1.0);
        let smoothed = smooth_samples(encoding, weighted.into_iter());
        // Far from any sample there is nothing but rounding.
        Zip::from(&smoothed)
            .and(&self.seen)
            .map_collect(|&energy, &seen| if seen > 1e-9 { energy / seen } else { mean })
    }

    /// The error of an image by the `energies` of its residual, band by band. `noise` is that of
    /// [`Self::noise_spectrum`].
    ///
    /// Of nc coils, the images that a full scan would give take one coil's part of the noise for each set of maps: the
    /// others are no error.
    pub(super) fn errors(&self, encoding: &Encoding<T>, energies: &[f64], noise: &Array2<f64>) -> Vec<BandError> {
        let noise = noise.as_slice().expect("standard layout");
        let others = encoding.coils().saturating_sub(encoding.sets()) as f64;
        let excess =
            |sample: &HeldOutSample| (energies[sample.sample] - others * noise[sample.at]) * sample.inverse_probability;
        let excess: Vec<f64> = self.samples.iter().map(excess).collect();
        let of_band = |band: &BandEnergy| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for (sample, excess) in self.samples.iter().zip(&excess) {
                let term = band.at(sample.at, self.grid) * excess;
                sum += term;
                squares += term * term;
            }
            let energy = sum.max(FLOOR * squares.sqrt());
            BandError {
                energy,
                variance: energy / (self.grid.len() as f64 * band.gain),
                size: band.size,
            }
        };
        self.bands.iter().map(of_band).collect()
    }

    /// Variance of the error at every location of k-space, as if nothing were sampled there, of an image of all
    /// samples: that of one of fewer, less by their share.
    pub(super) fn spectrum(&self, encoding: &Encoding<T>, errors: &[BandError]) -> Vec<f64> {
        let mut unseen = vec![true; self.grid.len()];
        for (&at, weight) in encoding.sampled().iter().zip(&self.weights) {
            unseen[at as usize] = *weight == T::zero();
        }
        let mut spectrum = vec![0.0; self.grid.len()];
        for (band, error) in self.bands.iter().zip(errors) {
            let energies: Vec<f64> = (0..self.grid.len()).map(|at| band.at(at, self.grid)).collect();
            let of_unseen: f64 = energies
                .iter()
                .zip(&unseen)
                .filter(|(_, unseen)| **unseen)
                .map(|(e, _)| e)
                .sum();
            if of_unseen > 0.0 {
                let level = (1.0 - SHARE) * error.energy / of_unseen;
                spectrum
                    .iter_mut()
                    .zip(&energies)
                    .for_each(|(sum, energy)| *sum += energy * level);
            }
        }
        spectrum
    }
}

/// A value for each sample, smoothed over k-space.
fn smooth_samples<T: Real>(encoding: &Encoding<T>, values: impl Iterator<Item = f64>) -> Array2<f64> {
    let mut map = Array2::zeros(encoding.grid().dim());
    let flat = map.as_slice_mut().expect("standard layout");
    for (&at, value) in encoding.sampled().iter().zip(values) {
        flat[at as usize] = value;
    }
    smooth_with_radius(&symmetrise(&map))
}

impl BandEnergy {
    fn at(&self, index: usize, grid: Grid) -> f64 {
        self.rows[index / grid.cols] * self.cols[index % grid.cols]
    }
}

fn band_energies(grid: Grid, scales: usize) -> Vec<BandEnergy> {
    let layout = Layout::new(grid, scales);
    let spectra = Spectra::new(&layout, Wavelet::find("db4").expect("in the table"));
    let of_band = |band: &Band| {
        let spectrum = spectra.band(band.orientation, band.scale);
        // The undecimated transform spreads what the decimated one keeps over all shifts.
        let undecimated = |axis: &[f64]| -> Vec<f64> {
            let factor = axis.len() as f64 / (1u64 << band.scale) as f64;
            axis.iter().map(|energy| energy * factor).collect()
        };
        let (rows, cols) = (undecimated(spectrum.rows), undecimated(spectrum.cols));
        let mean = |axis: &[f64]| axis.iter().sum::<f64>() / axis.len() as f64;
        BandEnergy {
            gain: mean(&rows) * mean(&cols),
            size: band.grid.len(),
            rows,
            cols,
        }
    };
    layout.bands.iter().map(of_band).collect()
}
