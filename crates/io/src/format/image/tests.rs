use std::f64::consts::FRAC_1_SQRT_2;
use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use ndarray::{Array2, Array3, Axis};
use num_complex::Complex;

use super::orientation::{Vector, add, minus, norm, scaled, stack};
use super::sink::MOST_FILES;
use super::*;
use crate::format::{Geometry, Header, Placement, Plane};
use pvdamp::array::Grid;

type C32 = Complex<f32>;

const GRID: Grid = Grid { rows: 5, cols: 4 };
const VOXEL: [f64; 3] = [1.5, 2.0, 3.0];

/// Oblique: rows run backwards and down, columns to the left.
fn placement(at: Vector) -> Placement {
    Placement {
        centre_mm: at,
        rows: [0.0, FRAC_1_SQRT_2, -FRAC_1_SQRT_2],
        cols: [1.0, 0.0, 0.0],
        slices: [0.0, -FRAC_1_SQRT_2, -FRAC_1_SQRT_2],
    }
}

/// Slices at these distances along their normal, in mm.
fn placements(heights: &[f64]) -> Vec<Placement> {
    let at = |h: &f64| add([10.0, -20.0, 30.0], scaled(placement([0.0; 3]).slices, *h));
    heights.iter().map(|h| placement(at(h))).collect()
}

fn series(placements: Vec<Placement>, slices: usize) -> Series {
    Series {
        slices,
        grid: GRID,
        geometry: Geometry {
            voxel_mm: Some(VOXEL),
            placements,
            ..Geometry::default()
        },
        header: None,
        description: "made by a test".into(),
        method: "test".into(),
    }
}

/// Every value another one.
fn images(slices: usize) -> Array3<C32> {
    Array3::from_shape_fn((slices, GRID.rows, GRID.cols), |(s, r, c)| {
        C32::from_polar((1 + c + 10 * r + 100 * s) as f32, s as f32)
    })
}

/// Writes images by the format of the name; the folder, and what is in it.
fn written(name: &str, series: &Series) -> (tempfile::TempDir, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let format = ImageFormat::of(&path).unwrap();
    let mut sink = format.create(&path, series).unwrap();
    let images = images(series.slices);
    // in any order
    for slice in (0..series.slices).rev() {
        sink.write(slice, images.index_axis(Axis(0), slice)).unwrap();
    }
    let visible = |folder: &Path| {
        let names = std::fs::read_dir(folder).unwrap();
        let names = names.map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    };
    assert!(visible(folder.path()).is_empty(), "there before it is finished");
    sink.finish().unwrap();
    let names = visible(folder.path());
    let listed = format.files(&path, series.slices);
    let mut listed: Vec<_> = listed
        .iter()
        .map(|f| f.file_name().unwrap().to_str().unwrap())
        .collect();
    listed.sort_unstable();
    assert_eq!(names, listed);
    (folder, names)
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    let of = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    bytes.chunks_exact(4).map(of).collect()
}

#[test]
fn a_format_is_told_by_the_ending_alone() {
    let name = |path: &str| ImageFormat::of(Path::new(path)).map(|format| format.name);
    for (path, expected) in [
        ("out.cfl", Some("bart")),
        ("a.b/out.npy", Some("numpy")),
        ("out.nii", Some("nifti")),
        ("out.NII.GZ", Some("nifti")),
        ("out.v2.dcm", Some("dicom")),
        ("out.png", Some("png")),
        ("out.h5", None),
        ("out.gz", None),
        ("outnii", None),
        (".nii", None),
        ("out.npy/x", None),
        ("", None),
    ] {
        assert_eq!(name(path), expected, "{path}");
    }
    let mut extensions: Vec<&str> = IMAGE_FORMATS.iter().flat_map(|f| f.extensions).copied().collect();
    let count = extensions.len();
    extensions.sort_unstable();
    extensions.dedup();
    assert_eq!(extensions.len(), count, "two formats share an ending");
}

#[test]
fn one_slice_keeps_the_name_and_several_are_numbered() {
    let one = series(Vec::new(), 1);
    let three = series(Vec::new(), 3);
    assert_eq!(written("out.png", &one).1, ["out.png"]);
    assert_eq!(
        written("out.dcm", &three).1,
        ["out_000.dcm", "out_001.dcm", "out_002.dcm"]
    );
    assert_eq!(written("out.cfl", &three).1, ["out.cfl", "out.hdr"]);
}

#[test]
fn bart_has_rows_first_and_slices_at_axis_13_and_a_volume_x_first() {
    let mut series = series(Vec::new(), 3);
    let images = images(3);
    let read = |folder: &tempfile::TempDir| {
        let values = floats(&std::fs::read(folder.path().join("out.cfl")).unwrap());
        let header = std::fs::read_to_string(folder.path().join("out.hdr")).unwrap();
        (values, header.lines().nth(1).unwrap().to_string())
    };
    let (values, axes) = read(&written("out.cfl", &series).0);
    assert_eq!(axes, "5 4 1 1 1 1 1 1 1 1 1 1 1 3 1 1");
    for ((s, r, c), value) in images.indexed_iter() {
        let at = 2 * (r + 5 * (c + 4 * s));
        assert_eq!([values[at], values[at + 1]], [value.re, value.im]);
    }
    series.geometry.plane = Plane::Yz;
    let (values, axes) = read(&written("out.cfl", &series).0);
    assert_eq!(axes, "3 5 4 1 1 1 1 1 1 1 1 1 1 1 1 1");
    for ((s, r, c), value) in images.indexed_iter() {
        let at = 2 * (s + 3 * (r + 5 * c));
        assert_eq!([values[at], values[at + 1]], [value.re, value.im]);
    }
}

#[test]
fn kspace_of_a_volume_has_its_two_encodes_at_axes_1_and_2() {
    let folder = tempfile::tempdir().unwrap();
    for (plane, expected) in [
        (Plane::Xy, "5 4 1 2 1 1 1 1 1 1 1 1 1 3 1 1"),
        (Plane::Yz, "1 5 4 2 1 1 1 1 1 1 1 1 1 3 1 1"),
    ] {
        let geometry = Geometry {
            plane,
            ..Geometry::default()
        };
        let (slices, coils, grid) = (3, 2, GRID);
        let series = KspaceSeries {
            slices,
            coils,
            grid,
            geometry,
        };
        let path = folder.path().join("k.cfl");
        let mut sink = ImageFormat::of(&path).unwrap().create_kspace(&path, &series).unwrap();
        let value =
            |s: usize, (q, r, c): (usize, usize, usize)| C32::new((c + 10 * r + 100 * q + 1000 * s) as f32, 0.5);
        for s in 0..slices {
            let plane = Array3::from_shape_fn((coils, 5, 4), |at| value(s, at));
            sink.write(s, plane.view()).unwrap();
        }
        sink.finish().unwrap();
        let header = std::fs::read_to_string(folder.path().join("k.hdr")).unwrap();
        assert_eq!(header.lines().nth(1), Some(expected));
        let values = floats(&std::fs::read(&path).unwrap());
        for (at, pair) in values.chunks_exact(2).enumerate() {
            let (r, c, q, s) = (at % 5, at / 5 % 4, at / 20 % 2, at / 40);
            assert_eq!(C32::new(pair[0], pair[1]), value(s, (q, r, c)));
        }
    }
    let path = folder.path().join("k.nii");
    let series = KspaceSeries {
        slices: 1,
        coils: 1,
        grid: GRID,
        geometry: Geometry::default(),
    };
    let refused = ImageFormat::of(&path)
        .unwrap()
        .create_kspace(&path, &series)
        .err()
        .unwrap();
    assert!(refused.to_string().contains("holds images"), "{refused}");
}

#[test]
fn numpy_has_a_header_of_whole_64_bytes() {
    let (folder, _) = written("out.npy", &series(Vec::new(), 3));
    let bytes = std::fs::read(folder.path().join("out.npy")).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(length % 64, 0);
    let text = std::str::from_utf8(&bytes[10..length]).unwrap();
    assert!(
        text.starts_with("{'descr': '<c8', 'fortran_order': False, 'shape': (3, 5, 4), }"),
        "{text}"
    );
    assert!(text.ends_with('\n'));
    let expected: Vec<f32> = images(3).iter().flat_map(|v| [v.re, v.im]).collect();
    assert_eq!(floats(&bytes[length..]), expected);
}

/// What a NIfTI header says, by its offsets.
struct NiftiHeader(Vec<u8>);

impl NiftiHeader {
    fn short(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.0[at..at + 2].try_into().unwrap())
    }

    fn floats(&self, at: usize, count: usize) -> Vec<f64> {
        floats(&self.0[at..at + 4 * count]).iter().map(|&v| v.into()).collect()
    }

    /// The position of a voxel by the rows of the affine.
    fn by_rows(&self, index: [f64; 3]) -> Vector {
        [280, 296, 312].map(|at| {
            let row = self.floats(at, 4);
            row[3] + index.iter().zip(&row).map(|(i, a)| i * a).sum::<f64>()
        })
    }

    /// The position by the quaternion, as `nifti1.h` defines it.
    fn by_quaternion(&self, [i, j, k]: [f64; 3]) -> Vector {
        let q = self.floats(256, 6);
        let (b, c, d) = (q[0], q[1], q[2]);
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        let size = self.floats(76, 4);
        let v = [i * size[1], j * size[2], k * size[3] * size[0]];
        let rotation = [
            [
                a * a + b * b - c * c - d * d,
                2.0 * (b * c - a * d),
                2.0 * (b * d + a * c),
            ],
            [
                2.0 * (b * c + a * d),
                a * a + c * c - b * b - d * d,
                2.0 * (c * d - a * b),
            ],
            [
                2.0 * (b * d - a * c),
                2.0 * (c * d + a * b),
                a * a + d * d - b * b - c * c,
            ],
        ];
        let turned = rotation.map(|row| row.iter().zip(v).map(|(r, v)| r * v).sum::<f64>());
        add(turned, [q[3], q[4], q[5]])
    }
}

/// Every voxel lies where its placement says, by both ways of telling, whatever the order of the slices.
#[test]
fn nifti_puts_every_voxel_where_it_was_measured() {
    let turned = |p: Placement| Placement {
        slices: scaled(p.slices, -1.0),
        ..p
    };
    let interleaved = placements(&[0.0, 7.0, 3.5, 10.5]);
    let other_way: Vec<Placement> = interleaved.iter().copied().map(turned).collect();
    for placements in [interleaved, other_way] {
        let series = series(placements.clone(), 4);
        let (folder, _) = written("out.nii", &series);
        let header = NiftiHeader(std::fs::read(folder.path().join("out.nii")).unwrap());
        assert_eq!((header.short(252), header.short(254), header.0[123]), (1, 1, 2));
        assert_eq!([40, 42, 44, 46, 48].map(|at| header.short(at)), [3, 5, 4, 4, 1]);
        assert!(
            (header.floats(88, 1)[0] - 3.5).abs() < 1e-6,
            "the distance of the slices"
        );
        let values = floats(&header.0[352..]);
        let images = images(4).mapv(|v| v.norm());
        for (k, slice) in values.chunks_exact(20).enumerate() {
            let s = (0..4).find(|&s| images[[s, 0, 0]] == slice[0]).unwrap();
            for (at, value) in slice.iter().enumerate() {
                let (r, c) = (at % 5, at / 5);
                assert_eq!(*value, images[[s, r, c]]);
                let p = &placements[s];
                let rows = scaled(p.rows, VOXEL[0] * (r as f64 - 2.0));
                let cols = scaled(p.cols, VOXEL[1] * (c as f64 - 2.0));
                let [left, posterior, superior] = add(p.centre_mm, add(rows, cols));
                let expected = [-left, -posterior, superior];
                let index = [r as f64, c as f64, k as f64];
                for found in [header.by_rows(index), header.by_quaternion(index)] {
                    assert!(norm(minus(found, expected)) < 1e-4, "{found:?}, not {expected:?}");
                }
            }
        }
    }
}

#[test]
fn nifti_says_nothing_of_places_that_are_not_known() {
    let mut series = series(Vec::new(), 3);
    for voxel in [Some(VOXEL), None] {
        series.geometry.voxel_mm = voxel;
        let (folder, _) = written("out.nii", &series);
        let header = NiftiHeader(std::fs::read(folder.path().join("out.nii")).unwrap());
        assert_eq!((header.short(252), header.short(254)), (0, 0));
        let size = header.floats(80, 3);
        match voxel {
            Some(voxel) => assert_eq!((size, header.0[123]), (voxel.to_vec(), 2)),
            None => assert_eq!((size, header.0[123]), (vec![1.0; 3], 0)),
        }
        assert!(header.0[148..].starts_with(b"made by a test\0"));
    }
}

#[test]
fn compressed_nifti_is_the_same() {
    let series = series(placements(&[0.0, 3.0]), 2);
    let (plain, _) = written("out.nii", &series);
    let (packed, _) = written("out.nii.gz", &series);
    let packed = std::fs::File::open(packed.path().join("out.nii.gz")).unwrap();
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut unpacked).unwrap();
    assert_eq!(unpacked, std::fs::read(plain.path().join("out.nii")).unwrap());
}

#[test]
fn stacks_measured_several_times_and_what_is_none() {
    let stacked = |heights: &[f64]| stack(&placements(heights), 3.0);
    // contrasts inside, contrasts outside, one slice again and again
    assert_eq!(stacked(&[0.0, 0.0, 4.0, 4.0]).unwrap().order, [[0, 2], [1, 3]]);
    assert_eq!(stacked(&[4.0, 0.0, 4.0, 0.0]).unwrap().order, [[1, 0], [3, 2]]);
    let one = stacked(&[2.0, 2.0, 2.0]).unwrap();
    assert_eq!(one.order, [[0], [1], [2]]);
    assert!((norm(one.step) - 3.0).abs() < 1e-9);
    assert!(stacked(&[0.0, 3.0, 7.0]).unwrap_err().contains("uneven"));
    assert!(stacked(&[0.0, 0.0, 3.0]).unwrap_err().contains("more often"));
    let mut turned = placements(&[0.0, 3.0]);
    turned[1].rows = [0.0, FRAC_1_SQRT_2, FRAC_1_SQRT_2];
    assert!(stack(&turned, 3.0).unwrap_err().contains("several directions"));

    // two slabs of a volume, and slices moved within their plane
    let moved = |by: Vector, p: Placement| Placement {
        centre_mm: add(p.centre_mm, by),
        ..p
    };
    let one = placements(&[0.0, 3.0]);
    let other = one.iter().map(|&p| moved(scaled(p.cols, 50.0), p));
    let slabs: Vec<Placement> = one.iter().copied().chain(other).collect();
    assert!(stack(&slabs, 3.0).unwrap_err().contains("beside each other"));
    let row: Vec<Placement> = (0..3)
        .map(|i| moved(scaled(one[0].rows, 40.0 * f64::from(i)), one[0]))
        .collect();
    assert!(stack(&row, 3.0).unwrap_err().contains("beside each other"));

    let path = Path::new("out.nii");
    let uneven = series(placements(&[0.0, 3.0, 7.0]), 3);
    let refused = (ImageFormat::of(path).unwrap().create)(path, &uneven)
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("uneven distances; write another format"), "{refused}");
    let (folder, _) = written("out.nii", &series(placements(&[0.0, 0.0, 4.0, 4.0]), 4));
    let header = NiftiHeader(std::fs::read(folder.path().join("out.nii")).unwrap());
    assert_eq!([40, 42, 44, 46, 48].map(|at| header.short(at)), [4, 5, 4, 2, 2]);
    let first = floats(&header.0[352..])
        .chunks_exact(20)
        .map(|s| s[0].round())
        .collect::<Vec<f32>>();
    assert_eq!(first, [1.0, 201.0, 101.0, 301.0]);
}

/// Both parts are finite, and the magnitude is not.
#[test]
fn a_magnitude_beyond_single_precision_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = Array2::from_elem((5, 4), C32::new(3e38, 3e38));
    for name in ["a.nii", "a.dcm"] {
        let path = folder.path().join(name);
        let mut sink = ImageFormat::of(&path)
            .unwrap()
            .create(&path, &series(Vec::new(), 1))
            .unwrap();
        let refused = sink.write(0, image.view()).unwrap_err().to_string();
        let parts = [name, "slice 0", "20 values exceeds single precision", "; rescale"];
        assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// As a damaged file may tell of: there is no memory for their names, nor room on any disk.
#[test]
fn more_slices_than_there_can_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for slices in [MOST_FILES + 1, 1 << 40, 1 << 62] {
        for name in ["a.dcm", "a.png", "a.nii"] {
            let path = folder.path().join(name);
            let refused = ImageFormat::of(&path)
                .unwrap()
                .create(&path, &series(Vec::new(), slices));
            let refused = refused.err().unwrap().to_string();
            assert!(
                refused.contains("too many") && refused.contains("; write HDF5"),
                "{refused}"
            );
        }
    }
    let path = folder.path().join("a.cfl");
    let mut volume = series(Vec::new(), 1 << 62);
    volume.geometry.plane = Plane::Yz;
    let refused = ImageFormat::of(&path).unwrap().create(&path, &volume).err().unwrap();
    assert!(refused.to_string().contains("more than any disk holds"), "{refused}");
}

/// BART knows the ending in lower case alone.
#[test]
fn an_ending_in_capitals_is_barts() {
    let (folder, names) = written("out.CFL", &series(Vec::new(), 2));
    assert_eq!(names, ["out.cfl", "out.hdr"]);
    let read = Images::open(&folder.path().join("out.cfl").as_path().into()).unwrap();
    assert_eq!(read.read(1).unwrap(), images(2).index_axis(Axis(0), 1));
}

/// What a file says of itself may hold anything.
#[test]
fn dicom_keeps_no_text_that_it_does_not_allow() {
    let mut series = series(Vec::new(), 1);
    series.method = "a\\b\u{1b}".repeat(100);
    series.description = format!("line\n{}", "x".repeat(5000));
    series.geometry.names = vec!["slice\u{0}\\1".into()];
    let (folder, _) = written("out.dcm", &series);
    let object = dicom(&folder, "out.dcm");
    let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
    assert_eq!(text(tags::IMAGE_COMMENTS), "slice1");
    assert_eq!(text(tags::DERIVATION_DESCRIPTION).len(), 1024);
    let description = text(tags::SERIES_DESCRIPTION);
    assert!(
        description.starts_with("pvdamp ababab") && description.len() == 64,
        "{description}"
    );
}

/// Raw data have no images, whichever way they are named.
#[test]
fn raw_data_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw.h5");
    let file = hdf5::File::create(&path).unwrap();
    for group in ["scan", "image_0"] {
        let group = file.create_group(group).unwrap();
        group.new_dataset::<f32>().shape([2, 5, 4]).create("data").unwrap();
    }
    file.new_dataset::<u8>().shape([1]).create("scan/xml").unwrap();
    drop(file);
    let images = |name: &str| holds_images(&crate::error::Place::new(&path, name));
    assert!(!images("scan") && !images("/scan/") && !images("scan/data"));
    assert!(images("image_0") && images("image_0/data"));
}

fn dicom(folder: &tempfile::TempDir, name: &str) -> dicom_object::DefaultDicomObject {
    dicom_object::open_file(folder.path().join(name)).unwrap()
}

#[test]
fn dicom_gives_values_and_places_back() {
    let heights = [5.0, 0.0];
    let (folder, _) = written("out.dcm", &series(placements(&heights), 2));
    let images = images(2).mapv(|v| f64::from(v.norm()));
    let largest = images.iter().copied().fold(0.0, f64::max);
    let mut uids = Vec::new();
    for (slice, placement) in placements(&heights).iter().enumerate() {
        let object = dicom(&folder, &format!("out_00{slice}.dcm"));
        let number = |tag| object.element(tag).unwrap().to_multi_float64().unwrap();
        let text = |tag| object.element(tag).unwrap().to_str().unwrap().into_owned();
        assert_eq!(text(tags::SOP_CLASS_UID), uids::MR_IMAGE_STORAGE);
        assert_eq!(text(tags::DERIVATION_DESCRIPTION).trim(), "made by a test");
        let (slope, offset) = (number(tags::RESCALE_SLOPE)[0], number(tags::RESCALE_INTERCEPT)[0]);
        assert!(
            (slope * 65535.0 / largest - 1.0).abs() < 1e-8,
            "one slope for the series"
        );
        let stored = object.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
        let stored = Array2::from_shape_vec((5, 4), stored).unwrap();
        let position = number(tags::IMAGE_POSITION_PATIENT);
        let along = number(tags::IMAGE_ORIENTATION_PATIENT);
        let spacing = number(tags::PIXEL_SPACING);
        for ((r, c), &value) in stored.indexed_iter() {
            let error = f64::from(value) * slope + offset - images[[slice, r, c]];
            assert!(error.abs() <= 0.5001 * slope, "{error}");
            // PS3.3, C.7.6.2.1.1
            let at = |i: usize| position[i] + along[i] * spacing[1] * c as f64 + along[3 + i] * spacing[0] * r as f64;
            let rows = scaled(placement.rows, VOXEL[0] * (r as f64 - 2.0));
            let cols = scaled(placement.cols, VOXEL[1] * (c as f64 - 2.0));
            let expected = add(placement.centre_mm, add(rows, cols));
            assert!(norm(minus([at(0), at(1), at(2)], expected)) < 1e-6);
        }
        uids.push(
            [
                tags::SOP_INSTANCE_UID,
                tags::SERIES_INSTANCE_UID,
                tags::STUDY_INSTANCE_UID,
            ]
            .map(text),
        );
    }
    assert!(uids[0][0] != uids[1][0] && uids[0][1..] == uids[1][1..]);
}

#[test]
fn dicom_makes_no_place_up_and_holds_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.dcm");
    for scale in [0.0, 1e-30, 1e-7, 1e13, 3e38] {
        let series = series(Vec::new(), 1);
        let mut sink = ImageFormat::of(&path).unwrap().create(&path, &series).unwrap();
        let image = Array2::from_shape_fn((5, 4), |(r, c)| C32::from(scale * ((r * c) as f32 / 12.0)));
        sink.write(0, image.view()).unwrap();
        sink.finish().unwrap();
        let object = dicom(&folder, "out.dcm");
        assert_eq!(
            object.meta().media_storage_sop_class_uid(),
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE
        );
        assert!(object.element(tags::IMAGE_POSITION_PATIENT).is_err());
        let slope = object.element(tags::RESCALE_SLOPE).unwrap().to_float64().unwrap();
        let stored = object.element(tags::PIXEL_DATA).unwrap().to_multi_int::<u16>().unwrap();
        for (value, expected) in stored.iter().zip(&image) {
            let expected = f64::from(expected.re);
            assert!(
                (f64::from(*value) * slope - expected).abs() <= 1e-5 * f64::from(scale),
                "{scale:e}"
            );
        }
    }
}

/// What the header tells of the patient is kept, and without it nobody is named.
#[test]
fn dicom_names_the_patient_of_the_header() {
    let xml = "<ismrmrdHeader><subjectInformation><patientName>Grün^Zoë</patientName><patientID>p-7</patientID>\
        <patientBirthdate>1970-02-03</patientBirthdate></subjectInformation>\
        <studyInformation><studyDate>2019-03-04</studyDate>\
        <studyInstanceUID>1.2.3.4</studyInstanceUID></studyInformation>\
        <measurementInformation><patientPosition>HFS</patientPosition></measurementInformation>\
        <sequenceParameters><TR>500</TR><TE>12.5</TE></sequenceParameters>\
        <encoding><trajectory>cartesian</trajectory></encoding></ismrmrdHeader>";
    for placed in [placements(&[0.0]), Vec::new()] {
        let mut series = series(placed, 1);
        for header in [None, Some(Header::parse(xml).unwrap())] {
            series.header = header;
            let (folder, _) = written("out.dcm", &series);
            let object = dicom(&folder, "out.dcm");
            let text = |tag| object.element(tag).unwrap().to_str().unwrap().trim().to_string();
            let patient = [
                tags::PATIENT_NAME,
                tags::PATIENT_ID,
                tags::PATIENT_BIRTH_DATE,
                tags::STUDY_DATE,
            ]
            .map(text);
            if series.header.is_none() {
                assert_eq!(patient, ["Anonymous", "anonymous", "", ""]);
                assert!(text(tags::STUDY_INSTANCE_UID).starts_with("2.25."));
                continue;
            }
            assert_eq!(patient, ["Grün^Zoë", "p-7", "19700203", "20190304"]);
            assert_eq!(text(tags::STUDY_INSTANCE_UID), "1.2.3.4");
            if !series.geometry.placements.is_empty() {
                let acquired = [tags::ECHO_TIME, tags::REPETITION_TIME, tags::PATIENT_POSITION].map(text);
                assert_eq!(acquired, ["12.5", "500", "HFS"]);
            }
        }
    }
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(Vec::new(), 3);
    std::fs::create_dir(folder.path().join("out_002.dcm")).unwrap();
    std::fs::create_dir(folder.path().join("out.hdr")).unwrap();
    for name in ["out.dcm", "out.cfl", "no/out.nii", "no/out.png", "no/out.npy"] {
        let path = folder.path().join(name);
        let refused = ImageFormat::of(&path).unwrap().create(&path, &series).err();
        let refused = refused.unwrap_or_else(|| panic!("{name} is no output")).to_string();
        let says_why = refused.contains("this is a folder") || refused.contains("does not exist");
        assert!(says_why, "{refused}");
    }
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["out.hdr", "out_002.dcm"]);
    // dropped half-way, nothing is left
    for name in ["a.nii.gz", "a.png", "a.npy", "a.dcm", "a.cfl"] {
        let path = folder.path().join(name);
        let mut sink = ImageFormat::of(&path).unwrap().create(&path, &series).unwrap();
        sink.write(0, images(1).index_axis(Axis(0), 0)).unwrap();
        drop(sink);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
