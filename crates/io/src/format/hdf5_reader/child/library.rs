//! A file opened by HDF5, and the answers to questions about it.

use std::fs::File;
use std::path::Path;

use serde::Serialize;

use super::super::acquisition::TableInfo;
use super::super::failure::Failure;
use super::super::question::{Identity, Question};
use super::acquisitions::Table;
use super::arrays::{self, Array, Numbers};
use super::limits::Limits;
use super::reach::{Found, Reach};
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
        self.limits.allow(0, 0);
        if let Question::Open {
            path,
            follow_links,
            memory,
        } = question
        {
            let opened = Opened::new(Path::new(&path), follow_links, memory)?;
            self.limits.stop_opening(&opened.raw, follow_links);
            let said = Identity::of(&opened.raw);
            self.opened = Some(opened);
            return Answer::of(said);
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
            Question::Arrays => Answer::of(opened.all_arrays(MOST)),
            Question::Attributes(object) => Answer::of(opened.attributes(&object)?),
            Question::AttributeText(array, name) => {
                Answer::of(attributes::text_of(&opened.known(array)?.dataset, &name))
            }
            Question::Texts(array) => Answer::of(text::texts(&opened.known(array)?.dataset)?),
            Question::Text(array) => {
                let array = opened.known(array)?;
                Answer::of(text::text(&array.dataset, array.offset.map(|at| (&opened.raw, at)))?)
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
                limits.allow(bytes, array.work_of(&start, &count));
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
                limits.allow(bytes.saturating_mul(3), bytes);
                let (lengths, samples) = opened.table()?.samples(first, end)?;
                Answer::with(lengths, Numbers::Single(samples))
            }
            Question::Others => {
                // each dataset is looked at
                opened.all_arrays(usize::MAX);
                Answer::of(opened.reach.others())
            }
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

    /// The object of this name; `None` where there is none.
    fn find(&mut self, name: &str) -> Result<Option<Found>, Failure> {
        self.reach.find(&self.file, name)
    }

    /// Whether a link of this name is there; also one to another file, which is not looked into then.
    fn exists(&mut self, name: &str) -> bool {
        match self.find(name) {
            Ok(found) => found.is_some_and(|found| found.name != "/"),
            Err(_) => true,
        }
    }

    fn group(&mut self, name: &str) -> Result<Option<hdf5::Group>, Failure> {
        let found = self.find(name)?;
        Ok(found.and_then(|found| match found.name.as_str() {
            "/" => found.file.as_group().ok(),
            name => found.file.group(name).ok(),
        }))
    }

    /// The number of a dataset; `None` where none has this name.
    fn array(&mut self, name: &str) -> Result<Option<usize>, Failure> {
        if let Some(known) = self.arrays.iter().position(|array| array.info.name == name) {
            return Ok(Some(known));
        }
        let Some(found) = self.find(name)? else { return Ok(None) };
        let dataset = match found.file.dataset(&found.name) {
            Ok(dataset) => dataset,
            Err(_) if found.name == "/" || found.file.group(&found.name).is_ok() => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let stored = self.reach.check_values(&dataset, &found)?;
        let own = self.reach.is_own(&found).then_some(&self.raw);
        let number = self.arrays.len();
        self.arrays
            .push(Array::new(number as u32, name.into(), dataset, stored, own)?);
        Ok(Some(number))
    }

    fn known(&self, number: u32) -> Result<&Array, Failure> {
        let array = self.arrays.get(number as usize);
        array.ok_or_else(|| Failure::Library("no such dataset is open".into()))
    }

    /// Every dataset of the file that can be opened, groups included, but for those beyond `most`.
    fn all_arrays(&mut self, most: usize) -> Vec<arrays::ArrayInfo> {
        let mut numbers = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let group = self.group(&folder).ok().flatten();
            let mut names = group.and_then(|group| group.member_names().ok()).unwrap_or_default();
            names.sort();
            let mut inner = Vec::new();
            for name in names {
                if numbers.len() >= most {
                    break;
                }
                let name = format!("{folder}{name}");
                match self.array(&name) {
                    Ok(Some(number)) => numbers.push(number),
                    Ok(None) if depth < DEEPEST => inner.push((format!("{name}/"), depth + 1)),
                    _ => {}
                }
            }
            folders.extend(inner.into_iter().rev());
        }
        let info = |number: usize| self.arrays[number].info.clone();
        let mut found: Vec<_> = numbers.into_iter().map(info).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn attributes(&mut self, object: &str) -> Result<super::super::question::Attributes, Failure> {
        let Some(found) = self.find(object)? else {
            return Ok(None);
        };
        if found.name == "/" {
            return Ok(Some(attributes::read_all(&found.file)));
        }
        Ok(Some(match found.file.dataset(&found.name) {
            Ok(dataset) => attributes::read_all(&dataset),
            Err(_) => attributes::read_all(&*found.file.group(&found.name)?),
        }))
    }

    /// Groups that hold `data` and `xml`.
    fn measurements(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((name, depth)) = folders.pop() {
            let Ok(Some(group)) = self.group(&name) else { continue };
            if group.link_exists("data") && group.link_exists("xml") {
                found.push(name.clone());
            }
            if depth == DEEPEST_TABLE || found.len() >= MOST_TABLES {
                continue;
            }
            let mut inner = group.member_names().unwrap_or_default();
            inner.sort();
            let path = |inner: &String| format!("{name}/{inner}").trim_start_matches('/').to_string();
            folders.extend(inner.iter().take(MOST).rev().map(|inner| (path(inner), depth + 1)));
        }
        found
    }

    fn open_table(&mut self, name: &str, limits: &mut Limits) -> Result<TableInfo, Failure> {
        let found = self
            .find(name)?
            .ok_or_else(|| Failure::Library("there is no such dataset".into()))?;
        let dataset = found.file.dataset(&found.name)?;
        let stored = self.reach.check_values(&dataset, &found)?;
        let own = self.reach.is_own(&found).then_some(&self.raw);
        let (table, info) = Table::open(dataset, stored, &found.path, own, limits)?;
        self.table = table;
        Ok(info)
    }

    fn table(&self) -> Result<&Table, Failure> {
        self.table
            .as_ref()
            .ok_or_else(|| Failure::Library("no table is open".into()))
    }
}
