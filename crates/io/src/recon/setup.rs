//! What holds for all slices of a scan, settled before the first is reconstructed.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::frames::PlaceMaps;
use super::inputs::{Places, maps_of, maps_of_slice, noise_of, sampling_of};
use super::{MapsSource, ScanSettings, Workload};
use crate::error::{Error, Result};
use crate::format::{MapsFile, Scan};
use pvdamp::array::CoilStack;
use pvdamp::coil::MapSets;
use pvdamp::reconstruct::{Channels, CoilMaps, CoilsRecord, MapsRecord, NoiseRecord, Prepared, Sampling};
use pvdamp::solve::Lambda;
use pvdamp::{Acquisition, Noise, Observer, Settings};

/// A scan whose sampling is known, with the files that go with it open.
pub struct ScanSetup {
    pub(super) scan: Arc<Scan>,
    pub(super) settings: ScanSettings,
    places: Places,
    pub(super) maps: Option<MapsFile>,
    pub(super) noise: Noise,
    pub(super) sampling: Arc<Sampling>,
    /// Maps that frames share, as far as they are made.
    pub(super) shared: Mutex<Option<Arc<PlaceMaps>>>,
    /// Whether no slice holds data.
    empty: bool,
    /// What has been done of the only slice of a scan already. It is taken once, so that it is not in memory beside what
    /// follows.
    ahead: Option<Ahead>,
}

/// The only slice of a scan, as far as it is done.
pub(super) enum Ahead {
    /// To learn where it was sampled.
    Read(CoilStack<f32>),
    /// To decide on its sets of maps.
    Prepared(Box<Prepared>),
}

/// How many sets of coil sensitivity maps, and so of images, each slice of a scan has: one number, since it decides the
/// shape of what is written.
#[derive(Clone, Debug)]
pub struct MapSetsDecision {
    /// Number of sets.
    pub sets: usize,
    /// Why there are two, where that was judged.
    pub why: Option<String>,
    /// What becomes of the coils, and their noise, of the first slice that was judged.
    pub coils: Option<(CoilsRecord, NoiseRecord)>,
}

impl ScanSetup {
    /// Reads the mask, the files beside the scan, and the first slice that holds data.
    ///
    /// # Errors
    /// Whatever does not fit together, before any computation.
    pub fn new(scan: &Arc<Scan>, settings: &ScanSettings) -> Result<Self> {
        settings.validate(scan.grid())?;
        let places = Places::of(scan, settings);
        let maps = maps_of(scan, &settings.maps)?;
        let first = first_with_data(scan)?;
        let sampling = match &first {
            Some(kspace) => sampling_of(scan, kspace.view(), settings, &places)?,
            None => Sampling::of_nothing(scan.grid()),
        };
        if settings.engine.tuning.lambda == Lambda::Optimal && !sampling.complete_scan {
            return Err(Error::data(
                scan.place().clone(),
                "is undersampled, so that there is no reference to find the optimal regularisation weight by",
                "give the weight as a number, or take the method pvdamp",
            ));
        }
        Ok(Self {
            scan: scan.clone(),
            settings: settings.clone(),
            maps,
            noise: noise_of(scan, &settings.noise)?,
            places,
            sampling: Arc::new(sampling),
            shared: Mutex::default(),
            empty: first.is_none(),
            ahead: first.filter(|_| scan.slices() == 1).map(Ahead::Read),
        })
    }

    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    pub fn settings(&self) -> &ScanSettings {
        &self.settings
    }

    /// That of the scan; a slice that holds data at other locations has its own.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// What looks odd about the sampling, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        self.sampling.warnings_for(self.settings.engine.method)
    }

    /// Iterations at most, without what error bars take.
    pub fn iterations(&self) -> usize {
        self.settings.engine.limits(&self.sampling).iterations
    }

    /// Whether any sample of a slice is not zero.
    pub fn holds_data(&self, slice: usize) -> Result<bool> {
        Ok(holds_data(&self.scan.read_slice(slice)?))
    }

    /// What the memory of its slices depends on, with so many sets of maps.
    pub fn workload(&self, sets: usize) -> Workload {
        let grid = self.scan.grid();
        Workload {
            sets,
            sampled: self.sampling.known().count() as f64 / grid.len() as f64,
            shared: self.shares_maps(),
            ..Workload::planned(grid, self.scan.coils(), &self.settings)
        }
    }

    /// Decides how many sets of maps the slices have. Where that has to be judged, maps are calibrated on the slices in the
    /// middle, at a quarter and at three quarters of the scan, or the nearest that hold data: two sets if on any of them one
    /// is not enough. The only slice of a scan is prepared for it, and stays so.
    ///
    /// # Errors
    /// Slices that cannot be read, or maps that cannot be calibrated on them.
    pub fn decide_map_sets(&mut self) -> Result<MapSetsDecision> {
        let settled = |sets| MapSetsDecision {
            sets,
            why: None,
            coils: None,
        };
        match (&self.maps, self.settings.engine.espirit.sets) {
            (Some(file), _) => Ok(settled(file.sets())),
            (None, MapSets::Fixed(sets)) => Ok(settled(sets)),
            (None, MapSets::Auto) if self.empty => Ok(settled(1)),
            (None, MapSets::Auto) if self.scan.slices() == 1 => self.decide_by_only_slice(),
            (None, MapSets::Auto) => self.judge(),
        }
    }

    fn decide_by_only_slice(&mut self) -> Result<MapSetsDecision> {
        let kspace = match self.ahead.take() {
            Some(Ahead::Read(kspace)) => Some(kspace),
            _ => None,
        };
        let prepared = self.prepare(0, kspace, &self.settings.engine, &mut ())?;
        let decision = MapSetsDecision {
            sets: prepared.as_ref().map_or(1, Prepared::sets),
            why: prepared.as_ref().and_then(|p| Some(why_two_sets(0, p.folded?))),
            coils: prepared
                .as_ref()
                .map(|p| (p.coils_record.clone(), p.noise_record.clone())),
        };
        self.ahead = prepared.map(|prepared| Ahead::Prepared(Box::new(prepared)));
        Ok(decision)
    }

    fn judge(&self) -> Result<MapSetsDecision> {
        let mut decision = MapSetsDecision {
            sets: 1,
            why: None,
            coils: None,
        };
        let mut one_set = self.settings.engine.clone();
        one_set.espirit.sets = MapSets::Fixed(1);
        for judged in self.judged_slices() {
            let (slice, kspace) = judged?;
            let (channels, sampling) = self.channels(slice, kspace)?;
            let coils = (channels.coils.clone(), channels.noise.clone());
            let record = if self.is_one_of_several(slice) {
                // Not both this frame and those that are added up.
                drop(channels);
                let shared = self.shared_maps(slice, &one_set)?;
                shared.map(|shared| MapsRecord::shared(&shared))
            } else {
                let maps = CoilMaps::calibrate(&channels, &sampling, &one_set.espirit);
                Some(maps.map_err(|error| self.locate(error, slice))?.record)
            };
            decision.coils.get_or_insert(coils);
            if let Some(report) = record.as_ref().and_then(MapsRecord::report)
                && report.is_folded()
            {
                decision.sets = 2;
                decision.why = Some(why_two_sets(slice, report.folded));
                break;
            }
        }
        Ok(decision)
    }

    /// What becomes of the coils of the slice in the middle, or the nearest that holds data, and their noise: reads it.
    /// `None` of a scan without data.
    ///
    /// # Errors
    /// A slice that cannot be read.
    pub fn measure_coils(&self) -> Result<Option<(CoilsRecord, NoiseRecord)>> {
        let Some(first) = self.judged_slices().next() else {
            return Ok(None);
        };
        let (slice, kspace) = first?;
        let (channels, _) = self.channels(slice, kspace)?;
        Ok(Some((channels.coils, channels.noise)))
    }

    /// Poses the problem of a slice, of `kspace` where that was read before; `None` where it holds no data.
    pub(super) fn prepare(
        &self,
        slice: usize,
        kspace: Option<CoilStack<f32>>,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Option<Prepared>> {
        let start = Instant::now();
        let shared_maps = self.shared_maps(slice, settings)?;
        let kspace = kspace.map_or_else(|| self.scan.read_slice(slice), Ok)?;
        if !holds_data(&kspace) {
            return Ok(None);
        }
        let sampling = self.sampling_of_slice(slice, &kspace)?;
        let maps = match (&self.maps, &self.settings.maps) {
            (Some(file), MapsSource::File(place)) => Some(maps_of_slice(file, place, &self.scan, slice)?),
            _ => None,
        };
        let acquisition = Acquisition {
            maps,
            shared_maps,
            noise: self.noise.clone(),
            ..Acquisition::new(kspace)
        };
        let reading = start.elapsed();
        let prepared = acquisition
            .prepare_sampled(sampling, settings, self.settings.wants_reference(), observer)
            .map_err(|error| self.locate(error, slice))?;
        Ok(prepared.map(|mut prepared| {
            prepared.preparation += reading;
            prepared
        }))
    }

    /// An error of the engine about a slice.
    pub(super) fn locate(&self, error: pvdamp::Error, slice: usize) -> Error {
        self.places.locate(error, Some(slice))
    }

    pub(super) fn sampling_of_slice(&self, slice: usize, kspace: &CoilStack<f32>) -> Result<Arc<Sampling>> {
        // Frames of a place sample other locations as a rule.
        let own = if self.scan.places.are_shared() {
            self.sampling.of_other_frame(kspace.view())
        } else {
            self.sampling.of_other_slice(kspace.view())
        };
        let own = own.map_err(|error| self.locate(error, slice))?;
        Ok(own.map_or_else(|| self.sampling.clone(), Arc::new))
    }

    /// The channels of a slice that holds data.
    fn channels(&self, slice: usize, kspace: CoilStack<f32>) -> Result<(Channels, Arc<Sampling>)> {
        let sampling = self.sampling_of_slice(slice, &kspace)?;
        let channels = Channels::of(kspace, &sampling, &self.noise, &self.settings.engine, false);
        let channels = channels.map_err(|error| self.locate(error, slice))?;
        let channels = channels.ok_or_else(|| Error::internal(format!("slice {slice} lost its data")))?;
        Ok((channels, sampling))
    }

    /// The slices that are judged, each read as it is asked for: the middle first; none in a scan without data. Of places
    /// that several slices show, the first slice each.
    fn judged_slices(&self) -> impl Iterator<Item = Result<(usize, CoilStack<f32>)>> {
        let places = self.scan.places.count();
        let positions = [places / 2, places / 4, places * 3 / 4];
        let positions = positions.map(|place| self.scan.places.frames(place)[0]);
        let mut chosen = Vec::new();
        let positions = positions.into_iter().filter(|_| !self.empty);
        positions.filter_map(move |position| self.nearest(position, &mut chosen).transpose())
    }

    /// The slice nearest to `position` that holds data, unless it is one of those `chosen` before.
    fn nearest(&self, position: usize, chosen: &mut Vec<usize>) -> Result<Option<(usize, CoilStack<f32>)>> {
        let mut near: Vec<usize> = (0..self.scan.slices()).collect();
        near.sort_by_key(|slice| slice.abs_diff(position));
        for slice in near {
            if chosen.contains(&slice) {
                break;
            }
            let kspace = match &self.ahead {
                Some(Ahead::Read(only)) => only.clone(),
                _ => self.scan.read_slice(slice)?,
            };
            if holds_data(&kspace) {
                chosen.push(slice);
                return Ok(Some((slice, kspace)));
            }
        }
        Ok(None)
    }

    /// What has been done of the only slice, handed over for slices of so many sets of maps.
    pub(super) fn take_ahead(&mut self, sets: usize) -> Option<Ahead> {
        let fits = |ahead: &Ahead| match ahead {
            Ahead::Read(_) => true,
            Ahead::Prepared(prepared) => prepared.sets() == sets,
        };
        self.ahead.take().filter(fits)
    }
}

fn why_two_sets(slice: usize, folded: f64) -> String {
    format!(
        "2 sets of coil maps: on {:.0} % of the object in slice {slice} one is not enough, as where it is larger than the \
         field of view",
        100.0 * folded
    )
}

fn holds_data(kspace: &CoilStack<f32>) -> bool {
    Acquisition::new(kspace).holds_data()
}

fn first_with_data(scan: &Scan) -> Result<Option<CoilStack<f32>>> {
    for slice in 0..scan.slices() {
        let kspace = scan.read_slice(slice)?;
        if holds_data(&kspace) {
            return Ok(Some(kspace));
        }
    }
    Ok(None)
}
