//! Every layout and type of k-space, header, mask and attribute that is read.

use std::str::FromStr;

use hdf5::types::{FixedAscii, FixedUnicode, VarLenAscii, VarLenUnicode};
use ndarray::{Array1, Array2, Array3, Axis, arr0, arr1, s};
use num_complex::Complex;

use super::{HEADER, assert_says, dataset, file, kspace, message, put};
use crate::format::{Attribute, AttributeValue, Reference, Scan, ScanOptions};
use pvdamp::array::Grid;

#[derive(Clone, Copy, hdf5::H5Type)]
#[repr(C)]
struct Matlab<T: hdf5::H5Type> {
    real: T,
    imag: T,
}

fn assert_reads(scan: &Scan) {
    assert_eq!((scan.slices(), scan.coils(), scan.grid()), (3, 2, Grid::new(12, 10)));
    for (slice, expected) in kspace().outer_iter().enumerate() {
        assert_eq!(scan.read_slice(slice).unwrap(), expected);
    }
}

#[test]
fn complex_numbers_of_either_width_and_naming() {
    let wide = |v: &Complex<f32>| Complex::new(f64::from(v.re), f64::from(v.im));
    let cases = [
        file(|f| put(f, "kspace", &kspace())),
        file(|f| put(f, "kspace", &kspace().map(wide))),
        file(|f| put(f, "kspace", &kspace().map(|v| Matlab { real: v.re, imag: v.im }))),
        file(|f| {
            put(
                f,
                "kspace",
                &kspace().map(wide).map(|v| Matlab { real: v.re, imag: v.im }),
            )
        }),
    ];
    for ((_folder, path), dtype) in cases.iter().zip(["complex64", "complex128", "complex64", "complex128"]) {
        let scan = Scan::open(path, &ScanOptions::default()).unwrap();
        assert_eq!(&*scan.dtype, dtype);
        assert_eq!(scan.warnings, [""; 0]);
        assert_reads(&scan);
    }
}

#[test]
fn any_chunking_and_gzip() {
    for chunk in [[1, 1, 12, 10], [3, 2, 12, 10], [2, 1, 5, 3], [1, 2, 1, 10]] {
        let write = |f: &hdf5::File| {
            let kspace = kspace();
            let builder = f.new_dataset_builder().with_data(kspace.view()).chunk(chunk);
            builder.shuffle().deflate(4).create("kspace").map(drop)
        };
        let (_folder, path) = file(write);
        assert_reads(&Scan::open(&path, &ScanOptions::default()).unwrap());
    }
}

#[test]
fn one_coil_and_one_plane() {
    let three = kspace().index_axis_move(Axis(1), 0);
    let (_folder, path) = file(|f| put(f, "kspace", &three));
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert_eq!((scan.slices(), scan.coils(), scan.grid()), (3, 1, Grid::new(12, 10)));
    assert_eq!(scan.read_slice(2).unwrap(), three.slice(s![2..3, .., ..]));

    let plane = three.index_axis_move(Axis(0), 1);
    let (_folder, path) = file(|f| put(f, "inner", &Array1::from(vec![1.0])).and(put(f, "k/space", &plane)));
    let scan = Scan::open(&path, &dataset("k/space")).unwrap();
    assert_eq!((scan.slices(), scan.coils(), scan.grid()), (1, 1, Grid::new(12, 10)));
    assert_eq!(scan.read_slice(0).unwrap(), plane.insert_axis(Axis(0)));
}

#[test]
fn odd_axes_are_read_with_a_warning() {
    let coils_last = kspace().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
    let (_folder, path) = file(|f| put(f, "kspace", &coils_last));
    let warnings = Scan::open(&path, &ScanOptions::default()).unwrap().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("(3, 12, 10, 2)"),
        "{warnings:?}"
    );

    let header = HEADER.replace(
        "<encoding>",
        "<acquisitionSystemInformation><receiverChannels>3</receiverChannels></acquisitionSystemInformation><encoding>",
    );
    let (_folder, path) = file(|f| {
        put(f, "ismrmrd_header", &arr0(header.parse::<VarLenUnicode>().unwrap()))?;
        put(f, "kspace", &kspace().index_axis_move(Axis(1), 0))
    });
    let warnings = Scan::open(&path, &ScanOptions::default()).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("3 coils"), "{warnings:?}");
}

#[test]
fn a_header_in_every_form() {
    let bytes: Vec<u8> = HEADER.bytes().chain([0, 0]).collect();
    let ascii = FixedAscii::<2000>::from_ascii(HEADER.as_bytes()).unwrap();
    let long = FixedUnicode::<20_000>::from_str(HEADER).unwrap();
    let cases = [
        file(|f| put(f, "ismrmrd_header", &arr0(HEADER.parse::<VarLenUnicode>().unwrap()))),
        file(|f| put(f, "ismrmrd_header", &arr1(&[VarLenAscii::from_ascii(HEADER).unwrap()]))),
        file(|f| put(f, "ismrmrd_header", &arr0(ascii))),
        file(|f| put(f, "ismrmrd_header", &arr1(&[long]))),
        file(|f| put(f, "ismrmrd_header", &arr1(&bytes))),
    ];
    for (_folder, path) in &cases {
        put(&hdf5::File::open_rw(path).unwrap(), "kspace", &kspace()).unwrap();
        let scan = Scan::open(path, &ScanOptions::default()).unwrap();
        assert_eq!(scan.warnings, [""; 0]);
        let header = scan.header.as_ref().unwrap();
        assert_eq!(
            (header.xml.as_str(), header.encoded.unwrap().matrix),
            (HEADER, [12, 10, 1])
        );
        assert_eq!(scan.readout_oversampling(), 2.0);
        // the header asks for more columns than there are
        assert_eq!(scan.crop_size(), Grid::new(6, 10));
    }
}

#[test]
fn a_header_that_is_none_is_a_warning() {
    for text in ["plain text", "<unclosed>", "<a/>", ""] {
        let (_folder, path) = file(|f| {
            put(f, "ismrmrd_header", &arr0(text.parse::<VarLenUnicode>().unwrap()))?;
            put(f, "kspace", &kspace())
        });
        let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
        assert_eq!(
            (scan.header.as_ref(), scan.crop_size(), scan.readout_oversampling()),
            (None, scan.grid(), 1.0)
        );
        assert!(
            scan.warnings.len() == 1 && scan.warnings[0].contains("ismrmrd_header"),
            "{:?}",
            scan.warnings
        );
    }
    let (_folder, path) = file(|f| put(f, "ismrmrd_header", &arr1(&[1.5])).and(put(f, "kspace", &kspace())));
    assert_eq!(Scan::open(&path, &ScanOptions::default()).unwrap().warnings.len(), 1);
}

#[test]
fn masks_of_every_type() {
    let lines = Array1::from_shape_fn(10, |col| col % 3 == 0);
    let points = Array2::from_shape_fn((12, 10), |(row, col)| (row + col) % 3 == 0);
    let cases = [
        (file(|f| put(f, "mask", &lines)), true),
        (file(|f| put(f, "mask", &lines.map(|&s| f32::from(u8::from(s))))), true),
        (file(|f| put(f, "mask", &lines.map(|&s| 255 * u8::from(s)))), true),
        (file(|f| put(f, "mask", &points)), false),
        (file(|f| put(f, "mask", &points.map(|&s| i64::from(s)))), false),
        (
            file(|f| put(f, "mask", &points.map(|&s| f64::from(u8::from(s))))),
            false,
        ),
    ];
    for ((_folder, path), along_lines) in &cases {
        put(&hdf5::File::open_rw(path).unwrap(), "kspace", &kspace()).unwrap();
        let mask = Scan::open(path, &ScanOptions::default()).unwrap().mask.unwrap();
        let expected = if *along_lines {
            lines.broadcast((12, 10)).unwrap().to_owned()
        } else {
            points.clone()
        };
        assert_eq!(mask.sampled, expected);
    }
}

#[test]
fn probability_and_references() {
    let probability = Array2::from_shape_fn((12, 10), |(row, _)| row as f64 / 11.0);
    let (rss, esc) = (Array3::from_elem((3, 6, 8), 2f32), Array3::from_elem((3, 6, 6), 1f32));
    let (_folder, path) = file(|f| {
        put(f, "kspace", &kspace())?;
        put(f, "prob_map", &probability)?;
        put(f, "reconstruction_esc", &esc)?;
        put(f, "reconstruction_rss", &rss)
    });
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert_eq!(scan.probability.as_ref(), Some(&probability));
    let named = |dataset: &str, shape: &[usize]| Reference {
        dataset: dataset.into(),
        shape: shape.into(),
    };
    assert_eq!(
        scan.references(),
        [
            named("reconstruction_rss", &[3, 6, 8]),
            named("reconstruction_esc", &[3, 6, 6])
        ]
    );
    assert_eq!(scan.read_reference(2).unwrap().unwrap(), Array2::from_elem((6, 8), 2.0));
    assert_says(&message(scan.read_reference(3)), &path, &["no slice 3", "has 3"]);
    assert_says(
        &message(scan.read_slice(3)),
        &path,
        &["'kspace'", "no slice 3", "has 3"],
    );

    let (_folder, path) = file(|f| put(f, "kspace", &kspace()));
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    assert_eq!(
        (scan.read_reference(0).unwrap(), scan.mask, scan.probability),
        (None, None, None)
    );
}

#[test]
fn attributes_are_kept_or_warned_of() {
    let (_folder, path) = file(|f| {
        put(f, "kspace", &kspace())?;
        f.new_attr::<VarLenUnicode>()
            .create("acquisition")?
            .write_scalar(&"AXT2 µ".parse::<VarLenUnicode>().unwrap())?;
        f.new_attr_builder()
            .with_data(&arr0(FixedAscii::<9>::from_ascii(b"file1000").unwrap()))
            .create("patient_id")?;
        f.new_attr::<f64>().create("max")?.write_scalar(&1.5)?;
        f.new_attr::<i32>().create("number")?.write_scalar(&-3)?;
        f.new_attr::<bool>().create("good")?.write_scalar(&true)?;
        f.new_attr::<u64>().create("huge")?.write_scalar(&u64::MAX)?;
        f.new_attr_builder().with_data(&[1f32, 2.0]).create("voxel")?;
        f.new_attr_builder()
            .with_data(&ndarray::arr2(&[[1u8, 2], [3, 4]]))
            .create("table")?;
        f.new_attr::<Complex<f32>>()
            .create("odd")?
            .write_scalar(&Complex::new(0.0, 1.0))
    });
    let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
    let expected = [
        Attribute::new("acquisition", "AXT2 µ"),
        Attribute::new("good", true),
        Attribute::new("max", 1.5),
        Attribute::new("number", -3),
        Attribute::new("patient_id", "file1000"),
        Attribute::new(
            "table",
            AttributeValue::Ints(ndarray::arr2(&[[1, 2], [3, 4]]).into_dyn()),
        ),
        Attribute::new("voxel", vec![1.0, 2.0]),
    ];
    assert_eq!(scan.attributes, expected);
    assert!(scan.warnings.len() == 2 && scan.warnings[0].contains("'huge'") && scan.warnings[1].contains("'odd'"));
}
