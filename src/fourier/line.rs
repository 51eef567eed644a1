//! Transforms of many lines side by side.

use std::f64::consts::TAU;
use std::sync::Arc;

use num_complex::Complex;
use pulp::{Arch, Simd, WithSimd};
use rustfft::{Fft, FftPlanner};

use super::butterfly::{MOST, Pair, eight, five, four, odd, three, two};
use crate::array::{LANES, Real};

/// The discrete Fourier transform `X[f] = Σ_t x[t] exp(−2πi f t/n)` of [`LANES`] lines at once.
///
/// Value t of line l is `re[t · LANES + l] + i im[t · LANES + l]`, so that every operation is one on whole vectors. It
/// is done in place by decimation in frequency, which leaves frequency f at [`place`](Self::place)`[f]`: the values are
/// read from there, and never sorted. With `re` and `im` exchanged it is the inverse, not scaled.
pub(super) struct LinePlan<T: Real> {
    length: usize,
    kind: Kind<T>,
    place: Vec<u32>,
}

enum Kind<T: Real> {
    /// Lengths of small prime factors.
    Stages(Vec<Stage<T>>),
    /// Others: line by line, by rustfft.
    Library(Arc<dyn Fft<T>>),
}

/// Splits transforms of `radix · span` points into `radix` of `span`.
struct Stage<T> {
    radix: usize,
    span: usize,
    /// `exp(−2πi j k/(radix · span))` for k from 1 to `radix − 1`, for each j below `span`; none where span is 1.
    twiddles: Vec<[T; 2]>,
    /// `exp(−2πi k/radix)`.
    roots: Vec<[T; 2]>,
}

// What is never inlined is compiled with the engine alone, and not again in every package that transforms: the plans of
// the library are a third of the engine's machine code.
impl<T: Real> LinePlan<T> {
    #[inline(never)]
    pub(super) fn new(length: usize) -> Self {
        match radices(length) {
            Some(radices) => {
                let mut span = length;
                let stage = |&radix: &usize| {
                    span /= radix;
                    Stage::new(radix, span)
                };
                Self {
                    length,
                    kind: Kind::Stages(radices.iter().map(stage).collect()),
                    place: places(length, &radices),
                }
            }
            None => Self {
                length,
                kind: Kind::Library(FftPlanner::new().plan_fft_forward(length)),
                place: (0..length as u32).collect(),
            },
        }
    }

    /// Where each frequency is found.
    pub(super) fn place(&self) -> &[u32] {
        &self.place
    }

    /// Transforms [`LANES`] lines. `re` and `im` are of `length · LANES` values.
    pub(super) fn run(&self, re: &mut [T], im: &mut [T]) {
        let size = self.length * LANES;
        let (re, im) = (&mut re[..size], &mut im[..size]);
        match &self.kind {
            Kind::Stages(stages) => Arch::new().dispatch(Run { stages, re, im }),
            Kind::Library(fft) => {
                let mut line = vec![Complex::new(T::zero(), T::zero()); self.length];
                let mut scratch = vec![Complex::new(T::zero(), T::zero()); fft.get_inplace_scratch_len()];
                for lane in 0..LANES {
                    let parts = re[lane..].iter().step_by(LANES).zip(im[lane..].iter().step_by(LANES));
                    line.iter_mut()
                        .zip(parts)
                        .for_each(|(v, (&re, &im))| *v = Complex::new(re, im));
                    fft.process_with_scratch(&mut line, &mut scratch);
                    for (t, v) in line.iter().enumerate() {
                        (re[t * LANES + lane], im[t * LANES + lane]) = (v.re, v.im);
                    }
                }
            }
        }
    }
}

/// The radix of each stage; `None` where a prime factor is too large.
fn radices(length: usize) -> Option<Vec<usize>> {
    let mut rest = length;
    let mut radices = Vec::new();
    let mut take = |radix: usize, rest: &mut usize| {
        *rest /= radix;
        radices.push(radix);
    };
    let mut prime = 3;
    while rest > 1 && !rest.is_power_of_two() {
        match rest % prime {
            0 if prime > MOST => return None,
            0 => take(prime, &mut rest),
            _ if prime > MOST => return None,
            _ => prime += 2,
        }
    }
    while rest > 1 {
        // As many fours as can be; an odd power of two has one eight, or if it has but one, a two.
        let radix = match rest.trailing_zeros() {
            1 => 2,
            bits if bits % 2 == 1 => 8,
            _ => 4,
        };
        take(radix, &mut rest);
    }
    Some(radices)
}

/// Decimation in frequency reverses the digits of a frequency.
fn places(length: usize, radices: &[usize]) -> Vec<u32> {
    let place = |frequency: usize| {
        let (mut rest, mut span, mut place) = (frequency, length, 0);
        for radix in radices {
            span /= radix;
            place += rest % radix * span;
            rest /= radix;
        }
        place as u32
    };
    (0..length).map(place).collect()
}

impl<T: Real> Stage<T> {
    fn new(radix: usize, span: usize) -> Self {
        let turn = |part: usize, whole: usize| {
            let angle = -TAU * part as f64 / whole as f64;
            [T::of(angle.cos()), T::of(angle.sin())]
        };
        let count = if span == 1 { 0 } else { span };
        let twiddles = (0..count).flat_map(|j| (1..radix).map(move |k| turn(j * k, radix * span)));
        Self {
            radix,
            span,
            twiddles: twiddles.collect(),
            roots: (0..radix).map(|k| turn(k, radix)).collect(),
        }
    }
}

struct Run<'a, T> {
    stages: &'a [Stage<T>],
    re: &'a mut [T],
    im: &'a mut [T],
}

impl<T: Real> WithSimd for Run<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { stages, re, im } = self;
        let Some((first, others)) = stages.split_first() else {
            return;
        };
        stage(simd, first, re, im);
        // Each part through all other stages, for which it stays in the first cache.
        let part = first.span * LANES;
        for (re, im) in re.chunks_exact_mut(part).zip(im.chunks_exact_mut(part)) {
            for other in others {
                stage(simd, other, re, im);
            }
        }
    }
}

#[inline(always)]
fn stage<S: Simd, T: Real>(simd: S, stage: &Stage<T>, re: &mut [T], im: &mut [T]) {
    let roots = &stage.roots[..];
    match stage.radix {
        2 => fixed::<S, T, 2>(
            simd,
            stage,
            re,
            im,
            #[inline(always)]
            |x| two(simd, x),
        ),
        3 => fixed::<S, T, 3>(
            simd,
            stage,
            re,
            im,
            #[inline(always)]
            |x| three(simd, roots, x),
        ),
        4 => fixed::<S, T, 4>(
            simd,
            stage,
            re,
            im,
            #[inline(always)]
            |x| four(simd, x),
        ),
        5 => fixed::<S, T, 5>(
            simd,
            stage,
            re,
            im,
            #[inline(always)]
            |x| five(simd, roots, x),
        ),
        8 => fixed::<S, T, 8>(
            simd,
            stage,
            re,
            im,
            #[inline(always)]
            |x| eight(simd, roots[1][0], x),
        ),
        _ => any(simd, stage, re, im),
    }
}

/// A stage of a radix that the compiler knows.
#[inline(always)]
fn fixed<S: Simd, T: Real, const R: usize>(
    simd: S,
    stage: &Stage<T>,
    re: &mut [T],
    im: &mut [T],
    transform: impl Fn([Pair<S, T>; R]) -> [Pair<S, T>; R],
) {
    let width = LANES * size_of::<T>() / size_of::<T::Vector<S>>();
    let count = stage.span * width;
    let parts = T::vectors_mut::<S>(re).chunks_exact_mut(R * count);
    for (re, im) in parts.zip(T::vectors_mut::<S>(im).chunks_exact_mut(R * count)) {
        let (re, im) = (split::<_, R>(re, count), split::<_, R>(im, count));
        let mut twiddles = stage.twiddles.chunks_exact(R - 1);
        for j in 0..stage.span {
            let twiddles = twiddles.next();
            for at in j * width..(j + 1) * width {
                let x = std::array::from_fn(
                    #[inline(always)]
                    |k| Pair {
                        re: re[k][at],
                        im: im[k][at],
                    },
                );
                let mut y = transform(x);
                if let Some(twiddles) = twiddles {
                    for k in 1..R {
                        y[k] = y[k].times(simd, twiddles[k - 1]);
                    }
                }
                for k in 0..R {
                    (re[k][at], im[k][at]) = (y[k].re, y[k].im);
                }
            }
        }
    }
}

#[inline(always)]
fn split<V, const R: usize>(mut values: &mut [V], count: usize) -> [&mut [V]; R] {
    std::array::from_fn(
        #[inline(always)]
        |_| {
            let (head, tail) = std::mem::take(&mut values).split_at_mut(count);
            values = tail;
            head
        },
    )
}

/// A stage of any odd radix.
#[inline(always)]
fn any<S: Simd, T: Real>(simd: S, stage: &Stage<T>, re: &mut [T], im: &mut [T]) {
    let Stage { radix, span, .. } = *stage;
    let width = LANES * size_of::<T>() / size_of::<T::Vector<S>>();
    let count = span * width;
    let zero = T::splat(simd, T::zero());
    let mut points = [Pair { re: zero, im: zero }; MOST];
    let points = &mut points[..radix];
    let parts = T::vectors_mut::<S>(re).chunks_exact_mut(radix * count);
    for (re, im) in parts.zip(T::vectors_mut::<S>(im).chunks_exact_mut(radix * count)) {
        let mut twiddles = stage.twiddles.chunks_exact(radix - 1);
        for j in 0..span {
            let twiddles = twiddles.next();
            for at in j * width..(j + 1) * width {
                for (k, point) in points.iter_mut().enumerate() {
                    (point.re, point.im) = (re[k * count + at], im[k * count + at]);
                }
                odd(simd, &stage.roots, points);
                for (point, &twiddle) in points[1..].iter_mut().zip(twiddles.unwrap_or_default()) {
                    *point = point.times(simd, twiddle);
                }
                for (k, point) in points.iter().enumerate() {
                    (re[k * count + at], im[k * count + at]) = (point.re, point.im);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_without_wide_vectors_find_the_same() {
        for length in [12, 40, 56, 256] {
            let plan = LinePlan::<f32>::new(length);
            let Kind::Stages(stages) = &plan.kind else {
                unreachable!("small factors")
            };
            let values = |by: f32| -> Vec<f32> { (0..length * LANES).map(|i| (i as f32 * by).sin()).collect() };
            let (mut re, mut im) = (values(0.37), values(0.11));
            plan.run(&mut re, &mut im);
            let (mut plain_re, mut plain_im) = (values(0.37), values(0.11));
            let (re_parts, im_parts) = (&mut plain_re[..], &mut plain_im[..]);
            pulp::Scalar::new().vectorize(Run {
                stages,
                re: re_parts,
                im: im_parts,
            });
            assert!((&re, &im) == (&plain_re, &plain_im), "{length}");
        }
    }

    #[test]
    fn every_length_follows_the_definition() {
        let lengths = (1..=70).chain([81, 92, 96, 100, 121, 128, 134, 167, 230, 256, 331, 368, 512, 640, 2048]);
        for length in lengths {
            let plan = LinePlan::<f64>::new(length);
            let value =
                |t: usize, lane: usize| Complex::new((t * 7 + lane) as f64 * 0.37, (t + 3 * lane) as f64 * 0.11);
            let wave = |t: usize, lane: usize| {
                let v = value(t, lane);
                Complex::new(v.re.sin(), v.im.cos())
            };
            let part = |of: fn(Complex<f64>) -> f64| -> Vec<f64> {
                (0..length * LANES).map(|i| of(wave(i / LANES, i % LANES))).collect()
            };
            let (mut re, mut im) = (part(|v| v.re), part(|v| v.im));
            plan.run(&mut re, &mut im);
            for lane in [0, 5, LANES - 1] {
                let mut line: Vec<_> = (0..length).map(|t| wave(t, lane)).collect();
                FftPlanner::new().plan_fft_forward(length).process(&mut line);
                for (f, expected) in line.iter().enumerate() {
                    let at = plan.place()[f] as usize * LANES + lane;
                    let found = Complex::new(re[at], im[at]);
                    assert!(
                        (found - expected).norm() < 1e-12 * length as f64,
                        "{length}: {found} for {expected}"
                    );
                }
            }
        }
    }
}
