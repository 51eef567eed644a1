//! How close an image is to its reference: fastMRI's magnitude metrics, those of the Calgary-Campinas challenge, and errors
//! of complex images.
//!
//! Every metric is computed in f64 and is `None` where it has no value: a reference of zeros, a NaN or an
//! infinity in either input, or (SSIM) an image smaller than the window. A perfect image is not such a case: its
//! NMSE is 0, its PSNR is infinite.
//!
//! Functions that take two images panic if their shapes differ.

mod calgary;
mod complex;
mod fastmri;
mod spread;

pub use calgary::{Calgary, calgary_metrics};
pub use complex::{align_phase, complex_nmse, hfen, object_mask};
pub use fastmri::{FastMri, Score, common_region, crop, fastmri_metrics};
pub use spread::Spread;

/// A ratio of energies in decibels, `10 log10`: −∞ for 0, NaN below it.
pub fn decibel(linear: f64) -> f64 {
    10.0 * linear.log10()
}

/// `error / reference`, or `None` where it has no value.
fn relative(error: f64, reference: f64) -> Option<f64> {
    (error.is_finite() && reference.is_finite() && reference > 0.0).then(|| error / reference)
}

/// The inputs behind `tests/figures/metrics.json`, rebuilt from the integers `metrics.py` beside it uses.
#[cfg(test)]
mod inputs {
    use ndarray::Array3;

    fn hashed(s: i64, r: i64, c: i64, salt: i64) -> i64 {
        let mixed = ((s * 1_299_709 + r * 7919 + c * 104_729 + salt * 15_485_863) as u64).wrapping_mul(2_654_435_761);
        let mixed = (mixed & 0xffff_ffff) as i64;
        (mixed >> 8) ^ (mixed >> 20)
    }

    fn triangle(i: i64, period: i64) -> i64 {
        (i % period - period / 2).abs()
    }

    pub(super) fn target_and_image(slices: usize, rows: usize, cols: usize) -> (Array3<f32>, Array3<f32>) {
        let (height, width) = (rows as i64, cols as i64);
        let target = |s, r, c| {
            let smooth = 16 * triangle(3 * r + 2 * c + 11 * s, 97) + 8 * triangle(r * r + 5 * c, 61);
            let (down, right) = ((2 * r - height) * width, (2 * c - width) * height);
            let inside = down * down + right * right < (height * width).pow(2);
            if inside { smooth + hashed(s, r, c, 1) % 64 } else { 0 }
        };
        let image =
            |s, r, c| (target(s, r, c) + triangle(5 * r + 7 * c, 41) - 10 + hashed(s, r, c, 2) % 128 - 64).abs();
        let volume = |f: &dyn Fn(i64, i64, i64) -> i64| {
            Array3::from_shape_fn((slices, rows, cols), |(s, r, c)| {
                f(s as i64, r as i64, c as i64) as f32 / 1024.0
            })
        };
        (volume(&target), volume(&image))
    }

    pub(super) fn figures() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/figures/metrics.json")).unwrap()
    }
}
