//! The documentation is held to the program: every option, name, dataset and field that there is, is described,
//! and what is described is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array4;
use num_complex::Complex;
use pvdamp::sampling::FAMILIES;
use pvdamp::solve::METHODS;
use pvdamp::wavelet::WAVELETS;
use pvdamp_io::format::{IMAGE_FORMATS, SCAN_FORMATS};
use tempfile::TempDir;

use crate::support::root;

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Runs the program, which must succeed; what it prints.
fn pvdamp<S: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pvdamp")).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn commands() -> Vec<String> {
    let help = pvdamp(["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_string())
    });
    names.collect()
}

/// An option, `--name`, and its default, empty where it has none.
type Described = (String, String);

/// The long option that a line begins with, behind a short one or not.
fn option_of(line: &str) -> Option<String> {
    let line = line.trim_start();
    let short = line.len() > 4 && line.starts_with('-') && line[2..].starts_with(", --");
    let name = if short { &line[4..] } else { line }.strip_prefix("--")?;
    let end = name.find(|c: char| c != '-' && !c.is_ascii_lowercase());
    Some(format!("--{}", &name[..end.unwrap_or(name.len())]))
}

/// Options as `--help` lists them.
fn in_help(command: &str) -> Vec<Described> {
    let help = pvdamp([command, "--help"]);
    let mut options: Vec<Described> = Vec::new();
    for line in help.lines() {
        match (option_of(line), options.last_mut()) {
            (Some(name), _) => options.push((name, line.into())),
            (None, Some((_, text))) => *text = format!("{text} {}", line.trim()),
            (None, None) => {}
        }
    }
    let default = |text: &str| {
        let (_, rest) = text.split_once("[default: ")?;
        Some(rest.split_once(']')?.0.to_string())
    };
    let described = options
        .into_iter()
        .map(|(name, text)| (name, default(&text).unwrap_or_default()));
    described.collect()
}

/// Options in the tables of a section of `docs/commands.md`, including those of a section it refers to.
fn in_docs(heading: &str) -> Vec<Described> {
    let mut options = rows_of(heading);
    let section = section(heading);
    let reference = section.lines().find_map(|line| line.strip_prefix("All options of [`"));
    if let Some((other, but)) = reference.and_then(|line| line.split_once("`]")) {
        let but = but.split_once("but for").map_or("", |(_, but)| but);
        let own: Vec<String> = options.iter().map(|row| row.0.clone()).collect();
        let shared = rows_of(&format!("pvdamp {other}")).into_iter();
        options.extend(shared.filter(|row| !but.contains(&format!("`{}`", row.0)) && !own.contains(&row.0)));
    }
    options
}

fn section(heading: &str) -> String {
    let text = read("docs/commands.md");
    let (_, rest) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap_or(rest).to_string()
}

fn rows_of(heading: &str) -> Vec<Described> {
    let section = section(heading);
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.replace("\\|", "/"));
    let options = cells.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (option, default) = (cells.next()?.replace('`', ""), cells.next()?);
        Some((option_of(&option)?, default.to_string()))
    });
    options.collect()
}

#[test]
fn commands_md_agrees_with_help() {
    let shared = in_docs("Every command");
    for command in commands() {
        let (in_program, documented) = (in_help(&command), in_docs(&format!("pvdamp {command}")));
        assert!(in_program.len() > 4, "the help of {command} was not understood");
        for (name, default) in &in_program {
            let row = documented.iter().chain(&shared).find(|row| row.0 == *name);
            let Some((_, written)) = row else {
                panic!("docs/commands.md lacks {name} of {command}");
            };
            let none = ["", "none", "required"].contains(&written.split(';').next().unwrap_or_default());
            let agrees = if default.is_empty() { none } else { written == default };
            assert!(
                agrees,
                "{command} {name}: '{written}' in docs/commands.md, '{default}' in its help"
            );
        }
        for (name, _) in documented {
            assert!(
                in_program.iter().any(|row| row.0 == name),
                "docs/commands.md tells of {name}, which {command} does not have"
            );
        }
    }
}

#[test]
fn every_name_of_a_table_is_in_the_docs() {
    let text = read("docs/commands.md");
    let names = METHODS.iter().map(|row| row.name);
    let names = names.chain(WAVELETS.iter().map(|row| row.name));
    for name in names.chain(FAMILIES.iter().map(|row| row.name)) {
        assert!(text.contains(&format!("`{name}`")), "docs/commands.md lacks `{name}`");
    }
    let formats = read("docs/formats.md");
    for name in SCAN_FORMATS.iter().map(|row| row.name) {
        assert!(formats.contains(&format!("`{name}`")), "docs/formats.md lacks `{name}`");
    }
}

#[test]
fn formats_md_covers_every_image_format() {
    let (text, help) = (read("docs/formats.md"), pvdamp(["recon", "--help"]));
    let (_, text) = text.split_once("\n### Images in other formats\n").unwrap();
    let line = |name: &str| {
        let start = format!("| `{name}` |");
        let found = text.lines().find(|line| line.starts_with(&start));
        found
            .unwrap_or_else(|| panic!("docs/formats.md lacks {name}"))
            .to_string()
    };
    for format in IMAGE_FORMATS {
        let line = line(format.name);
        assert!(line.contains(format.title) && line.contains(format.citation), "{line}");
        assert_eq!(line.contains("complex64"), format.complex, "{line}");
        for extension in format.extensions {
            assert!(line.contains(&format!("`.{extension}`")), "{line} lacks .{extension}");
            assert!(
                help.contains(&format!(".{extension}")),
                "the help of recon lacks .{extension}"
            );
        }
    }
}

/// Every page of documentation.
fn pages() -> Vec<String> {
    let folder = fs::read_dir(root().join("docs")).unwrap();
    let docs = folder.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    let named = ["README.md", "CONTRIBUTING.md", "data/README.md"].map(String::from);
    docs.filter(|name| name.ends_with(".md")).chain(named).collect()
}

#[test]
fn the_commands_shown_can_be_typed() {
    let commands = commands();
    let mut shown = 0;
    for page in pages() {
        let text = read(&page);
        let code = text.split("\n```").skip(1).step_by(2);
        for line in code.flat_map(str::lines) {
            let typed = ["pvdamp ", "cargo run --release -- "]
                .iter()
                .find_map(|start| line.strip_prefix(start));
            let Some(words) = typed.map(|typed| typed.split_whitespace().collect::<Vec<_>>()) else {
                continue;
            };
            let Some(&command) = words
                .first()
                .filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
            else {
                continue;
            };
            assert!(
                commands.iter().any(|c| c == command),
                "{page}: there is no command {command}: {line}"
            );
            let options = in_help(command);
            for option in words.iter().filter_map(|word| option_of(word)) {
                let there = options.iter().any(|row| row.0 == option);
                assert!(there, "{page}: {command} has no {option}: {line}");
            }
            shown += 1;
        }
    }
    assert!(shown > 10, "only {shown} commands were found in the pages");
}

#[test]
fn cluster_md_shows_the_files_that_are_run() {
    let text = read("docs/cluster.md");
    for (file, language) in [("docs/pvdamp.sbatch", "bash"), ("docs/pvdamp.job.yaml", "yaml")] {
        let shown = format!("```{language}\n{}```\n", read(file));
        assert!(text.contains(&shown), "docs/cluster.md does not show {file} as it is");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in pages() {
        let text = read(&page);
        let folder = root().join(&page).parent().map(Path::to_path_buf).unwrap_or_default();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                root().join(&page)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{page}: {link} leads nowhere");
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let there = text
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line) == heading);
                assert!(there, "{page}: {link}: there is no such heading");
            }
        }
    }
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars()
        .filter(|&c| c.is_alphanumeric() || c == '-' || c == '_')
        .collect()
}

/// The names of all datasets below a group, and of all attributes.
fn names_in(group: &hdf5::Group, found: &mut Vec<String>) {
    found.extend(group.attr_names().unwrap());
    for dataset in group.datasets().unwrap() {
        found.push(dataset.name().trim_start_matches('/').to_string());
        found.extend(dataset.attr_names().unwrap());
    }
    group.groups().unwrap().iter().for_each(|inner| names_in(inner, found));
}

/// The names of all fields of a JSON value.
fn fields(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                found.push(name.clone());
                fields(value, found);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

/// A folder with every kind of file the program writes.
fn written() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().to_path_buf();
    let at = move |name: &str| base.join(name);
    let tiny = root().join("data/tiny.h5");
    let run = |words: &[&str], files: &[(&str, PathBuf)]| {
        let files = files
            .iter()
            .flat_map(|(option, file)| [(*option).into(), file.clone().into_os_string()]);
        let words = words.iter().map(std::ffi::OsString::from).chain(files);
        pvdamp(words.chain(["-q".into()]));
    };
    let scan = tiny.to_str().unwrap();
    let recon = [
        "recon",
        "--method",
        "pvdamp",
        scan,
        "--accel",
        "3",
        "--acs",
        "12",
        "--save-maps",
        "--time-limit",
        "60",
        "--uncertainty",
    ];
    run(
        &recon,
        &[
            ("-o", at("out.h5")),
            ("--trace", at("trace.jsonl")),
            ("--png", at("pictures")),
        ],
    );
    run(&["maps", scan], &[("-o", at("maps.h5"))]);
    run(
        &["recon", scan, "--accel", "3"],
        &[
            ("--maps", at("maps.h5")),
            ("-o", at("given.h5")),
            ("--trace", at("given.jsonl")),
        ],
    );
    run(
        &["mask", "--size", "48x40", "--accel", "3", "--acs", "12"],
        &[("-o", at("mask.h5"))],
    );
    let simulate = [
        "simulate", "--size", "48x40", "--coils", "3", "--slices", "2", "--noise", "0.01", "--seed", "7",
    ];
    run(&simulate, &[("-o", at("simulated.h5"))]);
    let bench = [
        "bench",
        scan,
        "--methods",
        "pvdamp:bars,fista:optimal:iterations=3",
        "--accel",
        "3",
        "--acs",
        "12",
        "--seeds",
        "1",
    ];
    run(&bench, &[("-o", at("bench"))]);
    (folder, at)
}

#[test]
fn formats_md_names_all_that_is_written() {
    let (_folder, at) = written();
    let mut names = Vec::new();
    for file in ["out.h5", "given.h5", "maps.h5", "mask.h5", "simulated.h5"] {
        names_in(&hdf5::File::open(at(file)).unwrap(), &mut names);
    }
    for trace in ["trace.jsonl", "given.jsonl"] {
        let text = fs::read_to_string(at(trace)).unwrap();
        assert_eq!(text.lines().count(), 2, "one line a slice");
        text.lines()
            .for_each(|line| fields(&serde_json::from_str(line).unwrap(), &mut names));
    }
    let results = fs::read(at("bench/results.json")).unwrap();
    fields(&serde_json::from_slice(&results).unwrap(), &mut names);
    for file in fs::read_dir(at("bench"))
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().is_file())
    {
        names.push(file.unwrap().file_name().into_string().unwrap());
    }
    assert!(names.len() > 100, "{names:?}");
    let text = read("docs/formats.md");
    for name in names {
        assert!(text.contains(&format!("`{name}`")), "docs/formats.md lacks `{name}`");
    }
    for picture in [
        "out_000.png",
        "out_000_std.png",
        "out_000_unbiased.png",
        "out_001.png",
        "out_001_std.png",
        "out_001_unbiased.png",
    ] {
        assert!(at("pictures").join(picture).is_file(), "{picture} was not written");
    }
}

#[test]
fn the_fixture_is_what_its_command_makes() {
    let (_folder, at) = written();
    let kspace = |path: PathBuf| -> Array4<Complex<f32>> {
        hdf5::File::open(path)
            .unwrap()
            .dataset("kspace")
            .unwrap()
            .read()
            .unwrap()
    };
    let (fixture, made) = (kspace(root().join("data/tiny.h5")), kspace(at("simulated.h5")));
    assert_eq!(fixture.dim(), made.dim());
    let largest = fixture.iter().map(|v| v.norm()).fold(0.0, f32::max);
    let error = fixture
        .iter()
        .zip(&made)
        .map(|(a, b)| (a - b).norm())
        .fold(0.0, f32::max);
    // other processors may round otherwise
    assert!(error < 1e-5 * largest, "{error:e} of {largest:e}");
}
