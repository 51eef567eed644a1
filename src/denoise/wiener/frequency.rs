use num_complex::Complex;
use rayon::prelude::*;

use super::band::Band;
use super::window::Energies;
use crate::array::{LANES, Real, vectorised};
use crate::fourier::{Along, Direction, Fourier, Panels, Scratch};
use crate::wavelet::{Frame, Response};

/// Shrinkage in any frame, whose filters are applied in k-space: two Fourier transforms a band.
///
/// The spectrum stays in panels of columns. A band goes from there along the columns and along the rows to the image,
/// row-major for the shrinkage, and back along the rows and along the columns, skipping columns where it is 0.
pub(super) struct InFrequency<T> {
    /// And the gain of each.
    details: Vec<(Band<T>, f64)>,
    /// `|G|²` and what the transforms of the other bands scale by.
    low_pass: Option<Band<T>>,
}

pub(super) struct Buffers<T> {
    spectrum: Panels<T>,
    sum: Panels<T>,
    scratch: Scratch<T>,
    /// One for each band that is worked on at the same time.
    tasks: Vec<Task<T>>,
}

struct Task<T> {
    /// The band in space, as strips of rows.
    band: Panels<T>,
    /// One strip, shrunk.
    shrunk: Panels<T>,
    /// Of the real part and of the imaginary part.
    energies: [Energies<T>; 2],
    /// Where the spectrum of the band is in the end.
    scratch: Scratch<T>,
}

impl<T: Real> InFrequency<T> {
    pub(super) fn new(frame: &Frame<T>, fourier: &Fourier<T>) -> Self {
        let (low_pass, details) = frame.bands.split_last().unzip();
        let detail = |response: &Response<T>| (Band::new(fourier, |row, col| response.at(row, col)), response.gain());
        let pixels = T::of(frame.grid.len() as f64);
        let square = |v: Complex<T>| Complex::new((v.re * v.re + v.im * v.im) * pixels, T::zero());
        Self {
            details: details.unwrap_or_default().iter().map(detail).collect(),
            low_pass: low_pass.map(|response| Band::new(fourier, |row, col| square(response.at(row, col)))),
        }
    }

    pub(super) fn denoise(
        &self,
        image: &mut [Complex<T>],
        variance: f64,
        fourier: &Fourier<T>,
        buffers: &mut Buffers<T>,
    ) {
        let Some(low_pass) = &self.low_pass else {
            return;
        };
        let Buffers {
            spectrum,
            sum,
            scratch,
            tasks,
        } = buffers;
        let (groups, rows) = (fourier.groups(Along::Columns), fourier.length(Along::Columns));
        let order = fourier.in_order(Along::Columns);
        fourier.forward(image, scratch);
        // Bands are transformed there and back without scale: half of it is here, half of it at the end.
        image.iter_mut().for_each(|v| *v *= fourier.scale());
        fourier.load(image, spectrum);
        (0..groups).for_each(|group| low_pass.apply(group, spectrum.group(group, rows), sum.group_mut(group, rows)));

        let at_once = tasks.len();
        for bands in self.details.chunks(at_once) {
            let work = bands.par_iter().zip(tasks.par_iter_mut());
            work.for_each(|((band, gain), task)| task.shrink(band, T::of(variance * gain), fourier, spectrum));
            // Each frequency adds the bands in their order, whatever the number of threads.
            let parts = sum
                .re
                .par_chunks_mut(rows * LANES)
                .zip(sum.im.par_chunks_mut(rows * LANES));
            parts.take(groups).enumerate().for_each(|(group, (re, im))| {
                for ((band, _), task) in bands.iter().zip(&*tasks) {
                    let values = task.scratch.panels.group(group, rows);
                    band.add_adjoint(group, values, order, (&mut *re, &mut *im));
                }
            });
        }
        fourier.store(sum, fourier.scale(), image);
        fourier.inverse(image, scratch);
    }
}

impl<T: Real> Buffers<T> {
    /// For frames of at most `bands` bands.
    pub(super) fn new(fourier: &Fourier<T>, bands: usize) -> Self {
        let task = |_| Task {
            band: Panels::zeros(fourier.groups(Along::Rows) * fourier.pitch()),
            shrunk: Panels::zeros(fourier.pitch()),
            energies: std::array::from_fn(|_| Energies::new(fourier.grid().cols)),
            scratch: fourier.scratch(),
        };
        Self {
            spectrum: fourier.panels(),
            sum: fourier.panels(),
            scratch: fourier.scratch(),
            tasks: (0..rayon::current_num_threads().min(bands)).map(task).collect(),
        }
    }
}

impl<T: Real> Task<T> {
    /// One band: filtered, and shrunk, as a spectrum in `self.scratch.panels`.
    fn shrink(&mut self, band: &Band<T>, noise: T, fourier: &Fourier<T>, spectrum: &Panels<T>) {
        let scratch = &mut self.scratch;
        let rows = fourier.length(Along::Columns);
        let cols = band.groups();
        for group in 0..fourier.groups(Along::Columns) {
            if cols.contains(&group) {
                band.apply(group, spectrum.group(group, rows), scratch.block.group_mut(0, rows));
                fourier.first(Along::Columns, Direction::Inverse, group, scratch);
            } else {
                fourier.first_of_zeros(Along::Columns, group, scratch);
            }
        }
        for group in 0..fourier.groups(Along::Rows) {
            let (re, im) = scratch.panels.group_mut(group, fourier.length(Along::Rows));
            fourier.run(Along::Rows, Direction::Inverse, re, im);
            let (re, im) = self.band.group_mut(group, fourier.pitch());
            fourier.unload_rows(group, &scratch.panels, re, im);
        }
        for group in 0..fourier.groups(Along::Rows) {
            vectorised(
                #[inline(always)]
                || self.shrink_strip(group, noise, fourier),
            );
            fourier.load_rows(&self.shrunk.re, &self.shrunk.im, &mut self.scratch.block);
            fourier.first_to(Along::Rows, Direction::Forward, group, cols.clone(), &mut self.scratch);
        }
        for group in cols {
            let (re, im) = self.scratch.panels.group_mut(group, rows);
            fourier.run(Along::Columns, Direction::Forward, re, im);
        }
    }

    /// A strip of rows. To be called for one after the other, from the first.
    #[inline(always)]
    fn shrink_strip(&mut self, strip: usize, noise: T, fourier: &Fourier<T>) {
        let (cols, pitch) = (fourier.length(Along::Rows), fourier.pitch());
        let rows = fourier.length(Along::Columns);
        let first = strip * LANES;
        let parts = [
            (&*self.band.re, &mut *self.shrunk.re),
            (&*self.band.im, &mut *self.shrunk.im),
        ];
        for ((from, to), energies) in parts.into_iter().zip(&mut self.energies) {
            let line = |row: usize| &from[row * pitch..][..cols];
            if first == 0 {
                energies.advance(line(rows - 1));
                energies.advance(line(0));
            }
            for (row, out) in (first..rows).zip(to.chunks_exact_mut(pitch)) {
                energies.advance(line((row + 1) % rows));
                energies.shrink(noise, line(row), &mut out[..cols]);
            }
        }
    }
}
