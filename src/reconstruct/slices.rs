//! Several slices whose results have one shape: what decides that is settled once for all of them.

use std::sync::Arc;
use std::time::Instant;

use super::acquisition::Acquisition;
use super::channels::Channels;
use super::choice::{Choice, Facts};
use super::image::Reconstruction;
use super::maps::{CoilMaps, SecondSet};
use super::observer::Observer;
use super::record::Record;
use super::sampling::Sampling;
use super::settings::Settings;
use crate::coil::MapSets;
use crate::error::{Error, Result};

/// Slices of one scan. They share the sampling, the method and the number of sets of maps, so that their results have one
/// shape; a slice that holds data at other locations has a sampling of its own. All else, maps and noise too, is each
/// slice's own.
///
/// `pvdamp-io` settles the same for scans on disk, where frames share maps as well.
pub struct Slices {
    /// With the method fixed, and the number of sets of maps.
    settings: Settings,
    sampling: Arc<Sampling>,
    choice: Choice,
    coils: usize,
    second_set: Option<(usize, SecondSet)>,
}

impl Slices {
    /// Settles what `count` slices share, at least one. `slice` gives each by its index: all are of one shape, and have the
    /// same mask, probability, noise and limits; all or none have maps.
    ///
    /// # Errors
    /// Those of [`reconstruct`](super::reconstruct()).
    ///
    /// # Panics
    /// If `count` is 0.
    pub fn settle<'a>(
        count: usize,
        slice: impl Fn(usize) -> Acquisition<'a>,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let with_data = |index| Some(slice(index)).filter(Acquisition::holds_data);
        let any = slice(0);
        any.check()?;
        settings.validate(any.grid())?;
        let first = (0..count).find_map(with_data);
        let sampling = match &first {
            Some(first) => Sampling::of(first)?,
            None => Sampling::of_nothing(any.grid()),
        };
        let choice = Choice::new(settings.method, &Facts::new(&sampling, any.coils()));
        let mut settled = Self {
            settings: Settings {
                method: Some(choice.method),
                ..settings.clone()
            },
            sampling: Arc::new(sampling),
            choice,
            coils: any.coils(),
            second_set: None,
        };
        let sets = match (any.maps, settings.espirit.sets) {
            (Some(maps), _) => maps.value.dim().0,
            (None, MapSets::Fixed(sets)) => sets,
            (None, MapSets::Auto) if first.is_none() => 1,
            // it decides for itself
            (None, MapSets::Auto) if count == 1 => return Ok(settled),
            (None, MapSets::Auto) => {
                settled.second_set = settled.judge(count, with_data, observer)?;
                settled.second_set.map_or(1, |_| 2)
            }
        };
        settled.settings.espirit.sets = MapSets::Fixed(sets);
        Ok(settled)
    }

    /// Of the slices that are judged, the first that one set of maps is not enough for, and why.
    fn judge<'a>(
        &self,
        count: usize,
        with_data: impl Fn(usize) -> Option<Acquisition<'a>>,
        observer: &mut dyn Observer,
    ) -> Result<Option<(usize, SecondSet)>> {
        let read = |index| Ok(with_data(index));
        for judged in judged_slices(judged_positions(count), count, read) {
            let (index, acquisition) = judged?;
            let sampling = self.sampling_of(&acquisition)?;
            let noise = &acquisition.noise;
            let kspace = acquisition.kspace.into_owned();
            let channels = Channels::of(kspace, &sampling, noise, &self.settings, false)?;
            let lost = || Error::Internal(format!("slice {index} lost its data"));
            let channels = channels.ok_or_else(lost)?;
            let judgement = CoilMaps::judge(&channels, &sampling, &self.settings, observer)?;
            if let Some(second) = judgement.second_set {
                return Ok(Some((index, second)));
            }
        }
        Ok(None)
    }

    fn sampling_of(&self, acquisition: &Acquisition) -> Result<Arc<Sampling>> {
        let held = acquisition.held.as_ref();
        let own = self.sampling.of_other_slice(acquisition.kspace.view(), held)?;
        Ok(own.map_or_else(|| self.sampling.clone(), Arc::new))
    }

    /// That of all slices that hold data at the same locations.
    pub fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    /// The method, and why it was taken.
    pub fn choice(&self) -> Choice {
        self.choice
    }

    /// The slice that one set of maps is not enough for, and why, where that was judged.
    pub fn second_set(&self) -> Option<(usize, SecondSet)> {
        self.second_set
    }

    /// Reconstructs one of the slices.
    ///
    /// # Errors
    /// Those of [`reconstruct`](super::reconstruct()).
    pub fn reconstruct(&self, acquisition: Acquisition, observer: &mut dyn Observer) -> Result<Reconstruction> {
        let start = Instant::now();
        acquisition.check()?;
        let settings = &self.settings;
        let mut reconstruction = if acquisition.holds_data() {
            let sampling = self.sampling_of(&acquisition)?;
            let prepared = acquisition.prepare_sampled(sampling, settings, settings.wants_reference(), observer)?;
            let mut prepared = prepared.ok_or_else(|| Error::Internal("a slice lost its data".into()))?;
            let maps = prepared.kept_maps.take();
            Reconstruction {
                maps,
                ..prepared.solve(settings, observer)?
            }
        } else {
            let sets = settings.espirit.sets.count();
            let mut nothing = Reconstruction::of_nothing(&self.sampling, self.coils, sets, settings);
            nothing.record.seconds = start.elapsed().as_secs_f64();
            nothing
        };
        // The method was settled; the choice was that of all slices.
        reconstruction.record = Record {
            choice: self.choice.why,
            ..reconstruction.record
        };
        Ok(reconstruction)
    }
}

/// Of `count` slices, those that tell how many sets of maps all of them need: the middle first, then a quarter and three
/// quarters of the way.
pub fn judged_positions(count: usize) -> [usize; 3] {
    [count / 2, count / 4, count * 3 / 4]
}

/// The slices at these positions among `count`, or the nearest of each that hold data, with what `read` makes of them: it
/// gives `None` where a slice holds none. Each is read as it is asked for, and comes once.
pub fn judged_slices<T, E>(
    positions: [usize; 3],
    count: usize,
    mut read: impl FnMut(usize) -> std::result::Result<Option<T>, E>,
) -> impl Iterator<Item = std::result::Result<(usize, T), E>> {
    let mut chosen = Vec::new();
    let mut nearest = move |position: usize| {
        let mut near: Vec<usize> = (0..count).collect();
        near.sort_by_key(|slice| slice.abs_diff(position));
        for slice in near {
            if chosen.contains(&slice) {
                break;
            }
            if let Some(found) = read(slice)? {
                chosen.push(slice);
                return Ok(Some((slice, found)));
            }
        }
        Ok(None)
    };
    positions
        .into_iter()
        .filter_map(move |position| nearest(position).transpose())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(count: usize, holds: impl Fn(usize) -> bool) -> Vec<usize> {
        let read = |slice| Ok::<_, ()>(holds(slice).then_some(()));
        let slices = judged_slices(judged_positions(count), count, read);
        slices.map(|slice| slice.unwrap().0).collect()
    }

    #[test]
    fn the_middle_and_two_quarters_are_judged_or_their_neighbours() {
        assert_eq!(judged(16, |_| true), [8, 4, 12]);
        assert_eq!(judged(16, |slice| slice != 8), [7, 4, 12]);
        assert_eq!(judged(2, |_| true), [1, 0]);
        assert_eq!(judged(1, |_| true), [0]);
        assert_eq!(judged(5, |slice| slice == 4), [4]);
        assert_eq!(judged(5, |_| false), [0; 0]);
    }
}
