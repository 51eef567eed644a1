use ndarray::Zip;
use num_complex::Complex;

use crate::array::{ImageSets, Real};
use crate::operator::Samples;
use crate::solve::Problem;

/// The encoding of an image whose phase is taken out: `A diag(phase)`.
pub struct Folded<'a, T: Real> {
    pub problem: &'a Problem<T>,
    /// Unit numbers, `(sets, rows, cols)`: `image = phase · x`.
    pub phase: ImageSets<T>,
}

impl<T: Real> Folded<'_, T> {
    pub fn forward(&self, x: &ImageSets<T>) -> Samples<T> {
        self.problem.encoding.forward(&self.unfold(x))
    }

    /// `y − A x`, into `out`.
    pub fn residual(&self, x: &ImageSets<T>, out: &mut Samples<T>) {
        let Problem { encoding, data, .. } = self.problem;
        encoding.residual(data, &self.unfold(x), out);
    }

    /// `Aᴴ W samples`, with a real weight for each location (all 1 where `None`).
    pub fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        let mut x = self.problem.encoding.adjoint(samples, weights);
        turn_back(&mut x, &self.phase);
        x
    }

    /// The image of x.
    pub fn unfold(&self, x: &ImageSets<T>) -> ImageSets<T> {
        let mut image = x.clone();
        turn(&mut image, &self.phase);
        image
    }

    /// Takes `more` of the phase out; `x` are images that were folded so far.
    pub fn refold(&mut self, more: &ImageSets<T>, x: [&mut ImageSets<T>; 2]) {
        x.into_iter().for_each(|x| turn_back(x, more));
        turn(&mut self.phase, more);
    }
}

fn turn<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p: &Complex<T>| *x *= p);
}

fn turn_back<T: Real>(x: &mut ImageSets<T>, phase: &ImageSets<T>) {
    Zip::from(x).and(phase).for_each(|x, p: &Complex<T>| *x *= p.conj());
}
