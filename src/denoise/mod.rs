//! Denoisers of wavelet coefficients whose noise variance is known.

mod soft;

pub use soft::{SureThreshold, Workspace, soft_threshold, sure_threshold};
