//! Simulated multi-coil scans of a brain-like head, with everything known: image, maps and noise.
//!
//! For tests, benchmarks and trials of sampling patterns without a patient's data. All is drawn from a seed, each slice
//! by itself, so that slices can be made in any order and one at a time.

mod anatomy;
mod coils;
mod field;
mod frame;
mod outline;
mod phantom;

pub use coils::coil_maps;
pub use phantom::phantom;

use ndarray::{Axis, Zip};
use num_complex::Complex;
use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;

use crate::array::{CoilStack, Grid, Image};
use crate::error::{Error, Parameter, Result};
use crate::fourier::Fourier;
use field::Stream;

/// More coils than any scanner has receivers.
const MOST_COILS: usize = 512;

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SimulationSettings {
    /// Size of image and k-space, `(rows, cols)`.
    pub grid: Grid,
    /// Receive coils, 1 to 512.
    pub coils: usize,
    /// Axial slices, spaced evenly from the basal ganglia to above the ventricles; at least 1.
    pub slices: usize,
    /// Standard deviation σ of the complex noise of each k-space sample in each coil, `E|ε|² = σ²`, independent over
    /// samples and coils: the noise covariance is `σ² I`. In units of the image, whose brightest tissue is about 1
    /// and whose white matter is about 0.44. The transform is unitary, so that coil images and their optimal
    /// combination carry the same σ, the same in all slices.
    pub noise: f64,
    /// Seed of anatomy, maps, phase and noise. The slices of one seed show one head.
    pub seed: u64,
}

impl SimulationSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting that is zero, negative, not finite or too large.
    pub fn validate(&self) -> Result<()> {
        let Self {
            grid,
            coils,
            slices,
            noise,
            ..
        } = *self;
        if grid.is_empty() {
            let why = "cannot be simulated; both sides must be at least 1";
            return Err(Error::setting(Parameter::Size, grid, why));
        }
        if !(1..=MOST_COILS).contains(&coils) {
            let why = format!("cannot be simulated; choose from 1 to {MOST_COILS}");
            return Err(Error::setting(Parameter::Coils, coils, why));
        }
        if slices == 0 {
            let why = "cannot be simulated; ask for at least 1";
            return Err(Error::setting(Parameter::Slices, slices, why));
        }
        if !(noise.is_finite() && noise >= 0.0) {
            let why = "cannot be simulated; a standard deviation is 0 or a positive number";
            return Err(Error::setting(Parameter::NoiseLevel, noise, why));
        }
        Ok(())
    }
}

/// One slice and what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedSlice {
    /// The true image, `(rows, cols)`; exactly 0 in air.
    pub image: Image<f32>,
    /// The true sensitivity maps, `(coils, rows, cols)`, `Σ|S|² = 1` at every pixel.
    pub maps: CoilStack<f32>,
    /// Fully sampled k-space, `F(S · image)` plus noise, `(coils, rows, cols)`.
    pub kspace: CoilStack<f32>,
}

/// Simulates slice `slice`, counted from 0. The result depends on the settings and the slice alone.
///
/// # Errors
/// [`Error::Setting`] for those of [`SimulationSettings::validate`], and for a `slice` that is not below the number of
/// slices.
pub fn simulate_slice(settings: &SimulationSettings, slice: usize) -> Result<SimulatedSlice> {
    settings.validate()?;
    let SimulationSettings {
        grid,
        coils,
        slices,
        noise,
        seed,
    } = *settings;
    if slice >= slices {
        let why = format!("is not among the {slices} simulated slices, which count from 0");
        return Err(Error::setting(Parameter::Slice, slice, why));
    }
    let position = (slice as f64 + 0.5) / slices as f64;
    let image = phantom(grid, position, seed);
    let maps = coil_maps(grid, coils, position, seed);
    let mut kspace = encode(&image, &maps);
    if noise > 0.0 {
        add_noise(&mut kspace, noise, seed, slice);
    }
    Ok(SimulatedSlice { image, maps, kspace })
}

/// `F(S · image)` for every coil.
fn encode(image: &Image<f32>, maps: &CoilStack<f32>) -> CoilStack<f32> {
    let fourier = Fourier::new(image.dim().into());
    let mut kspace = maps.clone();
    kspace.axis_iter_mut(Axis(0)).into_par_iter().for_each_init(
        || fourier.scratch(),
        |scratch, mut plane| {
            Zip::from(&mut plane).and(image).for_each(|k, &x| *k *= x);
            fourier.forward(plane.as_slice_mut().expect("a plane of a stack is contiguous"), scratch);
        },
    );
    kspace
}

/// Adds circular complex Gaussian noise with `E|ε|² = sigma²`.
fn add_noise(kspace: &mut CoilStack<f32>, sigma: f64, seed: u64, slice: usize) {
    let mut rng = Stream::Noise(slice).rng(seed);
    let part = (sigma / 2.0f64.sqrt()) as f32;
    kspace.iter_mut().for_each(|k| {
        *k += Complex::new(
            rng.sample::<f32, _>(StandardNormal),
            rng.sample::<f32, _>(StandardNormal),
        ) * part;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::energy;

    fn settings(rows: usize, cols: usize, coils: usize, noise: f64) -> SimulationSettings {
        SimulationSettings {
            grid: Grid::new(rows, cols),
            coils,
            slices: 3,
            noise,
            seed: 11,
        }
    }

    #[test]
    fn kspace_without_noise_combines_to_the_image() {
        for (rows, cols, coils) in [(32, 32, 1), (33, 20, 2), (48, 40, 8), (21, 31, 32)] {
            let SimulatedSlice {
                image,
                maps,
                mut kspace,
            } = simulate_slice(&settings(rows, cols, coils, 0.0), 1).unwrap();
            let fourier = Fourier::new(Grid::new(rows, cols));
            let mut scratch = fourier.scratch();
            let mut combined = Image::<f32>::zeros((rows, cols));
            for (mut plane, map) in kspace.outer_iter_mut().zip(maps.outer_iter()) {
                fourier.inverse(plane.as_slice_mut().unwrap(), &mut scratch);
                Zip::from(&mut combined)
                    .and(plane)
                    .and(map)
                    .for_each(|x, k, s| *x += *k * s.conj());
            }
            let error = (energy(&(&combined - &image)) / energy(&image)).sqrt();
            assert!(error < 1e-5, "{rows}x{cols}, {coils} coils: {error:.1e}");
        }
    }

    #[test]
    fn noise_is_white_circular_and_of_the_stated_power() {
        let sigma = 0.05;
        let clean = simulate_slice(&settings(64, 64, 8, 0.0), 0).unwrap();
        let noisy = simulate_slice(&settings(64, 64, 8, sigma), 0).unwrap();
        assert_eq!((&clean.image, &clean.maps), (&noisy.image, &noisy.maps));
        let noise = noisy.kspace - clean.kspace;
        let samples = noise.len() as f64;
        let power = energy(&noise) / samples;
        assert!((power / (sigma * sigma) - 1.0).abs() < 0.03, "E|ε|² is {power:.2e}");
        let circular: Complex<f64> = noise
            .iter()
            .map(|e| Complex::new(f64::from(e.re), f64::from(e.im)).powi(2))
            .sum();
        assert!(
            circular.norm() / samples < 0.03 * sigma * sigma,
            "real and imaginary part differ"
        );
        let across: Complex<f32> = (0..7)
            .map(|c| {
                Zip::from(noise.index_axis(Axis(0), c))
                    .and(noise.index_axis(Axis(0), c + 1))
                    .fold(Complex::ZERO, |s, a, b| s + a * b.conj())
            })
            .sum();
        assert!(
            f64::from(across.norm()) / samples < 0.03 * sigma * sigma,
            "coils are correlated"
        );
    }

    #[test]
    fn a_slice_depends_on_settings_and_its_number_alone() {
        let settings = settings(24, 26, 4, 0.1);
        let forward: Vec<_> = (0..3).map(|s| simulate_slice(&settings, s).unwrap()).collect();
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        for slice in (0..3).rev() {
            assert_eq!(
                one_thread.install(|| simulate_slice(&settings, slice).unwrap()),
                forward[slice]
            );
        }
        let other = simulate_slice(&SimulationSettings { seed: 12, ..settings }, 0).unwrap();
        assert_ne!(other.image, forward[0].image);
        assert_ne!(other.maps, forward[0].maps);
        assert_ne!(forward[0].kspace, forward[1].kspace);
    }

    #[test]
    fn settings_that_cannot_be_simulated_say_why() {
        let good = settings(8, 8, 2, 0.0);
        let bad = [
            (
                SimulationSettings {
                    grid: Grid::new(0, 8),
                    ..good
                },
                "0x8",
            ),
            (SimulationSettings { coils: 0, ..good }, "coils 0"),
            (SimulationSettings { coils: 513, ..good }, "coils 513"),
            (SimulationSettings { slices: 0, ..good }, "slices 0"),
            (SimulationSettings { noise: -0.1, ..good }, "-0.1"),
            (
                SimulationSettings {
                    noise: f64::NAN,
                    ..good
                },
                "NaN",
            ),
        ];
        for (settings, named) in bad {
            let message = simulate_slice(&settings, 0).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
        assert!(simulate_slice(&good, 3).unwrap_err().to_string().contains("slice 3"));
    }
}
