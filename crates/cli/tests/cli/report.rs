//! `pvdamp report` as a user runs it: the page of a batch, its notes on what is missing, and errors.

use std::fs;

use crate::support::command::*;

/// A batch of two scans that work and one that does not.
fn batch() -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("scans/sub")).unwrap();
    folder.run_ok("simulate --size 48x40 --coils 3 --slices 2 --seed 3 -o scans/a.h5");
    folder.run_ok("simulate --size 40x48 --coils 3 --slices 1 --seed 4 -o scans/sub/b.h5");
    fs::write(folder.path("scans/broken.h5"), "no scan").unwrap();
    let output = folder.run("batch scans --accel 3 --acs 12 -o out");
    assert_eq!(output.code, Some(3), "{}", output.err);
    folder
}

fn page(folder: &Folder) -> String {
    fs::read_to_string(folder.path("out/report.html")).unwrap()
}

#[test]
fn the_page_shows_what_was_done_and_what_was_not() {
    let folder = batch();
    let output = folder.run_ok("report out");
    assert!(
        output.err.contains("wrote out/report.html") && output.warnings().is_empty(),
        "{}",
        output.err
    );
    let first = page(&folder);
    for words in [
        "The batch is complete: 2 of 3 volumes done; 1 failed.",
        "broken.h5",
        "href=\"#slice=sub/b.h5/0\"",
        "SIMULATED",
        "Histogram of NMSE of 3 slices",
    ] {
        assert!(first.contains(words), "{words}");
    }
    // three pictures, in two blocks
    assert_eq!(first.matches("\"/9j/").count(), 3);
    assert_eq!(first.matches("id=\"volume-").count(), 2);
    folder.run_ok("report out --threads 1 -o elsewhere.html");
    assert_eq!(fs::read_to_string(folder.path("elsewhere.html")).unwrap(), first);
    // nothing is fetched, and no browser would
    assert!(first.contains("content=\"default-src 'none'; img-src data:;"));
    for fetched in ["src=\"http", "href=\"http", "url(", "@import", "<link", "<iframe"] {
        assert!(!first.contains(fetched), "{fetched}");
    }
}

#[test]
fn unreadable_results_are_reported_and_the_rest_is_shown() {
    let folder = batch();
    let result = fs::read(folder.path("out/a.h5")).unwrap();
    fs::write(folder.path("out/a.h5"), &result[..result.len() / 3]).unwrap();
    fs::remove_file(folder.path("out/sub/b.h5")).unwrap();
    let lines = fs::read_to_string(folder.path("out/batch.jsonl")).unwrap();
    let torn = format!(
        "{}\n{{\"foreign\": 1}}\n{}",
        lines.lines().next().unwrap(),
        &lines[..40]
    );
    fs::write(folder.path("out/batch.jsonl"), torn).unwrap();
    let output = folder.run_ok("report out");
    let warnings = output.warnings();
    assert_eq!(warnings.len(), 3, "{}", output.err);
    for (warning, words) in warnings
        .iter()
        .zip(["batch.jsonl: 2 line(s)", "out/a.h5", "out/sub/b.h5"])
    {
        assert!(warning.contains(words), "{warning}");
        let message = warning.strip_prefix("pvdamp: warning: ").unwrap();
        assert!(page(&folder).contains(message), "{message}");
    }
    assert!(page(&folder).contains("href=\"#slice=a.h5/0\"") && !page(&folder).contains("\"/9j/"));
    fs::remove_file(folder.path("out/batch.jsonl")).unwrap();
    let output = folder.run_ok("report out");
    assert!(output.err.contains("batch.jsonl cannot be read"), "{}", output.err);
}

#[test]
fn a_foreign_result_is_no_picture_of_this_batch() {
    let folder = batch();
    // of another number of slices
    fs::copy(folder.path("out/sub/b.h5"), folder.path("out/a.h5")).unwrap();
    let output = folder.run_ok("report out");
    assert!(
        output.err.contains("holds 1 slice(s), batch.json says 2"),
        "{}",
        output.err
    );
    // and a name that leads out of the folder
    let manifest = fs::read_to_string(folder.path("out/batch.json")).unwrap();
    fs::copy(folder.path("out/sub/b.h5"), folder.path("b.h5")).unwrap();
    fs::write(
        folder.path("out/batch.json"),
        manifest.replace("\"name\": \"sub/b.h5\"", "\"name\": \"../b.h5\""),
    )
    .unwrap();
    let output = folder.run_ok("report out");
    assert!(
        output.err.contains("names a result outside of its folder"),
        "{}",
        output.err
    );
    assert!(!page(&folder).contains("\"/9j/"));
}

#[test]
fn what_is_no_batch_is_refused() {
    let folder = Folder::new();
    folder.refused("report no", 1, &["no: no such folder"]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.refused("report empty", 1, &["empty: there is no batch.json in it"]);
    fs::create_dir(folder.path("parts")).unwrap();
    fs::write(folder.path("parts/batch-1-of-2.json"), "{}").unwrap();
    folder.refused("report parts", 1, &["not merged", "pvdamp batch --merge -o parts"]);
    fs::write(folder.path("empty/batch.json"), "{\"version\": 3}").unwrap();
    folder.refused("report empty", 1, &["empty/batch.json", "is no manifest of a batch"]);
}

#[test]
fn the_page_replaces_no_file_of_the_batch() {
    let folder = batch();
    for name in ["batch.json", "batch.jsonl", "sub/b.h5", "sub/../a.h5"] {
        folder.refused(&format!("report out -o out/{name}"), 1, &["is a file of the batch"]);
    }
    folder.refused("report out -o no/report.html", 1, &["no/report.html", "does not exist"]);
}
