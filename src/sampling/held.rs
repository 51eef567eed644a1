//! Where measured k-space holds data.

use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use crate::array::{Mask, Real, energy_over_coils};

/// Bins of a decade of magnitude.
const BINS: usize = 4;
/// Decades below the largest magnitude that are looked at; all that is smaller counts as the last.
const DECADES: usize = 24;
/// Data are within so many decades of the largest magnitude.
const DATA: usize = 4;
/// So many decades without data lie between data and what transforms and filters leave where nothing was sampled.
const GAP: f64 = 1.5;
/// Share of the locations that chance leaves in the gap: noise is small at some.
const CHANCE: f64 = 1e-3;
/// Fewer locations below the gap than this share are small by chance.
const FEWEST: f64 = 0.1;

/// Where k-space holds data.
#[derive(Clone, Debug)]
pub struct Held {
    /// `(rows, cols)`.
    pub mask: Mask,
    /// The largest magnitude over coils, root sum of squares.
    pub largest: f64,
    /// Locations whose values are so small beside all others that they count as not sampled, if there are any.
    pub negligible: usize,
}

/// Where k-space `(coils, rows, cols)` holds data: where any coil is not exactly zero, but for values that are smaller than
/// all others by orders of magnitude, as rounding errors of a transform are.
///
/// The data tell how small: between them and the others there must be a gap of 1.5 decades of magnitude.
pub fn held_data<T: Real>(kspace: ArrayView3<Complex<T>>) -> Held {
    held_energy(&energy_over_coils(kspace))
}

/// The same of energies, `(rows, cols)`.
pub fn held_energy(energy: &Array2<f64>) -> Held {
    let largest = energy.iter().copied().fold(0.0, f64::max);
    let floor = floor(energy, largest).unwrap_or(0.0);
    let small = |&&e: &&f64| e > 0.0 && e <= floor;
    Held {
        // what is no number is no zero
        mask: Mask::new(energy.mapv(|e| e.is_nan() || e > floor)),
        largest: largest.sqrt(),
        negligible: energy.iter().filter(small).count(),
    }
}

/// The energy in the middle of the gap below the data; `None` where there is no gap.
fn floor(energy: &Array2<f64>, largest: f64) -> Option<f64> {
    if largest <= 0.0 || !largest.is_finite() {
        return None;
    }
    // bins of magnitude, the largest first
    let mut counts = [0usize; BINS * DECADES];
    for &e in energy.iter().filter(|e| **e > 0.0) {
        let decades = -(e / largest).log10() / 2.0;
        let bin = (decades * BINS as f64) as usize;
        counts[bin.min(counts.len() - 1)] += 1;
    }
    let zeros = energy.iter().filter(|e| **e == 0.0).count();
    let few = (CHANCE * energy.len() as f64) as usize;
    let length = (GAP * BINS as f64) as usize;
    let first = (BINS * DATA..counts.len() - length).find(|&first| {
        let within: usize = counts[first..first + length].iter().sum();
        within <= few && counts[first + length..].iter().any(|&count| count > 0)
    })?;
    // it may be longer
    let last = (first + length..counts.len()).find(|&bin| counts[bin] > few)?;
    let below: usize = counts[last..].iter().sum::<usize>() + zeros;
    let middle = (first + last) as f64 / 2.0 / BINS as f64;
    (below as f64 >= FEWEST * energy.len() as f64).then(|| largest * 10f64.powf(-2.0 * middle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// k-space of a smooth object with noise where the mask samples, and values of this size elsewhere.
    fn kspace(coils: usize, elsewhere: f32) -> (Array3<Complex<f32>>, Mask) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut value = |size: f32| {
            let (re, im) = (rng.random::<f32>() - 0.5, rng.random::<f32>() - 0.5);
            Complex::new(size * re, size * im)
        };
        let mask = Mask::new(Array2::from_shape_fn((64, 64), |(r, c)| {
            (r * 7 + c * 13) % 5 < 2 || r.abs_diff(32) < 8
        }));
        let kspace = Array3::from_shape_fn((coils, 64, 64), |(_, r, c)| {
            if !mask.sampled[(r, c)] {
                return value(elsewhere);
            }
            let away = 1.0 + (r.abs_diff(32).pow(2) + c.abs_diff(32).pow(2)) as f32;
            Complex::new(1.0 / away, 0.0) + value(1e-3)
        });
        (kspace, mask)
    }

    #[test]
    fn what_transforms_leave_is_no_data_at_any_scale() {
        for (coils, elsewhere) in [(1, 1e-7), (8, 1e-7), (8, 3e-8), (1, 1e-16), (4, 0.0)] {
            let (kspace, mask) = kspace(coils, elsewhere);
            for scale in [1.0, 1e-7, 1e13] {
                let held = held_data(kspace.mapv(|v| v * scale).view());
                let wrong = held
                    .mask
                    .sampled
                    .iter()
                    .zip(&mask.sampled)
                    .filter(|(a, b)| a != b)
                    .count();
                assert!(wrong <= 4, "{coils} coils, {elsewhere}: {wrong}");
                assert_eq!(held.negligible > 0, elsewhere > 0.0);
            }
        }
    }

    #[test]
    fn small_data_are_data() {
        // noise as small as this is noise
        for elsewhere in [1e-3, 1e-4, 2e-5] {
            let (kspace, _) = kspace(4, elsewhere);
            let held = held_data(kspace.view());
            assert_eq!((held.mask.count(), held.negligible), (64 * 64, 0), "{elsewhere}");
        }
        // a few small values are chance
        let (mut kspace, _) = kspace(2, 1e-3);
        kspace
            .slice_mut(ndarray::s![.., 0..3, ..])
            .fill(Complex::new(1e-9, -0.0));
        assert_eq!(held_data(kspace.view()).mask.count(), 64 * 64);
        let nothing = Array3::<Complex<f32>>::from_elem((2, 4, 4), Complex::new(0.0, -0.0));
        assert_eq!(held_data(nothing.view()).mask.count(), 0);
    }
}
