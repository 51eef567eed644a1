//! How many numbers each row of the table stores, looked up where the rows lie in the file.
//!
//! HDF5 takes and clears as much memory as the stored length of a list tells before it looks for the list. A damaged
//! length can ask for 16 GiB so; it is compared with the head first.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use hdf5::dataset::Layout;
use hdf5::types::TypeDescriptor;

/// The length of the list `data` of each row; `None` where it does not lie open: in a compressed table, one of another
/// width than in memory, or one in another file behind an external link.
pub(super) fn stored_lengths(dataset: &hdf5::Dataset, path: &Path, rows: usize) -> Option<Vec<u32>> {
    let Ok(TypeDescriptor::Compound(row)) = dataset.dtype().ok()?.to_descriptor() else {
        return None;
    };
    let same = |a: &Path, b: &Path| Some(a.canonicalize().ok()? == b.canonicalize().ok()?);
    if !same(Path::new(&dataset.filename()), path)? {
        return None;
    }
    let field = row.fields.iter().find(|field| field.name == "data")?.offset as u64;
    let width = row.size as u64;
    let mut file = BufReader::with_capacity(16, File::open(path).ok()?);
    let mut lengths = vec![0; rows];
    for (first, address, count) in runs(dataset, rows, width)? {
        let end = first.saturating_add(count).min(rows);
        for (at, length) in (0..).zip(lengths.get_mut(first..end)?) {
            let mut bytes = [0; 4];
            file.seek(SeekFrom::Start(address + at * width + field)).ok()?;
            file.read_exact(&mut bytes).ok()?;
            *length = u32::from_le_bytes(bytes);
        }
    }
    Some(lengths)
}

/// Rows that lie one after the other: the first, its place in the file, and how many.
fn runs(dataset: &hdf5::Dataset, rows: usize, width: u64) -> Option<Vec<(usize, u64, usize)>> {
    match dataset.layout() {
        Layout::Contiguous => Some(vec![(0, dataset.offset()?, rows)]),
        Layout::Chunked if dataset.filters().is_empty() => {
            let count = *dataset.chunk()?.first()?;
            let bytes = width.checked_mul(count as u64)?;
            let mut found = Vec::new();
            let mut open = true;
            let visited = dataset.chunks_visit(|chunk| {
                open &= chunk.size == bytes;
                found.extend(chunk.offset.first().map(|&first| (first as usize, chunk.addr, count)));
                i32::from(!open)
            });
            (visited.is_ok() && open).then_some(found)
        }
        _ => None,
    }
}
