//! Error bars as a user has them: on request, in the units of the scan, and held to the truth by a bench.

use std::fs;

use crate::support::command::*;
use ndarray::{ArrayD, Axis};
use serde_json::Value;

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
    folder.run_ok(&format!("recon half.h5 {R4} -o plain.h5"));
    folder.run_ok(&format!(
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
    folder.run_ok(&format!(
        "recon scaled.h5 {R4} --uncertainty=7 --threads 2 -o scaled_bars.h5"
    ));
    assert_eq!(folder.read::<f32>("scaled_bars.h5:std"), std.mapv(|v| v * units));

    // two sets of maps have error bars together
    folder.run_ok(&format!("recon full.h5 {R4} --map-sets 2 --uncertainty -o sets.h5"));
    let sets: ArrayD<f32> = folder.read("sets.h5:std");
    assert!(sets.shape() == [2, 96, 80] && sets.iter().all(|v| v.is_finite()));
}

#[test]
fn a_bench_holds_them_to_the_truth() {
    let folder = Folder::with_scan("--size 48x40 --coils 3 --slices 2 --seed 3");
    let bench = "bench full.h5 --methods pvdamp:bars,pvdamp,zero-filled --sampling bernoulli --accel 3 --acs 12 \
                 --seeds 1..2 -o bench";
    folder.run_ok(bench);
    let results =
        || -> Value { serde_json::from_slice(&fs::read(folder.path("bench/results.json")).unwrap()).unwrap() };
    let whole = results();
    let records = whole["calibrations"].as_array().unwrap();
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record["contender"], "pvdamp:bars");
        let share = |name: &str| record[name].as_f64().unwrap();
        let (narrow, wide) = (share("within_68"), share("within_95"));
        assert!(0.2 < narrow && narrow < wide && wide < 1.0, "{record}");
        assert!((0.05..3.0).contains(&share("energy_ratio")), "{record}");
        let bins = record["bins"].as_array().unwrap();
        assert!(bins.len() == 12 && bins.iter().all(|b| b["measured"].as_f64().unwrap() > 0.0));
    }
    let table = fs::read_to_string(folder.path("bench/calibration.csv")).unwrap();
    assert_eq!(table.lines().count(), 3);
    assert!(table.starts_with("case,scan,slice,sampling,acceleration,seed,method,pixels,within_68,within_95"));
    let page = fs::read_to_string(folder.path("bench/report.html")).unwrap();
    assert!(page.contains("P-VDAMP, error bars") && page.contains("id=\"calibration\""));

    // The error bars are those that 'recon' writes, and the picture of them is kept.
    let case = &whole["cases"][0];
    let words: Vec<&str> = case["arguments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w.as_str().unwrap())
        .collect();
    folder.run_ok(&format!(
        "recon full.h5 {} --method pvdamp --uncertainty -o out.h5",
        words.join(" ")
    ));
    let id = case["id"].as_str().unwrap();
    let picture: ArrayD<f32> = folder.read(&format!("bench/shown/{id}/pvdamp-bars.h5:std"));
    assert_eq!(picture, folder.read::<f32>("out.h5:std").index_axis_move(Axis(0), 1));

    // Torn anywhere, it comes to the same.
    let journal = fs::read(folder.path("bench/journal.jsonl")).unwrap();
    for share in [0.3, 0.55, 0.8] {
        let cut = (journal.len() as f64 * share) as usize;
        fs::write(folder.path("bench/journal.jsonl"), &journal[..cut]).unwrap();
        folder.run_ok(bench);
        assert_eq!(results()["calibrations"], whole["calibrations"], "cut at {share}");
    }
    assert!(folder.run_ok(bench).err.contains("100 % is done"));

    // Without error bars no table of them is left.
    folder.run_ok(&bench.replace("pvdamp:bars,", ""));
    assert!(!folder.path("bench/calibration.csv").exists());
}

/// Samples are held out: with two sets of maps, and a reason if there are no error bars.
#[test]
fn howl_gives_error_bars_or_a_reason() {
    let folder = Folder::with_scan(SCAN);
    folder.run_ok(&format!(
        "recon full.h5 {R4} --method howl --map-sets 2 --uncertainty -o sets.h5"
    ));
    let std: ArrayD<f32> = folder.read("sets.h5:std");
    assert!(std.iter().all(|v| v.is_finite() && *v >= 0.0) && std.iter().any(|&v| v > 0.0));
    let tau: ArrayD<f64> = folder.read("sets.h5:state_evolution/tau");
    let names = folder
        .open("sets.h5")
        .group("state_evolution")
        .unwrap()
        .attr("subbands")
        .unwrap();
    let names: Vec<hdf5::types::VarLenUnicode> = names.read_raw().unwrap();
    assert_eq!((tau.shape()[1], tau.shape()[2]), (61, names.len()));

    let columns = ndarray::Array2::from_shape_fn((96, 80), |(_, c)| u8::from(c % 3 == 0 || (36..44).contains(&c)));
    folder.write("columns.h5:mask", &columns.into_dyn());
    let output = folder.run_ok("recon full.h5 --mask columns.h5 --method howl --uncertainty -o columns_out.h5");
    assert!(output.err.contains("too few phase-encode lines"), "{}", output.err);
    let std: ArrayD<f32> = folder.read("columns_out.h5:std");
    assert!(std.iter().all(|v| v.is_nan()));

    let output = folder.run_ok(&format!(
        "recon full.h5 {R4} --method howl --time-limit 0.000001 --uncertainty -o short.h5"
    ));
    assert!(
        output.err.contains("stopped before they were estimated"),
        "{}",
        output.err
    );
}
