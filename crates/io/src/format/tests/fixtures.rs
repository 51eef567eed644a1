//! Files of NumPy and BART, byte by byte as those programs write them.

use std::io::Write;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD};
use num_complex::Complex;
use tempfile::TempDir;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A folder, empty at first, for files of a test.
pub struct TestFolder(TempDir);

impl TestFolder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.at(name), bytes).unwrap();
        self.at(name)
    }

    /// A pair of BART's; the axes of `values` are its dimensions in their order. The path of the `.cfl`.
    pub fn cfl(&self, name: &str, values: ArrayViewD<Complex<f32>>) -> PathBuf {
        let lengths = (0..16).map(|d| values.shape().get(d).unwrap_or(&1).to_string());
        let lengths = lengths.collect::<Vec<_>>().join(" ");
        let header = format!("# Dimensions\n{lengths} \n# Command\nphantom -k k \n# Creator\nBART v0.8.00\n");
        self.file(&format!("{name}.hdr"), header.as_bytes());
        self.file(&format!("{name}.cfl"), &complex_bytes(values.t(), false))
    }

    /// An archive with members `NAME.npy`, compressed or not.
    pub fn npz(&self, name: &str, members: &[(&str, Vec<u8>)], method: CompressionMethod) -> PathBuf {
        let mut archive = ZipWriter::new(std::fs::File::create(self.at(name)).unwrap());
        for (member, bytes) in members {
            let options = SimpleFileOptions::default().compression_method(method);
            archive.start_file(format!("{member}.npy"), options).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap();
        self.at(name)
    }
}

/// complex64 in the order in which the view counts.
pub fn complex_bytes(values: ArrayViewD<Complex<f32>>, big_endian: bool) -> Vec<u8> {
    let part = |v: f32| if big_endian { v.to_be_bytes() } else { v.to_le_bytes() };
    values.iter().flat_map(|v| [part(v.re), part(v.im)].concat()).collect()
}

/// An `.npy` of format 1.0, its header padded to 64 bytes.
pub fn npy(description: &str, fortran: bool, shape: &[usize], values: &[u8]) -> Vec<u8> {
    let mut lengths: String = shape.iter().map(|n| format!("{n}, ")).collect();
    lengths.truncate(lengths.len().saturating_sub(if shape.len() > 1 { 2 } else { 1 }));
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{description}', 'fortran_order': {order}, 'shape': ({lengths}), }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), values].concat()
}

/// complex64, little endian, C order.
pub fn complex_npy(values: &ArrayD<Complex<f32>>) -> Vec<u8> {
    npy("<c8", false, values.shape(), &complex_bytes(values.view(), false))
}

/// Cuts a file.
pub fn cut(path: &Path, bytes: usize) {
    let whole = std::fs::read(path).unwrap();
    std::fs::write(path, &whole[..whole.len() - bytes]).unwrap();
}
