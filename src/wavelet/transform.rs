use std::sync::Arc;

use ndarray::{ArrayView2, ArrayViewMut2};
use num_complex::Complex;

use super::bank::{FilterBank, accumulate};
use super::{Layout, Orientation, Pyramid};
use crate::array::{Grid, Real};

/// A 2-D wavelet cascade of one filter bank over one layout.
#[derive(Clone, Debug)]
pub struct Transform<T> {
    pub layout: Arc<Layout>,
    bank: FilterBank<T>,
}

/// Buffers of one thread: two planes of the padded grid.
pub struct Workspace<T> {
    plane: Vec<Complex<T>>,
    split: Vec<Complex<T>>,
    line: Vec<Complex<T>>,
}

impl<T: Real> Transform<T> {
    pub fn new(layout: &Arc<Layout>, bank: FilterBank<T>) -> Self {
        Self {
            layout: Arc::clone(layout),
            bank,
        }
    }

    pub fn workspace(&self) -> Workspace<T> {
        let zeros = vec![Complex::new(T::zero(), T::zero()); self.layout.padded.len()];
        Workspace {
            plane: zeros.clone(),
            split: zeros,
            line: Vec::new(),
        }
    }

    /// `Ψ image`: every subband of `out` is overwritten.
    pub fn analyse(&self, image: ArrayView2<Complex<T>>, out: &mut Pyramid<Complex<T>>, work: &mut Workspace<T>) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let Workspace { plane, split, line } = work;
        plane.fill(Complex::new(T::zero(), T::zero()));
        for (from, to) in image.outer_iter().zip(plane.chunks_exact_mut(layout.padded.cols)) {
            for (t, f) in to.iter_mut().zip(from) {
                *t = *f;
            }
        }
        for scale in 1..=layout.scales {
            let finer = Grid::new(layout.padded.rows >> (scale - 1), layout.padded.cols >> (scale - 1));
            self.split_rows(finer, plane, split, line);
            let mut bands = DetailBands::new(layout, scale, &mut out.values);
            self.split_across(finer, split, plane, &mut bands);
        }
        let coarsest = out.band_mut(layout.bands.len() - 1);
        coarsest.copy_from_slice(&plane[..coarsest.len()]);
    }

    /// `Ψᵀ pyramid`, which for an orthonormal bank is the inverse; cropped to the image.
    pub fn synthesise(
        &self,
        pyramid: &Pyramid<Complex<T>>,
        mut image: ArrayViewMut2<Complex<T>>,
        work: &mut Workspace<T>,
    ) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let Workspace { plane, split, line } = work;
        let coarsest = pyramid.band(layout.bands.len() - 1);
        plane[..coarsest.len()].copy_from_slice(coarsest);
        for scale in (1..=layout.scales).rev() {
            let finer = Grid::new(layout.padded.rows >> (scale - 1), layout.padded.cols >> (scale - 1));
            self.merge_across(finer, plane, pyramid, scale, split);
            self.merge_rows(finer, split, plane, line);
        }
        for (to, from) in image.outer_iter_mut().zip(plane.chunks_exact(layout.padded.cols)) {
            for (t, f) in to.into_iter().zip(from) {
                *t = *f;
            }
        }
    }

    /// Along each row: low-pass half, then high-pass half.
    fn split_rows(&self, grid: Grid, from: &[Complex<T>], to: &mut [Complex<T>], line: &mut Vec<Complex<T>>) {
        let rows = from.chunks_exact(grid.cols).zip(to.chunks_exact_mut(grid.cols));
        for (source, target) in rows.take(grid.rows) {
            let (low, high) = target.split_at_mut(grid.cols / 2);
            self.bank.split_line(source, low, high, line);
        }
    }

    fn merge_rows(&self, grid: Grid, from: &[Complex<T>], to: &mut [Complex<T>], line: &mut Vec<Complex<T>>) {
        let rows = from.chunks_exact(grid.cols).zip(to.chunks_exact_mut(grid.cols));
        for (source, target) in rows.take(grid.rows) {
            let (low, high) = source.split_at(grid.cols / 2);
            self.bank.merge_line(low, high, target, line);
        }
    }

    /// Across the rows: whole lines at a time. `approximation` gets the low-low quarter, contiguous.
    fn split_across(
        &self,
        grid: Grid,
        split: &[Complex<T>],
        approximation: &mut [Complex<T>],
        bands: &mut DetailBands<T>,
    ) {
        let half = grid.cols / 2;
        for row in 0..grid.rows / 2 {
            let at = row * half..(row + 1) * half;
            let a = &mut approximation[at.clone()];
            let (h, v, d) = (&mut bands.h[at.clone()], &mut bands.v[at.clone()], &mut bands.d[at]);
            for out in [&mut *a, &mut *h, &mut *v, &mut *d] {
                out.fill(Complex::new(T::zero(), T::zero()));
            }
            for (source, low, high) in self.bank.taps_across(row, grid.rows) {
                let (left, right) = split[source * grid.cols..(source + 1) * grid.cols].split_at(half);
                accumulate(a, left, low);
                accumulate(h, left, high);
                accumulate(v, right, low);
                accumulate(d, right, high);
            }
        }
    }

    fn merge_across(
        &self,
        grid: Grid,
        approximation: &[Complex<T>],
        pyramid: &Pyramid<Complex<T>>,
        scale: usize,
        split: &mut [Complex<T>],
    ) {
        let half = grid.cols / 2;
        let first = 3 * (scale - 1);
        let [h, v, d] = [0, 1, 2].map(|k| pyramid.band(first + k));
        split[..grid.len()].fill(Complex::new(T::zero(), T::zero()));
        for row in 0..grid.rows / 2 {
            let at = row * half..(row + 1) * half;
            for (target, low, high) in self.bank.taps_across(row, grid.rows) {
                let (left, right) = split[target * grid.cols..(target + 1) * grid.cols].split_at_mut(half);
                accumulate(left, &approximation[at.clone()], low);
                accumulate(left, &h[at.clone()], high);
                accumulate(right, &v[at.clone()], low);
                accumulate(right, &d[at.clone()], high);
            }
        }
    }
}

/// The three detail subbands of one scale, to be written together.
struct DetailBands<'a, T> {
    h: &'a mut [Complex<T>],
    v: &'a mut [Complex<T>],
    d: &'a mut [Complex<T>],
}

impl<'a, T> DetailBands<'a, T> {
    fn new(layout: &Layout, scale: usize, values: &'a mut [Complex<T>]) -> Self {
        let h = &layout.bands[3 * (scale - 1)];
        debug_assert_eq!(h.orientation, Orientation::H);
        let len = h.grid.len();
        let (h, rest) = values[h.offset..h.offset + 3 * len].split_at_mut(len);
        let (v, d) = rest.split_at_mut(len);
        Self { h, v, d }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Image, energy};
    use crate::wavelet::WAVELETS;
    use ndarray::Array2;
    use proptest::prelude::*;

    fn image(grid: Grid, seed: f64) -> Image<f64> {
        Array2::from_shape_fn(grid.dim(), |(r, c)| {
            let t = (r * grid.cols + c) as f64 + seed;
            Complex::new((t * 12.9898).sin(), (t * 78.233).cos())
        })
    }

    fn analysed(transform: &Transform<f64>, x: &Image<f64>) -> Pyramid<Complex<f64>> {
        let mut out = Pyramid::filled(&transform.layout, Complex::new(0.0, 0.0));
        transform.analyse(x.view(), &mut out, &mut transform.workspace());
        out
    }

    fn synthesised(transform: &Transform<f64>, w: &Pyramid<Complex<f64>>) -> Image<f64> {
        let mut out = Array2::zeros(transform.layout.image.dim());
        transform.synthesise(w, out.view_mut(), &mut transform.workspace());
        out
    }

    #[test]
    fn every_wavelet_reconstructs_and_keeps_the_norm() {
        for wavelet in WAVELETS {
            for (rows, cols, scales) in [(64, 32, 3), (30, 21, 2), (5, 7, 4), (1, 9, 2), (16, 16, 1)] {
                let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
                let transform = Transform::new(&layout, FilterBank::of(wavelet));
                let x = image(layout.image, 0.5);
                let w = analysed(&transform, &x);
                let (before, after) = (energy(&x), energy(&w.values));
                assert!(
                    (after / before - 1.0).abs() < 1e-9,
                    "{} {rows}x{cols}: norm",
                    wavelet.name
                );
                let back = synthesised(&transform, &w);
                for (a, b) in back.iter().zip(&x) {
                    assert!((a - b).norm() < 1e-9, "{} {rows}x{cols}x{scales}", wavelet.name);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        /// `⟨Ψx, w⟩ = ⟨x, Ψᵀw⟩`.
        #[test]
        fn synthesis_is_the_adjoint(rows in 1usize..40, cols in 1usize..40, scales in 1usize..5, which in 0..WAVELETS.len()) {
            let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
                            let transform = Transform::new(&layout, FilterBank::of(&WAVELETS[which]));
                let x = image(layout.image, 1.0);
                let padded = image(layout.padded, 7.0);
                let w = Pyramid { layout: Arc::clone(&layout), values: padded.into_raw_vec_and_offset().0 };
                let left: Complex<f64> = analysed(&transform, &x).values.iter().zip(&w.values).map(|(a, b)| a.conj() * b).sum();
                let right: Complex<f64> = x.iter().zip(&synthesised(&transform, &w)).map(|(a, b)| a.conj() * b).sum();
                prop_assert!((left - right).norm() < 1e-9 * (1.0 + left.norm()));
        }
    }
}
