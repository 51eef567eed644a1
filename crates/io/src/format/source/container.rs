//! Files that hold arrays, recognised by their content: HDF5, NumPy, BART.

use std::path::{Path, PathBuf};

use super::super::hdf5_reader::{Hdf5File, Reading};
use super::super::regular_file::open_regular;
use super::array::Source;
use super::{cfl, foreign, npy, npz};
use crate::error::{Error, Result};

/// A file opened for the arrays in it.
pub(in crate::format) struct Container {
    path: PathBuf,
    kind: ContainerKind,
    content: Content,
}

enum Content {
    Hdf5(Hdf5File),
    /// Arrays by name.
    Npz(Vec<Source>),
    /// One array, without a name.
    One(Box<Source>),
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::format) enum ContainerKind {
    Npy,
    Npz,
    Bart,
    /// HDF5, or nothing that is known here.
    Other,
}

impl ContainerKind {
    /// By content; of BART's pair of files, `path` may be either or the name that they share.
    pub fn of(path: &Path) -> Self {
        if cfl::header_and_values(path).is_some() {
            return Self::Bart;
        }
        let starts = |magic: &[u8]| {
            let mut start = vec![0; magic.len()];
            let read = open_regular(path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut start));
            read.is_ok() && start == magic
        };
        match () {
            () if starts(npy::MAGIC) => Self::Npy,
            () if starts(npz::MAGIC) => Self::Npz,
            () => Self::Other,
        }
    }
}

/// The files that a path stands for: BART's pair, or the file itself, and where links are followed those that it leads
/// to.
///
/// # Errors
/// Links that cannot be followed.
pub fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if let Some((header, values)) = cfl::header_and_values(path) {
        return Ok(vec![header, values]);
    }
    let mut files = vec![path.to_path_buf()];
    if Reading::now().follow_links && ContainerKind::of(path) == ContainerKind::Other {
        // what is no HDF5 leads nowhere, and is told when it is read
        let linked = Hdf5File::open(path).ok().map(|file| file.others());
        files.extend(linked.transpose()?.unwrap_or_default());
    }
    Ok(files)
}

impl Container {
    /// # Errors
    /// A file that is not there, cannot be read, or is of no known kind; arrays that are cut off.
    pub fn open(path: &Path) -> Result<Self> {
        let kind = ContainerKind::of(path);
        let content = match kind {
            ContainerKind::Npy => Content::One(Box::new(npy::open(path)?)),
            ContainerKind::Npz => Content::Npz(npz::open(path)?),
            ContainerKind::Bart => {
                let (header, values) = cfl::header_and_values(path).ok_or_else(|| no_header(path))?;
                Content::One(Box::new(cfl::open(path, &header, &values)?))
            }
            ContainerKind::Other if path.is_file() && path.extension().is_some_and(|e| e == "cfl") => {
                return Err(no_header(path));
            }
            ContainerKind::Other => match foreign::told(path) {
                Some(error) => return Err(error),
                None => Content::Hdf5(Hdf5File::open(path)?),
            },
        };
        let path = path.to_path_buf();
        Ok(Self { path, kind, content })
    }

    /// Errors: the file cannot be read any more, so that what was said not to be there may be there.
    pub fn check(&self) -> Result<()> {
        self.hdf5().map_or(Ok(()), Hdf5File::check)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn kind(&self) -> ContainerKind {
        self.kind
    }

    /// The HDF5 file.
    pub fn hdf5(&self) -> Option<&Hdf5File> {
        match &self.content {
            Content::Hdf5(file) => Some(file),
            _ => None,
        }
    }

    /// The array of a file that holds one without a name.
    pub fn only(&self) -> Option<&Source> {
        match &self.content {
            Content::One(source) => Some(source),
            _ => None,
        }
    }

    /// The array of that name; `None` where there is none.
    pub fn source(&self, name: &str) -> Result<Option<Source>> {
        match &self.content {
            Content::Hdf5(file) => Ok(file.array(name)?.map(Source::of_hdf5)),
            Content::Npz(sources) => Ok(sources.iter().find(|s| s.name() == name.trim_matches('/')).cloned()),
            Content::One(_) => Ok(None),
        }
    }

    /// Whether something of that name is there: an array, or a group.
    pub fn has(&self, name: &str) -> bool {
        match &self.content {
            Content::Hdf5(file) => file.exists(name),
            Content::Npz(sources) => {
                let group = format!("{}/", name.trim_matches('/'));
                sources
                    .iter()
                    .any(|s| s.name() == name.trim_matches('/') || s.name().starts_with(&group))
            }
            Content::One(_) => false,
        }
    }

    /// Every array that can be opened, those in groups included.
    pub fn sources(&self) -> Vec<Source> {
        match &self.content {
            Content::Hdf5(file) => file.arrays().into_iter().map(Source::of_hdf5).collect(),
            Content::Npz(sources) => sources.clone(),
            Content::One(source) => vec![(**source).clone()],
        }
    }
}

fn no_header(path: &Path) -> Error {
    let problem = "there is no header (.hdr) with '# Dimensions' beside these values (.cfl)";
    Error::data(path, problem, "keep .hdr and .cfl of one name together")
}
