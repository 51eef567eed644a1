use std::cell::RefCell;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::anonymize::AnonymizeArguments;
use super::arguments::{PartArguments, ScanArguments, refuse_inputs, same_file, written_files};
use super::console::{self, Console};
use super::limits::RAISE;
use super::pictures::{self, Pictures};
use super::reconstruction::ReconArguments;
use super::warnings::Warnings;
use crate::batch::fit_memory;
use pvdamp::Observer;
use pvdamp::coil::Compression;
use pvdamp::reconstruct::{Asking, CoilsRecord, MapsRecord, Stage};
use pvdamp::solve::{IterationRecord, StopReason};
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::{AtomicFile, ImageFormat, ImageSink, Part, Series};
use pvdamp_io::recon::{ResultFile, ScanReconstruction, ScanSettings, ScanSetup, SliceRecord, SliceResult, Workload};

/// Reconstruct a scan
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp recon scan.h5 -o out.h5
  pvdamp recon full.h5 --sampling bernoulli --accel 8 --acs 24 --seed 3 -o out.h5 --png pictures/
  pvdamp recon full.h5 --mask masks.h5:r5/mask --prob-map masks.h5:r5/prob_map --maps maps.h5 -o out.h5
  pvdamp recon scan.h5 -o out.nii.gz

The ending of the output's name says what it is: .cfl and .npy hold the complex image, .nii, .nii.gz, .dcm and .png
its magnitude or the parts that --part names, all cropped as the header says. Any other name is HDF5, which alone holds everything:
'reconstruction' (float32 magnitude, cropped), 'image' and 'unbiased' (complex64, full size), the mask, the sampling
probability, every setting, and the state evolution; with --uncertainty also 'std' and 'unbiased_std' (float32, full
size), the predicted standard deviation of the error of 'image' and of 'unbiased'.")]
pub struct Recon {
    #[command(flatten)]
    pub scan: ScanArguments,

    #[command(flatten)]
    pub products: Products,

    #[command(flatten)]
    pub anonymize: AnonymizeArguments,

    // with headings of its own, which what follows would come under
    #[command(flatten)]
    pub arguments: ReconArguments,
}

/// What a reconstruction writes.
#[derive(Args)]
pub struct Products {
    /// Result: .cfl, .npy, .nii, .nii.gz, .dcm or .png for the image; any other name is HDF5, which holds everything
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,

    #[command(flatten)]
    pub parts: PartArguments,

    /// Also write a picture of each slice into this folder
    #[arg(long, value_name = "DIR")]
    pub png: Option<PathBuf>,

    /// Also write what was done, one JSON line a slice
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

impl Recon {
    /// `memory` is the most that it may take, in bytes, where the user says so.
    pub fn run(&self, console: &Console, memory: Option<u64>) -> Result<()> {
        let output = &self.products.output;
        let format = ImageFormat::of(output);
        let parts = self.products.parts.of_format(format)?;
        let mut scan = self.scan.open()?;
        let pictures = self.products.png.as_deref().map(|folder| Pictures::new(folder, output));
        self.refuse_overwrite(format, parts, scan.slices(), pictures.as_ref())?;
        // Opening may take long where planes have to be put in order, and writes nothing that stays.
        console::catch_interrupt();
        let mut settings = self.arguments.settings()?;
        settings.hide_files = self.anonymize.is_asked_for();
        settings.validate(scan.grid())?;
        if let Some(limit) = memory {
            let needed = Workload::planned(scan.grid(), scan.coils(), &settings).alone(scan.slices());
            fit_memory(&self.scan.scan, needed, limit, RAISE)?;
        }
        if let Some(format) = format {
            refuse_whole_results(format, &settings)?;
        }
        if let Some(by) = self.anonymize.anonymizer(console)? {
            scan.anonymize(&by);
        }
        let scan = Arc::new(scan);
        let reconstruction =
            ScanReconstruction::settle(ScanSetup::new(&scan, &settings)?, &mut Asking(console::going))?;
        let output = match format {
            Some(format) => {
                let description = describe(&reconstruction);
                let series = Series {
                    parts: parts.to_vec(),
                    ..Series::of_scan(&scan, description, reconstruction.method().name)
                };
                Output::Images(format.create(output, &series)?)
            }
            None => Output::Whole(Box::new(ResultFile::create(output, &reconstruction)?)),
        };
        let job = Job {
            reconstruction: &reconstruction,
            iterations: reconstruction.iterations(),
            scan_wide: reconstruction.setup().warnings(),
            said: RefCell::default(),
            pictures,
            products: &self.products,
            console,
            warnings: Warnings::new(console, "slice"),
        };
        job.announce(settings.engine.compression);
        let done = job.run(output);
        job.warnings.finish();
        done
    }

    /// Refuses files that would be written over what is read, or over each other.
    fn refuse_overwrite(
        &self,
        format: Option<&ImageFormat>,
        parts: &[Part],
        slices: usize,
        pictures: Option<&Pictures>,
    ) -> Result<()> {
        let mut inputs = self.arguments.inputs();
        inputs.push(self.scan.scan.clone());
        inputs.extend(self.anonymize.key_file().map(Path::to_path_buf));
        let mut written = written_files(format, &self.products.output, slices, parts);
        let refuse = |file: &Path, mend: &str| Err(Error::data(file, "is a part of the result too", mend));
        let is_written = |written: &[PathBuf], file: &Path| written.iter().any(|other| same_file(file, other));
        if let Some(trace) = &self.products.trace {
            if is_written(&written, trace) {
                return refuse(trace, "choose another --trace file");
            }
            written.push(trace.clone());
        }
        refuse_inputs(&written, &inputs)?;
        // what is not there yet is no input; where the result is pictures too, the first tells of them all
        let matters = |(i, file): &(usize, PathBuf)| *i == 0 || file.symlink_metadata().is_ok();
        let pictures = pictures.into_iter().flat_map(|pictures| pictures.files(slices));
        let pictures: Vec<PathBuf> = pictures.enumerate().filter(matters).map(|(_, file)| file).collect();
        match pictures.iter().find(|file| is_written(&written, file)) {
            Some(file) => refuse(file, pictures::MEND),
            None => refuse_inputs(&pictures, &inputs),
        }
    }
}

/// Where the slices go.
enum Output {
    Whole(Box<ResultFile>),
    Images(Box<dyn ImageSink>),
}

impl Output {
    fn write(&mut self, reconstruction: &ScanReconstruction, result: &SliceResult) -> Result<()> {
        match self {
            Self::Whole(output) => output.write(result),
            Self::Images(sink) => sink.write(result.record.slice, reconstruction.cropped(result.image.view())),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Self::Whole(output) => output.finish(),
            Self::Images(sink) => sink.finish(),
        }
    }
}

/// A file of images has no place for anything but the image.
fn refuse_whole_results(format: &ImageFormat, settings: &ScanSettings) -> Result<()> {
    let unsupported = [
        ("--save-maps", settings.engine.keep_maps),
        ("--uncertainty", settings.engine.tuning.error_bars.is_some()),
    ];
    match unsupported.iter().find(|(_, wanted)| *wanted) {
        Some((option, _)) => Err(Error::setting(format!(
            "{option} needs an HDF5 result, and {} holds the image alone: name the output .h5, and convert it after \
             (pvdamp convert)",
            format.title
        ))),
        None => Ok(()),
    }
}

fn describe(reconstruction: &ScanReconstruction) -> String {
    let sampling = &reconstruction.sampling().record;
    format!(
        "reconstructed by pvdamp {}, method {}, from k-space at R = {:.2}",
        env!("CARGO_PKG_VERSION"),
        reconstruction.method().name,
        sampling.acceleration
    )
}

/// A reconstruction about to run.
struct Job<'a> {
    reconstruction: &'a ScanReconstruction,
    /// Of a slice, as far as is known beforehand.
    iterations: usize,
    /// What there is to warn of in all slices.
    scan_wide: Vec<String>,
    /// Notes of the slice before.
    said: RefCell<Vec<String>>,
    pictures: Option<Pictures<'a>>,
    products: &'a Products,
    console: &'a Console,
    warnings: Warnings<'a>,
}

impl Job<'_> {
    fn announce(&self, compression: Compression) {
        let scan = self.reconstruction.scan();
        let method = self.reconstruction.method().name;
        let (coils, sets) = (scan.coils(), self.reconstruction.sets());
        let memory = self.reconstruction.setup().workload(sets).alone(scan.slices());
        let sampling = self.reconstruction.sampling();
        let padding = sampling.record.padding();
        let padding = padding.map_or(String::new(), |padding| {
            format!("; {padding} of zero padding, known to be zero")
        });
        self.console.say(&format!(
            "{} slice(s) of {}, {} coil(s); R = {:.2} ({}){padding}; sampling probability {}; {method}, about {} MB of memory",
            scan.slices(),
            scan.grid(),
            scan.coils(),
            sampling.record.acceleration,
            sampling.record.origin,
            sampling.record.density,
            memory.div_ceil(1_000_000),
        ));
        for warning in scan.warnings.iter().chain(&self.scan_wide) {
            self.warnings.of_scan("", warning);
        }
        if let Some(directions) = &scan.geometry.directions {
            self.console.say(directions);
        }
        if let Compression::To(wanted) = compression
            && wanted >= coils
        {
            let message =
                format!("--virtual-coils {wanted} compresses nothing: the scan has {coils} coil(s), and all are used");
            self.warnings.of_scan("", &message);
        }
        for reason in self.reconstruction.reasons() {
            self.console.say(&reason);
        }
        if let Some(source) = self.reconstruction.setup().calibrated_on() {
            self.console.say(&format!("coil maps are calibrated on {source}"));
        } else if self.reconstruction.setup().shares_maps() {
            let places = scan.places.count();
            self.console.say(&format!(
                "{} frames of {places} place(s): those of a place share coil maps, which come from their mean",
                scan.slices()
            ));
        }
    }

    fn run(&self, mut output: Output) -> Result<()> {
        let start = Instant::now();
        let mut trace = self.products.trace.as_deref().map(Trace::create).transpose()?;
        self.pictures.as_ref().map_or(Ok(()), Pictures::make_folder)?;
        let slices = self.reconstruction.scan().slices();
        let bar = self.console.progress(slices * self.iterations);
        for slice in 0..slices {
            let result = self.slice(slice, &bar)?;
            output.write(self.reconstruction, &result)?;
            if let Some(pictures) = &self.pictures {
                pictures.write(self.reconstruction, &result)?;
            }
            if let Some(trace) = &mut trace {
                trace.add(&result.record)?;
            }
            bar.suspend(|| self.report(&result.record));
        }
        bar.finish_and_clear();
        output.finish()?;
        trace.map_or(Ok(()), Trace::finish)?;
        let seconds = start.elapsed().as_secs_f64();
        let written = self.products.output.display();
        self.console.say(&format!("wrote {written} in {seconds:.2} s"));
        Ok(())
    }

    fn slice(&self, slice: usize, bar: &ProgressBar) -> Result<SliceResult> {
        console::check_interrupt()?;
        bar.set_position((slice * self.iterations) as u64);
        bar.set_message(format!("slice {}/{}", slice + 1, self.reconstruction.scan().slices()));
        let mut progress = Progress {
            job: self,
            bar,
            slice,
            solving: false,
        };
        self.reconstruction.slice(slice, &mut progress)
    }

    fn report(&self, record: &SliceRecord) {
        let SliceRecord { slice, record } = record;
        for warning in record.warnings.iter().filter(|w| !self.scan_wide.contains(w)) {
            self.warnings.of_slice("", *slice, warning);
        }
        let places = &self.reconstruction.scan().places;
        let first = places.frames(places.of_slice(*slice)).first() == Some(slice);
        if let Some(source) = record.maps.as_ref().and_then(MapsRecord::source).filter(|_| first) {
            self.console.say(&format!("slice {slice}: coil maps of {source}"));
        }
        if let Some(coils) = &record.coils {
            self.report_coils(*slice, coils);
        }
        // Slices have much in common: what is as in the slice before is not said again.
        let mut said = self.said.borrow_mut();
        for note in record.notes.iter().filter(|note| !said.contains(note)) {
            self.console.say(&format!("slice {slice}: {note}"));
        }
        said.clone_from(&record.notes);
        if let Some(history) = &record.history {
            let steps = match (history.stop, history.iterations.len()) {
                (StopReason::Direct, _) => String::new(),
                (_, 1) => "1 iteration, ".into(),
                (_, steps) => format!("{steps} iterations, "),
            };
            let (sentence, seconds) = (history.stop.sentence(), record.seconds);
            let lambda = record
                .lambda
                .map_or(String::new(), |lambda| format!("λ = {lambda:.4}, "));
            self.console
                .say(&format!("slice {slice}: {lambda}{steps}{sentence}; {seconds:.2} s"));
        }
    }
}

impl Job<'_> {
    /// What was made of the coils of a slice.
    fn report_coils(&self, slice: usize, coils: &CoilsRecord) {
        let mut changes = Vec::new();
        if coils.whitened {
            changes.push("coils whitened by the noise covariance".to_string());
        }
        if coils.used < coils.measured {
            let (measured, used, energy) = (coils.measured, coils.used, 100.0 * coils.energy);
            changes.push(format!(
                "{measured} coils compressed to {used} virtual coil(s) with {energy:.2} % of the energy"
            ));
        }
        if !changes.is_empty() {
            self.console.say(&format!("slice {slice}: {}", changes.join("; ")));
        }
    }
}

/// Shows how the iterations of a slice get on. Those that maps are calibrated from do not count.
struct Progress<'a> {
    job: &'a Job<'a>,
    bar: &'a ProgressBar,
    slice: usize,
    solving: bool,
}

impl Observer for Progress<'_> {
    fn stage(&mut self, stage: Stage) -> ControlFlow<()> {
        self.solving = stage == Stage::Solving;
        console::going()
    }

    fn iteration(&mut self, iteration: &IterationRecord) -> ControlFlow<()> {
        if !self.solving {
            return console::going();
        }
        let last = ((self.slice + 1) * self.job.iterations) as u64;
        if self.bar.position() < last {
            self.bar.inc(1);
        }
        let mut line = format!("  slice {}: after {:.3} s", self.slice, iteration.seconds);
        if !iteration.bands.is_empty() {
            line += &format!(", mean τ {:.4e}", iteration.tau);
        }
        if let Some(noise) = iteration.noise {
            line += &format!(", noise {noise:.4e}");
        }
        self.job.console.detail(&line);
        console::going()
    }
}

/// One JSON line a slice.
struct Trace {
    file: BufWriter<AtomicFile>,
    path: PathBuf,
}

impl Trace {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            file: BufWriter::new(AtomicFile::create(path)?),
            path: path.to_path_buf(),
        })
    }

    fn add(&mut self, record: &SliceRecord) -> Result<()> {
        writeln!(self.file, "{}", record.line()?).map_err(|e| self.failed(&e.to_string()))
    }

    fn finish(self) -> Result<()> {
        let path = self.path;
        let file = self.file.into_inner().map_err(|e| unwritten(&path, &e.to_string()))?;
        file.commit()
    }

    fn failed(&self, why: &str) -> Error {
        unwritten(&self.path, why)
    }
}

fn unwritten(path: &Path, why: &str) -> Error {
    Error::data(
        path,
        format!("cannot be written ({why})"),
        "make room, or choose another --trace file",
    )
}
