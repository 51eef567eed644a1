//! A slice in the coils that it is reconstructed in: those of the scan, or virtual ones.

use ndarray::Array2;
use num_complex::Complex;

use super::maps::{OpenMaps, calibrate, given};
use super::prepare::Measured;
use super::{CoilsRecord, MapsRecord, NoiseRecord, Reconstruction};
use crate::error::{Error, Result};
use pvdamp::array::{CoilStack, Maps};
use pvdamp::coil::{self, EspiritSettings, MapReport, Units, VirtualCoils};

/// Noise variance, relative to the square of the largest sample, that no scan has.
const LOUDEST: f64 = 1e4;

/// k-space and noise of a slice, in units of the scan times the power of two of [`Measured::scale`].
pub(super) struct Channels {
    /// `(coils, rows, cols)`.
    pub kspace: CoilStack<f32>,
    /// `None` where the coils are those of the scan.
    pub virtual_coils: Option<VirtualCoils>,
    /// `(coils, coils)`.
    pub covariance: Array2<Complex<f64>>,
    pub noise: NoiseRecord,
    pub coils: CoilsRecord,
    /// What fixes the phase of calibrated maps; `None` for what is usual for the coils of the scan.
    phase: Option<Vec<Complex<f64>>>,
}

/// Maps of a slice.
pub(super) struct Calibrated {
    /// Of its channels, `(sets, coils, rows, cols)`.
    pub maps: Maps<f32>,
    pub record: MapsRecord,
    /// Of images of virtual coils.
    pub units: Option<Units>,
}

impl Reconstruction {
    /// Whitens and compresses the coils of a slice, where that is wanted and needed.
    pub(super) fn channels(&self, slice: usize, measured: &mut Measured) -> Result<Channels> {
        let mut kspace = std::mem::take(&mut measured.kspace);
        let (sampling, scale) = (&measured.sampling, measured.scale);
        let (mut covariance, noise) = self.noise.covariance(kspace.view(), sampling);
        kspace.mapv_inplace(|v| v * scale);
        let power = f64::from(scale) * f64::from(scale);
        covariance.mapv_inplace(|v| v * power);
        if covariance.iter().any(|v| v.norm() > LOUDEST) {
            let problem = format!("the noise covariance says that slice {slice} is nothing but noise");
            let mend = "give it in squared units of the k-space, or leave it out to have it estimated";
            return Err(Error::data(self.place.clone(), problem, mend));
        }
        let measured_coils = kspace.dim().0;
        let window = self.maps.window(sampling.centre);
        let centre = window.unwrap_or_else(|| EspiritSettings::default().window(sampling.centre));
        let (whiten, compression) = (self.settings.whiten, self.settings.compression);
        let locations = sampling.coverage.support().len();
        let virtual_coils = VirtualCoils::new(kspace.view(), centre, &covariance, locations, whiten, compression)?;
        let mut coils = CoilsRecord {
            measured: measured_coils,
            used: measured_coils,
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
        Ok(Channels {
            kspace,
            virtual_coils,
            covariance,
            noise,
            coils,
            phase,
        })
    }

    /// Maps of the channels of a slice.
    pub(super) fn calibrated(&self, slice: usize, channels: &Channels, measured: &Measured) -> Result<Calibrated> {
        let virtual_coils = channels.virtual_coils.as_ref();
        match &self.maps {
            OpenMaps::Espirit(settings, _) => {
                let sets = self.sets()?;
                let (maps, report) = match self.sets.kept(slice, sets) {
                    Some(kept) => kept,
                    None => {
                        let settings = EspiritSettings {
                            sets,
                            ..settings.clone()
                        };
                        self.espirit(slice, channels, measured, &settings)?
                    }
                };
                Ok(Calibrated {
                    units: virtual_coils.map(|coils| coils.units(&maps)),
                    record: MapsRecord::Estimated(report),
                    maps,
                })
            }
            OpenMaps::File(place, file) => {
                let (maps, record) = given(place, file, slice)?;
                let (maps, units) = match virtual_coils {
                    Some(coils) => {
                        let (maps, units) = coils.reduce(&maps);
                        (maps, Some(units))
                    }
                    None => (maps, None),
                };
                Ok(Calibrated { maps, record, units })
            }
        }
    }

    /// Calibrates maps on the channels of a slice.
    pub(super) fn espirit(
        &self,
        slice: usize,
        channels: &Channels,
        measured: &Measured,
        settings: &EspiritSettings,
    ) -> Result<(Maps<f32>, MapReport)> {
        let centre = measured.sampling.centre;
        let phase = channels.phase.as_deref();
        calibrate((&self.place, slice), channels.kspace.view(), centre, settings, phase)
    }
}

impl Channels {
    /// Maps of the channels as maps of the coils of the scan.
    pub fn of_scan(&self, maps: Maps<f32>) -> Maps<f32> {
        match &self.virtual_coils {
            Some(coils) => coils.expand(&maps),
            None => maps,
        }
    }
}
