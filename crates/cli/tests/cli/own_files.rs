//! What is written, replaced and removed is the program's own: no input, nothing behind a link, and no file of a run
//! that is at work.
#![cfg(unix)]

use std::fs::File;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::command::Folder;

const RECON: &str = "recon full.h5 --accel 2 --acs 16 --method zero-filled";

fn scan() -> Folder {
    Folder::with_scan("--size 48x40 --coils 3 --slices 2 --seed 4")
}

/// Temporary files and locks.
fn hidden(folder: &Folder) -> Vec<String> {
    let files = folder.contents().into_keys();
    let names = files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with('.') && name.contains('~'))
        .collect()
}

#[test]
fn a_picture_takes_the_place_of_no_input() {
    let folder = scan();
    let path = |name: &str| folder.path(name);
    folder.run_ok("mask --size 48x40 --accel 2 --acs 16 -o mask.h5");
    folder.run_ok("maps full.h5 -o maps.h5");
    folder.write("noise.h5:noise_covariance", &ndarray::Array2::from_diag_elem(3, 1e-4));
    std::fs::create_dir(path("pictures")).unwrap();
    let reading =
        "recon full.h5 --mask mask.h5 --prob-map mask.h5 --maps maps.h5 --noise-covariance noise.h5 -o out.h5";
    for input in ["full.h5", "mask.h5", "maps.h5", "noise.h5"] {
        let refused = |picture: &str| {
            let words = format!("{reading} --png pictures --uncertainty --method pvdamp --iterations 2");
            folder.refused(&words, 1, &[picture, "is an input of this run"]);
            std::fs::remove_file(path(picture)).unwrap();
        };
        symlink(path(input), path("pictures/out_000.png")).unwrap();
        refused("pictures/out_000.png");
        std::fs::hard_link(path(input), path("pictures/out_001_std.png")).unwrap();
        refused("pictures/out_001_std.png");
    }
    // an input that lies there itself, and a result that is pictures too
    std::fs::rename(path("full.h5"), path("pictures/out_001.png")).unwrap();
    let words = "recon pictures/out_001.png -o out.h5 --png pictures --method zero-filled";
    folder.refused(words, 1, &["out_001.png", "is an input of this run"]);
    std::fs::rename(path("pictures/out_001.png"), path("full.h5")).unwrap();
    let words = format!("{RECON} -o pictures/out.png --png pictures");
    folder.refused(&words, 1, &["out_000.png", "a part of the result too", "--png"]);
    folder.run_ok(&format!("{RECON} -o out.h5 --png pictures"));
    folder.run_ok(&format!("{RECON} -o out.h5 --png pictures"));
}

#[test]
fn no_link_is_written_through() {
    let folder = scan();
    let path = |name: &str| folder.path(name);
    std::fs::write(path("victim"), "somebody's").unwrap();
    for name in ["in", "pictures", "out", "bench", "report"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    std::fs::copy(path("full.h5"), path("in/a.h5")).unwrap();
    let bench = "bench full.h5 --methods zero-filled --accel 2 --seeds 1 --acs 16 --sampling bernoulli -o bench";
    folder.run_ok("batch in -o report --method zero-filled");
    for (link, words) in [
        ("out.h5", format!("{RECON} -o out.h5")),
        ("out_001.dcm", format!("{RECON} -o out.dcm")),
        ("out.hdr", format!("{RECON} -o out.cfl")),
        ("trace", format!("{RECON} -o out.h5 --trace trace")),
        ("pictures/out_000.png", format!("{RECON} -o out.h5 --png pictures")),
        ("out/batch.jsonl", "batch in -o out --method zero-filled".into()),
        (
            "out/.pvdamp/journal.jsonl",
            "batch in -o out --method zero-filled".into(),
        ),
        ("bench/results.csv", bench.into()),
        ("report/report.html", "report report".into()),
    ] {
        let _ = std::fs::create_dir(path("out/.pvdamp"));
        let _ = std::fs::remove_file(path(link));
        symlink(path("victim"), path(link)).unwrap();
        let output = folder.run(&words);
        assert_eq!(output.code, Some(1), "{link}: {}", output.err);
        assert!(
            output.err.contains(link.rsplit('/').next().unwrap()),
            "{link}: {}",
            output.err
        );
        assert_eq!(std::fs::read(path("victim")).unwrap(), b"somebody's", "{link}");
        std::fs::remove_file(path(link)).unwrap();
    }
    // a journal that could be gone on with
    folder.run_ok(bench);
    std::fs::rename(path("bench/journal.jsonl"), path("journal")).unwrap();
    symlink(path("journal"), path("bench/journal.jsonl")).unwrap();
    folder.refused(bench, 1, &["bench/journal.jsonl", "not a regular file"]);
    assert_eq!(hidden(&folder), [""; 0]);
}

/// What a killed run leaves is removed by the next that writes there; what one at work has is not.
#[test]
fn leftovers_are_removed_and_files_in_use_are_not() {
    let folder = scan();
    let slow = [
        "recon full.h5 --accel 2 --acs 16 --iterations 100000 --method howl -o out.h5",
        "simulate --size 512 --slices 90 -o big.h5",
    ];
    for words in slow {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
        command.args(words.split_whitespace()).current_dir(folder.path(""));
        let mut run = command.stderr(Stdio::null()).spawn().unwrap();
        while hidden(&folder).len() < 2 && run.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let used = hidden(&folder);
        assert!(used.len() >= 2, "{words}: {used:?}");
        folder.run_ok(&format!("{RECON} -o out.h5"));
        assert_eq!(hidden(&folder), used, "{words}: a file in use was removed");
        run.kill().unwrap();
        run.wait().unwrap();
        assert_eq!(hidden(&folder), used);
        folder.run_ok(&format!("{RECON} -o out.h5"));
        assert_eq!(hidden(&folder), [""; 0], "{words}");
    }
    let computer = Command::new("uname").arg("-n").output().unwrap().stdout;
    let computer = computer.trim_ascii_end();
    // by the same word: as long as one of its locks is held, all its files are in use
    for name in [
        ".~0123456789ab-0.lock",
        ".~0123456789ab-3.lock",
        ".out.h5~0123456789ab-1.part",
    ] {
        std::fs::write(folder.path(name), computer).unwrap();
    }
    let lock = File::open(folder.path(".~0123456789ab-3.lock")).unwrap();
    lock.lock().unwrap();
    folder.run_ok(&format!("{RECON} -o out.h5"));
    assert_eq!(hidden(&folder).len(), 3);
    drop(lock);
    folder.run_ok(&format!("{RECON} -o out.h5"));
    assert_eq!(hidden(&folder), [""; 0]);
}
