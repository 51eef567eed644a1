//! The threshold of least SURE, found without sorting the subband.
//!
//! Only candidates near the least risk need to be distinguished. The coefficients are put into bins by magnitude, and
//! the risk of every candidate of a bin is bounded from both sides by exact sums over the bins. Bins whose lower
//! bound is above another's upper bound are dropped; with those that stay the same is done again, until they are so
//! few that they can be sorted, and searched one by one.
//!
//! The bounds. Let a candidate λ lie in a bin of k coefficients, all between a and b. Without `Στ_j`, which all
//! candidates share, the risk charged for it (see [`sure_threshold`]) is the sum of
//! - `|w_j|²` of the coefficients below the bin, which is known;
//! - `λ² + τ_j (2 − λ/|w_j|)` of those above it: `valley(λ) = N λ² − R λ + 2 T` with N their number, R = `Στ_j/|w_j|`
//!   and T = `Στ_j`, all known; convex, so that its least and greatest value over `[a, b]` are too;
//! - of those in the bin `|w_j|² ≥ a²` up to λ, and beyond it `λ² + τ_j (2 − λ/|w_j|) ≥ a²`: at least `k a²`;
//! - once more `λ² + τ` of the candidate itself: at least `a²`.
//!
//! That is the lower bound. The greatest coefficient of the bin has all the others below it, so that its risk is at
//! most `Σ|w_j|²` of the bin, the greatest value of the valley, and `b²` with the greatest τ: the upper bound.

use std::cmp::Ordering;
use std::ops::{AddAssign, Range};

use num_complex::Complex;

use crate::array::{LANES, Real, greatest, sum, vectorised};

/// So few candidates are sorted at once.
const FEW: usize = 160;
/// Coefficients in a bin, about.
const IN_A_BIN: usize = 16;
/// As many bins as stay in the first-level cache.
const MOST_BINS: usize = 1024;
/// The bins of a subband end at so many standard deviations of the noise. What is beyond shares the last one.
const REACH: f64 = 4.0;
/// How far rounding may put a coefficient across the edge of its bin, in bins.
const EDGE: f64 = 0.01;
/// What rounding may do to a sum, relative to its terms.
const ROUNDING: f64 = 1e-10;

/// The threshold of least estimated risk in one subband.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SureThreshold {
    /// λ, in the units of the coefficients.
    pub threshold: f64,
    /// SURE at λ, summed over the subband; may be negative, since it is an estimate.
    pub risk: f64,
}

/// Buffers of [`sure_threshold`], reused from subband to subband.
#[derive(Default)]
pub struct Workspace<T> {
    magnitudes: Vec<T>,
    /// `τ/|w|`, zero where w is.
    ratios: Vec<T>,
    /// The bin of each coefficient.
    places: Vec<u32>,
    bins: Bins,
    near: Vec<Coefficient<T>>,
}

/// Coefficients of about the same magnitude, in ascending order.
#[derive(Default)]
struct Bins {
    sums: Vec<Sums>,
    /// Of the risk charged for the candidates of a bin.
    bounds: Vec<[f64; 2]>,
}

/// What SURE takes of one coefficient: `|w|`, τ and `τ/|w|`.
#[derive(Clone, Copy, Default)]
struct Coefficient<T> {
    magnitude: T,
    tau: T,
    ratio: T,
}

/// Finds the threshold of least SURE over `λ ∈ {|w_j|}`.
///
/// SURE jumps down by τ_j at each candidate. In the search the element there is counted on both sides of the
/// threshold, as in the reference implementation, so that no candidate gains from its own jump; of equal magnitudes
/// it is the one of greatest τ. The risk returned is SURE itself.
///
/// `w` and `tau`, the variance `E|noise_j|²` of each coefficient, have the same length, and no τ is negative.
/// Non-finite input gives an unspecified threshold, in finite time.
pub fn sure_threshold<T: Real>(w: &[Complex<T>], tau: &[T], work: &mut Workspace<T>) -> SureThreshold {
    let len = w.len();
    let Workspace {
        magnitudes,
        ratios,
        places,
        bins,
        near,
    } = work;
    magnitudes.resize(len, T::zero());
    ratios.resize(len, T::zero());
    places.resize(len, 0);
    near.resize(len.max(near.len()), Coefficient::default());
    vectorised(
        #[inline(always)]
        || measure(w, tau, magnitudes, ratios),
    );
    let all_tau = sum(tau);
    let most = greatest(magnitudes).wide();
    let mut search = Search {
        below: 0.0,
        above: Sums::default(),
        most_tau: greatest(tau).wide(),
    };
    let coefficients = magnitudes.iter().zip(tau).zip(&*ratios).map(
        #[inline(always)]
        |((&magnitude, &tau), &ratio)| Coefficient { magnitude, tau, ratio },
    );
    let usual = REACH * (all_tau / len as f64).sqrt();
    let mut scale = Scale::<T>::new([0.0, most], usual.min(most), len / IN_A_BIN);
    let (mut kept, mut left) = vectorised(
        #[inline(always)]
        || {
            scale.place(magnitudes.iter().copied(), places);
            let kept = search.narrow(coefficients.clone(), places, scale, bins);
            (kept.clone(), gather([magnitudes, tau, ratios], places, &kept, near))
        },
    );
    while left > FEW {
        let before = left;
        scale = scale.within(&kept, left);
        (kept, left) = vectorised(
            #[inline(always)]
            || {
                let (near, places) = (&mut near[..before], &mut places[..before]);
                scale.place(near.iter().map(|c| c.magnitude), places);
                let kept = search.narrow(near.iter().copied(), places, scale, bins);
                let mut count = 0;
                for (i, place) in places.iter().enumerate() {
                    // Written always, counted where it is kept: no branch to be guessed wrong.
                    near[count] = near[i];
                    count += usize::from(kept.contains(place));
                }
                (kept, count)
            },
        );
        // Bins cannot separate many of equal magnitude.
        if left > before / 2 {
            break;
        }
    }
    search.finish(&mut near[..left], all_tau)
}

#[inline(always)]
fn measure<T: Real>(w: &[Complex<T>], tau: &[T], magnitudes: &mut [T], ratios: &mut [T]) {
    for (((w, &tau), m), ratio) in w.iter().zip(tau).zip(magnitudes).zip(ratios) {
        *m = (w.re * w.re + w.im * w.im).sqrt();
        let quotient = tau / *m;
        *ratio = if *m > T::zero() { quotient } else { T::zero() };
    }
}

/// Puts the coefficients whose place is in `kept` at the front of `into`; returns their number.
#[inline(always)]
fn gather<T: Real>(
    [magnitudes, tau, ratios]: [&[T]; 3],
    places: &[u32],
    kept: &Range<u32>,
    into: &mut [Coefficient<T>],
) -> usize {
    let mut count = 0;
    for (block, places) in places.chunks(LANES).enumerate() {
        // Most are not kept: a mask of those that are, instead of a branch for each.
        let mut mask = 0u32;
        for (i, place) in places.iter().enumerate() {
            mask |= u32::from((*place >= kept.start) & (*place < kept.end)) << i;
        }
        while mask != 0 {
            let at = block * LANES + mask.trailing_zeros() as usize;
            into[count] = Coefficient {
                magnitude: magnitudes[at],
                tau: tau[at],
                ratio: ratios[at],
            };
            count += 1;
            mask &= mask - 1;
        }
    }
    count
}

/// How magnitudes are put into bins: of equal width, but for the last one, which takes all that is beyond.
#[derive(Clone, Copy)]
struct Scale<T> {
    start: T,
    bins_per_unit: T,
    /// Units in a bin.
    width: f64,
    last: u32,
    /// All magnitudes lie between.
    limits: [f64; 2],
}

impl<T: Real> Scale<T> {
    /// Bins of equal width from the lower limit to `end`.
    fn new(limits: [f64; 2], end: f64, bins: usize) -> Self {
        let bins = bins.clamp(1, MOST_BINS);
        let start = T::of(limits[0]);
        // Where there is no width, all that is greater than `start` is in the last bin.
        let bins_per_unit = (T::of(bins as f64) / (T::of(end) - start)).abs().min(T::max_value());
        Self {
            start,
            bins_per_unit,
            width: 1.0 / bins_per_unit.wide(),
            last: bins as u32 - 1,
            limits,
        }
    }

    /// The bin of each magnitude.
    #[inline(always)]
    fn place(&self, magnitudes: impl Iterator<Item = T>, places: &mut [u32]) {
        let Self {
            start,
            bins_per_unit,
            last,
            ..
        } = *self;
        let end = T::of(f64::from(last));
        for (place, magnitude) in places.iter_mut().zip(magnitudes) {
            let at = (magnitude - start) * bins_per_unit;
            let at = if at > T::zero() { at } else { T::zero() };
            *place = (if at < end { at } else { end }).nearest();
        }
    }

    /// Between which magnitudes the coefficients of a bin lie.
    #[inline(always)]
    fn edges(&self, bin: u32) -> [f64; 2] {
        let edge = |place: f64| self.start.wide() + place * self.width;
        [
            if bin == 0 {
                self.limits[0]
            } else {
                edge(f64::from(bin) - 0.5 - EDGE)
            },
            if bin == self.last {
                self.limits[1]
            } else {
                edge(f64::from(bin) + 0.5 + EDGE)
            },
        ]
    }

    /// Bins over those kept, for `count` coefficients in them.
    fn within(&self, kept: &Range<u32>, count: usize) -> Self {
        let limits = [self.edges(kept.start)[0], self.edges(kept.end - 1)[1]];
        Self::new(limits, limits[1], count / 2)
    }
}

/// What SURE takes of several coefficients.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: f64,
    /// `Σ|w|²`
    square: f64,
    /// `Στ`
    tau: f64,
    /// `Στ/|w|`
    ratio: f64,
}

impl<T: Real> From<Coefficient<T>> for Sums {
    #[inline(always)]
    fn from(c: Coefficient<T>) -> Self {
        let magnitude = c.magnitude.wide();
        Self {
            count: 1.0,
            square: magnitude * magnitude,
            tau: c.tau.wide(),
            ratio: c.ratio.wide(),
        }
    }
}

impl AddAssign for Sums {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.square += other.square;
        self.tau += other.tau;
        self.ratio += other.ratio;
    }
}

impl Sums {
    /// `Σ λ² + τ_j (2 − λ/|w_j|)`.
    #[inline(always)]
    fn valley(&self, lambda: f64) -> f64 {
        lambda * (lambda * self.count - self.ratio) + 2.0 * self.tau
    }

    /// The λ in `[a, b]` where the valley is lowest.
    #[inline(always)]
    fn lowest(&self, [a, b]: [f64; 2]) -> f64 {
        // Without coefficients it is flat.
        (self.ratio / (2.0 * self.count)).max(a).min(b)
    }
}

/// What is known of the coefficients that are no candidates any more.
struct Search {
    /// `Σ|w|²` of those below the candidates.
    below: f64,
    /// Those above the candidates.
    above: Sums,
    /// The greatest τ of the subband.
    most_tau: f64,
}

impl Search {
    /// Adds up the candidates of each bin, and returns the range of bins that may hold the least risk. What is outside
    /// of it joins what lies below and above.
    #[inline(always)]
    fn narrow<T: Real>(
        &mut self,
        candidates: impl Iterator<Item = Coefficient<T>>,
        places: &[u32],
        scale: Scale<T>,
        bins: &mut Bins,
    ) -> Range<u32> {
        let Bins { sums, bounds } = bins;
        sums.clear();
        sums.resize(scale.last as usize + 1, Sums::default());
        for (candidate, &place) in candidates.zip(places) {
            sums[place as usize] += candidate.into();
        }
        let least = self.bound(scale, sums, bounds);
        let may_hold = |bounds: &[f64; 2]| bounds[0] <= least;
        // None, where anything is not a number.
        let first = bounds.iter().position(may_hold).unwrap_or(0);
        let end = bounds.iter().rposition(may_hold).map_or(0, |last| last + 1);
        self.below += sums[..first].iter().map(|sums| sums.square).sum::<f64>();
        sums[end..].iter().for_each(|&sums| self.above += sums);
        first as u32..end as u32
    }

    /// Lower and upper bound of the risk charged for the candidates of each bin, both infinite where there are none;
    /// returns the least upper one. Sums are built up from either end, so that nothing cancels.
    #[inline(always)]
    fn bound<T: Real>(&self, scale: Scale<T>, sums: &[Sums], bounds: &mut Vec<[f64; 2]>) -> f64 {
        bounds.clear();
        bounds.resize(sums.len(), [f64::INFINITY; 2]);
        let mut above = self.above;
        for ((bin, sums), bounds) in sums.iter().enumerate().zip(&mut *bounds).rev() {
            if sums.count == 0.0 {
                continue;
            }
            let [a, b] = scale.edges(bin as u32);
            let doubt = ROUNDING * (sums.square + b * (b * above.count + above.ratio) + 2.0 * above.tau);
            let (low, high) = (above.valley(above.lowest([a, b])), above.valley(a).max(above.valley(b)));
            *bounds = [
                low + (sums.count + 1.0) * a * a - doubt,
                high + sums.square + b * b + sums.tau.min(self.most_tau) + doubt,
            ];
            above += *sums;
        }
        let (mut below, mut least) = (self.below, f64::INFINITY);
        for (sums, [floor, ceiling]) in sums.iter().zip(bounds) {
            *floor += below * (1.0 - ROUNDING);
            *ceiling += below * (1.0 + ROUNDING);
            least = least.min(*ceiling);
            below += sums.square;
        }
        least
    }

    /// Searches the candidates that are left one by one.
    fn finish<T: Real>(self, candidates: &mut [Coefficient<T>], all_tau: f64) -> SureThreshold {
        let key = |c: &Coefficient<T>| (c.magnitude, c.tau);
        candidates.sort_unstable_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal));
        let Self {
            mut below, mut above, ..
        } = self;
        let mut valleys = vec![0.0; candidates.len()];
        for (valley, &candidate) in valleys.iter_mut().zip(&*candidates).rev() {
            *valley = above.valley(candidate.magnitude.wide());
            above += candidate.into();
        }
        let mut best = SureThreshold::default();
        let mut least = f64::INFINITY;
        for (i, (&candidate, valley)) in candidates.iter().zip(valleys).enumerate() {
            let sums = Sums::from(candidate);
            below += sums.square;
            // Of equal magnitudes only the last has them all at or below the threshold.
            if candidates
                .get(i + 1)
                .is_some_and(|next| next.magnitude == candidate.magnitude)
            {
                continue;
            }
            let risk = below + valley - all_tau;
            let charged = risk + sums.square + sums.tau;
            if charged < least {
                least = charged;
                let threshold = candidate.magnitude.wide();
                best = SureThreshold { threshold, risk };
            }
        }
        best
    }
}

#[cfg(test)]
mod tests;
