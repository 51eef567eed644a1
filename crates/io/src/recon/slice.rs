use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ndarray::{Array2, ArrayView2, s};
use num_complex::Complex;

use super::coils::Calibrated;
use super::lambda::lambda_curve;
use super::maps::OpenMaps;
use super::noise::OpenNoise;
use super::prepare::{OnlySlice, unit_scale, warnings};
use super::sets::JudgedSets;
use super::{Lambda, MapsRecord, Sampling, Settings, SliceRecord};
use crate::error::{Error, Place, Result};
use crate::format::Scan;
use pvdamp::array::{CoilStack, Grid, Image, Maps};
use pvdamp::solve::{History, IterationRecord, Knob, Solver, Tuning, drive};
use pvdamp::wavelet::Layout;

/// A scan being reconstructed, slice by slice; slices in any order, and several at once.
pub struct Reconstruction {
    pub(super) scan: Arc<Scan>,
    pub(super) place: Place,
    pub(super) settings: Settings,
    pub(super) maps: OpenMaps,
    pub(super) sets: JudgedSets,
    /// Whether no slice holds data.
    pub(super) empty: bool,
    pub(super) only: OnlySlice,
    pub(super) noise: OpenNoise,
    pub(super) sampling: Sampling,
    pub(super) tuning: Tuning,
}

/// One slice: images in the units of the scan.
pub struct SliceResult {
    /// `(rows, cols)`, not cropped.
    pub image: Image<f32>,
    /// Truth plus noise of known variance, for methods that have it.
    pub unbiased: Option<Image<f32>>,
    /// Predicted standard deviation of the real part of the error of `image`, and of its imaginary part,
    /// `(rows, cols)`, where the settings ask for error bars; NaN where they cannot be told.
    pub deviation: Option<Array2<f32>>,
    /// Magnitude of the image, cropped as the header says.
    pub magnitude: Array2<f32>,
    /// `(sets, coils, rows, cols)`, where the settings keep them; zero for a slice without data.
    pub maps: Option<Maps<f32>>,
    pub record: SliceRecord,
}

impl Reconstruction {
    /// Settles what holds for all slices: mask, density, where maps come from. Reads at least one slice.
    ///
    /// Errors: whatever does not fit together, before any computation.
    pub fn new(scan: &Arc<Scan>, settings: &Settings) -> Result<Self> {
        let place = scan.place();
        let tuning = settings.tuning(scan.grid());
        settings.validate(scan.grid())?;
        let maps = settings.maps.open(scan)?;
        let first = first_with_data(scan)?;
        let empty = first.is_none();
        let mut sampling = match first {
            Some(ref kspace) => {
                let probability = settings.probability.as_ref();
                Sampling::of_scan(scan, place, kspace.view(), &settings.sampling, probability)?
            }
            None => Sampling::of_nothing(scan.grid())?,
        };
        sampling.warn_of_lines(settings.method);
        if settings.lambda == Lambda::Optimal && !sampling.complete_scan {
            let problem = "is undersampled, so that there is no reference to find the best --lambda by";
            return Err(Error::data(
                place.clone(),
                problem,
                "give --lambda a number, or take --method pvdamp",
            ));
        }
        Ok(Self {
            scan: scan.clone(),
            place: place.clone(),
            settings: settings.clone(),
            maps,
            sets: JudgedSets::default(),
            empty,
            only: OnlySlice::new(scan, first),
            noise: settings.noise.open(scan)?,
            sampling,
            tuning,
        })
    }

    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Iterations at most, without what error bars take.
    pub fn iterations(&self) -> usize {
        let method = self.settings.method;
        let own = match self.sampling.samples_lines() || self.sampling.lacks_side() {
            true => method.line_iterations,
            false => method.iterations,
        };
        self.settings.iterations.unwrap_or(own)
    }

    /// Whether slices have an unbiased image. Of two sets of maps it would be two images, whose root sum of squares is
    /// not unbiased.
    pub fn has_unbiased(&self) -> Result<bool> {
        Ok(self.settings.method.unbiased && self.sets()? == 1)
    }

    /// Whether slices have error bars.
    pub fn has_deviation(&self) -> bool {
        self.tuning.error_bars.is_some()
    }

    /// Reconstructs one slice. `observe` sees every iteration, and may break off.
    pub fn slice(
        &self,
        slice: usize,
        observe: &mut dyn FnMut(&IterationRecord) -> ControlFlow<()>,
    ) -> Result<SliceResult> {
        let start = Instant::now();
        let Some(mut prepared) = self.prepare(slice)? else {
            return self.empty_slice(slice, start);
        };
        let preparation_seconds = start.elapsed().as_secs_f64();

        let (method, limits) = (self.settings.method, self.settings.limits());
        let problem = &prepared.problem;
        let mut tuning = self.tuning.clone();
        let mut observe = |record: &IterationRecord, _: &mut dyn Solver<f32>| observe(record);
        if self.settings.lambda == Lambda::Optimal {
            let curve = lambda_curve(&prepared, method, &tuning, limits, 1, &mut observe)?;
            let (lambda, _) = curve.and_then(|curve| curve.best()).ok_or_else(|| {
                let problem = format!("slice {slice} has no reference to find the best --lambda by");
                Error::data(
                    self.place.clone(),
                    problem,
                    "give --lambda a number, or take --method pvdamp",
                )
            })?;
            tuning.lambda = lambda;
        }
        let mut solver = (method.build)(problem, &tuning);
        let mut history = drive(solver.as_mut(), limits, &mut observe)?;
        let images = solver.image();
        let deviation = self.has_deviation().then(|| {
            let told = prepared.deviation(solver.as_mut(), &images);
            told.unwrap_or_else(|| Array2::from_elem(self.scan.grid().dim(), f32::NAN))
        });
        let energy = energy(images.iter());
        let image = prepared.image(images);
        let predicted_nmse = match &deviation {
            Some(deviation) => predicted_by_bars(deviation, &image),
            None if method.unbiased => predicted_by_evolution(&history, energy, problem.encoding.grid()),
            None => None,
        };
        let has_unbiased = self.has_unbiased()?;
        let unbiased = solver.unbiased().filter(|_| has_unbiased);
        let unbiased = unbiased.map(|images| prepared.image(images));
        let notes = solver.notes();
        drop(solver);
        if image.iter().any(|v| !v.is_finite()) {
            let problem = format!("slice {slice} gives an image that is not finite");
            let mend = "check the sampling probability, the coil maps and the noise covariance given for it";
            return Err(Error::data(self.place.clone(), problem, mend));
        }
        let scale = prepared.scale;
        let unscaled = |image: Image<f32>| image.mapv_into(|v| v / scale);
        let (image, unbiased) = (unscaled(image), unbiased.map(unscaled));
        let deviation = deviation.map(|deviation| deviation.mapv_into(|v| v / scale));
        let mut warnings = prepared.warnings();
        if deviation.as_ref().is_some_and(|d| d.iter().any(|v| v.is_nan())) {
            warnings.push("its error bars cannot be told: they are NaN".into());
        }
        let scale = f64::from(scale);
        unscale(&mut history, scale * scale);

        let blank = self.blank_record(slice, start)?;
        let mut bands = blank.bands.clone();
        if let Some(told) = history
            .iterations
            .iter()
            .map(|i| i.bands.len())
            .max()
            .filter(|&told| told > 0)
        {
            bands.truncate(told);
        }
        let lambda = method.has_lambda().then_some(tuning.lambda);
        let record = SliceRecord {
            sampling: prepared.sampling.record.clone(),
            maps: Some(prepared.maps_record.clone()),
            noise: Some(prepared.noise_record.clone()),
            coils: Some(prepared.coils_record.clone()),
            scale,
            lambda,
            predicted_nmse,
            intensity: method.has(Knob::Lambda).then(|| prepared.problem.intensity() / scale),
            bands,
            history: Some(history),
            preparation_seconds,
            notes,
            warnings,
            ..blank
        };
        Ok(SliceResult {
            magnitude: self.cropped_magnitude(&image),
            image,
            unbiased,
            deviation,
            maps: prepared.kept_maps.take(),
            record,
        })
    }

    /// Only the maps of a slice; `None` for a slice without data.
    pub fn maps(&self, slice: usize) -> Result<Option<SliceMaps>> {
        let Some(mut measured) = self.read(slice)? else {
            return Ok(None);
        };
        let channels = self.channels(slice, &mut measured)?;
        let Calibrated { maps, record, .. } = self.calibrated(slice, &channels, &measured)?;
        let warnings = warnings(&measured.sampling, &record);
        let maps = channels.of_scan(maps);
        Ok(Some(SliceMaps { maps, record, warnings }))
    }

    /// The record of a slice of which nothing is known yet.
    fn blank_record(&self, slice: usize, start: Instant) -> Result<SliceRecord> {
        let layout = Layout::new(self.scan.grid(), self.tuning.scales);
        Ok(SliceRecord {
            slice,
            version: env!("CARGO_PKG_VERSION"),
            method: self.settings.method.name,
            sampling: self.sampling.record.clone(),
            maps: None,
            noise: None,
            coils: None,
            scale: 1.0,
            lambda: None,
            intensity: None,
            predicted_nmse: None,
            bands: (0..self.sets()?).flat_map(|_| layout.band_names()).collect(),
            history: None,
            seconds: start.elapsed().as_secs_f64(),
            preparation_seconds: 0.0,
            notes: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn empty_slice(&self, slice: usize, start: Instant) -> Result<SliceResult> {
        let grid = self.scan.grid();
        let image = Image::zeros(grid.dim());
        let mut record = self.blank_record(slice, start)?;
        record.warnings.push("k-space is all zero, and so is the image".into());
        let sets = self.sets()?;
        Ok(SliceResult {
            magnitude: self.cropped_magnitude(&image),
            unbiased: self.has_unbiased()?.then(|| image.clone()),
            deviation: self.has_deviation().then(|| Array2::zeros(grid.dim())),
            image,
            maps: self
                .settings
                .keep_maps
                .then(|| Maps::zeros((sets, self.scan.coils(), grid.rows, grid.cols))),
            record,
        })
    }

    /// Magnitude, cropped as the header says.
    pub fn cropped_magnitude(&self, image: &Image<f32>) -> Array2<f32> {
        self.cropped(image.view()).mapv(|v| v.norm())
    }

    /// What is left of `(rows, cols)` where the header crops.
    pub fn cropped<'v, V>(&self, image: ArrayView2<'v, V>) -> ArrayView2<'v, V> {
        let size = self.scan.crop_size();
        let (row, col) = Grid::from(image.dim()).centred_offset(size);
        image.slice_move(s![row..row + size.rows, col..col + size.cols])
    }
}

/// The maps of a slice, and what there is to warn of.
pub struct SliceMaps {
    /// `(sets, coils, rows, cols)`.
    pub maps: Maps<f32>,
    pub record: MapsRecord,
    pub warnings: Vec<String>,
}

fn first_with_data(scan: &Scan) -> Result<Option<CoilStack<f32>>> {
    for slice in 0..scan.slices() {
        let kspace = scan.read_slice(slice)?;
        if unit_scale(&kspace).is_some() {
            return Ok(Some(kspace));
        }
    }
    Ok(None)
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

/// By the mean τ of the iteration that was kept: that of the estimate that the images, of this energy, were made of.
fn predicted_by_evolution(history: &History, energy: f64, grid: Grid) -> Option<f64> {
    let kept = history.iterations.get(history.kept.checked_sub(1)?)?;
    let coefficients = kept.bands.iter().map(|band| band.size).sum::<usize>();
    let sets = (coefficients / grid.len().max(1)).max(1);
    let ratio = kept.tau * (sets * grid.len()) as f64 / energy;
    ratio.is_finite().then_some(ratio)
}

/// Puts the state evolution into the units of the scan.
fn unscale(history: &mut History, power: f64) {
    for iteration in &mut history.iterations {
        iteration.tau /= power;
        iteration.noise = iteration.noise.map(|noise| noise / power);
        for band in &mut iteration.bands {
            band.tau /= power;
            if let Some(shrinkage) = &mut band.shrinkage {
                shrinkage.sure /= power;
                shrinkage.threshold /= power.sqrt();
            }
        }
    }
}
