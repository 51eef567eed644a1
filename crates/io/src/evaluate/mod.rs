//! Reconstructions held to their targets, as fastMRI's `evaluate.py` does: one pair of files, or two folders of them.
//!
//! A pair that cannot be compared is recorded with its reason and stops no other. Only one pair is in memory at a time.

mod comparison;
mod folders;
mod summary;

pub use comparison::{Comparison, ComplexComparison, compare};
pub use folders::Folders;
pub use summary::{Acquisition, Evaluation, MeanStd, Summary, TextCell, VolumeRecord, volumes_csv};
