//! `pvdamp bench` as a user runs it: the results, going on after an interruption, other programs, and what is refused.

use std::fs;

use crate::support::command::*;
use ndarray::{Array2, Axis};
use serde_json::Value;

const BENCH: &str = "bench full.h5 --methods pvdamp,fista:optimal:iterations=20,fista:shared:iterations=20,sure-it,\
                     zero-filled --sampling bernoulli --accel 3 --acs 12 --seeds 1..2 -o bench";

fn scan() -> Folder {
    Folder::with_scan("--size 48x40 --coils 3 --slices 2 --seed 3")
}

fn results(folder: &Folder) -> Value {
    serde_json::from_slice(&fs::read(folder.path("bench/results.json")).unwrap()).unwrap()
}

/// Of each run: case, method, λ, iterations and figures. Not the times.
fn figures(results: &Value) -> Vec<String> {
    let runs = results["runs"].as_array().unwrap().iter();
    let description = |run: &Value| {
        let names = ["case", "contender", "lambda", "iterations", "kept", "metrics"];
        names.map(|name| run[name].to_string()).join(" ")
    };
    runs.map(description).collect()
}

fn nmse(results: &Value, case: usize, contender: &str) -> f64 {
    let case = &results["cases"][case]["id"];
    let runs = results["runs"].as_array().unwrap();
    let run = runs
        .iter()
        .find(|run| run["case"] == *case && run["contender"] == contender);
    run.expect(contender)["metrics"]["nmse_object_db"].as_f64().unwrap()
}

#[test]
fn every_method_on_every_case() {
    let folder = scan();
    let output = folder.run_ok(BENCH);
    assert!(
        output.out.contains("P-VDAMP") && output.err.contains("report.html"),
        "{}",
        output.out
    );
    let found = results(&folder);
    assert_eq!(found["cases"].as_array().unwrap().len(), 2);
    assert_eq!(found["runs"].as_array().unwrap().len(), 10);
    for case in 0..2 {
        let zero = nmse(&found, case, "zero-filled");
        for method in ["pvdamp", "fista:optimal:iterations=20", "fista:shared:iterations=20"] {
            assert!(nmse(&found, case, method) < zero, "{method}");
        }
        // The best λ of a case is at least as good as the best on average, but for the 2 % it is found to.
        let (best, shared) = (
            nmse(&found, case, "fista:optimal:iterations=20"),
            nmse(&found, case, "fista:shared:iterations=20"),
        );
        assert!(best <= shared + 0.01, "{best} {shared}");
    }

    // The figures are those that 'recon' and 'eval' give.
    let record = &found["cases"][0];
    let words = record["arguments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap());
    let words: Vec<&str> = words.collect();
    assert_eq!(record["slice"], 1);
    folder.run_ok(&format!("recon full.h5 {} --method pvdamp -o out.h5", words.join(" ")));
    let shown = format!("bench/shown/{}", record["id"].as_str().unwrap());
    let image = folder
        .complex("out.h5:image")
        .index_axis_move(Axis(0), 1)
        .insert_axis(Axis(0));
    folder.write("slice.h5:reconstruction", &image);
    let eval = folder.eval(&format!("{shown}/reference.h5:image"), "slice.h5");
    let reported = nmse(&found, 0, "pvdamp");
    assert!(
        (eval["complex"]["nmse_object_db"].as_f64().unwrap() - reported).abs() < 1e-3,
        "{eval}"
    );

    // A line a run, and a heading.
    let table = fs::read_to_string(folder.path("bench/results.csv")).unwrap();
    assert_eq!(table.lines().count(), 11);
    assert!(table.starts_with("case,scan,slice,sampling,acceleration,seed,method"));
    // Of the first seed, the state evolution was held to the truth, as far as there is one.
    let evolution = &found["evolutions"][0];
    assert_eq!(
        evolution["steps"].as_array().unwrap().len(),
        found["runs"][0]["iterations"].as_u64().unwrap().div_ceil(3) as usize
    );
    let first = &evolution["steps"][0];
    let sum = |name: &str| {
        first[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .sum::<f64>()
    };
    let ratio = sum("predicted") / sum("measured");
    assert!((0.2..5.0).contains(&ratio), "{ratio}");
}

#[test]
fn a_bench_resumes_after_an_interruption() {
    let folder = scan();
    folder.run_ok(BENCH);
    let whole = results(&folder);
    let journal = fs::read(folder.path("bench/journal.jsonl")).unwrap();

    // Nothing left to do: nothing is added.
    let again = folder.run_ok(BENCH);
    assert!(again.err.contains("100 % is done"), "{}", again.err);
    assert_eq!(fs::read(folder.path("bench/journal.jsonl")).unwrap(), journal);
    assert_eq!(results(&folder), whole);

    // Torn at any place, it comes to the same figures.
    for share in [0.05, 0.4, 0.73, 0.98] {
        let cut = (journal.len() as f64 * share) as usize;
        fs::write(folder.path("bench/journal.jsonl"), &journal[..cut]).unwrap();
        fs::remove_file(folder.path("bench/report.html")).unwrap();
        folder.run_ok(BENCH);
        assert_eq!(figures(&results(&folder)), figures(&whole), "cut at {share}");
        assert!(folder.path("bench/report.html").is_file());
    }

    // A picture that is lost is made again.
    let id = whole["cases"][0]["id"].as_str().unwrap();
    fs::remove_file(folder.path(&format!("bench/shown/{id}/pvdamp.h5"))).unwrap();
    folder.run_ok(BENCH);
    assert!(folder.path(&format!("bench/shown/{id}/pvdamp.h5")).is_file());

    // Another scan of the same name is another case.
    folder.run_ok("simulate --size 48x40 --coils 3 --slices 2 --seed 4 -o full.h5");
    folder.run_ok(BENCH);
    assert_ne!(figures(&results(&folder)), figures(&whole));

    // Times of another number of threads do not compare: the journal is set aside.
    let other = folder.run_ok(&format!("{BENCH} --threads 1"));
    assert!(other.err.contains("journal-1.jsonl"), "{}", other.err);
    assert!(folder.path("bench/journal-1.jsonl").is_file());
    let ran = results(&folder);
    assert!(ran["runs"].as_array().unwrap().iter().all(|run| run["threads"] == 1));
}

#[test]
fn masks_from_files() {
    let folder = scan();
    folder.run_ok("mask --size 48x40 --accel 3 --acs 12 --seed 1 -o a.h5");
    folder.run_ok("mask --size 48x40 --accel 4 --acs 12 --sampling poisson-disc -o b.h5");
    folder.run_ok(
        "bench full.h5 --mask a.h5 --prob-map a.h5 --mask b.h5 --prob-map b.h5 --methods pvdamp --slices all -o bench",
    );
    let found = results(&folder);
    assert_eq!(found["cases"].as_array().unwrap().len(), 4);
    // A mask drawn with the same seed is the same case.
    folder
        .run_ok("bench full.h5 --methods pvdamp --accel 3 --acs 12 --seeds 1 --sampling bernoulli --slices 0 -o drawn");
    let drawn: Value = serde_json::from_slice(&fs::read(folder.path("drawn/results.json")).unwrap()).unwrap();
    assert!((nmse(&found, 0, "pvdamp") - nmse(&drawn, 0, "pvdamp")).abs() < 1e-9);
    folder.refused(
        "bench full.h5 --mask a.h5 --mask b.h5 --prob-map b.h5 -o other",
        2,
        &["--prob-map is given 1 times and --mask 2 times"],
    );
}

/// Complete data leave no error, which has no decibels.
#[test]
fn nothing_is_missing() {
    let folder = scan();
    folder.run_ok(
        "bench full.h5 --accel 1 --acs 12 --seeds 1 --sampling bernoulli --methods zero-filled-plain,pvdamp -o bench",
    );
    let found = results(&folder);
    assert!(found["runs"][0]["metrics"]["nmse_db"].is_null());
}

/// A λ shared by all cases is another one when there are more of them.
#[test]
fn a_shared_weight_is_of_all_cases() {
    let folder = scan();
    let bench = "bench full.h5 --methods fista:shared:iterations=10 --sampling bernoulli --accel 3 --acs 12 -o bench";
    folder.run_ok(&format!("{bench} --seeds 1"));
    folder.run_ok(&format!("{bench} --seeds 1..3"));
    let found = results(&folder);
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run["lambda"] == runs[0]["lambda"]), "{runs:?}");
    // A reference that is lost is made again.
    let id = found["cases"][0]["id"].as_str().unwrap();
    let reference = folder.path(&format!("bench/shown/{id}/reference.h5"));
    fs::remove_file(&reference).unwrap();
    folder.run_ok(&format!("{bench} --seeds 1..3"));
    assert!(reference.is_file());
}

/// The image of a method, given back as that of another program, is judged as that method.
#[test]
fn results_of_other_programs() {
    let folder = scan();
    folder.run_ok(BENCH);
    let id = results(&folder)["cases"][0]["id"].as_str().unwrap().to_string();
    let path = format!("bench/peers/other:optimal/{id}.h5");
    fs::create_dir_all(folder.path(&path).parent().unwrap()).unwrap();
    fs::copy(folder.path(&format!("bench/shown/{id}/pvdamp.h5")), folder.path(&path)).unwrap();
    let file = hdf5::File::append(folder.path(&path)).unwrap();
    let text = |name: &str, text: &str| {
        let value: hdf5::types::VarLenUnicode = text.parse().unwrap();
        file.new_attr::<hdf5::types::VarLenUnicode>()
            .create(name)
            .unwrap()
            .write_scalar(&value)
            .unwrap();
    };
    text("label", "Other program, best λ");
    text("program", "other 1.0");
    text("oracle", "");
    text("timed", "whole process");
    file.new_attr::<f64>()
        .create("seconds")
        .unwrap()
        .write_scalar(&1.5)
        .unwrap();
    file.new_attr::<i64>()
        .create("iterations")
        .unwrap()
        .write_scalar(&7)
        .unwrap();
    drop(file);
    let output = folder.run(BENCH);
    let expected = "has no attribute 'threads'";
    assert!(
        output.code == Some(1) && output.err.contains(expected),
        "{}",
        output.err
    );
    let file = hdf5::File::append(folder.path(&path)).unwrap();
    file.new_attr::<i64>()
        .create("threads")
        .unwrap()
        .write_scalar(&2)
        .unwrap();
    file.new_attr::<f64>()
        .create("lambda")
        .unwrap()
        .write_scalar(&0.01)
        .unwrap();
    let curve = [
        ("lambda", [0.001, 0.01, 0.1]),
        ("nmse_object_db", [-20.0, -25.0, -15.0]),
    ];
    file.create_group("sensitivity").unwrap();
    for (name, values) in curve {
        let builder = file.new_dataset_builder().with_data(&values);
        builder.create(format!("sensitivity/{name}").as_str()).unwrap();
    }
    drop(file);
    folder.run_ok(BENCH);
    let found = results(&folder);
    let curves = found["sensitivities"].as_array().unwrap();
    let curve = curves
        .iter()
        .find(|curve| curve["contender"] == "other:optimal")
        .unwrap();
    assert_eq!(curve["points"][1], serde_json::json!([0.01, -25.0]));
    let (own, other) = (nmse(&found, 0, "pvdamp"), nmse(&found, 0, "other:optimal"));
    assert!((own - other).abs() < 1e-3, "{own} {other}");
    let page = fs::read_to_string(folder.path("bench/report.html")).unwrap();
    assert!(page.contains("Other program, best λ") && page.contains("other 1.0; time: whole process"));
}

#[test]
fn without_a_reference() {
    let folder = scan();
    folder.undersample("--accel 3 --acs 14");
    let output = folder.run_ok("bench under.h5 --methods pvdamp,fista:optimal,sure-it,zero-filled -o bench");
    let warnings = output.warnings().join("\n");
    for expected in [
        "under.h5 is undersampled",
        "NMSE, PSNR, SSIM, HFEN",
        "fista:optimal is left out",
    ] {
        assert!(warnings.contains(expected), "{warnings}");
    }
    let found = results(&folder);
    assert_eq!(found["cases"][0]["reference"], false);
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert!(
        runs.iter()
            .all(|run| run["metrics"].is_null() && run["seconds"].as_f64().unwrap() > 0.0)
    );
    let page = fs::read_to_string(folder.path("bench/report.html")).unwrap();
    assert!(page.contains("no NMSE, PSNR, SSIM, HFEN"));
}

#[test]
fn what_is_refused() {
    let folder = scan();
    fs::create_dir(folder.path("nothing")).unwrap();
    folder.refused("bench nothing -o bench", 1, &["nothing", "holds no .h5 file"]);
    folder.refused(
        "bench full.h5 --methods pvdmap -o bench",
        2,
        &["pvdmap", "did you mean pvdamp?", "a-fista, cg-sense, zero-filled"],
    );
    folder.refused("bench full.h5 --methods fista -o bench", 2, &["fista:optimal"]);
    folder.refused("bench full.h5 --methods pvdamp,pvdamp -o bench", 2, &["twice"]);
    folder.refused(
        "bench full.h5 --methods pvdamp --accel 3 --acs 12 --slices 2 -o bench",
        1,
        &["full.h5", "has no slice 2"],
    );
    folder.refused(
        "bench full.h5 --sampling bernouli -o bench",
        2,
        &["--sampling bernouli"],
    );
    folder.refused("bench full.h5 --accel 400 -o bench", 2, &["400"]);
    folder.refused("bench missing.h5 -o bench", 1, &["missing.h5", "no such file"]);
    folder.refused(
        "bench full.h5 --methods pvdamp --accel 3 --acs 12 -o full.h5",
        1,
        &["full.h5", "-o folder"],
    );
}

#[test]
fn a_weight_for_recon() {
    let folder = scan();
    folder.undersample("--accel 3 --acs 14");
    let fista = "recon full.h5 --mask mask.h5 --method fista --iterations 30";
    folder.run_ok(&format!("{fista} --lambda 0.002 --shift random:5 -o fixed.h5"));
    folder.run_ok(&format!("{fista} --lambda optimal -o best.h5 --trace best.jsonl"));
    let record = &folder.trace("best.jsonl")[0];
    let lambda = record["lambda"].as_f64().unwrap();
    assert!(lambda > 1e-5 && lambda < 0.1 && record["intensity"].as_f64().unwrap() > 0.0);
    // Twice and half the best are worse.
    let target = {
        folder.run_ok("recon full.h5 --method zero-filled -o all.h5");
        "all.h5:image"
    };
    let error = |name: &str| {
        folder.eval(target, &format!("{name}:image"))["complex"]["nmse_object_db"]
            .as_f64()
            .unwrap()
    };
    let best = error("best.h5");
    for factor in [0.4, 2.5] {
        folder.run_ok(&format!("{fista} --lambda {} -o other.h5", factor * lambda));
        assert!(error("other.h5") > best, "{factor}");
    }
    let attribute = |name: &str| -> String {
        let group = folder.open("fixed.h5").group("settings").unwrap();
        group
            .attr(name)
            .unwrap()
            .read_scalar::<hdf5::types::VarLenUnicode>()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        (attribute("lambda").as_str(), attribute("shift").as_str()),
        ("0.002", "random:5")
    );

    for (words, code, expected) in [
        (
            "recon under.h5 --method fista --lambda optimal -o out.h5",
            1,
            "is undersampled, so that there is no reference",
        ),
        (
            "recon under.h5 --method fista -o out.h5",
            2,
            "needs a regularisation weight",
        ),
        (
            "recon full.h5 --accel 3 --acs 12 --method fista --lambda optimal --time-limit 9 -o out.h5",
            2,
            "does not go with --time-limit",
        ),
        (
            "recon under.h5 --method zero-filled --iterations 9 -o out.h5",
            2,
            "--iterations means nothing",
        ),
        (
            "recon under.h5 --method cg-sense --noise-covariance 0.1 -o out.h5",
            2,
            "--noise-covariance VARIANCE means nothing",
        ),
        (
            "recon under.h5 --lambda 0.1 -o out.h5",
            2,
            "--lambda means nothing to --method auto",
        ),
        (
            "recon under.h5 --method fista --lambda 0.1 --damping 0.5 -o out.h5",
            2,
            "--damping means nothing",
        ),
        (
            "recon under.h5 --method zero-filled --wavelet haar -o out.h5",
            2,
            "--wavelet means nothing",
        ),
        ("recon under.h5 --method fista --lambda -1 -o out.h5", 2, "--lambda"),
        (
            "recon under.h5 --method fista --lambda much -o out.h5",
            2,
            "is a number, or 'optimal'",
        ),
        (
            "recon under.h5 --method cg-sense --lambda optimal -o out.h5",
            2,
            "is a number",
        ),
    ] {
        let output = folder.run(words);
        assert!(
            output.code == Some(code) && output.err.contains(expected),
            "{words}: {}",
            output.err
        );
        assert!(!folder.path("out.h5").exists());
    }
    // For a misspelt method the nearest one is suggested.
    let output = folder.run("recon under.h5 --method fsta -o out.h5");
    assert!(output.code == Some(2) && output.err.contains("fista"), "{}", output.err);
}

/// What a method finds out by itself is printed and stored.
#[test]
fn sure_it_states_its_oracle() {
    let folder = scan();
    let output =
        folder.run_ok("recon full.h5 --accel 3 --acs 12 --method sure-it --iterations 5 -o out.h5 --trace t.jsonl");
    assert!(
        output.err.contains("true error against the fully sampled reference"),
        "{}",
        output.err
    );
    assert!(
        folder.trace("t.jsonl")[0]["notes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|note| note.as_str().unwrap().contains("true error"))
    );
    let image = folder.complex("out.h5:image");
    assert_eq!(image.shape(), [2, 48, 40]);
    let tau: Array2<f64> = folder
        .read::<f64>("out.h5:state_evolution/mean_tau")
        .into_dimensionality()
        .unwrap();
    assert!(tau.iter().all(|&tau| tau > 0.0));
}

/// A journal that someone else wrote may name any folder as that of a case.
#[test]
fn a_journal_has_nothing_removed_elsewhere() {
    let folder = Folder::with_scan("--size 32 --coils 2 --slices 1");
    let bench = "bench full.h5 -o bench --methods zero-filled --accel 3 --sampling bernoulli --acs 12";
    folder.run_ok(bench);
    fs::create_dir_all(folder.path("kept/inside")).unwrap();
    fs::write(folder.path("kept/inside/file"), "text").unwrap();
    let journal = folder.path("bench/journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    let case = text.lines().find(|line| line.contains("\"Case\"")).unwrap();
    let mut lines = text.clone();
    for id in [
        folder.path("kept").display().to_string(),
        "../../kept".into(),
        "..".into(),
    ] {
        let mut case: serde_json::Value = serde_json::from_str(case).unwrap();
        case["Case"]["record"]["id"] = id.into();
        lines += &format!("{case}\n");
    }
    fs::write(&journal, lines).unwrap();
    folder.run_ok(bench);
    assert_eq!(fs::read(folder.path("kept/inside/file")).unwrap(), b"text");
    assert!(journal.exists());
}
