//! What a batch will take, by trying a few slices.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Plan, Planned, Recipe};
use pvdamp::solve::IterationRecord;
use pvdamp_io::error::{Error, Result};

/// Kinds of scans that are tried, those with most to do.
const TRIED: usize = 3;

/// What is left to do.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    pub volumes: usize,
    pub slices: usize,
    pub time: Duration,
    /// Bytes of all slices that are at work at once.
    pub memory: u64,
    pub slices_at_once: usize,
    /// Bytes of the results.
    pub written: u64,
    /// Why scans could not be tried; they count as others do.
    pub troubles: Vec<String>,
}

/// Seconds on this machine.
struct Cost {
    opening: f64,
    slice: f64,
}

/// Rows, columns and coils.
type Size = (usize, usize, usize);

/// Tries the slice in the middle of one scan of each size that much is left of, as many at once as the batch will have,
/// and scales by pixels and coils for the rest. Writes nothing.
///
/// Errors: [`Error::Interrupted`](pvdamp_io::error::Error::Interrupted) when `going` breaks off.
pub fn forecast(
    plan: &Plan,
    recipe: &Recipe,
    limit: u64,
    going: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Forecast> {
    let left: Vec<&Planned> = plan.volumes.iter().filter(|volume| volume.to_do()).collect();
    let mut kinds: BTreeMap<Size, Vec<&Planned>> = BTreeMap::new();
    for volume in &left {
        kinds.entry(size(volume)).or_default().push(volume);
    }
    let mut kinds: Vec<(Size, Vec<&Planned>)> = kinds.into_iter().collect();
    let work = |volumes: &[&Planned]| -> usize { volumes.iter().map(|v| v.record.slices * pixels(size(v))).sum() };
    kinds.sort_by_key(|(_, volumes)| std::cmp::Reverse(work(volumes)));

    let mut told = Forecast::default();
    let mut seconds = 0.0;
    let mut known: Option<(Size, Cost)> = None;
    for (at, (size, volumes)) in kinds.iter().enumerate() {
        let memory = volumes.iter().map(|v| v.memory).max().unwrap_or(0);
        let lanes = at_once(memory, limit);
        if at < TRIED {
            match try_one(volumes[0], recipe, lanes, going) {
                Ok(cost) => known = Some((*size, cost)),
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => told.troubles.push(error.to_string()),
            }
        }
        let slices: usize = volumes.iter().map(|v| v.record.slices).sum();
        if let Some((of, cost)) = &known {
            let ratio = pixels(*size) as f64 / pixels(*of).max(1) as f64;
            seconds += ratio * (cost.slice * slices as f64 + cost.opening * volumes.len() as f64 / lanes as f64);
        }
        told.slices_at_once = told.slices_at_once.max(lanes);
        told.memory = told.memory.max(memory * lanes as u64);
        told.slices += slices;
        // the magnitude, the image and, of some methods, its unbiased twin, whole
        told.written += (20 * size.0 * size.1 * slices) as u64;
    }
    told.volumes = left.len();
    told.time = Duration::from_secs_f64(seconds);
    Ok(told)
}

/// Slices that are at work at once.
pub fn at_once(memory: u64, limit: u64) -> usize {
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

fn try_one(
    volume: &Planned,
    recipe: &Recipe,
    lanes: usize,
    going: &(dyn Fn() -> ControlFlow<()> + Sync),
) -> Result<Cost> {
    let start = Instant::now();
    let reconstruction = recipe.open(&volume.input)?;
    let slices = reconstruction.scan().slices();
    let opening = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let tried = rayon::broadcast(|worker| {
        let lane = (worker.index() < lanes).then(|| {
            let slice = (slices / 2 + worker.index()) % slices;
            reconstruction.slice(slice, &mut |_: &IterationRecord| going())
        });
        lane.transpose().map(drop)
    });
    tried.into_iter().collect::<Result<Vec<()>>>()?;
    let slice = start.elapsed().as_secs_f64() / lanes as f64;
    Ok(Cost { opening, slice })
}
