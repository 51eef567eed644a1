//! What is done once a scan or slice: masks, their density, and coil maps.

use criterion::{Criterion, criterion_group, criterion_main};
use pvdamp::coil::{EspiritContext, EspiritSettings, espirit};
use pvdamp::sampling::{Coverage, estimate_density};
use support::{ACS, SQUARE, Slice, draw, request};

fn sampling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sampling");
    let request = request(SQUARE, 5.0);
    for family in ["bernoulli", "poisson-disc"] {
        group.bench_function(format!("{family}/256x256"), |b| b.iter(|| draw(family, &request)));
    }
    let mask = draw("poisson-disc", &request).mask;
    let coverage = Coverage::of(&mask, [None, None]);
    group.bench_function("density/256x256", |b| b.iter(|| estimate_density(&mask, &coverage)));
}

fn maps(criterion: &mut Criterion) {
    let slice = Slice::new(SQUARE, 8, 5.0);
    let settings = EspiritSettings::default();
    criterion.bench_function("espirit/256x256x8", |b| {
        b.iter(|| espirit(slice.kspace.view(), ACS, &settings, &EspiritContext::default()).expect("a sampled centre"));
    });
}

criterion_group! {
    name = preparation;
    config = support::criterion();
    targets = sampling, maps
}
criterion_main!(preparation);
