//! ISMRMRD's table of acquisitions: a head and the samples of every coil, one readout a row.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use hdf5::H5Type;
use hdf5::dataset::Layout;
use hdf5::types::{CompoundType, TypeDescriptor, VarLenArray};
use ndarray::{Ix1, s};

use super::super::acquisition::{Head, TableInfo};
use super::super::failure::Failure;
use super::arrays::offset_of;
use super::limits::Limits;
use super::words::words;

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

/// A table whose rows are stored in fewer bytes than this fraction of them was never written.
const INFLATION: u64 = 2000;

/// Looking up where a row lies takes as long as reading so many bytes, at most.
const LOOK: u64 = 200;

/// A table that is open.
pub(super) struct Table {
    dataset: hdf5::Dataset,
}

impl Table {
    /// What is known of it, and the table, if it is one.
    pub fn open(
        dataset: hdf5::Dataset,
        stored: u64,
        path: &Path,
        own: Option<&File>,
        limits: &mut Limits,
    ) -> Result<(Option<Self>, TableInfo), Failure> {
        let row = dataset.dtype()?.to_descriptor();
        let (held, lacking) = match &row {
            Ok(TypeDescriptor::Compound(row)) => ("a compound".to_string(), lacking(row)),
            Ok(other) => (other.to_string(), Some("head".into())),
            Err(e) => (words(e), Some("head".into())),
        };
        if let Some(field) = lacking {
            return Ok((None, TableInfo::Lacking { held, field }));
        }
        let shape = dataset.shape();
        let rows = shape.first().copied().unwrap_or(0);
        let claimed = (rows as u64).saturating_mul(size_of::<HeadRow>() as u64);
        let sound = claimed / INFLATION <= stored;
        let lengths = own.filter(|_| sound).and_then(|raw| {
            limits.allow(0, (rows as u64).saturating_mul(LOOK));
            stored_lengths(&dataset, raw, rows)
        });
        let info = TableInfo::Rows {
            shape,
            stored,
            sound,
            file: std::fs::metadata(path).map_or(0, |file| file.len()),
            lengths,
        };
        Ok((Some(Self { dataset }), info))
    }

    pub fn heads(&self, first: usize, end: usize) -> Result<Vec<Head>, Failure> {
        let read = self.dataset.read_slice::<HeadRow, _, Ix1>(s![first..end])?;
        Ok(read.iter().map(|row| row.head).collect())
    }

    /// How many numbers each row has, and all of them.
    pub fn samples(&self, first: usize, end: usize) -> Result<(Vec<usize>, Vec<f32>), Failure> {
        let read = self.dataset.read_slice::<SampleRow, _, Ix1>(s![first..end])?;
        let lengths: Vec<usize> = read.iter().map(|row| row.data.len()).collect();
        let mut samples = Vec::with_capacity(lengths.iter().sum());
        read.iter().for_each(|row| samples.extend_from_slice(&row.data));
        Ok((lengths, samples))
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
    fn fits(stored: &TypeDescriptor, wanted: &TypeDescriptor) -> Result<(), String> {
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
    let stored = TypeDescriptor::Compound(row.clone());
    let wanted = [HeadRow::type_descriptor(), SampleRow::type_descriptor()];
    wanted.iter().find_map(|wanted| fits(&stored, wanted).err())
}

/// The length of the list `data` of each row, looked up where the rows lie in the file; `None` where it does not lie
/// open: in a compressed table, and one of another width than in memory.
///
/// HDF5 takes and clears as much memory as the stored length of a list tells before it looks for the list. A damaged
/// length can ask for 16 GiB so; it is compared with the head first.
fn stored_lengths(dataset: &hdf5::Dataset, raw: &File, rows: usize) -> Option<Vec<u32>> {
    let Ok(TypeDescriptor::Compound(row)) = dataset.dtype().ok()?.to_descriptor() else {
        return None;
    };
    let field = row.fields.iter().find(|field| field.name == "data")?.offset as u64;
    let width = row.size as u64;
    let mut file = BufReader::with_capacity(16, raw);
    let mut lengths = Vec::new();
    lengths.try_reserve_exact(rows).ok()?;
    lengths.resize(rows, 0);
    for (first, address, count) in runs(dataset, raw, rows, width)? {
        let end = first.saturating_add(count).min(rows);
        for (at, length) in (0..).zip(lengths.get_mut(first..end)?) {
            let mut bytes = [0; 4];
            file.seek(SeekFrom::Start(address.checked_add(at * width + field)?))
                .ok()?;
            file.read_exact(&mut bytes).ok()?;
            *length = u32::from_le_bytes(bytes);
        }
    }
    Some(lengths)
}

/// Rows that lie one after the other: the first, its place in the file, and how many.
fn runs(dataset: &hdf5::Dataset, raw: &File, rows: usize, width: u64) -> Option<Vec<(usize, u64, usize)>> {
    match dataset.layout() {
        Layout::Contiguous => Some(vec![(0, offset_of(dataset, raw, &[rows], width as usize)?, rows)]),
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
