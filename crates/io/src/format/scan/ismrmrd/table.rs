//! The table of acquisitions: a head and the samples of every coil, one readout a row.

use std::path::Path;

use super::super::super::hdf5_reader::{Failure, Hdf5File, TableInfo};
use super::super::super::source::messages::{DAMAGED, TOO_LARGE};
use crate::error::{Error, Place, Result};

pub(super) use super::super::super::hdf5_reader::Head;

/// Heads read at a time.
const HEADS: usize = 4096;
/// Bytes of samples read at a time.
const PIECE: usize = 16 << 20;

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
    file: Hdf5File,
    rows: usize,
    /// How many numbers each row holds, where that can be looked up.
    lengths: Option<Vec<u32>>,
    /// The length of the file that it lies in.
    file_length: u64,
}

impl Table {
    /// The dataset of that name. Errors: one that is no such table, and one that holds no row.
    pub fn open(file: &Hdf5File, path: &Path, name: &str) -> Result<Self> {
        let place = Place::new(path, name);
        let wrong = |problem: String, mend: &str| Err(Error::data(place.clone(), problem, mend));
        let info = file
            .table(name)
            .map_err(|failure| failure.error(place.clone(), "cannot be opened"))?;
        let (shape, stored, sound, file_length, lengths) = match info {
            TableInfo::Rows {
                shape,
                stored,
                sound,
                file,
                lengths,
            } => (shape, stored, sound, file, lengths),
            TableInfo::Lacking { held, field } => {
                let problem = format!("is no table of ISMRMRD acquisitions: it holds {held} without '{field}'");
                return wrong(
                    problem,
                    "write it as ISMRMRD does: a compound {head, traj, data} a readout",
                );
            }
        };
        let rows = match shape[..] {
            [0] => return wrong("holds no acquisition".into(), "give a file with the readouts of a scan"),
            [rows] => rows,
            _ => {
                let problem = format!("has {} axes, where a list of acquisitions is expected", shape.len());
                return wrong(problem, "write one acquisition after the other");
            }
        };
        if !sound {
            return wrong(format!("claims {rows} acquisitions but stores {stored} bytes"), DAMAGED);
        }
        Ok(Self {
            place,
            file: file.clone(),
            rows,
            lengths,
            file_length,
        })
    }

    /// An error about the table.
    pub fn error(&self, problem: impl Into<String>, mend: impl Into<String>) -> Error {
        Error::data(self.place.clone(), problem, mend)
    }

    /// The head of every acquisition.
    pub fn heads(&self) -> Result<Vec<Head>> {
        let mut heads = Vec::new();
        let room = heads.try_reserve_exact(self.rows);
        room.map_err(|_| {
            self.error(
                format!("holds {} acquisitions, too many for the memory", self.rows),
                TOO_LARGE,
            )
        })?;
        for first in (0..self.rows).step_by(HEADS) {
            let end = (first + HEADS).min(self.rows);
            let read = self.file.heads(first, end).map_err(|e| self.unread(first, end, e))?;
            if read.len() != end - first {
                return Err(self.error(format!("has not the {} acquisitions that it had", self.rows), DAMAGED));
            }
            heads.extend(read);
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
        if claimed > self.file_length {
            let problem = format!(
                "its heads tell of {claimed} bytes of samples, in a file of {}",
                self.file_length
            );
            return Err(self.error(problem, DAMAGED));
        }
        Ok(())
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
            let read = self.file.samples(first, first + length, bytes / size_of::<f32>());
            let (lengths, read) = read.map_err(|e| self.unread(first, first + length, e))?;
            let mut rest = &read[..];
            for (at, &stored) in lengths.iter().enumerate() {
                let row = &rows[done + at];
                self.check_length(row, stored, numbers(coils, row))?;
                let (samples, others) = rest.split_at(stored);
                self.check_finite(row, samples)?;
                visit(done + at, samples);
                rest = others;
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

    fn unread(&self, first: usize, end: usize, failure: Failure) -> Error {
        let which = match end - first {
            1 => format!("acquisition {first}"),
            _ => format!("a head or samples of the acquisitions {first} to {}", end - 1),
        };
        failure.error(self.place.clone(), &format!("{which} cannot be read"))
    }
}
