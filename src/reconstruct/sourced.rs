/// A value, and where it comes from, in words for the record.
#[derive(Clone, Debug)]
pub struct Sourced<T> {
    /// What was given.
    pub value: T,
    /// Such as `read from mask.h5`.
    pub origin: String,
}

impl<T> Sourced<T> {
    /// A value from `origin`.
    pub fn new(value: T, origin: impl Into<String>) -> Self {
        Self {
            value,
            origin: origin.into(),
        }
    }
}

impl<T> From<T> for Sourced<T> {
    fn from(value: T) -> Self {
        Self::new(value, "given")
    }
}
