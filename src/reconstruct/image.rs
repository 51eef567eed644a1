use std::time::Instant;

use ndarray::Array2;
use num_complex::Complex;

use super::choice::{Choice, Facts};
use super::lambda::lambda_curve;
use super::observer::{Observer, Stage};
use super::prepared::{Prepared, begin};
use super::record::Record;
use super::sampling::Sampling;
use super::scale::unscale;
use super::settings::Settings;
use crate::array::{Grid, Image, Maps};
use crate::error::{Error, Input, Result};
use crate::solve::{History, IterationRecord, Knob, Lambda, Solver, drive};
use crate::wavelet::Layout;

/// What came out, in the units of the k-space.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    /// `(rows, cols)`, complex.
    pub image: Image<f32>,
    /// Truth plus noise whose variance the record predicts, `(rows, cols)`, for methods that have it and one set of maps: of
    /// two it would be two images, whose root sum of squares is not unbiased.
    pub unbiased: Option<Image<f32>>,
    /// Error bars, where the settings ask for them: predicted standard deviation of the real part of the error of `image`,
    /// and of its imaginary part, `(rows, cols)`; NaN where they cannot be computed.
    pub deviation: Option<Array2<f32>>,
    /// Error bars of `unbiased`, likewise, by the state evolution.
    pub unbiased_deviation: Option<Array2<f32>>,
    /// Coil sensitivity maps `(sets, coils, rows, cols)`, where the settings keep them.
    pub maps: Option<Maps<f32>>,
    /// What was done.
    pub record: Record,
}

impl Reconstruction {
    /// Magnitude of the image, `(rows, cols)`.
    pub fn magnitude(&self) -> Array2<f32> {
        self.image.mapv(|v| v.norm())
    }

    /// That of k-space of so many coils that is all zero, with so many sets of maps: an image of zeros.
    pub fn of_nothing(sampling: &Sampling, coils: usize, sets: usize, settings: &Settings) -> Self {
        let grid = sampling.mask.grid();
        let image = Image::zeros(grid.dim());
        let choice = Choice {
            why: None,
            ..Choice::new(settings.method, &Facts::new(sampling, coils))
        };
        let mut record = blank_record(sampling, sets, choice, settings);
        record.warnings.push("k-space is all zero, and so is the image".into());
        let unbiased = choice.method.unbiased && sets == 1;
        Self {
            unbiased: unbiased.then(|| image.clone()),
            unbiased_deviation: (unbiased && settings.has_error_bars()).then(|| Array2::zeros(grid.dim())),
            deviation: settings.has_error_bars().then(|| Array2::zeros(grid.dim())),
            image,
            maps: settings
                .keep_maps
                .then(|| Maps::zeros((sets, coils, grid.rows, grid.cols))),
            record,
        }
    }
}

impl Prepared {
    /// Runs the method of the settings, and brings what it finds into the units of the k-space.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when the observer asked for it; [`Error::Data`] for an optimal λ without a reference to find
    /// it by; [`Error::Data`] where the image is not finite, in the units of the k-space either.
    pub fn solve(&self, settings: &Settings, observer: &mut dyn Observer) -> Result<Reconstruction> {
        begin(Stage::Solving, observer)?;
        let start = Instant::now();
        let grid = self.problem.encoding.grid();
        let method = self.chosen(settings).method;
        let limits = settings.limits(method, &self.sampling);
        let mut observe = |record: &IterationRecord, _: &mut dyn Solver<f32>| observer.iteration(record);
        let mut tuning = settings.tuning();
        if tuning.lambda == Lambda::Optimal {
            let curve = lambda_curve(self, method, &tuning, limits, 1, &mut observe)?;
            let best = curve.and_then(|curve| curve.best());
            let found = "it has no reference to find the optimal regularisation weight by";
            let expected = "fully sampled k-space with an object in it, or the weight as a number";
            let (lambda, _) = best.ok_or_else(|| Error::data(Input::Kspace, found, expected))?;
            tuning.lambda = Lambda::Value(lambda);
        }
        let mut solver = method.solver(&self.problem, &tuning);
        let mut history = drive(solver.as_mut(), limits, &mut observe)?;
        let images = solver.image();
        let deviation = tuning.error_bars.is_some().then(|| {
            let deviation = self.deviation(solver.as_mut(), &images);
            deviation.unwrap_or_else(|| Array2::from_elem(grid.dim(), f32::NAN))
        });
        let energy = energy(images.iter());
        let image = self.image(images);
        let predicted_nmse = match &deviation {
            Some(deviation) => predicted_by_bars(deviation, &image),
            None if method.unbiased => predicted_by_evolution(&history, energy, grid),
            None => None,
        };
        let has_unbiased = method.unbiased && self.sets() == 1;
        let unbiased = solver.unbiased().filter(|_| has_unbiased);
        let unbiased = unbiased.map(|images| self.image(images));
        let wants_both = has_unbiased && tuning.error_bars.is_some();
        let unbiased_deviation = wants_both.then(|| self.unbiased_deviation(solver.as_ref())).flatten();
        let mut notes = self
            .maps_record
            .report()
            .map_or(Vec::new(), |report| report.notes.clone());
        notes.extend(solver.notes());
        let mut warnings = self.warnings(settings);
        warnings.extend(solver.warnings());
        drop(solver);
        if image.iter().any(|v| !v.is_finite()) {
            let expected = "a sampling probability, coil maps and a noise covariance that belong to it";
            return Err(Error::data(
                Input::Kspace,
                "it gives an image that is not finite",
                expected,
            ));
        }
        let scale = self.scale;
        let unscaled = |image: Image<f32>| image.mapv_into(|v| v / scale);
        let (image, unbiased) = (unscaled(image), unbiased.map(unscaled));
        let [deviation, unbiased_deviation] =
            [deviation, unbiased_deviation].map(|found| found.map(|deviation| deviation.mapv_into(|v| v / scale)));
        let images = [Some(&image), unbiased.as_ref()].into_iter().flatten().flatten();
        let deviations = [&deviation, &unbiased_deviation].into_iter().flatten().flatten();
        // The magnitude is written too.
        if images
            .map(|v| v.norm())
            .chain(deviations.copied())
            .any(f32::is_infinite)
        {
            return Err(Error::data(
                Input::Kspace,
                "it gives an image that exceeds single precision (3.4e38)",
                format!("k-space multiplied by {scale:.0e}, which brings its largest value to about 1"),
            ));
        }
        if method.has(Knob::Lambda) && tuning.lambda == Lambda::Value(0.0) {
            warnings.push("the regularisation weight is 0: nothing is regularised".into());
        }
        if deviation.as_ref().is_some_and(|d| d.iter().any(|v| v.is_nan())) {
            warnings.push("its error bars cannot be estimated: they are NaN".into());
        }
        let found = Found {
            lambda: tuning.lambda.value(),
            predicted_nmse,
            seconds: start.elapsed().as_secs_f64(),
            notes,
            warnings,
        };
        unscale(&mut history, f64::from(scale) * f64::from(scale));
        Ok(Reconstruction {
            image,
            unbiased,
            deviation,
            unbiased_deviation,
            maps: self.kept_maps.clone(),
            record: self.record(settings, history, found),
        })
    }

    fn record(&self, settings: &Settings, history: History, found: Found) -> Record {
        let choice = self.chosen(settings);
        let method = choice.method;
        let scale = f64::from(self.scale);
        let preparation = self.preparation.as_secs_f64();
        let mut blank = blank_record(&self.sampling, self.sets(), choice, settings);
        let in_history = history.iterations.iter().map(|i| i.bands.len()).max();
        if let Some(bands) = in_history.filter(|&bands| bands > 0) {
            blank.bands.truncate(bands);
        }
        Record {
            lambda: method.has_lambda().then_some(found.lambda),
            intensity: method.has(Knob::Lambda).then(|| self.problem.intensity() / scale),
            maps: Some(self.maps_record.clone()),
            noise: Some(self.noise_record.clone()),
            coils: Some(self.coils_record.clone()),
            scale,
            predicted_nmse: found.predicted_nmse,
            history: Some(history),
            seconds: preparation + found.seconds,
            preparation_seconds: preparation,
            notes: found.notes,
            warnings: found.warnings,
            ..blank
        }
    }
}

/// What goes into the record beside the history.
struct Found {
    lambda: f64,
    predicted_nmse: Option<f64>,
    /// Of the iterations, and what follows them.
    seconds: f64,
    notes: Vec<String>,
    warnings: Vec<String>,
}

/// The record of an acquisition of which nothing is known yet but its sampling.
fn blank_record(sampling: &Sampling, sets: usize, choice: Choice, settings: &Settings) -> Record {
    let grid = sampling.mask.grid();
    let layout = Layout::new(grid, settings.tuning.scales(grid));
    Record {
        version: env!("CARGO_PKG_VERSION"),
        method: choice.method.name,
        choice: choice.why,
        sampling: sampling.record.clone(),
        maps: None,
        noise: None,
        coils: None,
        scale: 1.0,
        lambda: None,
        intensity: None,
        predicted_nmse: None,
        bands: (0..sets).flat_map(|_| layout.band_names()).collect(),
        history: None,
        seconds: 0.0,
        preparation_seconds: 0.0,
        notes: Vec::new(),
        warnings: Vec::new(),
    }
}

fn energy<'a>(values: impl Iterator<Item = &'a Complex<f32>>) -> f64 {
    values.map(|v| f64::from(v.norm_sqr())).sum()
}

/// By the error bars, each that of the real and of the imaginary part.
fn predicted_by_bars(deviation: &Array2<f32>, image: &Image<f32>) -> Option<f64> {
    let error: f64 = deviation.iter().map(|&d| 2.0 * f64::from(d).powi(2)).sum();
    let ratio = error / energy(image.iter());
    ratio.is_finite().then_some(ratio)
}

/// Of the unbiased image, by the mean τ of the latest iteration that has one, up to that kept. The images of the solver
/// have this energy.
fn predicted_by_evolution(history: &History, energy: f64, grid: Grid) -> Option<f64> {
    let known = history.iterations.iter().take(history.kept);
    let kept = known.rev().find(|iteration| !iteration.bands.is_empty())?;
    let coefficients = kept.bands.iter().map(|band| band.size).sum::<usize>();
    let sets = (coefficients / grid.len().max(1)).max(1);
    let ratio = kept.tau * (sets * grid.len()) as f64 / energy;
    ratio.is_finite().then_some(ratio)
}
