//! Denoisers of wavelet coefficients whose noise variance is known.

mod soft;
mod wiener;

pub use soft::{SureThreshold, Workspace, soft_threshold, sure_threshold};
pub use wiener::{LocalWiener, WienerWorkspace};
