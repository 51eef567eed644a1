use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::arguments::{EspiritArguments, ScanArguments, refuse_overwrite};
use super::console::{self, Console};
use super::warnings::Warnings;
use pvdamp::reconstruct::{Asking, MapsRecord};
use pvdamp::solve::Method;
use pvdamp_io::error::{Place, Result};
use pvdamp_io::format::{Attribute, Hdf5Output};
use pvdamp_io::recon::{SamplingSource, ScanReconstruction, ScanSettings, ScanSetup, SliceMaps, maps_dataset};

/// Estimate coil sensitivity maps by ESPIRiT
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp maps scan.h5 -o maps.h5
  pvdamp recon scan.h5 --maps maps.h5 -o out.h5

The file holds 'maps', complex64 (slices, sets, coils, rows, cols); the sum of squares over coils is 1 on the object.
Frames of a dynamic scan share the maps of their place: there are as many maps as places.")]
pub struct MakeMaps {
    #[command(flatten)]
    scan: ScanArguments,

    /// Sampling mask [default: the scan's, or where k-space is not zero]
    #[arg(long, value_name = "FILE[:DATASET]")]
    mask: Option<Place>,

    #[command(flatten)]
    espirit: EspiritArguments,

    /// Maps to write, HDF5
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl MakeMaps {
    pub fn run(&self, console: &Console) -> Result<()> {
        console::catch_interrupt();
        let mask = self.mask.as_ref().map(|place| place.file.as_path());
        refuse_overwrite(&self.output, mask.into_iter().chain([self.scan.scan.as_path()]))?;
        let scan = Arc::new(self.scan.open()?);
        let mut settings = ScanSettings {
            sampling: self.mask.clone().map_or(SamplingSource::Scan, SamplingSource::File),
            ..self.espirit.settings()
        };
        settings.engine.keep_maps = true;
        // Nothing is reconstructed by it, so that none has to be chosen.
        settings.engine.method = Method::find("zero-filled");
        let reconstruction =
            ScanReconstruction::settle(ScanSetup::new(&scan, &settings)?, &mut Asking(console::going))?;
        let scan_wide = &reconstruction.setup().warnings();
        // Slices that show the same place have the same maps.
        let places = &scan.places;
        let noun = if places.are_shared() { "place" } else { "slice" };
        let warnings = Warnings::new(console, noun);
        for warning in scan.warnings.iter().chain(scan_wide) {
            warnings.of_scan("", warning);
        }
        let grid = scan.grid();
        if let Some(why) = &reconstruction.decision().why_two_sets {
            console.say(why);
        }
        let shape = [
            places.count(),
            reconstruction.sets(),
            scan.coils(),
            grid.rows,
            grid.cols,
        ];
        let file = Hdf5Output::create(&self.output)?;
        let dataset = maps_dataset(&file, shape, places.are_shared())?;
        let bar = console.progress(places.count());
        let mut write = |place: usize| -> Result<()> {
            console::check_interrupt()?;
            match reconstruction.maps(place, &mut Asking(console::going))? {
                Some(SliceMaps {
                    maps,
                    record,
                    warnings: own,
                }) => {
                    dataset.write_slice(place, maps.view())?;
                    bar.suspend(|| {
                        for warning in own.iter().filter(|w| !scan_wide.contains(w)) {
                            warnings.of_slice("", place, warning);
                        }
                        report(console, &format!("{noun} {place}"), &record);
                    });
                }
                None => bar.suspend(|| warnings.of_slice("", place, "it is all zero, and so are its maps")),
            }
            bar.inc(1);
            Ok(())
        };
        let done = (0..places.count()).try_for_each(&mut write);
        bar.finish_and_clear();
        warnings.finish();
        done?;
        file.attribute("maps", &Attribute::new("settings", settings.describe_maps()))?;
        file.attribute("/", &Attribute::new("pvdamp_version", env!("CARGO_PKG_VERSION")))?;
        file.finish()?;
        console.say(&format!("wrote {}", self.output.display()));
        Ok(())
    }
}

fn report(console: &Console, name: &str, record: &MapsRecord) {
    let Some(report) = record.report() else { return };
    let source = record.source().map_or(String::new(), |source| format!(" of {source}"));
    let eigenvalue = report.first_eigenvalue.map_or("none".into(), |v| format!("{v:.4}"));
    let again = match report.recalibrations {
        0 => String::new(),
        1 => ", filled by a first reconstruction".into(),
        passes => format!(", filled by {passes} reconstructions one after the other"),
    };
    let left = report.unexplained.map_or(String::new(), |left| {
        format!(", {:.1} % of the sampled centre unexplained", 100.0 * left)
    });
    console.say(&format!(
        "{name}: calibration {}{source}{again}, kernel {}, object {:.0} % of the field of view, median eigenvalue \
         {eigenvalue}{left}",
        report.calibration,
        report.kernel,
        100.0 * report.support,
    ));
}
