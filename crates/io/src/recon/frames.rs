//! Coil maps of places that several slices show, as the frames of a dynamic scan: made once a place, of all its frames.
//!
//! Frames are read one at a time and added up. Those of one image are a mean; images that differ in phase, as echoes do,
//! are calibrated on side by side. Maps of a place wait in an unnamed file until the last of its frames, so that memory
//! does not grow with the number of places, and slices may come in any order.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ndarray::s;

use super::calibration::Calibration;
use super::inputs::header_limits;
use super::setup::ScanSetup;
use crate::error::{Error, Result};
use crate::format::{PlaneStore, Scan};
use pvdamp::array::{CoilStack, Grid, Maps};
use pvdamp::coil::{EspiritSettings, MapSets};
use pvdamp::reconstruct::{FrameMean, Judgement, Sampling, SharedMaps, Sourced, Stage};
use pvdamp::{Acquisition, Error as Engine, Noise, Observer, Settings};

/// Frames whose mean keeps less than this share of their energy differ too much in phase for one image.
const ALIKE: f64 = 0.9;
/// Below this they cancel each other so much that their own centres are better, however small.
const CANCEL: f64 = 0.5;
/// More images than this tell no more of the coils; of more, so many are taken at regular distances.
const MOST_IMAGES: usize = 32;

/// Maps of the places of a scan, those that are made already.
pub(super) struct PlaceMaps {
    /// Sets that the maps have.
    sets: usize,
    store: PlaneStore,
    /// One a place; a lock each, so that a place is calibrated once and the others can go on.
    places: Vec<Mutex<Kept>>,
}

/// What is known of the maps of a place.
#[derive(Default)]
enum Kept {
    #[default]
    Unknown,
    /// The place holds no data.
    Empty,
    /// All but the maps themselves, which are in the store.
    Made(Box<SharedMaps>),
}

impl PlaceMaps {
    fn create(scan: &Scan, sets: usize) -> Result<Self> {
        let places = scan.places.count();
        Ok(Self {
            sets,
            store: PlaneStore::create(scan.place(), places, sets * scan.coils(), scan.grid())?,
            places: (0..places).map(|_| Mutex::default()).collect(),
        })
    }

    /// The maps of a place, made by `make` when they are asked for first; `None` where it holds no data.
    fn get(&self, place: usize, make: impl FnOnce() -> Result<Option<SharedMaps>>) -> Result<Option<Arc<SharedMaps>>> {
        let mut kept = lock(&self.places[place]);
        match &*kept {
            Kept::Empty => return Ok(None),
            Kept::Made(made) => {
                let made = (**made).clone();
                drop(kept);
                let planes = self.store.plane(place)?;
                let (all, rows, cols) = planes.dim();
                let maps = planes
                    .into_shape_with_order((self.sets, all / self.sets, rows, cols))
                    .map_err(|e| Error::internal(format!("maps of a place have another shape ({e})")))?;
                return Ok(Some(Arc::new(SharedMaps { maps, ..made })));
            }
            Kept::Unknown => {}
        }
        let Some(made) = make()? else {
            *kept = Kept::Empty;
            return Ok(None);
        };
        let maps = made.maps.as_standard_layout();
        let values = maps.as_slice().expect("an array in standard layout");
        self.store.write([place, 0, 0, 0], values)?;
        *kept = Kept::Made(Box::new(SharedMaps {
            maps: Maps::zeros((0, 0, 0, 0)),
            report: made.report.clone(),
            ..made
        }));
        Ok(Some(Arc::new(made)))
    }
}

/// Images of a place to calibrate maps on: the mean that samples most of the centre, and the centres of the others.
struct Images {
    mean: FrameMean,
    /// The part of its centre that maps are calibrated on.
    window: Grid,
    others: Vec<CoilStack<f32>>,
    /// The least of [`FrameMean::coherence`].
    coherence: f64,
}

impl Images {
    /// Whether the centre holds windows of the kernel of maps.
    fn hold(&self, espirit: &EspiritSettings) -> bool {
        self.window.rows.min(self.window.cols) >= espirit.kernel_for(self.window) + 2
    }
}

impl ScanSetup {
    /// Whether maps are calibrated on other k-space than that of the slice, for any slice: on several frames, or on another
    /// scan.
    pub fn shares_maps(&self) -> bool {
        let (coils, slices, places) = (self.scan.coils(), self.scan.slices(), self.scan.places.count());
        self.settings.shares_maps(coils, slices, places) || self.calibration.is_some()
    }

    /// What the maps are calibrated on, where it is a scan of its own, in words.
    pub fn calibrated_on(&self) -> Option<String> {
        Some(match self.calibration.as_ref()? {
            Calibration::OfScan => format!("{} calibration lines beside the image", self.scan.calibration_lines()),
            Calibration::File { place, .. } => self.settings.name_of(place),
        })
    }

    /// Whether the maps of a slice are calibrated on other k-space than its own.
    pub(super) fn is_calibrated_elsewhere(&self, slice: usize) -> bool {
        let places = &self.scan.places;
        let several = places.frames(places.of_slice(slice)).len() > 1;
        self.shares_maps() && (several || self.calibration.is_some())
    }

    /// The maps of the place of a slice, which its frames share; `None` where they come from the slice alone, where maps are
    /// given, and where the place holds no data.
    ///
    /// # Errors
    /// Frames that cannot be read, and that no maps can be calibrated on.
    pub(super) fn shared_maps(
        &self,
        slice: usize,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Option<Arc<SharedMaps>>> {
        if !self.is_calibrated_elsewhere(slice) {
            return Ok(None);
        }
        let place = self.scan.places.of_slice(slice);
        let sets = settings.espirit.sets.count();
        let maps = {
            let mut shared = lock(&self.shared);
            match &*shared {
                Some(maps) if maps.sets == sets => maps.clone(),
                _ => shared.insert(Arc::new(PlaceMaps::create(&self.scan, sets)?)).clone(),
            }
        };
        maps.get(place, || self.calibrate(place, settings, observer))
    }

    /// What the maps of the place of a slice come to. One set is kept for its frames; two are made again, where one leaves
    /// doubt.
    pub(super) fn judge_place(&self, slice: usize, observer: &mut dyn Observer) -> Result<Judgement> {
        let mut engine = self.settings.engine.clone();
        engine.espirit.sets = MapSets::Fixed(engine.espirit.sets.count());
        let Some(one) = self.shared_maps(slice, &engine, observer)? else {
            return Ok(Judgement::default());
        };
        if self.settings.engine.espirit.sets != MapSets::Auto || !one.report.is_doubtful() {
            return Ok(Judgement {
                unexplained: one.report.unexplained,
                ..Judgement::default()
            });
        }
        drop(one);
        let place = self.scan.places.of_slice(slice);
        let settled = self.calibrate(place, &self.settings.engine, observer)?;
        Ok(settled.map_or_else(Judgement::default, |settled| Judgement {
            unexplained: settled.report.unexplained,
            second_set: settled.second_set,
        }))
    }

    /// Makes the maps of a place of several frames.
    fn calibrate(&self, place: usize, settings: &Settings, observer: &mut dyn Observer) -> Result<Option<SharedMaps>> {
        let frames = self.scan.places.frames(place);
        let images = match &self.calibration {
            Some(calibration) => self.calibration_image(calibration, frames[0], &settings.espirit)?,
            None => self.images(place, &settings.espirit, observer)?,
        };
        let Some(images) = images else {
            return Ok(None);
        };
        if images.window.is_empty() {
            let problem = format!(
                "none of the {} frames of slice {} is sampled at the centre, where coil maps come from",
                frames.len(),
                frames[0]
            );
            let mend = "this scan needs maps from a file (recon --maps)";
            return Err(Error::data(self.scan.place().clone(), problem, mend));
        }
        let noise = match &self.noise {
            Noise::Estimate => Noise::Estimate,
            Noise::Variance(variance) => Noise::Variance(variance * images.mean.relative_noise()),
            Noise::Covariance(known) => {
                let share = images.mean.relative_noise();
                Noise::Covariance(Sourced::new(known.value.mapv(|v| v * share), known.origin.clone()))
            }
        };
        let (mask, coherence) = (images.mean.mask(), images.coherence);
        let mut acquisition = Acquisition {
            other_images: images.others,
            noise,
            ..Acquisition::new(images.mean.into_mean())
        };
        let located = |error: Engine| self.locate(error, frames[0]);
        let sampling = if mask.sampled == self.sampling.mask.sampled {
            self.sampling.clone()
        } else {
            acquisition.acquired = header_limits(&self.scan);
            acquisition.mask = Some(Sourced::new(mask, "sampled by any frame"));
            Arc::new(Sampling::of(&acquisition).map_err(located)?)
        };
        let shared = SharedMaps::calibrate(acquisition, &sampling, frames.len(), settings, observer);
        let mut shared = shared.map_err(located)?;
        if let Some(shared) = &mut shared
            && coherence < CANCEL
        {
            shared.report.warnings.push(format!(
                "the frames of this place cancel each other: their mean, which coil maps come from, keeps {:.0} % of their \
                 energy; are they of one slice, and in phase?",
                100.0 * coherence
            ));
        }
        if let (Some(shared), Some(source)) = (&mut shared, self.calibrated_on()) {
            shared
                .report
                .notes
                .push(format!("coil maps were calibrated on {source}"));
        }
        Ok(shared)
    }

    /// What the maps of a slice come from, where it is a scan of its own; `None` where that holds no data.
    fn calibration_image(
        &self,
        calibration: &Calibration,
        slice: usize,
        espirit: &EspiritSettings,
    ) -> Result<Option<Images>> {
        let missing = || {
            let problem = format!("holds no calibration lines of slice {slice}");
            Error::data(
                self.scan.place().clone(),
                problem,
                "give maps, or a scan to calibrate them on",
            )
        };
        let (kspace, mask) = calibration.of_slice(&self.scan, slice)?.ok_or_else(missing)?;
        let mut mean = FrameMean::new(self.scan.coils(), self.scan.grid());
        mean.add(&kspace, &mask).map_err(|error| self.locate(error, slice))?;
        let window = espirit.window(pvdamp::sampling::sampled_centre(&mask));
        Ok(Acquisition::new(&kspace).holds_data().then_some(Images {
            mean,
            window,
            others: Vec::new(),
            coherence: 1.0,
        }))
    }

    /// What the maps of a place come from: a mean for each image. Frames that differ too much in phase are images of their
    /// own if they have a centre of their own; where no image has one, all frames are one mean if they are alike.
    fn images(&self, place: usize, espirit: &EspiritSettings, observer: &mut dyn Observer) -> Result<Option<Images>> {
        let (places, frames) = (&self.scan.places, self.scan.places.frames(place));
        let stated = places.images(place);
        let Some(images) = self.means(&stated, espirit, observer)? else {
            return Ok(None);
        };
        let coherence = images.coherence;
        if coherence < ALIKE && stated.len() < frames.len() {
            drop(images);
            let single: Vec<Vec<usize>> = frames.iter().map(|&frame| vec![frame]).collect();
            let cancel = coherence < CANCEL;
            let apart = self.means(&single, espirit, observer)?;
            let serves = |apart: &Images| apart.hold(espirit) || cancel && !apart.window.is_empty();
            return match apart.filter(serves) {
                Some(apart) => Ok(Some(apart)),
                None => self.means(&stated, espirit, observer),
            };
        }
        if !images.hold(espirit) && stated.len() > 1 {
            let window = images.window.len();
            drop(images);
            let whole = self.means(&[frames], espirit, observer)?;
            let serves = |whole: &Images| {
                let alike = whole.coherence >= ALIKE || window == 0;
                alike && whole.window.len() > window
            };
            return match whole.filter(serves) {
                Some(whole) => Ok(Some(whole)),
                None => self.means(&stated, espirit, observer),
            };
        }
        Ok(Some(images))
    }

    /// The means over groups of frames; `None` where all of them are empty.
    fn means(
        &self,
        groups: &[Vec<usize>],
        espirit: &EspiritSettings,
        observer: &mut dyn Observer,
    ) -> Result<Option<Images>> {
        let mut best: Option<Images> = None;
        let mut others = Vec::new();
        for group in evenly(groups, MOST_IMAGES) {
            let Some(mean) = self.mean(group, observer)? else {
                continue;
            };
            let window = espirit.window(pvdamp::sampling::sampled_centre(&mean.mask()));
            let coherence = mean.coherence(window);
            let mut images = Images {
                mean,
                window,
                others: Vec::new(),
                coherence,
            };
            if let Some(first) = &mut best {
                images.coherence = coherence.min(first.coherence);
                first.coherence = images.coherence;
                if window.len() > first.window.len() {
                    std::mem::swap(first, &mut images);
                }
                others.push(centre(images.mean.into_mean(), images.window));
            } else {
                best = Some(images);
            }
        }
        Ok(best.map(|mut best| {
            let whole = |image: &CoilStack<f32>| image.dim().1 >= best.window.rows && image.dim().2 >= best.window.cols;
            others.retain(whole);
            best.others = others;
            best
        }))
    }

    /// The mean over frames; `None` where all of them are empty.
    fn mean(&self, frames: &[usize], observer: &mut dyn Observer) -> Result<Option<FrameMean>> {
        let mut mean = FrameMean::new(self.scan.coils(), self.scan.grid());
        for &frame in frames {
            if observer.stage(Stage::Maps).is_break() {
                return Err(Error::Interrupted);
            }
            let kspace = self.scan.read_slice(frame)?;
            if Acquisition::new(&kspace).holds_data() {
                let sampling = self.sampling_of_slice(frame, &kspace)?;
                mean.add(&kspace, &sampling.mask)
                    .map_err(|error| self.locate(error, frame))?;
            }
        }
        Ok((mean.frames() > 0).then_some(mean))
    }
}

/// The centred `window` of k-space.
fn centre(kspace: CoilStack<f32>, window: Grid) -> CoilStack<f32> {
    let (_, rows, cols) = kspace.dim();
    let (row, col) = Grid::new(rows, cols).centred_offset(window);
    kspace
        .slice(s![.., row..row + window.rows, col..col + window.cols])
        .to_owned()
}

/// At most `most` of them, at regular distances.
fn evenly<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let taken = all.len().min(most);
    (0..taken).map(move |i| &all[i * all.len() / taken])
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_images_some_are_taken_at_regular_distances() {
        let all: Vec<usize> = (0..100).collect();
        let taken: Vec<usize> = evenly(&all, 4).copied().collect();
        assert_eq!(taken, [0, 25, 50, 75]);
        assert_eq!(evenly(&all[..3], 4).count(), 3);
        assert_eq!(evenly(&all[..0], 4).count(), 0);
    }
}
