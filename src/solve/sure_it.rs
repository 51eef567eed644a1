//! SURE-IT (Khare et al. 2012): FISTA whose thresholds minimise SURE in each subband, as if the error of the gradient
//! step were white noise of known variance.
//!
//! The published method takes that variance from the reference, and so does this where there is one. Without, it is
//! the density-compensated mean squared residual `Σ_{c,k} |y − A x|² / p / N`: about the error of the point that the
//! gradient was taken at, with the noise of all coils in it.

use std::sync::Arc;

use num_complex::Complex;

use super::proximal::{ProximalGradient, Threshold, Thresholds};
use super::{Problem, Tuning};
use crate::array::{ImageSets, Real};
use crate::denoise;
use crate::operator::Samples;

pub(super) fn new<T: Real>(problem: &Arc<Problem<T>>, tuning: &Tuning) -> ProximalGradient<T> {
    ProximalGradient::new(problem, tuning, |_| {
        Box::new(SureThresholds {
            problem: Arc::clone(problem),
            variance: 0.0,
            tau: Vec::new(),
            sure: denoise::Workspace::default(),
        })
    })
}

struct SureThresholds<T: Real> {
    problem: Arc<Problem<T>>,
    variance: f64,
    /// The variance, for each coefficient of a subband.
    tau: Vec<T>,
    sure: denoise::Workspace<T>,
}

impl<T: Real> Thresholds<T> for SureThresholds<T> {
    fn observe(&mut self, step: &ImageSets<T>, residual: &Samples<T>) {
        self.variance = match &self.problem.reference {
            Some(reference) => {
                let error = step.iter().zip(reference).map(|(s, r)| (s - r).norm_sqr().wide());
                error.sum::<f64>() / step.len() as f64
            }
            None => {
                let weighted = |coil: ndarray::ArrayView1<Complex<T>>| {
                    let pairs = coil.into_iter().zip(&self.problem.inverse_probability);
                    pairs.map(|(z, &q)| (z.norm_sqr() * q).wide()).sum::<f64>()
                };
                residual.outer_iter().map(weighted).sum::<f64>() / step.len() as f64
            }
        };
    }

    fn threshold(&mut self, _band: usize, w: &[Complex<T>]) -> Threshold {
        self.tau.clear();
        self.tau.resize(w.len(), T::of(self.variance));
        let best = denoise::sure_threshold(w, &self.tau, &mut self.sure);
        Threshold {
            value: best.threshold,
            noise: Some((self.variance, best.risk / w.len() as f64)),
        }
    }

    fn notes(&self) -> Vec<String> {
        let from = match self.problem.reference {
            Some(_) => "its true error against the fully sampled reference, which a real scan does not have",
            None => "the density-compensated residual, since there is no reference to take the true error from",
        };
        vec![format!("sure-it takes the size of the noise from {from}")]
    }
}
