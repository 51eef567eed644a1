use std::borrow::Cow;

use num_complex::Complex;

use super::{MapsRecord, NoiseRecord, Reconstruction, Sampling};
use crate::array::{CoilStack, Maps, Mask};
use crate::error::{Error, Result};
use crate::solve::Problem;

/// Noise variance, relative to the square of the largest sample, that no scan has.
const LOUDEST: f64 = 1e4;

/// A slice ready for a solver.
pub struct Prepared<'a> {
    /// In units of the scan times `scale`.
    pub problem: Problem<f32>,
    pub scale: f32,
    pub sampling: Cow<'a, Sampling>,
    pub maps_record: MapsRecord,
    pub noise_record: NoiseRecord,
    /// Where the settings keep them.
    pub(super) kept_maps: Option<Maps<f32>>,
}

impl Prepared<'_> {
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

impl Reconstruction<'_> {
    /// Whether any sample of a slice is not zero.
    pub fn holds_data(&self, slice: usize) -> Result<bool> {
        Ok(unit_scale(&self.scan.read_slice(slice)?).is_some())
    }

    /// Poses the problem of one slice; `None` when it holds no data.
    pub fn prepare(&self, slice: usize) -> Result<Option<Prepared<'_>>> {
        let Some(Measured {
            mut kspace,
            scale,
            sampling,
            complete,
        }) = self.read(slice)?
        else {
            return Ok(None);
        };
        let (mut covariance, noise_record) = self.noise.covariance(kspace.view(), &sampling.mask);
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
        let mut problem = Problem::new(
            kspace.view(),
            &sampling.known(),
            &sampling.probability,
            maps,
            covariance,
        );
        drop(kspace);
        if let Some(complete) = complete {
            problem = problem.with_reference(complete.mapv_into(|v| v * scale).view());
        }
        Ok(Some(Prepared {
            problem,
            scale,
            sampling,
            maps_record,
            noise_record,
            kept_maps,
        }))
    }

    /// Reads a slice and sets to zero what its mask leaves out; `None` when it holds no data.
    pub(super) fn read(&self, slice: usize) -> Result<Option<Measured<'_>>> {
        let mut kspace = self.scan.read_slice(slice)?;
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
    let of_maps = match maps {
        MapsRecord::Estimated(report) => report.warnings.as_slice(),
        MapsRecord::Given { .. } => &[],
    };
    sampling.warnings.iter().chain(of_maps).cloned().collect()
}

/// The power of two that brings the largest sample to between 1 and 2, so that nothing else depends on the units
/// of the scan; `None` when all samples are zero.
pub(super) fn unit_scale(kspace: &CoilStack<f32>) -> Option<f32> {
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
