use super::*;
use pvdamp::coil::Compression;
use pvdamp::sampling::{Acs, FAMILIES, Request};
use pvdamp::solve::Method;

/// The formula says no less than was measured, and not more than this many times as much.
const MOST: f64 = 1.4;

/// Size, coils, method, threads, and peak resident memory [MB].
type Measured = ((usize, usize), usize, &'static str, usize, f64);

/// Peak resident memory of `pvdamp recon` of one slice at R = 6 on x86-64 Linux.
#[rustfmt::skip]
const ONE_SLICE: &[Measured] = &[
    ((256, 256), 8, "zero-filled", 1, 33.4),
    ((256, 256), 8, "zero-filled", 2, 32.3),
    ((256, 256), 8, "pvdamp", 1, 41.8),
    ((256, 256), 8, "pvdamp", 2, 44.7),
    ((256, 256), 8, "fista", 1, 33.5),
    ((256, 256), 8, "fista", 2, 34.5),
    ((256, 256), 8, "howl", 1, 46.6),
    ((256, 256), 8, "howl", 2, 47.7),
    ((640, 368), 15, "zero-filled", 1, 94.5),
    ((640, 368), 15, "zero-filled", 2, 91.1),
    ((640, 368), 15, "pvdamp", 1, 135.1),
    ((640, 368), 15, "pvdamp", 2, 145.8),
    ((640, 368), 15, "fista", 1, 92.0),
    ((640, 368), 15, "fista", 2, 96.2),
    ((640, 368), 15, "howl", 1, 138.2),
    ((640, 368), 15, "howl", 2, 139.5),
    ((512, 512), 16, "zero-filled", 1, 100.0),
    ((512, 512), 16, "zero-filled", 2, 99.9),
    ((512, 512), 16, "pvdamp", 1, 150.9),
    ((512, 512), 16, "pvdamp", 2, 161.3),
    ((512, 512), 16, "fista", 1, 99.2),
    ((512, 512), 16, "fista", 2, 99.7),
    ((512, 512), 16, "howl", 1, 153.4),
    ((512, 512), 16, "howl", 2, 154.1),
];

/// The same of 8 slices, one after the other, by P-VDAMP on two threads at R = 5.
const ONE_BY_ONE: &[((usize, usize), usize, f64)] = &[((256, 256), 8, 46.4), ((640, 368), 15, 151.6)];

/// Of `pvdamp batch` of 8 slices of a scan, as many at once as there are threads.
#[rustfmt::skip]
const SEVERAL: &[Measured] = &[
    ((256, 256), 8, "howl", 4, 140.1),
    ((256, 256), 8, "howl", 2, 77.4),
    ((256, 256), 8, "zero-filled", 4, 86.7),
    ((256, 256), 8, "zero-filled", 2, 49.6),
    ((256, 256), 8, "pvdamp", 4, 129.7),
    ((256, 256), 8, "pvdamp", 2, 70.4),
    ((640, 368), 15, "howl", 4, 516.3),
    ((640, 368), 15, "howl", 2, 256.5),
    ((640, 368), 15, "zero-filled", 4, 297.2),
    ((640, 368), 15, "zero-filled", 2, 184.9),
    ((640, 368), 15, "pvdamp", 4, 565.6),
    ((640, 368), 15, "pvdamp", 2, 297.2),
    ((512, 512), 16, "howl", 4, 570.8),
    ((512, 512), 16, "howl", 2, 286.4),
];

/// Of 512x512 on two threads, one slice, with other settings: coils, method, R, those settings.
#[rustfmt::skip]
const OTHERWISE: &[(usize, &str, f64, &[Other], f64)] = &[
    (16, "pvdamp", 2.0, &[], 192.6),
    (16, "howl", 2.0, &[], 169.1),
    (16, "fista", 2.0, &[], 122.9),
    (16, "cg-sense", 12.0, &[], 95.7),
    (16, "pvdamp", 12.0, &[], 153.5),
    (4, "pvdamp", 6.0, &[], 100.8),
    (32, "zero-filled", 6.0, &[], 128.6),
    (16, "a-fista", 6.0, &[Other::Threads(8)], 108.9),
    (16, "pvdamp", 6.0, &[Other::Threads(16)], 241.5),
    (16, "howl", 6.0, &[Other::Threads(16)], 223.5),
    (8, "pvdamp", 6.0, &[Other::Sets(2)], 186.4),
    (8, "howl", 6.0, &[Other::Sets(2)], 172.5),
    (8, "fista", 6.0, &[Other::Sets(2)], 112.5),
    (16, "pvdamp", 6.0, &[Other::ErrorBars], 176.3),
    (16, "pvdamp", 2.0, &[Other::ErrorBars], 218.2),
    (16, "pvdamp", 6.0, &[Other::ErrorBars, Other::Threads(8)], 258.1),
    (16, "howl", 6.0, &[Other::ErrorBars], 160.1),
    (16, "howl", 2.0, &[Other::ErrorBars], 196.1),
    (16, "howl", 6.0, &[Other::ErrorBars, Other::Threads(8)], 229.7),
    (16, "fista", 6.0, &[Other::ErrorBars], 131.0),
    (16, "fista", 2.0, &[Other::ErrorBars], 163.5),
    (16, "fista", 6.0, &[Other::ErrorBars, Other::Threads(8)], 172.8),
    (8, "pvdamp", 6.0, &[Other::ErrorBars, Other::Sets(2)], 205.9),
    (8, "howl", 6.0, &[Other::ErrorBars, Other::Sets(2)], 193.1),
    (8, "fista", 6.0, &[Other::ErrorBars, Other::Sets(2)], 165.1),
    (16, "pvdamp", 6.0, &[Other::KeepMaps], 194.8),
    (16, "howl", 6.0, &[Other::KeepMaps], 186.8),
    (16, "zero-filled", 6.0, &[Other::KeepMaps], 160.7),
    (16, "pvdamp", 6.0, &[Other::Used(4)], 100.3),
    (32, "pvdamp", 6.0, &[Other::Used(32)], 244.6),
    (32, "howl", 6.0, &[Other::Used(32)], 194.2),
    (16, "zero-filled", 6.0, &[Other::Calibration(48, 6)], 111.7),
    (16, "pvdamp", 6.0, &[Other::Calibration(48, 8)], 181.8),
];

/// Of ten frames that share maps, one after the other on two threads: R = 6 a frame, and all together nearly complete.
const SHARED: &[((usize, usize), usize, &str, f64)] = &[
    ((256, 256), 8, "howl", 50.9),
    ((256, 256), 8, "pvdamp", 46.2),
    ((640, 368), 15, "howl", 217.9),
    ((640, 368), 15, "pvdamp", 214.3),
    ((512, 512), 16, "howl", 196.9),
    ((512, 512), 16, "pvdamp", 200.5),
];

#[derive(Clone, Copy, Debug)]
enum Other {
    Threads(usize),
    Sets(usize),
    ErrorBars,
    KeepMaps,
    Used(usize),
    Calibration(usize, usize),
}

fn workload((rows, cols): (usize, usize), coils: usize, method: &str, threads: usize) -> Workload {
    let mut settings = ScanSettings::default();
    settings.engine.method = Some(Method::find(method).unwrap());
    Workload {
        sets: 1,
        recalibrates: false,
        sampled: 1.0 / 6.0,
        threads,
        ..Workload::planned(Grid::new(rows, cols), coils, &settings)
    }
}

#[track_caller]
fn assert_holds(predicted: u64, measured: f64, of: &dyn std::fmt::Debug) {
    let ratio = predicted as f64 / 1e6 / measured;
    assert!((1.0..MOST).contains(&ratio), "{of:?}: {ratio:.3} of {measured} MB");
}

#[test]
fn one_slice_is_what_was_measured() {
    for row in ONE_SLICE {
        let &(size, coils, method, threads, measured) = row;
        assert_holds(workload(size, coils, method, threads).alone(1), measured, row);
    }
}

/// Peak resident memory of one slice whose maps are calibrated again: the sampled centre is 12x12.
#[rustfmt::skip]
const RECALIBRATED: &[Measured] = &[
    ((256, 256), 8, "zero-filled", 1, 44.3),
    ((256, 256), 8, "pvdamp", 1, 44.6),
    ((256, 256), 8, "pvdamp", 2, 48.7),
    ((256, 256), 8, "howl", 2, 49.1),
    ((640, 368), 15, "zero-filled", 1, 144.9),
    ((640, 368), 15, "pvdamp", 1, 149.5),
    ((640, 368), 15, "pvdamp", 2, 162.1),
    ((640, 368), 15, "howl", 2, 160.3),
    ((512, 512), 16, "zero-filled", 1, 164.1),
    ((512, 512), 16, "pvdamp", 2, 180.6),
    ((512, 512), 16, "howl", 2, 181.0),
];

#[test]
fn a_slice_whose_maps_are_calibrated_again_is_what_was_measured() {
    for row in RECALIBRATED {
        let &(size, coils, method, threads, measured) = row;
        let predicted = Workload {
            recalibrates: true,
            ..workload(size, coils, method, threads)
        };
        assert_holds(predicted.alone(1), measured, row);
    }
}

#[test]
fn one_slice_after_the_other_is_what_was_measured() {
    for row in ONE_BY_ONE {
        let &(size, coils, measured) = row;
        let predicted = Workload {
            sampled: 1.0 / 5.0,
            ..workload(size, coils, "pvdamp", 2)
        };
        assert_holds(predicted.alone(8), measured, row);
    }
}

#[test]
fn frames_that_share_maps_are_what_was_measured() {
    for row in SHARED {
        let &(size, coils, method, measured) = row;
        let predicted = Workload {
            shared: true,
            ..workload(size, coils, method, 2)
        };
        assert_holds(predicted.alone(10), measured, row);
    }
}

#[test]
fn several_slices_at_once_are_what_was_measured() {
    for row in SEVERAL {
        let &(size, coils, method, threads, measured) = row;
        assert_holds(
            workload(size, coils, method, threads).together(threads, 8),
            measured,
            row,
        );
    }
}

#[test]
fn other_settings_are_what_was_measured() {
    for row in OTHERWISE {
        let &(coils, method, acceleration, others, measured) = row;
        let mut predicted = Workload {
            sampled: 1.0 / acceleration,
            ..workload((512, 512), coils, method, 2)
        };
        for other in others {
            match *other {
                Other::Threads(threads) => predicted.threads = threads,
                Other::Sets(sets) => predicted.sets = sets,
                Other::ErrorBars => predicted.error_bars = true,
                Other::KeepMaps => predicted.keep_maps = true,
                Other::Used(used) => predicted.used = used,
                Other::Calibration(side, kernel) => predicted.calibration = Some([side, kernel]),
            }
        }
        assert_holds(predicted.alone(1), measured, row);
    }
}

#[test]
fn what_is_not_known_is_taken_for_the_worst() {
    let grid = Grid::new(640, 368);
    let mut settings = ScanSettings::default();
    let planned = Workload::planned(grid, 15, &settings);
    assert_eq!((planned.sets, planned.used, planned.sampled), (2, 15, 1.0));

    let request = Request {
        acceleration: 8.0,
        acs: Some(Acs::Side(24)),
        order: None,
        seed: 0,
    };
    settings.sampling = SamplingSource::Draw {
        family: &FAMILIES[0],
        request,
    };
    settings.engine.compression = Compression::To(4);
    let known = Workload::planned(grid, 15, &settings);
    assert_eq!((known.used, known.sampled), (4, 1.0 / 8.0));
    assert!(known.slice() < planned.slice());
    // one coil has no maps to calibrate
    assert_eq!(Workload::planned(grid, 1, &settings).calibration, None);
    assert_eq!(planned.together(3, 2), planned.together(2, 2));
    assert_eq!(planned.alone(1), PROGRAM_MEMORY + planned.slice());
}
