//! Which other files a file may lead to: none, or those in its folder where links are followed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hdf5::dataset::Layout;

use super::super::failure::{Barred, Failure};
use super::links::{Link, link, virtual_sources};

/// Links of links, and virtual datasets of virtual datasets, are followed so far.
const DEEPEST: usize = 16;

/// Where an object lies: the file, its path, and a name there that leads through no more links.
#[derive(Clone)]
pub(super) struct Found {
    pub file: hdf5::File,
    pub path: PathBuf,
    pub name: String,
}

pub(super) struct Reach {
    /// Without symbolic links.
    real: PathBuf,
    follow_links: bool,
    /// Others that were opened, or whose bytes are values.
    others: BTreeSet<PathBuf>,
    opened: BTreeMap<PathBuf, hdf5::File>,
}

impl Reach {
    pub fn new(path: &Path, follow_links: bool) -> Self {
        Self {
            real: path.canonicalize().unwrap_or_else(|_| path.to_path_buf()),
            follow_links,
            others: BTreeSet::new(),
            opened: BTreeMap::new(),
        }
    }

    pub fn others(&self) -> Vec<String> {
        self.others.iter().map(|path| path.display().to_string()).collect()
    }

    /// Whether an object lies in the file itself.
    pub fn is_own(&self, found: &Found) -> bool {
        found.path == self.real
    }

    /// Where the object of this name lies in the file; `None` where there is none. The way is gone part by part, and
    /// no file is opened before it is known to be one that may be.
    pub fn find(&mut self, file: &hdf5::File, name: &str) -> Result<Option<Found>, Failure> {
        let from = Found {
            file: file.clone(),
            path: self.real.clone(),
            name: name.into(),
        };
        self.resolve(from, DEEPEST)
    }

    fn resolve(&mut self, from: Found, depth: usize) -> Result<Option<Found>, Failure> {
        if depth == 0 {
            return Err(Failure::Damaged("lies behind a circle of links, or too many".into()));
        }
        let parts: Vec<&str> = parts(&from.name).collect();
        let mut at = String::new();
        for (index, part) in parts.iter().enumerate() {
            let rest = || parts[index + 1..].join("/");
            // what is no group has no members
            let group = match at.as_str() {
                "" => from.file.as_group(),
                at => from.file.group(at),
            };
            let Ok(group) = group else { return Ok(None) };
            match link(&group, part) {
                None | Some(Link::Other) => return Ok(None),
                Some(Link::Hard) => at = format!("{at}/{part}"),
                Some(Link::Soft(target)) => {
                    let start = if target.starts_with('/') { "" } else { &at };
                    let name = format!("{start}/{target}/{}", rest());
                    return self.resolve(Found { name, ..from.clone() }, depth - 1);
                }
                Some(Link::External { file, object }) => {
                    let how = format!("the external link '{}'", format!("{at}/{part}").trim_start_matches('/'));
                    let (path, file) = self.open(&how, &file, &from.path)?;
                    let name = format!("{object}/{}", rest());
                    return self.resolve(Found { file, path, name }, depth - 1);
                }
            }
        }
        let name = if at.is_empty() { "/".into() } else { at };
        Ok(Some(Found { name, ..from }))
    }

    /// Opens another file, which the file at `from` calls `name`.
    fn open(&mut self, how: &str, name: &str, from: &Path) -> Result<(PathBuf, hdf5::File), Failure> {
        let real = self.other(how, name, from)?;
        if let Some(file) = self.opened.get(&real) {
            return Ok((real, file.clone()));
        }
        let file = hdf5::File::with_options().with_fapl(|access| access.sec2()).open(&real);
        let file = file.map_err(|_| barred(how, name, Barred::Missing))?;
        self.opened.insert(real.clone(), file.clone());
        Ok((real, file))
    }

    /// Where the values of a dataset lie, in files that may be read. Answers with the bytes that are stored of them.
    pub fn check_values(&mut self, dataset: &hdf5::Dataset, found: &Found) -> Result<u64, Failure> {
        self.check(dataset, found, DEEPEST)
    }

    fn check(&mut self, dataset: &hdf5::Dataset, found: &Found, depth: usize) -> Result<u64, Failure> {
        let created = dataset.dcpl()?;
        let mut wanted = (dataset.size() as u64).saturating_mul(dataset.dtype()?.size() as u64);
        for external in created.get_external()? {
            let how = "its external storage";
            let real = self.other(how, &external.name, &found.path)?;
            // what is not there would be zeros
            let part = if external.size == 0 {
                wanted
            } else {
                wanted.min(external.size as u64)
            };
            let length = real.metadata().map_or(0, |file| file.len());
            if (external.offset as u64).saturating_add(part) > length {
                return Err(barred(how, &external.name, Barred::Short));
            }
            wanted -= part;
        }
        if dataset.layout() != Layout::Virtual {
            return Ok(dataset.storage_size());
        }
        let how = "as a virtual dataset it";
        if depth == 0 {
            return Err(Failure::Damaged(
                "is a virtual dataset of virtual datasets, too many".into(),
            ));
        }
        let mut stored = 0u64;
        let sources: BTreeSet<_> = virtual_sources(&created)?.into_iter().collect();
        for (name, inner) in sources {
            let (path, file) = match name.as_str() {
                "." => (found.path.clone(), found.file.clone()),
                name => self.open(how, name, &found.path)?,
            };
            let missing = || barred(how, &format!("'{inner}' in {name}"), Barred::Missing);
            let from = Found {
                file,
                path,
                name: inner.clone(),
            };
            let source = self.resolve(from, depth)?.ok_or_else(missing)?;
            let dataset = source.file.dataset(&source.name).map_err(|_| missing())?;
            stored = stored.saturating_add(self.check(&dataset, &source, depth - 1)?);
        }
        Ok(stored)
    }

    /// Where another file lies, which the file at `from` calls `name`, if it may be read.
    fn other(&mut self, how: &str, name: &str, from: &Path) -> Result<PathBuf, Failure> {
        if !self.follow_links {
            return Err(barred(how, name, Barred::Unasked));
        }
        let path = from.parent().unwrap_or(Path::new("")).join(name);
        let real = path.canonicalize().map_err(|_| barred(how, name, Barred::Missing))?;
        if !self.real.parent().is_some_and(|folder| real.starts_with(folder)) {
            return Err(barred(how, name, Barred::Outside));
        }
        if !real.is_file() {
            return Err(barred(how, name, Barred::Missing));
        }
        if real != self.real {
            self.others.insert(real.clone());
        }
        Ok(real)
    }
}

fn barred(how: &str, file: &str, why: Barred) -> Failure {
    Failure::Elsewhere {
        how: how.into(),
        file: file.into(),
        why,
    }
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|part| !part.is_empty() && *part != ".")
}
