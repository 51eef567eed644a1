use ndarray::Array2;
use num_complex::Complex;

use super::comparison_page;
use crate::compare::{
    CaseImages, CaseRecord, ContenderRecord, EvolutionRecord, EvolutionStep, Machine, ResidualImages, ResidualRecord,
    Results, RunMetrics, RunRecord, SensitivityRecord, TracePoint,
};
use crate::report::page_check::checked_text;
use pvdamp::array::Image;

/// A name that breaks a page that does not escape it.
const SCAN: &str = r#"<script>alert("é & 'x'")</script> ]]> --.h5"#;

fn contender(id: &str, label: &str, oracle: &str) -> ContenderRecord {
    ContenderRecord {
        id: id.into(),
        label: label.into(),
        program: "pvdamp".into(),
        oracle: oracle.into(),
        timed: String::new(),
    }
}

fn case(group: usize, seed: u64) -> CaseRecord {
    CaseRecord {
        id: format!("g{group}-s{seed}"),
        group: format!("g{group}"),
        scan: SCAN.into(),
        slice: 3,
        rows: 24,
        cols: 20,
        coils: 4,
        sampling: "bernoulli".into(),
        acceleration: 2.0 + group as f64,
        seed: Some(seed),
        reference: true,
        arguments: vec!["--maps".into(), "my maps.h5".into()],
    }
}

fn run(case: &str, contender: &str, nmse: f64) -> RunRecord {
    let point = |i: i32| TracePoint {
        seconds: 0.1 * f64::from(i),
        nmse_object_db: Some(nmse * (1.0 - 0.5f64.powi(i))),
        tau: 0.5f64.powi(i),
    };
    RunRecord {
        case: case.into(),
        contender: contender.into(),
        lambda: contender.starts_with("fista").then_some(0.01),
        threads: 2,
        iterations: 10,
        kept: 10,
        stop: "settled".into(),
        seconds: 1.25,
        converged_seconds: Some(0.8),
        converged_iteration: Some(8),
        metrics: Some(RunMetrics {
            nmse_db: Some(nmse + 0.5),
            nmse_object_db: Some(nmse),
            psnr_db: Some(10.0 - nmse),
            ssim: Some(0.9),
            hfen_db: Some(nmse + 5.0),
        }),
        trace: (1..=10).map(point).collect(),
        notes: vec![],
    }
}

/// Two groups of two seeds; the oracle is best, `pvdamp` the best of the others, `<slow>` the worst.
pub(super) fn results() -> Results {
    let mut results = Results {
        version: "9.8.7".into(),
        machine: Machine {
            processor: "An <old> processor".into(),
            cores: 4,
            threads: 2,
        },
        contenders: vec![
            contender("pvdamp", "P-VDAMP", ""),
            contender("fista:optimal", "FISTA, optimal λ", "the best λ"),
            contender("slow", "<slow>", ""),
        ],
        notes: vec!["something was left out".into()],
        ..Results::default()
    };
    for (group, seed) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
        let case = case(group, seed);
        let shift = group as f64 + 0.1 * seed as f64;
        for (contender, nmse) in [("pvdamp", -20.0), ("fista:optimal", -21.0), ("slow", -10.0)] {
            results.runs.push(run(&case.id, contender, nmse + shift));
        }
        results.sensitivities.push(SensitivityRecord {
            case: case.id.clone(),
            contender: "fista:optimal".into(),
            lambda: 0.01,
            points: vec![(0.001, -15.0), (0.01, -21.0), (0.1, -17.0)],
        });
        results.evolutions.push(evolution(&case.id));
        results.cases.push(case);
    }
    results
}

fn evolution(case: &str) -> EvolutionRecord {
    let step = |i: i32| EvolutionStep {
        predicted: vec![0.5f64.powi(i); 4],
        measured: vec![0.4f64.powi(i); 4],
    };
    EvolutionRecord {
        case: case.into(),
        contender: "pvdamp".into(),
        bands: ["H1", "V1", "D1", "A1"].map(String::from).to_vec(),
        steps: (0..6).map(step).collect(),
        residuals: vec![ResidualRecord {
            iteration: 2,
            count: 1000,
            mean: -0.001,
            variance: 1.01,
            kurtosis: 3.2,
            histogram: vec![0.0, 0.1, 0.3, 0.3, 0.1, 0.0],
            quantiles: vec![(-2.0, -2.1), (0.0, 0.0), (2.0, 2.2)],
        }],
    }
}

fn picture(scale: f32) -> Image<f32> {
    Array2::from_shape_fn((24, 20), |(r, c)| {
        let inside = (4..20).contains(&r) && (4..16).contains(&c);
        Complex::new(
            if inside {
                scale * (1.0 + ((r * c) % 5) as f32)
            } else {
                0.0
            },
            0.0,
        )
    })
}

pub(super) fn case_images() -> Vec<CaseImages> {
    let residual = ResidualImages {
        contender: "pvdamp".into(),
        iteration: 2,
        error: Array2::from_elem((24, 20), 0.5),
        predicted: Array2::from_elem((24, 20), 0.4),
    };
    vec![CaseImages {
        case: "g0-s1".into(),
        reference: Some(picture(1.0)),
        images: vec![("pvdamp".into(), picture(0.9)), ("slow".into(), picture(0.5))],
        residuals: vec![residual],
        deviations: vec![("pvdamp".into(), Array2::from_elem((24, 20), 0.1))],
    }]
}

/// Checks the page, and that its text holds these words.
pub(super) fn assert_says(page: &str, words: &str) {
    let text = checked_text(page);
    assert!(text.contains(words), "{words:?} is not in {text}");
}

#[test]
fn the_page_is_complete_and_reproducible() {
    let page = comparison_page(&results(), &case_images()).unwrap();
    for words in [
        "something was left out",
        "pvdamp 9.8.7",
        "An <old> processor",
        "λ/10",
        "Kurtosis".to_lowercase().as_str(),
        "'my maps.h5'",
        "NMSE −19.90 dB",
    ] {
        assert_says(&page, words);
    }
    for id in ["accuracy", "convergence", "images", "lambda", "evolution", "made"] {
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    assert!(page.matches("<img ").count() == 2 + 3 + 3 + 2);
    assert_eq!(page, comparison_page(&results(), &case_images()).unwrap());
}

#[test]
fn a_hostile_name_stays_a_name() {
    let page = comparison_page(&results(), &case_images()).unwrap();
    assert!(!page.contains("<script"));
    assert_says(&page, SCAN);
}

#[test]
fn the_best_and_the_oracles_are_marked() {
    let page = comparison_page(&results(), &[]).unwrap();
    let row = page
        .split("bernoulli, R\u{a0}=\u{a0}2")
        .find(|part| part.starts_with("<small>2 seeds"))
        .unwrap();
    let row = row.split("</tr>").next().unwrap();
    let cells: Vec<&str> = row.split("<td>").skip(1).collect();
    assert_eq!(cells[0], "<u>−19.85</u><small>± 0.07</small></td>");
    assert_eq!(cells[1], "<b>−20.85</b><small>± 0.07</small></td>");
    assert_eq!(cells[2], "−9.85<small>± 0.07</small></td>");
    assert_says(&page, "FISTA, optimal λ†");
    assert_says(&page, "FISTA, optimal λ: the best λ");
}

#[test]
fn the_summary_follows_the_numbers() {
    let mut results = results();
    let page = comparison_page(&results, &[]).unwrap();
    assert_says(
        &page,
        "P-VDAMP has the lowest mean error on the object: NMSE −19.35 dB over 4 cases, 10.00 dB",
    );
    assert_says(
        &page,
        "1.00 dB lower still, is that of an oracle: FISTA, optimal λ†, which was given the best λ.",
    );
    assert_says(&page, "It is the best of them in 2 of 2 combinations");

    // far better than all others, but only on some cases
    results.contenders.push(contender("part", "In part", ""));
    results.runs.push(run("g0-s1", "part", -40.0));
    let page = comparison_page(&results, &[]).unwrap();
    assert_says(&page, "P-VDAMP has the lowest mean error");
    assert_says(&page, "In part was run on 1 of 4 cases.");

    for run in results.runs.iter_mut().filter(|run| run.contender == "slow") {
        run.metrics = run.metrics.map(|metrics| RunMetrics {
            nmse_object_db: Some(-30.0),
            ..metrics
        });
    }
    let page = comparison_page(&results, &[]).unwrap();
    assert_says(&page, "<slow> has the lowest mean error on the object: NMSE −30.00 dB");
    assert_says(&page, "No oracle does better");
}

#[test]
fn without_a_reference_the_page_says_what_is_missing() {
    let mut results = results();
    results.cases.iter_mut().for_each(|case| case.reference = false);
    for run in &mut results.runs {
        run.metrics = None;
        run.converged_seconds = None;
        run.trace.iter_mut().for_each(|point| point.nmse_object_db = None);
    }
    results.sensitivities.clear();
    results.evolutions.clear();
    let mut images = case_images();
    images[0].reference = None;
    let page = comparison_page(&results, &images).unwrap();
    assert_says(&page, "4 of 4 cases have no fully sampled reference");
    assert_says(&page, "no method is called better than another");
    assert_says(&page, "Missing, because no case has them: NMSE, object;");
    assert_says(&page, "predicted variance / units²");
    assert!(!page.contains("Error, P-VDAMP") && page.contains("Magnitude, P-VDAMP"));
    assert!(!page.contains("<b>−") && !page.contains("id=\"lambda\""));
}

#[test]
fn empty_results_give_a_page() {
    let page = comparison_page(&Results::default(), &[]).unwrap();
    assert_says(&page, "No run is on record");
    // images, λ and state evolution of unknown cases and contenders
    let mut stray = results();
    stray.cases.clear();
    stray.contenders.clear();
    let page = comparison_page(&stray, &case_images()).unwrap();
    assert_says(&page, "12 runs of cases that are not on record are not shown.");
    let unknown = CaseImages {
        case: "nobody".into(),
        reference: None,
        images: vec![],
        residuals: vec![],
        deviations: vec![],
    };
    checked_text(&comparison_page(&results(), &[unknown]).unwrap());
}

#[test]
fn extreme_values_are_handled() {
    let extreme = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -1.0,
        1e300,
        f64::MIN_POSITIVE,
    ];
    for (i, &value) in extreme.iter().enumerate() {
        let mut results = results();
        for run in &mut results.runs {
            run.seconds = value;
            run.converged_seconds = Some(value);
            run.metrics = Some(RunMetrics {
                nmse_db: Some(value),
                nmse_object_db: Some(value),
                psnr_db: Some(value),
                ssim: Some(value),
                hfen_db: None,
            });
            run.trace[i].nmse_object_db = Some(value);
            run.trace[i].seconds = value;
            run.trace[i].tau = value;
        }
        results.sensitivities[0].points[1] = (value, value);
        results.sensitivities[1].lambda = value;
        results.sensitivities[2].points.clear();
        let evolution = &mut results.evolutions[0];
        evolution.steps[1].predicted = vec![value; 4];
        evolution.steps[2].measured = vec![value; 2];
        let residual = &mut evolution.residuals[0];
        (residual.mean, residual.variance, residual.kurtosis) = (value, value, value);
        residual.histogram[2] = value;
        residual.quantiles[0] = (value, value);
        results.cases[0].acceleration = value;
        let mut images = case_images();
        images[0].images[0].1[[10, 10]] = Complex::new(value as f32, 0.0);
        images[0].residuals[0].error[[3, 3]] = value as f32;
        images[0].images.push(("slow".into(), Array2::zeros((3, 3))));
        let page = comparison_page(&results, &images).unwrap();
        assert_says(&page, "<slow> is not shown: its image has another size.");
    }
}

#[test]
fn a_perfect_image_is_the_best() {
    let mut results = results();
    for run in results.runs.iter_mut().filter(|run| run.contender == "slow") {
        run.metrics = Some(RunMetrics {
            nmse_db: Some(f64::NEG_INFINITY),
            nmse_object_db: Some(f64::NEG_INFINITY),
            psnr_db: Some(f64::INFINITY),
            ssim: Some(1.0),
            hfen_db: Some(f64::NEG_INFINITY),
        });
    }
    let page = comparison_page(&results, &[]).unwrap();
    assert!(page.contains("<td><b><u>−∞</u></b></td>"));
    assert_says(&page, "<slow> has the lowest mean error on the object: NMSE −∞ dB");
}
