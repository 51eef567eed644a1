//! Keyword arguments of a reconstruction, as settings of the engine.

use std::time::Duration;

use pvdamp::Settings;
use pvdamp::coil::{Compression, EspiritSettings, MapSets};
use pvdamp::reconstruct::{Choice, Recalibration};
use pvdamp::solve::{Knob, Lambda, METHODS, Method, Shift, Tuning};
use pvdamp::wavelet::{WAVELETS, Wavelet};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// As of the program: more passes than these change the maps no further.
const MOST_PASSES: usize = 10;

/// A number, or a word such as `auto`.
#[derive(FromPyObject)]
pub(crate) enum NumberOr<T> {
    Number(T),
    Word(String),
}

/// As the package hands them over, `None` where the user gave none.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    method: String,
    iterations: Option<usize>,
    time_limit: Option<f64>,
    wavelet: Option<String>,
    scales: Option<usize>,
    damping: Option<f64>,
    weight: Option<NumberOr<f64>>,
    /// A seed, or `none`.
    shift: Option<NumberOr<u64>>,
    /// The seed of the samples held out.
    uncertainty: Option<u64>,
    whiten: bool,
    virtual_coils: NumberOr<usize>,
    keep_maps: bool,
    maps: MapOptions,
}

/// Of maps that are calibrated.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct MapOptions {
    sets: NumberOr<usize>,
    kernel: Option<usize>,
    calibration: usize,
    crop: Option<f64>,
    recalibrate: NumberOr<usize>,
}

fn wrong(sentence: String) -> PyErr {
    PyValueError::new_err(sentence)
}

/// The row of a table, by name.
fn find<T>(what: &str, name: &str, found: Option<T>, names: impl Iterator<Item = &'static str>) -> PyResult<T> {
    let unknown = || {
        wrong(format!(
            "{what} {name:?} is none of {}",
            Vec::from_iter(names).join(", ")
        ))
    };
    found.ok_or_else(unknown)
}

/// A wavelet by name; the usual one where `None`.
pub(crate) fn wavelet(name: Option<&str>) -> PyResult<&'static Wavelet> {
    match name {
        Some(name) => find(
            "wavelet",
            name,
            Wavelet::find(name),
            WAVELETS.iter().map(|row| row.name),
        ),
        None => Ok(Tuning::default().wavelet),
    }
}

impl Options {
    /// The settings, with every value that does not depend on the scan checked.
    pub(crate) fn settings(&self) -> PyResult<Settings> {
        let method = match self.method.as_str() {
            "auto" => None,
            name => {
                let names = std::iter::once("auto").chain(METHODS.iter().map(|row| row.name));
                Some(find("method", name, Method::find(name), names)?)
            }
        };
        self.refuse_meaningless(method)?;
        Ok(Settings {
            method,
            tuning: Tuning {
                wavelet: wavelet(self.wavelet.as_deref())?,
                scales: self.scales,
                damping: self.damping,
                lambda: self.lambda(method)?,
                shift: match &self.shift {
                    None => Shift::Own,
                    Some(NumberOr::Number(seed)) => Shift::Random(*seed),
                    Some(NumberOr::Word(_)) => Shift::Off,
                },
                iterations: self.iterations,
                error_bars: self.uncertainty,
            },
            time_limit: self.time_limit.map(seconds).transpose()?,
            whiten: self.whiten,
            compression: compression(&self.virtual_coils)?,
            keep_maps: self.keep_maps,
            ..self.maps.settings()?
        })
    }

    /// An argument that would be ignored is a mistake of the caller.
    fn refuse_meaningless(&self, method: Option<&Method>) -> PyResult<()> {
        let iterates = method.is_none_or(Method::iterates);
        let knows = |knob| Choice::knows(method, knob);
        let arguments = [
            ("wavelet", self.wavelet.is_some(), knows(Knob::Wavelet)),
            ("scales", self.scales.is_some(), knows(Knob::Scales)),
            ("damping", self.damping.is_some(), knows(Knob::Damping)),
            ("weight", self.weight.is_some(), method.is_some_and(Method::has_lambda)),
            ("shift", self.shift.is_some(), knows(Knob::Shift)),
            ("uncertainty", self.uncertainty.is_some(), knows(Knob::ErrorBars)),
            ("iterations", self.iterations.is_some(), iterates),
            ("time_limit", self.time_limit.is_some(), iterates),
        ];
        match Choice::unused(&arguments) {
            Some((argument, taken)) => {
                let name = &self.method;
                Err(wrong(format!(
                    "{argument}= means nothing to the method {name}, which takes {taken}"
                )))
            }
            None => Ok(()),
        }
    }

    fn lambda(&self, method: Option<&Method>) -> PyResult<Lambda> {
        let weighted = method.filter(|method| method.has(Knob::Lambda));
        match (&self.weight, weighted) {
            (Some(NumberOr::Number(value)), _) => Ok(Lambda::Value(*value)),
            (Some(NumberOr::Word(word)), Some(_)) if word == "optimal" => Ok(Lambda::Optimal),
            (Some(NumberOr::Word(word)), _) => Err(wrong(format!(
                "weight {word:?} is no regularisation weight; give a number, or 'optimal' for fista"
            ))),
            (None, Some(method)) => Err(wrong(format!(
                "the method {} needs a regularisation weight: weight=0.003 is of a common size, and weight='optimal' finds \
                 the best where k-space is fully sampled; pvdamp and howl need none",
                method.name
            ))),
            (None, None) => Ok(Tuning::default().lambda),
        }
    }
}

impl MapOptions {
    /// The defaults, but for maps.
    pub(crate) fn settings(&self) -> PyResult<Settings> {
        let auto_or = |what: &str, word: &str| wrong(format!("{what} {word:?} is neither 'auto' nor a number"));
        Ok(Settings {
            espirit: EspiritSettings {
                kernel: self.kernel,
                calibration: self.calibration,
                sets: match &self.sets {
                    NumberOr::Number(sets) => MapSets::Fixed(*sets),
                    NumberOr::Word(word) if word == "auto" => MapSets::Auto,
                    NumberOr::Word(word) => return Err(auto_or("map_sets", word)),
                },
                crop: self.crop,
                ..EspiritSettings::default()
            },
            recalibration: match &self.recalibrate {
                NumberOr::Number(passes) if *passes <= MOST_PASSES => Recalibration::Passes(*passes),
                NumberOr::Number(passes) => {
                    return Err(wrong(format!(
                        "recalibrate {passes} is more than {MOST_PASSES}, which changes nothing"
                    )));
                }
                NumberOr::Word(word) if word == "auto" => Recalibration::Auto,
                NumberOr::Word(word) => return Err(auto_or("recalibrate", word)),
            },
            ..Settings::default()
        })
    }
}

/// `auto`, `off`, or how many.
pub(crate) fn compression(wanted: &NumberOr<usize>) -> PyResult<Compression> {
    match wanted {
        NumberOr::Number(wanted) => Ok(Compression::To(*wanted)),
        NumberOr::Word(word) if word == "auto" => Ok(Compression::Auto),
        NumberOr::Word(word) if word == "off" => Ok(Compression::Off),
        NumberOr::Word(word) => Err(wrong(format!(
            "virtual_coils {word:?} is neither 'auto', 'off' nor a number"
        ))),
    }
}

fn seconds(limit: f64) -> PyResult<Duration> {
    let duration = Duration::try_from_secs_f64(limit).ok().filter(|d| !d.is_zero());
    duration.ok_or_else(|| wrong(format!("time_limit {limit} is not a positive number of seconds")))
}
