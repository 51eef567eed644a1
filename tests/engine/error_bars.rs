//! Error bars of every method that has them: whether they hold, and that they leave the image alone.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::golden::*;
use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, ImageSets, Mask};
use pvdamp::sampling::{DEFAULT_ORDER, Drawn, Family, MaskPlan};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::{
    History, Knob, Lambda, Limits, METHODS, Method, Problem, Shift, Solver, StopReason, Tuning, drive,
};

type C32 = Complex<f32>;

/// All that have error bars.
fn methods() -> impl Iterator<Item = &'static Method> {
    METHODS.iter().filter(|method| method.has(Knob::ErrorBars))
}

fn tuning(method: &Method, error_bars: Option<u64>) -> Tuning {
    Tuning {
        lambda: Lambda::Value(if method.has(Knob::Lambda) { 0.001 } else { 0.0 }),
        shift: Shift::Random(0),
        error_bars,
        ..Tuning::default()
    }
}

fn run(method: &Method, problem: &Arc<Problem<f32>>, error_bars: Option<u64>) -> (Box<dyn Solver<f32>>, History) {
    let mut solver = method.solver(problem, &tuning(method, error_bars));
    let limits = Limits {
        iterations: method.iterations,
        time: None,
    };
    let history = drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
    (solver, history)
}

/// A simulated slice and what a mask leaves of it.
fn simulated(grid: Grid, coils: usize, noise: f64, mask: impl FnOnce(Grid) -> Drawn) -> Arc<Problem<f32>> {
    let settings = SimulationSettings {
        grid,
        coils,
        slices: 1,
        noise,
        seed: 5,
    };
    let slice = simulate_slice(&settings, 0).unwrap();
    let Drawn { mask, probability } = mask(grid);
    let maps = slice.maps.insert_axis(Axis(0));
    let covariance = Array2::from_diag_elem(coils, Complex::new(noise * noise, 0.0));
    let problem = Problem::new(slice.kspace.view(), &mask, &probability, maps, covariance).unwrap();
    Arc::new(problem.with_reference(slice.kspace.view()).unwrap())
}

fn drawn(family: &'static str, acceleration: f64) -> impl Fn(Grid) -> Drawn {
    move |grid| {
        let plan = MaskPlan {
            grid,
            acceleration,
            acs: Grid::new(16, 16),
            order: DEFAULT_ORDER,
            seed: 6,
        };
        (Family::find(family).unwrap().draw)(&plan).unwrap()
    }
}

fn small() -> Arc<Problem<f32>> {
    simulated(Grid::new(80, 72), 4, 0.01, drawn("bernoulli", 4.0))
}

/// How well error bars tell the error on the object.
struct Judged {
    /// Shares of real and imaginary parts within 1 and 1.96 predicted standard deviations.
    within: [f64; 2],
    /// Predicted over true energy.
    energy: f64,
}

fn judge(image: &ImageSets<f32>, std: &Array3<f32>, truth: &ImageSets<f32>) -> Judged {
    let peak = truth.iter().map(|v| v.norm()).fold(0.0, f32::max);
    let pixels = image.iter().zip(truth).zip(std);
    let object = pixels.filter(|((_, truth), _)| truth.norm() > peak / 20.0);
    let errors: Vec<(f64, f64)> = object
        .flat_map(|((image, truth), &std)| {
            let error = image - truth;
            [error.re, error.im].map(|part| (f64::from(part), f64::from(std)))
        })
        .collect();
    let within = |reach: f64| {
        let inside = errors.iter().filter(|(error, std)| error.abs() < reach * std).count();
        inside as f64 / errors.len() as f64
    };
    let sum = |of: fn(&(f64, f64)) -> f64| errors.iter().map(|pair| of(pair).powi(2)).sum::<f64>();
    Judged {
        within: [within(1.0), within(1.96)],
        energy: sum(|pair| pair.1) / sum(|pair| pair.0),
    }
}

fn assert_hold(name: &str, problem: &Arc<Problem<f32>>, truth: &ImageSets<f32>, energy: std::ops::Range<f64>) {
    for method in methods() {
        let (mut solver, _) = run(method, problem, Some(0));
        let std = solver.deviation().expect("error bars");
        let found = judge(&solver.image(), &std, truth);
        let [one, two] = found.within;
        println!(
            "{name}, {}: within {one:.3} {two:.3}, energy {:.2}",
            method.name, found.energy
        );
        assert!(
            (0.60..0.80).contains(&one) && (0.89..0.98).contains(&two) && energy.contains(&found.energy),
            "{name}, {}: {one:.3} {two:.3} {:.2}",
            method.name,
            found.energy
        );
    }
}

#[test]
fn they_hold_on_the_brain() {
    let Some(data) = shared_data() else { return };
    let brain = brain(&data);
    let narrow = |v: &C64| C32::new(v.re as f32, v.im as f32);
    let truth = brain.x0.map(narrow).insert_axis(Axis(0));
    for case in CASES {
        let (mask, probability) = case_mask(&data, case);
        let noise = Array2::zeros((8, 8));
        let kspace = brain.kspace.map(narrow);
        let problem = Problem::new(kspace.view(), &mask, &probability, brain.maps.map(narrow), noise).unwrap();
        assert_hold(case, &Arc::new(problem), &truth, 0.7..1.3);
    }
}

#[test]
fn they_hold_on_phantoms_of_many_and_few_coils() {
    for (coils, noise, acceleration) in [(8, 0.005, 5.0), (16, 0.02, 8.0), (2, 0.01, 3.0)] {
        for family in ["bernoulli", "poisson-disc"] {
            let problem = simulated(Grid::new(160, 144), coils, noise, drawn(family, acceleration));
            let truth = problem.reference.clone().unwrap();
            assert_hold(&format!("{coils} coils, {family}"), &problem, &truth, 0.6..1.5);
        }
    }
}

/// Who asks for error bars gets the image, the unbiased image and the record that he gets without.
#[test]
fn the_image_is_the_same_without_them() {
    let problem = small();
    for method in methods() {
        let (mut plain, plain_history) = run(method, &problem, None);
        let (mut solver, history) = run(method, &problem, Some(1));
        assert_eq!(solver.image(), plain.image(), "{}", method.name);
        assert_eq!(solver.unbiased(), plain.unbiased(), "{}", method.name);
        assert_eq!(solver.notes(), plain.notes(), "{}", method.name);
        assert_eq!(
            (history.kept, history.stop),
            (plain_history.kept, plain_history.stop),
            "{}",
            method.name
        );
        for (with, without) in history.iterations.iter().zip(&plain_history.iterations) {
            assert_eq!(
                (with.tau, with.noise, &with.bands),
                (without.tau, without.noise, &without.bands)
            );
        }
        // What follows tells a state evolution at most where the method has none.
        let told: Vec<f64> = history.iterations[plain_history.iterations.len()..]
            .iter()
            .map(|record| record.tau)
            .filter(|&tau| tau > 0.0)
            .collect();
        assert_eq!(
            told.len(),
            usize::from(plain_history.iterations[0].bands.is_empty()),
            "{}",
            method.name
        );
    }
}

#[test]
fn the_seed_sets_what_is_held_out() {
    let problem = small();
    let method = Method::find("fista").unwrap();
    let std = |seed| run(method, &problem, Some(seed)).0.deviation().unwrap();
    assert_eq!(std(3), std(3));
    let (one, other) = (std(3), std(4));
    assert_ne!(one, other);
    let energy = |std: &Array3<f32>| std.iter().map(|v| f64::from(v * v)).sum::<f64>();
    assert!((0.5..2.0).contains(&(energy(&one) / energy(&other))));
}

/// The image is made first: stopped while error bars are estimated, it is there; stopped earlier, it is as far as it got.
#[test]
fn stopped_early_there_is_the_image_and_a_reason() {
    let problem = small();
    for method in methods() {
        let (mut plain, history) = run(method, &problem, None);
        let whole = history.iterations.len();
        for steps in [1, whole, whole + 1, whole + 5] {
            let mut solver = method.solver(&problem, &tuning(method, Some(0)));
            (0..steps).for_each(|_| _ = solver.step());
            assert!(solver.deviation().is_none(), "{} after {steps}", method.name);
            assert!(
                solver.notes().concat().contains("stopped before"),
                "{:?}",
                solver.notes()
            );
            assert_eq!(
                solver.image() == plain.image(),
                steps >= whole,
                "{} after {steps}",
                method.name
            );
        }
    }
}

#[test]
fn complete_data_have_no_error_where_they_are_returned() {
    let full = |grid: Grid| Drawn {
        mask: Mask::full(grid),
        probability: Array2::ones(grid.dim()),
    };
    let problem = simulated(Grid::new(64, 60), 3, 0.01, full);
    for method in methods() {
        let (mut solver, history) = run(method, &problem, Some(0));
        if history.stop == StopReason::Direct {
            assert!(solver.deviation().unwrap().iter().all(|&v| v == 0.0), "{}", method.name);
            assert!(solver.notes().is_empty(), "{:?}", solver.notes());
        } else {
            assert!(solver.deviation().is_none(), "{}", method.name);
            assert!(
                solver.notes().concat().contains("can be held out"),
                "{:?}",
                solver.notes()
            );
        }
    }
}

#[test]
fn where_nothing_can_be_held_out_the_plain_method_runs() {
    let lines = |grid: Grid| {
        let is_sampled = |col: usize| col.is_multiple_of(3) || (30..42).contains(&col);
        Drawn {
            mask: Mask::new(Array2::from_shape_fn(grid.dim(), |(_, col)| is_sampled(col))),
            probability: Array2::from_shape_fn(grid.dim(), |(_, col)| if (30..42).contains(&col) { 1.0 } else { 0.3 }),
        }
    };
    let side = |grid: Grid| Drawn {
        mask: Mask::new(Array2::from_shape_fn(grid.dim(), |(_, col)| col > 24)),
        probability: Array2::ones(grid.dim()),
    };
    let grid = Grid::new(80, 72);
    for (problem, why) in [
        (simulated(grid, 4, 0.01, lines), "too few phase-encode lines"),
        (simulated(grid, 4, 0.01, side), "partial Fourier"),
    ] {
        for method in methods() {
            let (mut plain, plain_history) = run(method, &problem, None);
            let (mut solver, history) = run(method, &problem, Some(0));
            assert!(solver.notes().concat().contains(why), "{:?}", solver.notes());
            assert!(solver.deviation().is_none(), "{}", method.name);
            assert_eq!(solver.image(), plain.image(), "{}", method.name);
            assert_eq!(
                history.iterations.len(),
                plain_history.iterations.len(),
                "{}",
                method.name
            );
        }
    }
}
