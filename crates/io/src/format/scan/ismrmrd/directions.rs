//! Which way the directions of a file point, by the maker of the scanner.

use super::super::super::header::System;
use super::super::options::Directions;

/// Whether image indices grow along `read_dir`, `phase_dir` and `slice_dir`, of images that the inverse transform makes
/// of k-space.
struct Maker {
    /// The vendor of the header begins with it, in lower case.
    name: &'static str,
    directions: Directions,
    /// How that is known.
    source: &'static str,
}

/// ISMRMRD does not fix the sign of the transform, and converters copy samples and directions as they are.
const MAKERS: &[Maker] = &[Maker {
    name: "siemens",
    directions: Directions::Against,
    source: "directions of Siemens hold for images by the forward transform",
}];

/// What holds for the files of a scanner, and how that is known, in words; what the user says goes before.
pub(super) fn directions(stated: Option<Directions>, system: &System) -> (Directions, String) {
    let known = MAKERS.iter().find(|maker| system.is_of(maker.name));
    match (stated, known, &system.vendor) {
        (Some(stated), _, _) => (stated, "stated".into()),
        (None, Some(maker), _) => (maker.directions, maker.source.into()),
        (None, None, Some(vendor)) => (
            Directions::Along,
            format!("assumed: no convention is known of the vendor '{vendor}'"),
        ),
        (None, None, None) => (Directions::Along, "assumed: the header names no vendor".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendor_decides_unless_the_user_does() {
        let of = |vendor: Option<&str>| System {
            vendor: vendor.map(str::to_string),
            ..System::default()
        };
        for siemens in ["SIEMENS", "Siemens Healthineers", " siemens", "Siemens Healthcare GmbH"] {
            assert_eq!(directions(None, &of(Some(siemens))).0, Directions::Against, "{siemens}");
            assert_eq!(
                directions(Some(Directions::Along), &of(Some(siemens))).0,
                Directions::Along
            );
        }
        for other in [None, Some("GE"), Some("Philips"), Some("ISMRMRD Synthetic")] {
            let (directions, why) = directions(None, &of(other));
            assert_eq!(directions, Directions::Along);
            assert!(why.starts_with("assumed"), "{why}");
        }
    }
}
