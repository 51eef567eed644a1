//! Masks, probabilities, maps, covariances and images from files of NumPy and BART.

use ndarray::{Array2, Array5, ArrayD, Axis, IxDyn, array};
use num_complex::Complex;
use zip::CompressionMethod;

use super::fixtures::{TestFolder, complex_bytes, complex_npy, cut, npy};
use super::{assert_says, maps_of, message, read_mask, read_probability};
use crate::error::Place;
use crate::format::{
    First, Images, Role, Scan, ScanOptions, Volume, holds_images, read_covariance, read_list, read_maps, read_volume,
};
use pvdamp::array::Grid;

const GRID: Grid = Grid::new(4, 3);

fn pattern() -> Array2<bool> {
    Array2::from_shape_fn(GRID.dim(), |(row, col)| (row + 2 * col) % 3 == 0)
}

/// Values that tell where they lie.
fn numbered(shape: &[usize]) -> ArrayD<Complex<f32>> {
    let mut next = 0f32;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        next += 1.0;
        Complex::new(next, -next / 4.0)
    })
}

#[test]
fn a_mask_of_numpy_of_any_type_and_order() {
    type Encode = fn(bool) -> Vec<u8>;
    let folder = TestFolder::new();
    let values = pattern();
    let bytes = |each: Encode, fortran: bool| -> Vec<u8> {
        let view = if fortran { values.t() } else { values.view() };
        view.iter().flat_map(|&v| each(v)).collect()
    };
    let cases: [(&str, Encode); 7] = [
        ("|b1", |v| vec![v.into()]),
        ("|u1", |v| vec![255 * u8::from(v)]),
        ("<i8", |v| i64::from(v).to_le_bytes().into()),
        (">i2", |v| i16::from(v).to_be_bytes().into()),
        ("<f4", |v| f32::from(v).to_le_bytes().into()),
        (">f8", |v| f64::from(u8::from(v)).to_be_bytes().into()),
        ("<u4", |v| u32::from(v).to_le_bytes().into()),
    ];
    for (description, each) in cases {
        for fortran in [false, true] {
            let file = npy(description, fortran, &[4, 3], &bytes(each, fortran));
            let path = folder.file("mask.npy", &file);
            let mask = read_mask(&path.as_path().into(), GRID).unwrap();
            assert_eq!(mask.sampled, values, "{description}, Fortran {fortran}");
        }
    }
    let lines = npy("|b1", false, &[3], &[1, 0, 1]);
    let mask = read_mask(&folder.file("lines.npy", &lines).as_path().into(), GRID).unwrap();
    assert_eq!(mask.sampled, Array2::from_shape_fn((4, 3), |(_, col)| col != 1));
}

#[test]
fn archives_by_name() {
    let folder = TestFolder::new();
    let bytes: Vec<u8> = pattern().iter().map(|&v| v.into()).collect();
    let probability: Vec<u8> = [0.25f64; 12].iter().flat_map(|v| v.to_le_bytes()).collect();
    let covariance = array![[2.0, 0.5], [0.5, 1.0]];
    let members = [
        ("mask", npy("|b1", false, &[4, 3], &bytes)),
        ("r5/prob_map", npy("<f8", false, &[4, 3], &probability)),
        ("smaps", complex_npy(&numbered(&[2, 4, 3]))),
        ("list", npy("<f4", false, &[2], &[0; 8])),
        (
            "psi",
            npy(
                "<f8",
                true,
                &[2, 2],
                &covariance
                    .iter()
                    .flat_map(|v: &f64| v.to_le_bytes())
                    .collect::<Vec<_>>(),
            ),
        ),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let path = folder.npz("all.npz", &members, method);
        let place = |name: &str| Place::new(&path, name);
        let whole = Place::from(path.as_path());
        assert_eq!(read_mask(&whole, GRID).unwrap().sampled, pattern());
        assert_eq!(
            read_probability(&place("r5"), GRID).unwrap(),
            Array2::from_elem((4, 3), 0.25)
        );
        let maps = read_maps(&whole, maps_of(1, 2, GRID)).unwrap();
        assert_eq!(
            maps.slice(0, 0).unwrap().into_dyn().index_axis(Axis(0), 0),
            numbered(&[2, 4, 3])
        );
        assert_eq!(
            read_covariance(&place("psi"), 2).unwrap(),
            covariance.mapv(|v| Complex::new(v, 0.0))
        );
        assert_eq!(read_list(&place("list")).unwrap(), Some(vec![0.0; 2]));
        assert_eq!(read_list(&place("none")).unwrap(), None);
        assert_says(
            &message(read_mask(&place("nothing"), GRID)),
            &path,
            &["'nothing'", "mask (4, 3) bool", "name one of these"],
        );
    }
}

/// The only array of an archive is images or k-space by its axes, as that of an `.npy` is.
#[test]
fn the_only_array_of_an_archive() {
    let folder = TestFolder::new();
    let (three, four) = (numbered(&[2, 4, 3]), numbered(&[2, 2, 4, 3]));
    let list = npy("<f4", false, &[2], &[0; 8]);
    for (members, images) in [
        (vec![("arr_0", complex_npy(&three))], true),
        (vec![("kspace", complex_npy(&three))], false),
        (vec![("arr_0", complex_npy(&four))], false),
        (vec![("arr_0", complex_npy(&three)), ("list", list)], false),
    ] {
        let path = folder.npz("one.npz", &members, CompressionMethod::Stored);
        assert_eq!(holds_images(&path.as_path().into()), images, "{:?}", members[0].0);
    }
}

#[test]
fn maps_of_bart_by_their_dimensions() {
    let folder = TestFolder::new();
    // (sets, coils, rows, cols) of two dimensions, one slice for all
    let expected = numbered(&[2, 5, 4, 3]);
    let of_bart = expected.view().permuted_axes(vec![2, 3, 1, 0]).insert_axis(Axis(2));
    let path = folder.cfl("maps", of_bart);
    for name in ["maps", "maps.cfl", "maps.hdr"] {
        let maps = read_maps(&folder.at(name).as_path().into(), maps_of(7, 5, GRID)).unwrap();
        assert_eq!((maps.sets(), maps.first()), (2, First::All), "{name}");
        assert_eq!(maps.slice(6, 6).unwrap().into_dyn(), expected);
    }
    // one set, one coil
    let one = numbered(&[4, 3]);
    let maps = read_maps(&folder.cfl("one", one.view()).as_path().into(), maps_of(2, 1, GRID)).unwrap();
    assert_eq!(
        maps.slice(1, 1).unwrap().into_dyn(),
        one.insert_axis(Axis(0)).insert_axis(Axis(0))
    );
    // of a volume, whose slices run along the readout; and of several slices
    let all = Array5::from_shape_fn((6, 2, 5, 4, 3), |(x, s, c, y, z)| {
        Complex::new((x + 10 * s + 100 * c) as f32, (y + 10 * z) as f32)
    });
    let volume = all.view().permuted_axes([0, 3, 4, 2, 1]);
    let slices = all.view().permuted_axes([3, 4, 2, 1, 0]).into_dyn();
    let slices = (5..13).fold(slices.insert_axis(Axis(2)), |view, axis| view.insert_axis(Axis(axis)));
    for path in [folder.cfl("volume", volume.into_dyn()), folder.cfl("slices", slices)] {
        let maps = read_maps(&path.as_path().into(), maps_of(6, 5, GRID)).unwrap();
        assert_eq!((maps.sets(), maps.first()), (2, First::Slices));
        for (slice, expected) in all.outer_iter().enumerate() {
            assert_eq!(maps.slice(slice, slice).unwrap(), expected);
        }
    }
    let text = message(read_maps(&path.as_path().into(), maps_of(1, 4, GRID)).map(drop));
    assert_says(&text, &path, &["(1, 2, 5, 4, 3)", "do not fit", "made from this scan"]);
}

#[test]
fn other_arrays_of_bart() {
    let folder = TestFolder::new();
    let mask = pattern().mapv(|v| Complex::new(f32::from(v), 0.0)).into_dyn();
    let path = folder.cfl("mask", mask.view());
    assert_eq!(read_mask(&path.as_path().into(), GRID).unwrap().sampled, pattern());
    // of ky and kz, as of a volume
    let path = folder.cfl("yz", mask.view().insert_axis(Axis(0)));
    assert_eq!(read_mask(&path.as_path().into(), GRID).unwrap().sampled, pattern());
    let path = folder.cfl("phase", mask.mapv(|v| v * Complex::new(0.0, 1.0)).view());
    assert_says(&message(read_mask(&path.as_path().into(), GRID)), &path, &["not real"]);

    let i = Complex::new(0f32, 1.0);
    let covariance = array![[i / i * 2.0, i], [-i, i / i]];
    let of_bart = covariance.view().into_shape_with_order((1, 1, 1, 2, 2)).unwrap();
    let path = folder.cfl("covariance", of_bart.into_dyn());
    let expected = covariance.mapv(|v| Complex::new(f64::from(v.re), f64::from(v.im)));
    assert_eq!(read_covariance(&path.as_path().into(), 2).unwrap(), expected);

    // (x, y), and slices of dimension 13
    let images = numbered(&[5, 4, 3]);
    let of_bart = images.view().permuted_axes(vec![1, 2, 0]);
    let of_bart = (2..13).fold(of_bart, |view, axis| view.insert_axis(Axis(axis)));
    let path = folder.cfl("images", of_bart);
    let Volume::Complex(read) = read_volume(&path.as_path().into(), Role::Result).unwrap() else {
        panic!()
    };
    assert_eq!(read.into_dyn(), images);
    let plane = Place::from(folder.cfl("plane", images.index_axis(Axis(0), 2)).as_path());
    assert_eq!(read_volume(&plane, Role::Target).unwrap().dim(), (1, 4, 3));
    assert_says(
        &message(read_volume(&Place::new(&path, "image"), Role::Target)),
        &path,
        &["'image'", "one array, which has no name"],
    );
}

#[test]
fn files_that_are_cut_off_or_wrong() {
    let folder = TestFolder::new();
    let read = |path: &std::path::Path| message(read_volume(&path.into(), Role::Target));
    let images = numbered(&[2, 4, 3]);
    let path = folder.file("cut.npy", &complex_npy(&images));
    cut(&path, 1);
    assert_says(&read(&path), &path, &["cut off", "320 bytes", "319", "again"]);
    let path = folder.file("head.npy", &complex_npy(&images)[..40]);
    assert_says(&read(&path), &path, &["cut off in the header"]);
    let path = folder.file(
        "odd.npy",
        &npy("<c8", false, &[4], &[0; 32]).replace_text("descr", "d_scr"),
    );
    assert_says(&read(&path), &path, &["not NumPy's"]);
    let path = folder.file("text.npy", &npy("<U4", false, &[2, 2], &[0; 64]));
    assert_says(&read(&path), &path, &["holds <U4", "numbers"]);
    let nan = images.mapv(|v| v / if v.re == 3.0 { 0.0 } else { 1.0 });
    let path = folder.file("nan.npy", &complex_npy(&nan));
    assert_says(&read(&path), &path, &["1 values are NaN"]);
    let wide = npy(
        "<f8",
        false,
        &[1, 2],
        &[1e39f64.to_le_bytes(), 1f64.to_le_bytes()].concat(),
    );
    let path = folder.file("wide.npy", &wide);
    assert_says(&read(&path), &path, &["1 values exceed single precision"]);

    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let path = folder.npz("cut.npz", &[("images", complex_npy(&images))], method);
        cut(&path, 30);
        assert_says(&read(&path), &path, &["archive cannot be read", "again"]);
    }
    // More bytes than 64 bits count, and so many that their number alone gives them away.
    for shape in [&[1, 64, 2, 1 << 57][..], &[1 << 40, 1 << 40, 0]] {
        let claim = npy("<c8", false, shape, &[0; 32]);
        let archive = folder.npz("claim.npz", &[("images", claim.clone())], CompressionMethod::Deflated);
        for path in [folder.file("claim.npy", &claim), archive] {
            assert_says(
                &read(&path),
                &path,
                &["claims shape (1", "which no file holds", "again"],
            );
        }
    }
    let path = folder.npz("none.npz", &[], CompressionMethod::Stored);
    assert_says(&read(&path), &path, &["not an HDF5 file", ".npz"]);
    let path = folder.at("other.npz");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    archive
        .add_directory("folder", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.finish().unwrap();
    assert_says(&read(&path), &path, &["holds no array", "numpy.savez"]);

    let path = folder.cfl("cut", images.view());
    cut(&path, 8);
    assert_says(&read(&path), &path, &["184 bytes", "192", "again"]);
    folder.file("bad.hdr", b"# Dimensions\n4 0 1\n");
    let path = folder.file("bad.cfl", &complex_bytes(images.view(), false));
    assert_says(&read(&path), &path, &["1 to 16 dimensions"]);
    let path = folder.file("lone.cfl", &complex_bytes(images.view(), false));
    assert_says(&read(&path), &path, &["no header (.hdr)", "together"]);
    folder.file("less.hdr", b"# Dimensions\n4 3\n");
    assert_says(
        &read(&folder.at("less")),
        &folder.at("less"),
        &["less.cfl cannot be read", "together"],
    );
}

#[test]
fn archives_of_many_members() {
    let folder = TestFolder::new();
    let read = |path: &std::path::Path| message(read_volume(&path.into(), Role::Target));
    let array = complex_npy(&numbered(&[1, 2, 2]));
    let members = |count: usize| -> Vec<(String, Vec<u8>)> {
        let name = |i: usize| format!("array{i:05}");
        (0..count).map(|i| (name(i), array.clone())).collect()
    };
    let archive = |name: &str, count: usize| {
        let members = members(count);
        let members: Vec<_> = members.iter().map(|(name, bytes)| (&**name, bytes.clone())).collect();
        folder.npz(name, &members, CompressionMethod::Stored)
    };
    // more than a program may have files open
    let path = archive("many.npz", 5000);
    read_volume(&Place::new(&path, "array04999"), Role::Target).unwrap();
    let path = archive("more.npz", 10_001);
    assert_says(&read(&path), &path, &["claims 10001 members", "no more than 10000"]);

    // the end record for more than 65535 members, whose directory is not there
    let small = std::fs::read(archive("small.npz", 1)).unwrap();
    let at = small.len() as u64;
    let end = |signature: &[u8], claim: u64| {
        let counts = [44, 45 | 45 << 16, 0, claim, claim, 46 * claim, at];
        let widths = [8, 4, 8, 8, 8, 8, 8];
        let numbers = counts.iter().zip(widths);
        let record = numbers.flat_map(|(n, width)| n.to_le_bytes().into_iter().take(width));
        let locator = [b"PK\x06\x07\0\0\0\0", &at.to_le_bytes()[..], &1u32.to_le_bytes()].concat();
        let old = [&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0; 2]].concat();
        [&small[..], signature, &record.collect::<Vec<_>>(), &locator, &old].concat()
    };
    let path = folder.file("claim.npz", &end(b"PK\x06\x06", 1 << 33));
    assert_says(&read(&path), &path, &["claims 8589934592 members"]);
    let path = folder.file("elsewhere.npz", &end(b"PK\x06\x08", 1));
    assert_says(&read(&path), &path, &["not where it should be"]);
}

#[test]
fn headers_of_arrays_that_claim_too_much() {
    let folder = TestFolder::new();
    let read = |path: &std::path::Path| message(read_volume(&path.into(), Role::Target));
    let path = folder.file("axes.npy", &npy("<c8", false, &[1; 65], &[0; 8]));
    let message = read(&path);
    assert_says(&message, &path, &["{'descr': '<c8', ", "not NumPy's"]);
    assert!(message.len() < path.as_os_str().len() + 250, "{message}");
    let long = [&b"\x93NUMPY\x02\0"[..], &(1u32 << 17).to_le_bytes(), &[b' '; 1 << 17]].concat();
    let path = folder.file("long.npy", &long);
    assert_says(&read(&path), &path, &["has a header of a version that is not known"]);
    // a file may have holes, which take no room
    let sparse = |name: &str, shape: &[usize]| {
        let path = folder.file(name, &npy("<c8", false, shape, &[]));
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        let values: usize = shape.iter().product();
        file.set_len(file.metadata().unwrap().len() + 8 * values as u64)
            .unwrap();
        path
    };
    let path = sparse("slices.npy", &[1 << 31, 1, 2, 2]);
    let message = super::message(Scan::open(&path, &ScanOptions::default()));
    assert_says(&message, &path, &["2147483648 slices", "no more than 2000000"]);
    let path = sparse("images.npy", &[1 << 31, 2, 2]);
    assert_says(
        &super::message(Images::open(&path.as_path().into())),
        &path,
        &["2147483648 slices"],
    );
}

trait ReplaceText {
    fn replace_text(&self, from: &str, to: &str) -> Vec<u8>;
}

impl ReplaceText for Vec<u8> {
    fn replace_text(&self, from: &str, to: &str) -> Vec<u8> {
        let at = self.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        [&self[..at], to.as_bytes(), &self[at + from.len()..]].concat()
    }
}
