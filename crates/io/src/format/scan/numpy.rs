//! k-space in files of NumPy: an array in `.npy`, or several by name in `.npz`.

use super::super::source::array::Source;
use super::super::source::container::{Container, ContainerKind};
use super::super::source::messages::shape_text;
use super::array_scan;
use super::axes::{Axes, AxisKind};
use super::check_axes::MOST_COILS;
use super::options::ScanOptions;
use super::reader::{Scan, ScanFormat};
use crate::error::Result;

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "numpy",
    title: "NumPy array",
    summary: "complex .npy, or .npz with 'kspace' and where they are \
        'mask' and 'prob_map'; (slices, coils, rows, cols)",
    citation: "numpy.lib.format; Harris et al., Nature 585:357 (2020)",
    recognise: |file, _| matches!(file.kind(), ContainerKind::Npy | ContainerKind::Npz),
    open,
};

/// complex64 or complex128, of either byte order, in C or Fortran order. In `kspace` unless named, or the only complex
/// array of an archive.
///
/// # Errors
/// Files that are cut off or damaged, and those of [`array_scan::open`].
fn open(file: &Container, options: &ScanOptions) -> Result<Scan> {
    array_scan::open(FORMAT.name, file, options, usual)
}

/// As fastMRI's; of three axes the first is the coils if it is short, which is said.
fn usual(kspace: &Source) -> Result<(Axes, Option<String>)> {
    use AxisKind::{Coil, Kx, Ky, Slice};
    match kspace.shape[..] {
        [_, _] => Ok((Axes::of(vec![Kx, Ky]), None)),
        [first, rows, cols] => {
            let coils = first <= MOST_COILS && first < rows && first < cols;
            let [is, or] = if coils { [Coil, Slice] } else { [Slice, Coil] };
            let axes = [is, or].map(|kind| Axes::of(vec![kind, Kx, Ky]));
            let shape = shape_text(&kspace.shape);
            let guess = format!(
                "k-space of shape {shape} is taken for {}; if it is {}, pass --axes {}",
                axes[0], axes[1], axes[1]
            );
            let [axes, _] = axes;
            Ok((axes, (first > 1).then_some(guess)))
        }
        [_, _, _, _] => Ok((Axes::of(vec![Slice, Coil, Kx, Ky]), None)),
        _ => Err(array_scan::axes_needed(kspace)),
    }
}
