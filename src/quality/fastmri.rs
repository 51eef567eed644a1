use ndarray::{ArrayView, ArrayView2, ArrayView3, Axis, Dimension};
use rayon::prelude::*;
use serde::Serialize;

use super::relative;
use crate::array::Grid;

/// Side of SSIM's uniform window.
const WINDOW: usize = 7;
/// SSIM's stabilising constants, relative to the data range.
const K1: f64 = 0.01;
const K2: f64 = 0.03;

/// The metrics of the fastMRI leader board (Zbontar et al., arXiv:1811.08839) for one volume of magnitude images, or
/// for one slice of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FastMri {
    /// `‖target − image‖² / ‖target‖²`, linear.
    pub nmse: Option<f64>,
    /// Peak signal-to-noise ratio in dB, `10 log10(data_range² / mean (target − image)²)`; infinite for a perfect
    /// image.
    pub psnr: Option<f64>,
    /// Structural similarity, mean over slices; at most 1.
    pub ssim: Option<f64>,
    /// Maximum of the target volume, which PSNR and SSIM refer to; without it, as for zeros, they have no value.
    pub data_range: f64,
}

/// All of fastMRI's metrics, with the data range its `evaluate.py` uses: the maximum of the target volume.
///
/// `target` and `image` are magnitudes, `(slices, rows, cols)`, already cropped to what is to be judged. Slices are
/// taken in parallel and added in their order.
///
/// # Panics
/// If the shapes differ.
pub fn fastmri_metrics(target: ArrayView3<f32>, image: ArrayView3<f32>) -> FastMri {
    assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
    let data_range = f64::from(target.iter().copied().fold(0.0, f32::max));
    let pairs: Vec<_> = target.outer_iter().zip(image.outer_iter()).collect();
    let slices: Vec<Score> = pairs
        .into_par_iter()
        .map(|(target, image)| Score::of(target, image, data_range))
        .collect();
    let mut sum = Score::default();
    slices.iter().for_each(|slice| sum.add(slice));
    sum.metrics(data_range)
}

/// The size of the region that fastMRI's `evaluate.py` compares, of slices of a target and of a result: a square of the
/// target's width, or what both have of it.
pub fn common_region(target: Grid, result: Grid) -> Grid {
    let side = target.cols;
    Grid::new(side.min(target.rows).min(result.rows), side.min(result.cols))
}

/// Crops the last two axes to `region`, centred as by fastMRI's `center_crop`: the window begins at `(n − m) / 2`,
/// rounded down.
///
/// # Panics
/// If there are fewer than two axes, or `region` exceeds the images.
pub fn crop<D: Dimension>(mut images: ArrayView<f32, D>, region: Grid) -> ArrayView<f32, D> {
    let last = images.ndim() - 1;
    for (axis, length) in [(Axis(last - 1), region.rows), (Axis(last), region.cols)] {
        let first = (images.len_of(axis) - length) / 2;
        images.slice_axis_inplace(axis, (first..first + length).into());
    }
    images
}

/// The sums that metrics are made of, for one slice or for several: for volumes that are read slice by slice.
///
/// Slices [added](Score::add) in their order give what [`fastmri_metrics`] gives for the volume, bit for bit.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// `‖target − image‖²`; not finite where an input is not.
    error: f64,
    /// `‖target‖²`.
    reference: f64,
    /// SSIM of each slice.
    similarity: f64,
    pixels: usize,
    slices: usize,
}

impl Score {
    /// The sums of one slice. `target` and `image` are magnitudes, `(rows, cols)`, already cropped; `data_range` is the
    /// maximum of the target volume, cropped as its slices are.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn of(target: ArrayView2<f32>, image: ArrayView2<f32>, data_range: f64) -> Self {
        assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
        let error = |(&t, &i): (&f32, &f32)| (f64::from(t) - f64::from(i)).powi(2);
        Self {
            error: target.iter().zip(image).map(error).sum(),
            reference: target.iter().map(|&t| f64::from(t).powi(2)).sum(),
            similarity: slice_ssim(target, image, data_range),
            pixels: target.len(),
            slices: 1,
        }
    }

    /// Adds the sums of further slices.
    pub fn add(&mut self, other: &Self) {
        self.error += other.error;
        self.reference += other.reference;
        self.similarity += other.similarity;
        self.pixels += other.pixels;
        self.slices += other.slices;
    }

    /// The metrics of all slices added so far. `data_range` is that of [`Score::of`].
    pub fn metrics(&self, data_range: f64) -> FastMri {
        let usable = data_range.is_finite() && data_range > 0.0;
        let (error, ssim) = (self.error / self.pixels as f64, self.similarity / self.slices as f64);
        FastMri {
            nmse: relative(self.error, self.reference),
            psnr: (usable && error.is_finite()).then(|| 10.0 * (data_range * data_range / error).log10()),
            ssim: (usable && ssim.is_finite()).then_some(ssim),
            data_range,
        }
    }
}

/// Sums of `t`, `i`, `t²`, `i²`, `t·i`.
type Moments = [f64; 5];

/// Structural similarity of one slice (Wang et al., IEEE Trans. Image Process. 13:600, 2004). NaN for a slice smaller
/// than the window along an axis: no window fits in it.
///
/// As fastMRI takes it from scikit-image: a uniform 7×7 window, K1 = 0.01, K2 = 0.03, sample covariances, and the
/// mean over the windows that lie wholly inside the slice. Window sums are separable: down the columns first, then
/// along the row. Both are short sums taken anew, since a running difference would leave rounding behind in the dark
/// parts.
pub(super) fn slice_ssim(target: ArrayView2<f32>, image: ArrayView2<f32>, data_range: f64) -> f64 {
    let (rows, cols) = target.dim();
    if rows < WINDOW || cols < WINDOW {
        return f64::NAN;
    }
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
    use ndarray::{Array3, s};

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
        assert_eq!(fastmri_metrics(target.view(), twice.view()).nmse, Some(1.0));
    }

    #[test]
    fn slice_by_slice_is_the_volume_bit_for_bit() {
        let (target, image) = target_and_image(5, 23, 18);
        let whole = fastmri_metrics(target.view(), image.view());
        let pairs = target.outer_iter().zip(image.outer_iter());
        let scores: Vec<Score> = pairs.map(|(t, i)| Score::of(t, i, whole.data_range)).collect();
        let mut sum = Score::default();
        scores.iter().for_each(|score| sum.add(score));
        assert_eq!(sum.metrics(whole.data_range), whole);
        let slices: Vec<FastMri> = scores.iter().map(|score| score.metrics(whole.data_range)).collect();
        let mean = |of: fn(&FastMri) -> Option<f64>| slices.iter().map(|s| of(s).unwrap()).sum::<f64>() / 5.0;
        assert!((mean(|s| s.ssim) - whole.ssim.unwrap()).abs() < 1e-14);
        // equal shares of the pixels: the mean of the errors is the error of the volume
        let error = mean(|s| s.psnr.map(|psnr| 10f64.powf(-psnr / 10.0)));
        assert!((-10.0 * error.log10() - whole.psnr.unwrap()).abs() < 1e-12);
        let third = fastmri_metrics(target.slice(s![2..3, .., ..]), image.slice(s![2..3, .., ..]));
        assert_eq!(slices[2].nmse, third.nmse);
        assert_eq!(slices[2].data_range, whole.data_range);
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(
            one_thread.install(|| fastmri_metrics(target.view(), image.view())),
            whole
        );
    }

    #[test]
    fn a_region_is_a_square_of_the_targets_width_in_the_middle() {
        let region = |target: (usize, usize), result: (usize, usize)| common_region(target.into(), result.into()).dim();
        assert_eq!(region((640, 320), (640, 320)), (320, 320));
        assert_eq!(region((320, 368), (640, 368)), (320, 368));
        assert_eq!(region((640, 320), (256, 300)), (256, 300));
        let volume = Array3::from_shape_fn((2, 6, 5), |(s, r, c)| (100 * s + 10 * r + c) as f32);
        let found = crop(volume.view(), Grid::new(3, 2));
        assert_eq!(found, volume.slice(s![.., 1..4, 1..3]));
        assert_eq!(
            crop(volume.index_axis(Axis(0), 1), Grid::new(3, 2)),
            found.index_axis(Axis(0), 1)
        );
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
        assert_eq!(fastmri_metrics(narrow.view(), narrow.view()).ssim, None);
    }
}
