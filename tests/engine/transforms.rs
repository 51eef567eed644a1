//! The Fourier transform against an independent n-dimensional one, ndrustfft, at any size.

use ndarray::{Array2, Axis, concatenate};
use ndrustfft::{FftHandler, ndfft, ndifft};
use num_complex::Complex;
use pvdamp::array::{Grid, Real};
use pvdamp::fourier::Fourier;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type C64 = Complex<f64>;

/// Powers of two, small radices, odd primes with a kernel of their own, and larger ones, which rustfft takes.
const GRIDS: [Grid; 14] = [
    Grid::new(1, 1),
    Grid::new(1, 64),
    Grid::new(2, 3),
    Grid::new(17, 1),
    Grid::new(16, 16),
    Grid::new(40, 48),
    Grid::new(61, 59),
    Grid::new(67, 35),
    Grid::new(128, 127),
    Grid::new(230, 180),
    Grid::new(256, 256),
    Grid::new(320, 161),
    Grid::new(372, 31),
    Grid::new(640, 368),
];

/// Turns an axis of n values by `by`.
fn rolled(x: &Array2<C64>, axis: usize, by: usize) -> Array2<C64> {
    let (head, tail) = x.view().split_at(Axis(axis), by);
    concatenate(Axis(axis), &[tail, head]).unwrap()
}

/// Centred and unitary, by ndrustfft: the origin at n / 2 goes to 0 and back.
fn reference(x: &Array2<C64>, forward: bool) -> Array2<C64> {
    let (rows, cols) = x.dim();
    let mut from = rolled(&rolled(x, 0, rows / 2), 1, cols / 2);
    let mut to = from.clone();
    for (axis, n) in [(0, rows), (1, cols)] {
        let handler = FftHandler::<f64>::new(n);
        if forward {
            ndfft(&from, &mut to, &handler, axis);
        } else {
            ndifft(&from, &mut to, &handler, axis);
        }
        std::mem::swap(&mut from, &mut to);
    }
    let root = ((rows * cols) as f64).sqrt();
    let unitary = from.mapv_into(|v| if forward { v / root } else { v * root });
    rolled(&rolled(&unitary, 0, rows.div_ceil(2)), 1, cols.div_ceil(2))
}

/// Largest error over the root mean square.
fn distance<T: Real>(grid: Grid, forward: bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(grid.len() as u64);
    let mut part = || rng.random::<f64>() - 0.5;
    let x = Array2::from_shape_simple_fn(grid.dim(), || C64::new(part(), part()));
    let fourier = Fourier::<T>::new(grid);
    let mut plane: Vec<Complex<T>> = x.iter().map(|v| Complex::new(T::of(v.re), T::of(v.im))).collect();
    let mut scratch = fourier.scratch();
    if forward {
        fourier.forward(&mut plane, &mut scratch);
    } else {
        fourier.inverse(&mut plane, &mut scratch);
    }
    let expected = reference(&x, forward);
    let power = expected.iter().map(|v| v.norm_sqr()).sum::<f64>() / grid.len() as f64;
    let errors = plane.iter().zip(&expected);
    let largest = errors.map(|(v, e)| (C64::new(v.re.wide(), v.im.wide()) - e).norm());
    largest.fold(0.0, f64::max) / power.sqrt()
}

#[test]
fn it_is_the_n_dimensional_transform_centred_and_unitary() {
    for grid in GRIDS {
        for forward in [true, false] {
            let (double, single) = (distance::<f64>(grid, forward), distance::<f32>(grid, forward));
            assert!(double < 1e-13, "{grid}: {double:e}");
            assert!(single < 5e-6, "{grid}: {single:e}");
        }
    }
}
