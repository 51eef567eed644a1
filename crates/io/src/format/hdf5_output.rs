//! Results as HDF5, written slice by slice into a file that appears when it is complete.

use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hdf5::file::FileCloseDegree;
use hdf5::types::VarLenUnicode;
use hdf5::{H5Type, SliceOrIndex};
use ndarray::{ArrayD, ArrayView, ArrayView1, Dimension, IxDyn};
use num_complex::Complex;

use super::atomic_file::{AtomicFile, unwritable};
use super::attribute::{Attribute, AttributeValue};
use super::hdf5_reader::words;
use super::reason::Reason;
use super::source::messages::shape_text;
use crate::error::{Error, Place, Result};

/// What a dataset may hold. Complex numbers are stored as the compound `{r, i}` and bool as the enum
/// `{FALSE, TRUE}`, which h5py reads as its own.
pub trait Hdf5Element: H5Type + Clone {}

impl Hdf5Element for bool {}
impl Hdf5Element for u8 {}
impl Hdf5Element for i32 {}
impl Hdf5Element for i64 {}
impl Hdf5Element for u64 {}
impl Hdf5Element for f32 {}
impl Hdf5Element for f64 {}
impl Hdf5Element for Complex<f32> {}
impl Hdf5Element for Complex<f64> {}

/// An HDF5 file being written. Nothing has the final name before [`Hdf5Output::finish`].
pub struct Hdf5Output {
    // closed before the file is removed
    file: Open<hdf5::File>,
    atomic: AtomicFile,
    gzip: Option<u8>,
}

/// A dataset being written, of one type and shape.
pub struct OutputDataset<T> {
    dataset: Open<hdf5::Dataset>,
    place: Place,
    shape: Vec<usize>,
    of: PhantomData<T>,
}

/// A handle that is left open for good once writing has failed: a dataset whose planes do not reach the disk cannot
/// be closed, and HDF5 (2.2) then reads freed memory when it closes the file.
struct Open<H> {
    handle: Option<H>,
    failed: Arc<AtomicBool>,
}

impl<H> Open<H> {
    fn new(handle: H, failed: &Arc<AtomicBool>) -> Self {
        Self {
            handle: Some(handle),
            failed: failed.clone(),
        }
    }

    /// Notes the failure of `done`, if it is one.
    fn note<T>(&self, done: hdf5::Result<T>) -> hdf5::Result<T> {
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        done
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

impl<H> Deref for Open<H> {
    type Target = H;

    fn deref(&self) -> &H {
        self.handle.as_ref().expect("taken when closed, and not used after")
    }
}

impl<H> Drop for Open<H> {
    fn drop(&mut self) {
        if self.has_failed() {
            std::mem::forget(self.handle.take());
        }
    }
}

impl Hdf5Output {
    /// Creates the file under its temporary name.
    ///
    /// # Errors
    /// As for [`AtomicFile::create`].
    pub fn create(path: &Path) -> Result<Self> {
        let atomic = AtomicFile::create(path)?;
        if atomic.temporary().to_str().is_none() {
            return Err(Error::data(
                path,
                "the path is not UTF-8, which HDF5 needs",
                "choose another output",
            ));
        }
        // closing must close: by default HDF5 waits for the last dataset held, and what fails then is lost
        let mut options = hdf5::File::with_options();
        // no one else has the file before it has its name, and a lock would last as long as any process that a child
        // of this one left it to
        options
            .fapl()
            .fclose_degree(FileCloseDegree::Strong)
            .file_locking(false)
            .sec2();
        // a file does not tell when it was written: the same results are the same bytes
        options.fcpl().obj_track_times(false);
        let file = options
            .create(atomic.temporary())
            .map_err(|e| unwritable(path, reason(e)))?;
        let file = Open::new(file, &Arc::default());
        Ok(Self {
            file,
            atomic,
            gzip: None,
        })
    }

    /// Compresses the datasets created from now on, of two axes and more, plane by plane, at a level from 1 to 9.
    pub fn with_gzip(mut self, level: Option<u8>) -> Self {
        self.gzip = level.map(|level| level.clamp(1, 9));
        self
    }

    /// Creates a group, with those it lies in.
    pub fn group(&self, name: &str) -> Result<()> {
        let builder = self.file.create_group_builder();
        let created = self
            .file
            .note(builder.with_gcpl(|g| g.obj_track_times(false)).create(name));
        created.map(drop).map_err(|e| not_written(&self.place(name), e))
    }

    /// Creates a dataset to be written slice by slice; what is never written is zero.
    pub fn dataset<T: Hdf5Element>(&self, name: &str, shape: &[usize]) -> Result<OutputDataset<T>> {
        self.create_dataset(name, shape)
    }

    /// Creates a dataset and writes it whole.
    pub fn write<T: Hdf5Element, D: Dimension>(&self, name: &str, values: ArrayView<T, D>) -> Result<()> {
        self.dataset::<T>(name, values.shape())?.write(values)
    }

    /// Writes a string as a dataset.
    pub fn text(&self, name: &str, text: &str) -> Result<()> {
        let text = unicode(text).map_err(|why| {
            let error = Error::data(self.place(name), why.to_string(), "write it without");
            why.cause_of(error)
        })?;
        self.create_dataset::<VarLenUnicode>(name, &[])?
            .write(ndarray::arr0(text).view())
    }

    fn create_dataset<T: H5Type>(&self, name: &str, shape: &[usize]) -> Result<OutputDataset<T>> {
        let place = self.place(name);
        let mut builder = self
            .file
            .new_dataset::<T>()
            .obj_track_times(false)
            .shape(shape.to_vec());
        if let (Some(level), [before @ .., rows, cols], false) = (self.gzip, shape, shape.contains(&0)) {
            let plane: Vec<usize> = before.iter().map(|_| 1).chain([*rows, *cols]).collect();
            builder = builder.chunk(plane).deflate(level);
        }
        let dataset = self
            .file
            .note(builder.create(name))
            .map_err(|e| not_written(&place, e))?;
        let dataset = Open::new(dataset, &self.file.failed);
        Ok(OutputDataset {
            dataset,
            place,
            shape: shape.to_vec(),
            of: PhantomData,
        })
    }

    /// Writes an attribute of the file (`object` is `/`), of a group or of a dataset.
    pub fn attribute(&self, object: &str, attribute: &Attribute) -> Result<()> {
        let written = if object == "/" {
            write_attribute(&self.file, attribute)
        } else if let Ok(dataset) = self.file.dataset(object) {
            write_attribute(&dataset, attribute)
        } else {
            write_attribute(
                &*self
                    .file
                    .group(object)
                    .map_err(|e| not_written(&self.place(object), e))?,
                attribute,
            )
        };
        written.map_err(|why| {
            let problem = format!("attribute '{}' cannot be written ({why})", attribute.name);
            why.cause_of(Error::data(
                self.place(object),
                problem,
                "leave it out, or make room for it",
            ))
        })
    }

    /// Writes all to disk, closes the file and gives it its name. Datasets still held can no longer be written.
    ///
    /// # Errors
    /// A full disk, or any other failure of flushing, closing and renaming, and any failure before: nothing is left
    /// then.
    pub fn finish(self) -> Result<()> {
        self.close()?.commit()
    }

    /// Writes all to disk and closes the file, which has its name still to get.
    pub fn close(self) -> Result<AtomicFile> {
        let Self { mut file, atomic, .. } = self;
        let path = atomic.path().to_path_buf();
        if file.has_failed() {
            return Err(unwritable(&path, "a part of it could not be"));
        }
        let failed = |e: hdf5::Error| unwritable(&path, reason(e));
        file.note(file.flush()).map_err(failed)?;
        file.handle.take().map_or(Ok(()), hdf5::File::close).map_err(failed)?;
        Ok(atomic)
    }

    fn place(&self, name: &str) -> Place {
        Place::new(self.atomic.path(), name)
    }
}

impl<T: H5Type + Clone> OutputDataset<T> {
    /// Writes one slice: index `slice` of the first axis, whole along the others.
    pub fn write_slice<D: Dimension>(&self, slice: usize, values: ArrayView<T, D>) -> Result<()> {
        if self.shape.first().is_none_or(|&slices| slice >= slices) || self.shape[1..] != *values.shape() {
            return Err(self.misfit(&format!("slice {slice} of shape {}", shape_text(values.shape()))));
        }
        let whole = values.shape().iter().map(|_| (..).into());
        let slab: Vec<SliceOrIndex> = std::iter::once(SliceOrIndex::Index(slice)).chain(whole).collect();
        let values = values.as_standard_layout();
        self.flushed(self.dataset.write_slice(values.view(), hdf5::Hyperslab::from(slab)))
    }

    /// Writes a block of as many axes as the dataset has, whose first value lies at `start`.
    pub fn write_block<D: Dimension>(&self, start: &[usize], values: ArrayView<T, D>) -> Result<()> {
        let slab = self.slab(start, values.shape())?;
        let values = values.as_standard_layout();
        self.flushed(self.dataset.write_slice(values.view(), slab))
    }

    /// Reads back what was written: a block of `count` values along each axis from `start` on.
    pub fn read_block(&self, start: &[usize], count: &[usize]) -> Result<ArrayD<T>> {
        let slab = self.slab(start, count)?;
        let read = self.dataset.note(self.dataset.read_slice::<T, _, IxDyn>(slab));
        read.map_err(|e| not_written(&self.place, e))
    }

    fn slab(&self, start: &[usize], count: &[usize]) -> Result<hdf5::Hyperslab> {
        let within = |((&at, &n), &length): ((&usize, &usize), &usize)| at + n <= length;
        let axes = [start.len(), count.len()] == [self.shape.len(); 2];
        if !axes || !start.iter().zip(count).zip(&self.shape).all(within) {
            let block = format!("a block of shape {} at {}", shape_text(count), shape_text(start));
            return Err(self.misfit(&block));
        }
        let ranges = start.iter().zip(count).map(|(&at, &n)| (at..at + n).into());
        Ok(ranges.collect::<Vec<SliceOrIndex>>().into())
    }

    /// Writes the whole dataset.
    pub fn write<D: Dimension>(&self, values: ArrayView<T, D>) -> Result<()> {
        if self.shape != values.shape() {
            return Err(self.misfit(&format!("values of shape {}", shape_text(values.shape()))));
        }
        let values = values.as_standard_layout();
        self.flushed(self.dataset.write(values.view()))
    }

    /// Compressed planes wait in a cache, and HDF5 says nothing when they do not reach the disk as the dataset is
    /// dropped: they are sent there at once.
    fn flushed(&self, written: hdf5::Result<()>) -> Result<()> {
        let flushed = self.dataset.note(written.and_then(|()| self.dataset.flush()));
        flushed.map_err(|e| not_written(&self.place, e))
    }

    fn misfit(&self, what: &str) -> Error {
        let problem = format!("{what} does not fit into {}", shape_text(&self.shape));
        Error::data(
            self.place.clone(),
            problem,
            "create the dataset with the shape of the results",
        )
    }
}

/// What the library says, by its words on one line.
fn reason(error: hdf5::Error) -> Reason {
    Reason::new(words(&error), error)
}

fn not_written(place: &Place, error: hdf5::Error) -> Error {
    let problem = format!("cannot be written ({})", words(&error));
    let mend = "make room, or choose another output; nothing was left there";
    Error::data(place.clone(), problem, mend).caused_by(error)
}

fn write_attribute(location: &hdf5::Location, attribute: &Attribute) -> std::result::Result<(), Reason> {
    let name = attribute.name.as_str();
    if name.contains('\0') {
        return Err("its name holds a NUL".into());
    }
    fn put<T: H5Type, D: Dimension>(
        location: &hdf5::Location,
        name: &str,
        values: ArrayView<T, D>,
    ) -> hdf5::Result<()> {
        let values = ndarray::CowArray::from(values);
        location
            .new_attr::<T>()
            .shape(values.shape())
            .create(name)?
            .write(values.view())
    }
    fn put_one<T: H5Type>(location: &hdf5::Location, name: &str, value: T) -> hdf5::Result<()> {
        location.new_attr::<T>().create(name)?.write_scalar(&value)
    }
    let written = match &attribute.value {
        AttributeValue::Text(text) => put_one(location, name, unicode(text)?),
        AttributeValue::Texts(texts) => {
            let texts = texts
                .iter()
                .map(|t| unicode(t))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            put(location, name, ArrayView1::from(&texts))
        }
        AttributeValue::Bool(value) => put_one(location, name, *value),
        AttributeValue::Int(value) => put_one(location, name, *value),
        AttributeValue::Float(value) => put_one(location, name, *value),
        AttributeValue::Ints(values) => put(location, name, values.as_standard_layout().view()),
        AttributeValue::Floats(values) => put(location, name, values.as_standard_layout().view()),
    };
    written.map_err(reason)
}

fn unicode(text: &str) -> std::result::Result<VarLenUnicode, Reason> {
    VarLenUnicode::from_str(text).map_err(|e| Reason::new("the text holds a NUL character", e))
}
