//! The measurement as a linear operator: `A = M F S` of coil sensitivity maps S, Fourier transform F and sampling mask
//! M.

mod encoding;
mod products;

pub(crate) use encoding::sample_energies;
pub use encoding::{Encoding, Samples, gather};
