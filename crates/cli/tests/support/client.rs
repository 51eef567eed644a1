//! Other programs that read what this one writes: Python with its packages, and BART.

use std::path::PathBuf;
use std::process::{Command, Output};

use super::command::Folder;

/// Prints why a test is skipped.
fn skipped<T>(why: &str) -> Option<T> {
    println!("skipped: {why}");
    None
}

fn text_of(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// The interpreter: `PVDAMP_PYTHON`, or the virtual environment that `.ci/run` makes, or that of the system.
fn python() -> PathBuf {
    let environment = super::root().join("target/clients/bin/python");
    let named = std::env::var_os("PVDAMP_PYTHON").map(PathBuf::from);
    named.unwrap_or(if environment.exists() {
        environment
    } else {
        "python3".into()
    })
}

/// Runs `tests/clients/SCRIPT` in the folder, checks that it succeeds, and returns what it prints. `None` if a package
/// that it needs is not installed; the reason is printed.
pub fn python_output(folder: &Folder, script: &str, packages: &[&str], arguments: &[&str]) -> Option<String> {
    for package in packages {
        // found, not imported: 'fastmri' asks for more than its test needs
        let found = format!("import importlib.util as i, sys; sys.exit(i.find_spec('{package}') is None)");
        let tried = Command::new(python()).args(["-c", &found]).output();
        match tried {
            Err(_) => return skipped("no Python"),
            Ok(output) if !output.status.success() => return skipped(&format!("no {package}")),
            Ok(_) => {}
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(script);
    let mut command = Command::new(python());
    let command = command.arg(path).args(arguments).current_dir(folder.path(""));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{script} {arguments:?}\n{}", text_of(&output));
    Some(text_of(&output))
}

/// Runs `bart`, checks that it succeeds, and returns what it prints. `None` if it is not installed.
pub fn bart(folder: &Folder, words: &str) -> Option<String> {
    let mut command = Command::new("bart");
    let command = command.args(words.split_whitespace()).current_dir(folder.path(""));
    let Ok(output) = command.output() else {
        return skipped("no BART");
    };
    assert!(output.status.success(), "bart {words}\n{}", text_of(&output));
    Some(text_of(&output))
}
