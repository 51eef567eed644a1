//! What every method in the table must do, and what the guard of P-VDAMP is for.

use std::ops::ControlFlow;
use std::sync::Arc;

use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, Mask, energy};
use pvdamp::sampling::{DEFAULT_ORDER, Drawn, Family, MaskPlan};
use pvdamp::simulate::{SimulatedSlice, SimulationSettings, simulate_slice};
use pvdamp::solve::{
    History, Knob, Lambda, Limits, METHODS, Method, PVdamp, Problem, Shift, Solver, StopReason, Tuning, drive,
};
use pvdamp::wavelet::{FilterBank, Layout, Pyramid, Transform};

type C32 = Complex<f32>;

const GRID: Grid = Grid::new(96, 80);
const COILS: usize = 4;

fn slice() -> SimulatedSlice {
    let settings = SimulationSettings {
        grid: GRID,
        coils: COILS,
        slices: 1,
        noise: 0.005,
        seed: 3,
    };
    simulate_slice(&settings, 0).unwrap()
}

fn drawn(acceleration: f64) -> Drawn {
    let request = MaskPlan {
        grid: GRID,
        acceleration,
        acs: Grid::new(12, 12),
        order: DEFAULT_ORDER,
        seed: 8,
    };
    (Family::find("bernoulli").unwrap().draw)(&request).unwrap()
}

fn full() -> Drawn {
    Drawn {
        mask: Mask::full(GRID),
        probability: Array2::ones(GRID.dim()),
    }
}

/// As much as a method asks for; a λ that suits these scans.
fn tuning(method: &Method) -> Tuning {
    Tuning {
        lambda: Lambda::Value(if method.has(Knob::Lambda) { 0.002 } else { 0.0 }),
        ..Tuning::default()
    }
}

fn problem(kspace: &Array3<C32>, drawn: &Drawn) -> Problem<f32> {
    let maps = slice().maps.insert_axis(Axis(0));
    let noise = Array2::zeros((COILS, COILS));
    Problem::new(kspace.view(), &drawn.mask, &drawn.probability, maps, noise).unwrap()
}

fn solve_problem(method: &Method, problem: &Arc<Problem<f32>>, tuning: &Tuning) -> (Array2<C32>, History) {
    let mut solver = method.solver(problem, tuning);
    let limits = Limits {
        iterations: method.iterations,
        time: None,
    };
    let history = drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
    (solver.image().index_axis_move(Axis(0), 0), history)
}

fn solve(method: &Method, kspace: &Array3<C32>, drawn: &Drawn) -> (Array2<C32>, History) {
    solve_problem(method, &Arc::new(problem(kspace, drawn)), &tuning(method))
}

fn difference(a: &Array2<C32>, b: &Array2<C32>) -> f64 {
    (energy(&(a - b)) / energy(b)).sqrt()
}

#[test]
fn fully_sampled_data_come_back() {
    let SimulatedSlice { image, kspace, .. } = slice();
    for method in METHODS {
        let (found, history) = solve(method, &kspace, &full());
        let error = difference(&found, &image);
        // What is left is the noise of the scan, and what thresholds take that know nothing of complete data.
        let denoises = ["fista", "sure-it", "a-fista"].contains(&method.name);
        assert!(error < if denoises { 0.08 } else { 0.03 }, "{}: {error}", method.name);
        // Methods with a weight of their own go on denoising what is complete.
        if !denoises {
            let stop = if method.has(Knob::OptionalLambda) {
                StopReason::Settled
            } else {
                StopReason::Direct
            };
            assert_eq!(history.stop, stop, "{}", method.name);
        }
    }
}

#[test]
fn undersampled_data_give_the_image() {
    let SimulatedSlice { image, kspace, .. } = slice();
    // How much of the error of the zero-filled image is left at most.
    let shares = [
        ("pvdamp", 0.3),
        ("pvdamp-unbiased", 0.3),
        ("pvdamp-published", 0.3),
        ("howl", 0.3),
        ("fista", 0.3),
        ("sure-it", 0.8),
        ("a-fista", 0.8),
        ("cg-sense", 0.5),
    ];
    for method in METHODS.iter().filter(|m| m.iterations > 1) {
        let share = shares
            .iter()
            .find(|row| row.0 == method.name)
            .expect("a bound for each method")
            .1;
        let drawn = drawn(4.0);
        let (found, _) = solve(method, &kspace, &drawn);
        let (start, _) = solve(Method::find("zero-filled").unwrap(), &kspace, &drawn);
        let (error, before) = (difference(&found, &image), difference(&start, &image));
        assert!(error < share * before, "{}: {error} of {before}", method.name);
    }
}

#[test]
fn scale_and_phase_pass_through() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(4.0);
    for method in METHODS {
        let (image, history) = solve(method, &kspace, &drawn);
        let (scaled, scaled_history) = solve(method, &kspace.mapv(|v| v * 1024.0), &drawn);
        assert_eq!(scaled, image.mapv(|v| v * 1024.0), "{}: scale", method.name);
        assert_eq!(scaled_history.kept, history.kept, "{}", method.name);
        // A quarter turn is exact in floating point.
        let quarter = Complex::new(0.0f32, 1.0);
        let (turned, _) = solve(method, &kspace.mapv(|v| v * quarter), &drawn);
        let error = difference(&turned, &image.mapv(|v| v * quarter));
        // Rounding turns with the phase, and may flip a tie between two thresholds; the bins of a histogram of
        // real and imaginary parts lie elsewhere.
        assert!(error < 1e-2, "{}: phase, {error}", method.name);
    }
}

#[test]
fn threads_change_nothing() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(5.0);
    for method in METHODS {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| solve(method, &kspace, &drawn).0)
        };
        assert_eq!(with(1), with(3), "{}", method.name);
    }
}

#[test]
fn error_bars_are_told_on_request_and_in_units_of_the_image() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(4.0);
    for method in METHODS {
        let bars = |kspace: &Array3<C32>, error_bars| {
            let tuning = Tuning {
                error_bars,
                ..tuning(method)
            };
            let problem = Arc::new(problem(kspace, &drawn));
            let mut solver = method.solver(&problem, &tuning);
            let limits = Limits {
                iterations: method.iterations,
                time: None,
            };
            drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
            (solver.image(), solver.deviation())
        };
        let (plain, none) = bars(&kspace, None);
        assert!(none.is_none(), "{}: nobody asked", method.name);
        let (image, some) = bars(&kspace, Some(3));
        assert_eq!(some.is_some(), method.has(Knob::ErrorBars), "{}", method.name);
        assert_eq!(image, plain, "{}: another image", method.name);
        let Some(some) = some else { continue };
        assert!(
            some.dim() == image.dim() && some.iter().all(|v| v.is_finite() && *v >= 0.0),
            "{}",
            method.name
        );
        let (_, scaled) = bars(&kspace.mapv(|v| v * 1024.0), Some(3));
        assert_eq!(scaled, Some(some.mapv(|v| v * 1024.0)), "{}", method.name);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| bars(&kspace, Some(3)).1), Some(some), "{}", method.name);
    }
}

/// Before the first threshold the state evolution is exact, and so the error bars are.
#[test]
fn error_bars_of_the_first_estimate_cover_its_error() {
    let SimulatedSlice { image, kspace, .. } = slice();
    let pvdamp = Method::find("pvdamp").unwrap();
    let problem = Arc::new(problem(&kspace, &drawn(4.0)));
    let mut solver = PVdamp::new(&problem, &tuning(pvdamp));
    solver.step();
    let estimate = solver.unbiased().unwrap().index_axis_move(Axis(0), 0);
    let deviation = solver.unbiased_deviation().unwrap().index_axis_move(Axis(0), 0);
    let error = &estimate - &image;
    let predicted: f64 = deviation.iter().map(|&d| 2.0 * f64::from(d).powi(2)).sum();
    let ratio = predicted / energy(&error);
    assert!((0.8..1.2).contains(&ratio), "energy: {ratio}");
    let pairs = || error.iter().zip(&deviation).flat_map(|(e, &d)| [(e.re, d), (e.im, d)]);
    for (width, nominal) in [(1.0, 0.683), (1.96, 0.95)] {
        let inside = pairs().filter(|(e, d)| e.abs() <= width * d).count();
        let share = inside as f64 / pairs().count() as f64;
        assert!((share - nominal).abs() < 0.05, "{share} within {width}");
    }
}

/// A sampling probability stated far too low makes every update too long, and the iteration diverges: the best
/// iterate must survive that, and the record must say which it was.
#[test]
fn a_diverging_run_keeps_its_best_iterate() {
    let SimulatedSlice { image, kspace, .. } = slice();
    let [pvdamp, published] = ["pvdamp", "pvdamp-published"].map(|name| Method::find(name).unwrap());
    for (share, stop) in [(0.5, StopReason::TauRose), (0.2, StopReason::IterateGrew)] {
        let mut lied = drawn(5.0);
        lied.probability.mapv_inplace(|p| if p < 1.0 { share * p } else { p });
        let (found, _) = solve(pvdamp, &kspace, &lied);
        assert!(energy(&found) < 4.0 * energy(&image), "{share}: the image grew");
        let (found, history) = solve(published, &kspace, &lied);
        let taus: Vec<f64> = history.iterations.iter().map(|i| i.tau).collect();
        assert_eq!(history.stop, stop, "{share}: {taus:?}");
        let least = taus.iter().copied().fold(f64::INFINITY, f64::min);
        assert_eq!(
            taus[history.kept - 1],
            least,
            "{share}: {} of {taus:?} kept",
            history.kept
        );
        assert!(energy(&found) < 4.0 * energy(&image), "{share}: the image grew");
    }
}

/// λ is relative to the brightness of the image, so that it means the same in whatever units a scan comes.
#[test]
fn a_weight_means_the_same_in_all_units() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(4.0);
    for method in METHODS.iter().filter(|m| m.iterations > 1) {
        let (image, history) = solve(method, &kspace, &drawn);
        for exponent in [-7, -3, 6, 13] {
            let scale = 10f32.powi(exponent);
            let (scaled, scaled_history) = solve(method, &kspace.mapv(|v| v * scale), &drawn);
            let error = difference(&scaled, &image.mapv(|v| v * scale));
            // Rounding is anew in other units, and may flip a tie between two thresholds of SURE.
            assert!(error < 5e-3, "{} at 1e{exponent}: {error}", method.name);
            assert_eq!(
                scaled_history.iterations.len(),
                history.iterations.len(),
                "{}",
                method.name
            );
        }
    }
}

/// FISTA solves a convex problem: at its solution, the thresholded gradient step stays where it is.
#[test]
fn fista_ends_at_the_minimum() {
    let SimulatedSlice { kspace, .. } = slice();
    let fista = Method::find("fista").unwrap();
    let problem = Arc::new(problem(&kspace, &drawn(4.0)));
    let run = |iterations| {
        let mut solver = fista.solver(&problem, &tuning(fista));
        let limits = Limits { iterations, time: None };
        drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
        solver.image()
    };
    let (early, late, later) = (run(40), run(600), run(610));
    let objective = |x: &pvdamp::array::ImageSets<f32>| {
        let tuning = tuning(fista);
        let layout = std::sync::Arc::new(Layout::new(GRID, tuning.scales(GRID)));
        let transform = Transform::new(&layout, FilterBank::of(tuning.wavelet));
        let mut w = Pyramid::filled(&layout, C32::new(0.0, 0.0));
        transform.analyse(x.index_axis(Axis(0), 0), &mut w, &mut transform.workspace());
        let norm: f64 = w.values.iter().map(|v| f64::from(v.norm())).sum();
        let residual = &problem.data - &problem.encoding.forward(x);
        0.5 * energy(&residual) + tuning.lambda.value() * problem.intensity() * norm
    };
    assert!(objective(&late) < objective(&early));
    let moved = (energy(&(&later - &late)) / energy(&late)).sqrt();
    assert!(moved < 1e-5, "{moved}");
    // No step away from it is better.
    for (direction, size) in [(&early, 1e-2f32), (&early, -1e-2), (&problem.zero_filled(), 1e-2)] {
        let other = &late + &((direction - &late) * C32::new(size, 0.0));
        assert!(objective(&late) <= objective(&other) * (1.0 + 1e-6));
    }
}

/// The oracle of SURE-IT is used when it is there, and said.
#[test]
fn sure_it_says_where_the_noise_level_is_from() {
    let SimulatedSlice { kspace, .. } = slice();
    let sure_it = Method::find("sure-it").unwrap();
    let blind = Arc::new(problem(&kspace, &drawn(4.0)));
    let oracle = Arc::new(problem(&kspace, &drawn(4.0)).with_reference(kspace.view()).unwrap());
    let first_variance = |problem: &Arc<Problem<f32>>| {
        let mut solver = sure_it.solver(problem, &tuning(sure_it));
        let step = solver.step();
        (step.bands[0].tau, solver.notes().join(" "))
    };
    let ((estimated, from_data), (true_error, from_reference)) = (first_variance(&blind), first_variance(&oracle));
    assert!(from_data.contains("residual") && from_reference.contains("true error"));
    assert_ne!(estimated, true_error);
    let ratio = estimated / true_error;
    assert!((0.5..4.0).contains(&ratio), "{ratio}");
}

/// Random shifts come from their seed and nothing else.
#[test]
fn random_shifts_are_those_of_the_seed() {
    let SimulatedSlice { kspace, .. } = slice();
    let fista = Method::find("fista").unwrap();
    let problem = Arc::new(problem(&kspace, &drawn(4.0)));
    let with = |shift| solve_problem(fista, &problem, &Tuning { shift, ..tuning(fista) }).0;
    let random = |seed| with(Shift::Random(seed));
    assert_eq!(random(3), random(3));
    assert_ne!(random(3), random(4));
    assert_ne!(random(3), with(Shift::Off));
    assert_eq!(with(Shift::Own), with(Shift::Off));
}
