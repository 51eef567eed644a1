//! Scans as fastMRI stores them (Zbontar et al., arXiv:1811.08839; Knoll et al., Radiol Artif Intell 2:e190007, 2020):
//! HDF5 with `kspace`, and beside it an ISMRMRD header, a mask, reference images and attributes, all optional. Any
//! other array of k-space in HDF5 too, where an attribute or the user tells its axes.

use super::super::source::array::Source;
use super::super::source::container::Container;
use super::array_scan;
use super::axes::{Axes, AxisKind};
use super::options::ScanOptions;
use super::reader::{Scan, ScanFormat};
use crate::error::Result;

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "fastmri",
    title: "fastMRI HDF5",
    summary: "'kspace' (slices, coils, rows, cols), with 'ismrmrd_header', 'mask', 'reconstruction_rss' where they are",
    citation: "Zbontar et al., arXiv:1811.08839; Knoll et al., Radiol Artif Intell 2:e190007 (2020)",
    recognise: |file, _| file.hdf5().is_some(),
    open,
};

/// k-space is complex64 or complex128 (a compound `{r, i}` or `{real, imag}`), of either byte order:
/// `(slices, coils, rows, cols)`, or `(slices, rows, cols)` and `(rows, cols)` of one coil. In `kspace` unless named.
///
/// # Errors
/// A file that cannot be opened as HDF5, no k-space, k-space of another type or rank, an axis of length
/// zero, a mask or probability that does not fit the grid.
fn open(file: &Container, options: &ScanOptions) -> Result<Scan> {
    array_scan::open(FORMAT.name, file, options, usual)
}

/// By the number of axes.
fn usual(kspace: &Source) -> Result<(Axes, Option<String>)> {
    use AxisKind::{Coil, Kx, Ky, Slice};
    let all = [Slice, Coil, Kx, Ky];
    match kspace.shape.len() {
        2 => Ok((Axes::of(all[2..].to_vec()), None)),
        3 => Ok((Axes::of(vec![Slice, Kx, Ky]), None)),
        4 => Ok((Axes::of(all.to_vec()), None)),
        _ => Err(array_scan::axes_needed(kspace)),
    }
}
