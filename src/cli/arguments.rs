//! Groups of options that several commands share, turned into settings once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::array::Grid;
use crate::coil::EspiritSettings;
use crate::error::{Error, Place, Result};
use crate::recon::{Lambda, MapsSource, NoiseSource, SamplingSource, Settings};
use crate::sampling::{DEFAULT_ORDER, FAMILIES, Family, Request};
use crate::solve::{Knob, Limits, METHODS, Method, Tuning};
use crate::wavelet::{WAVELETS, Wavelet};

/// A choice from a table, by name.
macro_rules! one_of {
    ($table:expr) => {
        PossibleValuesParser::new(
            $table
                .iter()
                .map(|row| clap::builder::PossibleValue::new(row.name).help(row.summary)),
        )
    };
}

/// The scan and where its k-space lies.
#[derive(Args)]
pub struct ScanArguments {
    /// Scan with k-space, fastMRI-style HDF5
    #[arg(value_name = "SCAN")]
    pub scan: PathBuf,

    /// Dataset of the k-space
    #[arg(long, value_name = "DATASET", default_value = "kspace")]
    pub kspace: String,
}

impl ScanArguments {
    pub fn open(&self) -> Result<crate::format::Scan> {
        crate::format::Scan::open(&self.scan, Some(&self.kspace))
    }

    pub fn place(&self) -> Place {
        Place::new(&self.scan, &self.kspace)
    }
}

/// Drawing a mask.
#[derive(Args, Clone)]
#[command(next_help_heading = "Undersampling a fully sampled scan")]
pub struct DrawArguments {
    /// Acceleration R: draw a mask that keeps 1/R of k-space
    #[arg(long, value_name = "R")]
    pub accel: Option<f64>,

    /// How the mask is drawn
    #[arg(long, value_name = "FAMILY", requires = "accel", default_value = "bernoulli", value_parser = one_of!(FAMILIES))]
    pub sampling: String,

    /// Fully sampled centre (ACS), N or ROWSxCOLS [default: 24, or the axis where that is shorter]
    #[arg(long, value_name = "N", requires = "accel", value_parser = parse_grid)]
    pub acs: Option<Grid>,

    /// How steeply the sampling density falls from the centre; 0 is uniform
    #[arg(long, value_name = "ORDER", requires = "accel", default_value_t = DEFAULT_ORDER)]
    pub order: f64,

    /// Seed of the mask
    #[arg(long, value_name = "SEED", requires = "accel", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: u64,
}

impl DrawArguments {
    pub fn family(&self) -> Result<&'static Family> {
        Family::find(&self.sampling).ok_or_else(|| unknown("--sampling", &self.sampling))
    }

    pub fn request(&self, grid: Grid, acceleration: f64) -> Result<Request> {
        let request = Request {
            grid,
            acceleration,
            acs: self.acs.unwrap_or(Request::default_acs(grid)),
            order: self.order,
            seed: self.seed,
        };
        request.validate()?;
        Ok(request)
    }
}

/// Coil maps.
#[derive(Args)]
#[command(next_help_heading = "Coil sensitivity maps")]
pub struct EspiritArguments {
    /// Sets of ESPIRiT maps: 2 where the object is larger than the field of view
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub map_sets: u8,

    /// Side of the calibration region, at most [samples]
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub calibration: usize,

    /// Side of the ESPIRiT kernel [samples]
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub kernel: usize,

    /// ESPIRiT eigenvalue below which a pixel counts as outside the object; 0 keeps all
    #[arg(long, value_name = "EIGENVALUE", default_value_t = 0.8)]
    pub crop: f64,
}

impl EspiritArguments {
    pub fn settings(&self) -> EspiritSettings {
        EspiritSettings {
            kernel: self.kernel,
            calibration: self.calibration,
            sets: self.map_sets.into(),
            crop: self.crop,
            ..EspiritSettings::default()
        }
    }
}

/// Everything a reconstruction is told.
#[derive(Args)]
pub struct ReconArguments {
    /// Reconstruction method
    #[arg(long, value_name = "METHOD", default_value = "pvdamp", value_parser = one_of!(METHODS))]
    method: String,

    /// Iterations at most [default: pvdamp 30, fista, sure-it and a-fista 100, cg-sense 10]
    #[arg(long, value_name = "N")]
    iterations: Option<u32>,

    /// Stop the iterations of a slice after this time [seconds]
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<f64>,

    /// Wavelet [default: db4]
    #[arg(long, value_name = "WAVELET", value_parser = one_of!(WAVELETS), hide_possible_values = true)]
    wavelet: Option<String>,

    /// Scales of the wavelet transform [default: 4, or fewer where the image is too small]
    #[arg(long, value_name = "N")]
    scales: Option<usize>,

    /// Damping of pvdamp: share of the new estimate in each update, above 0 and at most 1 [default: 0.75]
    #[arg(long, value_name = "RHO")]
    damping: Option<f64>,

    /// Regularisation weight of fista, relative to the intensity of the image, or 'optimal': the one of least error,
    /// for a fully sampled scan that is undersampled here. Of cg-sense: the Tikhonov weight [default: 0]
    #[arg(long, value_name = "LAMBDA|optimal", allow_negative_numbers = true)]
    lambda: Option<String>,

    /// Shifts of the wavelet grid in each iteration of fista, sure-it and a-fista: none, random or random:SEED
    /// [default: none; a-fista random:0]
    #[arg(long, value_name = "none|random[:SEED]", value_parser = parse_shift)]
    shift: Option<Shift>,

    /// Sampling mask [default: the scan's, or where k-space is not zero]
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with = "accel")]
    mask: Option<Place>,

    /// Probability that each location is sampled [default: known, or estimated from the mask]
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with = "accel")]
    prob_map: Option<Place>,

    /// Measurement noise over coils, (coils, coils), or one variance for all [default: estimated]
    #[arg(long, value_name = "FILE[:DATASET]|VARIANCE")]
    noise_covariance: Option<String>,

    /// Coil maps [default: ESPIRiT from the sampled centre]
    #[arg(
        long,
        value_name = "FILE[:DATASET]",
        conflicts_with = "EspiritArguments",
        help_heading = "Coil sensitivity maps"
    )]
    maps: Option<Place>,

    /// Write the coil maps to the output
    #[arg(long, help_heading = "Coil sensitivity maps")]
    save_maps: bool,

    #[command(flatten)]
    espirit: EspiritArguments,

    #[command(flatten)]
    draw: DrawArguments,
}

impl ReconArguments {
    /// The settings, with every value that does not depend on the scan checked.
    pub fn settings(&self, grid: Grid) -> Result<Settings> {
        let sampling = match (self.draw.accel, &self.mask) {
            (Some(acceleration), _) => SamplingSource::Draw {
                family: self.draw.family()?,
                request: self.draw.request(grid, acceleration)?,
            },
            (None, Some(place)) => SamplingSource::File(place.clone()),
            (None, None) => SamplingSource::Scan,
        };
        let method = Method::find(&self.method).ok_or_else(|| unknown("--method", &self.method))?;
        self.refuse_meaningless(method)?;
        let wavelet = match &self.wavelet {
            Some(name) => Wavelet::find(name).ok_or_else(|| unknown("--wavelet", name))?,
            None => Tuning::default().wavelet,
        };
        let lambda = self.lambda(method)?;
        if lambda == Lambda::Optimal && self.time_limit.is_some() {
            let why = "the best weight would depend on how fast this machine is";
            return Err(Error::setting(format!(
                "--lambda optimal does not go with --time-limit: {why}"
            )));
        }
        Ok(Settings {
            method,
            wavelet,
            scales: self.scales,
            damping: self.damping.unwrap_or(Tuning::default().damping),
            lambda,
            shift: self.shift.unwrap_or(Shift(method.shift)).0,
            limits: Limits {
                iterations: self.iterations.map_or(method.iterations, |n| n as usize),
                time: self.time_limit.map(seconds).transpose()?,
            },
            sampling,
            probability: self.prob_map.clone(),
            maps: match &self.maps {
                Some(place) => MapsSource::File(place.clone()),
                None => MapsSource::Espirit(self.espirit.settings()),
            },
            noise: match &self.noise_covariance {
                Some(text) => noise_source(text)?,
                None => NoiseSource::Estimate,
            },
            keep_maps: self.save_maps,
            reference: lambda == Lambda::Optimal || !method.oracle.is_empty(),
        })
    }

    /// An option that would be ignored is a mistake of the caller.
    fn refuse_meaningless(&self, method: &Method) -> Result<()> {
        let options = [
            ("--wavelet", self.wavelet.is_some(), method.has(Knob::Wavelet)),
            ("--scales", self.scales.is_some(), method.has(Knob::Scales)),
            ("--damping", self.damping.is_some(), method.has(Knob::Damping)),
            ("--lambda", self.lambda.is_some(), method.has_lambda()),
            ("--shift", self.shift.is_some(), method.has(Knob::Shift)),
            ("--iterations", self.iterations.is_some(), method.iterates()),
            ("--time-limit", self.time_limit.is_some(), method.iterates()),
            (
                "--noise-covariance",
                self.noise_covariance.is_some(),
                method.has(Knob::Noise),
            ),
        ];
        match options.iter().find(|(_, given, means)| *given && !means) {
            Some((option, ..)) => {
                let name = method.name;
                let taken = options
                    .iter()
                    .filter(|(_, _, means)| *means)
                    .map(|(option, ..)| *option);
                let taken: Vec<&str> = taken.collect();
                let taken = if taken.is_empty() {
                    "none of these".into()
                } else {
                    taken.join(", ")
                };
                Err(Error::setting(format!(
                    "{option} means nothing to --method {name}, which takes {taken}"
                )))
            }
            None => Ok(()),
        }
    }

    fn lambda(&self, method: &Method) -> Result<Lambda> {
        match self.lambda.as_deref() {
            Some("optimal") if method.has(Knob::Lambda) => Ok(Lambda::Optimal),
            Some(text) => {
                let value = text.parse().map_err(|_| {
                    Error::setting(format!(
                        "--lambda {text}: a regularisation weight is a number, or 'optimal' for fista"
                    ))
                })?;
                Ok(Lambda::Value(value))
            }
            None if method.has(Knob::Lambda) => Err(Error::setting(format!(
                "--method {} needs a regularisation weight: --lambda 0.003 is of a common size, and --lambda optimal finds \
                 the best where the scan is fully sampled; pvdamp needs none",
                method.name
            ))),
            None => Ok(Lambda::Value(Tuning::default().lambda)),
        }
    }

    /// Files that are read, and so must not be written.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let noise = match self.noise_covariance.as_deref().map(noise_source) {
            Some(Ok(NoiseSource::File(place))) => Some(place),
            _ => None,
        };
        let places = [&self.mask, &self.prob_map, &self.maps, &noise].into_iter().flatten();
        places.map(|place| place.file.clone()).collect()
    }
}

fn seconds(limit: f64) -> Result<Duration> {
    let duration = Duration::try_from_secs_f64(limit).ok().filter(|d| !d.is_zero());
    duration.ok_or_else(|| {
        Error::setting(format!(
            "--time-limit {limit}: the limit must be a positive number of seconds"
        ))
    })
}

fn noise_source(text: &str) -> Result<NoiseSource> {
    match text.parse::<f64>() {
        Ok(variance) if variance >= 0.0 && variance.is_finite() => Ok(NoiseSource::Variance(variance)),
        Ok(_) => Err(Error::setting(format!(
            "--noise-covariance {text}: a variance is a finite number, 0 or more"
        ))),
        Err(_) => {
            let Ok(place) = text.parse();
            Ok(NoiseSource::File(place))
        }
    }
}

pub fn unknown(option: &str, name: &str) -> Error {
    Error::setting(format!("{option} {name}: there is no such name, see --help"))
}

/// Makes a folder for output, where it is not there yet.
pub fn make_folder(folder: &Path, mend: &str) -> Result<()> {
    let failed = |e: std::io::Error| Error::data(folder, format!("this folder cannot be made ({e})"), mend);
    std::fs::create_dir_all(folder).map_err(failed)
}

/// Seed of random shifts, if there are any.
#[derive(Clone, Copy)]
struct Shift(Option<u64>);

/// `none`, `random` or `random:SEED`.
fn parse_shift(text: &str) -> std::result::Result<Shift, String> {
    let seed = |text: &str| text.parse().map_err(|_| format!("'{text}' is not a seed"));
    match text.split_once(':') {
        None if text == "none" => Ok(Shift(None)),
        None if text == "random" => Ok(Shift(Some(0))),
        Some(("random", text)) => Ok(Shift(Some(seed(text)?))),
        _ => Err("it is none, random or random:SEED".into()),
    }
}

/// `N` or `ROWSxCOLS`.
pub fn parse_grid(text: &str) -> std::result::Result<Grid, String> {
    let number = |part: &str| {
        part.parse::<usize>()
            .map_err(|_| format!("'{text}' is not N or ROWSxCOLS"))
    };
    match text.split_once(['x', 'X']) {
        Some((rows, cols)) => Ok(Grid::new(number(rows)?, number(cols)?)),
        None => number(text).map(|n| Grid::new(n, n)),
    }
}

/// Refuses an output that would replace a file being read.
pub fn refuse_overwrite<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    match inputs.into_iter().any(|input| same_file(output, input)) {
        true => Err(Error::data(output, "is an input of this run", "choose another output")),
        false => Ok(()),
    }
}

/// Whether two paths lead to one file, which need not be there yet.
pub fn same_file(a: &Path, b: &Path) -> bool {
    let place = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = path.parent().filter(|folder| *folder != Path::new(""));
            let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    place(a).is_some_and(|a| Some(a) == place(b))
}
