//! Which acquisitions are lines of the scan, by their flags.

use std::collections::HashSet;

use super::super::places::Places;
use super::layout::{Layout, same_dwell};
use super::table::Head;

/// `ISMRMRD_AcquisitionFlags`, which count from 1.
const NOISE: u32 = 19;
const CALIBRATION: u32 = 20;
const CALIBRATION_AND_IMAGING: u32 = 21;
/// Those that are neither image, noise nor calibration, and what they are.
const OTHERS: [(u32, &str); 8] = [
    (23, "navigator"),
    (24, "phase correction"),
    (26, "HP feedback"),
    (27, "dummy"),
    (28, "real-time feedback"),
    (29, "surface coil correction"),
    (30, "phase stabilisation reference"),
    (31, "phase stabilisation"),
];

/// Acquisitions by what they are for, each by its number in the table.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sorted {
    pub imaging: Vec<usize>,
    /// Reference lines of parallel imaging that are not flagged as imaging too.
    pub calibration: Vec<usize>,
    pub noise: Vec<usize>,
    /// How many are left out, and what they are.
    left_out: Vec<(usize, &'static str)>,
    /// The encoding space that is read: the first that holds a line of the image.
    pub encoding: usize,
}

impl Sorted {
    pub fn new(heads: &[Head]) -> Self {
        let mut sorted = Self::default();
        let mut leave = |what: &'static str| match sorted.left_out.iter_mut().find(|(_, name)| *name == what) {
            Some((count, _)) => *count += 1,
            None => sorted.left_out.push((1, what)),
        };
        for (at, head) in heads.iter().enumerate() {
            let other = OTHERS.iter().find(|(flag, _)| head.is(*flag));
            match other {
                _ if head.usable_samples() == 0 || head.active_channels == 0 => leave("empty"),
                _ if head.is(NOISE) => sorted.noise.push(at),
                Some((_, what)) => leave(what),
                None if head.is(CALIBRATION) && !head.is(CALIBRATION_AND_IMAGING) => sorted.calibration.push(at),
                None => sorted.imaging.push(at),
            }
        }
        let space = |&at: &usize| usize::from(heads[at].encoding_space_ref);
        sorted.encoding = sorted.imaging.iter().map(space).min().unwrap_or(0);
        let encoding = sorted.encoding;
        let before = sorted.imaging.len();
        sorted.imaging.retain(|at| space(at) == encoding);
        if sorted.imaging.len() < before {
            sorted
                .left_out
                .push((before - sorted.imaging.len(), "other encoding space"));
        }
        sorted
    }

    /// Takes the calibration lines that belong to the image into `imaging`; the others stay.
    ///
    /// `mode` is `calibrationMode` of the header. Embedded lines fill gaps between those of the image. Where the header
    /// does not tell, lines are embedded if all are read out as the image is and none repeats a line of it, as the
    /// reference lines of a separate scan do. Lines of a separate scan may differ in contrast: they are no lines of the image.
    pub fn take_calibration(&mut self, heads: &[Head], layout: &Layout, mode: Option<&str>) {
        let all = std::mem::take(&mut self.calibration);
        if all.is_empty() {
            return;
        }
        let taken: HashSet<_> = self.imaging.iter().map(|&at| location(&heads[at])).collect();
        let frames: HashSet<_> = self.imaging.iter().map(|&at| heads[at].frame()).collect();
        let like = &heads[self.imaging[0]];
        let fits = |&at: &usize| {
            let head = &heads[at];
            head.encoding_space_ref == like.encoding_space_ref
                && head.active_channels == like.active_channels
                && head.number_of_samples == like.number_of_samples
                && head.center_sample == like.center_sample
                && same_dwell(head.sample_time_us, like.sample_time_us)
                && layout.column(head).is_some()
                && frames.contains(&head.frame())
                && !taken.contains(&location(head))
        };
        let mut fitting = all.clone();
        fitting.retain(fits);
        match mode {
            Some("embedded") => {}
            None | Some("interleaved") if fitting.len() == all.len() => {}
            _ => fitting.clear(),
        }
        let used: HashSet<usize> = fitting.iter().copied().collect();
        self.calibration = all.into_iter().filter(|at| !used.contains(at)).collect();
        self.imaging.extend(fitting);
        self.imaging.sort_unstable();
    }

    /// Those that are left of the calibration lines, of the encoding that is read: a scan of their own.
    pub fn separate(&self, heads: &[Head]) -> Vec<usize> {
        let same = |at: &&usize| usize::from(heads[**at].encoding_space_ref) == self.encoding;
        self.calibration.iter().filter(same).copied().collect()
    }

    /// What was left out, in words.
    pub fn left_out(&self) -> Option<String> {
        let parts: Vec<String> = self.left_out.iter().map(|(n, what)| format!("{n} of {what}")).collect();
        (!parts.is_empty()).then(|| format!("acquisitions left out: {}", parts.join(", ")))
    }
}

fn location(head: &Head) -> ([u16; 5], u16, u16) {
    (
        head.frame(),
        head.idx.kspace_encode_step_1,
        head.idx.kspace_encode_step_2,
    )
}

/// Names of frames: the counters that differ among them, and the slice where none does.
pub(super) fn names(frames: &[[u16; 5]]) -> Vec<String> {
    const COUNTERS: [&str; 5] = ["contrast", "phase", "repetition", "set", "slice"];
    let differs = |counter: usize| frames.iter().any(|frame| frame[counter] != frames[0][counter]);
    let mut counters: Vec<usize> = (0..COUNTERS.len()).filter(|&counter| differs(counter)).collect();
    if counters.is_empty() {
        counters.push(4);
    }
    let name = |frame: &[u16; 5]| {
        let words: Vec<String> = counters
            .iter()
            .map(|&c| format!("{} {}", COUNTERS[c], frame[c]))
            .collect();
        words.join(", ")
    };
    frames.iter().map(name).collect()
}

/// Which slices show the same place: those of a slice counter that lie in the same place by the head of their first line.
/// Contrasts and sets are different images of it, phases and repetitions frames of one. Each frame is so many planes.
pub(super) fn places<'h>(frames: impl Iterator<Item = (&'h [u16; 5], &'h &'h Head)>, planes: usize) -> Places {
    let keys = frames.flat_map(|([contrast, _, _, set, slice], head)| {
        let tenths = |v: f32| (10.0 * v).round() as i64;
        let lies = (
            head.position.map(tenths),
            [head.read_dir, head.phase_dir, head.slice_dir].map(|d| d.map(tenths)),
        );
        (0..planes).map(move |plane| ((*slice, lies, plane), (*contrast, *set)))
    });
    Places::of(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tell_what_an_acquisition_is_for() {
        let head = |flags: &[u32]| Head {
            number_of_samples: 4,
            active_channels: 1,
            flags: flags.iter().map(|flag| 1 << (flag - 1)).sum(),
            ..Head::default()
        };
        let mut elsewhere = head(&[1]);
        elsewhere.encoding_space_ref = 1;
        let heads = [
            head(&[19]),
            head(&[]),
            head(&[20]),
            head(&[20, 21]),
            head(&[22, 24]),
            head(&[23]),
            head(&[24]),
            elsewhere,
            Head::default(),
            head(&[21, 64]),
        ];
        let sorted = Sorted::new(&heads);
        assert_eq!((&sorted.imaging[..], &sorted.noise[..]), (&[1, 3, 9][..], &[0][..]));
        assert_eq!(sorted.calibration, [2]);
        let left_out = sorted.left_out().unwrap();
        for part in [
            "2 of phase correction",
            "1 of navigator",
            "1 of empty",
            "1 of other encoding space",
        ] {
            assert!(left_out.contains(part), "{left_out}");
        }
    }

    #[test]
    fn a_frame_is_named_by_what_differs() {
        assert_eq!(names(&[[0, 0, 0, 0, 2]]), ["slice 2"]);
        assert_eq!(names(&[[0, 0, 0, 0, 2], [1, 0, 0, 0, 2]]), ["contrast 0", "contrast 1"]);
        let both = [[0, 0, 3, 0, 0], [0, 0, 3, 0, 1], [0, 0, 4, 0, 0]];
        assert_eq!(
            names(&both),
            [
                "repetition 3, slice 0",
                "repetition 3, slice 1",
                "repetition 4, slice 0"
            ]
        );
    }
}
