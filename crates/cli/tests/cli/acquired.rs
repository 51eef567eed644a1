//! Scans as scanners leave them: phase-encode lines, zero padding at the sides of k-space, partial Fourier.

use crate::support::command::*;
use ndarray::{ArrayD, Axis, Slice, s};
use num_complex::Complex;
use serde_json::Value;

const SCAN: &str = "--size 96x80 --coils 4 --seed 3 --noise 0.005";

/// `full.h5`, and `name` made of it by setting k-space to zero outside `columns`.
fn scan_within(name: &str, columns: std::ops::Range<usize>) -> Folder {
    let folder = Folder::with_scan(SCAN);
    let mut kspace = folder.complex("full.h5:kspace");
    let cols = kspace.shape()[3];
    for outside in [0..columns.start, columns.end..cols] {
        kspace.slice_axis_mut(Axis(3), Slice::from(outside)).fill(Complex::ZERO);
    }
    folder.write(&format!("{name}:kspace"), &kspace);
    folder
}

fn facts(folder: &Folder, scan: &str) -> Value {
    serde_json::from_str(&folder.run_ok(&format!("info {scan} --json")).out).unwrap()
}

/// NMSE of the image against that of `reference`, combined with the same maps.
fn error(folder: &Folder, result: &str, reference: &str) -> f64 {
    nmse(
        &folder.complex(&format!("{result}:image")),
        &folder.complex(&format!("{reference}:image")),
    )
}

#[test]
fn lines_are_drawn_once_for_all_commands() {
    let folder = Folder::with_scan(SCAN);
    for (family, acs, central) in [
        ("lines-random", "--acs-fraction 0.1", 8),
        ("lines-equispaced", "--acs 12", 12),
        ("lines-random", "", 9),
    ] {
        let draw = format!("--sampling {family} --accel 3 {acs} --seed 7");
        folder.run_ok(&format!("mask --size 96x80 {draw} -o mask.h5"));
        let mask: ArrayD<bool> = folder.read("mask.h5:mask");
        let probability: ArrayD<f64> = folder.read("mask.h5:prob_map");
        let first = mask.index_axis(Axis(0), 0);
        assert!(mask.outer_iter().all(|row| row == first));
        assert_eq!(
            probability.index_axis(Axis(0), 5).iter().filter(|&&p| p == 1.0).count(),
            central
        );
        assert!((probability.sum() - 96.0 * 80.0 / 3.0).abs() < 1e-6);
        assert!(folder.open("mask.h5").attr("order").is_err());

        folder.run_ok(&format!(
            "recon full.h5 {draw} --method howl --iterations 5 -o drawn.h5"
        ));
        folder.run_ok("recon full.h5 --mask mask.h5 --prob-map mask.h5 --method howl --iterations 5 -o file.h5");
        assert_eq!(folder.bits("drawn.h5"), folder.bits("file.h5"));
    }
    let bench = "bench full.h5 --methods zero-filled --sampling lines-random --accel 3 --seeds 7 -o bench";
    folder.run_ok(bench);
    let results: Value = serde_json::from_slice(&std::fs::read(folder.path("bench/results.json")).unwrap()).unwrap();
    let arguments: Vec<&str> = results["cases"][0]["arguments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap())
        .collect();
    let options = arguments.join(" ");
    assert!(
        options.contains("--sampling lines-random --accel 3 --acs 9 --seed 7"),
        "{options}"
    );
    folder.run_ok(&format!("recon full.h5 {options} --method zero-filled -o options.h5"));
    folder.run_ok("recon full.h5 --mask mask.h5 --prob-map mask.h5 --method zero-filled -o file.h5");
    assert_eq!(folder.bits("options.h5"), folder.bits("file.h5"));
}

#[test]
fn zero_padding_is_known_and_not_missing() {
    let folder = scan_within("padded.h5", 7..74);
    let info = facts(&folder, "padded.h5");
    assert_eq!(info["zero_padding"], "13 columns");
    assert_eq!(info["partial_fourier"], Value::Null);
    assert_eq!(
        (info["acceleration"].as_f64(), info["sampled_centre"].as_str()),
        (Some(1.0), Some("96x67"))
    );
    assert!(info["recon_would"].as_str().unwrap().contains("nothing is missing"));
    assert_eq!(facts(&folder, "full.h5")["zero_padding"], Value::Null);

    folder.run_ok("recon padded.h5 --maps full.h5:sensitivity_maps -o whole.h5 --trace whole.jsonl");
    assert_eq!(folder.trace("whole.jsonl")[0]["history"]["stop"], "direct");

    let draw = "--accel 4 --acs 16 --seed 5";
    folder.run_ok(&format!("mask --size 96x80 {draw} -o mask.h5"));
    for (method, most) in [("pvdamp", 0.008), ("howl", 0.005)] {
        let options = format!("--maps full.h5:sensitivity_maps --method {method}");
        let drawn = folder.run_ok(&format!("recon padded.h5 {draw} {options} -o drawn.h5 --trace t.jsonl"));
        assert_eq!(drawn.warnings(), [""; 0], "{method}");
        assert!(drawn.err.contains("13 columns of zero padding"), "{}", drawn.err);
        let file = folder.run_ok(&format!(
            "recon padded.h5 --mask mask.h5 --prob-map mask.h5 {options} -o file.h5"
        ));
        assert_eq!(file.warnings(), [""; 0], "{method}");
        assert_eq!(folder.bits("drawn.h5"), folder.bits("file.h5"));

        let mask: ArrayD<bool> = folder.read("drawn.h5:mask");
        let probability: ArrayD<f64> = folder.read("drawn.h5:prob_map");
        for outside in [s![.., ..7], s![.., 74..]] {
            assert!(mask.slice(outside).iter().all(|&sampled| !sampled));
            assert!(probability.slice(outside).iter().all(|&p| p == 1.0));
        }
        let sampling = &folder.trace("t.jsonl")[0]["sampling"];
        let samples = mask.iter().filter(|&&sampled| sampled).count() as f64;
        assert!((sampling["acceleration"].as_f64().unwrap() - 96.0 * 67.0 / samples).abs() < 1e-9);
        assert_eq!(
            (&sampling["padded_columns"], &sampling["padded_rows"]),
            (&13.into(), &0.into())
        );
        let found = error(&folder, "drawn.h5", "whole.h5");
        assert!(found < most, "{method}: {found}");
    }
}

/// Undersampled lines do not show where the padding begins, but the header states it.
#[test]
fn the_header_states_the_padding() {
    let folder = scan_within("padded.h5", 8..73);
    let draw = "--sampling lines-random --accel 3 --seed 4";
    folder.run_ok(&format!("mask --size 96x80 {draw} -o mask.h5"));
    let mut kspace = folder.complex("padded.h5:kspace");
    kspace *= &folder.read::<bool>("mask.h5:mask").mapv(|s| C32::from(f32::from(s)));
    folder.write("lines.h5:kspace", &kspace);
    assert_eq!(facts(&folder, "lines.h5")["zero_padding"], Value::Null);

    let header = folder.read::<hdf5::types::VarLenUnicode>("full.h5:ismrmrd_header");
    let limits = "<minimum>0</minimum><maximum>79</maximum><center>40</center>";
    assert!(header[[]].contains(limits), "{}", header[[]]);
    let put = |limits_there: &str| {
        let xml: hdf5::types::VarLenUnicode = header[[]].replace(limits, limits_there).parse().unwrap();
        folder.write("lines.h5:ismrmrd_header", &ndarray::arr0(xml));
    };
    put("<minimum>0</minimum><maximum>64</maximum><center>32</center>");
    let info = facts(&folder, "lines.h5");
    assert_eq!(info["zero_padding"], "15 columns");
    let samples = kspace.slice(s![0, 0, 0, ..]).iter().filter(|v| v.norm() > 0.0).count();
    let wanted = (65.0 / samples as f64 * 1000.0).round() / 1000.0;
    assert_eq!(info["acceleration"].as_f64(), Some(wanted));
    // One that data speak against, and ones that make no sense.
    for limits in [
        "<minimum>0</minimum><maximum>20</maximum><center>10</center>",
        "<minimum>9</minimum><maximum>2</maximum><center>32</center>",
        "<minimum>0</minimum><maximum>18446744073709551615</maximum><center>40</center>",
        "<minimum>0</minimum><maximum>64</maximum><center>18446744073709551615</center>",
    ] {
        put(limits);
        assert_eq!(facts(&folder, "lines.h5")["zero_padding"], Value::Null, "{limits}");
    }
}

#[test]
fn a_slice_with_data_in_the_padding_of_the_others_keeps_them() {
    let folder = Folder::with_scan("--size 64x60 --coils 3 --slices 2 --seed 3");
    let mut kspace = folder.complex("full.h5:kspace");
    kspace.slice_mut(s![0, .., .., ..6]).fill(Complex::ZERO);
    kspace.slice_mut(s![0, .., .., 54..]).fill(Complex::ZERO);
    folder.write("padded.h5:kspace", &kspace);
    folder.run_ok("mask --size 64x60 --accel 3 --acs 14 -o mask.h5");
    for options in ["", "--mask mask.h5"] {
        folder.run_ok(&format!("recon padded.h5 {options} -o out.h5 --trace t.jsonl"));
        let trace = folder.trace("t.jsonl");
        let padded = |slice: usize| trace[slice]["sampling"]["padded_columns"].as_u64();
        assert_eq!((padded(0), padded(1)), (Some(12), Some(0)), "{options}");
    }
}

#[test]
fn partial_fourier_is_reported_and_filled_in_by_howl() {
    let folder = scan_within("partial.h5", 30..80);
    let info = facts(&folder, "partial.h5");
    assert_eq!(info["partial_fourier"], "columns 0 to 29 missing");
    assert_eq!(
        (&info["zero_padding"], info["acceleration"].as_f64()),
        (&Value::Null, Some(1.6))
    );
    let refused = [
        "partial.h5",
        "partial Fourier left out columns 0 to 29",
        "; leave out --accel",
    ];
    folder.refused("recon partial.h5 --accel 2 -o out.h5", 1, &refused);

    folder.run_ok("recon full.h5 --maps full.h5:sensitivity_maps -o whole.h5");
    let found = ["zero-filled", "pvdamp", "howl"].map(|method| {
        let words =
            format!("recon partial.h5 --maps full.h5:sensitivity_maps --method {method} -o out.h5 --trace t.jsonl");
        let output = folder.run_ok(&words);
        let warned = output
            .warnings()
            .iter()
            .any(|w| w.contains("columns 0 to 29, was not acquired; the method howl"));
        assert!(warned, "{}", output.err);
        assert_eq!(
            folder.trace("t.jsonl")[0]["sampling"]["missing_sides"][0],
            "columns 0 to 29"
        );
        error(&folder, "out.h5", "whole.h5")
    });
    assert!(found[2] < found[0] / 3.0 && found[2] < found[1] / 3.0, "{found:?}");

    let bars = folder.run_ok("recon partial.h5 --method howl --uncertainty -o out.h5");
    assert!(
        bars.err.contains("no error bars: of what partial Fourier left out"),
        "{}",
        bars.err
    );
}
