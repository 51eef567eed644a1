//! Files: what a scan is read from and what a result is written to.
//!
//! [`Scan`] reads k-space from the files of [`SCAN_FORMATS`], recognised by what is in them and not by their names.
//! Masks, sampling probabilities, coil sensitivity maps, noise covariances and images are read from a
//! [`Place`](crate::error::Place), written `FILE` or `FILE:dataset`, in files of HDF5, NumPy and BART. [`Hdf5Output`]
//! and the files of [`IMAGE_FORMATS`] are written through an [`AtomicFile`], so that a result is there whole or not at
//! all.
//!
//! Every value read is checked to be finite. Damaged and unsuitable files end in an error that names the file, the
//! dataset, what was found, and the mend.

mod anonymize;
mod atomic_file;
mod attribute;
mod find_files;
mod geometry;
mod geometry_dataset;
mod hdf5_images;
mod hdf5_output;
mod hdf5_reader;
mod header;
mod image;
mod maps;
mod masks;
mod noise;
mod plane_order;
mod presence;
mod reason;
mod regular_file;
mod scan;
mod source;
mod stamp;
mod temporary_name;
mod volume;

#[cfg(test)]
mod tests;

pub use anonymize::{Anonymizer, acquisition_code};
pub use atomic_file::AtomicFile;
pub use attribute::{Attribute, AttributeValue, read_attributes, read_group_attributes};
pub use find_files::{files_below, has_ending};
pub use geometry::{Geometry, Placement, Plane};
pub use geometry_dataset::write_geometry;
pub use hdf5_images::{Hdf5Images, Hdf5Kspace, write_about};
pub use hdf5_output::{Hdf5Element, Hdf5Output, OutputDataset};
pub use hdf5_reader::{COMMAND, Reading, read_for_parent};
pub use header::{Header, Limits, Sequence, Space, Study, Subject, System, header_xml, volume_header_xml};
pub use image::{
    IMAGE_FORMATS, ImageFormat, ImageSink, Images, KspaceSeries, KspaceSink, Part, Series, holds_images, window,
    write_png,
};
pub use maps::{First, MapsFile, MapsOf, read_covariance, read_maps};
pub use masks::{read_mask, read_probability};
pub use noise::read_noise;
pub use plane_order::{AXES, Alternatives, KspaceOrder};
pub use reason::Reason;
pub use regular_file::{append_regular, identity, open_regular, read_regular, read_text};
pub(crate) use scan::PlaneStore;
pub use scan::{
    Axes, AxisKind, Centre, Directions, MOST_SLICES, NoiseScan, Oddities, Outline, Places, Reference, SCAN_FORMATS,
    Scan, ScanFormat, ScanOptions, read_noise_scan,
};
pub use source::container::files_of;
pub use stamp::{ReadFiles, Stamp};
pub use volume::{Role, Volume, read_list, read_table, read_volume};
