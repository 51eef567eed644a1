//! Scans and images without what tells who was scanned: what is kept is listed, all else goes.

mod attributes;
mod header;
mod key;
mod makers;
mod warnings;

use super::attribute::Attribute;
use super::header::Header;
use super::image::Images;
use super::scan::Scan;
pub use attributes::acquisition_code;
pub use key::Anonymizer;
use warnings::without_words_of_file;

/// What the slices of raw data are called here (`ismrmrd::sort`), and nothing that a file may say instead.
const WORDS_OF_NAMES: [&str; 6] = ["contrast", "phase", "repetition", "set", "slice", "x"];

impl Scan {
    /// Takes out what tells of patient, study, place, device and people: of the header, the attributes, the names
    /// of the slices and the warnings. The same ids get the same new ones.
    pub fn anonymize(&mut self, by: &Anonymizer) {
        let names = &mut self.geometry.names;
        anonymize(by, &mut self.header, &mut self.attributes, names, &mut self.warnings);
        self.anonymized = true;
    }

    /// The fields that [`Scan::anonymize`] takes out or replaces, by name: elements of the header, and attributes.
    pub fn identifying_fields(&self) -> Vec<String> {
        let of_header = self.header.as_ref().map(|header| header::identifying(&header.xml));
        let attributes = attributes::identifying(&self.attributes);
        let attributes = attributes.map(|name| format!("attribute {name}"));
        of_header.into_iter().flatten().chain(attributes).collect()
    }
}

impl Images {
    /// The same as of a [`Scan`].
    pub fn anonymize(&mut self, by: &Anonymizer) {
        let names = &mut self.geometry.names;
        anonymize(by, &mut self.header, &mut self.attributes, names, &mut self.warnings);
        self.anonymized = true;
    }
}

/// What a file says beside its values.
fn anonymize(
    by: &Anonymizer,
    header: &mut Option<Header>,
    attributes: &mut Vec<Attribute>,
    names: &mut Vec<String>,
    warnings: &mut [String],
) {
    *header = header.as_ref().and_then(|header| header::anonymized(header, by));
    *attributes = attributes::anonymized(attributes, by);
    keep_counters(names);
    without_words_of_file(warnings);
}

/// Names of slices that are not made of counters could say anything.
fn keep_counters(names: &mut Vec<String>) {
    // a number alone could be a date of birth
    let is_counter = |part: &str| {
        part.split_once(' ').is_some_and(|(word, number)| {
            let digits = number.bytes().all(|b| b.is_ascii_digit());
            WORDS_OF_NAMES.contains(&word) && digits && number.parse::<u16>().is_ok()
        })
    };
    let is_counter = |name: &String| name.split(", ").all(is_counter);
    if !names.iter().all(is_counter) {
        names.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_slices_are_counters_or_go() {
        let kept = |names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            keep_counters(&mut names);
            names.len()
        };
        assert_eq!(kept(&["contrast 0, slice 12", "repetition 3, x 17"]), 2);
        assert_eq!(kept(&["slice 1", "slice of Doe"]), 0);
        for name in [
            "Doe",
            "19700131",
            "slice 19700131",
            "slice",
            "slice 1 2",
            "slice +1",
            "1 slice",
            "slice 1,2",
            "",
        ] {
            assert_eq!(kept(&["slice 1", name]), 0, "{name}");
        }
    }
}
