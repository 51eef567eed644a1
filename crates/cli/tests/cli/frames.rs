//! Frames of a dynamic scan: coil maps come from all of them.

use std::f32::consts::{PI, TAU};

use crate::acquisitions::{Counters, Head, Readout};
use crate::support::command::*;
use hdf5::types::{VarLenArray, VarLenAscii};
use ndarray::{Array1, Array5, ArrayD, Axis, s};
use num_complex::Complex;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;
use serde_json::Value;

const GRID: Grid = Grid::new(96, 128);
const COILS: usize = 8;
const FRAMES: usize = 20;
const LINES: usize = 12;

/// `true.h5` with images `truth` `(frames, rows, cols)` and maps `(sets, coils, rows, cols)`, and `scan.h5`, k-space
/// `(frames, slices, coils, rows, cols)`, one slice or two: what `image` makes of the object in each frame, sampled in
/// the columns that `samples` says.
struct Dynamic {
    folder: Folder,
    kspace: Array5<C32>,
}

fn dynamic(
    frames: usize,
    slices: usize,
    image: impl Fn(usize, [f32; 2], C32) -> C32,
    samples: impl Fn(usize, usize) -> bool,
) -> Dynamic {
    let Grid { rows, cols } = GRID;
    let simulate = format!("--size {rows}x{cols} --coils {COILS} --slices {slices} --seed 4 --noise 0");
    let folder = Folder::with_scan(&simulate);
    let maps = folder.complex("full.h5:sensitivity_maps");
    let maps = maps.into_shape_with_order((slices, COILS, rows, cols)).unwrap();
    let object = folder.complex("full.h5:ground_truth");
    let object = object.into_shape_with_order((slices, rows, cols)).unwrap();
    let fourier = Fourier::<f32>::new(GRID);
    let mut scratch = fourier.scratch();
    let mut kspace = Array5::zeros((frames, slices, COILS, rows, cols));
    let mut truth = ndarray::Array4::zeros((frames, slices, rows, cols));
    let brightest = object.iter().map(|v| v.norm()).fold(0.0, f32::max);
    for frame in 0..frames {
        for slice in 0..slices {
            let at = |row: usize, col: usize| [row as f32 / rows as f32 - 0.5, col as f32 / cols as f32 - 0.5];
            let moved = ndarray::Array2::from_shape_fn((rows, cols), |(row, col)| {
                image(frame, at(row, col), object[[slice, row, col]])
            });
            for coil in 0..COILS {
                let mut plane = &moved * &maps.slice(s![slice, coil, .., ..]);
                fourier.forward(plane.as_slice_mut().unwrap(), &mut scratch);
                for ((row, col), value) in plane.indexed_iter() {
                    if samples(frame, col) {
                        // noise enough that no sample is exactly zero
                        let turn = ((frame * 7919 + coil * 104_729 + row * 131 + col * 31) % 997) as f32;
                        kspace[[frame, slice, coil, row, col]] = value + C32::from_polar(3e-3 * brightest, turn);
                    }
                }
            }
            truth.slice_mut(s![frame, slice, .., ..]).assign(&moved);
        }
    }
    folder.write(
        "true.h5:truth",
        &truth.into_shape_with_order((frames * slices, rows, cols)).unwrap(),
    );
    folder.write("scan.h5:kspace", &kspace);
    Dynamic { folder, kspace }
}

/// Brightness that waxes and wanes on one side.
fn beating(frame: usize, [_, x]: [f32; 2], value: C32) -> C32 {
    value
        * (1.0
            + if x > 0.1 {
                0.3 * (TAU * frame as f32 / FRAMES as f32).sin()
            } else {
                0.0
            })
}

/// Lines at regular distances, others in each frame, so that all frames together have all.
fn interleaved(frame: usize, col: usize) -> bool {
    let Grid { cols, .. } = GRID;
    (0..LINES).any(|line| (line * cols + frame * 7 % FRAMES * cols / FRAMES) / LINES % cols == col)
}

impl Dynamic {
    /// Error of the images against the truth [dB].
    fn error(&self, result: &str) -> f64 {
        let image = magnitude(&self.folder.complex(&format!("{result}:image")));
        10.0 * nmse(&image, &magnitude(&self.folder.complex("true.h5:truth"))).log10()
    }

    fn facts(&self, scan: &str) -> Value {
        serde_json::from_str(&self.folder.run_ok(&format!("info {scan} --json")).out).unwrap()
    }
}

#[test]
fn frames_without_calibration_lines_are_calibrated_on_their_mean() {
    let scan = dynamic(FRAMES, 1, beating, interleaved);
    let folder = &scan.folder;
    let sampled: usize = (0..GRID.cols).filter(|&col| interleaved(3, col)).count();
    let centred = (0..FRAMES).filter(|&frame| interleaved(frame, GRID.cols / 2)).count();
    assert_eq!(sampled, LINES);
    assert!((1..FRAMES).contains(&centred), "{centred} frames have the central line");
    // as slices of their own, most cannot be calibrated at all
    folder.refused(
        "recon scan.h5 --axes slice,slice,coil,kx,ky -o out.h5",
        1,
        &["is not sampled at the centre", "--maps"],
    );
    let axes = "--axes frame,slice,coil,kx,ky";
    let method = "--method howl --iterations 20";
    let output = folder.run_ok(&format!("recon scan.h5 {axes} {method} --trace trace.jsonl -o own.h5"));
    for part in [
        "20 frames of 1 place(s)",
        "slice 0: coil maps of the mean over 20 frames",
    ] {
        assert!(output.err.contains(part), "{part} is not in\n{}", output.err);
    }
    assert!(!output.err.contains("other locations"), "{}", output.err);
    for record in folder.trace("trace.jsonl") {
        assert_eq!(record["maps"]["shared_by_frames"], FRAMES);
        assert_eq!(record["maps"]["mean_images"], 1);
        assert_eq!(record["maps"]["calibration"], "24x24");
        assert_eq!(record["maps"]["method"], "espirit");
    }
    let maps = "--maps full.h5:sensitivity_maps";
    folder.run_ok(&format!("recon scan.h5 {axes} {method} {maps} -o true_maps.h5"));
    let (own, with_true) = (scan.error("own.h5"), scan.error("true_maps.h5"));
    assert!(own < with_true + 1.5, "{own:.2} dB, with the true maps {with_true:.2}");

    // a file of maps has one of a place, and is taken for all frames
    let output = folder.run_ok(&format!("maps scan.h5 {axes} -o maps.h5"));
    assert!(output.err.contains("the mean over 20 frames"), "{}", output.err);
    assert_eq!(folder.shape("maps.h5:maps"), [1, 1, COILS, GRID.rows, GRID.cols]);
    folder.run_ok(&format!("recon scan.h5 {axes} {method} --maps maps.h5 -o read.h5"));
    assert!((scan.error("read.h5") - own).abs() < 0.5);

    let facts = scan.facts(&format!("scan.h5 {axes}"));
    assert_eq!((&facts["places"], &facts["map_sets"]), (&1.into(), &1.into()));
    let plan = facts["recon_would"].as_str().unwrap();
    assert!(plan.contains("the mean over the frames of a place"), "{plan}");
}

#[test]
fn maps_of_another_number_of_places_are_refused() {
    let scan = dynamic(3, 2, beating, |frame, col| {
        (col + frame) % 3 == 0 || col.abs_diff(64) < 12
    });
    let folder = &scan.folder;
    let axes = "--axes frame,slice,coil,kx,ky";
    folder.run_ok(&format!("maps scan.h5 {axes} -o maps.h5"));
    assert_eq!(folder.shape("maps.h5:maps"), [2, 1, COILS, GRID.rows, GRID.cols]);
    folder.run_ok(&format!(
        "recon scan.h5 {axes} --maps maps.h5 --method cg-sense -o a.h5"
    ));
    // of two places, each frame has those of its own
    folder.run_ok(&format!("recon scan.h5 {axes} --method cg-sense --save-maps -o b.h5"));
    let saved = folder.complex("b.h5:maps");
    assert_eq!(saved.shape()[0], 6);
    let made = folder.complex("maps.h5:maps");
    for slice in 0..6 {
        let of_place = made.index_axis(Axis(0), slice % 2).to_owned();
        let error = nmse(&saved.index_axis(Axis(0), slice).to_owned(), &of_place);
        assert!(error < 1e-9, "slice {slice}: {error:e}");
    }
    let three: ArrayD<C32> =
        ndarray::concatenate(Axis(0), &[made.view(), made.slice(s![..1, .., .., .., ..]).into_dyn()]).unwrap();
    folder.write("three.h5:maps", &three);
    folder.refused(
        &format!("recon scan.h5 {axes} --maps three.h5 -o out.h5"),
        1,
        &[
            "(3, 1, 8, 96, 128)",
            "(2, sets, 8, 96, 128)",
            "(6, sets, 8, 96, 128)",
            "(sets, 8, 96, 128)",
        ],
    );
}

/// Writes `raw.h5`, ISMRMRD raw data of the sampled lines; frames are repetitions.
fn write_raw(scan: &Dynamic) {
    let Grid { rows, cols } = GRID;
    let mut readouts = Vec::new();
    for (repetition, of_frame) in scan.kspace.outer_iter().enumerate() {
        for (slice, kspace) in of_frame.outer_iter().enumerate() {
            for col in 0..cols {
                let line = kspace.slice(s![.., .., col]);
                if line.iter().all(|v| v.norm_sqr() == 0.0) {
                    continue;
                }
                let parts: Vec<f32> = line.iter().flat_map(|v: &Complex<f32>| [v.re, v.im]).collect();
                readouts.push(Readout {
                    head: Head {
                        number_of_samples: rows as u16,
                        active_channels: COILS as u16,
                        center_sample: (rows / 2) as u16,
                        sample_time_us: 2.0,
                        position: [0.0, 0.0, 5.0 * slice as f32],
                        read_dir: [1.0, 0.0, 0.0],
                        phase_dir: [0.0, 1.0, 0.0],
                        slice_dir: [0.0, 0.0, 1.0],
                        idx: Counters {
                            kspace_encode_step_1: col as u16,
                            slice: slice as u16,
                            repetition: repetition as u16,
                            ..Counters::default()
                        },
                        ..Head::default()
                    },
                    traj: VarLenArray::default(),
                    data: VarLenArray::from_slice(&parts),
                });
            }
        }
    }
    let space = |name: &str| {
        format!(
            "<{name}><matrixSize><x>{rows}</x><y>{cols}</y><z>1</z></matrixSize><fieldOfView_mm><x>{rows}</x><y>{cols}</y>\
             <z>5</z></fieldOfView_mm></{name}>"
        )
    };
    let xml = format!(
        "<ismrmrdHeader xmlns='http://www.ismrm.org/ISMRMRD'><encoding>{}{}<trajectory>cartesian</trajectory></encoding>\
         </ismrmrdHeader>",
        space("encodedSpace"),
        space("reconSpace")
    );
    let file = hdf5::File::create(scan.folder.path("raw.h5")).unwrap();
    let group = file.create_group("dataset").unwrap();
    let xml = [VarLenAscii::from_ascii(&xml).unwrap()];
    group.new_dataset_builder().with_data(&xml).create("xml").unwrap();
    let rows = Array1::from(readouts);
    group
        .new_dataset_builder()
        .with_data(rows.view())
        .chunk(16)
        .create("data")
        .unwrap();
}

#[test]
fn repetitions_of_raw_data_share_maps() {
    let scan = dynamic(6, 2, beating, |frame, col| (col + frame) % 6 == 0);
    let folder = &scan.folder;
    write_raw(&scan);
    let facts = scan.facts("raw.h5");
    assert_eq!(
        (facts["kspace"].as_str().unwrap(), &facts["places"]),
        ("12 slice(s), 8 coil(s), 96x128", &2.into())
    );
    let output = folder.run_ok("recon raw.h5 --trace trace.jsonl -o raw_out.h5");
    assert!(output.err.contains("12 frames of 2 place(s)"), "{}", output.err);
    let records = folder.trace("trace.jsonl");
    assert!(
        records.iter().all(|record| record["maps"]["shared_by_frames"] == 6),
        "{records:?}"
    );
    folder.run_ok("recon scan.h5 --axes frame,slice,coil,kx,ky -o out.h5");
    let error = nmse(&folder.complex("raw_out.h5:image"), &folder.complex("out.h5:image"));
    assert!(error < 1e-6, "{error:e}");

    // what shows the same place stays known in HDF5, and is told to be lost elsewhere
    folder.run_ok("convert raw.h5 scan2.h5");
    assert_eq!(scan.facts("scan2.h5")["places"], 2);
    let output = folder.run_ok("convert raw.h5 kspace.npy");
    assert!(
        output.err.contains("which slices show the same place"),
        "{}",
        output.err
    );
    // the same from many threads at once
    folder.run_ok("batch raw.h5 -o results --threads 4");
    let files: Vec<_> = folder
        .contents()
        .into_keys()
        .filter(|path| path.ends_with("results/raw.h5"))
        .collect();
    assert_eq!(files.len(), 1);
    assert_eq!(folder.bits("results/raw.h5"), folder.bits("raw_out.h5"));
}

#[test]
fn echoes_whose_phases_differ_are_calibrated_on_side_by_side() {
    // water and fat, in phase and in opposed phase: the mean holds water alone
    let echoes = |echo: usize, [y, x]: [f32; 2], value: C32| match (x > 0.05, (x + y).abs() < 0.5) {
        (true, _) => value * C32::from_polar(1.0, PI * echo as f32),
        (false, _) => value,
    };
    let scan = dynamic(2, 1, echoes, |_, col| col % 3 == 0 || col.abs_diff(64) < 12);
    let folder = &scan.folder;
    let recon = |axes: &str, name: &str| {
        let method = "--method howl --map-sets 1 --trace trace.jsonl";
        folder.run_ok(&format!(
            "recon scan.h5 --axes {axes},slice,coil,kx,ky {method} -o {name}"
        ));
        folder.trace("trace.jsonl")[0]["maps"]["mean_images"].clone()
    };
    assert_eq!(recon("echo", "echo.h5"), 2);
    // the same where nobody said that they are echoes
    assert_eq!(recon("frame", "frame.h5"), 2);
    recon("slice", "alone.h5");
    let (echo, frame, alone) = (scan.error("echo.h5"), scan.error("frame.h5"), scan.error("alone.h5"));
    assert!(echo < alone + 0.3, "{echo:.2} dB, each echo by itself {alone:.2}");
    assert!((frame - echo).abs() < 0.1, "{frame:.2} dB, as echoes {echo:.2}");
}

#[test]
fn frames_that_cancel_in_their_mean_are_calibrated_on_side_by_side() {
    let turning = |frame: usize, _: [f32; 2], value: C32| value * C32::from_polar(1.0, PI * frame as f32);
    let scan = dynamic(4, 1, turning, |frame, col| {
        (col * 3 + frame) % 5 == 0 || col.abs_diff(64) < 2
    });
    let folder = &scan.folder;
    let axes = "--axes frame,slice,coil,kx,ky";
    folder.run_ok(&format!(
        "recon scan.h5 {axes} --method howl --trace trace.jsonl -o out.h5"
    ));
    let maps = &folder.trace("trace.jsonl")[1]["maps"];
    // alike but for a sign, they are one principal image of four means
    assert_eq!(
        (&maps["shared_by_frames"], &maps["mean_images"]),
        (&4.into(), &4.into())
    );
    folder.run_ok("recon scan.h5 --axes slice,slice,coil,kx,ky --method howl -o alone.h5");
    let (shared, alone) = (scan.error("out.h5"), scan.error("alone.h5"));
    assert!(shared < alone + 0.5, "{shared:.2} dB, each by itself {alone:.2}");

    // no central line in any frame
    let mut kspace = scan.kspace.clone();
    kspace.slice_mut(s![.., .., .., .., 64]).fill(C32::default());
    folder.write("scan.h5:kspace", &kspace);
    let parts = ["none of the 4 frames of slice 0 is sampled at the centre", "--maps"];
    folder.refused(&format!("recon scan.h5 {axes} -o none.h5"), 1, &parts);
}
