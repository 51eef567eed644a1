use ndarray::{ArrayView2, ArrayView3, Axis, Zip};
use serde::Serialize;

use super::relative;

/// Side of SSIM's uniform window.
const WINDOW: usize = 7;
/// SSIM's stabilising constants, relative to the data range.
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// The metrics of the fastMRI leader board for one volume of magnitude images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FastMri {
    /// `‖target − image‖² / ‖target‖²`, linear.
    pub nmse: Option<f64>,
    /// Peak signal-to-noise ratio, dB; infinite for a perfect image.
    pub psnr: Option<f64>,
    /// Structural similarity, mean over slices; at most 1.
    pub ssim: Option<f64>,
    /// Maximum of the target volume, which PSNR and SSIM refer to.
    pub data_range: f64,
}

/// All of fastMRI's metrics, with the data range its `evaluate.py` uses: the maximum of the target volume.
///
/// `target` and `image` are magnitudes, `(slices, rows, cols)`, already cropped to what is to be judged.
pub fn fastmri_metrics(target: ArrayView3<f32>, image: ArrayView3<f32>) -> FastMri {
    let data_range = f64::from(target.iter().copied().fold(0.0, f32::max));
    FastMri {
        nmse: nmse(target, image),
        psnr: psnr(target, image, data_range),
        ssim: ssim(target, image, data_range),
        data_range,
    }
}

/// Normalised mean squared error of a volume, `‖target − image‖² / ‖target‖²`, linear.
pub fn nmse(target: ArrayView3<f32>, image: ArrayView3<f32>) -> Option<f64> {
    let reference = target.iter().map(|&t| f64::from(t).powi(2)).sum();
    relative(squared_error(target, image), reference)
}

/// Peak signal-to-noise ratio of a volume in dB, `10 log10(data_range² / mean (target − image)²)`.
///
/// Infinite where the two are equal. `None` also for a data range that is not positive.
pub fn psnr(target: ArrayView3<f32>, image: ArrayView3<f32>, data_range: f64) -> Option<f64> {
    let mean = squared_error(target, image) / target.len() as f64;
    (usable(data_range) && mean.is_finite()).then(|| 10.0 * (data_range * data_range / mean).log10())
}

/// Structural similarity (Wang et al., IEEE Trans. Image Process. 13:600, 2004), mean over the slices.
///
/// As fastMRI takes it from scikit-image: a uniform 7×7 window, K1 = 0.01, K2 = 0.03, sample covariances, and the
/// mean over the windows that lie wholly inside the slice. `None` also for a data range that is not positive,
/// and for slices smaller than the window along an axis: no window fits in them.
pub fn ssim(target: ArrayView3<f32>, image: ArrayView3<f32>, data_range: f64) -> Option<f64> {
    assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
    let (slices, rows, cols) = target.dim();
    if !usable(data_range) || slices == 0 || rows < WINDOW || cols < WINDOW {
        return None;
    }
    let pairs = target.axis_iter(Axis(0)).zip(image.axis_iter(Axis(0)));
    let mean = pairs.map(|(t, i)| slice_ssim(t, i, data_range)).sum::<f64>() / slices as f64;
    mean.is_finite().then_some(mean)
}

fn usable(data_range: f64) -> bool {
    data_range.is_finite() && data_range > 0.0
}

/// `‖target − image‖²`; not finite where an input is not.
fn squared_error(target: ArrayView3<f32>, image: ArrayView3<f32>) -> f64 {
    assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
    let add = |sum, &t: &f32, &i: &f32| sum + (f64::from(t) - f64::from(i)).powi(2);
    Zip::from(target).and(image).fold(0.0, add)
}

/// Sums of `t`, `i`, `t²`, `i²`, `t·i`.
type Moments = [f64; 5];

/// Mean SSIM of one slice. Window sums are separable: down the columns first, then along the row. Both are short
/// sums taken anew, since a running difference would leave rounding behind in the dark parts.
fn slice_ssim(target: ArrayView2<f32>, image: ArrayView2<f32>, data_range: f64) -> f64 {
    let (rows, cols) = target.dim();
    let (high, wide) = (rows + 1 - WINDOW, cols + 1 - WINDOW);
    let mut columns = vec![Moments::default(); cols];
    let mut sum = 0.0;
    for top in 0..high {
        for (col, column) in columns.iter_mut().enumerate() {
            *column = Moments::default();
            for row in top..top + WINDOW {
                let (t, i) = (f64::from(target[[row, col]]), f64::from(image[[row, col]]));
                add(column, &[t, i, t * t, i * i, t * i]);
            }
        }
        for window in columns.windows(WINDOW) {
            let mut moments = Moments::default();
            window.iter().for_each(|column| add(&mut moments, column));
            sum += similarity(moments, data_range);
        }
    }
    sum / (high * wide) as f64
}

fn add(sum: &mut Moments, moments: &Moments) {
    sum.iter_mut().zip(moments).for_each(|(s, m)| *s += m);
}

/// SSIM of one window from its sums.
fn similarity(sums: Moments, data_range: f64) -> f64 {
    let n = (WINDOW * WINDOW) as f64;
    let [t, i, tt, ii, ti] = sums.map(|s| s / n);
    let sample = n / (n - 1.0);
    let (var_t, var_i, cov) = (sample * (tt - t * t), sample * (ii - i * i), sample * (ti - t * i));
    let (c1, c2) = ((K1 * data_range).powi(2), (K2 * data_range).powi(2));
    ((2.0 * t * i + c1) * (2.0 * cov + c2)) / ((t * t + i * i + c1) * (var_t + var_i + c2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::inputs::{figures, target_and_image};
    use ndarray::Array3;

    #[test]
    fn agrees_with_scikit_image() {
        for case in figures()["real"].as_array().unwrap() {
            let size: Vec<usize> = serde_json::from_value(case["size"].clone()).unwrap();
            let (target, image) = target_and_image(size[0], size[1], size[2]);
            let found = fastmri_metrics(target.view(), image.view());
            let close = |name: &str, found: f64| {
                let expected = case[name].as_f64().unwrap();
                assert!(
                    (found - expected).abs() < 1e-12 * expected.abs().max(1.0),
                    "{size:?} {name}: {found}, scikit-image {expected}"
                );
            };
            close("nmse", found.nmse.unwrap());
            close("psnr", found.psnr.unwrap());
            close("data_range", found.data_range);
            match found.ssim {
                Some(ssim) => close("ssim", ssim),
                None => assert!(case["ssim"].is_null(), "{size:?}: no SSIM"),
            }
        }
    }

    #[test]
    fn a_perfect_image_and_one_twice_as_bright() {
        let (target, _) = target_and_image(2, 12, 15);
        let same = fastmri_metrics(target.view(), target.view());
        assert_eq!((same.nmse, same.psnr), (Some(0.0), Some(f64::INFINITY)));
        assert!((same.ssim.unwrap() - 1.0).abs() < 1e-12);
        let twice = &target * 2.0;
        assert_eq!(nmse(target.view(), twice.view()), Some(1.0));
    }

    #[test]
    fn what_has_no_value_is_none() {
        let (target, image) = target_and_image(1, 10, 10);
        let zero = Array3::zeros(target.dim());
        let nothing = fastmri_metrics(zero.view(), image.view());
        assert_eq!((nothing.nmse, nothing.psnr, nothing.ssim), (None, None, None));
        for bad in [f32::NAN, f32::INFINITY] {
            for position in [[0, 0, 0], [0, 5, 5]] {
                let mut broken = target.clone();
                broken[position] = bad;
                for (t, i) in [(&target, &broken), (&broken, &image)] {
                    let found = fastmri_metrics(t.view(), i.view());
                    assert_eq!(
                        (found.nmse, found.psnr, found.ssim),
                        (None, None, None),
                        "{bad} at {position:?}"
                    );
                }
            }
        }
        let empty = Array3::zeros((0, 10, 10));
        let found = fastmri_metrics(empty.view(), empty.view());
        assert_eq!((found.nmse, found.psnr, found.ssim), (None, None, None));
        let narrow = Array3::ones((1, 6, 30));
        assert_eq!(ssim(narrow.view(), narrow.view(), 1.0), None);
    }
}
