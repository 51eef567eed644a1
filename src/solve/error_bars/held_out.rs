use std::f64::consts::TAU;

use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::deviation::CoilSight;
use super::smooth::{smooth, smooth_with_radius, symmetrise};
use crate::array::{Grid, Real};
use crate::operator::{Encoding, Samples};
use crate::sampling;
use crate::solve::{BandState, Problem};
use crate::wavelet::{Band, Layout, Spectra, Wavelet};

/// h: probability that a sample is held out.
const SHARE: f64 = 0.12;
/// Fewest samples to estimate a variance from.
const FEWEST: usize = 30;
/// Probability from which on a location counts as always sampled: it is never held out.
const ALWAYS: f64 = 0.999;
/// Width in samples of the neighbourhood whose samples are counted as density.
const NEIGHBOURHOOD: f64 = 1.2;
/// What γ is expected to be with many coils, and the weight of that: half the inverse variance. Single coils do not see
/// what lies between samples, and there it is 0.
const USUAL_DECAY: f64 = 0.7;
const TRUST: f64 = 40.0;
/// Step and end of the search for γ, which ends with half of the step.
const DECAY_STEP: f64 = 0.25;
const MOST_DECAY: f64 = 3.0;
/// Iterations for levels and noise, while γ is sought and at the end.
const SEARCH: usize = 25;
const FINAL: usize = 80;
/// Least energy that is expected of a sample, relative to the mean.
const LEAST: f64 = 1e-12;

/// Samples that are held out of an image, which tell its error at all locations that it does not use (Yaman et al. 2020).
pub(super) struct HeldOut {
    /// Which samples are held out, of all.
    held_out: Vec<bool>,
    /// Of each sample, the probability with which it was to be held out.
    chance: Vec<f64>,
    grid: Grid,
    samples: Vec<HeldOutSample>,
    bands: Vec<BandEnergy>,
}

/// A sample that is held out.
struct HeldOutSample {
    sample: usize,
    /// Row-major, on the grid.
    at: usize,
}

/// `|G_b|²` of a band of the undecimated wavelet frame, as a product over the axes.
struct BandEnergy {
    rows: Vec<f64>,
    cols: Vec<f64>,
    /// Mean over all of k-space.
    gain: f64,
    size: usize,
}

/// What samples held out tell.
pub(super) struct ErrorSpectrum {
    /// Error in each band of the image that did not see them, at the locations that it did not see.
    pub bands: Vec<BandState>,
    /// Of the image of all samples: variance at each location, were it not sampled, of the error against the image
    /// without noise.
    pub signal: Vec<f64>,
    /// Variance of noise, and of what the maps do not explain, in each coil at each location. With no more coils than sets
    /// of maps nothing tells noise from other errors: there it is what all locations have.
    pub noise: Vec<f64>,
}

impl HeldOut {
    /// Draws the samples. Errors: a sentence that says why they cannot estimate the error.
    pub(super) fn draw<T: Real>(problem: &Problem<T>, scales: usize, seed: u64) -> Result<Self, String> {
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
        let mut held_out = vec![false; encoding.sampled().len()];
        held.iter().for_each(|&sample| held_out[sample] = true);
        let place = |&sample: &usize| HeldOutSample {
            sample,
            at: encoding.sampled()[sample] as usize,
        };
        let chance = |sample| if can_be(&sample) { SHARE } else { 0.0 };
        Ok(Self {
            chance: (0..held_out.len()).map(chance).collect(),
            held_out,
            grid,
            samples: held.iter().map(place).collect(),
            bands: band_energies(grid, scales),
        })
    }

    /// The problem without the samples held out.
    pub(super) fn rest<T: Real>(&self, problem: &Problem<T>) -> Problem<T> {
        problem.without(&self.held_out, &self.chance)
    }

    /// What the samples held out tell of the error of an image that did not see them, by its `residual`, and of the error
    /// that the image of all samples has in its place.
    ///
    /// An error of the signal shows in a coil as far as the coil sees the object, noise in all coils alike: so the energy
    /// of direction j of the coils at a sample is taken for a draw of the exponential distribution of mean
    /// `μ_j = share_j · e^{−γρ} · Σ_b |G_b|² a_b + n`. Levels a, noise n and γ are those of greatest likelihood.
    pub(super) fn tell<T: Real>(
        &self,
        problem: &Problem<T>,
        sight: &CoilSight,
        residual: &Samples<T>,
    ) -> ErrorSpectrum {
        let encoding = &problem.encoding;
        let (coils, sets) = (encoding.coils(), encoding.sets());
        let energies = sight.energies(residual);
        let noise = if coils > sets {
            self.noise_shape(problem, &energies[..sight.dim()])
        } else {
            vec![0.0; self.grid.len()]
        };
        let density = self.density(encoding, |sample| number(!self.held_out[sample]));
        let held = |values: &Vec<f64>| self.samples.iter().map(|s| values[s.sample]).collect();
        let near = |s: &HeldOutSample| density[[s.at / self.grid.cols, s.at % self.grid.cols]];
        let of_band = |band: &BandEnergy| self.samples.iter().map(|s| band.at(s.at, self.grid)).collect();
        let fit = Likelihood {
            energies: energies.iter().map(held).collect(),
            shares: &sight.shares,
            bands: self.bands.iter().map(of_band).collect(),
            noise: self.samples.iter().map(|s| noise[s.at]).collect(),
            noisy: coils > sets,
            density: self.samples.iter().map(near).collect(),
            usual_decay: USUAL_DECAY * (1.0 - sets as f64 / coils as f64).max(0.0),
        }
        .greatest();

        let mut noise: Vec<f64> = noise.iter().map(|shape| fit.noise[0] * shape + fit.noise[1]).collect();
        let level = |at: usize| -> f64 {
            let bands = self.bands.iter().zip(&fit.levels);
            bands.map(|(band, level)| level * band.at(at, self.grid)).sum()
        };
        let levels: Vec<f64> = (0..self.grid.len()).map(level).collect();
        let decayed = |density: &Array2<f64>| -> Vec<f64> {
            let pairs = levels.iter().zip(density);
            pairs
                .map(|(level, density)| level * (-fit.decay * density).exp())
                .collect()
        };
        let blind = decayed(&density).into_iter().zip(&noise);
        let blind: Vec<f64> = blind.map(|(signal, noise)| signal + sight.cover * noise).collect();
        let mut signal = decayed(&self.density(encoding, |_| 1.0));
        if coils <= sets {
            let least = signal.iter().copied().fold(f64::INFINITY, f64::min);
            signal.iter_mut().for_each(|signal| *signal -= least);
            noise.fill(least / sight.cover.max(f64::MIN_POSITIVE));
        }
        signal.iter_mut().for_each(|signal| *signal *= 1.0 - SHARE);
        ErrorSpectrum {
            bands: self.band_errors(encoding, &blind),
            signal,
            noise,
        }
    }

    /// ρ: how many samples are near each location, by their weights.
    fn density<T: Real>(&self, encoding: &Encoding<T>, weight: impl Fn(usize) -> f64) -> Array2<f64> {
        let mut map = Array2::zeros(self.grid.dim());
        let flat = map.as_slice_mut().expect("standard layout");
        for (sample, &at) in encoding.sampled().iter().enumerate() {
            flat[at as usize] = weight(sample);
        }
        smooth(&map, NEIGHBOURHOOD) * (TAU * NEIGHBOURHOOD * NEIGHBOURHOOD)
    }

    /// The energy of the coils' directions that see least of the object, of the samples that the image has seen, smoothed
    /// over k-space: the shape of the noise, and of what the maps do not explain.
    fn noise_shape<T: Real>(&self, problem: &Problem<T>, energies: &[Vec<f64>]) -> Vec<f64> {
        let measured = problem.measured.iter().zip(&self.held_out);
        let noisy: Vec<f64> = measured
            .map(|(&measured, &held_out)| number(measured && !held_out))
            .collect();
        let mean_energy = |sample: usize| energies.iter().map(|e| e[sample]).sum::<f64>() / energies.len() as f64;
        let weighted: Vec<f64> = noisy
            .iter()
            .enumerate()
            .map(|(i, noisy)| noisy * mean_energy(i))
            .collect();
        let mean = weighted.iter().sum::<f64>() / noisy.iter().sum::<f64>().max(1.0);
        let seen = smooth_samples(&problem.encoding, noisy.into_iter());
        let smoothed = smooth_samples(&problem.encoding, weighted.into_iter());
        // Far from any sample there is nothing but rounding.
        let shape = smoothed.iter().zip(&seen);
        shape
            .map(|(&energy, &seen)| if seen > 1e-9 { energy / seen } else { mean })
            .collect()
    }

    /// `error` is the variance at each location.
    fn band_errors<T: Real>(&self, encoding: &Encoding<T>, error: &[f64]) -> Vec<BandState> {
        let mut unseen = error.to_vec();
        for (&at, &held_out) in encoding.sampled().iter().zip(&self.held_out) {
            if !held_out {
                unseen[at as usize] = 0.0;
            }
        }
        let of_band = |band: &BandEnergy| {
            let terms = unseen
                .iter()
                .enumerate()
                .map(|(at, error)| band.at(at, self.grid) * error);
            BandState {
                tau: terms.sum::<f64>() / (self.grid.len() as f64 * band.gain),
                shrinkage: None,
                size: band.size,
            }
        };
        self.bands.iter().map(of_band).collect()
    }
}

/// 1 for what is so, 0 for what is not.
fn number(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// That of the energies of the samples held out, with which [`HeldOut::tell`] explains them.
struct Likelihood<'a> {
    /// Of each direction of the coils, of each sample.
    energies: Vec<Vec<f64>>,
    /// Of each direction in an error of the signal.
    shares: &'a [f64],
    /// `|G_b|²` of each band, of each sample.
    bands: Vec<Vec<f64>>,
    /// The shape of the noise at each sample, and whether there is any.
    noise: Vec<f64>,
    noisy: bool,
    /// ρ at each sample.
    density: Vec<f64>,
    usual_decay: f64,
}

/// The parameters of [`Likelihood`].
struct Fit {
    /// γ.
    decay: f64,
    /// a, of each band.
    levels: Vec<f64>,
    /// Factor of the shape of the noise, and what is added.
    noise: [f64; 2],
    /// Logarithm, with what is expected of γ.
    likelihood: f64,
}

impl Likelihood<'_> {
    fn greatest(&self) -> Fit {
        let mut best = self.fit((self.usual_decay / DECAY_STEP).round() * DECAY_STEP, SEARCH);
        for step in [DECAY_STEP, -DECAY_STEP, DECAY_STEP / 2.0, -DECAY_STEP / 2.0] {
            loop {
                let decay = best.decay + step;
                let next = (0.0..=MOST_DECAY).contains(&decay).then(|| self.fit(decay, SEARCH));
                match next.filter(|next| next.likelihood > best.likelihood) {
                    Some(next) => best = next,
                    None => break,
                }
            }
        }
        self.fit(best.decay, FINAL)
    }

    /// Levels and noise of greatest likelihood for one γ, by multiplicative updates, which do not go below 0 (Févotte &
    /// Idier 2011).
    fn fit(&self, decay: f64, iterations: usize) -> Fit {
        let samples = self.density.len();
        let total: f64 = self.energies.iter().flatten().sum();
        let mean = total / samples as f64;
        let decayed: Vec<f64> = self.density.iter().map(|density| (-decay * density).exp()).collect();
        let least = (LEAST * mean).max(f64::MIN_POSITIVE);
        let noise = self.noise.iter().sum::<f64>() / samples as f64;
        let mut fit = Fit {
            decay,
            levels: vec![0.5 * mean; self.bands.len()],
            noise: if self.noisy { [0.5, 0.5 * noise] } else { [0.0; 2] },
            likelihood: 0.0,
        };
        for _ in 0..iterations {
            // What the energies ask for, and what there is, of each parameter.
            let (mut asked, mut there) = (vec![0.0; self.bands.len()], vec![0.0; self.bands.len()]);
            let (mut noise_asked, mut noise_there) = ([0.0; 2], [0.0; 2]);
            fit.likelihood = -TRUST * (decay - self.usual_decay).powi(2);
            for sample in 0..samples {
                let bands = self.bands.iter().zip(&fit.levels);
                let signal = decayed[sample] * bands.map(|(band, level)| band[sample] * level).sum::<f64>();
                let noise = fit.noise[0] * self.noise[sample] + fit.noise[1];
                let (mut up, mut down, mut noise_up, mut noise_down) = (0.0, 0.0, 0.0, 0.0);
                for (energies, share) in self.energies.iter().zip(self.shares) {
                    let expected = share * signal + noise + least;
                    let ratio = energies[sample] / expected;
                    fit.likelihood -= expected.ln() + ratio;
                    up += share * ratio / expected;
                    down += share / expected;
                    noise_up += ratio / expected;
                    noise_down += 1.0 / expected;
                }
                for (band, (asked, there)) in self.bands.iter().zip(asked.iter_mut().zip(&mut there)) {
                    *asked += band[sample] * decayed[sample] * up;
                    *there += band[sample] * decayed[sample] * down;
                }
                for (part, shape) in [self.noise[sample], 1.0].into_iter().enumerate() {
                    noise_asked[part] += shape * noise_up;
                    noise_there[part] += shape * noise_down;
                }
            }
            let change = |asked: f64, there: f64| if there > 0.0 { asked / there } else { 1.0 };
            let levels = fit.levels.iter_mut().zip(asked.iter().zip(&there));
            levels.for_each(|(level, (&asked, &there))| *level *= change(asked, there));
            for part in 0..2 {
                fit.noise[part] *= change(noise_asked[part], noise_there[part]);
            }
        }
        fit
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Exp1, StandardUniform};

    #[test]
    fn levels_noise_and_decay_are_found_again() {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let (shares, levels, noise, decay) = ([0.02, 0.13, 0.3, 0.55], [3.0, 12.0], [2.0, 0.5], 1.25);
        let mut uniform = |most: f64| -> Vec<f64> {
            let mut draw = || -> f64 { StandardUniform.sample(&mut rng) };
            (0..5000).map(|_| most * draw()).collect()
        };
        let (first, shape, density) = (uniform(1.0), uniform(1.0), uniform(2.0));
        let second: Vec<f64> = first.iter().map(|first| 1.0 - first).collect();
        let signal = |i: usize| (levels[0] * first[i] + levels[1] * second[i]) * (-decay * density[i]).exp();
        let expected = |share: f64, i: usize| share * signal(i) + noise[0] * shape[i] + noise[1];
        let mut draw = |mean: f64| -> f64 { mean * Distribution::<f64>::sample(&Exp1, &mut rng) };
        let energies = shares.map(|share| (0..5000).map(|i| draw(expected(share, i))).collect());
        let fit = Likelihood {
            energies: energies.to_vec(),
            shares: &shares,
            bands: vec![first.clone(), second.clone()],
            noise: shape.clone(),
            noisy: true,
            density: density.clone(),
            usual_decay: USUAL_DECAY,
        }
        .greatest();
        assert!((fit.decay - decay).abs() <= DECAY_STEP / 2.0, "{}", fit.decay);
        for (found, true_level) in fit.levels.iter().zip(levels) {
            assert!((found / true_level - 1.0).abs() < 0.15, "{found} of {true_level}");
        }
        let mean = fit.noise[0] / 2.0 + fit.noise[1];
        assert!((mean / 1.5 - 1.0).abs() < 0.03, "{:?}", fit.noise);
    }
}
