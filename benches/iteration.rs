//! One iteration of P-VDAMP, and its parts: encoding, state evolution, and the SURE-tuned threshold. One iteration of
//! HOWL, and its denoisers.

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use num_complex::Complex;
use pvdamp::denoise::{LocalWiener, SimilarPatches, WienerWorkspace, Workspace, soft_threshold, sure_threshold};
use pvdamp::fourier::Fourier;
use pvdamp::operator::Samples;
use pvdamp::solve::{Howl, PVdamp, PublishedPVdamp, Solver, StateEvolution, Tracked, Tuning};
use pvdamp::wavelet::{Frame, Layout, Pyramid, Wavelet};
use support::{SQUARE, Slice};

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encoding");
    let problem = Slice::new(SQUARE, 8, 5.0).problem();
    let x = problem.density_compensated();
    let mut residual = Samples::zeros(problem.data.dim());
    group.bench_function("corrected/256x256x8", |b| {
        let weights = Some(&problem.inverse_probability[..]);
        b.iter(|| problem.encoding.corrected(&problem.data, &x, weights, &mut residual));
    });
    group.bench_function("adjoint/256x256x8", |b| b.iter(|| problem.density_compensated()));
}

fn state_evolution(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state-evolution");
    for coils in [8, 32] {
        let problem = Slice::new(SQUARE, coils, 5.0).problem();
        let tuning = Tuning::default();
        let layout = Arc::new(Layout::new(SQUARE, tuning.scales(SQUARE)));
        let evolution = StateEvolution::new(&problem, &layout, tuning.wavelet);
        let mut tau = [Pyramid::filled(&layout, 0.0)];
        group.bench_function(format!("new/256x256x{coils}"), |b| {
            b.iter_with_large_drop(|| StateEvolution::new(&problem, &layout, tuning.wavelet));
        });
        group.bench_function(format!("update/256x256x{coils}"), |b| {
            b.iter(|| evolution.update(&problem.data, &mut tau));
        });
    }
}

/// Every subband of the first iteration.
fn denoise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("denoise");
    let problem = Slice::new(SQUARE, 8, 5.0).problem();
    let solver = PVdamp::new(&problem, &Tuning::default());
    let Tracked {
        estimate,
        variance: [tau, ..],
        transform,
    } = solver.tracked().expect("a state evolution")
    else {
        unreachable!("one set of maps");
    };
    let zero = Complex::new(0.0, 0.0);
    let (mut w, mut out) = (Pyramid::filled(&tau.layout, zero), Pyramid::filled(&tau.layout, zero));
    transform.analyse(
        estimate.index_axis(ndarray::Axis(0), 0),
        &mut w,
        &mut transform.workspace(),
    );
    let mut work = Workspace::default();
    let bands = 0..w.layout.bands.len();
    group.bench_function("sure+soft/256x256", |b| {
        b.iter(|| {
            for band in bands.clone() {
                let best = sure_threshold(w.band(band), tau.band(band), &mut work);
                soft_threshold(w.band(band), best.threshold, out.band_mut(band));
            }
        });
    });
}

fn pvdamp(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pvdamp");
    for acceleration in [5.0, 10.0] {
        let problem = Slice::new(SQUARE, 8, acceleration).problem();
        // The first iteration differs from the others: it is not damped. The second part begins with the eleventh.
        for (before, name) in [(1, "first-part"), (10, "second-part")] {
            let begun = || {
                let mut solver = PVdamp::new(&problem, &Tuning::default());
                (0..before).for_each(|_| drop(solver.step()));
                solver
            };
            group.bench_function(format!("step-{name}/256x256x8/R{acceleration}"), |b| {
                b.iter_batched_ref(begun, |solver| solver.step(), BatchSize::PerIteration);
            });
        }
        let begun = || {
            let mut solver = PublishedPVdamp::new(&problem, &Tuning::default());
            solver.step();
            solver
        };
        group.bench_function(format!("step-published/256x256x8/R{acceleration}"), |b| {
            b.iter_batched_ref(begun, |solver| solver.step(), BatchSize::PerIteration);
        });
    }
}

/// Of an image as noisy as HOWL meets it.
fn howl_denoisers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("howl-denoise");
    let image = Slice::new(SQUARE, 8, 5.0).image;
    let image = image.as_slice().expect("standard layout");
    let fourier = Fourier::new(SQUARE);
    let mut work = WienerWorkspace::new(&fourier, 4, 24);
    let [db4, haar] = ["db4", "haar"].map(|name| Wavelet::find(name).expect("in the table"));
    let frames = [
        ("db4", LocalWiener::undecimated(4, db4, &fourier)),
        ("haar", LocalWiener::undecimated(4, haar, &fourier)),
        (
            "directional",
            LocalWiener::new(&Frame::directional(SQUARE, 4, 6), &fourier),
        ),
    ];
    let mut out = image.to_vec();
    for (name, frame) in &frames {
        group.bench_function(format!("{name}/256x256"), |b| {
            b.iter(|| {
                out.copy_from_slice(image);
                frame.denoise(&mut out, 1e-4, &fourier, &mut work);
            });
        });
    }
    let pilot: Vec<f32> = image.iter().map(|v| v.re).collect();
    let find = || SimilarPatches::find(SQUARE, &pilot).expect("large enough");
    group.bench_function("patches-find/256x256", |b| b.iter(find));
    let patches = find();
    group.bench_function("patches/256x256", |b| {
        b.iter(|| {
            out.copy_from_slice(image);
            patches.denoise(&mut out, 1e-4);
        });
    });
}

fn howl(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("howl");
    let problem = Slice::new(SQUARE, 8, 5.0).problem();
    // The frames take turns.
    for (before, name) in [(1, "haar"), (2, "directional"), (3, "db4")] {
        let begun = || {
            let mut solver = Howl::new(&problem, &Tuning::default());
            (0..before).for_each(|_| drop(solver.step()));
            solver
        };
        group.bench_function(format!("step-{name}/256x256x8"), |b| {
            b.iter_batched_ref(begun, |solver| solver.step(), BatchSize::PerIteration);
        });
    }
}

criterion_group! {
    name = iteration;
    config = support::criterion();
    targets = encoding, state_evolution, denoise, pvdamp, howl_denoisers, howl
}
criterion_main!(iteration);
