use num_traits::{Float, NumAssign};
use rustfft::FftNum;

use super::Vectors;

/// The scalar of the data path: `f32` in the product, `f64` where a test wants the mathematics without rounding.
pub trait Real: FftNum + Float + NumAssign + Default + std::iter::Sum + std::fmt::Display + Vectors {
    /// Rounds from f64.
    fn of(value: f64) -> Self;
    /// Widens to f64.
    fn wide(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
}
