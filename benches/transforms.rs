//! The transforms of an iteration: Fourier, wavelet, and averages over the energy of wavelets.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;
use pvdamp::simulate::phantom;
use pvdamp::wavelet::{EnergyAverage, FilterBank, Layout, Pyramid, Transform, Wavelet};
use support::{BRAIN, SQUARE};

const ZERO: Complex<f32> = Complex::new(0.0, 0.0);

fn fourier(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fourier");
    for (grid, planes) in [(SQUARE, 1), (BRAIN, 1), (SQUARE, 8)] {
        let fourier = Fourier::<f32>::new(grid);
        let mut scratch = fourier.scratch();
        let mut stack = phantom(grid, 0.5, 1).into_raw_vec_and_offset().0.repeat(planes);
        group.throughput(Throughput::Elements(stack.len() as u64));
        // There and back, so that the values stay as they are.
        group.bench_function(format!("forward+inverse/{grid}x{planes}"), |b| {
            b.iter(|| {
                for plane in stack.chunks_exact_mut(grid.len()) {
                    fourier.forward(plane, &mut scratch);
                    fourier.inverse(plane, &mut scratch);
                }
            });
        });
    }
}

fn wavelet(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wavelet");
    let (layout, wavelet) = db4(SQUARE);
    let transform = Transform::<f32>::new(&layout, FilterBank::of(wavelet));
    let mut work = transform.workspace();
    let mut image = phantom(SQUARE, 0.5, 1);
    let mut pyramid = Pyramid::filled(&layout, ZERO);
    group.bench_function("analyse/256x256", |b| {
        b.iter(|| transform.analyse(image.view(), &mut pyramid, &mut work));
    });
    group.bench_function("synthesise/256x256", |b| {
        b.iter(|| transform.synthesise(&pyramid, image.view_mut(), &mut work));
    });
    let energy = EnergyAverage::<f32>::new(&layout, wavelet);
    group.bench_function("energy-average/256x256", |b| {
        b.iter(|| energy.average(image.view(), &mut pyramid));
    });
}

fn db4(grid: Grid) -> (Arc<Layout>, &'static Wavelet) {
    let wavelet = Wavelet::find("db4").expect("db4 is in the table");
    (Arc::new(Layout::new(grid, 4)), wavelet)
}

criterion_group! {
    name = transforms;
    config = support::criterion();
    targets = fourier, wavelet
}
criterion_main!(transforms);
