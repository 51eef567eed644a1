use super::acquisition::check_maps;
use super::channels::Channels;
use super::record::MapsRecord;
use super::sampling::Sampling;
use super::shared_maps::SharedMaps;
use super::sourced::Sourced;
use crate::array::Maps;
use crate::coil::{self, CoilScaling, EspiritSettings, MapSets};
use crate::error::{Error, Input, Result};

/// Coil sensitivity maps of the [`Channels`] of an acquisition.
pub struct CoilMaps {
    /// `(sets, channels, rows, cols)`.
    pub maps: Maps<f32>,
    /// Where they come from.
    pub record: MapsRecord,
    /// On which share of the object one set is not enough, where that was judged and is why there are two.
    pub folded: Option<f64>,
    /// What brings images of virtual coils into the units of the k-space.
    pub scaling: Option<CoilScaling>,
}

impl CoilMaps {
    /// Calibrates maps by ESPIRiT on the sampled centre: of [`MapSets::Auto`] two sets where one is not enough.
    ///
    /// # Errors
    /// [`Error::NotEnough`] where the centre is not sampled, and [`Error::Setting`].
    pub fn calibrate(channels: &Channels, sampling: &Sampling, settings: &EspiritSettings) -> Result<Self> {
        let coils = channels.kspace.dim().0;
        if sampling.centre.is_empty() && coils > 1 {
            let found = "it is not sampled at the centre, where coil maps come from";
            return Err(Error::not_enough(Input::Kspace, found, "give coil sensitivity maps"));
        }
        let calibrated = |settings: &EspiritSettings| {
            let phase = channels.phase.as_deref();
            let others = &channels.other_images;
            coil::espirit_of_images(channels.kspace.view(), others, sampling.centre, settings, phase)
        };
        let (mut maps, mut report) = calibrated(settings)?;
        let mut folded = None;
        if settings.sets == MapSets::Auto && report.is_folded() {
            folded = Some(report.folded);
            let two = EspiritSettings {
                sets: MapSets::Fixed(2),
                ..settings.clone()
            };
            (maps, report) = calibrated(&two)?;
        }
        Ok(Self {
            scaling: channels.scaling(&maps),
            record: MapsRecord::Estimated(report),
            folded,
            maps,
        })
    }

    /// Maps of the coils of the scan, `(sets, coils, rows, cols)`, for the channels: scaled to a sum of squares of 1.
    ///
    /// # Errors
    /// [`Error::Data`]: maps of another shape, not finite, or zero everywhere.
    pub fn given(maps: Sourced<Maps<f32>>, channels: &Channels) -> Result<Self> {
        let Sourced {
            value: mut maps,
            origin,
        } = maps;
        check_maps(&maps, channels.coils.measured, channels.grid())?;
        let normalisation = coil::normalise(&mut maps)?;
        let record = MapsRecord::Given {
            origin,
            renormalised: normalisation.changed,
            deviation: normalisation.deviation,
            support: normalisation.support,
        };
        let (maps, scaling) = match &channels.virtual_coils {
            Some(coils) => {
                let (maps, scaling) = coils.reduce(&maps);
                (maps, Some(scaling))
            }
            None => (maps, None),
        };
        Ok(Self {
            maps,
            record,
            folded: None,
            scaling,
        })
    }

    /// Maps that were calibrated for the place of this slice, for the channels.
    ///
    /// # Errors
    /// [`Error::Data`]: maps of another shape.
    pub fn shared(shared: &SharedMaps, channels: &Channels) -> Result<Self> {
        check_maps(&shared.maps, channels.coils.measured, channels.grid())?;
        let (maps, scaling) = match &channels.virtual_coils {
            Some(coils) => {
                let (maps, scaling) = coils.reduce(&shared.maps);
                (maps, Some(scaling))
            }
            None => (shared.maps.clone(), None),
        };
        Ok(Self {
            maps,
            record: MapsRecord::shared(shared),
            folded: shared.folded,
            scaling,
        })
    }

    /// Number of sets.
    pub fn sets(&self) -> usize {
        self.maps.dim().0
    }

    /// What looks odd, a sentence each.
    pub fn warnings(&self) -> &[String] {
        self.record.report().map_or(&[], |report| &report.warnings)
    }
}
