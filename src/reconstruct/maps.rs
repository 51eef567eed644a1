use std::fmt;

use super::acquisition::check_maps;
use super::channels::Channels;
use super::explained::{WRONG, unexplained};
use super::observer::Observer;
use super::recalibration::filled_centre;
use super::record::MapsRecord;
use super::sampling::Sampling;
use super::settings::Settings;
use super::shared_maps::SharedMaps;
use super::sourced::Sourced;
use crate::array::Maps;
use crate::coil::{self, CoilScaling, EspiritContext, EspiritSettings, MapMethod, MapReport, MapSets};
use crate::error::{Error, Input, Result};

/// A second set is taken where it leaves less of the centre unexplained than this fraction of what one leaves.
const BETTER: f64 = 0.5;

/// Coil sensitivity maps of the [`Channels`] of an acquisition.
pub struct CoilMaps {
    /// `(sets, channels, rows, cols)`.
    pub maps: Maps<f32>,
    /// Where they come from.
    pub record: MapsRecord,
    /// Why there are two sets, where that was judged.
    pub second_set: Option<SecondSet>,
    /// What brings images of virtual coils into the units of the k-space.
    pub scaling: Option<CoilScaling>,
}

/// What is known of the maps of a slice before all slices are calibrated.
#[derive(Clone, Copy, Debug, Default)]
pub struct Judgement {
    /// What they leave unexplained of the sampled centre, see [`MapReport::unexplained`].
    pub unexplained: Option<f64>,
    /// Why they have two sets, where that is left open and one is not enough.
    pub second_set: Option<SecondSet>,
}

/// Why a second set of maps was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SecondSet {
    /// On this share of the object a second set holds.
    Folded(f64),
    /// One set and two leave so much of the centre of k-space unexplained.
    Unexplained {
        /// By one set, `‖y − A x‖ / ‖y‖`.
        one: f64,
        /// By two; `None` with two coils, whose samples two sets explain whatever they are.
        two: Option<f64>,
    },
}

impl fmt::Display for SecondSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folded(share) => write!(
                f,
                "on {:.0} % of the object one is not enough, as where it is larger than the field of view",
                100.0 * share
            ),
            Self::Unexplained { one, two: Some(two) } => write!(
                f,
                "one set leaves {:.1} % of the centre of k-space unexplained and two leave {:.1} %, as where the object is \
                 larger than the field of view or echoes are stacked as coils",
                100.0 * one,
                100.0 * two
            ),
            Self::Unexplained { one, two: None } => write!(
                f,
                "one set leaves {:.1} % of the centre of k-space unexplained, so that the two coils are reconstructed each \
                 by itself",
                100.0 * one
            ),
        }
    }
}

/// Maps as they are calibrated.
struct Calibrated {
    maps: Maps<f32>,
    report: MapReport,
}

impl Calibrated {
    fn folded(&self) -> Option<SecondSet> {
        self.report.is_folded().then_some(SecondSet::Folded(self.report.folded))
    }
}

impl CoilMaps {
    /// Calibrates maps by ESPIRiT on the sampled centre, and where that is small again on a centre that a first
    /// reconstruction fills ([`Recalibration`](super::Recalibration)). Of [`MapSets::Auto`] two sets where one is not
    /// enough.
    ///
    /// # Errors
    /// [`Error::NotEnough`] where the centre is not sampled, [`Error::Setting`], and [`Error::Cancelled`] when the observer
    /// asked for it.
    pub fn calibrate(
        channels: &Channels,
        sampling: &Sampling,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let calibration = Calibration::new(channels, sampling, settings)?;
        let first = calibration.first(settings.espirit.sets.count())?;
        let (calibrated, second_set) = calibration.settle(first, observer)?;
        let record = MapsRecord::Estimated(calibrated.report);
        Ok(Self {
            scaling: channels.scaling(&calibrated.maps),
            maps: calibrated.maps,
            second_set,
            record,
        })
    }

    /// What [`Self::calibrate`] would come to. Takes no more than one calibration where that leaves no doubt.
    ///
    /// # Errors
    /// Those of [`Self::calibrate`].
    pub fn judge(
        channels: &Channels,
        sampling: &Sampling,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Judgement> {
        let calibration = Calibration::new(channels, sampling, settings)?;
        let first = calibration.first(settings.espirit.sets.count())?;
        if !first.report.is_doubtful() {
            return Ok(Judgement {
                unexplained: first.report.unexplained,
                second_set: None,
            });
        }
        let (settled, second_set) = calibration.settle(first, observer)?;
        Ok(Judgement {
            unexplained: settled.report.unexplained,
            second_set,
        })
    }

    /// Maps of the coils of the scan, `(sets, coils, rows, cols)`, for the channels: scaled to a sum of squares of 1.
    ///
    /// # Errors
    /// [`Error::Data`]: maps of another shape, not finite, or zero everywhere.
    pub fn given(
        maps: Sourced<Maps<f32>>,
        channels: &Channels,
        sampling: &Sampling,
        espirit: &EspiritSettings,
    ) -> Result<Self> {
        let Sourced {
            value: mut maps,
            origin,
        } = maps;
        check_maps(&maps, channels.coils.measured, channels.grid())?;
        let normalisation = coil::normalise(&mut maps)?;
        let (maps, scaling) = channels.to_channels(maps);
        let unexplained = unexplained(&maps, channels, espirit.window(sampling.centre))?;
        let record = MapsRecord::Given {
            origin,
            renormalised: normalisation.changed,
            deviation: normalisation.deviation,
            support: normalisation.support,
            unexplained,
        };
        Ok(Self {
            maps,
            second_set: None,
            scaling,
            record,
        })
    }

    /// Maps that were calibrated for the place of this slice, for the channels.
    ///
    /// # Errors
    /// [`Error::Data`]: maps of another shape.
    pub fn shared(
        shared: &SharedMaps,
        channels: &Channels,
        sampling: &Sampling,
        espirit: &EspiritSettings,
    ) -> Result<Self> {
        check_maps(&shared.maps, channels.coils.measured, channels.grid())?;
        let (maps, scaling) = channels.to_channels(shared.maps.clone());
        let own = unexplained(&maps, channels, espirit.window(sampling.centre))?;
        let record = MapsRecord::shared(shared, own);
        Ok(Self {
            maps,
            second_set: shared.second_set,
            scaling,
            record,
        })
    }

    /// Number of sets.
    pub fn sets(&self) -> usize {
        self.maps.dim().0
    }
}

/// What maps are calibrated on, and how.
struct Calibration<'a> {
    channels: &'a Channels,
    sampling: &'a Sampling,
    settings: &'a Settings,
}

impl<'a> Calibration<'a> {
    fn new(channels: &'a Channels, sampling: &'a Sampling, settings: &'a Settings) -> Result<Self> {
        if sampling.centre.is_empty() && channels.kspace.dim().0 > 1 {
            let found = "it is not sampled at the centre, where coil maps come from";
            return Err(Error::not_enough(Input::Kspace, found, "give coil sensitivity maps"));
        }
        Ok(Self {
            channels,
            sampling,
            settings,
        })
    }

    /// What becomes of the first maps, and why there are two sets where that was judged.
    fn settle(&self, first: Calibrated, observer: &mut dyn Observer) -> Result<(Calibrated, Option<SecondSet>)> {
        let sets = self.settings.espirit.sets;
        let (folded, doubtful) = (first.folded(), first.report.is_doubtful());
        let one = self.refine(first, observer)?;
        let enough = !doubtful || (folded.is_none() && !one.report.is_doubtful());
        // Maps of low resolution have one set.
        let has_second = one.report.method == MapMethod::Espirit;
        if sets != MapSets::Auto || enough || !has_second {
            return Ok((one, None));
        }
        let mut two = self.refine(self.first(2)?, observer)?;
        let (left_by_one, left_by_two) = (one.report.unexplained.unwrap_or(0.0), two.report.unexplained);
        // Two sets explain any samples of two coils, so that the figure of one is what tells.
        let explains = match left_by_two {
            Some(left) => left < BETTER * left_by_one,
            None => left_by_one > WRONG,
        };
        two.report.unexplained = left_by_two.or(one.report.unexplained);
        let why = SecondSet::Unexplained {
            one: left_by_one,
            two: left_by_two,
        };
        match folded.or(explains.then_some(why)) {
            Some(why) => Ok((two, Some(why))),
            None => Ok((one, None)),
        }
    }

    /// Maps of the sampled centre.
    fn first(&self, sets: usize) -> Result<Calibrated> {
        let (kspace, centre) = (self.channels.kspace.view(), self.sampling.centre);
        let (maps, report) = coil::espirit(kspace, centre, &self.espirit(sets), &self.context())?;
        self.explained(maps, report)
    }

    /// Maps of a centre that reconstructions with them fill, where the sampled one is small.
    fn refine(&self, first: Calibrated, observer: &mut dyn Observer) -> Result<Calibrated> {
        let (channels, sampling) = (self.channels, self.sampling);
        let (grid, espirit) = (channels.grid(), &self.settings.espirit);
        let recalibration = self.settings.recalibration;
        let passes = recalibration.passes_on(sampling, channels.kspace.dim().0, espirit);
        let sets = first.report.sets;
        if passes == 0 || first.report.support == 0.0 {
            return Ok(first);
        }
        let region = espirit.window(grid);
        let Calibrated { mut maps, mut report } = first;
        let folded = report.folded;
        let warning = (report.method == MapMethod::LowResolution).then(|| {
            format!(
                "the sampled centre of {} is too small for ESPIRiT: the coil maps come from reconstructions that began with \
                 low-resolution maps, and may be wrong",
                report.calibration
            )
        });
        for _ in 0..passes {
            let centre = filled_centre(channels, sampling, maps, region, observer)?;
            // Of the other images the centre is as small.
            let context = EspiritContext {
                others: &[],
                ..self.context()
            };
            (maps, report) = coil::espirit_of_region(centre.view(), grid, &self.espirit(sets), &context)?;
        }
        report.recalibrations = passes;
        // The centre was filled with so many sets: it tells nothing of another.
        report.folded = folded;
        report.warnings.extend(warning);
        report.notes.push(format!(
            "maps calibrated again from a first reconstruction, {passes} time(s): the sampled centre is {}",
            sampling.centre
        ));
        self.explained(maps, report)
    }

    fn explained(&self, maps: Maps<f32>, mut report: MapReport) -> Result<Calibrated> {
        let region = self.settings.espirit.window(self.sampling.centre);
        report.unexplained = unexplained(&maps, self.channels, region)?;
        Ok(Calibrated { maps, report })
    }

    fn espirit(&self, sets: usize) -> EspiritSettings {
        EspiritSettings {
            sets: MapSets::Fixed(sets),
            ..self.settings.espirit.clone()
        }
    }

    fn context(&self) -> EspiritContext<'_> {
        EspiritContext {
            phase: self.channels.phase.as_deref(),
            noise: self.channels.noise_variance(),
            others: &self.channels.other_images,
        }
    }
}
