use num_traits::Float;
use rustfft::FftNum;

/// The scalar of the data path: `f32` in the product, `f64` where a test wants the mathematics without rounding.
pub trait Real: FftNum + Float + Default + std::iter::Sum + std::fmt::Display + std::ops::AddAssign {
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
}
