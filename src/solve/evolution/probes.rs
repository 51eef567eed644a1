//! How far a mask is from independent draws, found on probes.

use ndarray::Axis;
use num_complex::Complex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Errors, StateEvolution};
use crate::array::{ImageSets, Real, energy, sum};
use crate::operator::Samples;
use crate::solve::Problem;
use crate::solve::folded::phase;
use crate::wavelet::{Pyramid, Transform};

/// Probes. A second one makes the factors of coarse subbands, which have few coefficients, less noisy.
const PROBES: usize = 2;
/// What is drawn is noise, and the same for all: the factors are properties of mask and maps.
const SEED: u64 = 0;
/// Factors are kept within this and one over it.
const MOST: f64 = 4.0;

impl<T: Real> StateEvolution<T> {
    /// Finds what the aliasing of this mask has of the variance that independent draws would give, in each subband, for
    /// [`Self::update_calibrated`]. A Poisson disc, whose samples keep a distance, has half of it; independent draws
    /// have all.
    ///
    /// A probe is noise, as bright as the low-resolution image: its own aliasing, which is known, is held to the
    /// prediction. Phase-encode lines stay as they are.
    pub fn calibrate(&mut self, problem: &Problem<T>, transform: &Transform<T>) {
        let Errors::Plane(plane) = &self.errors else { return };
        let independent = vec![1.0; self.layout.bands.len()];
        let bands = self.layout.bands.len();
        let (mut predicted, mut found) = (vec![0.0; bands], vec![0.0; bands]);
        let mut tau = vec![Pyramid::filled(&self.layout, T::zero()); problem.encoding.sets()];
        let mut error = Pyramid::filled(&self.layout, Complex::new(T::zero(), T::zero()));
        let nothing = Samples::zeros(problem.data.dim());
        let (mut residual, mut work) = (nothing.clone(), transform.workspace());
        for probe in probes(phase::low_resolution(problem)) {
            let weights = &problem.inverse_probability;
            let aliasing = problem
                .encoding
                .corrected(&nothing, &probe, Some(weights), &mut residual);
            let covariance = plane.covariance(&residual, &independent, |_, _| Complex::ZERO);
            self.predict(&covariance, &mut tau);
            for (aliasing, tau) in aliasing.axis_iter(Axis(0)).zip(&tau) {
                transform.analyse(aliasing, &mut error, &mut work);
                for band in 0..bands {
                    predicted[band] += sum(tau.band(band));
                    found[band] += energy(error.band(band));
                }
            }
        }
        self.aliasing = found.iter().zip(&predicted).map(|(f, p)| factor(f / p)).collect();
    }
}

/// Where nothing is aliased there is nothing to tell.
fn factor(ratio: f64) -> f64 {
    if ratio.is_finite() {
        ratio.clamp(1.0 / MOST, MOST)
    } else {
        1.0
    }
}

fn probes<T: Real>(brightness: ImageSets<T>) -> impl Iterator<Item = ImageSets<T>> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    (0..PROBES).map(move |_| {
        brightness.mapv(|v| {
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            Complex::new(T::of(normal()), T::of(normal())) * v.norm()
        })
    })
}
