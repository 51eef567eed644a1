//! What the two processes say to each other.
//!
//! A message is its length (four bytes, the least significant first) and as many bytes of `postcard`. A [`Reply`] that
//! tells of numbers is followed by them as they lie in memory.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::regular_file::identity;
use super::super::source::element::Element;
use super::failure::Failure;
use super::stored::Stored;

/// No message is longer, numbers apart.
const LONGEST: usize = 256 << 20;

/// What is asked of the child. Datasets are named by the number in [`ArrayInfo`], once they are known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Question {
    /// The first. Answer: the [`Identity`] of the file.
    Open {
        path: String,
        follow_links: bool,
        memory: u64,
    },
    /// Whether something has this name. Answer: `bool`.
    Exists(String),
    /// Answer: `Option<ArrayInfo>`, none where no dataset has this name.
    Array(String),
    /// Every dataset that can be opened. Answer: `Vec<ArrayInfo>`.
    Arrays,
    /// Of the file (`/`), a group or a dataset. Answer: [`Attributes`], none where nothing has this name.
    Attributes(String),
    /// An attribute of a dataset. Answer: `Option<String>`, none where it is not there or no text.
    AttributeText(u32, String),
    /// A dataset of strings. Answer: `Vec<String>`.
    Texts(u32),
    /// A dataset of one text, stored in any way. Answer: `String`.
    Text(u32),
    /// Answer: nothing; numbers.
    Block {
        array: u32,
        start: Vec<usize>,
        count: Vec<usize>,
        /// Whether in double precision.
        wide: bool,
    },
    /// Where the pieces lie that a dataset is [stored in](super::stored::Stored::InPieces). Answer: `Vec<Piece>`, sorted.
    Pieces(u32),
    /// Groups with a table of acquisitions. Answer: `Vec<String>`.
    Measurements,
    /// Opens one. Answer: [`TableInfo`](super::acquisition::TableInfo).
    Table(String),
    /// Rows of it from the first to before the second. Answer: `Vec<Head>`.
    Heads(usize, usize),
    /// The same of their samples, as many `numbers` in all as their heads tell. Answer: the length of each,
    /// `Vec<usize>`; numbers in single precision.
    Samples { first: usize, end: usize, numbers: usize },
    /// Other files that were opened on the way. Answer: `Vec<String>`.
    Others,
}

/// Which file is open, where the system tells: device and number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity(Option<[u64; 2]>);

impl Identity {
    pub fn of(file: &File) -> Self {
        Self(file.metadata().ok().and_then(|metadata| identity(&metadata)))
    }
}

/// Attributes, and warnings of those that are left out.
pub(super) type Attributes = Option<(Vec<super::super::attribute::Attribute>, Vec<String>)>;

/// What is known of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ArrayInfo {
    pub number: u32,
    pub name: String,
    pub shape: Vec<usize>,
    pub element: Element,
    /// `complex64`, `float32`, `bool`, ...
    pub dtype: String,
    /// In the file, in bytes.
    pub stored: u64,
    /// Lengths of the pieces that it is stored in, where it is.
    pub chunk: Option<Vec<usize>>,
    /// Whether these are compressed.
    pub compressed: bool,
    /// Where its values lie, if they are single numbers or pairs as in memory, in the file itself, and as they are or
    /// compressed in a way that is known here.
    pub place: Option<Stored>,
    /// Whether the numbers there are of double precision.
    pub wide: bool,
}

/// An answer, in `postcard`, or why there is none.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    pub answer: std::result::Result<Vec<u8>, Failure>,
    /// Bytes of numbers that follow.
    pub numbers: u64,
}

pub(super) fn write_message(to: &mut impl Write, message: &impl Serialize) -> Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(Error::other)?;
    let length = u32::try_from(bytes.len()).map_err(Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)
}

pub(super) fn read_message<T: DeserializeOwned>(from: &mut impl Read) -> Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(Error::new(ErrorKind::InvalidData, "a message is too long"));
    }
    // grows as bytes come
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(Error::other)
}
