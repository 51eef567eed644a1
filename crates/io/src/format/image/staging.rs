//! Slices kept on disk until all are there, for formats that need them in another order or their maximum first.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};

use super::super::atomic_file::unwritable;
use crate::error::Result;
use pvdamp::array::Grid;

/// Slices of equal size in an unnamed file beside the output, gone with its handle however the program ends. What was
/// never written is zero.
pub(super) struct Staging {
    file: File,
    /// Bytes of a slice.
    size: usize,
    /// Of the output, for errors.
    path: PathBuf,
}

impl Staging {
    pub fn create(path: &Path, slices: usize, size: usize) -> Result<Self> {
        let bytes = slices.checked_mul(size).and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| unwritable(path, format!("{slices} slices are more than any disk holds")))?;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        let file = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")))
            .and_then(|file| file.set_len(bytes).map(|()| file))
            .map_err(|e| unwritable(path, e))?;
        Ok(Self {
            file,
            size,
            path: path.to_path_buf(),
        })
    }

    pub fn write(&mut self, slice: usize, bytes: &[u8]) -> Result<()> {
        let at = SeekFrom::Start((slice * self.size) as u64);
        let written = self.file.seek(at).and_then(|_| self.file.write_all(bytes));
        written.map_err(|e| unwritable(&self.path, e))
    }

    /// Bytes of a slice, from the byte `from` of it on.
    pub fn read(&mut self, slice: usize, from: usize, bytes: &mut [u8]) -> Result<()> {
        let at = SeekFrom::Start((slice * self.size + from) as u64);
        let read = self.file.seek(at).and_then(|_| self.file.read_exact(bytes));
        read.map_err(|e| unwritable(&self.path, e))
    }
}

/// Magnitude images in their order of rows.
pub(super) struct StagedImages {
    staging: Staging,
    grid: Grid,
}

impl StagedImages {
    pub fn create(path: &Path, slices: usize, grid: Grid) -> Result<Self> {
        let staging = Staging::create(path, slices, grid.len() * size_of::<f32>())?;
        Ok(Self { staging, grid })
    }

    pub fn write(&mut self, slice: usize, image: ArrayView2<f32>) -> Result<()> {
        self.staging.write(slice, &little_endian(image.iter().copied()))
    }

    pub fn read(&mut self, slice: usize) -> Result<Array2<f32>> {
        let mut bytes = vec![0; self.grid.len() * size_of::<f32>()];
        self.staging.read(slice, 0, &mut bytes)?;
        let values = bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().expect("four bytes")));
        let values = values.collect();
        Ok(Array2::from_shape_vec((self.grid.rows, self.grid.cols), values).expect("a value for every pixel"))
    }
}

pub(super) fn little_endian(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_le_bytes).collect()
}
