//! An image without its phase.

pub(super) mod phase;

use std::sync::Arc;

use ndarray::Zip;
use num_complex::Complex;

use crate::array::{ImageSets, Real, vectorised};
use crate::operator::Samples;
use crate::solve::Problem;

/// The encoding of an image whose phase is taken out: `A diag(phase)`.
pub(super) struct Folded<T: Real> {
    pub problem: Arc<Problem<T>>,
    /// Unit numbers, `(sets, rows, cols)`: `image = phase · x`.
    pub phase: ImageSets<T>,
}

impl<T: Real> Folded<T> {
    /// By the phase that the centre of k-space shows.
    pub(super) fn new(problem: &Arc<Problem<T>>) -> Self {
        Self {
            phase: phase::of_centre(problem),
            problem: Arc::clone(problem),
        }
    }

    /// `Aᴴ W z` of the image, not yet folded, and `z = y − A x`, which goes into `residual`; with real weights for each
    /// location (all 1 where `None`). Leaves the image of x in `unfolded`.
    pub(super) fn gradient(
        &self,
        x: &ImageSets<T>,
        weights: Option<&[T]>,
        unfolded: &mut ImageSets<T>,
        residual: &mut Samples<T>,
    ) -> ImageSets<T> {
        let Problem { encoding, data, .. } = &*self.problem;
        self.unfold_into(x, unfolded);
        encoding.gradient(data, unfolded, weights, residual)
    }

    /// `Aᴴ W samples`, with a real weight for each location (all 1 where `None`).
    pub(super) fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        let mut x = self.problem.encoding.adjoint(samples, weights);
        turn_back(&mut x, &self.phase);
        x
    }

    /// `x + length ·` a [gradient](Self::gradient), folded; in the place of that.
    pub(super) fn step(&self, x: &ImageSets<T>, length: T, gradient: ImageSets<T>) -> ImageSets<T> {
        let mut next = gradient;
        vectorised(
            #[inline(always)]
            || {
                let known = flat(&self.phase).iter().zip(flat(x));
                for (next, (phase, x)) in flat_mut(&mut next).iter_mut().zip(known) {
                    *next = x + *next * phase.conj() * length;
                }
            },
        );
        next
    }

    /// `image` without its phase, into `x`.
    pub(super) fn fold_into(&self, image: &ImageSets<T>, x: &mut ImageSets<T>) {
        multiply(image, &self.phase, x, |v, phase| v * phase.conj());
    }

    /// [`Self::unfold`] into `image`.
    pub(super) fn unfold_into(&self, x: &ImageSets<T>, image: &mut ImageSets<T>) {
        multiply(x, &self.phase, image, |v, phase| v * phase);
    }

    /// The image of x.
    pub(super) fn unfold(&self, x: &ImageSets<T>) -> ImageSets<T> {
        let mut image = x.clone();
        turn(&mut image, &self.phase);
        image
    }

    /// Takes `more` of the phase out; `x` are images that were folded so far.
    pub(super) fn refold(&mut self, more: &ImageSets<T>, x: [&mut ImageSets<T>; 2]) {
        x.into_iter().for_each(|x| turn_back(x, more));
        turn(&mut self.phase, more);
    }
}

#[inline(always)]
fn multiply<T: Real>(
    from: &ImageSets<T>,
    phase: &ImageSets<T>,
    to: &mut ImageSets<T>,
    product: impl Fn(Complex<T>, Complex<T>) -> Complex<T>,
) {
    vectorised(
        #[inline(always)]
        || {
            let known = flat(from).iter().zip(flat(phase));
            for (to, (&from, &phase)) in flat_mut(to).iter_mut().zip(known) {
                *to = product(from, phase);
            }
        },
    );
}

fn turn<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p: &Complex<T>| *x *= p);
}

fn turn_back<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p: &Complex<T>| *x *= p.conj());
}

#[inline(always)]
fn flat<T: Real>(x: &ImageSets<T>) -> &[Complex<T>] {
    x.as_slice().expect("standard layout")
}

#[inline(always)]
fn flat_mut<T: Real>(x: &mut ImageSets<T>) -> &mut [Complex<T>] {
    x.as_slice_mut().expect("standard layout")
}
