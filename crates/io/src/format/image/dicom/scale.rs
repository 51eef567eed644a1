//! Numbers of 16 bits for the values of a series.

use std::f64::consts::PI;

use crate::format::image::Part;

/// Largest stored number.
const WHITE: f64 = u16::MAX as f64;
/// The stored number of zero, of values with a sign.
const ZERO: f64 = 32768.0;

/// How values are stored: value = slope × stored + intercept.
pub(super) struct Scale {
    pub slope: f64,
    /// The stored number of zero.
    zero: f64,
    /// The value of the largest stored number; 1 of zeros alone.
    largest: f64,
}

impl Scale {
    /// That of values of which the largest, without sign, is `largest`.
    pub fn of(part: Part, largest: f64) -> Self {
        let zero = if part == Part::Magnitude { 0.0 } else { ZERO };
        let largest = match part {
            // the same in every series
            Part::Phase => PI,
            _ => largest,
        };
        let (slope, largest) = match largest {
            0.0 => (1.0, 1.0),
            _ => (largest / (WHITE - zero), largest),
        };
        Self { slope, zero, largest }
    }

    pub fn stored(&self, value: f32) -> u16 {
        // casting saturates
        ((f64::from(value) / self.slope).round() + self.zero) as u16
    }

    pub fn intercept(&self) -> f64 {
        // no negative zero
        0.0 - self.zero * self.slope
    }

    /// From the least value to the largest.
    pub fn window(&self) -> (f64, f64) {
        let low = if self.zero > 0.0 { -self.largest } else { 0.0 };
        (low, self.largest)
    }
}
