use super::local::Lanes;
use crate::array::{LANES, Real};

/// Steps whose products are summed in T before f64 takes over. So many, of a few coils, stay in the first cache.
pub(super) const STEPS: usize = 64;

/// `Σ weight · conj(left) · right` over the steps, in each lane and for each spectrum.
#[inline(always)]
pub(super) fn weighted_products<T: Real, const SPECTRA: usize>(
    left: &[Lanes<T>],
    right: &[Lanes<T>],
    weights: &[[[T; LANES]; SPECTRA]],
) -> [Lanes<T>; SPECTRA] {
    let mut sums = [[[T::zero(); LANES]; 2]; SPECTRA];
    for ((left, right), weights) in left.iter().zip(right).zip(weights) {
        // All of a lane in one loop body: so the compiler keeps every sum in a register.
        for j in 0..LANES {
            let re = left[0][j] * right[0][j] + left[1][j] * right[1][j];
            let im = left[0][j] * right[1][j] - left[1][j] * right[0][j];
            for s in 0..SPECTRA {
                sums[s][0][j] += weights[s][j] * re;
                sums[s][1][j] += weights[s][j] * im;
            }
        }
    }
    sums
}
