use ndarray::Axis;

use crate::array::Mask;

/// Fewer gaps than this may be alike by chance.
const ENOUGH: usize = 4;

/// Whether a mask of phase-encode lines, which varies along `phase`, takes them at regular distances outside its
/// centre: a distance that is no whole number of lines is met by two that differ by one.
pub(super) fn is_equispaced(mask: &Mask, phase: Axis) -> bool {
    let sampled: Vec<bool> = mask
        .sampled
        .axis_iter(phase)
        .map(|line| line.iter().any(|&s| s))
        .collect();
    let gaps = outer_gaps(&sampled);
    let (least, most) = (gaps.iter().min(), gaps.iter().max());
    gaps.len() >= ENOUGH
        && least
            .zip(most)
            .is_some_and(|(&least, &most)| most > 1 && most - least <= 1)
}

/// Distances of neighbours on either side of the run of lines about the origin.
fn outer_gaps(sampled: &[bool]) -> Vec<usize> {
    let (below, above) = sampled.split_at(sampled.len() / 2);
    let first_outside = above.iter().take_while(|&&s| s).count();
    let centre_below = below.iter().rev().take_while(|&&s| s).count();
    let gaps = |side: &[bool]| -> Vec<usize> {
        let lines: Vec<usize> = side.iter().enumerate().filter(|&(_, &s)| s).map(|(i, _)| i).collect();
        lines.windows(2).map(|pair| pair[1] - pair[0]).collect()
    };
    [
        gaps(&below[..below.len() - centre_below]),
        gaps(&above[first_outside..]),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling;
    use rand::{RngExt, SeedableRng};

    fn takes_equispaced(mask: &Mask) -> bool {
        sampling::line_axis(mask).is_some_and(|phase| is_equispaced(mask, phase))
    }

    /// As in fastMRI: a full centre, and lines at a distance that is no whole number.
    fn equispaced(cols: usize, low: usize, distance: f64, offset: f64) -> Vec<bool> {
        let start = (cols - low).div_ceil(2);
        let mut columns: Vec<bool> = (0..cols).map(|col| (start..start + low).contains(&col)).collect();
        let positions = (0..).map(|i| (offset + f64::from(i) * distance).round() as usize);
        positions.take_while(|&at| at < cols).for_each(|at| columns[at] = true);
        columns
    }

    #[test]
    fn equispaced_lines_are_told_from_random_ones() {
        for (cols, low) in [(256, 20), (255, 21), (372, 15), (320, 0)] {
            for (distance, offset) in [(2.0, 1.0), (4.6, 0.0), (5.31, 3.0), (10.7, 9.0)] {
                let mask = Mask::from_columns(30, &equispaced(cols, low, distance, offset));
                assert!(takes_equispaced(&mask), "{cols} lines, {low} full, every {distance}");
                assert!(takes_equispaced(&Mask::new(mask.sampled.t().to_owned())));
            }
            for (seed, probability) in [(1, 0.1), (2, 0.2), (3, 0.5), (4, 0.75)] {
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
                let mut columns = equispaced(cols, low, 1e9, 0.0);
                columns.iter_mut().for_each(|c| *c |= rng.random::<f64>() < probability);
                assert!(
                    !takes_equispaced(&Mask::from_columns(30, &columns)),
                    "{cols} lines, {probability}"
                );
            }
        }
    }

    #[test]
    fn too_few_lines_tell_nothing() {
        assert!(!takes_equispaced(&Mask::from_columns(
            8,
            &equispaced(40, 20, 10.0, 0.0)
        )));
        let mut plane = Mask::from_columns(8, &equispaced(64, 8, 4.0, 0.0));
        assert!(takes_equispaced(&plane));
        plane.sampled[[4, 1]] = true;
        assert!(!takes_equispaced(&plane), "no phase-encode lines");
        assert!(!takes_equispaced(&Mask::full((6, 8).into())));
    }
}
