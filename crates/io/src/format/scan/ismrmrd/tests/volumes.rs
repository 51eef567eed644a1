//! Volumes: planes of both phase encodes along the readout.

use ndarray::Array4;

use super::*;
use crate::format::tests::{assert_outlines, assert_says, message};
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;

#[test]
fn a_volume_becomes_planes_along_its_readout() {
    let (coils, rows, keep, y, z) = (2, 12, 6, 5, 4);
    let mut rng = random(8);
    let mut readouts = Vec::new();
    let mut expected = Array4::<C32>::zeros((2 * keep, coils, y, z));
    let fourier = Fourier::new(Grid::new(1, rows));
    let mut scratch = fourier.scratch();
    for repetition in 0..2 {
        for column in 0..y {
            for partition in 0..z {
                if (column + partition + repetition) % 3 == 0 {
                    continue;
                }
                let mut lines = line(&mut rng, coils, rows);
                let idx = Counters {
                    // zero frequency at step 4, of the first, and 0, of the second
                    kspace_encode_step_1: column as u16 + 2,
                    kspace_encode_step_2: (partition as u16 + 10) - 2,
                    repetition: repetition as u16,
                    ..Counters::default()
                };
                readouts.push(readout(idx, &lines, &[]));
                for (coil, line) in lines.iter_mut().enumerate() {
                    fourier.inverse(line, &mut scratch);
                    for x in 0..keep {
                        expected[[repetition * keep + x, coil, column, partition]] = line[3 + x];
                    }
                }
            }
        }
    }
    readouts.rotate_left(7);
    let raw = Raw {
        xml: header([rows, y, z], [keep, y, z], [4, 10], ""),
        readouts,
    };
    let scan = raw.scan();
    assert_eq!(
        (scan.slices(), scan.coils(), scan.grid()),
        (2 * keep, coils, Grid::new(y, z))
    );
    assert_eq!((scan.crop_size(), scan.readout_oversampling()), (Grid::new(y, z), 1.0));
    assert_eq!(scan.geometry.names[7], "repetition 1, x 1");
    for (slice, plane) in expected.outer_iter().enumerate() {
        let read = scan.read_slice(slice).unwrap();
        let error = read.iter().zip(&plane).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
        assert!(error < 1e-6, "slice {slice}: {error:e}");
    }
    // the slab's centre is at x 3; rows run along the phase encodes, planes along the readout
    let place = scan.geometry.placements[keep + 5];
    assert_eq!(place.centre_mm, [1.0, 2.0 + 2.0 * 2.0, 3.0]);
    assert_eq!(
        (place.rows, place.cols, place.slices),
        ([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    );
}

#[test]
fn a_partial_echo_of_a_volume_is_taken_as_zero() {
    let mut rng = random(9);
    let mut readouts = Vec::new();
    for partition in 0..2 {
        for column in 0..3 {
            let idx = Counters {
                kspace_encode_step_2: partition,
                ..step(column)
            };
            let mut readout = readout(idx, &line(&mut rng, 1, 6), &[]);
            readout.head.center_sample = 2;
            readouts.push(readout);
        }
    }
    let raw = Raw {
        xml: header([8, 3, 2], [4, 3, 2], [1, 1], ""),
        readouts,
    };
    let scan = raw.scan();
    assert_eq!((scan.slices(), scan.grid()), (4, Grid::new(3, 2)));
    assert_eq!(scan.geometry.names[3], "x 3");
    assert!(scan.warnings[0].contains("2 of the 8"), "{:?}", scan.warnings);
    assert!(scan.warnings[0].contains("taken as zero"), "{:?}", scan.warnings);
    // partitions without a matrix that has them
    let flat = Raw {
        xml: header([8, 3, 1], [4, 3, 1], [1, 0], ""),
        ..raw
    };
    let (_folder, path) = flat.write();
    let message = open(&path).err().unwrap().to_string();
    assert!(
        message.contains("kspace_encode_step_2 runs up to 1") && message.contains("z = 1"),
        "{message}"
    );
}

/// An outline is made of heads: samples that opening refuses are not looked at.
#[test]
fn an_outline_reads_no_samples() {
    let raw = |spoilt: bool| {
        let mut rng = random(3);
        let mut readouts = Vec::new();
        for (column, partition) in (0..4).flat_map(|column| (0..3).map(move |partition| (column, partition))) {
            let mut lines = line(&mut rng, 2, 12);
            if spoilt && (column, partition) != (1, 1) {
                lines[1][7].re = f32::NAN;
            }
            let idx = Counters {
                kspace_encode_step_2: partition,
                ..step(column)
            };
            readouts.push(readout(idx, &lines, &[]));
        }
        Raw {
            xml: header([12, 4, 3], [6, 4, 3], [2, 1], ""),
            readouts,
        }
    };
    let (_folder, path) = raw(true).write();
    assert_says(
        &message(Scan::open(&path, &ScanOptions::default())),
        &path,
        &["1 values of acquisition 0 are NaN"],
    );
    let outline = Scan::outline(&path, &ScanOptions::default()).unwrap();
    assert_eq!((outline.slices, outline.coils, outline.grid), (6, 2, Grid::new(4, 3)));
    assert_outlines(&outline, &raw(false).scan());
}
