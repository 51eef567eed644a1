//! How near an iteration is to what the machine can do: its parts beside FFTW, memory and arithmetic, as tables for
//! docs/performance.md, which says what they mean.
//!
//! `cargo bench -p pvdamp-benches --bench roofline -- [all] [ROWSxCOLSxCOILS …] [rounds=N]`

mod parts;
mod tables;
mod transforms;

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::solve::Problem;
use rayon::BroadcastContext;
use rayon::prelude::*;
use support::clock::{Clock, Work, interleave, pool};
use support::fftw::Fftw;
use support::{BRAIN, LARGE, SQUARE, Slice, machine, work};
use tables::Found;

const CASES: [(Grid, usize); 3] = [(SQUARE, 8), (BRAIN, 15), (LARGE, 16)];
const ACCELERATION: f64 = 5.0;
const ROUNDS: usize = 11;

/// Of a block as large as all maps, which threads share; and of one as large as a plane, of which each has its own.
const READ: &str = "read";
const COPY: &str = "copy";
const READ_PLANE: &str = "read a plane";
const COPY_PLANE: &str = "copy a plane";
/// So often a plane is read or copied.
const PASSES: usize = 64;
const ARITHMETIC: &str = "multiply and add";
/// So often all values are worked on where the arithmetic is timed.
const TURNS: usize = 10_000;

fn main() {
    let (asked, rounds) = support::asked(ROUNDS);
    let cases = CASES.iter().enumerate().filter(|(i, (grid, coils))| {
        let named = |word: &String| word == "all" || *word == format!("{grid}x{coils}");
        asked.iter().any(named) || (*i == 0 && asked.iter().all(|word| word.contains('=')))
    });
    let fftw = Fftw::load();
    if fftw.is_none() {
        println!("FFTW: skipped: no libfftw3f\n");
    }
    for (_, &(grid, coils)) in cases {
        Case::new(grid, coils).report(fftw.as_ref(), rounds);
    }
}

struct Case {
    grid: Grid,
    coils: usize,
    slice: Slice,
    problem: Arc<Problem<f32>>,
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
        let image: Vec<Complex<f32>> = self.slice.image.iter().copied().collect();
        let mut works = self.machine();
        if let Some(fftw) = fftw {
            works.push(transforms::fftw(fftw, self.grid, self.coils, &image));
        }
        works.extend([
            transforms::ours(self.grid, self.coils, &image),
            transforms::plain(self.grid, self.coils, &image),
            transforms::n_dimensional(self.grid, self.coils, &image),
        ]);
        works.extend(parts::works(&self.problem));
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
    /// combine; their local averages once; the samples four times (data, residual written, and read by adjoint and by
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
        let pairs = [0, 1].map(|_| Mutex::new((vec![1u64; self.grid.len()], vec![0u64; self.grid.len()])));
        let planes: Work = Box::new(move |clock| {
            let pair = |thread: BroadcastContext| pairs[thread.index()].lock().unwrap_or_else(|e| e.into_inner());
            clock.time(READ_PLANE, || {
                rayon::broadcast(|thread| {
                    let (from, _) = &*pair(thread);
                    (0..PASSES).for_each(|_| _ = black_box(machine::read(black_box(from))));
                })
            });
            clock.time(COPY_PLANE, || {
                rayon::broadcast(|thread| {
                    let (from, to) = &mut *pair(thread);
                    (0..PASSES).for_each(|_| black_box(&mut *to).copy_from_slice(black_box(from)));
                })
            });
        });
        let arithmetic: Work = Box::new(|clock| {
            let (a, b) = (black_box(0.999), black_box(0.001));
            let work = |_: BroadcastContext| {
                let mut values = [1.0; machine::VALUES];
                (0..TURNS).for_each(|_| machine::multiply_add(&mut values, a, b));
                black_box(values);
            };
            clock.time(ARITHMETIC, || rayon::broadcast(work));
        });
        vec![read, copy, planes, arithmetic]
    }
}
