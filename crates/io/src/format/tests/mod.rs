//! Files written here with the `hdf5` crate as other programs write them, and read back.

mod arrays;
mod containers;
mod damaged;
mod fixtures;
mod layouts;
mod orders;
mod origins;
mod outlines;
mod real_data;
mod refused;
mod scans;
mod volumes;
mod written;

use std::path::{Path, PathBuf};

use ndarray::{Array2, Array4};
use num_complex::Complex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::{KspaceOrder, MapsOf, Outline, Scan, ScanOptions};
use crate::error::{Place, Result};
use pvdamp::array::{Grid, Mask};

pub const HEADER: &str = "<ismrmrdHeader xmlns='http://www.ismrm.org/ISMRMRD'><encoding>\
    <encodedSpace><matrixSize><x>12</x><y>10</y><z>1</z></matrixSize></encodedSpace>\
    <reconSpace><matrixSize><x>6</x><y>99</y><z>1</z></matrixSize></reconSpace>\
    <trajectory>cartesian</trajectory></encoding></ismrmrdHeader>";

/// Random k-space of 3 slices, 2 coils, 12x10.
pub fn kspace() -> Array4<Complex<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    Array4::from_shape_simple_fn((3, 2, 12, 10), || Complex::new(rng.random(), rng.random::<f32>() - 0.5))
}

/// A file made by `fill` in a folder of its own.
pub fn file(fill: impl FnOnce(&hdf5::File) -> hdf5::Result<()>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.h5");
    fill(&hdf5::File::create(&path).unwrap()).unwrap();
    (folder, path)
}

pub fn put<T: hdf5::H5Type + Clone, D: ndarray::Dimension>(
    file: &hdf5::Group,
    name: &str,
    values: &ndarray::Array<T, D>,
) -> hdf5::Result<()> {
    file.new_dataset_builder()
        .with_data(values.as_standard_layout().view())
        .create(name)
        .map(drop)
}

/// The mask beside a scan that lies as is usual.
pub fn read_mask(place: &Place, grid: Grid) -> Result<Mask> {
    super::read_mask(place, grid, KspaceOrder::default()).map(|read| read.likely)
}

/// The same of a probability.
pub fn read_probability(place: &Place, grid: Grid) -> Result<Array2<f64>> {
    super::read_probability(place, grid, KspaceOrder::default()).map(|read| read.likely)
}

/// Of a scan whose slices show a place each.
pub fn maps_of(slices: usize, coils: usize, grid: Grid) -> MapsOf {
    MapsOf {
        slices,
        places: slices,
        coils,
        grid,
        order: KspaceOrder::default(),
    }
}

/// To read the k-space of that name.
pub fn dataset(name: &str) -> ScanOptions {
    ScanOptions {
        dataset: Some(name.into()),
        ..ScanOptions::default()
    }
}

/// Opens a scan, and holds its outline to it: the same, or the same refusal. Not for volumes of damaged k-space, which
/// an outline does not read.
pub fn open(path: &Path, options: &ScanOptions) -> Result<Scan> {
    let opened = Scan::open(path, options);
    match (Scan::outline(path, options), &opened) {
        (Ok(outline), Ok(scan)) => assert_outlines(&outline, scan),
        (Err(outline), Err(refused)) => assert_eq!(outline.to_string(), refused.to_string()),
        (Ok(outline), Err(refused)) => panic!("refused: {refused}; but outlined: {outline:?}"),
        (Err(error), Ok(_)) => panic!("opened, but not outlined: {error}"),
    }
    opened
}

pub fn assert_outlines(outline: &Outline, scan: &Scan) {
    let found = (outline.format, outline.slices, outline.coils, outline.grid);
    assert_eq!(found, (scan.format, scan.slices(), scan.coils(), scan.grid()));
    assert_eq!(outline.places, scan.places.count());
}

/// Reads all there is in a scan of these bytes; true if nothing was refused.
pub fn read_all(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.h5");
    std::fs::write(&path, bytes).unwrap();
    let Ok(scan) = open(&path, &ScanOptions::default()) else {
        return false;
    };
    (0..scan.slices().min(3)).all(|slice| scan.read_slice(slice).is_ok() & scan.read_reference(slice).is_ok())
}

pub fn message<T>(result: Result<T>) -> String {
    result.err().expect("an error").to_string()
}

/// The sentence holds every word, names the file, and stands on one line.
pub fn assert_says(message: &str, path: &Path, words: &[&str]) {
    assert!(message.starts_with(path.to_str().unwrap()), "{message}");
    assert!(!message.contains('\n'), "{message}");
    for word in words {
        assert!(message.contains(word), "'{word}' is not in: {message}");
    }
}
