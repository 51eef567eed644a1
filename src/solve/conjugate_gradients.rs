use ndarray::Zip;
use num_complex::Complex;

use crate::array::{ImageSets, Real, energy};

/// Conjugate gradients for `N x = b` with N Hermitian and positive semidefinite, from x = 0.
pub(super) struct ConjugateGradients<T: Real> {
    pub x: ImageSets<T>,
    /// `b − N x`.
    residual: ImageSets<T>,
    direction: ImageSets<T>,
    energy: f64,
}

impl<T: Real> ConjugateGradients<T> {
    pub(super) fn new(b: ImageSets<T>) -> Self {
        Self {
            x: ImageSets::zeros(b.dim()),
            direction: b.clone(),
            energy: energy(&b),
            residual: b,
        }
    }

    /// Energy of `b − N x`.
    pub(super) fn energy(&self) -> f64 {
        self.energy
    }

    /// One step; `normal` applies N. Returns false where there is no direction left to descend.
    pub(super) fn step(&mut self, normal: impl FnOnce(&ImageSets<T>) -> ImageSets<T>) -> bool {
        let turned = normal(&self.direction);
        let curvature = dot(&self.direction, &turned);
        // Written so that a NaN goes nowhere.
        let going = curvature > 0.0;
        if !going {
            return false;
        }
        let length = T::of(self.energy / curvature);
        add_scaled(&mut self.x, length, &self.direction);
        add_scaled(&mut self.residual, -length, &turned);
        let energy = energy(&self.residual);
        let carry = T::of(energy / self.energy);
        self.energy = energy;
        Zip::from(&mut self.direction)
            .and(&self.residual)
            .for_each(|d, &r| *d = r + *d * carry);
        true
    }
}

/// `sum += factor · term`.
pub(super) fn add_scaled<T: Real>(sum: &mut ImageSets<T>, factor: T, term: &ImageSets<T>) {
    Zip::from(sum).and(term).for_each(|s, t| *s += *t * factor);
}

/// `Re ⟨a, b⟩`, summed in f64.
fn dot<T: Real>(a: &ImageSets<T>, b: &ImageSets<T>) -> f64 {
    let product = |(a, b): (&Complex<T>, &Complex<T>)| (a.conj() * b).re.wide();
    a.iter().zip(b).map(product).sum()
}
