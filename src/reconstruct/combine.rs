//! One image of several sets of maps.

use ndarray::{Array2, Array3, Axis, Zip};
use num_complex::Complex;

use crate::array::{Image, ImageSets};
use crate::coil::CoilScaling;
use crate::solve::Solver;

/// One image of several sets of maps, in the units of the scan: root of the sum of squares, with the phase of the
/// first.
///
/// Images of virtual coils come with their `scaling`. Maps of two sets are orthogonal in the coils that they were
/// calibrated in, so that the root is that over coils; in the coils of the scan they are not, and what they have in
/// common counts.
pub(super) fn combine_sets(mut sets: ImageSets<f32>, scaling: Option<&CoilScaling>) -> Image<f32> {
    if let Some(scaling) = scaling {
        scaling.scale(&mut sets);
    }
    if sets.dim().0 == 1 {
        return sets.index_axis_move(Axis(0), 0);
    }
    let root = |values: ndarray::ArrayView1<Complex<f32>>| values.iter().map(|v| v.norm_sqr()).sum::<f32>().sqrt();
    let magnitude = scaling
        .and_then(|scaling| scaling.magnitude(&sets))
        .unwrap_or_else(|| sets.map_axis(Axis(0), root));
    Zip::from(sets.index_axis(Axis(0), 0))
        .and(&magnitude)
        .map_collect(|v, &m| match v.norm() {
            0.0 => Complex::new(m, 0.0),
            norm => v / norm * m,
        })
}

/// Error bars, `(rows, cols)`, of what [`combine_sets`] makes of `images`, those of `solver`; `None` where they cannot
/// be computed.
pub(super) fn combined_deviation(
    solver: &mut dyn Solver<f32>,
    images: &ImageSets<f32>,
    scaling: Option<&CoilScaling>,
) -> Option<Array2<f32>> {
    let mut deviations = solver.deviation()?;
    let combined = match scaling {
        Some(scaling) => {
            let mut images = images.clone();
            scaling.scale(&mut images);
            scaling.scale_deviations(&mut deviations);
            combine_deviations(deviations, &images)
        }
        None => combine_deviations(deviations, images),
    };
    combined.iter().all(|v| v.is_finite()).then_some(combined)
}

/// To first order in the error that of the magnitude, for errors of the sets that are not correlated:
/// `σ² = Σ_m |x_m|² σ_m² / Σ_m |x_m|²`. Where all images are zero, the mean variance.
fn combine_deviations(deviations: Array3<f32>, images: &ImageSets<f32>) -> Array2<f32> {
    if deviations.dim().0 == 1 {
        return deviations.index_axis_move(Axis(0), 0);
    }
    let sets = deviations.dim().0 as f64;
    let lanes = Zip::from(deviations.lanes(Axis(0))).and(images.lanes(Axis(0)));
    lanes.map_collect(|deviations, images| {
        let pairs = || deviations.iter().zip(images);
        let energy: f64 = images.iter().map(|v| f64::from(v.norm_sqr())).sum();
        let weight = |v: &Complex<f32>| match energy {
            0.0 => 1.0 / sets,
            _ => f64::from(v.norm_sqr()) / energy,
        };
        let variance: f64 = pairs().map(|(&d, v)| weight(v) * f64::from(d).powi(2)).sum();
        variance.sqrt() as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn error_bars_follow_the_set_that_has_the_signal() {
        let images = array![[[3.0, 0.0, 0.0]], [[4.0, 2.0, 0.0]]].mapv(|v: f32| Complex::new(0.0, v));
        let deviations = array![[[1.0, 5.0, 3.0]], [[2.0, 7.0, 4.0]]];
        let found = combine_deviations(deviations, &images);
        let expected = [(9.0_f32 + 4.0 * 16.0) / 25.0, 49.0, 12.5].map(f32::sqrt);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }
}
