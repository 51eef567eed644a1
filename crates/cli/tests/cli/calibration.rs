//! Coil maps calibrated on k-space that is not that of the image.

use crate::support::command::*;
use ndarray::{Array3, Axis, s};

/// `full.h5`, and `few.h5`: every third column of it, none of them a centre to calibrate on.
fn folder() -> Folder {
    let folder = Folder::with_scan("--size 64x72 --coils 6 --noise 0.002 --seed 8");
    let mut kspace = folder.complex("full.h5:kspace");
    for (column, mut samples) in kspace.axis_iter_mut(Axis(3)).enumerate() {
        if column % 3 != 0 {
            samples.fill(C32::default());
        }
    }
    std::fs::copy(folder.path("full.h5"), folder.path("few.h5")).unwrap();
    folder.write("few.h5:kspace", &kspace);
    folder
}

fn error(folder: &Folder, words: &str) -> f64 {
    folder.run_ok(&format!("recon few.h5 {words} --method howl -o out.h5"));
    folder.run_ok("recon full.h5 -o right.h5");
    let magnitude = |name: &str| folder.read::<f32>(&format!("{name}:reconstruction")).mapv(C32::from);
    nmse(&magnitude("out.h5"), &magnitude("right.h5"))
}

#[test]
fn another_scan_gives_the_maps() {
    let folder = folder();
    let alone = error(&folder, "");
    // the whole scan, and the centre of it alone on a grid of its own
    let centre: Array3<C32> = {
        let kspace = folder.complex("full.h5:kspace");
        kspace
            .slice(s![0, .., 20..44, 24..48])
            .to_owned()
            .into_dimensionality()
            .unwrap()
    };
    folder.write("centre.h5:kspace", &centre.insert_axis(Axis(0)));
    for other in ["full.h5", "centre.h5", "centre.h5:kspace"] {
        let found = error(&folder, &format!("--calibrate-on {other}"));
        assert!(found < 0.002 && found < alone / 10.0, "{other}: {found}, alone {alone}");
    }
    let output = folder.run_ok("recon few.h5 --calibrate-on centre.h5 -o out.h5 --trace trace.jsonl");
    assert!(output.err.contains("calibrated on centre.h5"), "{}", output.err);
    let notes = folder.trace("trace.jsonl")[0]["maps"]["notes"].to_string();
    assert!(notes.contains("centre.h5"), "{notes}");
    folder.run_ok("maps few.h5 --calibrate-on full.h5 -o maps.h5");
    assert!(error(&folder, "--maps maps.h5") < 0.002);
}

#[test]
fn a_scan_that_does_not_fit_is_refused() {
    let folder = folder();
    folder.run_ok("simulate --size 64x72 --coils 5 -o coils.h5");
    folder.run_ok("simulate --size 64x72 --coils 6 --slices 2 -o slices.h5");
    for (other, part) in [
        ("coils.h5", "has 5 coils, the scan has 6"),
        ("slices.h5", "has 2 slices"),
    ] {
        folder.refused(
            &format!("recon few.h5 --calibrate-on {other} -o out.h5"),
            1,
            &[other, part],
        );
    }
    folder.refused(
        "recon few.h5 --calibrate-on none.h5 -o out.h5",
        1,
        &["none.h5", "no such file"],
    );
    folder.refused(
        "recon few.h5 --calibrate-on full.h5 -o full.h5",
        1,
        &["full.h5", "is an input"],
    );
}
