//! BART's arrays: complex64 in `.cfl`, first axis fastest, and the length of 16 axes as text in `.hdr`
//! (<https://mrirecon.github.io/bart/>).

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, ArrayView3};
use num_complex::Complex;

use super::super::atomic_file::{AtomicFile, unwritable};
use super::super::geometry::Plane;
use super::sink::{ImageFormat, ImageSink, KspaceSeries, KspaceSink, Series};
use super::staging::{Staging, little_endian};
use crate::error::Result;
use pvdamp::array::Grid;

pub(super) const FORMAT: ImageFormat = ImageFormat {
    name: "bart",
    title: "BART cfl",
    summary: "complex64 in .cfl, its axes in .hdr",
    citation: "Uecker et al., Proc ISMRM 23:2486 (2015)",
    extensions: &["cfl"],
    complex: true,
    parts: false,
    files: |path, _| vec![values_of(path), header_of(path)],
    create,
    kspace: Some(create_kspace),
};

const AXES: usize = 16;
/// Of coils and of slices, as BART numbers its axes.
const COILS: usize = 3;
const SLICES: usize = 13;
const BYTES: usize = size_of::<Complex<f32>>();

/// The ending in lower case, as BART reads it, however the user wrote it.
fn values_of(path: &Path) -> PathBuf {
    path.with_extension("cfl")
}

fn header_of(path: &Path) -> PathBuf {
    path.with_extension("hdr")
}

/// Slices of a two-dimensional scan are `(rows, cols)` with the slices at axis 13; a volume is `(slices, rows, cols)`,
/// which are its x, y and z.
fn create(path: &Path, series: &Series) -> Result<Box<dyn ImageSink>> {
    let Grid { rows, cols } = series.grid;
    let mut axes = [1; AXES];
    match series.geometry.plane {
        Plane::Xy => {
            (axes[0], axes[1], axes[SLICES]) = (rows, cols, series.slices);
            Ok(Box::new(Blocks::create(path, axes, rows * cols)?))
        }
        Plane::Yz => {
            axes[..3].copy_from_slice(&[series.slices, rows, cols]);
            Ok(Box::new(Interleaved {
                staging: Staging::create(path, series.slices, series.grid.len() * BYTES)?,
                blocks: Blocks::create(path, axes, series.slices * rows)?,
                slices: series.slices,
                grid: series.grid,
            }))
        }
    }
}

/// `(rows, cols, 1, coils)` with the slices at axis 13; of a volume `(1, rows, cols, coils)`, since its slices are
/// positions along the readout and not k-space.
fn create_kspace(path: &Path, series: &KspaceSeries) -> Result<Box<dyn KspaceSink>> {
    let Grid { rows, cols } = series.grid;
    let mut axes = [1; AXES];
    let first = series.geometry.plane.in_plane()[0];
    (axes[first], axes[first + 1]) = (rows, cols);
    (axes[COILS], axes[SLICES]) = (series.coils, series.slices);
    Ok(Box::new(Blocks::create(path, axes, series.coils * rows * cols)?))
}

/// An array of which each slice is one block of the file.
struct Blocks {
    cfl: AtomicFile,
    header: AtomicFile,
    /// Values of a block.
    size: usize,
}

impl Blocks {
    fn create(path: &Path, axes: [usize; AXES], size: usize) -> Result<Self> {
        let cfl = AtomicFile::create(&values_of(path))?;
        let mut header = AtomicFile::create(&header_of(path))?;
        let lengths: Vec<String> = axes.iter().map(usize::to_string).collect();
        let version = env!("CARGO_PKG_VERSION");
        let text = format!("# Dimensions\n{}\n# Creator\npvdamp {version}\n", lengths.join(" "));
        let written = header.write_all(text.as_bytes());
        written.map_err(|e| unwritable(header.path(), e))?;
        Ok(Self { cfl, header, size })
    }

    fn put(&mut self, block: usize, values: impl Iterator<Item = Complex<f32>>) -> Result<()> {
        let at = SeekFrom::Start((block * self.size * BYTES) as u64);
        let bytes = little_endian(values.flat_map(|v| [v.re, v.im]));
        let written = self.cfl.seek(at).and_then(|_| self.cfl.write_all(&bytes));
        written.map_err(|e| unwritable(self.cfl.path(), e))
    }

    fn commit(self) -> Result<()> {
        AtomicFile::commit_all(vec![self.cfl, self.header])
    }
}

impl ImageSink for Blocks {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        self.put(slice, image.t().iter().copied())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.commit()
    }
}

impl KspaceSink for Blocks {
    fn write(&mut self, slice: usize, kspace: ArrayView3<Complex<f32>>) -> Result<()> {
        self.put(slice, kspace.permuted_axes([0, 2, 1]).iter().copied())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.commit()
    }
}

/// A volume whose slices run along the fastest axis: they wait on disk, columns together, until all are there.
struct Interleaved {
    staging: Staging,
    blocks: Blocks,
    slices: usize,
    grid: Grid,
}

impl ImageSink for Interleaved {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        let bytes = little_endian(image.t().iter().flat_map(|v| [v.re, v.im]));
        self.staging.write(slice, &bytes)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let (rows, column) = (self.grid.rows, self.grid.rows * BYTES);
        let mut bytes = vec![0; self.slices * column];
        for col in 0..self.grid.cols {
            for (slice, bytes) in bytes.chunks_exact_mut(column).enumerate() {
                self.staging.read(slice, col * column, bytes)?;
            }
            let part = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
            let value = |at: usize| Complex::new(part(at), part(at + 4));
            let values = (0..rows).flat_map(|row| (0..self.slices).map(move |slice| slice * column + row * BYTES));
            self.blocks.put(col, values.map(value))?;
        }
        self.blocks.commit()
    }
}
