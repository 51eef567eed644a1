//! Values of a DICOM object, as their kind allows them (PS3.5, 6.2).

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_object::InMemDicomObject;

pub(super) fn text(object: &mut InMemDicomObject, tag: Tag, vr: VR, value: &str) {
    object.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
}

/// Decimal strings; nothing without a value.
pub(super) fn numbers(object: &mut InMemDicomObject, tag: Tag, values: impl IntoIterator<Item = f64>) {
    let values: Vec<String> = values.into_iter().map(decimal).collect();
    if values.is_empty() {
        return;
    }
    text(object, tag, VR::DS, &values.join("\\"));
}

/// A number in the 16 characters that DICOM allows, with as many digits as they hold.
fn decimal(value: f64) -> String {
    const MOST: usize = 16;
    let plain = format!("{value}");
    if plain.len() <= MOST {
        return plain;
    }
    let fixed = (0..MOST).rev().map(|digits| format!("{value:.digits$}"));
    let scientific = (0..MOST).rev().map(|digits| format!("{value:.digits$e}"));
    let small = value != 0.0 && value.abs() < 1e-3;
    let fits = |text: &String| text.len() <= MOST;
    let text = if small {
        scientific.into_iter().find(fits)
    } else {
        fixed.into_iter().find(fits).or(scientific.into_iter().find(fits))
    };
    text.expect("one digit and an exponent fit")
}

/// A text as its kind of value allows, if it can be.
pub(super) fn fitted(vr: VR, value: &str) -> Option<String> {
    let plain: String = value.chars().filter(|c| !c.is_control() && *c != '\\').collect();
    let plain = plain.trim();
    let cut = |most: usize| Some(plain.chars().take(most).collect());
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match vr {
        VR::DA => Some(digits(plain)).filter(|date| date.len() == 8),
        VR::TM => {
            let whole = plain.split('.').next().unwrap_or_default();
            Some(digits(whole)).filter(|time| time.len() == 6)
        }
        VR::UI => {
            let valid = |c: char| c.is_ascii_digit() || c == '.';
            let parts = plain.split('.').all(|part| !part.is_empty());
            (plain.len() <= 64 && parts && plain.chars().all(valid)).then(|| plain.to_string())
        }
        VR::CS => {
            let upper = plain.to_uppercase();
            let code = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ' || c == '_';
            Some(upper).filter(|text| text.len() <= 16 && text.chars().all(code))
        }
        VR::SH => cut(16),
        VR::ST => cut(1024),
        VR::LT => cut(10240),
        _ => cut(64),
    }
    .filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cut_to_what_dicom_allows() {
        for (vr, value, expected) in [
            (VR::DA, "2019-03-04", Some("20190304")),
            (VR::DA, "March", None),
            (VR::TM, "07:08:09.123", Some("070809")),
            (VR::UI, "1.2.840.113619", Some("1.2.840.113619")),
            (VR::UI, "1..2", None),
            (VR::UI, "study 7", None),
            (VR::CS, "hfs", Some("HFS")),
            (VR::CS, "left-right", None),
            (VR::SH, "a name of more than sixteen", Some("a name of more t")),
            (VR::LO, "a\\b\n", Some("ab")),
            (VR::LO, "  ", None),
            (VR::LT, "one\u{1b}[2J\r\ntwo", Some("one[2Jtwo")),
        ] {
            assert_eq!(fitted(vr, value).as_deref(), expected, "{value}");
        }
        for (vr, most) in [(VR::LO, 64), (VR::ST, 1024), (VR::LT, 10240)] {
            assert_eq!(fitted(vr, &"µ".repeat(20_000)).unwrap().chars().count(), most);
        }
    }

    #[test]
    fn decimals_fit_and_keep_their_digits() {
        for value in [
            0.0,
            1.0,
            -0.5,
            1.0 / 3.0,
            -123.456_789_012_345,
            1.234567890123e-12,
            6.02214076e23,
            -1e-300,
        ] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            let back: f64 = text.parse().unwrap();
            assert!((back - value).abs() <= 1e-8 * value.abs(), "{value} as {text}");
        }
    }
}
