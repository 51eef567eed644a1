//! The program `pvdamp`.

pub mod batch;
pub mod cli;
pub mod compare;
mod flags;
pub mod report;
