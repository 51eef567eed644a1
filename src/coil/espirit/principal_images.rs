//! Several images that the same coils saw, brought to a few without which nothing is lost for coil maps.
//!
//! Frames of a dynamic scan, echoes and flow encodings differ in magnitude and phase, and share their coil maps. Any
//! linear combination over images is an image of the same coils. The principal ones hold the signal of all with the least
//! noise: of images that are alike it is one, their mean; of images whose phases differ there are as many as it takes.

use ndarray::{Array3, ArrayView3, s};
use num_complex::Complex;

use crate::array::{CoilStack, Grid};
use crate::coil::hermitian::{eigen, gram};
use crate::error::{Error, Input, Result};
use faer::Mat;

type C32 = Complex<f32>;
type C64 = Complex<f64>;

/// Principal images with less energy than this share of that of the first are left out. Of frames at an SNR of 7 a sample,
/// the second that is noise has .002; the second echo of water and fat .7.
const FAINT: f64 = 0.05;
/// No more than these are kept: what memory and time the signal space takes grows with them.
pub const MOST_PRINCIPAL_IMAGES: usize = 4;

/// The principal images of the centres of `first` and `others`, each `(coils, window)`, the strongest first.
///
/// # Errors
/// [`Error::Data`] for an image of other coils, smaller than `window`, or with values that are not finite.
pub(super) fn principal_images(
    first: ArrayView3<C32>,
    others: &[CoilStack<f32>],
    window: Grid,
) -> Result<Vec<CoilStack<f64>>> {
    let coils = first.dim().0;
    let mut images = vec![centre(first, coils, window)?];
    for other in others {
        images.push(centre(other.view(), coils, window)?);
    }
    if images.len() == 1 {
        return Ok(images);
    }
    let size = coils * window.len();
    let rows: Vec<&[C64]> = images
        .iter()
        .map(|image| image.as_slice().expect("an array of its own"))
        .collect();
    let matrix = Mat::from_fn(rows.len(), size, |image, i| rows[image][i]);
    let (energies, vectors) = eigen(gram(matrix.as_ref()))?;
    drop(matrix);
    let strongest = energies.last().copied().unwrap_or(0.0);
    let kept = (0..images.len())
        .rev()
        .take(MOST_PRINCIPAL_IMAGES)
        .filter(|&i| i + 1 == images.len() || energies[i] > FAINT * strongest);
    let combined = |component: usize| {
        let weights: Vec<C64> = (0..images.len()).map(|image| vectors[(image, component)]).collect();
        let largest = weights
            .iter()
            .copied()
            .fold(C64::default(), |a, b| if b.norm() > a.norm() { b } else { a });
        let turn = largest / largest.norm().max(f64::MIN_POSITIVE);
        let mut sum = Array3::zeros((coils, window.rows, window.cols));
        for (image, weight) in images.iter().zip(&weights) {
            sum.scaled_add(weight.conj() * turn, image);
        }
        sum
    };
    Ok(kept.map(combined).collect())
}

fn centre(kspace: ArrayView3<C32>, coils: usize, window: Grid) -> Result<CoilStack<f64>> {
    let (of_coils, rows, cols) = kspace.dim();
    if of_coils != coils || rows < window.rows || cols < window.cols {
        let found = format!("an image of {of_coils} coils, {rows}x{cols}, to calibrate coil maps from");
        let expected = format!("{coils} coils and the sampled centre of {window}");
        return Err(Error::data(Input::Kspace, found, expected));
    }
    let (row, col) = Grid::new(rows, cols).centred_offset(window);
    let centre = kspace.slice(s![.., row..row + window.rows, col..col + window.cols]);
    if centre.iter().any(|v| !v.is_finite()) {
        let found = format!("values that are not finite in the {window} centre");
        return Err(Error::data(
            Input::Kspace,
            found,
            "finite values to calibrate coil maps from",
        ));
    }
    Ok(centre.mapv(|v| C64::new(v.re.into(), v.im.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Grid = Grid::new(6, 5);

    /// An image that two coils see, `(2, 8, 9)`, different for each seed.
    fn image(seed: usize) -> CoilStack<f32> {
        Array3::from_shape_fn((2, 8, 9), |(coil, row, col)| {
            let at = (1 + seed * 97 + row * 9 + col) as f32;
            let value = Complex::from_polar((at * 0.37).sin(), at * 0.73);
            value
                * if coil == 0 {
                    Complex::new(1.0, 0.0)
                } else {
                    Complex::new(0.2, 0.5)
                }
        })
    }

    #[test]
    fn alike_images_are_one_whatever_their_phase() {
        let others: Vec<_> = (1..5)
            .map(|i| image(0).mapv(|v| v * C32::from_polar(1.0, i as f32)))
            .collect();
        let found = principal_images(image(0).view(), &others, WINDOW).unwrap();
        assert_eq!(found.len(), 1);
        let own = centre(image(0).view(), 2, WINDOW).unwrap();
        let scale = found[0][[0, 2, 2]] / own[[0, 2, 2]];
        assert!((scale.norm() - 5f64.sqrt()).abs() < 1e-5);
        for (a, b) in found[0].iter().zip(&own) {
            assert!((a - b * scale).norm() < 1e-5 * scale.norm());
        }
    }

    #[test]
    fn what_differs_is_kept_and_noise_is_not() {
        let quiet = image(2).mapv(|v| v * 0.01);
        let found = principal_images(image(0).view(), &[image(1), quiet.clone()], WINDOW).unwrap();
        assert_eq!(found.len(), 2);
        let energy = |image: &CoilStack<f64>| image.iter().map(|v| v.norm_sqr()).sum::<f64>();
        assert!(energy(&found[0]) > energy(&found[1]));
        let all: f64 = [image(0), image(1), quiet]
            .iter()
            .map(|i| energy(&centre(i.view(), 2, WINDOW).unwrap()))
            .sum();
        let kept: f64 = found.iter().map(energy).sum();
        assert!((kept - all).abs() < 1e-3 * all);
    }

    #[test]
    fn images_of_other_coils_or_too_small_are_refused() {
        let three = Array3::zeros((3, 8, 9));
        let small = Array3::zeros((2, 5, 9));
        for bad in [three, small] {
            assert!(principal_images(image(0).view(), &[bad], WINDOW).is_err());
        }
    }
}
