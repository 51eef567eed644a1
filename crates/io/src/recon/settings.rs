use std::fmt;
use std::time::Duration;

use super::{MapsSource, NoiseSource, SamplingSource};
use crate::error::{Place, Result};
use pvdamp::Parameter;
use pvdamp::coil::Compression;
use pvdamp::solve::{Knob, Limits, Method, Tuning};
use pvdamp::wavelet::{Layout, Wavelet};

/// Everything a reconstruction is told; where it is silent, the scan decides.
#[derive(Clone)]
pub struct Settings {
    pub method: &'static Method,
    pub wavelet: &'static Wavelet,
    /// Scales of the wavelet transform; `None` takes 4, or fewer where the image is too small for them.
    pub scales: Option<usize>,
    /// ρ of the damped updates; `None` for the mask's own.
    pub damping: Option<f64>,
    pub lambda: Lambda,
    /// Seed of random shifts of the wavelet grid.
    pub shift: Option<u64>,
    /// Iterations at most; `None` for the method's own choice.
    pub iterations: Option<usize>,
    /// For the iterations of one slice.
    pub time_limit: Option<Duration>,
    /// Seed of what error bars draw; `None` for no error bars.
    pub error_bars: Option<u64>,
    pub sampling: SamplingSource,
    /// The sampling probability, where it is in a file.
    pub probability: Option<Place>,
    pub maps: MapsSource,
    pub noise: NoiseSource,
    /// Whether coils are combined so that their noise is white.
    pub whiten: bool,
    /// How many virtual coils the coils of a slice are compressed to.
    pub compression: Compression,
    /// Whether results carry the maps they were made with.
    pub keep_maps: bool,
    /// Whether problems carry the fully sampled reference, where the scan has it.
    pub reference: bool,
}

/// The regularisation weight, for methods that have one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lambda {
    /// In the unit of [`Tuning::lambda`](pvdamp::solve::Tuning::lambda).
    Value(f64),
    /// The one of least error against the fully sampled reference, found for each slice.
    Optimal,
}

impl fmt::Display for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Optimal => f.write_str("optimal"),
        }
    }
}

impl Settings {
    /// Errors: [`Error::Setting`](crate::error::Error::Setting) where a value has no meaning for images of size `grid`.
    pub fn validate(&self, grid: pvdamp::array::Grid) -> Result<()> {
        if self.iterations == Some(0) {
            return Err(pvdamp::Error::setting(Parameter::Iterations, 0, "are none: at least one is needed").into());
        }
        Ok(self.tuning(grid).validate(grid)?)
    }

    /// What a solver is told, for images of size `grid`; λ as 0 while it has to be found.
    pub fn tuning(&self, grid: pvdamp::array::Grid) -> Tuning {
        Tuning {
            wavelet: self.wavelet,
            scales: self.scales_for(grid),
            damping: self.damping,
            lambda: match self.lambda {
                Lambda::Value(value) => value,
                Lambda::Optimal => 0.0,
            },
            shift: self.shift,
            iterations: self.iterations,
            error_bars: self.error_bars.filter(|_| self.method.has(Knob::ErrorBars)),
        }
    }

    /// The files that it names: mask, probability, maps, noise.
    pub fn places_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        let mask = match &mut self.sampling {
            SamplingSource::File(place) => Some(place),
            SamplingSource::Scan | SamplingSource::Draw { .. } => None,
        };
        let maps = match &mut self.maps {
            MapsSource::File(place) => Some(place),
            MapsSource::Espirit(..) => None,
        };
        let noise = match &mut self.noise {
            NoiseSource::File(place) | NoiseSource::Samples(place) => Some(place),
            NoiseSource::Scan | NoiseSource::Variance(_) => None,
        };
        [mask, self.probability.as_mut(), maps, noise].into_iter().flatten()
    }

    pub fn limits(&self) -> Limits {
        Limits {
            iterations: self.iterations.unwrap_or(self.method.iterations),
            time: self.time_limit,
        }
    }

    /// The published number of scales, unless the image is too small for it.
    pub fn scales_for(&self, grid: pvdamp::array::Grid) -> usize {
        let deepest = || Layout::deepest(grid, self.wavelet.scaling.len());
        self.scales.unwrap_or_else(|| deepest().min(4))
    }
}

impl Default for Settings {
    fn default() -> Self {
        let tuning = Tuning::default();
        Self {
            method: Method::find("pvdamp").expect("pvdamp is in the table"),
            wavelet: tuning.wavelet,
            scales: None,
            damping: tuning.damping,
            lambda: Lambda::Value(tuning.lambda),
            shift: tuning.shift,
            iterations: None,
            time_limit: None,
            error_bars: tuning.error_bars,
            sampling: SamplingSource::Scan,
            probability: None,
            maps: MapsSource::default(),
            noise: NoiseSource::Scan,
            whiten: true,
            compression: Compression::Auto,
            keep_maps: false,
            reference: false,
        }
    }
}
