//! Volumes as a user has them: simulated, undersampled in both phase encodes, reconstructed plane by plane.

use crate::support::command::*;
use ndarray::{Axis, s};

const SIMULATE: &str = "simulate --size 48x40 --coils 4 --slices 12 --noise 0.01 --seed 3";

/// `slices.h5`, and the same object as the volume `full.h5`.
fn both() -> Folder {
    let folder = Folder::new();
    folder.run_ok(&format!("{SIMULATE} -o slices.h5"));
    folder.run_ok(&format!("{SIMULATE} --volume -o full.h5"));
    folder
}

#[test]
fn a_volume_is_its_slices_transformed() {
    let folder = both();
    assert_eq!(folder.shape("full.h5:kspace"), [4, 12, 48, 40]);
    for same in ["ground_truth", "sensitivity_maps"] {
        assert_eq!(
            folder.complex(&format!("full.h5:{same}")),
            folder.complex(&format!("slices.h5:{same}"))
        );
    }
    // unitary: energy stays, and with it the noise
    let energy = |place: &str| {
        folder
            .complex(place)
            .iter()
            .map(|v| f64::from(v.norm_sqr()))
            .sum::<f64>()
    };
    let ratio = energy("full.h5:kspace") / energy("slices.h5:kspace");
    assert!((ratio - 1.0).abs() < 1e-5, "{ratio}");
    let output = folder.run_ok("info full.h5 --json");
    let facts: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert_eq!(facts["kspace"], "12 slice(s), 4 coil(s), 48x40");
    assert_eq!(facts["encoded_matrix"], "12x48x40");
    assert_eq!(facts["mask"], "fully sampled");
}

#[test]
fn its_reconstruction_is_that_of_its_slices() {
    let folder = both();
    let draw = "--accel 4 --acs 14 --sampling poisson-disc --seed 2";
    folder.run_ok(&format!("recon slices.h5 {draw} -o a.h5"));
    let output = folder.run_ok(&format!("recon full.h5 {draw} -o b.h5"));
    assert_eq!(output.warnings(), [""; 0]);
    assert_eq!(folder.read::<bool>("a.h5:mask"), folder.read::<bool>("b.h5:mask"));
    let (slices, volume) = (folder.complex("a.h5:image"), folder.complex("b.h5:image"));
    // the same but for rounding of the transform, which iterations carry on
    let error = nmse(&volume, &slices);
    assert!(error < 1e-6, "{error:e}");
    assert_eq!(folder.shape("b.h5:reconstruction"), [12, 48, 40]);
    assert!(folder.ssim("full.h5", "b.h5") > 0.7);
    let maps = "--maps full.h5:sensitivity_maps";
    folder.run_ok(&format!("recon full.h5 {draw} {maps} -o c.h5"));
    let truth = folder.complex("full.h5:ground_truth");
    let (ours, theirs) = (folder.complex("c.h5:image"), truth);
    assert!(nmse(&magnitude(&ours), &magnitude(&theirs)) < 0.03);
}

#[test]
fn undersampled_in_both_phase_encodes() {
    let folder = both();
    folder.undersample("--accel 4 --acs 12 --sampling poisson-disc");
    let mask = folder.read::<bool>("mask.h5:mask");
    let axes = "--axes coil,kx,ky,kz";
    // detected, given, and in the file
    folder.run_ok(&format!("recon under.h5 {axes} -o detected.h5"));
    folder.run_ok(&format!(
        "recon under.h5 {axes} --mask mask.h5 --prob-map mask.h5 -o given.h5"
    ));
    folder.write("under.h5:mask", &mask);
    folder.write("under.h5:prob_map", &folder.read::<f64>("mask.h5:prob_map"));
    folder.run_ok(&format!("recon under.h5 {axes} -o inside.h5"));
    for result in ["detected.h5", "given.h5", "inside.h5"] {
        assert_eq!(folder.read::<bool>(&format!("{result}:mask")), mask, "{result}");
    }
    assert_eq!(folder.complex("given.h5:image"), folder.complex("inside.h5:image"));
    assert!(folder.ssim("slices.h5", "given.h5") > 0.7);
    // a mask per plane of the volume as it stands in BART's order of axes
    let turned = folder.complex("under.h5:kspace").permuted_axes(vec![0, 3, 2, 1]);
    folder.write("turned.h5:kspace", &turned);
    folder.run_ok("recon turned.h5 --axes coil,kz,ky,kx --mask mask.h5 --prob-map mask.h5 -o turned_out.h5");
    assert_eq!(folder.complex("turned_out.h5:image"), folder.complex("given.h5:image"));
}

#[test]
fn volumes_that_cannot_be() {
    let folder = both();
    let kspace = folder.complex("full.h5:kspace");
    let mut holes = kspace.clone();
    holes.slice_mut(s![.., 3, 0..24, ..]).fill(C32::new(0.0, 0.0));
    folder.write("holes.h5:kspace", &holes);
    folder.refused(
        "recon holes.h5 --axes coil,kx,ky,kz -o out.h5",
        1,
        &["holes.h5", "'kspace'", "readout kx is undersampled", "; only ky and kz"],
    );
    folder.refused(
        "recon full.h5 --axes kx,ky,kz -o out.h5",
        1,
        &["(4, 12, 48, 40)", "kx,ky,kz are 3", "--axes"],
    );
    let long = kspace
        .index_axis(Axis(0), 0)
        .to_owned()
        .insert_axis(Axis(0))
        .insert_axis(Axis(0));
    folder.write("long.h5:kspace", &long);
    folder.refused(
        "recon long.h5 -o out.h5",
        1,
        &["(1, 1, 12, 48, 40), of 5 axes", "; name them by --axes"],
    );
}

#[test]
fn either_file_of_bart_is_an_input() {
    let folder = Folder::with_scan("--size 48x40 --coils 3 --seed 1");
    let kspace = folder.complex("full.h5:kspace");
    let bytes = kspace.index_axis(Axis(0), 0).permuted_axes(vec![0, 2, 1]);
    let bytes: Vec<u8> = bytes
        .iter()
        .flat_map(|v| [v.re.to_le_bytes(), v.im.to_le_bytes()].concat())
        .collect();
    std::fs::write(folder.path("k.hdr"), "# Dimensions\n48 40 1 3\n").unwrap();
    std::fs::write(folder.path("k.cfl"), bytes).unwrap();
    for output in ["k.cfl", "k.hdr"] {
        folder.refused(
            &format!("recon k --accel 3 -o {output}"),
            1,
            &[output, "is an input of this run"],
        );
    }
    folder.run_ok("recon k --accel 3 --acs 12 -o bart.h5");
    folder.run_ok("recon full.h5 --accel 3 --acs 12 -o out.h5");
    assert_eq!(folder.complex("bart.h5:image"), folder.complex("out.h5:image"));
}
