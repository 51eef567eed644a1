//! The commands as a user runs them, from a simulated scan to figures, and what they leave on disk.

use crate::support::command::*;
use ndarray::{ArrayD, Axis, s};
use num_complex::Complex;

/// A small scan of two slices, the same for most tests.
const SCAN: &str = "--size 96x80 --coils 4 --slices 2 --seed 3";
/// A mask for it.
const R4: &str = "--accel 4 --acs 16 --seed 5";

fn scan() -> Folder {
    Folder::with_scan(SCAN)
}

/// NMSE of the magnitudes against the truth: maps of ESPIRiT carry a phase of their own.
fn error(folder: &Folder, result: &str) -> f64 {
    let truth = folder.complex("full.h5:ground_truth");
    nmse(
        &magnitude(&folder.complex(&format!("{result}:image"))),
        &magnitude(&truth),
    )
}

#[test]
fn a_result_holds_what_its_help_says() {
    let folder = scan();
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o out.h5"));
    let magnitude: ArrayD<f32> = folder.read("out.h5:reconstruction");
    let image = folder.complex("out.h5:image");
    assert_eq!((magnitude.shape(), image.shape()), (&[2, 96, 80][..], &[2, 96, 80][..]));
    assert_eq!(magnitude, image.mapv(|v| v.norm()));
    assert_eq!(folder.complex("out.h5:unbiased").shape(), [2, 96, 80]);
    assert!(!folder.has("out.h5:maps"));

    let mask: ArrayD<bool> = folder.read("out.h5:mask");
    let probability: ArrayD<f64> = folder.read("out.h5:prob_map");
    assert_eq!((mask.shape(), probability.shape()), (&[96, 80][..], &[96, 80][..]));
    assert!((0..16).all(|i| mask[[40 + i, 32 + i]] && probability[[40 + i, 32 + i]] == 1.0));
    let samples = mask.iter().filter(|&&s| s).count();
    assert!((probability.sum() - 96.0 * 80.0 / 4.0).abs() < 1.0);

    let settings = folder.open("out.h5").group("settings").unwrap();
    let text = |name: &str| {
        let text = settings.attr(name).unwrap().read_scalar::<hdf5::types::VarLenUnicode>();
        text.unwrap().to_string()
    };
    let number = |name: &str| settings.attr(name).unwrap().read_scalar::<f64>().unwrap();
    let whole = |name: &str| settings.attr(name).unwrap().read_scalar::<i64>().unwrap();
    assert_eq!((text("method").as_str(), text("wavelet").as_str()), ("pvdamp", "db4"));
    assert_eq!(
        (whole("seed"), whole("iterations"), whole("samples")),
        (5, 30, samples as i64)
    );
    assert_eq!(number("damping"), 0.75);
    assert!((number("acceleration") - 96.0 * 80.0 / samples as f64).abs() < 1e-9);
    assert_eq!(text("sampled_centre"), "16x16");
    assert!(
        text("sampling").contains("bernoulli R=4 seed=5"),
        "{}",
        text("sampling")
    );
    assert!(text("maps").contains("espirit"));

    let iterations: ArrayD<i64> = folder.read("out.h5:state_evolution/iterations");
    let longest = *iterations.iter().max().unwrap() as usize;
    let bands = 3 * whole("scales") as usize + 1;
    // The first part, a third of the iterations, has a state evolution, and so has the estimate that it ends with.
    let first_part = |iterations: i64| iterations.unsigned_abs().div_ceil(3) as usize + 1;
    for state in ["tau", "strength", "alpha", "sure"] {
        let values: ArrayD<f64> = folder.read(&format!("out.h5:state_evolution/{state}"));
        assert_eq!(values.shape(), [2, longest, bands]);
        for (values, &iterations) in values.axis_iter(Axis(0)).zip(&iterations) {
            for (i, values) in values.axis_iter(Axis(0)).enumerate() {
                assert!(values.iter().all(|v| v.is_finite() == (i < first_part(iterations))));
            }
        }
    }
    let mean: ArrayD<f64> = folder.read("out.h5:state_evolution/mean_tau");
    let kept: ArrayD<i64> = folder.read("out.h5:state_evolution/kept");
    for slice in 0..2 {
        let kept = kept[[slice]] as usize;
        assert!((1..=iterations[[slice]] as usize).contains(&kept));
        let last = first_part(iterations[[slice]]) - 1;
        assert!(mean[[slice, last]] < mean[[slice, 0]] / 2.0);
    }
}

#[test]
fn an_undersampled_scan_gives_its_image_with_and_without_its_mask() {
    for family in ["bernoulli", "poisson-disc"] {
        let folder = scan();
        folder.undersample(&format!("--sampling {family} {R4}"));
        folder.run_ok("recon under.h5 -o found.h5");
        folder.write("under.h5:mask", &folder.read::<bool>("mask.h5:mask"));
        folder.run_ok("recon under.h5 -o masked.h5");
        folder.run_ok("recon under.h5 --method zero-filled -o zero.h5");
        assert_eq!(folder.bits("found.h5"), folder.bits("masked.h5"));
        assert_eq!(
            folder.read::<bool>("found.h5:mask"),
            folder.read::<bool>("mask.h5:mask")
        );
        let (ours, zero) = (error(&folder, "masked.h5"), error(&folder, "zero.h5"));
        assert!(ours < 0.01 && ours < zero / 3.0, "{family}: {ours:.4}, not {zero:.4}");

        folder.write("under.h5:prob_map", &folder.read::<f64>("mask.h5:prob_map"));
        folder.run_ok("recon under.h5 -o density.h5");
        let probability: ArrayD<f64> = folder.read("density.h5:prob_map");
        assert_eq!(probability, folder.read::<f64>("mask.h5:prob_map"));
        let with_density = error(&folder, "density.h5");
        assert!(
            (ours / with_density - 1.0).abs() < 0.3,
            "{family}: {ours:.4} with estimated density, {with_density:.4} known"
        );
    }
}

#[test]
fn a_full_scan_is_undersampled_on_the_way() {
    let folder = scan();
    for family in ["bernoulli", "poisson-disc"] {
        let draw = format!("--sampling {family} {R4}");
        folder.run_ok(&format!("recon full.h5 {draw} -o out.h5"));
        folder.run_ok(&format!("recon full.h5 {draw} --method zero-filled -o zero.h5"));
        let (ours, zero) = (error(&folder, "out.h5"), error(&folder, "zero.h5"));
        assert!(ours < 0.01 && ours < zero / 3.0, "{family}: {ours:.4}, not {zero:.4}");
        let ssim = ["out.h5:image", "zero.h5:image"].map(|result| folder.ssim("full.h5:ground_truth", result));
        assert!(ssim[0] > ssim[1] + 0.1, "{family}: {ssim:?}");

        // the same mask from a file
        folder.run_ok(&format!("mask --size 96x80 {draw} -o mask.h5"));
        folder.run_ok("recon full.h5 --mask mask.h5 --prob-map mask.h5:prob_map -o file.h5");
        assert_eq!(folder.bits("out.h5"), folder.bits("file.h5"));
    }
}

/// With the true maps nothing is left to fit: orientation, scale and phase are those of the truth.
#[test]
fn true_maps_give_the_true_complex_image() {
    let folder = scan();
    let truth = folder.complex("full.h5:ground_truth");
    for (method, most) in [("pvdamp", 0.01), ("zero-filled", 0.1)] {
        let options = format!("--maps full.h5:sensitivity_maps {R4} --method {method}");
        folder.run_ok(&format!("recon full.h5 {options} -o out.h5"));
        let image = folder.complex("out.h5:image");
        let found = nmse(&image, &truth);
        assert!(found < most, "{method}: {found:.4}");
        let (inner, power) = image.iter().zip(&truth).fold((Complex::ZERO, 0.0), |(i, p), (x, x0)| {
            (i + x0.conj() * x, p + x0.norm_sqr())
        });
        let scale = inner / power;
        assert!((scale - 1.0).norm() < 0.05, "{method} scales by {scale}");
    }
}

#[test]
fn a_full_scan_is_combined_without_iterations() {
    let folder = Folder::with_scan("--size 64x60 --coils 4 --noise 0 --seed 2");
    folder.run_ok("recon full.h5 --maps full.h5:sensitivity_maps --trace trace.jsonl -o out.h5");
    let found = nmse(&folder.complex("out.h5:image"), &folder.complex("full.h5:ground_truth"));
    assert!(found < 1e-10, "{found:e}");
    assert_eq!(folder.trace("trace.jsonl")[0]["history"]["stop"], "direct");
    folder.run_ok("recon full.h5 -o espirit.h5");
    let rss = folder.read::<f32>("full.h5:reconstruction_rss").mapv(Complex::from);
    let found = nmse(&magnitude(&folder.complex("espirit.h5:image")), &rss);
    assert!(found < 0.01, "{found:e}");
}

#[test]
fn the_header_crops_the_reconstruction_and_stays() {
    let folder = Folder::with_scan("--size 160x72 --coils 4 --slices 2 --seed 4");
    let header = folder.read::<hdf5::types::VarLenUnicode>("full.h5:ismrmrd_header");
    let (before, recon) = header[[]].split_once("<reconSpace>").unwrap();
    let half = recon
        .replacen("<x>160<", "<x>80<", 1)
        .replacen("<x>488.8889<", "<x>244.4444<", 1);
    let xml = format!("{before}<reconSpace>{half}");
    let xml: hdf5::types::VarLenUnicode = xml.parse().unwrap();
    folder.write("full.h5:ismrmrd_header", &ndarray::arr0(xml.clone()));
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp --png pictures -o out.h5"));
    let image = folder.complex("out.h5:image");
    assert_eq!(image.shape(), [2, 160, 72]);
    let centre = image.slice(s![.., 40..120, ..]).mapv(|v| v.norm());
    assert_eq!(folder.read::<f32>("out.h5:reconstruction"), centre.into_dyn());
    let kept = folder.read::<hdf5::types::VarLenUnicode>("out.h5:ismrmrd_header");
    assert_eq!(kept[[]], xml);
    for (attribute, value) in [("acquisition", "SIMULATED"), ("patient_id", "pvdamp-simulated-4")] {
        let found = folder.open("out.h5").attr(attribute).unwrap();
        let found = found.read_scalar::<hdf5::types::VarLenUnicode>().unwrap();
        assert_eq!(found.as_str(), value);
    }
    let max = |file: &str| folder.open(file).attr("max").unwrap().read_scalar::<f64>().unwrap();
    assert_eq!(max("out.h5"), max("full.h5"));
    let facts = folder.run_ok("info full.h5 --json").out;
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(facts["image_written"], "80x72");
    assert_eq!(facts["encoded_matrix"], "160x72x1");

    for slice in 0..2 {
        for kind in ["", "_unbiased"] {
            let picture = image::open(folder.path(&format!("pictures/out_{slice:03}{kind}.png"))).unwrap();
            assert_eq!((picture.width(), picture.height()), (72, 80));
            let grey = picture.into_luma8();
            assert!(grey.contains(&255) && grey.iter().filter(|&&v| v < 64).count() > 500);
        }
    }
    assert_eq!(std::fs::read_dir(folder.path("pictures")).unwrap().count(), 4);
}

#[test]
fn a_trace_has_a_line_for_each_slice() {
    let folder = scan();
    folder.run_ok(&format!(
        "recon full.h5 {R4} --method pvdamp --noise-covariance 1e-4 --trace trace.jsonl -o out.h5"
    ));
    let records = folder.trace("trace.jsonl");
    assert_eq!(records.len(), 2);
    let kept: ArrayD<i64> = folder.read("out.h5:state_evolution/kept");
    let mean: ArrayD<f64> = folder.read("out.h5:state_evolution/mean_tau");
    for (slice, record) in records.iter().enumerate() {
        assert_eq!(
            (record["slice"].as_u64(), record["method"].as_str()),
            (Some(slice as u64), Some("pvdamp"))
        );
        assert!(record["sampling"]["origin"].as_str().unwrap().contains("bernoulli"));
        let history = &record["history"];
        assert_eq!(history["kept"], kept[[slice]]);
        for (i, iteration) in history["iterations"].as_array().unwrap().iter().enumerate() {
            let bands = iteration["bands"].as_array().unwrap();
            if bands.is_empty() {
                assert!(mean[[slice, i]].is_nan());
                continue;
            }
            let tau = iteration["tau"].as_f64().unwrap();
            assert!((tau / mean[[slice, i]] - 1.0).abs() < 1e-12);
            assert_eq!(bands.len(), record["bands"].as_array().unwrap().len());
            assert!(
                bands
                    .iter()
                    .all(|b| b["tau"].as_f64().unwrap() > 0.0 && b["strength"].is_number())
            );
        }
        let noise = record["noise"]["standard_deviation"].as_f64().unwrap();
        assert!((noise - 0.01).abs() < 1e-9, "noise of {noise}");
        assert!(record["seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn maps_can_be_kept_and_given() {
    let folder = scan();
    folder.undersample(R4);
    folder.run_ok("recon under.h5 --save-maps -o out.h5");
    assert_eq!(folder.shape("out.h5:maps"), [2, 1, 4, 96, 80]);
    folder.run_ok("recon under.h5 --maps out.h5:maps -o again.h5");
    folder.run_ok("maps under.h5 -o maps.h5");
    assert_eq!(folder.complex("maps.h5:maps"), folder.complex("out.h5:maps"));
    folder.run_ok("recon under.h5 --maps maps.h5 -o given.h5");
    assert_eq!(folder.bits("again.h5"), folder.bits("given.h5"));
    let (kept, given) = (folder.complex("out.h5:image"), folder.complex("given.h5:image"));
    assert_eq!(kept, given);
    // one slice's maps are not another's
    assert!(
        nmse(&folder.complex("maps.h5:maps"), &{
            let mut swapped = folder.complex("maps.h5:maps");
            swapped.invert_axis(Axis(0));
            swapped
        }) > 1e-3
    );
}

#[test]
fn a_result_depends_neither_on_threads_nor_on_the_run() {
    let folder = scan();
    for (name, threads) in [("one.h5", 1), ("two.h5", 2), ("again.h5", 2)] {
        folder.run_ok(&format!(
            "recon full.h5 {R4} --method pvdamp --save-maps --threads {threads} -o {name}"
        ));
    }
    let one = folder.bits("one.h5");
    assert!(
        ["/image", "/maps", "/state_evolution/tau"]
            .iter()
            .all(|&d| one.contains_key(d)),
        "{:?}",
        one.keys()
    );
    assert!(one == folder.bits("two.h5") && one == folder.bits("again.h5"));
    folder.run_ok(&format!("simulate {SCAN} --threads 1 -o again.h5"));
    assert_eq!(folder.complex("again.h5:kspace"), folder.complex("full.h5:kspace"));
    folder.run_ok("recon full.h5 --accel 4 --acs 16 --seed 6 -o other.h5");
    assert!(one["/mask"] != folder.bits("other.h5")["/mask"]);
}

#[test]
fn quiet_prints_nothing_and_verbose_every_iteration() {
    let folder = scan();
    let commands = [
        format!("recon full.h5 {R4} -o out.h5"),
        format!("mask --size 96x80 {R4} -o mask.h5"),
        format!("simulate {SCAN} -o scan.h5"),
        "maps full.h5 -o maps.h5".into(),
    ];
    for command in commands {
        let output = folder.run_ok(&format!("-q {command}"));
        assert_eq!((output.out.as_str(), output.err.as_str()), ("", ""), "{command}");
        let output = folder.run_ok(&command);
        assert!(
            output.out.is_empty() && output.err.contains("wrote "),
            "{command}: {}",
            output.err
        );
    }
    let output = folder.run_ok(&format!("-v recon full.h5 {R4} --method pvdamp -o out.h5"));
    let iterations: ArrayD<i64> = folder.read("out.h5:state_evolution/iterations");
    let lines = |what: &str| output.err.lines().filter(|line| line.contains(what)).count();
    assert_eq!(lines(": after ") as i64, iterations.sum());
    let mean: ArrayD<f64> = folder.read("out.h5:state_evolution/mean_tau");
    assert_eq!(lines("mean τ"), mean.iter().filter(|tau| tau.is_finite()).count());
}

#[test]
fn a_file_compared_with_itself_is_perfect() {
    let folder = scan();
    let same = folder.eval("full.h5", "full.h5:reconstruction_rss");
    assert_eq!((same["nmse"].as_f64(), same["ssim"].as_f64()), (Some(0.0), Some(1.0)));
    assert_eq!(
        (same["slices"].as_u64(), same["region"].as_str()),
        (Some(2), Some("80x80"))
    );
    assert!(same["complex"].is_null());

    folder.run_ok(&format!("recon full.h5 {R4} --maps full.h5 -o out.h5"));
    let complex = folder.eval("full.h5:ground_truth", "out.h5:image");
    let nmse = nmse(&folder.complex("out.h5:image"), &folder.complex("full.h5:ground_truth"));
    let decibel = complex["complex"]["nmse_db"].as_f64().unwrap();
    assert!((decibel - 10.0 * nmse.log10()).abs() < 0.2, "{decibel} dB, {nmse}");
    let text = folder.run_ok("eval --target full.h5 out.h5").out;
    assert!(
        ["NMSE", "PSNR", "SSIM"].iter().all(|figure| text.contains(figure)),
        "{text}"
    );
    let figures = folder.eval("full.h5", "out.h5");
    assert!(
        text.contains(&format!("{:.5}", figures["ssim"].as_f64().unwrap())),
        "{text}"
    );
}

#[test]
fn info_describes_a_scan() {
    let folder = scan();
    folder.undersample(R4);
    let facts = |name: &str| -> serde_json::Value {
        serde_json::from_str(&folder.run_ok(&format!("info {name} --json")).out).unwrap()
    };
    let full = facts("full.h5");
    assert_eq!(full["kspace"], "2 slice(s), 4 coil(s), 96x80");
    assert_eq!(
        (&full["acceleration"], &full["stored_as"]),
        (&1.0.into(), &"complex64".into())
    );
    assert_eq!(full["references"], serde_json::json!(["reconstruction_rss"]));
    assert!(full["recon_would"].as_str().unwrap().contains("combine"));
    let under = facts("under.h5");
    assert!((3.0..5.0).contains(&under["acceleration"].as_f64().unwrap()));
    assert_eq!(under["sampled_centre"], "16x16");
    assert!(under["mask"].as_str().unwrap().contains("not zero"));
    assert!(under["recon_would"].as_str().unwrap().contains("HOWL"));
    assert!(under["memory_mb"].as_f64().unwrap() > under["kspace_of_a_slice_mb"].as_f64().unwrap());
    let text = folder.run_ok("info under.h5").out;
    assert!(text.contains("96x80") && text.contains("sampled centre"), "{text}");
}

#[test]
fn the_demonstration_works() {
    let folder = Folder::new();
    let output = folder.run_ok("demo -o tried");
    let figures = |method: &str| -> Vec<Vec<f64>> {
        let lines = output.out.lines().filter(|l| l.starts_with(method));
        let values = |line: &str| line.split_whitespace().skip(1).map(|v| v.parse().unwrap()).collect();
        lines.map(values).collect()
    };
    // Against the scan, and against the truth.
    let [zero, ours, auto] = ["zero-filled", "pvdamp", "auto"].map(figures);
    assert!(
        auto[1][0] < 0.8 * ours[1][0] && ours[1][0] < 0.5 * ours[0][0],
        "{}",
        output.out
    );
    let (zero, ours) = (&zero[0], &ours[0]);
    assert!(
        ours[0] < zero[0] / 2.0 && ours[1] > zero[1] + 3.0 && ours[2] > zero[2],
        "{}",
        output.out
    );
    for name in [
        "scan.h5",
        "pvdamp.h5",
        "auto.h5",
        "zero-filled.h5",
        "pictures/pvdamp_001.png",
        "pictures/zero-filled_000.png",
    ] {
        assert!(folder.path("tried").join(name).is_file(), "{name}");
    }
    let ssim = folder.ssim("tried/scan.h5", "tried/pvdamp.h5");
    assert!((ssim - ours[2]).abs() < 1e-4);
}
