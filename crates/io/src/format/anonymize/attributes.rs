//! Attributes of a file that results may keep.

use super::super::attribute::{Attribute, AttributeValue};
use super::Anonymizer;

const PATIENT: &str = "patient_id";
const ACQUISITION: &str = "acquisition";
/// What numbers tell of k-space, images and mask, and of a simulation.
const NUMBERS: [&str; 6] = [
    "acceleration",
    "max",
    "noise_standard_deviation",
    "norm",
    "num_low_frequency",
    "seed",
];
/// Of this program, and written anew.
const VERSION: &str = "pvdamp_version";

/// Those that may stay; the patient's id is replaced.
pub(super) fn anonymized(given: &[Attribute], by: &Anonymizer) -> Vec<Attribute> {
    given
        .iter()
        .filter_map(|attribute| {
            let Attribute { name, value } = attribute;
            match text_of(value) {
                Some(id) if name == PATIENT => Some(Attribute::new(PATIENT, by.patient(&id))),
                _ => is_kept(attribute).then(|| attribute.clone()),
            }
        })
        .collect()
}

/// The names of those that go or are replaced.
pub(super) fn identifying(given: &[Attribute]) -> impl Iterator<Item = &str> {
    let going = given.iter().filter(|attribute| !is_kept(attribute));
    going
        .map(|attribute| attribute.name.as_str())
        .filter(|name| *name != VERSION)
}

fn is_kept(Attribute { name, value }: &Attribute) -> bool {
    match value {
        AttributeValue::Int(_) | AttributeValue::Float(_) => NUMBERS.contains(&name.as_str()),
        AttributeValue::Text(text) => name == ACQUISITION && acquisition_code(text).is_some(),
        _ => false,
    }
}

/// An acquisition that is a code, as fastMRI's `CORPD_FBK` and DICOM's code strings are, and no free text.
pub fn acquisition_code(text: &str) -> Option<&str> {
    let code = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (text.len() <= 16 && text.bytes().all(code)).then_some(text)
}

/// An id may be a text or a number.
fn text_of(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Text(text) => Some(text.clone()),
        AttributeValue::Int(number) => Some(number.to_string()),
        AttributeValue::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_goes() {
        let given = [
            Attribute::new("patient_id", "p-7"),
            Attribute::new("acquisition", "CORPD_FBK"),
            Attribute::new("max", 2.5),
            Attribute::new("patient_age", 44),
            Attribute::new("norm", "Doe"),
            Attribute::new("operator", "Doe"),
            Attribute::new("pvdamp_version", "0.1"),
        ];
        let by = Anonymizer::new();
        let kept = anonymized(&given, &by);
        let expected = [
            Attribute::new("patient_id", by.patient("p-7")),
            given[1].clone(),
            given[2].clone(),
        ];
        assert_eq!(kept, expected);
        let named: Vec<&str> = identifying(&given).collect();
        assert_eq!(named, ["patient_id", "patient_age", "norm", "operator"]);
    }

    #[test]
    fn an_id_may_be_a_number_and_an_acquisition_no_text() {
        let by = Anonymizer::new();
        let kept = anonymized(&[Attribute::new("patient_id", 7)], &by);
        assert_eq!(kept, [Attribute::new("patient_id", by.patient("7"))]);
        let ids = AttributeValue::Texts(vec!["p-7".into()]);
        assert!(anonymized(&[Attribute::new("patient_id", ids)], &by).is_empty());
        for (text, is_code) in [
            ("AXT1POST", true),
            ("T1 of Doe", false),
            ("DOE^JOHN", false),
            ("A_LONGER_CODE_THAN", false),
        ] {
            assert_eq!(acquisition_code(text).is_some(), is_code, "{text}");
        }
    }
}
