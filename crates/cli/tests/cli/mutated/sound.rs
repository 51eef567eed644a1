//! Small sound files of every kind that is read.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use super::change::checked;
use crate::acquisitions::{Counters, Head, Readout};
use crate::support::command::*;
use hdf5::types::{VarLenArray, VarLenUnicode};
use ndarray::{Array1, Array4, arr0};
use pvdamp::array::Grid;
use pvdamp_io::format::header_xml;
use zip::CompressionMethod;

const GRID: Grid = Grid::new(24, 20);
const SCAN: [&str; 2] = [
    "info FILE --threads 1",
    "recon FILE -o out.h5 --iterations 2 --map-sets 1 --threads 1",
];
const RESULT: [&str; 2] = ["eval FILE FILE --threads 1", "convert FILE out.h5 --threads 1"];

/// A sound file, as it is stored.
pub struct Sound {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// Numbers, of which any are as good as others.
    pub values: Range<usize>,
    /// Parts that HDF5 checks: each with the place of its checksum, right behind it.
    pub checked: Vec<Range<usize>>,
    /// A file that goes with it, and stays sound.
    pub beside: Option<(&'static str, Vec<u8>)>,
    pub commands: [&'static str; 2],
}

/// Those of HDF5, where more can be wrong, twice.
pub fn sound() -> Vec<Sound> {
    let folder = Folder::with_scan("--size 24x20 --coils 2 --slices 2 --seed 1");
    folder.run_ok("recon full.h5 --accel 2 --acs 10 --iterations 2 -o result.h5");
    folder.run_ok("simulate --volume --size 12x10 --coils 2 --slices 8 --seed 1 -o volume.h5");
    folder.run_ok("convert full.h5 array.npy");
    folder.run_ok("convert full.h5 pair.cfl");
    let kspace = folder.complex("full.h5:kspace").into_dimensionality().unwrap();
    latest(&folder.path("latest.h5"), &kspace);
    raw(&folder.path("raw.h5"), &kspace);
    let read = |name: &str| std::fs::read(folder.path(name)).unwrap();
    let stored = |name: &'static str, values: Range<usize>| Sound {
        name,
        bytes: read(name),
        checked: checked(&read(name)),
        values,
        beside: None,
        commands: SCAN,
    };
    let values = |place: &str| {
        let dataset = folder.dataset(place);
        // one chunk behind the other, or all in one piece
        let chunks = (0..dataset.num_chunks().unwrap_or(0)).filter_map(|index| dataset.chunk_info(index));
        let start = chunks.map(|chunk| chunk.addr).min().or(dataset.offset()).unwrap() as usize;
        start..start + dataset.storage_size() as usize
    };
    let array = read("array.npy");
    let archive = |name: &'static str, method: CompressionMethod| Sound {
        name,
        bytes: npz(&array, method),
        values: 200..array.len() / 2,
        checked: Vec::new(),
        beside: None,
        commands: SCAN,
    };
    let hdf5 = || {
        [
            stored("full.h5", values("full.h5:kspace")),
            stored("latest.h5", values("latest.h5:kspace")),
            stored("raw.h5", 0..0),
            stored("volume.h5", values("volume.h5:kspace")),
            Sound {
                commands: RESULT,
                ..stored("result.h5", values("result.h5:image"))
            },
        ]
    };
    hdf5()
        .into_iter()
        .chain(hdf5())
        .chain([
            stored("array.npy", 128..array.len()),
            archive("stored.npz", CompressionMethod::Stored),
            archive("packed.npz", CompressionMethod::Deflated),
            Sound {
                beside: Some(("pair.cfl", read("pair.cfl"))),
                ..stored("pair.hdr", 0..0)
            },
        ])
        .collect()
}

/// Of the latest version of the format: blocks with checksums, compressed chunks, an index of its own kind.
fn latest(path: &Path, kspace: &Array4<C32>) {
    let mut options = hdf5::File::with_options();
    options.fapl().libver_latest();
    let file = options.create(path).unwrap();
    let [_, coils, rows, cols] = *kspace.shape() else {
        panic!("an array of 4 axes")
    };
    let builder = file.new_dataset_builder().with_data(kspace.view());
    let builder = builder.chunk([1, coils, rows / 2, cols]).deflate(6).fletcher32();
    builder.create("kspace").unwrap();
    let header = arr0(header_xml(GRID, coils, 2).parse::<VarLenUnicode>().unwrap());
    let builder = file.new_dataset_builder().with_data(&header);
    builder.create("ismrmrd_header").unwrap();
    // more than fit into the header of the file
    for i in 0..12 {
        let text: VarLenUnicode = format!("text {i}").parse().unwrap();
        let attribute = file
            .new_attr::<VarLenUnicode>()
            .create(format!("attribute{i}").as_str());
        attribute.unwrap().write_scalar(&text).unwrap();
    }
}

/// The same k-space as raw data of ISMRMRD, whose samples are lists in a heap.
fn raw(path: &Path, kspace: &Array4<C32>) {
    let (slices, coils, rows, cols) = kspace.dim();
    let readout = |slice: usize, col: usize| {
        let samples = |coil: usize| (0..rows).map(move |row| kspace[[slice, coil, row, col]]);
        let values: Vec<f32> = (0..coils).flat_map(samples).flat_map(|v| [v.re, v.im]).collect();
        let idx = Counters {
            kspace_encode_step_1: col as u16,
            slice: slice as u16,
            ..Counters::default()
        };
        let head = Head {
            number_of_samples: rows as u16,
            active_channels: coils as u16,
            center_sample: (rows / 2) as u16,
            idx,
            ..Head::default()
        };
        Readout {
            head,
            traj: VarLenArray::default(),
            data: VarLenArray::from_slice(&values),
        }
    };
    let readouts = (0..slices).flat_map(|slice| (0..cols).map(move |col| (slice, col)));
    let rows: Array1<Readout> = readouts.map(|(slice, col)| readout(slice, col)).collect();
    let mut options = hdf5::File::with_options();
    options.fapl().fclose_degree(hdf5::file::FileCloseDegree::Strong);
    let file = options.create(path).unwrap();
    let group = file.create_group("dataset").unwrap();
    let xml = [header_xml(GRID, coils, slices).parse::<VarLenUnicode>().unwrap()];
    let builder = group.new_dataset_builder().with_data(&xml);
    builder.create("xml").unwrap();
    let builder = group.new_dataset_builder().with_data(rows.view());
    builder.chunk(8).create("data").unwrap();
}

fn npz(array: &[u8], method: CompressionMethod) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    archive.start_file("kspace.npy", options).unwrap();
    archive.write_all(array).unwrap();
    archive.finish().unwrap().into_inner()
}
