//! Lines of k-space put where they belong, averaged, and the readout oversampling taken out of them.

use num_complex::Complex;
use rayon::prelude::*;

use super::table::Head;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;

/// `ACQ_IS_REVERSE`: read out from high to low frequencies.
pub(super) const REVERSE: u32 = 22;

/// Where a readout lies on the grid: its samples `from..from + count` are the rows `row..row + count`, counted after a
/// reversed line was turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub from: usize,
    pub row: usize,
    pub count: usize,
    pub reversed: bool,
}

impl Span {
    /// Places the samples of a line on `rows` rows, its sample `centre` at the origin; what lies outside, and what is
    /// to be discarded, is left out. `None` if nothing remains.
    ///
    /// A reversed line is turned as a whole. Its central sample is counted after that, as readers of vendor data do, so
    /// that lines of either direction, sampled at the same instants, fall on the same rows.
    pub fn new(head: &Head, rows: usize, centre: usize) -> Option<Self> {
        let reversed = head.is(REVERSE);
        let (mut pre, mut post) = (i64::from(head.discard_pre), i64::from(head.discard_post));
        if reversed {
            std::mem::swap(&mut pre, &mut post);
        }
        let first_row = (rows / 2) as i64 - centre as i64;
        let from = pre.max(-first_row);
        let end = (i64::from(head.number_of_samples) - post).min(rows as i64 - first_row);
        let count = usize::try_from(end - from).ok().filter(|&count| count > 0)?;
        Some(Self {
            from: from as usize,
            row: (first_row + from) as usize,
            count,
            reversed,
        })
    }
}

impl Span {
    /// Of a line that was regridded to all rows, `head` as it was read.
    pub fn whole(rows: usize, head: &Head) -> Self {
        Self {
            from: 0,
            row: 0,
            count: rows,
            reversed: head.is(REVERSE),
        }
    }
}

/// Lines of all coils, `(coils, columns, rows)`, summed as they come.
pub(super) struct Lines {
    coils: usize,
    columns: usize,
    rows: usize,
    sums: Vec<Complex<f32>>,
    /// How often each was sampled, `(columns, rows)`.
    counts: Vec<u16>,
}

impl Lines {
    /// `None` where there is no memory for them.
    pub fn zeros(coils: usize, columns: usize, rows: usize) -> Option<Self> {
        Some(Self {
            coils,
            columns,
            rows,
            sums: zeros([coils, columns, rows])?,
            counts: zeros([1, columns, rows])?,
        })
    }

    /// Adds a readout of all coils, `(coils, samples, 2)`.
    pub fn add(&mut self, column: usize, span: &Span, values: &[f32]) {
        let samples = values.len() / (2 * self.coils);
        let at = column * self.rows + span.row;
        self.counts[at..at + span.count]
            .iter_mut()
            .for_each(|n| *n = n.saturating_add(1));
        for (coil, values) in values.chunks_exact(2 * samples).enumerate() {
            let at = coil * self.columns * self.rows + at;
            for (i, sum) in self.sums[at..at + span.count].iter_mut().enumerate() {
                let sample = span.from + i;
                let stored = if span.reversed { samples - 1 - sample } else { sample };
                *sum += Complex::new(values[2 * stored], values[2 * stored + 1]);
            }
        }
    }

    /// The mean of what was added, zero where nothing was.
    pub fn mean(mut self) -> Vec<Complex<f32>> {
        for plane in self.sums.chunks_mut(self.counts.len().max(1)) {
            for (sum, &count) in plane.iter_mut().zip(&self.counts).filter(|(_, count)| **count > 1) {
                *sum /= f32::from(count);
            }
        }
        self.sums
    }
}

fn zeros<T: Clone + Default>(lengths: [usize; 3]) -> Option<Vec<T>> {
    let length = lengths.iter().try_fold(1usize, |n, &length| n.checked_mul(length))?;
    let mut values = Vec::new();
    values.try_reserve_exact(length).ok()?;
    values.resize(length, T::default());
    Some(values)
}

/// The transform along the readout.
pub(super) struct Readout {
    rows: usize,
    /// Kept, from the centre of those there are.
    positions: usize,
    whole: Fourier<f32>,
    cropped: Fourier<f32>,
}

impl Readout {
    /// Keeps the central `positions` of `rows`.
    pub fn new(rows: usize, positions: usize) -> Self {
        Self {
            rows,
            positions,
            whole: Fourier::new(Grid::new(1, rows)),
            cropped: Fourier::new(Grid::new(1, positions)),
        }
    }

    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Lines of k-space, one after the other, become positions, the central ones.
    ///
    /// The transform is unitary: the values of an image, and the variance of noise, are those of the whole line.
    pub fn to_positions(&self, lines: &mut [Complex<f32>]) -> Vec<Complex<f32>> {
        let first = self.rows / 2 - self.positions / 2;
        let mut cropped = vec![Complex::default(); lines.len() / self.rows * self.positions];
        let pairs = lines
            .par_chunks_mut(self.rows)
            .zip(cropped.par_chunks_mut(self.positions));
        pairs.for_each_init(
            || self.whole.scratch(),
            |scratch, (line, cropped)| {
                self.whole.inverse(line, scratch);
                cropped.copy_from_slice(&line[first..first + self.positions]);
            },
        );
        cropped
    }

    /// Lines of k-space become lines of k-space of the central positions: what cropping the image gives, on a grid as
    /// small.
    pub fn without_oversampling(&self, lines: &mut [Complex<f32>]) -> Vec<Complex<f32>> {
        let mut cropped = self.to_positions(lines);
        let narrow = |scratch: &mut _, line: &mut [_]| self.cropped.forward(line, scratch);
        cropped
            .par_chunks_mut(self.positions)
            .for_each_init(|| self.cropped.scratch(), narrow);
        cropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(samples: u16, pre: u16, post: u16, reversed: bool) -> Head {
        Head {
            number_of_samples: samples,
            discard_pre: pre,
            discard_post: post,
            flags: u64::from(reversed) << (REVERSE - 1),
            ..Head::default()
        }
    }

    fn span(head: Head, rows: usize, centre: usize) -> Option<[usize; 3]> {
        Span::new(&head, rows, centre).map(|s| [s.from, s.row, s.count])
    }

    #[test]
    fn the_central_sample_comes_to_the_origin() {
        assert_eq!(span(head(8, 0, 0, false), 8, 4), Some([0, 0, 8]));
        // an odd line on an odd grid, and a short one on a longer grid
        assert_eq!(span(head(7, 0, 0, false), 7, 3), Some([0, 0, 7]));
        assert_eq!(span(head(4, 0, 0, false), 8, 2), Some([0, 2, 4]));
        // a partial echo: its first samples are not there
        assert_eq!(span(head(6, 0, 0, false), 8, 2), Some([0, 2, 6]));
        // longer than the grid: what is outside is cut
        assert_eq!(span(head(12, 0, 0, false), 8, 6), Some([2, 0, 8]));
        assert_eq!(span(head(8, 2, 1, false), 8, 4), Some([2, 2, 5]));
        // turned, the samples discarded at the end come first
        assert_eq!(span(head(8, 2, 1, true), 8, 4), Some([1, 1, 5]));
        assert_eq!(span(head(8, 8, 0, false), 8, 4), None);
        assert_eq!(span(head(4, 0, 0, false), 4, 60000), None);
    }

    #[test]
    fn lines_are_averaged_where_they_were_sampled() {
        assert!(Lines::zeros(usize::MAX, 3, 4).is_none() && Lines::zeros(1 << 20, 1 << 20, 1 << 20).is_none());
        let mut lines = Lines::zeros(2, 3, 4).unwrap();
        // coil 0: 1, 2, 3, 4; coil 1: 5, 6, 7, 8
        let values: Vec<f32> = (1..=8).flat_map(|v| [v as f32, 0.0]).collect();
        lines.add(1, &Span::new(&head(4, 0, 0, false), 4, 2).unwrap(), &values);
        lines.add(1, &Span::new(&head(4, 0, 2, true), 4, 2).unwrap(), &values);
        lines.add(2, &Span::new(&head(4, 0, 0, true), 4, 2).unwrap(), &values);
        let mean: Vec<f32> = lines.mean().iter().map(|v| v.re).collect();
        assert_eq!(mean[..4], [0.0; 4]);
        // the second line is 4 3 2 1 without its first two: _ _ 2 1
        assert_eq!(mean[4..8], [1.0, 2.0, 2.5, 2.5]);
        assert_eq!(mean[8..12], [4.0, 3.0, 2.0, 1.0]);
        assert_eq!(mean[16..20], [5.0, 6.0, 6.5, 6.5]);
    }

    #[test]
    fn without_oversampling_the_image_is_the_cropped_one() {
        for (rows, keep) in [(16, 8), (18, 9), (20, 12), (15, 15)] {
            let grid = Grid::new(1, rows);
            let image: Vec<Complex<f32>> = (0..2 * rows)
                .map(|i| Complex::new((i as f32 * 0.7).sin(), (i as f32 * 0.3).cos()))
                .collect();
            let fourier = Fourier::new(grid);
            let mut scratch = fourier.scratch();
            let mut lines = image.clone();
            lines
                .chunks_mut(rows)
                .for_each(|line| fourier.forward(line, &mut scratch));
            let readout = Readout::new(rows, keep);
            let mut narrow = readout.without_oversampling(&mut lines.clone());
            let small = Fourier::new(Grid::new(1, keep));
            let mut scratch = small.scratch();
            narrow
                .chunks_mut(keep)
                .for_each(|line| small.inverse(line, &mut scratch));
            let first = rows / 2 - keep / 2;
            let positions = readout.to_positions(&mut lines);
            for (line, whole) in image.chunks(rows).enumerate() {
                for i in 0..keep {
                    let at = line * keep + i;
                    assert!((narrow[at] - whole[first + i]).norm() < 1e-5, "{rows} {keep}");
                    assert!((positions[at] - whole[first + i]).norm() < 1e-5, "{rows} {keep}");
                }
            }
        }
    }
}
