use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;

use super::arguments::{MapsArguments, ScanOptionArguments, make_folder, parse_acs, same_file, unknown};
use super::console::{self, Console, plain};
use super::eval::figure;
use crate::compare::{
    Bench, Common, Contender, Drawing, Listener, Results, Slices, Undersampling, calibration_csv, cases, results_csv,
};
use crate::report::comparison_page;
use pvdamp::sampling::{Acs, Family};
use pvdamp::solve::Method;
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::AtomicFile;

/// Compare methods on fully sampled scans, with a report
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp bench full.h5 --methods pvdamp,fista:optimal,zero-filled --accel 5,10 --seeds 1..5 -o bench/
  pvdamp bench scans/ --sampling bernoulli,poisson-disc -o bench/
  pvdamp bench full.h5 --mask masks.h5:r5/mask --prob-map masks.h5:r5/prob_map --maps maps.h5 -o bench/

METHODS
  A method of 'pvdamp recon' and, after colons, its settings: a regularisation weight (a number; 'optimal', the one
  of least error for each case; 'shared', the one of least mean error over the cases), 'shift' for random shifts of
  the wavelet grid, 'iterations=N', 'bars' for error bars. Methods that learn from the reference what no user has are
  marked in the report.

The folder gets report.html, results.csv and results.json, and a journal: started again with the same words, an
interrupted bench goes on where it was. Results of other programs in its folder 'peers' are judged with the rest.")]
pub struct RunBench {
    /// Fully sampled scans, or folders of them
    #[arg(value_name = "SCAN", required = true)]
    scans: Vec<PathBuf>,

    #[command(flatten)]
    options: ScanOptionArguments,

    /// Folder for the results
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Methods, with their settings after colons
    #[arg(
        long,
        value_name = "METHOD[:WORD]…",
        value_delimiter = ',',
        default_value = "pvdamp,fista:optimal,fista:optimal:shift,fista:shared,sure-it,a-fista,cg-sense,zero-filled"
    )]
    methods: Vec<String>,

    /// Slices: middle, all, or numbers from 0
    #[arg(long, value_name = "middle|all|N,…", default_value = "middle", value_parser = parse_slices)]
    slices: Slices,

    /// How masks are drawn
    #[arg(
        long,
        value_name = "FAMILY",
        value_delimiter = ',',
        default_value = "bernoulli,poisson-disc",
        help_heading = "Undersampling"
    )]
    sampling: Vec<String>,

    /// Accelerations R
    #[arg(
        long,
        value_name = "R",
        value_delimiter = ',',
        default_value = "5,10",
        help_heading = "Undersampling"
    )]
    accel: Vec<f64>,

    /// Seeds of the masks: FIRST..LAST, both among them, or numbers
    #[arg(long, value_name = "A..B|N,…", default_value = "1..5", value_parser = parse_seeds, help_heading = "Undersampling")]
    seeds: Seeds,

    /// Fully sampled centre (ACS), N or ROWSxCOLS; of masks of phase-encode lines N of them [default: 24, or the axis where that is shorter]
    #[arg(long, value_name = "N", value_parser = parse_acs, help_heading = "Undersampling")]
    acs: Option<Acs>,

    /// For masks of phase-encode lines, in place of --acs: share of the lines in the fully sampled centre [default: 0.32/R]
    #[arg(long, value_name = "SHARE", conflicts_with = "acs", help_heading = "Undersampling")]
    acs_fraction: Option<f64>,

    /// How steeply the sampling density falls from the centre; 0 is uniform. Not for masks of phase-encode lines [default: 2]
    #[arg(long, value_name = "ORDER", help_heading = "Undersampling")]
    order: Option<f64>,

    /// Mask to use instead of drawing; may be given several times
    #[arg(long, value_name = "FILE[:DATASET]", conflicts_with_all = ["sampling", "accel", "seeds", "acs", "acs_fraction", "order"], help_heading = "Undersampling")]
    mask: Vec<Place>,

    /// Probability that each location is sampled, for each --mask in turn [default: estimated from the mask]
    #[arg(
        long,
        value_name = "FILE[:DATASET]",
        requires = "mask",
        help_heading = "Undersampling"
    )]
    prob_map: Vec<Place>,

    #[command(flatten)]
    maps: MapsArguments,
}

impl RunBench {
    pub fn run(&self, console: &Console) -> Result<()> {
        console::catch_interrupt();
        let contenders: Vec<Contender> = self
            .methods
            .iter()
            .map(|m| Contender::parse(m))
            .collect::<Result<_>>()?;
        let labels: Vec<String> = contenders.iter().map(|contender| contender.record().label).collect();
        let accelerations: Vec<String> = self.accel.iter().map(f64::to_string).collect();
        for (option, names) in [
            ("--methods", &labels),
            ("--accel", &accelerations),
            ("--sampling", &self.sampling),
        ] {
            if let Some(twice) = twice(names) {
                return Err(Error::setting(format!("{option} names {twice} twice")));
            }
        }
        let undersampling = self.undersampling()?;
        let mut settings = self.maps.settings();
        // Each contender is a method: none has to be chosen.
        settings.engine.method = Method::find("pvdamp");
        let common = Common {
            scan: self.options.options(),
            settings,
        };
        let (cases, mut notes) = cases(&scans(&self.scans)?, &self.slices, &undersampling, &common)?;
        let idle = contenders
            .iter()
            .filter(|c| c.needs_reference() && cases.iter().any(|case| !case.record.reference));
        notes.extend(idle.map(|c| format!("{} is left out where there is no reference", c.id)));
        notes.iter().for_each(|note| console.warn(note));
        make_folder(&self.output, "choose another -o folder")?;
        console.say(&format!(
            "{} case(s), {} method(s), {} thread(s)",
            cases.len(),
            contenders.len(),
            rayon::current_num_threads()
        ));
        let bench = Bench {
            folder: self.output.clone(),
            cases,
            contenders,
            common,
            notes,
        };
        let mut progress = Progress::new(console);
        let done = bench.run(&mut progress);
        progress.bar.finish_and_clear();
        if let Err(Error::Interrupted) = done {
            console.say("what is done is kept: the same command goes on from here");
        }
        let (results, shown) = done?;
        let page = comparison_page(&results, &shown)?;
        self.write(&results, &page)?;
        console.result(&summary(&results))?;
        console.say(&format!("wrote {}", self.output.join("report.html").display()));
        Ok(())
    }

    fn undersampling(&self) -> Result<Undersampling> {
        if !self.mask.is_empty() {
            if !self.prob_map.is_empty() && self.prob_map.len() != self.mask.len() {
                let (maps, masks) = (self.prob_map.len(), self.mask.len());
                return Err(Error::setting(format!(
                    "--prob-map is given {maps} times and --mask {masks} times: give one for each mask, or none"
                )));
            }
            let probability = |i: usize| self.prob_map.get(i).cloned();
            let masks = self
                .mask
                .iter()
                .enumerate()
                .map(|(i, mask)| (mask.clone(), probability(i)));
            return Ok(Undersampling::Masks(masks.collect()));
        }
        let family = |name: &String| Family::find(name).ok_or_else(|| unknown("--sampling", name));
        Ok(Undersampling::Drawn(Drawing {
            families: self.sampling.iter().map(family).collect::<Result<_>>()?,
            accelerations: self.accel.clone(),
            seeds: self.seeds.0.clone(),
            acs: self.acs.or(self.acs_fraction.map(Acs::Fraction)),
            order: self.order,
        }))
    }

    fn write(&self, results: &Results, page: &str) -> Result<()> {
        let json = serde_json::to_vec_pretty(results);
        let json = json.map_err(|e| Error::setting(format!("the results cannot be put as JSON ({e})")))?;
        let files = [
            ("results.json", json.as_slice()),
            ("results.csv", &results_csv(results)?),
            ("report.html", page.as_bytes()),
        ];
        files
            .iter()
            .try_for_each(|(name, bytes)| AtomicFile::write_whole(&self.output.join(name), bytes))?;
        let path = self.output.join("calibration.csv");
        match calibration_csv(results)? {
            Some(table) => AtomicFile::write_whole(&path, &table),
            // one of an earlier bench would pass for that of this one
            None if path.is_file() => std::fs::remove_file(&path)
                .map_err(|e| Error::data(path.as_path(), format!("cannot be removed ({e})"), "remove it")),
            None => Ok(()),
        }
    }
}

/// The files named, and those in the folders named, in order. Errors: a folder without a scan.
fn scans(given: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut scans = Vec::new();
    for path in given {
        if !path.is_dir() {
            scans.push(path.clone());
            continue;
        }
        let failed =
            |e: std::io::Error| Error::data(path.as_path(), format!("cannot be listed ({e})"), "name the scans");
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|e| e == "h5" || e == "hdf5") && file.is_file() {
                inside.push(file);
            }
        }
        if inside.is_empty() {
            let mend = "name a folder of fully sampled scans, or the scans themselves";
            return Err(Error::data(path.as_path(), "holds no .h5 file", mend));
        }
        inside.sort();
        scans.extend(inside);
    }
    let mut seen: Vec<&PathBuf> = Vec::new();
    for scan in &scans {
        if seen.iter().any(|other| same_file(scan, other)) {
            return Err(Error::data(scan.as_path(), "is named twice", "name each scan once"));
        }
        seen.push(scan);
    }
    Ok(scans)
}

fn twice(names: &[String]) -> Option<&String> {
    names
        .iter()
        .enumerate()
        .find(|(i, name)| names[..*i].contains(name))
        .map(|(_, name)| name)
}

/// Mean NMSE of each method over the cases, for the terminal.
fn summary(results: &Results) -> String {
    let width = results
        .contenders
        .iter()
        .map(|c| c.label.chars().count())
        .max()
        .unwrap_or(0)
        + 2;
    let mut lines = vec![format!("{:<width$}{:>16}{:>12}", "", "NMSE [dB]", "time [s]")];
    for contender in &results.contenders {
        let runs: Vec<_> = results
            .runs
            .iter()
            .filter(|run| run.contender == contender.id)
            .collect();
        let errors: Vec<f64> = runs.iter().filter_map(|run| run.metrics?.nmse_object_db).collect();
        let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        let error = match errors.len() {
            0 => "none".to_string(),
            n if n < results.cases.len() => format!("{} ({n} of {})", figure(mean(&errors), 2), results.cases.len()),
            _ => figure(mean(&errors), 2),
        };
        let seconds = figure(mean(&seconds), 3);
        let mark = if contender.oracle.is_empty() { "" } else { " *" };
        let label = format!("{}{mark}", contender.label);
        lines.push(format!("{label:<width$}{error:>16}{seconds:>12}"));
    }
    if results.contenders.iter().any(|c| !c.oracle.is_empty()) {
        lines.push("* takes from the reference what a user does not have".into());
    }
    lines.join("\n")
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

struct Progress<'a> {
    console: &'a Console,
    bar: ProgressBar,
}

impl<'a> Progress<'a> {
    fn new(console: &'a Console) -> Self {
        Self {
            console,
            bar: ProgressBar::hidden(),
        }
    }
}

impl Listener for Progress<'_> {
    fn planned(&mut self, work: u64, done: u64) {
        self.bar = self.console.progress(work as usize);
        self.bar.set_position(done);
        self.bar.reset_eta();
        if done > 0 {
            self.say(&format!("{} % is done already", 100 * done / work.max(1)));
        }
    }

    fn did(&mut self, work: u64, what: &str) {
        self.bar.inc(work);
        self.bar.set_message(plain(what).into_owned());
        if self.bar.is_hidden() {
            let (share, left) = (
                100 * self.bar.position() / self.bar.length().unwrap_or(1).max(1),
                self.bar.eta(),
            );
            self.console
                .say(&format!("{share:>3} %, left {:>4} s: {what}", left.as_secs()));
        }
    }

    fn say(&mut self, what: &str) {
        self.bar.suspend(|| self.console.say(what));
    }

    fn going(&mut self) -> ControlFlow<()> {
        console::going()
    }
}

fn parse_slices(text: &str) -> std::result::Result<Slices, String> {
    match text {
        "middle" => Ok(Slices::Middle),
        "all" => Ok(Slices::All),
        _ => {
            let number = |part: &str| {
                part.trim()
                    .parse()
                    .map_err(|_| format!("'{part}' is no number of a slice"))
            };
            Ok(Slices::These(
                text.split(',').map(number).collect::<std::result::Result<_, _>>()?,
            ))
        }
    }
}

#[derive(Clone)]
struct Seeds(Vec<u64>);

/// More would be a slip of the keyboard.
const MOST_SEEDS: u64 = 10_000;

/// `A..B` with both ends, or numbers.
fn parse_seeds(text: &str) -> std::result::Result<Seeds, String> {
    let number = |part: &str| {
        let seed = part.trim().parse::<u64>().ok();
        let seed = seed.filter(|&seed| i64::try_from(seed).is_ok());
        seed.ok_or_else(|| format!("'{part}' is no seed"))
    };
    let seeds: Vec<u64> = match text.split_once("..") {
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
            if last.saturating_sub(first) >= MOST_SEEDS {
                return Err(format!("'{text}' is more than {MOST_SEEDS} seeds"));
            }
            (first..=last).collect()
        }
        None => text.split(',').map(number).collect::<std::result::Result<_, _>>()?,
    };
    match seeds.iter().enumerate().find(|&(i, seed)| seeds[..i].contains(seed)) {
        _ if seeds.is_empty() => Err(format!("'{text}' names no seed")),
        Some((_, seed)) => Err(format!("'{text}' names seed {seed} twice")),
        None => Ok(Seeds(seeds)),
    }
}
