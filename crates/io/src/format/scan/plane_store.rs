//! k-space put in order on disk, for scans whose planes do not lie together in their file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Mutex, MutexGuard};

use ndarray::Array3;
use num_complex::Complex;

use super::super::source::messages::{DAMAGED, TOO_LARGE};
use super::reader::Planes;
use crate::error::{Error, Place, Result};
use pvdamp::array::{CoilStack, Grid};

const BYTES: usize = size_of::<Complex<f32>>();
/// Values read at once.
const BLOCK: usize = 1 << 16;

/// Planes of k-space in an unnamed file in the folder for temporary files, `(slices, coils, rows, cols)` complex64.
/// What was never written is zero. The file is gone with the last handle to it, however the program ends.
pub(crate) struct PlaneStore {
    file: Mutex<File>,
    /// Of the scan, for errors.
    place: Place,
    coils: usize,
    grid: Grid,
}

impl PlaneStore {
    /// Errors: no room on disk, and more planes than can be counted.
    pub fn create(place: &Place, slices: usize, coils: usize, grid: Grid) -> Result<Self> {
        let lengths = [coils, grid.rows, grid.cols, BYTES];
        let bytes = lengths.iter().try_fold(slices, |n, &length| n.checked_mul(length));
        let bytes = bytes.ok_or_else(|| {
            let problem = format!("claims {slices} planes of {coils} coils, {grid}, more than a disk holds");
            Error::data(place.clone(), problem, DAMAGED)
        })?;
        let file = tempfile::tempfile().and_then(|file| file.set_len(bytes as u64).map(|()| file));
        Ok(Self {
            file: Mutex::new(file.map_err(|e| failed(place, e))?),
            place: place.clone(),
            coils,
            grid,
        })
    }

    /// Writes consecutive values of one plane, from `(row, col)` on.
    pub fn write(&self, [slice, coil, row, col]: [usize; 4], values: &[Complex<f32>]) -> Result<()> {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|v| [v.re.to_ne_bytes(), v.im.to_ne_bytes()])
            .flatten()
            .collect();
        let mut file = self.at([slice, coil, row, col])?;
        file.write_all(&bytes).map_err(|e| failed(&self.place, e))
    }

    /// The file, at a value of it.
    fn at(&self, [slice, coil, row, col]: [usize; 4]) -> Result<MutexGuard<'_, File>> {
        let index = ((slice * self.coils + coil) * self.grid.rows + row) * self.grid.cols + col;
        let mut file = self.file.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let sought = file.seek(SeekFrom::Start((index * BYTES) as u64));
        sought.map(|_| file).map_err(|e| failed(&self.place, e))
    }
}

impl Planes for PlaneStore {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        self.plane(slice)
    }
}

impl PlaneStore {
    /// Reads one of them back.
    pub fn plane(&self, slice: usize) -> Result<CoilStack<f32>> {
        let shape = (self.coils, self.grid.rows, self.grid.cols);
        let no_memory = |_| {
            let problem = format!(
                "a plane of {} coils, {}, needs more memory than there is",
                self.coils, self.grid
            );
            Error::data(self.place.clone(), problem, TOO_LARGE)
        };
        let length = self.coils * self.grid.len();
        let mut values = Vec::new();
        values.try_reserve_exact(length).map_err(no_memory)?;
        let part = |bytes: &[u8]| f32::from_ne_bytes(bytes.try_into().expect("four bytes"));
        let mut block = vec![0; BLOCK * BYTES];
        let mut file = self.at([slice, 0, 0, 0])?;
        while values.len() < length {
            let bytes = &mut block[..BYTES * BLOCK.min(length - values.len())];
            file.read_exact(bytes).map_err(|e| failed(&self.place, e))?;
            let read = bytes.chunks_exact(BYTES);
            values.extend(read.map(|v| Complex::new(part(&v[..4]), part(&v[4..]))));
        }
        Ok(Array3::from_shape_vec(shape, values).expect("a plane for every coil"))
    }
}

/// A volume whose planes do not lie together in its file.
pub(super) trait Scattered: Send + Sync {
    /// Reads it once and puts its planes in order on disk; sentences to warn of.
    fn put_in_order(&self) -> Result<(Box<dyn Planes>, Vec<String>)>;
}

/// Its planes, put in order when they are prepared. Then the file that they lay in is let go.
pub(super) enum Ordered {
    Before(Box<dyn Scattered>),
    After(Box<dyn Planes>),
}

impl Ordered {
    pub fn later(volume: impl Scattered + 'static) -> Box<dyn Planes> {
        Box::new(Self::Before(Box::new(volume)))
    }
}

impl Planes for Ordered {
    fn prepare(&mut self) -> Result<Vec<String>> {
        let Self::Before(volume) = self else {
            return Ok(Vec::new());
        };
        let (planes, warnings) = volume.put_in_order()?;
        *self = Self::After(planes);
        Ok(warnings)
    }

    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        match self {
            Self::After(planes) => planes.slice(slice),
            Self::Before(_) => unreachable!("a scan that is read was prepared when it was opened"),
        }
    }
}

fn failed(place: &Place, error: std::io::Error) -> Error {
    let folder = std::env::temp_dir();
    let problem = format!(
        "its planes cannot be put in order on disk, in {} ({error})",
        folder.display()
    );
    Error::data(
        place.clone(),
        problem,
        "make room there, or name another folder by TMPDIR",
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_comes_back_and_the_rest_is_zero() {
        let place = Place::new("scan", "kspace");
        let store = PlaneStore::create(&place, 3, 2, Grid::new(4, 5)).unwrap();
        let values: Vec<_> = (0..7).map(|i| Complex::new(i as f32, -0.5)).collect();
        store.write([1, 1, 2, 1], &values).unwrap();
        let plane = store.slice(1).unwrap();
        assert_eq!(plane.dim(), (2, 4, 5));
        assert_eq!(plane.as_slice().unwrap()[20 + 11..20 + 18], values);
        let written = plane.iter().filter(|v| v.norm_sqr() > 0.0).count();
        assert_eq!(written, 7);
        assert!(store.slice(2).unwrap().iter().all(|v| v.norm_sqr() == 0.0));
    }

    #[test]
    fn more_planes_than_can_be_counted() {
        let place = Place::new("scan", "kspace");
        let created = PlaneStore::create(&place, 1 << 40, 128, Grid::new(1 << 16, 1 << 16));
        let message = created.err().unwrap().to_string();
        assert!(
            message.contains("'kspace'") && message.contains("128 coils, 65536x65536"),
            "{message}"
        );
    }
}
