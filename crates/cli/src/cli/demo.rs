use std::path::{Path, PathBuf};

use clap::{Args, Parser};

use super::arguments::make_folder;
use super::console::Console;
use super::eval::figure;
use super::recon::Recon;
use super::reconstruction::AUTO;
use super::simulate::{Layout, SIMULATED, write_scan};
use pvdamp::array::Grid;
use pvdamp::simulate::SimulationSettings;
use pvdamp_io::error::{Error, Place, Result};
use pvdamp_io::evaluate::{Comparison, compare};
use pvdamp_io::format::{Attribute, Scan, ScanOptions};

/// Simulate a scan, undersample it eight times, reconstruct it, and compare
#[derive(Args)]
pub struct Demo {
    /// Folder for the scan, the results and the pictures
    #[arg(short, long, value_name = "DIR", default_value = "pvdamp-demo")]
    output: PathBuf,

    /// Acceleration R
    #[arg(long, value_name = "R", default_value_t = 8.0)]
    accel: f64,

    /// Seed of the phantom and of the mask
    #[arg(long, value_name = "SEED", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
}

/// `recon`, with the words a user would type.
#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    recon: Recon,
}

impl Demo {
    pub fn run(&self, console: &Console) -> Result<()> {
        let scan = self.output.join("scan.h5");
        if scan.exists() && !is_simulated(&scan) {
            let mend = "choose another -o folder";
            return Err(Error::data(
                scan.as_path(),
                "is there already and was not simulated",
                mend,
            ));
        }
        let settings = SimulationSettings {
            grid: Grid::new(256, 256),
            coils: 8,
            slices: 2,
            noise: 0.005,
            seed: self.seed,
        };
        let mut jobs = Vec::new();
        for method in ["zero-filled", "pvdamp", AUTO] {
            let result = self.output.join(method).with_extension("h5");
            let typed = self.typed(method, &scan, &result)?;
            typed.arguments.settings()?.validate(settings.grid)?;
            jobs.push((method, result, typed));
        }
        make_folder(&self.output, "choose another -o folder")?;
        write_scan(&settings, Layout::Slices, &scan, console)?;

        let (mut to_scan, mut to_truth) = (Vec::new(), Vec::new());
        for (method, result, typed) in jobs {
            typed.run(console, None)?;
            let held_to =
                |target: Place, result: Place| Ok::<_, Error>(row(method, &compare(&target, &result, false)?));
            to_scan.push(held_to(scan.as_path().into(), result.as_path().into())?);
            to_truth.push(held_to(
                Place::new(&scan, "ground_truth"),
                Place::new(&result, "image"),
            )?);
        }
        let table = |against: &str, rows: Vec<String>| {
            let head = format!("{:<14}{:>10}{:>12}{:>10}", "", "NMSE", "PSNR [dB]", "SSIM");
            format!(
                "\nR = {}, against the {against}:\n{head}\n{}",
                self.accel,
                rows.join("\n")
            )
        };
        let mut lines = vec![
            table("fully sampled scan, which is noisy", to_scan),
            table("true image", to_truth),
        ];
        lines.push(format!("\nscan, results and pictures are in {}", self.output.display()));
        console.result(&lines.join("\n"))
    }

    fn typed(&self, method: &str, scan: &Path, result: &Path) -> Result<Recon> {
        let pictures = self.output.join("pictures");
        let (accel, seed) = (self.accel.to_string(), self.seed.to_string());
        let words = ["recon", "--method", method, "--accel", &accel, "--seed", &seed];
        let words = words.iter().map(std::ffi::OsStr::new);
        let files = [
            scan.as_os_str(),
            "-o".as_ref(),
            result.as_os_str(),
            "--png".as_ref(),
            pictures.as_os_str(),
        ];
        let typed = Typed::try_parse_from(words.chain(files));
        typed.map(|t| t.recon).map_err(|e| Error::setting(e.to_string()))
    }
}

fn is_simulated(scan: &Path) -> bool {
    let mark = Attribute::new("acquisition", SIMULATED);
    Scan::open(scan, &ScanOptions::default()).is_ok_and(|scan| scan.attributes.contains(&mark))
}

fn row(method: &str, comparison: &Comparison) -> String {
    format!(
        "{method:<14}{:>10}{:>12}{:>10}",
        figure(comparison.nmse, 5),
        figure(comparison.psnr_db, 2),
        figure(comparison.ssim, 4),
    )
}
