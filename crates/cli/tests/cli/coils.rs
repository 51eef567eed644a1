//! What becomes of the coils of a scan: noise that differs between them, more of them than are needed, and objects
//! larger than the field of view.

use crate::support::command::*;
use ndarray::{Array2, ArrayD, Axis, IxDyn, s};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const R4: &str = "--accel 4 --acs 20 --seed 5";

/// Noise of coils that differ and are correlated, `(coils, samples)`, of mean variance `sigma²`.
fn noise(coils: usize, samples: usize, sigma: f32, seed: u64) -> Array2<C32> {
    let mixing = Array2::from_shape_fn((coils, coils), |(c, d)| {
        let size = 0.5 + 0.4 * (c % 4) as f32;
        if c == d {
            C32::new(size, 0.0)
        } else {
            C32::from_polar(0.25 * size, (3 * c + d) as f32)
        }
    });
    let power = mixing.iter().map(|v| v.norm_sqr()).sum::<f32>() / coils as f32;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
    let white = Array2::from_shape_fn((coils, samples), |_| C32::new(draw(), draw()) * 0.5f32.sqrt());
    mixing.dot(&white).mapv(|v| v * (sigma / power.sqrt()))
}

/// A noise-free scan of one slice, with that noise in its k-space, and `noise.h5` with samples of noise alone.
fn noisy(options: &str, sigma: f32) -> Folder {
    let folder = Folder::with_scan(&format!("{options} --noise 0"));
    let mut kspace = folder.complex("full.h5:kspace");
    let [1, coils, rows, cols] = kspace.shape()[..] else {
        panic!("one slice")
    };
    let added = noise(coils, rows * cols, sigma, 1).into_shape_with_order(IxDyn(&[1, coils, rows, cols]));
    kspace += &added.unwrap();
    folder.write("full.h5:kspace", &kspace);
    folder.write("noise.h5:noise", &noise(coils, 4000, sigma, 2));
    folder
}

fn error(folder: &Folder, result: &str) -> f64 {
    let truth = magnitude(&folder.complex("full.h5:ground_truth"));
    nmse(&magnitude(&folder.complex(&format!("{result}:image"))), &truth)
}

fn coils(folder: &Folder, trace: &str) -> serde_json::Value {
    folder.trace(trace)[0]["coils"].clone()
}

#[test]
fn whitening_takes_out_noise_that_coils_share() {
    let folder = noisy("--size 96x80 --coils 6 --seed 2", 0.03);
    for method in ["pvdamp", "howl"] {
        let run = |options: &str| {
            let output = folder.run_ok(&format!(
                "recon full.h5 {R4} --method {method} {options} --trace t.jsonl -o out.h5"
            ));
            let whitened = coils(&folder, "t.jsonl")["whitened"].as_bool().unwrap();
            assert_eq!(output.err.contains("whitened"), whitened, "{}", output.err);
            (error(&folder, "out.h5"), whitened)
        };
        let (off, whitened) = run("--whiten off");
        assert!(!whitened);
        for options in ["--noise noise.h5", "--noise noise.h5:noise"] {
            let (on, whitened) = run(options);
            assert!(
                whitened && on < 0.8 * off,
                "{method}: {on} with whitening, {off} without"
            );
        }
    }
}

/// Of a full scan without noise nothing is lost and the units stay, whatever the covariance.
#[test]
fn whitening_changes_neither_image_nor_units_of_clean_data() {
    let folder = Folder::with_scan("--size 64x60 --coils 5 --noise 0 --seed 4");
    let samples = noise(5, 2000, 0.02, 3);
    for (dataset, values) in [
        ("rows", samples.clone().into_dyn()),
        (
            "planes",
            samples.clone().into_shape_with_order(IxDyn(&[5, 40, 50])).unwrap(),
        ),
        ("repeated", samples.clone().insert_axis(Axis(0)).into_dyn()),
        ("slices", samples.into_shape_with_order(IxDyn(&[1, 5, 40, 50])).unwrap()),
    ] {
        folder.write(&format!("noise.h5:{dataset}"), &values);
        let noise = format!("--noise noise.h5:{dataset} --trace t.jsonl");
        folder.run_ok(&format!("recon full.h5 --maps full.h5 {noise} -o out.h5"));
        assert_eq!(coils(&folder, "t.jsonl")["whitened"], true);
        let distance = nmse(&folder.complex("out.h5:image"), &folder.complex("full.h5:ground_truth"));
        assert!(distance < 1e-9, "{dataset}: {distance:e}");
    }
    // With maps that are calibrated, the same phase and magnitude to within what the maps are worth.
    folder.run_ok("recon full.h5 --noise noise.h5:rows -o on.h5");
    folder.run_ok("recon full.h5 --noise noise.h5:rows --whiten off -o off.h5");
    let distance = nmse(&folder.complex("on.h5:image"), &folder.complex("off.h5:image"));
    assert!(distance > 0.0 && distance < 2e-4, "{distance:e}");
}

#[test]
fn many_coils_are_compressed_and_little_is_lost() {
    let folder = Folder::with_scan("--size 64x64 --coils 32 --noise 0.01 --seed 6");
    let run = |options: &str| {
        let output = folder.run_ok(&format!(
            "recon full.h5 {R4} --method howl {options} --trace t.jsonl -o out.h5"
        ));
        (output.err, coils(&folder, "t.jsonl"), error(&folder, "out.h5"))
    };
    let (output, record, auto) = run("");
    let used = record["used"].as_u64().unwrap();
    assert!((6..=16).contains(&used) && record["measured"] == 32, "{record}");
    assert!(record["energy"].as_f64().unwrap() > 0.998, "{record}");
    assert!(
        output.contains(&format!("32 coils compressed to {used} virtual coil(s)")),
        "{output}"
    );

    let (output, record, off) = run("--virtual-coils off");
    assert!(
        record["used"] == 32 && record["energy"] == 1.0 && !output.contains("compressed"),
        "{output}"
    );
    assert!(auto < 1.1 * off, "{auto} compressed, {off} not");
    let (_, record, few) = run("--virtual-coils 2");
    assert!(
        record["used"] == 2 && few > 1.2 * off,
        "{few} of 2 virtual coils, {off} of all"
    );
    for (wanted, count) in [("32", "32"), ("40", "40")] {
        let (output, coils, _) = run(&format!("--virtual-coils {wanted}"));
        let warned = format!("--virtual-coils {count} compresses nothing: the scan has 32 coil(s)");
        assert!(output.contains(&warned) && coils["used"] == 32, "{output}");
    }
}

/// Maps are kept for the coils of the scan, so that they can be given again.
#[test]
fn maps_of_virtual_coils_are_kept_for_those_of_the_scan() {
    for scan in ["--size 64x60 --coils 6", "--size 64x60 --coils 20"] {
        let folder = noisy(&format!("{scan} --seed 4"), 0.02);
        let options = format!("{R4} --noise noise.h5 --method howl");
        folder.run_ok(&format!("recon full.h5 {options} --save-maps -o first.h5"));
        folder.run_ok(&format!("recon full.h5 {options} --maps first.h5 -o again.h5"));
        let maps = folder.complex("first.h5:maps");
        assert_eq!(maps.shape()[2], folder.shape("full.h5:kspace")[1]);
        let power = maps.mapv(|v| v.norm_sqr()).sum_axis(Axis(2));
        assert!(power.iter().all(|&p| p < 1.0 + 1e-4) && power.iter().filter(|p| **p > 0.999).count() > 500);
        let distance = nmse(&folder.complex("again.h5:image"), &folder.complex("first.h5:image"));
        assert!(distance < 1e-6, "{scan}: {distance:e}");
    }
    // The command for maps alone gives those that recon makes by itself.
    let folder = Folder::with_scan("--size 64x60 --coils 20 --noise 0.03 --seed 4");
    folder.run_ok("maps full.h5 -o maps.h5");
    folder.run_ok("recon full.h5 --save-maps -o out.h5");
    assert_eq!(folder.complex("maps.h5:maps"), folder.complex("out.h5:maps"));
}

#[test]
fn threads_and_units_change_nothing() {
    let folder = noisy("--size 48x40 --coils 18 --seed 4", 0.02);
    folder.undersample("--accel 3 --acs 16");
    let method = "--noise noise.h5 --uncertainty";
    folder.run_ok(&format!("recon under.h5 {method} --threads 1 -o one.h5"));
    folder.run_ok(&format!("recon under.h5 {method} --threads 3 -o three.h5"));
    assert_eq!(folder.bits("one.h5"), folder.bits("three.h5"));
    let [kspace, noise] = ["under.h5:kspace", "noise.h5:noise"].map(|place| folder.complex(place));
    let [image, std] = ["image", "std"].map(|name| format!("one.h5:{name}"));
    let (image, std): (_, ArrayD<f32>) = (folder.complex(&image), folder.read(&std));
    for factor in [2f32.powi(-23), 2f32.powi(43), 1e-7, 1e13] {
        folder.write("under.h5:kspace", &kspace.mapv(|v| v * factor));
        folder.write("noise.h5:noise", &noise.mapv(|v| v * factor));
        folder.run_ok(&format!("recon under.h5 {method} -o scaled.h5"));
        let scaled = folder.complex("scaled.h5:image").mapv(|v| v / factor);
        if factor.log2().fract() == 0.0 {
            assert_eq!(scaled, image);
            assert_eq!(folder.read::<f32>("scaled.h5:std").mapv(|v| v / factor), std);
        } else {
            let distance = nmse(&scaled, &image);
            assert!(distance < 1e-4, "{distance:e} at {factor:e}");
        }
    }
}

/// The k-space of `full.h5` with every second column left out: half the field of view.
fn fold(folder: &Folder) {
    let kspace = folder.complex("full.h5:kspace");
    let first = kspace.shape()[3] / 2 % 2;
    let half = kspace.slice(s![.., .., .., first..;2]).to_owned();
    folder.write("folded.h5:kspace", &half);
}

#[test]
fn an_object_larger_than_the_field_of_view_gets_two_sets_of_maps() {
    let folder = Folder::with_scan("--size 128x128 --coils 8 --slices 3 --noise 0.01 --seed 3");
    fold(&folder);
    let auto = folder.run_ok(&format!("recon folded.h5 {R4} --save-maps -o auto.h5"));
    assert!(auto.err.contains("2 sets of coil maps: in slice 1 on "), "{}", auto.err);
    assert_eq!(folder.shape("auto.h5:maps"), [3, 2, 8, 128, 64]);
    assert!(!folder.has("auto.h5:unbiased"));
    let settings = folder.open("auto.h5").group("settings").unwrap();
    assert_eq!(settings.attr("map_sets").unwrap().read_scalar::<i64>().unwrap(), 2);
    folder.run_ok(&format!("recon folded.h5 {R4} --map-sets 2 --save-maps -o two.h5"));
    assert_eq!(folder.bits("auto.h5"), folder.bits("two.h5"));
    let one = folder.run_ok(&format!("recon folded.h5 {R4} --map-sets 1 -o one.h5"));
    assert!(one.err.contains("use two sets of maps"), "{}", one.err);

    // Against the folded coil images, which two sets explain and one does not.
    let given = folder.run_ok("recon folded.h5 --method zero-filled --map-sets 2 -o full-two.h5");
    assert!(given.warnings().is_empty(), "{}", given.err);
    let target = magnitude(&folder.complex("full-two.h5:image"));
    let [auto, one] = ["auto.h5:image", "one.h5:image"].map(|place| nmse(&magnitude(&folder.complex(place)), &target));
    assert!(auto < 0.75 * one, "{auto} of two sets, {one} of one");

    let maps = folder.run_ok("maps folded.h5 -o maps.h5");
    assert!(maps.err.contains("2 sets of coil maps") && folder.shape("maps.h5:maps")[1] == 2);
    let info: serde_json::Value = serde_json::from_str(&folder.run_ok("info folded.h5 --json").out).unwrap();
    assert_eq!(info["map_sets"], 2);
}

#[test]
fn an_object_that_fits_gets_one() {
    let folder = Folder::with_scan("--size 96x80 --coils 8 --slices 3 --noise 0.02 --seed 3");
    let auto = folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o auto.h5"));
    assert!(!auto.err.contains("2 sets"), "{}", auto.err);
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp --map-sets 1 -o one.h5"));
    assert_eq!(folder.bits("auto.h5"), folder.bits("one.h5"));
    assert!(folder.has("auto.h5:unbiased"));

    // Noise fills the signal space, where every eigenvalue is 1: of all slices, or of one in the air.
    let fits = |folder: &Folder| {
        let maps = folder.run_ok("maps full.h5 -o maps.h5");
        assert!(!maps.err.contains("2 sets"), "{}", maps.err);
        assert_eq!(folder.shape("maps.h5:maps")[1], 1);
    };
    fits(&Folder::with_scan("--size 96x80 --coils 8 --noise 0.15 --seed 3"));
    let mut kspace = folder.complex("full.h5:kspace");
    let air = noise(8, 96 * 80, 0.02, 1).into_shape_with_order(IxDyn(&[8, 96, 80]));
    kspace.index_axis_mut(Axis(0), 1).assign(&air.unwrap());
    folder.write("full.h5:kspace", &kspace);
    fits(&folder);
}

/// A slice without data for calibrating maps is reported, and so is the rest of the scan.
#[test]
fn info_reports_a_slice_without_a_centre() {
    let folder = Folder::with_scan("--size 48x40 --coils 3 --slices 3 --seed 3");
    let mut kspace = folder.complex("full.h5:kspace");
    kspace.slice_mut(s![1, .., 18..30, 14..26]).fill(C32::new(0.0, 0.0));
    folder.write("full.h5:kspace", &kspace);
    let output = folder.run_ok("info full.h5 --json");
    let info: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    assert!(info["map_sets"].is_null() && info["recon_would"].is_string(), "{info}");
    let expected = "slice 1 is not sampled at the centre";
    assert!(
        output
            .warnings()
            .iter()
            .any(|w| w.contains(expected) && w.contains("recon --maps")),
        "{}",
        output.err
    );
    assert!(!folder.run_ok("info full.h5").out.contains("null"));
}

/// A centre with few samples does not show how many virtual coils keep the energy.
#[test]
fn coils_are_not_compressed_by_a_few_samples() {
    let folder = Folder::with_scan("--size 64x64 --coils 20 --noise 0.01 --seed 6");
    let mut kspace = folder.complex("full.h5:kspace");
    // Every other column, and the origin: a centre of one column.
    kspace.slice_mut(s![.., .., .., 1..;2]).fill(C32::new(0.0, 0.0));
    kspace.slice_mut(s![.., .., ..32, 32]).fill(C32::new(0.0, 0.0));
    folder.write("under.h5:kspace", &kspace);
    folder.run_ok("recon under.h5 --maps full.h5 --trace t.jsonl -o out.h5");
    assert!(coils(&folder, "t.jsonl")["used"].as_u64().unwrap() >= 6);
}

/// With two sets of maps the magnitude stays the root sum of squares over the coils of the scan.
#[test]
fn two_sets_are_whitened_in_the_units_of_the_scan() {
    let folder = noisy("--size 128x128 --coils 8 --seed 3", 0.003);
    fold(&folder);
    let run = |options: &str| {
        folder.run_ok(&format!(
            "recon folded.h5 --noise noise.h5 --map-sets 2 {options} -o out.h5"
        ));
        magnitude(&folder.complex("out.h5:image"))
    };
    let (on, off) = (run(""), run("--whiten off"));
    let distance = nmse(&on, &off);
    assert!(distance < 2e-3, "{distance:e}");
}

#[test]
fn noise_samples_that_cannot_be() {
    const DATA: i32 = 1;
    let folder = Folder::with_scan("--size 48x40 --coils 3 --seed 3");
    let samples = noise(3, 400, 0.01, 1);
    folder.write("n.h5:transposed", &samples.t().to_owned());
    folder.write("n.h5:others", &noise(4, 400, 0.01, 1));
    folder.write("n.h5:few", &noise(3, 20, 0.01, 1));
    folder.write("n.h5:alike", &samples.mapv(|_| C32::new(1.0, 0.0)));
    folder.write("n.h5:real", &samples.mapv(|v| v.re));
    let mut damaged = samples.clone();
    damaged[[1, 7]].re = f32::NAN;
    folder.write("n.h5:nan", &damaged);
    for (dataset, parts) in [
        ("transposed", &["(400, 3)", "move the coils to the front"][..]),
        ("others", &["(4, 400)", "3 coils", "give noise measured"]),
        ("few", &["20 noise samples are too few", "give samples"]),
        ("alike", &["all alike", "give samples"]),
        ("real", &["not complex", "write noise samples"]),
        ("nan", &["n.h5"]),
        ("missing", &["is not there", "name one"]),
    ] {
        let expected = [&[dataset], parts].concat();
        folder.refused(
            &format!("recon full.h5 --noise n.h5:{dataset} -o out.h5"),
            DATA,
            &expected,
        );
    }
    folder.refused(
        "recon full.h5 --noise nowhere.h5 -o out.h5",
        DATA,
        &["nowhere.h5", "no such file"],
    );
    folder.write("one.h5:some", &samples);
    folder.run_ok("recon full.h5 --noise one.h5 -o out.h5");
    folder.refused(
        "recon full.h5 --noise one.h5 -o one.h5",
        DATA,
        &["one.h5", "input of this run"],
    );
}

#[test]
fn options_that_cannot_be() {
    const USAGE: i32 = 2;
    let folder = Folder::with_scan("--size 32x32 --coils 3 --seed 3");
    for options in [
        "--virtual-coils 0",
        "--virtual-coils -1",
        "--virtual-coils some",
        "--whiten on",
        "--map-sets 0",
        "--map-sets 3",
        "--noise a.h5 --noise-covariance 1",
    ] {
        let output = folder.run(&format!("recon full.h5 {options} -o out.h5"));
        assert_eq!(output.code, Some(USAGE), "{options}\n{}", output.err);
        assert!(!folder.path("out.h5").exists());
    }
    let samples = noise(3, 400, 0.03, 1);
    let covariance = samples.dot(&samples.t().mapv(|v| v.conj())).mapv(|v| v / 400.0);
    folder.write("cov.h5:noise_covariance", &covariance);
    folder.write("noise.h5:noise", &samples);
    for noise in ["--noise-covariance cov.h5", "--noise noise.h5"] {
        let filled = format!("recon full.h5 --method zero-filled --accel 2 --acs 12 {noise} --trace t.jsonl -o out.h5");
        folder.run_ok(&filled);
        assert_eq!(coils(&folder, "t.jsonl")["whitened"], true);
        let option = noise.split(' ').next().unwrap();
        folder.refused(
            &format!("{filled} --whiten off"),
            USAGE,
            &[option, "--whiten off", "zero-filled"],
        );
        folder.run_ok(&format!(
            "recon full.h5 --accel 2 --acs 12 {noise} --whiten off -o out.h5"
        ));
    }
}
