//! NIfTI: where its header says that voxels lie.

use super::*;

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

/// Every part has the values of its definition, at the places of the magnitude.
#[test]
fn nifti_holds_the_parts_in_files_of_their_own() {
    let magnitude = series(placements(&[0.0, 4.0]), 2);
    let (folder, _) = written("a.nii", &magnitude);
    let header = std::fs::read(folder.path().join("a.nii")).unwrap()[..352].to_vec();
    let several = Series {
        parts: Part::ALL.to_vec(),
        ..magnitude
    };
    let (folder, names) = written("é.v2.nii", &several);
    assert_eq!(names.len(), 4);
    for part in Part::ALL {
        let bytes = std::fs::read(folder.path().join(format!("é.v2_part-{}.nii", part.name()))).unwrap();
        assert_eq!(bytes[..352], header);
        let values = floats(&bytes[352..]);
        for ((s, r, c), value) in images(2).indexed_iter() {
            let expected = match part {
                Part::Magnitude => value.norm(),
                Part::Phase => value.im.atan2(value.re),
                Part::Real => value.re,
                Part::Imaginary => value.im,
            };
            assert_eq!(values[r + GRID.rows * (c + GRID.cols * s)], expected);
        }
    }
    let one = Series {
        parts: vec![Part::Phase],
        ..several
    };
    assert_eq!(written("a.nii.GZ", &one).1, ["a.nii.GZ"]);
    let two = Series {
        parts: vec![Part::Real, Part::Imaginary],
        ..one
    };
    assert_eq!(
        written("a.nii.GZ", &two).1,
        ["a_part-imag.nii.GZ", "a_part-real.nii.GZ"]
    );
}
