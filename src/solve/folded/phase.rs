use std::f64::consts::PI;

use ndarray::Axis;
use num_complex::Complex;

use crate::array::{Grid, ImageSets, Real};
use crate::fourier::Fourier;
use crate::sampling;
use crate::solve::Problem;

/// Samples from the origin that the first estimate of the phase looks at, at most.
const NEAR: usize = 12;
/// Samples from the origin that the phase of an iterate is judged by.
const FAR: usize = 20;

/// The phase of the image that the centre of k-space shows, as unit numbers; `(sets, rows, cols)`.
///
/// Times its conjugate, the image is nearly real (Samsonov et al. 2010, Bydder & Robson 2005): what is left in the
/// imaginary part is mostly noise. The window is a cosine as wide as the sampled centre.
pub(in crate::solve) fn of_centre<T: Real>(problem: &Problem<T>) -> ImageSets<T> {
    unit(low_resolution(problem))
}

/// The image that the sampled centre of k-space shows, `(sets, rows, cols)`; 0 where there is none.
pub(in crate::solve) fn low_resolution<T: Real>(problem: &Problem<T>) -> ImageSets<T> {
    let encoding = &problem.encoding;
    let grid = encoding.grid();
    let centre = sampling::sampled_centre(&encoding.mask());
    let reach = |sampled: usize| (sampled / 2).clamp(1, NEAR);
    let window = Window {
        rows: cosine(grid.rows, reach(centre.rows), 1),
        cols: cosine(grid.cols, reach(centre.cols), 1),
    };
    let weights: Vec<T> = encoding
        .sampled()
        .iter()
        .map(|&at| T::of(window.at(at as usize, grid)))
        .collect();
    encoding.adjoint(&problem.data, Some(&weights))
}

/// The slow part of the phase of `x`, as unit numbers.
pub(in crate::solve) fn of_image<T: Real>(x: &ImageSets<T>, fourier: &Fourier<T>) -> ImageSets<T> {
    let grid = fourier.grid();
    let window = Window {
        rows: cosine(grid.rows, FAR, 2),
        cols: cosine(grid.cols, FAR, 2),
    };
    let mut slow = x.as_standard_layout().into_owned();
    let mut scratch = fourier.scratch();
    for mut image in slow.axis_iter_mut(Axis(0)) {
        let plane = image.as_slice_mut().expect("standard layout");
        fourier.forward(plane, &mut scratch);
        for (line, row) in plane.chunks_exact_mut(grid.cols).zip(&window.rows) {
            let weights = window.cols.iter().map(|col| T::of(row * col));
            line.iter_mut()
                .zip(weights)
                .for_each(|(value, weight)| *value *= weight);
        }
        fourier.inverse(plane, &mut scratch);
    }
    unit(slow)
}

struct Window {
    rows: Vec<f64>,
    cols: Vec<f64>,
}

impl Window {
    fn at(&self, index: usize, grid: Grid) -> f64 {
        self.rows[index / grid.cols] * self.cols[index % grid.cols]
    }
}

/// `cos(πk / 2w)` to the given power for `|k| < w`, 0 beyond; k from the origin in the centre.
fn cosine(n: usize, w: usize, power: i32) -> Vec<f64> {
    let of_index = |index: usize| {
        let k = index.abs_diff(n / 2);
        if k < w {
            (PI * k as f64 / (2.0 * w as f64)).cos().powi(power)
        } else {
            0.0
        }
    };
    (0..n).map(of_index).collect()
}

/// Each value over its magnitude; 1 where that is 0.
fn unit<T: Real>(values: ImageSets<T>) -> ImageSets<T> {
    values.mapv_into(|v| {
        // In double precision no square is too large or too small.
        let (re, im) = (v.re.wide(), v.im.wide());
        let norm = T::of((re * re + im * im).sqrt());
        if norm > T::min_positive_value() {
            v / norm
        } else {
            Complex::new(T::one(), T::zero())
        }
    })
}
