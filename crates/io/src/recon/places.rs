//! Errors of the engine, with the file they are about.

use super::{MapsSource, NoiseSource, SamplingSource, ScanSettings};
use crate::error::{Error, Place};
use crate::format::Scan;
use pvdamp::{Error as Engine, Input};

/// Where each input of the engine lies.
#[derive(Clone)]
pub(super) struct Places {
    kspace: Place,
    mask: Place,
    probability: Place,
    maps: Place,
    noise: Place,
}

impl Places {
    pub fn of(scan: &Scan, settings: &ScanSettings) -> Self {
        let kspace = scan.place().clone();
        let beside = |name: &str| Place::new(&kspace.file, name);
        let noise = match &settings.noise {
            NoiseSource::File(place) | NoiseSource::Samples(place) => place.clone(),
            NoiseSource::Scan | NoiseSource::Variance(_) => kspace.clone(),
        };
        Self {
            mask: match &settings.sampling {
                SamplingSource::File(place) => place.clone(),
                SamplingSource::Scan | SamplingSource::Draw { .. } => beside("mask"),
            },
            probability: settings.probability.clone().unwrap_or_else(|| beside("prob_map")),
            maps: match &settings.maps {
                MapsSource::File(place) => place.clone(),
                MapsSource::Espirit => kspace.clone(),
            },
            noise,
            kspace,
        }
    }

    /// An error of the engine with the file and dataset that it is about; `slice` where it is about one of several.
    pub fn locate(&self, error: Engine, slice: Option<usize>) -> Error {
        let (what, problem, mend) = match &error {
            Engine::Data { what, found, expected } => (*what, found, format!("give {expected}")),
            // Of k-space there is too little where maps cannot be calibrated.
            Engine::NotEnough {
                what: what @ Input::Kspace,
                found,
                ..
            } => (*what, found, "this slice needs maps from a file (recon --maps)".into()),
            Engine::NotEnough { what, found, needed } => (*what, found, needed.clone()),
            _ => return error.into(),
        };
        let place = match what {
            Input::Mask => &self.mask,
            Input::Probability => &self.probability,
            Input::Maps => &self.maps,
            Input::NoiseCovariance | Input::NoiseSamples => &self.noise,
            _ => &self.kspace,
        };
        // What the engine says of an input needs a subject, where the file and not the input comes before it.
        let problem = match (problem.strip_prefix("it "), slice) {
            (Some(rest), Some(slice)) if what == Input::Kspace => format!("slice {slice} {rest}"),
            (Some(rest), None) => format!("the {what} {rest}"),
            (Some(rest), Some(slice)) => format!("slice {slice}: the {what} {rest}"),
            (None, Some(slice)) => format!("slice {slice}: {problem}"),
            (None, None) => problem.clone(),
        };
        Error::data(place.clone(), problem, mend).caused_by(error)
    }
}
