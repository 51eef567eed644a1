//! Raw data as people have them: directions of a vendor, centres that are wrong, lines outside the matrix, EPI.

use ndarray::Array3;

use super::*;
use crate::format::{Centre, Directions};
use pvdamp::array::{CoilStack, Grid};
use pvdamp::fourier::Fourier;

/// k-space `(coils, rows, cols)` of an ellipse, seen by three coils.
fn kspace(rows: usize, cols: usize) -> CoilStack<f32> {
    let fourier = Fourier::new(Grid::new(rows, cols));
    let share = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / n as f64;
    let mut images = Array3::from_shape_fn((3, rows, cols), |(coil, row, col)| {
        let (r, c) = (share(row, rows), share(col, cols));
        let inside = ((r - 0.02) / 0.4).powi(2) + (c / 0.33).powi(2) < 1.0;
        let weight = [1.0, 1.0 - r, 1.0 + c][coil];
        Complex::from_polar(if inside { weight as f32 } else { 0.0 }, (r + 2.0 * c) as f32)
    });
    for mut image in images.outer_iter_mut() {
        fourier.forward(image.as_slice_mut().unwrap(), &mut fourier.scratch());
    }
    images
}

/// Its columns `from..` as lines, counted from 0.
fn lines(kspace: &CoilStack<f32>, from: usize) -> Vec<Acquisition> {
    let (coils, _, cols) = kspace.dim();
    let line = |column: usize| {
        let coil = |coil: usize| kspace.slice(ndarray::s![coil, .., column]).to_vec();
        readout(step(column - from), &(0..coils).map(coil).collect::<Vec<_>>(), &[])
    };
    (from..cols).map(line).collect()
}

fn of_vendor(raw: &mut Raw, vendor: &str) {
    let system = format!(
        "<acquisitionSystemInformation><systemVendor>{vendor}</systemVendor></acquisitionSystemInformation><encoding>"
    );
    raw.xml = raw.xml.replacen("<encoding>", &system, 1);
}

fn with_options(raw: &Raw, options: &ScanOptions) -> Written {
    let (folder, path) = raw.write();
    Written {
        scan: Scan::open(&path, options).unwrap(),
        _folder: folder,
    }
}

fn warned(scan: &Scan, words: &str) -> bool {
    scan.warnings.iter().any(|warning| warning.contains(words))
}

#[test]
fn images_of_siemens_grow_against_the_directions() {
    let directions = |place: &crate::format::Placement| [place.rows, place.cols, place.slices];
    let (read, phase, slice) = ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]);
    let minus = |d: [f64; 3]| d.map(|v| 0.0 - v);
    for vendor in ["SIEMENS", "Siemens Healthineers"] {
        let mut raw = plain();
        of_vendor(&mut raw, vendor);
        let scan = raw.scan();
        let place = scan.geometry.placements[0];
        assert_eq!(directions(&place), [minus(read), minus(phase), slice]);
        assert_eq!(place.centre_mm, [1.0, 2.0, 3.0]);
        assert!(scan.geometry.directions.as_ref().unwrap().contains("Siemens"));
        let along = ScanOptions {
            directions: Some(Directions::Along),
            ..ScanOptions::default()
        };
        let stated = with_options(&raw, &along);
        assert_eq!(directions(&stated.geometry.placements[0]), [read, phase, slice]);
        assert!(stated.geometry.directions.as_ref().unwrap().contains("stated"));
    }
    for vendor in ["GE MEDICAL SYSTEMS", ""] {
        let mut raw = plain();
        of_vendor(&mut raw, vendor);
        let scan = raw.scan();
        assert_eq!(directions(&scan.geometry.placements[0]), [read, phase, slice]);
        assert!(scan.geometry.directions.as_ref().unwrap().contains("assumed"));
    }
    // a slab is cut along its readout, which runs the other way, as its partitions do
    let mut slab = plain();
    for (at, readout) in slab.readouts.iter_mut().enumerate() {
        readout.head.idx.kspace_encode_step_1 = (at / 2) as u16;
        readout.head.idx.kspace_encode_step_2 = (at % 2) as u16;
    }
    slab.xml = header([8, 3, 2], [8, 3, 2], [1, 1], "");
    of_vendor(&mut slab, "siemens");
    let placements = slab.scan().geometry.placements.clone();
    assert_eq!(directions(&placements[4]), [minus(phase), minus(slice), minus(read)]);
    assert_eq!(
        (placements[4].centre_mm, placements[5].centre_mm),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 3.0])
    );
}

/// Partial Fourier without the first lines: the central line is not half the matrix.
#[test]
fn a_wrong_centre_of_the_header_is_found() {
    let kspace = kspace(32, 64);
    let right = |scan: &Scan| {
        let read = scan.read_slice(0).unwrap();
        let wanted = kspace.slice(ndarray::s![.., .., 20..]);
        assert_eq!(read.slice(ndarray::s![.., .., 20..]), wanted, "{:?}", scan.warnings);
    };
    let raw = |centre: usize| Raw {
        xml: header([32, 64, 1], [32, 64, 1], [centre, 0], ""),
        readouts: lines(&kspace, 20),
    };
    let told = raw(12).scan();
    right(&told);
    assert!(told.warnings.is_empty(), "{:?}", told.warnings);
    // by the energy of k-space
    for wrong in [32, 40, 0, 35] {
        let scan = raw(wrong).scan();
        right(&scan);
        assert!(warned(&scan, "about ky=12"), "{:?}", scan.warnings);
    }
    // by what the scanner says of each line, of Siemens alone
    let mut named = raw(32);
    named.readouts.iter_mut().for_each(|r| r.head.idx.user[5] = 12);
    of_vendor(&mut named, "SIEMENS");
    let scan = named.scan();
    right(&scan);
    assert!(warned(&scan, "the scanner at 12 (idx.user[5]"), "{:?}", scan.warnings);
    // by the user, and not at all
    let stated = ScanOptions {
        centre: "ky=12".parse().unwrap(),
        ..ScanOptions::default()
    };
    right(&with_options(&raw(32), &stated));
    let as_is = ScanOptions {
        centre: Centre::AsIs,
        ..ScanOptions::default()
    };
    let scan = with_options(&named, &as_is);
    assert_eq!(scan.read_slice(0).unwrap()[[0, 5, 0]], kspace[[0, 5, 20]]);
    assert!(scan.warnings.is_empty(), "{:?}", scan.warnings);
}

#[test]
fn lines_outside_the_matrix_are_left_out() {
    let kspace = kspace(32, 64);
    // a shot too many, and a centre that is off by one
    for (matrix, centre, outside) in [(60, 32, 4), (64, 31, 1), (64, 33, 1)] {
        let raw = Raw {
            xml: header([32, matrix, 1], [32, matrix, 1], [centre, 0], ""),
            readouts: lines(&kspace, 0),
        };
        let scan = raw.scan();
        assert_eq!(scan.grid(), Grid::new(32, matrix));
        let words = format!("{outside} of 64 lines lie outside the encoded matrix of {matrix}x1");
        assert!(warned(&scan, &words), "{:?}", scan.warnings);
        assert_eq!(scan.read_slice(0).unwrap()[[1, 3, matrix / 2]], kspace[[1, 3, centre]]);
    }
}

#[test]
fn numbers_of_a_header_are_held_against_each_other() {
    let kspace = kspace(32, 40);
    let raw = |from: &str, to: &str| Raw {
        xml: header([32, 40, 1], [16, 40, 1], [20, 0], "").replace(from, to),
        readouts: lines(&kspace, 0),
    };
    let crop = |raw: &Raw| {
        let scan = raw.scan();
        (scan.crop_size(), scan.geometry.voxel_mm, scan.warnings.len())
    };
    let usual = crop(&raw("", ""));
    assert_eq!(usual, (Grid::new(16, 40), Some([2.0; 3]), 0));
    assert_eq!(crop(&raw("<x>32</x><y>40</y>", "<x>32.0</x><y>40.0</y>")), usual);
    // the same field of view on a coarser grid
    let coarser = raw("<x>16</x><y>40</y>", "<x>16</x><y>33</y>");
    assert_eq!(crop(&coarser), usual);
    // nobody wrote the thickness, or any field of view
    let (size, voxel, _) = crop(&raw("<z>2</z>", "<z>0</z>"));
    assert_eq!((size, voxel), (Grid::new(16, 40), None));
    let bare = raw("fieldOfView_mm", "comment");
    assert_eq!(crop(&bare).0, Grid::new(16, 40));
    // centimetres in one place
    let (size, _, warnings) = crop(&raw("<x>32</x><y>80</y>", "<x>3.2</x><y>8</y>"));
    assert_eq!((size.cols, warnings > 0), (40, true));
}

#[test]
fn the_thickness_nobody_wrote_is_the_distance_of_slices() {
    let mut raw = plain();
    raw.xml = raw.xml.replace("<z>2</z>", "<z>0</z>");
    for (slice, x) in [(1, 5.5), (2, 10.0)] {
        let mut other = plain().readouts;
        for readout in &mut other {
            (readout.head.idx.slice, readout.head.position[0]) = (slice, x);
        }
        raw.readouts.extend(other);
    }
    assert_eq!(raw.scan().geometry.voxel_mm, Some([2.0, 2.0, 4.5]));
}

/// A trapezoid is sampled at equal times, every second line backwards: what comes out is as if sampled at equal distances.
#[test]
fn epi_on_its_ramps_is_brought_to_equal_distances() {
    let (rows, cols, up, flat, delay) = (32, 16, 100.0, 200.0, 20.0);
    let samples = 2 * rows;
    let dwell = (2.0 * up + flat - 2.0 * delay) / samples as f64;
    let area = |t: f64| match t {
        t if t < up => t * t / 2.0 / up,
        t if t < up + flat => t - up / 2.0,
        t => up + flat - (2.0 * up + flat - t).powi(2) / 2.0 / up,
    };
    let whole = area(2.0 * up + flat - delay) - area(delay);
    let along: Vec<f64> = (0..samples)
        .map(|i| area(delay + (i as f64 + 0.5) * dwell) - area(up + flat / 2.0))
        .map(|k| k / whole * rows as f64)
        .collect();
    let even = kspace(rows, cols);
    // positions along the readout, of each coil and column
    let positions = |coil: usize, col: usize| {
        let mut line = even.slice(ndarray::s![coil, .., col]).to_vec();
        let fourier = Fourier::new(Grid::new(1, rows));
        fourier.inverse(&mut line, &mut fourier.scratch());
        line
    };
    let sampled = |coil: usize, col: usize| -> Vec<C32> {
        let line = positions(coil, col);
        let at = |k: &f64| -> C32 {
            let of = |(x, v): (usize, &C32)| {
                let turns = -k * (x as f64 - (rows / 2) as f64) / rows as f64;
                let turn = Complex::from_polar(1.0 / (2.0 * rows as f64).sqrt(), std::f64::consts::TAU * turns);
                v * Complex::new(turn.re as f32, turn.im as f32)
            };
            line.iter().enumerate().map(of).sum()
        };
        along.iter().map(at).collect()
    };
    let readouts = (0..cols).map(|col| {
        let back = col % 2 == 1;
        let mut coils: Vec<_> = (0..3).map(|coil| sampled(coil, col)).collect();
        if back {
            coils.iter_mut().for_each(|line| line.reverse());
        }
        let mut line = readout(step(col), &coils, &[22][..usize::from(back)]);
        line.head.sample_time_us = dwell as f32;
        line
    });
    let number = |name: &str, value: f64| {
        format!("<userParameterDouble><name>{name}</name><value>{value}</value></userParameterDouble>")
    };
    let told = number("rampUpTime", up) + &number("flatTopTime", flat) + &number("acqDelayTime", delay);
    let described = format!("<trajectoryDescription>{told}</trajectoryDescription>");
    let raw = Raw {
        xml: header([samples, cols, 1], [rows, cols, 1], [cols / 2, 0], &described).replace("cartesian", "epi"),
        readouts: readouts.collect(),
    };
    let scan = raw.scan();
    assert!(warned(&scan, "64 samples were brought to 32"), "{:?}", scan.warnings);
    assert_eq!(
        (scan.grid(), scan.geometry.voxel_mm),
        (Grid::new(rows, cols), Some([2.0; 3]))
    );
    let read = scan.read_slice(0).unwrap();
    let error = pvdamp::array::energy(&(&read - &even)) / pvdamp::array::energy(&even);
    assert!(error < 1e-4, "{error}");
    // readouts that are longer than the gradient
    let long = Raw {
        xml: raw
            .xml
            .replace("flatTopTime</name><value>200", "flatTopTime</name><value>20"),
        ..raw
    };
    let (_folder, path) = long.write();
    assert!(
        open(&path)
            .err()
            .unwrap()
            .to_string()
            .contains("longer than the gradient")
    );
}
