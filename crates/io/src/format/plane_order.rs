//! Which way round the plane of an array lies that goes with k-space: a mask, a probability, coil maps.

use super::source::array::Source;

/// The attribute that names the axes of a dataset: of maps as `slices,sets,coils,rows,cols`, of k-space as
/// `coil,kx,ky,kz`.
pub const AXES: &str = "axes";

/// How k-space lies in the file of a scan; arrays that go with it usually lie alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KspaceOrder {
    /// Whether its columns come before its rows, as ky before kx.
    pub columns_first: bool,
    /// MATLAB writes the axes of all arrays in reverse.
    pub by_matlab: bool,
}

impl KspaceOrder {
    /// In words, for who has to say it otherwise.
    pub fn sentence(self) -> &'static str {
        if self.columns_first {
            "columns before rows"
        } else {
            "rows before columns"
        }
    }
}

/// What is read of an array whose plane may lie either way round.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternatives<T> {
    pub likely: T,
    /// The other way round, where nothing but the data can tell.
    pub other: Option<T>,
    /// Whether columns come before rows, other than in k-space, because only that fits.
    pub only_turned: bool,
}

/// Which way round a plane lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaneOrder {
    pub columns_first: bool,
    /// Whether it may be the other way round too.
    pub doubtful: bool,
}

/// The way round that a plane lies, which `fits` with rows first, with columns first; `None` if it does not. What the array
/// says of itself counts, then what fits. Where both do, arrays in the scan's `own` file lie as k-space does; of others only
/// the data can tell, if MATLAB wrote either, or k-space lies the other way round.
pub(super) fn plane_order(source: &Source, fits: [bool; 2], order: KspaceOrder, own: bool) -> Option<PlaneOrder> {
    let certain = |columns_first| PlaneOrder {
        columns_first,
        doubtful: false,
    };
    if let Some(columns_first) = stated(source) {
        return fits[usize::from(columns_first)].then(|| certain(columns_first));
    }
    // arrays of BART tell their dimensions
    let order = match source.dimensions() {
        Some(_) => KspaceOrder::default(),
        None => order,
    };
    match fits {
        [true, false] => Some(certain(false)),
        [false, true] => Some(certain(true)),
        [false, false] => None,
        [true, true] if own => Some(certain(order.columns_first)),
        [true, true] => Some(PlaneOrder {
            columns_first: order.columns_first,
            doubtful: order.columns_first || order.by_matlab || by_matlab(source),
        }),
    }
}

/// Whether MATLAB wrote an array.
pub(super) fn by_matlab(source: &Source) -> bool {
    source
        .hdf5()
        .is_some_and(|dataset| dataset.attribute_text("MATLAB_class").is_some())
}

/// The words of the attribute that names the axes of an array, in lower case.
pub(super) fn words(source: &Source) -> Vec<String> {
    let text = source.hdf5().and_then(|dataset| dataset.attribute_text(AXES));
    let text = text.unwrap_or_default().to_lowercase();
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.map(str::to_string).collect()
}

/// What a word of an attribute `axes` calls an axis of the plane: whether it is the columns. Rows and columns of a volume,
/// which has kz, are its phase encodes.
pub(super) fn is_columns(word: &str, words: &[String]) -> Option<bool> {
    let volume = words.iter().any(|word| matches!(word.as_str(), "kz" | "z"));
    match (word, volume) {
        ("rows" | "row", _) | ("kx" | "x", false) | ("ky" | "y", true) => Some(false),
        ("cols" | "col" | "columns" | "column", _) | ("ky" | "y", false) | ("kz" | "z", true) => Some(true),
        _ => None,
    }
}

/// Whether an array says of itself that its columns come before its rows.
fn stated(source: &Source) -> Option<bool> {
    let words = words(source);
    let mut plane = words.iter().filter_map(|word| is_columns(word, &words));
    match (plane.next(), plane.next(), plane.next()) {
        (Some(first), Some(second), None) if first != second => Some(first),
        _ => None,
    }
}
