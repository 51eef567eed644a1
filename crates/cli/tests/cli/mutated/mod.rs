//! Sound files with a few bytes changed, by a fixed seed: each is read, or refused in one sentence that names it; the
//! program never crashes, hangs, or takes the machine's memory.
//!
//! For more of them: `PVDAMP_MUTATED=20000 PVDAMP_MUTATED_SEED=2 cargo test --release -p pvdamp-cli --test cli mutated --
//! --nocapture`. Inputs that were a fault are kept in `target/mutated`.

mod change;
mod sound;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use self::sound::{Sound, sound};
use crate::support::root;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const FILES: u64 = 2000;
/// For one run; nothing else takes as much as a second.
const LONGEST: Duration = Duration::from_secs(30);
/// Of a run, in kilobytes, address space that is only reserved included.
const MEMORY: u64 = 3_000_000;

#[test]
fn nothing_happens_but_an_error() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect(name));
    let (files, seed) = (number("PVDAMP_MUTATED", FILES), number("PVDAMP_MUTATED_SEED", 1));
    let sound = sound();
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let folder = memory_folder();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= files {
                        break;
                    }
                    // the same whichever thread it falls to
                    let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | index);
                    let of = &sound[rng.random_range(0..sound.len())];
                    let bytes = of.changed(&mut rng);
                    let outcome = outcome(folder.path(), of, &bytes);
                    if outcome.starts_with("fault") {
                        keep(&format!("{seed}-{index}-{}", of.name), &bytes, &outcome);
                    }
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    *outcomes.entry((of.name, outcome)).or_insert(0) += 1;
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    let lines = outcomes
        .iter()
        .map(|((name, outcome), count)| format!("{count:6} {name}: {outcome}"));
    let table = lines.collect::<Vec<_>>().join("\n");
    println!("{files} files, seed {seed}, {:.0?}\n{table}", start.elapsed());
    // both happen, or nothing is tested
    let happens = |wanted: &str| outcomes.keys().any(|(_, outcome)| outcome == wanted);
    assert!(files < FILES || happens("read") && happens("refused"), "{table}");
    assert!(
        !outcomes.keys().any(|(_, outcome)| outcome.starts_with("fault")),
        "{table}"
    );
}

/// What becomes of a file: `read`, `refused`, or `fault` and what it is.
fn outcome(folder: &Path, of: &Sound, bytes: &[u8]) -> String {
    if let Some((name, beside)) = &of.beside {
        std::fs::write(folder.join(name), beside).unwrap();
    }
    std::fs::write(folder.join(of.name), bytes).unwrap();
    let mut outcome = String::new();
    for words in of.commands {
        outcome = match run(folder, &words.replace("FILE", of.name)) {
            Some(output) => judged(folder, of.name, &output).map_or_else(|why| format!("fault: {why}"), str::to_string),
            None => "fault: it takes too long".into(),
        };
        if outcome.starts_with("fault") {
            break;
        }
    }
    for file in std::fs::read_dir(folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    outcome
}

/// `None` where it has to be ended.
fn run(folder: &Path, words: &str) -> Option<Output> {
    let program = assert_cmd::cargo::cargo_bin!("pvdamp");
    let limits = format!("ulimit -c 0; ulimit -v {MEMORY} 2>/dev/null");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}; exec {} {words}", program.display())]);
    let files = ["out", "err"].map(|name| folder.join(name));
    let [out, err] = files.each_ref().map(|path| std::fs::File::create(path).unwrap());
    let command = command.current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(err);
    let (mut child, start) = (command.spawn().unwrap(), Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let [stdout, stderr] = files.map(|path| std::fs::read(path).unwrap());
            return Some(Output { status, stdout, stderr });
        }
        if start.elapsed() > LONGEST {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The error says what is wrong with the run.
fn judged(folder: &Path, name: &str, output: &Output) -> Result<&'static str, String> {
    let shown = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("pvdamp: error: "))
        .collect();
    let stem = name.split('.').next().unwrap();
    let left = || {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        entries
            .map(|name| name.to_string_lossy().into_owned())
            .find(|name| name.contains("out.h5"))
    };
    match (output.status.code(), &errors[..]) {
        (None, _) => Err(format!("{}", output.status)),
        (Some(0), []) => Ok("read"),
        (Some(1), [error]) if !error.contains(stem) => Err("the error does not name the file".into()),
        (Some(1), [_]) => match left() {
            Some(file) => Err(format!("{file} is left")),
            None => Ok("refused"),
        },
        (Some(code), errors) => Err(format!("exit code {code} and {} errors", errors.len())),
    }
}

/// One folder for a thread, in memory where that can be had: results are synced.
fn memory_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn keep(name: &str, bytes: &[u8], why: &str) {
    let folder = root().join("target/mutated");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
    println!("target/mutated/{name}: {why}");
}
