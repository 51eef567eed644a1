//! NumPy's `.npy`, version 1.0 (NumPy Enhancement Proposal 1): complex64, C order.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use ndarray::{ArrayView, ArrayView2, ArrayView3, Dimension};
use num_complex::Complex;

use super::super::atomic_file::{AtomicFile, unwritable};
use super::sink::{ImageFormat, ImageSink, KspaceSink, one_file};
use super::staging::little_endian;
use crate::error::Result;

pub(super) const FORMAT: ImageFormat = ImageFormat {
    name: "numpy",
    title: "NumPy npy",
    summary: "complex64 (slices, rows, cols)",
    citation: "Kern, NumPy Enhancement Proposal 1 (2007)",
    extensions: &["npy"],
    complex: true,
    parts: false,
    files: one_file,
    create: |path, series| {
        let shape = [series.slices, series.grid.rows, series.grid.cols];
        Ok(Box::new(Npy::create(path, &shape)?))
    },
    kspace: Some(|path, series| {
        let shape = [series.slices, series.coils, series.grid.rows, series.grid.cols];
        Ok(Box::new(Npy::create(path, &shape)?))
    }),
};

/// An array written slice by slice; what is never written is zero.
struct Npy {
    file: AtomicFile,
    /// Bytes before the first slice, and of a slice.
    header: usize,
    slice: usize,
}

impl Npy {
    fn create(path: &Path, shape: &[usize]) -> Result<Self> {
        let mut file = AtomicFile::create(path)?;
        let header = header(shape);
        let written = file.write_all(&header);
        written.map_err(|e| unwritable(path, e))?;
        Ok(Self {
            file,
            header: header.len(),
            slice: shape[1..].iter().product::<usize>() * size_of::<Complex<f32>>(),
        })
    }

    fn put<D: Dimension>(&mut self, slice: usize, values: ArrayView<Complex<f32>, D>) -> Result<()> {
        let at = SeekFrom::Start((self.header + slice * self.slice) as u64);
        let bytes = little_endian(values.iter().flat_map(|v| [v.re, v.im]));
        let written = self.file.seek(at).and_then(|_| self.file.write_all(&bytes));
        written.map_err(|e| unwritable(self.file.path(), e))
    }
}

/// Magic, version, length of the text, and the text: a Python dictionary, filled up so that the data begin at a
/// multiple of 64 bytes.
fn header(shape: &[usize]) -> Vec<u8> {
    const BEFORE: usize = 10;
    let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let text = format!(
        "{{'descr': '<c8', 'fortran_order': False, 'shape': ({}), }}",
        axes.join(", ")
    );
    let whole = (BEFORE + text.len() + 1).next_multiple_of(64);
    let text = format!("{text:<width$}\n", width = whole - BEFORE - 1);
    let length = u16::try_from(text.len()).expect("four axes take less than 64 KiB");
    [b"\x93NUMPY\x01\x00", &length.to_le_bytes()[..], text.as_bytes()].concat()
}

impl ImageSink for Npy {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        self.put(slice, image)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.commit()
    }
}

impl KspaceSink for Npy {
    fn write(&mut self, slice: usize, kspace: ArrayView3<Complex<f32>>) -> Result<()> {
        self.put(slice, kspace)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.commit()
    }
}
