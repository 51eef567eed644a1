//! A noise scan in a file of its own, as converters write the measurement before the scan.

use ndarray::Array2;
use num_complex::Complex;

use super::super::reader::Scan;
use super::noise::{self, Chain};
use super::sort::Sorted;
use super::table::{Head, Table};
use super::{Container, groups, header, within};
use crate::error::{Error, Place, Result};

/// The largest sample over the root mean square: of noise, however much of it, below 5, of k-space of an image tens.
const PEAK: f64 = 10.0;

/// What is asked for where the file is of no use.
const MEND: &str = "give the noise scan that was measured with the coils of this scan";

/// Noise of the coils of a scan, from raw data beside it.
pub struct NoiseScan {
    /// `(coils, coils)`: `E[ε εᴴ]` of one k-space sample of the scan.
    pub covariance: Array2<Complex<f64>>,
    /// How many it was measured with.
    pub acquisitions: usize,
    /// A sentence each.
    pub warnings: Vec<String>,
}

/// Reads the noise acquisitions of raw data as those in the scan's own file are read; `None` where no raw data are meant, but
/// an array. The place names the group or its table; of several groups that one is taken which holds acquisitions of noise.
///
/// # Errors
/// Acquisitions that cannot be read, of other coils, or too few; an image in place of noise.
pub fn read_noise_scan(place: &Place, scan: &Scan) -> Result<Option<NoiseScan>> {
    let container = Container::open(&place.file)?;
    let Some(file) = container.hdf5() else {
        return Ok(None);
    };
    let array = |name: &&str| matches!(file.array(name), Ok(Some(_)));
    let is_array = place.dataset.is_none() && ["noise", "kspace"].iter().any(array);
    let groups = groups(file, place.dataset.as_deref());
    if is_array || groups.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::new();
    for group in groups {
        let table = Table::open(file, &place.file, &within(&group, "data"))?;
        let heads = table.heads()?;
        let sorted = Sorted::new(&heads);
        found.push((group, table, heads, sorted));
    }
    if found.len() > 1 {
        let names: Vec<String> = found.iter().map(|(group, ..)| group.clone()).collect();
        found.retain(|(.., sorted)| !sorted.noise.is_empty());
        if found.len() != 1 {
            let problem = format!("holds several measurements: {}", names.join(", "));
            let mend = format!("name that of the noise, as {}:{}", place.file.display(), names[0]);
            return Err(Error::data(place.file.as_path(), problem, mend));
        }
    }
    let Some((group, table, heads, sorted)) = found.pop() else {
        return Err(Error::internal("a group was found"));
    };
    let stated = header(file, &within(&group, "xml"), 0).ok();
    let bandwidth = stated.and_then(|header| header.system.noise_bandwidth);
    noise_of(&table, &heads, sorted, scan, bandwidth).map(Some)
}

fn noise_of(table: &Table, heads: &[Head], sorted: Sorted, scan: &Scan, bandwidth: Option<f64>) -> Result<NoiseScan> {
    let flagged = !sorted.noise.is_empty();
    let used = if flagged { sorted.noise } else { sorted.imaging };
    if used.is_empty() {
        return Err(table.error("holds no acquisition of noise", MEND));
    }
    let measured = noise::measure(table, heads, &used, scan.coils)?;
    let measured = measured.map_err(|why| table.error(format!("its acquisitions are no noise scan: {why}"), MEND))?;
    let mut warnings = Vec::new();
    if !flagged {
        if measured.peak > PEAK {
            let problem = "none of its acquisitions is flagged as noise, and they hold the signal of an object";
            return Err(table.error(problem, MEND));
        }
        warnings.push(format!(
            "no acquisition of the noise scan is flagged as noise: all {} are taken for it, since they hold no signal",
            measured.acquisitions
        ));
    }
    let acquisitions = measured.acquisitions;
    // what is not known of one is known of the other: both are of the same receiver
    let chain = scan.noise_chain.map(|chain| Chain {
        bandwidth: bandwidth.or(chain.bandwidth),
        ..chain
    });
    if !chain.is_some_and(|chain| noise::known(chain.dwell_us)) || !noise::known(measured.dwell_us) {
        warnings.push(
            "the dwell times of the scan and of the noise scan are not both known: the noise is taken as it was \
             measured, as if they were the same"
                .into(),
        );
    }
    let covariance = match chain {
        Some(chain) => measured.through(&chain),
        None => measured.unscaled(),
    };
    Ok(NoiseScan {
        covariance,
        acquisitions,
        warnings,
    })
}
