//! Attributes of a scan, kept so that they can be written to its reconstruction.

use std::path::Path;

use ndarray::ArrayD;
use serde::{Deserialize, Serialize};

use super::hdf5_reader::Hdf5File;

/// A name and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    Ok(Hdf5File::open(path)?.attributes().0)
}

/// The same of a group in a file; none where there is no such group.
pub fn read_group_attributes(path: &Path, group: &str) -> crate::error::Result<Vec<Attribute>> {
    let read = Hdf5File::open(path)?.attributes_of(group);
    Ok(read.unwrap_or_default().0)
}
