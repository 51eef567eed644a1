//! The dataset a user means: named, called by convention, or the only one of the right shape.

use super::array::Source;
use super::container::Container;
use super::messages::shape_text;
use crate::error::{Error, Place, Result};

/// Finds the dataset a user means.
pub(in crate::format) struct Wanted<'a> {
    /// What it is called in messages: `sampling mask`.
    pub what: &'a str,
    /// Conventional names, the first that is there is taken.
    pub names: &'a [&'a str],
    /// Whether a dataset of another name could be it: the only one that fits is taken.
    pub fits: &'a dyn Fn(&Source) -> bool,
}

impl Wanted<'_> {
    /// The dataset named by `place`; in a file (or group) named alone, the conventional or the only fitting one. The
    /// array of a file that holds one without a name, whatever it is.
    pub fn find(&self, place: &Place) -> Result<Source> {
        self.find_in(&Container::open(&place.file)?, place)
    }

    /// The same in the file of `place`, which is open.
    pub fn find_in(&self, file: &Container, place: &Place) -> Result<Source> {
        let path = &place.file;
        if let Some(only) = file.only() {
            return match &place.dataset {
                None => Ok(only.clone()),
                Some(_) => Err(Error::data(
                    place.clone(),
                    "is not there; this kind of file holds one array, which has no name",
                    format!("write {}", path.display()),
                )),
            };
        }
        let mut folder = String::new();
        if let Some(name) = &place.dataset {
            if let Some(source) = file.source(name)? {
                return Ok(source);
            }
            if !file.has(name) {
                file.check()?;
                let held = inventory(&file.sources());
                return Err(Error::data(
                    place.clone(),
                    format!("is not there; the file holds {held}"),
                    "name one of these",
                ));
            }
            folder = format!("{}/", name.trim_matches('/'));
        }
        for name in self.names {
            if let Some(source) = file.source(&format!("{folder}{name}"))? {
                return Ok(source);
            }
        }
        let within = |source: &Source| source.name().starts_with(&folder);
        let held: Vec<Source> = file.sources().into_iter().filter(within).collect();
        file.check()?;
        let inventory = inventory(&held);
        let mut fitting: Vec<Source> = held.into_iter().filter(|source| (self.fits)(source)).collect();
        match (fitting.len(), fitting.pop()) {
            (1, Some(only)) => Ok(only),
            (count, _) => {
                let several = if count > 1 { "more than one" } else { "no" };
                let problem = format!("{several} dataset fits as {}; the file holds {inventory}", self.what);
                let mend = format!("name the dataset, as {}:dataset", path.display());
                Err(Error::data(path.as_path(), problem, mend))
            }
        }
    }
}

/// `kspace (1, 8, 256, 256) complex64, mask (256) bool`.
pub(in crate::format) fn inventory(sources: &[Source]) -> String {
    const SHOWN: usize = 8;
    if sources.is_empty() {
        return "no dataset".into();
    }
    let line = |source: &Source| format!("{} {} {}", source.name(), shape_text(&source.shape), source.dtype);
    let shown: Vec<String> = sources.iter().take(SHOWN).map(line).collect();
    let rest = match sources.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{rest}", shown.join(", "))
}
