use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use super::{Real, vectorised};

/// Folds a stack `(coils, rows, cols)` over its coils, at each location by itself; returns `(rows, cols)`.
///
/// Every location begins with `start`; `add` then gets the values of the coils in their order.
pub fn over_coils<T: Real, V: Clone>(
    stack: ArrayView3<Complex<T>>,
    start: V,
    add: impl Fn(&mut V, Complex<T>),
) -> Array2<V> {
    let (_, rows, cols) = stack.dim();
    let mut found = vec![start; rows * cols];
    for plane in stack.outer_iter() {
        let plane = plane.as_standard_layout();
        let values = plane.as_slice().expect("standard layout");
        vectorised(
            #[inline(always)]
            || {
                found.iter_mut().zip(values).for_each(
                    #[inline(always)]
                    |(found, &value)| add(found, value),
                )
            },
        );
    }
    Array2::from_shape_vec((rows, cols), found).expect("a value for each location")
}

/// The energy of a stack `(coils, rows, cols)` at each location, `Σ_c |x_c|²`, summed in f64; returns `(rows, cols)`.
pub fn energy_over_coils<T: Real>(stack: ArrayView3<Complex<T>>) -> Array2<f64> {
    over_coils(
        stack,
        0.0,
        #[inline(always)]
        |sum: &mut f64, v| *sum += v.re.wide() * v.re.wide() + v.im.wide() * v.im.wide(),
    )
}
