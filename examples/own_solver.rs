//! A method of your own on data that are ready for it: Landweber's gradient descent, beside P-VDAMP.
//!
//!     cargo run --release --example own_solver

use std::ops::ControlFlow;
use std::sync::Arc;

use pvdamp::array::{Grid, Image, ImageSets};
use pvdamp::quality::{complex_nmse, decibel};
use pvdamp::sampling::{Family, Request};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::solve::{IterationRecord, Limits, Problem, Solver, Step, Verdict, drive};
use pvdamp::{Acquisition, Complex32, Settings};

/// `x ← x + s Aᴴ (y − A x)`: to least squares, slowly.
struct Landweber {
    problem: Arc<Problem<f32>>,
    step: f32,
    image: ImageSets<f32>,
    iteration: usize,
}

impl Landweber {
    fn new(problem: &Arc<Problem<f32>>) -> Self {
        Self {
            image: problem.zero_filled(),
            step: problem.step_length() as f32,
            iteration: 0,
            problem: Arc::clone(problem),
        }
    }
}

impl Solver<f32> for Landweber {
    fn step(&mut self) -> Step {
        let Self {
            problem, image, step, ..
        } = self;
        let residual = &problem.data - &problem.encoding.forward(image);
        let gradient = problem.encoding.adjoint(&residual, None);
        image.zip_mut_with(&gradient, |x, g| *x += g * *step);
        self.iteration += 1;
        Step {
            bands: Vec::new(),
            kept: self.iteration,
            noise: None,
            verdict: Verdict::Continue,
        }
    }

    fn image(&mut self) -> ImageSets<f32> {
        self.image.clone()
    }
}

fn main() -> pvdamp::Result<()> {
    let simulation = SimulationSettings {
        grid: Grid::new(192, 192),
        coils: 8,
        slices: 1,
        noise: 0.005,
        seed: 1,
    };
    let head = simulate_slice(&simulation, 0)?;
    let request = Request {
        seed: 2,
        ..Request::new(4.0)
    };
    let bernoulli = Family::find("bernoulli").expect("a family of the table");
    let acquisition = Acquisition::new(&head.kspace).undersampled(bernoulli, &request)?;

    // Mask, density, noise, whitening and coil maps are found as for the methods of this library.
    let settings = Settings::default();
    let prepared = acquisition.prepare(&settings, &mut ())?;
    let prepared = prepared.expect("k-space that is not all zero");

    let mut solver = Landweber::new(&prepared.problem);
    let limits = Limits {
        iterations: 30,
        time: None,
    };
    let mut observe = |record: &IterationRecord, solver: &mut dyn Solver<f32>| {
        let error = magnitude_nmse(&head.image, &prepared.unscaled_image(solver.image()));
        println!("after {:.3} s: NMSE {error:.1} dB", record.seconds);
        ControlFlow::Continue(())
    };
    drive(&mut solver, limits, &mut observe)?;

    let reconstruction = prepared.solve(&settings, &mut ())?;
    let error = magnitude_nmse(&head.image, &reconstruction.image);
    println!("P-VDAMP: NMSE {error:.1} dB");
    Ok(())
}

/// In dB, of magnitudes: the phase of an image is that of its coil maps, and calibrated maps have one of their own.
fn magnitude_nmse(truth: &Image<f32>, image: &Image<f32>) -> f64 {
    let magnitude = |image: &Image<f32>| image.mapv(|v| Complex32::new(v.norm(), 0.0));
    complex_nmse(&magnitude(truth), &magnitude(image), None).map_or(f64::NAN, decibel)
}
