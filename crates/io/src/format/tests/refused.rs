//! Files that cannot be read: one sentence each, with file, dataset, what was found, and the mend.

use std::path::Path;

use ndarray::{Array1, Array2, Array3, Array4, Array5, arr1};
use num_complex::Complex;

use super::{assert_says, dataset, file, kspace, message, open, put};
use crate::format::{Scan, ScanOptions};

fn refused(path: &Path) -> String {
    message(open(path, &ScanOptions::default()))
}

#[test]
fn what_is_no_hdf5_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_says(
        &refused(&at("none.h5")),
        &at("none.h5"),
        &["no such file", "check the path"],
    );
    assert_says(&refused(folder.path()), folder.path(), &["folder", "name a file"]);
    std::fs::write(at("empty.h5"), "").unwrap();
    assert_says(&refused(&at("empty.h5")), &at("empty.h5"), &["empty", "again"]);
    std::fs::write(at("text.h5"), "k-space".repeat(1000)).unwrap();
    assert_says(
        &refused(&at("text.h5")),
        &at("text.h5"),
        &["not an HDF5 file", "fastMRI", ".npy", ".cfl"],
    );
    #[cfg(unix)]
    assert_says(
        &refused(Path::new("/dev/null")),
        Path::new("/dev/null"),
        &["not a regular file"],
    );
}

#[test]
fn a_truncated_file() {
    let (_folder, path) = file(|f| put(f, "kspace", &kspace()));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1000]).unwrap();
    assert_says(&refused(&path), &path, &["truncated", "again"]);
}

#[test]
fn no_kspace_lists_what_is_there() {
    let (_folder, path) = file(|f| put(f, "ksp", &kspace()).and(put(f, "group/x", &arr1(&[1u8]))));
    assert_says(
        &refused(&path),
        &path,
        &["'kspace'", "ksp (3, 2, 12, 10) complex64", "group/x (1) uint8"],
    );
    let (_folder, path) = file(|_| Ok(()));
    assert_says(&refused(&path), &path, &["no dataset 'kspace'", "holds no dataset"]);
    let (_folder, path) = file(|f| put(f, "reconstruction", &Array3::<f32>::zeros((1, 2, 2))));
    assert_says(
        &refused(&path),
        &path,
        &["reconstruction (1, 2, 2) float32", "images only"],
    );
    let (_folder, path) = file(|f| put(f, "dataset/data", &arr1(&[0u8])).and(put(f, "dataset/xml", &arr1(&[0u8]))));
    assert_says(&refused(&path), &path, &["'dataset/data'", "no table of ISMRMRD"]);
    assert_says(
        &message(Scan::open(&path, &dataset("other"))),
        &path,
        &["no dataset 'other'"],
    );
    let (_folder, path) = file(|f| (0..20).try_for_each(|i| put(f, &format!("a{i:02}"), &arr1(&[0u8]))));
    assert_says(&refused(&path), &path, &["a07", "and 12 more"]);
}

#[test]
fn kspace_of_another_type() {
    let (_folder, path) = file(|f| put(f, "kspace", &Array4::<f32>::zeros((1, 2, 4, 4))));
    assert_says(&refused(&path), &path, &["'kspace'", "float32", "complex"]);
    let text = |f: &hdf5::File| {
        f.new_dataset::<hdf5::types::VarLenUnicode>()
            .shape(2)
            .create("kspace")
            .map(drop)
    };
    let (_folder, path) = file(text);
    assert_says(&refused(&path), &path, &["'kspace'", "unicode", "complex64"]);
}

#[test]
fn kspace_of_another_shape() {
    let zero = Complex::new(0f32, 0.0);
    let (_folder, path) = file(|f| put(f, "kspace", &Array5::from_elem((1, 1, 2, 4, 5), zero)));
    assert_says(
        &refused(&path),
        &path,
        &["(1, 1, 2, 4, 5)", "5 axes", "(slices, coils, rows, cols)"],
    );
    let (_folder, path) = file(|f| put(f, "kspace", &Array1::from_elem(7, zero)));
    assert_says(&refused(&path), &path, &["(7)", "(slices, coils, rows, cols)"]);
    let (_folder, path) = file(|f| put(f, "kspace", &Array4::from_elem((1, 256, 256, 8), zero)));
    assert_says(
        &refused(&path),
        &path,
        &[
            "(1, 256, 256, 8)",
            "256 coils",
            "coils are last",
            "--axes slice,kx,ky,coil",
        ],
    );
    let (_folder, path) = file(|f| {
        f.new_dataset::<Complex<f32>>()
            .shape([2, 0, 4, 4])
            .create("kspace")
            .map(drop)
    });
    assert_says(&refused(&path), &path, &["(2, 0, 4, 4)", "empty axis"]);
}

#[test]
fn values_that_are_not_finite() {
    let mut broken = kspace();
    broken[[1, 0, 3, 3]].re = f32::NAN;
    broken[[1, 1, 3, 3]].im = f32::INFINITY;
    let (_folder, path) = file(|f| put(f, "kspace", &broken));
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert!(scan.read_slice(0).is_ok());
    assert_says(
        &message(scan.read_slice(1)),
        &path,
        &["'kspace'", "slice 1", "2 values are NaN or infinite"],
    );

    let mut large = kspace().mapv(|v| Complex::new(f64::from(v.re), f64::from(v.im)));
    large[[2, 1, 0, 0]].re = -1e39;
    let (_folder, path) = file(|f| put(f, "kspace", &large));
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert!(scan.read_slice(0).is_ok());
    assert_says(
        &message(scan.read_slice(2)),
        &path,
        &["slice 2", "1 values exceed single precision", "rescale"],
    );
}

#[test]
fn a_mask_that_does_not_fit() {
    let with = |mask: Array2<f32>| file(|f| put(f, "kspace", &kspace()).and(put(f, "mask", &mask)));
    let (_folder, path) = with(Array2::ones((12, 9)));
    assert_says(
        &refused(&path),
        &path,
        &["'mask'", "(12, 9)", "(10) or (12, 10)", "sampled with"],
    );
    // the other way round it would fit; without one of its columns, neither way
    let (_folder, path) = with(Array2::ones((10, 11)));
    assert_says(&refused(&path), &path, &["(10, 11)", "sampled with"]);
    let (_folder, path) = with(Array2::from_shape_fn((12, 10), |(row, _)| row as f32 / 12.0));
    assert_says(&refused(&path), &path, &["'mask'", "probabilities"]);
    let (_folder, path) = with(Array2::zeros((12, 10)));
    assert_says(&refused(&path), &path, &["'mask'", "samples nothing"]);
    let (_folder, path) = with(Array2::from_elem((12, 10), f32::NAN));
    assert_says(&refused(&path), &path, &["'mask'", "120 values are NaN"]);
    let (_folder, path) = file(|f| put(f, "kspace", &kspace()).and(put(f, "mask", &Array1::from_elem(12, 1u8))));
    assert_says(&refused(&path), &path, &["(12)", "runs along the columns"]);
    let (_folder, path) = file(|f| put(f, "kspace", &kspace()).and(put(f, "prob_map", &Array1::from_elem(10, 1.5))));
    assert_says(&refused(&path), &path, &["'prob_map'", "1.5 is not a probability"]);
}

#[test]
fn a_shape_too_large_for_the_bytes_stored() {
    let claims = |f: &hdf5::File| {
        f.new_dataset::<Complex<f32>>()
            .shape([1 << 20, 64, 4096, 4096])
            .create("kspace")
            .map(drop)
    };
    let (_folder, path) = file(claims);
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default()).unwrap().read_slice(0)),
        &path,
        &["'kspace'", "stores 0 bytes"],
    );
}
