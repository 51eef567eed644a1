use std::borrow::Cow;
use std::sync::Mutex;

use ndarray::Array2;
use num_complex::Complex;

use super::coils::{Calibrated, Channels};
use super::combine::{combine_sets, combined_deviation};
use super::{CoilsRecord, MapsRecord, NoiseRecord, Reconstruction, Sampling};
use crate::error::Result;
use crate::format::Scan;
use pvdamp::array::{CoilStack, Image, ImageSets, LANES, Maps, Mask, vectorised};
use pvdamp::coil::Units;
use pvdamp::operator::gather;
use pvdamp::solve::{Problem, Solver};

/// A slice ready for a solver.
pub struct Prepared<'a> {
    /// In units of the scan times `scale`, and of virtual coils where the slice has them: [`Self::image`] brings its
    /// images into those of the scan.
    pub problem: Problem<f32>,
    pub scale: f32,
    pub sampling: Cow<'a, Sampling>,
    pub maps_record: MapsRecord,
    pub noise_record: NoiseRecord,
    pub coils_record: CoilsRecord,
    /// Where the settings keep them.
    pub(super) kept_maps: Option<Maps<f32>>,
    units: Option<Units>,
}

impl Prepared<'_> {
    /// One image of those of a solver, in units of the scan times `scale`.
    pub fn image(&self, images: ImageSets<f32>) -> Image<f32> {
        combine_sets(images, self.units.as_ref())
    }

    /// The image of the fully sampled k-space, where there is one, in the same units.
    pub fn reference(&self) -> Option<Image<f32>> {
        self.problem.reference.clone().map(|images| self.image(images))
    }

    /// Error bars of [`Self::image`] of `images`, those of `solver`, `(rows, cols)`; `None` where they cannot be told.
    pub fn deviation(&self, solver: &mut dyn Solver<f32>, images: &ImageSets<f32>) -> Option<Array2<f32>> {
        combined_deviation(solver, images, self.units.as_ref())
    }

    pub fn warnings(&self) -> Vec<String> {
        warnings(&self.sampling, &self.maps_record)
    }
}

/// A slice as measured: zero where its mask samples nothing.
pub(super) struct Measured<'a> {
    pub kspace: CoilStack<f32>,
    pub scale: f32,
    pub sampling: Cow<'a, Sampling>,
    /// All that the scan holds, where that is complete and the settings want it.
    pub complete: Option<CoilStack<f32>>,
}

impl Reconstruction {
    /// Whether any sample of a slice is not zero.
    pub fn holds_data(&self, slice: usize) -> Result<bool> {
        Ok(unit_scale(&self.scan.read_slice(slice)?).is_some())
    }

    /// Poses the problem of one slice; `None` when it holds no data.
    pub fn prepare(&self, slice: usize) -> Result<Option<Prepared<'_>>> {
        let Some(mut measured) = self.read(slice)? else {
            return Ok(None);
        };
        let mut channels = self.channels(slice, &mut measured)?;
        let Calibrated { maps, record, units } = self.calibrated(slice, &channels, &measured)?;
        let Measured {
            scale,
            sampling,
            complete,
            ..
        } = measured;
        let kept_maps = self.settings.keep_maps.then(|| channels.of_scan(maps.clone()));
        let mask = sampling.known();
        // Not both k-space and what the problem makes of the maps.
        let data = gather(std::mem::take(&mut channels.kspace).view(), &mask);
        let Channels {
            covariance,
            virtual_coils,
            noise,
            coils,
            ..
        } = channels;
        let mut problem = Problem::of_samples(data, &mask, &sampling.probability, maps, covariance);
        if let Some(complete) = complete {
            let mut complete = complete.mapv_into(|v| v * scale);
            if let Some(virtual_coils) = &virtual_coils {
                virtual_coils.apply(&mut complete);
            }
            problem = problem.with_reference(complete.view());
        }
        Ok(Some(Prepared {
            problem,
            scale,
            sampling,
            maps_record: record,
            noise_record: noise,
            coils_record: coils,
            kept_maps,
            units,
        }))
    }

    /// Reads a slice and sets to zero what its mask leaves out; `None` when it holds no data.
    pub(super) fn read(&self, slice: usize) -> Result<Option<Measured<'_>>> {
        let mut kspace = match self.only.take(slice) {
            Some(kspace) => kspace,
            None => self.scan.read_slice(slice)?,
        };
        let Some(scale) = unit_scale(&kspace) else {
            return Ok(None);
        };
        let sampling = match self.sampling.of_odd_slice(kspace.view())? {
            Some(mut own) => {
                // One that only lost samples has the scan's warnings already.
                if !self.sampling.samples_lines() {
                    own.warn_of_lines(self.settings.method);
                }
                Cow::Owned(own)
            }
            None => Cow::Borrowed(&self.sampling),
        };
        let wanted = self.settings.reference && sampling.complete_scan;
        let complete = wanted.then(|| kspace.clone());
        keep_sampled(&mut kspace, &sampling.mask);
        Ok(Some(Measured {
            kspace,
            scale,
            sampling,
            complete,
        }))
    }
}

pub(super) fn warnings(sampling: &Sampling, maps: &MapsRecord) -> Vec<String> {
    let mut warnings = sampling.warnings.clone();
    if let MapsRecord::Estimated(report) = maps {
        warnings.extend_from_slice(&report.warnings);
    }
    warnings
}

/// The power of two that brings the largest sample to between 1 and 2, so that nothing else depends on the units
/// of the scan; `None` when all samples are zero.
pub(super) fn unit_scale(kspace: &CoilStack<f32>) -> Option<f32> {
    let largest = f64::from(largest_part(kspace));
    // Beyond these the scale itself would not be a normal number.
    (largest > 0.0).then(|| (-largest.log2().floor()).clamp(-126.0, 126.0).exp2() as f32)
}

/// The largest real or imaginary part, in magnitude.
fn largest_part(kspace: &CoilStack<f32>) -> f32 {
    // Each on its own, so that none waits for another.
    let mut largest = [0.0f32; LANES];
    for line in kspace.rows() {
        let line = line.as_standard_layout();
        let line = line.as_slice().expect("standard layout");
        vectorised(
            #[inline(always)]
            || {
                for values in line.chunks(largest.len()) {
                    for (largest, v) in largest.iter_mut().zip(values) {
                        *largest = largest.max(v.re.abs().max(v.im.abs()));
                    }
                }
            },
        );
    }
    largest.into_iter().fold(0.0, f32::max)
}

fn keep_sampled(kspace: &mut CoilStack<f32>, mask: &Mask) {
    let zero = Complex::new(0.0, 0.0);
    for mut plane in kspace.outer_iter_mut() {
        ndarray::Zip::from(&mut plane)
            .and(&mask.sampled)
            .for_each(|value, &sampled| *value = if sampled { *value } else { zero });
    }
}

/// k-space of the only slice of a scan: what was read to learn where it was sampled is kept until the slice is asked
/// for. Where there are more slices, they are read as they are needed, and nothing is kept beside them.
pub(super) struct OnlySlice(Mutex<Option<CoilStack<f32>>>);

impl OnlySlice {
    pub fn new(scan: &Scan, kspace: Option<CoilStack<f32>>) -> Self {
        Self(Mutex::new(kspace.filter(|_| scan.slices() == 1)))
    }

    /// Handed out once.
    fn take(&self, slice: usize) -> Option<CoilStack<f32>> {
        let mut kept = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.take_if(|_| slice == 0)
    }
}
