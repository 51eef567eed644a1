//! Images written here, and read back.

mod arrays;
mod dicom;
mod nifti;

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
        parts: Vec::new(),
        anonymized: false,
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
    let listed = format.files(&path, series.slices, &series.parts);
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
