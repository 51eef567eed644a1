//! Files that cannot be read: one sentence each, with file, dataset, what was found, and the mend.

use super::*;
use crate::format::Axes;
use crate::format::tests::{assert_says, message};

fn refused(raw: &Raw, words: &[&str]) {
    let (_folder, path) = raw.write();
    let sentence = match open(&path) {
        Err(error) => error.to_string(),
        Ok(scan) => message(scan.read_slice(0)),
    };
    assert_says(&sentence, &path, words);
}

fn with(change: impl FnOnce(&mut Raw)) -> Raw {
    let mut raw = plain();
    change(&mut raw);
    raw
}

#[test]
fn tables_without_an_image() {
    refused(&with(|r| r.readouts.clear()), &["'dataset/data'", "no acquisition"]);
    let noise = with(|r| r.readouts.iter_mut().for_each(|r| r.head.flags = 1 << 18));
    refused(
        &noise,
        &["none of its 6 acquisitions is a line of an image", "imaging readouts"],
    );
    let others = with(|r| r.readouts.iter_mut().for_each(|r| r.head.flags = 1 << 22));
    refused(&others, &["none of its 6", "6 of navigator"]);
    let empty = with(|r| r.readouts.iter_mut().for_each(|r| r.head.discard_pre = 8));
    refused(&empty, &["6 of empty"]);
}

#[test]
fn the_error_of_the_xml_underlies_the_refusal() {
    use std::error::Error;
    let (_folder, path) = with(|r| r.xml = "<a>".into()).write();
    let error = open(&path).err().expect("an error");
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<roxmltree::Error>());
    assert!(cause.is_some(), "{error:?}");
}

#[test]
fn headers_that_do_not_go_with_the_data() {
    refused(
        &with(|r| r.xml = "<a>".into()),
        &["'dataset/xml'", "no ISMRMRD header", "not XML"],
    );
    refused(&with(|r| r.xml = "<h><encoding/></h>".into()), &["no encodedSpace"]);
    let beyond = with(|r| r.readouts.iter_mut().for_each(|r| r.head.encoding_space_ref = 3));
    refused(&beyond, &["without 4 elements 'encoding'"]);
    refused(
        &with(|r| r.xml = header([8, 6, 1], [8, 6, 1], [7, 0], "")),
        &[
            "4 of 6 lines lie outside",
            "as steps 0 and 0",
            "zero frequency at step 7",
            "--centre ky=N",
        ],
    );
    for matrix in [[0, 6, 1], [8, 60000, 60000], [100_000, 6, 1], [8, usize::MAX / 4, 1]] {
        let raw = with(|r| r.xml = header(matrix, [8, 6, 1], [3, 0], ""));
        let tall = matrix[2] > 1;
        if tall {
            let raw = Raw {
                readouts: {
                    let mut readouts = raw.readouts.clone();
                    readouts[0].head.idx.kspace_encode_step_2 = 1;
                    readouts
                },
                ..raw
            };
            refused(&raw, &["60000x60000", "48 samples"]);
        } else {
            refused(&raw, &["matrix", "samples were measured"]);
        }
    }
}

#[test]
fn trajectories_off_the_grid() {
    for word in ["radial", "spiral", "goldenangle", "other"] {
        let raw = with(|r| r.xml = r.xml.replace("cartesian", word));
        refused(&raw, &[word, "not Cartesian", "grid"]);
    }
    let mut ramp = with(|r| r.xml = r.xml.replace("cartesian", "epi"));
    let (_folder, path) = ramp.write();
    assert!(open(&path).unwrap().warnings[0].contains("EPI lines are taken as they are"));
    ramp.readouts[0].head.trajectory_dimensions = 1;
    refused(&ramp, &["EPI with samples off the grid"]);
    // a trajectory that the header knows nothing of
    let stored = with(|r| r.readouts[0].head.trajectory_dimensions = 1).scan();
    assert!(
        stored.warnings[0].contains("trajectory is stored"),
        "{:?}",
        stored.warnings
    );
}

#[test]
fn readouts_that_do_not_go_together() {
    let two = with(|r| r.readouts[4] = readout(step(4), &line(&mut random(1), 2, 8), &[]));
    refused(&two, &["acquisition 0 has 3 coils and acquisition 4 has 2"]);
    let many = with(|r| r.readouts.iter_mut().for_each(|r| r.head.active_channels = 200));
    refused(&many, &["acquisition 0 has 200 coils", "at most 128"]);
    let centre = with(|r| r.readouts[4].head.center_sample = 8);
    refused(&centre, &["acquisition 4", "centre at sample 8 of 8"]);
    for (samples, stated) in [(9, "9 samples"), (7, "7 samples")] {
        let wrong = with(|r| r.readouts[2].head.number_of_samples = samples);
        refused(&wrong, &["acquisition 2 holds 48 numbers", stated, "damaged"]);
    }
    let nan = with(|r| {
        let mut lines = line(&mut random(1), 3, 8);
        (lines[1][3].re, lines[2][0].im) = (f32::NAN, f32::INFINITY);
        r.readouts[5].data = values(&lines);
    });
    refused(&nan, &["2 values of acquisition 5 are NaN"]);
    let huge = with(|r| {
        r.readouts.extend(plain().readouts);
        let lines = vec![vec![Complex::new(3e38, 0.0); 8]; 3];
        r.readouts.iter_mut().for_each(|r| r.data = values(&lines));
    });
    refused(&huge, &["exceed single precision", "rescale"]);
}

#[test]
fn compressed_tables_whose_heads_tell_of_more_than_there_is() {
    let long = with(|r| r.readouts.iter_mut().for_each(|r| r.head.number_of_samples = 60_000));
    let (_folder, path) = long.write();
    let file = opened(&path, hdf5::OpenMode::Append);
    file.unlink("dataset/data").unwrap();
    let group = file.group("dataset").unwrap();
    let rows = Array1::from(long.readouts.clone());
    let builder = group.new_dataset_builder().with_data(rows.view());
    builder.chunk(6).deflate(1).create("data").unwrap();
    file.close().unwrap();
    let words = ["'dataset/data'", "8640000 bytes of samples", "damaged"];
    assert_says(&message(open(&path)), &path, &words);
}

#[test]
fn files_that_are_laid_out_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw.h5");
    let file = opened(&path, hdf5::OpenMode::Create);
    let group = file.create_group("dataset").unwrap();
    group.new_dataset_builder().with_data(&[0u8]).create("xml").unwrap();
    group.new_dataset_builder().with_data(&[0u8]).create("data").unwrap();
    file.close().unwrap();
    assert_says(
        &message(open(&path)),
        &path,
        &["'dataset/data'", "no table", "uint8", "'head'"],
    );

    #[derive(Clone, hdf5::H5Type)]
    #[repr(C)]
    struct NoSlice {
        kspace_encode_step_1: u16,
    }
    #[derive(Clone, hdf5::H5Type)]
    #[repr(C)]
    struct OddHead {
        flags: u64,
        number_of_samples: u16,
        active_channels: u16,
        discard_pre: u16,
        discard_post: u16,
        center_sample: u16,
        encoding_space_ref: u16,
        trajectory_dimensions: u16,
        sample_time_us: f32,
        position: [f32; 3],
        read_dir: [f32; 3],
        phase_dir: [f32; 3],
        slice_dir: [f32; 3],
        idx: NoSlice,
    }
    #[derive(Clone, hdf5::H5Type)]
    #[repr(C)]
    struct Odd {
        head: OddHead,
        data: VarLenArray<f32>,
    }
    let file = opened(&path, hdf5::OpenMode::Append);
    file.unlink("dataset/data").unwrap();
    file.group("dataset")
        .unwrap()
        .new_dataset::<Odd>()
        .shape(3)
        .create("data")
        .unwrap();
    file.close().unwrap();
    assert_says(
        &message(open(&path)),
        &path,
        &["no table", "without 'head.idx.kspace_encode_step_2'"],
    );

    let (_folder, path) = plain().write_as("one");
    let file = opened(&path, hdf5::OpenMode::Append);
    plain().add_to(&file, "two");
    file.close().unwrap();
    assert_says(
        &message(open(&path)),
        &path,
        &["several measurements: one, two", "--kspace"],
    );
    let axes = ScanOptions {
        dataset: Some("two".into()),
        axes: Some("coil,kx,ky".parse::<Axes>().unwrap()),
        ..ScanOptions::default()
    };
    assert!(message(Scan::open(&path, &axes)).contains("--axes means nothing"));
}
