//! What the benchmarks share: simulated, undersampled slices, and how long to measure.

pub mod clock;
pub mod fftw;
pub mod machine;
pub mod work;

use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use ndarray::{Array2, Axis};
use num_complex::Complex;
use pvdamp::array::{CoilStack, Grid, Image, Maps, Mask};
use pvdamp::sampling::{DEFAULT_ORDER, Drawn, Family, MaskPlan};
use pvdamp::simulate::{SimulatedSlice, SimulationSettings, simulate_slice};
use pvdamp::solve::Problem;

pub const SQUARE: Grid = Grid::new(256, 256);
/// A fastMRI brain slice.
pub const BRAIN: Grid = Grid::new(640, 368);
pub const LARGE: Grid = Grid::new(512, 512);
/// The calibration region.
pub const ACS: Grid = Grid::new(24, 24);

const NOISE: f64 = 0.01;
const SEED: u64 = 1;

/// Words of the command line that are no options, and the number of rounds that one of them may ask for.
pub fn asked(usual: usize) -> (Vec<String>, usize) {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let rounds = words.iter().find_map(|word| word.strip_prefix("rounds=")?.parse().ok());
    let rounds = rounds.unwrap_or(usual).max(1);
    (words, rounds)
}

/// Few samples of a short while.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

pub fn request(grid: Grid, acceleration: f64) -> MaskPlan {
    MaskPlan {
        grid,
        acceleration,
        acs: ACS,
        order: DEFAULT_ORDER,
        seed: SEED,
    }
}

pub fn draw(family: &str, request: &MaskPlan) -> Drawn {
    let family = Family::find(family).expect("a family of the table");
    (family.draw)(request).expect("a mask that can be drawn")
}

/// An undersampled slice and the truth behind it.
pub struct Slice {
    pub image: Image<f32>,
    pub maps: Maps<f32>,
    /// Zero where not sampled.
    pub kspace: CoilStack<f32>,
    pub mask: Mask,
    pub probability: Array2<f64>,
}

impl Slice {
    /// Sampled by a Bernoulli mask of acceleration R.
    pub fn new(grid: Grid, coils: usize, acceleration: f64) -> Self {
        let settings = SimulationSettings {
            grid,
            coils,
            slices: 1,
            noise: NOISE,
            seed: SEED,
        };
        let simulated = simulate_slice(&settings, 0).expect("settings that can be simulated");
        let SimulatedSlice {
            image,
            maps,
            mut kspace,
        } = simulated;
        let Drawn { mask, probability } = draw("bernoulli", &request(grid, acceleration));
        for mut plane in kspace.outer_iter_mut() {
            ndarray::Zip::from(&mut plane)
                .and(&mask.sampled)
                .for_each(|k, &sampled| *k *= f32::from(u8::from(sampled)));
        }
        Self {
            image,
            maps: maps.insert_axis(Axis(0)),
            kspace,
            mask,
            probability,
        }
    }

    pub fn problem(&self) -> Arc<Problem<f32>> {
        self.problem_with(self.maps.clone(), self.noise())
    }

    pub fn problem_with(&self, maps: Maps<f32>, noise: Array2<Complex<f64>>) -> Arc<Problem<f32>> {
        Arc::new(Problem::new(self.kspace.view(), &self.mask, &self.probability, maps, noise).unwrap())
    }

    /// The noise covariance that the slice was simulated with.
    pub fn noise(&self) -> Array2<Complex<f64>> {
        Array2::from_diag_elem(self.kspace.dim().0, Complex::new(NOISE * NOISE, 0.0))
    }
}
