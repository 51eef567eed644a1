//! What must be refused: with one sentence that names the file and the mend, and nothing left behind.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::command::*;
use ndarray::{Array1, Array2, Array3, Array4, Array5, ArrayD, Axis, s};

/// A small full scan of 48x40, 3 coils, 2 slices, and `under.h5` made of it by `mask.h5`.
fn scan() -> Folder {
    let folder = Folder::with_scan("--size 48x40 --coils 3 --slices 2 --seed 3");
    folder.undersample("--accel 3 --acs 14");
    folder
}

const DATA: i32 = 1;
const USAGE: i32 = 2;

#[test]
fn what_is_no_scan() {
    let folder = scan();
    let scan = std::fs::read(folder.path("full.h5")).unwrap();
    std::fs::write(folder.path("text.h5"), "k-space ".repeat(1000)).unwrap();
    std::fs::write(folder.path("empty.h5"), "").unwrap();
    std::fs::write(folder.path("cut.h5"), &scan[..scan.len() / 2]).unwrap();
    std::fs::create_dir(folder.path("folder")).unwrap();
    let cases = [
        ("text.h5", "not an HDF5 file; give"),
        ("empty.h5", "empty; copy"),
        ("cut.h5", "truncated; copy"),
        ("missing.h5", "no such file; check"),
        ("folder", "folder; name"),
    ];
    for (name, expected) in cases {
        for command in [
            format!("recon {name} -o out.h5 --trace t.jsonl"),
            format!("maps {name} -o out.h5"),
            format!("info {name}"),
            format!("eval --target full.h5 {name}"),
            format!("eval --target {name} full.h5"),
            format!("recon full.h5 --mask {name} -o out.h5"),
            format!("recon under.h5 --prob-map {name}:prob_map -o out.h5"),
            format!("recon under.h5 --maps {name} -o out.h5"),
            format!("recon under.h5 --noise-covariance {name} -o out.h5"),
            format!("recon under.h5 --noise {name} -o out.h5"),
        ] {
            folder.refused(&command, DATA, &[name, expected]);
        }
    }
}

#[test]
fn a_scan_still_being_written() {
    let folder = scan();
    let writer = hdf5::File::append(folder.path("under.h5")).unwrap();
    let expected = [
        "under.h5",
        "another program has it open for writing",
        "; close it there",
    ];
    folder.refused("recon under.h5 -o out.h5", DATA, &expected);
    drop(writer);
}

#[test]
fn kspace_that_cannot_be() {
    let folder = scan();
    let kspace = folder.complex("full.h5:kspace");
    let put = |name: &str, at: [usize; 4], value: C32| {
        let mut kspace = kspace.clone();
        kspace[at] = value;
        folder.write(name, &kspace);
    };
    put("nan.h5:kspace", [1, 2, 0, 0], C32::new(0.0, f32::NAN));
    put("inf.h5:kspace", [0, 0, 24, 20], C32::new(f32::INFINITY, 0.0));
    folder.write("other.h5:ksp", &kspace);
    folder.write("real.h5:kspace", &Array4::<f32>::ones((1, 2, 16, 16)));
    folder.write("five.h5:kspace", &Array5::<C32>::ones((1, 1, 2, 16, 16)));
    folder.write("one.h5:kspace", &Array1::<C32>::ones(16));
    folder.write("none.h5:kspace", &Array4::<C32>::ones((1, 0, 16, 16)));
    let shape = [1usize, 200, 16, 16];
    folder.write("coils.h5:kspace", &Array4::<C32>::ones(shape));
    let cases: [(&str, &[&str]); 8] = [
        ("nan.h5", &["'kspace'", "slice 1", "NaN", "; set them to zero"]),
        ("inf.h5", &["'kspace'", "slice 0", "infinite", "; set them to zero"]),
        ("other.h5", &["no dataset 'kspace'", "ksp (2, 3, 48, 40)", "; name"]),
        ("real.h5", &["'kspace'", "float32", "; give complex"]),
        ("five.h5", &["'kspace'", "(1, 1, 2, 16, 16)", "; name them by --axes"]),
        ("one.h5", &["'kspace'", "(16)", "; name them by --axes"]),
        ("none.h5", &["'kspace'", "empty axis", "; give"]),
        ("coils.h5", &["'kspace'", "200 coils", "; if the coils are last"]),
    ];
    for (name, expected) in cases {
        let expected = [&[name], expected].concat();
        folder.refused(&format!("recon {name} -o out.h5 --trace t.jsonl"), DATA, &expected);
        folder.refused(&format!("maps {name} -o out.h5"), DATA, &expected);
    }
    // a dataset named otherwise is a scan all the same
    folder.run_ok("recon other.h5 --kspace ksp -o out.h5");
}

#[test]
fn masks_and_probabilities_that_do_not_fit() {
    let folder = scan();
    let mask: ArrayD<bool> = folder.read("mask.h5:mask");
    let probability: ArrayD<f64> = folder.read("mask.h5:prob_map");
    let turned = mask.t().to_owned();
    folder.write("wrong.h5:turned", &turned);
    folder.write("wrong.h5:lines", &Array1::from_elem(48, true));
    folder.write("wrong.h5:nothing", &Array2::from_elem((48, 40), 0u8));
    folder.write("wrong.h5:shape", &Array2::from_elem((48, 41), 0.5));
    folder.write("wrong.h5:two", &probability.mapv(|p| if p > 0.3 { 2.0 } else { p }));
    folder.write("wrong.h5:zero", &probability.mapv(|p| if p == 1.0 { 0.0 } else { p }));
    folder.write(
        "wrong.h5:nan",
        &probability.mapv(|p| if p == 1.0 { f64::NAN } else { p }),
    );
    // what fits one way alone is read that way
    let output = folder.run_ok("recon under.h5 --mask wrong.h5:turned -o out.h5");
    assert!(
        output
            .err
            .contains("the mask is read with columns before rows: only that fits"),
        "{}",
        output.err
    );
    folder.run_ok("recon under.h5 --mask mask.h5 -o right.h5");
    assert_eq!(folder.complex("out.h5:image"), folder.complex("right.h5:image"));
    let cases: [(&str, &str, &[&str]); 7] = [
        ("--mask", "lines", &["(48)", "; a mask of one axis"]),
        ("--mask", "nothing", &["samples nothing", "; mark"]),
        ("--mask", "missing", &["is not there", "; name"]),
        ("--prob-map", "shape", &["(48, 41)", "; give"]),
        ("--prob-map", "two", &["2 is not a probability", "; give"]),
        ("--prob-map", "zero", &["is 0 at 196 locations", "; give"]),
        ("--prob-map", "nan", &["NaN", "; set"]),
    ];
    for (option, dataset, expected) in cases {
        let named = format!("'{dataset}'");
        let expected = [&["wrong.h5", named.as_str()], expected].concat();
        folder.refused(
            &format!("recon under.h5 {option} wrong.h5:{dataset} -o out.h5"),
            DATA,
            &expected,
        );
    }
    // the same in the scan itself
    let within = |dataset: &str, from: &str| {
        let copy = format!("own_{from}.h5");
        folder.write(&format!("{copy}:kspace"), &folder.complex("under.h5:kspace"));
        match dataset {
            "mask" => folder.write(
                &format!("{copy}:mask"),
                &folder.read::<bool>(&format!("wrong.h5:{from}")),
            ),
            _ => folder.write(
                &format!("{copy}:prob_map"),
                &folder.read::<f64>(&format!("wrong.h5:{from}")),
            ),
        }
        let (named, recon) = (dataset.to_string(), format!("recon {copy} -o out.h5"));
        folder.refused(&recon, DATA, &[&copy, &named, "; "]);
    };
    within("mask", "lines");
    within("prob_map", "shape");
    within("prob_map", "zero");

    // a mask of locations where the scan has nothing
    let outside = mask.mapv(|sampled| !sampled);
    folder.write("wrong.h5:outside", &outside);
    let command = "recon under.h5 --mask wrong.h5:outside -o out.h5";
    folder.refused(
        command,
        DATA,
        &["wrong.h5", "'outside'", "none of the locations", "; give"],
    );
}

#[test]
fn maps_and_noise_that_do_not_fit() {
    let folder = scan();
    let maps = folder.complex("full.h5:sensitivity_maps");
    folder.write("wrong.h5:coils", &maps.slice(s![.., 0..2, .., ..]).to_owned());
    folder.write(
        "wrong.h5:turned",
        &maps.view().permuted_axes(vec![0, 1, 3, 2]).to_owned(),
    );
    folder.write("wrong.h5:last", &maps.view().permuted_axes(vec![0, 2, 3, 1]).to_owned());
    folder.write("wrong.h5:real", &Array3::<f32>::zeros((1, 1, 1)));
    folder.write("wrong.h5:zero", &maps.mapv(|_| C32::ZERO));
    folder.write("wrong.h5:nan", &maps.mapv(|v| v / 0.0));
    folder.write("cov.h5:small", &Array2::<f64>::eye(2));
    folder.write("cov.h5:negative", &Array2::<f64>::eye(3).mapv(|v| -v));
    folder.write(
        "cov.h5:skew",
        &Array2::<f64>::from_shape_fn((3, 3), |(i, j)| (i + 2 * j) as f64),
    );
    // what fits one way alone is read that way
    for (dataset, words) in [("turned", "columns before rows: only that fits"), ("last", "")] {
        let output = folder.run_ok(&format!("recon under.h5 --maps wrong.h5:{dataset} -o out.h5"));
        assert!(output.err.contains(words), "{}", output.err);
        let found = folder.complex("out.h5:image");
        folder.run_ok("recon under.h5 --maps full.h5:sensitivity_maps -o right.h5");
        assert_eq!(found, folder.complex("right.h5:image"), "{dataset}");
    }
    let cases: [(&str, &[&str]); 7] = [
        ("--maps wrong.h5:coils", &["(2, 2, 48, 40)", "; give"]),
        ("--maps wrong.h5:real", &["(1, 1, 1)", "; give"]),
        ("--maps wrong.h5:zero", &["zero", "; "]),
        ("--maps wrong.h5:nan", &["NaN", "; set"]),
        ("--noise-covariance cov.h5:small", &["(2, 2)", "; measure"]),
        ("--noise-covariance cov.h5:negative", &["negative eigenvalue", "; give"]),
        ("--noise-covariance cov.h5:skew", &["not Hermitian", "; give"]),
    ];
    for (options, expected) in cases {
        let (_, place) = options.split_once(' ').unwrap();
        let (file, dataset) = place.split_once(':').unwrap();
        let named = format!("'{dataset}'");
        let expected = [&[file, named.as_str()], expected].concat();
        folder.refused(&format!("recon under.h5 {options} -o out.h5"), DATA, &expected);
    }
}

#[test]
fn a_centre_without_samples_has_no_maps() {
    let folder = scan();
    let mut kspace = folder.complex("under.h5:kspace");
    kspace.slice_mut(s![.., .., 20..28, 16..24]).fill(C32::ZERO);
    folder.write("hollow.h5:kspace", &kspace);
    for command in ["recon", "maps"] {
        folder.refused(
            &format!("{command} hollow.h5 -o out.h5"),
            DATA,
            &["hollow.h5", "centre", "--maps"],
        );
    }
    folder.run_ok("recon hollow.h5 --maps full.h5:sensitivity_maps -o out.h5");
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = scan();
    std::fs::create_dir(folder.path("folder")).unwrap();
    std::fs::write(folder.path("file"), "x").unwrap();
    let outputs = [
        ("none/out.h5", "does not exist; create"),
        ("folder", "folder; name"),
        ("file/out.h5", "does not exist; create"),
    ];
    for (output, expected) in outputs {
        for command in [
            format!("recon under.h5 -o {output}"),
            format!("recon under.h5 -o out.h5 --trace {output}"),
            format!("maps under.h5 -o {output}"),
            format!("mask --size 32 --accel 3 --acs 8 -o {output}"),
            format!("simulate --size 16 -o {output}"),
        ] {
            folder.refused(&command, DATA, &[output, expected]);
        }
    }
    folder.refused(
        "recon under.h5 -o out.h5 --png file",
        DATA,
        &["file", "cannot be made", "; choose"],
    );
    folder.refused("demo -o file", DATA, &["file", "cannot be made", "; choose"]);
}

#[test]
fn inputs_are_not_overwritten() {
    let folder = scan();
    folder.write("cov.h5:noise_covariance", &Array2::<f64>::eye(3).mapv(|v| 1e-4 * v));
    let cases = [
        ("recon under.h5 -o under.h5", "under.h5"),
        ("recon under.h5 -o ./under.h5", "under.h5"),
        ("recon under.h5 -o out.h5 --trace under.h5", "under.h5"),
        ("recon under.h5 --mask mask.h5 -o mask.h5", "mask.h5"),
        ("recon under.h5 --prob-map mask.h5:prob_map -o mask.h5", "mask.h5"),
        ("recon under.h5 --maps full.h5 -o full.h5", "full.h5"),
        ("recon under.h5 --noise-covariance cov.h5 -o cov.h5", "cov.h5"),
        ("maps under.h5 -o under.h5", "under.h5"),
        ("maps under.h5 --mask mask.h5 -o mask.h5", "mask.h5"),
    ];
    for (command, named) in cases {
        folder.refused(
            command,
            DATA,
            &[named, "is an input of this run; choose another output"],
        );
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path("under.h5"), folder.path("link.h5")).unwrap();
        folder.refused(
            "recon under.h5 -o link.h5",
            DATA,
            &["link.h5", "is an input of this run"],
        );
    }
    folder.refused("recon under.h5 -o out.h5 --trace out.h5", DATA, &["out.h5", "; "]);
}

/// A limit on the size of files stands in for a full disk: writing fails half-way.
#[test]
#[cfg(unix)]
fn a_full_disk() {
    let folder = scan();
    // in blocks of 512 or 1024 bytes, as the shell has it
    for (words, named, blocks) in [
        ("recon under.h5 -o out.h5", "out.h5", 40),
        ("recon under.h5 --save-maps -o out.h5", "out.h5", 120),
        ("recon under.h5 -o out.h5 --trace out.h5.jsonl", "out.h5", 16),
        ("maps under.h5 -o out.h5", "out.h5", 16),
        ("mask --size 128 --accel 4 -o out.h5", "out.h5", 16),
        ("simulate --size 64 -o out.h5", "out.h5", 40),
    ] {
        folder.refuses(words, DATA, &[named, "cannot be written", "; make room"], || {
            let limited = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
            let mut shell = Command::new("sh");
            shell.args(["-c", &limited, env!("CARGO_BIN_EXE_pvdamp")]);
            shell.args(words.split_whitespace()).current_dir(folder.path(""));
            ProgramOutput::new(&shell.output().unwrap())
        });
    }
}

#[test]
fn settings_without_meaning() {
    let folder = scan();
    let cases = [
        ("full.h5 --accel 0", "--accel 0"),
        ("full.h5 --accel=-3", "--accel -3"),
        ("full.h5 --accel NaN", "--accel NaN"),
        ("full.h5 --accel inf", "--accel inf"),
        ("full.h5 --accel 1e9", "--accel 1000000000"),
        ("full.h5 --accel 4 --acs 64", "--acs 64x64"),
        ("full.h5 --accel 4 --acs 40x41", "--acs 40x41"),
        ("full.h5 --accel 4 --order=-1", "--order -1"),
        ("full.h5 --accel 4 --order NaN", "--order NaN"),
        (
            "full.h5 --accel 4 --sampling lines-random --order 2",
            "--order 2 means nothing to lines-random masks",
        ),
        (
            "full.h5 --accel 4 --acs-fraction 0.1",
            "--acs-fraction 0.1 means nothing to bernoulli masks",
        ),
        ("full.h5 --accel 4 --sampling lines-equispaced --acs 12x8", "give 8"),
        (
            "full.h5 --accel 4 --sampling lines-equispaced --acs-fraction 2",
            "--acs-fraction 2 is no share",
        ),
        (
            "full.h5 --accel 9 --sampling lines-equispaced --acs 8",
            "--accel 9 cannot be reached: with 8 of 40 columns",
        ),
        (
            "full.h5 --accel 4 --sampling lines-random --seed 4294967296",
            "--seed 4294967296",
        ),
        ("under.h5 --iterations 0", "--iterations 0"),
        ("under.h5 --method pvdamp --damping 0", "--damping 0"),
        ("under.h5 --method pvdamp --damping 2", "--damping 2"),
        ("under.h5 --method pvdamp --damping NaN", "--damping NaN"),
        ("under.h5 --method pvdamp --scales 0", "--scales 0"),
        ("under.h5 --method pvdamp --scales 40", "--scales 40"),
        ("under.h5 --time-limit=-1", "--time-limit -1"),
        ("under.h5 --time-limit NaN", "--time-limit NaN"),
        (
            "under.h5 --method cg-sense --uncertainty",
            "--uncertainty means nothing to --method cg-sense",
        ),
        ("under.h5 --noise-covariance=-1", "--noise-covariance -1"),
        ("under.h5 --noise-covariance inf", "--noise-covariance inf"),
        ("under.h5 --kernel 0", "--kernel 0"),
        ("under.h5 --calibration 0", "--calibration 0"),
        ("under.h5 --kernel 25", "--kernel 25 is too large; give at most 24"),
        (
            "under.h5 --kernel 9223372036854775808",
            "--kernel 9223372036854775808 is too large",
        ),
        (
            "under.h5 --kernel 18446744073709551615",
            "--kernel 18446744073709551615 is too large",
        ),
        ("under.h5 --calibration 1025", "--calibration 1025 is too large"),
        (
            "under.h5 --calibration 18446744073709551615",
            "--calibration 18446744073709551615 is too large",
        ),
        ("under.h5 --crop 2", "crop 2"),
        ("under.h5 --crop NaN", "crop NaN"),
    ];
    for (words, named) in cases {
        folder.refused(&format!("recon {words} -o out.h5"), USAGE, &[named]);
    }
    for (words, named) in [
        ("mask --size 32 -o out.h5", "--accel"),
        ("mask --size 32 --accel 0.5 -o out.h5", "--accel 0.5"),
        ("mask --size 0 --accel 1 -o out.h5", "0x0"),
        ("simulate --size 0x8 -o out.h5", "0x8"),
        ("simulate --coils 0 -o out.h5", "--coils 0"),
        ("simulate --slices 0 -o out.h5", "--slices 0"),
        ("simulate --noise=-1 -o out.h5", "-1"),
        ("simulate --noise NaN -o out.h5", "NaN"),
    ] {
        folder.refused(words, USAGE, &[named]);
    }
    let expected = [
        "under.h5: dataset 'kspace'",
        "undersampled already",
        "; leave out --accel",
    ];
    folder.refused("recon under.h5 --accel 2 -o out.h5", DATA, &expected);
}

/// What the parser of the command line refuses, in its own words.
#[test]
fn usage() {
    let folder = scan();
    let before = folder.contents();
    for (words, named) in [
        ("", "Usage"),
        ("reconstruct full.h5", "reconstruct"),
        ("recon full.h5", "--output"),
        ("recon -o out.h5", "<SCAN>"),
        ("recon under.h5 --method fista -o out.h5", "fista"),
        ("recon under.h5 --wavelet db99 -o out.h5", "db99"),
        ("recon full.h5 --accel 4 --sampling radial -o out.h5", "radial"),
        ("recon full.h5 --accel 4 --mask mask.h5 -o out.h5", "--accel"),
        ("recon full.h5 --accel 4 --prob-map mask.h5 -o out.h5", "--accel"),
        ("recon full.h5 --accel four -o out.h5", "four"),
        ("recon full.h5 --accel 4 --seed=-1 -o out.h5", "--seed"),
        ("recon full.h5 --accel 4 --acs 3x -o out.h5", "3x"),
        (
            "recon full.h5 --accel 4 --sampling lines-random --acs 8 --acs-fraction 0.1 -o out.h5",
            "--acs-fraction",
        ),
        ("recon under.h5 --threads 0 -o out.h5", "--threads"),
        ("recon under.h5 --map-sets 3 -o out.h5", "--map-sets"),
        ("recon under.h5 -q -v -o out.h5", "--quiet"),
        ("mask --size 32x --accel 2 -o out.h5", "32x"),
        ("convert full.h5 a.nii --part angle", "mag, phase, real or imag"),
        ("convert full.h5", "OUTPUT"),
        ("convert full.h5 --bids new --suffix T3w", "T3w"),
        ("convert full.h5 a.nii --suffix T1w", "--bids"),
        ("convert full.h5 a.nii --bids new --suffix T1w", "--bids"),
    ] {
        let output = folder.run(words);
        assert_eq!(output.code, Some(USAGE), "pvdamp {words}\n{}", output.err);
        assert!(
            output.err.contains(named) && !output.err.contains("panicked"),
            "pvdamp {words}\n{}",
            output.err
        );
    }
    assert!(folder.contents() == before);
}

#[test]
fn volumes_that_cannot_be_compared() {
    let folder = scan();
    folder.write("wrong.h5:reconstruction", &Array3::<f32>::ones((3, 48, 40)));
    folder.write("wrong.h5:five", &Array5::<f32>::ones((1, 1, 1, 8, 8)));
    folder.write("wrong.h5:nan", &Array3::from_elem((2, 48, 40), f32::NAN));
    for (result, expected) in [
        ("wrong.h5", ["wrong.h5", "3 slice(s)", "; compare"]),
        ("wrong.h5:five", ["'five'", "(1, 1, 1, 8, 8)", "; give"]),
        ("wrong.h5:nan", ["'nan'", "NaN", "; set"]),
        ("wrong.h5:missing", ["'missing'", "is not there", "; name"]),
        ("mask.h5", ["mask.h5", "images", "; name"]),
    ] {
        folder.refused(&format!("eval --target full.h5 {result}"), DATA, &expected);
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_leaves_nothing() {
    let folder = Folder::with_scan("--size 128 --coils 4 --seed 1");
    let slice = folder.complex("full.h5:kspace").index_axis_move(Axis(0), 0);
    let many = slice.broadcast([200, 4, 128, 128]).unwrap().to_owned();
    folder.write("long.h5:kspace", &many);
    // the result, or the first part of it, and the trace
    for (output, begun) in [("out.h5", 2), ("out.nii.gz", 2), ("out.cfl", 3), ("out.png", 2)] {
        let words = format!("recon long.h5 --accel 6 --trace t.jsonl -o {output}");
        let interrupt = |run: &Child| {
            let id = run.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        };
        let run = || disturbed(&folder, &words, begun, interrupt);
        folder.refuses(&words, 130, &["interrupted"], run);
    }
}

/// Its size stays, and the scan and what goes with it are whole; another program may be at it all the same.
#[test]
#[cfg(unix)]
fn an_input_that_is_written_while_it_is_read() {
    let folder = Folder::with_scan("--size 128 --coils 4 --seed 1");
    folder.run_ok("mask --size 128 --accel 6 -o mask.h5");
    folder.run_ok("maps full.h5 -o maps.h5");
    folder.write("noise.h5:noise_covariance", &Array2::<f64>::eye(4));
    let slice = folder.complex("full.h5:kspace").index_axis_move(Axis(0), 0);
    let many = slice.broadcast([200, 4, 128, 128]).unwrap().to_owned();
    folder.write("long.h5:kspace", &many);
    let maps = folder.complex("maps.h5:maps").index_axis_move(Axis(0), 0);
    let many = maps.broadcast([200, 1, 4, 128, 128]).unwrap().to_owned();
    folder.write("maps.h5:maps", &many);
    for (words, written) in [
        ("recon long.h5 --accel 6 --trace t.jsonl -o out.h5", "long.h5"),
        ("recon long.h5 --mask mask.h5 -o out.nii.gz", "mask.h5"),
        ("recon long.h5 --prob-map mask.h5:prob_map -o out.h5", "mask.h5"),
        ("recon long.h5 --maps maps.h5 --accel 6 -o out.h5", "maps.h5"),
        ("recon long.h5 --noise-covariance noise.h5 -o out.png", "noise.h5"),
        ("maps long.h5 -o out.h5", "long.h5"),
    ] {
        let write = |_: &Child| {
            let file = std::fs::File::options().append(true).open(folder.path(written));
            file.unwrap().set_modified(std::time::SystemTime::now()).unwrap();
        };
        let expected = format!("{written}: changed while it was read; run this again when it is whole");
        let run = || disturbed(&folder, words, 1, write);
        folder.refuses(words, DATA, &[&expected], run);
    }
}

/// The output of a run with which something is done once it has started to write this many files.
#[cfg(unix)]
fn disturbed(folder: &Folder, words: &str, begun: usize, disturb: impl FnOnce(&Child)) -> ProgramOutput {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pvdamp"));
    let command = command.args(words.split_whitespace()).current_dir(folder.path(""));
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    let hidden = |file: &PathBuf| file.file_name().unwrap().to_string_lossy().ends_with(".part");
    let files = || std::fs::read_dir(folder.path("")).unwrap().map(|f| f.unwrap().path());
    while files().filter(hidden).count() < begun && run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(200));
    disturb(&run);
    ProgramOutput::new(&run.wait_with_output().unwrap())
}

/// A closed pipe is no error, as with `head`; a result that cannot be written is one.
#[test]
#[cfg(unix)]
fn nobody_listens() {
    let folder = scan();
    let shell = |line: &str| {
        let line = line.replace("pvdamp", env!("CARGO_BIN_EXE_pvdamp"));
        let mut shell = Command::new("sh");
        ProgramOutput::new(&shell.args(["-c", &line]).current_dir(folder.path("")).output().unwrap())
    };
    // the reader is gone before the program starts
    for command in ["pvdamp info full.h5", "pvdamp -v recon under.h5 -o out.h5"] {
        shell(&format!("{{ sleep 0.1; {command} 2>&1; echo $? > code; }} | true"));
        let code = std::fs::read_to_string(folder.path("code")).unwrap();
        assert_eq!(code, "0\n", "{command}");
    }
    assert_eq!(folder.shape("out.h5:image"), [2, 48, 40]);
    #[cfg(target_os = "linux")]
    for command in [
        "pvdamp info full.h5",
        "pvdamp eval --json --target full.h5 full.h5:reconstruction_rss",
    ] {
        folder.refuses(
            command,
            DATA,
            &["standard output", "cannot be written", "; make room"],
            || shell(&format!("{command} > /dev/full")),
        );
    }
}

/// Limits of the system are set by the shell that starts the program; root has no limit of threads.
#[cfg(target_os = "linux")]
fn limited(folder: &Folder, limit: &str, words: &str) -> ProgramOutput {
    let program = assert_cmd::cargo::cargo_bin!("pvdamp");
    let line = format!("ulimit -c 0; {limit}; exec {} {words}", program.display());
    let output = Command::new("bash")
        .args(["-c", &line])
        .current_dir(folder.path(""))
        .output();
    ProgramOutput::new(&output.unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn where_no_thread_can_be_made_one_works() {
    let folder = scan();
    // Stacks so large that no thread has room for one.
    let limit = "ulimit -v 4000000; export RUST_MIN_STACK=8000000000";
    let one = limited(&folder, limit, "recon under.h5 --iterations 3 -o one.h5");
    assert_eq!(one.code, Some(0), "{}", one.err);
    let expected = std::thread::available_parallelism().map_or(1, usize::from) > 1;
    assert_eq!(one.err.contains("threads can be started"), expected, "{}", one.err);
    folder.run_ok("recon under.h5 --iterations 3 -o many.h5");
    assert_eq!(folder.bits("one.h5"), folder.bits("many.h5"));
    assert_eq!(limited(&folder, limit, "info under.h5").code, Some(0));
    let words = "recon under.h5 --threads 3 -o out.h5";
    let run = || limited(&folder, limit, words);
    folder.refuses(words, DATA, &["3 threads cannot be started", "--threads 1"], run);
}

#[test]
#[cfg(target_os = "linux")]
fn a_limit_on_the_size_of_files_is_as_a_full_disk() {
    let folder = scan();
    for name in ["out.h5", "out.nii", "out.npy"] {
        let words = format!("recon under.h5 --iterations 2 -o {name}");
        let run = || limited(&folder, "ulimit -f 8", &words);
        folder.refuses(&words, DATA, &[name, "cannot be written", "; make room"], run);
    }
}

#[test]
fn an_image_beyond_single_precision() {
    let folder = Folder::new();
    // Every sample near the largest number there is: the image has a peak at one pixel.
    folder.write(
        "huge.h5:kspace",
        &Array4::from_elem((1, 2, 32, 32), C32::new(3e38, 0.0)),
    );
    let expected = ["huge.h5", "exceeds single precision", "k-space multiplied by 1e-38"];
    folder.refused("recon huge.h5 -o out.h5", DATA, &expected);
}

/// Names in a file may hold what commands a terminal, or a line of their own.
#[test]
fn names_in_files_do_not_reach_the_terminal_as_they_are() {
    let folder = scan();
    let commands = "\u{1b}]0;title\u{7}\u{1b}[2J\rall is well";
    folder.write(&format!("names.h5:{commands}"), &Array2::<f32>::ones((3, 3)));
    folder.write("names.h5:one\npvdamp: error: two", &Array1::<f32>::ones(3));
    let under = folder.complex("under.h5:kspace");
    folder.write("axes.h5:kspace", &under);
    folder.write("noted.h5:kspace", &under);
    let text = |name: &str, of: &str, attribute: &str, value: &str| {
        let file = hdf5::File::append(folder.path(name)).unwrap();
        let value: hdf5::types::VarLenUnicode = value.parse().unwrap();
        let group = file.group("/").unwrap();
        let set = file.dataset(of).ok();
        let location: &hdf5::Location = set.as_deref().map_or(&group, |set| set);
        let attribute = location.new_attr::<hdf5::types::VarLenUnicode>().create(attribute);
        attribute.unwrap().write_scalar(&value).unwrap();
    };
    text("axes.h5", "kspace", "axes", commands);
    text("noted.h5", "", commands, "x");
    for words in [
        "info names.h5",
        "recon names.h5 -o out.h5",
        "info axes.h5",
        "info noted.h5",
    ] {
        let output = folder.run(words);
        let shown = [output.err, output.out].concat();
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n'),
            "{words}\n{shown}"
        );
        let is_ours = |line: &&str| line.starts_with("pvdamp: error: ");
        assert!(shown.lines().filter(is_ours).count() <= 1, "{words}\n{shown}");
        assert!(shown.contains("\\u001b[2J"), "{words}\n{shown}");
    }
}

#[test]
#[cfg(unix)]
fn what_is_no_regular_file_is_not_waited_for() {
    let folder = scan();
    for name in ["header.hdr", "values.cfl", "pipe.h5", "pipe.npz"] {
        let made = Command::new("mkfifo").arg(folder.path(name)).status();
        assert!(made.unwrap().success());
    }
    std::fs::write(folder.path("values.hdr"), "# Dimensions\n8 8 1 2\n").unwrap();
    for (words, named) in [
        ("info header", "header: no such file"),
        ("info header.hdr", "header.hdr: this is not a regular file"),
        ("info values", "values.cfl cannot be read (this is not a regular file)"),
        ("info pipe.h5", "pipe.h5: this is not a regular file"),
        (
            "recon under.h5 -o out.h5 --mask pipe.npz",
            "pipe.npz: this is not a regular file",
        ),
    ] {
        let output = folder.run(words);
        assert_eq!(output.code, Some(DATA), "{words}\n{}", output.err);
        assert!(output.err.contains(named), "{words}\n{}", output.err);
    }
}

#[test]
#[cfg(unix)]
fn a_folder_for_temporary_files_that_is_not_there() {
    use std::io::Write;
    let folder = scan();
    // Compressed, so that it has to be unpacked.
    folder.run_ok("convert full.h5 full.npy");
    let bytes = std::fs::read(folder.path("full.npy")).unwrap();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.path("full.npz")).unwrap());
    archive
        .start_file("kspace.npy", zip::write::SimpleFileOptions::default())
        .unwrap();
    archive.write_all(&bytes).unwrap();
    archive.finish().unwrap();
    folder.run_ok("info full.npz");
    let run = || limited(&folder, "export TMPDIR=/not/there", "info full.npz");
    let expected = [
        "full.npz: dataset 'kspace'",
        "folder for temporary files, /not/there",
        "TMPDIR",
    ];
    folder.refuses("info full.npz", DATA, &expected, run);
}

/// A plane packed in few bytes, larger than the memory that the program may take.
#[test]
#[cfg(target_os = "linux")]
fn an_archive_larger_than_memory() {
    use std::io::Write;
    let folder = Folder::new();
    let file = std::fs::File::create(folder.path("large.npz")).unwrap();
    let mut archive = zip::ZipWriter::new(file);
    archive
        .start_file("kspace.npy", zip::write::SimpleFileOptions::default())
        .unwrap();
    let header = format!(
        "{:117}\n",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 4, 2048, 4096), }"
    );
    archive.write_all(b"\x93NUMPY\x01\0v\0").unwrap();
    archive.write_all(header.as_bytes()).unwrap();
    for _ in 0..256 {
        archive.write_all(&vec![0; 1 << 20]).unwrap();
    }
    archive.finish().unwrap();
    let words = "info large.npz --threads 1";
    let run = || limited(&folder, "ulimit -v 250000", words);
    folder.refuses(words, DATA, &["large.npz: dataset 'kspace'", "MB of memory"], run);
}
