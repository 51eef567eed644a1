use std::time::Duration;

use super::choice::Choice;
use super::recalibration::Recalibration;
use super::sampling::Sampling;
use crate::array::Grid;
use crate::coil::{Compression, EspiritSettings};
use crate::error::{Error, Parameter, Result};
use crate::solve::{Knob, Lambda, Limits, METHODS, Method, Tuning};

/// How to reconstruct. The defaults need no choice: the method that does best on such data, one set of ESPIRiT maps or two
/// as the data ask for, white noise, at most 16 virtual coils.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A row of [`METHODS`](crate::solve::METHODS); `None` for the one that does best on such data ([`Choice`]).
    pub method: Option<&'static Method>,
    /// Wavelet, scales, damping, λ, shifts, iterations, error bars. What means nothing to the method is ignored.
    pub tuning: Tuning,
    /// For the iterations; with one, results depend on the speed of the machine.
    pub time_limit: Option<Duration>,
    /// Of maps that are calibrated.
    pub espirit: EspiritSettings,
    /// How often maps are calibrated again from a first reconstruction.
    pub recalibration: Recalibration,
    /// Whether coils are combined so that their noise is white, where it is known not to be.
    pub whiten: bool,
    /// How many virtual coils the coils are compressed to.
    pub compression: Compression,
    /// Whether the result carries the maps it was made with.
    pub keep_maps: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            method: None,
            tuning: Tuning::default(),
            time_limit: None,
            espirit: EspiritSettings::default(),
            recalibration: Recalibration::Auto,
            whiten: true,
            compression: Compression::Auto,
            keep_maps: false,
        }
    }
}

impl Settings {
    /// The defaults of a method, by its name in [`METHODS`](crate::solve::METHODS). FISTA needs a weight beside:
    /// [`Tuning::lambda`].
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting): there is no such method.
    pub fn of_method(name: &str) -> Result<Self> {
        let names = || METHODS.iter().map(|method| method.name).collect::<Vec<_>>().join(", ");
        let unknown = || Error::setting(Parameter::Method, name, format!("is none of {}", names()));
        let method = Method::find(name).ok_or_else(unknown)?;
        Ok(Self {
            method: Some(method),
            ..Self::default()
        })
    }

    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) where a value makes no sense, for images of size `grid` or for the method.
    pub fn validate(&self, grid: Grid) -> Result<()> {
        self.tuning.validate(grid)?;
        if self.tuning.lambda == Lambda::Optimal && !self.method.is_some_and(|method| method.has(Knob::Lambda)) {
            let name = self
                .method
                .map_or("the automatic choice of a method", |method| method.name);
            let why = format!("means nothing to {name}, which needs no weight");
            return Err(Error::setting(Parameter::Lambda, Lambda::Optimal, why));
        }
        if self.compression == Compression::To(0) {
            return Err(Error::setting(
                Parameter::VirtualCoils,
                0,
                "are none; an image needs at least 1",
            ));
        }
        self.espirit.validate()
    }

    /// What a solver is given: the tuning without error bars where the method has none.
    pub fn tuning(&self) -> Tuning {
        Tuning {
            error_bars: self
                .tuning
                .error_bars
                .filter(|_| Choice::knows(self.method, Knob::ErrorBars)),
            ..self.tuning.clone()
        }
    }

    /// Whether the result has error bars.
    pub fn has_error_bars(&self) -> bool {
        self.tuning().error_bars.is_some()
    }

    /// When the iterations of a method on this sampling stop at the latest.
    pub fn limits(&self, method: &Method, sampling: &Sampling) -> Limits {
        Limits {
            iterations: method.iterations_on(&sampling.known(), &self.tuning),
            time: self.time_limit,
        }
    }

    /// Whether fully sampled k-space serves as a reference: where λ has to be the optimal one, and for methods that
    /// look at their error.
    pub fn wants_reference(&self) -> bool {
        self.tuning.lambda == Lambda::Optimal || self.method.is_some_and(|method| !method.oracle.is_empty())
    }
}
