//! Vector instructions, chosen at run time for the processor at hand.

mod aligned;
mod sums;
mod tile;
mod vectors;

pub use aligned::Aligned;
pub use sums::{greatest, sum};
pub use tile::transpose;
pub use vectors::Vectors;

/// Lines that kernels work on side by side: as many as an AVX-512 register holds f32 values.
pub const LANES: usize = 16;

/// Runs `work` compiled for the widest vectors of this processor: AVX-512, AVX2, NEON, else its baseline.
///
/// Only what is inlined into `work` profits: mark the closure, and every function it calls, `#[inline(always)]`. No
/// operation is fused or reordered, so that the result is the same bit for bit on every processor.
#[inline(always)]
pub fn vectorised<R>(work: impl FnMut() -> R) -> R {
    pulp::Arch::new().dispatch(Inlined(work))
}

/// A closure called in place. (A closure called by value goes through a function of its own, which is compiled for the
/// baseline.)
struct Inlined<F>(F);

impl<R, F: FnMut() -> R> pulp::WithSimd for Inlined<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_that_of_plain_code() {
        let values: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        #[inline(always)]
        fn squares(values: &[f32]) -> Vec<f32> {
            values.iter().map(|v| v * v + 0.1 * v).collect()
        }
        assert_eq!(
            vectorised(
                #[inline(always)]
                || squares(&values)
            ),
            squares(&values)
        );
    }
}
