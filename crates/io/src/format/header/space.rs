//! Matrices and fields of view of the encoded and the reconstructed space, held against each other.

use roxmltree::Node;

use super::xml::{child, number, whole};

/// No pixel of an MR image is smaller or larger, in mm; fields of view that say so are placeholders, or in other units.
const PIXELS_MM: std::ops::RangeInclusive<f64> = 0.005..=500.0;
/// Images are interpolated to a grid so many times finer or coarser; where pixels differ by more, a number is wrong.
const INTERPOLATION: f64 = 4.5;
/// A number of pixels that follows from fields of view is the one in the header if they differ by less than this share.
const ROUNDING: f64 = 0.02;

const NAMES: [&str; 3] = ["x", "y", "z"];

/// Matrix and field of view along x (readout, rows), y (phase encodes, columns) and z; 0 is not told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    pub matrix: [usize; 3],
    pub field_of_view_mm: Option<[f64; 3]>,
}

impl Space {
    pub(super) fn read(node: Node) -> Option<Self> {
        let matrix = child(node, "matrixSize")?;
        let view = child(node, "fieldOfView_mm");
        let along = |axis: &str| view.and_then(|v| number(v, axis)).unwrap_or(0.0);
        Some(Self {
            matrix: [
                whole(matrix, "x")?,
                whole(matrix, "y")?,
                whole(matrix, "z").unwrap_or(1).max(1),
            ],
            field_of_view_mm: view.map(|_| NAMES.map(along)),
        })
    }

    /// The field of view along an axis, in mm, where it is told and can be one.
    pub fn view_mm(&self, axis: usize) -> Option<f64> {
        let view = self.field_of_view_mm?[axis];
        let pixels = self.matrix[axis].max(1) as f64;
        PIXELS_MM.contains(&(view / pixels)).then_some(view)
    }
}

/// The two spaces of an encoding along one axis.
#[derive(Clone, Copy, Debug)]
pub struct Along {
    axis: usize,
    encoded: Space,
    recon: Space,
}

impl Along {
    pub(super) fn new(axis: usize, encoded: Option<Space>, recon: Option<Space>) -> Option<Self> {
        Some(Self {
            axis,
            encoded: encoded?,
            recon: recon?,
        })
    }

    fn matrices(&self) -> [f64; 2] {
        [self.encoded, self.recon].map(|space| space.matrix[self.axis] as f64)
    }

    /// Encoded and reconstructed field of view, where both are told.
    fn views(&self) -> Option<[f64; 2]> {
        Some([self.encoded.view_mm(self.axis)?, self.recon.view_mm(self.axis)?])
    }

    /// Whether the two spaces have pixels of sizes that no image has at once.
    fn contradicts(&self) -> bool {
        let ([of_encoded, of_recon], Some([encoded, recon])) = (self.matrices(), self.views()) else {
            return false;
        };
        let ratio = (recon / of_recon) / (encoded / of_encoded);
        of_recon > 0.0 && of_encoded > 0.0 && !(1.0 / INTERPOLATION..=INTERPOLATION).contains(&ratio)
    }

    /// How much of the encoded field of view the image shows, at most 1: by the fields of view, or by the matrices where
    /// the fields of view are not told. All of it where the header does not tell, or contradicts itself.
    pub fn shown(&self) -> f64 {
        let [of_encoded, of_recon] = self.matrices();
        let share = match self.views() {
            Some(_) if self.contradicts() => 1.0,
            Some([encoded, recon]) => recon / encoded,
            None if of_encoded > 0.0 && of_recon > 0.0 => of_recon / of_encoded,
            None => 1.0,
        };
        if share < 1.0 - ROUNDING / 4.0 { share } else { 1.0 }
    }

    /// How much of the encoded field of view `n` pixels cover: all of it, but where the readout oversampling was taken out.
    fn covered(&self, n: usize) -> f64 {
        let [encoded, _] = self.matrices();
        let shown = self.shown();
        let cut = (n as f64) < encoded && (n as f64 - encoded * shown).abs() <= 1.0;
        if cut { n as f64 / encoded } else { 1.0 }
    }

    /// Whether `n` pixels are those of the encoded space, as it is or without oversampling, or it does not tell.
    pub(super) fn fits(&self, n: usize) -> bool {
        let [encoded, _] = self.matrices();
        let close = (n as f64 - encoded).abs() <= ROUNDING * encoded;
        encoded == 0.0 || close || self.covered(n) < 1.0
    }

    /// How many times the field of view of the image `n` pixels cover.
    pub fn oversampling_left(&self, n: usize) -> f64 {
        self.covered(n) / self.shown()
    }

    /// How many of `n` pixels the image shows.
    pub fn pixels(&self, n: usize) -> usize {
        let told = self.recon.matrix[self.axis];
        if self.contradicts() || told == 0 && self.views().is_none() {
            return n;
        }
        let wanted = match self.views() {
            Some(_) => n as f64 / self.oversampling_left(n),
            None => told as f64,
        };
        let close = (wanted - told as f64).abs() <= (ROUNDING * wanted).max(1.0);
        let wanted = if close { told } else { wanted.round() as usize };
        wanted.clamp(1, n)
    }

    /// The size of one of `n` pixels, in mm.
    pub fn pixel_mm(&self, n: usize) -> Option<f64> {
        Some(self.encoded.view_mm(self.axis)? * self.covered(n) / n.max(1) as f64)
    }

    /// What of the header cannot be, and what is done.
    pub(super) fn contradiction(&self) -> Option<String> {
        let (name, Some([encoded, recon])) = (NAMES[self.axis], self.views()) else {
            return None;
        };
        let [of_encoded, of_recon] = self.matrices();
        let told = format!(
            "the header tells of {of_encoded} pixels in {encoded} mm (encoded) and {of_recon} in {recon} mm \
             (reconstructed) along {name}"
        );
        if self.contradicts() {
            return Some(format!(
                "{told}, whose sizes do not go together: nothing is cut along {name}"
            ));
        }
        let doubled = self.axis == 0 && self.shown() == 1.0 && of_recon > 0.0 && of_encoded == 2.0 * of_recon;
        doubled.then(|| {
            format!(
                "{told}: the fields of view count, and nothing is cut; if the readout is oversampled, the encoded \
                 field of view is wrong"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn along(axis: usize, encoded: (usize, f64), recon: (usize, f64)) -> Along {
        let space = |(pixels, view): (usize, f64)| Space {
            matrix: [pixels; 3],
            field_of_view_mm: Some([view; 3]),
        };
        Along::new(axis, Some(space(encoded)), Some(space(recon))).unwrap()
    }

    /// How many of the encoded pixels are shown, and the size of one.
    fn shown(encoded: (usize, f64), recon: (usize, f64)) -> (usize, Option<f64>) {
        let along = along(1, encoded, recon);
        (along.pixels(encoded.0), along.pixel_mm(encoded.0))
    }

    #[test]
    fn fields_of_view_count_and_not_pixels() {
        // a knee: twice the field of view along the readout, other sizes along the phase encodes
        assert_eq!(shown((640, 280.0), (320, 140.0)), (320, Some(0.4375)));
        assert_eq!(shown((368, 161.0), (320, 140.0)), (320, Some(0.4375)));
        // the same field of view, encoded more finely or less
        assert_eq!(shown((77, 256.0), (64, 256.0)).0, 77);
        assert_eq!(shown((96, 256.0), (192, 256.0)).0, 96);
        // a larger field of view, encoded on a coarser grid
        assert_eq!(shown((128, 512.0), (128, 256.0)).0, 64);
        // rounded in the header
        assert_eq!(shown((372, 163.0), (320, 140.0)).0, 320);
        assert_eq!(shown((256, 256.0), (256, 255.9)).0, 256);
    }

    #[test]
    fn what_is_not_told_cuts_nothing_or_is_told_by_the_matrix() {
        assert_eq!(shown((64, 256.0), (0, 0.0)), (64, Some(4.0)));
        assert_eq!(shown((64, 256.0), (0, 128.0)).0, 32);
        assert_eq!(shown((64, 0.0), (48, 0.0)), (48, None));
        assert_eq!(shown((64, 256.0), (48, 0.0)).0, 48);
        // placeholders, and metres
        assert_eq!(shown((640, 1.0), (320, 1.0)), (320, None));
        assert_eq!(shown((640, 0.28), (320, 0.14)), (320, None));
        assert_eq!(shown((64, f64::NAN), (48, 256.0)).0, 48);
    }

    #[test]
    fn contradictions_are_told_and_cut_nothing() {
        let odd = along(1, (256, 256.0), (256, 25.6));
        assert_eq!((odd.pixels(256), odd.shown()), (256, 1.0));
        assert!(odd.contradiction().unwrap().contains("nothing is cut along y"));
        let doubled = along(0, (512, 256.0), (256, 256.0));
        assert_eq!(doubled.pixels(512), 512);
        assert!(doubled.contradiction().unwrap().contains("oversampled"));
        assert_eq!(along(0, (512, 512.0), (256, 256.0)).contradiction(), None);
        assert_eq!(along(1, (77, 256.0), (64, 256.0)).contradiction(), None);
    }

    #[test]
    fn a_readout_that_was_cut_before_keeps_its_pixels() {
        let knee = along(0, (640, 280.0), (320, 140.0));
        assert_eq!((knee.pixels(320), knee.pixel_mm(320)), (320, Some(0.4375)));
        assert_eq!((knee.pixels(640), knee.pixel_mm(640)), (320, Some(0.4375)));
        // a grid that is neither covers the encoded field of view
        assert_eq!((knee.pixels(512), knee.pixel_mm(512)), (256, Some(280.0 / 512.0)));
    }
}
