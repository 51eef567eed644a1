//! Coil maps from little data, what maps explain, and which method is taken because of it.

use ndarray::{Array2, Array3, Zip};
use pvdamp::array::{Grid, Mask};
use pvdamp::coil::{MapSets, root_sum_of_squares};
use pvdamp::fourier::Fourier;
use pvdamp::reconstruct::{MapsRecord, Recalibration};
use pvdamp::sampling::{Acs, Family, Request};
use pvdamp::simulate::{SimulationSettings, simulate_slice};
use pvdamp::{Acquisition, Complex32, Reconstruction, Settings, reconstruct};

const GRID: Grid = Grid::new(128, 112);

fn head(coils: usize, seed: u64) -> Array3<Complex32> {
    let settings = SimulationSettings {
        grid: GRID,
        coils,
        slices: 1,
        noise: 0.005,
        seed,
    };
    simulate_slice(&settings, 0).unwrap().kspace
}

fn mask(family: &str, acceleration: f64, acs: Acs, seed: u64) -> Mask {
    let request = Request {
        acceleration,
        acs: Some(acs),
        order: None,
        seed,
    };
    Family::find(family).unwrap().draw(&request, GRID).unwrap().mask
}

fn undersampled(kspace: &Array3<Complex32>, mask: &Mask) -> Array3<Complex32> {
    let mut kspace = kspace.clone();
    for mut coil in kspace.outer_iter_mut() {
        coil.zip_mut_with(&mask.sampled, |v, &s| *v = if s { *v } else { Complex32::ZERO });
    }
    kspace
}

fn transformed(planes: &Array3<Complex32>, forward: bool) -> Array3<Complex32> {
    let fourier = Fourier::new(GRID);
    let (mut planes, mut scratch) = (planes.clone(), fourier.scratch());
    for mut plane in planes.outer_iter_mut() {
        let plane = plane.as_slice_mut().unwrap();
        if forward {
            fourier.forward(plane, &mut scratch);
        } else {
            fourier.inverse(plane, &mut scratch);
        }
    }
    planes
}

fn found(kspace: &Array3<Complex32>, settings: &Settings) -> Reconstruction {
    let settings = Settings {
        keep_maps: true,
        ..settings.clone()
    };
    reconstruct(&Acquisition::new(kspace), &settings, &mut ()).unwrap()
}

/// Of the coil images `S x` against those of all of k-space, on the object, in dB. Of one set of maps.
fn error(found: &Reconstruction, complete: &Array3<Complex32>) -> f64 {
    let truth = transformed(complete, false);
    let energy = |coil: &ndarray::ArrayView2<Complex32>| coil.mapv(|v| f64::from(v.norm_sqr()));
    let mut object = Array2::<f64>::zeros(GRID.dim());
    truth.outer_iter().for_each(|coil| object += &energy(&coil));
    let brightest = object.iter().copied().fold(0.0, f64::max);
    let (mut wrong, mut all) = (0.0, 0.0);
    let maps = found.maps.as_ref().unwrap();
    for (coil, truth) in truth.outer_iter().enumerate() {
        Zip::from(&truth)
            .and(maps.slice(ndarray::s![0, coil, .., ..]))
            .and(&found.image)
            .and(&object)
            .for_each(|truth, map, x, &object| {
                if object > brightest / 400.0 {
                    wrong += f64::from((truth - map * x).norm_sqr());
                    all += f64::from(truth.norm_sqr());
                }
            });
    }
    10.0 * (wrong / all).log10()
}

/// Of the magnitude against the root sum of squares of the coil images, on the object, in dB.
fn magnitude_error(found: &Reconstruction, complete: &Array3<Complex32>) -> f64 {
    let truth = root_sum_of_squares(transformed(complete, false).view());
    let brightest = truth.iter().copied().fold(0.0, f32::max);
    let (mut wrong, mut all) = (0.0, 0.0);
    for (truth, x) in truth
        .iter()
        .zip(&found.image)
        .filter(|(truth, _)| **truth > brightest / 20.0)
    {
        wrong += f64::from((truth - x.norm()).powi(2));
        all += f64::from(truth * truth);
    }
    10.0 * (wrong / all).log10()
}

fn named(method: &str) -> Settings {
    Settings::of_method(method).unwrap()
}

/// As it was: the largest kernel that slides, and no second calibration.
fn once(method: &str) -> Settings {
    let mut settings = named(method);
    settings.espirit.kernel = Some(6);
    settings.recalibration = Recalibration::Passes(0);
    settings
}

fn unexplained(found: &Reconstruction) -> f64 {
    found.record.maps.as_ref().unwrap().unexplained().unwrap()
}

fn recalibrations(found: &Reconstruction) -> usize {
    match &found.record.maps {
        Some(MapsRecord::Estimated(report)) => report.recalibrations,
        _ => panic!("calibrated maps"),
    }
}

#[test]
fn a_small_centre_costs_little() {
    let head = head(8, 3);
    for (mask, passes, gain) in [
        (mask("lines-random", 4.0, Acs::Side(7), 1), 1, 1.0),
        (mask("bernoulli", 6.0, Acs::Side(6), 2), 3, 5.0),
    ] {
        let kspace = undersampled(&head, &mask);
        let (before, after) = (found(&kspace, &once("howl")), found(&kspace, &named("howl")));
        assert_eq!((recalibrations(&before), recalibrations(&after)), (0, passes));
        let (before, after) = (error(&before, &head), error(&after, &head));
        assert!(after < before - gain, "{after:.2} dB after {before:.2} dB");
        assert!(after < -20.0, "{after:.2} dB");
    }
    // Of a centre that is large enough the maps are its own, whatever the method.
    let kspace = undersampled(&head, &mask("bernoulli", 4.0, Acs::Side(24), 1));
    for method in ["howl", "pvdamp"] {
        let (before, after) = (found(&kspace, &once(method)), found(&kspace, &named(method)));
        assert_eq!(before.image, after.image, "{method}");
    }
}

#[test]
fn recalibrated_maps_do_not_depend_on_units_or_threads() {
    let kspace = undersampled(&head(4, 2), &mask("lines-random", 4.0, Acs::Side(8), 3));
    let usual = found(&kspace, &Settings::default());
    assert_eq!(recalibrations(&usual), 1);
    for scale in [2.0f32.powi(-23), 2.0f32.powi(43)] {
        let scaled = found(&kspace.mapv(|v| v * scale), &Settings::default());
        assert_eq!(scaled.image.mapv(|v| v / scale), usual.image);
        assert_eq!(unexplained(&scaled), unexplained(&usual));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let threaded = pool.install(|| found(&kspace, &Settings::default()));
    assert_eq!(threaded.image, usual.image);
}

/// The same object twice, the second time with another phase in its bright tissue: no map makes one of the other.
fn echoes(coils: usize) -> Array3<Complex32> {
    let first = transformed(&head(coils, 1), false);
    let mut object = Array2::<f32>::zeros(GRID.dim());
    first
        .outer_iter()
        .for_each(|coil| object += &coil.mapv(|v| v.norm_sqr()));
    let brightest = object.iter().copied().fold(0.0, f32::max);
    let mut images = Array3::zeros((2 * coils, GRID.rows, GRID.cols));
    for ((coil, row, col), &value) in first.indexed_iter() {
        let turn = if object[[row, col]] > 0.2 * brightest { 1.8 } else { 0.3 };
        images[[coil, row, col]] = value;
        images[[coils + coil, row, col]] = value * Complex32::from_polar(1.0, turn);
    }
    transformed(&images, true)
}

#[test]
fn what_one_set_does_not_explain_two_do() {
    for coils in [1, 4] {
        let complete = echoes(coils);
        for mask in [
            mask("bernoulli", 4.0, Acs::Side(24), 1),
            mask("lines-random", 3.0, Acs::Side(20), 1),
        ] {
            let kspace = undersampled(&complete, &mask);
            let two = found(&kspace, &Settings::default());
            assert_eq!(two.maps.as_ref().unwrap().dim().0, 2, "{coils} coils");
            let mut one_set = Settings::default();
            one_set.espirit.sets = MapSets::Fixed(1);
            let one = found(&kspace, &one_set);
            assert!(unexplained(&one) > 0.05, "{coils} coils: {}", unexplained(&one));
            let said = |found: &Reconstruction| found.record.warnings.iter().any(|w| w.contains("unexplained"));
            // Two sets explain any samples of two coils, right or wrong.
            assert_eq!(
                (said(&one), said(&two)),
                (true, coils == 1),
                "{:?}",
                two.record.warnings
            );
        }
    }
    // A sound scan has one set, however little of its centre was sampled.
    for acs in [Acs::Side(24), Acs::Side(12), Acs::Side(8), Acs::Side(5)] {
        let kspace = undersampled(&head(8, 4), &mask("bernoulli", 5.0, acs, 1));
        let sound = found(&kspace, &Settings::default());
        assert_eq!(sound.maps.as_ref().unwrap().dim().0, 1, "{acs:?}");
        assert!(unexplained(&sound) < 0.03, "{acs:?}: {}", unexplained(&sound));
    }
}

/// Whatever is asked for on data that contradict one set of maps.
#[test]
fn echoes_stacked_as_coils_give_an_image() {
    for (coils, seed) in [(1, 1), (4, 2)] {
        let complete = echoes(coils);
        for mask in [
            mask("bernoulli", 4.0, Acs::Side(24), seed),
            mask("lines-random", 4.0, Acs::Side(12), seed),
            mask("lines-equispaced", 4.0, Acs::Side(12), seed),
        ] {
            let kspace = undersampled(&complete, &mask);
            let of = |method: Option<&str>, sets| {
                let mut settings = method.map_or_else(Settings::default, named);
                settings.espirit.sets = sets;
                magnitude_error(&found(&kspace, &settings), &complete)
            };
            let chosen = of(None, MapSets::Auto);
            let [pvdamp, howl] = ["pvdamp", "howl"].map(|method| of(Some(method), MapSets::Fixed(1)));
            println!("{coils} coils: chosen {chosen:.1}, one set: pvdamp {pvdamp:.1}, howl {howl:.1}");
            assert!(
                chosen < pvdamp + 1.0,
                "{coils} coils: {chosen:.1} dB, P-VDAMP {pvdamp:.1} dB"
            );
            assert!(
                howl < pvdamp + 1.0,
                "{coils} coils: HOWL {howl:.1} dB, P-VDAMP {pvdamp:.1} dB"
            );
        }
    }
}

#[test]
fn maps_of_something_else_are_told() {
    let complete = head(6, 5);
    let kspace = undersampled(&complete, &mask("bernoulli", 3.0, Acs::Side(24), 1));
    let own = found(&kspace, &Settings::default());
    let maps = own.maps.unwrap();
    let given = |maps| {
        let acquisition = Acquisition::new(&kspace).with_maps(maps);
        reconstruct(&acquisition, &named("howl"), &mut ()).unwrap()
    };
    let right = given(maps.clone());
    assert!(unexplained(&right) < 0.03 && right.record.warnings.is_empty());
    let mut mirrored = maps.clone();
    mirrored.invert_axis(ndarray::Axis(3));
    let mut swapped = maps.clone();
    swapped.invert_axis(ndarray::Axis(1));
    for wrong in [mirrored, swapped, maps.mapv(|v| v.conj())] {
        let wrong = given(wrong.as_standard_layout().into_owned());
        assert!(unexplained(&wrong) > 0.05, "{}", unexplained(&wrong));
        assert!(
            wrong
                .record
                .warnings
                .iter()
                .any(|w| w.contains("given coil maps leave")),
            "{:?}",
            wrong.record.warnings
        );
    }
}

#[test]
fn the_method_is_chosen_by_the_data() {
    let complete = head(4, 1);
    let chosen = |kspace: &Array3<Complex32>| {
        let found = found(kspace, &Settings::default());
        let record = &found.record;
        assert!(record.choice.is_some());
        assert_eq!(found.unbiased.is_some(), record.method == "pvdamp");
        record.method
    };
    assert_eq!(chosen(&complete), "pvdamp");
    let of = |family, acceleration, acs| chosen(&undersampled(&complete, &mask(family, acceleration, acs, 1)));
    assert_eq!(of("poisson-disc", 2.0, Acs::Side(24)), "pvdamp");
    assert_eq!(of("poisson-disc", 6.0, Acs::Side(24)), "howl");
    assert_eq!(of("lines-random", 2.0, Acs::Side(20)), "howl");
    let asked = found(&complete, &named("howl"));
    assert!(asked.record.choice.is_none() && asked.record.method == "howl");
}
