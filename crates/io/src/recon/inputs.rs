//! What a scan and the files beside it say, as the engine wants it.

use std::cell::LazyCell;
use std::ops::Range;

use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use super::beside::{differing, follow, outside, settle};
use super::places::Places;
use super::{MapsSource, NoiseSource, SamplingSource, ScanSettings};
use crate::error::{Error, Result};
use crate::format::{self, MapsFile, MapsOf, Scan};
use pvdamp::array::{Grid, Maps, Mask};
use pvdamp::reconstruct::{Sampling, Sourced};
use pvdamp::sampling::{held_data, sampled_centre};
use pvdamp::{Acquisition, Error as Engine, Noise};

/// The sampling of a scan, judged by `kspace` `(coils, rows, cols)`, one of its slices that is not all zero, which was
/// acquired at `held`, where that is known; with sentences to warn of.
pub(super) fn sampling_of(
    scan: &Scan,
    kspace: ArrayView3<Complex<f32>>,
    held: Option<&Mask>,
    settings: &ScanSettings,
    places: &Places,
) -> Result<(Sampling, Vec<String>)> {
    let (grid, order) = (scan.grid(), scan.kspace_order());
    // needed where an array beside the scan is held to it
    let data = LazyCell::new(|| held.cloned().unwrap_or_else(|| held_data(kspace).mask));
    let mut told = Vec::new();
    let mut acquisition = Acquisition {
        acquired: header_limits(scan),
        held: held.cloned(),
        ..Acquisition::new(kspace)
    };
    match &settings.sampling {
        SamplingSource::Draw { family, request } => {
            let unfit = |error: Engine| match &error {
                Engine::Data { found, .. } => {
                    let mend = "leave out --accel, or give a fully sampled scan to draw a mask for";
                    Error::data(scan.place().clone(), format!("is {found}"), mend).caused_by(error)
                }
                _ => error.into(),
            };
            // volumes are often acquired without some slice encodes
            let drawn = match scan.planes_of_volume() {
                1 => acquisition.undersampled(family, request),
                _ => acquisition.undersampled_within(family, request),
            };
            acquisition = drawn.map_err(unfit)?;
        }
        SamplingSource::File(at) => {
            let origin = format!("read from {}", settings.name_of(at));
            let wrong = |mask: &Mask| differing(mask, &data) as f64;
            // of fully sampled k-space the centre tells, which masks sample most
            let away = |mask: &Mask| wrong(mask) - sampled_centre(mask).len() as f64 / (grid.len() + 1) as f64;
            let moved = |mask: &Mask| scan.moved_like_kspace(&mask.sampled, false).map(Mask::new);
            let (read, why) = follow("mask", format::read_mask(at, grid, order)?, moved, away);
            told.extend(why);
            let (mask, why) = settle("mask", read, order, wrong);
            told.extend(why);
            told.extend(outside(&mask, &data));
            acquisition.mask = Some(Sourced::new(mask, origin));
        }
        SamplingSource::Scan => {
            let sourced = |name: &str| format!("read from the scan's {name}");
            let mask = scan.mask.clone();
            told.extend(mask.as_ref().and_then(|mask| outside(mask, &data)));
            acquisition.mask = mask.map(|mask| Sourced::new(mask, sourced("mask")));
            let probability = scan.probability.clone();
            acquisition.probability = probability.map(|given| Sourced::new(given, sourced("prob_map")));
        }
    }
    if let Some(at) = &settings.probability {
        let mask = acquisition.mask.as_ref().map_or_else(|| &*data, |mask| &mask.value);
        // the sampled locations are the likely ones
        let wrong = |probability: &Array2<f64>| {
            let of_sampled = probability.iter().zip(&mask.sampled).filter(|(_, sampled)| **sampled);
            -of_sampled.map(|(p, _)| p).sum::<f64>()
        };
        let middle = [grid.rows / 2, grid.cols / 2];
        let away = |probability: &Array2<f64>| wrong(probability) - probability[middle] / (grid.len() + 1) as f64;
        let moved = |probability: &Array2<f64>| scan.moved_like_kspace(probability, 1.0);
        let read = format::read_probability(at, grid, order)?;
        let (read, why) = follow("sampling probability", read, moved, away);
        told.extend(why);
        let (probability, why) = settle("sampling probability", read, order, wrong);
        told.extend(why);
        let origin = format!("read from {}", settings.name_of(at));
        acquisition.probability = Some(Sourced::new(probability, origin));
    }
    let sampling = Sampling::of(&acquisition).map_err(|error| places.locate(error, None))?;
    Ok((sampling, told))
}

/// The lines that the header says were acquired, of rows and of columns: the encode `center` is the one at zero
/// frequency. Of the readout it says nothing.
pub(super) fn header_limits(scan: &Scan) -> [Option<Range<usize>>; 2] {
    let Grid {
        rows: n_rows,
        cols: n_cols,
    } = scan.grid();
    let [rows, cols] = scan.geometry.plane.in_plane();
    let of_axis = |encode: usize, n: usize| {
        let header = scan.header.as_ref()?;
        let limits = [None, header.phase_encodes, header.partition_encodes][encode]?;
        // where raw data are read from other steps than the header says, these count
        let centre = scan.step_at_centre(encode).or(limits.center)?;
        let first = |encode: usize| (n / 2).checked_add(encode)?.checked_sub(centre);
        let (start, last) = (first(limits.minimum)?, first(limits.maximum)?);
        let fits = header.encoded?.matrix[encode] == n && start <= last && last < n;
        fits.then(|| start..last + 1)
    };
    [of_axis(rows, n_rows), of_axis(cols, n_cols)]
}

/// Reads what is in a file, once; with sentences to warn of. Errors: no covariance or noise samples of the coils of `scan`
/// there.
pub(super) fn noise_of(scan: &Scan, settings: &ScanSettings) -> Result<(Noise, Vec<String>)> {
    let coils = scan.coils();
    let covariance = match &settings.noise {
        NoiseSource::Scan => match &scan.noise_covariance {
            Some(measured) => Sourced::new(measured.clone(), "measured with the scan"),
            None => return Ok((Noise::Estimate, Vec::new())),
        },
        NoiseSource::File(place) => Sourced::new(format::read_covariance(place, coils)?, settings.describe_noise()),
        NoiseSource::Samples(place) => {
            if let Some(noise) = format::read_noise_scan(place, scan)? {
                let (count, file) = (noise.acquisitions, settings.name_of(place));
                let origin = format!("measured by {count} noise acquisitions of {file}");
                let covariance = Sourced::new(noise.covariance, origin);
                return Ok((Noise::Covariance(covariance), noise.warnings));
            }
            let samples = format::read_noise(place, coils)?;
            let unfit = |error: Engine| {
                let (Engine::Data { found, .. } | Engine::NotEnough { found, .. }) = &error else {
                    return Error::from(error);
                };
                let mend = "give samples of noise alone, of all coils of the scan";
                Error::data(place.clone(), found.clone(), mend).caused_by(error)
            };
            let noise = Noise::of_samples(samples.view()).map_err(unfit)?;
            let Noise::Covariance(mut covariance) = noise else {
                return Ok((noise, Vec::new()));
            };
            covariance.origin = format!("{} of {}", covariance.origin, settings.name_of(place));
            covariance
        }
        NoiseSource::Variance(variance) => return Ok((Noise::Variance(*variance), Vec::new())),
    };
    Ok((Noise::Covariance(covariance), Vec::new()))
}

/// Opens the file of maps, where there is one.
pub(super) fn maps_of(scan: &Scan, source: &MapsSource) -> Result<Option<MapsFile>> {
    match source {
        MapsSource::Espirit => Ok(None),
        MapsSource::File(place) => {
            let fits = MapsOf {
                slices: scan.slices(),
                places: scan.places.count(),
                coils: scan.coils(),
                grid: scan.grid(),
                order: scan.kspace_order(),
            };
            format::read_maps(place, fits).map(Some)
        }
    }
}

/// The maps of a slice, `(sets, coils, rows, cols)`.
pub(super) fn maps_of_slice(file: &MapsFile, origin: String, scan: &Scan, slice: usize) -> Result<Sourced<Maps<f32>>> {
    let maps = file.slice(slice, scan.places.of_slice(slice))?;
    Ok(Sourced::new(maps, origin))
}
