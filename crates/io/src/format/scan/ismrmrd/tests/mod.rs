//! Raw data written here with the `hdf5` crate, and read back.

mod damaged;
mod noise_files;
mod oddities;
mod refused;
mod scans;
mod volumes;

use std::path::{Path, PathBuf};

use hdf5::types::{VarLenArray, VarLenAscii};
use ndarray::Array1;
use num_complex::Complex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

use super::super::super::scan::{Scan, ScanOptions};
use super::table::Head;
use crate::format::hdf5_reader::acquisition::Counters;

type C32 = Complex<f32>;

#[derive(Clone, hdf5::H5Type)]
#[repr(C)]
struct Acquisition {
    head: Head,
    traj: VarLenArray<f32>,
    data: VarLenArray<f32>,
}

/// Header and readouts of a file to be.
#[derive(Clone)]
struct Raw {
    xml: String,
    readouts: Vec<Acquisition>,
}

/// A header: encoded and reconstructed matrix, of 2 mm pixels, zero frequency at the steps `centre`, and what is added.
fn header(encoded: [usize; 3], recon: [usize; 3], centre: [usize; 2], more: &str) -> String {
    let space = |name: &str, [x, y, z]: [usize; 3]| {
        let [u, v, w] = [2 * x, 2 * y, 2 * z];
        format!(
            "<{name}><matrixSize><x>{x}</x><y>{y}</y><z>{z}</z></matrixSize>\
             <fieldOfView_mm><x>{u}</x><y>{v}</y><z>{w}</z></fieldOfView_mm></{name}>"
        )
    };
    let limits = |step: usize, centre: usize| {
        format!(
            "<kspace_encoding_step_{step}><minimum>0</minimum><maximum>99</maximum><center>{centre}</center>\
             </kspace_encoding_step_{step}>"
        )
    };
    format!(
        "<ismrmrdHeader xmlns='http://www.ismrm.org/ISMRMRD'><encoding>{}{}<encodingLimits>{}{}</encodingLimits>\
         <trajectory>cartesian</trajectory>{more}</encoding></ismrmrdHeader>",
        space("encodedSpace", encoded),
        space("reconSpace", recon),
        limits(1, centre[0]),
        limits(2, centre[1])
    )
}

/// Random lines, `(coils, samples)`.
fn line(rng: &mut ChaCha8Rng, coils: usize, samples: usize) -> Vec<Vec<C32>> {
    let mut value = || Complex::new(rng.random::<f32>() - 0.5, rng.random::<f32>() - 0.5);
    (0..coils).map(|_| (0..samples).map(|_| value()).collect()).collect()
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A readout of those lines with the centre in their middle.
fn readout(idx: Counters, lines: &[Vec<C32>], flags: &[u32]) -> Acquisition {
    let samples = lines[0].len();
    Acquisition {
        head: Head {
            idx,
            flags: flags.iter().map(|flag| 1 << (flag - 1)).sum(),
            number_of_samples: samples as u16,
            active_channels: lines.len() as u16,
            center_sample: (samples / 2) as u16,
            sample_time_us: 2.0,
            position: [1.0, 2.0, 3.0],
            read_dir: [0.0, 1.0, 0.0],
            phase_dir: [0.0, 0.0, 1.0],
            slice_dir: [1.0, 0.0, 0.0],
            ..Head::default()
        },
        traj: VarLenArray::default(),
        data: values(lines),
    }
}

fn values(lines: &[Vec<C32>]) -> VarLenArray<f32> {
    let parts: Vec<f32> = lines.iter().flatten().flat_map(|v| [v.re, v.im]).collect();
    VarLenArray::from_slice(&parts)
}

fn step(column: usize) -> Counters {
    Counters {
        kspace_encode_step_1: column as u16,
        ..Counters::default()
    }
}

/// A scan of 3 coils, 8x6, fully sampled.
fn plain() -> Raw {
    let mut rng = random(5);
    let readouts = (0..6).map(|column| readout(step(column), &line(&mut rng, 3, 8), &[]));
    Raw {
        xml: header([8, 6, 1], [8, 6, 1], [3, 0], ""),
        readouts: readouts.collect(),
    }
}

/// A file that is closed when it is let go. Otherwise HDF5 waits for types that its crate keeps, and writes when it is
/// read.
fn opened(path: &Path, mode: hdf5::OpenMode) -> hdf5::File {
    let mut options = hdf5::File::with_options();
    options.fapl().fclose_degree(hdf5::file::FileCloseDegree::Strong);
    options.open_as(path, mode).unwrap()
}

impl Raw {
    /// Writes the file into a folder of its own, the group under this name.
    fn write_as(&self, group: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raw.h5");
        let file = opened(&path, hdf5::OpenMode::Create);
        self.add_to(&file, group);
        (folder, path)
    }

    fn add_to(&self, file: &hdf5::File, group: &str) {
        let group = file.create_group(group).unwrap();
        let xml: VarLenAscii = self
            .xml
            .parse::<String>()
            .map(|xml| VarLenAscii::from_ascii(&xml).unwrap())
            .unwrap();
        group.new_dataset_builder().with_data(&[xml]).create("xml").unwrap();
        let rows = Array1::from(self.readouts.clone());
        group
            .new_dataset_builder()
            .with_data(rows.view())
            .chunk(1)
            .create("data")
            .unwrap();
    }

    fn write(&self) -> (TempDir, PathBuf) {
        self.write_as("dataset")
    }

    /// Writes and opens it.
    fn scan(&self) -> Written {
        let (folder, path) = self.write();
        Written {
            scan: open(&path).unwrap(),
            _folder: folder,
        }
    }
}

/// A scan in a folder of its own, which is there as long.
struct Written {
    scan: Scan,
    _folder: TempDir,
}

impl std::ops::Deref for Written {
    type Target = Scan;

    fn deref(&self) -> &Scan {
        &self.scan
    }
}

fn open(path: &Path) -> crate::error::Result<Scan> {
    crate::format::tests::open(path, &ScanOptions::default())
}
