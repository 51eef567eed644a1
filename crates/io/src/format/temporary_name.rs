//! Names of files that are not finished: hidden, and with a word of the process that writes them.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of a file that becomes another.
pub(super) const PART: &str = ".part";
/// Of a file that tells that a process is at work.
pub(super) const LOCK: &str = ".lock";
/// Bytes of the final name that a temporary one holds: names have a length that file systems limit.
const NAMED: usize = 150;

/// Hexadecimal digits of the word of a process.
const WORD_DIGITS: usize = 12;

/// A random word in the temporary names of this process, which no other has.
pub(super) fn process_word() -> &'static str {
    static WORD: OnceLock<String> = OnceLock::new();
    WORD.get_or_init(|| uuid::Uuid::new_v4().simple().to_string()[..WORD_DIGITS].to_string())
}

/// `.NAME~WORD-COUNT.part`, which this process has not used before.
pub(super) fn new_name(of: &OsStr, ending: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(".{}~{}-{count}{ending}", cut(of), process_word())
}

fn is_word(word: &str) -> bool {
    word.len() == WORD_DIGITS && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_count(count: &str) -> bool {
    !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit())
}

fn cut(name: &OsStr) -> String {
    let name = name.to_string_lossy();
    let end = (0..=NAMED.min(name.len()))
        .rev()
        .find(|&end| name.is_char_boundary(end));
    name[..end.unwrap_or(0)].to_string()
}

/// A temporary name that is in use somewhere.
pub(super) struct TemporaryName {
    name: String,
    /// Where the word lies in it.
    word: std::ops::Range<usize>,
    is_lock: bool,
}

impl TemporaryName {
    fn parse(name: String) -> Option<Self> {
        let is_lock = name.ends_with(LOCK);
        let inner = name.strip_prefix('.')?;
        let inner = inner.strip_suffix(if is_lock { LOCK } else { PART })?;
        let (of, rest) = inner.rsplit_once('~')?;
        let (word, count) = rest.split_once('-')?;
        let start = 1 + of.len() + 1;
        let word = start..start + word.len();
        // others may have files that look alike, as copies that a program keeps
        let ours = is_word(&name[word.clone()]) && is_count(count);
        let valid = ours && (of.is_empty() || !is_lock);
        valid.then_some(Self { name, word, is_lock })
    }

    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// That of the process which made it.
    pub fn word(&self) -> &str {
        &self.name[self.word.clone()]
    }

    pub fn is_lock(&self) -> bool {
        self.is_lock
    }
}

/// The temporary names in a folder; none where it cannot be listed.
pub(super) fn names_in(folder: &Path) -> Vec<TemporaryName> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(TemporaryName::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_process_that_made_them() {
        let long = "ä".repeat(120);
        for of in ["a~b-c.h5", "", long.as_str(), "~"] {
            let name = TemporaryName::parse(new_name(of.as_ref(), PART)).unwrap();
            assert!(name.word() == process_word() && !name.is_lock() && name.as_str().len() < 255);
        }
        assert!(TemporaryName::parse(new_name("".as_ref(), LOCK)).unwrap().is_lock());
        for other in [
            "a~b-1.part",
            ".a.part",
            ".a~b.part",
            ".a~-1.part",
            ".a~b-1.lock",
            ".~b-1.txt",
            "",
        ] {
            assert!(TemporaryName::parse(other.into()).is_none(), "{other}");
        }
    }
}
