use num_complex::Complex;
use rayon::prelude::*;

use super::window::Window;
use crate::array::{Real, vectorised};
use crate::fourier::{Fourier, Scratch};
use crate::wavelet::{Frame, Response};

/// Rows that one task adds up.
const STRIP: usize = 16;

/// Shrinkage in any frame, whose responses are met in k-space: two Fourier transforms a band.
pub(super) struct InFrequency<T> {
    frame: Frame<T>,
    gains: Vec<f64>,
}

pub(super) struct Buffers<T> {
    spectrum: Vec<Complex<T>>,
    scratch: Scratch<T>,
    /// One for each band that is worked on at the same time.
    tasks: Vec<Task<T>>,
}

struct Task<T> {
    plane: Vec<Complex<T>>,
    shrunk: Vec<Complex<T>>,
    /// Of the real part and of the imaginary part, and a line of each.
    windows: [Window<T>; 2],
    lines: [Vec<T>; 2],
    scratch: Scratch<T>,
}

impl<T: Real> InFrequency<T> {
    pub fn new(frame: Frame<T>) -> Self {
        let gains = frame.bands.iter().map(Response::gain).collect();
        Self { frame, gains }
    }

    pub fn denoise(&self, image: &mut [Complex<T>], variance: f64, fourier: &Fourier<T>, buffers: &mut Buffers<T>) {
        let Some((low_pass, details)) = self.frame.bands.split_last() else {
            return;
        };
        let Buffers {
            spectrum,
            scratch,
            tasks,
        } = buffers;
        fourier.forward(image, scratch);
        spectrum.copy_from_slice(image);
        image.fill(Complex::new(T::zero(), T::zero()));
        let plane = &mut tasks[0].plane;
        low_pass.apply(spectrum, plane);
        let cols = self.frame.grid.cols;
        let strip = STRIP * cols;
        add_adjoint(low_pass, plane, 0, image, cols);

        let at_once = tasks.len();
        for (bands, gains) in details.chunks(at_once).zip(self.gains.chunks(at_once)) {
            let work = bands.par_iter().zip(gains).zip(tasks.par_iter_mut());
            work.for_each(|((band, gain), task)| task.shrink(band, T::of(variance * gain), fourier, spectrum));
            // Each frequency adds the bands in their order, whatever the number of threads.
            image.par_chunks_mut(strip).enumerate().for_each(|(number, sum)| {
                for (band, task) in bands.iter().zip(&*tasks) {
                    add_adjoint(band, &task.shrunk, number * STRIP, sum, cols);
                }
            });
        }
        fourier.inverse(image, scratch);
    }
}

/// `sum += conj(G) · plane`, in the rows from `first` on.
fn add_adjoint<T: Real>(band: &Response<T>, plane: &[Complex<T>], first: usize, sum: &mut [Complex<T>], cols: usize) {
    vectorised(
        #[inline(always)]
        || {
            for (row, sum) in (first..).zip(sum.chunks_exact_mut(cols)) {
                band.add_adjoint(row, &plane[row * cols..(row + 1) * cols], sum);
            }
        },
    );
}

impl<T: Real> Buffers<T> {
    /// For frames of at most `bands` bands.
    pub fn new(fourier: &Fourier<T>, bands: usize) -> Self {
        let grid = fourier.grid();
        let zeros = || vec![Complex::new(T::zero(), T::zero()); grid.len()];
        let task = |_| Task {
            plane: zeros(),
            shrunk: zeros(),
            windows: std::array::from_fn(|_| Window::new(grid.cols)),
            lines: std::array::from_fn(|_| vec![T::zero(); grid.cols]),
            scratch: fourier.scratch(),
        };
        Self {
            spectrum: zeros(),
            scratch: fourier.scratch(),
            tasks: (0..rayon::current_num_threads().min(bands)).map(task).collect(),
        }
    }
}

impl<T: Real> Task<T> {
    /// One band: filtered, and shrunk, as a spectrum in the rows of `self.shrunk` where the band is.
    fn shrink(&mut self, band: &Response<T>, noise: T, fourier: &Fourier<T>, spectrum: &[Complex<T>]) {
        band.apply(spectrum, &mut self.plane);
        fourier.inverse_of(band.cols(), &mut self.plane, &mut self.scratch);
        vectorised(
            #[inline(always)]
            || self.shrink_plane(noise),
        );
        fourier.forward_to(band.rows(), &mut self.shrunk, &mut self.scratch);
    }

    #[inline(always)]
    fn shrink_plane(&mut self, noise: T) {
        let [re, im] = &mut self.windows;
        let [re_line, im_line] = &mut self.lines;
        let cols = re_line.len();
        let rows = self.plane.len() / cols;
        for ahead in 0..rows + 2 {
            let row = (ahead + rows - 1) % rows;
            let line = &self.plane[row * cols..(row + 1) * cols];
            re.advance(
                #[inline(always)]
                |values| values.iter_mut().zip(line).for_each(|(to, v)| *to = v.re),
            );
            im.advance(
                #[inline(always)]
                |values| values.iter_mut().zip(line).for_each(|(to, v)| *to = v.im),
            );
            if ahead < 2 {
                continue;
            }
            re.shrink(noise, re_line);
            im.shrink(noise, im_line);
            let out = &mut self.shrunk[(ahead - 2) * cols..(ahead - 1) * cols];
            for (out, (&re, &im)) in out.iter_mut().zip(re_line.iter().zip(&*im_line)) {
                *out = Complex::new(re, im);
            }
        }
    }
}
