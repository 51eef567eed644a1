//! What a reconstruction leaves on disk: fastMRI's submission layout, and beside it everything that a reader
//! needs to check or repeat it.

use std::path::Path;

use ndarray::{Array2, Array3};
use num_complex::Complex;

use super::{SamplingSource, ScanReconstruction, SliceRecord, SliceResult};
use crate::error::Result;
use crate::format::{AXES, AtomicFile, Attribute, AttributeValue, Hdf5Output, OutputDataset, write_about};
use pvdamp::reconstruct::SamplingRecord;
use pvdamp::solve::{BandState, Knob};

pub(super) const EVOLUTION: &str = "state_evolution";
const SETTINGS: &str = "settings";

/// The result file of a scan, written slice by slice. It depends on the scan and the settings only, byte for byte, but
/// where a time limit stops the iterations.
pub struct ResultFile {
    file: Hdf5Output,
    slices: usize,
    magnitude: OutputDataset<f32>,
    image: OutputDataset<Complex<f32>>,
    unbiased: Option<OutputDataset<Complex<f32>>>,
    deviation: Option<OutputDataset<f32>>,
    unbiased_deviation: Option<OutputDataset<f32>>,
    maps: Option<OutputDataset<Complex<f32>>>,
    records: Vec<SliceRecord>,
}

impl ResultFile {
    /// Starts the file under a temporary name. Errors: an output that cannot be written.
    pub fn create(path: &Path, reconstruction: &ScanReconstruction) -> Result<Self> {
        let (scan, settings) = (reconstruction.scan(), reconstruction.settings());
        let file = Hdf5Output::create(path)?;
        let (slices, grid, crop) = (scan.slices(), scan.grid(), scan.crop_size());
        write_about(&file, &scan.attributes, scan.header.as_ref(), &scan.geometry)?;
        let sampling = reconstruction.sampling();
        file.write("mask", sampling.mask.sampled.view())?;
        file.write("prob_map", sampling.probability.view())?;
        for name in ["mask", "prob_map"] {
            file.attribute(name, &Attribute::new(AXES, "rows,cols"))?;
        }
        write_settings(&file, reconstruction)?;
        let maps = if settings.engine.keep_maps {
            let shape = [slices, reconstruction.sets(), scan.coils(), grid.rows, grid.cols];
            Some(maps_dataset(&file, shape, false)?)
        } else {
            None
        };
        let unbiased = if reconstruction.has_unbiased() {
            Some(file.dataset("unbiased", &[slices, grid.rows, grid.cols])?)
        } else {
            None
        };
        let deviation = if reconstruction.has_deviation() {
            Some(file.dataset("std", &[slices, grid.rows, grid.cols])?)
        } else {
            None
        };
        let unbiased_deviation = if reconstruction.has_unbiased() && reconstruction.has_deviation() {
            Some(file.dataset("unbiased_std", &[slices, grid.rows, grid.cols])?)
        } else {
            None
        };
        Ok(Self {
            magnitude: file.dataset("reconstruction", &[slices, crop.rows, crop.cols])?,
            image: file.dataset("image", &[slices, grid.rows, grid.cols])?,
            unbiased,
            deviation,
            unbiased_deviation,
            maps,
            slices,
            file,
            records: Vec::new(),
        })
    }

    /// Adds one slice, in any order.
    pub fn write(&mut self, result: &SliceResult) -> Result<()> {
        let slice = result.record.slice;
        self.magnitude.write_slice(slice, result.magnitude.view())?;
        self.image.write_slice(slice, result.image.view())?;
        if let (Some(dataset), Some(unbiased)) = (&self.unbiased, &result.unbiased) {
            dataset.write_slice(slice, unbiased.view())?;
        }
        if let (Some(dataset), Some(deviation)) = (&self.deviation, &result.deviation) {
            dataset.write_slice(slice, deviation.view())?;
        }
        if let (Some(dataset), Some(deviation)) = (&self.unbiased_deviation, &result.unbiased_deviation) {
            dataset.write_slice(slice, deviation.view())?;
        }
        if let (Some(dataset), Some(maps)) = (&self.maps, &result.maps) {
            dataset.write_slice(slice, maps.view())?;
        }
        self.records.push(result.record.clone());
        Ok(())
    }

    /// Writes the state evolution, closes the file and gives it its name.
    pub fn finish(self) -> Result<()> {
        self.close()?.commit()
    }

    /// Writes the state evolution and closes the file, which has its name still to get.
    pub fn close(mut self) -> Result<AtomicFile> {
        self.records.sort_by_key(|record| record.slice);
        write_evolution(&self.file, self.slices, &self.records)?;
        self.file.close()
    }
}

fn write_settings(file: &Hdf5Output, reconstruction: &ScanReconstruction) -> Result<()> {
    let settings = reconstruction.settings();
    let engine = &settings.engine;
    let (tuning, method) = (engine.tuning(), reconstruction.method());
    let SamplingRecord {
        origin,
        density,
        acceleration,
        samples,
        centre,
        padded_rows,
        padded_columns,
        missing_sides,
    } = &reconstruction.sampling().record;
    let mut attributes = vec![
        Attribute::new("method", method.name),
        Attribute::new("iterations", reconstruction.iterations() as i64),
        Attribute::new("sampling", origin.as_str()),
        Attribute::new("sampling_probability", density.as_str()),
        Attribute::new("acceleration", *acceleration),
        Attribute::new("samples", *samples as i64),
        Attribute::new("sampled_centre", centre.as_str()),
        Attribute::new("padded_rows", *padded_rows as i64),
        Attribute::new("padded_columns", *padded_columns as i64),
        Attribute::new("maps", settings.describe_maps()),
        Attribute::new("map_sets", reconstruction.sets() as i64),
        Attribute::new("noise_covariance", settings.describe_noise()),
        Attribute::new("whitening", if engine.whiten { "auto" } else { "off" }),
        Attribute::new("virtual_coils", engine.compression.to_string()),
    ];
    if reconstruction.setup().shares_maps() && reconstruction.scan().places.are_shared() {
        let places = reconstruction.scan().places.count();
        attributes.push(Attribute::new("places", places as i64));
    }
    if !missing_sides.is_empty() {
        attributes.push(Attribute::new("missing_sides", missing_sides.join(", ")));
    }
    if let Some(why) = reconstruction.decision().choice.why {
        attributes.push(Attribute::new("method_chosen", why));
    }
    for knob in method.knobs {
        attributes.push(match knob {
            Knob::Wavelet => Attribute::new("wavelet", tuning.wavelet.name),
            Knob::Scales => Attribute::new("scales", tuning.scales(reconstruction.scan().grid()) as i64),
            Knob::Damping => Attribute::new("damping", tuning.damping(reconstruction.sampling().samples_lines())),
            Knob::Lambda | Knob::OptionalLambda => Attribute::new("lambda", tuning.lambda.to_string()),
            Knob::Shift => Attribute::new("shift", describe_seed("random", tuning.shift.seed(method.shift))),
            // Whatever the method, coils are whitened by it.
            Knob::Noise => continue,
            Knob::ErrorBars => Attribute::new("error_bars", describe_seed("seed", tuning.error_bars)),
        });
    }
    if let Some(limit) = engine.time_limit {
        attributes.push(Attribute::new("time_limit_seconds", limit.as_secs_f64()));
    }
    if let SamplingSource::Draw { request, .. } = &settings.sampling {
        attributes.push(Attribute::new("seed", request.seed as i64));
    }
    file.group(SETTINGS)?;
    attributes
        .iter()
        .try_for_each(|attribute| file.attribute(SETTINGS, attribute))
}

fn describe_seed(word: &str, seed: Option<u64>) -> String {
    seed.map_or("none".into(), |seed| format!("{word}:{seed}"))
}

/// `tau`, `threshold`, `strength`, `alpha`, `sure`, each `(slices, iterations, subbands)`, and `noise` `(slices, iterations)`,
/// where the method has them, NaN beyond the last iteration of a slice; and for each slice how many iterations there were,
/// which was kept, and why it stopped.
fn write_evolution(file: &Hdf5Output, slices: usize, records: &[SliceRecord]) -> Result<()> {
    let histories = || {
        records
            .iter()
            .filter_map(|r| Some((r.slice, r.record.history.as_ref()?)))
    };
    let longest = histories().map(|(_, h)| h.iterations.len()).max().unwrap_or(0);
    let states = || histories().flat_map(|(_, h)| &h.iterations);
    let bands = states().map(|i| i.bands.len()).max().unwrap_or(0);
    let in_group = |name: &str| format!("{EVOLUTION}/{name}");
    file.group(EVOLUTION)?;
    type Column = (&'static str, fn(&BandState) -> Option<f64>);
    let columns: [Column; 5] = [
        ("tau", |b| Some(b.tau)),
        ("threshold", |b| b.shrinkage?.threshold),
        ("strength", |b| b.shrinkage?.strength),
        ("alpha", |b| Some(b.shrinkage?.alpha)),
        ("sure", |b| Some(b.shrinkage?.sure)),
    ];
    let is_there = |(_, of): &&Column| states().flat_map(|i| &i.bands).any(|b| of(b).is_some());
    for (name, of) in columns.iter().filter(is_there) {
        let mut values = Array3::from_elem((slices, longest, bands), f64::NAN);
        for (slice, history) in histories() {
            for (i, iteration) in history.iterations.iter().enumerate() {
                for (b, band) in iteration.bands.iter().enumerate() {
                    values[[slice, i, b]] = of(band).unwrap_or(f64::NAN);
                }
            }
        }
        file.write(&in_group(name), values.view())?;
    }
    let mut mean = Array2::from_elem((slices, longest), f64::NAN);
    let mut noise = mean.clone();
    let (mut count, mut kept) = (vec![0i64; slices], vec![0i64; slices]);
    let mut stop = vec![String::from("no data"); slices];
    for (slice, history) in histories() {
        for (i, iteration) in history.iterations.iter().enumerate() {
            // Of a step without subbands among others that have them, nothing is known.
            let has_bands = bands == 0 || !iteration.bands.is_empty();
            mean[[slice, i]] = if has_bands { iteration.tau } else { f64::NAN };
            noise[[slice, i]] = iteration.noise.unwrap_or(f64::NAN);
        }
        count[slice] = history.iterations.len() as i64;
        kept[slice] = history.kept as i64;
        stop[slice] = history.stop.name().to_string();
    }
    file.write(&in_group("mean_tau"), mean.view())?;
    if states().any(|i| i.noise.is_some()) {
        file.write(&in_group("noise"), noise.view())?;
    }
    file.write(&in_group("iterations"), ndarray::ArrayView1::from(&count))?;
    file.write(&in_group("kept"), ndarray::ArrayView1::from(&kept))?;
    let names = records.first().map(|r| r.record.bands.clone()).unwrap_or_default();
    for attribute in [
        Attribute::new("subbands", AttributeValue::Texts(names)),
        Attribute::new("stop", AttributeValue::Texts(stop)),
    ] {
        file.attribute(EVOLUTION, &attribute)?;
    }
    let lines = records
        .iter()
        .map(SliceRecord::timeless_line)
        .collect::<Result<Vec<_>>>()?;
    file.text("records", &lines.join("\n"))
}

/// Creates the dataset of maps of a volume, `(slices, sets, coils, rows, cols)`, or of its places in place of slices.
pub fn maps_dataset(file: &Hdf5Output, shape: [usize; 5], of_places: bool) -> Result<OutputDataset<Complex<f32>>> {
    let dataset = file.dataset("maps", &shape)?;
    let first = if of_places { "places" } else { "slices" };
    file.attribute("maps", &Attribute::new(AXES, format!("{first},sets,coils,rows,cols")))?;
    Ok(dataset)
}
