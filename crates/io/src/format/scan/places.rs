//! Which slices of a scan show the same place, so that the coils see it alike.

use std::collections::HashMap;
use std::hash::Hash;

use ndarray::Array2;

use super::super::attribute::Attribute;
use super::super::hdf5_output::Hdf5Output;
use super::super::source::container::Container;
use crate::error::Result;

/// Dataset of the places in the HDF5 files that this program writes.
const PLACES: &str = "places";

/// For each slice, the place that it shows and which image of it it is. Frames of a dynamic scan are the same image, whose
/// mean over time has less noise and more of k-space; echoes and flow encodings are different ones, whose phases differ.
/// Places and images count from 0, in the order in which they occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Place and image, of each slice.
    slices: Vec<[usize; 2]>,
    count: usize,
}

impl Places {
    /// Of slices that show a place each.
    pub fn of_each(slices: usize) -> Self {
        Self {
            slices: (0..slices).map(|slice| [slice, 0]).collect(),
            count: slices,
        }
    }

    /// Of what tells a place from others, and an image from others, for each slice.
    pub(in crate::format) fn of<P: Eq + Hash, I: Eq + Hash>(keys: impl Iterator<Item = (P, I)>) -> Self {
        fn number<K: Eq + Hash>(known: &mut HashMap<K, usize>, key: K) -> usize {
            let next = known.len();
            *known.entry(key).or_insert(next)
        }
        let (mut places, mut images) = (HashMap::new(), HashMap::new());
        let slices = keys
            .map(|(place, image)| [number(&mut places, place), number(&mut images, image)])
            .collect();
        Self {
            slices,
            count: places.len(),
        }
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether any place is shown by several slices.
    pub fn are_shared(&self) -> bool {
        self.count < self.slices.len()
    }

    /// The place of a slice.
    ///
    /// # Panics
    /// If there is no such slice.
    pub fn of_slice(&self, slice: usize) -> usize {
        self.slices[slice][0]
    }

    /// The slices of a place.
    pub fn frames(&self, place: usize) -> Vec<usize> {
        let of_place = |&slice: &usize| self.slices[slice][0] == place;
        (0..self.slices.len()).filter(of_place).collect()
    }

    /// The slices of a place, those of each image together.
    pub fn images(&self, place: usize) -> Vec<Vec<usize>> {
        let mut images: Vec<(usize, Vec<usize>)> = Vec::new();
        for slice in self.frames(place) {
            let image = self.slices[slice][1];
            match images.iter_mut().find(|(known, _)| *known == image) {
                Some((_, slices)) => slices.push(slice),
                None => images.push((image, vec![slice])),
            }
        }
        images.into_iter().map(|(_, slices)| slices).collect()
    }
}

/// Writes the dataset `places`, `(slices, 2)`, where slices share places.
pub(in crate::format) fn write_places(file: &Hdf5Output, places: &Places) -> Result<()> {
    if !places.are_shared() {
        return Ok(());
    }
    let values = Array2::from_shape_fn((places.slices.len(), 2), |(slice, what)| {
        places.slices[slice][what] as i64
    });
    file.write(PLACES, values.view())?;
    file.attribute(PLACES, &Attribute::new("columns", "place,image"))
}

/// Reads them for a scan of so many slices; `None` where the file has none, or a dataset of that name that is another
/// thing.
///
/// # Errors
/// Values that cannot be read.
pub(super) fn read_places(file: &Container, slices: usize) -> Result<Option<Places>> {
    let source = match file.hdf5() {
        Some(_) => file.source(PLACES)?,
        None => None,
    };
    let Some(source) = source.filter(|source| source.shape == [slices, 2] && source.element.is_number()) else {
        return Ok(None);
    };
    let values = source.real::<f64>(&[])?;
    let key = |slice: usize, what: usize| values[[slice, what]].to_bits();
    Ok(Some(Places::of(
        (0..slices).map(|slice| (key(slice, 0), key(slice, 1))),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_of_a_place_are_found_by_image() {
        // two echoes of two frames of two places
        let keys = (0..8).map(|slice| (slice % 2, slice / 4));
        let places = Places::of(keys);
        assert_eq!((places.count(), places.are_shared()), (2, true));
        assert_eq!((places.of_slice(5), places.frames(1)), (1, vec![1, 3, 5, 7]));
        assert_eq!(places.images(0), [[0, 2], [4, 6]]);
        let plain = Places::of_each(3);
        assert_eq!((plain.count(), plain.are_shared()), (3, false));
        assert_eq!(plain.images(2), [[2]]);
    }
}
