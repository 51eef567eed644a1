//! What every method in the table must do, and what the guard of P-VDAMP is for.

mod support;

use std::ops::ControlFlow;

use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;
use pvdamp::array::{Grid, Mask, energy};
use pvdamp::sampling::{DEFAULT_ORDER, Drawn, Family, Request};
use pvdamp::simulate::{SimulatedSlice, SimulationSettings, simulate_slice};
use pvdamp::solve::{History, Limits, METHODS, Method, Problem, StopReason, Tuning, drive};

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
    let request = Request {
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

fn solve(method: &Method, kspace: &Array3<C32>, drawn: &Drawn, tuning: &Tuning) -> (Array2<C32>, History) {
    let maps = slice().maps.insert_axis(Axis(0));
    let noise = Array2::zeros((COILS, COILS));
    let problem = Problem::new(kspace.view(), &drawn.mask, &drawn.probability, maps, noise);
    let mut solver = (method.build)(problem, tuning);
    let limits = Limits {
        iterations: 30,
        time: None,
    };
    let history = drive(solver.as_mut(), limits, &mut |_| ControlFlow::Continue(())).unwrap();
    (solver.image().index_axis_move(Axis(0), 0), history)
}

fn difference(a: &Array2<C32>, b: &Array2<C32>) -> f64 {
    (energy(&(a - b)) / energy(b)).sqrt()
}

#[test]
fn fully_sampled_data_come_back() {
    let SimulatedSlice { image, kspace, .. } = slice();
    for method in METHODS {
        let (found, history) = solve(method, &kspace, &full(), &Tuning::default());
        let error = difference(&found, &image);
        // What is left is the noise of the scan.
        assert!(error < 0.03, "{}: {error}", method.name);
        assert_eq!(history.stop, StopReason::Direct, "{}", method.name);
    }
}

#[test]
fn undersampled_data_give_the_image() {
    let SimulatedSlice { image, kspace, .. } = slice();
    for method in METHODS.iter().filter(|m| m.name != "zero-filled") {
        let drawn = drawn(4.0);
        let (found, _) = solve(method, &kspace, &drawn, &Tuning::default());
        let (start, _) = solve(
            Method::find("zero-filled").unwrap(),
            &kspace,
            &drawn,
            &Tuning::default(),
        );
        let (error, before) = (difference(&found, &image), difference(&start, &image));
        assert!(error < 0.3 * before, "{}: {error} of {before}", method.name);
    }
}

#[test]
fn scale_and_phase_pass_through() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(4.0);
    let tuning = Tuning::default();
    for method in METHODS {
        let (image, history) = solve(method, &kspace, &drawn, &tuning);
        let (scaled, scaled_history) = solve(method, &kspace.mapv(|v| v * 1024.0), &drawn, &tuning);
        assert_eq!(scaled, image.mapv(|v| v * 1024.0), "{}: scale", method.name);
        assert_eq!(scaled_history.kept, history.kept, "{}", method.name);
        // A quarter turn is exact in floating point.
        let quarter = Complex::new(0.0f32, 1.0);
        let (turned, _) = solve(method, &kspace.mapv(|v| v * quarter), &drawn, &tuning);
        let error = difference(&turned, &image.mapv(|v| v * quarter));
        // Rounding turns with the phase, and may flip a tie between two thresholds.
        assert!(error < 3e-3, "{}: phase, {error}", method.name);
    }
}

#[test]
fn threads_change_nothing() {
    let SimulatedSlice { kspace, .. } = slice();
    let drawn = drawn(5.0);
    for method in METHODS {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| solve(method, &kspace, &drawn, &Tuning::default()).0)
        };
        assert_eq!(with(1), with(3), "{}", method.name);
    }
}

/// A sampling probability stated far too low makes every update too long, and the iteration diverges: the best
/// iterate must survive that, and the record must say which it was.
#[test]
fn a_diverging_run_keeps_its_best_iterate() {
    let SimulatedSlice { image, kspace, .. } = slice();
    let pvdamp = Method::find("pvdamp").unwrap();
    for (share, stop) in [(0.5, StopReason::TauRose), (0.2, StopReason::IterateGrew)] {
        let mut lied = drawn(5.0);
        lied.probability.mapv_inplace(|p| if p < 1.0 { share * p } else { p });
        let (found, history) = solve(pvdamp, &kspace, &lied, &Tuning::default());
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
