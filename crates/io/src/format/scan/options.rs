//! What the user says of a scan that its file does not say, or says wrongly.

use std::fmt;
use std::str::FromStr;

use super::axes::{Axes, AxisKind};

/// What the user says of a file that the file does not say itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScanOptions {
    /// Dataset of the k-space, for files that hold several.
    pub dataset: Option<String>,
    /// What the axes of the k-space mean, in the order of their strides, slowest first.
    pub axes: Option<Axes>,
    /// Where zero frequency lies.
    pub centre: Centre,
    /// Which way the directions of raw data point; by the vendor where `None`.
    pub directions: Option<Directions>,
}

/// Whether image indices grow along the directions that raw data tell, `read_dir`, `phase_dir` and `slice_dir`, or
/// against them: whether these hold for images that the inverse or the forward transform makes of k-space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Directions {
    Along,
    Against,
}

impl Directions {
    const WORDS: [(Self, &'static str); 2] = [(Self::Along, "along"), (Self::Against, "against")];

    /// What it means.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Along => "image indices grow along read_dir, phase_dir and slice_dir",
            Self::Against => "image indices grow against read_dir, phase_dir and the slice_dir of a slab",
        }
    }
}

impl fmt::Display for Directions {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let row = Self::WORDS.iter().find(|(directions, _)| directions == self);
        f.write_str(row.expect("a word for both").1)
    }
}

impl FromStr for Directions {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let row = Self::WORDS.iter().find(|(_, word)| *word == text);
        row.map(|(directions, _)| *directions)
            .ok_or_else(|| "it is along or against".into())
    }
}

/// Where zero frequency lies in k-space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Centre {
    /// Where the file says or its format has it, held against the energy of k-space.
    #[default]
    Found,
    /// The same, without that.
    AsIs,
    /// At these indices, each of an axis in k-space, or encoding steps of raw data; other axes as [`Self::Found`].
    Stated(Vec<(AxisKind, usize)>),
}

impl Centre {
    /// Where it is stated to lie along an axis.
    pub fn along(&self, axis: AxisKind) -> Option<usize> {
        let Self::Stated(stated) = self else { return None };
        stated.iter().find(|(kind, _)| *kind == axis).map(|(_, index)| *index)
    }

    /// With these stated beside those that are.
    pub(super) fn with(&self, mut stated: Vec<(AxisKind, usize)>) -> Self {
        if let Self::Stated(before) = self {
            stated.extend(before);
        }
        Self::Stated(stated)
    }
}

impl FromStr for Centre {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Found),
            "as-is" => return Ok(Self::AsIs),
            _ => {}
        }
        let one = |part: &str| {
            let (axis, index) = part.split_once('=')?;
            let kinds = [AxisKind::Kx, AxisKind::Ky, AxisKind::Kz];
            let kind = kinds.into_iter().find(|kind| kind.word() == axis.trim())?;
            Some((kind, index.trim().parse().ok()?))
        };
        let stated: Option<Vec<(AxisKind, usize)>> = text.split(',').map(one).collect();
        let twice =
            |stated: &[(AxisKind, usize)]| (1..stated.len()).any(|i| stated[..i].iter().any(|s| s.0 == stated[i].0));
        match stated {
            Some(stated) if !twice(&stated) => Ok(Self::Stated(stated)),
            _ => Err("it is auto, as-is, or indices such as ky=32 or ky=32,kz=12".into()),
        }
    }
}

impl fmt::Display for Centre {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Found => f.write_str("auto"),
            Self::AsIs => f.write_str("as-is"),
            Self::Stated(stated) => {
                let parts: Vec<String> = stated
                    .iter()
                    .map(|(axis, at)| format!("{}={at}", axis.word()))
                    .collect();
                f.write_str(&parts.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_in_words() {
        for text in ["auto", "as-is", "ky=32", "ky=32,kz=0"] {
            assert_eq!(text.parse::<Centre>().unwrap().to_string(), text);
        }
        let stated: Centre = "kz=3, ky=4".parse().unwrap();
        assert_eq!(
            (stated.along(AxisKind::Ky), stated.along(AxisKind::Kx)),
            (Some(4), None)
        );
        for bad in ["", "32", "coil=3", "ky=-1", "ky=1,ky=2", "ky=32;kz=1"] {
            assert!(bad.parse::<Centre>().is_err(), "{bad}");
        }
    }
}
