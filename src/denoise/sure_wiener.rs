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
/// (Mihçak et al. 1999; Stein 1981). `c` and `variance` have one value for each place of `grid`.
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
        // Without noise everything passes.
        divergence: if total > 0.0 { divergence / total } else { 1.0 },
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        StandardNormal.sample(rng)
    }

    /// Sparse truth, and a variance that differs from coefficient to coefficient; nothing in a corner, as where no coil sees.
    fn scene(rng: &mut ChaCha8Rng, grid: Grid) -> (Vec<f64>, Vec<f64>) {
        let truth = (0..grid.len()).map(|j| normal(rng) * if (j / 5) % 7 == 0 { 5.0 } else { 0.1 });
        let mut truth: Vec<f64> = truth.collect();
        let mut variance: Vec<f64> = (0..grid.len()).map(|j| 0.5 + (j % 3) as f64).collect();
        for row in 0..4 {
            truth[row * grid.cols..][..4].fill(0.0);
            variance[row * grid.cols..][..4].fill(0.0);
        }
        (truth, variance)
    }

    /// g and SURE at one strength, by their definition.
    fn plain(c: &[f64], grid: Grid, variance: &[f64], strength: f64) -> (Vec<f64>, f64) {
        let Grid { rows, cols } = grid;
        let (mut g, mut risk) = (Vec::new(), 0.0);
        for (j, (&here, &v)) in c.iter().zip(variance).enumerate() {
            let (row, col) = (j / cols, j % cols);
            let around = (0..9).map(|k| c[(row + rows + k / 3 - 1) % rows * cols + (col + cols + k % 3 - 1) % cols]);
            let energy = around.map(|c| c * c).sum::<f64>() / 9.0;
            let total = energy + strength * v;
            let (gain, slope) = if total > 0.0 {
                let noise = strength * v / (total * total);
                (energy / total, energy / total + 2.0 * here * here / 9.0 * noise)
            } else {
                (1.0, 1.0)
            };
            g.push(here * gain);
            risk += (here - here * gain).powi(2) + 2.0 * v * slope - v;
        }
        (g, risk)
    }

    #[test]
    fn it_is_the_best_of_all_strengths() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut work = SureWienerWorkspace::default();
        for (rows, cols) in [(16, 24), (7, 33), (4, 4), (5, 140)] {
            let grid = Grid::new(rows, cols);
            let (truth, variance) = scene(&mut rng, grid);
            let noisy = truth
                .iter()
                .zip(&variance)
                .map(|(t, v)| t + v.sqrt() * normal(&mut rng));
            let noisy: Vec<f64> = noisy.collect();
            let mut found = noisy.clone();
            let done = sure_wiener(&mut found, grid, &variance, &mut work);
            let (expected, risk) = plain(&noisy, grid, &variance, done.strength);
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
            assert!(
                (done.risk - risk).abs() < 1e-9 * (1.0 + risk.abs()),
                "{} of {risk}",
                done.risk
            );
            let least = STRENGTHS.map(|strength| plain(&noisy, grid, &variance, strength).1);
            assert!(least.iter().all(|&other| other >= risk - 1e-9));
        }
    }

    /// `Σ v ∂g / Σ v` is what Stein's lemma needs: what the denoised coefficients share with the noise.
    #[test]
    fn divergence_and_risk_are_those_of_many_draws() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (grid, draws) = (Grid::new(48, 48), 60);
        let (truth, variance) = scene(&mut rng, grid);
        let total: f64 = variance.iter().sum();
        let mut work = SureWienerWorkspace::default();
        let (mut divergence, mut shared, mut risk, mut error) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..draws {
            let noise: Vec<f64> = variance.iter().map(|v| v.sqrt() * normal(&mut rng)).collect();
            let mut g: Vec<f64> = truth.iter().zip(&noise).map(|(t, n)| t + n).collect();
            let done = sure_wiener(&mut g, grid, &variance, &mut work);
            divergence += done.divergence;
            risk += done.risk;
            shared += g.iter().zip(&noise).map(|(g, n)| g * n).sum::<f64>() / total;
            error += g.iter().zip(&truth).map(|(g, t)| (g - t).powi(2)).sum::<f64>();
        }
        assert!((divergence / shared - 1.0).abs() < 0.03, "{divergence} of {shared}");
        assert!((risk / error - 1.0).abs() < 0.03, "{risk} of {error}");
    }

    #[test]
    fn nothing_stays_nothing() {
        let grid = Grid::new(4, 4);
        let mut zeros = vec![0f32; 16];
        let done = sure_wiener(&mut zeros, grid, &[1.0; 16], &mut SureWienerWorkspace::default());
        assert!(zeros.iter().all(|&v| v == 0.0) && done.risk == -16.0);
    }
}
