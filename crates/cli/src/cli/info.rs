use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::arguments::ScanArguments;
use super::console::{Console, plain};
use crate::flags::in_flags;
use pvdamp::array::Grid;
use pvdamp::reconstruct::{Choice, warning_of_maps};
use pvdamp_io::error::Result;
use pvdamp_io::format::{Scan, ScanFormat};
use pvdamp_io::recon::{ScanSettings, ScanSetup, Workload};

/// Say what is in a scan, and what a reconstruction would do with it
#[derive(Args)]
#[command(after_help = "\
EXAMPLES
  pvdamp info scan.h5
  pvdamp info scan.h5 --json")]
pub struct Info {
    #[command(flatten)]
    scan: ScanArguments,

    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(&self, console: &Console) -> Result<()> {
        let scan = Arc::new(self.scan.open()?);
        let mut setup = ScanSetup::new(&scan, &ScanSettings::default())?;
        for warning in scan.warnings.iter().chain(&setup.warnings()) {
            console.warn(warning);
        }
        let facts = facts(&scan, &mut setup, console)?;
        if self.json {
            return console.result(&format!("{:#}", Value::Object(facts.into_iter().collect())));
        }
        let line = |(name, value): &(String, Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            format!("{:<22}{}", name.replace('_', " "), plain(&text))
        };
        let known = facts.iter().filter(|(_, value)| !value.is_null());
        console.result(&known.map(line).collect::<Vec<_>>().join("\n"))
    }
}

/// What is known of a scan, in the order a reader wants it.
fn facts(scan: &Scan, setup: &mut ScanSetup, console: &Console) -> Result<Vec<(String, Value)>> {
    let grid = scan.grid();
    // Without a sampled centre there are no maps to judge.
    let has_centre = scan.coils() == 1 || setup.shares_maps() || !setup.sampling().centre.is_empty();
    // What stops a reconstruction is worth telling, and the rest too.
    let decision = has_centre.then(|| setup.decide(&mut ()).map_err(|e| console.warn(&in_flags(&e))).ok());
    let decision = decision.flatten();
    let sets = decision.as_ref().map(|decision| decision.sets);
    let unexplained = decision.as_ref().and_then(|decision| decision.unexplained);
    if let Some(warning) = unexplained.and_then(warning_of_maps) {
        console.warn(&warning);
    }
    let (choice, coils) = decision.map_or((None, None), |decision| (Some(decision.choice), decision.coils));
    let coils = match coils {
        Some(coils) => Some(coils),
        None => setup.measure_coils()?,
    };
    let sampling = &setup.sampling().record;
    let references: Vec<String> = scan.references().into_iter().map(|r| r.dataset).collect();
    let attributes: Vec<&str> = scan.attributes.iter().map(|a| a.name.as_str()).collect();
    let header = scan.header.as_ref();
    let encoded = header.and_then(|h| h.encoded).map(|space| matrix(space.matrix));
    let recon = header.and_then(|h| h.recon).map(|space| matrix(space.matrix));
    let method = choice.map_or("reconstruct", |choice| choice.method.title);
    let plan = if setup.sampling().is_complete() {
        "combine the coils: nothing is missing (--accel R undersamples it first)".to_string()
    } else if !has_centre {
        "fail: the centre of k-space is not sampled, so that coil maps must be given (--maps)".to_string()
    } else if scan.coils() == 1 {
        format!("{method}; one coil needs no maps")
    } else if let Some(source) = setup.calibrated_on() {
        format!("{method}, maps by ESPIRiT from {source}")
    } else if setup.shares_maps() {
        format!("{method}, maps by ESPIRiT from the mean over the frames of a place")
    } else {
        let again = match setup.recalibrations() {
            0 => "",
            _ => ", and again from a first reconstruction",
        };
        format!("{method}, maps by ESPIRiT from the {} centre{again}", sampling.centre)
    };
    let missing =
        (!sampling.missing_sides.is_empty()).then(|| format!("{} missing", sampling.missing_sides.join(", ")));
    let one_image = Grid::len(grid) as u64 * 8;
    let (coils, noise) = coils.unzip();
    let used = coils.as_ref().map_or(scan.coils(), |coils| coils.used);
    let coils = coils.map(|coils| {
        let whitened = if coils.whitened { "whitened, " } else { "" };
        if coils.used < coils.measured {
            format!(
                "{whitened}{used} virtual coil(s) with {:.2} % of the energy",
                100.0 * coils.energy
            )
        } else {
            format!("{whitened}all {used}")
        }
    });
    let noise = noise.map(|noise| format!("{:.3e}, {}", noise.standard_deviation, noise.origin));
    let footprint = Choice::footprint(choice.map(|choice| choice.method));
    let workload = Workload {
        used,
        footprint,
        ..setup.workload(sets.unwrap_or(1))
    };
    let facts = [
        (
            "format",
            json!(ScanFormat::find(scan.format).map(|format| format.title)),
        ),
        (
            "kspace",
            json!(format!("{} slice(s), {} coil(s), {grid}", scan.slices(), scan.coils())),
        ),
        ("slices", json!(listed(&scan.geometry.names))),
        ("places", json!(scan.places.are_shared().then(|| scan.places.count()))),
        ("stored_as", json!(&scan.dtype)),
        ("encoded_matrix", json!(encoded)),
        ("recon_matrix", json!(recon)),
        ("readout_oversampling", json!(oversampling(scan))),
        ("directions", json!(&scan.geometry.directions)),
        ("image_written", json!(scan.crop_size().to_string())),
        ("mask", json!(sampling.origin)),
        ("acceleration", json!((sampling.acceleration * 1000.0).round() / 1000.0)),
        ("sampled_centre", json!(sampling.centre)),
        ("zero_padding", json!(sampling.padding())),
        ("partial_fourier", json!(missing)),
        ("sampling_probability", json!(sampling.density)),
        ("references", json!(references)),
        ("attributes", json!(attributes)),
        ("identifying_fields", json!(scan.identifying_fields())),
        ("noise", json!(noise)),
        ("coils_used", json!(coils)),
        ("map_sets", json!(sets)),
        (
            "maps_unexplained",
            json!(unexplained.map(|left| format!("{:.1} % of the centre (usual: 1 to 3 %)", 100.0 * left))),
        ),
        (
            "method",
            json!(choice.map(|choice| format!("{}: {}", choice.method.name, choice.why.unwrap_or("asked for")))),
        ),
        ("recon_would", json!(plan)),
        (
            "kspace_of_a_slice_mb",
            json!(megabytes(one_image * scan.coils() as u64)),
        ),
        ("memory_mb", json!(megabytes(workload.alone(scan.slices())))),
    ];
    Ok(facts.map(|(name, value)| (name.to_string(), value)).to_vec())
}

/// That of the readout in the file, and what became of it.
fn oversampling(scan: &Scan) -> String {
    let left = scan.readout_oversampling();
    let told = scan.header.as_ref().map_or(1.0, |header| header.readout_oversampling());
    if told > left {
        format!("{told}, taken out")
    } else {
        format!("{left}")
    }
}

/// The names of slices, the middle of a long list left out.
fn listed(names: &[String]) -> Option<String> {
    const SHOWN: usize = 8;
    match names {
        [] => None,
        [first, second, .., last] if names.len() > SHOWN => Some(format!("{first}; {second}; ... {last}")),
        _ => Some(names.join("; ")),
    }
}

fn matrix([x, y, z]: [usize; 3]) -> String {
    format!("{x}x{y}x{z}")
}

fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}
