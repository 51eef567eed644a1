//! Scans: k-space slice by slice, whatever file it lies in.
//!
//! [`Scan::open`] looks into a file and takes the first row of [`SCAN_FORMATS`] that knows it; the name of the file
//! says nothing. What a format gives is a [`Scan`] whose k-space is behind [`Planes`](reader::Planes), not yet
//! prepared: of that [`Scan::outline`] tells, and [`Scan::open`] prepares them.

mod array_scan;
mod axes;
mod bart;
mod calgary;
mod check_axes;
mod fastmri;
mod find_origin;
mod formats;
mod ismrmrd;
mod kspace_array;
mod numpy;
mod options;
mod origin;
mod places;
mod plane_store;
mod reader;
mod readout;
mod recentre;

pub use axes::{Axes, AxisKind};
pub use check_axes::MOST_SLICES;
pub use find_origin::Oddities;
pub use formats::SCAN_FORMATS;
pub use ismrmrd::{NoiseScan, read_noise_scan};
pub use options::{Centre, Directions, ScanOptions};
pub use places::Places;
pub(in crate::format) use places::write_places;
pub(crate) use plane_store::PlaneStore;
pub use reader::{Outline, Reference, Scan, ScanFormat};
