//! `pvdamp recon` on a file and `pvdamp::reconstruct` on the same array give the same bytes.

use ndarray::{Array2, Axis, Ix2, Ix4, Ix5, s};
use pvdamp::array::{Grid, Mask};
use pvdamp::reconstruct::Slices;
use pvdamp::sampling::{Acs, Family, Request};
use pvdamp::solve::{Lambda, Tuning};
use pvdamp::{Acquisition, Noise, Reconstruction, Settings, reconstruct};

use crate::support::command::*;

fn bits(image: &Array2<C32>) -> Vec<[u32; 2]> {
    image.iter().map(|v| [v.re.to_bits(), v.im.to_bits()]).collect()
}

/// Holds the file `out.h5` to what the call gave.
fn same(folder: &Folder, called: &Reconstruction) {
    let plane = |name: &str| {
        let stack = folder.read::<C32>(&format!("out.h5:{name}"));
        stack.index_axis_move(Axis(0), 0).into_dimensionality::<Ix2>().unwrap()
    };
    assert_eq!(bits(&plane("image")), bits(&called.image));
    assert_eq!(folder.has("out.h5:unbiased"), called.unbiased.is_some());
    if let Some(unbiased) = &called.unbiased {
        assert_eq!(bits(&plane("unbiased")), bits(unbiased));
    }
    let magnitude = folder.read::<f32>("out.h5:reconstruction");
    assert!(
        magnitude
            .iter()
            .map(|v| v.to_bits())
            .eq(called.magnitude().iter().map(|v| v.to_bits()))
    );
    assert_eq!(folder.has("out.h5:unbiased_std"), called.unbiased_deviation.is_some());
    if let Some(deviation) = &called.unbiased_deviation {
        let std = folder.read::<f32>("out.h5:unbiased_std");
        assert!(
            std.iter()
                .map(|v| v.to_bits())
                .eq(deviation.iter().map(|v| v.to_bits()))
        );
    }
    assert_eq!(folder.has("out.h5:std"), called.deviation.is_some());
    if let Some(deviation) = &called.deviation {
        let std = folder.read::<f32>("out.h5:std");
        assert!(
            std.iter()
                .map(|v| v.to_bits())
                .eq(deviation.iter().map(|v| v.to_bits()))
        );
    }
    if let Some(maps) = &called.maps {
        let stored = folder.read::<C32>("out.h5:maps").into_dimensionality::<Ix5>().unwrap();
        assert_eq!(stored.index_axis_move(Axis(0), 0), maps);
    }
}

#[test]
fn a_file_and_an_array_take_one_path() {
    let folder = Folder::with_scan("--size 88x72 --coils 5 --noise 0.01 --seed 4");
    folder.run_ok("mask --size 88x72 --accel 4 --seed 9 -o mask.h5");
    let kspace = folder.complex("full.h5:kspace");
    let kspace = kspace.into_dimensionality::<Ix4>().unwrap().index_axis_move(Axis(0), 0);
    let mask = folder
        .read::<bool>("mask.h5:mask")
        .into_dimensionality::<Ix2>()
        .unwrap();
    let probability = folder
        .read::<f64>("mask.h5:prob_map")
        .into_dimensionality::<Ix2>()
        .unwrap();
    let of = |method: &str| Settings::of_method(method).unwrap();

    // A mask and its probability.
    folder.run_ok("recon full.h5 --method pvdamp --mask mask.h5 --prob-map mask.h5 -o out.h5");
    let acquisition = Acquisition::new(&kspace)
        .with_mask(mask.clone())
        .with_probability(probability);
    same(&folder, &reconstruct(&acquisition, &of("pvdamp"), &mut ()).unwrap());

    // The method left to the data.
    folder.run_ok("recon full.h5 --mask mask.h5 --prob-map mask.h5 -o out.h5");
    same(
        &folder,
        &reconstruct(&acquisition, &Settings::default(), &mut ()).unwrap(),
    );

    // A mask found in k-space, a variance, error bars, maps kept.
    let mut under = kspace.clone();
    let sampled = Mask::new(mask.clone()).sampled;
    for mut coil in under.outer_iter_mut() {
        coil.zip_mut_with(&sampled, |v, &s| *v = if s { *v } else { C32::new(0.0, 0.0) });
    }
    folder.write("under.h5:kspace", &under.clone().insert_axis(Axis(0)));
    folder.run_ok("recon under.h5 --method pvdamp --uncertainty=3 --noise-covariance 1e-4 --save-maps -o out.h5");
    let settings = Settings {
        keep_maps: true,
        tuning: Tuning {
            error_bars: Some(3),
            ..of("pvdamp").tuning
        },
        ..of("pvdamp")
    };
    let acquisition = Acquisition::new(&under).with_noise(Noise::Variance(1e-4));
    same(&folder, &reconstruct(&acquisition, &settings, &mut ()).unwrap());

    folder.run_ok("recon under.h5 --method howl -o out.h5");
    same(
        &folder,
        &reconstruct(&Acquisition::new(&under), &of("howl"), &mut ()).unwrap(),
    );

    // A mask drawn, the optimal weight, maps given.
    let maps = folder.complex("full.h5:sensitivity_maps");
    folder.run_ok(
        "recon full.h5 --accel 5 --acs 16 --seed 2 --method fista --lambda optimal --maps full.h5:sensitivity_maps \
         -o out.h5",
    );
    let request = Request {
        acceleration: 5.0,
        acs: Some(Acs::Side(16)),
        order: None,
        seed: 2,
    };
    let acquisition = Acquisition::new(&kspace).with_maps(maps.into_dimensionality::<Ix4>().unwrap());
    let acquisition = acquisition
        .undersampled(Family::find("bernoulli").unwrap(), &request)
        .unwrap();
    let mut settings = of("fista");
    settings.tuning.lambda = Lambda::Optimal;
    same(&folder, &reconstruct(&acquisition, &settings, &mut ()).unwrap());

    // More coils than are used, one side of k-space missing.
    folder.run_ok("simulate --size 64x56 --coils 20 --noise 0.01 --seed 5 -o many.h5");
    let many = folder.complex("many.h5:kspace").into_dimensionality::<Ix4>().unwrap();
    let mut partial = many.index_axis_move(Axis(0), 0);
    partial.slice_mut(s![.., .., ..18]).fill(C32::new(0.0, 0.0));
    folder.write("partial.h5:kspace", &partial.clone().insert_axis(Axis(0)));
    folder.run_ok("recon partial.h5 --method howl -o out.h5");
    let called = reconstruct(&Acquisition::new(&partial), &of("howl"), &mut ()).unwrap();
    assert!(called.record.coils.as_ref().unwrap().used < 20 && !called.record.sampling.missing_sides.is_empty());
    same(&folder, &called);
}

#[test]
fn several_slices_take_one_path_too() {
    let folder = Folder::with_scan("--size 64x56 --coils 4 --slices 4 --noise 0.01 --seed 6");
    let kspace = folder.complex("full.h5:kspace").into_dimensionality::<Ix4>().unwrap();
    let mut under = kspace.clone();
    for (slice, mut kspace) in under.outer_iter_mut().enumerate() {
        // one without data, one that was sampled elsewhere
        let request = Request {
            seed: if slice == 3 { 2 } else { 1 },
            ..Request::new(3.0)
        };
        let drawn = Family::find("poisson-disc").unwrap().draw(&request, Grid::new(64, 56));
        let sampled = drawn.unwrap().mask.sampled;
        for mut coil in kspace.outer_iter_mut() {
            coil.zip_mut_with(&sampled, |v, &s| *v = if s && slice != 1 { *v } else { C32::ZERO });
        }
    }
    folder.write("under.h5:kspace", &under);
    folder.run_ok("recon under.h5 --iterations 8 -o out.h5");
    let settings = Settings {
        tuning: Tuning {
            iterations: Some(8),
            ..Tuning::default()
        },
        ..Settings::default()
    };
    let slice = |index: usize| Acquisition::new(under.index_axis(Axis(0), index));
    let slices = Slices::settle(4, slice, &settings, &mut ()).unwrap();
    let stored = folder.complex("out.h5:image");
    for index in 0..4 {
        let called = slices.reconstruct(slice(index), &mut ()).unwrap();
        let stored = stored.index_axis(Axis(0), index).into_dimensionality::<Ix2>().unwrap();
        assert_eq!(bits(&stored.to_owned()), bits(&called.image), "slice {index}");
    }
}
