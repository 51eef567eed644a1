//! Predicted against measured memory. The test is alone in its process, so that nothing else counts.
#![cfg(target_os = "linux")]

mod support;

use std::sync::Arc;

use pvdamp_io::format::{Scan, ScanOptions};
use pvdamp_io::recon::{SamplingSource, ScanReconstruction, ScanSettings, ScanSetup};
use support::command::*;

/// The most that this process ever held [bytes].
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    1024 * line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap()
}

#[test]
fn the_memory_of_a_reconstruction_is_predicted() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build_global();
    pool.unwrap();
    let folder = Folder::with_scan("--size 320x288 --coils 8 --slices 3 --seed 1");
    folder.run_ok("mask --size 320x288 --accel 6 --acs 24 -o mask.h5");
    let scan = Arc::new(Scan::open(&folder.path("full.h5"), &ScanOptions::default()).unwrap());
    let settings = ScanSettings {
        sampling: SamplingSource::File(folder.path("mask.h5").as_path().into()),
        ..ScanSettings::default()
    };
    let reconstruction = ScanReconstruction::settle(ScanSetup::new(&scan, &settings).unwrap(), &mut ()).unwrap();
    let predicted = reconstruction.setup().workload(reconstruction.sets()).alone(3);
    for slice in 0..3 {
        reconstruction.slice(slice, &mut ()).unwrap();
    }
    let ratio = predicted as f64 / peak() as f64;
    assert!(
        (1.0..1.4).contains(&ratio),
        "{predicted} bytes are {ratio:.3} of the peak"
    );
}
