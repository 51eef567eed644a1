//! Datasets of numbers.

use std::fs::File;

use bytemuck::cast_slice;
use hdf5::H5Type;
use hdf5::dataset::Layout;
use hdf5::types::{CompoundType, TypeDescriptor};
use num_complex::Complex;

use super::super::super::source::element::Element;
use super::super::failure::Failure;
pub(super) use super::super::question::ArrayInfo;
use super::super::stored::{Filter, Piece, Stored};
use super::words::words;

/// Pieces whose places are told; a dataset of more is read by HDF5.
const MOST_PIECES: usize = 1 << 20;

/// Numbers as they lie in memory.
#[derive(Default)]
pub(super) enum Numbers {
    #[default]
    None,
    Single(Vec<f32>),
    Double(Vec<f64>),
    SinglePairs(Vec<Complex<f32>>),
    DoublePairs(Vec<Complex<f64>>),
}

impl Numbers {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Single(values) => cast_slice(values),
            Self::Double(values) => cast_slice(values),
            Self::SinglePairs(values) => cast_slice(values),
            Self::DoublePairs(values) => cast_slice(values),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fields {
    /// `{r, i}`, as h5py writes complex numbers.
    RI,
    /// `{real, imag}`, as MATLAB does.
    RealImag,
    /// A number, not a pair.
    One,
    /// No number.
    None,
}

/// `{real, imag}` in memory; HDF5 matches the fields by name.
#[derive(Clone, Copy, hdf5::H5Type)]
#[repr(C)]
struct RealImag<T: H5Type> {
    real: T,
    imag: T,
}

/// What a dataset holds, and its name.
fn element_of(dtype: &hdf5::Datatype) -> (Element, Fields, String) {
    match dtype.to_descriptor() {
        Ok(TypeDescriptor::Compound(pair)) => of_compound(&pair),
        Ok(descriptor) => match width(&descriptor) {
            Some(wide) => (Element::Real { wide }, Fields::One, descriptor.to_string()),
            None => (Element::Other, Fields::None, descriptor.to_string()),
        },
        Err(_) => {
            let name = format!("an unsupported type of {} bytes", dtype.size());
            (Element::Other, Fields::None, name)
        }
    }
}

fn of_compound(pair: &CompoundType) -> (Element, Fields, String) {
    let names: Vec<&str> = pair.fields.iter().map(|f| f.name.as_str()).collect();
    let widths: Option<Vec<bool>> = pair.fields.iter().map(|f| width(&f.ty)).collect();
    let fields = match names[..] {
        ["r", "i"] => Fields::RI,
        ["real", "imag"] => Fields::RealImag,
        _ => Fields::None,
    };
    match widths {
        Some(widths) if fields != Fields::None => {
            let wide = widths.contains(&true);
            let name = if wide { "complex128" } else { "complex64" };
            (Element::Complex { wide }, fields, name.into())
        }
        _ => (
            Element::Other,
            Fields::None,
            format!("compound {{{}}}", names.join(", ")),
        ),
    }
}

/// Whether a number can exceed the range of f32; `None` if it is no number.
fn width(descriptor: &TypeDescriptor) -> Option<bool> {
    use TypeDescriptor::{Boolean, Enum, Float, Integer, Unsigned};
    match descriptor {
        Float(_) => Some(descriptor.size() > 4),
        Integer(_) | Unsigned(_) | Boolean | Enum(_) => Some(false),
        _ => None,
    }
}

/// Whether a type is exactly the first (`false`) or the second (`true`) as it is in memory; `None` if it is neither.
fn plain<Single: H5Type, Double: H5Type>(kind: &hdf5::Datatype) -> Option<bool> {
    match () {
        () if kind.is::<Single>() => Some(false),
        () if kind.is::<Double>() => Some(true),
        () => None,
    }
}

/// The byte from which on all values of a dataset lie together in this file. HDF5 tells one also where nothing was ever
/// written, if the file begins with a block of the user's.
pub(super) fn offset_of(dataset: &hdf5::Dataset, file: &File, shape: &[usize], width: usize) -> Option<u64> {
    let bytes = product(shape).checked_mul(width as u64)?;
    let written = dataset.layout() == Layout::Contiguous && dataset.storage_size() == bytes;
    let plain = written && dataset.dcpl().ok()?.get_external().ok()?.is_empty();
    let offset = dataset.offset().filter(|_| plain)?;
    (offset.checked_add(bytes)? <= file.metadata().ok()?.len()).then_some(offset)
}

/// Where the values of a dataset in the file itself lie, if that is known of all.
fn place_of(dataset: &hdf5::Dataset, offset: Option<u64>, own: Option<&File>) -> Option<Stored> {
    match dataset.layout() {
        Layout::Contiguous => offset.map(Stored::Together),
        Layout::Chunked => {
            own?;
            let known = |filter| match filter {
                hdf5::filters::Filter::Deflate(_) => Some(Filter::Deflate),
                hdf5::filters::Filter::Shuffle => Some(Filter::Shuffle),
                _ => None,
            };
            let filters: Option<Vec<Filter>> = dataset.filters().into_iter().map(known).collect();
            // Pieces at the edge may be left as they are, which nothing but a sum of bytes tells.
            let sound = |filters: &Vec<Filter>| filters.is_empty() || filters.contains(&Filter::Deflate);
            let filters = filters.filter(sound);
            filters.map(Stored::InPieces)
        }
        _ => None,
    }
}

/// A dataset that is open.
pub(super) struct Array {
    pub dataset: hdf5::Dataset,
    pub info: ArrayInfo,
    /// The byte where its values begin, if they lie together in the file that is open.
    pub offset: Option<u64>,
    fields: Fields,
    /// Of a value in the file, in bytes.
    width: usize,
}

impl Array {
    /// `stored` is how many bytes there are of it, and `own` the file, if it lies in the one that is open.
    pub fn new(
        number: u32,
        name: String,
        dataset: hdf5::Dataset,
        stored: u64,
        own: Option<&File>,
    ) -> Result<Self, Failure> {
        let kind = dataset.dtype()?;
        let (element, fields, dtype) = element_of(&kind);
        let space = dataset.space()?;
        if space.is_null() {
            return Err(Failure::Empty);
        }
        let chunk = dataset.chunk();
        let offset = own.and_then(|file| offset_of(&dataset, file, &space.shape(), kind.size()));
        let wide = match fields {
            Fields::RI => plain::<Complex<f32>, Complex<f64>>(&kind),
            Fields::RealImag => plain::<RealImag<f32>, RealImag<f64>>(&kind),
            Fields::One => plain::<f32, f64>(&kind),
            Fields::None => None,
        };
        let info = ArrayInfo {
            place: wide.and_then(|_| place_of(&dataset, offset, own)),
            wide: wide == Some(true),
            number,
            name,
            shape: space.shape(),
            element,
            dtype,
            stored,
            compressed: chunk.is_some() && !dataset.filters().is_empty(),
            chunk,
        };
        Ok(Self {
            width: kind.size(),
            offset,
            dataset,
            info,
            fields,
        })
    }

    /// What reading a block takes, in bytes: its values, and the pieces that HDF5 takes apart for it.
    pub fn bytes_of(&self, start: &[usize], count: &[usize], wide: bool) -> Result<u64, Failure> {
        let shape = &self.info.shape;
        let within =
            |((&at, &n), &length): ((&usize, &usize), &usize)| at.checked_add(n).is_some_and(|end| end <= length);
        let axes = [start.len(), count.len()] == [shape.len(); 2];
        if !axes || !start.iter().zip(count).zip(shape).all(within) {
            return Err(Failure::Damaged("has not the shape that it had".into()));
        }
        let size = if wide { 16 } else { 8 };
        let values = product(count).saturating_mul(size);
        let chunk = self
            .info
            .chunk
            .as_deref()
            .map_or(0, product)
            .saturating_mul(self.width as u64);
        let unpacked = if self.info.compressed {
            chunk.saturating_mul(3)
        } else {
            chunk
        };
        Ok(values.saturating_add(unpacked))
    }

    /// What HDF5 goes through for a block, in bytes: all of each piece that it touches.
    pub fn work_of(&self, start: &[usize], count: &[usize]) -> u64 {
        let Some(lengths) = &self.info.chunk else {
            return product(count).saturating_mul(self.width as u64);
        };
        let axes = start.iter().zip(count).zip(lengths);
        let whole = axes.map(|((&at, &n), &length)| {
            let length = length.max(1);
            ((at + n).div_ceil(length) - at / length).saturating_mul(length)
        });
        product(&whole.collect::<Vec<_>>()).saturating_mul(self.width as u64)
    }

    /// Where the pieces lie that it is stored in, sorted by their numbers.
    pub fn pieces(&self) -> Result<Vec<Piece>, Failure> {
        let shape = &self.info.shape;
        let lengths = self.info.chunk.as_ref().filter(|lengths| !lengths.contains(&0));
        let lengths = lengths.ok_or_else(|| Failure::Damaged("is not stored in pieces".into()))?;
        let mut pieces = Vec::new();
        self.dataset.chunks_visit(|chunk| {
            // what lies outside belongs to no value
            if chunk.offset.iter().zip(shape).any(|(&at, &n)| at >= n as u64) {
                return 0;
            }
            let axes = chunk.offset.iter().zip(shape).zip(lengths);
            let number = axes.fold(0u64, |number, ((&at, &n), &length)| {
                let along = n.div_ceil(length) as u64;
                number.wrapping_mul(along).wrapping_add(at / length as u64)
            });
            pieces.push(Piece {
                number,
                address: chunk.addr,
                bytes: chunk.size,
                without: chunk.filter_mask,
            });
            i32::from(pieces.len() > MOST_PIECES)
        })?;
        pieces.sort_by_key(|piece| piece.number);
        Ok(pieces)
    }

    /// `count` values along each axis from `start` on.
    pub fn read(&self, start: &[usize], count: &[usize], wide: bool) -> Result<Numbers, Failure> {
        Ok(match (self.fields, wide) {
            (Fields::RI, false) => Numbers::SinglePairs(self.load(start, count)?),
            (Fields::RI, true) => Numbers::DoublePairs(self.load(start, count)?),
            (Fields::RealImag, false) => Numbers::SinglePairs(self.load_pairs(start, count)?),
            (Fields::RealImag, true) => Numbers::DoublePairs(self.load_pairs(start, count)?),
            (Fields::One, false) => Numbers::Single(self.load(start, count)?),
            (Fields::One, true) => Numbers::Double(self.load(start, count)?),
            (Fields::None, _) => return Err(Failure::Damaged(format!("holds {}, no numbers", self.info.dtype))),
        })
    }

    fn load_pairs<T: H5Type + Copy>(&self, start: &[usize], count: &[usize]) -> Result<Vec<Complex<T>>, Failure> {
        let pairs: Vec<RealImag<T>> = self.load(start, count)?;
        Ok(pairs.into_iter().map(|v| Complex::new(v.real, v.imag)).collect())
    }

    fn load<T: H5Type>(&self, start: &[usize], count: &[usize]) -> Result<Vec<T>, Failure> {
        let read = if count == self.info.shape {
            self.dataset.read_dyn::<T>()
        } else {
            let ranges = start.iter().zip(count).map(|(&at, &n)| (at..at + n).into());
            let slab: hdf5::Hyperslab = ranges.collect::<Vec<hdf5::SliceOrIndex>>().into();
            self.dataset.read_slice::<T, _, _>(slab)
        };
        let read = read.map_err(|e| {
            let filters = self.dataset.filters();
            match filters.iter().find(|filter| !filter.is_available()) {
                Some(filter) => Failure::Filter(filter.id()),
                None => Failure::Library(words(&e)),
            }
        })?;
        Ok(read.into_raw_vec_and_offset().0)
    }
}

pub(super) fn product(lengths: &[usize]) -> u64 {
    lengths.iter().fold(1, |product, &n| product.saturating_mul(n as u64))
}
