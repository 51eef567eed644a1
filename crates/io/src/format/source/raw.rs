//! Arrays of numbers at regular distances in a file, read a block at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ndarray::{ArrayD, ArrayViewMutD, Axis, IxDyn};
use num_complex::Complex;

use super::super::hdf5_reader::Reading;
use super::super::regular_file::open_regular;
use super::archive;
use super::number::Number;
use pvdamp::array::Real;

/// Values between the first and the last of one read, at most.
const SPAN: u64 = 1 << 17;
/// A read may fetch this many values for each one wanted: two kilobytes take no longer than another read.
const WASTE: u64 = 256;

/// Numbers of one type in a file. Clones share the file.
#[derive(Clone)]
pub(super) struct RawArray {
    bytes: Arc<Mutex<Bytes>>,
    /// Of the first value.
    offset: u64,
    pub number: Number,
    /// Of each axis, in values.
    pub strides: Vec<u64>,
}

enum Bytes {
    File(File),
    /// Opened when it is first read: an archive may have more members than a program may open files.
    Unopened(PathBuf),
    /// A compressed member of an archive, not unpacked yet.
    Packed {
        archive: PathBuf,
        member: usize,
    },
}

impl RawArray {
    pub fn in_file(file: File, offset: u64, number: Number, strides: Vec<u64>) -> Self {
        Self::of(Bytes::File(file), offset, number, strides)
    }

    pub fn in_path(path: PathBuf, offset: u64, number: Number, strides: Vec<u64>) -> Self {
        Self::of(Bytes::Unopened(path), offset, number, strides)
    }

    /// Unpacked to an unnamed temporary file when it is first read.
    pub fn packed(archive: PathBuf, member: usize, offset: u64, number: Number, strides: Vec<u64>) -> Self {
        Self::of(Bytes::Packed { archive, member }, offset, number, strides)
    }

    fn of(bytes: Bytes, offset: u64, number: Number, strides: Vec<u64>) -> Self {
        Self {
            bytes: Arc::new(Mutex::new(bytes)),
            offset,
            number,
            strides,
        }
    }

    /// The same numbers under other axes.
    pub fn with_strides(&self, strides: Vec<u64>) -> Self {
        Self {
            strides,
            ..self.clone()
        }
    }

    /// The block of `count` values along each axis from `start` on. The file is read from front to back.
    pub fn block<T: Real>(&self, start: &[usize], count: &[usize]) -> io::Result<ArrayD<Complex<T>>> {
        let mut values = zeros(count)?;
        let first = start.iter().zip(&self.strides).map(|(&at, stride)| at as u64 * stride);
        let first = first.sum();
        let mut order: Vec<usize> = (0..self.strides.len()).collect();
        order.sort_by_key(|&axis| std::cmp::Reverse(self.strides[axis]));
        let strides: Vec<u64> = order.iter().map(|&axis| self.strides[axis]).collect();
        if !values.is_empty() {
            let mut bytes = self.bytes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let file = bytes.file()?;
            let mut buffer = Vec::new();
            self.fill(
                file,
                values.view_mut().permuted_axes(order),
                &strides,
                first,
                &mut buffer,
            )?;
        }
        Ok(values)
    }

    /// Reads `out`, whose axes are sorted by falling stride, from value `first` on: in one go where its values lie
    /// close together, else piece by piece along the axis of largest stride.
    fn fill<T: Real>(
        &self,
        file: &mut File,
        mut out: ArrayViewMutD<Complex<T>>,
        strides: &[u64],
        first: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let gaps = out
            .shape()
            .iter()
            .zip(strides)
            .map(|(&n, stride)| (n as u64 - 1) * stride);
        let span = 1 + gaps.sum::<u64>();
        let Some(&stride) = strides.first() else {
            return self.fetch(file, out, strides, first, span, buffer);
        };
        if span <= SPAN && span <= WASTE * out.len() as u64 {
            return self.fetch(file, out, strides, first, span, buffer);
        }
        let inner: u64 = span - (out.len_of(Axis(0)) as u64 - 1) * stride;
        let dense = inner <= SPAN && stride <= WASTE * (out.len() / out.len_of(Axis(0))) as u64;
        let step = if dense { (SPAN / stride).max(1) as usize } else { 1 };
        for (piece, mut part) in out.axis_chunks_iter_mut(Axis(0), step).enumerate() {
            let first = first + (piece * step) as u64 * stride;
            if part.len_of(Axis(0)) == 1 {
                self.fill(file, part.index_axis_mut(Axis(0), 0), &strides[1..], first, buffer)?;
            } else {
                self.fill(file, part, strides, first, buffer)?;
            }
        }
        Ok(())
    }

    fn fetch<T: Real>(
        &self,
        file: &mut File,
        out: ArrayViewMutD<Complex<T>>,
        strides: &[u64],
        first: u64,
        span: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        let width = self.number.width();
        buffer.resize(span as usize * width, 0);
        file.seek(SeekFrom::Start(self.offset + first * width as u64))?;
        file.read_exact(buffer)?;
        self.pick(out, strides, buffer);
        Ok(())
    }

    fn pick<T: Real>(&self, mut out: ArrayViewMutD<Complex<T>>, strides: &[u64], bytes: &[u8]) {
        let width = self.number.width();
        let value = |bytes: &[u8]| {
            let wide = self.number.value(&bytes[..width]);
            Complex::new(T::of(wide.re), T::of(wide.im))
        };
        match strides {
            [] => out.iter_mut().for_each(|v| *v = value(bytes)),
            [stride] => {
                let stride = *stride as usize * width;
                let places = (0..).step_by(stride.max(1));
                out.iter_mut().zip(places).for_each(|(v, at)| *v = value(&bytes[at..]));
            }
            [stride, inner @ ..] => {
                for (i, part) in out.axis_iter_mut(Axis(0)).enumerate() {
                    self.pick(part, inner, &bytes[i * *stride as usize * width..]);
                }
            }
        }
    }
}

impl Bytes {
    fn file(&mut self) -> io::Result<&mut File> {
        let opened = match self {
            Self::File(_) => None,
            Self::Unopened(path) => Some(open_regular(path)?),
            Self::Packed { archive, member } => Some(archive::unpack(archive, *member)?),
        };
        if let Some(file) = opened {
            *self = Self::File(file);
        }
        match self {
            Self::File(file) => Ok(file),
            Self::Unopened(_) | Self::Packed { .. } => Err(io::Error::other("not opened")),
        }
    }
}

/// Strides of an array stored without gaps, slowest axis first or, of Fortran order, last.
pub(super) fn strides(shape: &[usize], fortran: bool) -> Vec<u64> {
    let mut next = 1u64;
    let mut of = |&n: &usize| {
        let stride = next;
        next = next.saturating_mul(n as u64);
        stride
    };
    if fortran {
        return shape.iter().map(of).collect();
    }
    let mut strides: Vec<u64> = shape.iter().rev().map(&mut of).collect();
    strides.reverse();
    strides
}

/// The bytes of an array without gaps; `None` where a machine cannot count them, or could not without its empty axes.
pub(super) fn size(shape: &[usize], width: usize) -> Option<u64> {
    let mut lengths = shape.iter().map(|&n| n.max(1) as u64);
    let bytes = lengths.try_fold(width as u64, u64::checked_mul)?;
    isize::try_from(bytes).ok()?;
    Some(if shape.contains(&0) { 0 } else { bytes })
}

/// An array of zeros, or an error where there is no memory for it.
fn zeros<T: Real>(count: &[usize]) -> io::Result<ArrayD<Complex<T>>> {
    let len = size(count, 1).and_then(|len| usize::try_from(len).ok());
    let fits = |len: &usize| len.saturating_mul(size_of::<Complex<T>>()) as u64 <= Reading::now().memory;
    let len = len.filter(fits);
    let mut values = Vec::new();
    match len.map(|len| (len, values.try_reserve_exact(len))) {
        Some((len, Ok(()))) => values.resize(len, Complex::new(T::zero(), T::zero())),
        _ => {
            let bytes = count
                .iter()
                .fold(size_of::<Complex<T>>() as f64, |n, &length| n * length as f64);
            let problem = format!("needs {:.0} MB of memory", (bytes / f64::from(1 << 20)).ceil());
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, problem));
        }
    }
    ArrayD::from_shape_vec(IxDyn(count), values).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn sizes_that_cannot_be_counted() {
        assert_eq!(size(&[3, 4], 8), Some(96));
        assert_eq!(size(&[3, 0], 8), Some(0));
        assert_eq!(size(&[], 8), Some(8));
        for shape in [[1 << 40, 1 << 40, 1], [1 << 40, 1 << 40, 0], [1 << 60, 1, 1]] {
            assert_eq!(size(&shape, 8), None, "{shape:?}");
        }
        for count in [[1 << 40, 1 << 40], [1 << 30, 1 << 25]] {
            let error = zeros::<f64>(&count).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
            assert!(error.to_string().contains("MB of memory"), "{error}");
        }
    }

    /// Blocks of a large and of a small array, in both orders, against what was written.
    #[test]
    fn any_block_of_any_order() {
        for shape in [[3usize, 70, 5, 900], [2, 3, 4, 5], [1, 1, 1, 1]] {
            for fortran in [false, true] {
                let strides = strides(&shape, fortran);
                let len: usize = shape.iter().product();
                let mut file = tempfile::tempfile().unwrap();
                let bytes: Vec<u8> = (0..len as u32).flat_map(|i| i.to_le_bytes()).collect();
                file.write_all(&[0; 3]).unwrap();
                file.write_all(&bytes).unwrap();
                let array = RawArray::in_file(file, 3, Number::of_numpy("<u4").unwrap(), strides.clone());
                let half: Vec<usize> = shape.iter().map(|n| n / 2).collect();
                let rest: Vec<usize> = shape.iter().zip(&half).map(|(n, h)| n - h).collect();
                let one: Vec<usize> = vec![1; 4];
                let thin = [shape[0], 1, shape[2], 1];
                for (start, count) in [
                    (vec![0; 4], shape.to_vec()),
                    (half.clone(), rest),
                    (half, one),
                    (vec![0; 4], thin.to_vec()),
                ] {
                    let block = array.block::<f64>(&start, &count).unwrap();
                    assert_eq!(block.shape(), count);
                    for (at, value) in block.indexed_iter() {
                        let index: u64 = (0..4).map(|a| (at[a] + start[a]) as u64 * strides[a]).sum();
                        assert_eq!(value.re, index as f64);
                    }
                }
            }
        }
    }
}
