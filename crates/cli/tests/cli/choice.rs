//! What the program decides by itself: the method, and maps where little of the centre was sampled.

use crate::support::command::*;
use ndarray::Axis;

const SCAN: &str = "--size 96x80 --coils 6 --noise 0.005 --seed 3";
const USAGE: i32 = 2;

fn error(folder: &Folder, result: &str) -> f64 {
    let truth = magnitude(&folder.complex("full.h5:ground_truth"));
    nmse(&magnitude(&folder.complex(&format!("{result}:image"))), &truth)
}

fn setting(folder: &Folder, name: &str) -> String {
    let settings = folder.open("out.h5").group("settings").unwrap();
    let text: hdf5::types::VarLenUnicode = settings.attr(name).unwrap().read_scalar().unwrap();
    text.to_string()
}

#[test]
fn the_method_is_chosen_and_said() {
    let folder = Folder::with_scan(SCAN);
    for (options, method) in [
        ("--accel 5 --acs 20", "howl"),
        ("--accel 2 --acs 20", "pvdamp"),
        ("--sampling lines-random --accel 3 --acs 20", "howl"),
        ("", "pvdamp"),
    ] {
        let output = folder.run_ok(&format!(
            "recon full.h5 {options} --uncertainty --trace t.jsonl -o out.h5"
        ));
        let said = format!("method {method}: ");
        assert!(output.err.contains(&said), "{options}: {}", output.err);
        let record = &folder.trace("t.jsonl")[0];
        assert_eq!(record["method"], method);
        let why = record["choice"].as_str().unwrap();
        assert!(output.err.contains(why));
        assert_eq!(setting(&folder, "method"), method);
        assert_eq!(setting(&folder, "method_chosen"), why);
        assert_eq!(folder.has("out.h5:unbiased"), method == "pvdamp");
        // The same as when it is asked for.
        folder.run_ok(&format!(
            "recon full.h5 {options} --uncertainty --method {method} --trace n.jsonl -o named.h5"
        ));
        assert_eq!(folder.complex("out.h5:image"), folder.complex("named.h5:image"));
        assert!(folder.trace("n.jsonl")[0]["choice"].is_null());
    }
    // Options that only some of the methods know cannot go with it.
    for option in ["--wavelet haar", "--lambda 0.01", "--damping 0.5", "--lambda optimal"] {
        let words = format!("recon full.h5 --accel 4 --acs 20 {option} -o no.h5");
        folder.refused(&words, USAGE, &[option.split(' ').next().unwrap(), "auto"]);
    }
    let info = folder.run_ok("info full.h5 --json");
    let info: serde_json::Value = serde_json::from_str(&info.out).unwrap();
    assert!(info["method"].as_str().unwrap().starts_with("pvdamp: "), "{info}");
}

#[test]
fn a_batch_chooses_for_each_scan() {
    let folder = Folder::with_scan("--size 64x60 --coils 4 --seed 1");
    folder.undersample("--accel 4 --acs 20 --seed 3");
    std::fs::create_dir(folder.path("scans")).unwrap();
    for name in ["full.h5", "under.h5"] {
        std::fs::rename(folder.path(name), folder.path("scans").join(name)).unwrap();
    }
    folder.run_ok("batch scans/ -o results/");
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(folder.path("results/batch.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |name: &str| lines.iter().find(|line| line["volume"] == name).unwrap();
    assert_eq!(of("full.h5")["method"], "pvdamp");
    assert_eq!(of("under.h5")["method"], "howl");
    let left = of("under.h5")["maps_unexplained"].as_f64().unwrap();
    assert!((0.0..0.05).contains(&left), "{left}");
}

#[test]
fn few_central_samples_are_made_up_for() {
    let folder = Folder::with_scan(SCAN);
    let run = |options: &str, output: &str| {
        let words = format!("recon full.h5 --accel 5 --acs 6 {options} --trace t.jsonl -o {output}");
        let output = folder.run_ok(&words);
        (output, folder.trace("t.jsonl")[0]["maps"].clone())
    };
    let (output, maps) = run("", "again.h5");
    assert!(
        output
            .err
            .contains("maps calibrated again from a first reconstruction, 3 time(s)"),
        "{}",
        output.err
    );
    assert_eq!(
        (maps["recalibrations"].as_u64(), maps["kernel"].as_u64()),
        (Some(3), Some(6))
    );
    let (_, maps) = run("--recalibrate off", "once.h5");
    assert_eq!(maps["recalibrations"], 0);
    assert!(
        error(&folder, "again.h5") < 0.3 * error(&folder, "once.h5"),
        "{} after {}",
        error(&folder, "again.h5"),
        error(&folder, "once.h5")
    );
    let (_, maps) = run("--recalibrate 1 --kernel 4", "fewer.h5");
    assert_eq!(
        (maps["recalibrations"].as_u64(), maps["kernel"].as_u64()),
        (Some(1), Some(4))
    );
    for wrong in ["--recalibrate 11", "--recalibrate -1", "--recalibrate some"] {
        assert_eq!(folder.run(&format!("recon full.h5 {wrong} -o no.h5")).code, Some(USAGE));
    }
    // `maps` makes the same ones, and says how.
    folder.undersample("--accel 5 --acs 6");
    folder.run_ok("recon under.h5 --save-maps -o kept.h5");
    let made = folder.run_ok("maps under.h5 -o maps.h5");
    assert!(
        made.err.contains("filled by 3 reconstructions one after the other"),
        "{}",
        made.err
    );
    assert_eq!(folder.complex("maps.h5:maps"), folder.complex("kept.h5:maps"));
}

#[test]
fn maps_that_do_not_fit_are_told() {
    let folder = Folder::with_scan(SCAN);
    let with_maps = "recon full.h5 --accel 3 --acs 24 --maps maps.h5 --trace t.jsonl -o out.h5";
    folder.run_ok("maps full.h5 -o maps.h5");
    assert!(folder.run_ok(with_maps).warnings().is_empty());
    let mut maps = folder.complex("maps.h5:maps");
    maps.invert_axis(Axis(4));
    folder.write("maps.h5:maps", &maps.as_standard_layout().into_owned());
    let output = folder.run_ok(with_maps);
    let told = |line: &&&str| line.contains("the given coil maps leave") && line.contains("do not trust");
    assert_eq!(output.warnings().iter().filter(told).count(), 1, "{}", output.err);
    let left = folder.trace("t.jsonl")[0]["maps"]["unexplained"].as_f64().unwrap();
    assert!(left > 0.05, "{left}");
}
