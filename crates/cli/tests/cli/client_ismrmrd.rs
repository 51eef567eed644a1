//! Raw data written by the ismrmrd package for Python, read as the scan they were made of.

use std::path::Path;

use crate::support::client::python_output;
use crate::support::command::*;
use crate::support::{relative, root, shared_data};
use ndarray::{Array3, s};
use num_complex::Complex;
use pvdamp_io::format::{Scan, ScanOptions};

/// Writes the first slice of `scan` as `raw.h5`: oversampled, accelerated, averaged, with noise. `None`, with a word
/// why, where the package is not installed.
fn raw_of(scan: &Path) -> Option<Folder> {
    let folder = Folder::new();
    let scan = scan.canonicalize().unwrap();
    let scan = scan.to_str().unwrap();
    python_output(&folder, "ismrmrd_write.py", &["h5py", "ismrmrd"], &[scan, "raw.h5"])?;
    Some(folder)
}

fn open(path: &Path) -> Scan {
    Scan::open(path, &ScanOptions::default()).unwrap()
}

/// The columns that the script samples.
fn is_sampled(col: usize, cols: usize) -> bool {
    col.is_multiple_of(4) || (cols / 2 - 12..cols / 2 + 12).contains(&col)
}

/// Holds `raw.h5` to the scan it was made of.
fn compare(folder: &Folder, made_of: &Path) {
    let (raw, whole) = (open(&folder.path("raw.h5")), open(made_of));
    assert_eq!((raw.format, whole.format), ("ismrmrd", "fastmri"));
    assert_eq!(raw.warnings, [""; 0]);
    let cols = whole.grid().cols;
    assert_eq!(
        (raw.slices(), raw.coils(), raw.grid()),
        (1, whole.coils(), whole.grid())
    );
    assert_eq!(raw.crop_size(), whole.grid());
    let mut expected = whole.read_slice(0).unwrap();
    for col in (0..cols).filter(|&col| !is_sampled(col, cols)) {
        expected.slice_mut(s![.., .., col]).fill(Complex::default());
    }
    let read = raw.read_slice(0).unwrap();
    let largest = |values: &Array3<C32>| values.iter().map(|v| v.norm()).fold(0.0, f32::max);
    let error = largest(&(&read - &expected));
    assert!(
        error < 1e-5 * largest(&expected),
        "{error:e} of {:e}",
        largest(&expected)
    );
    // what was not sampled is exactly zero
    assert!(
        read.indexed_iter()
            .all(|((_, _, col), v)| is_sampled(col, cols) || v.norm_sqr() == 0.0)
    );

    // Noise of 1e-3 in either part, half of each coil's in its neighbour; 5 µs against 2.5, two averages, a receiver
    // that passes 0.8 of the band.
    let coils = raw.coils();
    let one = 2e-6 * (5.0 / 2.5) / 2.0 / 0.8;
    for ((c, d), value) in raw.noise_covariance.unwrap().indexed_iter() {
        let neighbours = (c + 1) % coils == d || (d + 1) % coils == c;
        let expected = match (c == d, neighbours) {
            (true, _) => 1.25 * one,
            (_, true) => 0.5 * one,
            _ => 0.0,
        };
        assert!(
            (value - expected).norm() < 0.04 * one,
            "{c} {d}: {value:e} against {expected:e}"
        );
    }
    let geometry = &raw.geometry;
    assert_eq!((geometry.names.len(), geometry.placements.len()), (1, 1));
    let place = geometry.placements[0];
    assert_eq!((place.centre_mm, place.rows), ([10.0, -20.0, 30.0], [0.0, 1.0, 0.0]));
    assert_eq!(geometry.voxel_mm, Some([1.0, 1.0, 5.0]));
    assert_eq!(raw.header.unwrap().system.h1_frequency_hz, Some(123_200_000.0));
}

#[test]
fn raw_data_are_the_scan_they_were_made_of() {
    let tiny = root().join("data/tiny.h5");
    let Some(folder) = raw_of(&tiny) else { return };
    compare(&folder, &tiny);
    let Some(data) = shared_data() else { return };
    let brain = data.join("brain8_pvdamp.h5");
    compare(&raw_of(&brain).unwrap(), &brain);
}

#[test]
fn commands_take_raw_data_without_an_option() {
    let tiny = root().join("data/tiny.h5");
    let Some(folder) = raw_of(&tiny) else { return };
    let output = folder.run_ok("info raw.h5");
    for part in ["ISMRMRD raw data", "1 slice(s), 3 coil(s), 48x40", "slice 0", "96x40x1"] {
        assert!(output.out.contains(part), "{part} is not in\n{}", output.out);
    }
    folder.run_ok("recon raw.h5 -o out.h5");
    assert_eq!(folder.shape("out.h5:reconstruction"), [1, 48, 40]);
    assert!(folder.has("out.h5:ismrmrd_header") && folder.has("out.h5:slice_names"));
    folder.run_ok("recon raw.h5 --kspace dataset --method howl -o howl.h5");
    let image = folder.read::<f32>("howl.h5:reconstruction");
    let whole = open(&tiny).read_reference(0).unwrap().unwrap();
    let error = relative(&image.mapv(f64::from), &whole.mapv(f64::from));
    assert!(error < 0.1, "{error}");

    folder.refused("info raw.h5 --kspace other", 1, &["raw.h5", "no dataset 'other'"]);
    folder.refused("info raw.h5 --axes coil,kx,ky", 2, &["--axes means nothing", "ISMRMRD"]);
    let bytes = std::fs::read(folder.path("raw.h5")).unwrap();
    std::fs::write(folder.path("cut.h5"), &bytes[..bytes.len() - 1000]).unwrap();
    folder.refused("recon cut.h5 -o cut_out.h5", 1, &["cut.h5", "truncated"]);
}
