//! What an ISMRMRD header tells of patient, study, scanner and sequence.

use roxmltree::Node;

use super::xml::{child, number, text};

/// `subjectInformation`, as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subject {
    pub name: Option<String>,
    pub id: Option<String>,
    /// `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// `M`, `F` or `O`.
    pub sex: Option<String>,
    pub weight_kg: Option<f64>,
    pub height_m: Option<f64>,
}

/// `studyInformation` and `measurementInformation`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Study {
    /// `YYYY-MM-DD`.
    pub date: Option<String>,
    /// `HH:MM:SS`.
    pub time: Option<String>,
    pub id: Option<String>,
    pub accession_number: Option<String>,
    pub referring_physician: Option<String>,
    pub description: Option<String>,
    pub instance_uid: Option<String>,
    pub body_part: Option<String>,
    pub series_number: Option<i64>,
    pub protocol: Option<String>,
    pub frame_of_reference_uid: Option<String>,
    /// `HFS`, `FFP`, ...
    pub patient_position: Option<String>,
}

/// `acquisitionSystemInformation` and `experimentalConditions`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct System {
    pub vendor: Option<String>,
    pub model: Option<String>,
    pub field_strength_t: Option<f64>,
    pub institution: Option<String>,
    pub station: Option<String>,
    pub serial_number: Option<String>,
    /// `relativeReceiverNoiseBandwidth`: the share of the sampled band that the receiver passes.
    pub noise_bandwidth: Option<f64>,
    pub h1_frequency_hz: Option<f64>,
}

impl System {
    /// Whether the vendor is one whose name begins so, whatever the case.
    pub fn is_of(&self, vendor: &str) -> bool {
        let named = self.vendor.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
        named.starts_with(vendor)
    }
}

/// `sequenceParameters`: times in ms, one for each that occurs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sequence {
    pub name: Option<String>,
    pub repetition_times_ms: Vec<f64>,
    pub echo_times_ms: Vec<f64>,
    pub inversion_times_ms: Vec<f64>,
    pub flip_angles_deg: Vec<f64>,
}

/// Text that is not empty.
fn words(node: Option<Node>, name: &str) -> Option<String> {
    text(node?, name).filter(|text| !text.is_empty()).map(str::to_string)
}

/// A finite number above 0, as all sizes, times and strengths are.
fn positive(node: Option<Node>, name: &str) -> Option<f64> {
    number(node?, name).filter(|value: &f64| value.is_finite() && *value > 0.0)
}

pub(super) fn subject(root: Node) -> Subject {
    let node = child(root, "subjectInformation");
    Subject {
        name: words(node, "patientName"),
        id: words(node, "patientID"),
        birth_date: words(node, "patientBirthdate"),
        sex: words(node, "patientGender"),
        weight_kg: positive(node, "patientWeight_kg"),
        height_m: positive(node, "patientHeight_m"),
    }
}

pub(super) fn study(root: Node) -> Study {
    let study = child(root, "studyInformation");
    let series = child(root, "measurementInformation");
    Study {
        date: words(study, "studyDate"),
        time: words(study, "studyTime"),
        id: words(study, "studyID"),
        accession_number: words(study, "accessionNumber"),
        referring_physician: words(study, "referringPhysicianName"),
        description: words(study, "studyDescription"),
        instance_uid: words(study, "studyInstanceUID"),
        body_part: words(study, "bodyPartExamined"),
        series_number: series.and_then(|s| number(s, "initialSeriesNumber")),
        protocol: words(series, "protocolName"),
        frame_of_reference_uid: words(series, "frameOfReferenceUID"),
        patient_position: words(series, "patientPosition"),
    }
}

pub(super) fn system(root: Node) -> System {
    let system = child(root, "acquisitionSystemInformation");
    System {
        vendor: words(system, "systemVendor"),
        model: words(system, "systemModel"),
        field_strength_t: positive(system, "systemFieldStrength_T"),
        institution: words(system, "institutionName"),
        station: words(system, "stationName"),
        serial_number: words(system, "deviceSerialNumber"),
        noise_bandwidth: positive(system, "relativeReceiverNoiseBandwidth"),
        h1_frequency_hz: positive(child(root, "experimentalConditions"), "H1resonanceFrequency_Hz"),
    }
}

pub(super) fn sequence(root: Node) -> Sequence {
    let node = child(root, "sequenceParameters");
    let all = |name: &str| {
        let named = node
            .into_iter()
            .flat_map(|n| n.children())
            .filter(|c| c.tag_name().name() == name);
        let numbers = named.filter_map(|c| c.text()?.trim().parse::<f64>().ok());
        numbers.filter(|value| value.is_finite()).collect()
    };
    Sequence {
        name: words(child(root, "measurementInformation"), "sequenceName"),
        repetition_times_ms: all("TR"),
        echo_times_ms: all("TE"),
        inversion_times_ms: all("TI"),
        flip_angles_deg: all("flipAngle_deg"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::super::tests::KNEE;

    #[test]
    fn patient_system_and_sequence() {
        let more = "<subjectInformation><patientName>A B</patientName><patientWeight_kg>70.5</patientWeight_kg>\
            <patientID/></subjectInformation><studyInformation><studyDate>2020-01-31</studyDate></studyInformation>\
            <measurementInformation><patientPosition>HFS</patientPosition><protocolName> t1 </protocolName>\
            <initialSeriesNumber>x</initialSeriesNumber></measurementInformation><experimentalConditions>\
            <H1resonanceFrequency_Hz>123200000</H1resonanceFrequency_Hz></experimentalConditions><sequenceParameters>\
            <TR>500</TR><TE>5.1</TE><TE>10.2</TE><TE>late</TE></sequenceParameters><encoding><encodedSpace/>\
            <parallelImaging><calibrationMode>Embedded</calibrationMode></parallelImaging></encoding></ismrmrdHeader>";
        let system = "<receiverChannels>15</receiverChannels><systemFieldStrength_T>-3</systemFieldStrength_T>\
            <relativeReceiverNoiseBandwidth>0.793</relativeReceiverNoiseBandwidth>";
        let xml = KNEE.replace("</ismrmrdHeader>", more);
        let header = Header::parse(&xml.replace("<receiverChannels>15</receiverChannels>", system)).unwrap();
        assert_eq!(header.subject.name.as_deref(), Some("A B"));
        assert_eq!((header.subject.id, header.subject.weight_kg), (None, Some(70.5)));
        assert_eq!(header.study.date.as_deref(), Some("2020-01-31"));
        assert_eq!(header.study.protocol.as_deref(), Some("t1"));
        assert_eq!(header.study.patient_position.as_deref(), Some("HFS"));
        assert_eq!(header.study.series_number, None);
        assert_eq!(
            (header.system.noise_bandwidth, header.system.field_strength_t),
            (Some(0.793), None)
        );
        assert_eq!(header.system.h1_frequency_hz, Some(123_200_000.0));
        assert_eq!(header.sequence.repetition_times_ms, [500.0]);
        assert_eq!(header.sequence.echo_times_ms, [5.1, 10.2]);
        // the calibration mode is of the second encoding, whose matrix is missing
        assert_eq!((header.calibration_mode, header.receiver_channels), (None, Some(15)));
        let second = Header::parse_encoding(&xml, 1).unwrap();
        assert_eq!(
            (second.calibration_mode.as_deref(), second.encoded),
            (Some("embedded"), None)
        );
        // what is left of the text tells the same to who reads its first encoding
        assert_eq!(Header::parse(&second.xml).unwrap(), second);
        assert_eq!((second.xml.contains("640"), header.xml.contains("640")), (false, true));
        assert!(
            Header::parse_encoding(&xml, 2)
                .unwrap_err()
                .to_string()
                .contains("3 elements")
        );
    }
}
