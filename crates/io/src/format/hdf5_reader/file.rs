//! A file of HDF5, and the datasets in it, as all others see them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use bytemuck::allocation::try_zeroed_vec;
use bytemuck::{Pod, cast_slice_mut};
use ndarray::ArrayD;
use num_complex::Complex;

use super::super::attribute::Attribute;
use super::super::regular_file::open_regular;
use super::super::source::element::Element;
use super::super::source::messages::{DAMAGED, not_a_number, shape_text};
use super::acquisition::{Head, TableInfo};
use super::connection::Connection;
use super::failure::Failure;
use super::question::{ArrayInfo, Attributes, Identity, Question};
use super::reading::Reading;
use super::stored::{Block, Piece, Stored};
use crate::error::{Error, Place, Result};
use pvdamp::array::Real;

/// Bytes of values that are handed over at a time.
const PIECE: usize = 4 << 20;

/// A number that values are read as.
pub(in crate::format) trait Number: Real + Pod {
    /// Whether it is one of double precision.
    const WIDE: bool;
}

impl Number for f32 {
    const WIDE: bool = false;
}

impl Number for f64 {
    const WIDE: bool = true;
}

/// A file opened for reading, and its reader, who ends with the last handle.
#[derive(Clone)]
pub(in crate::format) struct Hdf5File {
    path: PathBuf,
    /// For values that are read where they lie.
    raw: Arc<File>,
    connection: Arc<Mutex<Connection>>,
    /// Why nothing can be read any more.
    lost: Arc<OnceLock<Failure>>,
}

impl Hdf5File {
    /// # Errors
    /// A file that is not there, cannot be read, or is no HDF5, with a sentence for each.
    pub fn open(path: &Path) -> Result<Self> {
        let raw = open_there(path)?;
        let Some(utf8) = path.to_str() else {
            let problem = "the path is not UTF-8, which HDF5 needs";
            return Err(Error::data(path, problem, "rename the file"));
        };
        let unopened = |failure: Failure| failure.error(path, "HDF5 cannot open it");
        let reading = Reading::now();
        let mut connection = Connection::start().map_err(unopened)?;
        let open = Question::Open {
            path: utf8.into(),
            follow_links: reading.follow_links,
            memory: reading.memory,
        };
        let theirs: Identity = connection.ask(&open).map_err(unopened)?;
        if theirs != Identity::of(&raw) {
            return Err(Error::data(path, "was exchanged while it was opened", "try again"));
        }
        Ok(Self {
            path: path.to_path_buf(),
            raw: Arc::new(raw),
            connection: Arc::new(Mutex::new(connection)),
            lost: Arc::default(),
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// By a question to the reader. That he is lost is remembered.
    fn answered<T>(
        &self,
        ask: impl FnOnce(&mut Connection) -> std::result::Result<T, Failure>,
    ) -> std::result::Result<T, Failure> {
        let answer = ask(&mut self.connection());
        if let Err(failure) = &answer
            && failure.is_loss()
        {
            // of several the first tells
            let _ = self.lost.set(failure.clone());
        }
        answer
    }

    fn ask<T: serde::de::DeserializeOwned>(&self, question: &Question) -> std::result::Result<T, Failure> {
        self.answered(|connection| connection.ask(question))
    }

    /// Errors: the reader was lost, so that what was said not to be there may be there.
    pub fn check(&self) -> Result<()> {
        let lost = self.lost.get();
        lost.map_or(Ok(()), |failure| {
            Err(failure.clone().error(self.path.as_path(), "cannot be read"))
        })
    }

    /// Whether a link of this name is there, groups on the way included.
    pub fn exists(&self, name: &str) -> bool {
        self.ask(&Question::Exists(name.into())).unwrap_or(false)
    }

    /// A dataset that is there; `None` where there is none of that name.
    pub fn array(&self, name: &str) -> Result<Option<Hdf5Array>> {
        let found = self.ask::<Option<ArrayInfo>>(&Question::Array(name.into()));
        let info = found.map_err(|failure| failure.error(Place::new(&self.path, name), "cannot be opened"))?;
        Ok(info.map(|info| self.of(info)))
    }

    /// Every dataset that can be opened, groups included.
    pub fn arrays(&self) -> Vec<Hdf5Array> {
        let found: Vec<ArrayInfo> = self.ask(&Question::Arrays).unwrap_or_default();
        found.into_iter().map(|info| self.of(info)).collect()
    }

    fn of(&self, info: ArrayInfo) -> Hdf5Array {
        Hdf5Array {
            file: self.clone(),
            place: Place::new(&self.path, &info.name),
            info: Arc::new(info),
            places: Arc::default(),
        }
    }

    /// The attributes of the file, and a warning for each that cannot be kept.
    pub fn attributes(&self) -> (Vec<Attribute>, Vec<String>) {
        self.attributes_of("/").unwrap_or_default()
    }

    /// The same of a group or dataset; `None` where nothing has this name.
    pub fn attributes_of(&self, object: &str) -> Attributes {
        let read = self.ask(&Question::Attributes(object.into()));
        read.unwrap_or_else(|failure| {
            let warning = format!("the attributes cannot be listed ({failure})");
            Some((Vec::new(), vec![warning]))
        })
    }

    /// Groups that hold ISMRMRD's `data` and `xml`.
    pub fn measurements(&self) -> Vec<String> {
        self.ask(&Question::Measurements).unwrap_or_default()
    }

    /// Opens the table of acquisitions of that name.
    pub fn table(&self, name: &str) -> std::result::Result<TableInfo, Failure> {
        self.ask(&Question::Table(name.into()))
    }

    /// Heads of the acquisitions from `first` to before `end`, of the table opened last.
    pub fn heads(&self, first: usize, end: usize) -> std::result::Result<Vec<Head>, Failure> {
        self.ask(&Question::Heads(first, end))
    }

    /// The same of their samples, `numbers` in all by their heads: how many each has, and all of them.
    pub fn samples(
        &self,
        first: usize,
        end: usize,
        numbers: usize,
    ) -> std::result::Result<(Vec<usize>, Vec<f32>), Failure> {
        let question = Question::Samples { first, end, numbers };
        let room = |lengths: &Vec<usize>, bytes| {
            let count = lengths.iter().try_fold(0usize, |sum, &n| sum.checked_add(n))?;
            let as_told = count.checked_mul(size_of::<f32>())? as u64 == bytes && lengths.len() == end - first;
            let fits = as_told && bytes <= Reading::now().memory;
            if fits { try_zeroed_vec(count).ok() } else { None }
        };
        self.answered(|connection| connection.ask_numbers(&question, room))
    }

    /// Other files that it leads to.
    pub fn others(&self) -> Result<Vec<PathBuf>> {
        let others = self.ask::<Vec<String>>(&Question::Others);
        let others = others.map_err(|failure| failure.error(self.path.as_path(), "its links cannot be followed"))?;
        Ok(others.into_iter().map(PathBuf::from).collect())
    }
}

/// A dataset opened for reading.
#[derive(Clone)]
pub(in crate::format) struct Hdf5Array {
    file: Hdf5File,
    place: Place,
    info: Arc<ArrayInfo>,
    /// Where its pieces lie, once they were asked for.
    places: Arc<OnceLock<std::result::Result<Vec<Piece>, Failure>>>,
}

impl Hdf5Array {
    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn shape(&self) -> &[usize] {
        &self.info.shape
    }

    pub fn element(&self) -> Element {
        self.info.element
    }

    /// `complex64`, `float32`, `bool`, ...
    pub fn dtype(&self) -> &str {
        &self.info.dtype
    }

    /// How many values along an axis are stored together; 1 where none are.
    pub fn chunk(&self, axis: usize) -> usize {
        let chunk = self.info.chunk.as_ref().and_then(|lengths| lengths.get(axis));
        chunk.copied().unwrap_or(1).max(1)
    }

    /// Its attributes, and a warning for each that cannot be kept.
    pub fn attributes(&self) -> (Vec<Attribute>, Vec<String>) {
        self.file.attributes_of(&self.info.name).unwrap_or_default()
    }

    /// The text of an attribute, lists joined by commas; `None` where there is no text of that name.
    pub fn attribute_text(&self, name: &str) -> Option<String> {
        let question = Question::AttributeText(self.info.number, name.into());
        self.file.ask::<Option<String>>(&question).ok().flatten()
    }

    /// Strings of variable or fixed length, in memory order. Bytes that are not UTF-8 are replaced.
    pub fn texts(&self) -> std::result::Result<Vec<String>, Failure> {
        self.file.ask(&Question::Texts(self.info.number))
    }

    /// One text: a string, or bytes.
    pub fn text(&self) -> std::result::Result<String, Failure> {
        self.file.ask(&Question::Text(self.info.number))
    }

    /// `count` values along each axis from `start` on, real ones taken as complex.
    pub fn block<T: Number>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<Complex<T>>> {
        match self.info.element {
            Element::Complex { .. } => self.load::<T, Complex<T>>(start, count),
            Element::Real { .. } => {
                let values = self.load::<T, T>(start, count)?;
                Ok(values.mapv_into_any(|re| Complex::new(re, T::zero())))
            }
            Element::Other => Err(not_a_number(&self.place, &self.info.dtype)),
        }
    }

    /// The same of numbers that are no pairs.
    pub fn real_block<T: Number>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        self.load::<T, T>(start, count)
    }

    /// Straight into the array returned; `V` is what is stored, in numbers of `T`.
    fn load<T: Number, V: Pod>(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<V>> {
        self.file.check()?;
        self.check_claim(size_of::<V>())?;
        let undone = |failure: Failure| failure.error(self.place.clone(), "cannot be read");
        let wanted = product(count).saturating_mul(size_of::<V>() as u128);
        let too_large = || undone(Failure::TooLarge(u64::try_from(wanted).unwrap_or(u64::MAX)));
        if wanted > u128::from(Reading::now().memory) {
            return Err(too_large());
        }
        let length = usize::try_from(product(count)).map_err(|_| too_large())?;
        let mut values: Vec<V> = try_zeroed_vec(length).map_err(|()| too_large())?;
        let bytes = cast_slice_mut(&mut values);
        if !self.read_stored::<V>(T::WIDE, start, count, bytes).map_err(undone)? {
            let pieces = self.pieces::<T, V>(start, count);
            let read = self.file.answered(|connection| connection.ask_pieces(&pieces, bytes));
            read.map_err(undone)?;
        }
        Ok(ArrayD::from_shape_vec(count.to_vec(), values).expect("as many as the shape has"))
    }

    /// Reads a block where it lies in the file; `false` where that does not go.
    pub(super) fn read_stored<V>(
        &self,
        wide: bool,
        start: &[usize],
        count: &[usize],
        out: &mut [u8],
    ) -> std::result::Result<bool, Failure> {
        let block = Block {
            shape: &self.info.shape,
            start,
            count,
            width: size_of::<V>(),
        };
        let damaged = |e: std::io::Error| Failure::Damaged(format!("cannot be read ({e})"));
        match &self.info.place {
            Some(Stored::Together(address)) if self.info.wide == wide => {
                block.read_together(&self.file.raw, *address, out).map_err(damaged)?;
                Ok(true)
            }
            Some(Stored::InPieces(filters)) if self.info.wide == wide && !out.is_empty() => {
                let Some(lengths) = &self.info.chunk else {
                    return Ok(false);
                };
                // a larger piece is for the reader to refuse
                let piece = product(lengths).saturating_mul(size_of::<V>() as u128);
                if piece.saturating_mul(3) > u128::from(Reading::now().memory) {
                    return Ok(false);
                }
                let pieces = self
                    .places
                    .get_or_init(|| self.file.ask(&Question::Pieces(self.info.number)));
                let Ok(pieces) = pieces else {
                    return Ok(false);
                };
                // what seems damaged is for HDF5 to judge
                Ok(block
                    .read_pieces(&self.file.raw, lengths, filters, pieces, out)
                    .unwrap_or(false))
            }
            _ => Ok(false),
        }
    }

    /// Questions for the pieces of a block, which lie one after the other in it, and the bytes of each. What is
    /// compressed together is asked for together.
    fn pieces<T: Number, V>(&self, start: &[usize], count: &[usize]) -> Vec<(Question, usize)> {
        let question = |start: &[usize], count: &[usize]| {
            let block = Question::Block {
                array: self.info.number,
                start: start.to_vec(),
                count: count.to_vec(),
                wide: T::WIDE,
            };
            (block, count.iter().product::<usize>() * size_of::<V>())
        };
        let Some(axis) = count.iter().position(|&n| n != 1) else {
            return vec![question(start, count)];
        };
        let one = count[axis + 1..].iter().product::<usize>() * size_of::<V>();
        let together = match self.chunk(axis) {
            chunk if self.info.compressed => chunk,
            _ => 1,
        };
        let length = (PIECE / one.max(1)).max(1).next_multiple_of(together);
        let (mut at, end) = (start[axis], start[axis] + count[axis]);
        if at == end {
            return vec![question(start, count)];
        }
        let mut pieces = Vec::new();
        while at < end {
            let next = ((at / length + 1) * length).min(end);
            let (mut start, mut count) = (start.to_vec(), count.to_vec());
            (start[axis], count[axis]) = (at, next - at);
            pieces.push(question(&start, &count));
            at = next;
        }
        pieces
    }

    /// A damaged header can claim any shape: refuse one that the bytes stored cannot fill, at `width` bytes a value.
    pub fn check_claim(&self, width: usize) -> Result<()> {
        const INFLATION: u128 = 2000; // deflate reaches 1032
        const UNDOUBTED: u128 = 64 << 20;
        let stored = self.info.stored;
        let claimed = product(&self.info.shape).saturating_mul(width as u128);
        if claimed > UNDOUBTED && claimed / INFLATION > u128::from(stored) {
            let shape = shape_text(&self.info.shape);
            let problem = format!("claims shape {shape} but stores {stored} bytes");
            return Err(Error::data(self.place.clone(), problem, DAMAGED));
        }
        Ok(())
    }
}

fn product(shape: &[usize]) -> u128 {
    shape.iter().fold(1, |product, &n| product.saturating_mul(n as u128))
}

/// Opens a file with something in it, before anyone is started to read it.
fn open_there(path: &Path) -> Result<File> {
    let error = |problem: &str, mend: &str| Error::data(path, problem, mend);
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(error("no such file", "check the path").caused_by(e));
        }
        Err(e) => {
            let problem = format!("cannot be read ({e})");
            return Err(error(&problem, "check the path and its permissions").caused_by(e));
        }
        Ok(m) if m.is_dir() => return Err(error("this is a folder", "name a file in it")),
        Ok(m) if !m.is_file() => return Err(error("this is not a regular file", "name a file with data")),
        Ok(m) if m.len() == 0 => return Err(error("the file is empty", "copy or download it again")),
        Ok(_) => {}
    }
    open_regular(path).map_err(|e| {
        let problem = format!("cannot be read ({e})");
        error(&problem, "check its permissions").caused_by(e)
    })
}
