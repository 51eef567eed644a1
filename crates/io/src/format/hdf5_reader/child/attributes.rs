//! Attributes of a file, a group or a dataset.

use hdf5::H5Type;
use hdf5::types::{IntSize, TypeDescriptor};
use ndarray::ArrayD;

use super::super::super::attribute::{Attribute, AttributeValue};
use super::super::failure::Failure;
use super::arrays::product;
use super::text::{MOST_VALUES, texts};
use super::words::words;

/// The attributes of an object, and a warning for each that cannot be kept.
pub(super) fn read_all(object: &hdf5::Location) -> (Vec<Attribute>, Vec<String>) {
    let names = match object.attr_names() {
        Ok(names) => names,
        Err(e) => {
            let warning = format!("the attributes cannot be listed ({})", words(&e));
            return (Vec::new(), vec![warning]);
        }
    };
    let (mut attributes, mut warnings) = (Vec::new(), Vec::new());
    for name in names {
        let value = object.attr(&name).map_err(Failure::from);
        match value.and_then(|attribute| read(&attribute)) {
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

fn read(attribute: &hdf5::Attribute) -> Result<AttributeValue, Failure> {
    let space = attribute.space()?;
    let scalar = space.shape().is_empty();
    if space.is_null() {
        return Err(not_kept("it is empty"));
    }
    if product(&space.shape()) > MOST_VALUES {
        return Err(not_kept("it is too large"));
    }
    match attribute.dtype()?.to_descriptor()? {
        // read as a number: a stored bool may hold any byte
        TypeDescriptor::Boolean if scalar => Ok(AttributeValue::Bool(array::<i64>(attribute)?.iter().any(|&v| v != 0))),
        TypeDescriptor::Unsigned(IntSize::U8) => {
            let large = array::<u64>(attribute)?.iter().any(|&v| i64::try_from(v).is_err());
            if large {
                Err(not_kept("an integer above 2^63"))
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

fn not_kept(why: &str) -> Failure {
    Failure::Damaged(why.into())
}

fn ints(attribute: &hdf5::Attribute, scalar: bool) -> Result<AttributeValue, Failure> {
    let values = array::<i64>(attribute)?;
    Ok(match (scalar, values.first()) {
        (true, Some(&value)) => AttributeValue::Int(value),
        _ => AttributeValue::Ints(values),
    })
}

fn array<T: H5Type>(attribute: &hdf5::Attribute) -> Result<ArrayD<T>, Failure> {
    Ok(attribute.read_dyn()?)
}
