//! k-space of two-dimensional scans in every container and order of axes.

use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array2, ArrayD, Axis, IxDyn, arr0};
use num_complex::Complex;
use zip::CompressionMethod;

use super::fixtures::{TestFolder, complex_bytes, complex_npy, cut, npy};
use super::{HEADER, assert_says, dataset, file, kspace, message, put};
use crate::format::{Plane, SCAN_FORMATS, Scan, ScanOptions};
use pvdamp::array::Grid;

fn axes(text: &str) -> ScanOptions {
    ScanOptions {
        axes: Some(text.parse().unwrap()),
        ..ScanOptions::default()
    }
}

fn open(path: &Path) -> Scan {
    super::open(path, &ScanOptions::default()).unwrap()
}

/// It gives [`kspace`].
fn assert_reads(scan: &Scan) {
    assert_eq!((scan.slices(), scan.coils(), scan.grid()), (3, 2, Grid::new(12, 10)));
    assert_eq!(scan.geometry.plane, Plane::Xy);
    for (slice, expected) in kspace().outer_iter().enumerate() {
        assert_eq!(scan.read_slice(slice).unwrap(), expected);
    }
    assert!(scan.read_slice(3).is_err());
}

/// `(slices, coils, kx, ky)` as dimensions of BART: kx, ky, 1, coils, ..., slices of dimension 13.
fn of_bart() -> ArrayD<Complex<f32>> {
    let view = kspace().permuted_axes([2, 3, 1, 0]).into_dyn().insert_axis(Axis(2));
    (4..13).fold(view, |view, axis| view.insert_axis(Axis(axis)))
}

#[test]
fn every_format_is_told_by_its_content() {
    let folder = TestFolder::new();
    let values = kspace().into_dyn();
    let real: Vec<f32> = (0..2 * 6 * 5 * 4).map(|v| v as f32).collect();
    let real = ndarray::Array4::from_shape_vec((2, 6, 5, 4), real).unwrap();
    let (_fastmri, fastmri) = file(|f| put(f, "kspace", &kspace()));
    let (_calgary, calgary) = file(|f| put(f, "kspace", &real));
    let examples = [
        ("fastmri", fastmri),
        ("calgary-campinas", calgary),
        ("numpy", folder.file("a.dat", &complex_npy(&values))),
        (
            "numpy",
            folder.npz(
                "b.dat",
                &[("kspace", complex_npy(&values))],
                CompressionMethod::Deflated,
            ),
        ),
        ("bart", folder.cfl("c", of_bart().view())),
    ];
    for (name, path) in &examples {
        let scan = open(path);
        assert_eq!(scan.format, *name, "{}", path.display());
        assert!(scan.read_slice(0).is_ok());
        if *name != "calgary-campinas" {
            assert_reads(&scan);
        }
    }
    for (at, format) in SCAN_FORMATS.iter().enumerate() {
        assert!(format.name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        assert!(![format.title, format.summary, format.citation].contains(&""));
        assert!(SCAN_FORMATS[..at].iter().all(|other| other.name != format.name));
        assert_eq!(
            ScanFormatName(format.name),
            ScanFormatName(crate::format::ScanFormat::find(format.name).unwrap().name)
        );
    }
    assert_eq!(SCAN_FORMATS.last().unwrap().name, "fastmri");
}

#[derive(Debug, PartialEq)]
struct ScanFormatName(&'static str);

#[test]
fn numpy_of_any_type_and_order() {
    let folder = TestFolder::new();
    let values = kspace().into_dyn();
    let wide: Vec<u8> = values
        .iter()
        .flat_map(|v| [f64::from(v.re).to_be_bytes(), f64::from(v.im).to_be_bytes()].concat())
        .collect();
    let shape = [3, 2, 12, 10];
    let files = [
        (
            npy("<c8", false, &shape, &complex_bytes(values.view(), false)),
            "complex64",
        ),
        (
            npy(">c8", false, &shape, &complex_bytes(values.view(), true)),
            "complex64",
        ),
        (npy("<c8", true, &shape, &complex_bytes(values.t(), false)), "complex64"),
        (npy(">c16", false, &shape, &wide), "complex128"),
    ];
    for (bytes, dtype) in files {
        let scan = open(&folder.file("kspace.npy", &bytes));
        assert_eq!((&*scan.dtype, scan.warnings.len()), (dtype, 0));
        assert_reads(&scan);
    }
}

#[test]
fn archives_hold_masks_too() {
    let folder = TestFolder::new();
    let mask = Array2::from_shape_fn((12, 10), |(row, col)| (row + col) % 3 == 0);
    let bytes: Vec<u8> = mask.iter().map(|&v| v.into()).collect();
    let values = complex_npy(&kspace().into_dyn());
    let members = [("ksp", values.clone()), ("mask", npy("|b1", false, &[12, 10], &bytes))];
    let path = folder.npz("one.npz", &members, CompressionMethod::Stored);
    let scan = open(&path);
    assert_reads(&scan);
    assert_eq!(scan.mask.unwrap().sampled, mask);
    // two that could be it
    let members = [("a", values.clone()), ("b", values)];
    let path = folder.npz("two.npz", &members, CompressionMethod::Deflated);
    assert_reads(&Scan::open(&path, &dataset("b")).unwrap());
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &[
            "no dataset 'kspace'",
            "a (3, 2, 12, 10) complex64, b",
            "name the k-space",
        ],
    );
}

#[test]
fn stated_axes_in_any_order() {
    let folder = TestFolder::new();
    let names = ["slice", "coil", "kx", "ky"];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 3, 1, 0], [1, 3, 0, 2], [0, 2, 3, 1]] {
        let values = kspace().permuted_axes(order).as_standard_layout().into_owned();
        let text = order.map(|axis| names[axis]).join(",");
        let (_folder, path) = file(|f| put(f, "kspace", &values));
        let scan = Scan::open(&path, &axes(&text)).unwrap();
        assert_eq!(scan.warnings, [""; 0]);
        assert_reads(&scan);
        let path = folder.file("any.npy", &complex_npy(&values.clone().into_dyn()));
        assert_reads(&Scan::open(&path, &axes(&text)).unwrap());
        // the file says it itself
        let (_folder, path) = file(|f| {
            put(f, "kspace", &values)?;
            let attribute = f.dataset("kspace")?.new_attr::<VarLenUnicode>().create("axes")?;
            attribute.write_scalar(&text.parse::<VarLenUnicode>().unwrap())
        });
        assert_reads(&open(&path));
    }
}

#[test]
fn axes_of_length_one_and_several_of_slices() {
    let folder = TestFolder::new();
    let six = kspace().into_shape_with_order(IxDyn(&[1, 3, 1, 2, 12, 10])).unwrap();
    let path = folder.file("six.npy", &complex_npy(&six));
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &["(1, 3, 1, 2, 12, 10), of 6 axes", "--axes"],
    );
    for text in [
        "slice,coil,kx,ky",
        "slice,slice,coil,kx,ky",
        "slice,slice,slice,coil,kx,ky",
    ] {
        assert_reads(&Scan::open(&path, &axes(text)).unwrap());
    }
    for text in ["coil,kx,ky", "slice,slice,slice,slice,coil,kx,ky"] {
        let refusal = message(Scan::open(&path, &axes(text)));
        assert_says(
            &refusal,
            &path,
            &[
                "of 6 axes",
                &format!("{text} are {}", text.split(',').count()),
                "--axes",
            ],
        );
    }
    // contrasts and slices count as one, the last fastest
    let four = kspace().permuted_axes([1, 0, 2, 3]).as_standard_layout().into_owned();
    let path = folder.file("repeated.npy", &complex_npy(&four.clone().into_dyn()));
    let scan = Scan::open(&path, &axes("slice,slice,kx,ky")).unwrap();
    assert_eq!((scan.slices(), scan.coils()), (6, 1));
    for (slice, expected) in four
        .outer_iter()
        .flat_map(|a| a.outer_iter().map(|b| b.to_owned()).collect::<Vec<_>>())
        .enumerate()
    {
        assert_eq!(scan.read_slice(slice).unwrap().index_axis_move(Axis(0), 0), expected);
    }
}

#[test]
fn frames_and_echoes_show_the_same_place() {
    let folder = TestFolder::new();
    let six = kspace().into_shape_with_order(IxDyn(&[3, 2, 12, 10])).unwrap();
    let path = folder.file("six.npy", &complex_npy(&six));
    for (text, places, images) in [
        ("slice,slice,kx,ky", 6, vec![vec![0]]),
        ("frame,coil,kx,ky", 1, vec![vec![0, 1, 2]]),
        ("echo,coil,kx,ky", 1, vec![vec![0], vec![1], vec![2]]),
        ("frame,slice,kx,ky", 2, vec![vec![0, 2, 4]]),
        ("slice,frame,kx,ky", 3, vec![vec![0, 1]]),
        ("frame,echo,kx,ky", 1, vec![vec![0, 2, 4], vec![1, 3, 5]]),
    ] {
        let scan = super::open(&path, &axes(text)).unwrap();
        assert_eq!((scan.places.count(), scan.places.images(0)), (places, images), "{text}");
        let plain = Scan::open(&path, &axes(&text.replace("frame", "slice").replace("echo", "slice"))).unwrap();
        for slice in 0..scan.slices() {
            assert_eq!(scan.read_slice(slice).unwrap(), plain.read_slice(slice).unwrap());
        }
    }
    // of a volume, each position along the readout is a place
    for text in ["frame,kx,ky,kz", "frame,x,ky,kz"] {
        let scan = Scan::open(&path, &axes(text)).unwrap();
        assert_eq!(
            (scan.slices(), scan.places.count(), scan.places.frames(1)),
            (6, 2, vec![1, 3, 5])
        );
    }
    // time is dimension 10 of BART, echoes are 5
    let slices = of_bart().ndim() - 1;
    let mut swapped = of_bart();
    swapped.swap_axes(10, slices);
    let scan = open(&folder.cfl("frames", swapped.view()));
    assert_eq!((scan.slices(), scan.places.images(0)), (3, vec![vec![0, 1, 2]]));
    let mut swapped = of_bart();
    swapped.swap_axes(5, slices);
    let scan = open(&folder.cfl("echoes", swapped.view()));
    assert_eq!(scan.places.images(0).len(), 3);
}

#[test]
fn numpy_says_what_it_took_three_axes_for() {
    let folder = TestFolder::new();
    let coils = kspace().index_axis_move(Axis(0), 1).into_dyn();
    let path = folder.file("three.npy", &complex_npy(&coils));
    let scan = open(&path);
    assert_eq!((scan.slices(), scan.coils()), (1, 2));
    assert_eq!(scan.read_slice(0).unwrap().into_dyn(), coils);
    assert!(scan.warnings[0].contains("taken for coil,kx,ky") && scan.warnings[0].contains("--axes slice,kx,ky"));
    let scan = Scan::open(&path, &axes("slice,kx,ky")).unwrap();
    assert_eq!((scan.slices(), scan.coils(), scan.warnings.len()), (2, 1, 0));
    let many = ArrayD::from_elem(vec![11, 12, 10], Complex::new(1f32, 0.0));
    let scan = open(&folder.file("many.npy", &complex_npy(&many)));
    assert_eq!((scan.slices(), scan.coils(), scan.warnings.len()), (11, 1, 1));
}

#[test]
fn axes_that_cannot_be_meant() {
    let folder = TestFolder::new();
    let zeros = |shape: &[usize]| npy("<c8", false, shape, &vec![0; 8 * shape.iter().product::<usize>()]);
    let path = folder.file("last.npy", &zeros(&[40, 150, 8, 1]));
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &[
            "(40, 150, 8, 1)",
            "slice,coil,kx,ky",
            "150 coils",
            "pass --axes kx,ky,coil,slice",
        ],
    );
    let path = folder.file("odd.npy", &zeros(&[30, 40, 8, 2]));
    let warnings = open(&path).warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("--axes kx,ky,coil,slice"),
        "{warnings:?}"
    );
    // a header that fits another order
    let header = HEADER.replace(
        "<encoding>",
        "<acquisitionSystemInformation><receiverChannels>2</receiverChannels></acquisitionSystemInformation><encoding>",
    );
    let turned = kspace().permuted_axes([3, 2, 1, 0]).as_standard_layout().into_owned();
    let (_folder, path) = file(|f| {
        put(f, "ismrmrd_header", &arr0(header.parse::<VarLenUnicode>().unwrap()))?;
        put(f, "kspace", &turned)
    });
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &[
            "(10, 12, 2, 3)",
            "2 coils",
            "12 (kx) by 10 (ky)",
            "pass --axes ky,kx,coil,slice",
        ],
    );
    assert_reads(&Scan::open(&path, &axes("ky,kx,coil,slice")).unwrap());
    // an attribute in other words
    let (_folder, path) = file(|f| {
        put(f, "kspace", &kspace())?;
        let attribute = f.dataset("kspace")?.new_attr::<VarLenUnicode>().create("axes")?;
        attribute.write_scalar(&"slices,coils,rows,cols".parse::<VarLenUnicode>().unwrap())
    });
    let scan = open(&path);
    assert!(scan.warnings[0].contains("'axes'") && scan.warnings[0].contains("is no axis"));
    assert_reads(&scan);
}

#[test]
fn matlab_writes_axes_in_reverse() {
    let turned = kspace().permuted_axes([0, 1, 3, 2]).as_standard_layout().into_owned();
    let (_folder, path) = file(|f| {
        put(f, "kspace", &turned)?;
        let attribute = f
            .dataset("kspace")?
            .new_attr::<VarLenUnicode>()
            .create("MATLAB_class")?;
        attribute.write_scalar(&"single".parse::<VarLenUnicode>().unwrap())
    });
    let scan = open(&path);
    assert!(
        scan.warnings.len() == 1 && scan.warnings[0].contains("--axes slice,coil,ky,kx"),
        "{:?}",
        scan.warnings
    );
    assert_reads(&Scan::open(&path, &axes("slice,coil,ky,kx")).unwrap());
}

#[test]
fn bart_by_dimensions_and_by_axes() {
    let folder = TestFolder::new();
    let path = folder.cfl("ksp.v2", of_bart().view());
    for name in ["ksp.v2", "ksp.v2.cfl", "ksp.v2.hdr"] {
        let scan = open(&folder.at(name));
        assert_eq!((scan.format, scan.warnings.len()), ("bart", 0));
        assert_reads(&scan);
    }
    // kx and ky the other way round
    let scan = Scan::open(&path, &axes("slice,coil,kx,ky")).unwrap();
    assert_eq!(scan.grid(), Grid::new(10, 12));
    // several dimensions of slices: the last of them slowest
    let lasts = of_bart()
        .into_dimensionality::<IxDyn>()
        .unwrap()
        .index_axis_move(Axis(12), 0);
    let once = (5..12).fold(lasts, |values, _| values.index_axis_move(Axis(5), 0));
    let both = ndarray::stack(Axis(6), &[once.view(), once.mapv(|v| -v).view()]).unwrap();
    let scan = open(&folder.cfl("both", both.view()));
    assert_eq!(scan.slices(), 6);
    for (slice, expected) in kspace().outer_iter().enumerate() {
        assert_eq!(scan.read_slice(slice).unwrap(), expected);
        assert_eq!(scan.read_slice(3 + slice).unwrap(), expected.mapv(|v| -v));
    }
    assert_says(
        &message(Scan::open(&path, &dataset("kspace"))),
        &path,
        &["no array 'kspace'", "leave out --kspace"],
    );
    cut(&path, 8);
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &["bytes", "again"],
    );
}

#[test]
fn values_that_are_not_finite_or_not_complex() {
    let folder = TestFolder::new();
    let mut broken = kspace().into_dyn();
    broken[[1, 0, 3, 3]].re = f32::NAN;
    let path = folder.file("nan.npy", &complex_npy(&broken));
    let scan = open(&path);
    assert!(scan.read_slice(0).is_ok());
    assert_says(&message(scan.read_slice(1)), &path, &["slice 1: 1 values are NaN"]);
    let path = folder.file("real.npy", &npy("<f4", false, &[8, 8], &[0; 256]));
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &["holds float32, not complex", "one complex array"],
    );
    let path = folder.file("empty.npy", &npy("<c8", false, &[0, 8], &[]));
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &["(0, 8)", "empty axis"],
    );
}
