use std::fmt;

use ndarray::ArrayView3;
use num_complex::Complex;

use super::MapsRecord;
use crate::array::{Grid, Maps};
use crate::coil::{self, EspiritSettings};
use crate::error::{Error, Place, Result};
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
    /// `place` names the scan in errors.
    pub(super) fn open(&self, scan: &Scan, place: &Place) -> Result<OpenMaps> {
        Ok(match self {
            Self::Espirit(settings) => OpenMaps::Espirit(place.clone(), settings.clone()),
            Self::File(place) => {
                let file = read_maps(place, scan.slices(), scan.coils(), scan.grid())?;
                OpenMaps::File(place.clone(), file)
            }
        })
    }
}

/// Maps ready to be had slice by slice.
pub(super) enum OpenMaps {
    /// On the k-space at this place.
    Espirit(Place, EspiritSettings),
    File(Place, MapsFile),
}

impl OpenMaps {
    pub fn sets(&self) -> usize {
        match self {
            Self::Espirit(_, settings) => settings.sets,
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
            Self::Espirit(place, settings) => {
                if centre.is_empty() && kspace.dim().0 > 1 {
                    let problem = format!("slice {slice} is not sampled at the centre, where coil maps come from");
                    return Err(Error::data(place.clone(), problem, "give maps with --maps"));
                }
                let (maps, report) = coil::espirit(kspace, centre, settings)?;
                Ok((maps, MapsRecord::Estimated(report)))
            }
            Self::File(place, file) => {
                let mut maps = file.slice(slice)?;
                // what was read is finite: only maps of zeros are left to refuse
                let normalisation = coil::normalise(&mut maps).map_err(|_| {
                    let problem = format!("the maps of slice {slice} are zero everywhere");
                    Error::data(place.clone(), problem, "mend them or leave --maps out")
                })?;
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
