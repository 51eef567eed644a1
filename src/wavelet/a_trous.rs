use super::Wavelet;
use crate::array::Real;

/// The two filters of one scale of the undecimated transform ("à trous"), in space: N taps each, `2^(scale − 1)` pixels
/// apart, over √2. Periodic, at any size of image, also one that is shorter than the filters.
///
/// The same filters that [`Frame::undecimated`](super::Frame::undecimated) defines by frequency responses; a response
/// `Σ_t f_t exp(−iωt)` is `Σ_t f_t x(n − t)`. The filters are real: real and imaginary part of an image are filtered
/// separately.
pub struct ATrous<T, const N: usize> {
    /// Low, high.
    taps: [[T; 2]; N],
    step: usize,
}

/// A line and its periodic continuation on one side, as far as a filter reaches.
pub struct Padded<T> {
    /// Pixels of the line.
    len: usize,
    values: Vec<T>,
}

impl<T: Real, const N: usize> ATrous<T, N> {
    /// The filters of `scale`, counted from 1, the finest. `None` for a wavelet whose filters do not have N taps.
    pub fn new(wavelet: &Wavelet, scale: usize) -> Option<Self> {
        let over_root = |tap: f64| T::of(tap / std::f64::consts::SQRT_2);
        let pairs = wavelet.low().into_iter().zip(wavelet.high());
        let taps: Vec<[T; 2]> = pairs.map(|(low, high)| [over_root(low), over_root(high)]).collect();
        Some(Self {
            taps: taps.try_into().ok()?,
            step: 1 << (scale - 1),
        })
    }

    /// A line of `len` pixels, all zero, with room for its continuation on one side.
    pub fn line(&self, len: usize) -> Padded<T> {
        Padded {
            len,
            values: vec![T::zero(); len + (N - 1) * self.step],
        }
    }

    /// Filters along axis 0: row `row` of both bands, of the length of `low`. `plane` is row-major.
    #[inline(always)]
    pub fn split_rows(&self, plane: &[T], row: usize, low: &mut [T], high: &mut [T]) {
        let cols = low.len();
        let rows = plane.len() / cols;
        let above = |t: usize| (row + t * (rows - self.step % rows)) % rows * cols;
        split(&self.taps, std::array::from_fn(|t| &plane[above(t)..]), low, high);
    }

    /// Filters along axis 1: a row of both bands. `line` must be [continued before](Padded::continue_before) its
    /// pixels.
    #[inline(always)]
    pub fn split_cols(&self, line: &Padded<T>, low: &mut [T], high: &mut [T]) {
        let before = |t: usize| (N - 1 - t) * self.step;
        split(
            &self.taps,
            std::array::from_fn(|t| &line.values[before(t)..]),
            low,
            high,
        );
    }

    /// The adjoint of [`Self::split_rows`]: row `row` of the plane, into `out`. `low` and `high` are row-major planes.
    #[inline(always)]
    pub fn merge_rows(&self, low: &[T], high: &[T], row: usize, out: &mut [T]) {
        let cols = out.len();
        let rows = low.len() / cols;
        let below = |t: usize| (row + t * self.step) % rows * cols;
        let low = std::array::from_fn(|t| &low[below(t)..]);
        let high = std::array::from_fn(|t| &high[below(t)..]);
        merge(&self.taps, low, high, out);
    }

    /// The adjoint of [`Self::split_cols`]. The lines must be [continued behind](Padded::continue_behind) their pixels.
    #[inline(always)]
    pub fn merge_cols(&self, low: &Padded<T>, high: &Padded<T>, out: &mut [T]) {
        let low = std::array::from_fn(|t| &low.values[t * self.step..]);
        let high = std::array::from_fn(|t| &high.values[t * self.step..]);
        merge(&self.taps, low, high, out);
    }
}

impl<T: Real> Padded<T> {
    /// The pixels of the line, at the end of the buffer: to be written before [`Self::continue_before`].
    #[inline(always)]
    pub fn last(&mut self) -> &mut [T] {
        let reach = self.values.len() - self.len;
        &mut self.values[reach..]
    }

    /// The pixels of the line, at the start of the buffer: to be written before [`Self::continue_behind`].
    #[inline(always)]
    pub fn first(&mut self) -> &mut [T] {
        &mut self.values[..self.len]
    }

    /// Fills in the periodic continuation before the [last](Self::last) pixels.
    #[inline(always)]
    pub fn continue_before(&mut self) {
        let mut missing = self.values.len() - self.len;
        while missing > 0 {
            let count = missing.min(self.len);
            let from = missing + self.len - count;
            self.values.copy_within(from..from + count, missing - count);
            missing -= count;
        }
    }

    /// Fills in the periodic continuation behind the [first](Self::first) pixels.
    #[inline(always)]
    pub fn continue_behind(&mut self) {
        let mut known = self.len;
        while known < self.values.len() {
            let count = self.len.min(self.values.len() - known);
            self.values
                .copy_within(known - self.len..known - self.len + count, known);
            known += count;
        }
    }
}

/// Both bands, of the lines that the taps weight.
#[inline(always)]
fn split<T: Real, const N: usize>(taps: &[[T; 2]; N], mut lines: [&[T]; N], low: &mut [T], high: &mut [T]) {
    let len = low.len();
    let high = &mut high[..len];
    cut(&mut lines, len);
    for i in 0..len {
        let (mut l, mut h) = (taps[0][0] * lines[0][i], taps[0][1] * lines[0][i]);
        for t in 1..N {
            l += taps[t][0] * lines[t][i];
            h += taps[t][1] * lines[t][i];
        }
        low[i] = l;
        high[i] = h;
    }
}

/// The adjoint of [`split`], of the lines of both bands that the taps weight.
#[inline(always)]
fn merge<T: Real, const N: usize>(taps: &[[T; 2]; N], mut low: [&[T]; N], mut high: [&[T]; N], out: &mut [T]) {
    let len = out.len();
    cut(&mut low, len);
    cut(&mut high, len);
    for i in 0..len {
        let mut sum = taps[0][0] * low[0][i] + taps[0][1] * high[0][i];
        for t in 1..N {
            sum += taps[t][0] * low[t][i] + taps[t][1] * high[t][i];
        }
        out[i] = sum;
    }
}

/// To one length, which the compiler then knows: without checks in it, a loop becomes vector instructions alone.
#[inline(always)]
fn cut<T, const N: usize>(lines: &mut [&[T]; N], len: usize) {
    for line in lines {
        *line = &line[..len];
    }
}
