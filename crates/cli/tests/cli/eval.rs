//! `pvdamp eval` on folders: which files belong together, the figures and their means, what is passed over, tables.

use crate::support::command::*;
use ndarray::Array3;
use serde_json::Value;

const DATA: i32 = 1;
const SETTING: i32 = 2;
const PASSED_OVER: i32 = 3;

/// A target that is nowhere the same.
fn target(slices: usize, rows: usize, cols: usize) -> Array3<f32> {
    Array3::from_shape_fn((slices, rows, cols), |(s, r, c)| {
        0.1 + ((7 * s + 3 * r * r + 5 * c) % 31) as f32 / 31.0
    })
}

fn write(folder: &Folder, place: &str, images: &Array3<f32>) {
    let parent = folder.path(place).parent().unwrap().to_path_buf();
    std::fs::create_dir_all(parent).unwrap();
    folder.write(place, images);
}

fn attribute(folder: &Folder, file: &str, acquisition: &str) {
    let name: hdf5::types::VarLenUnicode = acquisition.parse().unwrap();
    let file = folder.append(file);
    let attribute = file.new_attr::<hdf5::types::VarLenUnicode>().create("acquisition");
    attribute.unwrap().write_scalar(&name).unwrap();
}

/// A pair `targets/FILE` and `results/FILE`; the result is the target times `1 + error`, so that its NMSE is `error²`.
fn pair(folder: &Folder, file: &str, acquisition: &str, error: f32) {
    let images = target(2, 24, 16);
    write(folder, &format!("targets/{file}:reconstruction_rss"), &images);
    write(
        folder,
        &format!("results/{file}:reconstruction"),
        &(images * (1.0 + error)),
    );
    if !acquisition.is_empty() {
        attribute(folder, &format!("targets/{file}"), acquisition);
    }
}

/// Three pairs, two of them AXT2 and one, in a subfolder, without an acquisition; and files that are no volumes.
fn folders() -> Folder {
    let folder = Folder::new();
    pair(&folder, "b.h5", "AXT2", 0.1);
    pair(&folder, "a.h5", "AXT2", 0.2);
    pair(&folder, "knee/c.hdf5", "", 0.3);
    for other in [
        "targets/list.txt",
        "targets/.hidden.h5",
        "results/knee/.c.h5",
        "results/a.npy",
    ] {
        std::fs::write(folder.path(other), "no volume").unwrap();
    }
    folder
}

fn json(output: &ProgramOutput) -> Value {
    serde_json::from_str(&output.out).unwrap()
}

fn table(folder: &Folder, file: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(folder.path(file))
        .unwrap();
    let rows = reader
        .records()
        .map(|row| row.unwrap().iter().map(str::to_string).collect());
    rows.collect()
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found / expected - 1.0).abs() < 1e-5, "{found}, not {expected}");
}

#[test]
fn volumes_of_two_folders_and_means_over_them() {
    let folder = folders();
    let found = json(&folder.run_ok("eval targets results --json"));
    let volumes = found["volumes"].as_array().unwrap();
    let names: Vec<_> = volumes.iter().map(|v| v["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.h5", "b.h5", "knee/c.hdf5"]);
    for (volume, error) in volumes.iter().zip([0.2, 0.1, 0.3]) {
        near(&volume["nmse"], error * error);
        // as of the pair alone
        let file = volume["file"].as_str().unwrap();
        let alone = folder.eval(&format!("targets/{file}"), &format!("results/{file}"));
        for figure in ["nmse", "psnr_db", "ssim", "data_range", "slices", "region"] {
            assert_eq!(volume[figure], alone[figure], "{file} {figure}");
        }
        assert_eq!(volume["region"], "16x16");
        assert!(volume["error"].is_null());
    }
    let [axt2, unknown] = &found["acquisitions"].as_array().unwrap()[..] else {
        panic!("{found}")
    };
    assert_eq!((&axt2["acquisition"], &axt2["volumes"]), (&"AXT2".into(), &2.into()));
    near(&axt2["nmse"]["mean"], (0.04 + 0.01) / 2.0);
    near(&axt2["nmse"]["std"], 0.03 / 2f64.sqrt());
    assert_eq!(unknown["acquisition"], "unknown");
    near(&unknown["nmse"]["mean"], 0.09);
    assert!(unknown["nmse"]["std"].is_null());
    let all = &found["all"];
    assert_eq!(all["volumes"], 3);
    near(&all["nmse"]["mean"], 0.14 / 3.0);
    near(&all["nmse"]["std"], (0.0098 / 3.0 / 2.0f64).sqrt());
    let psnr = |v: &Value| v["psnr_db"].as_f64().unwrap();
    // times 2 and 3 of the same error
    assert!((psnr(&volumes[1]) - psnr(&volumes[0]) - 20.0 * 2f64.log10()).abs() < 1e-4);
    near(&all["psnr_db"]["mean"], volumes.iter().map(psnr).sum::<f64>() / 3.0);

    let text = folder.run_ok("eval targets results").out;
    for expected in [
        "knee/c.hdf5",
        "AXT2",
        "0.025000 ± 0.021213",
        "0.046667 ± 0.0404",
        "standard deviation",
    ] {
        assert!(text.contains(expected), "'{expected}' is not in\n{text}");
    }
    for threads in 1..3 {
        assert_eq!(
            json(&folder.run_ok(&format!("--threads {threads} eval targets results --json"))),
            found
        );
    }
    // two files, the target before the result
    let alone = folder.run_ok("eval targets/a.h5 results/a.h5 --json").out;
    assert_eq!(
        alone,
        folder.run_ok("eval --json results/a.h5 --target targets/a.h5").out
    );
    // the datasets of all files
    let same = json(&folder.run_ok("eval results:reconstruction results --json"));
    assert_eq!(same["all"]["nmse"]["mean"], 0.0);
    assert!(same["all"]["psnr_db"]["mean"].is_null(), "infinite");
}

#[test]
fn one_acquisition_is_taken_alone() {
    let folder = folders();
    // of another acquisition: neither missing nor damaged is of interest
    pair(&folder, "d.h5", "AXT1", 0.1);
    std::fs::remove_file(folder.path("results/d.h5")).unwrap();
    for (acquisition, files) in [("AXT2", &["a.h5", "b.h5"][..]), ("unknown", &["knee/c.hdf5"])] {
        let output = folder.run_ok(&format!(
            "eval targets results --acquisition {acquisition} --csv out.csv --json"
        ));
        let found = json(&output);
        assert_eq!(found["all"]["volumes"], files.len());
        assert_eq!(found["acquisitions"].as_array().unwrap().len(), 1);
        assert_eq!(found["acquisitions"][0]["acquisition"], acquisition);
        let table = table(&folder, "out.csv");
        assert!(table[1..].iter().map(|row| row[0].as_str()).eq(files.iter().copied()));
        assert!(output.warnings().is_empty(), "{}", output.err);
    }
}

#[test]
fn pairs_that_cannot_be_compared_are_skipped() {
    let folder = folders();
    let good = json(&folder.run_ok("eval targets results --json"));
    for file in ["cut.h5", "lost.h5", "more.h5", "noise.h5", "small.h5", "zero.h5"] {
        pair(&folder, file, "AXT2", 0.5);
    }
    std::fs::remove_file(folder.path("results/lost.h5")).unwrap();
    let whole = std::fs::read(folder.path("results/cut.h5")).unwrap();
    std::fs::write(folder.path("results/cut.h5"), &whole[..whole.len() / 2]).unwrap();
    folder.write("results/more.h5:reconstruction", &target(3, 24, 16));
    std::fs::write(folder.path("targets/noise.h5"), "noise").unwrap();
    folder.write("results/small.h5:reconstruction", &target(2, 24, 5));
    folder.write("targets/zero.h5:reconstruction_rss", &(target(2, 24, 16) * 0.0));
    write(&folder, "results/new/extra.h5:reconstruction", &target(2, 24, 16));
    let failures = [
        ("cut.h5", "results/cut.h5: ", "truncated"),
        ("lost.h5", "results/lost.h5: ", "there is no such result"),
        ("more.h5", "results/more.h5: ", "3 slice(s)"),
        ("noise.h5", "targets/noise.h5: ", "not an HDF5 file"),
        ("small.h5", "results/small.h5: ", "16x5"),
        ("zero.h5", "targets/zero.h5: ", "is zero"),
    ];

    let output = folder.run("eval targets results --csv out.csv --json");
    assert_eq!(output.code, Some(PASSED_OVER), "{}", output.err);
    assert!(!output.err.contains("panicked"), "{}", output.err);
    let errors: Vec<&str> = output.err.lines().filter(|line| line.contains("error: ")).collect();
    assert_eq!(errors.len(), failures.len() + 1, "{}", output.err);
    assert!(
        errors[failures.len()].contains("passed over 6 of 9 volumes"),
        "{}",
        output.err
    );
    let warned = output.warnings();
    assert!(warned.len() == 1 && warned[0].contains("new/extra.h5"), "{warned:?}");

    let found = json(&output);
    let volumes = found["volumes"].as_array().unwrap();
    assert_eq!(volumes.len(), 9);
    let table = table(&folder, "out.csv");
    let heading =
        "file,acquisition,slices,region,data_range,nmse,psnr_db,ssim,calgary_psnr_db,calgary_ssim,calgary_vif,error";
    assert_eq!(table[0].join(","), heading);
    assert_eq!(table.len(), 10);
    for (file, place, why) in failures {
        let at = volumes.iter().position(|v| v["file"] == file).unwrap();
        let reason = volumes[at]["error"].as_str().unwrap();
        assert!(reason.starts_with(place) && reason.contains(why), "{reason}");
        assert!(volumes[at].get("nmse").is_none(), "{}", volumes[at]);
        assert!(errors.iter().any(|error| error.contains(reason)), "{}", output.err);
        let row = &table[at + 1];
        let acquisition = if file == "noise.h5" { "" } else { "AXT2" };
        assert_eq!(
            (row[0].as_str(), row[1].as_str(), row[11].as_str()),
            (file, acquisition, reason)
        );
        assert!(row[2..11].iter().all(String::is_empty), "{row:?}");
    }
    // the others as without these
    for volume in good["volumes"].as_array().unwrap() {
        let at = volumes.iter().position(|v| v["file"] == volume["file"]).unwrap();
        assert_eq!(&volumes[at], volume);
        let row = &table[at + 1];
        assert_eq!(
            (row[0].as_str(), row[3].as_str(), row[11].as_str()),
            (volume["file"].as_str().unwrap(), "16x16", "")
        );
        for (column, figure) in [
            (2, "slices"),
            (4, "data_range"),
            (5, "nmse"),
            (6, "psnr_db"),
            (7, "ssim"),
        ] {
            // the reader of JSON rounds
            let written: f64 = row[column].parse().unwrap();
            assert!(
                (written / volume[figure].as_f64().unwrap() - 1.0).abs() < 1e-14,
                "{figure}"
            );
        }
    }
    assert_eq!(
        (&found["all"], &found["acquisitions"]),
        (&good["all"], &good["acquisitions"])
    );
    let text = folder.run("eval targets results");
    assert_eq!(text.code, Some(PASSED_OVER));
    assert!(
        text.out.contains("0.046667 ± 0.0404") && !text.out.contains("lost.h5"),
        "{}",
        text.out
    );
    // errors are printed even when quiet
    let quiet = folder.run("-q eval targets results");
    assert_eq!(quiet.err.lines().count(), failures.len() + 1, "{}", quiet.err);
}

#[test]
fn folders_that_do_not_belong_together_are_refused() {
    let folder = folders();
    write(&folder, "elsewhere/x.h5:reconstruction", &target(2, 24, 16));
    std::fs::create_dir(folder.path("empty")).unwrap();
    std::fs::write(folder.path("kept.csv"), "kept").unwrap();
    for (words, code, expected) in [
        (
            "targets elsewhere --csv kept.csv",
            DATA,
            ["elsewhere", "no file of the name of one in targets"],
        ),
        ("targets empty --csv kept.csv", DATA, ["empty", "no .h5 file"]),
        ("empty results", DATA, ["empty", "no .h5 file"]),
        (
            "targets results --csv kept.csv --acquisition AXT3",
            DATA,
            ["AXT3", "there are AXT2, unknown"],
        ),
        (
            "targets results --csv new/out.csv",
            DATA,
            ["new/out.csv", "does not exist"],
        ),
        (
            "targets results --csv targets/a.h5",
            DATA,
            ["targets/a.h5", "is an input"],
        ),
        ("targets results/a.h5", DATA, ["targets", "folder; name"]),
        ("targets/a.h5 results", DATA, ["results", "folder; name"]),
        ("targets missing", DATA, ["targets", "folder; name"]),
        (
            "targets/a.h5 results/a.h5 --csv kept.csv",
            SETTING,
            ["--csv", "two folders"],
        ),
        (
            "targets/a.h5 results/a.h5 --acquisition AXT2",
            SETTING,
            ["--acquisition", "two folders"],
        ),
    ] {
        folder.refused(&format!("eval {words}"), code, &expected);
    }
    for words in [
        "eval results/a.h5",
        "eval targets/a.h5 results/a.h5 --target targets/b.h5",
        "eval",
    ] {
        assert_eq!(folder.run(words).code, Some(SETTING), "{words}");
    }
}
