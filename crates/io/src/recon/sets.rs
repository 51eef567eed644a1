//! How many sets of maps a scan needs.

use std::sync::{Mutex, OnceLock};

use super::maps::OpenMaps;
use super::prepare::Measured;
use super::{CoilsRecord, NoiseRecord, Reconstruction};
use crate::error::Result;
use pvdamp::array::Maps;
use pvdamp::coil::{EspiritSettings, MapReport};

/// What was judged, once, and the maps that were made on the way.
#[derive(Default)]
pub(super) struct JudgedSets {
    judged: OnceLock<Judgement>,
    /// One set of maps of this slice.
    kept: Mutex<Option<(usize, Maps<f32>, MapReport)>>,
}

struct Judgement {
    sets: usize,
    why: Option<String>,
    /// Of the first slice that was judged.
    outlook: Option<(CoilsRecord, NoiseRecord)>,
}

impl JudgedSets {
    /// The maps of a slice that judging made, handed out once.
    pub fn kept(&self, slice: usize, sets: usize) -> Option<(Maps<f32>, MapReport)> {
        let mut kept = self.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match kept.take() {
            Some((of, maps, report)) if of == slice && sets == 1 => Some((maps, report)),
            other => {
                *kept = other;
                None
            }
        }
    }
}

impl Reconstruction {
    /// Sets of maps, and so of images, that each slice has. Where they have to be judged, the first call does it, on
    /// the slices in the middle, at a quarter and at three quarters of the scan, or the nearest that hold data: two if
    /// on any of them one is not enough.
    ///
    /// Errors: slices that cannot be read, or maps that cannot be calibrated on them.
    pub fn sets(&self) -> Result<usize> {
        Ok(self.judgement()?.sets)
    }

    /// Why there are two sets of maps, where that was judged.
    pub fn why_two_sets(&self) -> Result<Option<&str>> {
        Ok(self.judgement()?.why.as_deref())
    }

    /// What becomes of the coils of the slice in the middle, or the nearest that holds data, and their noise; `None` of
    /// a scan without data.
    pub fn outlook(&self) -> Result<Option<(CoilsRecord, NoiseRecord)>> {
        if let Some(seen) = self.sets.judged.get().and_then(|judged| judged.outlook.clone()) {
            return Ok(Some(seen));
        }
        let Some(first) = self.judged_slices().next() else {
            return Ok(None);
        };
        let (slice, mut measured) = first?;
        let channels = self.channels(slice, &mut measured)?;
        Ok(Some((channels.coils, channels.noise)))
    }

    fn judgement(&self) -> Result<&Judgement> {
        if let Some(judged) = self.sets.judged.get() {
            return Ok(judged);
        }
        let judged = match (&self.maps, self.maps.sets()) {
            (OpenMaps::Espirit(settings, _), None) => self.judge(settings)?,
            (_, sets) => Judgement {
                sets: sets.unwrap_or(1),
                why: None,
                outlook: None,
            },
        };
        Ok(self.sets.judged.get_or_init(|| judged))
    }

    fn judge(&self, settings: &EspiritSettings) -> Result<Judgement> {
        let settings = EspiritSettings {
            sets: 1,
            ..settings.clone()
        };
        let (mut kept, mut outlook) = (None, None);
        for judged in self.judged_slices() {
            let (slice, mut measured) = judged?;
            let channels = self.channels(slice, &mut measured)?;
            let (maps, report) = self.espirit(slice, &channels, &measured, &settings)?;
            outlook.get_or_insert((channels.coils, channels.noise));
            if report.is_folded() {
                let why = format!(
                    "2 sets of coil maps: on {:.0} % of the object in slice {slice} one is not enough, as where it is \
                     larger than the field of view",
                    100.0 * report.folded
                );
                return Ok(Judgement {
                    sets: 2,
                    why: Some(why),
                    outlook,
                });
            }
            kept.get_or_insert((slice, maps, report));
        }
        *self.sets.kept.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = kept;
        Ok(Judgement {
            sets: 1,
            why: None,
            outlook,
        })
    }

    /// The slices that are judged, each read as it is asked for: the middle first; none in a scan without data.
    fn judged_slices(&self) -> impl Iterator<Item = Result<(usize, Measured<'_>)>> {
        let slices = self.scan.slices();
        let places = [slices / 2, slices / 4, slices * 3 / 4];
        let mut chosen = Vec::new();
        let places = places.into_iter().filter(|_| !self.empty);
        places.filter_map(move |place| self.nearest(place, &mut chosen).transpose())
    }

    /// The slice nearest to `place` that holds data, unless it is one of those `chosen` before.
    fn nearest(&self, place: usize, chosen: &mut Vec<usize>) -> Result<Option<(usize, Measured<'_>)>> {
        let mut near: Vec<usize> = (0..self.scan.slices()).collect();
        near.sort_by_key(|slice| slice.abs_diff(place));
        for slice in near {
            if chosen.contains(&slice) {
                break;
            }
            if let Some(measured) = self.read(slice)? {
                chosen.push(slice);
                return Ok(Some((slice, measured)));
            }
        }
        Ok(None)
    }
}
