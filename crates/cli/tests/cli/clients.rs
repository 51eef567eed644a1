//! What is written, read by the programs that people read it with: h5py and fastMRI's own evaluation, nibabel, pydicom,
//! NumPy, BART. If one is not installed, its test says so and passes.

use crate::support::client::{bart, python_output};
use crate::support::command::*;
use ndarray::Array3;

const R4: &str = "--accel 4 --acs 16 --seed 5";

const PATIENT: &str = "Grün^Zoë";

/// Three slices of 48x40, oblique and out of order. `full.h5` states their positions and the patient.
fn placed() -> Folder {
    let folder = unplaced();
    let header = folder.read::<hdf5::types::VarLenUnicode>("full.h5:ismrmrd_header");
    let subject = format!("<subjectInformation><patientName>{PATIENT}</patientName></subjectInformation><encoding>");
    let xml: hdf5::types::VarLenUnicode = header[[]].replacen("<encoding>", &subject, 1).parse().unwrap();
    folder.write("full.h5:ismrmrd_header", &ndarray::arr0(xml));
    // turned about two axes, so that no direction is along one of the scanner's
    let (a, b) = (0.3_f64.sin_cos(), 0.5_f64.sin_cos());
    let rows = [a.1, a.0, 0.0];
    let cols = [-a.0 * b.1, a.1 * b.1, b.0];
    let normal = [a.0 * b.0, -a.1 * b.0, b.1];
    let mut geometry = Array3::<f64>::zeros((3, 4, 3));
    for (slice, height) in [12.0, 0.0, 6.0].into_iter().enumerate() {
        for axis in 0..3 {
            let centre = [5.0, -40.0, 80.0][axis] + height * normal[axis];
            for (vector, value) in [centre, rows[axis], cols[axis], normal[axis]].into_iter().enumerate() {
                geometry[[slice, vector, axis]] = value;
            }
        }
    }
    folder.write_geometry("full.h5", &geometry, [1.25, 1.5, 6.0]);
    folder
}

fn unplaced() -> Folder {
    Folder::with_scan("--size 48x40 --coils 4 --slices 3 --seed 3")
}

#[test]
fn nibabel_finds_every_voxel_in_its_place() {
    for folder in [placed(), unplaced()] {
        for output in ["out.h5", "out.nii", "out.nii.gz"] {
            folder.run_ok(&format!("recon full.h5 {R4} -o {output}"));
        }
        folder.run_ok("convert out.h5 later.nii.gz");
        let files = ["out.h5", "out.nii", "out.nii.gz", "later.nii.gz"];
        python_output(&folder, "nifti_read.py", &["nibabel", "h5py"], &files);
    }
}

#[test]
fn pydicom_finds_values_places_and_what_the_standard_requires() {
    for (folder, patient) in [(placed(), PATIENT), (unplaced(), "Anonymous")] {
        for output in ["out.h5", "out.dcm"] {
            folder.run_ok(&format!("recon full.h5 {R4} -o {output}"));
        }
        folder.run_ok("convert out.h5 later.dcm");
        for name in ["out", "later"] {
            let files = [0, 1, 2].map(|slice| format!("{name}_00{slice}.dcm"));
            let arguments = ["out.h5", &files[0], &files[1], &files[2]];
            let output = python_output(&folder, "dicom_read.py", &["pydicom", "h5py"], &arguments);
            assert!(output.is_none_or(|output| output.contains(patient)));
        }
    }
}

#[test]
fn numpy_loads_images_and_kspace() {
    let folder = unplaced();
    for output in ["out.h5", "out.npy"] {
        folder.run_ok(&format!("recon full.h5 {R4} --method pvdamp -o {output}"));
    }
    folder.run_ok("convert full.h5 kspace.npy");
    folder.run_ok("convert out.h5:unbiased unbiased.npy");
    let pairs = [
        "out.npy=out.h5:image",
        "kspace.npy=full.h5:kspace",
        "unbiased.npy=out.h5:unbiased",
    ];
    python_output(&folder, "numpy_read.py", &["numpy", "h5py"], &pairs);
}

#[test]
fn fastmri_evaluates_the_result_as_we_do() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("targets")).unwrap();
    std::fs::create_dir(folder.path("results")).unwrap();
    // two acquisitions, and an odd width in an even height
    for (name, size, acquisition) in [
        ("a", "48x40", "AXT2"),
        ("b", "64x39", "AXFLAIR"),
        ("c", "50x40", "AXT2"),
    ] {
        let scan = format!("targets/{name}.h5");
        let simulate = format!("simulate --size {size} --coils 4 --slices 3 --noise 0.02");
        folder.run_ok(&format!("{simulate} --seed 3 -o {scan}"));
        let file = folder.append(&scan);
        let acquisition: hdf5::types::VarLenUnicode = acquisition.parse().unwrap();
        file.attr("acquisition").unwrap().write_scalar(&acquisition).unwrap();
        drop(file);
        folder.run_ok(&format!("recon {scan} {R4} -o results/{name}.h5"));
    }
    let output = folder.run_ok("eval targets results --json").out;
    std::fs::write(folder.path("evaluation.json"), output).unwrap();
    let arguments = ["targets", "results", "evaluation.json"];
    let packages = ["h5py", "skimage", "runstats", "fastmri"];
    let output = python_output(&folder, "fastmri_evaluate.py", &packages, &arguments);
    assert!(output.is_none_or(|output| output.contains("equal: 3 volumes of AXFLAIR AXT2")));
}

/// BART transforms and combines k-space that was converted, and comes to the reference of the scan; and it takes the
/// image of a reconstruction for the one that is in the HDF5 result.
#[test]
fn bart_reads_kspace_and_images() {
    let folder = unplaced();
    folder.run_ok("convert full.h5 kspace.cfl");
    folder.run_ok("convert full.h5:reconstruction_rss rss.cfl");
    folder.run_ok(&format!("recon full.h5 {R4} -o out.h5"));
    folder.run_ok(&format!("recon full.h5 {R4} -o out.cfl"));
    folder.run_ok("convert out.h5:image later.cfl");
    for words in [
        "fft -u -i 3 kspace coils",
        "rss 8 coils combined",
        "nrmse -t 0.00001 rss combined",
        "nrmse -t 0.0000001 later out",
    ] {
        if bart(&folder, words).is_none() {
            return;
        }
    }
    let shape = bart(&folder, "show -m out").unwrap();
    let axes: Vec<&str> = shape
        .lines()
        .find(|l| l.starts_with("AoD"))
        .unwrap()
        .split_whitespace()
        .skip(1)
        .collect();
    assert_eq!((&axes[..4], axes[13]), (&["48", "40", "1", "1"][..], "3"), "{shape}");
}

/// K-space that BART made comes back to it as it was; the planes of a volume are its readout, transformed.
#[test]
fn bart_finds_its_kspace_again() {
    let folder = Folder::new();
    if bart(&folder, "phantom -k -s 3 -x 32 slice").is_none() {
        return;
    }
    folder.run_ok("convert slice.cfl slice.h5");
    folder.run_ok("convert slice.h5 back.cfl");
    bart(&folder, "nrmse -t 0.0000001 slice back");
    bart(&folder, "phantom -k -3 -s 3 -x 16 volume");
    folder.run_ok("convert volume planes.h5");
    assert_eq!(folder.shape("planes.h5:kspace"), [16, 3, 16, 16]);
    folder.run_ok("convert planes.h5 planes.cfl");
    for words in [
        "transpose 0 13 planes hybrid",
        "fft -u 1 hybrid again",
        "nrmse -t 0.00001 volume again",
    ] {
        bart(&folder, words);
    }
    // an image of the volume is its x, y, z again
    folder.run_ok("recon planes.h5 --method zero-filled -o image.cfl");
    let shape = bart(&folder, "show -m image").unwrap();
    assert!(shape.contains("AoD:\t16\t16\t16\t1\t"), "{shape}");
}
