use std::sync::Arc;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use num_complex::Complex;

use super::bank::FilterBank;
use super::{Layout, Pyramid};
use crate::array::{Grid, Real, vectorised};

/// The 2-D wavelet transform Ψ of images of one layout, by one filter bank.
#[derive(Clone, Debug)]
pub struct Transform<T> {
    /// The subbands that images are divided into.
    pub layout: Arc<Layout>,
    bank: FilterBank<T>,
}

/// Buffers of one thread: the approximations of two scales, and a few lines.
pub struct Workspace<T> {
    /// The approximation that a scale begins with, and the one it ends with.
    approximations: [Vec<Complex<T>>; 2],
    lines: Lines<T>,
    /// The padded image, moved.
    moved: Vec<Complex<T>>,
}

struct Lines<T> {
    /// Low and high line of each value that contributes to a pair of rows.
    values: Vec<[Vec<Complex<T>>; 2]>,
    /// Scratch of the filter bank.
    extended: Vec<Complex<T>>,
    /// Rows of padding, which are read: never written.
    zeros: Vec<Complex<T>>,
    /// A row of padding that is written, and not read.
    beyond: Vec<Complex<T>>,
}

/// What there is of a plane in row-major order: the rest, up to the grid of its scale, is padding and zero.
struct Plane<V> {
    values: V,
    grid: Grid,
}

impl<T: Real> Transform<T> {
    /// The transform of images of `layout` by `bank`.
    pub fn new(layout: &Arc<Layout>, bank: FilterBank<T>) -> Self {
        Self {
            layout: Arc::clone(layout),
            bank,
        }
    }

    /// New buffers for images of this layout.
    pub fn workspace(&self) -> Workspace<T> {
        let zeros = |len| vec![Complex::new(T::zero(), T::zero()); len];
        let cols = self.layout.padded.cols;
        Workspace {
            approximations: [1, 1].map(|scale| zeros(self.grid(scale).len())),
            moved: Vec::new(),
            lines: Lines {
                values: (0..self.bank.values_per_pair())
                    .map(|_| [zeros(cols), zeros(cols)])
                    .collect(),
                extended: Vec::new(),
                zeros: zeros(cols),
                beyond: zeros(cols),
            },
        }
    }

    /// Of the approximation that `scale` leaves; at 0 that of the padded image.
    fn grid(&self, scale: usize) -> Grid {
        let Grid { rows, cols } = self.layout.padded;
        Grid::new(rows >> scale, cols >> scale)
    }

    /// `Ψ image`, into `out`, of the same layout. `image` is `(rows, cols)`; `work` is of [`Self::workspace`].
    ///
    /// # Panics
    /// If `image` is of another size than the image of the layout.
    pub fn analyse(&self, image: ArrayView2<Complex<T>>, out: &mut Pyramid<Complex<T>>, work: &mut Workspace<T>) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let image = image.as_standard_layout();
        let values = image.as_slice().expect("standard layout");
        let plane = Plane {
            values,
            grid: layout.image,
        };
        self.analyse_plane(&plane, out, &mut work.approximations, &mut work.lines);
    }

    /// [`Self::analyse`] of the image moved by `shift`, down and to the right, around the edges of the padded image.
    ///
    /// # Panics
    /// If `image` is of another size than the image of the layout.
    pub fn analyse_shifted(
        &self,
        image: ArrayView2<Complex<T>>,
        shift: [usize; 2],
        out: &mut Pyramid<Complex<T>>,
        work: &mut Workspace<T>,
    ) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let padded = layout.padded;
        let Workspace {
            approximations,
            lines,
            moved,
        } = work;
        moved.clear();
        moved.resize(padded.len(), Complex::new(T::zero(), T::zero()));
        let image = image.as_standard_layout();
        for (row, values) in image.outer_iter().enumerate() {
            let target = &mut moved[(row + shift[0]) % padded.rows * padded.cols..][..padded.cols];
            let values = values.to_slice().expect("standard layout");
            let right = shift[1] % padded.cols;
            let (head, tail) = values.split_at(values.len().min(padded.cols - right));
            target[right..][..head.len()].copy_from_slice(head);
            target[..tail.len()].copy_from_slice(tail);
        }
        let plane = Plane {
            values: &moved[..],
            grid: padded,
        };
        self.analyse_plane(&plane, out, approximations, lines);
    }

    fn analyse_plane(
        &self,
        image: &Plane<&[Complex<T>]>,
        out: &mut Pyramid<Complex<T>>,
        [from, to]: &mut [Vec<Complex<T>>; 2],
        lines: &mut Lines<T>,
    ) {
        let layout = &*self.layout;
        for scale in 1..=layout.scales {
            let finer = self.grid(scale - 1);
            let plane = match scale {
                1 => Plane { ..*image },
                _ => Plane {
                    values: &from[..],
                    grid: finer,
                },
            };
            let details = &mut out.values[layout.details(scale)];
            vectorised(
                #[inline(always)]
                || self.split(&plane, finer, to, details, lines),
            );
            std::mem::swap(from, to);
        }
        let coarsest = out.band_mut(layout.bands.len() - 1);
        coarsest.copy_from_slice(&from[..coarsest.len()]);
    }

    /// `Ψᵀ pyramid`, into `image`, `(rows, cols)`, without the padding. `pyramid` is of the same layout, `work` of
    /// [`Self::workspace`]. For an orthonormal bank this is the inverse of [`Self::analyse`].
    ///
    /// # Panics
    /// If `image` is of another size than the image of the layout.
    pub fn synthesise(
        &self,
        pyramid: &Pyramid<Complex<T>>,
        mut image: ArrayViewMut2<Complex<T>>,
        work: &mut Workspace<T>,
    ) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let Some(whole) = image.as_slice_mut() else {
            let mut plain = Array2::zeros(image.dim());
            self.synthesise(pyramid, plain.view_mut(), work);
            image.assign(&plain);
            return;
        };
        let plane = Plane {
            values: whole,
            grid: layout.image,
        };
        self.synthesise_plane(pyramid, plane, &mut work.approximations, &mut work.lines);
    }

    /// The transpose of [`Self::analyse_shifted`], mixed with what `image` was: `share` times [`Self::synthesise`], moved
    /// back by `shift`, and `1 − share` times the image.
    ///
    /// # Panics
    /// If `image` is of another size than the image of the layout.
    pub fn synthesise_shifted(
        &self,
        pyramid: &Pyramid<Complex<T>>,
        shift: [usize; 2],
        share: T,
        mut image: ArrayViewMut2<Complex<T>>,
        work: &mut Workspace<T>,
    ) {
        let layout = &*self.layout;
        assert_eq!(image.dim(), layout.image.dim(), "image of another size than the layout");
        let padded = layout.padded;
        let Workspace {
            approximations,
            lines,
            moved,
        } = work;
        moved.resize(padded.len(), Complex::new(T::zero(), T::zero()));
        let plane = Plane {
            values: &mut moved[..],
            grid: padded,
        };
        self.synthesise_plane(pyramid, plane, approximations, lines);
        let right = shift[1] % padded.cols;
        for (row, mut values) in image.outer_iter_mut().enumerate() {
            let source = &moved[(row + shift[0]) % padded.rows * padded.cols..][..padded.cols];
            let values = values.as_slice_mut().expect("rows of a standard layout");
            let (head, tail) = values.split_at_mut(values.len().min(padded.cols - right));
            mix(head, &source[right..], share);
            mix(tail, source, share);
        }
    }

    fn synthesise_plane(
        &self,
        pyramid: &Pyramid<Complex<T>>,
        image: Plane<&mut [Complex<T>]>,
        [from, to]: &mut [Vec<Complex<T>>; 2],
        lines: &mut Lines<T>,
    ) {
        let layout = &*self.layout;
        let coarsest = pyramid.band(layout.bands.len() - 1);
        from[..coarsest.len()].copy_from_slice(coarsest);
        for scale in (1..=layout.scales).rev() {
            let finer = self.grid(scale - 1);
            let mut plane = match scale {
                1 => Plane {
                    values: &mut *image.values,
                    grid: image.grid,
                },
                _ => Plane {
                    values: &mut to[..],
                    grid: finer,
                },
            };
            let details = &pyramid.values[layout.details(scale)];
            vectorised(
                #[inline(always)]
                || self.merge(from, details, finer, &mut plane, lines),
            );
            std::mem::swap(from, to);
        }
    }

    /// One scale: across the rows into a low and a high line, and these along themselves into one row of each of the
    /// four subbands, so that nothing but the plane is read and nothing but the subbands written.
    #[inline(always)]
    fn split(
        &self,
        plane: &Plane<&[Complex<T>]>,
        grid: Grid,
        approximation: &mut [Complex<T>],
        details: &mut [Complex<T>],
        lines: &mut Lines<T>,
    ) {
        let Lines {
            values,
            extended,
            zeros,
            ..
        } = lines;
        let [low, high] = &mut values[0];
        let (low, high) = (&mut low[..grid.cols], &mut high[..grid.cols]);
        let Grid { rows, cols } = plane.grid;
        low[cols..].copy_from_slice(&zeros[cols..grid.cols]);
        high[cols..].copy_from_slice(&zeros[cols..grid.cols]);
        let source = |row: usize| {
            if row < rows {
                &plane.values[row * cols..(row + 1) * cols]
            } else {
                &zeros[..cols]
            }
        };

        let half = grid.cols / 2;
        let (h, rest) = details.split_at_mut(grid.len() / 4);
        let (v, d) = rest.split_at_mut(grid.len() / 4);
        for row in 0..grid.rows / 2 {
            self.bank
                .split_across(row, grid.rows, source, [&mut low[..cols], &mut high[..cols]]);
            let at = row * half..(row + 1) * half;
            self.bank
                .split(low, [&mut approximation[at.clone()], &mut v[at.clone()]], extended);
            self.bank.split(high, [&mut h[at.clone()], &mut d[at]], extended);
        }
    }

    /// The transpose of [`Self::split`].
    #[inline(always)]
    fn merge(
        &self,
        approximation: &[Complex<T>],
        details: &[Complex<T>],
        grid: Grid,
        plane: &mut Plane<&mut [Complex<T>]>,
        lines: &mut Lines<T>,
    ) {
        let Lines {
            values,
            extended,
            beyond,
            ..
        } = lines;
        let (half, count) = (Grid::new(grid.rows / 2, grid.cols / 2), self.bank.values_per_pair());
        let (h, rest) = details.split_at(half.len());
        let (v, d) = rest.split_at(half.len());
        let first = self.bank.first_value(half.rows);
        let Grid { rows, cols } = plane.grid;
        let pairs = rows.div_ceil(2);
        for ahead in 0..pairs + count - 1 {
            let row = (first + ahead) % half.rows;
            let at = row * half.cols..(row + 1) * half.cols;
            let [low, high] = &mut values[ahead % count];
            let (low, high) = (&mut low[..grid.cols], &mut high[..grid.cols]);
            self.bank
                .merge([&approximation[at.clone()], &v[at.clone()]], low, extended);
            self.bank.merge([&h[at.clone()], &d[at]], high, extended);
            // All that contributes to the next pair of rows is there.
            let Some(pair) = (ahead + 1).checked_sub(count) else {
                continue;
            };
            let target = &mut plane.values[2 * pair * cols..rows.min(2 * pair + 2) * cols];
            let (even, odd) = target.split_at_mut(cols);
            // The last row may be an even one.
            let odd = if odd.is_empty() { &mut beyond[..cols] } else { odd };
            let line = |value: usize| values[(pair + value) % count].each_ref().map(|line| &line[..cols]);
            self.bank.merge_across(line, [even, odd]);
        }
    }
}

/// `to ← share · from + (1 − share) · to`.
fn mix<T: Real>(to: &mut [Complex<T>], from: &[Complex<T>], share: T) {
    let rest = T::one() - share;
    for (to, &from) in to.iter_mut().zip(from) {
        *to = from * share + *to * rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Image, energy};
    use crate::wavelet::{WAVELETS, Wavelet};
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
        /// The padded image goes around its edges; what comes back is mixed with what was there.
        #[test]
        fn shifts_move_the_padded_image_and_come_back(
            rows in 1usize..40, cols in 1usize..40, scales in 1usize..5, down in 0usize..50, right in 0usize..50,
        ) {
            let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
            let transform = Transform::new(&layout, FilterBank::of(Wavelet::find("db4").unwrap()));
            let x = image(layout.image, 2.0);
            let mut w = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
            let mut work = transform.workspace();
            transform.analyse_shifted(x.view(), [down, right], &mut w, &mut work);

            let whole = Arc::new(Layout::new(layout.padded, scales));
            let mut moved = Array2::zeros(layout.padded.dim());
            for ((r, c), v) in x.indexed_iter() {
                moved[[(r + down) % layout.padded.rows, (c + right) % layout.padded.cols]] = *v;
            }
            let expected = analysed(&Transform::new(&whole, FilterBank::of(Wavelet::find("db4").unwrap())), &moved);
            prop_assert!(w.values.iter().zip(&expected.values).all(|(a, b)| (a - b).norm() < 1e-12));

            let mut back = Array2::from_elem(x.dim(), Complex::new(4.0, 0.0));
            transform.synthesise_shifted(&w, [down, right], 0.75, back.view_mut(), &mut work);
            for (back, x) in back.iter().zip(&x) {
                prop_assert!((back - (x * 0.75 + 1.0)).norm() < 1e-9);
            }
        }

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
