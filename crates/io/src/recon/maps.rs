use std::fmt;

use ndarray::ArrayView3;
use num_complex::Complex;

use super::MapsRecord;
use crate::error::{Error, Place, Result};
use crate::format::{MapsFile, Scan, read_maps};
use pvdamp::array::{Grid, Maps};
use pvdamp::coil::{self, EspiritSettings, MapReport};

/// Where coil sensitivity maps come from.
#[derive(Clone)]
pub enum MapsSource {
    /// Calibrated on the sampled centre of each slice.
    Espirit(EspiritSettings, MapSets),
    File(Place),
}

/// How many sets of maps are calibrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapSets {
    /// Two where one is not enough, judged on up to three slices of the scan: one number for all of them.
    #[default]
    Auto,
    Fixed(usize),
}

impl fmt::Display for MapSets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(sets) => write!(f, "{sets}"),
        }
    }
}

impl Default for MapsSource {
    fn default() -> Self {
        Self::Espirit(EspiritSettings::default(), MapSets::default())
    }
}

impl fmt::Display for MapsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Espirit(s, sets) => write!(
                f,
                "espirit: sets={sets} calibration={} kernel={} threshold={} crop={}",
                s.calibration, s.kernel, s.singular_threshold, s.crop
            ),
            Self::File(place) => write!(f, "read from {place}"),
        }
    }
}

impl MapsSource {
    pub(super) fn open(&self, scan: &Scan) -> Result<OpenMaps> {
        Ok(match self {
            Self::Espirit(settings, sets) => OpenMaps::Espirit(settings.clone(), *sets),
            Self::File(place) => {
                let file = read_maps(place, scan.slices(), scan.coils(), scan.grid())?;
                OpenMaps::File(place.clone(), Box::new(file))
            }
        })
    }
}

/// Maps ready to be had slice by slice.
pub(super) enum OpenMaps {
    Espirit(EspiritSettings, MapSets),
    File(Place, Box<MapsFile>),
}

impl OpenMaps {
    /// How many sets there are, unless that has to be judged.
    pub fn sets(&self) -> Option<usize> {
        match self {
            Self::Espirit(_, MapSets::Auto) => None,
            Self::Espirit(_, MapSets::Fixed(sets)) => Some(*sets),
            Self::File(_, file) => Some(file.sets()),
        }
    }

    /// The side of k-space that maps are calibrated on; `None` of maps from a file.
    pub fn window(&self, centre: Grid) -> Option<Grid> {
        match self {
            Self::Espirit(settings, _) => Some(settings.window(centre)),
            Self::File(..) => None,
        }
    }
}

/// Calibrates `sets` sets of maps `(sets, coils, rows, cols)` on one slice, whose k-space is zero where not sampled.
/// `place` names the scan in errors; `phase` is as of [`coil::espirit`].
pub(super) fn calibrate(
    (place, slice): (&Place, usize),
    kspace: ArrayView3<Complex<f32>>,
    centre: Grid,
    settings: &EspiritSettings,
    phase: Option<&[Complex<f64>]>,
) -> Result<(Maps<f32>, MapReport)> {
    if centre.is_empty() && kspace.dim().0 > 1 {
        let problem = format!("slice {slice} is not sampled at the centre, where coil maps come from");
        let mend = "this slice needs maps from a file (recon --maps)";
        return Err(Error::data(place.clone(), problem, mend));
    }
    Ok(coil::espirit(kspace, centre, settings, phase)?)
}

/// Reads the maps of a slice from a file, `(sets, coils, rows, cols)` of the coils of the scan.
pub(super) fn given(place: &Place, file: &MapsFile, slice: usize) -> Result<(Maps<f32>, MapsRecord)> {
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
