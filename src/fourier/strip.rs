//! Rows between panels and planes.
//!
//! A strip is a group of [`LANES`] rows, row-major, [`Fourier::pitch`] values from one to the next, real and imaginary
//! parts apart. Where the grid ends within it, what is in the rows below does not matter.

use super::{Along, Fourier, Panels};
use crate::array::{LANES, Real, transpose};

impl<T: Real> Fourier<T> {
    /// Distance from one row of a strip to the next, in values: the columns, rounded up to a multiple of [`LANES`].
    pub fn pitch(&self) -> usize {
        self.grid.cols.next_multiple_of(LANES)
    }

    /// Copies a group of rows that was transformed along the rows from panels to a strip, in the order of the columns.
    /// Not scaled. `re` and `im` have room for [`LANES`] rows.
    pub fn unload_rows(&self, group: usize, panels: &Panels<T>, re: &mut [T], im: &mut [T]) {
        let exit = &self.line(Along::Rows).exit;
        let count = LANES.min(self.grid.rows - group * LANES);
        let places: [u32; LANES] = std::array::from_fn(|row| (row * exit.len() / LANES) as u32);
        let (from_re, from_im) = panels.group(group, self.grid.cols);
        transpose(from_re, exit, re, 1, &places[..count]);
        transpose(from_im, exit, im, 1, &places[..count]);
    }

    /// Copies a strip into `block`, in the order that the transform along the rows takes.
    pub fn load_rows(&self, re: &[T], im: &[T], block: &mut Panels<T>) {
        let vectors = self.pitch() / LANES;
        for (vector, places) in self.entry(Along::Rows).chunks(LANES).enumerate() {
            let lines: [u32; LANES] = std::array::from_fn(|row| (row * vectors + vector) as u32);
            transpose(re, &lines, &mut block.re, 1, places);
            transpose(im, &lines, &mut block.im, 1, places);
        }
    }
}
