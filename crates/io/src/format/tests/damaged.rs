//! Valid files cut short or with a bit turned: an error or data, never a panic.

use std::error::Error;
use std::io;
use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array1, arr0};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use zip::CompressionMethod;
use zip::result::ZipError;

use super::fixtures::{TestFolder, complex_npy, cut};
use super::{HEADER, assert_says, file, kspace, put, read_all};
use crate::error::Place;
use crate::format::hdf5_reader::Failure;
use crate::format::{Images, Scan, ScanOptions};

/// A small file with everything a scan can have; k-space compressed or not.
fn valid(gzip: bool) -> Vec<u8> {
    let (_folder, path) = file(|f| {
        let kspace = kspace();
        let builder = f.new_dataset_builder().with_data(kspace.view());
        if gzip {
            builder.chunk([1, 1, 12, 10]).deflate(4).create("kspace")
        } else {
            builder.create("kspace")
        }?;
        put(f, "mask", &Array1::from_elem(10, true))?;
        put(f, "ismrmrd_header", &arr0(HEADER.parse::<VarLenUnicode>().unwrap()))?;
        put(f, "reconstruction_rss", &ndarray::Array3::<f32>::ones((3, 6, 6)))?;
        f.new_attr::<f64>().create("max")?.write_scalar(&1.5)
    });
    std::fs::read(path).unwrap()
}

#[test]
fn truncation_is_noticed() {
    for gzip in [false, true] {
        let bytes = valid(gzip);
        assert!(read_all(&bytes));
        for part in 0..20 {
            assert!(
                !read_all(&bytes[..bytes.len() * part / 20]),
                "{part}/20 of the file were read as all of it"
            );
        }
    }
}

#[test]
fn flipped_bits_do_no_harm() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for gzip in [false, true] {
        let bytes = valid(gzip);
        for _ in 0..100 {
            let mut turned = bytes.clone();
            let at = rng.random_range(0..turned.len());
            turned[at] ^= 1 << rng.random_range(0..8);
            read_all(&turned);
        }
    }
}

#[test]
fn the_error_underneath_is_kept() {
    fn is<T: Error + 'static>(path: &Path, expected: impl Fn(&T) -> bool) {
        let error = Scan::open(path, &ScanOptions::default()).err().expect("an error");
        let cause = error.source().and_then(|source| source.downcast_ref::<T>());
        assert!(cause.is_some_and(expected), "{error:?}");
    }
    let folder = TestFolder::new();
    is(&folder.at("none.h5"), |e: &io::Error| {
        e.kind() == io::ErrorKind::NotFound
    });
    let bytes = valid(false);
    let short = folder.file("short.h5", &bytes[..bytes.len() / 2]);
    is(&short, |e: &Failure| *e == Failure::Truncated);
    let values = kspace().into_dyn();
    let header = folder.file("short.npy", &complex_npy(&values)[..40]);
    is(&header, |e: &io::Error| e.kind() == io::ErrorKind::UnexpectedEof);
    let archive = folder.npz(
        "short.npz",
        &[("kspace", complex_npy(&values))],
        CompressionMethod::Stored,
    );
    cut(&archive, 8);
    is(&archive, |_: &ZipError| true);
    let values = folder.cfl("k", values.view());
    std::fs::remove_file(values).unwrap();
    is(&folder.at("k"), |e: &io::Error| e.kind() == io::ErrorKind::NotFound);
}

#[test]
fn what_changes_after_it_was_opened_is_not_read_on() {
    let bytes = valid(false);
    let folder = TestFolder::new();
    let path = folder.file("scan.h5", &bytes);
    let pair = folder.cfl("k", kspace().t().into_dyn());
    let touch = |path: &Path| {
        let file = std::fs::File::options().append(true).open(path);
        file.unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    };
    let refused = |error: crate::error::Error, path: &Path| {
        assert_says(&error.to_string(), path, &["changed while it was read"]);
    };
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    let images = Images::open(&Place::new(&path, "reconstruction_rss")).unwrap();
    scan.read_slice(0).unwrap();
    images.read(0).unwrap();
    touch(&path);
    refused(scan.read_slice(1).unwrap_err(), &path);
    refused(scan.read_reference(1).unwrap_err(), &path);
    refused(images.read(1).unwrap_err(), &path);
    // the header of BART's pair counts as well
    let header = pair.with_extension("hdr");
    for part in [&pair, &header] {
        let scan = Scan::open(&folder.at("k"), &ScanOptions::default()).unwrap();
        scan.read_slice(0).unwrap();
        touch(part);
        refused(scan.read_slice(0).unwrap_err(), part);
    }
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    cut(&path, bytes.len() / 2);
    refused(scan.read_slice(0).unwrap_err(), &path);
}
