//! k-space as BART keeps it: a pair of files `.cfl` and `.hdr`, whose dimensions have a fixed meaning.

use super::super::source::array::Source;
use super::super::source::container::{Container, ContainerKind};
use super::array_scan;
use super::axes::{Axes, AxisKind};
use super::options::ScanOptions;
use super::reader::{Scan, ScanFormat};
use crate::error::Result;

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "bart",
    title: "BART",
    summary: "NAME.cfl with NAME.hdr: dimensions 0 kx, 1 ky, 2 kz, 3 coils, 5 echoes, \
        10, 11 and 14 frames, all others slices; a volume if all of 0 to 2 are there",
    citation: "Uecker et al., Proc ISMRM 23:2486 (2015)",
    recognise: |file, _| file.kind() == ContainerKind::Bart,
    open,
};

/// The path may be that of either file or the name that they share.
///
/// # Errors
/// A header that does not fit the values, and those of [`array_scan::open`].
fn open(file: &Container, options: &ScanOptions) -> Result<Scan> {
    array_scan::open(FORMAT.name, file, options, usual)
}

/// By BART's dimensions, the last of them slowest.
fn usual(kspace: &Source) -> Result<(Axes, Option<String>)> {
    use AxisKind::{Coil, Echo, Frame, Kx, Ky, Kz, Slice};
    let Some(dimensions) = kspace.dimensions() else {
        return Err(array_scan::axes_needed(kspace));
    };
    // of a volume without readout, or cut along it, the planes are ky-kz
    let spatial = match [0, 1, 2].map(|d| dimensions[d] > 1) {
        [true, true, true] => [Kx, Ky, Kz],
        [false, _, true] => [Slice, Ky, Kz],
        [true, false, true] => [Kx, Slice, Ky],
        _ => [Kx, Ky, Slice],
    };
    let kind = |d: usize| match d {
        0..3 => spatial[d],
        3 => Coil,
        5 => Echo,
        // times of a scan or a cycle, and averages
        10 | 11 | 14 => Frame,
        _ => Slice,
    };
    Ok((
        Axes::of(kspace.kspace_dimensions().into_iter().map(kind).collect()),
        None,
    ))
}
