//! Local Wiener shrinkage tuned by Stein's unbiased risk estimate.

use super::wiener::Energies;
use crate::array::{Grid, LANES, Real, sum, vectorised};

/// The strengths κ that are tried: from hardly any shrinkage to hardly anything left.
const STRENGTHS: [f64; 13] = [1e-4, 0.3, 0.6, 1.0, 1.5, 2.2, 3.2, 5.0, 8.0, 12.0, 20.0, 40.0, 100.0];
/// Coefficients whose risks are added in T before the sum goes on in f64.
const BLOCK: usize = 16 * LANES;

/// What [`sure_wiener`] did with a subband.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SureWiener {
    /// κ: how many times the noise counts.
    pub strength: f64,
    /// SURE at κ, summed over the subband; may be negative, since it is an estimate.
    pub risk: f64,
    /// Divergence of the denoiser, weighted by the variance: `Σ v ∂g / Σ v`.
    pub divergence: f64,
}

/// Buffers of [`sure_wiener`], reused from subband to subband.
#[derive(Default)]
pub struct SureWienerWorkspace<T> {
    energies: Vec<T>,
}

/// Shrinks the real coefficients `c` of a subband, `grid` row-major: `g(c) = c E / (E + κ v)`.
///
/// E is the mean of `c²` over the 3×3 coefficients around (periodic), v the `variance` of the noise of each
/// coefficient, and κ of a few strengths the one of least
/// `SURE(κ) = Σ (g − c)² + 2 Σ v ∂g − Σ v`, with `∂g = E/(E + κv) + (2c²/9) κv/(E + κv)²`
/// (Mihçak et al. 1999; Stein 1981).
pub fn sure_wiener<T: Real>(c: &mut [T], grid: Grid, variance: &[T], work: &mut SureWienerWorkspace<T>) -> SureWiener {
    let energies = &mut work.energies;
    energies.resize(c.len(), T::zero());
    vectorised(
        #[inline(always)]
        || local_energies(c, grid, energies),
    );
    let total = sum(variance);
    let risks = vectorised(
        #[inline(always)]
        || risks(c, energies, variance),
    );
    let best = (0..STRENGTHS.len())
        .min_by(|&a, &b| risks[a].total_cmp(&risks[b]))
        .unwrap_or(0);
    let strength = STRENGTHS[best];
    let divergence = vectorised(
        #[inline(always)]
        || shrink(c, energies, variance, strength),
    );
    SureWiener {
        strength,
        risk: risks[best] + total,
        divergence: divergence / total,
    }
}

/// Nine times the mean energy around each coefficient.
#[inline(always)]
fn local_energies<T: Real>(c: &[T], Grid { rows, cols }: Grid, out: &mut [T]) {
    let mut window = Energies::new(cols);
    for ahead in 0..rows + 2 {
        let row = (rows - 1 + ahead) % rows;
        window.advance(&c[row * cols..(row + 1) * cols]);
        if let Some(row) = ahead.checked_sub(2) {
            window.around(&mut out[row * cols..(row + 1) * cols]);
        }
    }
}

/// `κv/(E + κv)`, and 1/9 of `1/(E + κv)`, of nine times E and of `9κ`.
#[inline(always)]
fn removed<T: Real>(energy: T, variance: T, strength: T) -> (T, T) {
    let noise = strength * variance;
    // Without signal and noise nothing is removed, and 0/0 must not appear.
    let inverse = T::one() / (energy + noise).max(T::min_positive_value());
    (noise * inverse, inverse)
}

/// `Σ (g − c)² + 2 Σ v (∂g − 1)` of every strength.
#[inline(always)]
fn risks<T: Real>(c: &[T], energies: &[T], variance: &[T]) -> [f64; STRENGTHS.len()] {
    let strengths = STRENGTHS.map(|k| T::of(9.0 * k));
    let (two, four) = (T::of(2.0), T::of(4.0));
    let mut sums = [0.0; STRENGTHS.len()];
    let blocks = c.chunks(BLOCK).zip(energies.chunks(BLOCK)).zip(variance.chunks(BLOCK));
    for ((c, energies), variance) in blocks {
        let mut lanes = [[T::zero(); LANES]; STRENGTHS.len()];
        let vectors = c.chunks(LANES).zip(energies.chunks(LANES)).zip(variance.chunks(LANES));
        for ((c, energies), variance) in vectors {
            let (mut square, mut energy, mut v) = ([T::zero(); LANES], [T::zero(); LANES], [T::zero(); LANES]);
            for j in 0..c.len() {
                (square[j], energy[j], v[j]) = (c[j] * c[j], energies[j], variance[j]);
            }
            for (lanes, &strength) in lanes.iter_mut().zip(&strengths) {
                for j in 0..LANES {
                    let (t, inverse) = removed(energy[j], v[j], strength);
                    lanes[j] += t * (square[j] * (t + four * v[j] * inverse) - two * v[j]);
                }
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(&lanes) {
            *sum += lanes.iter().map(|lane| lane.wide()).sum::<f64>();
        }
    }
    sums
}

/// Shrinks, and returns `Σ v ∂g`.
#[inline(always)]
fn shrink<T: Real>(c: &mut [T], energies: &[T], variance: &[T], strength: f64) -> f64 {
    let strength = T::of(9.0 * strength);
    let two = T::of(2.0);
    let mut sum = 0.0;
    let blocks = c
        .chunks_mut(BLOCK)
        .zip(energies.chunks(BLOCK))
        .zip(variance.chunks(BLOCK));
    for ((c, energies), variance) in blocks {
        let mut lanes = [T::zero(); LANES];
        let vectors = c
            .chunks_mut(LANES)
            .zip(energies.chunks(LANES))
            .zip(variance.chunks(LANES));
        for ((c, energies), variance) in vectors {
            for (((lane, c), &energy), &v) in lanes.iter_mut().zip(c).zip(energies).zip(variance) {
                let (t, inverse) = removed(energy, v, strength);
                *lane += v * (T::one() - t + two * *c * *c * t * inverse);
                *c *= T::one() - t;
            }
        }
        sum += lanes.iter().map(|lane| lane.wide()).sum::<f64>();
    }
    sum
}
