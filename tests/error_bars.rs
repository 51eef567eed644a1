//! Error bars as a user has them: on request, in the units of the scan.

mod support;

use ndarray::{ArrayD, Axis};
use support::command::*;

/// A small scan of two slices, and a mask for it.
const SCAN: &str = "--size 96x80 --coils 4 --slices 2 --seed 3";
const R4: &str = "--accel 4 --acs 16 --seed 5";

#[test]
fn error_bars_come_on_request() {
    let folder = Folder::with_scan(SCAN);
    folder.write("half.h5:kspace", &{
        let mut kspace = folder.complex("full.h5:kspace");
        kspace.index_axis_mut(Axis(0), 1).fill(C32::default());
        kspace
    });
    folder.done(&format!("recon half.h5 {R4} -o plain.h5"));
    folder.done(&format!(
        "recon half.h5 {R4} --uncertainty=7 --png pictures --threads 1 -o bars.h5"
    ));
    let setting = |name: &str| {
        let settings = folder.open(name).group("settings").unwrap();
        let text = settings.attr("error_bars").unwrap();
        text.read_scalar::<hdf5::types::VarLenUnicode>().unwrap().to_string()
    };
    assert_eq!(
        [setting("plain.h5"), setting("bars.h5")],
        ["none", "seed:7"].map(String::from)
    );
    assert!(!folder.has("plain.h5:std"));
    assert_eq!(folder.complex("plain.h5:image"), folder.complex("bars.h5:image"));
    let std: ArrayD<f32> = folder.read("bars.h5:std");
    assert_eq!(std.shape(), [2, 96, 80]);
    let (first, empty) = (std.index_axis(Axis(0), 0), std.index_axis(Axis(0), 1));
    assert!(first.iter().all(|v| v.is_finite() && *v >= 0.0) && first.iter().any(|&v| v > 0.0));
    assert!(empty.iter().all(|&v| v == 0.0));
    let picture = image::open(folder.path("pictures/bars_000_std.png"))
        .unwrap()
        .into_luma8();
    assert!(picture.dimensions() == (80, 96) && picture.contains(&255));

    // in the units of the scan, whatever the number of threads
    let units = 2f32.powi(-30);
    let scaled = folder.complex("half.h5:kspace").mapv(|v| v * units);
    folder.write("scaled.h5:kspace", &scaled);
    folder.done(&format!(
        "recon scaled.h5 {R4} --uncertainty --threads 2 -o scaled_bars.h5"
    ));
    assert_eq!(folder.read::<f32>("scaled_bars.h5:std"), std.mapv(|v| v * units));

    // two sets of maps have error bars together
    folder.done(&format!("recon full.h5 {R4} --map-sets 2 --uncertainty -o sets.h5"));
    let sets: ArrayD<f32> = folder.read("sets.h5:std");
    assert!(sets.shape() == [2, 96, 80] && sets.iter().all(|v| v.is_finite()));
}
