//! A file opened by HDF5, and the answers to questions about it.

use std::fs::File;
use std::path::Path;

use hdf5::{LinkType, LocationType};
use serde::Serialize;

use super::super::acquisition::TableInfo;
use super::super::failure::{Barred, Failure};
use super::super::question::Question;
use super::acquisitions::Table;
use super::arrays::{self, Array, Numbers};
use super::limits::Limits;
use super::reach::{Reach, barred};
use super::{attributes, text, words};

/// Links may form a circle.
const DEEPEST: usize = 6;
/// Datasets of a file that are listed.
const MOST: usize = 200;
/// Groups looked into for a table of acquisitions.
const DEEPEST_TABLE: usize = 3;
const MOST_TABLES: usize = 100;

/// What is said, in `postcard`, and the numbers that follow.
pub(super) struct Answer {
    pub said: Vec<u8>,
    pub numbers: Numbers,
}

impl Answer {
    fn of(said: impl Serialize) -> Result<Self, Failure> {
        Self::with(said, Numbers::None)
    }

    fn with(said: impl Serialize, numbers: Numbers) -> Result<Self, Failure> {
        let said = postcard::to_allocvec(&said).map_err(|e| Failure::Library(e.to_string()))?;
        Ok(Self { said, numbers })
    }
}

/// HDF5 for one file.
pub(super) struct Library {
    limits: Limits,
    opened: Option<Opened>,
}

/// What is open.
pub(super) struct Opened {
    pub file: hdf5::File,
    /// The same, for what HDF5 does not read.
    pub raw: File,
    pub reach: Reach,
    /// The most that an answer may take, in bytes.
    memory: u64,
    arrays: Vec<Array>,
    table: Option<Table>,
}

impl Library {
    pub fn new(limits: Limits) -> Self {
        Self { limits, opened: None }
    }

    pub fn answer(&mut self, question: Question) -> Result<Answer, Failure> {
        self.limits.allow(0);
        if let Question::Open {
            path,
            follow_links,
            memory,
        } = question
        {
            let opened = Opened::new(Path::new(&path), follow_links, memory)?;
            self.limits.stop_opening(follow_links);
            self.opened = Some(opened);
            return Answer::of(());
        }
        let opened = self.opened.as_mut();
        let opened = opened.ok_or_else(|| Failure::Library("no file is open".into()))?;
        let limits = &mut self.limits;
        match question {
            Question::Open { .. } => Answer::of(()),
            Question::Exists(name) => Answer::of(opened.exists(&name)),
            Question::Array(name) => {
                let number = opened.array(&name)?;
                Answer::of(number.map(|number| &opened.arrays[number].info))
            }
            Question::Arrays => Answer::of(opened.all_arrays()),
            Question::Attributes(object) => Answer::of(opened.attributes(&object)?),
            Question::AttributeText(array, name) => {
                Answer::of(attributes::text_of(&opened.known(array)?.dataset, &name))
            }
            Question::Texts(array) => Answer::of(text::texts(&opened.known(array)?.dataset)?),
            Question::Text(array) => {
                let dataset = &opened.known(array)?.dataset;
                Answer::of(text::text(dataset, &opened.raw)?)
            }
            Question::Block {
                array,
                start,
                count,
                wide,
            } => {
                let array = opened.known(array)?;
                let bytes = array.bytes_of(&start, &count, wide)?;
                if bytes > opened.memory {
                    return Err(Failure::TooLarge(bytes));
                }
                limits.allow(bytes);
                Answer::with((), array.read(&start, &count, wide)?)
            }
            Question::Pieces(array) => Answer::of(opened.known(array)?.pieces()?),
            Question::Measurements => Answer::of(opened.measurements()),
            Question::Table(name) => Answer::of(opened.open_table(&name, limits)?),
            Question::Heads(first, end) => {
                let table = opened.table()?;
                Answer::of(table.heads(first, end)?)
            }
            Question::Samples { first, end, numbers } => {
                let bytes = (numbers as u64).saturating_mul(4);
                if bytes > opened.memory {
                    return Err(Failure::TooLarge(bytes));
                }
                // HDF5 gathers the lists, converts them and hands them over
                limits.allow(bytes.saturating_mul(3));
                let (lengths, samples) = opened.table()?.samples(first, end)?;
                Answer::with(lengths, Numbers::Single(samples))
            }
            Question::Others => Answer::of(opened.reach.others()),
        }
    }
}

impl Opened {
    fn new(path: &Path, follow_links: bool, memory: u64) -> Result<Self, Failure> {
        let raw = File::open(path).map_err(|e| Failure::Library(e.to_string()))?;
        // the driver is stated, else the environment may choose another
        let file = hdf5::File::with_options().with_fapl(|access| access.sec2()).open(path);
        Ok(Self {
            file: file.map_err(|e| words::of_opening(&e))?,
            raw,
            reach: Reach::new(path, follow_links),
            memory,
            arrays: Vec::new(),
            table: None,
        })
    }

    /// Whether a link of this name is there, groups on the way included; also one to another file.
    fn exists(&self, name: &str) -> bool {
        let mut path = String::new();
        // every group on the way must be there, else the library's answer is an error, not a no
        for part in parts(name) {
            let (group, last) = (path.clone(), part);
            path.push('/');
            path.push_str(part);
            if !self.file.link_exists(&path) {
                return false;
            }
            if self.is_external(&group, last) {
                return true;
            }
        }
        !path.is_empty()
    }

    /// Whether a member of a group is a link to another file.
    fn is_external(&self, group: &str, member: &str) -> bool {
        let group = match group {
            "" => self.file.as_group(),
            group => self.file.group(group),
        };
        let find = |name: &str, link: hdf5::LinkInfo| Ok((name == member).then_some(link.link_type));
        let found = group.and_then(|group| group.find_link(Default::default(), Default::default(), find));
        found.is_ok_and(|found| found == Some(LinkType::External))
    }

    /// The link to another file on the way to this name.
    fn external_on_the_way(&self, name: &str) -> Option<String> {
        let mut group = String::new();
        for part in parts(name) {
            let path = format!("{group}/{part}");
            if self.is_external(&group, part) {
                return Some(path.trim_start_matches('/').to_string());
            }
            group = path;
        }
        None
    }

    /// Why something of this name cannot be opened.
    fn unopened(&self, name: &str, error: hdf5::Error) -> Failure {
        match self.external_on_the_way(name) {
            Some(link) => {
                let why = if self.reach.follows_links() {
                    Barred::Missing
                } else {
                    Barred::Unasked
                };
                barred(&format!("the external link '{link}'"), "another file", why)
            }
            None => error.into(),
        }
    }

    /// The number of a dataset; `None` where none has this name.
    fn array(&mut self, name: &str) -> Result<Option<usize>, Failure> {
        if let Some(known) = self.arrays.iter().position(|array| array.info.name == name) {
            return Ok(Some(known));
        }
        if !self.exists(name) {
            return Ok(None);
        }
        let dataset = match self.file.dataset(name) {
            Ok(dataset) => dataset,
            Err(_) if self.file.group(name).is_ok() => return Ok(None),
            Err(e) => return Err(self.unopened(name, e)),
        };
        let stored = self.reach.check_dataset(&dataset)?;
        let number = self.arrays.len();
        let own = self.reach.is_own(&dataset);
        self.arrays
            .push(Array::new(number as u32, name.into(), dataset, stored, own)?);
        Ok(Some(number))
    }

    fn known(&self, number: u32) -> Result<&Array, Failure> {
        let array = self.arrays.get(number as usize);
        array.ok_or_else(|| Failure::Library("no such dataset is open".into()))
    }

    /// Every dataset of the file that can be opened, groups included.
    fn all_arrays(&mut self) -> Vec<arrays::ArrayInfo> {
        let mut numbers = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let group = match folder.as_str() {
                "" => self.file.as_group(),
                name => self.file.group(name),
            };
            let mut names = group.and_then(|group| group.member_names()).unwrap_or_default();
            names.sort();
            let mut inner = Vec::new();
            for name in names {
                let name = format!("{folder}{name}");
                match self.array(&name) {
                    Ok(Some(number)) if numbers.len() < MOST => numbers.push(number),
                    Ok(None) if depth < DEEPEST && self.is_own_group(&name) => {
                        inner.push((format!("{name}/"), depth + 1))
                    }
                    _ => {}
                }
            }
            folders.extend(inner.into_iter().rev());
            if numbers.len() >= MOST {
                break;
            }
        }
        let mut found: Vec<_> = numbers
            .into_iter()
            .map(|number| self.arrays[number].info.clone())
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn is_own_group(&mut self, name: &str) -> bool {
        self.file
            .group(name)
            .is_ok_and(|group| self.reach.check(&group).is_ok())
    }

    fn attributes(&mut self, object: &str) -> Result<super::super::question::Attributes, Failure> {
        if object == "/" {
            return Ok(Some(attributes::read_all(&self.file)));
        }
        if !self.exists(object) {
            return Ok(None);
        }
        if let Ok(dataset) = self.file.dataset(object) {
            self.reach.check(&dataset)?;
            return Ok(Some(attributes::read_all(&dataset)));
        }
        let group = self.file.group(object).map_err(|e| self.unopened(object, e))?;
        self.reach.check(&group)?;
        Ok(Some(attributes::read_all(&group)))
    }

    /// Groups that hold `data` and `xml`.
    fn measurements(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((name, depth)) = folders.pop() {
            let group = match name.as_str() {
                "" => self.file.as_group(),
                name => self.file.group(name),
            };
            let Ok(group) = group else { continue };
            if self.reach.check(&group).is_err() {
                continue;
            }
            if group.link_exists("data") && group.link_exists("xml") {
                found.push(name.clone());
            }
            if depth == DEEPEST_TABLE || found.len() >= MOST_TABLES {
                continue;
            }
            let mut inner = group.member_names().unwrap_or_default();
            inner.retain(|name| {
                group
                    .loc_type_by_name(name)
                    .is_ok_and(|kind| kind == LocationType::Group)
            });
            inner.sort();
            let path = |inner: &String| format!("{name}/{inner}").trim_start_matches('/').to_string();
            folders.extend(inner.iter().rev().map(|inner| (path(inner), depth + 1)));
        }
        found
    }

    fn open_table(&mut self, name: &str, limits: &mut Limits) -> Result<TableInfo, Failure> {
        let dataset = self.file.dataset(name).map_err(|e| self.unopened(name, e))?;
        let stored = self.reach.check_dataset(&dataset)?;
        let (table, info) = Table::open(dataset, stored, &self.raw, &self.reach, limits)?;
        self.table = table;
        Ok(info)
    }

    fn table(&self) -> Result<&Table, Failure> {
        self.table
            .as_ref()
            .ok_or_else(|| Failure::Library("no table is open".into()))
    }
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|part| !part.is_empty() && *part != ".")
}
