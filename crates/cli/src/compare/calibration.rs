//! Compares error bars with the true error.

use ndarray::Array2;
use num_complex::Complex;

use super::reference_metrics::ReferenceMetrics;
use super::{CalibrationBin, CalibrationRecord};
use pvdamp::array::Image;

/// 95 % of a Gaussian lie within this many standard deviations.
const WIDTH_95: f64 = 1.959_963_985;
/// Number of bins, each with the same number of pixels.
const BINS: usize = 12;

/// A pixel of the object.
struct Pixel {
    /// Predicted standard deviation of each part of the error.
    predicted: f64,
    error: Complex<f64>,
}

/// Calibration of the error bars of `image` over the object. The phase of `image` is aligned to the reference. Dividing
/// by `scale` gives the units of the scan. `None` without an object.
pub fn calibration(
    reference: &ReferenceMetrics,
    image: &Image<f32>,
    deviation: &Array2<f32>,
    scale: f64,
    [case, contender]: [&str; 2],
) -> Option<CalibrationRecord> {
    let errors = image.iter().zip(&reference.reference).map(|(x, x0)| x - x0);
    let pixels = errors.zip(deviation).zip(reference.object());
    let mut pixels: Vec<Pixel> = pixels
        .filter(|&(_, &inside)| inside)
        .map(|((error, &predicted), _)| Pixel {
            predicted: f64::from(predicted) / scale,
            error: Complex::new(f64::from(error.re), f64::from(error.im)) / scale,
        })
        .collect();
    if pixels.is_empty() {
        return None;
    }
    let within = |width: f64| {
        let parts = pixels.iter().flat_map(|p| [(p.error.re, p), (p.error.im, p)]);
        let inside = parts.filter(|(part, p)| part.abs() <= width * p.predicted).count();
        inside as f64 / (2 * pixels.len()) as f64
    };
    let (within_68, within_95) = (within(1.0), within(WIDTH_95));
    let predicted: f64 = pixels.iter().map(|p| 2.0 * p.predicted * p.predicted).sum();
    let measured = energy(&pixels);

    // A stable sort: pixels with equal predictions keep their order.
    pixels.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
    let count = BINS.min(pixels.len());
    let ends = (0..=count).map(|i| i * pixels.len() / count).collect::<Vec<_>>();
    let bins = ends.windows(2).map(|ends| bin(&pixels[ends[0]..ends[1]]));
    Some(CalibrationRecord {
        case: case.into(),
        contender: contender.into(),
        pixels: pixels.len(),
        within_68,
        within_95,
        energy_ratio: (measured > 0.0).then_some(predicted / measured),
        bins: bins.collect(),
    })
}

fn bin(pixels: &[Pixel]) -> CalibrationBin {
    let count = pixels.len() as f64;
    CalibrationBin {
        predicted: pixels.iter().map(|p| p.predicted).sum::<f64>() / count,
        measured: (energy(pixels) / (2.0 * count)).sqrt(),
    }
}

fn energy(pixels: &[Pixel]) -> f64 {
    pixels.iter().map(|p| p.error.norm_sqr()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    /// Calibration of simulated errors whose standard deviation is the predicted one times `factor`.
    fn simulated_calibration(factor: f32, scale: f64) -> CalibrationRecord {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut gauss = || -> f32 { StandardNormal.sample(&mut rng) };
        let dim = (96, 100);
        let reference = Array2::from_shape_fn(dim, |(r, _)| Complex::new(if r < 48 { 100.0 } else { 0.0 }, 0.0));
        let deviation = Array2::from_shape_fn(dim, |(r, c)| ((r + c) % 7 + 1) as f32 * 0.1);
        let image = ndarray::Zip::from(&reference)
            .and(&deviation)
            .map_collect(|x, &d| x + Complex::new(gauss(), gauss()) * d * factor);
        let reference = ReferenceMetrics::new(reference);
        calibration(&reference, &image, &deviation, scale, ["case", "contender"]).unwrap()
    }

    #[test]
    fn correct_error_bars_cover_what_they_should() {
        let found = simulated_calibration(1.0, 1.0);
        assert_eq!(found.pixels, 4800);
        assert!((found.within_68 - 0.6827).abs() < 0.015, "{}", found.within_68);
        assert!((found.within_95 - 0.95).abs() < 0.01, "{}", found.within_95);
        assert!((found.energy_ratio.unwrap() - 1.0).abs() < 0.05);
        assert_eq!(found.bins.len(), 12);
        for bin in &found.bins {
            assert!((bin.measured / bin.predicted - 1.0).abs() < 0.15, "{bin:?}");
        }
        assert!(found.bins.is_sorted_by(|a, b| a.predicted <= b.predicted));
        assert!(found.bins[0].predicted < 0.11 && found.bins[11].predicted > 0.69);
    }

    #[test]
    fn error_bars_that_are_too_small_are_detected() {
        let found = simulated_calibration(2.0, 1.0);
        assert!((found.within_68 - 0.383).abs() < 0.02, "{}", found.within_68);
        assert!((found.energy_ratio.unwrap() - 0.25).abs() < 0.02);
        let halved = simulated_calibration(2.0, 2.0);
        assert_eq!((halved.within_68, halved.within_95), (found.within_68, found.within_95));
        assert_eq!(halved.bins[3].measured, found.bins[3].measured / 2.0);
    }

    #[test]
    fn no_object_no_calibration() {
        let reference = ReferenceMetrics::new(Array2::zeros((4, 4)));
        let none = calibration(&reference, &Array2::zeros((4, 4)), &Array2::ones((4, 4)), 1.0, ["", ""]);
        assert!(none.is_none());
    }
}
