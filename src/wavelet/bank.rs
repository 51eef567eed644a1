use bytemuck::{cast_slice, cast_slice_mut};
use num_complex::Complex;

use super::Wavelet;
use crate::array::{Real, vectorised};

/// Taps of the longest filter.
const LONGEST: usize = 30;
/// The most lines that a sum is taken of: those of [`FilterBank::merging`].
const MOST_LINES: usize = LONGEST + 2;
/// Numbers that [`weigh`] works on at a time: their sums stay in registers.
const BLOCK: usize = 32;

/// The two analysis filters of one splitting, low-pass and high-pass, of the same even length.
///
/// A splitting is periodic, in the phase of PyWavelets' `periodization`: value j, low or high, is a weighted sum of the
/// samples from `2j − lead` on. Along a line this sums shifted copies of the line, across lines whole lines.
#[derive(Clone, Debug)]
pub struct FilterBank<T> {
    /// Weights of the samples that value j is a sum of, in their order: in the low value, and in the high value.
    splitting: Vec<[T; 2]>,
    /// Weights of the values that contribute to samples 2q and 2q + 1, in their order, each low value before the high
    /// one: in the even sample, and in the odd one.
    merging: Vec<[T; 2]>,
}

impl<T: Real> FilterBank<T> {
    /// The wavelet's own filters: an orthonormal splitting.
    pub fn of(wavelet: &Wavelet) -> Self {
        // Reversed in time: the order of the samples in a correlation.
        let taps = |filter: Vec<f64>| filter.into_iter().rev().map(T::of).collect();
        let (low, high): (Vec<T>, Vec<T>) = (taps(wavelet.low()), taps(wavelet.high()));
        let len = low.len();
        let lead = len / 2 - 1;
        // Value i contributes to sample 2q + r with tap r + lead − 2(i − q), where there is one.
        let reach = len / 4;
        let weights = |filter: &[T], value: usize| {
            [0, 1].map(|r| {
                let tap = (r + lead + 2 * reach).checked_sub(2 * value);
                tap.and_then(|tap| filter.get(tap)).copied().unwrap_or(T::zero())
            })
        };
        let merging = (0..=2 * reach).flat_map(|value| [weights(&low, value), weights(&high, value)]);
        Self {
            merging: merging.collect(),
            splitting: low.iter().zip(&high).map(|(&low, &high)| [low, high]).collect(),
        }
    }

    /// Number of samples before sample 2j that value j sums, modulo the period n.
    fn lead(&self, n: usize) -> usize {
        (self.splitting.len() / 2 - 1) % n
    }

    /// Number of values, low or high, that contribute to a pair of samples.
    pub(super) fn values_per_pair(&self) -> usize {
        self.merging.len() / 2
    }

    /// Index of the first of `half` values that contributes to samples 0 and 1.
    pub(super) fn first_value(&self, half: usize) -> usize {
        (half - self.splitting.len() / 4 % half) % half
    }

    /// Splits `line`, of even length n, into `low` and `high`, of n/2 values each. `extended` is scratch space of any
    /// length.
    ///
    /// # Panics
    /// If `line` is empty or the lengths do not fit.
    pub fn split_line(
        &self,
        line: &[Complex<T>],
        low: &mut [Complex<T>],
        high: &mut [Complex<T>],
        extended: &mut Vec<Complex<T>>,
    ) {
        vectorised(
            #[inline(always)]
            || self.split(line, [&mut *low, &mut *high], extended),
        );
    }

    /// [`Self::split_line`], to be inlined into vectorised code.
    #[inline(always)]
    pub(super) fn split(
        &self,
        line: &[Complex<T>],
        [low, high]: [&mut [Complex<T>]; 2],
        extended: &mut Vec<Complex<T>>,
    ) {
        let (n, taps) = (line.len(), self.splitting.len());
        // The line with its continuation for the first and the last value, then its even and its odd samples.
        let long = n + taps - 2;
        extended.resize(2 * long, Complex::new(T::zero(), T::zero()));
        let (around, phases) = extended[..2 * long].split_at_mut(long);
        copy_around(line, n - self.lead(n), around);
        let (even, odd) = phases.split_at_mut(long / 2);
        part(around, even, odd);
        let phases: [&[T]; 2] = [cast_slice(even), cast_slice(odd)];
        let mut lines: [&[T]; MOST_LINES] = [&[]; MOST_LINES];
        for (t, line) in lines[..taps].iter_mut().enumerate() {
            *line = &phases[t % 2][t / 2 * 2..];
        }
        weigh(
            &lines[..taps],
            &self.splitting,
            [cast_slice_mut(low), cast_slice_mut(high)],
        );
    }

    /// The transpose of [`Self::split`]; for an orthonormal bank its inverse. Overwrites `line`. To be inlined into
    /// vectorised code.
    #[inline(always)]
    pub(super) fn merge(
        &self,
        [low, high]: [&[Complex<T>]; 2],
        line: &mut [Complex<T>],
        extended: &mut Vec<Complex<T>>,
    ) {
        let (half, count) = (low.len(), self.values_per_pair());
        let long = half + count - 1;
        extended.resize(2 * (long + half), Complex::new(T::zero(), T::zero()));
        let (around, phases) = extended[..2 * (long + half)].split_at_mut(2 * long);
        let (around_low, around_high) = around.split_at_mut(long);
        copy_around(low, self.first_value(half), around_low);
        copy_around(high, self.first_value(half), around_high);
        let kinds: [&[T]; 2] = [cast_slice(around_low), cast_slice(around_high)];
        let mut lines: [&[T]; MOST_LINES] = [&[]; MOST_LINES];
        for (t, line) in lines[..2 * count].iter_mut().enumerate() {
            *line = &kinds[t % 2][t / 2 * 2..];
        }
        let (even, odd) = phases.split_at_mut(half);
        weigh(
            &lines[..2 * count],
            &self.merging,
            [cast_slice_mut(even), cast_slice_mut(odd)],
        );
        join(even, odd, line);
    }

    /// Value `index` of a splitting across `n` lines. `line` gives each of them.
    #[inline(always)]
    pub(super) fn split_across<'a>(
        &self,
        index: usize,
        n: usize,
        line: impl Fn(usize) -> &'a [Complex<T>],
        [low, high]: [&mut [Complex<T>]; 2],
    ) {
        let first = 2 * index + n - self.lead(n);
        let mut lines: [&[T]; MOST_LINES] = [&[]; MOST_LINES];
        let lines = &mut lines[..self.splitting.len()];
        for (t, source) in lines.iter_mut().enumerate() {
            *source = cast_slice(line((first + t) % n));
        }
        weigh(lines, &self.splitting, [cast_slice_mut(low), cast_slice_mut(high)]);
    }

    /// An even sample and the odd one after it, across lines. `lines` gives the low and the high line of each value
    /// that contributes to the pair, from the first on.
    #[inline(always)]
    pub(super) fn merge_across<'a>(
        &self,
        lines: impl Fn(usize) -> [&'a [Complex<T>]; 2],
        [even, odd]: [&mut [Complex<T>]; 2],
    ) {
        let mut sources: [&[T]; MOST_LINES] = [&[]; MOST_LINES];
        let sources = &mut sources[..self.merging.len()];
        for (value, kinds) in sources.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            *kinds = lines(value).map(cast_slice);
        }
        weigh(sources, &self.merging, [cast_slice_mut(even), cast_slice_mut(odd)]);
    }
}

/// `into[i] = line[first + i]`, around the edges.
#[inline(always)]
fn copy_around<T: Copy>(line: &[T], first: usize, into: &mut [T]) {
    let (mut at, mut into) = (first % line.len(), into);
    while !into.is_empty() {
        let (head, tail) = into.split_at_mut(into.len().min(line.len() - at));
        head.copy_from_slice(&line[at..at + head.len()]);
        (at, into) = (0, tail);
    }
}

/// Even and odd samples. Whole blocks are read before they are written, or else the compiler, which cannot know that
/// the slices lie apart, goes one by one.
#[inline(always)]
fn part<T: Copy>(line: &[T], even: &mut [T], odd: &mut [T]) {
    let (blocks, rest) = line.as_chunks::<16>();
    let (evens, even) = even.as_chunks_mut::<8>();
    let (odds, odd) = odd.as_chunks_mut::<8>();
    for ((&block, even), odd) in blocks.iter().zip(evens).zip(odds) {
        *even = std::array::from_fn(|i| block[2 * i]);
        *odd = std::array::from_fn(|i| block[2 * i + 1]);
    }
    for ((pair, even), odd) in rest.as_chunks::<2>().0.iter().zip(even).zip(odd) {
        [*even, *odd] = *pair;
    }
}

/// The inverse of [`part`].
#[inline(always)]
fn join<T: Copy>(even: &[T], odd: &[T], line: &mut [T]) {
    let (blocks, rest) = line.as_chunks_mut::<16>();
    let (evens, even) = even.as_chunks::<8>();
    let (odds, odd) = odd.as_chunks::<8>();
    for ((block, &even), &odd) in blocks.iter_mut().zip(evens).zip(odds) {
        *block = std::array::from_fn(|i| if i % 2 == 0 { even[i / 2] } else { odd[i / 2] });
    }
    for ((pair, even), odd) in rest.as_chunks_mut::<2>().0.iter_mut().zip(even).zip(odd) {
        *pair = [*even, *odd];
    }
}

/// `out_k = Σ_i weights[i][k] lines[i]` for k = 0 and 1. Lines may be longer than the sums.
#[inline(always)]
fn weigh<T: Real>(lines: &[&[T]], weights: &[[T; 2]], [first, second]: [&mut [T]; 2]) {
    let len = first.len();
    if len < BLOCK {
        for at in 0..len {
            [first[at], second[at]] = weigh_block::<T, 1>(lines, weights, at).map(|[sum]| sum);
        }
        return;
    }
    let mut at = 0;
    loop {
        let [a, b] = weigh_block::<T, BLOCK>(lines, weights, at);
        first[at..at + BLOCK].copy_from_slice(&a);
        second[at..at + BLOCK].copy_from_slice(&b);
        if at + BLOCK == len {
            return;
        }
        // The last block overlaps the one before it.
        at = (at + BLOCK).min(len - BLOCK);
    }
}

#[inline(always)]
fn weigh_block<T: Real, const N: usize>(lines: &[&[T]], weights: &[[T; 2]], at: usize) -> [[T; N]; 2] {
    let [mut first, mut second] = [[T::zero(); N]; 2];
    for (line, &[a, b]) in lines.iter().zip(weights) {
        let values = &line[at..at + N];
        for ((first, second), &v) in first.iter_mut().zip(&mut second).zip(values) {
            *first += v * a;
            *second += v * b;
        }
    }
    [first, second]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelet::WAVELETS;

    #[test]
    fn no_filter_is_longer_than_there_is_room_for() {
        for wavelet in WAVELETS {
            let bank = FilterBank::<f64>::of(wavelet);
            assert!(bank.splitting.len() <= LONGEST, "{}", wavelet.name);
            assert!(bank.merging.len() <= MOST_LINES, "{}", wavelet.name);
        }
    }

    /// Against the definition, on lines down to far shorter than the filter.
    #[test]
    fn lines_are_split_and_merged_by_the_definition() {
        let zero = Complex::new(0.0, 0.0);
        for wavelet in WAVELETS {
            let bank = FilterBank::<f64>::of(wavelet);
            for n in [2, 4, 6, 22, 32, 70, 128] {
                let line: Vec<_> = (0..n)
                    .map(|i| Complex::new((i as f64 * 1.7).sin(), (i as f64 * 0.9).cos()))
                    .collect();
                let (mut low, mut high) = (vec![zero; n / 2], vec![zero; n / 2]);
                bank.split_line(&line, &mut low, &mut high, &mut Vec::new());
                let lead = wavelet.scaling.len() / 2 - 1;
                let mut back = vec![zero; n];
                for (values, filter) in [(&low, wavelet.low()), (&high, wavelet.high())] {
                    for (j, value) in values.iter().enumerate() {
                        let sample = |t: usize| (2 * j + t + 100 * n - lead) % n;
                        let taps = || filter.iter().rev().enumerate();
                        let sum: Complex<f64> = taps().map(|(t, tap)| line[sample(t)] * tap).sum();
                        assert!((sum - value).norm() < 1e-12, "{} {n}: value {j}", wavelet.name);
                        taps().for_each(|(t, tap)| back[sample(t)] += value * tap);
                    }
                }
                let mut merged = vec![zero; n];
                bank.merge([&low, &high], &mut merged, &mut Vec::new());
                for (a, b) in merged.iter().zip(&back) {
                    assert!((a - b).norm() < 1e-12, "{} {n}", wavelet.name);
                }
            }
        }
    }
}
