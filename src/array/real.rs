use bytemuck::Pod;
use num_traits::{Float, NumAssign};
use rustfft::FftNum;

use super::Vectors;

/// The scalar of the data path: `f32` in the product, `f64` where a test wants the mathematics without rounding.
pub trait Real: Pod + FftNum + Float + NumAssign + Default + std::iter::Sum + std::fmt::Display + Vectors {
    /// Rounds from f64.
    fn of(value: f64) -> Self;
    /// Widens to f64.
    fn wide(self) -> f64;
    /// The nearest whole number of a value between 0 and 2²²; unspecified for any other.
    ///
    /// Where the last digit is worth 1, it is in the last bits: unlike a conversion, this can be done for many at once.
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
