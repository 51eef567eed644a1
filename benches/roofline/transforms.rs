//! The Fourier transforms of an iteration: of every coil, there and back.

use ndarray::Array3;
use ndrustfft::{FftHandler, ndfft, ndfft_par, ndifft, ndifft_par};
use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;
use rayon::prelude::*;
use rustfft::FftPlanner;

use support::clock::Work;
use support::fftw::Fftw;

pub const FFTW_ALL: &str = "FFTW, one plan for all coils";
pub const FFTW_ONE: &str = "FFTW, coil by coil";
pub const OURS: &str = "`Fourier`, centred and unitary";
pub const RUSTFFT: &str = "rustfft, rows and columns";
pub const NDRUSTFFT: &str = "ndrustfft, axis by axis";

/// Both ways where there is one thread, else the one that threads can share.
pub fn fftw<'a>(fftw: &'a Fftw, grid: Grid, coils: usize, image: &'a [Complex<f32>]) -> Work<'a> {
    let mut planes = fftw.planes(grid, coils);
    Box::new(move |clock| {
        if rayon::current_num_threads() == 1 {
            planes.fill(image);
            clock.time(FFTW_ALL, || planes.at_once());
        }
        planes.fill(image);
        clock.time(FFTW_ONE, || planes.one_by_one());
    })
}

pub fn ours(grid: Grid, coils: usize, image: &[Complex<f32>]) -> Work<'_> {
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
pub fn plain(grid: Grid, coils: usize, image: &[Complex<f32>]) -> Work<'_> {
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

/// An n-dimensional transform of a library, over rustfft: not centred, its inverse scaled.
pub fn n_dimensional(grid: Grid, coils: usize, image: &[Complex<f32>]) -> Work<'_> {
    let along = [grid.rows, grid.cols].map(FftHandler::<f32>::new);
    let dim = (coils, grid.rows, grid.cols);
    let mut stack = Array3::from_elem(dim, Complex::new(0.0, 0.0));
    let mut turned = stack.clone();
    Box::new(move |clock| {
        for mut plane in stack.outer_iter_mut() {
            plane.iter_mut().zip(image).for_each(|(v, x)| *v = *x);
        }
        let many = rayon::current_num_threads() > 1;
        let [forward, inverse] = if many { [ndfft_par, ndifft_par] } else { [ndfft, ndifft] };
        clock.time(NDRUSTFFT, || {
            forward(&stack, &mut turned, &along[1], 2);
            forward(&turned, &mut stack, &along[0], 1);
            inverse(&stack, &mut turned, &along[0], 1);
            inverse(&turned, &mut stack, &along[1], 2);
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
