use num_complex::Complex;

use crate::array::{Aligned, LANES, Real, vectorised};

/// Complex values in groups of [`LANES`] lines, real and imaginary parts apart: value t of line l is number
/// `t · LANES + l` of its group, so that a vector has the same value of all lines.
pub struct Panels<T> {
    /// Real parts.
    pub re: Aligned<T>,
    /// Imaginary parts.
    pub im: Aligned<T>,
}

impl<T: Real> Panels<T> {
    /// Zeros, with room for `vectors` vectors of [`LANES`] values.
    pub fn zeros(vectors: usize) -> Self {
        Self {
            re: Aligned::zeros(vectors * LANES),
            im: Aligned::zeros(vectors * LANES),
        }
    }

    /// Sets all values to zero.
    pub fn fill_zero(&mut self) {
        self.re.fill(T::zero());
        self.im.fill(T::zero());
    }

    /// Multiplies all values by `by`.
    pub fn scale(&mut self, by: T) {
        let Self { re, im } = self;
        vectorised(
            #[inline(always)]
            || {
                re.iter_mut().chain(im.iter_mut()).for_each(
                    #[inline(always)]
                    |v| *v *= by,
                )
            },
        );
    }

    /// Real and imaginary parts of the group of lines `group`, whose lines have `length` values each.
    pub fn group(&self, group: usize, length: usize) -> (&[T], &[T]) {
        let range = group * length * LANES..(group + 1) * length * LANES;
        (&self.re[range.clone()], &self.im[range])
    }

    /// [`Self::group`], to be written.
    pub fn group_mut(&mut self, group: usize, length: usize) -> (&mut [T], &mut [T]) {
        let range = group * length * LANES..(group + 1) * length * LANES;
        (&mut self.re[range.clone()], &mut self.im[range])
    }
}

/// Where runs of columns of a row-major plane stand in panels.
pub(super) struct Run<'a> {
    /// Columns of the plane.
    pub cols: usize,
    /// The first column, and how many: at most [`LANES`].
    pub first: usize,
    pub width: usize,
    /// The vector for each row.
    pub places: &'a [u32],
}

/// Columns of a row-major plane into panels.
pub(super) fn load_columns<T: Real>(plane: &[Complex<T>], run: &Run, re: &mut [T], im: &mut [T]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, &place) in plane.chunks_exact(run.cols).zip(run.places) {
                let row = &row[run.first..run.first + run.width];
                let at = place as usize * LANES;
                split(row, &mut re[at..at + LANES], &mut im[at..at + LANES]);
            }
        },
    );
}

/// Panels times `scale` into columns of a row-major plane.
pub(super) fn store_columns<T: Real>(re: &[T], im: &[T], scale: T, run: &Run, plane: &mut [Complex<T>]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, &place) in plane.chunks_exact_mut(run.cols).zip(run.places) {
                let row = &mut row[run.first..run.first + run.width];
                let at = place as usize * LANES;
                join(&re[at..at + LANES], &im[at..at + LANES], scale, row);
            }
        },
    );
}

/// Real and imaginary parts apart. A whole vector at once where there is one.
#[inline(always)]
pub(super) fn split<T: Real>(values: &[Complex<T>], re: &mut [T], im: &mut [T]) {
    let parts = re.iter_mut().zip(im);
    match <&[Complex<T>; LANES]>::try_from(values) {
        Ok(values) => parts.zip(values).for_each(
            #[inline(always)]
            |((re, im), v)| (*re, *im) = (v.re, v.im),
        ),
        Err(_) => parts.zip(values).for_each(
            #[inline(always)]
            |((re, im), v)| (*re, *im) = (v.re, v.im),
        ),
    }
}

/// The way back, times `scale`.
#[inline(always)]
pub(super) fn join<T: Real>(re: &[T], im: &[T], scale: T, values: &mut [Complex<T>]) {
    let parts = re.iter().zip(im);
    match <&mut [Complex<T>; LANES]>::try_from(&mut *values) {
        Ok(values) => {
            let pairs = values.iter_mut().zip(parts);
            pairs.for_each(
                #[inline(always)]
                |(v, (&re, &im))| *v = Complex::new(re * scale, im * scale),
            );
        }
        Err(_) => {
            let pairs = values.iter_mut().zip(parts);
            pairs.for_each(
                #[inline(always)]
                |(v, (&re, &im))| *v = Complex::new(re * scale, im * scale),
            );
        }
    }
}
