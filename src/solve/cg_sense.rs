use ndarray::Zip;
use num_complex::Complex;

use super::{Problem, Solver, Step, StopReason, Tuning, Verdict};
use crate::array::{ImageSets, Real, energy};

/// Residual of the normal equations, relative to the start, below which rounding is all that is left.
const SETTLED: f64 = 1e-6;

/// `min ‖y − A x‖² + λ ‖x‖²` by conjugate gradients on the normal equations (Pruessmann et al. 2001), from x = 0.
///
/// At λ = 0 the first iterations bring the image and later ones the noise: stopping early is the regularisation.
pub struct CgSense<'a, T: Real> {
    problem: &'a Problem<T>,
    lambda: T,
    iteration: usize,
    x: ImageSets<T>,
    /// `Aᴴ y − (AᴴA + λ) x`.
    residual: ImageSets<T>,
    direction: ImageSets<T>,
    energy: f64,
    first_energy: f64,
}

impl<'a, T: Real> CgSense<'a, T> {
    pub fn new(problem: &'a Problem<T>, tuning: &Tuning) -> Self {
        let residual = problem.zero_filled();
        let energy = energy(&residual);
        Self {
            problem,
            lambda: T::of(tuning.lambda),
            iteration: 0,
            x: ImageSets::zeros(residual.dim()),
            direction: residual.clone(),
            residual,
            energy,
            first_energy: energy,
        }
    }

    /// `(AᴴA + λ) x`.
    fn normal(&self, x: &ImageSets<T>) -> ImageSets<T> {
        let encoding = &self.problem.encoding;
        let mut normal = encoding.adjoint(&encoding.forward(x), None);
        add_scaled(&mut normal, self.lambda, x);
        normal
    }
}

impl<T: Real> Solver<T> for CgSense<'_, T> {
    fn step(&mut self) -> Step {
        self.iteration += 1;
        let image = self.normal(&self.direction);
        let curvature = dot(&self.direction, &image);
        if curvature > 0.0 {
            let length = T::of(self.energy / curvature);
            add_scaled(&mut self.x, length, &self.direction);
            add_scaled(&mut self.residual, -length, &image);
            let energy = energy(&self.residual);
            let turn = T::of(energy / self.energy);
            self.energy = energy;
            Zip::from(&mut self.direction)
                .and(&self.residual)
                .for_each(|d, &r| *d = r + *d * turn);
        }
        // Written so that a NaN settles.
        let going = curvature > 0.0 && self.energy > SETTLED * SETTLED * self.first_energy;
        let verdict = match going {
            true => Verdict::Continue,
            false => Verdict::Stop(StopReason::Settled),
        };
        Step {
            bands: Vec::new(),
            kept: self.iteration,
            noise: None,
            verdict,
        }
    }

    fn image(&mut self) -> ImageSets<T> {
        self.x.clone()
    }
}

fn add_scaled<T: Real>(sum: &mut ImageSets<T>, factor: T, term: &ImageSets<T>) {
    Zip::from(sum).and(term).for_each(|s, t| *s += *t * factor);
}

/// `Re ⟨a, b⟩`, summed in f64.
fn dot<T: Real>(a: &ImageSets<T>, b: &ImageSets<T>) -> f64 {
    let product = |(a, b): (&Complex<T>, &Complex<T>)| (a.conj() * b).re.wide();
    a.iter().zip(b).map(product).sum()
}
