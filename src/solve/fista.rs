//! FISTA with one threshold for all subbands (Beck & Teboulle 2009).

use std::sync::Arc;

use num_complex::Complex;

use super::proximal::{ProximalGradient, Threshold, Thresholds};
use super::{Problem, Tuning};
use crate::array::Real;

/// λ, in units of the image's intensity, on every subband.
pub(super) fn new<T: Real>(problem: &Arc<Problem<T>>, tuning: &Tuning) -> ProximalGradient<T> {
    let intensity = problem.intensity();
    let rule = OneThreshold {
        threshold: tuning.lambda.value() * intensity,
    };
    ProximalGradient::new(problem, tuning, |_| Box::new(rule))
}

struct OneThreshold {
    threshold: f64,
}

impl<T: Real> Thresholds<T> for OneThreshold {
    fn threshold(&mut self, _band: usize, _w: &[Complex<T>]) -> Threshold {
        Threshold {
            value: self.threshold,
            noise: None,
        }
    }
}
