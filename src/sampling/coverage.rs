//! How far the acquisition went: zero padding at the sides of k-space, and partial Fourier.

use std::ops::Range;

use ndarray::{Array2, ArrayView1, Axis, Slice, s};

use crate::array::{Grid, Mask};

/// One side is shorter than the other from this share of the axis on; less is how an echo happens to lie.
const PARTIAL: f64 = 0.03;
/// A side that chance would leave empty with this probability counts as sampled.
const CHANCE: f64 = 1e-3;

/// What was acquired along both axes of k-space.
///
/// k-space that was acquired without its outermost part, and filled with zeros on both sides, is *padded*: these
/// locations are known to be zero, they are not missing. Where one side alone is shorter (partial Fourier), that side is
/// missing as far as the other one reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// Along the axis of rows.
    pub rows: Span,
    /// Along the axis of columns.
    pub cols: Span,
}

/// What was acquired along one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// From the first line of the acquisition to its last.
    pub acquired: Range<usize>,
    /// Beyond these k-space is known to be zero. No smaller than `acquired`.
    pub support: Range<usize>,
    /// The side of the support that partial Fourier leaves out.
    pub missing: Option<Range<usize>>,
}

/// Whether partial Fourier left out one side, by a mask that may have its padding sampled, as
/// [`Coverage::with_padding`] gives it.
pub fn lacks_side(mask: &Mask) -> bool {
    let is_full = |line: ArrayView1<bool>| line.iter().all(|&s| s);
    let inner = |axis: Axis| {
        let lines = || mask.sampled.axis_iter(axis);
        let (low, high) = (
            lines().take_while(|l| is_full(*l)).count(),
            lines().rev().take_while(|l| is_full(*l)).count(),
        );
        let (n, margin) = (lines().len(), low.min(high));
        Slice::from(margin.min(n / 2)..n - margin.min(n / 2))
    };
    let (rows, cols) = (inner(Axis(0)), inner(Axis(1)));
    let inside = mask.sampled.slice_axis(Axis(0), rows);
    let inside = Mask::new(inside.slice_axis(Axis(1), cols).to_owned());
    let coverage = Coverage::of(&inside, [None, None]);
    coverage.rows.missing.is_some() || coverage.cols.missing.is_some()
}

impl Coverage {
    /// Read off the locations that hold data. `limits` are the first and last lines of rows and columns that the scan's
    /// header tells; it is not believed where there are data beyond.
    pub fn of(mask: &Mask, limits: [Option<Range<usize>>; 2]) -> Self {
        let [rows, cols] = limits;
        Self {
            rows: Span::of(&lines(mask, Axis(0)), rows),
            cols: Span::of(&lines(mask, Axis(1)), cols),
        }
    }

    /// Of a mask that samples a part of this.
    pub fn narrowed(&self, mask: &Mask) -> Self {
        Self {
            rows: self.rows.narrowed(&lines(mask, Axis(0))),
            cols: self.cols.narrowed(&lines(mask, Axis(1))),
        }
    }

    /// Whether a location is known to be zero.
    pub fn is_padding(&self, row: usize, col: usize) -> bool {
        !(self.rows.support.contains(&row) && self.cols.support.contains(&col))
    }

    /// The locations that are not padding.
    pub fn support(&self) -> Grid {
        Grid::new(self.rows.support.len(), self.cols.support.len())
    }

    /// Whether a mask samples all that is not padding.
    pub fn is_complete(&self, mask: &Mask) -> bool {
        self.without_padding(mask).count() == self.support().len()
    }

    /// Acceleration R: locations that are not padding over those of them that are sampled.
    pub fn acceleration(&self, mask: &Mask) -> f64 {
        self.support().len() as f64 / self.without_padding(mask).count() as f64
    }

    /// The mask with the padding as if it were not sampled.
    pub fn without_padding(&self, mask: &Mask) -> Mask {
        self.altered(mask, false)
    }

    /// The mask with the padding as if it were sampled: all that is known.
    pub fn with_padding(&self, mask: &Mask) -> Mask {
        self.altered(mask, true)
    }

    fn altered(&self, mask: &Mask, padding: bool) -> Mask {
        let (rows, cols) = (self.rows.support.clone(), self.cols.support.clone());
        let support = s![rows, cols];
        let mut altered = Array2::from_elem(mask.sampled.dim(), padding);
        altered.slice_mut(support).assign(&mask.sampled.slice(support));
        Mask::new(altered)
    }
}

impl Span {
    fn of(lines: &[bool], limits: Option<Range<usize>>) -> Self {
        let n = lines.len();
        let whole = Self::within(0..n, n);
        let Some(seen) = Seen::of(lines) else { return whole };
        let fits = |limits: &Range<usize>| limits.start <= seen.first && seen.last < limits.end && limits.end <= n;
        // All of the axis is what a header says that knows of nothing else.
        let limits = limits.filter(|limits| fits(limits) && *limits != (0..n));
        let by_header = limits.is_some();
        let mut span = limits.map_or(whole, |limits| Self::within(limits, n)).narrowed(lines);
        if span.missing.is_none() && seen.gap == 0 {
            span.support = span.acquired.clone();
        } else if !by_header {
            let support = both_sides(&span.acquired, n);
            // Lines that are few may miss both rims.
            let missed = (1.0 - seen.between).powf(2.0 * support.start as f64);
            span.support = if missed < CHANCE { support } else { 0..n };
        }
        span.missing = span.missing.as_ref().map(|_| span.longer_side());
        span
    }

    /// As a header tells it.
    fn within(acquired: Range<usize>, n: usize) -> Self {
        let lacking = acquired.start.abs_diff(n - acquired.end);
        let mut span = Self {
            support: acquired.clone(),
            acquired,
            missing: None,
        };
        if is_partial(lacking, n) {
            span.support = both_sides(&span.acquired, n);
            span.missing = Some(span.longer_side());
        }
        span
    }

    /// Of lines that are a part of this.
    fn narrowed(&self, lines: &[bool]) -> Self {
        let Some(seen) = Seen::of(lines) else {
            return self.clone();
        };
        let Range { start, end } = self.acquired;
        // A margin no wider than the widest gap is chance.
        let acquired = if seen.first > start + seen.gap {
            seen.first
        } else {
            start
        }..if seen.last + 1 + seen.gap < end {
            seen.last + 1
        } else {
            end
        };
        let mut span = Self {
            acquired,
            support: self.support.clone(),
            missing: self.missing.clone(),
        };
        let sides = [
            span.acquired.start - span.support.start,
            span.support.end - span.acquired.end,
        ];
        let lacking = sides[0].abs_diff(sides[1]);
        let beyond_chance = lacking > seen.gap && chance(&span, lines, sides, seen.share) < CHANCE;
        if beyond_chance && is_partial(lacking, lines.len()) {
            span.missing = Some(span.longer_side());
        }
        span
    }

    /// The longer of the two sides of the support that were not acquired.
    fn longer_side(&self) -> Range<usize> {
        let (low, high) = (
            self.support.start..self.acquired.start,
            self.acquired.end..self.support.end,
        );
        if low.len() > high.len() { low } else { high }
    }
}

fn is_partial(lacking: usize, n: usize) -> bool {
    lacking as f64 > PARTIAL * n as f64
}

/// The probability that the side which is lacking came out empty, were it sampled as the other side is, or as all lines
/// are beyond the centre, of which `share` is sampled: whichever is less.
fn chance(span: &Span, lines: &[bool], [low, high]: [usize; 2], share: f64) -> f64 {
    let Range { start, end } = span.support;
    let mirrored = if low > high {
        end - low..end - high
    } else {
        start + low..start + high
    };
    let lacking = mirrored.len();
    let seen = lines[mirrored].iter().filter(|&&s| s).count();
    // One more that was not seen: of few lines nobody can tell.
    let mirrored_share = seen as f64 / (lacking + 1) as f64;
    (1.0 - mirrored_share.min(share)).powf(lacking as f64)
}

/// What is left of an axis of `n` lines without what is padded on both sides of `acquired`.
fn both_sides(acquired: &Range<usize>, n: usize) -> Range<usize> {
    let margin = acquired.start.min(n - acquired.end);
    margin..n - margin
}

/// Rows, or columns, with a sample.
fn lines(mask: &Mask, axis: Axis) -> Vec<bool> {
    mask.sampled
        .axis_iter(axis)
        .map(|line| line.iter().any(|&s| s))
        .collect()
}

/// Lines with samples, at a glance.
struct Seen {
    first: usize,
    last: usize,
    /// The most lines without a sample between two with samples.
    gap: usize,
    /// Share of the lines from the first to the last, without the run about the origin.
    share: f64,
    /// The same without the first and the last, which have samples by definition.
    between: f64,
}

impl Seen {
    fn of(lines: &[bool]) -> Option<Self> {
        let seen: Vec<usize> = (0..lines.len()).filter(|&i| lines[i]).collect();
        let (first, last) = (*seen.first()?, *seen.last()?);
        let origin = lines.len() / 2;
        let upwards = lines[origin..].iter().take_while(|&&s| s).count();
        let downwards = lines[..origin].iter().rev().take_while(|&&s| s).count();
        let run = if upwards == 0 { 0 } else { upwards + downwards };
        let outside = last + 1 - first - run;
        let share = |lines: usize, of: usize| match of {
            0 => 1.0,
            _ => lines as f64 / of as f64,
        };
        let beyond = seen.len() - run;
        Some(Self {
            first,
            last,
            gap: seen.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0),
            share: share(beyond, outside),
            between: share(beyond.saturating_sub(2), outside.saturating_sub(2)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::{Acs, Family, Request};

    fn span(n: usize, sampled: impl Fn(usize) -> bool, limits: Option<Range<usize>>) -> Span {
        Span::of(&(0..n).map(sampled).collect::<Vec<_>>(), limits)
    }

    /// A mask of phase-encode lines as fastMRI draws it.
    fn random_lines(n: usize, acceleration: f64, acs: usize, seed: u64) -> Vec<bool> {
        let family = Family::find("lines-random").unwrap();
        let request = Request {
            acceleration,
            acs: Some(Acs::Side(acs)),
            order: None,
            seed,
        };
        family
            .draw(&request, Grid::new(1, n))
            .unwrap()
            .mask
            .sampled
            .row(0)
            .to_vec()
    }

    #[test]
    fn zeros_on_both_sides_are_padding_at_any_size_and_parity() {
        for n in [368, 372, 181, 64, 41] {
            for (low, high) in [(0, 0), (1, 1), (6, 5), (5, 6), (9, 9), (10, 10)] {
                let found = span(n, |i| (low..n - high).contains(&i), None);
                assert_eq!((found.acquired, found.support), (low..n - high, low..n - high));
                assert_eq!(found.missing, None, "{n}: {low} and {high}");
            }
        }
    }

    #[test]
    fn one_side_is_partial_fourier_from_three_per_cent_on() {
        for n in [256, 255, 181, 400] {
            let most = (0.03 * n as f64) as usize;
            for lacking in [0, 1, most, most + 1, n / 8, 3 * n / 8] {
                for padding in [0, 12] {
                    let low = span(n, |i| (padding + lacking..n - padding).contains(&i), None);
                    let high = span(n, |i| (padding..n - padding - lacking).contains(&i), None);
                    if lacking <= most {
                        assert_eq!((low.missing, high.missing), (None, None));
                        assert_eq!(low.support, padding + lacking..n - padding);
                    } else {
                        assert_eq!(low.missing, Some(padding..padding + lacking));
                        assert_eq!(high.missing, Some(n - padding - lacking..n - padding));
                        assert_eq!(
                            (low.support, high.support),
                            (padding..n - padding, padding..n - padding)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn undersampled_lines_show_it_too_and_chance_is_not_taken_for_it() {
        let (mut found, mut wrong) = (0, 0);
        for seed in 0..100 {
            let lines = random_lines(256, 4.0, 20, seed);
            let partial = span(256, |i| i >= 96 && lines[i], None);
            found += usize::from(
                partial
                    .missing
                    .is_some_and(|missing| missing.start == 0 && missing.end >= 96),
            );
            let whole = span(256, |i| lines[i], None);
            wrong += usize::from(whole.missing.is_some() || whole.support != (0..256));
        }
        assert!(found >= 95, "{found} of 100");
        assert!(wrong <= 1, "{wrong} of 100");
        for spacing in [3, 5, 8] {
            let regular = |i: usize| i % spacing == 1 || (120..136).contains(&i);
            assert_eq!(span(256, regular, None).support, 0..256);
            assert_eq!(span(256, regular, None).missing, None);
            assert_eq!(span(256, |i| i >= 96 && regular(i), None).missing.unwrap().start, 0);
        }
    }

    #[test]
    fn thin_rims_are_not_partial_fourier() {
        let bernoulli = Family::find("bernoulli").unwrap();
        let mut wrong = 0;
        for seed in 0..100 {
            for (side, order) in [(32, 2.0), (64, 4.0), (96, 8.0)] {
                let request = Request {
                    acceleration: 8.0,
                    acs: Some(Acs::Side(8)),
                    order: Some(order),
                    seed,
                };
                let mask = bernoulli.draw(&request, Grid::new(side, side)).unwrap().mask;
                let coverage = Coverage::of(&mask, [None, None]);
                wrong += usize::from(coverage.rows.missing.is_some() || coverage.cols.missing.is_some());
            }
        }
        assert!(wrong <= 1, "{wrong} of 300");
    }

    #[test]
    fn the_header_tells_what_undersampled_lines_do_not() {
        for seed in 0..50 {
            let lines = random_lines(368, 8.0, 15, seed);
            let padded = span(368, |i| (23..345).contains(&i) && lines[i], Some(23..345));
            assert_eq!((padded.support, padded.missing), (23..345, None));
            assert!(padded.acquired.start >= 23 && padded.acquired.end <= 345);
            let partial = span(368, |i| (92..368).contains(&i) && lines[i], Some(92..368));
            assert_eq!(partial.support, 0..368);
            assert!(
                partial
                    .missing
                    .is_some_and(|missing| missing.start == 0 && missing.end >= 92)
            );
        }
        // Padded and partial; then a header that the data speak against.
        let both = span(200, |i| (60..190).contains(&i), Some(60..190));
        assert_eq!((both.support, both.missing), (10..190, Some(10..60)));
        assert_eq!(
            span(200, |i| (60..190).contains(&i), Some(70..190)).missing,
            Some(10..60)
        );
        assert_eq!(span(200, |_| true, Some(20..180)).support, 0..200);
        // Padding that the header does not know of.
        assert_eq!(span(200, |i| (20..180).contains(&i), Some(0..200)).support, 20..180);
    }

    #[test]
    fn a_mask_on_a_padded_scan_has_the_padding_of_the_scan() {
        let scan = Mask::from_columns(9, &(0..100).map(|i| (10..91).contains(&i)).collect::<Vec<_>>());
        let coverage = Coverage::of(&scan, [None, None]);
        assert!(coverage.is_complete(&scan) && coverage.with_padding(&scan).is_full());
        let centre = Mask::from_columns(9, &(0..100).map(|i| (40..60).contains(&i)).collect::<Vec<_>>());
        let narrowed = coverage.narrowed(&centre);
        assert_eq!(
            (narrowed.cols.support.clone(), narrowed.cols.acquired.clone()),
            (10..91, 40..60)
        );
        assert!(!narrowed.is_complete(&centre));
        assert_eq!(narrowed.acceleration(&centre), 81.0 / 20.0);
        let partial = coverage.narrowed(&Mask::from_columns(9, &(0..100).map(|i| i >= 40).collect::<Vec<_>>()));
        assert_eq!((partial.rows.missing, partial.cols.missing), (None, Some(10..40)));
        assert_eq!(partial.cols.support, 10..91);
    }

    #[test]
    fn a_side_that_is_left_out_is_seen_beside_padding_too() {
        for (first, last) in [(0, 100), (10, 91)] {
            let scan = Mask::from_columns(9, &(0..100).map(|i| (first..last).contains(&i)).collect::<Vec<_>>());
            let coverage = Coverage::of(&scan, [None, None]);
            for (from, partial) in [(0, false), (first, false), (first + 2, false), (first + 20, true)] {
                let mask = Mask::from_columns(9, &(0..100).map(|i| i >= from && i < last).collect::<Vec<_>>());
                let known = coverage.with_padding(&mask);
                assert_eq!(lacks_side(&known), partial, "{first} {from}");
                assert_eq!(lacks_side(&Mask::new(known.sampled.t().to_owned())), partial);
            }
        }
        assert!(!lacks_side(&Mask::new(Array2::from_elem((0, 3), true))));
    }

    #[test]
    fn nothing_sampled_is_nothing_known() {
        let none = Mask::new(Array2::from_elem((4, 0), false));
        assert_eq!(Coverage::of(&none, [None, None]).cols.support, 0..0);
        let none = Mask::new(Array2::from_elem((4, 6), false));
        let coverage = Coverage::of(&none, [None, Some(1..5)]);
        assert_eq!((coverage.rows.support, coverage.cols.support), (0..4, 0..6));
    }
}
