//! What holds for all slices of a scan, settled before the first is reconstructed.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::acquired::Acquired;
use super::beside::{Seen, follow_image, settle_maps};
use super::calibration::Calibration;
use super::frames::PlaceMaps;
use super::inputs::{maps_of, maps_of_slice, noise_of, sampling_of};
use super::places::Places;
use super::{MapsSource, ScanSettings, Workload};
use crate::error::{Error, Result};
use crate::format::{MapsFile, ReadFiles, Scan, files_of};
use pvdamp::array::{CoilStack, Maps};
use pvdamp::coil::MapSets;
use pvdamp::reconstruct::{
    Channels, Choice, CoilMaps, CoilsRecord, Facts, Judgement, NoiseRecord, Prepared, Sampling, SecondSet, Sourced,
    judged_positions, judged_slices,
};
use pvdamp::solve::Lambda;
use pvdamp::{Acquisition, Noise, Observer, Settings};

/// A scan whose sampling is known, with the files that go with it open.
pub struct ScanSetup {
    pub(super) scan: Arc<Scan>,
    pub(super) settings: ScanSettings,
    places: Places,
    /// Those beside the scan.
    files: ReadFiles,
    /// What looks odd about them, a sentence each.
    told: Vec<String>,
    pub(super) maps: Option<MapsFile>,
    pub(super) noise: Noise,
    pub(super) sampling: Arc<Sampling>,
    /// Where slices were acquired, as far as it is known.
    pub(super) acquired: Acquired,
    /// What maps are calibrated on, where it is not the image.
    pub(super) calibration: Option<Calibration>,
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

/// What is the same for all slices of a scan, since it decides the shape of what is written.
#[derive(Clone, Debug)]
pub struct Decision {
    /// Sets of coil sensitivity maps, and so of images, of each slice.
    pub sets: usize,
    /// Why there are two, where that was judged.
    pub why_two_sets: Option<String>,
    /// The method, and why, where it was chosen by the data.
    pub choice: Choice,
    /// What the coil maps of the slices that were judged leave unexplained of the centre of k-space, the most of them.
    pub unexplained: Option<f64>,
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
        let mut settings = settings.clone();
        let files = settings.places_mut().map(|place| files_of(&place.file));
        let files = ReadFiles::of(files.collect::<Result<Vec<_>>>()?.concat());
        let settings = settings;
        let places = Places::of(scan, &settings);
        let mut maps = maps_of(scan, &settings.maps)?;
        let first = first_with_data(scan)?;
        let acquired = Acquired::default();
        let (sampling, mut told) = match &first {
            Some((slice, kspace)) => {
                let held = acquired.of_slice(scan, *slice, kspace)?;
                sampling_of(scan, kspace.view(), held.as_deref(), &settings, &places)?
            }
            None => (Sampling::of_nothing(scan.grid()), Vec::new()),
        };
        if settings.engine.tuning.lambda == Lambda::Optimal && !sampling.complete_scan {
            return Err(Error::data(
                scan.place().clone(),
                "is undersampled, so that there is no reference to find the optimal regularisation weight by",
                "give the weight as a number, or take the method pvdamp",
            ));
        }
        let calibration = Calibration::of(scan, &settings, &sampling)?;
        let (noise, told_of_noise) = noise_of(scan, &settings)?;
        told.extend(told_of_noise);
        if let (Some(maps), Some((slice, kspace))) = (&mut maps, &first) {
            let seen = Seen {
                slice: *slice,
                place: scan.places.of_slice(*slice),
                kspace,
                sampling: &sampling,
                noise: &noise,
                settings: &settings.engine,
            };
            if scan.image_was_moved() {
                told.extend(follow_image(maps, &seen, &places)?);
            }
            told.extend(settle_maps(maps, &seen, scan.kspace_order(), &places)?);
        }
        told.extend(maps.as_ref().and_then(|maps| maps.told()).map(str::to_string));
        Ok(Self {
            scan: scan.clone(),
            maps,
            noise,
            told,
            settings,
            places,
            files,
            sampling: Arc::new(sampling),
            acquired,
            calibration,
            shared: Mutex::default(),
            empty: first.is_none(),
            ahead: first
                .filter(|_| scan.slices() == 1)
                .map(|(_, kspace)| Ahead::Read(kspace)),
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

    /// What looks odd about the sampling, and about the files beside the scan, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = match self.settings.engine.method {
            Some(method) => self.sampling.warnings_for(method),
            None => self.sampling.warnings.clone(),
        };
        let of_calibration = self.calibration.iter().flat_map(|calibration| calibration.warnings());
        warnings.extend(of_calibration.map(|warning| format!("the scan to calibrate on: {warning}")));
        warnings.extend_from_slice(&self.told);
        warnings
    }

    /// Whether any sample of a slice is not zero.
    pub fn holds_data(&self, slice: usize) -> Result<bool> {
        Ok(holds_data(&self.scan.read_slice(slice)?))
    }

    /// Errors: one of the files that are read for it, the scan's own and those beside it, changed since it was opened.
    pub(super) fn check_files(&self) -> Result<()> {
        self.scan.files().check()?;
        self.files.check()
    }

    /// What the memory of its slices depends on, with so many sets of maps.
    pub fn workload(&self, sets: usize) -> Workload {
        let grid = self.scan.grid();
        Workload {
            sets,
            sampled: self.sampling.known().count() as f64 / grid.len() as f64,
            shared: self.shares_maps(),
            recalibrates: self.recalibrations() > 0,
            ..Workload::planned(grid, self.scan.coils(), &self.settings)
        }
    }

    /// How often the maps of a slice are calibrated again from a first reconstruction.
    pub fn recalibrations(&self) -> usize {
        if self.maps.is_some() {
            return 0;
        }
        let engine = &self.settings.engine;
        let (recalibration, coils) = (engine.recalibration, self.scan.coils());
        recalibration.passes_on(&self.sampling, coils, &engine.espirit)
    }

    /// Decides how many sets of maps the slices have, and by which method they are reconstructed. How many sets has to be
    /// judged unless it is asked for, on the slices in the middle, at a quarter and at three quarters of the scan, or the
    /// nearest that hold data: two if on any of them one is not enough. The only slice of a scan is prepared for it, and stays
    /// so.
    ///
    /// # Errors
    /// Slices that cannot be read, maps that cannot be calibrated on them, and
    /// [`Error::Interrupted`] when the observer breaks off.
    pub fn decide(&mut self, observer: &mut dyn Observer) -> Result<Decision> {
        match (&self.maps, self.settings.engine.espirit.sets) {
            (Some(file), _) => Ok(self.decision(file.sets(), None)),
            (None, MapSets::Fixed(sets)) => Ok(self.decision(sets, None)),
            (None, MapSets::Auto) if self.empty => Ok(self.decision(1, None)),
            (None, MapSets::Auto) if self.scan.slices() == 1 => self.decide_by_only_slice(observer),
            (None, MapSets::Auto) => self.judge(observer),
        }
    }

    /// With so many sets, whose maps leave so much unexplained.
    fn decision(&self, sets: usize, unexplained: Option<f64>) -> Decision {
        let facts = Facts::new(&self.sampling, self.scan.coils());
        Decision {
            sets,
            why_two_sets: None,
            choice: Choice::new(self.settings.engine.method, &facts),
            unexplained,
            coils: None,
        }
    }

    fn decide_by_only_slice(&mut self, observer: &mut dyn Observer) -> Result<Decision> {
        let kspace = match self.ahead.take() {
            Some(Ahead::Read(kspace)) => Some(kspace),
            _ => None,
        };
        let Some(prepared) = self.prepare(0, kspace, &self.settings.engine, observer)? else {
            return Ok(self.decision(1, None));
        };
        let decision = Decision {
            why_two_sets: prepared.second_set.map(|second| why_two_sets(0, second)),
            coils: Some((prepared.coils_record.clone(), prepared.noise_record.clone())),
            ..self.decision(prepared.sets(), prepared.maps_record.unexplained())
        };
        self.ahead = Some(Ahead::Prepared(Box::new(prepared)));
        Ok(decision)
    }

    fn judge(&self, observer: &mut dyn Observer) -> Result<Decision> {
        let (mut why, mut worst, mut coils) = (None, None, None);
        for judged in self.judged_slices() {
            let (slice, kspace) = judged?;
            let (channels, sampling) = self.channels(slice, kspace)?;
            coils.get_or_insert_with(|| (channels.coils.clone(), channels.noise.clone()));
            let judgement = self.judge_slice(slice, channels, &sampling, observer)?;
            worst = judgement.unexplained.into_iter().chain(worst).reduce(f64::max);
            why = judgement.second_set.map(|second| why_two_sets(slice, second));
            if why.is_some() {
                break;
            }
        }
        let found = if why.is_some() { 2 } else { 1 };
        Ok(Decision {
            why_two_sets: why,
            coils,
            ..self.decision(found, worst)
        })
    }

    fn judge_slice(
        &self,
        slice: usize,
        channels: Channels,
        sampling: &Sampling,
        observer: &mut dyn Observer,
    ) -> Result<Judgement> {
        if self.is_calibrated_elsewhere(slice) {
            drop(channels);
            return self.judge_place(slice, observer);
        }
        let judgement = CoilMaps::judge(&channels, sampling, &self.settings.engine, observer);
        judgement.map_err(|error| self.locate(error, slice))
    }

    /// Given maps of a slice, where there are any.
    fn maps_of_slice(&self, slice: usize) -> Result<Option<Sourced<Maps<f32>>>> {
        match (&self.maps, &self.settings.maps) {
            (Some(file), MapsSource::File(place)) => {
                maps_of_slice(file, self.settings.name_of(place), &self.scan, slice).map(Some)
            }
            _ => Ok(None),
        }
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
        let shared_maps = self.shared_maps(slice, settings, observer)?;
        let kspace = kspace.map_or_else(|| self.scan.read_slice(slice), Ok)?;
        if !holds_data(&kspace) {
            return Ok(None);
        }
        let sampling = self.sampling_of_slice(slice, &kspace)?;
        let acquisition = Acquisition {
            maps: self.maps_of_slice(slice)?,
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
        let held = self.acquired.of_slice(&self.scan, slice, kspace)?;
        let own = if self.scan.places.are_shared() {
            self.sampling.of_other_frame(kspace.view(), held.as_deref())
        } else {
            self.sampling.of_other_slice(kspace.view(), held.as_deref())
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
        let positions = judged_positions(self.scan.places.count());
        let positions = positions.map(|place| self.scan.places.frames(place)[0]);
        let count = if self.empty { 0 } else { self.scan.slices() };
        judged_slices(positions, count, |slice| {
            let kspace = match &self.ahead {
                Some(Ahead::Read(only)) => only.clone(),
                _ => self.scan.read_slice(slice)?,
            };
            Ok(Some(kspace).filter(holds_data))
        })
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

fn why_two_sets(slice: usize, second: SecondSet) -> String {
    format!("2 sets of coil maps: in slice {slice} {second}")
}

fn holds_data(kspace: &CoilStack<f32>) -> bool {
    Acquisition::new(kspace).holds_data()
}

/// A slice that holds data: the first, or of a volume that nearest to its middle, where the object is.
fn first_with_data(scan: &Scan) -> Result<Option<(usize, CoilStack<f32>)>> {
    let mut order: Vec<usize> = (0..scan.slices()).collect();
    let middle = scan.planes_of_volume() / 2;
    order.sort_by_key(|slice| slice.abs_diff(middle));
    for slice in order {
        let kspace = scan.read_slice(slice)?;
        if holds_data(&kspace) {
            return Ok(Some((slice, kspace)));
        }
    }
    Ok(None)
}
