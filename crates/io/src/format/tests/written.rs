//! What the writer leaves: the structure, the types, and nothing when it fails.

use hdf5::types::TypeDescriptor;
use ndarray::{Array2, Array4, ArrayD, array, s};
use num_complex::Complex;

use super::{assert_says, file, kspace, message, put};
use crate::format::{Attribute, AttributeValue, Hdf5Output, Role, Scan, ScanOptions, Volume, read_volume};

#[test]
fn the_structure_of_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.h5");
    let output = Hdf5Output::create(&path).unwrap().with_gzip(Some(1));
    let images = kspace();
    let stored = output.dataset::<Complex<f32>>("reconstruction", &[3, 12, 10]).unwrap();
    for slice in [2, 0] {
        // a view across coils is not contiguous
        stored.write_slice(slice, images.slice(s![slice, 1, .., ..])).unwrap();
    }
    output.group("diagnostics/deep").unwrap();
    output.write("diagnostics/tau", array![1.5, 2.5].view()).unwrap();
    output.write("mask", Array2::from_elem((12, 10), true).t()).unwrap();
    output.write("count", array![1u64, 2].view()).unwrap();
    output.text("command", "pvdamp recon µ").unwrap();
    output.attribute("/", &Attribute::new("method", "p-vdamp")).unwrap();
    output.attribute("diagnostics", &Attribute::new("scales", 4)).unwrap();
    output
        .attribute("reconstruction", &Attribute::new("axes", "slices,rows,cols"))
        .unwrap();
    assert!(!path.exists());
    output.finish().unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = hdf5::File::open(&path).unwrap();
    let reconstruction = file.dataset("reconstruction").unwrap();
    assert_eq!(reconstruction.chunk(), Some(vec![1, 12, 10]));
    let TypeDescriptor::Compound(pair) = reconstruction.dtype().unwrap().to_descriptor().unwrap() else {
        panic!()
    };
    assert_eq!(
        pair.fields.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
        ["r", "i"]
    );
    let Volume::Complex(read) = read_volume(&path.as_path().into(), Role::Result).unwrap() else {
        panic!()
    };
    assert_eq!(read.slice(s![0, .., ..]), images.slice(s![0, 1, .., ..]));
    assert_eq!(read.slice(s![1, .., ..]), Array2::zeros((12, 10)));
    assert_eq!(read.slice(s![2, .., ..]), images.slice(s![2, 1, .., ..]));
    assert_eq!(
        file.dataset("mask").unwrap().dtype().unwrap().to_descriptor().unwrap(),
        TypeDescriptor::Boolean
    );
    assert_eq!(file.dataset("mask").unwrap().shape(), [10, 12]);
    assert_eq!(file.dataset("count").unwrap().read_1d::<u64>().unwrap(), array![1, 2]);
    assert_eq!(
        file.group("diagnostics").unwrap().member_names().unwrap(),
        ["deep", "tau"]
    );
}

#[test]
fn attributes_of_a_scan_are_copied() {
    let attributes = [
        Attribute::new("acquisition", "AXT2 µ"),
        Attribute::new("flag", false),
        Attribute::new("floats", AttributeValue::Floats(ArrayD::from_elem(vec![2, 3], 0.5))),
        Attribute::new("ints", AttributeValue::Ints(array![1, -2].into_dyn())),
        Attribute::new("max", 1.25),
        Attribute::new("names", AttributeValue::Texts(vec!["a".into(), String::new()])),
        Attribute::new("number", -3),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.h5");
    let output = Hdf5Output::create(&path).unwrap();
    output.write("kspace", kspace().view()).unwrap();
    for attribute in &attributes {
        output.attribute("/", attribute).unwrap();
    }
    let nul = message(output.attribute("/", &Attribute::new("nul", "a\0b")));
    assert_says(&nul, &path, &["'nul'", "NUL"]);
    assert_says(&message(output.attribute("none", &attributes[0])), &path, &["'none'"]);
    output.finish().unwrap();
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert_eq!(scan.attributes, attributes);
    assert_eq!(scan.read_slice(1).unwrap(), kspace().slice(s![1, .., .., ..]));
}

#[test]
fn an_output_that_is_dropped_leaves_the_old_one() {
    let (folder, path) = file(|f| put(f, "kspace", &kspace()));
    let before = std::fs::read(&path).unwrap();
    let output = Hdf5Output::create(&path).unwrap();
    let held = output.dataset::<f32>("x", &[2, 3]).unwrap();
    output.write("y", array![1f32].view()).unwrap();
    drop(output);
    assert!(held.write(Array2::zeros((2, 3)).view()).is_err());
    drop(held);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.h5");
    let output = Hdf5Output::create(&path).unwrap();
    let images = output.dataset::<f32>("images", &[2, 4, 4]).unwrap();
    let slice = Array2::<f32>::zeros((4, 4));
    assert_says(
        &message(images.write_slice(2, slice.view())),
        &path,
        &["'images'", "slice 2", "(2, 4, 4)"],
    );
    assert_says(
        &message(images.write_slice(0, slice.slice(s![1.., ..]))),
        &path,
        &["(3, 4)"],
    );
    assert_says(&message(images.write(slice.view())), &path, &["(4, 4)"]);
    assert_says(
        &message(output.dataset::<f32>("images", &[1]).map(drop)),
        &path,
        &["'images'", "cannot be written"],
    );
    assert_says(&message(output.finish()), &path, &["a part of it"]);
    drop(images);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(message(Hdf5Output::create(folder.path())).contains("this is a folder"));
}

/// On a disk without room, named by the environment: `mount -t tmpfs -o size=1m tmpfs FOLDER`.
#[test]
fn a_full_disk_is_one_error() {
    let Ok(folder) = std::env::var("PVDAMP_FULL_DISK") else {
        eprintln!("skipped: PVDAMP_FULL_DISK names no small file system");
        return;
    };
    let path = std::path::Path::new(&folder).join("out.h5");
    let mut rng = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(3);
    let noise = Array4::from_shape_simple_fn((8, 4, 128, 128), || rand::RngExt::random::<f32>(&mut rng));
    for gzip in [None, Some(1)] {
        let output = Hdf5Output::create(&path).unwrap().with_gzip(gzip);
        let written = output.write("noise", noise.view()).and_then(|()| output.finish());
        let text = message(written);
        eprintln!("{text}");
        assert_says(&text, &path, &["cannot be written", "make room"]);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
    // small things are kept until the end: the error comes then, at the latest
    let output = Hdf5Output::create(&path).unwrap();
    let line = "k".repeat(10_000);
    let written = (0..300)
        .try_for_each(|i| output.text(&format!("line{i}"), &line))
        .and_then(|()| output.finish());
    assert_says(&message(written), &path, &["cannot be written", "make room"]);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    // and the library is as it was
    let output = Hdf5Output::create(&path).unwrap().with_gzip(Some(1));
    output.write("small", noise.slice(s![0, 0, .., ..])).unwrap();
    output.finish().unwrap();
    std::fs::remove_file(&path).unwrap();
}
