//! How this process reads files of HDF5, stated once when it starts.

use std::ffi::OsString;
use std::sync::OnceLock;

use crate::memory::whole_memory;

/// The command line argument that makes a program answer its parent: it then calls
/// [`read_for_parent`](super::read_for_parent) and does nothing else.
pub const COMMAND: &str = "--read-hdf5-for-parent";

/// How files of HDF5 are read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The command line, program and arguments, of what reads them when it is given [`COMMAND`] as well; without one a
    /// thread of this process does.
    pub program: Option<Vec<OsString>>,
    /// Whether a file may lead to others in its folder or below, by external links, external storage and virtual
    /// datasets.
    pub follow_links: bool,
    /// The most that an array read whole, or the child, may take, in bytes.
    pub memory: u64,
    /// Whether the user asked to stop.
    pub interrupted: fn() -> bool,
}

static READING: OnceLock<Reading> = OnceLock::new();

impl Default for Reading {
    fn default() -> Self {
        Self {
            program: None,
            follow_links: false,
            memory: whole_memory().unwrap_or(u64::MAX),
            interrupted: || false,
        }
    }
}

impl Reading {
    /// Reads so from now on. The first call counts.
    pub fn begin(self) {
        let _ = READING.set(self);
    }

    /// What counts.
    pub fn now() -> &'static Self {
        READING.get_or_init(Self::default)
    }
}
