use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ndarray::{Array2, ArrayView2, s};

use super::setup::{Ahead, Decision, ScanSetup};
use super::{ScanSettings, SliceRecord};
use crate::error::Result;
use crate::format::Scan;
use pvdamp::array::{Grid, Image, Maps};
use pvdamp::coil::MapSets;
use pvdamp::reconstruct::{MapsRecord, Prepared, Record, Sampling};
use pvdamp::solve::Method;
use pvdamp::{Observer, Reconstruction, Settings};

/// A scan being reconstructed, slice by slice; slices in any order, and several at once.
pub struct ScanReconstruction {
    /// With the number of sets of maps, and the method, fixed.
    setup: ScanSetup,
    decision: Decision,
    /// What has been done of the only slice of a scan already.
    ahead: Mutex<Option<Ahead>>,
}

/// One slice: images in the units of the scan.
pub struct SliceResult {
    /// `(rows, cols)`, not cropped.
    pub image: Image<f32>,
    /// Truth plus noise of known variance, for methods that have it.
    pub unbiased: Option<Image<f32>>,
    /// Predicted standard deviation of the real part of the error of `image`, and of its imaginary part,
    /// `(rows, cols)`, where the settings ask for error bars; NaN where they cannot be computed.
    pub deviation: Option<Array2<f32>>,
    /// The same of `unbiased`.
    pub unbiased_deviation: Option<Array2<f32>>,
    /// Magnitude of the image, cropped as the header says.
    pub magnitude: Array2<f32>,
    /// `(sets, coils, rows, cols)`, where the settings keep them; zero for a slice without data.
    pub maps: Option<Maps<f32>>,
    pub record: SliceRecord,
}

/// Without what the scan adds: its header's crop, and the index of the slice.
impl From<SliceResult> for Reconstruction {
    fn from(result: SliceResult) -> Self {
        Self {
            image: result.image,
            unbiased: result.unbiased,
            deviation: result.deviation,
            unbiased_deviation: result.unbiased_deviation,
            maps: result.maps,
            record: result.record.record,
        }
    }
}

/// The maps of a slice or a place, and what there is to warn of.
pub struct SliceMaps {
    /// `(sets, coils, rows, cols)`.
    pub maps: Maps<f32>,
    pub record: MapsRecord,
    pub warnings: Vec<String>,
}

impl ScanReconstruction {
    /// A scan with the number of map sets that its slices ask for.
    ///
    /// # Errors
    /// Those of [`ScanSetup::decide`].
    pub fn settle(mut setup: ScanSetup, observer: &mut dyn Observer) -> Result<Self> {
        let decision = setup.decide(observer)?;
        Ok(Self::new(setup, decision))
    }

    /// A scan of which that is decided.
    pub fn new(mut setup: ScanSetup, decision: Decision) -> Self {
        let ahead = setup.take_ahead(decision.sets);
        setup.settings.engine.espirit.sets = MapSets::Fixed(decision.sets);
        setup.settings.engine.method = Some(decision.choice.method);
        Self {
            setup,
            decision,
            ahead: Mutex::new(ahead),
        }
    }

    pub fn setup(&self) -> &ScanSetup {
        &self.setup
    }

    pub fn scan(&self) -> &Scan {
        self.setup.scan()
    }

    pub fn settings(&self) -> &ScanSettings {
        self.setup.settings()
    }

    pub fn sampling(&self) -> &Sampling {
        self.setup.sampling()
    }

    /// Sets of maps, and so of images, that each slice has.
    pub fn sets(&self) -> usize {
        self.decision.sets
    }

    /// The method, and what else is the same for all slices.
    pub fn decision(&self) -> &Decision {
        &self.decision
    }

    pub fn method(&self) -> &'static Method {
        self.decision.choice.method
    }

    /// Iterations of a slice at most, without what error bars take.
    pub fn iterations(&self) -> usize {
        self.engine().limits(self.method(), self.sampling()).iterations
    }

    /// Why there are two sets of maps and why the method was taken, where these were judged, a sentence each.
    pub fn reasons(&self) -> Vec<String> {
        let Decision {
            choice, why_two_sets, ..
        } = &self.decision;
        let why = choice.why.map(|why| format!("method {}: {why}", choice.method.name));
        why_two_sets.iter().cloned().chain(why).collect()
    }

    /// Of each slice.
    fn engine(&self) -> &Settings {
        &self.setup.settings.engine
    }

    /// Whether slices have an unbiased image. Of two sets of maps it would be two images, whose root sum of squares is
    /// not unbiased.
    pub fn has_unbiased(&self) -> bool {
        self.method().unbiased && self.sets() == 1
    }

    /// Whether slices have error bars.
    pub fn has_deviation(&self) -> bool {
        self.engine().has_error_bars()
    }

    /// Reconstructs one slice.
    ///
    /// # Errors
    /// A slice that cannot be read or reconstructed, a file read for it that changed meanwhile, and
    /// [`Error::Interrupted`](crate::error::Error::Interrupted) when the observer breaks off.
    pub fn slice(&self, slice: usize, observer: &mut dyn Observer) -> Result<SliceResult> {
        let start = Instant::now();
        let Reconstruction {
            image,
            unbiased,
            deviation,
            unbiased_deviation,
            maps,
            record,
        } = match self.prepared(slice, observer)? {
            Some(mut prepared) => {
                let maps = prepared.kept_maps.take();
                let solved = prepared.solve(self.engine(), observer);
                let solved = solved.map_err(|error| self.setup.locate(error, slice))?;
                Reconstruction { maps, ..solved }
            }
            None => self.empty_slice(start),
        };
        self.setup.check_files()?;
        // The engine was told the method; the choice was that of the scan.
        let record = Record {
            choice: self.decision.choice.why,
            ..record
        };
        Ok(SliceResult {
            magnitude: self.cropped_magnitude(&image),
            image,
            unbiased,
            deviation,
            unbiased_deviation,
            maps,
            record: SliceRecord { slice, record },
        })
    }

    /// Poses the problem of one slice; `None` when it holds no data.
    ///
    /// # Errors
    /// A slice that cannot be read or calibrated, and a file read for it that changed meanwhile.
    pub fn prepare(&self, slice: usize) -> Result<Option<Prepared>> {
        let prepared = self.prepared(slice, &mut ())?;
        self.setup.check_files()?;
        Ok(prepared)
    }

    fn prepared(&self, slice: usize, observer: &mut dyn Observer) -> Result<Option<Prepared>> {
        let kspace = match self.take_ahead(slice) {
            Some(Ahead::Prepared(prepared)) => return Ok(Some(*prepared)),
            Some(Ahead::Read(kspace)) => Some(kspace),
            None => None,
        };
        self.setup.prepare(slice, kspace, self.engine(), observer)
    }

    fn take_ahead(&self, slice: usize) -> Option<Ahead> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.take_if(|_| slice == 0)
    }

    /// The maps of a place, of its first slice that holds data where each has its own; `None` where none does.
    ///
    /// # Errors
    /// Those of [`Self::prepare`].
    pub fn maps(&self, place: usize, observer: &mut dyn Observer) -> Result<Option<SliceMaps>> {
        let mut found = None;
        for slice in self.scan().places.frames(place) {
            found = self.maps_of_slice(slice, observer)?;
            if found.is_some() {
                break;
            }
        }
        self.setup.check_files()?;
        Ok(found)
    }

    fn maps_of_slice(&self, slice: usize, observer: &mut dyn Observer) -> Result<Option<SliceMaps>> {
        if let Some(shared) = self.setup.shared_maps(slice, self.engine(), observer)? {
            let record = MapsRecord::shared(&shared, None);
            return Ok(Some(SliceMaps {
                warnings: record.warnings(),
                maps: Arc::unwrap_or_clone(shared).maps,
                record,
            }));
        }
        let settings = Settings {
            keep_maps: true,
            ..self.engine().clone()
        };
        let prepared = match self.take_ahead(slice) {
            Some(Ahead::Prepared(prepared)) if prepared.kept_maps.is_some() => Some(*prepared),
            Some(Ahead::Read(kspace)) => self.setup.prepare(slice, Some(kspace), &settings, observer)?,
            _ => self.setup.prepare(slice, None, &settings, observer)?,
        };
        Ok(prepared.and_then(|mut prepared| {
            Some(SliceMaps {
                maps: prepared.kept_maps.take()?,
                warnings: prepared.warnings(&settings),
                record: prepared.maps_record,
            })
        }))
    }

    fn empty_slice(&self, start: Instant) -> Reconstruction {
        let mut empty = Reconstruction::of_nothing(self.sampling(), self.scan().coils(), self.sets(), self.engine());
        empty.record.seconds = start.elapsed().as_secs_f64();
        empty
    }

    /// Magnitude, cropped as the header says.
    pub fn cropped_magnitude(&self, image: &Image<f32>) -> Array2<f32> {
        self.cropped(image.view()).mapv(|v| v.norm())
    }

    /// What is left of `(rows, cols)` where the header crops.
    pub fn cropped<'v, V>(&self, image: ArrayView2<'v, V>) -> ArrayView2<'v, V> {
        let size = self.scan().crop_size();
        let (row, col) = Grid::from(image.dim()).centred_offset(size);
        image.slice_move(s![row..row + size.rows, col..col + size.cols])
    }
}
