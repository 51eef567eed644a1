//! HOWL on a real scan: its error, and whether its error bars hold.

mod support;

use std::ops::ControlFlow;

use ndarray::{Array2, Axis};
use num_complex::Complex;
use pvdamp::solve::{Limits, Method, Problem, Tuning, drive};
use support::*;

#[test]
fn error_bars_hold() {
    let Some(data) = shared_data() else { return };
    let brain = brain(&data);
    let howl = Method::find("howl").unwrap();
    let largest = brain.x0.iter().map(|v| v.norm()).fold(0.0, f64::max);
    for case in ["bern_r5", "bern_r10", "pd_r5", "pd_r10"] {
        let (mask, probability) = case_mask(&data, case);
        let narrow = |v: &C64| Complex::new(v.re as f32, v.im as f32);
        let problem = Problem::<f32>::new(
            brain.kspace.map(narrow).view(),
            &mask,
            &probability,
            brain.maps.map(narrow),
            Array2::zeros((8, 8)),
        );
        for seed in 0..3 {
            let tuning = Tuning {
                error_bars: Some(seed),
                ..Tuning::default()
            };
            let mut solver = (howl.build)(&problem, &tuning);
            let limits = Limits {
                iterations: 1,
                time: None,
            };
            let history = drive(solver.as_mut(), limits, &mut |_, _| ControlFlow::Continue(())).unwrap();
            let image = solver.image().index_axis_move(Axis(0), 0);
            let std = solver.deviation().unwrap().index_axis_move(Axis(0), 0);
            let image = image.map(|v| Complex::new(f64::from(v.re), f64::from(v.im)));
            let nmse = masked_nmse_db(&image, &brain.x0);
            let mut within = [[0.0; 2]; 2];
            let mut count = 0.0;
            let (mut predicted, mut found) = (0.0, 0.0);
            for ((x, x0), sd) in image.iter().zip(&brain.x0).zip(&std) {
                if x0.norm() <= largest / 20.0 {
                    continue;
                }
                count += 1.0;
                let sd = f64::from(*sd);
                predicted += 2.0 * sd * sd;
                found += (x - x0).norm_sqr();
                for (part, e) in [x.re - x0.re, x.im - x0.im].into_iter().enumerate() {
                    within[part][0] += f64::from(e.abs() < sd);
                    within[part][1] += f64::from(e.abs() < 1.96 * sd);
                }
            }
            println!(
                "{case} {seed}: {nmse:.2} dB, within {:.3?}, predicted/found {:.3}",
                within.map(|part| part.map(|w| w / count)),
                predicted / found
            );
            if seed == 0 {
                for i in [0, 4, 9, 14, 19, 24, 29] {
                    println!("   {i} {:.3e}", history.iterations[i].tau);
                }
            }
        }
    }
}
