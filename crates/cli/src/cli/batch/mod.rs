mod progress;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::anonymize::{AnonymizeArguments, with_key_of};
use super::arguments::ScanOptionArguments;
use super::console::{self, Console, plain};
use super::limits::RAISE;
use super::reconstruction::ReconArguments;
use crate::batch::{
    Batch, Forecast, Journal, Listener, Manifest, Plan, Recipe, Shard, concurrent_slices, forecast, inputs, merge,
};
use progress::{Progress, duration_text};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::Anonymizer;
use pvdamp_io::memory::{usual_limit, whole_memory};
use pvdamp_io::recon::PROGRAM_MEMORY;

/// Reconstruct many scans, go on after an interruption, share the work with other machines
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp batch scans/ -o results/
  pvdamp batch 'study/*/kspace.h5' -o results/ --method howl --uncertainty
  pvdamp batch full/ -o results/ --accel 4 --sampling lines-equispaced --seed 1
  pvdamp batch scans/ -o results/ --dry-run
  pvdamp batch scans/ -o results/ --shard auto     a task of a Slurm job array
  pvdamp batch --merge -o results/                 once all shards are done

The folder gets one HDF5 file for each scan, as 'pvdamp recon' writes it, of the scan's name, subfolders kept;
batch.json with settings, checksums, times, metrics, warnings and errors; and batch.jsonl, a line for each slice. A scan
that cannot be used is reported and passed over (exit code 3). Started again with the same words, a batch does what is
not done yet: results that are there are held to their checksums, not to their names.

A mask is drawn for each scan anew, from --seed and the name of its result. An option that names a file of masks, maps or
noise may name a folder: each scan then has its own file in it, of the name of its result.")]
pub struct RunBatch {
    #[command(flatten)]
    described: OptionValues,

    /// Folders (with all .h5, .hdf5 and .mrd files below), patterns, lists of scans (.txt, one a line), scans
    #[arg(value_name = "SCANS", required_unless_present = "merge")]
    scans: Vec<PathBuf>,

    #[command(flatten)]
    options: ScanOptionArguments,

    /// Folder for the results
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Say what would be done, and about how long and how much memory it would take; write nothing
    #[arg(long)]
    dry_run: bool,

    /// Do all again, and replace what is there
    #[arg(long)]
    redo: bool,

    /// Do a part of the scans only, with about as many slices as each of the others: I of N, counted from 1; auto takes
    /// both from the Slurm job array or the indexed Kubernetes job (JOB_COMPLETION_INDEX, and PVDAMP_SHARDS for N)
    #[arg(long, value_name = "I/N|auto", value_parser = parse_shard, help_heading = "Beyond one machine")]
    shard: Option<Shard>,

    /// Join the manifests of all shards in the folder, and check their results
    #[arg(long, conflicts_with_all = ["scans", "shard", "dry_run", "redo", "anonymize"], help_heading = "Beyond one machine")]
    merge: bool,

    #[command(flatten)]
    anonymize: AnonymizeArguments,

    #[command(flatten)]
    arguments: ReconArguments,
}

/// The options of a reconstruction by name, including defaults.
struct OptionValues(BTreeMap<String, String>);

impl OptionValues {
    fn of(matches: &ArgMatches) -> Self {
        let options = ReconArguments::augment_args(ScanOptionArguments::augment_args(Command::new("")));
        let value = |option: &clap::Arg| -> Option<(String, String)> {
            let values = matches.get_raw(option.get_id().as_str())?;
            let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
            let name = option.get_long()?.to_string();
            // a switch that is off
            (values != ["false"]).then(|| (name, values.join(",")))
        };
        Self(options.get_arguments().filter_map(value).collect())
    }
}

impl FromArgMatches for OptionValues {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self::of(matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        *self = Self::of(matches);
        Ok(())
    }
}

/// It has no options of its own.
impl Args for OptionValues {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl RunBatch {
    /// A dry run, which writes nothing, makes no key either.
    fn anonymizer(&self, console: &Console) -> Result<Option<Anonymizer>> {
        match self.anonymize.key_file_of_batch(&self.output)? {
            None => Ok(None),
            Some(file) if self.dry_run && !file.exists() => Ok(Some(Anonymizer::new())),
            Some(file) => with_key_of(&file, console).map(Some),
        }
    }

    /// `memory` is the most that it may take, in bytes, where the user says so.
    pub fn run(self, console: &Console, memory: Option<u64>) -> Result<()> {
        if self.merge {
            let manifest = merge(&self.output)?;
            return print_totals(&manifest, console);
        }
        console::catch_interrupt();
        // before results are read: that fills the file cache, which counts as used
        let limit = memory.or_else(usual_limit).unwrap_or(u64::MAX);
        let inputs = inputs(&self.scans, &self.output)?;
        let mut recipe = Recipe {
            scan: self.options.options(),
            settings: self.arguments.settings()?,
            anonymizer: self.anonymizer(console)?,
            described: self.described.0,
        };
        if let Some(by) = &recipe.anonymizer {
            recipe.settings.hide_files = true;
            // results of another key have other ids; of the key itself nothing is told
            recipe.described.insert("anonymize".into(), by.fingerprint());
        }
        let mut plan = Plan::new(inputs, &recipe, self.shard, &console::going)?;
        plan.keep_inputs(&self.output)?;
        let journal = if self.dry_run {
            None
        } else {
            Some(Journal::open(&self.output, self.shard)?)
        };
        let redone = journal.as_ref().map(|journal| journal.redone_volumes(&plan.recipe));
        let redo = self.redo.then(|| redone.unwrap_or_default());
        plan.take_up(&self.output, redo.as_ref(), &recipe.described, &console::going)?;
        if memory.is_some() {
            plan.refuse_larger(limit, RAISE);
        } else if let Some(whole) = whole_memory() {
            plan.refuse_larger(whole, "take a machine with more than these");
        }
        let room = limit.saturating_sub(PROGRAM_MEMORY);
        announce(&plan, &recipe, self.shard, room, console);
        let Some(journal) = journal else {
            let forecast = forecast(&plan, &recipe, room, &console::going)?;
            return print_plan(&plan, &forecast, console);
        };
        let progress = Progress::new(&plan, console);
        plan.failed().for_each(|volume| progress.volume(volume));
        let batch = Batch {
            plan,
            recipe,
            output: self.output,
            shard: self.shard,
            redo: self.redo,
            memory: room,
        };
        let done = batch.run(journal, &progress);
        progress.finish();
        if done.is_err() {
            console.say("what is done is kept: the same command goes on from here");
        }
        print_totals(&done?, console)
    }
}

/// Prints the plan and the seed on one line.
fn announce(plan: &Plan, recipe: &Recipe, shard: Option<Shard>, room: u64, console: &Console) {
    let slices: usize = plan.volumes.iter().map(|volume| volume.record.slices).sum();
    let done = plan.volumes.iter().filter(|volume| volume.past.is_some()).count();
    let to_do = plan.volumes.iter().filter(|volume| volume.to_do());
    let largest = to_do.map(|volume| volume.memory).max().unwrap_or(0);
    let shard = shard.map_or(String::new(), |shard| format!("shard {shard}: "));
    let seed = match (recipe.described.get("seed"), recipe.described.get("accel")) {
        (Some(seed), Some(_)) => format!("; masks drawn from seed {seed} and the names of the scans"),
        _ => String::new(),
    };
    console.say(&format!(
        "{shard}{} scan(s), {slices} slice(s), {done} scan(s) done already; {} slice(s) at once, each about {} MB{seed}",
        plan.volumes.len(),
        concurrent_slices(largest, room),
        largest.div_ceil(1_000_000),
    ));
}

/// Prints each scan and what would be done with it, and the total.
fn print_plan(plan: &Plan, forecast: &Forecast, console: &Console) -> Result<()> {
    for volume in &plan.volumes {
        let record = &volume.record;
        let what = match (&record.error, &volume.past) {
            (Some(error), _) => format!("cannot be used ({error})"),
            (None, Some(_)) => "done".into(),
            (None, None) => format!(
                "{} slice(s) of {}x{}, {} coil(s)",
                record.slices, record.rows, record.cols, record.coils
            ),
        };
        console.result(&plain(&format!("{}: {what}", record.name)))?;
    }
    for error in &forecast.errors {
        console.warn(&format!("could not be tried: {error}"));
    }
    console.result(&format!(
        "to do: {} scan(s), {} slice(s); about {}, {} MB of memory ({} slice(s) at once), {} MB of results",
        forecast.volumes,
        forecast.slices,
        duration_text(forecast.time),
        (forecast.memory + PROGRAM_MEMORY).div_ceil(1_000_000),
        forecast.slices_at_once,
        forecast.written.div_ceil(1_000_000),
    ))
}

/// Prints the totals; failed scans give the exit code.
fn print_totals(manifest: &Manifest, console: &Console) -> Result<()> {
    let totals = manifest.totals;
    let warned = match totals.slices_with_warnings {
        0 => String::new(),
        count => format!(", {count} with warnings"),
    };
    console.say(&format!(
        "{} of {} scan(s) done, {} failed; {} slice(s){warned}",
        totals.done, totals.volumes, totals.failed, totals.slices_done
    ));
    Error::passed_over(totals.failed, totals.volumes, "scans")
}

fn parse_shard(text: &str) -> std::result::Result<Shard, String> {
    match text {
        "auto" => Shard::from_environment(|name| std::env::var(name).ok()),
        _ => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct ParsedBatch {
        #[command(flatten)]
        batch: RunBatch,
    }

    #[test]
    fn settings_include_their_defaults() {
        let parsed = |words: &str| {
            <ParsedBatch as clap::Parser>::try_parse_from(words.split_whitespace())
                .unwrap()
                .batch
        };
        let one = parsed("batch in -o out --accel 4 --uncertainty --whiten off")
            .described
            .0;
        let value = |name: &str| one.get(name).map(String::as_str);
        assert_eq!(
            (value("accel"), value("seed"), value("method")),
            (Some("4"), Some("0"), Some("auto"))
        );
        assert_eq!(
            (value("uncertainty"), value("whiten"), value("save-maps")),
            (Some("0"), Some("off"), None)
        );
        assert_eq!((value("output"), value("scans")), (None, None));
        let other = parsed("batch other -o else --accel 4 --uncertainty=0 --shard 1/3 --whiten off")
            .described
            .0;
        assert_eq!(one, other);
    }
}
