use std::fmt;

use ndarray::ArrayView3;
use num_complex::Complex;

use super::MapsRecord;
use crate::array::{Grid, Maps};
use crate::coil::{self, EspiritSettings};
use crate::error::{Place, Result};
use crate::format::{MapsFile, Scan, read_maps};

/// Where coil sensitivity maps come from.
#[derive(Clone)]
pub enum MapsSource {
    /// Calibrated on the sampled centre of each slice.
    Espirit(EspiritSettings),
    File(Place),
}

impl Default for MapsSource {
    fn default() -> Self {
        Self::Espirit(EspiritSettings::default())
    }
}

impl fmt::Display for MapsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Espirit(s) => write!(
                f,
                "espirit: sets={} calibration={} kernel={} threshold={} crop={}",
                s.sets, s.calibration, s.kernel, s.singular_threshold, s.crop
            ),
            Self::File(place) => write!(f, "read from {place}"),
        }
    }
}

impl MapsSource {
    pub(super) fn open(&self, scan: &Scan) -> Result<OpenMaps> {
        Ok(match self {
            Self::Espirit(settings) => OpenMaps::Espirit(settings.clone()),
            Self::File(place) => {
                let file = read_maps(place, scan.slices(), scan.coils(), scan.grid())?;
                OpenMaps::File(place.clone(), file)
            }
        })
    }
}

/// Maps ready to be had slice by slice.
pub(super) enum OpenMaps {
    Espirit(EspiritSettings),
    File(Place, MapsFile),
}

impl OpenMaps {
    pub fn sets(&self) -> usize {
        match self {
            Self::Espirit(settings) => settings.sets,
            Self::File(_, file) => file.sets(),
        }
    }

    /// Maps `(sets, coils, rows, cols)` of one slice, whose k-space is zero where not sampled.
    pub fn slice(
        &self,
        slice: usize,
        kspace: ArrayView3<Complex<f32>>,
        centre: Grid,
    ) -> Result<(Maps<f32>, MapsRecord)> {
        match self {
            Self::Espirit(settings) => {
                let (maps, report) = coil::espirit(kspace, centre, settings)?;
                Ok((maps, MapsRecord::Estimated(report)))
            }
            Self::File(place, file) => {
                let mut maps = file.slice(slice)?;
                let normalisation = coil::normalise(&mut maps)?;
                let record = MapsRecord::Given {
                    origin: place.to_string(),
                    renormalised: normalisation.changed,
                    deviation: normalisation.deviation,
                    support: normalisation.support,
                };
                Ok((maps, record))
            }
        }
    }
}
