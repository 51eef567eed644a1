//! Many scans at once: what is broken, what is killed, what is cut into shards.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::command::*;
use ndarray::s;
use pvdamp_cli::batch::{Batch, BatchVolume, Journal, Listener, Plan, Recipe, SliceLine, inputs};
use pvdamp_io::format::ScanOptions;
use pvdamp_io::recon::ScanSettings;
use serde_json::Value;

/// Options that draw masks.
const DRAWN: &str = "--accel 3 --acs 12 --seed 7 --iterations 5";

/// `in/` with scans of one to four slices, one of them in a subfolder.
fn scans(count: usize) -> Folder {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path("in/sub")).unwrap();
    for i in 0..count {
        let name = if i == 1 { "sub/scan1".into() } else { format!("scan{i}") };
        let slices = 1 + i % 4;
        folder.run_ok(&format!(
            "simulate --size 48x40 --coils 3 --slices {slices} --seed {i} -o in/{name}.h5"
        ));
    }
    folder
}

fn manifest(folder: &Folder, path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.path(path)).unwrap()).unwrap()
}

fn volume<'a>(manifest: &'a Value, name: &str) -> &'a Value {
    let volumes = manifest["volumes"].as_array().unwrap();
    volumes.iter().find(|volume| volume["name"] == name).unwrap()
}

/// Removes times, which differ between equal runs.
fn timeless(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                let clock = [
                    "seconds",
                    "preparation_seconds",
                    "slice_seconds",
                    "written_at",
                    "modified",
                ];
                members.retain(|name, _| !clock.contains(&name.as_str()));
                members.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

/// The volumes and slices of a batch, without times.
fn without_times(folder: &Folder, out: &str) -> (Value, Vec<Value>) {
    let volumes = timeless(manifest(folder, &format!("{out}/batch.json"))["volumes"].take());
    let slices = folder.trace(&format!("{out}/batch.jsonl"));
    (volumes, slices.into_iter().map(timeless).collect())
}

/// The results of a batch: everything with a final name but the manifests.
fn results(folder: &Folder, out: &str) -> Vec<(String, Vec<u8>)> {
    let root = folder.path(out);
    let files = folder.contents().into_iter().filter(|(path, _)| path.is_file());
    let of = files.filter_map(|(path, bytes)| {
        let name = path.strip_prefix(&root).ok()?.to_string_lossy().into_owned();
        (name.ends_with(".h5") && !name.starts_with('.')).then_some((name, bytes))
    });
    of.collect()
}

/// Files under temporary names.
fn leftovers(folder: &Folder) -> usize {
    let files = folder.contents();
    files
        .keys()
        .filter(|path| path.extension().is_some_and(|e| e == "part"))
        .count()
}

#[test]
fn every_scan_has_its_result_and_its_record_in_the_manifest() {
    let folder = scans(5);
    let output = folder.run_ok(&format!("batch in -o out {DRAWN}"));
    assert!(
        output.err.contains("seed 7") && output.err.contains("5 of 5 scan(s) done"),
        "{}",
        output.err
    );
    assert_eq!(results(&folder, "out").len(), 5);
    assert_eq!(folder.shape("out/sub/scan1.h5:reconstruction"), [2, 48, 40]);

    let written = manifest(&folder, "out/batch.json");
    assert_eq!(
        (&written["state"], &written["totals"]["slices_done"]),
        (&"complete".into(), &11.into())
    );
    assert_eq!(
        (&written["settings"]["accel"], &written["settings"]["method"]),
        (&"3".into(), &"auto".into())
    );
    let one = volume(&written, "scan3.h5");
    assert_eq!((&one["acquisition"], &one["slices"]), (&"SIMULATED".into(), &4.into()));
    let slices = folder.trace("out/batch.jsonl");
    let of: Vec<_> = slices
        .iter()
        .filter(|line| line["volume"] == "scan3.h5")
        .map(|line| &line["slice"])
        .collect();
    assert_eq!(of, [0, 1, 2, 3]);
    assert!(
        slices
            .iter()
            .all(|line| line["maps_unexplained"].as_f64().is_some_and(|left| left < 0.05))
    );

    // the figures are those of eval, and the mask is that of recon with the recorded seed
    let eval = folder.eval("in/scan3.h5", "out/scan3.h5");
    for name in ["nmse", "psnr_db", "ssim"] {
        assert_eq!(one["metrics"][name], eval[name], "{name}");
    }
    let seed = one["seed"].as_u64().unwrap();
    folder.run_ok(&format!(
        "recon in/scan3.h5 --accel 3 --acs 12 --iterations 5 --seed {seed} -o one.h5"
    ));
    let bytes = |name: &str| std::fs::read(folder.path(name)).unwrap();
    assert!(
        bytes("one.h5") == bytes("out/scan3.h5"),
        "a result of recon is not that of a batch"
    );
    assert_ne!(one["seed"], volume(&written, "scan0.h5")["seed"]);
}

#[test]
fn what_is_done_is_not_done_again_unless_it_is_not_whole() {
    let folder = scans(3);
    let batch = format!("batch in -o out {DRAWN}");
    folder.run_ok(&batch);
    let (before, first) = (results(&folder, "out"), without_times(&folder, "out"));
    let done = |output: &ProgramOutput| -> String {
        let line = output.err.lines().find(|line| line.contains("done already")).unwrap();
        line.split(", ").nth(2).unwrap().split(' ').next().unwrap().to_string()
    };
    assert_eq!(done(&folder.run_ok(&batch)), "3");

    // damaged, of the right length; gone; a scan that is another now
    let damaged = folder.path("out/scan0.h5");
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    std::fs::remove_file(folder.path("out/scan2.h5")).unwrap();
    assert_eq!(done(&folder.run_ok(&batch)), "1");
    assert!(results(&folder, "out") == before && without_times(&folder, "out") == first);
    let kspace = folder.complex("in/scan0.h5:kspace");
    folder.write("in/scan0.h5:kspace", &(kspace * 2.0));
    assert_eq!(done(&folder.run_ok(&batch)), "2");
    assert!(results(&folder, "out") != before);

    // with other settings nothing is replaced unasked
    folder.refused(
        &format!("{batch} --method howl"),
        1,
        &["out/", "--method auto", "--redo"],
    );
    std::fs::write(folder.path("in/sub/foreign.h5"), "").unwrap();
    std::fs::write(folder.path("out/sub/foreign.h5"), "precious").unwrap();
    folder.refused(&batch, 1, &["out/sub/foreign.h5", "no batch"]);
    std::fs::remove_file(folder.path("in/sub/foreign.h5")).unwrap();
    folder.run_ok(&format!("{batch} --method zero-filled --redo").replace("--iterations 5", ""));
    assert_eq!(manifest(&folder, "out/batch.json")["settings"]["method"], "zero-filled");
}

#[test]
fn a_broken_scan_is_reported_and_skipped() {
    let folder = scans(8);
    let path = |i: usize| folder.path(&format!("in/scan{i}.h5"));
    std::fs::write(path(0), "no HDF5").unwrap();
    let bytes = std::fs::read(path(2)).unwrap();
    std::fs::write(path(2), &bytes[..bytes.len() / 2]).unwrap();
    let mut kspace = folder.complex("in/scan3.h5:kspace");
    kspace.slice_mut(s![2, 1, 5, ..]).fill(C32::new(f32::NAN, 0.0));
    folder.write("in/scan3.h5:kspace", &kspace);
    folder.append("in/scan4.h5").unlink("kspace").unwrap();
    let mut kspace = folder.complex("in/scan5.h5:kspace");
    kspace.slice_mut(s![.., .., .., ..;2]).fill(C32::new(0.0, 0.0));
    folder.write("in/scan5.h5:kspace", &kspace);
    std::fs::write(
        folder.path("list.txt"),
        "# some\nin/sub/scan1.h5\nin/scan6.h5\nin/gone.h5\n",
    )
    .unwrap();

    let output = folder.run(&format!("batch in -o out {DRAWN}"));
    assert_eq!(output.code, Some(3), "{}", output.err);
    assert!(output.err.contains("passed over 5 of 8 scans"), "{}", output.err);
    let written = manifest(&folder, "out/batch.json");
    for (i, reason) in [
        (0, "not an HDF5 file"),
        (2, "truncated"),
        (3, "NaN"),
        (4, "kspace"),
        (5, "undersampled already"),
    ] {
        let failed = volume(&written, &format!("scan{i}.h5"));
        let error = failed["error"].as_str().unwrap();
        assert_eq!(failed["status"], "failed");
        assert!(
            error.contains(&format!("in/scan{i}.h5")) && error.contains(reason),
            "{error}"
        );
        assert!(output.err.contains(error), "{error} is not in\n{}", output.err);
    }
    let names: Vec<String> = results(&folder, "out").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["scan6.h5", "scan7.h5", "sub/scan1.h5"]);
    assert_eq!(leftovers(&folder), 0);

    // once repaired, it is done; a list names scans, and a missing one is reported too
    std::fs::remove_file(path(4)).unwrap();
    std::fs::write(path(2), bytes).unwrap();
    let output = folder.run(&format!("batch in -o out {DRAWN}"));
    assert!(
        output.err.contains("3 scan(s) done already") && output.err.contains("4 of 7"),
        "{}",
        output.err
    );
    let output = folder.run(&format!("batch list.txt -o listed {DRAWN}"));
    assert!(
        output.code == Some(3) && output.err.contains("passed over 1 of 3"),
        "{}",
        output.err
    );
    let listed = manifest(&folder, "listed/batch.json");
    assert!(volume(&listed, "gone.h5")["error"].is_string() && volume(&listed, "scan1.h5")["error"].is_null());
}

#[test]
fn settings_that_fit_no_scan_are_wrong_usage() {
    let folder = scans(2);
    folder.refused("batch in -o out --accel 400", 2, &["--accel"]);
    folder.refused("batch in -o out --method fista", 2, &["--lambda"]);
    folder.refused("batch in -o out --iterations 0", 2, &["--iterations 0"]);
    std::fs::create_dir(folder.path("kept")).unwrap();
    folder.run_ok("mask --size 48x40 --accel 3 --acs 12 -o kept/scan0.h5");
    folder.refused(
        "batch in/scan0.h5 -o kept --mask kept/scan0.h5 --redo",
        1,
        &["kept/scan0.h5", "is read by this batch"],
    );
    let long = format!("in/{}", "n".repeat(254));
    std::fs::copy(folder.path("in/scan0.h5"), folder.path(&long)).unwrap();
    let output = folder.run(&format!("batch {long} in/scan0.h5 -o short --iterations 2"));
    assert!(
        output.code == Some(3) && output.err.contains("a name of 257 bytes"),
        "{}",
        output.err
    );
    std::fs::remove_file(folder.path(&long)).unwrap();
    folder.refused("batch in -o in --accel 3", 1, &["in", "the folder for the results too"]);
    folder.refused(
        "batch in/scan0.h5 -o in --accel 3",
        1,
        &["in/scan0.h5", "is read by this batch"],
    );
    folder.refused("batch nowhere -o out", 1, &["nowhere", "no such file"]);
    folder.refused("batch in/*.npy -o out", 1, &["in/*.npy", "no file matches"]);
    folder.refused("batch --merge -o in", 1, &["in", "no shard"]);
    let output = folder.run("batch in -o out --shard 3/2");
    assert!(
        output.code == Some(2) && output.err.contains("no part 3 of 2"),
        "{}",
        output.err
    );
    // one of them alone is refused, not all
    folder.run_ok("simulate --size 16x16 --coils 3 -o in/small.h5");
    let output = folder.run(&format!("batch in -o out {DRAWN} --method pvdamp --scales 4"));
    assert_eq!(output.code, Some(3), "{}", output.err);
    let error = volume(&manifest(&folder, "out/batch.json"), "small.h5")["error"].clone();
    assert!(error.as_str().unwrap().contains("in/small.h5: --accel 3"), "{error}");
}

/// What a shard does is what a whole batch does of its scans, and results do not depend on threads.
#[test]
fn shards_make_a_whole() {
    let folder = scans(7);
    std::fs::write(folder.path("in/broken.h5"), "").unwrap();
    assert_eq!(
        folder.run(&format!("batch in -o whole {DRAWN} --threads 1")).code,
        Some(3)
    );
    folder.run(&format!("batch in -o parts {DRAWN} --shard 2/3"));
    let before = folder.contents();
    folder.refused("batch --merge -o parts", 1, &["shard 1/3, 3/3"]);
    assert!(folder.contents() == before);
    folder.run(&format!("batch in -o parts {DRAWN} --shard 1/3"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
    let words = format!("batch in -o parts {DRAWN} --shard auto");
    command.args(words.split_whitespace()).current_dir(folder.path(""));
    let output = command
        .env("JOB_COMPLETION_INDEX", "2")
        .env("PVDAMP_SHARDS", "3")
        .output()
        .unwrap();
    let output = ProgramOutput::new(&output);
    assert!(output.err.contains("shard 3/3"), "{}", output.err);

    let merged = folder.run("batch --merge -o parts");
    assert_eq!(merged.code, Some(3), "{}", merged.err);
    assert!(results(&folder, "parts") == results(&folder, "whole"));
    assert_eq!(without_times(&folder, "parts"), without_times(&folder, "whole"));

    // what was lost since is noticed, and so is a shard of another batch
    std::fs::write(folder.path("parts/scan5.h5"), "").unwrap();
    folder.refused("batch --merge -o parts", 1, &["parts/scan5.h5", "is not what shard"]);
    std::fs::remove_file(folder.path("parts/scan5.h5")).unwrap();
    for shard in 1..=3 {
        folder.run(&format!("batch in -o parts {DRAWN} --shard {shard}/3"));
    }
    assert_eq!(folder.run("batch --merge -o parts").code, Some(3));
    // a scan repaired and done by a separate run must not be lost because its shard says it failed
    folder.run_ok("simulate --size 48x40 --coils 3 --seed 9 -o in/broken.h5");
    folder.run_ok(&format!("batch in -o parts {DRAWN}"));
    folder.refused(
        "batch --merge -o parts",
        1,
        &["failed on broken.h5, which is there now", "--shard"],
    );
    for shard in 1..=3 {
        folder.run_ok(&format!("batch in -o parts {DRAWN} --shard {shard}/3"));
    }
    folder.run_ok("batch --merge -o parts");
    let other = manifest(&folder, "parts/batch-2-of-3.json")
        .to_string()
        .replace("\"3\"", "\"4\"");
    std::fs::write(folder.path("parts/batch-2-of-3.json"), other).unwrap();
    folder.refused("batch --merge -o parts", 1, &["batch-2-of-3.json", "--accel 3"]);
}

/// Killed at any moment and started again, a batch ends as one that was never disturbed.
#[test]
#[cfg(unix)]
fn a_batch_outlives_kills() {
    let folder = scans(12);
    let words = format!("batch in -o out {DRAWN} --iterations 30").replace("--iterations 5 ", "");
    folder.run_ok(&words.replace("-o out", "-o calm"));
    let calm = results(&folder, "calm");
    let mut unfinished = 0;
    for pause in [3, 8, 15, 25, 40, 60, 30, 20] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
        command.args(words.split_whitespace()).current_dir(folder.path(""));
        let mut run = command.stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        run.kill().unwrap();
        unfinished += usize::from(run.wait().unwrap().code().is_none());
        let left = results(&folder, "out");
        assert!(left.iter().all(|result| calm.contains(result)), "a result is not whole");
    }
    assert!(unfinished > 0, "no run was killed");
    folder.run_ok(&words);
    assert!(results(&folder, "out") == calm);
    assert_eq!(without_times(&folder, "out"), without_times(&folder, "calm"));
    assert_eq!(leftovers(&folder), 0);
}

#[test]
#[cfg(unix)]
fn an_interrupted_batch_keeps_what_is_done() {
    let folder = scans(4);
    let words = format!("batch in -o out {DRAWN} --iterations 4000").replace("--iterations 5 ", "");
    // a signal that comes while nothing is there to catch it would prove nothing
    let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
    command.args(words.split_whitespace()).current_dir(folder.path(""));
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    while leftovers(&folder) == 0 && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    let id = run.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let output = ProgramOutput::new(&run.wait_with_output().unwrap());
    if output.code != Some(0) {
        assert_eq!(output.code, Some(130), "{}", output.err);
        assert!(output.err.contains("goes on from here"), "{}", output.err);
        assert_eq!(manifest(&folder, "out/batch.json")["state"], "stopped");
    }
    assert_eq!(leftovers(&folder), 0);
    folder.run_ok(&words);
    assert_eq!(manifest(&folder, "out/batch.json")["state"], "complete");
}

/// A disk that is full for results of more than one slice: the batch stops, and goes on when there is room.
#[test]
#[cfg(unix)]
fn a_full_disk_stops_the_batch_and_loses_nothing() {
    let folder = scans(6);
    let words = format!("batch in -o out {DRAWN}");
    folder.run_ok(&words.replace("-o out", "-o calm"));
    // in blocks of 512 bytes; what is larger cannot be written
    let limited = format!("trap '' XFSZ; ulimit -f 160; exec \"$0\" {words} --threads 1");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &limited, env!("CARGO_BIN_EXE_pvdamp")])
        .current_dir(folder.path(""));
    let output = ProgramOutput::new(&shell.output().unwrap());
    assert_eq!(output.code, Some(1), "{}", output.err);
    assert!(
        output.err.contains("cannot be written") && output.err.contains("goes on from here"),
        "{}",
        output.err
    );
    let written = manifest(&folder, "out/batch.json");
    assert_eq!(
        (&written["state"], &written["totals"]["failed"]),
        (&"stopped".into(), &0.into())
    );
    let calm = results(&folder, "calm");
    let done = results(&folder, "out");
    assert!(done.len() < 6 && done.iter().all(|result| calm.contains(result)));
    assert_eq!(leftovers(&folder), 0);
    folder.run_ok(&words);
    assert!(results(&folder, "out") == calm);
}

#[test]
fn a_plan_writes_nothing() {
    let folder = scans(3);
    let before = folder.contents();
    let output = folder.run_ok(&format!("batch in -o out {DRAWN} --dry-run"));
    assert!(folder.contents() == before);
    assert!(
        output.out.contains("sub/scan1.h5: 2 slice(s) of 48x40, 3 coil(s)"),
        "{}",
        output.out
    );
    let last = output.out.lines().last().unwrap();
    assert!(last.starts_with("to do: 3 scan(s), 6 slice(s); about "), "{last}");
}

/// A whole batch and a shard of it at once do the same twice, and no harm.
#[test]
fn runs_at_once_do_not_disturb_each_other() {
    let folder = scans(8);
    let words = format!("batch in -o out {DRAWN} --iterations 30").replace("--iterations 5 ", "");
    folder.run_ok(&words.replace("-o out", "-o calm"));
    let spawn = |more: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
        command.args(words.split_whitespace()).args(more.split_whitespace());
        let command = command.current_dir(folder.path("")).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let runs = ["", "--shard 1/1", "--shard 1/2", "--shard 2/2"].map(spawn);
    for run in runs {
        let output = ProgramOutput::new(&run.wait_with_output().unwrap());
        assert_eq!(output.code, Some(0), "{}", output.err);
    }
    assert!(results(&folder, "out") == results(&folder, "calm"));
    assert_eq!(leftovers(&folder), 0);
}

/// Less memory, fewer slices at once; the same results.
#[test]
fn memory_is_kept_to() {
    let folder = scans(3);
    folder.run_ok(&format!("batch in -o out {DRAWN}"));
    let output = folder.run(&format!("batch in -o none {DRAWN} --memory 64K"));
    assert_eq!(output.code, Some(3));
    assert!(output.err.contains("for one slice; raise --memory"), "{}", output.err);
    let output = folder.run_ok(&format!("batch in -o tight {DRAWN} --memory 40M"));
    assert!(output.err.contains("slice(s) at once"), "{}", output.err);
    assert!(results(&folder, "tight") == results(&folder, "out"));
}

/// Each scan has its own mask in a folder of masks.
#[test]
fn a_folder_has_a_file_for_each_scan() {
    let folder = scans(3);
    std::fs::create_dir_all(folder.path("masks/sub")).unwrap();
    for (i, name) in ["scan0", "sub/scan1", "scan2"].iter().enumerate() {
        let seed = 40 + i;
        folder.run_ok(&format!(
            "mask --size 48x40 --accel 3 --acs 12 --seed {seed} -o masks/{name}.h5"
        ));
    }
    folder.run_ok("batch in -o out --mask masks --prob-map masks --iterations 5");
    for name in ["scan0", "sub/scan1", "scan2"] {
        let mask = |file: &str| folder.read::<bool>(&format!("{file}/{name}.h5:mask"));
        assert_eq!(mask("out"), mask("masks"));
    }
    let written = manifest(&folder, "out/batch.json");
    let read = volume(&written, "sub/scan1.h5")["read"].as_array().unwrap();
    assert_eq!(read.last().unwrap()["path"], "masks/sub/scan1.h5");
    // a mask that is another now makes its result another
    folder.run_ok("mask --size 48x40 --accel 3 --acs 12 --seed 50 -o masks/scan2.h5");
    let output = folder.run_ok("batch in -o out --mask masks --prob-map masks --iterations 5");
    assert!(output.err.contains("2 scan(s) done already"), "{}", output.err);
}

/// Whoever writes to a scan, or takes it away, while the batch is at work.
struct Meddler {
    written: std::path::PathBuf,
    removed: std::path::PathBuf,
}

impl Listener for Meddler {
    fn slice(&self, volume: &BatchVolume, _: &SliceLine) {
        if volume.name == "scan0.h5" {
            let mut file = std::fs::OpenOptions::new().append(true).open(&self.written).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
            let _ = std::fs::remove_file(&self.removed);
        }
    }

    fn left_out(&self, _: &BatchVolume, _: usize) {}

    fn volume(&self, _: &BatchVolume) {}

    fn going(&self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

#[test]
fn a_scan_that_changes_or_disappears_is_skipped() {
    let folder = scans(6);
    let output = folder.path("out");
    let recipe = Recipe {
        scan: ScanOptions::default(),
        settings: ScanSettings::default(),
        anonymizer: None,
        described: BTreeMap::new(),
    };
    let found = inputs(&[folder.path("in")], &output).unwrap();
    let batch = Batch {
        plan: Plan::new(found, &recipe, None, &|| ControlFlow::Continue(())).unwrap(),
        recipe,
        output,
        shard: None,
        redo: false,
        memory: 1, // one slice at a time
    };
    let meddler = Meddler {
        written: folder.path("in/scan0.h5"),
        removed: folder.path("in/scan4.h5"),
    };
    let journal = Journal::open(&folder.path("out"), None).unwrap();
    let manifest = batch.run(journal, &meddler).unwrap();
    let failed: Vec<(&str, &str)> = manifest
        .volumes
        .iter()
        .filter_map(|volume| Some((volume.name.as_str(), volume.error.as_deref()?)))
        .collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(
        failed[0].0 == "scan0.h5" && failed[0].1.contains("changed while it was read"),
        "{failed:?}"
    );
    assert!(
        failed[1].0 == "scan4.h5" && failed[1].1.contains("in/scan4.h5"),
        "{failed:?}"
    );
    assert_eq!((results(&folder, "out").len(), leftovers(&folder)), (4, 0));
}
