use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ndarray::{Array2, Array3};
use serde_json::Value;

use super::{BatchPictures, batch_page};
use crate::batch::{BatchVolume, FastMriMetrics, Manifest, SliceLine, State, Status, StoredResult, Totals};
use crate::compare::Machine;
use crate::report::page_check::checked_text;

/// A name that breaks a page that does not escape it.
const NAME: &str = "sub/</script><script>alert('é & \"x\"')</script>\u{2028} ]]>--.h5";

fn volume(name: &str, status: Status) -> BatchVolume {
    BatchVolume {
        name: name.into(),
        input: format!("/scans/{name}"),
        status,
        error: (status == Status::Failed).then(|| "scan.h5: the file <is> truncated; copy it again".into()),
        format: Some("fastmri".into()),
        slices: 4,
        coils: 8,
        rows: 40,
        cols: 30,
        acquisition: Some("AXT2".into()),
        seed: Some(7),
        acceleration: Some(4.0),
        choice: None,
        metrics: None,
        read: vec![],
        written: None,
        seconds: (status == Status::Done).then_some(100.0),
        warnings: vec![],
    }
}

fn line(volume: &str, slice: usize) -> SliceLine {
    let share = 1.0 + slice as f64;
    SliceLine {
        volume: volume.into(),
        slice,
        version: "9.8.7".into(),
        method: "howl".into(),
        acceleration: 4.0,
        iterations: 30,
        kept: 29,
        stop: Some("planned".into()),
        lambda: None,
        predicted_nmse: Some(1e-3 * share),
        maps_unexplained: Some(0.02 * share),
        metrics: Some(FastMriMetrics {
            nmse: Some(2e-3 * share),
            psnr_db: Some(40.0 - share),
            ssim: Some(1.0 - 0.05 * share),
        }),
        seconds: 2.0 * share,
        preparation_seconds: 0.5,
        notes: vec!["whitened </script>".into()],
        warnings: vec![],
    }
}

fn manifest(volumes: Vec<BatchVolume>) -> Manifest {
    Manifest {
        version: "9.8.7".into(),
        state: State::Stopped,
        settings: BTreeMap::from([("method".into(), "howl".into()), ("mask".into(), "<a&b>.h5".into())]),
        shard: None,
        plan: String::new(),
        machine: Machine {
            processor: "An <old> processor".into(),
            cores: 4,
            threads: 2,
        },
        scans: volumes.len(),
        written_at: "2030-01-02T03:04:05Z".into(),
        totals: Totals::default(),
        volumes,
    }
}

/// Two finished volumes, one failed and one left. The first has a hostile name.
fn batch() -> (Manifest, Vec<SliceLine>) {
    let manifest = manifest(vec![
        volume(NAME, Status::Done),
        volume("file2.h5", Status::Done),
        volume("file3.h5", Status::Failed),
        volume("file4.h5", Status::Left),
    ]);
    let mut lines: Vec<SliceLine> = [NAME, "file2.h5"]
        .iter()
        .flat_map(|name| (0..4).map(|slice| line(name, slice)))
        .collect();
    lines[1].warnings = vec!["only 12 lines, maps <may> be off".into()];
    lines[6].warnings = vec!["only 7 lines, maps <may> be off".into()];
    (manifest, lines)
}

/// A bright square with a dark border, different in each slice.
fn stored(slices: usize, rows: usize, cols: usize) -> StoredResult {
    let magnitude = Array3::from_shape_fn((slices, rows, cols), |(s, r, c)| {
        let inside = (rows / 4..rows * 3 / 4).contains(&r) && (cols / 4..cols * 3 / 4).contains(&c);
        if inside {
            1.0 + ((r * (s + 3) + c * 7) % 13) as f32
        } else {
            0.0
        }
    });
    StoredResult {
        magnitude,
        mean_tau: Some(Array2::from_shape_fn((slices, 30), |(s, i)| {
            (s + 1) as f64 / (i + 1) as f64
        })),
        noise: None,
        tau: Some(Array3::from_elem((slices, 30, 2), 0.5)),
        subbands: vec!["H1".into(), "A1".into()],
    }
}

fn pictures(names: &[&str]) -> BatchPictures {
    let (manifest, lines) = batch();
    let mut pictures = BatchPictures::new(&manifest, &lines);
    for name in names {
        pictures.add(name, &stored(4, 40, 30)).unwrap();
    }
    pictures
}

fn page() -> String {
    let (manifest, lines) = batch();
    let notes = ["file2.h5: the file is truncated".to_string()];
    batch_page(&manifest, &lines, &pictures(&[NAME]), &notes).unwrap()
}

/// The page without its script elements, the JSON data by their ids, and the script.
fn without_scripts(page: &str) -> (String, BTreeMap<String, Value>, String) {
    let (mut rest, mut data, mut script) = (String::new(), BTreeMap::new(), String::new());
    for (i, part) in page.split("<script").enumerate() {
        if i == 0 {
            rest.push_str(part);
            continue;
        }
        let (element, after) = part.split_once("</script>").expect("an end of the script");
        let (attributes, content) = element.split_once('>').unwrap();
        match attributes.split_once("id=\"") {
            Some((kind, id)) => {
                assert_eq!(kind, " type=\"application/json\" ");
                let json = serde_json::from_str(content).expect("JSON");
                data.insert(id.trim_end_matches('"').to_string(), json);
            }
            None => script.push_str(content),
        }
        rest.push_str(after);
    }
    (rest, data, script)
}

fn assert_says(page: &str, words: &str) {
    let text = checked_text(&without_scripts(page).0);
    assert!(text.contains(words), "{words:?} is not in {text}");
}

#[test]
fn the_page_reports_the_state_of_the_batch() {
    let page = page();
    for words in [
        "The batch was stopped and can be resumed: 2 of 4 volumes done; 1 failed, 1 left to do.",
        "scan.h5: the file <is> truncated; copy it again",
        "file4.h5 (4 slices)",
        "only 7…12 lines, maps <may> be off 2",
        "file2.h5: the file is truncated",
        "An <old> processor",
        "<a&b>.h5",
        "spent on slices 40.0 s 5.00 s a slice",
        NAME.split('\u{2028}').next().unwrap(),
    ] {
        assert_says(&page, words);
    }
    for id in ["failures", "warnings", "distributions", "extremes", "sheet", "made"] {
        assert!(page.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    assert_eq!(page.matches("aria-label=\"Histogram of").count(), 6);
}

#[test]
fn the_worst_come_first_and_lead_to_their_slice() {
    let page = page();
    let table = page
        .split("Lowest SSIM")
        .nth(1)
        .unwrap()
        .split("</figure>")
        .next()
        .unwrap();
    let first = table.split("<tbody>").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(
        first.contains("<b>0.8000</b>") && first.contains("slice\u{a0}3"),
        "{first}"
    );
    assert!(page.contains("href=\"#slice=file2.h5/3\""));
    assert!(page.contains("href=\"#slice=sub/%3C/script%3E%3Cscript%3Ealert"));
    assert!(page.contains("href=\"#warning=0\""));
}

#[test]
fn a_hostile_name_stays_a_name() {
    let page = page();
    let (rest, data, script) = without_scripts(&page);
    assert!(!rest.contains("<script"));
    let separators = |text: &str| text.matches('\u{2028}').count();
    assert!(separators(&page) == separators(&rest) && separators(&rest) > 0);
    assert_eq!(data["index"]["volumes"][0]["name"], NAME);
    // the policy of the page lets this script run, and no other
    assert!(script.ends_with("start();\n") && page.matches("script-src 'sha256-").count() == 1);
}

#[test]
fn the_data_hold_every_slice_once() {
    let (_, data, _) = without_scripts(&page());
    let index = &data["index"];
    let slices = index["slices"].as_array().unwrap();
    // eight slices, and a failed and a left volume
    assert_eq!(slices.len(), 10);
    assert_eq!(slices[2]["figures"][6], 3e-3);
    assert_eq!(slices[9]["v"], 3);
    assert!(slices[9].get("s").is_none());
    let warning = slices[6]["warnings"][0].as_u64().unwrap() as usize;
    assert_eq!(index["texts"][warning], "only 7 lines, maps <may> be off");
    assert_eq!(index["groups"][warning], 0);
    let shown = &data["volume-0"];
    // 40 × 30, cut to the square with its margin
    assert_eq!(size(&shown["pictures"][0]), (17, 24));
    assert_eq!(shown["pictures"].as_array().unwrap().len(), 4);
    assert_eq!(shown["names"], serde_json::json!(["noise", "mean", "H1", "A1"]));
    assert_eq!(shown["courses"][0]["count"], 30);
    assert!(!data.contains_key("volume-1"));
    assert_eq!(index["volumes"][1]["shown"], false);
}

/// Width and height of a picture.
fn size(picture: &Value) -> (u32, u32) {
    let jpeg = STANDARD.decode(picture.as_str().unwrap()).unwrap();
    image::load_from_memory(&jpeg).unwrap().into_luma8().dimensions()
}

#[test]
fn the_worst_of_many_are_shown_larger() {
    let name = |i: usize| format!("file{i}.h5");
    let manifest = manifest(
        (0..100)
            .map(|i| BatchVolume {
                slices: 72,
                ..volume(&name(i), Status::Done)
            })
            .collect(),
    );
    let mut lines: Vec<SliceLine> = (0..72).map(|slice| line(&name(0), slice)).collect();
    lines
        .iter_mut()
        .for_each(|line| (line.seconds, line.metrics, line.predicted_nmse) = (1.0, None, None));
    lines[50].predicted_nmse = Some(0.5);
    let mut pictures = BatchPictures::new(&manifest, &lines);
    pictures.add(&name(0), &stored(72, 400, 300)).unwrap();
    let (_, data, _) = without_scripts(&batch_page(&manifest, &lines, &pictures, &[]).unwrap());
    let shown = &data["volume-0"]["pictures"];
    assert!(
        size(&shown[20]).1 == 96 && size(&shown[50]).1 > 200,
        "{:?}",
        size(&shown[20])
    );
}

#[test]
fn the_same_batch_is_the_same_page_with_any_number_of_threads() {
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one_thread.install(page), page());
}

#[test]
fn missing_and_extreme_figures_are_handled() {
    for extreme in [f64::INFINITY, f64::NAN, 0.0, -1.0, 1e300, f64::MIN_POSITIVE] {
        let (manifest, mut lines) = batch();
        for line in &mut lines {
            line.predicted_nmse = Some(extreme);
            line.seconds = extreme;
            line.acceleration = extreme;
            line.metrics = Some(FastMriMetrics {
                nmse: Some(extreme),
                psnr_db: Some(extreme),
                ssim: Some(extreme),
            });
        }
        lines[0].metrics = None;
        lines[1].predicted_nmse = None;
        let page = batch_page(&manifest, &lines, &pictures(&[NAME, "file2.h5"]), &[]).unwrap();
        checked_text(&without_scripts(&page).0);
    }
}

#[test]
fn a_perfect_image_has_an_infinite_psnr() {
    let (mut manifest, lines) = batch();
    for volume in &mut manifest.volumes[..2] {
        volume.metrics = Some(FastMriMetrics {
            nmse: Some(0.0),
            psnr_db: None,
            ssim: Some(1.0),
        });
    }
    assert_says(&batch_page(&manifest, &lines, &pictures(&[]), &[]).unwrap(), "∞");
}

#[test]
fn an_empty_batch_gives_a_page() {
    let none = BatchPictures::new(&manifest(vec![]), &[]);
    assert_says(
        &batch_page(&manifest(vec![]), &[], &none, &[]).unwrap(),
        "0 of 0 volumes done",
    );
    let left = manifest(vec![volume("a.h5", Status::Left)]);
    let page = batch_page(&left, &[], &none, &[]).unwrap();
    assert_says(&page, "0 of one volume done; 1 left to do.");
    assert_says(&page, "One volume left to do, 4 slices");
    let one = manifest(vec![BatchVolume {
        slices: 1,
        ..volume("a.h5", Status::Done)
    }]);
    let mut pictures = BatchPictures::new(&one, &[]);
    pictures.add("a.h5", &stored(1, 40, 30)).unwrap();
    let lines = [SliceLine {
        predicted_nmse: None,
        maps_unexplained: None,
        metrics: None,
        ..line("a.h5", 0)
    }];
    let page = batch_page(&one, &lines, &pictures, &[]).unwrap();
    assert_says(&page, "one volume done.");
    assert!(!page.contains("Highest predicted error") && !page.contains("Histogram of NMSE"));
}

#[test]
fn several_acquisitions_are_distinguished() {
    let (mut manifest, lines) = batch();
    manifest.volumes[1].acquisition = None;
    let page = batch_page(&manifest, &lines, &pictures(&[]), &[]).unwrap();
    assert_says(
        &page,
        "AXT2 no acquisition named Shares of the slices of each acquisition.",
    );
    assert!(page.contains("<option value=\"=AXT2\">") && page.contains("<option value=\"none\">"));
}

/// Thousands of slices of noise, the worst case for JPEG.
#[test]
fn thousands_of_slices_stay_within_forty_megabytes() {
    let (volumes, each) = (200, 36);
    let name = |i: usize| format!("file{i}.h5");
    let records = (0..volumes).map(|i| BatchVolume {
        slices: each,
        ..volume(&name(i), Status::Done)
    });
    let manifest = manifest(records.collect());
    let lines = (0..volumes).flat_map(|i| (0..each).map(move |s| line(&name(i), s)));
    let mut lines: Vec<SliceLine> = lines.collect();
    for (i, line) in lines.iter_mut().enumerate() {
        line.warnings = vec![format!(
            "only {i} of its lines are there, so that the maps are less than they could be"
        )];
    }
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32
    };
    let bands = 13;
    let shown = StoredResult {
        magnitude: Array3::from_shape_simple_fn((each, 128, 128), &mut noise),
        mean_tau: Some(Array2::from_shape_simple_fn((each, 100), || f64::from(noise()))),
        noise: Some(Array2::from_shape_simple_fn((each, 100), || f64::from(noise()))),
        tau: Some(Array3::from_shape_simple_fn((each, 100, bands), || f64::from(noise()))),
        subbands: (0..bands).map(|i| format!("H{i}")).collect(),
    };
    let mut pictures = BatchPictures::new(&manifest, &lines);
    assert!((80..=128).contains(&pictures.side()), "{}", pictures.side());
    // one volume is enough, as all are alike
    pictures.add(&name(0), &shown).unwrap();
    let once = batch_page(&manifest, &lines, &pictures, &[]).unwrap().len();
    let none = batch_page(&manifest, &lines, &BatchPictures::new(&manifest, &lines), &[])
        .unwrap()
        .len();
    let whole = none + volumes * (once - none);
    assert!(whole < 40_000_000, "{whole} bytes");
    assert!(none < 4_000_000, "{none} bytes without pictures");
}
