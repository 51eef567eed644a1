//! The command line: one file a command.

mod anonymize;
mod arguments;
mod batch;
mod bench;
mod bids;
mod console;
mod convert;
mod demo;
mod eval;
mod info;
mod limits;
mod maps;
mod mask;
mod pictures;
mod recon;
mod reconstruction;
mod report;
mod simulate;
mod warnings;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::mpsc::channel;

use clap::{Parser, Subcommand};

use crate::flags::in_flags;
use console::Console;
use limits::Limits;
use pvdamp::Error as Engine;
use pvdamp_io::error::Error;
use pvdamp_io::format::{COMMAND, read_for_parent};

/// A file or its data cannot be used.
const UNUSABLE: u8 = 1;
/// Wrong usage or settings.
const USAGE: u8 = 2;

/// Tuning-free compressed-sensing MRI reconstruction: k-space in, image out, nothing to tune.
#[derive(Parser)]
#[command(
    name = "pvdamp",
    version,
    after_help = "\
EXAMPLES
  pvdamp demo                                   simulate a scan, reconstruct it, compare
  pvdamp recon scan.h5 -o out.h5                reconstruct an undersampled fastMRI file
  pvdamp recon full.h5 --accel 8 -o out.h5      undersample a full scan first, then reconstruct
  pvdamp batch scans/ -o results/               reconstruct a folder of scans; go on after an interruption
  pvdamp eval --target full.h5 out.h5           fastMRI's NMSE, PSNR and SSIM
  pvdamp bench full.h5 --accel 5,10 -o bench/   compare methods, with a report
  pvdamp report results/                        a page to look over a batch
  pvdamp convert out.h5 out.nii.gz              a result as NIfTI, DICOM, BART, NumPy or PNG
  pvdamp info scan.h5                           what is in this file, and what would be done

EXIT CODES
  0 done   1 a file or its data cannot be used   2 wrong usage or settings   130 interrupted
  3 of many files some could not be used and were passed over; all others are done
  70 a defect of the program; please report it"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Say more: every iteration
    #[arg(short, long, global = true)]
    verbose: bool,

    /// Threads to use [default: all processors]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    #[command(flatten)]
    limits: Limits,
}

#[derive(Subcommand)]
enum Command {
    Recon(Box<recon::Recon>),
    Demo(demo::Demo),
    Simulate(simulate::Simulate),
    Mask(mask::DrawMask),
    Maps(maps::MakeMaps),
    Info(info::Info),
    Eval(eval::Eval),
    Convert(convert::Convert),
    Batch(Box<batch::RunBatch>),
    Bench(Box<bench::RunBench>),
    Report(report::Report),
}

/// The program: this process does nothing else.
pub fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == COMMAND) {
        return ExitCode::from(u8::from(read_for_parent().is_err()));
    }
    if let Some(code) = limits::start_without_hdf5_environment() {
        return code;
    }
    let Some(program) = limits::this_program() else {
        let problem = "the program does not find itself, which reads HDF5; start it by its full path";
        Console::new(false, false).error(problem);
        return ExitCode::FAILURE;
    };
    ExitCode::from(run(std::env::args_os(), vec![program.into()]))
}

/// Parses a command line, the name of the program first, runs it, and answers with the exit code. `reader` is the command
/// line, program and arguments, of a process that calls [`read_for_parent`]: it reads HDF5.
///
/// Once in a process: it starts rayon's global pool, and may catch interrupts.
pub fn run(arguments: impl IntoIterator<Item = OsString>, reader: Vec<OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // help that nobody reads, as `head` leaves it, is no failure
            let _ = answer.print();
            return u8::try_from(answer.exit_code()).unwrap_or(USAGE);
        }
    };
    let console = Console::new(cli.quiet, cli.verbose);
    console::catch_file_size_limit();
    cli.limits.begin(reader);
    let reads_nothing = matches!(cli.command, Command::Simulate(_) | Command::Mask(_) | Command::Demo(_));
    if reads_nothing && cli.limits.are_given() {
        console.error("--memory and --follow-links are for commands that read files; leave them out");
        return USAGE;
    }
    match start_pool(cli.threads) {
        Ok(notice) => notice.iter().for_each(|notice| console.warn(notice)),
        Err(problem) => {
            console.error(&problem);
            return UNUSABLE;
        }
    }
    let done = match cli.command {
        Command::Recon(command) => on_the_pool(|| command.run(&console, cli.limits.memory)),
        Command::Demo(command) => command.run(&console),
        Command::Simulate(command) => command.run(&console),
        Command::Mask(command) => command.run(&console),
        Command::Maps(command) => on_the_pool(|| command.run(&console)),
        Command::Info(command) => command.run(&console),
        Command::Eval(command) => command.run(&console),
        Command::Convert(command) => command.run(&console),
        Command::Batch(command) => command.run(&console, cli.limits.memory),
        Command::Bench(command) => on_the_pool(|| command.run(&console)),
        Command::Report(command) => command.run(&console),
    };
    let Err(error) = done else {
        return 0;
    };
    console.error(&in_flags(&error));
    exit_code(&error)
}

/// As `README.md` and `docs/commands.md` have them.
fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Data { .. } => UNUSABLE,
        Error::Setting(_) => USAGE,
        Error::PassedOver { .. } => 3,
        Error::Interrupted => 130,
        Error::Engine(error) => match error {
            Engine::Setting { .. } => USAGE,
            Engine::Data { .. } | Engine::NotEnough { .. } => UNUSABLE,
            Engine::Cancelled => 130,
            // EX_SOFTWARE of sysexits.h
            _ => 70,
        },
    }
}

/// Starts the pool. The threads are made first: a pool that fails to start leaves rayon without any. Where none can be
/// had, this thread does all the work.
///
/// Answers with what has to be said. Errors: fewer threads than were `wanted`.
fn start_pool(wanted: Option<u16>) -> Result<Option<String>, String> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let count = wanted.map_or_else(processors, usize::from);
    let mut idle = Vec::new();
    let mut refused = None;
    while idle.len() < count && refused.is_none() {
        let (start, started) = channel::<rayon::ThreadBuilder>();
        let wait = move || started.recv().into_iter().for_each(rayon::ThreadBuilder::run);
        match std::thread::Builder::new().spawn(wait) {
            Ok(_) => idle.push(start),
            Err(error) => refused = Some(error),
        }
    }
    let threads = idle.len().max(1);
    let notice = match (wanted, refused) {
        (Some(wanted), Some(error)) if threads < count => {
            return Err(format!(
                "{wanted} threads cannot be started ({error}); give --threads {threads}"
            ));
        }
        (_, Some(error)) if threads < count => Some(format!(
            "only {threads} of {count} threads can be started ({error}); the work takes longer"
        )),
        _ => None,
    };
    let mut pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    if idle.is_empty() {
        pool = pool.use_current_thread();
    }
    let start = move |thread| {
        let start = idle.pop().ok_or_else(|| io::Error::other("no thread is left"))?;
        start.send(thread).map_err(|_| io::Error::other("a thread has ended"))
    };
    let built = pool.spawn_handler(start).build_global();
    built.map_err(|error| format!("the threads cannot be started ({error})"))?;
    Ok(notice)
}

/// Runs what iterates on a thread of the pool. From any other, every loop that is shared out would be handed over and
/// waited for asleep, many times an iteration.
fn on_the_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
