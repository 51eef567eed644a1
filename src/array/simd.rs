use super::Real;

/// Runs `work` compiled for the widest vectors that this machine has (AVX-512, AVX2, NEON, else what every machine of
/// its kind has).
///
/// Only what is inlined into `work` profits: mark it, and every function it calls, `#[inline(always)]`. Nothing is
/// fused or reordered, so the result is the same bit for bit whatever the machine.
#[inline(always)]
pub fn vectorised<R>(work: impl FnMut() -> R) -> R {
    pulp::Arch::new().dispatch(Inlined(work))
}

/// A closure called in place. (One that is called by value goes through a function of its own, which is compiled for
/// the least of machines.)
struct Inlined<F>(F);

impl<R, F: FnMut() -> R> pulp::WithSimd for Inlined<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Values worked on side by side where an order must be fixed: as many as the widest vectors hold.
pub const LANES: usize = 16;
/// Values that a sum takes in T before it goes on in f64.
const BLOCK: usize = 16 * LANES;

/// The sum of all, in f64 but for short blocks, in an order that is always the same.
pub fn sum<T: Real>(values: &[T]) -> f64 {
    vectorised(
        #[inline(always)]
        || {
            let of_block = |block: &[T]| {
                let (whole, rest) = block.as_chunks::<LANES>();
                let mut lanes = [T::zero(); LANES];
                for values in whole {
                    lanes.iter_mut().zip(values).for_each(|(lane, &v)| *lane += v);
                }
                lanes.iter().chain(rest).map(|v| v.wide()).sum::<f64>()
            };
            values.chunks(BLOCK).map(of_block).sum()
        },
    )
}

/// The greatest of values that are not negative; 0 of none. What is not a number is passed over.
pub fn greatest<T: Real>(values: &[T]) -> T {
    vectorised(
        #[inline(always)]
        || {
            let greater = |a: T, b: T| if b > a { b } else { a };
            let (whole, rest) = values.as_chunks::<LANES>();
            let mut lanes = [T::zero(); LANES];
            for values in whole {
                lanes
                    .iter_mut()
                    .zip(values)
                    .for_each(|(lane, &v)| *lane = greater(*lane, v));
            }
            lanes.iter().chain(rest).copied().fold(T::zero(), greater)
        },
    )
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
