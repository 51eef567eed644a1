//! The options of a reconstruction, and how they become settings.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use super::arguments::{DrawArguments, MapsArguments, one_of, unknown};
use pvdamp::Settings;
use pvdamp::coil::Compression;
use pvdamp::reconstruct::Choice;
use pvdamp::solve::{Knob, Lambda, METHODS, Method, Shift, Tuning};
use pvdamp::wavelet::{WAVELETS, Wavelet};
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::recon::{NoiseSource, SamplingSource, ScanSettings};

/// For `--method`: left to the data.
pub const AUTO: &str = "auto";

/// All options of a reconstruction.
#[derive(Args)]
pub struct ReconArguments {
    /// Reconstruction method
    #[arg(long, value_name = "METHOD", default_value = AUTO, value_parser = method_names())]
    method: String,

    /// Iterations at most [default: pvdamp 30, pvdamp-unbiased 30 (both 60 for 1-D undersampling and partial Fourier), howl 30 (100 for those), pvdamp-published 30, fista 100, sure-it 100, a-fista 100, cg-sense 10]
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

    /// Damping of pvdamp: share of the new estimate in each update, above 0 and at most 1 [default: 0.75 (1-D undersampling 0.7)]
    #[arg(long, value_name = "RHO")]
    damping: Option<f64>,

    /// Regularisation weight of fista, relative to the intensity of the image, or 'optimal': the one of least error,
    /// for a fully sampled scan that is undersampled here. Of cg-sense: the Tikhonov weight [default: 0]
    #[arg(long, value_name = "LAMBDA|optimal", allow_negative_numbers = true)]
    lambda: Option<String>,

    /// Shifts of the wavelet grid in each iteration of pvdamp, pvdamp-unbiased, fista, sure-it and a-fista: none, random or
    /// random:SEED [default: pvdamp, pvdamp-unbiased, a-fista random:0; others none]
    #[arg(long, value_name = "none|random[:SEED]", value_parser = parse_shift)]
    shift: Option<Shift>,

    /// Also write error bars, for pvdamp in its three forms, howl and fista: the predicted standard deviation of each
    /// pixel's error. The image stays the same; the run takes twice as long. SEED, 0 unless given, is that of the samples
    /// that are held out
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    uncertainty: Option<u64>,

    /// Sampling mask [default: the scan's, or where k-space is not zero]
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with = "accel")]
    mask: Option<Place>,

    /// Probability that each location is sampled [default: known, or estimated from the mask]
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with = "accel")]
    prob_map: Option<Place>,

    /// Measurement noise over coils, (coils, coils), or one variance for all [default: measured with the scan, or estimated]
    #[arg(long, value_name = "FILE[:DATASET]|VARIANCE")]
    noise_covariance: Option<String>,

    /// Samples of noise alone, (coils, samples) or like k-space, or raw data of a noise scan, to measure the noise over
    /// coils by
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with = "noise_covariance")]
    noise: Option<Place>,

    /// Whether coils are combined so that their noise is white, where it is known not to be
    #[arg(long, value_name = "auto|off", default_value = "auto", value_parser = parse_whiten, action = clap::ArgAction::Set)]
    whiten: bool,

    /// Virtual coils to compress the coils to: a number, as many as keep 99.95 % of the energy (auto: of more than 16
    /// coils, at most 16), or off
    #[arg(long, value_name = "N|auto|off", default_value = "auto", value_parser = parse_compression)]
    virtual_coils: Compression,

    #[command(flatten)]
    maps: MapsArguments,

    /// Write the coil maps to the output
    #[arg(long, help_heading = "Coil sensitivity maps")]
    save_maps: bool,

    #[command(flatten)]
    draw: DrawArguments,
}

impl ReconArguments {
    /// The settings, with every value that does not depend on the scan checked.
    pub fn settings(&self) -> Result<ScanSettings> {
        let sampling = match (self.draw.accel, &self.mask) {
            (Some(acceleration), _) => SamplingSource::Draw {
                family: self.draw.family()?,
                request: self.draw.request(acceleration),
            },
            (None, Some(place)) => SamplingSource::File(place.clone()),
            (None, None) => SamplingSource::Scan,
        };
        let method = match self.method.as_str() {
            AUTO => None,
            name => Some(Method::find(name).ok_or_else(|| unknown("--method", name))?),
        };
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
        let tuning = Tuning {
            wavelet,
            scales: self.scales,
            damping: self.damping,
            lambda,
            shift: self.shift.unwrap_or_default(),
            iterations: self.iterations.map(|n| n as usize),
            error_bars: self.uncertainty,
        };
        let of_maps = self.maps.settings();
        let engine = Settings {
            method,
            tuning,
            time_limit: self.time_limit.map(seconds).transpose()?,
            whiten: self.whiten,
            compression: self.virtual_coils,
            keep_maps: self.save_maps,
            ..of_maps.engine
        };
        Ok(ScanSettings {
            engine,
            sampling,
            probability: self.prob_map.clone(),
            noise: match (&self.noise_covariance, &self.noise) {
                (Some(text), _) => noise_source(text)?,
                (None, Some(place)) => NoiseSource::Samples(place.clone()),
                (None, None) => NoiseSource::Scan,
            },
            maps: of_maps.maps,
            calibration: of_maps.calibration,
            reference: false,
            hide_files: false,
        })
    }

    /// An option that would be ignored is a mistake of the caller.
    fn refuse_meaningless(&self, method: Option<&Method>) -> Result<()> {
        let iterates = method.is_none_or(Method::iterates);
        let has_lambda = method.is_some_and(Method::has_lambda);
        let options = [
            (
                "--wavelet",
                self.wavelet.is_some(),
                Choice::knows(method, Knob::Wavelet),
            ),
            ("--scales", self.scales.is_some(), Choice::knows(method, Knob::Scales)),
            (
                "--damping",
                self.damping.is_some(),
                Choice::knows(method, Knob::Damping),
            ),
            ("--lambda", self.lambda.is_some(), has_lambda),
            ("--shift", self.shift.is_some(), Choice::knows(method, Knob::Shift)),
            (
                "--uncertainty",
                self.uncertainty.is_some(),
                Choice::knows(method, Knob::ErrorBars),
            ),
            ("--iterations", self.iterations.is_some(), iterates),
            ("--time-limit", self.time_limit.is_some(), iterates),
            // One variance for all coils whitens nothing, unlike a covariance.
            (
                "--noise-covariance VARIANCE",
                self.is_variance(),
                Choice::knows(method, Knob::Noise),
            ),
        ];
        match Choice::unused(&options) {
            Some((option, taken)) => {
                let name = method.map_or(AUTO, |method| method.name);
                Err(Error::setting(format!(
                    "{option} means nothing to --method {name}, which takes {taken}"
                )))
            }
            None => self.refuse_unused_noise(method),
        }
    }

    /// Noise that is known serves whitening, and methods that take it.
    fn refuse_unused_noise(&self, method: Option<&Method>) -> Result<()> {
        let option = match (&self.noise, &self.noise_covariance) {
            _ if self.whiten || Choice::knows(method, Knob::Noise) => None,
            (Some(_), _) => Some("--noise"),
            (None, Some(_)) => Some("--noise-covariance"),
            (None, None) => None,
        };
        match option {
            Some(option) => Err(Error::setting(format!(
                "{option} means nothing to --method {} with --whiten off: leave one of the two out",
                method.map_or(AUTO, |method| method.name)
            ))),
            None => Ok(()),
        }
    }

    fn is_variance(&self) -> bool {
        let source = self.noise_covariance.as_deref().map(noise_source);
        matches!(source, Some(Ok(NoiseSource::Variance(_))))
    }

    fn lambda(&self, method: Option<&Method>) -> Result<Lambda> {
        let weighted = method.filter(|method| method.has(Knob::Lambda));
        match self.lambda.as_deref() {
            Some("optimal") if weighted.is_some() => Ok(Lambda::Optimal),
            Some(text) => {
                let value = text.parse().map_err(|_| {
                    Error::setting(format!(
                        "--lambda {text}: a regularisation weight is a number, or 'optimal' for fista"
                    ))
                })?;
                Ok(Lambda::Value(value))
            }
            None => match weighted {
                Some(method) => Err(Error::setting(format!(
                    "--method {} needs a regularisation weight: --lambda 0.003 is of a common size, and --lambda optimal \
                     finds the best where the scan is fully sampled; pvdamp and howl need none",
                    method.name
                ))),
                None => Ok(Tuning::default().lambda),
            },
        }
    }

    /// Files that are read, and so must not be written.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let noise = match self.noise_covariance.as_deref().map(noise_source) {
            Some(Ok(NoiseSource::File(place))) => Some(place),
            _ => None,
        };
        let calibrated_on = self.maps.calibrated_on();
        let places = [
            &self.mask,
            &self.prob_map,
            &self.maps.maps,
            &self.noise,
            &noise,
            calibrated_on,
        ]
        .into_iter()
        .flatten();
        places.map(|place| place.file.clone()).collect()
    }
}

/// The methods, and the choice of one by the data.
fn method_names() -> PossibleValuesParser {
    let auto = "the one with the least error on such data: howl, or pvdamp where few samples are missing; the output says which";
    let named = METHODS.iter().map(|row| PossibleValue::new(row.name).help(row.summary));
    PossibleValuesParser::new(std::iter::once(PossibleValue::new(AUTO).help(auto)).chain(named))
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

/// `none`, `random` or `random:SEED`.
fn parse_shift(text: &str) -> std::result::Result<Shift, String> {
    let seed = |text: &str| text.parse().map_err(|_| format!("'{text}' is not a seed"));
    match text.split_once(':') {
        None if text == "none" => Ok(Shift::Off),
        None if text == "random" => Ok(Shift::Random(0)),
        Some(("random", text)) => Ok(Shift::Random(seed(text)?)),
        _ => Err("it is none, random or random:SEED".into()),
    }
}

fn parse_whiten(text: &str) -> std::result::Result<bool, String> {
    match text {
        "auto" => Ok(true),
        "off" => Ok(false),
        _ => Err("it is auto or off".into()),
    }
}

fn parse_compression(text: &str) -> std::result::Result<Compression, String> {
    match (text, text.parse()) {
        ("auto", _) => Ok(Compression::Auto),
        ("off", _) => Ok(Compression::Off),
        (_, Ok(0)) => Err("an image needs at least 1".into()),
        (_, Ok(wanted)) => Ok(Compression::To(wanted)),
        _ => Err("it is a number, auto or off".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        arguments: ReconArguments,
    }

    /// Help is written by hand; the table decides.
    #[test]
    fn help_tells_the_iterations_of_every_method() {
        let command = <Typed as clap::CommandFactory>::command();
        let option = command.get_arguments().find(|a| a.get_id() == "iterations").unwrap();
        let help = option.get_help().unwrap().to_string();
        for method in METHODS.iter().filter(|method| method.iterates()) {
            let entry = format!(" {} {}", method.name, method.iterations);
            assert!(help.contains(&entry), "'{entry}' is not in {help}");
        }
    }
}
