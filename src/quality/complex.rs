use ndarray::{Array2, Zip};
use num_complex::Complex;

use super::{decibel, relative};
use crate::array::{Image, Real, energy};

/// The Laplacian of Gaussian of HFEN: side in pixels, and width.
const LOG_SIDE: usize = 15;
const LOG_SIGMA: f64 = 1.5;

/// The object for masked errors: pixels with `|target|` above a twentieth of its maximum. `(rows, cols)`.
pub fn object_mask<T: Real>(target: &Image<T>) -> Array2<bool> {
    let magnitude = target.mapv(|v| v.norm().wide());
    let threshold = magnitude.iter().copied().fold(0.0, f64::max) / 20.0;
    magnitude.mapv(|m| m > threshold)
}

/// The one phase factor `e^{iφ}` that minimises `‖image · e^{iφ} − target‖` over the mask.
///
/// Sensitivity maps are determined only up to a phase, so that images of one object by different maps differ by one. 1
/// where no phase is better than another: orthogonal, zero or not finite inputs. `mask` is `(rows, cols)`; `None` for
/// all pixels.
///
/// # Panics
/// If the shapes differ.
pub fn align_phase<T: Real>(target: &Image<T>, image: &Image<T>, mask: Option<&Array2<bool>>) -> Complex<f64> {
    let inner: Complex<f64> = masked_pairs(target, image, mask).fold(Complex::ZERO, |sum, (t, i)| sum + t * i.conj());
    let length = inner.norm();
    if length > 0.0 && length.is_finite() {
        inner / length
    } else {
        Complex::ONE
    }
}

/// `‖m (image · e^{iφ} − target)‖² / ‖m target‖²`, linear, with the phase of [`align_phase`]; `mask` is m, `(rows,
/// cols)`.
///
/// `None` where the target is zero on the mask or an input is not finite there.
///
/// # Panics
/// If the shapes differ.
pub fn complex_nmse<T: Real>(target: &Image<T>, image: &Image<T>, mask: Option<&Array2<bool>>) -> Option<f64> {
    let phase = align_phase(target, image, mask);
    let error: f64 = masked_pairs(target, image, mask)
        .map(|(t, i)| (i * phase - t).norm_sqr())
        .sum();
    let reference: f64 = masked_pairs(target, image, mask).map(|(t, _)| t.norm_sqr()).sum();
    relative(error, reference)
}

/// High-frequency error norm in dB, `10 log10(‖LoG(image · e^{iφ} − target)‖² / ‖LoG(target)‖²)`, with the phase of
/// [`align_phase`]: the error of edges and fine detail (Ravishankar and Bresler, IEEE Trans. Med. Imaging
/// 30:1028, 2011).
///
/// LoG is a zero-mean Laplacian of Gaussian, 15×15 pixels, σ = 1.5, as MATLAB defines `fspecial('log', 15, 1.5)`;
/// outside the image is zero. −∞ for a perfect image; `None` for a target of zeros or inputs that are not finite.
///
/// # Panics
/// If the shapes differ.
pub fn hfen<T: Real>(target: &Image<T>, image: &Image<T>) -> Option<f64> {
    let phase = align_phase(target, image, None);
    let target = target.mapv(wide);
    let error = Zip::from(image).and(&target).map_collect(|&i, &t| wide(i) * phase - t);
    relative(
        energy(&laplacian_of_gaussian(&error)),
        energy(&laplacian_of_gaussian(&target)),
    )
    .map(decibel)
}

fn wide<T: Real>(value: Complex<T>) -> Complex<f64> {
    Complex::new(value.re.wide(), value.im.wide())
}

/// Pairs `(target, image)` of the pixels in the mask, in f64.
fn masked_pairs<'a, T: Real>(
    target: &'a Image<T>,
    image: &'a Image<T>,
    mask: Option<&'a Array2<bool>>,
) -> impl Iterator<Item = (Complex<f64>, Complex<f64>)> + 'a {
    assert_eq!(target.dim(), image.dim(), "target and image of different shapes");
    if let Some(mask) = mask {
        assert_eq!(target.dim(), mask.dim(), "target and mask of different shapes");
    }
    target
        .indexed_iter()
        .zip(image)
        .filter(move |((at, _), _)| mask.is_none_or(|mask| mask[*at]))
        .map(|((_, &t), &i)| (wide(t), wide(i)))
}

/// Taps of the filter: `g (x² + y² − 2σ²)/σ⁴` with a Gaussian g of sum 1, less the mean of the taps.
fn taps() -> Array2<f64> {
    let centre = (LOG_SIDE / 2) as f64;
    let square = |(r, c): (usize, usize)| (r as f64 - centre).powi(2) + (c as f64 - centre).powi(2);
    let variance = LOG_SIGMA * LOG_SIGMA;
    let gauss = Array2::from_shape_fn((LOG_SIDE, LOG_SIDE), |at| (-square(at) / (2.0 * variance)).exp());
    let total = gauss.sum();
    let curved = Array2::from_shape_fn(gauss.dim(), |at| {
        gauss[at] / total * (square(at) - 2.0 * variance) / (variance * variance)
    });
    let mean = curved.sum() / curved.len() as f64;
    curved - mean
}

/// The filtered image, of the same size, zeros beyond its border. The filter is symmetric.
fn laplacian_of_gaussian(image: &Image<f64>) -> Image<f64> {
    let (rows, cols) = image.dim();
    let half = LOG_SIDE / 2;
    let mut padded = Image::zeros((rows + 2 * half, cols + 2 * half));
    padded
        .slice_mut(ndarray::s![half..half + rows, half..half + cols])
        .assign(image);
    let mut out = Image::zeros(image.dim());
    for ((r, c), &tap) in taps().indexed_iter() {
        let shifted = padded.slice(ndarray::s![r..r + rows, c..c + cols]);
        Zip::from(&mut out).and(shifted).for_each(|o, &s| *o += s * tap);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::inputs::{figures, target_and_image};

    /// `complex_pair` of `tests/figures/metrics.py`.
    fn pair(rows: usize, cols: usize) -> (Image<f32>, Image<f32>) {
        let (re, im) = target_and_image(2, rows, cols);
        let (noise_re, noise_im) = target_and_image(2, rows, cols + 1);
        let target = Array2::from_shape_fn((rows, cols), |(r, c)| Complex::new(re[[0, r, c]], im[[0, r, c]]));
        let image = Array2::from_shape_fn((rows, cols), |(r, c)| {
            let error = Complex::new(noise_im[[0, r, c]], -noise_re[[1, r, c]]) / 8.0;
            (target[[r, c]] + error) * Complex::new(0.5, 0.75)
        });
        (target, image)
    }

    #[test]
    fn agrees_with_numpy_and_scipy() {
        for case in figures()["complex"].as_array().unwrap() {
            let size: Vec<usize> = serde_json::from_value(case["size"].clone()).unwrap();
            let (target, image) = pair(size[0], size[1]);
            let mask = object_mask(&target);
            let found = [
                ("phase", align_phase(&target, &image, None).arg()),
                ("object", mask.iter().filter(|&&m| m).count() as f64),
                ("nmse", complex_nmse(&target, &image, None).unwrap()),
                ("masked_nmse", complex_nmse(&target, &image, Some(&mask)).unwrap()),
                ("hfen", hfen(&target, &image).unwrap()),
            ];
            for (name, found) in found {
                let expected = case[name].as_f64().unwrap();
                assert!(
                    (found - expected).abs() < 1e-10,
                    "{size:?} {name}: {found}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn a_global_phase_is_no_error() {
        let (target, _) = pair(20, 17);
        let turn = Complex::from_polar(1.0f32, 2.1);
        let turned = target.mapv(|v| v * turn);
        assert!((align_phase(&target, &turned, None).arg() + 2.1).abs() < 1e-6);
        assert!(complex_nmse(&target, &turned, None).unwrap() < 1e-13);
        assert!(hfen(&target, &turned).unwrap() < -130.0);
        assert_eq!(hfen(&target, &target), Some(f64::NEG_INFINITY));
    }

    #[test]
    fn the_filter_ignores_a_constant_and_curves_as_a_laplacian() {
        assert!(taps().sum().abs() < 1e-15);
        let parabola = Image::from_shape_fn((40, 40), |(r, c)| Complex::new((r * r + c * c) as f64 / 2.0, 0.0));
        let middle = laplacian_of_gaussian(&parabola)[[20, 20]].re;
        assert!((middle - 2.0).abs() < 0.01, "Laplacian of (x² + y²)/2: {middle}");
    }

    #[test]
    fn what_has_no_value_is_none() {
        let (target, mut image) = pair(12, 12);
        let zero = Image::zeros(target.dim());
        assert_eq!((complex_nmse(&zero, &image, None), hfen(&zero, &image)), (None, None));
        assert_eq!(
            complex_nmse(&target, &image, Some(&Array2::from_elem((12, 12), false))),
            None
        );
        assert!((complex_nmse(&target, &zero, None).unwrap() - 1.0).abs() < 1e-15);
        image[[3, 3]].im = f32::NAN;
        assert_eq!(
            (complex_nmse(&target, &image, None), hfen(&target, &image)),
            (None, None)
        );
        let mut elsewhere = Array2::from_elem((12, 12), true);
        elsewhere[[3, 3]] = false;
        assert!(complex_nmse(&target, &image, Some(&elsewhere)).is_some());
        assert!(!object_mask(&zero).iter().any(|&m| m));
    }
}
