//! The measurement as a linear operator.

mod encoding;
mod products;

pub use encoding::{Encoding, Samples, gather};
