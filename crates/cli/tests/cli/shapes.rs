//! Scans of every size, shape and unit: the image must be right in all of them.

use crate::support::command::*;
use ndarray::{ArrayD, Axis};

/// Reconstructs `scan` of a folder with `full.h5`, and holds the magnitude image to the truth: its NMSE must be below
/// `share` of that of the zero-filled image.
fn right_image(folder: &Folder, scan: &str, options: &str, share: f64) -> ProgramOutput {
    let output = folder.run_ok(&format!("recon {scan} {options} --trace trace.jsonl -o out.h5"));
    let filled = options.replace("--method pvdamp", "");
    folder.run_ok(&format!("recon {scan} {filled} --method zero-filled -o zero.h5"));
    let truth = magnitude(&folder.complex("full.h5:ground_truth"));
    let error = |result: &str| nmse(&magnitude(&folder.complex(result)), &truth);
    let (ours, zero) = (error("out.h5:image"), error("zero.h5:image"));
    assert!(
        ours < zero * share,
        "{scan} {options}: NMSE {ours:.5}, zero-filled {zero:.5}"
    );
    assert!(
        folder
            .read::<f32>("out.h5:reconstruction")
            .iter()
            .all(|v| v.is_finite())
    );
    output
}

#[test]
fn any_size() {
    let sizes = [
        ("230x180", "--accel 5"),
        ("235x221", "--accel 5"),
        ("33x150", "--accel 3"),
        ("64x64", "--accel 3 --acs 14x20"),
    ];
    for (size, draw) in sizes {
        let folder = Folder::with_scan(&format!("--size {size} --coils 4 --seed 7"));
        right_image(&folder, "full.h5", draw, 0.4);
    }
}

#[test]
fn one_coil_in_every_layout() {
    let folder = Folder::with_scan("--size 128x120 --coils 1 --slices 2 --seed 1");
    right_image(&folder, "full.h5", "--accel 2.5", 0.6);
    let four_axes = folder.bits("out.h5");
    let kspace = folder.complex("full.h5:kspace").index_axis_move(Axis(1), 0);
    folder.write("slices.h5:kspace", &kspace);
    folder.write("plane.h5:kspace", &kspace.index_axis(Axis(0), 0).to_owned());
    folder.run_ok("recon slices.h5 --accel 2.5 -o out.h5");
    assert_eq!(folder.bits("out.h5"), four_axes);
    folder.run_ok("recon plane.h5 --accel 2.5 -o plane_out.h5");
    let (planes, plane) = (folder.complex("out.h5:image"), folder.complex("plane_out.h5:image"));
    assert_eq!(plane.index_axis(Axis(0), 0), planes.index_axis(Axis(0), 0));
    assert_eq!(plane.shape(), [1, 128, 120]);
}

/// Files of MATLAB and others have ky before kx in every array: masks and maps are read as the k-space is told to lie.
#[test]
fn arrays_beside_kspace_lie_as_it_does() {
    // of a square both ways round fit; of the other only one
    for size in ["64x64", "72x60"] {
        let folder = Folder::with_scan(&format!("--size {size} --coils 6 --seed 3"));
        folder.undersample("--accel 4 --acs 16x16 --seed 2");
        let flip = |place: &str| {
            let mut values = folder.complex(place);
            let last = values.ndim() - 1;
            values.swap_axes(last - 1, last);
            values.index_axis_move(Axis(0), 0)
        };
        let mask = folder.read::<bool>("mask.h5:mask").reversed_axes();
        let maps = flip("full.h5:sensitivity_maps");
        let coils_last = maps.clone().permuted_axes(vec![1, 2, 0]);
        for scan in ["bare.h5", "masked.h5"] {
            folder.write(&format!("{scan}:kspace"), &flip("under.h5:kspace"));
        }
        folder.write("masked.h5:mask", &mask);
        folder.write("masked.h5:maps", &maps);
        folder.write("beside.h5:mask", &mask);
        folder.write("beside.h5:maps", &maps);
        folder.write("last.h5:maps", &coils_last);
        let truth = magnitude(&folder.complex("full.h5:ground_truth"));
        let run = |words: &str| {
            let output = folder.run_ok(&format!("recon {words} --axes coil,ky,kx -o out.h5"));
            let error = nmse(&magnitude(&folder.complex("out.h5:image")), &truth);
            (error, output.warnings().join("\n"))
        };
        let (alone, _) = run("bare.h5");
        for words in [
            "masked.h5",
            "masked.h5 --maps masked.h5",
            "bare.h5 --mask beside.h5 --maps beside.h5",
            "bare.h5 --mask mask.h5 --prob-map mask.h5 --maps full.h5:sensitivity_maps",
            "bare.h5 --maps last.h5",
        ] {
            let (error, told) = run(words);
            assert!(error < 1.3 * alone, "{size} {words}: {error} against {alone}");
            assert!(
                !told.contains("mask") && !told.contains("maps"),
                "{size} {words}: {told}"
            );
        }
        // maps the usual way round, without a word about it
        folder.write("usual.h5:maps", &folder.complex("full.h5:sensitivity_maps"));
        let (error, told) = run("bare.h5 --maps usual.h5");
        assert!(error < 1.3 * alone, "{size}: {error} against {alone}");
        assert_eq!(told.contains("other way round"), size == "64x64", "{told}");
    }
}

#[test]
fn samples_outside_a_mask_are_counted() {
    let folder = Folder::with_scan("--size 64x64 --coils 4 --seed 3");
    folder.undersample("--accel 4 --acs 16x16 --seed 2");
    let mut other = folder.read::<bool>("mask.h5:mask");
    other.slice_mut(ndarray::s![..20, ..]).fill(false);
    folder.write("other.h5:mask", &other);
    let told = folder.run_ok("recon under.h5 --mask other.h5 -o out.h5").err;
    assert!(told.contains("lie outside the mask"), "{told}");
    // of a full scan that is what a mask is for
    let told = folder.run_ok("recon full.h5 --mask other.h5 -o out.h5").err;
    assert!(!told.contains("outside the mask"), "{told}");
}

#[test]
fn many_coils() {
    let folder = Folder::with_scan("--size 72x64 --coils 32 --seed 2");
    right_image(&folder, "full.h5", "--accel 4 --acs 20", 0.4);
}

#[test]
fn many_slices() {
    let folder = Folder::with_scan("--size 40x36 --coils 3 --slices 30 --seed 3");
    right_image(&folder, "full.h5", "--accel 2.5 --acs 14", 0.7);
    assert_eq!(folder.trace("trace.jsonl").len(), 30);
    let (image, truth) = (folder.complex("out.h5:image"), folder.complex("full.h5:ground_truth"));
    // every slice in its own place: nearest to its own truth
    for (slice, image) in image.axis_iter(Axis(0)).enumerate().step_by(7) {
        let error = |other: usize| {
            let truth = truth.index_axis(Axis(0), other).to_owned();
            nmse(&magnitude(&image.to_owned()), &magnitude(&truth))
        };
        let nearest = (0..30).min_by(|&a, &b| error(a).total_cmp(&error(b)));
        assert_eq!(nearest, Some(slice));
    }
}

/// In units that differ by a power of two all is the same to the last bit. By another factor k-space is rounded
/// anew: the first iterations agree to rounding, until SURE meets two thresholds of one risk and takes the other, which
/// the image must hardly show.
#[test]
fn units_do_not_matter() {
    let folder = Folder::with_scan("--size 96x80 --coils 4 --slices 2 --seed 3");
    let draw = "--accel 4 --acs 16";
    folder.run_ok(&format!("recon full.h5 {draw} --iterations 4 -o short.h5"));
    right_image(&folder, "full.h5", draw, 0.4);
    let (kspace, truth) = (folder.complex("full.h5:kspace"), folder.complex("full.h5:ground_truth"));
    let (image, short) = (folder.complex("out.h5:image"), folder.complex("short.h5:image"));
    let own_error = nmse(&magnitude(&image), &magnitude(&truth));
    let ssim = folder.ssim("full.h5:ground_truth", "out.h5:image");
    let tau = |name: &str| folder.read::<f64>(&format!("{name}:state_evolution/mean_tau"));
    for factor in [2f32.powi(-23), 2f32.powi(43), 1e-7, 1e13] {
        folder.write("scaled.h5:kspace", &kspace.mapv(|v| v * factor));
        folder.write("scaled.h5:ground_truth", &truth.mapv(|v| v * factor));
        folder.run_ok(&format!("recon scaled.h5 {draw} -o scaled_out.h5"));
        folder.run_ok(&format!("recon scaled.h5 {draw} --iterations 4 -o scaled_short.h5"));
        let scaled = folder.complex("scaled_out.h5:image");
        if factor.log2().fract() == 0.0 {
            assert_eq!(scaled, image.mapv(|v| v * factor));
            let power = f64::from(factor).powi(2);
            let bits = |taus: ArrayD<f64>| taus.mapv(f64::to_bits);
            assert_eq!(bits(tau("scaled_out.h5")), bits(tau("out.h5").mapv(|t| t * power)));
        }
        let first = nmse(&folder.complex("scaled_short.h5:image"), &short.mapv(|v| v * factor)).sqrt();
        let last = nmse(&scaled, &image.mapv(|v| v * factor));
        assert!(
            first < 1e-5 && last < own_error / 50.0,
            "times {factor:e}: {first:e}, {last:e}"
        );
        let scaled = folder.ssim("scaled.h5:ground_truth", "scaled_out.h5:image");
        assert!(
            (scaled - ssim).abs() < 2e-3,
            "times {factor:e}: SSIM {scaled}, not {ssim}"
        );
    }
}

#[test]
fn double_precision_on_disk_is_the_same_scan() {
    let folder = Folder::with_scan("--size 64x64 --coils 4 --seed 3");
    let wide = folder.complex("full.h5:kspace");
    let wide = wide.mapv(|v| crate::support::C64::new(v.re.into(), v.im.into()));
    folder.write("wide.h5:kspace", &wide);
    for name in ["full.h5", "wide.h5"] {
        folder.run_ok(&format!("recon {name} --accel 3 --acs 16 -o out_{name}"));
    }
    assert_eq!(folder.bits("out_full.h5"), folder.bits("out_wide.h5"));
}

/// As in the test files of fastMRI: phase-encode lines, k-space zero elsewhere, and a mask of one axis.
#[test]
fn phase_encode_lines() {
    let folder = Folder::with_scan("--size 96x80 --coils 8 --slices 2 --seed 5");
    let line = |col: usize| (34..46).contains(&col) || col * 7919 % 100 < 30;
    let damping = |folder: &Folder| {
        let settings = folder.open("out.h5").group("settings").unwrap();
        settings.attr("damping").unwrap().read_scalar::<f64>().unwrap()
    };
    let mut kspace = folder.complex("full.h5:kspace");
    for (col, mut plane) in kspace.axis_iter_mut(Axis(3)).enumerate() {
        if !line(col) {
            plane.fill(C32::ZERO);
        }
    }
    folder.write("lines.h5:kspace", &kspace);
    for has_mask in [false, true] {
        if has_mask {
            folder.write("lines.h5:mask", &ndarray::Array1::from_shape_fn(80, line));
        }
        let output = right_image(&folder, "lines.h5", "--method pvdamp", 1.0);
        let warnings = output.warnings();
        assert!(
            warnings.len() == 1 && warnings[0].contains("whole phase-encode lines"),
            "{warnings:?}"
        );
        assert!(!warnings[0].contains("regular distances"), "{warnings:?}");
        assert_eq!(damping(&folder), 0.7);
        let mask: ArrayD<bool> = folder.read("out.h5:mask");
        assert!(mask.indexed_iter().all(|(at, &sampled)| sampled == line(at[1])));
    }
    let regular = ndarray::Array1::from_shape_fn(80, |col| (36..44).contains(&col) || col % 4 == 1);
    folder.write("regular.h5:mask", &regular);
    let output = folder.run_ok("recon full.h5 --method pvdamp --mask regular.h5:mask --damping 0.5 -o out.h5");
    assert!(
        output.err.contains("whole phase-encode lines at regular distances"),
        "{}",
        output.err
    );
    assert_eq!(damping(&folder), 0.5);
}

#[test]
fn two_sets_of_maps() {
    let folder = Folder::with_scan("--size 96x80 --coils 8 --seed 6");
    right_image(
        &folder,
        "full.h5",
        "--accel 4 --acs 20 --method pvdamp --map-sets 2 --crop 0.5 --save-maps",
        0.5,
    );
    assert_eq!(folder.shape("out.h5:maps"), [1, 2, 8, 96, 80]);
    let bands = folder.shape("out.h5:state_evolution/tau")[2];
    let record = &folder.trace("trace.jsonl")[0];
    assert_eq!(bands, record["bands"].as_array().unwrap().len());
    assert_eq!(bands, 26);
    folder.run_ok("recon full.h5 --accel 4 --acs 20 --method pvdamp --maps out.h5 -o given.h5");
    assert_eq!(folder.complex("given.h5:image"), folder.complex("out.h5:image"));
}

/// A slice without data is reported and does not affect the others.
#[test]
fn slices_of_zeros() {
    let folder = Folder::with_scan("--size 64x64 --coils 4 --slices 3 --seed 3");
    let draw = "--accel 3 --acs 16";
    folder.run_ok(&format!("recon full.h5 {draw} -o full_out.h5"));
    let mut kspace = folder.complex("full.h5:kspace");
    for (slice, zeros) in [(1, 1), (0, 2), (2, 3)] {
        kspace.index_axis_mut(Axis(0), slice).fill(C32::ZERO);
        folder.write("zeros.h5:kspace", &kspace);
        let draw = if zeros < 3 { draw } else { "" };
        let output = folder.run_ok(&format!(
            "recon zeros.h5 {draw} --save-maps --trace trace.jsonl --png p -o out.h5"
        ));
        // One of the first slice, one of all others together, and one of a scan that is all zero.
        let told = 1 + usize::from(zeros > 1) + usize::from(zeros == 3);
        let of_zeros = |output: &ProgramOutput| output.warnings().iter().filter(|w| w.contains("all zero")).count();
        assert_eq!(of_zeros(&output), told, "{}", output.err);
        let maps = folder.run_ok("maps zeros.h5 -o maps.h5");
        assert!(of_zeros(&maps) >= told, "{}", maps.err);
        let batch = folder.run_ok(&format!("batch zeros.h5 {draw} --redo -o results"));
        assert!(of_zeros(&batch) >= told, "{}", batch.err);
        let more = [
            "",
            "; one more slice like it: slice 1\n",
            "; 2 more slices like it: slices 1, 2\n",
        ][zeros - 1];
        for output in [&output, &maps] {
            assert!(output.err.contains(more), "{}", output.err);
        }
        let summary = output.err.lines().filter(|line| line.starts_with("warnings: ")).count();
        assert_eq!(summary, 1, "{}", output.err);
        let quiet = folder.run_ok(&format!("recon zeros.h5 {draw} -q -o quiet.h5"));
        assert_eq!(quiet.err, "");
        // records keep what there is of each slice
        let trace = folder.trace("trace.jsonl");
        let own = trace
            .iter()
            .filter(|line| line["warnings"].to_string().contains("all zero"));
        assert_eq!((trace.len(), own.count()), (3, zeros));
        folder.run_ok("info zeros.h5");
        let (image, full) = (folder.complex("out.h5:image"), folder.complex("full_out.h5:image"));
        for slice in 0..3 {
            let (image, full) = (image.index_axis(Axis(0), slice), full.index_axis(Axis(0), slice));
            if kspace.index_axis(Axis(0), slice).iter().all(|v| *v == C32::ZERO) {
                assert!(image.iter().all(|v| *v == C32::ZERO));
            } else {
                assert_eq!(image, full);
            }
        }
    }
}

/// A slice that lacks some of the data keeps the mask that was drawn, less what is not there; where the mask was found
/// in the data, each slice has its own.
#[test]
fn slices_sampled_differently() {
    let folder = Folder::with_scan("--size 64x64 --coils 4 --slices 2 --seed 3");
    let full = folder.complex("full.h5:kspace");
    let mut lacking = full.clone();
    lacking.slice_mut(ndarray::s![1, .., .., ..8]).fill(C32::ZERO);
    folder.write("lacking.h5:kspace", &lacking);
    let output = folder.run_ok("recon lacking.h5 --accel 3 --acs 16 --trace trace.jsonl -o out.h5");
    let acceleration = |slice: usize| {
        let records = folder.trace("trace.jsonl");
        records[slice]["sampling"]["acceleration"].as_f64().unwrap()
    };
    assert!(
        acceleration(1) > acceleration(0) && acceleration(0) > 2.5,
        "{}",
        output.err
    );

    let mut halved = full;
    for (col, mut column) in halved.index_axis_mut(Axis(0), 0).axis_iter_mut(Axis(2)).enumerate() {
        if col % 2 == 1 && !(24..40).contains(&col) {
            column.fill(C32::ZERO);
        }
    }
    folder.write("halved.h5:kspace", &halved);
    let output = folder.run_ok("recon halved.h5 --trace trace.jsonl -o out.h5");
    assert!(acceleration(0) > 1.4, "{}", output.err);
    assert_eq!(acceleration(1), 1.0, "{}", output.err);
    assert!(output.err.contains("other locations"), "{}", output.err);
}
