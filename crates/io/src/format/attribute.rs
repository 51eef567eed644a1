//! Attributes of a scan, kept so that they can be written to its reconstruction.

use std::path::Path;

use hdf5::types::{FixedAscii, FixedUnicode, IntSize, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Container, H5Type};
use ndarray::ArrayD;

use super::reason::Reason;
use super::source::h5::{self, library};

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    pub name: String,
    pub value: AttributeValue,
}

impl Attribute {
    /// Where it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn new(name: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// Integers and floats of any width are widened to 64 bits.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    Text(String),
    Texts(Vec<String>),
    Bool(bool),
    Int(i64),
    Ints(ArrayD<i64>),
    Float(f64),
    Floats(ArrayD<f64>),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for AttributeValue {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<Vec<f64>> for AttributeValue {
    fn from(values: Vec<f64>) -> Self {
        Self::Floats(ndarray::Array1::from(values).into_dyn())
    }
}

/// The attributes of a file, those left out that are of no kind known here.
pub fn read_attributes(path: &Path) -> crate::error::Result<Vec<Attribute>> {
    let file = h5::open(path)?;
    Ok(read_all(&file).0)
}

/// The same of a group in a file; none where there is no such group.
pub fn read_group_attributes(path: &Path, group: &str) -> crate::error::Result<Vec<Attribute>> {
    let file = h5::open(path)?;
    Ok(file.group(group).map_or(Vec::new(), |group| read_all(&group).0))
}

/// The attributes of an object, and a warning for each that cannot be kept.
pub(super) fn read_all(object: &hdf5::Location) -> (Vec<Attribute>, Vec<String>) {
    let names = match object.attr_names() {
        Ok(names) => names,
        Err(e) => {
            return (
                Vec::new(),
                vec![format!("the attributes cannot be listed ({})", library(&e))],
            );
        }
    };
    let (mut attributes, mut warnings) = (Vec::new(), Vec::new());
    for name in names {
        match object
            .attr(&name)
            .map_err(h5::reason)
            .and_then(|attribute| read(&attribute))
        {
            Ok(value) => attributes.push(Attribute { name, value }),
            Err(why) => warnings.push(format!("attribute '{name}' is not kept: {why}")),
        }
    }
    (attributes, warnings)
}

/// The text of an attribute of that name, lists joined by commas; `None` where there is no text of that name.
pub(super) fn text_of(object: &hdf5::Location, name: &str) -> Option<String> {
    Some(texts(&*object.attr(name).ok()?).ok()?.join(","))
}

/// Attributes lie in the object's header, a few kilobytes; a dense one is refused beyond this.
const MOST_VALUES: usize = 1 << 16;

fn read(attribute: &hdf5::Attribute) -> Result<AttributeValue, Reason> {
    let space = attribute.space().map_err(h5::reason)?;
    let scalar = space.shape().is_empty();
    if space.is_null() {
        return Err("it is empty".into());
    }
    if count(&space.shape()) > MOST_VALUES {
        return Err("it is too large".into());
    }
    let descriptor = attribute.dtype().and_then(|d| d.to_descriptor()).map_err(h5::reason)?;
    match descriptor {
        // read as a number: a stored bool may hold any byte
        TypeDescriptor::Boolean if scalar => Ok(AttributeValue::Bool(array::<i64>(attribute)?.iter().any(|&v| v != 0))),
        TypeDescriptor::Unsigned(IntSize::U8) => {
            let large = array::<u64>(attribute)?.iter().any(|&v| i64::try_from(v).is_err());
            if large {
                Err("an integer above 2^63".into())
            } else {
                ints(attribute, scalar)
            }
        }
        TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) | TypeDescriptor::Boolean => ints(attribute, scalar),
        TypeDescriptor::Float(_) => {
            let values = array::<f64>(attribute)?;
            Ok(match (scalar, values.first()) {
                (true, Some(&value)) => AttributeValue::Float(value),
                _ => AttributeValue::Floats(values),
            })
        }
        _ => {
            let mut texts = texts(attribute)?;
            Ok(match texts.pop() {
                Some(text) if scalar => AttributeValue::Text(text),
                last => AttributeValue::Texts(texts.into_iter().chain(last).collect()),
            })
        }
    }
}

fn ints(attribute: &hdf5::Attribute, scalar: bool) -> Result<AttributeValue, Reason> {
    let values = array::<i64>(attribute)?;
    Ok(match (scalar, values.first()) {
        (true, Some(&value)) => AttributeValue::Int(value),
        _ => AttributeValue::Ints(values),
    })
}

fn array<T: H5Type>(attribute: &hdf5::Attribute) -> Result<ArrayD<T>, Reason> {
    attribute.read_dyn().map_err(h5::reason)
}

fn count(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, &axis| n.saturating_mul(axis))
}

/// Strings of variable or fixed length, in memory order. Bytes that are not UTF-8 are replaced.
pub(super) fn texts(container: &Container) -> Result<Vec<String>, Reason> {
    let descriptor = container.dtype().and_then(|d| d.to_descriptor()).map_err(h5::reason)?;
    if count(&container.shape()) > MOST_VALUES {
        return Err("too many strings".into());
    }
    // HDF5 converts no character sets, so the type read is the one stored, at least as long
    macro_rules! strings {
        ($string:ty) => {
            container
                .read_raw::<$string>()
                .map(|all| all.iter().map(|s| lossy(s.as_bytes())).collect())
        };
    }
    use TypeDescriptor as T;
    match descriptor {
        T::VarLenUnicode => strings!(VarLenUnicode),
        T::VarLenAscii => strings!(VarLenAscii),
        T::FixedUnicode(..=256) => strings!(FixedUnicode<256>),
        T::FixedAscii(..=256) => strings!(FixedAscii<256>),
        T::FixedUnicode(..=LONG) if count(&container.shape()) <= 16 => strings!(FixedUnicode<LONG>),
        T::FixedAscii(..=LONG) if count(&container.shape()) <= 16 => strings!(FixedAscii<LONG>),
        other => return Err(format!("{other} is not kept").into()),
    }
    .map_err(h5::reason)
}

/// A fixed-length string longer than this is not read.
const LONG: usize = 1 << 20;

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_string()
}
