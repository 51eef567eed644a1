//! A slice from k-space in memory to the image, as `recon` does it: noise, maps, and at most 30 iterations.

use std::ops::ControlFlow;

use criterion::{Criterion, criterion_group, criterion_main};
use pvdamp::array::{ImageSets, Maps};
use pvdamp::coil::{EspiritContext, EspiritSettings, espirit, estimate_noise};
use pvdamp::solve::{Limits, PVdamp, Solver, Tuning, drive};
use support::{ACS, SQUARE, Slice};

fn reconstruct(slice: &Slice, maps: Maps<f32>) -> ImageSets<f32> {
    let noise = estimate_noise(slice.kspace.view(), &slice.mask).covariance;
    let problem = slice.problem_with(maps, noise);
    let mut solver = PVdamp::new(&problem, &Tuning::default());
    let limits = Limits {
        iterations: 30,
        time: None,
    };
    drive(&mut solver, limits, &mut |_, _| ControlFlow::Continue(())).expect("nobody interrupts");
    solver.image()
}

fn slice(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slice");
    let slice = Slice::new(SQUARE, 8, 5.0);
    let settings = EspiritSettings::default();
    group.bench_function("given-maps/256x256x8/R5", |b| {
        b.iter(|| reconstruct(&slice, slice.maps.clone()));
    });
    group.bench_function("espirit/256x256x8/R5", |b| {
        b.iter(|| {
            let (maps, _) =
                espirit(slice.kspace.view(), ACS, &settings, &EspiritContext::default()).expect("a sampled centre");
            reconstruct(&slice, maps)
        });
    });
}

criterion_group! {
    name = benches;
    config = support::criterion();
    targets = slice
}
criterion_main!(benches);
