use std::path::{Path, PathBuf};

use clap::Args;

use super::anonymize::AnonymizeArguments;
use super::arguments::{PartArguments, ScanOptionArguments, make_folder, refuse_inputs, written_files};
use super::bids::{BidsArguments, Subject};
use super::console::{self, Console};
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::format::{
    Hdf5Images, Hdf5Kspace, ImageFormat, ImageSink, Images, KspaceSeries, KspaceSink, Part, Scan, ScanOptions, Series,
    holds_images,
};

/// Write images or k-space in another format
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp convert out.h5 out.nii.gz              the magnitude, with its place in the scanner where that is known
  pvdamp convert out.h5 out.nii.gz --part mag,phase   both, as out_part-mag.nii.gz and out_part-phase.nii.gz
  pvdamp convert out.h5 --bids dataset/ --suffix T1w   a BIDS dataset, sub-out/anat/sub-out_T1w.nii.gz
  pvdamp convert out.h5:image image.cfl         the complex image, for BART
  pvdamp convert out.h5:std std.npy             error bars
  pvdamp convert out.h5 pictures/slice.png      pictures, slice_000.png and so on
  pvdamp convert scan.h5 kspace.cfl             k-space, for BART
  pvdamp convert kspace.npy scan.h5 --axes slice,coil,kx,ky

The ending of OUTPUT says what is written: .cfl, .npy, .nii, .nii.gz, .dcm or .png; any other name
is HDF5. Images go to all of them, complex to .cfl, .npy and HDF5, as magnitude to the others,
or as the parts that --part names.
K-space goes to .cfl, .npy and HDF5.

What INPUT is follows from what is in it: an array of at most three axes is images, one of more is
k-space. A file with 'kspace' is a scan, a result is its 'reconstruction'; INPUT:DATASET names
another dataset. With --kspace or --axes it is read as k-space.")]
pub struct Convert {
    /// Images or a scan
    #[arg(value_name = "INPUT[:DATASET]")]
    input: Place,

    /// File to write
    #[arg(value_name = "OUTPUT", required_unless_present = "bids", conflicts_with = "bids")]
    output: Option<PathBuf>,

    #[command(flatten)]
    bids: BidsArguments,

    #[command(flatten)]
    kspace: ScanOptionArguments,

    #[command(flatten)]
    parts: PartArguments,

    #[command(flatten)]
    anonymize: AnonymizeArguments,
}

impl Convert {
    pub fn run(&self, console: &Console) -> Result<()> {
        let subject = self.bids.subject(&self.input.file)?;
        let given = self.kspace.options();
        if given == ScanOptions::default() && holds_images(&self.input) {
            return self.images(console, subject);
        }
        if let (Some(a), Some(b)) = (&given.dataset, &self.input.dataset) {
            return Err(Error::setting(format!(
                "the k-space is named twice: --kspace {a}, and {b} behind INPUT"
            )));
        }
        let dataset = given.dataset.or(self.input.dataset.clone());
        self.scan(console, &ScanOptions { dataset, ..given }, subject.is_some())
    }

    fn images(&self, console: &Console, subject: Option<Subject>) -> Result<()> {
        // one of BIDS is of its own format
        let format = match &subject {
            Some(subject) => ImageFormat::of(&subject.image(None)),
            None => ImageFormat::of(self.output()?),
        };
        let parts = self.parts.of_format(format)?;
        console::catch_interrupt();
        let images = Images::open_parts(&self.input, parts)?;
        match subject {
            Some(subject) => self.write_bids(console, images, parts, &subject),
            None => self.write_file(console, images, parts),
        }
    }

    fn write_file(&self, console: &Console, mut images: Images, parts: &[Part]) -> Result<()> {
        let output = self.output()?;
        let format = self.writable(output, images.series().slices, parts)?;
        if let Some(by) = self.anonymize.anonymizer(console)? {
            images.anonymize(&by);
        }
        let series = Series {
            parts: parts.to_vec(),
            ..images.series()
        };
        let sink: Box<dyn ImageSink> = match format {
            Some(format) => format.create(output, &series)?,
            None => Box::new(Hdf5Images::create(output, &images)?),
        };
        write_images(
            console,
            &images,
            vec![sink],
            format.is_none_or(|format| !format.complex),
        )?;
        let (slices, grid) = (series.slices, series.grid);
        let what = format!("{slices} image(s) of {grid}");
        report(console, format, &written_files(format, output, slices, parts), &what);
        Ok(())
    }

    fn write_bids(&self, console: &Console, mut images: Images, parts: &[Part], subject: &Subject) -> Result<()> {
        let parts: Vec<Option<Part>> = match parts {
            [] => vec![None],
            _ => parts.iter().copied().map(Some).collect(),
        };
        let files: Vec<PathBuf> = parts.iter().map(|part| subject.image(*part)).collect();
        let sidecars = parts.iter().map(|part| subject.sidecar(*part));
        let written: Vec<PathBuf> = files.iter().cloned().chain(sidecars).collect();
        refuse_inputs(&written, &self.inputs())?;
        if let Some(by) = self.anonymize.anonymizer(console)? {
            images.anonymize(&by);
        }
        make_folder(&subject.folder(), "choose another --bids folder")?;
        let format = ImageFormat::of(&files[0]);
        let series = images.series();
        let sink = |(part, file): (&Option<Part>, &PathBuf)| {
            let series = Series {
                parts: part.iter().copied().collect(),
                ..series.clone()
            };
            format.map(|format| format.create(file, &series))
        };
        let sinks = parts.iter().zip(&files).filter_map(sink);
        write_images(console, &images, sinks.collect::<Result<_>>()?, true)?;
        subject.describe(&parts, series.header.as_ref())?;
        let what = format!("{} image(s) of {}, with sidecars", series.slices, series.grid);
        report(console, format, &files, &what);
        Ok(())
    }

    fn scan(&self, console: &Console, options: &ScanOptions, into_bids: bool) -> Result<()> {
        let mut scan = Scan::open(&self.input.file, options)?;
        if into_bids {
            return Err(Error::setting(
                "--bids is for images, and the input is k-space: reconstruct it first (pvdamp recon)",
            ));
        }
        if self.parts.are_given() {
            return Err(Error::setting(
                "--part is for images, and the input is k-space: reconstruct it first (pvdamp recon), or leave --part out",
            ));
        }
        let output = self.output()?;
        console::catch_interrupt();
        let (slices, coils, grid) = (scan.slices(), scan.coils(), scan.grid());
        let format = self.writable(output, slices, &[])?;
        if let Some(by) = self.anonymize.anonymizer(console)? {
            scan.anonymize(&by);
        }
        let mut sink: Box<dyn KspaceSink> = match format {
            Some(format) => {
                let geometry = scan.geometry.clone();
                let series = KspaceSeries {
                    slices,
                    coils,
                    grid,
                    geometry,
                };
                format.create_kspace(output, &series)?
            }
            None => Box::new(Hdf5Kspace::create(output, &scan)?),
        };
        let warnings = scan.warnings.iter().chain(sink.warnings());
        warnings.for_each(|warning| console.warn(warning));
        let omitted_parts = match format {
            Some(_) => omitted_parts(&scan),
            None => Vec::new(),
        };
        if !omitted_parts.is_empty() {
            let (omitted_parts, output) = (omitted_parts.join(", "), output.display());
            console.warn(&format!(
                "{output} holds k-space alone: {omitted_parts} of the scan is not in it"
            ));
        }
        let bar = console.progress(slices);
        for slice in 0..slices {
            console::check_interrupt()?;
            sink.write(slice, scan.read_slice(slice)?.view())?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        sink.finish()?;
        let what = format!("k-space of {slices} slice(s), {coils} coil(s), {grid}");
        report(console, format, &written_files(format, output, slices, &[]), &what);
        Ok(())
    }

    fn output(&self) -> Result<&Path> {
        let missing = || Error::setting("there is no OUTPUT: name a file, or a BIDS dataset by --bids");
        self.output.as_deref().ok_or_else(missing)
    }

    fn inputs(&self) -> Vec<PathBuf> {
        let key = self.anonymize.key_file().map(PathBuf::from);
        key.into_iter().chain([self.input.file.clone()]).collect()
    }

    /// The format of the output, whose files must not be those of the input.
    fn writable(&self, output: &Path, slices: usize, parts: &[Part]) -> Result<Option<&'static ImageFormat>> {
        let format = ImageFormat::of(output);
        refuse_inputs(&written_files(format, output, slices, parts), &self.inputs())?;
        Ok(format)
    }
}

/// Writes every image to all `sinks`. `magnitudes`: whether they lose the sign of real images.
fn write_images(
    console: &Console,
    images: &Images,
    mut sinks: Vec<Box<dyn ImageSink>>,
    magnitudes: bool,
) -> Result<()> {
    images.warnings.iter().for_each(|warning| console.warn(warning));
    let slices = images.series().slices;
    let mut negative = 0;
    let bar = console.progress(slices);
    for slice in 0..slices {
        console::check_interrupt()?;
        let image = images.read(slice)?;
        if !images.is_complex() {
            negative += image.iter().filter(|value| value.re < 0.0).count();
        }
        sinks.iter_mut().try_for_each(|sink| sink.write(slice, image.view()))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    sinks.into_iter().try_for_each(|sink| sink.finish())?;
    if negative > 0 && magnitudes {
        console.warn(&format!("{negative} values are negative; their magnitude was written"));
    }
    Ok(())
}

fn report(console: &Console, format: Option<&ImageFormat>, files: &[PathBuf], what: &str) {
    let title = format.map_or("HDF5", |format| format.title);
    let files = match files {
        [] => return,
        [file] => file.display().to_string(),
        [first, .., last] => format!("{} to {}", first.display(), last.display()),
    };
    console.say(&format!("wrote {files}: {what}, {title}"));
}

/// What a scan holds besides its k-space, in words.
fn omitted_parts(scan: &Scan) -> Vec<&'static str> {
    let parts = [
        ("the mask", scan.mask.is_some()),
        ("the sampling probability", scan.probability.is_some()),
        ("the noise covariance", scan.noise_covariance.is_some()),
        ("the header", scan.header.is_some()),
        ("the reference", !scan.references().is_empty()),
        ("which slices show the same place", scan.places.are_shared()),
    ];
    let present = parts.iter().filter(|(_, present)| *present);
    present.map(|(name, _)| *name).collect()
}
