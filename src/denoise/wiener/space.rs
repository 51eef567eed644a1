use num_complex::Complex;
use rayon::prelude::*;

use super::window::Window;
use crate::array::{Grid, Real, vectorised};
use crate::wavelet::{ATrous, Frame, Padded, Response, Wavelet};

/// Rows that one task works on. Two more are filtered for their neighbours' sake.
const STRIP: usize = 64;

/// Shrinkage in the undecimated frame of a wavelet of N taps, whose filters run over the image itself.
///
/// One scale after the other, and in it row by row: filters along the rows axis, along the columns axis, shrinkage, and
/// the adjoint along the columns axis are done with a row before the next. The adjoint along the rows axis waits until
/// the coarser scales have come back.
pub(super) struct InSpace<T, const N: usize> {
    grid: Grid,
    scales: Vec<Scale<T, N>>,
}

struct Scale<T, const N: usize> {
    filters: ATrous<T, N>,
    /// Variance in H, V and D of white noise of variance 1.
    gains: [f64; 3],
}

/// Of the real part, or of the imaginary part.
pub(super) struct Planes<T> {
    /// The low pass of one scale and that of the next, in turn.
    low: [Vec<T>; 2],
    levels: Vec<Level<T>>,
}

/// What a scale leaves for the way back.
struct Level<T> {
    /// V; then all that the low pass along the rows axis gave.
    low: Vec<T>,
    /// All that the high pass along the rows axis gave.
    high: Vec<T>,
}

impl<T: Real, const N: usize> InSpace<T, N> {
    /// `None` for a wavelet that has not N taps.
    pub(super) fn new(frame: &Frame<T>, scales: usize, wavelet: &Wavelet) -> Option<Self> {
        let of_scale = |scale: usize| {
            let bands = &frame.bands[3 * (scale - 1)..];
            Some(Scale {
                filters: ATrous::new(wavelet, scale)?,
                gains: std::array::from_fn(|band| Response::gain(&bands[band])),
            })
        };
        Some(Self {
            grid: frame.grid,
            scales: (1..=scales).map(of_scale).collect::<Option<_>>()?,
        })
    }

    pub(super) fn denoise(&self, image: &mut [Complex<T>], variance: f64, parts: &mut [Planes<T>; 2]) {
        let [re, im] = &mut *parts;
        for (pixel, (re, im)) in image.iter().zip(re.low[0].iter_mut().zip(&mut im.low[0])) {
            (*re, *im) = (pixel.re, pixel.im);
        }
        parts.par_iter_mut().for_each(|part| self.denoise_part(variance, part));
        let [re, im] = &*parts;
        for (pixel, (&re, &im)) in image.iter_mut().zip(re.low[0].iter().zip(&im.low[0])) {
            *pixel = Complex::new(re, im);
        }
    }

    fn denoise_part(&self, variance: f64, planes: &mut Planes<T>) {
        let Planes {
            low: [here, next],
            levels,
        } = planes;
        let (mut here, mut next) = (here, next);
        for (scale, level) in self.scales.iter().zip(&mut *levels) {
            scale.split(self.grid, variance, here, next, level);
            std::mem::swap(&mut here, &mut next);
        }
        for (scale, level) in self.scales.iter().zip(levels).rev() {
            scale.merge(self.grid, here, level, next);
            std::mem::swap(&mut here, &mut next);
        }
    }
}

impl<T: Real> Planes<T> {
    pub(super) fn new(grid: Grid, scales: usize) -> Self {
        let zeros = || vec![T::zero(); grid.len()];
        let level = |_| Level {
            low: zeros(),
            high: zeros(),
        };
        Self {
            low: [zeros(), zeros()],
            levels: (0..scales).map(level).collect(),
        }
    }
}

impl<T: Real, const N: usize> Scale<T, N> {
    /// The low pass of `plane`, and the shrunk bands.
    fn split(&self, grid: Grid, variance: f64, plane: &[T], low_pass: &mut [T], level: &mut Level<T>) {
        let noise = self.gains.map(|gain| T::of(variance * gain));
        let strip = STRIP * grid.cols;
        let rows = low_pass.par_chunks_mut(strip).zip(level.low.par_chunks_mut(strip));
        let strips = rows.zip(level.high.par_chunks_mut(strip)).enumerate();
        strips.for_each(|(number, ((low_pass, low), high))| {
            let mut lines = Lines::new(&self.filters, grid.cols);
            vectorised(
                #[inline(always)]
                || self.split_strip(grid, number * STRIP, noise, plane, &mut lines, [low_pass, low, high]),
            );
        });
    }

    #[inline(always)]
    fn split_strip(
        &self,
        grid: Grid,
        first: usize,
        noise: [T; 3],
        plane: &[T],
        lines: &mut Lines<T>,
        [low_pass, low, high]: [&mut [T]; 3],
    ) {
        let Grid { rows, cols } = grid;
        let filters = &self.filters;
        let Lines {
            split,
            merged,
            unused,
            windows: [h, v, d],
        } = lines;
        let height = low_pass.len() / cols;
        // One row before the first and one behind the last are neighbours only.
        for ahead in 0..height + 2 {
            let row = (first + rows - 1 + ahead) % rows;
            let [l, h_line] = &mut *split;
            filters.split_rows(plane, row, l.last(), h_line.last());
            l.continue_before();
            h_line.continue_before();
            let inside = (1..=height).contains(&ahead);
            let low_pass = if inside {
                &mut low_pass[(ahead - 1) * cols..ahead * cols]
            } else {
                &mut unused[..]
            };
            v.advance(
                #[inline(always)]
                |v| filters.split_cols(l, low_pass, v),
            );
            h.advance(
                #[inline(always)]
                |h| {
                    d.advance(
                        #[inline(always)]
                        |d| filters.split_cols(h_line, h, d),
                    )
                },
            );
            if ahead < 2 {
                continue;
            }
            let at = (ahead - 2) * cols..(ahead - 1) * cols;
            v.shrink(noise[1], &mut low[at.clone()]);
            let [h_merged, d_merged] = &mut *merged;
            h.shrink(noise[0], h_merged.first());
            d.shrink(noise[2], d_merged.first());
            h_merged.continue_behind();
            d_merged.continue_behind();
            filters.merge_cols(h_merged, d_merged, &mut high[at]);
        }
    }

    /// The adjoint of [`Self::split`]. Overwrites `level.low`.
    fn merge(&self, grid: Grid, low_pass: &[T], level: &mut Level<T>, plane: &mut [T]) {
        let Level { low, high } = level;
        let cols = grid.cols;
        let strip = STRIP * cols;
        let strips = low.par_chunks_mut(strip).zip(low_pass.par_chunks(strip));
        strips.for_each(|(low, low_pass)| {
            let mut lines = [self.filters.line(cols), self.filters.line(cols)];
            vectorised(
                #[inline(always)]
                || {
                    for (low, low_pass) in low.chunks_exact_mut(cols).zip(low_pass.chunks_exact(cols)) {
                        let [a, v] = &mut lines;
                        a.first().copy_from_slice(low_pass);
                        v.first().copy_from_slice(low);
                        a.continue_behind();
                        v.continue_behind();
                        self.filters.merge_cols(a, v, low);
                    }
                },
            );
        });
        let (low, high) = (&*low, &*high);
        plane.par_chunks_mut(strip).enumerate().for_each(|(number, plane)| {
            vectorised(
                #[inline(always)]
                || {
                    for (offset, out) in plane.chunks_exact_mut(cols).enumerate() {
                        self.filters.merge_rows(low, high, number * STRIP + offset, out);
                    }
                },
            );
        });
    }
}

/// Lines of one task.
struct Lines<T> {
    /// Low and high along the rows axis.
    split: [Padded<T>; 2],
    /// H and D, shrunk.
    merged: [Padded<T>; 2],
    unused: Vec<T>,
    /// Of H, V and D.
    windows: [Window<T>; 3],
}

impl<T: Real> Lines<T> {
    fn new<const N: usize>(filters: &ATrous<T, N>, cols: usize) -> Self {
        let lines = || [filters.line(cols), filters.line(cols)];
        Self {
            split: lines(),
            merged: lines(),
            unused: vec![T::zero(); cols],
            windows: std::array::from_fn(|_| Window::new(cols)),
        }
    }
}
