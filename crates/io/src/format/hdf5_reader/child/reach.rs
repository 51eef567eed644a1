//! Which other files a file may lead to: none, or those in its folder where links are followed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hdf5::dataset::Layout;

use super::super::failure::{Barred, Failure};

/// Virtual datasets of virtual datasets are looked into so deep.
const DEEPEST: usize = 4;

pub(super) struct Reach {
    path: PathBuf,
    /// Without links.
    real: PathBuf,
    follow_links: bool,
    /// Others that were opened.
    others: BTreeSet<PathBuf>,
}

impl Reach {
    pub fn new(path: &Path, follow_links: bool) -> Self {
        Self {
            path: path.to_path_buf(),
            real: path.canonicalize().unwrap_or_else(|_| path.to_path_buf()),
            follow_links,
            others: BTreeSet::new(),
        }
    }

    pub fn others(&self) -> Vec<String> {
        self.others.iter().map(|path| path.display().to_string()).collect()
    }

    pub fn follows_links(&self) -> bool {
        self.follow_links
    }

    /// Whether an object lies in the file itself.
    pub fn is_own(&self, object: &hdf5::Location) -> bool {
        let name = object.filename();
        let name = Path::new(&name);
        name == self.path || name.canonicalize().is_ok_and(|real| real == self.real)
    }

    /// That an object lies in the file, or in one that it may lead to by an external link.
    pub fn check(&mut self, object: &hdf5::Location) -> Result<(), Failure> {
        if self.is_own(object) {
            return Ok(());
        }
        let name = object.filename();
        self.other("an external link", &name, Path::new(&name))
    }

    /// The same of a dataset, and of where its values lie. Answers with the bytes that are stored of them.
    pub fn check_dataset(&mut self, dataset: &hdf5::Dataset) -> Result<u64, Failure> {
        self.check_values(dataset, DEEPEST)
    }

    fn check_values(&mut self, dataset: &hdf5::Dataset, depth: usize) -> Result<u64, Failure> {
        self.check(dataset)?;
        let created = dataset.dcpl()?;
        let folder = Path::new(&dataset.filename())
            .parent()
            .map_or(PathBuf::new(), Path::to_path_buf);
        for external in created.get_external()? {
            self.other("its external storage", &external.name, &folder.join(&external.name))?;
        }
        if dataset.layout() != Layout::Virtual {
            return Ok(dataset.storage_size());
        }
        let how = "as a virtual dataset it";
        let mut stored = 0u64;
        let mut seen = BTreeSet::new();
        if !self.follow_links {
            // told before its map is read, which a damaged one may make long
            let file = created
                .virtual_map()
                .into_iter()
                .map(|source| source.src_filename)
                .next();
            return Err(barred(
                how,
                &file.unwrap_or_else(|| "other files".into()),
                Barred::Unasked,
            ));
        }
        for source in created.get_virtual_map()? {
            let name = (source.src_filename, source.src_dataset);
            if !seen.insert(name.clone()) {
                continue;
            }
            let (file, inner) = name;
            let missing = || barred(how, &file, Barred::Missing);
            let opened = match file.as_str() {
                "." => dataset.file()?,
                other => {
                    self.other(how, other, &folder.join(other))?;
                    hdf5::File::open(folder.join(other)).map_err(|_| missing())?
                }
            };
            let inner = opened.dataset(&inner).map_err(|_| missing())?;
            if depth == 0 {
                return Err(Failure::Damaged("is a virtual dataset of virtual datasets".into()));
            }
            stored = stored.saturating_add(self.check_values(&inner, depth - 1)?);
        }
        Ok(stored)
    }

    /// That another file may be read, which is called `name` and lies at `path`.
    fn other(&mut self, how: &str, name: &str, path: &Path) -> Result<(), Failure> {
        if !self.follow_links {
            return Err(barred(how, name, Barred::Unasked));
        }
        let real = path.canonicalize().map_err(|_| barred(how, name, Barred::Missing))?;
        let within = self.real.parent().is_some_and(|folder| real.starts_with(folder));
        if !within {
            return Err(barred(how, name, Barred::Outside));
        }
        if !real.is_file() {
            return Err(barred(how, name, Barred::Missing));
        }
        if real != self.real {
            self.others.insert(real);
        }
        Ok(())
    }
}

pub(super) fn barred(how: &str, file: &str, why: Barred) -> Failure {
    Failure::Elsewhere {
        how: how.into(),
        file: file.into(),
        why,
    }
}
