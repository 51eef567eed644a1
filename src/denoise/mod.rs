//! Denoisers for a noise variance that is known.

mod group;
mod patches;
mod soft;
mod wiener;

pub use patches::SimilarPatches;
pub use soft::{SureThreshold, Workspace, damped_soft_threshold, soft_threshold, sure_threshold};
pub use wiener::{LocalWiener, WienerWorkspace};
