//! Fixed pieces of work without files and without threads, for counting the instructions that they take:
//! `instructions.py` runs this under valgrind.
//!
//! `instructions WORK COUNT` does WORK that often. What is prepared before counts too, so that the cost of one is a
//! difference of two counts. `instructions level` prints the vectors that the machine, or valgrind, has.

use std::hint::black_box;
use std::sync::Arc;

use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::coil::{EspiritContext, EspiritSettings, espirit};
use pvdamp::fourier::Fourier;
use pvdamp::solve::{Howl, PVdamp, PublishedPVdamp, Solver, Tuning};
use pvdamp::wavelet::{FilterBank, Layout, Pyramid, Transform};
use support::{ACS, Slice};

/// Small, as valgrind is slow; not square, and with a factor of 3.
const GRID: Grid = Grid::new(96, 64);
const COILS: usize = 4;
const ACCELERATION: f64 = 3.0;

fn main() {
    // The thread that asks does the work: what others do while they wait would count.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let pool = pool.build().expect("a pool of this thread");
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["level"] => println!("{}", level()),
        [work, count] => {
            let count = count.parse().unwrap_or_else(|_| panic!("{count}: not a number"));
            pool.install(|| run(work, count));
        }
        _ => println!("instructions: run by benches/instructions.py"),
    }
}

fn run(work: &str, count: usize) {
    match work {
        "fourier" => fourier(GRID, count),
        "fourier-odd" => fourier(Grid::new(61, 63), count),
        "wavelet" => wavelet(count),
        "espirit" => {
            let (slice, settings) = (slice(), EspiritSettings::default());
            for _ in 0..count {
                black_box(espirit(slice.kspace.view(), ACS, &settings, &EspiritContext::default()))
                    .expect("a sampled centre");
            }
        }
        "pvdamp" => step(&mut PVdamp::new(&slice().problem(), &Tuning::default()), count),
        "pvdamp-published" => step(&mut PublishedPVdamp::new(&slice().problem(), &Tuning::default()), count),
        "howl" => step(&mut Howl::new(&slice().problem(), &Tuning::default()), count),
        _ => panic!("there is no work '{work}'"),
    }
}

fn slice() -> Slice {
    Slice::new(GRID, COILS, ACCELERATION)
}

fn step(solver: &mut dyn Solver<f32>, count: usize) {
    for _ in 0..count {
        black_box(solver.step());
    }
}

/// There and back.
fn fourier(grid: Grid, count: usize) {
    let fourier = Fourier::<f32>::new(grid);
    let mut scratch = fourier.scratch();
    let mut plane = image(grid);
    for _ in 0..count {
        fourier.forward(&mut plane, &mut scratch);
        fourier.inverse(&mut plane, &mut scratch);
    }
    black_box(plane);
}

/// There and back.
fn wavelet(count: usize) {
    let tuning = Tuning::default();
    let layout = Arc::new(Layout::new(GRID, tuning.scales(GRID)));
    let transform = Transform::<f32>::new(&layout, FilterBank::of(tuning.wavelet));
    let mut work = transform.workspace();
    let image = ndarray::Array2::from_shape_vec(GRID.dim(), image(GRID));
    let mut image = image.expect("of the grid");
    let mut pyramid = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
    for _ in 0..count {
        transform.analyse(image.view(), &mut pyramid, &mut work);
        transform.synthesise(&pyramid, image.view_mut(), &mut work);
    }
    black_box(image);
}

fn image(grid: Grid) -> Vec<Complex<f32>> {
    let value = |i: usize| Complex::new((i as f32 * 0.37).sin(), (i as f32 * 0.11).cos());
    (0..grid.len()).map(value).collect()
}

/// The widest vectors that may be used here.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    std::env::consts::ARCH
}
