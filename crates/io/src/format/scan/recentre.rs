//! The origins of a scan held against the energy of its k-space, and put right where that is certain.

use std::sync::Mutex;

use super::super::geometry::Plane;
use super::axes::AxisKind;
use super::find_origin::{Energy, Look, is_rolled, look};
use super::options::Centre;
use super::origin::{Move, Origin, Recentred};
use super::reader::{Calibration, ImageBegins, Planes, Scan};
use crate::error::{Error, Result};
use pvdamp::array::{CoilStack, Mask};
use pvdamp::sampling::held_data;

/// A stated centre nearer to the first sample than this share of the axis is that of k-space which was not shifted.
const FIRST: f64 = 1.0 / 16.0;

/// What becomes of a scan whose origins are held against its energy.
pub(super) enum Recentring {
    Done(Box<Scan>),
    /// Raw data whose lines are counted from other steps than the file says: it has to be read again with these.
    OtherSteps(Vec<(AxisKind, usize)>),
}

/// A slice, as the file has it, and what it looks like.
struct Seen {
    slice: usize,
    kspace: CoilStack<f32>,
    look: Look,
}

const AS_IS: &str = "--centre as-is takes it as it is";

impl Scan {
    /// Brings the origins of k-space and image to the centre: where they are stated, or a format says, or where the energy
    /// of k-space leaves no doubt; warns where it does not lie where it should.
    ///
    /// # Errors
    /// A stated centre that is outside.
    pub(super) fn recentred(mut self, centre: &Centre) -> Result<Recentring> {
        let kinds = match self.geometry.plane {
            Plane::Xy => [AxisKind::Kx, AxisKind::Ky],
            Plane::Yz => [AxisKind::Ky, AxisKind::Kz],
        };
        self.check_stated(centre, kinds)?;
        let lengths = [self.grid.rows, self.grid.cols];
        let stated = kinds.map(|kind| centre.along(kind));
        let mut moves = [0, 1].map(|axis| match stated[axis] {
            Some(at) if self.steps_at_centre.is_none() => move_of(at, lengths[axis]),
            _ => Move::NONE,
        });
        let origin = Origin::centred(self.grid).turned([self.image_begins == ImageBegins::AtItsOrigin; 2]);
        if *centre == Centre::AsIs {
            return Ok(Recentring::Done(Box::new(self.settled(origin, None))));
        }
        let Some(seen) = self.look() else {
            return Ok(Recentring::Done(Box::new(self.settled(origin.moved(moves), None))));
        };
        let other_steps = self.follow_energy(seen.look, kinds, stated, &mut moves);
        if !other_steps.is_empty() {
            return Ok(Recentring::OtherSteps(other_steps));
        }
        if seen.look.images {
            self.warnings.push(
                "k-space looks like images of the coils, and their Fourier transform like k-space: the image will be \
                 wrong if it holds images; transform them first"
                    .into(),
            );
        }
        let origin = origin.moved(moves);
        let origin = match self.image_begins {
            ImageBegins::AtItsOrigin => origin,
            ImageBegins::AtItsEdge => {
                let turned = self.turned(&origin, &seen);
                origin.turned(turned)
            }
        };
        Ok(Recentring::Done(Box::new(self.settled(origin, Some(seen)))))
    }

    /// Moves the axes whose zero frequency is not stated to where their energy lies, and warns of it; of raw data, the steps
    /// there.
    fn follow_energy(
        &mut self,
        look: Look,
        kinds: [AxisKind; 2],
        stated: [Option<usize>; 2],
        moves: &mut [Move; 2],
    ) -> Vec<(AxisKind, usize)> {
        let lengths = [self.grid.rows, self.grid.cols];
        let (mut other_steps, mut first) = (Vec::new(), Vec::new());
        for axis in (0..2).filter(|&axis| stated[axis].is_none()) {
            let (kind, n) = (kinds[axis], lengths[axis]);
            match (look.energy[axis], self.steps_at_centre) {
                (Energy::Central, _) => {}
                (Energy::First, _) => {
                    moves[axis] = Move::Roll(n / 2);
                    first.push(kind.word());
                }
                (Energy::At(at), Some(steps)) if kind != AxisKind::Kx => {
                    let step = steps[usize::from(kind == AxisKind::Kz)] + at;
                    other_steps.extend(step.checked_sub(n / 2).map(|step| (kind, step)));
                }
                (Energy::At(at), Some(_)) => self.warn_of_late_echo(at, n),
                (Energy::At(at), None) => self.warn_of_other_place(kind, at, n),
            }
        }
        self.warn_of_first(&first);
        other_steps
    }

    fn check_stated(&self, centre: &Centre, kinds: [AxisKind; 2]) -> Result<()> {
        let Centre::Stated(stated) = centre else { return Ok(()) };
        let raw = self.steps_at_centre.is_some();
        for (kind, at) in stated {
            let axis = kinds.iter().position(|k| k == kind);
            let problem = match axis {
                _ if raw && *kind == AxisKind::Kx => "raw data have their centre along kx in center_sample".to_string(),
                None => format!("the planes of this scan have no axis {}", kind.word()),
                Some(axis) => {
                    let n = [self.grid.rows, self.grid.cols][axis];
                    if raw || *at < n {
                        continue;
                    }
                    format!("{} has {n} samples, counted from 0", kind.word())
                }
            };
            return Err(Error::setting(format!("--centre {centre}: {problem}")));
        }
        Ok(())
    }

    /// The first slice of a two-dimensional scan that tells anything, of a few; of volumes those in the middle, which lie in
    /// the object. `None` if none does: what cannot be read is an error when it is needed.
    fn look(&self) -> Option<Seen> {
        let eighths = match self.geometry.plane {
            Plane::Xy => [0, 4, 2, 6],
            Plane::Yz => [4, 2, 6, 3],
        };
        // of several volumes the first, whose middle lies in the object
        let planes = match self.geometry.plane {
            Plane::Xy => self.slices,
            Plane::Yz => self.planes_of_volume,
        };
        let mut chosen: Vec<usize> = Vec::new();
        for slice in eighths.map(|eighth| planes * eighth / 8) {
            if chosen.contains(&slice) {
                continue;
            }
            chosen.push(slice);
            let kspace = self.planes.slice(slice).ok()?;
            let look = look(kspace.view());
            if look.clear || look.images {
                return Some(Seen { slice, kspace, look });
            }
        }
        None
    }

    fn warn_of_first(&mut self, axes: &[&str]) {
        if self.image_begins == ImageBegins::AtItsOrigin || axes.is_empty() {
            return;
        }
        self.warnings.push(format!(
            "zero frequency lies at the first sample of {}, as FFTs leave it: k-space was shifted by half its length \
             ({AS_IS})",
            axes.join(" and of ")
        ));
    }

    fn warn_of_other_place(&mut self, kind: AxisKind, at: usize, n: usize) {
        let word = kind.word();
        self.warnings.push(format!(
            "most energy of k-space lies at sample {at} of {n} along {word}, and zero frequency is taken to be at {}: \
             the image may be wrong. If zero frequency lies there, say so by --centre {word}={at}",
            n / 2
        ));
    }

    /// Of raw data, whose readouts tell their centre themselves.
    fn warn_of_late_echo(&mut self, at: usize, n: usize) {
        self.warnings.push(format!(
            "most energy of the readouts lies at sample {at} of {n}, and their center_sample is at {}: the image may be wrong; \
             convert the scan again if center_sample is",
            n / 2
        ));
    }

    /// Whether the image has to be moved by half its size along rows and columns.
    fn turned(&mut self, origin: &Origin, seen: &Seen) -> [bool; 2] {
        let rolled = match (seen.look.clear, origin.is_centred()) {
            (false, _) => [false; 2],
            (true, true) => is_rolled(seen.kspace.view()),
            (true, false) => is_rolled(origin.centre(&seen.kspace).view()),
        };
        match (rolled, self.steps_at_centre) {
            ([false, false], _) => {}
            ([true, true], None) => {
                self.warnings.push(format!(
                    "the object lies about the first pixel of the image, as of images that were not shifted before the \
                     FFT: the image was shifted by half its size ({AS_IS})"
                ));
                return [true; 2];
            }
            _ => self.warnings.push(
                "the object lies about the edges of the image, with air in the middle: were images shifted by half \
                 before the FFT?"
                    .into(),
            ),
        }
        [false; 2]
    }

    /// Applies it to planes, mask and probability.
    fn settled(mut self, origin: Origin, seen: Option<Seen>) -> Self {
        if origin.is_centred() {
            let first = seen.filter(|seen| seen.slice == 0);
            self.looked_at = Mutex::new(first.map(|seen| seen.kspace));
            return self;
        }
        let moved = |mask: &Mask| Mask::new(origin.plane(&mask.sampled, false));
        // a mask may be centred where k-space is not: that which fits the data
        let lies_as_kspace = |mask: &Mask| {
            let agrees = |mask: &Mask| seen.as_ref().map(|seen| agreement(mask, &origin.centre(&seen.kspace)));
            agrees(&moved(mask)) >= agrees(mask)
        };
        if self.mask.as_ref().is_none_or(lies_as_kspace) {
            self.mask = self.mask.as_ref().map(moved);
            self.probability = self
                .probability
                .as_ref()
                .map(|probability| origin.plane(probability, 1.0));
        }
        let recentred = |planes: Box<dyn Planes>| -> Box<dyn Planes> {
            let origin = origin.clone();
            Box::new(Recentred { planes, origin })
        };
        self.planes = recentred(self.planes);
        self.calibration = self.calibration.map(|calibration| Calibration {
            planes: recentred(calibration.planes),
            ..calibration
        });
        self.origin = Some(origin);
        self
    }
}

/// How many locations a mask samples where k-space holds data.
fn agreement(mask: &Mask, kspace: &CoilStack<f32>) -> usize {
    let held = held_data(kspace.view()).mask;
    held.sampled
        .iter()
        .zip(&mask.sampled)
        .filter(|&(&held, &sampled)| held && sampled)
        .count()
}

/// From where zero frequency is stated to lie, of `n` samples.
fn move_of(at: usize, n: usize) -> Move {
    let near_first = at.min(n - at.min(n)) as f64 <= FIRST * n as f64;
    if near_first {
        Move::Roll((n + n / 2 - at) % n)
    } else {
        Move::Shift((n / 2) as isize - at as isize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_centre_is_moved_to_the_middle() {
        assert_eq!(move_of(0, 8), Move::Roll(4));
        assert_eq!(move_of(0, 9), Move::Roll(4));
        assert_eq!(move_of(63, 64), Move::Roll(33));
        assert_eq!(move_of(32, 64), Move::Shift(0));
        assert_eq!(move_of(20, 64), Move::Shift(12));
        assert_eq!(move_of(40, 64), Move::Shift(-8));
    }
}
