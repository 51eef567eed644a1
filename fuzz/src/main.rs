//! Runs targets on the stored corpus and on changes of it, drawn from a seed, on any compiler:
//! `smoke CORPUS SECONDS SEED TARGET`. It ends with an error after a panic, and after an input that takes longer than it
//! should; limits on memory are set outside. The input at work is in the file that it names then.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, abort};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use pvdamp_fuzz::{TARGETS, Target, clean, mutate};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// For one input; the slowest take a hundredth of it.
const LONGEST: Duration = Duration::from_secs(10);

/// Inputs begun.
static BEGUN: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [corpus, seconds, seed, name] = &words[..] else {
        return usage("smoke CORPUS SECONDS SEED TARGET");
    };
    let target = TARGETS.iter().find(|target| target.name == name);
    let (Some(target), Ok(seconds), Ok(seed)) = (target, seconds.parse(), seed.parse()) else {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        return usage(&format!("TARGET is one of {}", names.join(", ")));
    };
    let folder = Path::new(corpus).join(name);
    let stored = match stored(&folder) {
        Ok(stored) if !stored.is_empty() => stored,
        _ => return usage(&format!("there is no corpus in {}", folder.display())),
    };
    run(target, &stored, Duration::from_secs(seconds), seed);
    clean();
    ExitCode::SUCCESS
}

fn usage(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(2)
}

/// In the order of their names.
fn stored(folder: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    paths.iter().map(std::fs::read).collect()
}

fn run(target: &Target, stored: &[Vec<u8>], time: Duration, seed: u64) {
    let input = std::env::temp_dir().join(format!("pvdamp-fuzz-{}-{}", target.name, std::process::id()));
    let named = format!("{}: the input is in {}", target.name, input.display());
    let (shown, start) = (named.clone(), Instant::now());
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{shown}");
        usual(panic);
    }));
    std::thread::spawn(move || watch(&named));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut slowest = Duration::ZERO;
    let mut one = |bytes: &[u8]| {
        BEGUN.fetch_add(1, Ordering::Relaxed);
        std::fs::write(&input, bytes).expect("a file");
        let start = Instant::now();
        (target.run)(bytes);
        slowest = slowest.max(start.elapsed());
    };
    stored.iter().for_each(|bytes| one(bytes));
    while start.elapsed() < time {
        one(&mutate(stored, &mut rng));
    }
    let inputs = BEGUN.load(Ordering::Relaxed);
    println!("{}: {inputs} inputs, the slowest {slowest:.1?}", target.name);
    let _ = std::fs::remove_file(input);
}

/// Ends the process where an input takes too long.
fn watch(named: &str) {
    loop {
        let begun = BEGUN.load(Ordering::Relaxed);
        std::thread::sleep(LONGEST);
        if begun > 0 && BEGUN.load(Ordering::Relaxed) == begun {
            eprintln!("{named}, which takes longer than {LONGEST:?}");
            abort();
        }
    }
}
