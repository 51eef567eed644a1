//! Files of images, and of k-space as an array, that other programs read.
//!
//! The ending of its name says what an output is: each row of [`IMAGE_FORMATS`] has its own, and every other name is
//! HDF5. What a format gives is an [`ImageSink`], which takes the slices and shows its files when all are there.

mod bart;
mod dicom;
mod formats;
mod nifti;
mod numpy;
mod orientation;
mod part;
mod png;
mod read;
mod sink;
mod staging;

#[cfg(test)]
mod tests;

pub use formats::IMAGE_FORMATS;
pub use part::Part;
pub(super) use part::magnitude_of;
pub use png::{window, write_png};
pub use read::{Images, holds_images};
pub use sink::{ImageFormat, ImageSink, KspaceSeries, KspaceSink, Series};
