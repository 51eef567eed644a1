//! From arrays to an image: one call, its stages, what it refuses, and how it is cancelled.

use std::ops::ControlFlow;
use std::sync::Arc;

use ndarray::{Array2, Array3, Array4, Axis};
use pvdamp::array::{Grid, Mask};
use pvdamp::coil::{Compression, MapSets};
use pvdamp::quality::{complex_nmse, object_mask};
use pvdamp::reconstruct::{Channels, CoilMaps, Prepared, Sampling, Stage};
use pvdamp::sampling::{Acs, Drawn, Family, Request};
use pvdamp::simulate::{SimulatedSlice, SimulationSettings, simulate_slice};
use pvdamp::solve::{IterationRecord, Lambda, METHODS, Tuning};
use pvdamp::{Acquisition, Complex32, Error, Input, Noise, Observer, Parameter, Reconstruction, Settings, reconstruct};

const GRID: Grid = Grid::new(96, 80);
const COILS: usize = 6;
const REQUEST: Request = Request {
    acceleration: 3.0,
    acs: Some(Acs::Side(20)),
    order: None,
    seed: 5,
};

fn head() -> SimulatedSlice {
    let settings = SimulationSettings {
        grid: GRID,
        coils: COILS,
        slices: 1,
        noise: 0.005,
        seed: 2,
    };
    simulate_slice(&settings, 0).unwrap()
}

fn bernoulli() -> &'static Family {
    Family::find("bernoulli").unwrap()
}

fn drawn() -> Drawn {
    bernoulli().draw(&REQUEST, GRID).unwrap()
}

/// K-space that is zero where it was not sampled.
fn undersampled() -> Array3<Complex32> {
    let (mut kspace, mask) = (head().kspace, drawn().mask);
    for mut coil in kspace.outer_iter_mut() {
        coil.zip_mut_with(&mask.sampled, |v, &s| *v = if s { *v } else { Complex32::ZERO });
    }
    kspace
}

fn named(method: &str) -> Settings {
    Settings::of_method(method).unwrap()
}

fn error(image: &Array2<Complex32>) -> f64 {
    complex_nmse(&head().image, image, None).unwrap()
}

fn refused(acquisition: &Acquisition) -> Error {
    reconstruct(acquisition, &Settings::default(), &mut ()).unwrap_err()
}

fn is_about(error: &Error, input: Input) -> bool {
    matches!(error, Error::Data { what, .. } | Error::NotEnough { what, .. } if *what == input)
}

#[test]
fn an_array_is_enough() {
    let kspace = undersampled();
    let filled = reconstruct(&Acquisition::new(&kspace), &named("zero-filled"), &mut ()).unwrap();
    for method in ["pvdamp", "howl"] {
        let found = reconstruct(&Acquisition::new(kspace.view()), &named(method), &mut ()).unwrap();
        assert!(error(&found.image) < 0.02, "{method}: {}", error(&found.image));
        assert!(error(&found.image) < 0.5 * error(&filled.image), "{method}");
        assert_eq!(found.magnitude(), found.image.mapv(|v| v.norm()));
        assert_eq!(
            (found.unbiased.is_some(), found.deviation.is_none()),
            (method == "pvdamp", true)
        );
        assert_eq!(
            (found.record.method, found.record.sampling.samples),
            (method, drawn().mask.count())
        );
        assert_eq!(found.record.sampling.origin, "detected where k-space is not zero");
        assert!(found.maps.is_none());
    }
}

/// What is given is used: the result is that of the stages with the same values in their place.
#[test]
fn the_call_is_its_stages() {
    let (Drawn { mask, probability }, head) = (drawn(), head());
    let settings = Settings {
        keep_maps: true,
        ..named("pvdamp")
    };
    let acquisition = Acquisition::new(&head.kspace)
        .with_mask(mask.sampled.clone())
        .with_probability(probability.clone())
        .with_noise(Noise::Variance(2.5e-5));
    let whole = reconstruct(&acquisition, &settings, &mut ()).unwrap();

    let sampling = Arc::new(Sampling::of(&acquisition).unwrap());
    let at_samples = mask.sampled.iter().zip(&sampling.probability).zip(&probability);
    assert!(
        at_samples
            .clone()
            .filter(|((sampled, _), _)| **sampled)
            .all(|((_, p), q)| p == q)
    );
    let noise = Noise::Variance(2.5e-5);
    let channels = Channels::of(head.kspace.clone(), &sampling, &noise, &settings, false);
    let channels = channels.unwrap().unwrap();
    let maps = CoilMaps::calibrate(&channels, &sampling, &settings, &mut ()).unwrap();
    let prepared = Prepared::pose(channels, sampling, maps, &settings).unwrap();
    let staged = prepared.solve(&settings, &mut ()).unwrap();
    assert_eq!((&staged.image, &staged.unbiased), (&whole.image, &whole.unbiased));
    assert_eq!((&staged.maps, staged.record.bands), (&whole.maps, whole.record.bands));

    // Those maps, brought back by the caller, give the image again; others do not.
    let maps = whole.maps.unwrap();
    let again = reconstruct(&acquisition.clone().with_maps(maps), &settings, &mut ()).unwrap();
    assert!(complex_nmse(&whole.image, &again.image, None).unwrap() < 1e-9);
    let truth = head.maps.insert_axis(Axis(0));
    let other = reconstruct(&acquisition.with_maps(truth), &settings, &mut ()).unwrap();
    assert!(complex_nmse(&whole.image, &other.image, None).unwrap() > 1e-9);
}

#[test]
fn retrospective_undersampling_has_a_reference() {
    let head = head();
    let acquisition = Acquisition::new(&head.kspace)
        .undersampled(bernoulli(), &REQUEST)
        .unwrap();
    let mut settings = named("fista");
    settings.tuning.lambda = Lambda::Optimal;
    let found = reconstruct(&acquisition, &settings, &mut ()).unwrap();
    let lambda = found.record.lambda.unwrap();
    // The reference is what all of k-space gives, its noise included.
    let complete = reconstruct(&Acquisition::new(&head.kspace), &named("zero-filled"), &mut ()).unwrap();
    let object = object_mask(&complete.image);
    let error = |image: &Array2<Complex32>| complex_nmse(&complete.image, image, Some(&object)).unwrap();
    for off in [lambda * 10.0, lambda / 10.0] {
        settings.tuning.lambda = Lambda::Value(off);
        let other = reconstruct(&acquisition, &settings, &mut ()).unwrap();
        assert!(error(&other.image) > error(&found.image), "{off}");
    }
    assert!(is_about(
        &Acquisition::new(undersampled())
            .undersampled(bernoulli(), &REQUEST)
            .unwrap_err(),
        Input::Kspace
    ));
    // without a reference there is no optimal weight
    settings.tuning.lambda = Lambda::Optimal;
    let error = reconstruct(&Acquisition::new(undersampled()), &settings, &mut ()).unwrap_err();
    assert!(is_about(&error, Input::Kspace), "{error}");
}

#[test]
fn the_units_of_k_space_scale_the_image_and_nothing_else() {
    let kspace = undersampled();
    let expected = reconstruct(&Acquisition::new(&kspace), &named("pvdamp"), &mut ()).unwrap();
    for factor in [2.0f32.powi(-24), 2.0f32.powi(43)] {
        let scaled = kspace.mapv(|v| v * factor);
        let found = reconstruct(&Acquisition::new(&scaled), &named("pvdamp"), &mut ()).unwrap();
        assert_eq!(found.image, expected.image.mapv(|v| v * factor));
        let taus = |r: &Reconstruction| r.record.history.as_ref().unwrap().iterations[0].tau;
        let ratio = taus(&found) / taus(&expected) / f64::from(factor).powi(2);
        assert!((ratio - 1.0).abs() < 1e-12, "{ratio}");
    }
    for factor in [1e-7f32, 1e13] {
        let scaled = kspace.mapv(|v| v * factor);
        let found = reconstruct(&Acquisition::new(&scaled), &named("pvdamp"), &mut ()).unwrap();
        let back = found.image.mapv(|v| v / factor);
        assert!(complex_nmse(&expected.image, &back, None).unwrap() < 1e-4, "{factor}");
    }
}

#[test]
fn threads_change_nothing() {
    let kspace = undersampled();
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| reconstruct(&Acquisition::new(&kspace), &named("howl"), &mut ()).unwrap())
    };
    assert_eq!(on(1).image, on(3).image);
}

#[test]
fn arrays_that_do_not_fit_are_refused_by_name() {
    let kspace = undersampled();
    let acquisition = || Acquisition::new(kspace.view());
    let other = Grid::new(80, 96);
    for (bad, input) in [
        (acquisition().with_mask(Mask::full(other).sampled), Input::Mask),
        (
            acquisition().with_mask(Array2::from_elem(GRID.dim(), false)),
            Input::Mask,
        ),
        (
            acquisition().with_probability(Array2::ones(other.dim())),
            Input::Probability,
        ),
        (
            acquisition().with_probability(Array2::zeros(GRID.dim())),
            Input::Probability,
        ),
        (
            acquisition().with_probability(Array2::from_elem(GRID.dim(), 1.5)),
            Input::Probability,
        ),
        (
            acquisition().with_probability(Array2::from_elem(GRID.dim(), f64::NAN)),
            Input::Probability,
        ),
        (
            acquisition().with_maps(Array4::ones((1, COILS + 1, GRID.rows, GRID.cols))),
            Input::Maps,
        ),
        (
            acquisition().with_maps(Array4::ones((1, COILS, GRID.cols, GRID.rows))),
            Input::Maps,
        ),
        (
            acquisition().with_maps(Array4::ones((0, COILS, GRID.rows, GRID.cols))),
            Input::Maps,
        ),
        (
            acquisition().with_maps(Array4::zeros((1, COILS, GRID.rows, GRID.cols))),
            Input::Maps,
        ),
        (acquisition().with_noise(Noise::Variance(-1.0)), Input::NoiseCovariance),
        (acquisition().with_noise(Noise::Variance(1e9)), Input::NoiseCovariance),
        (
            acquisition().with_noise(Noise::Covariance(Array2::ones((COILS, 2)).into())),
            Input::NoiseCovariance,
        ),
        (Acquisition::new(Array3::zeros((0, 8, 8))), Input::Kspace),
        (Acquisition::new(Array3::zeros((2, 0, 8))), Input::Kspace),
        (
            Acquisition {
                acquired: [Some(60..96), None],
                ..acquisition()
            },
            Input::Acquired,
        ),
        (
            Acquisition {
                acquired: [None, Some(0..81)],
                ..acquisition()
            },
            Input::Acquired,
        ),
    ] {
        let error = refused(&bad);
        assert!(is_about(&error, input), "{input}: {error:?}");
    }
    for bad in [f32::NAN, f32::INFINITY] {
        let mut kspace = kspace.clone();
        kspace[[1, 40, 40]].im = bad;
        assert!(is_about(&refused(&Acquisition::new(kspace)), Input::Kspace));
    }
    let few = Noise::of_samples(Array2::ones((COILS, 3)).view()).unwrap_err();
    assert!(is_about(&few, Input::NoiseSamples), "{few:?}");
}

/// A caller may put his own value in the place of any stage; one that does not fit is refused there.
#[test]
fn stages_refuse_what_does_not_fit() {
    let settings = Settings::default();
    let kspace = undersampled();
    let other = kspace.slice(ndarray::s![.., ..64, ..64]).to_owned();
    let of = |kspace: &Array3<Complex32>| Arc::new(Sampling::of(&Acquisition::new(kspace)).unwrap());
    let (own, foreign) = (of(&kspace), of(&other));
    let channels = |kspace: &Array3<Complex32>, sampling: &Sampling| {
        Channels::of(kspace.clone(), sampling, &Noise::Estimate, &settings, false)
    };
    let refused = channels(&kspace, &foreign).err().unwrap();
    assert!(is_about(&refused, Input::Kspace), "{refused}");
    let noise = Noise::Covariance(Array2::eye(COILS + 1).into());
    let refused = Channels::of(kspace.clone(), &own, &noise, &settings, false)
        .err()
        .unwrap();
    assert!(is_about(&refused, Input::NoiseCovariance), "{refused}");
    let refused = own.of_other_slice(other.view(), None).unwrap_err();
    assert!(is_about(&refused, Input::Kspace), "{refused}");
    let acquisition = Acquisition::new(&kspace);
    let refused = acquisition
        .prepare_sampled(foreign.clone(), &settings, false, &mut ())
        .err()
        .unwrap();
    assert!(is_about(&refused, Input::Kspace), "{refused}");

    let channels = |kspace: &Array3<Complex32>, sampling: &Sampling| channels(kspace, sampling).unwrap().unwrap();
    let maps = head().maps.insert_axis(Axis(0));
    let refused = CoilMaps::given(
        maps.clone().into(),
        &channels(&other, &foreign),
        &foreign,
        &settings.espirit,
    )
    .err()
    .unwrap();
    assert!(is_about(&refused, Input::Maps), "{refused}");
    let own_maps = || CoilMaps::given(maps.clone().into(), &channels(&kspace, &own), &own, &settings.espirit).unwrap();
    let posed = |channels: Channels, sampling: &Arc<Sampling>| {
        Prepared::pose(channels, sampling.clone(), own_maps(), &settings)
    };
    let refused = posed(channels(&kspace, &own), &foreign).err().unwrap();
    assert!(is_about(&refused, Input::Kspace), "{refused}");
    let refused = posed(channels(&other, &foreign), &foreign).err().unwrap();
    assert!(is_about(&refused, Input::Maps), "{refused}");
    assert!(posed(channels(&kspace, &own), &own).is_ok());
}

/// A problem that is ready is solved by as many methods as one likes.
#[test]
fn one_problem_serves_many_methods() {
    let kspace = undersampled();
    let acquisition = || Acquisition::new(&kspace);
    let prepared = acquisition().prepare(&Settings::default(), &mut ()).unwrap().unwrap();
    for method in ["howl", "zero-filled", "howl"] {
        let found = prepared.solve(&named(method), &mut ()).unwrap();
        let alone = reconstruct(&acquisition(), &named(method), &mut ()).unwrap();
        assert_eq!(found.image, alone.image, "{method}");
    }
    let unregularised = reconstruct(&acquisition(), &named("fista"), &mut ()).unwrap();
    let warnings = unregularised.record.warnings;
    assert!(
        warnings.iter().any(|w| w.contains("nothing is regularised")),
        "{warnings:?}"
    );
    assert!(matches!(
        Settings::of_method("best").unwrap_err(),
        Error::Setting {
            parameter: Parameter::Method,
            ..
        }
    ));
}

#[test]
fn a_centre_that_is_not_sampled_needs_maps() {
    let mut kspace = undersampled();
    kspace.slice_mut(ndarray::s![.., 48, 40]).fill(Complex32::ZERO);
    let error = refused(&Acquisition::new(kspace.view()));
    assert!(
        matches!(
            &error,
            Error::NotEnough {
                what: Input::Kspace,
                ..
            }
        ),
        "{error}"
    );
    let maps = head().maps.insert_axis(Axis(0));
    let found = reconstruct(&Acquisition::new(kspace).with_maps(maps), &Settings::default(), &mut ()).unwrap();
    assert!(error_is_small(&found));
}

fn error_is_small(found: &Reconstruction) -> bool {
    error(&found.image) < 0.05
}

#[test]
fn settings_without_sense_are_refused_by_name() {
    let kspace = undersampled();
    type Change = fn(&mut Settings);
    let changes: [(Parameter, Change); 8] = [
        (Parameter::Iterations, |s| s.tuning.iterations = Some(0)),
        (Parameter::Scales, |s| s.tuning.scales = Some(40)),
        (Parameter::Damping, |s| s.tuning.damping = Some(1.5)),
        (Parameter::Lambda, |s| s.tuning.lambda = Lambda::Value(f64::NAN)),
        (Parameter::Lambda, |s| s.tuning.lambda = Lambda::Optimal),
        (Parameter::VirtualCoils, |s| s.compression = Compression::To(0)),
        (Parameter::Kernel, |s| s.espirit.kernel = Some(1)),
        (Parameter::MapSets, |s| s.espirit.sets = MapSets::Fixed(3)),
    ];
    for (parameter, change) in changes {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = reconstruct(&Acquisition::new(&kspace), &settings, &mut ()).unwrap_err();
        assert!(
            matches!(error, Error::Setting { parameter: found, .. } if found == parameter),
            "{error}"
        );
        assert!(!error.to_string().contains("--"), "{error}");
    }
}

#[test]
fn nothing_gives_nothing_and_says_so() {
    let settings = Settings {
        keep_maps: true,
        tuning: Tuning {
            error_bars: Some(1),
            ..Tuning::default()
        },
        ..Settings::default()
    };
    let kspace = Array3::zeros((COILS, GRID.rows, GRID.cols));
    let mut wrong = settings.clone();
    wrong.tuning.scales = Some(100);
    assert!(reconstruct(&Acquisition::new(&kspace), &wrong, &mut ()).is_err());
    let found = reconstruct(&Acquisition::new(&kspace), &settings, &mut ()).unwrap();
    assert!(
        found
            .image
            .iter()
            .chain(&found.unbiased.unwrap())
            .all(|v| *v == Complex32::ZERO)
    );
    assert!(found.deviation.unwrap().iter().all(|v| *v == 0.0));
    assert_eq!(found.maps.unwrap().dim(), (1, COILS, GRID.rows, GRID.cols));
    assert!(
        found.record.warnings.iter().any(|w| w.contains("all zero")),
        "{:?}",
        found.record.warnings
    );
}

/// Breaks off at a stage, or after an iteration.
struct Impatient {
    at: Option<Stage>,
    stages: Vec<Stage>,
    iterations: usize,
}

impl Observer for Impatient {
    fn stage(&mut self, stage: Stage) -> ControlFlow<()> {
        self.stages.push(stage);
        if self.at == Some(stage) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn iteration(&mut self, record: &IterationRecord) -> ControlFlow<()> {
        assert!(record.noise.is_some());
        self.iterations += 1;
        if self.at.is_none() && self.iterations == 3 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

#[test]
fn the_observer_sees_all_and_may_cancel() {
    let kspace = undersampled();
    let all = [Stage::Sampling, Stage::Channels, Stage::Maps, Stage::Solving];
    for (count, at) in (1..).zip(all.map(Some).into_iter().chain([None])) {
        let mut observer = Impatient {
            at,
            stages: Vec::new(),
            iterations: 0,
        };
        let error = reconstruct(&Acquisition::new(&kspace), &Settings::default(), &mut observer).unwrap_err();
        assert_eq!(error, Error::Cancelled);
        assert_eq!(observer.stages, all[..count.min(4)]);
        assert_eq!(observer.iterations, if at.is_none() { 3 } else { 0 });
    }
    let mut seen = 0;
    let mut count = |_: &IterationRecord| {
        seen += 1;
        ControlFlow::Continue(())
    };
    let found = reconstruct(&Acquisition::new(&kspace), &Settings::default(), &mut count).unwrap();
    assert_eq!(seen, found.record.history.unwrap().iterations.len());
}

#[test]
fn every_method_goes_the_same_way() {
    let kspace = undersampled();
    for method in METHODS {
        let mut settings = named(method.name);
        settings.tuning = Tuning {
            iterations: method.iterates().then_some(3),
            lambda: Lambda::Value(0.002),
            ..Tuning::default()
        };
        settings.compression = Compression::To(4);
        let found = reconstruct(&Acquisition::new(&kspace), &settings, &mut ()).unwrap();
        assert_eq!(found.record.coils.unwrap().used, 4, "{}", method.name);
        assert_eq!(found.record.lambda.is_some(), method.has_lambda(), "{}", method.name);
        assert!(found.image.iter().all(|v| v.is_finite()), "{}", method.name);
    }
}
