use ndarray::{Array2, ArrayView2, ArrayView3, s};
use rayon::prelude::*;
use serde::Serialize;

use super::fastmri::slice_ssim;

/// Variance of the noise of the human visual system that the challenge takes for VIF, of images whose target has a
/// maximum of 1.
const VISUAL_NOISE: f64 = 0.4;
/// Variances below this are none.
const NOTHING: f64 = 1e-10;
/// Sides of the Gaussian windows of VIF's four scales, the finest first; each halves the image before it.
const WINDOWS: [usize; 4] = [17, 9, 5, 3];

/// The metrics of the multi-channel challenge of the Calgary-Campinas data (Beauferris et al., Front Neurosci 16:919186,
/// 2022) for one volume of magnitude images: means over slices, each with a data range of its own, from the least to the
/// largest value of both images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Calgary {
    /// Peak signal-to-noise ratio in dB; infinite if a slice is perfect.
    pub psnr_db: Option<f64>,
    /// Structural similarity, as scikit-image has it by default.
    pub ssim: Option<f64>,
    /// Visual information fidelity in the pixel domain (Sheikh and Bovik, IEEE Trans Image Process 15:430, 2006), of slices
    /// divided by the maximum of the target; none of slices smaller than 41 along an axis.
    pub vif: Option<f64>,
}

/// All of them. `target` and `image` are magnitudes, `(slices, rows, cols)`. Slices whose target is zero are left out.
///
/// # Panics
/// If the shapes differ.
pub fn calgary_metrics(target: ArrayView3<f32>, image: ArrayView3<f32>) -> Calgary {
    assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
    let pairs: Vec<_> = target.outer_iter().zip(image.outer_iter()).collect();
    let slices: Vec<[f64; 3]> = pairs
        .into_par_iter()
        .filter_map(|(target, image)| of_slice(target, image))
        .collect();
    let mean = |figure: usize| {
        let sum: f64 = slices.iter().map(|slice| slice[figure]).sum();
        (!slices.is_empty() && !sum.is_nan()).then(|| sum / slices.len() as f64)
    };
    Calgary {
        psnr_db: mean(0),
        ssim: mean(1),
        vif: mean(2),
    }
}

/// PSNR, SSIM and VIF of a slice, NaN where they have no value.
fn of_slice(target: ArrayView2<f32>, image: ArrayView2<f32>) -> Option<[f64; 3]> {
    let values = || target.iter().chain(image).map(|&v| f64::from(v));
    let largest = target.iter().map(|&v| f64::from(v)).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    if values().any(|v| !v.is_finite()) {
        return Some([f64::NAN; 3]);
    }
    let range = values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min);
    let squares = target
        .iter()
        .zip(image)
        .map(|(&t, &i)| (f64::from(t) - f64::from(i)).powi(2));
    let error = squares.sum::<f64>() / target.len() as f64;
    let relative = |image: ArrayView2<f32>| image.mapv(|v| f64::from(v) / largest);
    Some([
        10.0 * (range * range / error).log10(),
        slice_ssim(target, image, range),
        vif(relative(target), relative(image)),
    ])
}

/// How much of the information in `target` the image keeps, over four scales.
fn vif(mut target: Array2<f64>, mut image: Array2<f64>) -> f64 {
    let (mut kept, mut there) = (0.0, 0.0);
    for (scale, side) in WINDOWS.into_iter().enumerate() {
        let window = gaussian(side);
        if scale > 0 {
            let halved = |image: &Array2<f64>| {
                let smooth = filtered(image, &window);
                smooth.slice(s![..;2, ..;2]).to_owned()
            };
            if target.nrows().min(target.ncols()) < side {
                return f64::NAN;
            }
            (target, image) = (halved(&target), halved(&image));
        }
        if target.nrows().min(target.ncols()) < side {
            return f64::NAN;
        }
        let mean = |image: &Array2<f64>| filtered(image, &window);
        let (mean_t, mean_i) = (mean(&target), mean(&image));
        let var_t = mean(&(&target * &target)) - &mean_t * &mean_t;
        let var_i = mean(&(&image * &image)) - &mean_i * &mean_i;
        let cov = mean(&(&target * &image)) - &mean_t * &mean_i;
        for ((&t, &i), &c) in var_t.iter().zip(&var_i).zip(&cov) {
            let (of_image, of_target) = information(t.max(0.0), i.max(0.0), c);
            kept += of_image;
            there += of_target;
        }
    }
    kept / there
}

/// What the image and the target tell of a window with these variances and covariance, by a gain with noise.
fn information(target: f64, image: f64, covariance: f64) -> (f64, f64) {
    let mut gain = covariance / (target + NOTHING);
    let mut noise = image - gain * covariance;
    let mut signal = target;
    if target < NOTHING {
        (gain, noise, signal) = (0.0, image, 0.0);
    }
    if image < NOTHING {
        (gain, noise) = (0.0, 0.0);
    }
    if gain < 0.0 {
        (gain, noise) = (0.0, image);
    }
    let noise = noise.max(NOTHING);
    let bits = |ratio: f64| (1.0 + ratio).log10();
    (
        bits(gain * gain * signal / (noise + VISUAL_NOISE)),
        bits(signal / VISUAL_NOISE),
    )
}

/// A Gaussian over so many samples, a fifth of them its standard deviation; its sum is 1.
fn gaussian(side: usize) -> Vec<f64> {
    let (middle, sigma) = ((side / 2) as f64, side as f64 / 5.0);
    let values: Vec<f64> = (0..side)
        .map(|i| (-(i as f64 - middle).powi(2) / (2.0 * sigma * sigma)).exp())
        .collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(|v| v / sum).collect()
}

/// Filtered by the window along both axes, where it lies wholly inside.
fn filtered(image: &Array2<f64>, window: &[f64]) -> Array2<f64> {
    let (rows, cols) = (image.nrows() + 1 - window.len(), image.ncols() + 1 - window.len());
    let mut down = Array2::zeros((rows, image.ncols()));
    for (at, &weight) in window.iter().enumerate() {
        down.scaled_add(weight, &image.slice(s![at..at + rows, ..]));
    }
    let mut both = Array2::zeros((rows, cols));
    for (at, &weight) in window.iter().enumerate() {
        both.scaled_add(weight, &down.slice(s![.., at..at + cols]));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::inputs::{figures, target_and_image};
    use ndarray::Array3;

    #[test]
    fn agrees_with_the_challenge() {
        for case in figures()["calgary"].as_array().unwrap() {
            let size: Vec<usize> = serde_json::from_value(case["size"].clone()).unwrap();
            let (target, image) = target_and_image(size[0], size[1], size[2]);
            let found = calgary_metrics(target.view(), image.view());
            for (name, found) in [("psnr", found.psnr_db), ("ssim", found.ssim), ("vif", found.vif)] {
                match (case[name].as_f64(), found) {
                    (None, None) => {}
                    (Some(expected), Some(found)) => {
                        assert!(
                            (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
                            "{size:?} {name}"
                        );
                    }
                    other => panic!("{size:?} {name}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_perfect_image_no_image_and_another_scale() {
        let (target, image) = target_and_image(2, 64, 50);
        let same = calgary_metrics(target.view(), target.view());
        assert_eq!(same.psnr_db, Some(f64::INFINITY));
        assert!((same.ssim.unwrap() - 1.0).abs() < 1e-9 && (same.vif.unwrap() - 1.0).abs() < 1e-6);
        let found = calgary_metrics(target.view(), image.view());
        let scaled = calgary_metrics((&target * 1024.0).view(), (&image * 1024.0).view());
        assert!((found.vif.unwrap() - scaled.vif.unwrap()).abs() < 1e-9);
        assert!((found.psnr_db.unwrap() - scaled.psnr_db.unwrap()).abs() < 1e-9);
        let zero = Array3::zeros(target.dim());
        let none = calgary_metrics(zero.view(), image.view());
        assert_eq!((none.psnr_db, none.ssim, none.vif), (None, None, None));
    }
}
