//! The Basic Application Level Confidentiality Profile (PS3.15, table E.1-1), as far as it is about what is written.

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;

use super::values::text;

/// What the profile has done with an attribute.
enum Action {
    /// X, and D of what need not be there.
    Remove,
    /// Z.
    Empty,
}

use Action::{Empty, Remove};

/// Those that are written here and that the profile names, but for: the name and the id of the patient, which are new
/// or nobody's; UIDs, which are new; descriptions and comments, which are of this program's own words (the profile's
/// option to clean descriptors).
const ACTIONS: [(Tag, VR, Action); 20] = [
    (tags::PATIENT_BIRTH_DATE, VR::DA, Empty),
    (tags::PATIENT_SEX, VR::CS, Empty),
    (tags::PATIENT_WEIGHT, VR::DS, Remove),
    (tags::PATIENT_SIZE, VR::DS, Remove),
    (tags::STUDY_DATE, VR::DA, Empty),
    (tags::STUDY_TIME, VR::TM, Empty),
    (tags::STUDY_ID, VR::SH, Empty),
    (tags::STUDY_DESCRIPTION, VR::LO, Remove),
    (tags::ACCESSION_NUMBER, VR::SH, Empty),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN, Empty),
    (tags::PROTOCOL_NAME, VR::LO, Remove),
    (tags::INSTITUTION_NAME, VR::LO, Remove),
    (tags::STATION_NAME, VR::SH, Remove),
    (tags::DEVICE_SERIAL_NUMBER, VR::LO, Remove),
    (tags::SERIES_DATE, VR::DA, Remove),
    (tags::SERIES_TIME, VR::TM, Remove),
    (tags::CONTENT_DATE, VR::DA, Empty),
    (tags::CONTENT_TIME, VR::TM, Empty),
    (tags::INSTANCE_CREATION_DATE, VR::DA, Remove),
    (tags::INSTANCE_CREATION_TIME, VR::TM, Remove),
];

/// Takes out what the profile takes out, of a header that was anonymized before, and says so.
pub(super) fn apply(object: &mut InMemDicomObject) {
    for (tag, vr, action) in &ACTIONS {
        match action {
            Remove => _ = object.remove_element(*tag),
            Empty => text(object, *tag, *vr, ""),
        }
    }
    let method = "Basic Application Confidentiality Profile\\Clean Descriptors Option";
    text(object, tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
    text(object, tags::DEIDENTIFICATION_METHOD, VR::LO, method);
    text(
        object,
        tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
        VR::CS,
        "REMOVED",
    );
}
