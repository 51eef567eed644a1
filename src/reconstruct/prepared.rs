use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, Axis};

use super::acquisition::Acquisition;
use super::channels::Channels;
use super::choice::{Choice, Facts};
use super::combine::{combine_sets, combined_deviation};
use super::maps::{CoilMaps, SecondSet};
use super::observer::{Observer, Stage};
use super::record::{CoilsRecord, MapsRecord, NoiseRecord};
use super::sampling::Sampling;
use super::settings::Settings;
use crate::array::{Image, ImageSets, Maps};
use crate::coil::CoilScaling;
use crate::error::{Error, Input, Result};
use crate::operator::gather;
use crate::solve::{Problem, Solver};

/// A slice ready for a solver: of this library by [`Prepared::solve`], or of the caller's own.
pub struct Prepared {
    /// In units of the k-space times `scale`, and of virtual coils where there are any: [`Self::image`] brings its images
    /// into those of the scan's coils.
    pub problem: Arc<Problem<f32>>,
    /// The power of two that k-space was multiplied by.
    pub scale: f32,
    /// Which locations were sampled.
    pub sampling: Arc<Sampling>,
    /// The method that [`Self::solve`] takes, unless its settings name another.
    pub choice: Choice,
    /// Where the maps come from.
    pub maps_record: MapsRecord,
    /// Where the noise comes from.
    pub noise_record: NoiseRecord,
    /// What became of the coils.
    pub coils_record: CoilsRecord,
    /// Maps of the coils of the scan, `(sets, coils, rows, cols)`, where the settings keep them.
    pub kept_maps: Option<Maps<f32>>,
    /// Why there are two sets of maps, where that was judged.
    pub second_set: Option<SecondSet>,
    /// Time spent on it so far, for the record.
    pub preparation: Duration,
    scaling: Option<CoilScaling>,
}

impl Acquisition<'_> {
    /// All that comes before the iterations; `None` where k-space is all zero.
    ///
    /// # Errors
    /// Those of [`reconstruct`](super::reconstruct).
    pub fn prepare(self, settings: &Settings, observer: &mut dyn Observer) -> Result<Option<Prepared>> {
        let start = Instant::now();
        begin(Stage::Sampling, observer)?;
        self.check()?;
        settings.validate(self.grid())?;
        if !self.holds_data() {
            return Ok(None);
        }
        let sampling = Arc::new(Sampling::of(&self)?);
        let sampling_time = start.elapsed();
        let mut prepared = self.prepare_sampled(sampling, settings, settings.wants_reference(), observer)?;
        if let Some(prepared) = &mut prepared {
            prepared.preparation += sampling_time;
        }
        Ok(prepared)
    }

    /// The same with a sampling that is known; the mask, the probability and the limits of the acquisition mean nothing.
    /// With `reference`, fully sampled k-space gives [`Problem::reference`].
    ///
    /// # Errors
    /// Those of [`reconstruct`](super::reconstruct).
    pub fn prepare_sampled(
        self,
        sampling: Arc<Sampling>,
        settings: &Settings,
        reference: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Prepared>> {
        let start = Instant::now();
        self.check()?;
        settings.validate(self.grid())?;
        begin(Stage::Channels, observer)?;
        let kspace = self.kspace.into_owned();
        let Some(channels) = Channels::of(kspace, &sampling, &self.noise, settings, reference)? else {
            return Ok(None);
        };
        begin(Stage::Maps, observer)?;
        let channels = channels.with_other_images(self.other_images)?;
        let maps = match (self.maps, &self.shared_maps) {
            (Some(maps), _) => CoilMaps::given(maps, &channels, &sampling, &settings.espirit)?,
            (None, Some(shared)) => CoilMaps::shared(shared, &channels, &sampling, &settings.espirit)?,
            (None, None) => CoilMaps::calibrate(&channels, &sampling, settings, observer)?,
        };
        let mut prepared = Prepared::pose(channels, sampling, maps, settings)?;
        prepared.preparation = start.elapsed();
        Ok(Some(prepared))
    }
}

/// Errors: [`Error::Cancelled`] when the observer breaks off.
pub(super) fn begin(stage: Stage, observer: &mut dyn Observer) -> Result<()> {
    if observer.stage(stage).is_break() {
        return Err(Error::Cancelled);
    }
    Ok(())
}

impl Prepared {
    /// Poses the problem: picks the samples out of k-space, and lets that go.
    ///
    /// # Errors
    /// [`Error::Data`]: parts that do not fit each other.
    pub fn pose(channels: Channels, sampling: Arc<Sampling>, maps: CoilMaps, settings: &Settings) -> Result<Self> {
        sampling.check_grid(Input::Kspace, channels.grid())?;
        let choice = Choice::new(settings.method, &Facts::new(&sampling, channels.coils.measured));
        let kept_maps = settings.keep_maps.then(|| channels.to_scan(maps.maps.clone()));
        let mask = sampling.known();
        let Channels {
            kspace,
            complete,
            scale,
            virtual_coils,
            covariance,
            noise,
            coils,
            ..
        } = channels;
        // Not both k-space and what the problem makes of the maps.
        let data = gather(kspace.view(), &mask);
        drop(kspace);
        let mut problem = Problem::of_samples(data, &mask, &sampling.probability, maps.maps, covariance)?;
        if let Some(complete) = complete {
            let mut complete = complete.mapv_into(|v| v * scale);
            if let Some(virtual_coils) = &virtual_coils {
                virtual_coils.apply(&mut complete);
            }
            problem = problem.with_reference(complete.view())?;
        }
        Ok(Self {
            problem: Arc::new(problem),
            scale,
            sampling,
            choice,
            maps_record: maps.record,
            noise_record: noise,
            coils_record: coils,
            kept_maps,
            second_set: maps.second_set,
            preparation: Duration::ZERO,
            scaling: maps.scaling,
        })
    }

    /// The method that [`Self::solve`] takes with these settings.
    pub fn chosen(&self, settings: &Settings) -> Choice {
        match settings.method {
            Some(method) => Choice { method, why: None },
            None => self.choice,
        }
    }

    /// Number of sets of maps, and of images of a solver.
    pub fn sets(&self) -> usize {
        self.problem.encoding.sets()
    }

    /// One image `(rows, cols)` of those of a solver `(sets, rows, cols)`, in units of the k-space times `scale`.
    pub fn image(&self, images: ImageSets<f32>) -> Image<f32> {
        combine_sets(images, self.scaling.as_ref())
    }

    /// The same in the units of the k-space.
    pub fn unscaled_image(&self, images: ImageSets<f32>) -> Image<f32> {
        self.image(images).mapv_into(|v| v / self.scale)
    }

    /// The image of the fully sampled k-space, where there is one, in the same units.
    pub fn reference(&self) -> Option<Image<f32>> {
        self.problem.reference.clone().map(|images| self.image(images))
    }

    /// Error bars of [`Self::image`] of `images`, those of `solver`, `(rows, cols)`; `None` where they cannot be computed.
    pub fn deviation(&self, solver: &mut dyn Solver<f32>, images: &ImageSets<f32>) -> Option<Array2<f32>> {
        combined_deviation(solver, images, self.scaling.as_ref())
    }

    /// Error bars of [`Self::image`] of the unbiased images of `solver`, `(rows, cols)`, where it has them and there is one
    /// set of maps.
    pub fn unbiased_deviation(&self, solver: &dyn Solver<f32>) -> Option<Array2<f32>> {
        let mut deviations = solver.unbiased_deviation().filter(|_| self.sets() == 1)?;
        if let Some(scaling) = &self.scaling {
            scaling.scale_deviations(&mut deviations);
        }
        Some(deviations.index_axis_move(Axis(0), 0))
    }

    /// What there is to warn of, a sentence each.
    pub fn warnings(&self, settings: &Settings) -> Vec<String> {
        let mut warnings = self.sampling.warnings_for(self.chosen(settings).method);
        warnings.extend(self.maps_record.warnings());
        warnings
    }
}
