//! Estimates time, memory and disk space of a batch by reconstructing a few slices.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Plan, Planned, Recipe};
use pvdamp::solve::IterationRecord;
use pvdamp_io::error::{Error, Result};

/// Number of scan sizes that are measured: those with the most work left.
const TRIED_SIZES: usize = 3;

/// The work that is left, and what it takes.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    pub volumes: usize,
    pub slices: usize,
    pub time: Duration,
    /// Bytes of all slices that are reconstructed at once.
    pub memory: u64,
    pub slices_at_once: usize,
    /// Bytes of the results.
    pub written: u64,
    /// Why scans could not be measured. They are estimated from the others.
    pub errors: Vec<String>,
}

/// Measured on this machine, in seconds.
struct Cost {
    opening: f64,
    slice: f64,
}

/// Rows, columns and coils.
type Size = (usize, usize, usize);

/// Measures one scan of each of the sizes with the most work left: the middle slices, as many at once as in the batch.
/// Other sizes are scaled by their pixels and coils. Nothing is written.
///
/// Errors: [`Error::Interrupted`] when `going` returns `Break`.
pub fn forecast(
    plan: &Plan,
    recipe: &Recipe,
    limit: u64,
    going: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Forecast> {
    let remaining: Vec<&Planned> = plan.volumes.iter().filter(|volume| volume.to_do()).collect();
    let mut by_size: BTreeMap<Size, Vec<&Planned>> = BTreeMap::new();
    for volume in &remaining {
        by_size.entry(size(volume)).or_default().push(volume);
    }
    let mut by_size: Vec<(Size, Vec<&Planned>)> = by_size.into_iter().collect();
    let work = |volumes: &[&Planned]| -> usize { volumes.iter().map(|v| v.record.slices * pixels(size(v))).sum() };
    by_size.sort_by_key(|(_, volumes)| std::cmp::Reverse(work(volumes)));

    let mut result = Forecast::default();
    let mut seconds = 0.0;
    let mut last_cost: Option<(Size, Cost)> = None;
    for (at, (size, volumes)) in by_size.iter().enumerate() {
        let memory = volumes.iter().map(|v| v.memory).max().unwrap_or(0);
        let concurrent = concurrent_slices(memory, limit);
        if at < TRIED_SIZES {
            match measure_cost(volumes[0], recipe, concurrent, going) {
                Ok(cost) => last_cost = Some((*size, cost)),
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => result.errors.push(error.to_string()),
            }
        }
        let slices: usize = volumes.iter().map(|v| v.record.slices).sum();
        if let Some((measured_size, cost)) = &last_cost {
            let ratio = pixels(*size) as f64 / pixels(*measured_size).max(1) as f64;
            seconds += ratio * (cost.slice * slices as f64 + cost.opening * volumes.len() as f64 / concurrent as f64);
        }
        result.slices_at_once = result.slices_at_once.max(concurrent);
        result.memory = result.memory.max(memory * concurrent as u64);
        result.slices += slices;
        // magnitude, complex image and, for some methods, the unbiased image, not cropped
        result.written += (20 * size.0 * size.1 * slices) as u64;
    }
    result.volumes = remaining.len();
    result.time = Duration::from_secs_f64(seconds);
    Ok(result)
}

/// How many slices are reconstructed at once.
pub fn concurrent_slices(memory: u64, limit: u64) -> usize {
    let room = limit.checked_div(memory).map_or(usize::MAX, |room| room as usize);
    room.clamp(1, rayon::current_num_threads())
}

fn size(volume: &Planned) -> Size {
    let record = &volume.record;
    (record.rows, record.cols, record.coils)
}

fn pixels((rows, cols, coils): Size) -> usize {
    rows * cols * coils
}

fn measure_cost(
    volume: &Planned,
    recipe: &Recipe,
    concurrent: usize,
    going: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Cost> {
    let start = Instant::now();
    let reconstruction = recipe.open(&volume.input, going)?;
    let slices = reconstruction.scan().slices();
    let opening = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let tried = rayon::broadcast(|worker| {
        let outcome = (worker.index() < concurrent).then(|| {
            let slice = (slices / 2 + worker.index()) % slices;
            reconstruction.slice(slice, &mut |_: &IterationRecord| going())
        });
        outcome.transpose().map(drop)
    });
    tried.into_iter().collect::<Result<Vec<()>>>()?;
    let slice = start.elapsed().as_secs_f64() / concurrent as f64;
    Ok(Cost { opening, slice })
}
