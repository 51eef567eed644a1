//! What the machine gives at most: memory, and arithmetic in registers.

use pvdamp::array::vectorised;

/// Reads all values once.
pub fn read(values: &[u64]) -> u64 {
    vectorised(
        #[inline(always)]
        || values.iter().fold(0u64, |sum, &v| sum.wrapping_add(v)),
    )
}

/// Values that [`multiply_add`] works on: far fewer than the first cache holds.
pub const VALUES: usize = 1024;
/// Operations on a value between its load and its store: so many that those two do not matter, and so few that many
/// values are on their way at once.
pub const OPERATIONS: usize = 8;

/// `x · a + b` again and again for each value; not fused, as nothing in the program is.
pub fn multiply_add(values: &mut [f32; VALUES], a: f32, b: f32) {
    vectorised(
        #[inline(always)]
        || {
            for value in values.iter_mut() {
                for _ in 0..OPERATIONS / 2 {
                    *value = *value * a + b;
                }
            }
        },
    );
}
