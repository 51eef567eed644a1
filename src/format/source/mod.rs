//! Arrays in files: the place of one, written `FILE` or `FILE:dataset`, how it is found, and how it is read.

pub(in crate::format) mod find;
pub(in crate::format) mod h5;
mod place;
