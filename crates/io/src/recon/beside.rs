//! Arrays that come with a scan, held to its data: which way round they lie, and whether they can be its own.

use super::places::Places;
use crate::error::Result;
use crate::format::{Alternatives, KspaceOrder, MapsFile};
use pvdamp::array::{CoilStack, Mask};
use pvdamp::reconstruct::{Channels, CoilMaps, Sampling, Sourced};
use pvdamp::{Noise, Settings};

/// What one way round has to leave unexplained, relative to the other, to be the right one.
const CLEARLY_LESS: f64 = 0.5;
/// Gaps in what was sampled, relative to all samples, that chance leaves in a full scan.
const GAPS: f64 = 0.01;

/// The way round that fits better, by the number that `wrong` gives it; a sentence where that is not as k-space lies, or
/// cannot be told.
pub(super) fn settle<T: PartialEq>(
    what: &str,
    read: Alternatives<T>,
    order: KspaceOrder,
    wrong: impl Fn(&T) -> f64,
) -> (T, Option<String>) {
    let Alternatives {
        likely,
        other,
        only_turned,
    } = read;
    if only_turned {
        let told = format!("the {what} is read with columns before rows: only that fits");
        return (likely, Some(told));
    }
    let Some(other) = other.filter(|other| *other != likely) else {
        return (likely, None);
    };
    let (of_likely, of_other) = (wrong(&likely), wrong(&other));
    if of_other < of_likely {
        let turned = KspaceOrder {
            columns_first: !order.columns_first,
            ..order
        };
        let told = format!(
            "the {what} is read with {}, other than k-space lies: so it fits the data",
            turned.sentence()
        );
        return (other, Some(told));
    }
    let told = (of_other == of_likely).then(|| undecided(&format!("the {what} is"), order));
    (likely, told)
}

/// Moves what comes from beside a scan whose k-space was brought to the centre as that was, where it fits better so, by the
/// number that `wrong` gives it; a sentence where it does.
pub(super) fn follow<T>(
    what: &str,
    read: Alternatives<T>,
    moved: impl Fn(&T) -> Option<T>,
    wrong: impl Fn(&T) -> f64,
) -> (Alternatives<T>, Option<String>) {
    let Some(likely) = moved(&read.likely) else {
        return (read, None);
    };
    let moved = Alternatives {
        likely,
        other: read.other.as_ref().and_then(moved),
        only_turned: read.only_turned,
    };
    let least = |read: &Alternatives<T>| {
        let others = read.other.iter().map(&wrong);
        others.fold(wrong(&read.likely), f64::min)
    };
    if least(&moved) < least(&read) {
        let told = format!("the {what} is moved as k-space is: so it fits the data");
        return (moved, Some(told));
    }
    (read, None)
}

fn undecided(subject: &str, order: KspaceOrder) -> String {
    format!(
        "{subject} read with {}, as k-space lies: the other way round fits as well. If that is wrong, give the dataset an \
         attribute 'axes' such as rows,cols or cols,rows",
        order.sentence()
    )
}

/// A slice that given maps are held to.
pub(super) struct Seen<'a> {
    pub slice: usize,
    pub place: usize,
    pub kspace: &'a CoilStack<f32>,
    pub sampling: &'a Sampling,
    pub noise: &'a Noise,
    pub settings: &'a Settings,
}

impl Seen<'_> {
    /// What maps leave unexplained of its sampled centre, where that tells anything.
    fn unexplained_by(&self, maps: &MapsFile, places: &Places) -> Result<Option<f64>> {
        let given = Sourced::from(maps.slice(self.slice, self.place)?);
        let unexplained = || {
            let channels = Channels::of(self.kspace.clone(), self.sampling, self.noise, self.settings, false)?;
            let Some(channels) = channels else { return Ok(None) };
            let given = CoilMaps::given(given, &channels, self.sampling, &self.settings.espirit)?;
            Ok(given.record.unexplained())
        };
        unexplained().map_err(|error| places.locate(error, Some(self.slice)))
    }
}

/// Maps of a scan whose image was moved by half its size may lie as that did: moves them where they explain a slice better
/// so; a sentence where they do, or where nobody can tell.
///
/// # Errors
/// Maps that cannot be read or do not fit.
pub(super) fn follow_image(maps: &mut MapsFile, seen: &Seen, places: &Places) -> Result<Option<String>> {
    let as_is = seen.unexplained_by(maps, places)?;
    maps.roll();
    let rolled = seen.unexplained_by(maps, places)?;
    match (as_is, rolled) {
        (Some(as_is), Some(rolled)) if rolled < CLEARLY_LESS * as_is => {
            let told = "the given coil maps are moved by half the size of the image, as the image is: so they explain the data";
            return Ok(Some(told.into()));
        }
        _ => maps.roll(),
    }
    let clear = matches!((as_is, rolled), (Some(as_is), Some(rolled)) if as_is < CLEARLY_LESS * rolled);
    let told = "the image is moved by half its size, and the given coil maps are not: nothing tells whether they lie as \
                it did; give them with the object in the middle";
    Ok((!clear).then(|| told.into()))
}

/// Turns maps whose rows and columns may be the other way round, where they explain a slice better so; a sentence where
/// they do, or where nobody can tell.
///
/// # Errors
/// Maps that cannot be read or do not fit.
pub(super) fn settle_maps(
    maps: &mut MapsFile,
    seen: &Seen,
    order: KspaceOrder,
    places: &Places,
) -> Result<Option<String>> {
    if !maps.is_doubtful() {
        return Ok(None);
    }
    let unturned = seen.unexplained_by(maps, places)?;
    maps.turn();
    let (turned, why) = turned([unturned, seen.unexplained_by(maps, places)?], order);
    if !turned {
        maps.turn();
    }
    Ok(why)
}

/// Whether given maps are to be turned, by what they leave unexplained as they are and turned; a sentence where they are, or
/// where that does not tell.
fn turned(unexplained: [Option<f64>; 2], order: KspaceOrder) -> (bool, Option<String>) {
    match unexplained {
        [Some(as_is), Some(turned)] if turned < CLEARLY_LESS * as_is => {
            let percent = [turned, as_is].map(|share| 100.0 * share);
            let told = format!(
                "the given coil maps are read with rows and columns the other way round than k-space: so they leave \
                 {:.1} % of its centre unexplained, and else {:.1} %",
                percent[0], percent[1]
            );
            (true, Some(told))
        }
        [Some(as_is), Some(turned)] if as_is < CLEARLY_LESS * turned => (false, None),
        _ => (false, Some(undecided("the given coil maps are", order))),
    }
}

/// Locations that only one of two masks has.
pub(super) fn differing(one: &Mask, other: &Mask) -> usize {
    one.sampled.iter().zip(&other.sampled).filter(|(a, b)| a != b).count()
}

/// A warning of samples of an undersampled scan that lie outside its mask. Of a full scan, they are what a mask is for.
pub(super) fn outside(mask: &Mask, data: &Mask) -> Option<String> {
    let outside = data
        .sampled
        .iter()
        .zip(&mask.sampled)
        .filter(|(held, taken)| **held && !**taken);
    let (count, all) = (outside.count(), data.count());
    let undersampled = gaps(data) as f64 > GAPS * all as f64;
    (count > 0 && undersampled).then(|| {
        format!(
            "{count} of the {all} locations where the scan holds data lie outside the mask, and their samples are not used: \
             does the mask belong to this scan, and is it not transposed?"
        )
    })
}

/// Locations without data between others of their row, or of their column, that have some.
fn gaps(data: &Mask) -> usize {
    let of_lines = |axis: usize| {
        let lines = data.sampled.lanes(ndarray::Axis(axis));
        let gaps = lines.into_iter().map(|line| {
            let first = line.iter().position(|v| *v);
            let last = line.iter().rposition(|v| *v);
            let between = first.zip(last).map_or(0, |(first, last)| last + 1 - first);
            between - line.iter().filter(|v| **v).count()
        });
        gaps.sum::<usize>()
    };
    of_lines(0).max(of_lines(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn mask(sampled: impl Fn(usize, usize) -> bool) -> Mask {
        Mask::new(Array2::from_shape_fn((8, 8), |(row, col)| sampled(row, col)))
    }

    #[test]
    fn samples_outside_a_mask_are_told_of_undersampled_scans_alone() {
        let columns = |step: usize| mask(move |_, col| col % step == 0);
        let disc = mask(|row, col| (row as f64 - 3.5).hypot(col as f64 - 3.5) < 4.0);
        let half = mask(|row, _| row > 2);
        for full in [&mask(|_, _| true), &disc, &half] {
            assert_eq!(outside(&columns(2), full), None);
        }
        let told = outside(&columns(4), &columns(2)).unwrap();
        assert!(told.starts_with("16 of the 32 locations"), "{told}");
        assert_eq!(outside(&columns(2), &columns(2)), None);
        assert_eq!(outside(&mask(|_, _| true), &columns(2)), None);
    }

    #[test]
    fn the_data_tell_which_way_round() {
        let rows = mask(|row, _| row % 2 == 0);
        let cols = mask(|_, col| col % 2 == 0);
        let order = KspaceOrder {
            columns_first: true,
            by_matlab: false,
        };
        let both = |likely: &Mask, other: &Mask| Alternatives {
            likely: likely.clone(),
            other: Some(other.clone()),
            only_turned: false,
        };
        let settled = |read, data: &Mask| settle("mask", read, order, |mask| differing(mask, data) as f64);
        let (found, told) = settled(both(&rows, &cols), &cols);
        assert!(found.sampled == cols.sampled && told.unwrap().contains("rows before columns"));
        let (found, told) = settled(both(&cols, &rows), &cols);
        assert!(found.sampled == cols.sampled && told.is_none());
        // a full scan tells nothing
        let (found, told) = settled(both(&cols, &rows), &mask(|_, _| true));
        assert!(found.sampled == cols.sampled && told.unwrap().contains("attribute 'axes'"));
        assert!(turned([Some(0.4), Some(0.02)], order).0);
        assert_eq!(turned([Some(0.02), Some(0.4)], order), (false, None));
        assert!(matches!(turned([None, None], order), (false, Some(_))));
    }
}
