//! HOWL on a real scan and on many phantoms.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::golden::*;
use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, Mask};
use pvdamp::coil::{EspiritContext, EspiritSettings, espirit};
use pvdamp::fourier::Fourier;
use pvdamp::sampling::{DEFAULT_ORDER, Family, MaskPlan, sampled_centre};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::{Limits, Method, Problem, Tuning, drive};
use rand::{Rng, SeedableRng};

struct Found {
    image: Array2<C64>,
    notes: Vec<String>,
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
        notes: [solver.notes(), solver.warnings()].concat(),
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
        let found = reconstruct("howl", &problem, None);
        let nmse = masked_nmse_db(&found.image, &brain.x0);
        assert!(nmse < most, "{case}: {nmse}");
        assert!(found.notes.is_empty(), "{case}: {:?}", found.notes);
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
    assert!(
        howl.notes.iter().all(|note| note.starts_with("no error bars")),
        "{:?}",
        howl.notes
    );
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
        assert!(found.notes.is_empty(), "phantom {number}: {:?}", found.notes);
        assert_eq!(found.std.is_some(), bars, "phantom {number}");
        for std in found.std.iter().flatten() {
            assert!(std.is_finite() && *std >= 0.0, "phantom {number}");
        }
    }
}

/// The problem that k-space `(coils, rows, cols)` poses, sampled where `mask` is, with maps of its own centre; and the
/// image of all of it.
fn calibrated(
    kspace: &Array3<Complex<f32>>,
    mask: &Mask,
    probability: &Array2<f64>,
) -> (Arc<Problem<f32>>, Array2<C64>) {
    let mut sampled = kspace.clone();
    for mut plane in sampled.outer_iter_mut() {
        plane.zip_mut_with(&mask.sampled, |v, &sampled| *v *= f32::from(u8::from(sampled)));
    }
    let settings = EspiritSettings::default();
    let (maps, _) = espirit(
        sampled.view(),
        sampled_centre(mask),
        &settings,
        &EspiritContext::default(),
    )
    .unwrap();
    let noise = Array2::zeros((kspace.dim().0, kspace.dim().0));
    let problem = Problem::new(kspace.view(), mask, probability, maps, noise).unwrap();
    let problem = problem.with_reference(kspace.view()).unwrap();
    let reference = problem.reference.as_ref().unwrap().index_axis(Axis(0), 0).map(widen);
    (Arc::new(problem), reference)
}

/// Image, notes and the noise that the denoiser was given, of all iterations.
fn run_howl(problem: &Arc<Problem<f32>>) -> (Array2<C64>, Vec<String>, Vec<f64>) {
    let method = Method::find("howl").unwrap();
    let mut solver = method.solver(problem, &Tuning::default());
    let limits = Limits {
        iterations: method.iterations,
        time: None,
    };
    let history = drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
    let noise = history
        .iterations
        .iter()
        .map(|iteration| iteration.noise.unwrap())
        .collect();
    let image = solver.image().index_axis_move(Axis(0), 0).map(widen);
    (image, solver.warnings(), noise)
}

/// Two echoes taken for two coils: the same magnitude, and a phase that differs between tissues, which no map of a
/// smooth coil has.
fn two_echoes(phase: f32, seed: u64) -> Array3<Complex<f32>> {
    let grid = Grid::new(256, 256);
    let settings = SimulationSettings {
        grid,
        coils: 1,
        slices: 1,
        noise: 0.005,
        seed,
    };
    let first = simulate_slice(&settings, 0).unwrap().kspace;
    let fourier = Fourier::new(grid);
    let mut second: Vec<Complex<f32>> = first.iter().copied().collect();
    fourier.inverse(&mut second, &mut fourier.scratch());
    let brightest = second.iter().map(|v| v.norm()).fold(0.0, f32::max);
    for (at, v) in second.iter_mut().enumerate() {
        let bright = 1.0 / (1.0 + (-24.0 * (v.norm() / brightest - 0.45)).exp());
        *v *= Complex::cis(phase * bright + 0.8 * (at % grid.cols) as f32 / grid.cols as f32);
    }
    fourier.forward(&mut second, &mut fourier.scratch());
    let echoes = first.iter().copied().chain(second).collect();
    Array3::from_shape_vec((2, grid.rows, grid.cols), echoes).unwrap()
}

#[test]
fn data_that_the_maps_do_not_explain_are_not_fitted() {
    for (phase, seed) in [(1.5, 41), (2.5, 42)] {
        let (mask, probability) = columns(4.0, 20, seed);
        let (problem, reference) = calibrated(&two_echoes(phase, seed), &mask, &probability);
        let (image, notes, noise) = run_howl(&problem);
        let [howl, pvdamp, start] = [
            image,
            reconstruct("pvdamp", &problem, None).image,
            reconstruct("zero-filled", &problem, None).image,
        ]
        .map(|image| masked_nmse_db(&image, &reference));
        println!("{phase}: {howl:.2} dB, P-VDAMP {pvdamp:.2}, zero-filled {start:.2}");
        assert!(howl < pvdamp + 1.0 && howl < start + 0.5);
        assert!(
            notes.len() == 1 && notes[0].contains("do not explain the data"),
            "{notes:?}"
        );
        // The record shows it too.
        assert!(noise[99] > 4.0 * noise[49], "{noise:?}");
    }
}

/// A single coil with little noise, below what the outermost samples hold of the signal.
#[test]
fn one_coil_is_denoised_as_its_own_residual_shows() {
    let settings = SimulationSettings {
        grid: Grid::new(256, 256),
        coils: 1,
        slices: 1,
        noise: 0.002,
        seed: 1,
    };
    let request = MaskPlan {
        grid: settings.grid,
        acceleration: 4.0,
        acs: Grid::new(24, 24),
        order: DEFAULT_ORDER,
        seed: 1,
    };
    let drawn = (Family::find("bernoulli").unwrap().draw)(&request).unwrap();
    let kspace = simulate_slice(&settings, 0).unwrap().kspace;
    let (problem, reference) = calibrated(&kspace, &drawn.mask, &drawn.probability);
    let (image, notes, noise) = run_howl(&problem);
    let nmse = masked_nmse_db(&image, &reference);
    println!("{nmse:.2} dB");
    assert!(nmse < -38.0 && notes.is_empty(), "{nmse}");
    // The residual of the first images, which are not right yet, asks for more than the schedule does.
    assert!(noise[3] > 4.0 * noise[0], "{noise:?}");
}
