//! How near an iteration is to what the machine can do: its parts beside FFTW, memory and arithmetic, as tables for
//! docs/performance.md, which says what they mean.
//!
//! `cargo bench --bench roofline -- [all] [ROWSxCOLSxCOILS …] [rounds=N]`

mod support;

use std::hint::black_box;
use std::sync::Arc;

use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::denoise::{Workspace, soft_threshold, sure_threshold};
use pvdamp::fourier::Fourier;
use pvdamp::operator::Samples;
use pvdamp::solve::{PVdamp, Problem, Solver, StateEvolution, Tracked, Tuning};
use pvdamp::wavelet::{FilterBank, Layout, Pyramid, Transform};
use rayon::prelude::*;
use rustfft::FftPlanner;
use support::clock::{Clock, Work, interleave, pool};
use support::fftw::Fftw;
use support::work::{ESPIRIT, HOWL, HOWL_KINDS, ITERATION};
use support::{BRAIN, LARGE, SQUARE, Slice, machine, work};

const CASES: [(Grid, usize); 3] = [(SQUARE, 8), (BRAIN, 15), (LARGE, 16)];
const ACCELERATION: f64 = 5.0;
const ROUNDS: usize = 11;

const FFTW_ALL: &str = "FFTW, one plan for all coils";
const FFTW_ONE: &str = "FFTW, coil by coil";
const OURS: &str = "`Fourier`, centred and unitary";
const RUSTFFT: &str = "rustfft, rows and columns";

const READ: &str = "read";
const COPY: &str = "copy";
const ARITHMETIC: &str = "multiply and add";
const TURNS: usize = 10_000;

const RESIDUAL: &str = "residual `y − A x`";
const ADJOINT: &str = "adjoint `Aᴴ P⁻¹ z`";
const EVOLUTION: &str = "state evolution";
const WAVELET: &str = "wavelet, there and back";
const SHRINK: &str = "SURE and soft threshold";
const PARTS: [&str; 5] = [RESIDUAL, ADJOINT, EVOLUTION, WAVELET, SHRINK];

type Image = Vec<Complex<f32>>;

fn main() {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let rounds = asked.iter().find_map(|word| word.strip_prefix("rounds=")?.parse().ok());
    let cases = CASES.iter().enumerate().filter(|(i, (grid, coils))| {
        let named = |word: &String| word == "all" || *word == format!("{grid}x{coils}");
        asked.iter().any(named) || (*i == 0 && asked.iter().all(|word| word.contains('=')))
    });
    let fftw = Fftw::load();
    if fftw.is_none() {
        println!("FFTW: skipped: no libfftw3f\n");
    }
    for (_, &(grid, coils)) in cases {
        Case::new(grid, coils).report(fftw.as_ref(), rounds.unwrap_or(ROUNDS).max(1));
    }
}

struct Case {
    grid: Grid,
    coils: usize,
    slice: Slice,
    problem: Problem<f32>,
}

/// What was found: on one thread, and on two.
struct Found {
    one: Clock,
    two: Clock,
}

impl Case {
    fn new(grid: Grid, coils: usize) -> Self {
        let slice = Slice::new(grid, coils, ACCELERATION);
        Self {
            problem: slice.problem(),
            grid,
            coils,
            slice,
        }
    }

    fn report(&self, fftw: Option<&Fftw>, rounds: usize) {
        let image = self.slice.image.iter().copied().collect::<Image>();
        let mut works = self.machine();
        if let Some(fftw) = fftw {
            works.extend(with_fftw(fftw, self.grid, self.coils, &image));
        }
        works.extend([
            ours(self.grid, self.coils, &image),
            plain(self.grid, self.coils, &image),
        ]);
        works.extend(parts(&self.problem));
        works.extend([work::pvdamp(&self.problem), work::howl(&self.problem)]);
        works.push(work::maps(self.slice.kspace.view()));
        let clocks = interleave(rounds, &[pool(1), pool(2)], &mut works);
        let [one, two] = <[Clock; 2]>::try_from(clocks).unwrap_or_else(|_| unreachable!("two pools"));
        let found = Found { one, two };
        println!("### {}, {} coils\n", self.grid, self.coils);
        found.show(self);
    }

    fn values(&self) -> f64 {
        (self.coils * self.grid.len()) as f64
    }

    /// Of all Fourier transforms of an iteration, by the usual count for one of n values, 5 n log₂ n.
    fn operations(&self) -> f64 {
        2.0 * self.values() * 5.0 * (self.grid.len() as f64).log2()
    }

    /// That must come from memory or go there in an iteration [bytes]: the maps twice, once to encode and once to
    /// combine; their local averages once; the samples four times (data, residual written, residual read by adjoint and by
    /// state evolution); and images or pyramids twelve times. Planes of a coil stay in the cache.
    fn bytes(&self) -> f64 {
        let samples = (self.coils * self.problem.encoding.sampled().len()) as f64;
        size_of::<Complex<f32>>() as f64 * (3.0 * self.values() + 4.0 * samples + 12.0 * self.grid.len() as f64)
    }

    /// Size of the maps [bytes].
    fn stack(&self) -> f64 {
        size_of::<Complex<f32>>() as f64 * self.values()
    }

    /// Memory and arithmetic, on every thread.
    fn machine(&self) -> Vec<Work<'static>> {
        let words = self.coils * self.grid.len();
        let (values, mut copied) = (vec![1u64; words], vec![0u64; words]);
        let source = values.clone();
        // A thread's part.
        let part = move || words.div_ceil(rayon::current_num_threads());
        let read: Work = Box::new(move |clock| {
            clock.time(READ, || values.par_chunks(part()).map(machine::read).sum::<u64>());
        });
        let copy: Work = Box::new(move |clock| {
            let parts = copied.par_chunks_mut(part()).zip(source.par_chunks(part()));
            clock.time(COPY, || parts.for_each(|(to, from)| to.copy_from_slice(from)));
        });
        let arithmetic: Work = Box::new(|clock| {
            let (a, b) = (black_box(0.999), black_box(0.001));
            let work = |_: rayon::BroadcastContext| {
                let mut values = [1.0; machine::VALUES];
                (0..TURNS).for_each(|_| machine::multiply_add(&mut values, a, b));
                black_box(values);
            };
            clock.time(ARITHMETIC, || rayon::broadcast(work));
        });
        vec![read, copy, arithmetic]
    }
}

fn with_fftw<'a>(fftw: &'a Fftw, grid: Grid, coils: usize, image: &'a Image) -> Vec<Work<'a>> {
    let mut planes = fftw.planes(grid, coils);
    vec![Box::new(move |clock| {
        if rayon::current_num_threads() == 1 {
            planes.fill(image);
            clock.time(FFTW_ALL, || planes.at_once());
        }
        planes.fill(image);
        clock.time(FFTW_ONE, || planes.one_by_one());
    })]
}

fn ours(grid: Grid, coils: usize, image: &Image) -> Work<'_> {
    let fourier = Fourier::<f32>::new(grid);
    let mut stack = image.repeat(coils);
    Box::new(move |clock| {
        clock.time(OURS, || {
            let planes = stack.par_chunks_exact_mut(grid.len());
            planes.for_each_init(
                || fourier.scratch(),
                |scratch, plane| {
                    fourier.forward(plane, scratch);
                    fourier.inverse(plane, scratch);
                },
            );
        });
    })
}

/// The library below ours, used in the plainest way: not centred, not scaled, planes turned between rows and columns.
fn plain(grid: Grid, coils: usize, image: &Image) -> Work<'_> {
    let mut planner = FftPlanner::<f32>::new();
    let both = |n: usize, planner: &mut FftPlanner<f32>| [planner.plan_fft_forward(n), planner.plan_fft_inverse(n)];
    let (along_row, along_col) = (both(grid.cols, &mut planner), both(grid.rows, &mut planner));
    let zero = Complex::new(0.0, 0.0);
    let mut stack = image.repeat(coils);
    Box::new(move |clock| {
        stack
            .chunks_exact_mut(grid.len())
            .for_each(|plane| plane.copy_from_slice(image));
        clock.time(RUSTFFT, || {
            let planes = stack.par_chunks_exact_mut(grid.len());
            planes.for_each_init(
                || vec![zero; grid.len()],
                |turned, plane| {
                    for (rows, cols) in along_row.iter().zip(&along_col) {
                        rows.process(plane);
                        turn(plane, grid, turned);
                        cols.process(turned);
                        turn(turned, Grid::new(grid.cols, grid.rows), plane);
                    }
                },
            );
        });
    })
}

/// Transposes, tile by tile.
fn turn(from: &[Complex<f32>], grid: Grid, to: &mut [Complex<f32>]) {
    const TILE: usize = 16;
    for top in (0..grid.rows).step_by(TILE) {
        for left in (0..grid.cols).step_by(TILE) {
            for row in top..(top + TILE).min(grid.rows) {
                for col in left..(left + TILE).min(grid.cols) {
                    to[col * grid.rows + row] = from[row * grid.cols + col];
                }
            }
        }
    }
}

/// The parts of an iteration of P-VDAMP, each on what it meets halfway through a run.
fn parts(problem: &Problem<f32>) -> Vec<Work<'_>> {
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
    let layout = Arc::new(Layout::new(problem.encoding.grid(), tuning.scales));
    let evolution = StateEvolution::new(problem, &layout, tuning.wavelet);
    let transform = Transform::<f32>::new(&layout, FilterBank::of(tuning.wavelet));
    let mut turns = transform.workspace();
    let mut image = x.index_axis(ndarray::Axis(0), 0).to_owned();
    let mut w = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
    transform.analyse(image.view(), &mut w, &mut turns);
    let mut residual = Samples::zeros(problem.data.dim());
    problem.encoding.residual(&problem.data, &x, &mut residual);
    let z = residual.clone();

    let mut told = [tau.clone()];
    let update: Work = {
        let z = z.clone();
        Box::new(move |clock| clock.time(EVOLUTION, || evolution.update(&z, &mut told)))
    };
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
        Box::new(move |clock| clock.time(RESIDUAL, || problem.encoding.residual(&problem.data, &x, &mut residual))),
        Box::new(move |clock| {
            clock.time(ADJOINT, || {
                problem.encoding.adjoint(&z, Some(&problem.inverse_probability))
            });
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

impl Found {
    /// The yardstick [s]: whichever way of FFTW was faster on one thread; NaN where there is none.
    fn yardstick(&self) -> f64 {
        self.one.median(FFTW_ALL).min(self.one.median(FFTW_ONE))
    }

    fn show(&self, case: &Case) {
        self.show_transforms();
        self.show_parts();
        self.show_howl();
        self.show_machine(case);
        self.show_targets();
    }

    /// Median, least and spread on one thread, then `more`, then two threads; nothing where nothing was timed.
    fn row(&self, label: &str, name: &str, more: &[String]) {
        let Some(times) = self.one.times(name) else { return };
        let two = match self.two.times(name) {
            Some(two) => format!("{} | {:.2}", ms(two.median), times.median / two.median),
            None => "| ".into(),
        };
        let (median, least, spread) = (ms(times.median), ms(times.least), 100.0 * times.spread);
        let more: String = more.iter().map(|cell| format!("{cell} | ")).collect();
        println!("| {label} | {median} | {least} | {spread:.0} % | {more}{two} |");
    }

    fn over_yardstick(&self, seconds: f64) -> String {
        match seconds / self.yardstick() {
            ratio if ratio.is_finite() => format!("{ratio:.2}"),
            _ => String::new(),
        }
    }

    fn show_transforms(&self) {
        println!(
            "| the Fourier transforms of an iteration [ms] | median | least | spread | over FFTW | two threads | speed-up |"
        );
        println!("|---|---|---|---|---|---|---|");
        for name in [FFTW_ALL, FFTW_ONE, OURS, RUSTFFT] {
            self.row(name, name, &[self.over_yardstick(self.one.median(name))]);
        }
        println!();
    }

    fn show_parts(&self) {
        let whole = self.one.median(ITERATION);
        println!("| P-VDAMP [ms] | median | least | spread | over FFTW | of the iteration | two threads | speed-up |");
        println!("|---|---|---|---|---|---|---|---|");
        let more = |seconds: f64| {
            let share = format!("{:.0} %", 100.0 * seconds / whole);
            [self.over_yardstick(seconds), share]
        };
        self.row("**one iteration**", ITERATION, &more(whole));
        for name in PARTS {
            self.row(name, name, &more(self.one.median(name)));
        }
        let rest = |clock: &Clock| clock.median(ITERATION) - PARTS.iter().map(|name| clock.median(name)).sum::<f64>();
        let ([over, share], [one, two]) = (more(rest(&self.one)), [&self.one, &self.two].map(rest));
        println!(
            "| the rest (by difference) | {} | | | {over} | {share} | {} | |",
            ms(one),
            ms(two)
        );
        let more = [
            String::new(),
            format!("{:.1} iterations", self.one.median(ESPIRIT) / whole),
        ];
        self.row("ESPIRiT, 24×24 centre", ESPIRIT, &more);
        println!();
    }

    fn show_howl(&self) {
        println!("| HOWL [ms] | median | least | spread | over FFTW | two threads | speed-up |");
        println!("|---|---|---|---|---|---|---|");
        let more = |name: &str| [self.over_yardstick(self.one.median(name))];
        self.row("**one iteration, mean of 30**", HOWL, &more(HOWL));
        for name in HOWL_KINDS {
            self.row(name, name, &more(name));
        }
        println!();
    }

    fn show_machine(&self, case: &Case) {
        let billions = |work: f64, seconds: f64| work / seconds / 1e9;
        let operations = (TURNS * machine::VALUES * machine::OPERATIONS) as f64;
        let stack = case.stack();
        println!("| the machine | one thread | two threads |");
        println!("|---|---|---|");
        let rate =
            |label: &str, unit: &str, [one, two]: [f64; 2]| println!("| {label} | {one:.0} {unit} | {two:.0} {unit} |");
        let both = |rate: &dyn Fn(&Clock) -> f64| [rate(&self.one), rate(&self.two)];
        let size = stack / 1e6;
        rate(
            &format!("reading {size:.0} MB"),
            "GB/s",
            both(&|clock| billions(stack, clock.median(READ))),
        );
        rate(
            &format!("copying {size:.0} MB, read and written"),
            "GB/s",
            both(&|clock| billions(2.0 * stack, clock.median(COPY))),
        );
        let peak = [(1.0, &self.one), (2.0, &self.two)];
        let peak = peak.map(|(threads, clock)| billions(threads * operations, clock.median(ARITHMETIC)));
        rate("multiplying and adding in registers", "Gflop/s", peak);
        let fastest = [self.yardstick(), self.two.median(FFTW_ONE)];
        rate(
            "FFTW",
            "Gflop/s",
            fastest.map(|seconds| billions(case.operations(), seconds)),
        );
        println!();

        let least = [
            case.operations() / (peak[0] * 1e9),
            case.bytes() * self.one.median(READ) / stack,
        ];
        println!("| what an iteration must do | | at least [ms] | the iteration over it |");
        println!("|---|---|---|---|");
        let amounts = [
            format!("{:.3} Gflop of Fourier transforms", case.operations() / 1e9),
            format!("{:.1} MB to and from memory", case.bytes() / 1e6),
        ];
        let [arithmetic, memory] = ["by the arithmetic", "by the memory"];
        for ((name, amount), least) in [arithmetic, memory].iter().zip(amounts).zip(least) {
            println!(
                "| {name} | {amount} | {} | {:.1} |",
                ms(least),
                self.one.median(ITERATION) / least
            );
        }
        println!();
    }

    fn show_targets(&self) {
        println!("| | found | aimed at |");
        println!("|---|---|---|");
        let say = |label: &str, found: f64, aim: &str, met: bool| {
            if found.is_finite() {
                println!(
                    "| {label} | {found:.2} | {aim}{} |",
                    if met { "" } else { " (not met)" }
                );
            }
        };
        let at_most = |label: &str, found: f64, aim: f64| say(label, found, &format!("≤ {aim}"), found <= aim);
        let iteration = self.one.median(ITERATION);
        at_most("P-VDAMP iteration over FFTW", iteration / self.yardstick(), 1.5);
        let beside = [EVOLUTION, WAVELET, SHRINK]
            .iter()
            .map(|name| self.one.median(name))
            .sum::<f64>();
        at_most(
            "state evolution, wavelets and SURE, of the iteration",
            beside / iteration,
            0.3,
        );
        at_most(
            "HOWL iteration over FFTW",
            self.one.median(HOWL) / self.yardstick(),
            2.5,
        );
        at_most(
            "ESPIRiT over the P-VDAMP iteration",
            self.one.median(ESPIRIT) / iteration,
            15.0,
        );
        for name in [ITERATION, HOWL, ESPIRIT] {
            let gain = self.one.median(name) / self.two.median(name);
            say(&format!("{name}, two threads over one"), gain, "≥ 1.8", gain >= 1.8);
        }
        println!();
    }
}

fn ms(seconds: f64) -> String {
    let value = 1e3 * seconds;
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
