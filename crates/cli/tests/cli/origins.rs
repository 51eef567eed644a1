//! What comes with a scan whose k-space, or image, was brought to the centre: it may lie as that did.

use ndarray::{Array2, ArrayD, Axis, Ix2};

use crate::support::command::*;

const SCAN: &str = "--size 96x80 --coils 4 --seed 3 --noise 0.005";
const DRAW: &str = "mask --size 96x80 --accel 4 --acs 20 --seed 7 -o mask.h5";

/// Moved by half its size along the last two axes, which are even.
fn rolled<T: Clone>(array: &ArrayD<T>) -> ArrayD<T> {
    let axes = array.ndim();
    let shape = array.shape().to_vec();
    ArrayD::from_shape_fn(shape.clone(), |mut at| {
        for axis in [axes - 2, axes - 1] {
            at[axis] = (at[axis] + shape[axis] / 2) % shape[axis];
        }
        array[&at].clone()
    })
}

fn said(run: &ProgramOutput, words: &str) -> bool {
    run.err.contains(words)
}

#[test]
fn masks_and_probabilities_lie_as_k_space_did_or_do_not() {
    let folder = Folder::with_scan(SCAN);
    folder.run_ok(DRAW);
    let kspace = folder.complex("full.h5:kspace");
    let mask: ArrayD<bool> = folder.read("mask.h5:mask");
    let probability: ArrayD<f64> = folder.read("mask.h5:prob_map");
    folder.write("corner_mask.h5:mask", &rolled(&mask));
    folder.write("corner_mask.h5:prob_map", &rolled(&probability));
    let mut under = kspace.clone();
    for mut plane in under.index_axis_mut(Axis(0), 0).outer_iter_mut() {
        plane.zip_mut_with(&mask, |value, &sampled| {
            *value = if sampled { *value } else { C32::ZERO }
        });
    }
    folder.run_ok("recon full.h5 --mask mask.h5 --prob-map mask.h5 --method pvdamp --iterations 5 -o right.h5");
    for (name, kspace) in [("full_corner.h5", &kspace), ("under_corner.h5", &under)] {
        folder.write(&format!("{name}:kspace"), &rolled(kspace));
        for (given, moved) in [("corner_mask.h5", true), ("mask.h5", false)] {
            let words =
                format!("recon {name} --mask {given} --prob-map {given} --method pvdamp --iterations 5 -o out.h5");
            let run = folder.run_ok(&words);
            assert!(said(&run, "zero frequency lies at the first sample of kx and of ky"));
            for what in ["the mask", "the sampling probability"] {
                let told = format!("{what} is moved as k-space is: so it fits the data");
                assert_eq!(said(&run, &told), moved, "{words}\n{}", run.err);
            }
            let [out, right] = ["out.h5:image", "right.h5:image"].map(|image| folder.complex(image));
            assert!(nmse(&out, &right) < 1e-9, "{words}: {}", nmse(&out, &right));
            let used: Array2<bool> = folder.read("out.h5:mask").into_dimensionality::<Ix2>().unwrap();
            assert_eq!(used.into_dyn(), mask);
        }
    }
}

#[test]
fn coil_maps_lie_as_the_image_did_or_do_not() {
    let folder = Folder::with_scan(SCAN);
    folder.run_ok(DRAW);
    let mut kspace = folder.complex("full.h5:kspace");
    let maps = folder.complex("full.h5:sensitivity_maps");
    folder.write("corner_maps.h5:maps", &rolled(&maps));
    folder.run_ok(
        "recon full.h5 --mask mask.h5 --maps full.h5:sensitivity_maps --method howl --iterations 5 -o right.h5",
    );
    // the image moves by half its size
    kspace.indexed_iter_mut().for_each(|(at, value)| {
        if (at[2] + at[3]) % 2 == 1 {
            *value = -*value;
        }
    });
    folder.write("rolled.h5:kspace", &kspace);
    for (given, moved) in [("corner_maps.h5:maps", true), ("full.h5:sensitivity_maps", false)] {
        let words = format!("recon rolled.h5 --mask mask.h5 --maps {given} --method howl --iterations 5 -o out.h5");
        let run = folder.run_ok(&words);
        assert!(
            said(&run, "the object lies about the first pixel of the image"),
            "{}",
            run.err
        );
        assert_eq!(said(&run, "coil maps are moved by half"), moved, "{words}\n{}", run.err);
        assert!(!said(&run, "nothing tells"), "{}", run.err);
        let [out, right] = ["out.h5:image", "right.h5:image"].map(|image| folder.complex(image));
        let error = nmse(&out, &right);
        assert!(error < 1e-6, "{words}: {error}");
    }
    // of the centre nothing is sampled that could tell
    let mut outer: ArrayD<bool> = folder.read("mask.h5:mask");
    outer
        .indexed_iter_mut()
        .for_each(|(at, sampled)| *sampled &= at[0].abs_diff(48) > 10 || at[1].abs_diff(40) > 10);
    folder.write("outer.h5:mask", &outer);
    let run =
        folder.run_ok("recon rolled.h5 --mask outer.h5 --maps corner_maps.h5 --method howl --iterations 2 -o out.h5");
    assert!(said(&run, "nothing tells whether they lie as it did"), "{}", run.err);
}
