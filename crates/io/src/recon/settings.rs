use crate::error::{Place, Result};
use pvdamp::array::Grid;
use pvdamp::coil::EspiritSettings;
use pvdamp::sampling::{Family, Request};
use pvdamp::{Error as Engine, Parameter, Settings};

/// Time and memory of ESPIRiT grow with the fourth power of the kernel and the second of the calibration region.
const LARGEST_KERNEL: usize = 24;
const LARGEST_CALIBRATION: usize = 1024;

/// How a scan is reconstructed; where this is silent, the scan decides.
#[derive(Clone, Default)]
pub struct ScanSettings {
    /// Of each slice.
    pub engine: Settings,
    /// Where the mask comes from.
    pub sampling: SamplingSource,
    /// The sampling probability, where it is in a file.
    pub probability: Option<Place>,
    /// Where coil sensitivity maps come from.
    pub maps: MapsSource,
    /// Another scan that maps are calibrated on, by the same coils.
    pub calibration: Option<Place>,
    /// Where the noise comes from.
    pub noise: NoiseSource,
    /// Whether fully sampled scans serve as a reference even if the method needs none.
    pub reference: bool,
    /// Whether results and records say "a file" in place of its name, which may be that of a patient.
    pub hide_files: bool,
}

/// Where the sampling mask comes from.
#[derive(Clone, Default)]
pub enum SamplingSource {
    /// The mask in the scan's file, else where k-space is not zero.
    #[default]
    Scan,
    /// A mask in a file.
    File(Place),
    /// A mask drawn here, for a fully sampled scan.
    Draw { family: &'static Family, request: Request },
}

/// Where coil sensitivity maps come from.
#[derive(Clone, Default)]
pub enum MapsSource {
    /// Calibrated by ESPIRiT on the sampled centre of each slice.
    #[default]
    Espirit,
    /// Maps in a file.
    File(Place),
}

/// Where the noise covariance comes from: `E[ε εᴴ]` of one k-space sample over coils, in squared units of k-space.
#[derive(Clone, Default)]
pub enum NoiseSource {
    /// Measured where the scan holds a measurement of noise, else estimated from each slice.
    #[default]
    Scan,
    /// A covariance in a file.
    File(Place),
    /// The covariance of samples of noise.
    Samples(Place),
    /// The same variance in every coil, no correlation.
    Variance(f64),
}

impl ScanSettings {
    /// # Errors
    /// [`Error::Engine`](crate::error::Error::Engine) where a value makes no sense for scans of size `grid`.
    pub fn validate(&self, grid: Grid) -> Result<()> {
        check_cost(&self.engine.espirit)?;
        self.engine.validate(grid)?;
        if let SamplingSource::Draw { family, request } = &self.sampling {
            family.plan(request, grid)?;
        }
        Ok(())
    }

    /// A file as results and records name it.
    pub fn name_of(&self, place: &Place) -> String {
        if self.hide_files {
            "a file".into()
        } else {
            place.to_string()
        }
    }

    /// Where the noise comes from, in words for the result file.
    pub fn describe_noise(&self) -> String {
        match &self.noise {
            NoiseSource::Scan => "measured with the scan, else estimated from each slice".into(),
            NoiseSource::File(place) => format!("read from {}", self.name_of(place)),
            NoiseSource::Samples(place) => format!("of the noise samples of {}", self.name_of(place)),
            NoiseSource::Variance(variance) => format!("variance {variance:e} in every coil"),
        }
    }

    /// Where maps come from, with the settings of ESPIRiT, in words for the result file.
    pub fn describe_maps(&self) -> String {
        let espirit = &self.engine.espirit;
        match &self.maps {
            MapsSource::Espirit => format!(
                "espirit{}: sets={} calibration={} kernel={} threshold={} crop={} recalibrate={}",
                self.calibration
                    .as_ref()
                    .map_or(String::new(), |place| format!(" on {}", self.name_of(place))),
                espirit.sets,
                espirit.calibration,
                espirit.kernel.map_or("auto".to_string(), |kernel| kernel.to_string()),
                espirit.singular_threshold,
                espirit.crop.map_or("auto".to_string(), |crop| crop.to_string()),
                self.engine.recalibration
            ),
            MapsSource::File(place) => format!("read from {}", self.name_of(place)),
        }
    }

    /// Whether maps are calibrated on other k-space than that of the slice, in a scan of so many coils, slices, and places
    /// that they show: on the mean over frames, or on another scan.
    pub fn shares_maps(&self, coils: usize, slices: usize, places: usize) -> bool {
        self.calibrates(coils) && (places < slices || self.calibration.is_some())
    }

    /// Whether maps are calibrated at all, of so many coils.
    pub fn calibrates(&self, coils: usize) -> bool {
        matches!(self.maps, MapsSource::Espirit) && coils > 1
    }

    /// Whether fully sampled scans serve as a reference.
    pub fn wants_reference(&self) -> bool {
        self.reference || self.engine.wants_reference()
    }

    /// The files that it names: mask, maps, noise, probability, and the scan to calibrate on.
    pub fn places_mut(&mut self) -> impl Iterator<Item = &mut Place> {
        let mask = match &mut self.sampling {
            SamplingSource::File(place) => Some(place),
            SamplingSource::Scan | SamplingSource::Draw { .. } => None,
        };
        let maps = match &mut self.maps {
            MapsSource::File(place) => Some(place),
            MapsSource::Espirit => None,
        };
        let noise = match &mut self.noise {
            NoiseSource::File(place) | NoiseSource::Samples(place) => Some(place),
            NoiseSource::Scan | NoiseSource::Variance(_) => None,
        };
        let beside = [self.probability.as_mut(), self.calibration.as_mut()];
        [mask, maps, noise].into_iter().chain(beside).flatten()
    }
}

/// Errors: sizes of ESPIRiT beyond what any machine computes.
fn check_cost(espirit: &EspiritSettings) -> Result<()> {
    let limits = [
        (Parameter::Kernel, espirit.kernel.unwrap_or_default(), LARGEST_KERNEL, 6),
        (Parameter::Calibration, espirit.calibration, LARGEST_CALIBRATION, 24),
    ];
    for (parameter, value, largest, usual) in limits {
        if value > largest {
            let why = format!("is too large; give at most {largest}, {usual} is usual");
            return Err(Engine::setting(parameter, value, why).into());
        }
    }
    Ok(())
}
