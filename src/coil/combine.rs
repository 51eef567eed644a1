//! Root sum of squares, and normalisation of given maps.

use ndarray::{Array2, ArrayView3, Axis, Zip};
use num_complex::Complex;

use crate::array::{Maps, energy_over_coils};
use crate::error::{Error, Input, Result};

/// A pixel whose largest `Σ_c |S_c|²` over the sets is below this fraction of the maximum over pixels is outside.
const OUTSIDE: f64 = 1e-3;
/// Maps are normalised where `Σ_c |S_c|²` is 1 to this.
const NORMALISED: f64 = 1e-3;

/// `√(Σ_c |x_c|²)` for each pixel of coil images `(coils, rows, cols)`, summed in f64 (Roemer et al., MRM 16:192,
/// 1990). Returns `(rows, cols)`.
pub fn root_sum_of_squares(images: ArrayView3<Complex<f32>>) -> Array2<f32> {
    energy_over_coils(images).mapv(|v| v.sqrt() as f32)
}

/// What [`normalise`] found in the maps, and whether it changed them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// False where the maps were normalised already, and were left as they are.
    pub changed: bool,
    /// Largest `|Σ_c |S_c|² − 1|` inside, before normalisation.
    pub deviation: f64,
    /// Fraction of pixels inside: where the normalised maps are not zero.
    pub support: f64,
}

/// Scales maps so that `Σ_c |S_c|²`, in the strongest set of each pixel, is 1 wherever it exceeds 1/1000 of its maximum
/// over pixels, and 0 elsewhere. Both sets of a pixel have the same factor, which leaves their relation as it is.
///
/// Maps that are already normalised pass unchanged, soft edges included: no pixel above 1 and more than half of those
/// inside at 1, both to 1/1000.
///
/// # Errors
/// [`Error::Data`] for values that are not finite and for maps that are zero everywhere.
pub fn normalise(maps: &mut Maps<f32>) -> Result<Normalisation> {
    let (_, _, rows, cols) = maps.dim();
    let mut strongest = Array2::<f64>::zeros((rows, cols));
    for set in maps.outer_iter() {
        let energy = energy_over_coils(set);
        // In double precision the square of no finite value overflows.
        if energy.iter().any(|v| !v.is_finite()) {
            return Err(Error::data(Input::Maps, "values that are not finite", "finite values"));
        }
        Zip::from(&mut strongest)
            .and(&energy)
            .for_each(|most, &v| *most = most.max(v));
    }
    let largest = strongest.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::data(Input::Maps, "zero everywhere", "some sensitivity"));
    }
    let inside = |energy: f64| energy > OUTSIDE * largest;
    let (mut count, mut at_one, mut deviation) = (0, 0, 0.0f64);
    for energy in strongest.iter().copied().filter(|&e| inside(e)) {
        count += 1;
        at_one += usize::from((energy - 1.0).abs() <= NORMALISED);
        deviation = deviation.max((energy - 1.0).abs());
    }
    let changed = largest > 1.0 + NORMALISED || 2 * at_one <= count;
    if changed {
        let factor = strongest.mapv(|energy| if inside(energy) { energy.sqrt().recip() } else { 0.0 });
        for mut set in maps.axis_iter_mut(Axis(0)) {
            for image in set.axis_iter_mut(Axis(0)) {
                Zip::from(image).and(&factor).for_each(|value, &factor| {
                    *value = Complex::new(
                        (f64::from(value.re) * factor) as f32,
                        (f64::from(value.im) * factor) as f32,
                    );
                });
            }
        }
    }
    Ok(Normalisation {
        changed,
        deviation,
        support: count as f64 / strongest.len() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps(value: impl Fn(usize, usize, usize) -> f32) -> Maps<f32> {
        Maps::from_shape_fn((2, 3, 5, 4), |(set, coil, row, _)| {
            Complex::from_polar(value(set, coil, row), coil as f32)
        })
    }

    #[test]
    fn root_sum_of_squares_is_its_definition_also_for_large_and_small_values() {
        for scale in [1.0, 1e-25f32, 1e25] {
            let images = ndarray::arr3(&[[[Complex::new(3.0 * scale, 0.0)]], [[Complex::new(0.0, -4.0 * scale)]]]);
            assert!((root_sum_of_squares(images.view())[[0, 0]] / scale - 5.0).abs() < 1e-5);
        }
    }

    #[test]
    fn foreign_maps_are_scaled_and_both_sets_alike() {
        // Energy 12 on rows 0 to 2, next to nothing on row 3, nothing on row 4; the second set has a quarter.
        let mut found = maps(|set, _, row| [2.0, 2.0, 2.0, 0.001, 0.0][row] / if set == 0 { 1.0 } else { 2.0 });
        let what = normalise(&mut found).unwrap();
        assert!(what.changed && (what.deviation - 11.0).abs() < 1e-6 && (what.support - 0.6).abs() < 1e-12);
        for (set, expected) in [(0, 1.0), (1, 0.25)] {
            let energy = energy_over_coils(found.index_axis(Axis(0), set));
            for ((row, _), value) in energy.indexed_iter() {
                assert!(
                    (value - if row < 3 { expected } else { 0.0 }).abs() < 1e-6,
                    "{row} {value}"
                );
            }
        }
        assert!(!normalise(&mut found).unwrap().changed);
    }

    #[test]
    fn normalised_maps_with_a_soft_edge_pass_unchanged() {
        let unit = 1.0 / 3.0f32.sqrt();
        let mut found = maps(|_, _, row| unit * [1.0, 1.0002, 1.0, 0.5, 0.0][row]);
        let before = found.clone();
        let what = normalise(&mut found).unwrap();
        assert!(!what.changed && found == before && (what.deviation - 0.75).abs() < 1e-6);
    }

    #[test]
    fn maps_without_values_are_refused() {
        assert!(
            normalise(&mut maps(|_, _, _| 0.0))
                .unwrap_err()
                .to_string()
                .contains("zero everywhere")
        );
        assert!(
            normalise(&mut maps(|_, _, _| f32::NAN))
                .unwrap_err()
                .to_string()
                .contains("not finite")
        );
    }
}
