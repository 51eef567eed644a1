//! Words that errors about arrays share.

use crate::error::{Error, Place};

/// What to do about a damaged file.
pub(in crate::format) const DAMAGED: &str = "the file is damaged or incomplete: copy or download it again";

/// What to do about an array for which there is no memory.
pub(in crate::format) const TOO_LARGE: &str =
    "use a machine with more, raise --memory where it was given, or take a smaller scan";

/// `(1, 8, 256, 256)`.
pub(in crate::format) fn shape_text(shape: &[usize]) -> String {
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("({})", axes.join(", "))
}

/// An array of `dtype` that is read as numbers.
pub(in crate::format) fn not_a_number(place: &Place, dtype: &str) -> Error {
    Error::data(
        place.clone(),
        format!("holds {dtype}, where numbers are expected"),
        "name the right dataset",
    )
}
