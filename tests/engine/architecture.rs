//! Imports run one way within each package; between packages Cargo sees to it. Each room of a `src/` is a folder or a file
//! there; [`PACKAGES`] says which others it may use. The sources are read as text, so that a forbidden import fails here
//! whatever else would compile.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room of a package, from the bottom up, and the rooms it may import. All of those stand above it in the table, so
/// that no circle can be written down.
type Rooms = &'static [(&'static str, &'static str)];

const ENGINE: Rooms = &[
    ("error", ""),
    ("array", "error"),
    ("fourier", "error array"),
    ("wavelet", "error array"),
    ("quality", "error array"),
    ("sampling", "error array fourier wavelet quality"),
    ("operator", "error array fourier wavelet quality sampling"),
    ("coil", "error array fourier wavelet quality sampling operator"),
    ("denoise", "error array fourier wavelet quality sampling operator"),
    (
        "simulate",
        "error array fourier wavelet quality sampling operator coil denoise",
    ),
    (
        "solve",
        "error array fourier wavelet quality sampling operator coil denoise",
    ),
    (
        "reconstruct",
        "error array fourier wavelet quality sampling operator coil denoise solve",
    ),
];

/// The folder of each package, and its rooms.
const PACKAGES: &[(&str, Rooms)] = &[
    ("", ENGINE),
    (
        "crates/io",
        &[
            ("error", ""),
            ("memory", ""),
            ("format", "error memory"),
            ("evaluate", "error format"),
            ("recon", "error format"),
        ],
    ),
    (
        "crates/cli",
        &[
            ("flags", ""),
            ("compare", "flags"),
            ("batch", "flags"),
            ("report", "flags compare batch"),
            ("cli", "flags compare batch report"),
        ],
    ),
    (
        "crates/python",
        &[
            ("arrays", ""),
            ("errors", ""),
            ("program", ""),
            ("job", ""),
            ("options", ""),
            ("origin", ""),
            ("sampling", "arrays errors"),
            ("metrics", "arrays job"),
            ("encoding", "arrays job"),
            ("simulate", "arrays errors job"),
            ("wavelet", "arrays errors options"),
            ("files", "arrays errors job"),
            ("reconstruct", "arrays errors job options origin files"),
            ("coils", "arrays errors job options reconstruct"),
        ],
    ),
];

fn may_import(rooms: Rooms, room: &str) -> Option<Vec<&'static str>> {
    let row = rooms.iter().find(|row| row.0 == room)?;
    Some(row.1.split_whitespace().collect())
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn src(package: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(package).join("src")
}

/// The module that a file in `src` is, from the crate root: `coil/mod.rs` is `[coil]`, `coil/noise.rs` is `[coil, noise]`.
fn module(src: &Path, file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(src).expect("a file of src").with_extension("");
    let mut names: Vec<String> = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The names that a path goes on with: one, or those of a group in braces.
fn heads(path: &str) -> Vec<&str> {
    let word = |text: &'_ str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let Some(group) = path.trim_start().strip_prefix('{') else {
        return vec![&path[..word(path)]];
    };
    let (mut depth, mut names, mut first) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => first = true,
            c if first && is_word(c) => {
                names.push(&group[at..at + word(&group[at..])]);
                first = false;
            }
            _ => {}
        }
    }
    names
}

/// Rooms that a source names: by `crate::room`, or from the module `depth` levels below the root by as many `super`.
fn rooms_named(rooms: Rooms, source: &str, depth: usize) -> Vec<String> {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_string();
    let code = source.lines().map(code).collect::<Vec<_>>().join("\n");
    let upwards = "super::".repeat(depth);
    let mut named = Vec::new();
    for root in ["crate::", &upwards] {
        for (at, _) in code.match_indices(root) {
            // not `thecrate::`, and not the end of a longer chain
            if !code[..at].ends_with(|c| is_word(c) || c == ':') {
                named.extend(heads(&code[at + root.len()..]).into_iter().map(str::to_string));
            }
        }
    }
    named.retain(|name| may_import(rooms, name).is_some());
    named
}

/// What `room` imports and may not.
fn forbidden(rooms: Rooms, room: &str, source: &str, depth: usize) -> Vec<String> {
    let allowed = may_import(rooms, room).unwrap_or_default();
    let mut found = rooms_named(rooms, source, depth);
    found.retain(|name| name != room && !allowed.contains(&name.as_str()));
    found
}

#[test]
fn imports_run_one_way() {
    let mut offences = Vec::new();
    for &(package, rooms) in PACKAGES {
        let src = src(package);
        for file in sources(&src) {
            let module = module(&src, &file);
            let room = module[0].as_str();
            if ["lib", "main"].contains(&room) {
                continue;
            }
            let source = fs::read_to_string(&file).expect("a source");
            for other in forbidden(rooms, room, &source, module.len()) {
                offences.push(format!("{}: {room} must not use {other}", file.display()));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_room_is_in_its_table_once() {
    for &(package, rooms) in PACKAGES {
        let src = src(package);
        let mut there: Vec<String> = sources(&src).iter().map(|file| module(&src, file)[0].clone()).collect();
        there.retain(|name| name != "lib" && name != "main");
        there.sort();
        there.dedup();
        let mut listed: Vec<&str> = rooms.iter().map(|row| row.0).collect();
        listed.sort();
        assert_eq!(there, listed, "{package}");
    }
}

#[test]
fn no_table_has_a_circle() {
    for (_, rooms) in PACKAGES {
        for (i, (room, imports)) in rooms.iter().enumerate() {
            for import in imports.split_whitespace() {
                let above = rooms[..i].iter().any(|row| row.0 == import);
                assert!(above, "{room} may import {import}, which does not stand above it");
            }
        }
    }
}

#[test]
fn a_forbidden_import_is_seen_in_every_form() {
    for (room, source, depth, offence) in [
        ("wavelet", "use crate::solve::Problem;", 2, "solve"),
        ("array", "use crate::{\n    error::Error,\n    coil,\n};", 1, "coil"),
        (
            "coil",
            "use crate::{array::{Grid, Mask}, reconstruct::{Settings, Sampling}};",
            2,
            "reconstruct",
        ),
        ("simulate", "fn f(x: &crate::solve::Problem<f32>) {}", 2, "solve"),
        (
            "sampling",
            "pub(crate) use crate::reconstruct::Noise;",
            2,
            "reconstruct",
        ),
        ("fourier", "use super::operator::Encoding;", 1, "operator"),
        ("denoise", "use super::super::solve::Tuning;", 2, "solve"),
        ("wavelet", "use super::super::{array::Grid, solve};", 2, "solve"),
    ] {
        assert_eq!(forbidden(ENGINE, room, source, depth), [offence], "{room}: {source}");
    }
}

#[test]
fn allowed_imports_and_comments_pass() {
    for (room, source, depth) in [
        (
            "solve",
            "use crate::{array::Real, denoise, wavelet::{Layout, Wavelet}};",
            2,
        ),
        (
            "wavelet",
            "/// Used by [`crate::solve`].\nuse crate::array::Grid; // crate::coil",
            2,
        ),
        ("reconstruct", "use super::sampling::Sampling;", 2),
        ("coil", "use crate::coil::noise;", 2),
    ] {
        assert_eq!(forbidden(ENGINE, room, source, depth), [""; 0], "{room}: {source}");
    }
}
