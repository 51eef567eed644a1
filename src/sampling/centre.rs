//! What a mask shows at a glance: its fully sampled centre, and whether it is one of phase-encode lines.

use ndarray::{ArrayView1, Axis};

use super::coverage::Coverage;
use crate::array::{Grid, Mask};

/// The largest centred rectangle, by area, in which every location is sampled: the ACS. Centred as
/// [`Grid::centred_offset`] places it. 0x0 when the origin is not sampled; of two as large, the squarer.
pub fn sampled_centre(mask: &Mask) -> Grid {
    let Grid { rows, cols } = mask.grid();
    let mut best = Grid::new(0, 0);
    if mask.grid().is_empty() {
        return best;
    }
    // Windows of growing height contain each other: their width is the narrowest of their rows'.
    let mut width = cols;
    for height in 1..=rows {
        width = width.min(sampled_width(mask, centred_index(height - 1, rows)));
        let grid = Grid::new(height, width);
        let rank = |g: Grid| (g.len(), g.rows.min(g.cols));
        if rank(grid) > rank(best) {
            best = grid;
        }
    }
    best
}

/// Width of the widest centred window of one row that is sampled throughout.
fn sampled_width(mask: &Mask, row: usize) -> usize {
    let cols = mask.grid().cols;
    (0..cols)
        .take_while(|&k| mask.sampled[[row, centred_index(k, cols)]])
        .count()
}

/// The index that a centred window of `k` gains when it grows to `k + 1`: 0, −1, 1, −2 … from the origin.
fn centred_index(k: usize, n: usize) -> usize {
    if k.is_multiple_of(2) {
        n / 2 + k / 2
    } else {
        n / 2 - k.div_ceil(2)
    }
}

/// The axis along which a mask of phase-encode lines varies, the phase encodes: `Axis(1)` where all rows are alike, as
/// in fastMRI, `Axis(0)` where all columns are. `None` for any other mask, and for one that does not vary.
///
/// Outer rows and columns that are sampled throughout or not at all (zero padding) are not looked at, so that the answer is
/// the same whether padding counts as sampled or not. A single line that lacks something is no such mask.
pub fn line_axis(mask: &Mask) -> Option<Axis> {
    match [0, 1].map(|axis| is_one_line_again(mask, Axis(axis))) {
        [true, false] => Some(Axis(1)),
        [false, true] => Some(Axis(0)),
        _ => None,
    }
}

/// Whether all lines along an axis are alike, and lack something between the first sample and the last.
fn is_one_line_again(mask: &Mask, axis: Axis) -> bool {
    let lines: Vec<_> = mask.sampled.axis_iter(axis).collect();
    let varies = |line: &ArrayView1<bool>| line.iter().any(|s| *s != line[0]);
    let (Some(first), Some(last)) = (lines.iter().position(varies), lines.iter().rposition(varies)) else {
        return false;
    };
    let line = lines[first];
    let acquired = Coverage::of(&Mask::from_columns(1, &line.to_vec()), [None, None])
        .cols
        .acquired;
    first < last && lines[first..=last].iter().all(|other| *other == line) && acquired.into_iter().any(|i| !line[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn empty(rows: usize, cols: usize) -> Mask {
        Mask::new(Array2::from_elem((rows, cols), false))
    }

    #[test]
    fn finds_the_rectangle_it_was_given_at_any_parity() {
        for (rows, cols) in [(32, 32), (31, 40), (17, 9)] {
            for (height, width) in [(6, 8), (7, 5), (1, 4), (2, 1), (16, 9)] {
                let (grid, acs) = (Grid::new(rows, cols), Grid::new(height, width));
                let (row, col) = grid.centred_offset(acs);
                let mut mask = empty(rows, cols);
                mask.sampled
                    .slice_mut(s![row..row + height, col..col + width])
                    .fill(true);
                assert_eq!(sampled_centre(&mask), acs, "{grid}");
                mask.sampled[[rows / 2, cols / 2]] = false;
                assert_eq!(sampled_centre(&mask), Grid::new(0, 0));
            }
        }
    }

    #[test]
    fn takes_the_largest_rectangle_of_a_cross_and_the_squarer_of_two() {
        let mut cross = Mask::from_columns(64, &(0..80).map(|col| (28..52).contains(&col)).collect::<Vec<_>>());
        assert_eq!(sampled_centre(&cross), Grid::new(64, 24));
        cross.sampled.slice_mut(s![30..34, ..]).fill(true);
        assert_eq!(sampled_centre(&cross), Grid::new(64, 24));

        let mut two = empty(16, 16);
        two.sampled.slice_mut(s![7..9, 2..14]).fill(true);
        two.sampled.slice_mut(s![6..10, 5..11]).fill(true);
        assert_eq!(sampled_centre(&two), Grid::new(4, 6));
        assert_eq!(sampled_centre(&Mask::full(Grid::new(640, 368))), Grid::new(640, 368));
        assert_eq!(sampled_centre(&empty(0, 5)), Grid::new(0, 0));
    }

    #[test]
    fn tells_lines_by_the_axis_along_which_they_vary() {
        let columns: Vec<bool> = (0..40).map(|col| col % 3 == 0).collect();
        let mut mask = Mask::from_columns(30, &columns);
        assert_eq!(line_axis(&mask), Some(Axis(1)));
        assert_eq!(line_axis(&Mask::new(mask.sampled.t().to_owned())), Some(Axis(0)));
        mask.sampled.slice_mut(s![..4, ..]).fill(false);
        assert_eq!(line_axis(&mask), Some(Axis(1)), "rows of zero filling do not count");
        mask.sampled.slice_mut(s![..3, ..]).fill(true);
        mask.sampled.slice_mut(s![27.., ..]).fill(true);
        assert_eq!(line_axis(&mask), Some(Axis(1)), "nor do rows known to be zero");
        mask.sampled[[20, 1]] = true;
        assert_eq!(line_axis(&mask), None);
        let padded: Vec<bool> = (0..40).map(|col| (5..34).contains(&col)).collect();
        assert_eq!(
            line_axis(&Mask::from_columns(30, &padded)),
            None,
            "complete but for zero padding"
        );
        for same in [Mask::full(Grid::new(4, 6)), empty(4, 6), empty(0, 0)] {
            assert_eq!(line_axis(&same), None);
        }
    }
}
