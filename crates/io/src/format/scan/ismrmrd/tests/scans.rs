//! Slices of two-dimensional scans.

use ndarray::Array3;

use super::*;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;

fn at(column: usize, slice: u16, contrast: u16) -> Counters {
    Counters {
        slice,
        contrast,
        ..step(column)
    }
}

#[test]
fn lines_come_to_their_columns_whatever_their_order() {
    let mut rng = random(1);
    let mut lines: Vec<(Counters, Vec<Vec<C32>>)> = Vec::new();
    for contrast in 0..2 {
        // slice counters need not start at 0
        for slice in [2, 7] {
            lines.extend((0..5).map(|column| (at(column, slice, contrast), line(&mut rng, 2, 8))));
        }
    }
    let mut readouts: Vec<Acquisition> = lines.iter().map(|(idx, lines)| readout(*idx, lines, &[])).collect();
    readouts.reverse();
    readouts.swap(3, 11);
    let raw = Raw {
        // zero frequency at step 1: column 3 of 7, so that step 0 is column 2
        xml: header([8, 7, 1], [8, 7, 1], [1, 0], ""),
        readouts,
    };
    let scan = raw.scan();
    assert_eq!((scan.slices(), scan.coils(), scan.grid()), (4, 2, Grid::new(8, 7)));
    assert_eq!(scan.format, "ismrmrd");
    let names = [
        "contrast 0, slice 2",
        "contrast 0, slice 7",
        "contrast 1, slice 2",
        "contrast 1, slice 7",
    ];
    assert_eq!(scan.geometry.names, names);
    assert_eq!(scan.warnings, [""; 0]);
    for slice in 0..4 {
        let kspace = scan.read_slice(slice).unwrap();
        let mut expected = Array3::<C32>::zeros((2, 8, 7));
        for (idx, lines) in &lines[5 * slice..5 * (slice + 1)] {
            let col = usize::from(idx.kspace_encode_step_1) + 2;
            for (coil, line) in lines.iter().enumerate() {
                line.iter()
                    .enumerate()
                    .for_each(|(row, v)| expected[[coil, row, col]] = *v);
            }
        }
        assert_eq!(kspace, expected);
    }
}

#[test]
fn oversampling_is_taken_out_as_a_crop_of_the_image_would() {
    let mut rng = random(2);
    let (rows, keep, cols) = (20, 10, 6);
    let lines: Vec<_> = (0..cols).map(|_| line(&mut rng, 2, rows)).collect();
    let raw = Raw {
        xml: header([rows, cols, 1], [keep, cols, 1], [3, 0], ""),
        readouts: (0..cols).map(|col| readout(step(col), &lines[col], &[])).collect(),
    };
    let scan = raw.scan();
    assert_eq!(
        (scan.grid(), scan.crop_size()),
        (Grid::new(keep, cols), Grid::new(keep, cols))
    );
    assert_eq!(scan.readout_oversampling(), 1.0);
    assert_eq!(scan.geometry.voxel_mm, Some([2.0; 3]));
    let kspace = scan.read_slice(0).unwrap();
    for (coil, plane) in kspace.outer_iter().enumerate() {
        let image = |plane: &mut Vec<C32>, rows: usize| {
            let fourier = Fourier::new(Grid::new(rows, cols));
            fourier.inverse(plane, &mut fourier.scratch());
        };
        let mut whole: Vec<C32> = (0..rows * cols).map(|i| lines[i % cols][coil][i / cols]).collect();
        image(&mut whole, rows);
        let mut small: Vec<C32> = plane.iter().copied().collect();
        image(&mut small, keep);
        let cropped = &whole[(rows / 2 - keep / 2) * cols..][..keep * cols];
        let error = small
            .iter()
            .zip(cropped)
            .map(|(a, b)| (a - b).norm())
            .fold(0.0, f32::max);
        assert!(error < 1e-6, "{error:e}");
    }
}

#[test]
fn a_partial_echo_stays_unsampled() {
    let mut rng = random(3);
    let mut raw = Raw {
        xml: header([16, 4, 1], [8, 4, 1], [2, 0], ""),
        readouts: Vec::new(),
    };
    let lines: Vec<_> = (0..4).map(|_| line(&mut rng, 1, 13)).collect();
    for (col, line) in lines.iter().enumerate() {
        let mut readout = readout(step(col), line, &[]);
        // the origin, row 8, is sample 5; one sample at either end is worthless
        readout.head.center_sample = 5;
        (readout.head.discard_pre, readout.head.discard_post) = (1, 1);
        raw.readouts.push(readout);
    }
    let scan = raw.scan();
    assert_eq!((scan.grid(), scan.crop_size()), (Grid::new(16, 4), Grid::new(8, 4)));
    assert_eq!(scan.readout_oversampling(), 2.0);
    assert_eq!(scan.warnings.len(), 1);
    for part in ["partial echo", "5 of the 16", "stay zero", "oversampling is left in"] {
        assert!(scan.warnings[0].contains(part), "{}", scan.warnings[0]);
    }
    let kspace = scan.read_slice(0).unwrap();
    for ((_, row, col), value) in kspace.indexed_iter() {
        let expected = match row {
            4..15 => lines[col][0][row - 3],
            _ => C32::default(),
        };
        assert_eq!(*value, expected, "{row} {col}");
    }
}

#[test]
fn reversed_lines_are_turned_and_long_ones_cut() {
    let mut rng = random(4);
    let lines: Vec<_> = (0..4).map(|_| line(&mut rng, 2, 12)).collect();
    let raw = Raw {
        xml: header([8, 4, 1], [8, 4, 1], [2, 0], ""),
        readouts: (0..4)
            .map(|col| readout(step(col), &lines[col], &[22][..col % 2]))
            .collect(),
    };
    let scan = raw.scan();
    for words in ["4 samples of a line lie outside", "in both directions"] {
        assert!(scan.warnings.iter().any(|w| w.contains(words)), "{:?}", scan.warnings);
    }
    let kspace = scan.read_slice(0).unwrap();
    for ((coil, row, col), value) in kspace.indexed_iter() {
        let sample = if col % 2 == 1 { 11 - (row + 2) } else { row + 2 };
        assert_eq!(*value, lines[col][coil][sample]);
    }
}

#[test]
fn centres_that_nobody_wrote() {
    let mut raw = plain();
    let expected = raw.scan().read_slice(0).unwrap();
    raw.readouts.iter_mut().for_each(|r| r.head.center_sample = 0);
    let scan = raw.scan();
    assert!(scan.warnings[0].contains("center_sample is 0"), "{:?}", scan.warnings);
    assert_eq!(scan.read_slice(0).unwrap(), expected);
}

#[test]
fn averages_are_averaged() {
    let mut rng = random(6);
    let mut raw = plain();
    let first = raw.scan().read_slice(0).unwrap();
    let again = line(&mut rng, 3, 8);
    let mut second = readout(step(2), &again, &[]);
    second.head.idx.user[3] = 1;
    raw.readouts.push(second);
    let scan = raw.scan();
    assert!(scan.warnings[0].contains("1 to 2 times"), "{:?}", scan.warnings);
    assert!(scan.warnings[1].contains("user counters"), "{:?}", scan.warnings);
    let kspace = scan.read_slice(0).unwrap();
    for ((coil, row, col), value) in kspace.indexed_iter() {
        let one = first[[coil, row, col]];
        let expected = if col == 2 { (one + again[coil][row]) / 2.0 } else { one };
        assert!((value - expected).norm() < 1e-6);
    }
}

/// Noise of known covariance, of 4 µs dwell time against the 2 µs of the lines.
pub(super) fn noise(coils: usize, readouts: usize) -> Vec<Acquisition> {
    let mut rng = random(7);
    let one = |_| {
        let mut lines = line(&mut rng, coils, 64);
        for coil in (1..coils).rev() {
            let (before, after) = lines.split_at_mut(coil);
            let pairs = after[0].iter_mut().zip(&before[coil - 1]);
            pairs.for_each(|(v, neighbour)| *v += Complex::new(0.0, 0.5) * neighbour);
        }
        let mut noise = readout(step(0), &lines, &[19]);
        noise.head.sample_time_us = 4.0;
        noise
    };
    (0..readouts).map(one).collect()
}

#[test]
fn noise_acquisitions_give_the_covariance() {
    let mut raw = plain();
    assert!(raw.scan().noise_covariance.is_none());
    raw.readouts.extend(noise(3, 400));
    // all lines twice: half the variance
    let again = raw.readouts[..6].to_vec();
    raw.readouts.extend(again);
    let scan = raw.scan();
    assert_eq!(scan.warnings, [""; 0]);
    let found = scan.noise_covariance.clone().unwrap();
    // parts are uniform in ±1/2, of variance 1/12; neighbours add half of each; 4 µs / 2 µs, two averages
    let one = 2.0 / 12.0 * 2.0 / 2.0;
    for ((c, d), value) in found.indexed_iter() {
        let expected = match (c, d) {
            (0, 0) => Complex::new(one, 0.0),
            _ if c == d => Complex::new(1.25 * one, 0.0),
            _ if c == d + 1 => Complex::new(0.0, 0.5 * one),
            _ if d == c + 1 => Complex::new(0.0, -0.5 * one),
            _ => Complex::default(),
        };
        assert!(
            (value - expected).norm() < 0.03 * one,
            "{c} {d}: {value} against {expected}"
        );
    }
}

#[test]
fn noise_that_cannot_be_used_is_told() {
    for (acquisitions, reason) in [
        (noise(2, 40), "not 3 coils"),
        (noise(3, 0), ""),
        (noise(3, 1)[..1].to_vec(), ""),
    ] {
        let mut raw = plain();
        let mut acquisitions = acquisitions;
        if reason.is_empty() {
            acquisitions.iter_mut().for_each(|noise| noise.head.discard_post = 50);
        }
        let few = acquisitions.len() == 1;
        raw.readouts.extend(acquisitions);
        let scan = raw.scan();
        assert!(scan.noise_covariance.is_none());
        let reason = if few { "too few" } else { reason };
        assert_eq!(
            scan.warnings.len(),
            usize::from(!reason.is_empty()),
            "{:?}",
            scan.warnings
        );
        assert!(scan.warnings.iter().all(|w| w.contains(reason)), "{:?}", scan.warnings);
    }
}

/// Lines 0, 2, 4 as the image, 2 both, 1 and 3 for calibration only.
fn accelerated(mode: &str) -> Raw {
    let mut raw = plain();
    raw.xml = raw.xml.replace(
        "</encoding>",
        &format!("<parallelImaging><calibrationMode>{mode}</calibrationMode></parallelImaging></encoding>"),
    );
    raw.readouts.truncate(5);
    let flag = |flag: u32| 1 << (flag - 1);
    raw.readouts[1].head.flags = flag(20);
    raw.readouts[2].head.flags = flag(21);
    raw.readouts[3].head.flags = flag(20);
    raw
}

fn sampled(scan: &Scan) -> Vec<usize> {
    let kspace = scan.read_slice(0).unwrap();
    let (_, _, cols) = kspace.dim();
    (0..cols).filter(|&col| kspace[[0, 4, col]].norm() > 0.0).collect()
}

#[test]
fn calibration_lines_are_samples_where_they_are_embedded() {
    for mode in ["embedded", "Interleaved", ""] {
        let scan = accelerated(mode).scan();
        assert_eq!(
            (sampled(&scan), scan.warnings.len()),
            (vec![0, 1, 2, 3, 4], 0),
            "{mode}"
        );
    }
    for mode in ["separate", "external", "other"] {
        let scan = accelerated(mode).scan();
        assert_eq!(sampled(&scan), [0, 2, 4], "{mode}");
        assert!(scan.warnings.is_empty(), "{:?}", scan.warnings);
        // maps can be calibrated on them
        assert_eq!(scan.calibration_lines(), 2);
        let (kspace, acquired) = scan.read_calibration(0).unwrap().unwrap();
        assert_eq!(kspace.dim(), scan.read_slice(0).unwrap().dim());
        let columns: Vec<bool> = acquired.unwrap().sampled.row(0).to_vec();
        assert_eq!(columns, [false, true, false, true, false, false], "{mode}");
    }
    // lines of another kind are none of this image, whatever the header says
    for mode in ["embedded", ""] {
        let mut raw = accelerated(mode);
        raw.readouts[3].head.sample_time_us = 5.0;
        let scan = raw.scan();
        let expected = if mode.is_empty() {
            vec![0, 2, 4]
        } else {
            vec![0, 1, 2, 4]
        };
        let left = 5 - expected.len();
        assert_eq!((sampled(&scan), scan.warnings.len()), (expected, 0), "{mode}");
        assert_eq!(scan.calibration_lines(), left, "{mode}");
    }
    // a scan of its own samples lines of the image again
    let mut raw = accelerated("interleaved");
    let mut repeated = raw.readouts[2].clone();
    repeated.head.flags = 1 << 19;
    raw.readouts.push(repeated);
    let scan = raw.scan();
    assert_eq!((sampled(&scan), scan.calibration_lines()), (vec![0, 2, 4], 3));
}

#[test]
fn the_first_encoding_space_is_read() {
    let mut raw = plain();
    let mut reference = raw.readouts[1].clone();
    (
        reference.head.encoding_space_ref,
        reference.head.idx.kspace_encode_step_1,
    ) = (1, 900);
    raw.readouts.push(reference);
    let scan = raw.scan();
    assert!(
        scan.warnings[0].contains("1 of other encoding space"),
        "{:?}",
        scan.warnings
    );
    assert_eq!(scan.read_slice(0).unwrap(), plain().scan().read_slice(0).unwrap());
    // where no line is of the first, the first that has lines, with its part of the header
    raw.readouts = raw.readouts[6..].to_vec();
    let second = header([8, 6, 1], [8, 6, 1], [898, 0], "");
    let second = second[second.find("<encoding>").unwrap()..].replace("</ismrmrdHeader>", "");
    raw.xml = raw
        .xml
        .replace("</ismrmrdHeader>", &format!("{second}</ismrmrdHeader>"));
    let scan = raw.scan();
    assert_eq!(sampled(&scan), [5]);
    // which alone goes into results
    assert_eq!(scan.header.as_ref().unwrap().xml.matches("<encoding>").count(), 1);
}

#[test]
fn slices_lie_where_their_readouts_say() {
    let mut raw = plain();
    let mut other = raw.readouts[0].clone();
    other.head.idx.slice = 1;
    other.head.position = [5.0, 2.0, 3.0];
    raw.readouts.push(other);
    let geometry = raw.scan().geometry.clone();
    assert_eq!(geometry.voxel_mm, Some([2.0; 3]));
    let centres: Vec<_> = geometry.placements.iter().map(|p| p.centre_mm).collect();
    assert_eq!(centres, [[1.0, 2.0, 3.0], [5.0, 2.0, 3.0]]);
    let place = geometry.placements[1];
    assert_eq!(
        (place.rows, place.cols, place.slices),
        ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    );
    // the matrix of a header counts slices of a slab that were not encoded
    raw.xml = header([8, 6, 4], [8, 6, 4], [3, 0], "");
    assert_eq!(raw.scan().geometry.voxel_mm, Some([2.0; 3]));
    // directions that nobody wrote
    raw.readouts[0].head.read_dir = [0.0; 3];
    assert!(raw.scan().geometry.placements.is_empty());
}

#[test]
fn a_group_of_any_name_and_anything_beside_it() {
    let expected = plain().scan().read_slice(0).unwrap();
    let (_folder, path) = plain().write_as("measured");
    let file = opened(&path, hdf5::OpenMode::Append);
    file.group("measured").unwrap().create_group("images").unwrap();
    file.close().unwrap();
    assert_eq!(open(&path).unwrap().read_slice(0).unwrap(), expected);
    for name in ["measured", "/measured/", "measured/data"] {
        let options = ScanOptions {
            dataset: Some(name.into()),
            ..ScanOptions::default()
        };
        assert_eq!(Scan::open(&path, &options).unwrap().format, "ismrmrd");
    }
    // an array of k-space beside it comes first
    let file = opened(&path, hdf5::OpenMode::Append);
    file.new_dataset_builder()
        .with_data(&expected)
        .create("kspace")
        .unwrap();
    file.close().unwrap();
    assert_eq!(open(&path).unwrap().format, "fastmri");
}

#[test]
fn slices_of_one_counter_and_position_show_the_same_place() {
    let mut rng = random(8);
    let mut raw = plain();
    raw.readouts.clear();
    // of two places, two contrasts of three repetitions
    for (contrast, repetition) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] {
        for slice in 0..2 {
            let counters = Counters {
                repetition,
                ..at(3, slice, contrast)
            };
            let mut readout = readout(counters, &line(&mut rng, 3, 8), &[]);
            readout.head.position[2] += f32::from(slice);
            raw.readouts.push(readout);
        }
    }
    let scan = raw.scan();
    assert_eq!((scan.slices(), scan.places.count()), (12, 2));
    assert_eq!(scan.places.frames(1), [1, 3, 5, 7, 9, 11]);
    assert_eq!(scan.places.images(0), [[0, 2, 4], [6, 8, 10]]);

    // the second repetition of the first contrast was moved
    raw.readouts[2].head.position[0] += 5.0;
    raw.readouts[3].head.slice_dir = [0.8, 0.6, 0.0];
    let scan = raw.scan();
    assert_eq!((scan.places.count(), scan.places.frames(2)), (4, vec![2]));
    assert!(scan.places.images(0) == [vec![0, 4], vec![6, 8, 10]]);

    let scan = plain().scan();
    assert!(!scan.places.are_shared());
}

/// What tells who was scanned is not what tells how.
#[test]
fn an_anonymized_scan_is_the_same_scan() {
    let mut raw = plain();
    let patient = "<subjectInformation><patientName>Doe</patientName></subjectInformation><encoding>";
    raw.xml = header([8, 6, 1], [4, 6, 1], [3, 0], "").replace("<encoding>", patient);
    raw.readouts[3].head.idx = at(0, 0, 1);
    let (before, mut after) = (raw.scan(), raw.scan());
    after.scan.anonymize(&crate::format::Anonymizer::new());
    assert!(before.identifying_fields() == ["patientName"] && after.identifying_fields().is_empty());
    let xml = |scan: &Scan| scan.header.as_ref().unwrap().xml.clone();
    assert!(xml(&before).contains("Doe") && !xml(&after).contains("Doe"));
    let told = |scan: &Scan| (scan.crop_size(), scan.readout_oversampling(), scan.geometry.clone());
    assert_eq!(told(&after), told(&before));
    assert_eq!(after.geometry.names, ["contrast 0", "contrast 1"]);
    assert_eq!(after.read_slice(1).unwrap(), before.read_slice(1).unwrap());
}
