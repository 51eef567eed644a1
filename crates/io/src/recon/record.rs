use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use pvdamp::reconstruct::Record;

/// What was done to one slice: one line of a trace.
#[derive(Clone, Debug, Serialize)]
pub struct SliceRecord {
    pub slice: usize,
    #[serde(flatten)]
    pub record: Record,
}

impl SliceRecord {
    /// As one line of JSON.
    pub fn line(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| self.unfit(&e))
    }

    /// The same without what the clock said, so that a file that holds it is the same whenever it is made.
    pub fn timeless_line(&self) -> Result<String> {
        let mut value = serde_json::to_value(self).map_err(|e| self.unfit(&e))?;
        leave_out_times(&mut value);
        Ok(value.to_string())
    }

    fn unfit(&self, e: &serde_json::Error) -> Error {
        Error::internal(format!(
            "the record of slice {} cannot be put as JSON ({e})",
            self.slice
        ))
    }
}

fn leave_out_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !matches!(name.as_str(), "seconds" | "preparation_seconds"));
            members.values_mut().for_each(leave_out_times);
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_times),
        _ => {}
    }
}
