//! Why something cannot be read or written, before it is known of which file.

use std::fmt;

use crate::error::{Cause, Error};

/// A sentence, and the error that underlies it, where there is one.
#[derive(Debug)]
pub struct Reason {
    text: String,
    cause: Option<Cause>,
}

impl Reason {
    /// In the words of its cause.
    pub(super) fn of(cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        Self {
            text: cause.to_string(),
            cause: Some(cause),
        }
    }

    pub(super) fn new(text: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self {
            text: text.into(),
            cause: Some(cause.into()),
        }
    }

    /// The error, with what underlies this reason as its cause.
    pub(super) fn cause_of(self, error: Error) -> Error {
        match self.cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, cause: None }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_string().into()
    }
}

impl From<std::io::Error> for Reason {
    fn from(error: std::io::Error) -> Self {
        Self::of(error)
    }
}
