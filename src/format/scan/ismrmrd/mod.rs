//! Raw data in ISMRMRD's HDF5 (Inati et al., Magn Reson Med 77:411, 2017): a group with `xml`, the header, and `data`, a
//! readout of all coils a row, in the order of the measurement.

mod layout;
mod lengths;
mod noise;
mod place;
mod planes;
mod readout;
mod sort;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use self::layout::{Layout, Line, Repeats};
use self::planes::{Slices, store_volumes};
use self::readout::Readout;
use self::sort::Sorted;
use self::table::{Head, Table};
use super::super::attribute;
use super::super::header::Header;
use super::super::source::container::Container;
use super::super::source::h5;
use super::{Planes, Scan, ScanFormat, ScanOptions};
use crate::error::{Error, Result};

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "ismrmrd",
    title: "ISMRMRD raw data",
    summary: "a group with 'xml' (the header) and 'data' (a readout of all coils a row), as 'dataset'",
    citation: "Inati et al., Magn Reson Med 77:411 (2017)",
    recognise,
    open,
};

/// Groups of a file that hold `data` and `xml`, those that the user means.
fn groups(file: &Container, options: &ScanOptions) -> Vec<String> {
    let names: Vec<String> = file.sources().iter().map(|s| s.name().to_string()).collect();
    let group = |name: &String| {
        let group = name
            .strip_suffix("data")
            .filter(|group| group.is_empty() || group.ends_with('/'))?;
        let whole = names.contains(&format!("{group}xml"));
        whole.then(|| group.trim_end_matches('/').to_string())
    };
    let meant = |group: &String| match &options.dataset {
        Some(named) => {
            let named = named.trim_matches('/');
            named == group || named.strip_suffix("data").map(|g| g.trim_end_matches('/')) == Some(group)
        }
        None => true,
    };
    names.iter().filter_map(group).filter(meant).collect()
}

/// A file with an array `kspace` is read as that, unless the group is named.
fn recognise(path: &Path, options: &ScanOptions) -> bool {
    Container::open(path).is_ok_and(|file| {
        let array = options.dataset.is_none() && file.has("kspace");
        file.hdf5().is_some() && !array && !groups(&file, options).is_empty()
    })
}

/// Lines are put on the encoded grid by their counters, their averages averaged, and the readout oversampling taken out.
/// Every contrast, phase, repetition, set and slice that occurs is a slice of the scan, the slices fastest. With
/// partition encodes each is a volume, whose slices are planes along the readout.
///
/// # Errors
/// A table that cannot be read, holds no line of an image or lines that do not go together, a header without a
/// matrix, and samples off the grid.
fn open(path: &Path, options: &ScanOptions) -> Result<Scan> {
    if options.axes.is_some() {
        return Err(Error::setting(
            "--axes means nothing to ISMRMRD raw data, whose acquisitions tell where they lie",
        ));
    }
    let file = Container::open(path)?;
    let group = match &groups(&file, options)[..] {
        [group] => group.clone(),
        several => {
            let problem = format!("holds several measurements: {}", several.join(", "));
            return Err(Error::data(path, problem, "name one of these groups by --kspace"));
        }
    };
    let within = |name: &str| format!("{group}/{name}").trim_start_matches('/').to_string();
    let lost = || Error::data(path, format!("the group '{group}' is not whole"), h5::DAMAGED);
    let source = |name: &str| file.source(&within(name))?.ok_or_else(lost);
    let table = Table::new(source("data")?)?;
    let heads = table.heads()?;
    let mut sorted = Sorted::new(&heads);
    if sorted.imaging.is_empty() {
        return Err(layout::no_lines(&table.source, heads.len(), sorted.left_out()));
    }
    let xml = source("xml")?;
    let header = Header::read_encoding(&xml, sorted.encoding).map_err(|why| {
        xml.error(
            format!("is no ISMRMRD header: {why}"),
            "write the header that belongs to the data",
        )
    })?;
    let (attributes, mut warnings) = file.hdf5().map(|f| attribute::read_all(f)).unwrap_or_default();
    let mut layout = Layout::new(&header, &heads, &sorted.imaging, &table.source)?;
    warnings.extend(sorted.left_out());
    let mode = header.calibration_mode.as_deref();
    warnings.extend(sorted.take_calibration(&heads, &layout, mode));
    let frames = layout.frames(&heads, &sorted.imaging, &table.source)?;
    let kept = layout.kept(&frames.values().flatten().collect::<Vec<_>>(), &heads);
    let repeats = Repeats::of(&frames, &heads);
    let chain = noise::Chain {
        dwell_us: heads[sorted.imaging[0]].sample_time_us,
        bandwidth: header.system.noise_bandwidth,
        trimmed: kept < layout.matrix[0],
        averaging: repeats.variance,
    };
    let (noise_covariance, told) = noise::covariance(&table, &heads, &sorted.noise, layout.coils, chain)?;
    warnings.extend(
        told.into_iter()
            .chain(layout.warnings.drain(..))
            .chain(repeats.warnings),
    );

    let firsts: Vec<&Head> = frames.values().map(|lines| &heads[lines[0].row.row]).collect();
    let mut geometry = place::geometry(&layout, &header, &firsts, kept);
    let names = sort::names(&frames.keys().copied().collect::<Vec<_>>());
    let (grid, planes_a_frame) = layout.planes(kept);
    geometry.names = names
        .into_iter()
        .flat_map(|name| plane_names(name, planes_a_frame, layout.volume, frames.len()))
        .collect();
    let slices = frames.len() * planes_a_frame;
    Ok(Scan {
        place: table.source.place.clone(),
        format: FORMAT.name,
        slices,
        coils: layout.coils,
        grid,
        dtype: "complex64".into(),
        planes: planes(table, frames.into_values().collect(), &layout, kept)?,
        geometry,
        references: Vec::new(),
        header: Some(header),
        mask: None,
        probability: None,
        noise_covariance,
        attributes,
        warnings,
    })
}

fn planes(table: Table, frames: Vec<Vec<Line>>, layout: &Layout, kept: usize) -> Result<Box<dyn Planes>> {
    let rows = layout.matrix[0];
    let readout = Readout::new(rows, kept);
    if layout.volume {
        return Ok(Box::new(store_volumes(&table, &frames, layout, &readout)?));
    }
    Ok(Box::new(Slices {
        table,
        frames,
        coils: layout.coils,
        columns: layout.matrix[1],
        readout,
        trimmed: kept < rows,
        rows,
    }))
}

/// Names of the slices of a frame: its own, and of a volume the position along the readout.
fn plane_names(frame: String, planes: usize, volume: bool, frames: usize) -> Vec<String> {
    match (volume, frames) {
        (false, _) => vec![frame],
        (true, 1) => (0..planes).map(|x| format!("x {x}")).collect(),
        (true, _) => (0..planes).map(|x| format!("{frame}, x {x}")).collect(),
    }
}
