//! Scans on disk and results: what pvdamp reads and writes.

pub mod error;
pub mod evaluate;
pub mod format;
pub mod memory;
pub mod recon;
