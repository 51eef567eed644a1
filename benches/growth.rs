//! How the time of an iteration grows with pixels and with coils, and the exponents of that, as tables for
//! docs/performance.md. One thread.
//!
//! `cargo bench -p pvdamp-benches --bench growth -- [pixels] [coils] [rounds=N]`
//!
//! Memory, slices and whole runs: `benches/peers/growth.py`.

use pvdamp::array::Grid;
use support::clock::{Clock, Work, interleave, pool};
use support::fftw::Fftw;
use support::work::{self, ESPIRIT, HOWL, ITERATION};
use support::{SQUARE, Slice};

const ACCELERATION: f64 = 5.0;
const COILS: usize = 8;
const ROUNDS: usize = 5;
const FFTW: &str = "its Fourier transforms by FFTW";
const COLUMNS: [&str; 4] = [ITERATION, HOWL, ESPIRIT, FFTW];

/// Sizes that Fourier transforms like: products of 2 and 3.
const SMOOTH: [Grid; 7] = [
    Grid::new(96, 96),
    Grid::new(128, 128),
    Grid::new(192, 192),
    Grid::new(256, 256),
    Grid::new(384, 384),
    Grid::new(512, 512),
    Grid::new(768, 768),
];
/// Sizes that they do not like; 257 and 331 are primes, and so is 181.
const OTHERS: [Grid; 4] = [
    Grid::new(240, 181),
    Grid::new(255, 255),
    Grid::new(257, 257),
    Grid::new(331, 331),
];
const MANY: [usize; 6] = [1, 2, 4, 8, 16, 32];

fn main() {
    let (asked, rounds) = support::asked(ROUNDS);
    let fftw = Fftw::load();
    let is_asked = |what: &str| asked.iter().any(|word| word == what);
    if is_asked("pixels") {
        pixels(fftw.as_ref(), rounds);
    }
    if is_asked("coils") {
        coils(fftw.as_ref(), rounds);
    }
    if !["pixels", "coils"].into_iter().any(is_asked) {
        println!("growth: takes minutes; ask for it: cargo bench -p pvdamp-benches --bench growth -- pixels coils");
    }
    if fftw.is_none() {
        println!("FFTW: skipped: no libfftw3f");
    }
}

/// Medians of [`COLUMNS`] on one slice [s]; NaN for what was not timed.
fn measure(grid: Grid, coils: usize, fftw: Option<&Fftw>, rounds: usize) -> [f64; 4] {
    let slice = Slice::new(grid, coils, ACCELERATION);
    let problem = slice.problem();
    let mut works: Vec<Work> = vec![work::pvdamp(&problem), work::howl(&problem)];
    // The map of a single coil is 1.
    if coils > 1 {
        works.push(work::maps(slice.kspace.view()));
    }
    if let Some(fftw) = fftw {
        let mut planes = fftw.planes(grid, coils);
        let image: Vec<_> = slice.image.iter().copied().collect();
        works.push(Box::new(move |clock: &mut Clock| {
            planes.fill(&image);
            clock.time(FFTW, || planes.one_by_one());
        }));
    }
    let clocks = interleave(rounds, &[pool(1)], &mut works);
    COLUMNS.map(|name| clocks[0].median(name))
}

fn pixels(fftw: Option<&Fftw>, rounds: usize) {
    let of = |grid: &Grid| measure(*grid, COILS, fftw, rounds);
    let (smooth, others) = (SMOOTH.each_ref().map(of), OTHERS.each_ref().map(of));
    let pixels = SMOOTH.map(|grid| grid.len() as f64);
    let work = pixels.map(|n| n * n.log2());

    println!("### Pixels, {COILS} coils, one thread\n");
    head("[ms]");
    for (grid, times) in SMOOTH.iter().zip(&smooth) {
        row(&grid.to_string(), &times.map(ms));
    }
    let of_pixels = fits(&pixels, &smooth);
    row("exponent of the pixels n", &of_pixels.map(|fit| exponent(fit.exponent)));
    row(
        "exponent of n log n",
        &fits(&work, &smooth).map(|fit| exponent(fit.exponent)),
    );
    println!();

    let per_pixel = |n: f64, times: &[f64; 4]| times.map(|t| number(1e9 * t / (n * n.log2())));
    head("[ns] / (n log₂ n)");
    for ((grid, times), n) in SMOOTH.iter().zip(&smooth).zip(pixels) {
        row(&grid.to_string(), &per_pixel(n, times));
    }
    println!();

    head("of other sizes, over the fit above");
    for (grid, times) in OTHERS.iter().zip(&others) {
        let n = grid.len() as f64;
        let mut cells = Vec::new();
        for (time, fit) in times.iter().zip(&of_pixels) {
            cells.push(format!("{} ms, {}", ms(*time), number(time / fit.at(n))));
        }
        row(&grid.to_string(), &cells);
    }
    println!();
}

fn coils(fftw: Option<&Fftw>, rounds: usize) {
    let times = MANY.map(|coils| measure(SQUARE, coils, fftw, rounds));
    let of = |from: usize| {
        let counts: Vec<f64> = MANY[from..].iter().map(|&coils| coils as f64).collect();
        fits(&counts, &times[from..])
    };
    println!("### Coils, {SQUARE}, one thread\n");
    head("[ms]");
    for (coils, times) in MANY.iter().zip(&times) {
        row(&coils.to_string(), &times.map(ms));
    }
    for (label, from) in [
        ("exponent, all", 0),
        ("exponent, 4 to 32 coils", 2),
        ("exponent, 16 to 32 coils", 4),
    ] {
        row(label, &of(from).map(|fit| exponent(fit.exponent)));
    }
    println!();
}

/// `factor · n^exponent`.
#[derive(Clone, Copy)]
struct Fit {
    exponent: f64,
    factor: f64,
}

impl Fit {
    /// Least squares in the logarithms, of what was timed.
    fn new(sizes: &[f64], times: &[f64]) -> Self {
        let points = sizes.iter().zip(times).filter(|(_, time)| time.is_finite());
        let points: Vec<(f64, f64)> = points.map(|(size, time)| (size.ln(), time.ln())).collect();
        let count = points.len() as f64;
        let (x, y) = points
            .iter()
            .fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
        let slope = |sums: (f64, f64), point: &(f64, f64)| {
            let (dx, dy) = (point.0 - x, point.1 - y);
            (sums.0 + dx * dy, sums.1 + dx * dx)
        };
        let (covariance, variance) = points.iter().fold((0.0, 0.0), slope);
        let exponent = covariance / variance;
        Self {
            exponent,
            factor: (y - exponent * x).exp(),
        }
    }

    fn at(&self, size: f64) -> f64 {
        self.factor * size.powf(self.exponent)
    }
}

/// One for each of [`COLUMNS`].
fn fits(sizes: &[f64], times: &[[f64; 4]]) -> [Fit; 4] {
    [0, 1, 2, 3].map(|column| {
        let times: Vec<f64> = times.iter().map(|row| row[column]).collect();
        Fit::new(sizes, &times)
    })
}

fn head(unit: &str) {
    row(unit, &COLUMNS.map(String::from));
    println!("|---|---|---|---|---|");
}

fn row(label: &str, cells: &[String]) {
    println!("| {label} | {} |", cells.join(" | "));
}

fn ms(seconds: f64) -> String {
    number(1e3 * seconds)
}

fn exponent(value: f64) -> String {
    if value.is_finite() {
        format!("**{value:.2}**")
    } else {
        String::new()
    }
}

/// Three digits; nothing for what was not timed.
fn number(value: f64) -> String {
    match value {
        _ if !value.is_finite() => String::new(),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
