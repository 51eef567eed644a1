use super::{LANES, vectorised};
use crate::array::Real;

/// Values that are added in T before the sum goes on in f64.
const BLOCK: usize = 16 * LANES;

/// The sum of `values`, in a fixed order. Blocks of 256 values are added in `T`, their sums in f64.
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

/// The largest of `values`, none of which may be negative; 0 for an empty slice. NaN is ignored.
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
    fn sums_and_greatest_of_any_length() {
        for len in [0, 1, 15, 16, 255, 256, 257, 1000] {
            let values: Vec<f32> = (0..len).map(|i| (i * 37 % 101) as f32).collect();
            assert_eq!(sum(&values), values.iter().map(|&v| f64::from(v)).sum::<f64>());
            assert_eq!(greatest(&values), values.iter().copied().fold(0.0, f32::max));
        }
    }
}
