use num_complex::Complex;

use super::Wavelet;
use crate::array::Real;

/// The two analysis filters of one splitting, low-pass and high-pass, of the same even length.
#[derive(Clone, Debug)]
pub struct FilterBank<T> {
    /// Filters reversed in time: the order in which a correlation meets the samples.
    low: Vec<T>,
    high: Vec<T>,
}

impl<T: Real> FilterBank<T> {
    /// The wavelet's own filters: an orthonormal splitting.
    pub fn of(wavelet: &Wavelet) -> Self {
        let taps = |filter: Vec<f64>| filter.iter().rev().map(|&tap| T::of(tap)).collect();
        Self {
            low: taps(wavelet.low()),
            high: taps(wavelet.high()),
        }
    }

    fn len(&self) -> usize {
        self.low.len()
    }

    /// First sample that output 0 meets, as an offset to add modulo the length: the `periodization` phase.
    fn start(&self, n: usize) -> usize {
        let lead = self.len() / 2 - 1;
        (n - lead % n) % n
    }

    /// Splits a line: `line` (even length n) into `low` and `high` (n/2 each). `extended` is scratch.
    pub fn split_line(
        &self,
        line: &[Complex<T>],
        low: &mut [Complex<T>],
        high: &mut [Complex<T>],
        extended: &mut Vec<Complex<T>>,
    ) {
        let (n, half) = (line.len(), line.len() / 2);
        let start = self.start(n);
        // Even samples, then odd ones, each long enough for every tap: unit stride in the loops below.
        let phase_len = half + self.len() / 2 - 1;
        extended.clear();
        for parity in 0..2 {
            extended.extend((0..phase_len).map(|i| line[(start + 2 * i + parity) % n]));
        }
        for (out, taps) in [(low, &self.low), (high, &self.high)] {
            out.fill(Complex::new(T::zero(), T::zero()));
            for (t, &tap) in taps.iter().enumerate() {
                let from = (t % 2) * phase_len + t / 2;
                accumulate(out, &extended[from..from + half], tap);
            }
        }
    }

    /// The transpose of [`Self::split_line`]; for an orthonormal bank its inverse. Overwrites `line`.
    pub fn merge_line(
        &self,
        low: &[Complex<T>],
        high: &[Complex<T>],
        line: &mut [Complex<T>],
        extended: &mut Vec<Complex<T>>,
    ) {
        let (n, half) = (line.len(), line.len() / 2);
        let start = self.start(n);
        let phase_len = half + self.len() / 2 - 1;
        extended.clear();
        extended.resize(2 * phase_len, Complex::new(T::zero(), T::zero()));
        for (values, taps) in [(low, &self.low), (high, &self.high)] {
            for (t, &tap) in taps.iter().enumerate() {
                let from = (t % 2) * phase_len + t / 2;
                accumulate(&mut extended[from..from + half], values, tap);
            }
        }
        line.fill(Complex::new(T::zero(), T::zero()));
        for parity in 0..2 {
            for i in 0..phase_len {
                line[(start + 2 * i + parity) % n] += extended[parity * phase_len + i];
            }
        }
    }

    /// Which line of `n` each tap meets for output `index`, with its low and high weights: the same
    /// splitting across lines.
    pub fn taps_across(&self, index: usize, n: usize) -> impl Iterator<Item = (usize, T, T)> {
        let start = self.start(n);
        let pairs = self.low.iter().zip(&self.high).enumerate();
        pairs.map(move |(t, (&low, &high))| ((start + 2 * index + t) % n, low, high))
    }
}

/// `out += values · weight`.
pub(super) fn accumulate<T: Real>(out: &mut [Complex<T>], values: &[Complex<T>], weight: T) {
    for (o, v) in out.iter_mut().zip(values) {
        o.re += v.re * weight;
        o.im += v.im * weight;
    }
}
