//! Scans come in units that differ by many orders of magnitude. A power of two brings them to one range and loses no digit.

use ndarray::ArrayView3;
use num_complex::Complex;

use crate::array::{LANES, vectorised};
use crate::error::{Error, Input, Result};
use crate::solve::History;

/// The power of two that brings the largest sample to between 1 and 2, so that nothing else depends on the units
/// of the k-space; `None` when all samples are zero.
///
/// # Errors
/// [`Error::Data`]: values that are not finite.
pub(super) fn unit_scale(kspace: ArrayView3<Complex<f32>>) -> Result<Option<f32>> {
    let largest = f64::from(largest_part(kspace));
    if !largest.is_finite() {
        return Err(Error::data(
            Input::Kspace,
            "values that are not finite",
            "finite values",
        ));
    }
    // Beyond these the scale itself would not be a normal number.
    let scale = || (-largest.log2().floor()).clamp(-126.0, 126.0).exp2() as f32;
    Ok((largest > 0.0).then(scale))
}

/// The largest real or imaginary part, in magnitude; not finite where one is not.
fn largest_part(kspace: ArrayView3<Complex<f32>>) -> f32 {
    // Without its sign, the bits of a number grow with it, and those of infinity and NaN are the largest. Lanes of
    // their own, so that none waits for another.
    let mut largest = [0u32; LANES];
    let magnitude = |part: f32| part.to_bits() & 0x7fff_ffff;
    for line in kspace.rows() {
        let line = line.as_standard_layout();
        let line = line.as_slice().expect("standard layout");
        vectorised(
            #[inline(always)]
            || {
                for values in line.chunks(largest.len()) {
                    for (largest, v) in largest.iter_mut().zip(values) {
                        *largest = (*largest).max(magnitude(v.re)).max(magnitude(v.im));
                    }
                }
            },
        );
    }
    f32::from_bits(largest.into_iter().fold(0, u32::max))
}

/// Puts the state evolution into the units of the k-space, in which variances are `power` times smaller.
pub(super) fn unscale(history: &mut History, power: f64) {
    for iteration in &mut history.iterations {
        iteration.tau /= power;
        iteration.noise = iteration.noise.map(|noise| noise / power);
        for band in &mut iteration.bands {
            band.tau /= power;
            if let Some(shrinkage) = &mut band.shrinkage {
                shrinkage.sure /= power;
                shrinkage.threshold = shrinkage.threshold.map(|threshold| threshold / power.sqrt());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn the_largest_part_comes_to_between_one_and_two() {
        for largest in [1e-30f32, 0.3, 1.0, 7.5, 3e20] {
            let mut kspace = Array3::from_elem((2, 3, 37), Complex::new(0.1 * largest, 0.0));
            kspace[[1, 2, 36]].im = -largest;
            let scale = unit_scale(kspace.view()).unwrap().unwrap();
            assert!((1.0..2.0).contains(&(scale * largest)), "{largest}: {scale}");
            assert_eq!(scale.log2(), scale.log2().round());
        }
        let mut kspace = Array3::zeros((2, 3, 5));
        assert_eq!(unit_scale(kspace.view()), Ok(None));
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            kspace[[0, 1, 4]].re = bad;
            assert!(matches!(
                unit_scale(kspace.view()),
                Err(Error::Data {
                    what: Input::Kspace,
                    ..
                })
            ));
        }
    }
}
