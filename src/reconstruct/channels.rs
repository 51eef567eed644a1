use ndarray::{Array2, Zip};
use num_complex::Complex;

use super::noise::Noise;
use super::noise_covariance::noise_covariance;
use super::record::{CoilsRecord, NoiseRecord};
use super::sampling::Sampling;
use super::scale::unit_scale;
use super::settings::Settings;
use crate::array::{CoilStack, Grid, Maps, Mask};
use crate::coil::{self, CoilScaling, VirtualCoils};
use crate::error::{Error, Input, Result};

/// Noise variance, relative to the square of the largest sample, that no scan has.
const LOUDEST: f64 = 1e4;

/// Samples and noise in the coils of the computation: those of the scan, or virtual ones of white noise, few enough.
pub struct Channels {
    /// `(channels, rows, cols)`, in units of the k-space times [`Self::scale`]; zero where the mask samples nothing.
    pub kspace: CoilStack<f32>,
    /// The same of fully sampled k-space without the mask, where it serves as a reference; of the coils of the scan.
    pub complete: Option<CoilStack<f32>>,
    /// The centres of other images of the same slice, in the same channels and units, for the calibration of maps.
    pub other_images: Vec<CoilStack<f32>>,
    /// The power of two that brings the largest sample to between 1 and 2.
    pub scale: f32,
    /// `None` where the channels are the coils of the scan.
    pub virtual_coils: Option<VirtualCoils>,
    /// `(channels, channels)`, `E[ε εᴴ]` of one sample.
    pub covariance: Array2<Complex<f64>>,
    /// Where it comes from.
    pub noise: NoiseRecord,
    /// What became of the coils.
    pub coils: CoilsRecord,
    /// What fixes the phase of calibrated maps, see [`coil::espirit`]; `None` for what is usual for the coils of the scan.
    pub phase: Option<Vec<Complex<f64>>>,
}

impl Channels {
    /// Takes out what the mask does not sample, finds the noise, whitens and compresses the coils where `settings` want
    /// it and there is a reason. With `reference`, fully sampled k-space is kept beside what the mask leaves of it.
    /// `None` where k-space is all zero.
    ///
    /// # Errors
    /// [`Error::Data`]: shapes that do not fit, values that are not finite, and noise louder than any signal.
    pub fn of(
        mut kspace: CoilStack<f32>,
        sampling: &Sampling,
        noise: &Noise,
        settings: &Settings,
        reference: bool,
    ) -> Result<Option<Self>> {
        let (coils, rows, cols) = kspace.dim();
        sampling.check_grid(Input::Kspace, Grid::new(rows, cols))?;
        noise.check(coils)?;
        let Some(scale) = unit_scale(kspace.view())? else {
            return Ok(None);
        };
        let complete = (reference && sampling.complete_scan).then(|| kspace.clone());
        keep_sampled(&mut kspace, &sampling.mask);
        let (mut covariance, noise) = noise_covariance(noise, kspace.view(), sampling);
        kspace.mapv_inplace(|v| v * scale);
        let power = f64::from(scale) * f64::from(scale);
        covariance.mapv_inplace(|v| v * power);
        if covariance.iter().any(|v| v.norm() > LOUDEST) {
            let found = "it says that k-space is nothing but noise";
            let expected = "one in squared units of the k-space, or none to have it estimated";
            return Err(Error::data(Input::NoiseCovariance, found, expected));
        }
        let measured = kspace.dim().0;
        let centre = settings.espirit.window(sampling.centre);
        let locations = sampling.coverage.support().len();
        let virtual_coils = VirtualCoils::new(
            kspace.view(),
            centre,
            &covariance,
            locations,
            settings.whiten,
            settings.compression,
        )?;
        let mut coils = CoilsRecord {
            measured,
            used: measured,
            energy: 1.0,
            whitened: false,
        };
        let mut phase = None;
        if let Some(virtual_coils) = &virtual_coils {
            if !centre.is_empty() {
                let dominant = coil::dominant_coils(kspace.view(), centre)?;
                phase = dominant.map(|weights| virtual_coils.weights(&weights));
            }
            virtual_coils.apply(&mut kspace);
            covariance.clone_from(&virtual_coils.covariance);
            coils = CoilsRecord {
                used: virtual_coils.count(),
                energy: virtual_coils.energy,
                whitened: virtual_coils.whitened,
                ..coils
            };
        }
        Ok(Some(Self {
            kspace,
            complete,
            other_images: Vec::new(),
            scale,
            virtual_coils,
            covariance,
            noise,
            coils,
            phase,
        }))
    }

    /// With the centres of other images of the same slice, `(coils, rows, cols)` of the scan, to calibrate maps on as well.
    ///
    /// # Errors
    /// [`Error::Data`]: of other coils.
    pub fn with_other_images(mut self, images: Vec<CoilStack<f32>>) -> Result<Self> {
        for mut image in images {
            let coils = image.dim().0;
            if coils != self.coils.measured {
                let found = format!("another image of {coils} coils");
                return Err(Error::data(
                    Input::Kspace,
                    found,
                    format!("{} coils", self.coils.measured),
                ));
            }
            image.mapv_inplace(|v| v * self.scale);
            if let Some(virtual_coils) = &self.virtual_coils {
                virtual_coils.apply(&mut image);
            }
            self.other_images.push(image);
        }
        Ok(self)
    }

    /// Size of the k-space plane.
    pub fn grid(&self) -> Grid {
        let (_, rows, cols) = self.kspace.dim();
        Grid::new(rows, cols)
    }

    /// Variance of the complex noise of a sample, mean over channels.
    pub fn noise_variance(&self) -> f64 {
        let diagonal = self.covariance.diag();
        diagonal.iter().map(|v| v.re).sum::<f64>() / diagonal.len().max(1) as f64
    }

    /// Maps of the channels, `(sets, channels, rows, cols)`, as maps of the coils of the scan.
    pub fn to_scan(&self, maps: Maps<f32>) -> Maps<f32> {
        match &self.virtual_coils {
            Some(coils) => coils.expand(&maps),
            None => maps,
        }
    }

    /// Maps of the coils of the scan, as maps of the channels, and what brings images that they make into the units of the
    /// k-space; `None` where they are.
    pub(super) fn to_channels(&self, maps: Maps<f32>) -> (Maps<f32>, Option<CoilScaling>) {
        match &self.virtual_coils {
            Some(coils) => {
                let (maps, scaling) = coils.reduce(&maps);
                (maps, Some(scaling))
            }
            None => (maps, None),
        }
    }

    /// What brings images that these maps of the channels make into the units of the k-space; `None` where they are.
    pub(super) fn scaling(&self, maps: &Maps<f32>) -> Option<CoilScaling> {
        self.virtual_coils.as_ref().map(|coils| coils.scaling(maps))
    }
}

fn keep_sampled(kspace: &mut CoilStack<f32>, mask: &Mask) {
    let zero = Complex::new(0.0, 0.0);
    for mut plane in kspace.outer_iter_mut() {
        Zip::from(&mut plane)
            .and(&mask.sampled)
            .for_each(|value, &sampled| *value = if sampled { *value } else { zero });
    }
}
