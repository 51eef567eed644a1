//! What the ISMRMRD header of a scan tells of patient, study and scanner, as DICOM calls it (PS3.3, PS3.6).

use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;

use super::super::super::header::Header;
use super::values::{fitted, numbers, text};

/// Puts what the header tells over what stands there. Text is cut to the length that DICOM allows; dates, times and
/// UIDs that are none are left out. `index` is the number of the series among those that are written.
pub(super) fn put(object: &mut InMemDicomObject, header: &Header, class: &str, index: usize) {
    let (subject, study, system) = (&header.subject, &header.study, &header.system);
    let words: [(Tag, VR, &Option<String>); 21] = [
        (tags::PATIENT_NAME, VR::PN, &subject.name),
        (tags::PATIENT_ID, VR::LO, &subject.id),
        (tags::PATIENT_BIRTH_DATE, VR::DA, &subject.birth_date),
        (tags::PATIENT_SEX, VR::CS, &subject.sex),
        (tags::STUDY_INSTANCE_UID, VR::UI, &study.instance_uid),
        (tags::STUDY_DATE, VR::DA, &study.date),
        (tags::STUDY_TIME, VR::TM, &study.time),
        (tags::STUDY_ID, VR::SH, &study.id),
        (tags::STUDY_DESCRIPTION, VR::LO, &study.description),
        (tags::ACCESSION_NUMBER, VR::SH, &study.accession_number),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, &study.referring_physician),
        (tags::BODY_PART_EXAMINED, VR::CS, &study.body_part),
        (tags::PROTOCOL_NAME, VR::LO, &study.protocol),
        (tags::MANUFACTURER, VR::LO, &system.vendor),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, &system.model),
        (tags::INSTITUTION_NAME, VR::LO, &system.institution),
        (tags::STATION_NAME, VR::SH, &system.station),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO, &system.serial_number),
        (tags::SEQUENCE_NAME, VR::SH, &header.sequence.name),
        (tags::FRAME_OF_REFERENCE_UID, VR::UI, &study.frame_of_reference_uid),
        (tags::PATIENT_POSITION, VR::CS, &study.patient_position),
    ];
    // the last three describe an acquisition, which a secondary capture has none of
    let described = if class == uids::MR_IMAGE_STORAGE {
        &words[..]
    } else {
        &words[..18]
    };
    for (tag, vr, value) in described {
        if let Some(value) = value.as_deref().and_then(|value| fitted(*vr, value)) {
            text(object, *tag, *vr, &value);
        }
    }
    let measures = [
        (tags::PATIENT_WEIGHT, subject.weight_kg),
        (tags::PATIENT_SIZE, subject.height_m),
    ];
    for (tag, value) in measures {
        numbers(object, tag, value);
    }
    if class == uids::MR_IMAGE_STORAGE {
        acquisition(object, header);
    }
    // behind the series of the scanner
    if let Some(number) = study.series_number.filter(|n| (0..1_000_000).contains(n)) {
        text(
            object,
            tags::SERIES_NUMBER,
            VR::IS,
            &(1000 * (1 + index as i64) + number).to_string(),
        );
    }
}

/// Times and angles, where the sequence has one of each.
fn acquisition(object: &mut InMemDicomObject, header: &Header) {
    let sequence = &header.sequence;
    let one = |values: &[f64]| match values {
        [value] => Some(*value),
        _ => None,
    };
    for (tag, value) in [
        (tags::REPETITION_TIME, one(&sequence.repetition_times_ms)),
        (tags::ECHO_TIME, one(&sequence.echo_times_ms)),
        (tags::INVERSION_TIME, one(&sequence.inversion_times_ms)),
        (tags::FLIP_ANGLE, one(&sequence.flip_angles_deg)),
        (tags::MAGNETIC_FIELD_STRENGTH, header.system.field_strength_t),
        (
            tags::IMAGING_FREQUENCY,
            header.system.h1_frequency_hz.map(|hz| hz / 1e6),
        ),
    ] {
        numbers(object, tag, value);
    }
}
