//! Arrays in files: the place of one, written `FILE` or `FILE:dataset`, how it is found, and how it is read.

mod archive;
pub(in crate::format) mod array;
mod cfl;
pub(in crate::format) mod container;
pub(in crate::format) mod element;
pub(in crate::format) mod find;
mod foreign;
pub(in crate::format) mod messages;
mod npy;
mod npz;
mod number;
mod parse_place;
mod raw;
