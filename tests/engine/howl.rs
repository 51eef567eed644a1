//! HOWL on a real scan and on many phantoms.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::golden::*;
use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, Mask};
use pvdamp::sampling::{DEFAULT_ORDER, Family, MaskPlan};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::{Limits, Method, Problem, Tuning, drive};
use rand::{Rng, SeedableRng};

struct Found {
    image: Array2<C64>,
    std: Option<Array2<f64>>,
}

fn reconstruct(method: &str, problem: &Arc<Problem<f32>>, error_bars: Option<u64>) -> Found {
    let method = Method::find(method).unwrap();
    let tuning = Tuning {
        error_bars,
        ..Tuning::default()
    };
    let mut solver = method.solver(problem, &tuning);
    let limits = Limits {
        iterations: method.iterations,
        time: None,
    };
    drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let std = solver.deviation().map(|std| std.index_axis_move(Axis(0), 0));
    Found {
        image: solver.image().index_axis_move(Axis(0), 0).map(widen),
        std: std.map(|std| std.mapv(f64::from)),
    }
}

fn problem(
    kspace: &Array3<C64>,
    maps: &ndarray::Array4<C64>,
    mask: &Mask,
    probability: &Array2<f64>,
) -> Arc<Problem<f32>> {
    let narrow = |v: &C64| Complex::new(v.re as f32, v.im as f32);
    let coils = kspace.dim().0;
    let noise = Array2::zeros((coils, coils));
    Arc::new(Problem::new(kspace.map(narrow).view(), mask, probability, maps.map(narrow), noise).unwrap())
}

#[test]
fn the_brain_is_better_than_with_any_weight() {
    let Some(data) = shared_data() else { return };
    let brain = brain(&data);
    for (case, most) in [
        ("bern_r5", -33.6),
        ("bern_r10", -30.1),
        ("pd_r5", -34.6),
        ("pd_r10", -31.1),
    ] {
        let (mask, probability) = case_mask(&data, case);
        let problem = problem(&brain.kspace, &brain.maps, &mask, &probability);
        let found = masked_nmse_db(&reconstruct("howl", &problem, None).image, &brain.x0);
        assert!(found < most, "{case}: {found}");
    }
}

/// Columns as an fastMRI mask draws them: a sampled centre, others at random.
fn columns(acceleration: f64, centre: usize, seed: u64) -> (Mask, Array2<f64>) {
    let n = 256;
    let p = (n as f64 / acceleration - centre as f64) / (n - centre) as f64;
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let first = (n - centre).div_ceil(2);
    let probability: Vec<f64> = (0..n)
        .map(|c| if (first..first + centre).contains(&c) { 1.0 } else { p })
        .collect();
    let sampled: Vec<bool> = probability
        .iter()
        .map(|&p| f64::from(rng.next_u32()) / 2f64.powi(32) < p)
        .collect();
    let probability = Array2::from_shape_fn((n, n), |(_, c)| probability[c]);
    (Mask::from_columns(n, &sampled), probability)
}

#[test]
fn lines_are_far_better_than_by_sparsity_alone() {
    let Some(data) = shared_data() else { return };
    let brain = brain(&data);
    let (mask, probability) = columns(4.0, 20, 1);
    let problem = problem(&brain.kspace, &brain.maps, &mask, &probability);
    let nmse = |image: &Array2<C64>| masked_nmse_db(image, &brain.x0);
    let howl = reconstruct("howl", &problem, Some(0));
    let pvdamp = reconstruct("pvdamp", &problem, None);
    println!("{:.2} dB, P-VDAMP {:.2} dB", nmse(&howl.image), nmse(&pvdamp.image));
    assert!(howl.std.is_none(), "too few lines to hold out");
    assert!(nmse(&howl.image) < nmse(&pvdamp.image) - 3.0);
}

/// Whatever the anatomy, mask, noise and number of coils: finite, and better than the zero-filled image.
#[test]
fn twenty_phantoms() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    for number in 0..20u64 {
        let mut pick = |most: u32| rng.next_u32() % most;
        let coils = [1, 2, 4, 8, 16, 32][number as usize % 6];
        let grid = Grid::new(64 + pick(64) as usize, 64 + pick(64) as usize);
        let settings = SimulationSettings {
            grid,
            coils,
            slices: 1,
            noise: [0.0, 0.003, 0.01, 0.03, 0.1][pick(5) as usize],
            seed: number,
        };
        let slice = simulate_slice(&settings, 0).unwrap();
        let family = ["bernoulli", "poisson-disc"][pick(2) as usize];
        let request = MaskPlan {
            grid,
            acceleration: 2.0 + f64::from(pick(if coils < 4 { 2 } else { 8 })),
            acs: Grid::new(16, 16),
            order: DEFAULT_ORDER,
            seed: number,
        };
        let drawn = (Family::find(family).unwrap().draw)(&request).unwrap();
        let maps = slice.maps.map(widen).insert_axis(Axis(0));
        let problem = problem(&slice.kspace.map(widen), &maps, &drawn.mask, &drawn.probability);
        let truth = slice.image.map(widen);
        let error = |found: &Found| relative(&found.image, &truth);
        let bars = number / 6 % 2 == 0;
        let found = reconstruct("howl", &problem, bars.then_some(number));
        let zero_filled = reconstruct("zero-filled", &problem, None);
        let (after, before) = (error(&found), error(&zero_filled));
        println!(
            "{number}: {grid}, {coils} coils, {family} R={} noise {}: {after:.4} of {before:.4}",
            request.acceleration, settings.noise
        );
        // The noisiest keep a third of the error of the zero-filled image.
        assert!(after < 0.5 * before, "phantom {number}: {after}, zero-filled {before}");
        assert_eq!(found.std.is_some(), bars, "phantom {number}");
        for std in found.std.iter().flatten() {
            assert!(std.is_finite() && *std >= 0.0, "phantom {number}");
        }
    }
}
