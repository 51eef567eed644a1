//! The table of acquisitions: a head and the samples of every coil, one readout a row.

use std::path::Path;

use hdf5::types::{CompoundType, TypeDescriptor, VarLenArray};
use ndarray::{Ix1, s};

use super::super::super::source::h5::library;
use super::super::super::source::messages::DAMAGED;
use super::lengths::stored_lengths;
use crate::error::{Error, Place, Result};

/// Heads read at a time.
const HEADS: usize = 4096;
/// Bytes of samples read at a time.
const PIECE: usize = 16 << 20;
/// A table whose rows are stored in fewer bytes than this fraction of them was never written.
const INFLATION: u64 = 2000;

/// `EncodingCounters` of ISMRMRD, those used here; HDF5 matches them by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, hdf5::H5Type)]
#[repr(C)]
pub(super) struct Counters {
    pub kspace_encode_step_1: u16,
    pub kspace_encode_step_2: u16,
    pub slice: u16,
    pub contrast: u16,
    pub phase: u16,
    pub repetition: u16,
    pub set: u16,
    pub user: [u16; 8],
}

/// `AcquisitionHeader` of ISMRMRD, the fields used here.
#[derive(Clone, Copy, Debug, Default, PartialEq, hdf5::H5Type)]
#[repr(C)]
pub(super) struct Head {
    pub flags: u64,
    pub number_of_samples: u16,
    pub active_channels: u16,
    pub discard_pre: u16,
    pub discard_post: u16,
    pub center_sample: u16,
    pub encoding_space_ref: u16,
    pub trajectory_dimensions: u16,
    pub sample_time_us: f32,
    pub position: [f32; 3],
    pub read_dir: [f32; 3],
    pub phase_dir: [f32; 3],
    pub slice_dir: [f32; 3],
    pub idx: Counters,
}

impl Head {
    /// Whether a flag of `ISMRMRD_AcquisitionFlags` is set; they count from 1.
    pub fn is(&self, flag: u32) -> bool {
        self.flags >> (flag - 1) & 1 == 1
    }

    /// Counters of the slice of the scan that it belongs to, those that change slowest first.
    pub fn frame(&self) -> [u16; 5] {
        let idx = &self.idx;
        [idx.contrast, idx.phase, idx.repetition, idx.set, idx.slice]
    }

    /// Samples that are not to be discarded.
    pub fn usable_samples(&self) -> usize {
        let discarded = usize::from(self.discard_pre) + usize::from(self.discard_post);
        usize::from(self.number_of_samples).saturating_sub(discarded)
    }
}

#[derive(hdf5::H5Type)]
#[repr(C)]
struct HeadRow {
    head: Head,
}

#[derive(hdf5::H5Type)]
#[repr(C)]
struct SampleRow {
    data: VarLenArray<f32>,
}

/// A row to be read, and the number of samples that its head tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub row: usize,
    pub samples: usize,
}

/// How many real numbers a row of so many coils holds.
fn numbers(coils: usize, row: &Row) -> usize {
    2 * coils * row.samples
}

/// The dataset `data` of a group.
pub(super) struct Table {
    pub place: Place,
    dataset: hdf5::Dataset,
    rows: usize,
    /// How many numbers each row holds, where that can be looked up.
    lengths: Option<Vec<u32>>,
}

impl Table {
    /// The dataset of that name. Errors: one that is no such table, and one that holds no row.
    pub fn open(file: &hdf5::File, path: &Path, name: &str) -> Result<Self> {
        let place = Place::new(path, name);
        let wrong = |problem: String, mend: &str| Err(Error::data(place.clone(), problem, mend));
        let damaged = |e: hdf5::Error| {
            let problem = format!("cannot be opened ({})", library(&e));
            Error::data(place.clone(), problem, DAMAGED).caused_by(e)
        };
        let dataset = file.dataset(name).map_err(damaged)?;
        let row = dataset.dtype().and_then(|d| d.to_descriptor());
        let (held, lacking) = match &row {
            Ok(TypeDescriptor::Compound(row)) => ("a compound".to_string(), lacking(row)),
            Ok(other) => (other.to_string(), Some("head".into())),
            Err(e) => (library(e), Some("head".into())),
        };
        if let Some(field) = lacking {
            let problem = format!("is no table of ISMRMRD acquisitions: it holds {held} without '{field}'");
            let mend = "write it as ISMRMRD does: a compound {head, traj, data} a readout";
            let error = Error::data(place.clone(), problem, mend);
            return Err(match row {
                Err(e) => error.caused_by(e),
                Ok(_) => error,
            });
        }
        let rows = match dataset.shape()[..] {
            [0] => return wrong("holds no acquisition".into(), "give a file with the readouts of a scan"),
            [rows] => rows,
            ref shape => {
                let problem = format!("has {} axes, where a list of acquisitions is expected", shape.len());
                return wrong(problem, "write one acquisition after the other");
            }
        };
        let (bytes, stored) = (
            (rows as u64).saturating_mul(size_of::<HeadRow>() as u64),
            dataset.storage_size(),
        );
        if bytes / INFLATION > stored {
            return wrong(format!("claims {rows} acquisitions but stores {stored} bytes"), DAMAGED);
        }
        let lengths = stored_lengths(&dataset, path, rows);
        Ok(Self {
            place,
            dataset,
            rows,
            lengths,
        })
    }

    /// An error about the table.
    pub fn error(&self, problem: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::data(self.place.clone(), problem, mend)
    }

    /// The head of every acquisition.
    pub fn heads(&self) -> Result<Vec<Head>> {
        let mut heads = Vec::new();
        for first in (0..self.rows).step_by(HEADS) {
            let end = (first + HEADS).min(self.rows);
            let read = self.dataset.read_slice::<HeadRow, _, Ix1>(s![first..end]);
            heads.extend(read.map_err(|e| self.unread(first, end, e))?.iter().map(|row| row.head));
        }
        Ok(heads)
    }

    /// Holds the lengths of `rows` that the heads tell to what is stored, before memory is asked for. Where the lengths
    /// cannot be looked up, all together must fit the file: HDF5 keeps lists uncompressed.
    pub fn check_lengths(&self, coils: usize, rows: &[Row]) -> Result<()> {
        for row in rows {
            if let Some(stored) = self.lengths.as_ref().and_then(|lengths| lengths.get(row.row)) {
                self.check_length(row, *stored as usize, numbers(coils, row))?;
            }
        }
        let claimed: u64 = rows
            .iter()
            .map(|row| (numbers(coils, row) * size_of::<f32>()) as u64)
            .sum();
        match std::fs::metadata(self.dataset.filename()) {
            Ok(file) if claimed > file.len() => {
                let problem = format!(
                    "its heads tell of {claimed} bytes of samples, in a file of {}",
                    file.len()
                );
                Err(self.error(problem, DAMAGED))
            }
            _ => Ok(()),
        }
    }

    /// Reads the samples of `rows`, in that order: real and imaginary parts, `(coils, samples, 2)`. All are finite.
    ///
    /// Errors: what cannot be read, another number of values than the head tells, NaN and Inf.
    pub fn samples(&self, coils: usize, rows: &[Row], mut visit: impl FnMut(usize, &[f32])) -> Result<()> {
        self.check_lengths(coils, rows)?;
        let mut done = 0;
        while done < rows.len() {
            let first = rows[done].row;
            let mut length = 1;
            let mut bytes = numbers(coils, &rows[done]) * size_of::<f32>();
            while let Some(next) = rows.get(done + length).filter(|next| next.row == first + length) {
                bytes += numbers(coils, next) * size_of::<f32>();
                if bytes > PIECE {
                    break;
                }
                length += 1;
            }
            let read = self.dataset.read_slice::<SampleRow, _, Ix1>(s![first..first + length]);
            let read = read.map_err(|e| self.unread(first, first + length, e))?;
            for (at, stored) in read.iter().enumerate() {
                let row = &rows[done + at];
                self.check_length(row, stored.data.len(), numbers(coils, row))?;
                self.check_finite(row, &stored.data)?;
                visit(done + at, &stored.data);
            }
            done += length;
        }
        Ok(())
    }

    fn check_length(&self, Row { row, samples }: &Row, stored: usize, wanted: usize) -> Result<()> {
        if stored == wanted {
            return Ok(());
        }
        let coils = wanted / (2 * samples).max(1);
        let problem = format!(
            "acquisition {row} holds {stored} numbers, where its head tells of {samples} samples of {coils} coils"
        );
        Err(self.error(problem, DAMAGED))
    }

    fn check_finite(&self, Row { row, .. }: &Row, values: &[f32]) -> Result<()> {
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(()),
            count => {
                let problem = format!("{count} values of acquisition {row} are NaN or infinite");
                Err(self.error(problem, "set them to zero or write them anew"))
            }
        }
    }

    fn unread(&self, first: usize, end: usize, error: hdf5::Error) -> Error {
        let which = match end - first {
            1 => format!("acquisition {first}"),
            _ => format!("a head or samples of the acquisitions {first} to {}", end - 1),
        };
        let problem = format!("{which} cannot be read ({})", library(&error));
        self.error(problem, DAMAGED).caused_by(error)
    }
}

/// The first field that a stored row lacks, or has of another kind. HDF5 leaves a field that is not stored as it finds
/// the memory, so that all must be there.
fn lacking(row: &CompoundType) -> Option<String> {
    fn find<'a>(within: &'a CompoundType, name: &str) -> Option<&'a TypeDescriptor> {
        within
            .fields
            .iter()
            .find(|field| field.name == name)
            .map(|field| &field.ty)
    }
    fn fits(stored: &TypeDescriptor, wanted: &TypeDescriptor) -> std::result::Result<(), String> {
        use TypeDescriptor::{Compound, FixedArray, Float, Integer, Unsigned, VarLenArray};
        let none = || Err(String::new());
        match (stored, wanted) {
            (Compound(stored), Compound(wanted)) => wanted.fields.iter().try_for_each(|field| {
                let found = find(stored, &field.name).map(|stored| fits(stored, &field.ty));
                match found {
                    Some(Ok(())) => Ok(()),
                    Some(Err(inner)) if !inner.is_empty() => Err(format!("{}.{inner}", field.name)),
                    _ => Err(field.name.clone()),
                }
            }),
            (FixedArray(a, n), FixedArray(b, m)) if n == m => fits(a, b),
            (VarLenArray(a), VarLenArray(b)) => fits(a, b),
            (Unsigned(_) | Integer(_), Unsigned(_)) | (Float(_), Float(_)) => Ok(()),
            _ => none(),
        }
    }
    use hdf5::H5Type;
    let stored = TypeDescriptor::Compound(row.clone());
    let wanted = [HeadRow::type_descriptor(), SampleRow::type_descriptor()];
    wanted.iter().find_map(|wanted| fits(&stored, wanted).err())
}
