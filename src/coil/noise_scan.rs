//! Measurement noise from samples of noise alone.

use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use crate::error::{Error, Input, Result};

type C64 = Complex<f64>;

/// Fewer samples than this for each coil say too little about a covariance.
const LEAST_PER_COIL: usize = 8;

/// The noise covariance `E[ε εᴴ]` between coils, `(coils, coils)`, of noise samples `(coils, samples)`, in their units
/// squared; and the number of samples that it is the mean of.
///
/// Samples at which every coil is exactly zero count as zero padding and are left out. The mean of each coil is
/// subtracted, since a receiver's offset is not noise, so that the divisor is N − 1. Nothing is rescaled: the samples
/// must have the receiver bandwidth and gain of the scan. Otherwise the covariance is off by a factor, which whitening
/// does not depend on.
///
/// # Errors
/// [`Error::NotEnough`] for fewer than 8 samples a coil; [`Error::Data`] for samples that are all alike.
pub fn sample_covariance(samples: ArrayView2<Complex<f32>>) -> Result<(Array2<C64>, usize)> {
    let coils = samples.nrows();
    let wide = |v: &Complex<f32>| C64::new(v.re.into(), v.im.into());
    let zero = C64::new(0.0, 0.0);
    let (mut sums, mut products) = (vec![zero; coils], Array2::from_elem((coils, coils), zero));
    let mut count = 0;
    for sample in samples.columns() {
        let sample: Vec<C64> = sample.iter().map(wide).collect();
        if sample.iter().all(|v| *v == zero) {
            continue;
        }
        count += 1;
        for c in 0..coils {
            sums[c] += sample[c];
            for d in 0..=c {
                products[[c, d]] += sample[c] * sample[d].conj();
            }
        }
    }
    if count < LEAST_PER_COIL * coils {
        let found = format!("{count} noise samples are too few for {coils} coils");
        let needed = format!("{} are needed", LEAST_PER_COIL * coils);
        return Err(Error::not_enough(Input::NoiseSamples, found, needed));
    }
    let all = count as f64;
    let covariance = Array2::from_shape_fn((coils, coils), |(c, d)| {
        if c >= d {
            (products[[c, d]] - sums[c] * sums[d].conj() / all) / (all - 1.0)
        } else {
            (products[[d, c]] - sums[d] * sums[c].conj() / all).conj() / (all - 1.0)
        }
    });
    if covariance.diag().iter().any(|v| v.re > 0.0) {
        Ok((covariance, count))
    } else {
        Err(Error::data(Input::NoiseSamples, "values that are all alike", "noise"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coil::whitening::tests::{correlated, draws};

    #[test]
    fn the_covariance_of_samples_is_found_at_every_scale_whatever_their_offset() {
        let truth = correlated(4);
        let size = |m: &Array2<C64>| m.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
        for (scale, offset) in [(1.0, 0.0), (1e-7, 3e-7), (1e13, 0.0)] {
            let samples = draws(4, 20_000).mapv(|v| {
                let value = v * scale + offset;
                Complex::new(value.re as f32, value.im as f32)
            });
            let (found, count) = sample_covariance(samples.view()).unwrap();
            let error = size(&(found.mapv(|v| v / (scale * scale)) - &truth)) / size(&truth);
            assert!(count == 20_000 && error < 0.03, "{error} at {scale}");
        }
    }

    #[test]
    fn filled_in_zeros_do_not_count_and_too_little_is_refused() {
        let samples = draws(3, 30).mapv(|v| Complex::new(v.re as f32, v.im as f32));
        let mut padded = Array2::from_elem((3, 90), Complex::new(0.0f32, 0.0));
        padded.slice_mut(ndarray::s![.., 20..50]).assign(&samples);
        let (alone, filled) = (sample_covariance(samples.view()), sample_covariance(padded.view()));
        assert_eq!(alone.unwrap(), filled.unwrap());
        let few = samples.slice(ndarray::s![.., ..23]);
        assert!(sample_covariance(few).unwrap_err().to_string().contains("too few"));
        let alike = Array2::from_elem((3, 90), Complex::new(1.0f32, 2.0));
        assert!(
            sample_covariance(alike.view())
                .unwrap_err()
                .to_string()
                .contains("alike")
        );
    }
}
