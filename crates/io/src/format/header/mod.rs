//! The ISMRMRD header of a scan: XML in a dataset of text or bytes.

mod metadata;
mod ramps;
mod simulated;
mod space;
mod xml;

use roxmltree::Node;

pub use self::metadata::{Sequence, Study, Subject, System};
pub use self::ramps::Ramps;
pub use self::simulated::{header_xml, volume_header_xml};
pub use self::space::{Along, Space};
pub(in crate::format) use self::xml::{LONGEST, parse as parse_xml};
use self::xml::{child, text, whole};
use super::reason::Reason;
use super::source::array::Source;
use pvdamp::array::Grid;

/// What the header says of the first encoding (ISMRMRD, Inati et al., Magn Reson Med 77:411, 2017). What it
/// does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    pub encoded: Option<Space>,
    pub recon: Option<Space>,
    /// `encodingLimits/kspace_encoding_step_1`: the phase encodes, along columns.
    pub phase_encodes: Option<Limits>,
    /// `encodingLimits/kspace_encoding_step_2`.
    pub partition_encodes: Option<Limits>,
    /// `cartesian`, `radial`, ...
    pub trajectory: Option<String>,
    /// `trajectoryDescription`, where it tells of the ramps of the readout gradient.
    pub ramps: Option<Ramps>,
    pub receiver_channels: Option<usize>,
    /// `parallelImaging/calibrationMode`, lower case: `embedded`, `separate`, ...
    pub calibration_mode: Option<String>,
    pub subject: Subject,
    pub study: Study,
    pub system: System,
    pub sequence: Sequence,
    /// The header as it stands in the file, without the encodings before the one read: who reads it finds this one
    /// first.
    pub xml: String,
}

/// First, last and central encode; the centre is the one at zero frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub minimum: usize,
    pub maximum: usize,
    pub center: Option<usize>,
}

impl Header {
    /// Reads the XML, whatever its namespace. The error says why it is no ISMRMRD header.
    pub fn parse(xml: &str) -> Result<Self, Reason> {
        Self::parse_encoding(xml, 0)
    }

    /// The same of the encoding of that number, counted from 0.
    pub fn parse_encoding(xml: &str, encoding: usize) -> Result<Self, Reason> {
        let read = xml.trim_start_matches('\u{feff}').trim();
        let document = xml::parse(read)?;
        let root = document.root_element();
        let encodings = root.children().filter(|c| c.tag_name().name() == "encoding");
        let encodings: Vec<Node> = encodings.take(encoding.saturating_add(1)).collect();
        let (before, encoding) = match &encodings[..] {
            [before @ .., last] if before.len() == encoding => (before, *last),
            _ if encoding == 0 => return Err("XML without the element 'encoding'".into()),
            _ => return Err(format!("XML without {} elements 'encoding'", encoding + 1).into()),
        };
        let limits = child(encoding, "encodingLimits");
        Ok(Self {
            encoded: child(encoding, "encodedSpace").and_then(Space::read),
            recon: child(encoding, "reconSpace").and_then(Space::read),
            phase_encodes: limits
                .and_then(|l| child(l, "kspace_encoding_step_1"))
                .and_then(encodes),
            partition_encodes: limits
                .and_then(|l| child(l, "kspace_encoding_step_2"))
                .and_then(encodes),
            trajectory: text(encoding, "trajectory").map(str::to_string),
            ramps: Ramps::read(encoding),
            receiver_channels: child(root, "acquisitionSystemInformation").and_then(|s| whole(s, "receiverChannels")),
            calibration_mode: child(encoding, "parallelImaging")
                .and_then(|p| text(p, "calibrationMode"))
                .map(str::to_ascii_lowercase),
            subject: metadata::subject(root),
            study: metadata::study(root),
            system: metadata::system(root),
            sequence: metadata::sequence(root),
            xml: match before {
                [] => xml.to_string(),
                _ => without(read, before),
            },
        })
    }

    /// Both spaces along x, y or z, where both are told.
    pub fn along(&self, axis: usize) -> Option<Along> {
        Along::new(axis, self.encoded, self.recon)
    }

    /// The size of one of `n` pixels along x, y or z, in mm, by the encoded field of view.
    pub fn pixel_mm(&self, axis: usize, n: usize) -> Option<f64> {
        match self.along(axis) {
            Some(along) => along.pixel_mm(n),
            None => Some(self.encoded?.view_mm(axis)? / n.max(1) as f64),
        }
    }

    /// How many times the field of view of the image the readout covers, by the header; 1 without oversampling.
    pub fn readout_oversampling(&self) -> f64 {
        self.along(0).map_or(1.0, |along| 1.0 / along.shown())
    }

    /// What of it cannot be, a sentence each.
    pub(super) fn contradictions(&self) -> impl Iterator<Item = String> {
        (0..2).filter_map(|axis| self.along(axis)?.contradiction())
    }

    /// What is odd about k-space of `grid`, whose rows and columns are these axes: whether it is neither the encoded matrix
    /// nor that without oversampling.
    pub(super) fn misfit(&self, [rows, cols]: [usize; 2], grid: Grid) -> Option<String> {
        let fits = |axis: usize, n: usize| self.along(axis).is_none_or(|along| along.fits(n));
        let [told_rows, told_cols] = [rows, cols].map(|axis| self.encoded.map_or(0, |space| space.matrix[axis]));
        (!fits(rows, grid.rows) || !fits(cols, grid.cols)).then(|| {
            format!(
                "the header tells of an encoded matrix of {told_rows}x{told_cols}, where k-space has {grid}: it is taken \
                 to cover the encoded field of view"
            )
        })
    }

    /// Reads the header in a dataset; the error says why there is none.
    pub(super) fn read(source: &Source) -> Result<Self, Reason> {
        let dataset = source.hdf5().ok_or("no dataset of HDF5")?;
        Self::parse(&dataset.text().map_err(Reason::of)?)
    }
}

/// The text without these elements, which follow each other in it.
fn without(xml: &str, elements: &[Node]) -> String {
    let mut rest = String::with_capacity(xml.len());
    let mut from = 0;
    for element in elements {
        let range = element.range();
        rest.push_str(&xml[from..range.start]);
        from = range.end;
    }
    rest + &xml[from..]
}

fn encodes(node: Node) -> Option<Limits> {
    let (minimum, maximum) = (whole(node, "minimum")?, whole(node, "maximum")?);
    Some(Limits {
        minimum,
        maximum,
        // No acquisition begins at zero frequency: 0 stands where nothing was written.
        center: whole(node, "center").filter(|&center| center > 0 || maximum == 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const KNEE: &str = r#"<?xml version="1.0"?>
        <ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">
          <acquisitionSystemInformation><receiverChannels>15</receiverChannels></acquisitionSystemInformation>
          <encoding>
            <encodedSpace><matrixSize><x>640</x><y>368</y><z>1</z></matrixSize>
              <fieldOfView_mm><x>280</x><y>161</y><z>4.5</z></fieldOfView_mm></encodedSpace>
            <reconSpace><matrixSize><x>320</x><y>320</y><z>1</z></matrixSize>
              <fieldOfView_mm><x>140</x><y>140</y><z>4.5</z></fieldOfView_mm></reconSpace>
            <encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>321</maximum><center>161</center>
              </kspace_encoding_step_1></encodingLimits>
            <trajectory>cartesian</trajectory>
          </encoding>
        </ismrmrdHeader>"#;

    #[test]
    fn a_knee_header() {
        for xml in [
            KNEE.to_string(),
            KNEE.replace(r#" xmlns="http://www.ismrm.org/ISMRMRD""#, ""),
        ] {
            let header = Header::parse(&xml).unwrap();
            assert_eq!(header.encoded.unwrap().matrix, [640, 368, 1]);
            assert_eq!(header.recon.unwrap().field_of_view_mm, Some([140.0, 140.0, 4.5]));
            let limits = Limits {
                minimum: 0,
                maximum: 321,
                center: Some(161),
            };
            assert_eq!(header.phase_encodes, Some(limits));
            assert_eq!(header.partition_encodes, None);
            assert_eq!(header.trajectory.as_deref(), Some("cartesian"));
            assert_eq!(header.receiver_channels, Some(15));
            assert_eq!(header.readout_oversampling(), 2.0);
        }
    }

    #[test]
    fn oversampling_by_matrix_where_the_field_of_view_is_a_placeholder() {
        let xml = KNEE.replace(">280<", ">1<").replace(">140<", ">1<");
        assert_eq!(Header::parse(&xml).unwrap().readout_oversampling(), 2.0);
        // an interpolated image is no oversampling
        let fine = xml.replace("<x>640<", "<x>160<");
        assert_eq!(Header::parse(&fine).unwrap().readout_oversampling(), 1.0);
    }

    #[test]
    fn what_is_missing_or_odd_is_none() {
        let header = Header::parse("<h><encoding/></h>").unwrap();
        assert_eq!((header.encoded, header.recon, header.trajectory), (None, None, None));
        let negative = KNEE.replace(">640<", ">-640<");
        assert_eq!(Header::parse(&negative).unwrap().encoded, None);
        for bad in ["", "k = 3", "<a>", "<a/>", "\u{0}"] {
            assert!(Header::parse(bad).is_err(), "{bad}");
        }
    }
}
