use std::path::PathBuf;

use clap::Args;

use super::anonymize::AnonymizeArguments;
use super::arguments::{PartArguments, ScanOptionArguments, refuse_inputs, written_files};
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
    #[arg(value_name = "OUTPUT")]
    output: PathBuf,

    #[command(flatten)]
    kspace: ScanOptionArguments,

    #[command(flatten)]
    parts: PartArguments,

    #[command(flatten)]
    anonymize: AnonymizeArguments,
}

impl Convert {
    pub fn run(&self, console: &Console) -> Result<()> {
        let given = self.kspace.options();
        if given == ScanOptions::default() && holds_images(&self.input) {
            return self.images(console);
        }
        if let (Some(a), Some(b)) = (&given.dataset, &self.input.dataset) {
            return Err(Error::setting(format!(
                "the k-space is named twice: --kspace {a}, and {b} behind INPUT"
            )));
        }
        let dataset = given.dataset.or(self.input.dataset.clone());
        self.scan(console, &ScanOptions { dataset, ..given })
    }

    fn images(&self, console: &Console) -> Result<()> {
        console::catch_interrupt();
        let parts = self.parts.of_format(ImageFormat::of(&self.output))?;
        let mut images = Images::open_parts(&self.input, parts)?;
        let format = self.writable(images.series().slices, parts)?;
        if let Some(by) = self.anonymize.anonymizer(console)? {
            images.anonymize(&by);
        }
        let series = Series {
            parts: parts.to_vec(),
            ..images.series()
        };
        let mut sink: Box<dyn ImageSink> = match format {
            Some(format) => format.create(&self.output, &series)?,
            None => Box::new(Hdf5Images::create(&self.output, &images)?),
        };
        images.warnings.iter().for_each(|warning| console.warn(warning));
        let mut negative = 0;
        let bar = console.progress(series.slices);
        for slice in 0..series.slices {
            console::check_interrupt()?;
            let image = images.read(slice)?;
            if !images.is_complex() {
                negative += image.iter().filter(|value| value.re < 0.0).count();
            }
            sink.write(slice, image.view())?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        sink.finish()?;
        if negative > 0 && format.is_none_or(|format| !format.complex) {
            console.warn(&format!("{negative} values are negative; their magnitude was written"));
        }
        let (slices, grid) = (series.slices, series.grid);
        self.report(console, format, slices, parts, &format!("{slices} image(s) of {grid}"))
    }

    fn scan(&self, console: &Console, options: &ScanOptions) -> Result<()> {
        if self.parts.are_given() {
            return Err(Error::setting(
                "--part is for images, and the input is k-space: reconstruct it first (pvdamp recon), or leave --part out",
            ));
        }
        let mut scan = Scan::open(&self.input.file, options)?;
        console::catch_interrupt();
        let (slices, coils, grid) = (scan.slices(), scan.coils(), scan.grid());
        let format = self.writable(slices, &[])?;
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
                format.create_kspace(&self.output, &series)?
            }
            None => Box::new(Hdf5Kspace::create(&self.output, &scan)?),
        };
        let warnings = scan.warnings.iter().chain(sink.warnings());
        warnings.for_each(|warning| console.warn(warning));
        let omitted_parts = match format {
            Some(_) => omitted_parts(&scan),
            None => Vec::new(),
        };
        if !omitted_parts.is_empty() {
            let (omitted_parts, output) = (omitted_parts.join(", "), self.output.display());
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
        self.report(console, format, slices, &[], &what)
    }

    /// The format of the output, whose files must not be those of the input.
    fn writable(&self, slices: usize, parts: &[Part]) -> Result<Option<&'static ImageFormat>> {
        let format = ImageFormat::of(&self.output);
        let files = written_files(format, &self.output, slices, parts);
        let key = self.anonymize.key_file().map(PathBuf::from);
        let inputs: Vec<PathBuf> = key.into_iter().chain([self.input.file.clone()]).collect();
        refuse_inputs(&files, &inputs)?;
        Ok(format)
    }

    fn report(
        &self,
        console: &Console,
        format: Option<&ImageFormat>,
        slices: usize,
        parts: &[Part],
        what: &str,
    ) -> Result<()> {
        let title = format.map_or("HDF5", |format| format.title);
        let files = written_files(format, &self.output, slices, parts);
        let [first, .., last] = &files[..] else {
            console.say(&format!("wrote {}: {what}, {title}", self.output.display()));
            return Ok(());
        };
        console.say(&format!(
            "wrote {} to {}: {what}, {title}",
            first.display(),
            last.display()
        ));
        Ok(())
    }
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
