//! The ISMRMRD header of a scan: XML in a dataset of text or bytes.

mod metadata;
mod simulated;
mod xml;

use roxmltree::Node;

pub use self::metadata::{Sequence, Study, Subject, System};
pub use self::simulated::{header_xml, volume_header_xml};
pub(in crate::format) use self::xml::{LONGEST, parse as parse_xml};
use self::xml::{child, number, text};
use super::reason::Reason;
use super::source::array::Source;

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

/// Matrix and field of view along x (readout, rows), y (phase encodes, columns) and z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    pub matrix: [usize; 3],
    pub field_of_view_mm: Option<[f64; 3]>,
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
            encoded: child(encoding, "encodedSpace").and_then(space),
            recon: child(encoding, "reconSpace").and_then(space),
            phase_encodes: limits
                .and_then(|l| child(l, "kspace_encoding_step_1"))
                .and_then(encodes),
            partition_encodes: limits
                .and_then(|l| child(l, "kspace_encoding_step_2"))
                .and_then(encodes),
            trajectory: text(encoding, "trajectory").map(str::to_string),
            receiver_channels: child(root, "acquisitionSystemInformation").and_then(|s| number(s, "receiverChannels")),
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

    /// How many times finer than the image needs the readout was sampled: the ratio of the fields of view
    /// along x, or of the matrices where the fields of view say nothing; 1 without oversampling.
    pub fn readout_oversampling(&self) -> f64 {
        let (Some(encoded), Some(recon)) = (self.encoded, self.recon) else {
            return 1.0;
        };
        let of_view = match (encoded.field_of_view_mm, recon.field_of_view_mm) {
            (Some(encoded), Some(recon)) if recon[0] > 0.0 => encoded[0] / recon[0],
            _ => 1.0,
        };
        let of_matrix = encoded.matrix[0] as f64 / recon.matrix[0].max(1) as f64;
        [of_view, of_matrix]
            .into_iter()
            .find(|&ratio| ratio > 1.0 && ratio.is_finite())
            .unwrap_or(1.0)
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

fn space(node: Node) -> Option<Space> {
    let matrix = child(node, "matrixSize")?;
    let view = child(node, "fieldOfView_mm");
    Some(Space {
        matrix: [
            number(matrix, "x")?,
            number(matrix, "y")?,
            number(matrix, "z").unwrap_or(1),
        ],
        field_of_view_mm: view.and_then(|v| Some([number(v, "x")?, number(v, "y")?, number(v, "z")?])),
    })
}

fn encodes(node: Node) -> Option<Limits> {
    Some(Limits {
        minimum: number(node, "minimum")?,
        maximum: number(node, "maximum")?,
        center: number(node, "center"),
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
