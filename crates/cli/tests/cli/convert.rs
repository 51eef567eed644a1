//! `pvdamp convert`, and results in other formats than HDF5, as a user runs them.

use crate::support::command::*;
use ndarray::{Array2, Array3, ArrayD};

const R4: &str = "--accel 4 --acs 16 --seed 5";
const DATA: i32 = 1;
const USAGE: i32 = 2;

/// A small full scan, and `out.h5` reconstructed from it.
fn folder() -> Folder {
    let folder = Folder::with_scan("--size 48x40 --coils 3 --slices 2 --seed 3");
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp --uncertainty -o out.h5"));
    folder
}

fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    std::fs::read(folder.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn a_reconstruction_is_the_same_in_every_format() {
    let folder = folder();
    for (output, dataset, files) in [
        ("a.npy", ":image", &["a.npy"][..]),
        ("a.cfl", ":image", &["a.cfl", "a.hdr"]),
        ("a.nii", "", &["a.nii"]),
        ("a.png", "", &["a_000.png", "a_001.png"]),
    ] {
        folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o {output}"));
        let recon: Vec<Vec<u8>> = files.iter().map(|file| bytes(&folder, file)).collect();
        folder.run_ok(&format!("convert out.h5{dataset} {output}"));
        for (file, mut recon) in files.iter().zip(recon) {
            let mut converted = bytes(&folder, file);
            if output.ends_with(".nii") {
                // how they were made is stated in 80 bytes
                recon[148..228].fill(0);
                converted[148..228].fill(0);
            }
            assert!(recon == converted, "{file} depends on its way");
        }
    }
    // a name without a known ending is HDF5
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o image.dat"));
    assert_eq!(folder.bits("image.dat")["/image"], folder.bits("out.h5")["/image"]);
    assert_eq!(folder.shape("image.dat:geometry"), [0, 4, 3]);
}

#[test]
fn what_is_not_hdf5_is_cropped_as_the_header_says() {
    let folder = folder();
    crop_rows(&folder);
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o crop.cfl"));
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o crop.h5"));
    let text = String::from_utf8(bytes(&folder, "crop.hdr")).unwrap();
    assert_eq!(text.lines().nth(1), Some("24 40 1 1 1 1 1 1 1 1 1 1 1 2 1 1"));
    let values = bytes(&folder, "crop.cfl");
    let part = |at: usize| f32::from_le_bytes(values[at..at + 4].try_into().unwrap());
    let magnitude: ArrayD<f32> = folder.read("crop.h5:reconstruction");
    for (at, value) in magnitude.indexed_iter() {
        let place = 8 * (at[1] + 24 * (at[2] + 40 * at[0]));
        assert_eq!(C32::new(part(place), part(place + 4)).norm(), *value);
    }
}

/// Values of a NIfTI file, in their order there.
fn nifti(folder: &Folder, name: &str) -> Vec<f32> {
    let mut values = bytes(folder, name);
    if name.ends_with(".gz") {
        let mut whole = Vec::new();
        std::io::copy(&mut flate2::read::GzDecoder::new(&values[..]), &mut whole).unwrap();
        values = whole;
    }
    let of = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    values[352..].chunks_exact(4).map(of).collect()
}

/// The header of `full.h5` with half as many rows of the reconstructed image.
fn crop_rows(folder: &Folder) {
    let header = folder.read::<hdf5::types::VarLenUnicode>("full.h5:ismrmrd_header");
    let (before, recon) = header[[]].split_once("<reconSpace>").unwrap();
    let half = recon
        .replacen("<x>48<", "<x>24<", 1)
        .replacen("<x>264.0000<", "<x>132.0000<", 1);
    let xml = format!("{before}<reconSpace>{half}");
    let xml: hdf5::types::VarLenUnicode = xml.parse().unwrap();
    folder.write("full.h5:ismrmrd_header", &ndarray::arr0(xml));
}

/// The parts lie where the magnitude does, and come together again.
#[test]
fn parts_of_the_image_are_cropped_as_the_magnitude() {
    let folder = folder();
    crop_rows(&folder);
    folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o out.h5"));
    assert_eq!(folder.shape("out.h5:reconstruction"), [2, 24, 40]);
    let image = folder.complex("out.h5:image");
    folder.run_ok("convert out.h5 whole.nii");
    folder.run_ok("convert out.h5 a.nii --part mag,phase,real,imag");
    folder.run_ok(&format!(
        "recon full.h5 {R4} --method pvdamp --part phase,mag,real,imag -o b.nii.gz"
    ));
    folder.run_ok("convert out.h5 phase.nii --part phase");
    let whole = bytes(&folder, "whole.nii");
    for (stem, ending) in [("a", "nii"), ("b", "nii.gz")] {
        let part = |part: &str| nifti(&folder, &format!("{stem}_part-{part}.{ending}"));
        let (magnitude, phase, real, imaginary) = (part("mag"), part("phase"), part("real"), part("imag"));
        assert_eq!(magnitude, nifti(&folder, "whole.nii"));
        assert_eq!(phase, nifti(&folder, "phase.nii"));
        assert_eq!(real.len(), 2 * 24 * 40);
        for (slice, row, col) in (0..2).flat_map(|s| (0..24).flat_map(move |r| (0..40).map(move |c| (s, r, c)))) {
            let at = row + 24 * (col + 40 * slice);
            let value = image[[slice, row + 12, col]];
            assert_eq!((real[at], imaginary[at]), (value.re, value.im));
            assert_eq!(phase[at], value.im.atan2(value.re));
        }
    }
    let about = |name: &str| [&bytes(&folder, name)[..148], &bytes(&folder, name)[228..352]].concat();
    assert_eq!(about("a_part-phase.nii"), [&whole[..148], &whole[228..352]].concat());
    // what is named is taken as it is
    folder.run_ok("convert out.h5:image full.nii --part imag");
    assert_eq!(nifti(&folder, "full.nii").len(), 2 * 48 * 40);
    folder.run_ok("convert out.h5 d.dcm --part phase");
    folder.run_ok("convert out.h5 d.dcm --part imag,phase");
    for name in ["d_000.dcm", "d_001.dcm", "d_part-imag_001.dcm", "d_part-phase_000.dcm"] {
        assert!(folder.path(name).exists(), "{name}");
    }
}

/// Reads `name`, which must be JSON.
fn json(folder: &Folder, name: &str) -> serde_json::Value {
    serde_json::from_slice(&bytes(folder, name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn images_go_into_a_bids_dataset() {
    let folder = folder();
    folder.run_ok("convert out.h5 whole.nii.gz");
    let header = |about: &str| {
        let xml = format!(
            "<ismrmrdHeader><subjectInformation><patientName>Roe^Jane</patientName><patientID>p-7</patientID>\
             </subjectInformation>{about}<encoding><trajectory>cartesian</trajectory></encoding></ismrmrdHeader>"
        );
        let xml: hdf5::types::VarLenUnicode = xml.parse().unwrap();
        folder.write("out.h5:ismrmrd_header", &ndarray::arr0(xml));
    };
    header(
        "<acquisitionSystemInformation><systemVendor>Maker</systemVendor><systemModel>M1</systemModel>\
         <systemFieldStrength_T>2.89</systemFieldStrength_T></acquisitionSystemInformation>\
         <sequenceParameters><TR>2300</TR><TE>2.98</TE><TI>900</TI><flipAngle_deg>9</flipAngle_deg></sequenceParameters>",
    );
    folder.run_ok("convert out.h5 --bids set --suffix T1w");
    let set = "set/sub-out/anat/sub-out";
    assert_eq!(
        nifti(&folder, &format!("{set}_T1w.nii.gz")),
        nifti(&folder, "whole.nii.gz")
    );
    let expected = serde_json::json!({
        "EchoTime": 0.00298, "RepetitionTime": 2.3, "InversionTime": 0.9, "FlipAngle": 9.0,
        "MagneticFieldStrength": 2.89, "Manufacturer": "Maker", "ManufacturersModelName": "M1",
    });
    assert_eq!(json(&folder, &format!("{set}_T1w.json")), expected);
    let about = json(&folder, "set/dataset_description.json");
    assert_eq!((&about["Name"], &about["DatasetType"]), (&"set".into(), &"raw".into()));
    assert!(about["BIDSVersion"].is_string());

    // a description that is there stays; of several echoes nothing is told
    std::fs::write(folder.path("set/dataset_description.json"), "{}").unwrap();
    std::fs::copy(folder.path("out.h5"), folder.path("Knee_2 é.h5")).unwrap();
    header("<sequenceParameters><TE>2</TE><TE>4</TE></sequenceParameters>");
    std::fs::copy(folder.path("out.h5"), folder.path("two-echoes.h5")).unwrap();
    folder.run_ok("convert two-echoes.h5 --bids set --suffix T2starw --part mag,phase,real");
    let set = "set/sub-twoechoes/anat/sub-twoechoes";
    for (part, about) in [
        ("mag", serde_json::json!({})),
        ("phase", serde_json::json!({"Units": "rad"})),
        ("real", serde_json::json!({})),
    ] {
        assert_eq!(json(&folder, &format!("{set}_part-{part}_T2starw.json")), about);
        assert_eq!(
            nifti(&folder, &format!("{set}_part-{part}_T2starw.nii.gz")).len(),
            2 * 48 * 40
        );
    }
    assert_eq!(bytes(&folder, "set/dataset_description.json"), b"{}");
    // arrays without a header have no more than their images
    folder.run_ok("convert out.h5:image image.npy");
    folder.run_ok("convert image.npy --bids set --suffix PDw");
    assert_eq!(
        json(&folder, "set/sub-image/anat/sub-image_PDw.json"),
        serde_json::json!({})
    );
    std::fs::rename(folder.path("image.npy"), folder.path("_é.npy")).unwrap();
    for (words, code, parts) in [
        ("convert out.h5 --bids new", USAGE, &["--suffix", "T1w, T2w"][..]),
        (
            "convert full.h5:kspace --bids new --suffix T1w",
            USAGE,
            &["--bids", "k-space"],
        ),
        (
            "convert _é.npy --bids new --suffix T1w",
            DATA,
            &["_é.npy", "letter", "rename"],
        ),
    ] {
        folder.refused(words, code, parts);
    }
}

#[test]
fn parts_that_nothing_can_give_are_refused() {
    let folder = folder();
    folder.run_ok("convert out.h5:image image.npy");
    folder.run_ok("convert out.h5:reconstruction real.h5");
    for (words, code, parts) in [
        (
            "convert out.h5:std a.nii --part phase",
            DATA,
            &["std", "real numbers", "'phase'"][..],
        ),
        (
            "convert real.h5 a.dcm --part mag,imag",
            DATA,
            &["real numbers", "'imag'"],
        ),
        (
            "convert out.h5:reconstruction a.nii --part real",
            DATA,
            &["real numbers"],
        ),
        ("convert image.npy a.png --part phase", USAGE, &["--part", "PNG"]),
        (
            "convert image.npy a.npy --part phase",
            USAGE,
            &["--part", "NumPy", "complex"],
        ),
        ("convert out.h5 a.cfl --part mag", USAGE, &["--part", "BART"]),
        ("convert out.h5 a.h5 --part mag", USAGE, &["--part", "HDF5"]),
        ("recon full.h5 -o a.h5 --part phase", USAGE, &["--part", "HDF5"]),
        ("convert full.h5:kspace a.nii --part mag", USAGE, &["--part", "k-space"]),
        ("convert out.h5 a.nii --part mag,mag", USAGE, &["--part", "mag twice"]),
    ] {
        folder.refused(words, code, parts);
    }
    folder.run_ok("convert real.h5 a.nii --part mag");
    folder.run_ok("convert image.npy a.nii.gz --part mag,phase");
}

#[test]
fn kspace_goes_there_and_comes_back() {
    let folder = folder();
    folder.undersample(R4);
    folder.write("under.h5:mask", &folder.read::<bool>("mask.h5:mask"));
    for (scan, of) in [("full.h5", ""), ("under.h5", ""), ("full.h5", ":kspace")] {
        folder.run_ok(&format!("convert {scan}{of} copy.h5"));
        assert_eq!(
            folder.complex("copy.h5:kspace"),
            folder.complex(&format!("{scan}:kspace"))
        );
    }
    folder.run_ok("convert under.h5 copy.h5");
    assert_eq!(folder.read::<bool>("copy.h5:mask"), folder.read::<bool>("mask.h5:mask"));
    for scan in ["under.h5", "copy.h5"] {
        folder.run_ok(&format!("recon {scan} -o again_{scan}"));
    }
    assert_eq!(folder.bits("again_under.h5"), folder.bits("again_copy.h5"));

    folder.run_ok("convert full.h5 copy.h5");
    let text = |place: &str| folder.read::<hdf5::types::VarLenUnicode>(place)[[]].to_string();
    assert_eq!(text("copy.h5:ismrmrd_header"), text("full.h5:ismrmrd_header"));
    let rss = |file: &str| folder.read::<f32>(&format!("{file}:reconstruction_rss"));
    assert_eq!(rss("copy.h5"), rss("full.h5"));
    let seed = |file: &str| folder.open(file).attr("seed").unwrap().read_scalar::<i64>().unwrap();
    assert_eq!(seed("copy.h5"), seed("full.h5"));
}

#[test]
fn images_become_a_result_that_can_be_evaluated() {
    let folder = folder();
    folder.run_ok("convert out.h5:unbiased unbiased.h5");
    assert_eq!(folder.complex("unbiased.h5:image"), folder.complex("out.h5:unbiased"));
    let magnitude = folder.complex("out.h5:unbiased").mapv(|v| v.norm());
    assert_eq!(folder.read::<f32>("unbiased.h5:reconstruction"), magnitude);
    assert_eq!(
        folder.ssim("full.h5", "unbiased.h5"),
        folder.ssim("full.h5", "out.h5:unbiased")
    );
    // a plane is one slice
    folder.write(
        "plane.h5:picture",
        &Array2::from_shape_fn((6, 5), |(r, c)| (r * c) as f32),
    );
    folder.run_ok("convert plane.h5:picture plane.h5.png");
    folder.run_ok("convert plane.h5:picture image.h5");
    assert_eq!(folder.shape("image.h5:reconstruction"), [1, 6, 5]);
    assert!(!folder.has("image.h5:image"));
}

#[test]
fn arrays_of_barts_keep_their_dimensions() {
    let folder = Folder::new();
    for axes in ["3 5 4 1 1 1 1 1 1 1 1 1 1 1 1 1", "5 4 1 1 1 1 1 1 1 1 1 1 1 3 1 1"] {
        std::fs::write(folder.path("a.hdr"), format!("# Dimensions\n{axes}\n")).unwrap();
        let values: Vec<u8> = (0..120u16).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        std::fs::write(folder.path("a.cfl"), &values).unwrap();
        folder.run_ok("convert a b.cfl");
        assert_eq!(bytes(&folder, "b.cfl"), values);
        let header = String::from_utf8(bytes(&folder, "b.hdr")).unwrap();
        assert_eq!(header.lines().nth(1), Some(axes));
        for input in ["a", "a.cfl", "a.hdr"] {
            folder.refused(
                &format!("convert {input} a.cfl"),
                DATA,
                &["a.cfl", "is an input", "; choose"],
            );
        }
    }
}

/// A mask has no slices, and so lies at none of them.
#[test]
fn a_plane_of_a_result_with_places() {
    let folder = folder();
    folder.write_geometry("out.h5", &Array3::from_elem((2, 4, 3), 0.5), [1.0; 3]);
    folder.run_ok("convert out.h5:prob_map density.nii");
    assert_eq!(bytes(&folder, "density.nii").len(), 352 + 4 * 48 * 40);
}

#[test]
fn negative_values_give_a_warning() {
    let folder = Folder::new();
    folder.write("a.h5:reconstruction", &Array3::from_elem((1, 4, 4), -1.5f32));
    let output = folder.run_ok("convert a.h5 a.nii");
    assert!(
        output.warnings()[0].contains("16 values are negative"),
        "{}",
        output.err
    );
    let output = folder.run_ok("convert a.h5 a.npy");
    assert!(output.warnings().is_empty(), "{}", output.err);
}

#[test]
fn what_cannot_be_converted() {
    let folder = folder();
    folder.undersample(R4);
    std::fs::write(folder.path("text"), "no image ".repeat(100)).unwrap();
    std::fs::create_dir(folder.path("folder.nii")).unwrap();
    std::fs::create_dir(folder.path("taken_001.dcm")).unwrap();
    let mut nan = Array3::<f32>::zeros((2, 4, 4));
    nan[[1, 0, 0]] = f32::NAN;
    folder.write("nan.h5:reconstruction", &nan);
    folder.write("five.h5:reconstruction", &Array3::<f32>::zeros((0, 4, 4)));
    let cases: [(&str, &[&str]); 15] = [
        ("full.h5 out.nii", &["out.nii", "holds images", "; reconstruct it"]),
        ("full.h5 out.dcm", &["out.dcm", "holds images"]),
        (
            "mask.h5 out.nii",
            &["mask.h5", "no dataset 'kspace'", "prob_map (48, 40)"],
        ),
        (
            "out.h5:nothing out.nii",
            &["out.h5", "'nothing'", "is not there", "; name"],
        ),
        ("out.h5:records out.nii", &["out.h5", "'records'"]),
        ("five.h5 a.nii", &["five.h5", "empty axis", "; give"]),
        ("nan.h5 a.nii", &["nan.h5", "slice 1", "NaN", "; set"]),
        ("nan.h5 a.png", &["nan.h5", "slice 1", "NaN"]),
        ("text a.nii", &["text", "; give"]),
        ("missing.h5 a.nii", &["missing.h5", "no such file; check"]),
        ("out.h5 out.h5", &["out.h5", "is an input", "; choose"]),
        ("out.h5 no/out.nii", &["no/out.nii", "does not exist", "; create"]),
        ("out.h5 no/out.h5", &["no/out.h5", "does not exist"]),
        ("out.h5 folder.nii", &["folder.nii", "folder; name"]),
        ("out.h5 taken.dcm", &["taken_001.dcm", "folder; name"]),
    ];
    for (words, expected) in cases {
        folder.refused(&format!("convert {words}"), DATA, expected);
    }
    folder.refused("convert full.h5:kspace a.npy --kspace kspace", USAGE, &["named twice"]);
}

#[test]
fn a_geometry_of_other_slices_is_refused() {
    let folder = folder();
    folder.write_geometry("out.h5", &Array3::zeros((5, 4, 3)), [1.0; 3]);
    let expected = ["out.h5", "'geometry'", "5 slices", "there are 2", "; give"];
    folder.refused("convert out.h5 a.nii", DATA, &expected);
}

/// Directions that are none, and a centre that is in no scanner.
#[test]
fn a_geometry_that_is_none_is_refused() {
    let folder = folder();
    let expected = ["out.h5", "'geometry'", "slice 0", "right angles", "; give"];
    let mut far = Array3::from_shape_fn((2, 4, 3), |(_, v, axis)| f64::from(u8::from(v == axis + 1)));
    folder.write_geometry("out.h5", &far, [1.0; 3]);
    folder.run_ok("convert out.h5 a.dcm");
    far[[0, 0, 0]] = 1e308;
    for vectors in [Array3::zeros((2, 4, 3)), Array3::from_elem((2, 4, 3), 2.0), far] {
        folder.write_geometry("out.h5", &vectors, [1.0; 3]);
        folder.refused("convert out.h5 b.dcm", DATA, &expected);
    }
}

/// A dataset that claims more slices than are stored, as a damaged one may.
#[test]
fn slices_that_are_not_stored_are_refused() {
    let folder = Folder::new();
    let file = folder.append("big.h5");
    let slices = 1usize << 40;
    let made = file
        .new_dataset::<f32>()
        .chunk((1, 4, 4))
        .shape((slices, 4, 4))
        .create("reconstruction");
    drop(made.unwrap());
    drop(file);
    for output in ["a.dcm", "a.png", "a.npy", "a.nii", "a.h5"] {
        let expected = ["big.h5", "claims shape", "damaged"];
        folder.refused(&format!("convert big.h5 {output}"), DATA, &expected);
    }
}

/// The slices of a volume lie along its readout, whichever of its images is taken.
#[test]
fn the_images_of_a_simulated_volume_have_its_pixels() {
    let folder = Folder::new();
    folder.run_ok("simulate --size 16x12 --coils 2 --slices 10 --volume --seed 1 -o full.h5");
    for source in ["geometry and header", "header alone"] {
        folder.run_ok("convert full.h5:reconstruction_rss a.nii");
        let nifti = bytes(&folder, "a.nii");
        let sizes: Vec<f32> = nifti[80..92]
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let pixel = 220.0 / 12.0;
        for (size, wanted) in sizes.iter().zip([pixel, pixel, 5.0]) {
            assert!((size - wanted).abs() < 1e-3, "{sizes:?} of {source}");
        }
        let file = folder.append("full.h5");
        if file.link_exists("geometry") {
            file.unlink("geometry").unwrap();
        }
    }
}

/// A reference that is not of this scan is no reason not to convert it.
#[test]
fn a_reference_of_other_slices_is_left_out() {
    let folder = folder();
    folder.write("full.h5:reconstruction_rss", &Array3::<f32>::ones((5, 48, 40)));
    folder.run_ok("convert full.h5 copy.h5");
    assert!(!folder.has("copy.h5:reconstruction_rss"));
    assert_eq!(folder.complex("copy.h5:kspace"), folder.complex("full.h5:kspace"));
}

#[test]
fn what_needs_hdf5_is_refused_elsewhere() {
    let folder = folder();
    for output in ["a.nii", "a.nii.gz", "a.cfl", "a.npy", "a.dcm", "a.png"] {
        for option in ["--save-maps", "--uncertainty"] {
            let words = format!("recon full.h5 {R4} {option} -o {output}");
            folder.refused(&words, USAGE, &[option, "HDF5", "convert"]);
        }
    }
    folder.refused(
        &format!("recon full.h5 {R4} --method pvdamp -o no/a.dcm"),
        DATA,
        &["no/a_000.dcm", "does not exist; create"],
    );
}
