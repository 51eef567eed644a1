//! Values read where they lie in the file, once the child has told where that is: as they are, or compressed by gzip.
//! They need not go through the child then, and several pieces are unpacked at once.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;

use bytemuck::allocation::try_zeroed_vec;
use flate2::{Decompress, FlushDecompress, Status};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Bytes that are unpacked at once, where one piece is not more.
const AT_ONCE: usize = 16 << 20;

/// Larger pieces that are not compressed are read run by run, smaller ones at once.
const LARGE: usize = 1 << 20;

/// Larger ones are left to HDF5, whose memory is limited.
const LARGEST: usize = 1 << 30;

/// Deflate makes nothing smaller than this part of it.
const INFLATION: usize = 1032;

/// Where the values of a dataset lie in its file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Stored {
    /// One after the other, from this byte on.
    Together(u64),
    /// In the pieces that the dataset is stored in, which a list of [`Piece`] tells of; what was done to each.
    InPieces(Vec<Filter>),
}

/// What was done to a piece when it was written, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Filter {
    Deflate,
    /// First bytes of all values, then second ones, and so on.
    Shuffle,
}

/// Where a piece lies.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Its number, counted along the last axis first.
    pub number: u64,
    pub address: u64,
    /// As it is stored.
    pub bytes: u64,
    /// Filters that were left out, a bit each.
    pub without: u32,
}

/// A block of values of `width` bytes of an array of this shape.
pub(super) struct Block<'a> {
    pub shape: &'a [usize],
    pub start: &'a [usize],
    pub count: &'a [usize],
    pub width: usize,
}

impl Block<'_> {
    /// Reads it from an array that lies together from `address` on.
    pub fn read_together(&self, file: &File, address: u64, out: &mut [u8]) -> Result<()> {
        self.read_box(file, address, &vec![0; self.shape.len()], self.shape, out)
    }

    /// Reads what of it lies in a box of these `lengths` from `origin` on, stored from `address` on as it is.
    fn read_box(&self, file: &File, address: u64, origin: &[usize], lengths: &[usize], out: &mut [u8]) -> Result<()> {
        self.runs(origin, lengths, |from, to| {
            let at = address.checked_add(from as u64).ok_or(ErrorKind::InvalidData)?;
            read_at(file, at, &mut out[to])
        })
    }

    /// Reads it from pieces of these lengths, sorted by their numbers. `false` where one is not there, whose values are
    /// then those that were never written.
    pub fn read_pieces(
        &self,
        file: &File,
        lengths: &[usize],
        filters: &[Filter],
        pieces: &[Piece],
        out: &mut [u8],
    ) -> Result<bool> {
        let sound = lengths.len() == self.shape.len() && !lengths.contains(&0);
        let bytes = lengths.iter().try_fold(self.width, |bytes, &n| bytes.checked_mul(n));
        let (Some(bytes), true) = (bytes.filter(|&bytes| bytes <= LARGEST), sound) else {
            return Ok(false);
        };
        let Some(wanted) = self.wanted(lengths, pieces) else {
            return Ok(false);
        };
        if filters.is_empty() && bytes > LARGE {
            for (origin, piece) in wanted {
                self.read_box(file, piece.address, &origin, lengths, out)?;
            }
            return Ok(true);
        }
        let together = (AT_ONCE / bytes.max(1)).clamp(1, rayon::current_num_threads());
        for wanted in wanted.chunks(together) {
            let unpack = |(_, piece): &(Vec<usize>, Piece)| unpacked(file, piece, filters, bytes, self.width);
            let unpacked: Result<Vec<Vec<u8>>> = wanted.par_iter().map(unpack).collect();
            for ((origin, _), values) in wanted.iter().zip(unpacked?) {
                self.runs(origin, lengths, |from, to| {
                    let length = to.len();
                    out[to].copy_from_slice(&values[from..from + length]);
                    Ok(())
                })?;
            }
        }
        Ok(true)
    }

    /// The pieces that the block lies in, each with the indices of its first value; `None` where one is not there.
    fn wanted(&self, lengths: &[usize], pieces: &[Piece]) -> Option<Vec<(Vec<usize>, Piece)>> {
        let axes = self.start.iter().zip(self.count).zip(lengths);
        let grid: Vec<Range<usize>> = axes
            .map(|((&at, &n), &length)| at / length..(at + n).div_ceil(length))
            .collect();
        let numbers = self.shape.iter().zip(lengths).map(|(&n, &length)| n.div_ceil(length));
        let numbers: Vec<usize> = numbers.collect();
        let mut found = Vec::new();
        let mut index: Vec<usize> = grid.iter().map(|range| range.start).collect();
        loop {
            let number = index.iter().zip(&numbers).fold(0u64, |number, (&i, &n)| {
                number.wrapping_mul(n as u64).wrapping_add(i as u64)
            });
            let at = pieces.binary_search_by_key(&number, |piece| piece.number).ok()?;
            let origin = index.iter().zip(lengths).map(|(&i, &length)| i * length).collect();
            found.push((origin, pieces[at]));
            if !next(&mut index, &grid) {
                return Some(found);
            }
        }
    }

    /// Visits the part of the block that lies in a box of these `lengths` from `origin` on, run by run: the byte in the
    /// box where it begins, and its bytes in the block.
    fn runs(
        &self,
        origin: &[usize],
        lengths: &[usize],
        mut visit: impl FnMut(usize, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let axes = origin.iter().zip(lengths).zip(self.start.iter().zip(self.count));
        let part: Vec<Range<usize>> = axes
            .map(|((&origin, &length), (&start, &count))| start.max(origin)..(start + count).min(origin + length))
            .collect();
        if part.iter().any(|range| range.is_empty()) {
            return Ok(());
        }
        // axes that are whole in both go in one
        let whole = |axis: usize| part[axis].len() == lengths[axis] && part[axis].len() == self.count[axis];
        let mut outer = part.len();
        while outer > 0 && whole(outer - 1) {
            outer -= 1;
        }
        let inner: usize = part[outer.saturating_sub(1)..]
            .iter()
            .map(|range| range.len())
            .product();
        let grid = &part[..outer.saturating_sub(1)];
        let mut index: Vec<usize> = part.iter().map(|range| range.start).collect();
        loop {
            let flat = |lengths: &[usize], first: &[usize]| {
                let offsets = index.iter().zip(first).zip(lengths);
                offsets.fold(0, |flat, ((&i, &first), &length)| flat * length + (i - first))
            };
            let (from, to) = (
                flat(lengths, origin) * self.width,
                flat(self.count, self.start) * self.width,
            );
            visit(from, to..to + inner * self.width)?;
            if !next(&mut index[..grid.len()], grid) {
                return Ok(());
            }
        }
    }
}

/// The next index in a grid, the last axis fastest; `false` after the last.
fn next(index: &mut [usize], grid: &[Range<usize>]) -> bool {
    for (i, range) in index.iter_mut().zip(grid).rev() {
        *i += 1;
        if *i < range.end {
            return true;
        }
        *i = range.start;
    }
    false
}

/// The `length` bytes of a piece, as they were before the filters.
fn unpacked(file: &File, piece: &Piece, filters: &[Filter], length: usize, width: usize) -> Result<Vec<u8>> {
    let damaged = || Error::new(ErrorKind::InvalidData, "a compressed piece of it is damaged");
    let stored = usize::try_from(piece.bytes).map_err(|_| damaged())?;
    if length / INFLATION > stored || stored > length.saturating_mul(2).saturating_add(1024) {
        return Err(damaged());
    }
    let mut bytes: Vec<u8> = try_zeroed_vec(stored).map_err(|()| ErrorKind::OutOfMemory)?;
    read_at(file, piece.address, &mut bytes)?;
    for (at, filter) in filters.iter().enumerate().rev() {
        if u64::from(piece.without).checked_shr(at as u32).unwrap_or(0) & 1 == 1 {
            continue;
        }
        bytes = match filter {
            Filter::Deflate => {
                let mut inflated: Vec<u8> = try_zeroed_vec(length).map_err(|()| ErrorKind::OutOfMemory)?;
                let mut inflate = Decompress::new(true);
                let status = inflate.decompress(&bytes, &mut inflated, FlushDecompress::Finish);
                let whole = status.is_ok_and(|status| status == Status::StreamEnd);
                if !whole || inflate.total_out() != length as u64 {
                    return Err(damaged());
                }
                inflated
            }
            Filter::Shuffle => unshuffled(&bytes, width),
        };
    }
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(damaged())
    }
}

fn unshuffled(bytes: &[u8], width: usize) -> Vec<u8> {
    let count = bytes.len() / width;
    let mut values = bytes.to_vec();
    for (at, column) in bytes.chunks_exact(count.max(1)).take(width).enumerate() {
        for (value, &byte) in values.chunks_exact_mut(width).zip(column) {
            value[at] = byte;
        }
    }
    values
}

#[cfg(unix)]
fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut at: u64, mut bytes: &mut [u8]) -> Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        at += read as u64;
        bytes = &mut bytes[read..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ndarray::{ArrayD, IxDyn};
    use proptest::prelude::*;

    use super::super::{Hdf5File, Number};
    use crate::format::tests::file;

    /// A block of an array, by HDF5's own reading and by this.
    fn check<T: Number + hdf5::H5Type>(path: &Path, values: &ArrayD<T>, start: &[usize], count: &[usize], here: bool) {
        let array = Hdf5File::open(path).unwrap().array("values").unwrap().unwrap();
        let mut there = vec![T::zero(); count.iter().product()];
        let out = bytemuck::cast_slice_mut(&mut there);
        let read = array.read_stored::<T>(T::WIDE, start, count, out).unwrap();
        assert_eq!(read, here && !out.is_empty());
        let block = array.real_block::<T>(start, count).unwrap();
        let wanted = values.slice_each_axis(|axis| {
            let axis = axis.axis.index();
            (start[axis]..start[axis] + count[axis]).into()
        });
        assert_eq!(block, wanted);
        assert!(!read || block.iter().eq(&there));
    }

    /// Lengths of three axes with a block of each, and lengths of pieces.
    fn blocks() -> impl Strategy<Value = [[usize; 4]; 3]> {
        let axis = (1usize..9).prop_flat_map(|n| (Just(n), 0..n, 1..=n));
        let axis = axis.prop_flat_map(|(n, at, piece)| (1..=n - at).prop_map(move |count| [n, at, count, piece]));
        [axis.clone(), axis.clone(), axis]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_are_those_that_hdf5_reads(axes in blocks(), how in 0..6, user in prop::bool::ANY) {
            let [shape, start, count, pieces] = [0, 1, 2, 3].map(|what| axes.map(|axis| axis[what]).to_vec());
            let values = ArrayD::from_shape_fn(IxDyn(&shape), |at| (at[0] * 100 + at[1] * 10 + at[2]) as f32 - 50.5);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("scan.h5");
            let mut options = hdf5::File::with_options();
            options.with_fcpl(|create| create.userblock(if user { 512 } else { 0 }));
            let written = options.create(&path).unwrap();
            let set = written.new_dataset::<f32>().shape(shape.clone());
            let set = match how {
                0 => set,
                1 => set.chunk(pieces),
                2 => set.chunk(pieces).deflate(4),
                3 => set.chunk(pieces).shuffle().deflate(9),
                4 => set.chunk(pieces).shuffle(),
                _ => set.chunk(pieces).deflate(1).fletcher32(),
            };
            set.create("values").unwrap().write(&values).unwrap();
            written.close().unwrap();
            check(&path, &values, &start, &count, how < 4);
        }
    }

    #[test]
    fn what_was_never_written_is_for_hdf5() {
        let (_folder, path) = file(|file| {
            let set = file
                .new_dataset::<f64>()
                .shape([4, 6])
                .chunk([2, 3])
                .fill_value(7.0)
                .create("values")?;
            set.write_slice(&ndarray::Array2::<f64>::ones((2, 3)), (0..2, 0..3))
        });
        let values = ArrayD::from_shape_fn(IxDyn(&[4, 6]), |at| if at[0] < 2 && at[1] < 3 { 1.0 } else { 7.0 });
        check(&path, &values, &[0, 0], &[2, 3], true);
        check(&path, &values, &[1, 1], &[2, 3], false);
        for user in [0, 512] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("scan.h5");
            let mut options = hdf5::File::with_options();
            options.with_fcpl(|create| create.userblock(user));
            let written = options.create(&path).unwrap();
            let set = written
                .new_dataset::<f32>()
                .shape([4])
                .fill_value(3f32)
                .create("values");
            drop((set.unwrap(), written));
            check(&path, &ArrayD::from_elem(IxDyn(&[4]), 3f32), &[1], &[2], false);
        }
    }

    #[test]
    fn numbers_that_have_to_be_converted_are_for_hdf5() {
        let (_folder, path) = file(|file| {
            let set = file.new_dataset::<i16>().shape([3]).create("values")?;
            set.write(&ndarray::arr1(&[1i16, -2, 3]))
        });
        check(
            &path,
            &ndarray::arr1(&[1.0f32, -2.0, 3.0]).into_dyn(),
            &[0],
            &[3],
            false,
        );
    }
}
