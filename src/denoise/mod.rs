//! Denoisers for noise of known variance: soft thresholding tuned by SURE, local Wiener shrinkage, and groups of
//! similar patches.

mod group;
mod patches;
mod soft;
mod sure_wiener;
mod wiener;

pub use patches::SimilarPatches;
pub use soft::{SureThreshold, Workspace, damped_soft_threshold, soft_threshold, sure_threshold};
pub use sure_wiener::{SureWiener, SureWienerWorkspace, sure_wiener};
pub use wiener::{LocalWiener, WienerWorkspace};
