//! Arrays of BART and NumPy.

use super::*;

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
