//! Raw data in ISMRMRD's HDF5 (Inati et al., Magn Reson Med 77:411, 2017): a group with `xml`, the header, and `data`,
//! a readout of all coils a row, in the order of the measurement.

mod calibration;
mod centre;
mod directions;
mod epi;
mod geometry;
mod layout;
mod noise;
mod noise_scan;
mod planes;
mod readout;
mod sort;
mod table;
#[cfg(test)]
mod tests;

pub(in crate::format) use self::noise::Chain;
pub use self::noise_scan::{NoiseScan, read_noise_scan};

use self::layout::{Layout, Line, Repeats};
use self::planes::{Slices, Volumes};
use self::readout::Readout;
use self::sort::Sorted;
use self::table::{Head, Row, Table};
use super::super::hdf5_reader::Hdf5File;
use super::super::header::Header;
use super::super::reason::Reason;
use super::super::source::container::Container;
use super::super::stamp::ReadFiles;
use super::options::ScanOptions;
use super::plane_store::Ordered;
use super::reader::{ImageBegins, Planes, Scan, ScanFormat};
use crate::error::{Error, Place, Result};

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "ismrmrd",
    title: "ISMRMRD raw data",
    summary: "a group with 'xml' (the header) and 'data' (a readout of all coils a row), as 'dataset'",
    citation: "Inati et al., Magn Reson Med 77:411 (2017)",
    recognise,
    open,
};

/// Groups that hold `data` and `xml`; those that are `named`, as themselves or by their `data`.
fn groups(file: &Hdf5File, named: Option<&str>) -> Vec<String> {
    let mut found = file.measurements();
    if let Some(named) = named {
        let named = named.trim_matches('/');
        let table = |group: &str| named.strip_suffix("data").map(|g| g.trim_end_matches('/')) == Some(group);
        found.retain(|group| group == named || table(group));
    }
    found
}

/// The name of a dataset of a group, which may be the root.
fn within(group: &str, name: &str) -> String {
    format!("{group}/{name}").trim_start_matches('/').to_string()
}

/// A file with an array `kspace` is read as that, unless the group is named.
fn recognise(file: &Container, options: &ScanOptions) -> bool {
    file.hdf5().is_some_and(|file| {
        let array = options.dataset.is_none() && file.exists("kspace");
        !array && !groups(file, options.dataset.as_deref()).is_empty()
    })
}

/// Lines are put on the encoded grid by their counters, their averages averaged, and the readout oversampling taken
/// out. Every contrast, phase, repetition, set and slice that occurs is a slice of the scan, the slices fastest. With
/// partition encodes each is a volume, whose slices are planes along the readout.
///
/// # Errors
/// A table that cannot be read, holds no line of an image or lines that do not go together, a header without a
/// matrix, and samples off the grid.
fn open(file: &Container, options: &ScanOptions) -> Result<Scan> {
    if options.axes.is_some() {
        return Err(Error::setting(
            "--axes means nothing to ISMRMRD raw data, whose acquisitions tell where they lie",
        ));
    }
    let path = file.path();
    let file = file.hdf5().ok_or_else(|| Error::internal("raw data are HDF5"))?;
    let group = match &groups(file, options.dataset.as_deref())[..] {
        [group] => group.clone(),
        several => {
            let problem = format!("holds several measurements: {}", several.join(", "));
            return Err(Error::data(path, problem, "name one of these groups by --kspace"));
        }
    };
    let table = Table::open(file, path, &within(&group, "data"))?;
    let heads = table.heads()?;
    let mut sorted = Sorted::new(&heads);
    if sorted.imaging.is_empty() {
        return Err(layout::no_lines(&table, heads.len(), sorted.left_out()));
    }
    let header = header(file, &within(&group, "xml"), sorted.encoding).map_err(|why| {
        let problem = format!("is no ISMRMRD header: {why}");
        let place = Place::new(path, within(&group, "xml"));
        why.cause_of(Error::data(place, problem, "write the header that belongs to the data"))
    })?;
    let (attributes, mut warnings) = file.attributes();
    let mut layout = Layout::new(&header, &heads, &sorted.imaging, &table, &options.centre)?;
    warnings.extend(sorted.left_out());
    let mode = header.calibration_mode.as_deref();
    sorted.take_calibration(&heads, &layout, mode);
    let frames = layout.frames(&heads, &sorted.imaging, &table)?;
    let rows: Vec<Row> = frames.values().flatten().map(|line| line.row).collect();
    table.check_lengths(layout.coils, &rows)?;
    let positions = layout.positions(&frames.values().flatten().collect::<Vec<_>>(), &heads);
    let repeats = Repeats::of(&frames, &heads);
    let chain = Chain {
        dwell_us: heads[sorted.imaging[0]].sample_time_us,
        bandwidth: header.system.noise_bandwidth,
        trimmed: positions < layout.matrix[0] || layout.regridding.is_some(),
        averaging: repeats.variance,
    };
    let noise = &sorted.noise;
    let noise_covariance = noise::covariance(&table, &heads, noise, layout.coils, chain, &mut warnings)?;
    warnings.extend(layout.warnings.drain(..).chain(repeats.warnings));

    let firsts: Vec<&Head> = frames.values().map(|lines| &heads[lines[0].row.row]).collect();
    let (directions, why) = directions::directions(options.directions, &header.system);
    let mut geometry = geometry::geometry(&layout, &header, &firsts, positions, directions);
    geometry.directions = Some(format!("{} ({why})", directions.sentence()));
    let keys: Vec<[u16; 5]> = frames.keys().copied().collect();
    let names = sort::names(&keys);
    let (grid, planes_a_frame) = layout.planes(positions);
    let places = sort::places(frames.keys().zip(&firsts), planes_a_frame);
    geometry.names = names
        .into_iter()
        .flat_map(|name| plane_names(name, planes_a_frame, layout.volume, frames.len()))
        .collect();
    let slices = frames.len() * planes_a_frame;
    let separate = sorted.separate(&heads);
    let calibration = (!separate.is_empty()).then(|| {
        let table = Table::open(file, path, &within(&group, "data"))?;
        calibration::calibration(table, &header, &heads, &separate, &layout, &keys, positions)
    });
    let calibration = calibration.transpose().unwrap_or_else(|why| {
        let unused = separate.len();
        warnings.push(format!("{unused} parallel calibration lines are not used: {why}"));
        None
    });
    if sorted.calibration.len() > separate.len() {
        let others = sorted.calibration.len() - separate.len();
        warnings.push(format!(
            "{others} parallel calibration lines of another encoding are not used"
        ));
    }
    Ok(Scan {
        calibration,
        place: table.place.clone(),
        format: FORMAT.name,
        slices,
        planes_of_volume: planes_a_frame,
        steps_at_centre: Some(layout.centres),
        coils: layout.coils,
        grid,
        dtype: "complex64".into(),
        planes: planes(table, frames.into_values().collect(), layout, positions),
        geometry,
        places,
        references: Vec::new(),
        header: Some(header),
        mask: None,
        probability: None,
        noise_covariance,
        noise_chain: Some(chain),
        kspace_order: Default::default(),
        attributes,
        image_begins: ImageBegins::AtItsEdge,
        origin: None,
        looked_at: Default::default(),
        anonymized: false,
        warnings,
        files: ReadFiles::default(),
    })
}

/// The part of a header that tells of an encoding; the error says why there is none.
fn header(file: &Hdf5File, name: &str, encoding: usize) -> std::result::Result<Header, Reason> {
    let dataset = file.array(name).map_err(Reason::of)?.ok_or("it is no dataset")?;
    Header::parse_encoding(&dataset.text().map_err(Reason::of)?, encoding)
}

fn planes(table: Table, frames: Vec<Vec<Line>>, layout: Layout, positions: usize) -> Box<dyn Planes> {
    let rows = layout.matrix[0];
    let readout = Readout::new(rows, positions);
    if layout.volume {
        return Ordered::later(Volumes {
            table,
            frames,
            layout,
            readout,
        });
    }
    Box::new(Slices {
        table,
        frames,
        coils: layout.coils,
        columns: layout.matrix[1],
        regridding: layout.regridding,
        readout,
        trimmed: positions < rows,
        rows,
    })
}

/// Names of the slices of a frame: its own, and of a volume the position along the readout.
fn plane_names(frame: String, planes: usize, volume: bool, frames: usize) -> Vec<String> {
    match (volume, frames) {
        (false, _) => vec![frame],
        (true, 1) => (0..planes).map(|x| format!("x {x}")).collect(),
        (true, _) => (0..planes).map(|x| format!("{frame}, x {x}")).collect(),
    }
}
