use std::time::Duration;

use super::{MapsSource, NoiseSource, SamplingSource};
use crate::error::Place;
use crate::solve::{Limits, Method};
use crate::wavelet::{Layout, Wavelet};

/// Everything a reconstruction is told; where it is silent, the scan decides.
#[derive(Clone)]
pub struct Settings {
    pub method: &'static Method,
    pub wavelet: &'static Wavelet,
    /// Scales of the wavelet transform; `None` takes 4, or fewer where the image is too small for them.
    pub scales: Option<usize>,
    /// ρ of the damped updates.
    pub damping: f64,
    pub limits: Limits,
    pub sampling: SamplingSource,
    /// The sampling probability, where it is in a file.
    pub probability: Option<Place>,
    pub maps: MapsSource,
    pub noise: NoiseSource,
    /// Whether results carry the maps they were made with.
    pub keep_maps: bool,
}

impl Settings {
    /// The published number of scales, unless the image is too small for it.
    pub fn scales_for(&self, grid: crate::array::Grid) -> usize {
        let deepest = || Layout::deepest(grid, self.wavelet.scaling.len());
        self.scales.unwrap_or_else(|| deepest().min(4))
    }
}

impl Default for Settings {
    fn default() -> Self {
        let tuning = crate::solve::Tuning::default();
        Self {
            method: Method::find("pvdamp").expect("pvdamp is in the table"),
            wavelet: tuning.wavelet,
            scales: None,
            damping: tuning.damping,
            limits: Limits {
                iterations: 30,
                time: None::<Duration>,
            },
            sampling: SamplingSource::Scan,
            probability: None,
            maps: MapsSource::default(),
            noise: NoiseSource::Estimate,
            keep_maps: false,
        }
    }
}
