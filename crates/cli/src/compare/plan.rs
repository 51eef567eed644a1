//! Which slices, undersampled how: the cases of a bench.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::CaseRecord;
use pvdamp::array::Grid;
use pvdamp::coil::MapSets;
use pvdamp::sampling::{Acs, Family, MaskPlan, Request};
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::{Centre, KspaceOrder, Scan, ScanOptions, Stamp};
use pvdamp_io::recon::{MapsSource, SamplingSource, ScanSettings, ScanSetup};

/// How fully sampled scans are undersampled.
#[derive(Clone)]
pub enum Undersampling {
    /// By every mask that can be drawn so.
    Drawn(Drawing),
    /// By masks in files, each with its sampling probability where that is known.
    Masks(Vec<(Place, Option<Place>)>),
}

#[derive(Clone)]
pub struct Drawing {
    pub families: Vec<&'static Family>,
    pub accelerations: Vec<f64>,
    pub seeds: Vec<u64>,
    /// The fully sampled centre; the usual one where `None`.
    pub acs: Option<Acs>,
    /// Of the density; the usual one where `None`.
    pub order: Option<f64>,
}

/// Which slices of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slices {
    Middle,
    All,
    These(Vec<usize>),
}

/// One slice, undersampled in one way.
pub struct Case {
    pub record: CaseRecord,
    pub path: PathBuf,
    /// With the sampling of this case.
    pub settings: ScanSettings,
    /// Changes when a file does that the case is made of: their sizes and times.
    pub stamp: String,
}

/// What all cases share.
#[derive(Clone)]
pub struct Common {
    pub scan: ScanOptions,
    /// Maps, noise and wavelet; its sampling and method mean nothing.
    pub settings: ScanSettings,
}

/// The cases of `scans`, those of one mask together, and what has to be said about them.
///
/// A scan that is undersampled already gives one case a slice, with its own mask and without a reference.
///
/// Errors: scans and masks that cannot be used, and slices that are not there.
pub fn cases(
    scans: &[PathBuf],
    slices: &Slices,
    undersampling: &Undersampling,
    common: &Common,
) -> Result<(Vec<Case>, Vec<String>)> {
    let (mut cases, mut notes) = (Vec::new(), Vec::new());
    for path in scans {
        let scan = Arc::new(Scan::open(path, &common.scan)?);
        let mut as_acquired = ScanSetup::new(&scan, &common.settings)?;
        let ways = if as_acquired.sampling().complete_scan {
            ways(undersampling, scan.grid())?
        } else {
            notes.push(format!(
                "{} is undersampled as it was acquired: it was taken with its own mask, and without a reference there is \
                 no NMSE, PSNR, SSIM, HFEN, time to convergence or optimal λ of it",
                path.display()
            ));
            vec![Way::as_acquired(as_acquired.sampling().record.acceleration)]
        };
        let (common, why) = with_sets(common, &mut as_acquired)?;
        notes.extend(why.map(|why| format!("{}: {why}", path.display())));
        // What each way needs is settled before anything is run.
        for way in &ways {
            let settings = way.settings(&common);
            let warnings = ScanSetup::new(&scan, &settings)?.warnings();
            let warnings = warnings
                .iter()
                .map(|warning| format!("{}, {}: {warning}", path.display(), way.name));
            for note in warnings {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        for slice in chosen(slices, &scan, path)? {
            if !as_acquired.holds_data(slice)? {
                notes.push(format!(
                    "slice {slice} of {} is all zero: it is left out",
                    path.display()
                ));
                continue;
            }
            cases.extend(ways.iter().map(|way| case(&scan, path, slice, way, &common)));
        }
    }
    number_twins(&mut cases);
    if cases.is_empty() {
        return Err(Error::setting(
            "no slice of these scans holds data: there is nothing to compare",
        ));
    }
    Ok((cases, notes))
}

/// How many sets of maps the cases of a scan have, judged once on all that it holds, and why there are two.
fn with_sets(common: &Common, scan: &mut ScanSetup) -> Result<(Common, Option<String>)> {
    let mut common = common.clone();
    if !matches!(common.settings.maps, MapsSource::Espirit) {
        return Ok((common, None));
    }
    let decision = scan.decide(&mut ())?;
    common.settings.engine.espirit.sets = MapSets::Fixed(decision.sets);
    Ok((common, decision.why_two_sets))
}

fn chosen(slices: &Slices, scan: &Scan, path: &Path) -> Result<Vec<usize>> {
    match slices {
        Slices::Middle => Ok(vec![scan.slices() / 2]),
        Slices::All => Ok((0..scan.slices()).collect()),
        Slices::These(these) => match these.iter().find(|&&slice| slice >= scan.slices()) {
            Some(slice) => {
                let problem = format!("has no slice {slice}, but {} of them, counted from 0", scan.slices());
                Err(Error::data(path, problem, "choose others with --slices"))
            }
            None => Ok(these.clone()),
        },
    }
}

/// One way to undersample.
struct Way {
    sampling: SamplingSource,
    probability: Option<Place>,
    /// Family or mask, for people.
    name: String,
    acceleration: f64,
    seed: Option<u64>,
    arguments: Vec<String>,
}

impl Way {
    fn settings(&self, common: &Common) -> ScanSettings {
        ScanSettings {
            sampling: self.sampling.clone(),
            probability: self.probability.clone(),
            reference: true,
            ..common.settings.clone()
        }
    }

    fn as_acquired(acceleration: f64) -> Self {
        Self {
            sampling: SamplingSource::Scan,
            probability: None,
            name: "as acquired".into(),
            acceleration,
            seed: None,
            arguments: Vec::new(),
        }
    }

    fn drawn(family: &'static Family, request: Request, grid: Grid) -> Result<Self> {
        let MaskPlan {
            acceleration,
            acs,
            order,
            seed,
            ..
        } = family.plan(&request, grid)?;
        let mut words = vec![
            ("--sampling", family.name.to_string()),
            ("--accel", acceleration.to_string()),
        ];
        words.extend(if family.lines {
            vec![("--acs", acs.cols.to_string())]
        } else {
            vec![("--acs", acs.to_string()), ("--order", order.to_string())]
        });
        words.push(("--seed", seed.to_string()));
        Ok(Self {
            sampling: SamplingSource::Draw { family, request },
            probability: None,
            name: family.name.into(),
            acceleration,
            seed: Some(seed),
            arguments: words
                .into_iter()
                .flat_map(|(option, value)| [option.into(), value])
                .collect(),
        })
    }

    fn of_mask(mask: &Place, probability: Option<&Place>, grid: Grid) -> Result<Self> {
        // how many locations it has does not depend on which way round it lies
        let read = pvdamp_io::format::read_mask(mask, grid, KspaceOrder::default())?.likely;
        let mut arguments = vec!["--mask".into(), typed(mask)];
        if let Some(place) = probability {
            arguments.extend(["--prob-map".into(), typed(place)]);
        }
        let file = mask.file.file_stem().unwrap_or_default().to_string_lossy();
        let name = match &mask.dataset {
            Some(dataset) => format!("{file}:{dataset}"),
            None => file.into_owned(),
        };
        Ok(Self {
            sampling: SamplingSource::File(mask.clone()),
            probability: probability.cloned(),
            name,
            acceleration: read.acceleration(),
            seed: None,
            arguments,
        })
    }
}

fn ways(undersampling: &Undersampling, grid: Grid) -> Result<Vec<Way>> {
    match undersampling {
        Undersampling::Masks(masks) => {
            let way = |(mask, probability): &(Place, Option<Place>)| Way::of_mask(mask, probability.as_ref(), grid);
            masks.iter().map(way).collect()
        }
        Undersampling::Drawn(drawing) => {
            let mut ways = Vec::new();
            for &family in &drawing.families {
                for &acceleration in &drawing.accelerations {
                    for &seed in &drawing.seeds {
                        let request = Request {
                            acceleration,
                            acs: drawing.acs,
                            order: drawing.order,
                            seed,
                        };
                        ways.push(Way::drawn(family, request, grid)?);
                    }
                }
            }
            Ok(ways)
        }
    }
}

fn case(scan: &Scan, path: &Path, slice: usize, way: &Way, common: &Common) -> Case {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let group = format!("{stem} slice {slice}, {}, R = {:.3}", way.name, way.acceleration);
    let group = group.trim_end_matches('0').trim_end_matches('.').to_string();
    let seed = way.seed.map_or(String::new(), |seed| format!("-seed{seed}"));
    let id = file_name(&format!(
        "{stem}-slice{slice}-{}-R{:.2}{seed}",
        way.name, way.acceleration
    ));
    let mut arguments = way.arguments.clone();
    arguments.extend(common_arguments(common));
    let grid = scan.grid();
    Case {
        record: CaseRecord {
            id,
            group,
            scan: path.display().to_string(),
            slice,
            rows: grid.rows,
            cols: grid.cols,
            coils: scan.coils(),
            sampling: way.name.clone(),
            acceleration: way.acceleration,
            seed: way.seed,
            reference: !matches!(way.sampling, SamplingSource::Scan),
            arguments,
        },
        path: path.to_path_buf(),
        settings: way.settings(common),
        stamp: stamps(path, way, common),
    }
}

/// As typed after `pvdamp recon SCAN`, for what all cases share.
fn common_arguments(common: &Common) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(dataset) = &common.scan.dataset {
        words.extend(["--kspace".into(), dataset.clone()]);
    }
    if let Some(axes) = &common.scan.axes {
        words.extend(["--axes".into(), axes.to_string()]);
    }
    if common.scan.centre != Centre::Found {
        words.extend(["--centre".into(), common.scan.centre.to_string()]);
    }
    if let Some(directions) = common.scan.directions {
        words.extend(["--directions".into(), directions.to_string()]);
    }
    match &common.settings.maps {
        MapsSource::File(place) => words.extend(["--maps".into(), typed(place)]),
        MapsSource::Espirit => {
            let espirit = &common.settings.engine.espirit;
            let options = [
                ("--map-sets", espirit.sets.to_string()),
                ("--calibration", espirit.calibration.to_string()),
                ("--recalibrate", common.settings.engine.recalibration.to_string()),
            ];
            let kernel = espirit.kernel.map(|kernel| ["--kernel".into(), kernel.to_string()]);
            let crop = espirit.crop.map(|crop| ["--crop".into(), crop.to_string()]);
            words.extend(kernel.into_iter().chain(crop).flatten());
            if let Some(place) = &common.settings.calibration {
                words.extend(["--calibrate-on".into(), typed(place)]);
            }
            words.extend(options.into_iter().flat_map(|(option, value)| [option.into(), value]));
        }
    }
    words
}

/// `FILE:DATASET`.
fn typed(place: &Place) -> String {
    match &place.dataset {
        Some(dataset) => format!("{}:{dataset}", place.file.display()),
        None => place.file.display().to_string(),
    }
}

/// With nothing but letters, digits, dots and dashes.
pub fn file_name(text: &str) -> String {
    let fit = |c: char| {
        if c.is_alphanumeric() || matches!(c, '.' | '-') {
            c
        } else {
            '-'
        }
    };
    text.chars().map(fit).collect()
}

/// Scans of the same name in different folders: the second and further ones get a number.
fn number_twins(cases: &mut [Case]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for case in cases {
        let times = seen.entry(case.record.id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            case.record.id = format!("{}-{times}", case.record.id);
            case.record.group = format!("{} ({times})", case.record.group);
        }
    }
}

/// Of every file that the case is made of.
fn stamps(scan: &Path, way: &Way, common: &Common) -> String {
    let mut settings = way.settings(common);
    let files = std::iter::once(scan.to_path_buf()).chain(settings.places_mut().map(|place| place.file.clone()));
    files.map(|file| stamp(&file)).collect::<Vec<_>>().join("; ")
}

fn stamp(path: &Path) -> String {
    Stamp::of(path).map_or(String::new(), |stamp| stamp.to_string())
}
