use bytemuck::Pod;
use num_traits::{Float, NumAssign};
use rustfft::FftNum;

use super::Vectors;

/// The scalar of images and k-space: `f32` or `f64`.
///
/// Reconstructions run in `f32`; `f64` shows the mathematics without its rounding, at twice the memory.
pub trait Real: Pod + FftNum + Float + NumAssign + Default + std::iter::Sum + std::fmt::Display + Vectors {
    /// The nearest value to an f64.
    fn of(value: f64) -> Self;
    /// The same value as an f64: exact.
    fn wide(self) -> f64;
    /// The nearest whole number of a value between 0 and 2²²; unspecified for any other.
    ///
    /// Unlike a conversion this compiles to vector instructions: adding 2^(mantissa bits) leaves the integer in the
    /// last bits.
    fn nearest(self) -> u32;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn nearest(self) -> u32 {
        (self + 8_388_608.0).to_bits() & 0x7f_ffff
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
    fn nearest(self) -> u32 {
        (self + 4_503_599_627_370_496.0).to_bits() as u32
    }
}
