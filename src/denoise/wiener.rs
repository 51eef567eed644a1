use num_complex::Complex;
use rayon::prelude::*;

use crate::array::{Grid, Real};
use crate::fourier::{Fourier, Scratch};
use crate::wavelet::{Frame, Response};

/// Local Wiener shrinkage in a tight frame (Mihçak, Kozintsev, Ramchandran 1999), of real and imaginary part apart.
///
/// A coefficient's part is multiplied by `max(1 − s² w_b / E, 0)`, with `E` the mean energy of that part over the 3×3
/// coefficients around it (around the edges), `w_b` the gain of the band and `s²` the variance of white noise in the
/// part. The low pass stays as it is.
pub struct LocalWiener<T: Real> {
    frame: Frame<T>,
    gains: Vec<f64>,
}

/// Buffers of [`LocalWiener`], for any frame on the same grid.
pub struct WienerWorkspace<T> {
    spectrum: Vec<Complex<T>>,
    scratch: Scratch<T>,
    /// One for each band that is worked on at the same time.
    tasks: Vec<Task<T>>,
}

struct Task<T> {
    plane: Vec<Complex<T>>,
    shrunk: Vec<Complex<T>>,
    /// `(re², im²)` summed over three rows, with one more column on both sides.
    energy: Vec<Complex<T>>,
    scratch: Scratch<T>,
}

impl<T: Real> LocalWiener<T> {
    pub fn new(frame: Frame<T>) -> Self {
        let gains = frame.bands.iter().map(Response::gain).collect();
        Self { frame, gains }
    }

    pub fn frame(&self) -> &Frame<T> {
        &self.frame
    }

    /// Denoises `image`, row-major and of the frame's grid. `variance` is s².
    pub fn denoise(
        &self,
        image: &mut [Complex<T>],
        variance: f64,
        fourier: &Fourier<T>,
        work: &mut WienerWorkspace<T>,
    ) {
        let Some((low_pass, details)) = self.frame.bands.split_last() else {
            return;
        };
        let WienerWorkspace {
            spectrum,
            scratch,
            tasks,
        } = work;
        fourier.forward(image, scratch);
        spectrum.copy_from_slice(image);
        low_pass.apply(spectrum, image);
        low_pass.apply_adjoint(image);

        let Grid { cols, .. } = self.frame.grid;
        let at_once = tasks.len();
        for (bands, gains) in details.chunks(at_once).zip(self.gains.chunks(at_once)) {
            let work = bands.par_iter().zip(gains).zip(tasks.par_iter_mut());
            work.for_each(|((band, gain), task)| task.shrink(band, T::of(variance * gain), fourier, spectrum));
            // Each frequency adds the bands in their order, whatever the number of threads.
            image.par_chunks_mut(cols).enumerate().for_each(|(row, sum)| {
                for task in &tasks[..bands.len()] {
                    let line = &task.shrunk[row * cols..(row + 1) * cols];
                    sum.iter_mut().zip(line).for_each(|(sum, v)| *sum += v);
                }
            });
        }
        fourier.inverse(image, scratch);
    }
}

impl<T: Real> WienerWorkspace<T> {
    pub fn new(fourier: &Fourier<T>) -> Self {
        let zeros = |len| vec![Complex::new(T::zero(), T::zero()); len];
        let grid = fourier.grid();
        let task = || Task {
            plane: zeros(grid.len()),
            shrunk: zeros(grid.len()),
            energy: zeros(grid.cols + 2),
            scratch: fourier.scratch(),
        };
        Self {
            spectrum: zeros(grid.len()),
            scratch: fourier.scratch(),
            tasks: (0..rayon::current_num_threads()).map(|_| task()).collect(),
        }
    }
}

impl<T: Real> Task<T> {
    /// One band: filtered, shrunk, and filtered again by the adjoint, as a spectrum in `self.shrunk`.
    fn shrink(&mut self, band: &Response<T>, variance: T, fourier: &Fourier<T>, spectrum: &[Complex<T>]) {
        band.apply(spectrum, &mut self.plane);
        fourier.inverse(&mut self.plane, &mut self.scratch);
        shrink_plane(&self.plane, variance, &mut self.energy, &mut self.shrunk);
        fourier.forward(&mut self.shrunk, &mut self.scratch);
        band.apply_adjoint(&mut self.shrunk);
    }
}

fn shrink_plane<T: Real>(plane: &[Complex<T>], variance: T, energy: &mut [Complex<T>], out: &mut [Complex<T>]) {
    let cols = energy.len() - 2;
    let rows = plane.len() / cols;
    let line = |row: usize| &plane[row * cols..(row + 1) * cols];
    // The energy below is a sum over nine.
    let variance = variance * T::of(9.0);
    for (row, out) in out.chunks_exact_mut(cols).enumerate() {
        let (above, here, below) = (line((row + rows - 1) % rows), line(row), line((row + 1) % rows));
        let lines = above.iter().zip(here).zip(below);
        for (sum, ((a, b), c)) in energy[1..=cols].iter_mut().zip(lines) {
            *sum = Complex::new(
                a.re * a.re + b.re * b.re + c.re * c.re,
                a.im * a.im + b.im * b.im + c.im * c.im,
            );
        }
        energy[0] = energy[cols];
        energy[cols + 1] = energy[1];
        for ((out, v), e) in out.iter_mut().zip(here).zip(energy.windows(3)) {
            let around = e[0] + e[1] + e[2];
            *out = Complex::new(
                v.re * wiener_gain(variance, around.re),
                v.im * wiener_gain(variance, around.im),
            );
        }
    }
}

/// `max(1 − noise/energy, 0)`.
#[inline]
fn wiener_gain<T: Real>(noise: T, energy: T) -> T {
    // Without noise and signal the gain does not matter, and 0/0 must not appear.
    (energy - noise).max(T::zero()) / energy.max(T::min_positive_value())
}
