use std::ops::Range;

use num_complex::Complex;

use crate::array::{Aligned, LANES, Real, vectorised};
use crate::fourier::{Along, Fourier, Panels};

/// The frequency response of one band where it is not 0, laid out as [`Fourier::load`] does with a spectrum.
pub(super) struct Band<T> {
    /// Of each group of columns, in order.
    groups: Vec<Vec<Run>>,
    /// All runs, one after the other. Without imaginary part where all is real.
    response: Panels<T>,
}

/// Neighbouring vectors of a group of columns.
struct Run {
    /// The first of them in the group, and in [`Band::response`].
    first: usize,
    stored: usize,
    count: usize,
}

/// Real and imaginary parts of a group of columns.
type Group<'a, T> = (&'a [T], &'a [T]);
type GroupMut<'a, T> = (&'a mut [T], &'a mut [T]);

impl<T: Real> Band<T> {
    /// Of a response given by row and column, origin in the centre.
    pub(super) fn new(fourier: &Fourier<T>, response: impl Fn(usize, usize) -> Complex<T>) -> Self {
        let mut row_of = vec![0; fourier.length(Along::Columns)];
        for (row, &vector) in fourier.entry(Along::Columns).iter().enumerate() {
            row_of[vector as usize] = row;
        }
        let mut values: Vec<[Complex<T>; LANES]> = Vec::new();
        let of_group = |group: usize| {
            let cols = group * LANES..((group + 1) * LANES).min(fourier.length(Along::Rows));
            let mut runs: Vec<Run> = Vec::new();
            for (vector, &row) in row_of.iter().enumerate() {
                let mut lanes = [Complex::new(T::zero(), T::zero()); LANES];
                lanes
                    .iter_mut()
                    .zip(cols.clone())
                    .for_each(|(lane, col)| *lane = response(row, col));
                if lanes.iter().all(|v| v.re == T::zero() && v.im == T::zero()) {
                    continue;
                }
                match runs.last_mut() {
                    Some(run) if run.first + run.count == vector => run.count += 1,
                    _ => runs.push(Run {
                        first: vector,
                        stored: values.len(),
                        count: 1,
                    }),
                }
                values.push(lanes);
            }
            runs
        };
        let groups = (0..fourier.groups(Along::Columns)).map(of_group).collect();
        let values = values.as_flattened();
        let part = |part: fn(&Complex<T>) -> T| {
            let mut out = Aligned::zeros(values.len());
            out.iter_mut().zip(values).for_each(|(to, v)| *to = part(v));
            out
        };
        let real = values.iter().all(|v| v.im == T::zero());
        Self {
            groups,
            response: Panels {
                re: part(|v| v.re),
                im: if real { Aligned::zeros(0) } else { part(|v| v.im) },
            },
        }
    }

    /// The groups of columns outside which all is 0.
    pub(super) fn groups(&self) -> Range<usize> {
        let used = |runs: &Vec<Run>| !runs.is_empty();
        let first = self.groups.iter().position(used).unwrap_or(0);
        first..self.groups.iter().rposition(used).map_or(first, |last| last + 1)
    }

    /// `out = G · spectrum`, of a group of columns.
    pub(super) fn apply(&self, group: usize, spectrum: Group<T>, out: GroupMut<T>) {
        let (re, im) = out;
        vectorised(
            #[inline(always)]
            || {
                re.fill(T::zero());
                im.fill(T::zero());
                self.each(
                    group,
                    #[inline(always)]
                    |vector, g, h| {
                        let (x, y) = (lanes(spectrum.0, vector), lanes(spectrum.1, vector));
                        let (re, im) = (lanes_mut(re, vector), lanes_mut(im, vector));
                        for l in 0..LANES {
                            (re[l], im[l]) = match h {
                                None => (x[l] * g[l], y[l] * g[l]),
                                Some(h) => (x[l] * g[l] - y[l] * h[l], x[l] * h[l] + y[l] * g[l]),
                            };
                        }
                    },
                );
            },
        );
    }

    /// `sum += conj(G) · values`, of a group of columns. Vector v of the sum belongs to vector `order[v]` of the
    /// values.
    pub(super) fn add_adjoint(&self, group: usize, values: Group<T>, order: &[u32], sum: GroupMut<T>) {
        let (re, im) = sum;
        vectorised(
            #[inline(always)]
            || {
                self.each(
                    group,
                    #[inline(always)]
                    |vector, g, h| {
                        let from = order[vector] as usize;
                        let (x, y) = (lanes(values.0, from), lanes(values.1, from));
                        let (re, im) = (lanes_mut(re, vector), lanes_mut(im, vector));
                        for l in 0..LANES {
                            let (a, b) = match h {
                                None => (x[l] * g[l], y[l] * g[l]),
                                Some(h) => (x[l] * g[l] + y[l] * h[l], y[l] * g[l] - x[l] * h[l]),
                            };
                            re[l] += a;
                            im[l] += b;
                        }
                    },
                );
            },
        );
    }

    /// Each vector of a group where the response is, with its real part and, if there is one, its imaginary part.
    #[inline(always)]
    fn each(&self, group: usize, mut work: impl FnMut(usize, &[T; LANES], Option<&[T; LANES]>)) {
        let Panels { re, im } = &self.response;
        for &Run { first, stored, count } in &self.groups[group] {
            // Loops, since what the library has for them is not always inlined.
            if im.is_empty() {
                for at in 0..count {
                    work(first + at, lanes(re, stored + at), None);
                }
            } else {
                for at in 0..count {
                    work(first + at, lanes(re, stored + at), Some(lanes(im, stored + at)));
                }
            }
        }
    }
}

#[inline(always)]
fn lanes<T>(values: &[T], vector: usize) -> &[T; LANES] {
    values[vector * LANES..].first_chunk().expect("whole vectors")
}

#[inline(always)]
fn lanes_mut<T>(values: &mut [T], vector: usize) -> &mut [T; LANES] {
    values[vector * LANES..].first_chunk_mut().expect("whole vectors")
}
