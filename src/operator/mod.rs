//! The measurement as a linear operator.

mod encoding;

pub use encoding::{Encoding, Samples};
