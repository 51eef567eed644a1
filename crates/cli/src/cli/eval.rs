use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::arguments::refuse_inputs;
use super::console::{self, Console, plain};
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::evaluate::{Comparison, Evaluation, Folders, MeanStd, Summary, compare, volumes_csv};
use pvdamp_io::format::AtomicFile;

/// Compare reconstructions with their targets: fastMRI's NMSE, PSNR and SSIM
#[derive(Args)]
#[command(
    allow_missing_positional = true,
    after_help = "\
EXAMPLES
  pvdamp eval --target full.h5 out.h5 --json
  pvdamp eval --target simulated.h5:ground_truth out.h5:image
  pvdamp eval multicoil_val/ results/ --csv figures.csv
  pvdamp eval singlecoil_val/:reconstruction_esc results/ --acquisition CORPDFS_FBK --json

FOLDERS
  Of two folders every .h5 and .hdf5 file is compared with the one of the same path in the other, subfolders too;
  files whose names begin with a dot are passed over. Figures are given for each volume, and their mean and standard
  deviation (n - 1) over the volumes of each acquisition, by the attribute 'acquisition' of the target, and over all;
  fastMRI's evaluate prints twice that deviation. A pair that cannot be compared is named with the reason, the others
  are compared, and the exit code is 3.

DEFINITIONS
  Magnitudes are compared over the whole volume as fastMRI's evaluate does: both are cropped at the centre to the
  width of the target; NMSE = |x - x0|² / |x0|²; PSNR and SSIM (7x7, per slice, averaged) take the maximum of the
  target volume as data range. Where both datasets are complex, NMSE is given for complex images too, one global
  phase of each slice aligned: of all pixels, and of the object (|x0| > max|x0| / 20); and HFEN (LoG 15x15,
  sigma 1.5), averaged over slices.
  With --calgary: PSNR, SSIM and VIF of whole slices, each with the range of both images, averaged over slices, as the
  multi-channel challenge of the Calgary-Campinas data has them."
)]
pub struct Eval {
    /// Target or folder of targets, as --target
    #[arg(value_name = "TARGET[:DATASET]", required_unless_present = "named")]
    target: Option<Place>,

    /// Reconstruction, or folder of them [default dataset: reconstruction]
    #[arg(value_name = "RESULT[:DATASET]")]
    result: Place,

    /// Target [default dataset: reconstruction_rss, reconstruction_esc or reconstruction]
    #[arg(
        id = "named",
        long = "target",
        value_name = "FILE[:DATASET]",
        conflicts_with = "target"
    )]
    named: Option<Place>,

    /// Of two folders, take only the targets of this acquisition; 'unknown' are those that do not tell
    #[arg(long, value_name = "NAME")]
    acquisition: Option<String>,

    /// Of two folders, write the figures of each volume to this table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// Give PSNR, SSIM and VIF as the Calgary-Campinas challenge defines them too
    #[arg(long)]
    calgary: bool,

    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub fn run(&self, console: &Console) -> Result<()> {
        let Some(target) = self.target.as_ref().or(self.named.as_ref()) else {
            return Err(Error::setting("there is no target: name one before the reconstruction"));
        };
        if target.file.is_dir() && self.result.file.is_dir() {
            return self.run_folders(target, console);
        }
        if self.csv.is_some() || self.acquisition.is_some() {
            return Err(Error::setting(
                "--csv and --acquisition are for two folders: name a folder of targets and one of results",
            ));
        }
        let comparison = compare(target, &self.result, self.calgary)?;
        console.result(&if self.json {
            as_json(&comparison)?
        } else {
            pair_text(&comparison)
        })
    }

    fn run_folders(&self, target: &Place, console: &Console) -> Result<()> {
        console::catch_interrupt();
        let folders = Folders::open(target, &self.result)?;
        let table = self.csv.as_deref().map(|path| table(path, &folders)).transpose()?;
        for extra in &folders.extra {
            console.warn(&format!("{}: there is no target for this result", extra.display()));
        }
        let evaluation = self.evaluate(&folders, console)?;
        if evaluation.volumes.is_empty() {
            let name = self.acquisition.as_deref().unwrap_or_default();
            let problem = format!("holds no target of the acquisition {name}");
            let mend = format!("there are {}", folders.acquisitions().join(", "));
            return Err(Error::data(target.file.as_path(), problem, mend));
        }
        if let Some(mut table) = table {
            let path = table.path().to_path_buf();
            let failed =
                |e: std::io::Error| Error::data(path.as_path(), format!("cannot be written ({e})"), "make room for it");
            table.write_all(&volumes_csv(&evaluation)?).map_err(failed)?;
            table.commit()?;
            console.say(&format!("wrote {}", path.display()));
        }
        console.result(&if self.json {
            as_json(&evaluation)?
        } else {
            folders_text(&evaluation)
        })?;
        Error::passed_over(evaluation.failed(), evaluation.volumes.len(), "volumes")
    }

    /// Evaluates one pair after the other. Pairs that cannot be compared are reported at once.
    fn evaluate(&self, folders: &Folders, console: &Console) -> Result<Evaluation> {
        let bar = console.progress(folders.files.len());
        let mut volumes = Vec::new();
        for file in &folders.files {
            console::check_interrupt()?;
            let volume = folders.evaluate(file, self.acquisition.as_deref(), self.calgary);
            if let Some(error) = volume.as_ref().and_then(|volume| volume.error.as_deref()) {
                bar.suspend(|| console.error(error));
            }
            volumes.extend(volume);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Evaluation::of(volumes))
    }
}

/// Creates the table, so that a path that cannot be written fails before anything is computed.
fn table(path: &Path, folders: &Folders) -> Result<AtomicFile> {
    let pairs = folders.files.iter().flat_map(|file| folders.pair(file));
    refuse_inputs(
        &[path.to_path_buf()],
        &pairs.map(|place| place.file).collect::<Vec<_>>(),
    )?;
    AtomicFile::create(path)
}

fn as_json(figures: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(figures);
    text.map_err(|e| Error::setting(format!("no JSON can be made of the figures: {e}")))
}

fn pair_text(comparison: &Comparison) -> String {
    let mut lines = vec![
        format!("NMSE        {}", figure(comparison.nmse, 6)),
        format!("PSNR        {} dB", figure(comparison.psnr_db, 3)),
        format!("SSIM        {}", figure(comparison.ssim, 5)),
        format!("data range  {:e} ({})", comparison.data_range, comparison.data_range_is),
        format!("region      {} of {} slice(s)", comparison.region, comparison.slices),
    ];
    if let Some(calgary) = &comparison.calgary {
        lines.extend([
            format!("Calgary-Campinas PSNR {} dB", figure(calgary.psnr_db, 3)),
            format!("Calgary-Campinas SSIM {}", figure(calgary.ssim, 5)),
            format!("Calgary-Campinas VIF  {}", figure(calgary.vif, 5)),
        ]);
    }
    if let Some(complex) = &comparison.complex {
        lines.extend([
            format!("complex NMSE         {} dB", figure(complex.nmse_db, 3)),
            format!("complex NMSE, object {} dB", figure(complex.nmse_object_db, 3)),
            format!("HFEN                 {} dB", figure(complex.hfen_db, 3)),
        ]);
    }
    lines.join("\n")
}

/// Two tables: the compared volumes, and the means over them.
fn folders_text(evaluation: &Evaluation) -> String {
    let row = |cells: [&str; 5]| cells.map(str::to_string);
    let mut volumes = vec![row(["volume", "acquisition", "NMSE", "PSNR [dB]", "SSIM"])];
    for volume in &evaluation.volumes {
        if let (Some(acquisition), Some(found)) = (&volume.acquisition, &volume.comparison) {
            let figures = [found.nmse, found.psnr_db, found.ssim].map(digits);
            let [file, acquisition] = [&volume.file, acquisition].map(|name| plain(name));
            volumes.push(row([&file, &acquisition, &figures[0], &figures[1], &figures[2]]));
        }
    }
    let mut means = vec![row(["acquisition", "volumes", "NMSE", "PSNR [dB]", "SSIM"])];
    let mut calgary = vec![row(["Calgary-Campinas", "volumes", "PSNR [dB]", "SSIM", "VIF"])];
    let mut mean = |name: &str, summary: &Summary| {
        let (name, count) = (plain(name), summary.volumes.to_string());
        let figures = [summary.nmse, summary.psnr_db, summary.ssim].map(spread);
        means.push(row([&name, &count, &figures[0], &figures[1], &figures[2]]));
        if let Some(found) = &summary.calgary {
            let figures = [found.psnr_db, found.ssim, found.vif].map(spread);
            calgary.push(row([&name, &count, &figures[0], &figures[1], &figures[2]]));
        }
    };
    for group in &evaluation.acquisitions {
        mean(&group.acquisition, &group.summary);
    }
    mean("all", &evaluation.all);
    let heading = "mean ± standard deviation over volumes";
    let mut text = format!("{}\n\n{heading}\n{}", aligned(&volumes), aligned(&means));
    if calgary.len() > 1 {
        text += &format!("\n\n{}", aligned(&calgary));
    }
    text
}

fn spread(spread: MeanStd) -> String {
    match spread.std {
        Some(_) => format!("{} ± {}", digits(spread.mean), digits(spread.std)),
        None => digits(spread.mean),
    }
}

/// Rows with aligned columns.
fn aligned(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A figure as text, `none` if it is not defined.
pub fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or("none".into(), |v| format!("{v:.digits$}"))
}

/// A figure with five significant digits; small ones get an exponent.
fn digits(value: Option<f64>) -> String {
    let size = value.map_or(0.0, |v| v.abs().log10().floor());
    match value {
        Some(v) if size.is_finite() && size < -4.0 => format!("{v:.4e}"),
        _ if size.is_finite() => figure(value, (4.0 - size).max(0.0) as usize),
        _ => figure(value, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_five_digits() {
        for (value, text) in [
            (0.012345678, "0.012346"),
            (31.25, "31.250"),
            (1.0, "1.0000"),
            (0.00012345, "0.00012345"),
            (0.0000123456, "1.2346e-5"),
            (123456.7, "123457"),
            (0.0, "0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(digits(Some(value)), text);
        }
        assert_eq!(digits(None), "none");
    }
}
