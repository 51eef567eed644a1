//! What the axes of an array of k-space mean.

use std::fmt;
use std::str::FromStr;

/// What runs along one axis of k-space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AxisKind {
    /// Whatever is reconstructed by itself and is no other kind. Several axes of it count as one.
    Slice,
    /// Times at which the same place was imaged: phases of a cycle, repetitions. Reconstructed one by one; coil maps come
    /// from their mean.
    Frame,
    /// Images of the same place that may differ in phase: echoes, flow encodings. Reconstructed one by one; coil maps come
    /// from all of them.
    Echo,
    Coil,
    /// The readout, in k-space.
    Kx,
    /// The readout, transformed already: positions along it.
    X,
    /// The phase encodes.
    Ky,
    /// The partition encodes of a volume.
    Kz,
}

/// The axes of an array in words, in bytes; NumPy has no arrays of more than 64 axes.
const LONGEST: usize = 512;

impl AxisKind {
    const WORDS: [(Self, &'static str); 8] = [
        (Self::Slice, "slice"),
        (Self::Frame, "frame"),
        (Self::Echo, "echo"),
        (Self::Coil, "coil"),
        (Self::Kx, "kx"),
        (Self::X, "x"),
        (Self::Ky, "ky"),
        (Self::Kz, "kz"),
    ];

    /// Whether it counts images that are reconstructed by themselves.
    pub fn is_repeated(self) -> bool {
        matches!(self, Self::Slice | Self::Frame | Self::Echo)
    }

    pub fn word(self) -> &'static str {
        let row = Self::WORDS.iter().find(|(kind, _)| *kind == self);
        row.expect("a word for every kind").1
    }
}

/// The axes of an array of k-space, slowest first; written `coil,kx,ky,kz`.
///
/// Two-dimensional scans have kx and ky. A volume has kz too: it is transformed along its readout, unless that is done
/// (x for kx), and cut into planes of ky and kz.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Vec<AxisKind>);

impl Axes {
    pub(super) fn of(kinds: Vec<AxisKind>) -> Self {
        Self(kinds)
    }

    pub fn kinds(&self) -> &[AxisKind] {
        &self.0
    }

    /// Where an axis of that kind is.
    pub fn position(&self, kind: AxisKind) -> Option<usize> {
        self.0.iter().position(|&k| k == kind)
    }

    /// Whether the planes to reconstruct are ky-kz.
    pub fn is_volume(&self) -> bool {
        self.position(AxisKind::Kz).is_some()
    }
}

impl FromStr for Axes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // it may come from a file, and errors repeat it
        if text.len() > LONGEST {
            return Err(format!(
                "{} characters are too many for the axes of an array",
                text.chars().count()
            ));
        }
        let kind = |word: &str| {
            let row = AxisKind::WORDS
                .iter()
                .find(|(_, name)| name.eq_ignore_ascii_case(word.trim()));
            row.map(|(kind, _)| *kind).ok_or_else(|| {
                format!("'{word}' is no axis: write slice, frame, echo, coil, kx, x, ky or kz, as in coil,kx,ky,kz")
            })
        };
        let axes = Self(text.split(',').map(kind).collect::<Result<_, _>>()?);
        let count = |kind: AxisKind| axes.0.iter().filter(|&&k| k == kind).count();
        use AxisKind::{Coil, Kx, Ky, Kz, X};
        if let Some(twice) = [Coil, Kx, X, Ky, Kz].into_iter().find(|&k| count(k) > 1) {
            return Err(format!("'{text}' names {} twice", twice.word()));
        }
        if count(Ky) == 0 {
            return Err(format!("'{text}' has no ky, the phase encodes"));
        }
        match (count(Kx), count(X), count(Kz)) {
            (1, 1, _) => Err(format!(
                "'{text}' has kx and x, which are the same axis before and after its transform"
            )),
            (0, 1, 0) => Err(format!(
                "'{text}' has x but no kz: planes to reconstruct are kx-ky or ky-kz"
            )),
            (0, 0, 0) => Err(format!("'{text}' has one encoded axis: give kx or kz too")),
            _ => Ok(axes),
        }
    }
}

impl fmt::Display for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.0.iter().map(|kind| kind.word()).collect();
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_words() {
        for text in [
            "slice,coil,kx,ky",
            "coil,kx,ky,kz",
            "x,ky,kz,coil",
            "ky,kz",
            "slice,slice,kx,ky",
            "slice,frame,echo,coil,kx,ky",
        ] {
            assert_eq!(text.parse::<Axes>().unwrap().to_string(), text);
        }
        assert_eq!("Coil, KX,ky".parse::<Axes>().unwrap().to_string(), "coil,kx,ky");
        assert!("coil,kx,ky,kz".parse::<Axes>().unwrap().is_volume());
        for (text, why) in [
            ("", "'' is no axis"),
            ("coil,rows,cols", "'rows' is no axis"),
            ("kx,ky,ky", "ky twice"),
            ("coil,kx", "no ky"),
            ("kx,x,ky,kz", "kx and x"),
            ("x,ky,coil", "no kz"),
            ("ky,coil", "one encoded axis"),
            (&"slice,".repeat(100), "600 characters are too many"),
        ] {
            let message = text.parse::<Axes>().unwrap_err();
            assert!(message.contains(why), "{message}");
        }
    }
}
