//! The parts of an iteration of P-VDAMP.

use std::sync::Arc;

use num_complex::Complex;
use pvdamp::denoise::{Workspace, soft_threshold, sure_threshold};
use pvdamp::operator::Samples;
use pvdamp::solve::{PVdamp, Problem, Solver, StateEvolution, Tracked, Tuning};
use pvdamp::wavelet::{FilterBank, Layout, Pyramid, Transform};

use support::clock::Work;

pub const ENCODING: &str = "encoding: `z = y − A x` and `SᴴS x + Aᴴ P⁻¹ z`";
pub const EVOLUTION: &str = "state evolution";
pub const WAVELET: &str = "wavelet, there and back";
pub const SHRINK: &str = "SURE and soft threshold";
pub const PARTS: [&str; 4] = [ENCODING, EVOLUTION, WAVELET, SHRINK];

/// Each on what it meets halfway through a run.
pub fn works(problem: &Arc<Problem<f32>>) -> Vec<Work<'_>> {
    let tuning = Tuning::default();
    let mut solver = PVdamp::new(problem, &tuning);
    for _ in 0..15 {
        solver.step();
    }
    let Tracked {
        estimate,
        variance: [tau, ..],
        ..
    } = solver.tracked().expect("a state evolution")
    else {
        unreachable!("one set of maps");
    };
    let (x, tau) = (estimate.clone(), tau.clone());
    let layout = Arc::new(Layout::new(
        problem.encoding.grid(),
        tuning.scales(problem.encoding.grid()),
    ));
    let evolution = StateEvolution::new(problem, &layout, tuning.wavelet);
    let transform = Transform::<f32>::new(&layout, FilterBank::of(tuning.wavelet));
    let mut turns = transform.workspace();
    let mut image = x.index_axis(ndarray::Axis(0), 0).to_owned();
    let mut w = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
    transform.analyse(image.view(), &mut w, &mut turns);
    let mut residual = Samples::zeros(problem.data.dim());
    let there_and_back = move |residual: &mut _| {
        let weights = Some(&problem.inverse_probability[..]);
        problem.encoding.corrected(&problem.data, &x, weights, residual)
    };
    there_and_back(&mut residual);
    let z = residual.clone();

    let mut predicted = [tau.clone()];
    let update: Work = { Box::new(move |clock| clock.time(EVOLUTION, || evolution.update(&z, &mut predicted))) };
    let (mut out, mut sure) = (w.clone(), Workspace::default());
    let noisy = w.clone();
    let shrink: Work = Box::new(move |clock| {
        clock.time(SHRINK, || {
            for band in 0..noisy.layout.bands.len() {
                let best = sure_threshold(noisy.band(band), tau.band(band), &mut sure);
                soft_threshold(noisy.band(band), best.threshold, out.band_mut(band));
            }
        });
    });
    vec![
        Box::new(move |clock| {
            clock.time(ENCODING, || there_and_back(&mut residual));
        }),
        update,
        Box::new(move |clock| {
            clock.time(WAVELET, || {
                transform.analyse(image.view(), &mut w, &mut turns);
                transform.synthesise(&w, image.view_mut(), &mut turns);
            });
        }),
        shrink,
    ]
}
