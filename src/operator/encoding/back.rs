//! From samples to images, and what a solver does with a residual.

use ndarray::{Array3, ArrayView3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use super::{Encoding, Samples};
use crate::array::{ImageSets, LANES, Real};
use crate::fourier::{Along, Direction, Panels, Scratch};
use crate::operator::products::{accumulate_conjugate, multiply};

impl<T: Real> Encoding<T> {
    /// The gradient step `Aᴴ W z` of the residual `z = y − A x`, `(sets, rows, cols)`; z goes into `residual`.
    ///
    /// `weights` are the real diagonal of W, one for each sampled location; `None` for all 1. Each coil is encoded and
    /// combined before its maps have left the cache.
    ///
    /// # Panics
    /// If `x` does not hold one image for each set of maps, `y` and `residual` differ in shape, or `residual` is not in
    /// standard layout.
    pub fn gradient(
        &self,
        y: &Samples<T>,
        x: &ImageSets<T>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
    ) -> ImageSets<T> {
        let images = self.panelled(x);
        let sums = self.zero_images();
        self.encode_and_combine(y, images, weights, residual, sums)
    }

    /// `SᴴS x + Aᴴ W (y − A x)`: [`Self::gradient`] added to `SᴴS x`.
    ///
    /// `SᴴS` is the identity where maps are normalised, and 0 outside their support, where no coil measures anything.
    ///
    /// # Panics
    /// If `x` does not hold one image for each set of maps, `y` and `residual` differ in shape, or `residual` is not in
    /// standard layout.
    pub fn corrected(
        &self,
        y: &Samples<T>,
        x: &ImageSets<T>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
    ) -> ImageSets<T> {
        let images = self.panelled(x);
        let mut sums = self.zero_images();
        // What the inverse transform is scaled by comes at the end.
        let scale = T::one() / self.coils.fourier.scale();
        for (sum, gram) in sums.iter_mut().zip(self.coils.gram.chunks_exact(self.coils.sets)) {
            for (set, (gram, image)) in gram.iter().zip(&images).enumerate() {
                multiply(
                    (&gram.re, &gram.im),
                    (&image.re, &image.im),
                    (&mut sum.re, &mut sum.im),
                    set > 0,
                );
            }
            sum.scale(scale);
        }
        self.encode_and_combine(y, images, weights, residual, sums)
    }

    /// Adds the gradient to `sums`.
    fn encode_and_combine(
        &self,
        y: &Samples<T>,
        images: Vec<Panels<T>>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
        sums: Vec<Panels<T>>,
    ) -> ImageSets<T> {
        assert_eq!(y.dim(), residual.dim(), "a residual for each sample");
        let y = y.as_standard_layout();
        let residual = residual.as_slice_mut().expect("samples in standard layout");
        let coils = residual.chunks_mut(self.sampled.len().max(1)).collect();
        let combined = self.combine(sums, coils, |coil, residual: &mut [Complex<T>]| {
            let (mut forward, mut back) = (self.coils.scratch(), self.coils.scratch());
            let y = y.row(coil).to_slice().expect("standard layout");
            self.along_columns(coil, &images, &mut forward);
            for (group, samples) in self.groups.iter().enumerate() {
                let mut rows = self.empty_rows(&mut back.block);
                self.along_rows(group, &mut forward, &mut |sample, value| {
                    let z = y[sample] - value;
                    residual[sample] = z;
                    self.put(sample, z, weights, &mut rows);
                });
                self.back_along_rows(group, !samples.is_empty(), &mut back);
            }
            self.coils.put_back(forward);
            back
        });
        self.coils.put_back_images(images);
        combined
    }

    /// `Aᴴ W samples`, `(sets, rows, cols)`. `weights` are the real diagonal of W, one for each sampled location;
    /// `None` for all 1.
    ///
    /// # Panics
    /// If there are fewer samples, coils or weights than in this encoding.
    pub fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        let samples = samples.as_standard_layout();
        let coils = vec![(); self.coils.count];
        self.combine(self.zero_images(), coils, |coil, ()| {
            let mut scratch = self.coils.scratch();
            let values = samples.row(coil).to_slice().expect("standard layout");
            for (group, run) in self.groups.iter().enumerate() {
                let mut rows = self.empty_rows(&mut scratch.block);
                for sample in run.clone() {
                    self.put(sample, values[sample], weights, &mut rows);
                }
                self.back_along_rows(group, !run.is_empty(), &mut scratch);
            }
            scratch
        })
    }

    /// `Sᴴ Fᴴ kspace` of full planes `(coils, rows, cols)`, whatever the mask: the coil-combined images, `(sets, rows,
    /// cols)`, of fully sampled k-space.
    ///
    /// # Panics
    /// If `kspace` has another number of coils, or fewer rows.
    pub fn combine_full(&self, kspace: ArrayView3<Complex<T>>) -> ImageSets<T> {
        assert_eq!(
            kspace.dim().0,
            self.coils(),
            "k-space of as many coils as there are maps"
        );
        let rows = self.grid().rows;
        self.combine(self.zero_images(), vec![(); self.coils.count], |coil, ()| {
            let mut scratch = self.coils.scratch();
            let plane = kspace.index_axis(Axis(0), coil);
            for group in 0..self.groups.len() {
                let Panels { re, im } = &mut scratch.block;
                for (lane, row) in (group * LANES..rows.min((group + 1) * LANES)).enumerate() {
                    for (value, &place) in plane.row(row).iter().zip(self.coils.fourier.entry(Along::Rows)) {
                        let at = place as usize * LANES + lane;
                        (re[at], im[at]) = (value.re, value.im);
                    }
                }
                self.back_along_rows(group, true, &mut scratch);
            }
            scratch
        })
    }

    /// A group of rows of k-space without samples.
    fn empty_rows<'a>(&self, block: &'a mut Panels<T>) -> (&'a mut [T], &'a mut [T]) {
        let (re, im) = block.group_mut(0, self.grid().cols);
        re.fill(T::zero());
        im.fill(T::zero());
        (re, im)
    }

    /// Puts a sample, times its weight, into its group of rows.
    #[inline(always)]
    fn put(&self, sample: usize, value: Complex<T>, weights: Option<&[T]>, (re, im): &mut (&mut [T], &mut [T])) {
        let at = self.entry[sample] as usize;
        let weight = weights.map_or(T::one(), |weights| weights[sample]);
        (re[at], im[at]) = (value.re * weight, value.im * weight);
    }

    /// The first half of the inverse transform, of a group of rows in `scratch.block`.
    fn back_along_rows(&self, group: usize, any: bool, scratch: &mut Scratch<T>) {
        if any {
            self.coils
                .fourier
                .first(Along::Rows, Direction::Inverse, group, scratch);
        } else {
            self.coils.fourier.first_of_zeros(Along::Rows, group, scratch);
        }
    }

    /// `sums + Σ_c conj(S_c) Fᴴ` of k-space, of which `half` does the first half of the inverse transform: it gets each
    /// coil and its part of `coils`. All of it scaled as the transform is.
    ///
    /// A few coils at a time, so that memory does not grow with the coils. Each pixel adds the coils in their order, so
    /// that the sum is the same whatever the number of threads.
    fn combine<I: Send>(
        &self,
        mut sums: Vec<Panels<T>>,
        coils: Vec<I>,
        half: impl Fn(usize, I) -> Scratch<T> + Sync,
    ) -> ImageSets<T> {
        let at_once = match rayon::current_num_threads() {
            1 => 1,
            threads => 2 * threads,
        };
        let mut coils = coils.into_iter().enumerate();
        for first in (0..self.coils.count).step_by(at_once) {
            let some: Vec<(usize, I)> = coils.by_ref().take(at_once).collect();
            let planes = some.into_par_iter().map(|(coil, part)| half(coil, part));
            let mut planes: Vec<Scratch<T>> = planes.collect();
            self.add_coils(first, &mut planes, &mut sums);
            planes.into_iter().for_each(|scratch| self.coils.put_back(scratch));
        }
        let mut images = Array3::zeros((self.coils.sets, self.grid().rows, self.grid().cols));
        for (sum, mut image) in sums.iter().zip(images.outer_iter_mut()) {
            let plane = image.as_slice_mut().expect("standard layout");
            self.coils.fourier.store(sum, self.coils.fourier.scale(), plane);
        }
        self.coils.put_back_images(sums);
        images
    }

    /// The second half: transforms the columns of the coils from `first` on, group by group, and adds them to the
    /// images.
    fn add_coils(&self, first: usize, planes: &mut [Scratch<T>], sums: &mut [Panels<T>]) {
        let rows = self.grid().rows;
        let exit = self.coils.fourier.in_order(Along::Columns);
        let mut planes = by_group(
            planes.iter_mut().map(|scratch| &mut scratch.panels),
            rows,
            self.coils.seen.len(),
        );
        let mut sums = by_group(sums.iter_mut(), rows, self.coils.seen.len());
        let groups = planes.par_iter_mut().zip(&mut sums).enumerate();
        let seen = groups.filter(|&(group, _)| self.coils.seen[group]);
        seen.for_each(|(group, (planes, sums))| {
            for (coil, (re, im)) in (first..).zip(planes) {
                self.coils.fourier.run(Along::Columns, Direction::Inverse, re, im);
                for (set, (sum_re, sum_im)) in sums.iter_mut().enumerate() {
                    let map = self.coils.panels(set, coil).group(group, rows);
                    accumulate_conjugate(map, (re, im), exit, (sum_re, sum_im));
                }
            }
        });
    }
}

/// For each of `count` groups of lines of `length`: its part of each of `panels`.
fn by_group<'a, T: Real>(
    panels: impl Iterator<Item = &'a mut Panels<T>>,
    length: usize,
    count: usize,
) -> Vec<Vec<(&'a mut [T], &'a mut [T])>> {
    let mut groups: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for Panels { re, im } in panels {
        let parts = re
            .chunks_exact_mut(length * LANES)
            .zip(im.chunks_exact_mut(length * LANES));
        groups.iter_mut().zip(parts).for_each(|(group, part)| group.push(part));
    }
    groups
}
