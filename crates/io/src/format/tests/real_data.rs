//! The scans and reference results shared between developers, where they are.

#[path = "../../../../../tests/support/shared_data.rs"]
mod shared_data;

use super::{maps_of, read_mask, read_probability};
use crate::error::Place;
use crate::format::{Role, Scan, ScanOptions, Volume, read_maps, read_volume};
use pvdamp::array::Grid;
use shared_data::shared_data;

#[test]
fn the_scans() {
    let Some(data) = shared_data() else { return };
    let cases = [
        ("brain8_pvdamp", 8, (256, 256), (256, 256), Some((256, 256))),
        ("brain8_sigpy_poisson", 8, (230, 180), (230, 180), None),
        ("head1_larson_t1sag", 1, (256, 256), (256, 256), Some((256, 256))),
        ("phantom2_siemens_gre", 2, (320, 160), (160, 160), Some((160, 160))),
    ];
    for (name, coils, grid, crop, reference) in cases {
        let scan = Scan::open(&data.join(name).with_extension("h5"), &ScanOptions::default()).unwrap();
        assert_eq!(scan.warnings, [""; 0], "{name}");
        assert_eq!(
            (scan.slices(), scan.coils(), scan.grid(), &*scan.dtype),
            (1, coils, grid.into(), "complex64")
        );
        assert_eq!(scan.crop_size(), crop.into());
        assert_eq!(
            scan.readout_oversampling(),
            if name.starts_with("phantom2") { 2.0 } else { 1.0 }
        );
        let slice = scan.read_slice(0).unwrap();
        assert_eq!(slice.dim(), (coils, grid.0, grid.1));
        assert_eq!(scan.read_reference(0).unwrap().map(|r| r.dim()), reference);
        let acceleration = scan.mask.as_ref().map(pvdamp::array::Mask::acceleration);
        assert_eq!(
            acceleration.is_some_and(|r| (r - 8.0).abs() < 0.2),
            name.contains("poisson"),
            "{name}"
        );
        assert!(scan.attributes.iter().any(|a| a.name == "patient_id"));
    }
}

#[test]
fn the_reference_results() {
    let Some(data) = shared_data() else { return };
    let grid = Grid::new(256, 256);
    for case in ["bern_r5", "bern_r10", "pd_r5", "pd_r10"] {
        let masks: Place = format!("{}:{case}", data.join("masks_256x256.h5").display())
            .parse()
            .unwrap();
        let mask = read_mask(&masks, grid).unwrap();
        let expected = if case.ends_with("10") { 10.0 } else { 5.0 };
        assert!(
            (mask.acceleration() - expected).abs() < 0.5,
            "{case}: {}",
            mask.acceleration()
        );
        let mean = read_probability(&masks, grid).unwrap().mean().unwrap();
        assert!((mean * expected - 1.0).abs() < 0.1, "{case}: {mean}");
        let golden = data.join(format!("golden_{case}.h5"));
        let Volume::Complex(image) = read_volume(&Place::new(&golden, "x_hat"), Role::Result).unwrap() else {
            panic!()
        };
        assert_eq!(image.dim(), (1, 256, 256));
    }
    let maps = read_maps(&data.join("golden_bern_r5.h5").as_path().into(), maps_of(1, 8, grid)).unwrap();
    assert_eq!(maps.slice(0, 0).unwrap().dim(), (1, 8, 256, 256));
}
