use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Instant;

use ndarray::{Array2, Axis, s};
use num_complex::Complex;

use super::maps::OpenMaps;
use super::noise::OpenNoise;
use super::{MapsRecord, Sampling, Settings, SliceRecord};
use crate::array::{CoilStack, Grid, Image, ImageSets, Maps, Mask};
use crate::error::{Error, Place, Result};
use crate::format::Scan;
use crate::solve::{History, IterationRecord, Problem, Tuning, drive};
use crate::wavelet::Layout;

/// Noise variance, relative to the square of the largest sample, that no scan has.
const LOUDEST: f64 = 1e4;

/// A scan being reconstructed, slice by slice.
pub struct Reconstruction<'a> {
    scan: &'a Scan,
    place: Place,
    settings: &'a Settings,
    maps: OpenMaps,
    noise: OpenNoise,
    sampling: Sampling,
    tuning: Tuning,
}

/// One slice: images in the units of the scan.
pub struct SliceResult {
    /// `(rows, cols)`, not cropped.
    pub image: Image<f32>,
    /// Truth plus noise of known variance, for methods that have it.
    pub unbiased: Option<Image<f32>>,
    /// Magnitude of the image, cropped as the header says.
    pub magnitude: Array2<f32>,
    /// `(sets, coils, rows, cols)`, where the settings keep them; zero for a slice without data.
    pub maps: Option<Maps<f32>>,
    pub record: SliceRecord,
}

impl<'a> Reconstruction<'a> {
    /// Settles what holds for all slices: mask, density, where maps come from. Reads at least one slice.
    ///
    /// `place` names the scan in errors. Errors: whatever does not fit together, before any computation.
    pub fn new(scan: &'a Scan, place: &Place, settings: &'a Settings) -> Result<Self> {
        let tuning = Tuning {
            wavelet: settings.wavelet,
            scales: settings.scales_for(scan.grid()),
            damping: settings.damping,
        };
        tuning.validate(scan.grid())?;
        if settings.limits.iterations == 0 {
            return Err(Error::setting("--iterations 0: at least one iteration is needed"));
        }
        let maps = settings.maps.open(scan, place)?;
        let sampling = match first_with_data(scan)? {
            Some(kspace) => {
                let probability = settings.probability.as_ref();
                Sampling::of_scan(scan, place, kspace.view(), &settings.sampling, probability)?
            }
            None => Sampling::of_nothing(scan.grid())?,
        };
        Ok(Self {
            scan,
            place: place.clone(),
            settings,
            maps,
            noise: settings.noise.open(scan.coils())?,
            sampling,
            tuning,
        })
    }

    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// Sets of maps, and so of images, that each slice has.
    pub fn sets(&self) -> usize {
        self.maps.sets()
    }

    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// Whether slices have an unbiased image. Of two sets of maps it would be two images, whose root sum of squares is
    /// not unbiased.
    pub fn has_unbiased(&self) -> bool {
        self.settings.method.unbiased && self.sets() == 1
    }

    /// Reconstructs one slice. `observe` sees every iteration, and may break off.
    pub fn slice(
        &self,
        slice: usize,
        observe: &mut dyn FnMut(&IterationRecord) -> ControlFlow<()>,
    ) -> Result<SliceResult> {
        let start = Instant::now();
        let Some(Measured {
            mut kspace,
            scale,
            sampling,
        }) = self.read(slice)?
        else {
            return Ok(self.empty_slice(slice, start));
        };
        let (mut covariance, noise) = self.noise.covariance(kspace.view(), &sampling.mask);
        let (maps, maps_record) = self.maps.slice(slice, kspace.view(), sampling.centre)?;

        kspace.mapv_inplace(|v| v * scale);
        let power = f64::from(scale) * f64::from(scale);
        covariance.mapv_inplace(|v| v * power);
        if covariance.iter().any(|v| v.norm() > LOUDEST) {
            let problem = format!("the noise covariance says that slice {slice} is nothing but noise");
            let mend = "give it in squared units of the k-space, or leave it out to have it estimated";
            return Err(Error::data(self.place.clone(), problem, mend));
        }
        let kept_maps = self.settings.keep_maps.then(|| maps.clone());
        let problem = Problem::new(kspace.view(), &sampling.mask, &sampling.probability, maps, covariance);
        drop(kspace);
        let preparation_seconds = start.elapsed().as_secs_f64();

        let mut solver = (self.settings.method.build)(problem, &self.tuning);
        let mut history = drive(solver.as_mut(), self.settings.limits, observe)?;
        let image = solver.image();
        let unbiased = solver.unbiased().filter(|_| self.has_unbiased());
        drop(solver);
        let unscaled = |sets: ImageSets<f32>| combine_sets(sets.mapv_into(|v| v / scale));
        let (image, unbiased) = (unscaled(image), unbiased.map(unscaled));
        unscale(&mut history, power);
        if image.iter().any(|v| !v.is_finite()) {
            let problem = format!("slice {slice} gives an image that is not finite");
            let mend = "check the sampling probability, the coil maps and the noise covariance given for it";
            return Err(Error::data(self.place.clone(), problem, mend));
        }

        let warnings = warnings(&sampling, &maps_record);
        let record = SliceRecord {
            sampling: sampling.record.clone(),
            maps: Some(maps_record),
            noise: Some(noise),
            scale: f64::from(scale),
            history: Some(history),
            preparation_seconds,
            warnings,
            ..self.blank_record(slice, start)
        };
        Ok(SliceResult {
            magnitude: self.cropped_magnitude(&image),
            image,
            unbiased,
            maps: kept_maps,
            record,
        })
    }

    /// Only the maps of a slice; `None` for a slice without data.
    pub fn maps(&self, slice: usize) -> Result<Option<SliceMaps>> {
        let Some(Measured { kspace, sampling, .. }) = self.read(slice)? else {
            return Ok(None);
        };
        let (maps, record) = self.maps.slice(slice, kspace.view(), sampling.centre)?;
        let warnings = warnings(&sampling, &record);
        Ok(Some(SliceMaps { maps, record, warnings }))
    }

    /// Reads a slice and sets to zero what its mask leaves out; `None` when it holds no data.
    fn read(&self, slice: usize) -> Result<Option<Measured<'_>>> {
        let mut kspace = self.scan.read_slice(slice)?;
        let Some(scale) = unit_scale(&kspace) else {
            return Ok(None);
        };
        let sampling = match self.sampling.of_odd_slice(kspace.view())? {
            Some(own) => Cow::Owned(own),
            None => Cow::Borrowed(&self.sampling),
        };
        keep_sampled(&mut kspace, &sampling.mask);
        Ok(Some(Measured {
            kspace,
            scale,
            sampling,
        }))
    }

    /// The record of a slice of which nothing is known yet.
    fn blank_record(&self, slice: usize, start: Instant) -> SliceRecord {
        let layout = Layout::new(self.scan.grid(), self.tuning.scales);
        SliceRecord {
            slice,
            version: env!("CARGO_PKG_VERSION"),
            method: self.settings.method.name,
            sampling: self.sampling.record.clone(),
            maps: None,
            noise: None,
            scale: 1.0,
            bands: (0..self.sets()).flat_map(|_| layout.band_names()).collect(),
            history: None,
            seconds: start.elapsed().as_secs_f64(),
            preparation_seconds: 0.0,
            warnings: Vec::new(),
        }
    }

    fn empty_slice(&self, slice: usize, start: Instant) -> SliceResult {
        let grid = self.scan.grid();
        let image = Image::zeros(grid.dim());
        let mut record = self.blank_record(slice, start);
        record.warnings.push("k-space is all zero, and so is the image".into());
        SliceResult {
            magnitude: self.cropped_magnitude(&image),
            unbiased: self.has_unbiased().then(|| image.clone()),
            image,
            maps: self
                .settings
                .keep_maps
                .then(|| Maps::zeros((self.sets(), self.scan.coils(), grid.rows, grid.cols))),
            record,
        }
    }

    /// Magnitude, cropped as the header says.
    pub fn cropped_magnitude(&self, image: &Image<f32>) -> Array2<f32> {
        let size = self.scan.crop_size();
        let (row, col) = Grid::from(image.dim()).centred_offset(size);
        let window = image.slice(s![row..row + size.rows, col..col + size.cols]);
        window.mapv(|v| v.norm())
    }
}

/// The maps of a slice, and what there is to warn of.
pub struct SliceMaps {
    /// `(sets, coils, rows, cols)`.
    pub maps: Maps<f32>,
    pub record: MapsRecord,
    pub warnings: Vec<String>,
}

/// A slice as measured: zero where its mask samples nothing.
struct Measured<'a> {
    kspace: CoilStack<f32>,
    scale: f32,
    sampling: Cow<'a, Sampling>,
}

fn warnings(sampling: &Sampling, maps: &MapsRecord) -> Vec<String> {
    let of_maps = match maps {
        MapsRecord::Estimated(report) => report.warnings.as_slice(),
        MapsRecord::Given { .. } => &[],
    };
    sampling.warnings.iter().chain(of_maps).cloned().collect()
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

/// The power of two that brings the largest sample to between 1 and 2, so that nothing else depends on the units
/// of the scan; `None` when all samples are zero.
fn unit_scale(kspace: &CoilStack<f32>) -> Option<f32> {
    let parts = kspace.iter().map(|v| v.re.abs().max(v.im.abs()));
    let largest = f64::from(parts.fold(0.0, f32::max));
    // Beyond these the scale itself would not be a normal number.
    (largest > 0.0).then(|| (-largest.log2().floor()).clamp(-126.0, 126.0).exp2() as f32)
}

fn keep_sampled(kspace: &mut CoilStack<f32>, mask: &Mask) {
    for mut plane in kspace.outer_iter_mut() {
        ndarray::Zip::from(&mut plane)
            .and(&mask.sampled)
            .for_each(|value, &sampled| {
                if !sampled {
                    *value = Complex::new(0.0, 0.0);
                }
            });
    }
}

/// One image of several sets of maps: root of the sum of squares, with the phase of the first.
fn combine_sets(sets: ImageSets<f32>) -> Image<f32> {
    if sets.dim().0 == 1 {
        return sets.index_axis_move(Axis(0), 0);
    }
    let magnitude = sets.map_axis(Axis(0), |values| {
        values.iter().map(|v| v.norm_sqr()).sum::<f32>().sqrt()
    });
    ndarray::Zip::from(sets.index_axis(Axis(0), 0))
        .and(&magnitude)
        .map_collect(|v, &m| match v.norm() {
            0.0 => Complex::new(m, 0.0),
            norm => v / norm * m,
        })
}

/// Puts the state evolution into the units of the scan.
fn unscale(history: &mut History, power: f64) {
    for iteration in &mut history.iterations {
        iteration.tau /= power;
        for band in &mut iteration.bands {
            band.tau /= power;
            band.sure /= power;
            band.threshold /= power.sqrt();
        }
    }
}
