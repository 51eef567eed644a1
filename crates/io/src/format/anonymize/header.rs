//! The ISMRMRD header without what tells of a person, a place or a device.

use std::collections::HashSet;

use roxmltree::Node;

use super::super::header::{Header, parse_xml};
use super::makers::{maker, product};
use super::{Anonymizer, acquisition_code};

/// What may be in an element that is kept.
#[derive(Clone, Copy)]
enum Content {
    /// Elements of this table.
    Elements,
    Number,
    /// A number, or elements of this table: the name is used twice.
    NumberOrElements,
    /// One of these words, in either case.
    Word(&'static [&'static str]),
    /// A part of the body, as DICOM's defined terms are written.
    Code,
    /// The name of a known maker, in our own spelling.
    Maker,
    /// Known words of products, in our own spelling.
    Product,
    PatientId,
    Uid,
}

use Content::{Code, Elements, Maker, Number, NumberOrElements, PatientId, Product, Uid, Word};

/// Elements that are kept, wherever they stand: each is a number, one of a few words, or replaced. What readers need is
/// among them: encodings, times and angles of the sequence, receiver and field.
static KEPT: &[(&str, Content)] = &[
    ("version", Number),
    ("subjectInformation", Elements),
    ("patientID", PatientId),
    ("studyInformation", Elements),
    ("studyInstanceUID", Uid),
    ("bodyPartExamined", Code),
    ("measurementInformation", Elements),
    (
        "patientPosition",
        Word(&["HFP", "HFS", "HFDR", "HFDL", "FFP", "FFS", "FFDR", "FFDL"]),
    ),
    ("initialSeriesNumber", Number),
    ("frameOfReferenceUID", Uid),
    ("acquisitionSystemInformation", Elements),
    ("systemVendor", Maker),
    ("systemModel", Product),
    ("systemFieldStrength_T", Number),
    ("relativeReceiverNoiseBandwidth", Number),
    ("receiverChannels", Number),
    ("experimentalConditions", Elements),
    ("H1resonanceFrequency_Hz", Number),
    ("encoding", Elements),
    (
        "trajectory",
        Word(&["cartesian", "epi", "radial", "goldenangle", "spiral", "other"]),
    ),
    ("encodedSpace", Elements),
    ("reconSpace", Elements),
    ("matrixSize", Elements),
    ("fieldOfView_mm", Elements),
    ("x", Number),
    ("y", Number),
    ("z", Number),
    ("encodingLimits", Elements),
    ("kspace_encoding_step_0", Elements),
    ("kspace_encoding_step_1", NumberOrElements),
    ("kspace_encoding_step_2", NumberOrElements),
    ("average", Elements),
    ("slice", Elements),
    ("contrast", Elements),
    ("phase", Elements),
    ("repetition", Elements),
    ("set", Elements),
    ("segment", Elements),
    ("minimum", Number),
    ("maximum", Number),
    ("center", Number),
    ("parallelImaging", Elements),
    ("accelerationFactor", Elements),
    (
        "calibrationMode",
        Word(&["embedded", "interleaved", "separate", "external", "other"]),
    ),
    (
        "interleavingDimension",
        Word(&["phase", "repetition", "contrast", "average", "other"]),
    ),
    ("echoTrainLength", Number),
    ("sequenceParameters", Elements),
    ("TR", Number),
    ("TE", Number),
    ("TI", Number),
    ("flipAngle_deg", Number),
    ("echo_spacing", Number),
];

/// No element of a header lies deeper.
const DEEPEST: usize = 8;

/// The header with the elements of the table alone; `None` of what is no header any more.
pub(super) fn anonymized(header: &Header, by: &Anonymizer) -> Option<Header> {
    Header::parse(&Rewritten::of(&header.xml, by)?.xml).ok()
}

/// The names of the elements that are left out or replaced.
pub(super) fn identifying(xml: &str) -> Vec<String> {
    // whatever the key, the names are the same
    Rewritten::of(xml, &Anonymizer::new()).map_or(Vec::new(), |rewritten| rewritten.identifying)
}

struct Rewritten<'a> {
    by: &'a Anonymizer,
    xml: String,
    /// Each once, in their order.
    identifying: Vec<String>,
    known: HashSet<String>,
}

impl<'a> Rewritten<'a> {
    fn of(xml: &str, by: &'a Anonymizer) -> Option<Self> {
        let document = parse_xml(xml.trim_start_matches('\u{feff}').trim()).ok()?;
        let mut rewritten = Self {
            by,
            xml: "<?xml version=\"1.0\"?>\n<ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\">".into(),
            identifying: Vec::new(),
            known: HashSet::new(),
        };
        rewritten.children(document.root_element(), 0);
        rewritten.xml += "\n</ismrmrdHeader>\n";
        Some(rewritten)
    }

    fn children(&mut self, node: Node, depth: usize) {
        for child in node.children() {
            match child {
                child if child.is_element() => self.element(child, depth + 1),
                child if child.is_comment() => self.note("comment"),
                // text belongs into elements that hold nothing else
                child if says_something(child) => self.note(node.tag_name().name()),
                _ => {}
            }
        }
    }

    fn element(&mut self, node: Node, depth: usize) {
        let name = node.tag_name().name();
        let row = KEPT.iter().find(|row| row.0 == name);
        let nested = node.children().any(|child| child.is_element());
        match (row.map(|row| row.1), nested) {
            (Some(Elements | NumberOrElements), true) | (Some(Elements), false) if depth < DEEPEST => {
                self.xml += &format!("\n{:1$}<{name}>", "", 2 * depth);
                self.children(node, depth);
                self.xml += &format!("</{name}>");
            }
            (Some(content), false) => {
                let text = node.text().unwrap_or_default().trim();
                let kept = self.kept(content, text);
                if !text.is_empty() && kept.as_deref() != Some(text) {
                    self.note(name);
                }
                if let Some(kept) = kept {
                    self.xml += &format!("\n{:1$}<{name}>{kept}</{name}>", "", 2 * depth);
                }
            }
            _ if says_something(node) => self.note(name),
            _ => {}
        }
    }

    /// The text of an element as it may stay, without any character that XML would escape.
    fn kept(&self, content: Content, text: &str) -> Option<String> {
        let stays = match content {
            Elements => false,
            Number | NumberOrElements => text.parse::<f64>().is_ok_and(f64::is_finite),
            Word(words) => words.iter().any(|word| word.eq_ignore_ascii_case(text)),
            Code => !text.is_empty() && acquisition_code(text).is_some(),
            Maker => return maker(text).map(str::to_string),
            Product => return product(text),
            PatientId | Uid if text.is_empty() => false,
            PatientId => return Some(self.by.patient(text)),
            Uid => return Some(self.by.uid(text)),
        };
        stays.then(|| text.to_string())
    }

    fn note(&mut self, name: &str) {
        if self.known.insert(name.to_string()) {
            self.identifying.push(name.to_string());
        }
    }
}

/// Whether there is any text in an element.
fn says_something(node: Node) -> bool {
    let text = |node: Node| node.is_text() && node.text().is_some_and(|text| !text.trim().is_empty());
    node.descendants().any(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything the schema of ISMRMRD 1 has room for a name in, and more.
    fn header(token: &str) -> String {
        let leaves = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("<{name}>{token}</{name}>"))
                .collect::<String>()
        };
        let subject = leaves(&[
            "patientName",
            "patientID",
            "patientBirthdate",
            "patientGender",
            "patientWeight_kg",
        ]);
        let study = leaves(&[
            "studyDate",
            "studyTime",
            "studyID",
            "accessionNumber",
            "referringPhysicianName",
            "studyDescription",
            "studyInstanceUID",
            "bodyPartExamined",
        ]);
        let measurement = leaves(&[
            "measurementID",
            "seriesDate",
            "seriesTime",
            "protocolName",
            "sequenceName",
            "seriesDescription",
            "seriesInstanceUIDRoot",
            "frameOfReferenceUID",
        ]);
        let system = leaves(&[
            "systemVendor",
            "systemModel",
            "institutionName",
            "stationName",
            "deviceSerialNumber",
        ]);
        let user = leaves(&["userParameterString"]);
        format!(
            "<!-- {token} --><i:ismrmrdHeader xmlns:i=\"http://www.ismrm.org/ISMRMRD\" a=\"Doe\">\
             {token}<!-- {token} --><?pi {token}?><subjectInformation a=\"Doe\">{subject}</subjectInformation>\
             <studyInformation>{study}{token}</studyInformation><measurementInformation>{measurement}\
             <patientPosition>HFS</patientPosition><measurementDependency><measurementID>{token}</measurementID>\
             </measurementDependency></measurementInformation><acquisitionSystemInformation>{system}\
             <receiverChannels>8</receiverChannels><coilLabel><coilName>{token}</coilName></coilLabel>\
             </acquisitionSystemInformation><encoding><trajectory>cartesian</trajectory><encodedSpace><matrixSize>\
             <x>64</x><y>48</y><z>1</z></matrixSize><fieldOfView_mm><x>220</x><y>{token}</y><z>5.5</z></fieldOfView_mm>\
             </encodedSpace><reconSpace><matrixSize><x>32</x><y>48</y><z>1</z></matrixSize></reconSpace>\
             <encodingLimits><kspace_encoding_step_1><minimum>2</minimum><maximum>47</maximum><center>24</center>\
             </kspace_encoding_step_1></encodingLimits><trajectoryDescription><comment>{token}</comment>\
             </trajectoryDescription><parallelImaging><accelerationFactor><kspace_encoding_step_1>2\
             </kspace_encoding_step_1></accelerationFactor><calibrationMode>Embedded</calibrationMode>\
             </parallelImaging></encoding>\
             <sequenceParameters><TR>500</TR><TE>{token}</TE><TE>12.5</TE></sequenceParameters>\
             <userParameters>{user}</userParameters><{tag}>1</{tag}></i:ismrmrdHeader>",
            tag = "of-a-vendor"
        )
    }

    #[test]
    fn nothing_that_is_said_stays() {
        let by = Anonymizer::new();
        for token in [
            "OTHER^PATIENT",
            "Müller, Zoë",
            "&lt;patientName&gt;",
            "<![CDATA[<x>Doe</x>]]>",
        ] {
            let before = Header::parse(&header(token)).unwrap();
            let after = anonymized(&before, &by).unwrap();
            for part in [
                "OTHER",
                "PATIENT",
                "ller",
                "patientName",
                "Doe",
                "of-a-vendor",
                "user",
                "comment",
            ] {
                assert!(!after.xml.contains(part), "{part}: {}", after.xml);
            }
            let text = header(token);
            let tokens = roxmltree::Document::parse(&text).unwrap();
            let id = tokens
                .descendants()
                .find(|n| n.tag_name().name() == "patientID")
                .unwrap()
                .text();
            assert_eq!(after.subject.id, id.map(|id| by.patient(id)));
            assert_eq!(
                (after.subject.name, after.study.date, after.system.institution),
                (None, None, None)
            );
        }
    }

    #[test]
    fn what_a_reconstruction_needs_stays() {
        let before = Header::parse(&header("1.5")).unwrap();
        let after = anonymized(&before, &Anonymizer::new()).unwrap();
        let needed = |header: &Header| {
            let Header {
                encoded,
                recon,
                phase_encodes,
                ..
            } = header.clone();
            let Header {
                trajectory,
                receiver_channels,
                calibration_mode,
                ..
            } = header.clone();
            let times = (
                header.sequence.repetition_times_ms.clone(),
                header.sequence.echo_times_ms.clone(),
            );
            let position = header.study.patient_position.clone();
            (
                encoded,
                recon,
                phase_encodes,
                trajectory,
                receiver_channels,
                calibration_mode,
                times,
                position,
            )
        };
        assert_eq!(needed(&after), needed(&before));
        assert!(after.encoded.is_some() && after.phase_encodes.is_some() && after.receiver_channels == Some(8));
        // anonymized again, all but the ids stays as it is
        let ids = |xml: &str| identifying(xml);
        assert_eq!(
            ids(&after.xml),
            ["patientID", "studyInstanceUID", "frameOfReferenceUID"]
        );
    }

    #[test]
    fn parts_of_the_body_are_codes_and_makers_known() {
        let by = Anonymizer::new();
        let kept = |content: Content, text: &str| Rewritten::of("<h/>", &by).unwrap().kept(content, text);
        assert_eq!(kept(Code, "KNEE").as_deref(), Some("KNEE"));
        assert_eq!(kept(Code, "SECRETNAME of town"), None);
        assert_eq!(kept(Code, "Knee"), None);
        assert_eq!(kept(Maker, "siemens healthineers").as_deref(), Some("Siemens"));
        assert_eq!((kept(Maker, "John Doe"), kept(Product, "John Doe")), (None, None));
    }

    #[test]
    fn fields_are_told_by_their_names() {
        let named = identifying(&header("OTHER^PATIENT"));
        for name in [
            "comment",
            "patientName",
            "accessionNumber",
            "systemVendor",
            "coilLabel",
            "userParameters",
            "of-a-vendor",
        ] {
            assert!(named.iter().any(|n| n == name), "{name} is not in {named:?}");
        }
        assert!(named.iter().all(|name| !name.contains("OTHER")), "{named:?}");
        assert_eq!(named.iter().collect::<HashSet<_>>().len(), named.len());
        assert!(identifying("no header").is_empty());
        let nothing = "<h><subjectInformation><patientName> </patientName></subjectInformation><encoding/></h>";
        assert!(identifying(nothing).is_empty());
    }

    #[test]
    fn a_header_that_never_ends_is_cut() {
        let deep = format!("<h><encoding/>{}{}</h>", "<slice>".repeat(200), "</slice>".repeat(200));
        assert!(
            anonymized(&Header::parse(&deep).unwrap(), &Anonymizer::new())
                .unwrap()
                .xml
                .len()
                < 1000
        );
    }
}
