//! Discrete Fourier transforms of a few points, each point a vector of lanes.

use pulp::Simd;

use crate::array::Vectors;

/// One complex number a lane, real and imaginary parts apart.
pub(super) struct Pair<S: Simd, T: Vectors> {
    pub re: T::Vector<S>,
    pub im: T::Vector<S>,
}

impl<S: Simd, T: Vectors> Clone for Pair<S, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Simd, T: Vectors> Copy for Pair<S, T> {}

impl<S: Simd, T: Vectors> Pair<S, T> {
    #[inline(always)]
    pub(super) fn plus(self, simd: S, other: Self) -> Self {
        Self {
            re: T::add(simd, self.re, other.re),
            im: T::add(simd, self.im, other.im),
        }
    }

    #[inline(always)]
    pub(super) fn minus(self, simd: S, other: Self) -> Self {
        Self {
            re: T::sub(simd, self.re, other.re),
            im: T::sub(simd, self.im, other.im),
        }
    }

    /// `self − i other`.
    #[inline(always)]
    fn minus_i(self, simd: S, other: Self) -> Self {
        Self {
            re: T::add(simd, self.re, other.im),
            im: T::sub(simd, self.im, other.re),
        }
    }

    /// `self + i other`.
    #[inline(always)]
    fn plus_i(self, simd: S, other: Self) -> Self {
        Self {
            re: T::sub(simd, self.re, other.im),
            im: T::add(simd, self.im, other.re),
        }
    }

    /// Times the same complex number in every lane.
    #[inline(always)]
    pub(super) fn times(self, simd: S, [re, im]: [T; 2]) -> Self {
        let (re, im) = (T::splat(simd, re), T::splat(simd, im));
        Self {
            re: T::sub(simd, T::mul(simd, self.re, re), T::mul(simd, self.im, im)),
            im: T::add(simd, T::mul(simd, self.re, im), T::mul(simd, self.im, re)),
        }
    }

    #[inline(always)]
    fn scaled(self, simd: S, by: T) -> Self {
        let by = T::splat(simd, by);
        Self {
            re: T::mul(simd, self.re, by),
            im: T::mul(simd, self.im, by),
        }
    }
}

#[inline(always)]
pub(super) fn two<S: Simd, T: Vectors>(simd: S, [a, b]: [Pair<S, T>; 2]) -> [Pair<S, T>; 2] {
    [a.plus(simd, b), a.minus(simd, b)]
}

#[inline(always)]
pub(super) fn three<S: Simd, T: Vectors>(simd: S, roots: &[[T; 2]], [a, b, c]: [Pair<S, T>; 3]) -> [Pair<S, T>; 3] {
    let (sum, difference) = (b.plus(simd, c), b.minus(simd, c));
    let even = a.plus(simd, sum.scaled(simd, roots[1][0]));
    let odd = difference.scaled(simd, roots[1][1]);
    // roots[1] = exp(−2πi/3): its imaginary part brings the sign.
    [a.plus(simd, sum), even.plus_i(simd, odd), even.minus_i(simd, odd)]
}

#[inline(always)]
pub(super) fn four<S: Simd, T: Vectors>(simd: S, [a, b, c, d]: [Pair<S, T>; 4]) -> [Pair<S, T>; 4] {
    let ([e, f], [g, h]) = (two(simd, [a, c]), two(simd, [b, d]));
    [e.plus(simd, g), f.minus_i(simd, h), e.minus(simd, g), f.plus_i(simd, h)]
}

#[inline(always)]
pub(super) fn five<S: Simd, T: Vectors>(
    simd: S,
    roots: &[[T; 2]],
    [a, b, c, d, e]: [Pair<S, T>; 5],
) -> [Pair<S, T>; 5] {
    let (near, far) = (b.plus(simd, e), c.plus(simd, d));
    let (off, across) = (b.minus(simd, e), c.minus(simd, d));
    let even = |p: T, q: T| {
        let sum = a.plus(simd, near.scaled(simd, p));
        sum.plus(simd, far.scaled(simd, q))
    };
    let ([p, u], [q, v]) = (roots[1], roots[2]);
    let (e1, e2) = (even(p, q), even(q, p));
    let o1 = off.scaled(simd, u).plus(simd, across.scaled(simd, v));
    let o2 = off.scaled(simd, v).minus(simd, across.scaled(simd, u));
    [
        a.plus(simd, near).plus(simd, far),
        e1.plus_i(simd, o1),
        e2.plus_i(simd, o2),
        e2.minus_i(simd, o2),
        e1.minus_i(simd, o1),
    ]
}

/// `half` is √½.
#[inline(always)]
pub(super) fn eight<S: Simd, T: Vectors>(simd: S, half: T, x: [Pair<S, T>; 8]) -> [Pair<S, T>; 8] {
    let [a, b, c, d, e, f, g, h] = x;
    let (ae, bf, cg, dh) = (
        two(simd, [a, e]),
        two(simd, [b, f]),
        two(simd, [c, g]),
        two(simd, [d, h]),
    );
    let even = four(simd, [ae[0], bf[0], cg[0], dh[0]]);
    // Times exp(−2πi k/8) for k = 1, 2, 3.
    let b = bf[1];
    let b = b.minus_i(simd, b).scaled(simd, half);
    let d = dh[1];
    let turned = d.plus_i(simd, d).scaled(simd, half);
    // A quarter turn of c, and d as exp(−6πi/8) = −exp(2πi/8), inside the four points that follow.
    let (c0, c1) = (ae[1].minus_i(simd, cg[1]), ae[1].plus_i(simd, cg[1]));
    let (d0, d1) = (b.minus(simd, turned), b.plus(simd, turned));
    let odd = [
        c0.plus(simd, d0),
        c1.minus_i(simd, d1),
        c0.minus(simd, d0),
        c1.plus_i(simd, d1),
    ];
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

/// The largest odd number of points that [`odd`] takes.
pub(super) const MOST: usize = 61;

/// An odd number of points, in place, by the definition with pairs folded: as many products as a faster scheme has
/// where the number is small. `roots[k]` is `exp(−2πi k/n)`.
#[inline(always)]
pub(super) fn odd<S: Simd, T: Vectors>(simd: S, roots: &[[T; 2]], x: &mut [Pair<S, T>]) {
    let n = x.len();
    let first = x[0];
    let mut total = first;
    // The sums go into the first half, the differences into the second.
    for k in 1..=n / 2 {
        let [sum, difference] = two(simd, [x[k], x[n - k]]);
        total = total.plus(simd, sum);
        (x[k], x[n - k]) = (sum, difference);
    }
    let mut out = [first; MOST];
    for k in 1..=n / 2 {
        let mut even = first;
        let zero = T::splat(simd, T::default());
        let mut uneven = Pair { re: zero, im: zero };
        let mut at = 0;
        for j in 1..=n / 2 {
            at += k;
            if at >= n {
                at -= n;
            }
            let [re, im] = roots[at];
            even = even.plus(simd, x[j].scaled(simd, re));
            uneven = uneven.plus(simd, x[n - j].scaled(simd, im));
        }
        out[k] = even.plus_i(simd, uneven);
        out[n - k] = even.minus_i(simd, uneven);
    }
    out[0] = total;
    x.copy_from_slice(&out[..n]);
}
