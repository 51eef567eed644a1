//! What an outline says of a scan without reading its k-space.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use hdf5::types::VarLenUnicode;
use ndarray::{Array3, Array4, Array5, ArrayD, Axis, arr0, arr1};
use num_complex::Complex;
use zip::CompressionMethod;

use super::fixtures::{TestFolder, complex_npy};
use super::{HEADER, assert_outlines, assert_says, file, kspace, message, open, put};
use crate::format::{Scan, ScanOptions};
use pvdamp::array::Grid;

fn axes(text: &str) -> ScanOptions {
    ScanOptions {
        axes: Some(text.parse().unwrap()),
        ..ScanOptions::default()
    }
}

/// A volume `(coil, kx, ky, kz)`.
fn volume() -> ArrayD<Complex<f32>> {
    let value = |(c, x, y, z): (usize, usize, usize, usize)| Complex::new((c + x) as f32 + 1.0, (y * z) as f32);
    Array4::from_shape_fn((2, 9, 6, 5), value).into_dyn()
}

#[test]
fn the_outline_of_every_format_is_that_of_the_open_scan() {
    let folder = TestFolder::new();
    let two = kspace().into_dyn();
    let bart = kspace().permuted_axes([2, 3, 1, 0]).into_dyn().insert_axis(Axis(2));
    let real = Array4::from_shape_fn((3, 6, 5, 4), |(x, y, z, c)| (x + y + z + c) as f32);
    let several = Array5::from_shape_fn((2, 9, 2, 4, 3), |(v, x, c, y, z)| {
        Complex::new((v + x + c) as f32 + 1.0, (y + z) as f32)
    });
    let (_array, array) = file(|f| put(f, "kspace", &kspace()));
    let (_calgary, calgary) = file(|f| put(f, "kspace", &real));
    let (_volume, whole) = file(|f| put(f, "kspace", &volume()));
    let packed = |values: &ArrayD<_>| [("kspace", complex_npy(values))];
    let usual = ScanOptions::default;
    let cases = [
        ("fastmri", array, usual()),
        ("calgary-campinas", calgary, usual()),
        ("numpy", folder.file("two.npy", &complex_npy(&two)), usual()),
        (
            "numpy",
            folder.npz("two.npz", &packed(&two), CompressionMethod::Deflated),
            usual(),
        ),
        ("bart", folder.cfl("two", bart.view()), usual()),
        ("fastmri", whole.clone(), axes("coil,kx,ky,kz")),
        ("fastmri", whole, axes("coil,kz,x,ky")),
        (
            "numpy",
            folder.npz("whole.npz", &packed(&volume()), CompressionMethod::Deflated),
            axes("coil,kx,ky,kz"),
        ),
        (
            "numpy",
            folder.file("several.npy", &complex_npy(&several.into_dyn())),
            axes("slice,kx,coil,ky,kz"),
        ),
        (
            "bart",
            folder.cfl("whole", volume().permuted_axes(vec![1, 2, 3, 0]).view()),
            usual(),
        ),
    ];
    for (format, path, options) in &cases {
        let scan = open(path, options).unwrap();
        assert_eq!(scan.format, *format);
        assert!(scan.read_slice(scan.slices() - 1).is_ok());
    }
    let outline = |at: usize| Scan::outline(&cases[at].1, &cases[at].2).unwrap();
    let size = |at: usize| (outline(at).slices, outline(at).coils, outline(at).grid);
    assert_eq!(size(5), (9, 2, Grid::new(6, 5)));
    assert_eq!(size(6), (6, 2, Grid::new(5, 9)));
    assert_eq!(size(8), (18, 2, Grid::new(4, 3)));
}

#[test]
fn what_is_told_beside_the_size() {
    let (_folder, path) = file(|f| {
        put(f, "kspace", &kspace())?;
        put(f, "ismrmrd_header", &arr0(HEADER.parse::<VarLenUnicode>().unwrap()))?;
        let text = "CORPD_FBK".parse::<VarLenUnicode>().unwrap();
        f.new_attr::<VarLenUnicode>().create("acquisition")?.write_scalar(&text)
    });
    let outline = Scan::outline(&path, &ScanOptions::default()).unwrap();
    assert_outlines(&outline, &open(&path, &ScanOptions::default()).unwrap());
    assert_eq!(outline.grid, Grid::new(12, 10));
    assert_eq!(outline.acquisition.as_deref(), Some("CORPD_FBK"));
    let (_folder, path) = file(|f| {
        put(f, "kspace", &kspace())?;
        f.new_attr::<i32>().create("acquisition")?.write_scalar(&3)
    });
    assert_eq!(Scan::outline(&path, &ScanOptions::default()).unwrap().acquisition, None);
}

/// Overwrites every chunk of the k-space of a file.
fn spoil(path: &Path) {
    let mut places = Vec::new();
    let dataset = hdf5::File::open(path).unwrap().dataset("kspace").unwrap();
    dataset
        .chunks_visit(|chunk| {
            places.push((chunk.addr, chunk.size));
            0
        })
        .unwrap();
    drop(dataset);
    assert!(places.len() > 1);
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    for (at, length) in places {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&vec![0xff; length as usize]).unwrap();
    }
}

/// k-space that only opening reads: an outline is what it was before the data were spoilt.
#[test]
fn a_volume_is_outlined_without_reading_it() {
    let (_folder, path) = file(|f| {
        let values = volume();
        let builder = f.new_dataset_builder().with_data(values.view()).chunk([1, 3, 6, 5]);
        builder.deflate(4).create("kspace").map(drop)
    });
    let options = axes("coil,kx,ky,kz");
    let whole = Scan::outline(&path, &options).unwrap();
    assert_outlines(&whole, &Scan::open(&path, &options).unwrap());
    spoil(&path);
    assert_says(
        &message(Scan::open(&path, &options)),
        &path,
        &["'kspace'", "cannot be read", "damaged"],
    );
    assert_eq!(Scan::outline(&path, &options).unwrap(), whole);
}

#[test]
fn a_volume_is_refused_by_what_its_headers_tell() {
    let options = axes("coil,kx,ky,kz");
    let (_folder, path) = file(|f| put(f, "kspace", &volume()).and(put(f, "mask", &Array3::<u8>::ones((6, 5, 2)))));
    assert_says(&message(open(&path, &options)), &path, &["'mask'", "(6, 5, 2)"]);
    let (_folder, path) = file(|f| put(f, "kspace", &volume()).and(put(f, "mask", &arr1(&[0u8; 5]))));
    assert_says(&message(open(&path, &options)), &path, &["samples nothing"]);
    let (_folder, path) = file(|f| put(f, "kspace", &volume()));
    assert_says(&message(open(&path, &axes("kx,ky,kz"))), &path, &["of 4 axes", "are 3"]);
    // more than is stored, which no disk has room for
    let (_folder, path) = file(|f| {
        let builder = f.new_dataset::<Complex<f32>>().shape([64, 1 << 20, 4096, 4096]);
        builder.create("kspace").map(drop)
    });
    assert_says(
        &message(open(&path, &options)),
        &path,
        &["claims shape", "stores 0 bytes"],
    );
    let folder = TestFolder::new();
    let path = folder.file("cut.npy", &complex_npy(&volume()));
    super::fixtures::cut(&path, 8);
    assert_says(&message(open(&path, &options)), &path, &["again"]);
}
