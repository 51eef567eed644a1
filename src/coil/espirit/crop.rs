//! The weight of a pixel, by how well it fits the signal space.

/// The soft crop: from an eigenvalue, the weight of its pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crop {
    /// Up to here the weight is 0.
    pub low: f32,
    /// From here it is 1.
    high: f32,
}

impl Crop {
    pub(super) fn new(crop: f64) -> Self {
        if crop == 0.0 {
            return Self { low: 0.0, high: 0.0 };
        }
        Self {
            low: (crop - 0.1).max(0.0) as f32,
            high: (crop + 0.05).min(0.5 + 0.5 * crop) as f32,
        }
    }

    #[inline(always)]
    pub(super) fn weight(self, eigenvalue: f32) -> f32 {
        let weight = smooth_step(eigenvalue, self.low, self.high);
        if eigenvalue <= self.low { 0.0 } else { weight }
    }
}

/// Rises from 0 at `low` to 1 at `high` with level ends.
#[inline(always)]
pub(super) fn smooth_step(value: f32, low: f32, high: f32) -> f32 {
    let t = ((value - low) / (high - low)).clamp(0.0, 1.0);
    let between = t * t * (3.0 - 2.0 * t);
    if value >= high { 1.0 } else { between }
}
