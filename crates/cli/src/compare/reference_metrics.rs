//! Metrics of an image against the reference.

use ndarray::{Array2, Axis};

use super::{RunMetrics, TracePoint};
use pvdamp::array::Image;
use pvdamp::quality::{complex_nmse, decibel, fastmri_metrics, hfen, object_mask};

/// NMSE has converged when it is this close to its last value, in dB.
const CONVERGED_WITHIN_DB: f64 = 0.1;

/// The reference of a case, and metrics of images against it.
pub struct ReferenceMetrics {
    pub reference: Image<f32>,
    object: Array2<bool>,
}

impl ReferenceMetrics {
    pub fn new(reference: Image<f32>) -> Self {
        Self {
            object: object_mask(&reference),
            reference,
        }
    }

    /// Where the reference is above a twentieth of its maximum.
    pub fn object(&self) -> &Array2<bool> {
        &self.object
    }

    /// NMSE of the complex image over the object in dB, after aligning one phase; `None` if it is not finite.
    pub fn nmse_object_db(&self, image: &Image<f32>) -> Option<f64> {
        let nmse = complex_nmse(&self.reference, image, Some(&self.object)).map(decibel);
        nmse.filter(|nmse| nmse.is_finite())
    }

    /// `magnitude` computes the magnitude, cropped as the scan requires.
    pub fn metrics(&self, image: &Image<f32>, magnitude: impl Fn(&Image<f32>) -> Array2<f32>) -> RunMetrics {
        let [target, found] = [&self.reference, image].map(|image| magnitude(image).insert_axis(Axis(0)));
        let magnitudes = fastmri_metrics(target.view(), found.view());
        let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
        RunMetrics {
            nmse_db: finite(complex_nmse(&self.reference, image, None).map(decibel)),
            nmse_object_db: self.nmse_object_db(image),
            psnr_db: finite(magnitudes.psnr),
            ssim: finite(magnitudes.ssim),
            hfen_db: finite(hfen(&self.reference, image)),
        }
    }
}

/// Index of the first point from which on NMSE stays within 0.1 dB of the last; `None` if the last has no NMSE.
pub fn converged(trace: &[TracePoint]) -> Option<usize> {
    let last = trace.last()?.nmse_object_db.filter(|nmse| nmse.is_finite())?;
    let near = |point: &TracePoint| {
        point
            .nmse_object_db
            .is_some_and(|nmse| (nmse - last).abs() <= CONVERGED_WITHIN_DB)
    };
    Some(trace.len() - trace.iter().rev().take_while(|point| near(point)).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(errors: &[f64]) -> Vec<TracePoint> {
        let point = |&nmse: &f64| TracePoint {
            seconds: 0.0,
            nmse_object_db: (!nmse.is_nan()).then_some(nmse),
            tau: 0.0,
        };
        errors.iter().map(point).collect()
    }

    #[test]
    fn convergence_is_where_nmse_stays_near_its_last_value() {
        assert_eq!(converged(&trace(&[-10.0, -20.05, -19.5, -19.95, -20.0])), Some(3));
        assert_eq!(converged(&trace(&[-20.0])), Some(0));
        assert_eq!(converged(&trace(&[-10.0, -20.0])), Some(1));
        assert_eq!(converged(&trace(&[-20.0, f64::NAN])), None);
        assert_eq!(converged(&trace(&[-20.0, f64::NEG_INFINITY])), None);
        assert_eq!(converged(&[]), None);
    }
}
