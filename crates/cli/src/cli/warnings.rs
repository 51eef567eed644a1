//! Warnings of a run. Slices have much in common: a kind of warning is said of the first slice that has it, and of all
//! others at once at the end.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use super::console::Console;
use crate::report::{MessageTemplate, counted, joined_with_and, ranges};

/// Number of scans that are named for a kind of warning.
const MAX_NAMED_SCANS: usize = 6;

/// Warnings that are said, and what is left to say of them.
pub struct Warnings<'a> {
    console: &'a Console,
    /// What the parts of a scan are called.
    noun: &'static str,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    /// In the order in which they came.
    kinds: Vec<Kind>,
    /// By the words around the numbers.
    by_words: HashMap<Vec<String>, usize>,
}

/// Warnings that differ in their numbers alone.
#[derive(Default)]
struct Kind {
    /// As it was said of the first slice.
    first: Option<String>,
    /// Scans that it concerns as a whole.
    scans: usize,
    /// Slices by the name of their scan, the first one too.
    slices: BTreeMap<String, Vec<usize>>,
    /// Those that it was not said of, likewise.
    more: BTreeMap<String, Vec<usize>>,
}

impl<'a> Warnings<'a> {
    pub fn new(console: &'a Console, noun: &'static str) -> Self {
        Self {
            console,
            noun,
            said: Mutex::default(),
        }
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Warns of a scan as a whole; `scan` is its name, empty where there is but one.
    pub fn of_scan(&self, scan: &str, message: &str) {
        self.said().kind_of(message).scans += 1;
        self.console.warn(&format!("{}{message}", before(scan, ": ")));
    }

    /// Warns of a slice, at once if it is the first with such a warning.
    pub fn of_slice(&self, scan: &str, slice: usize, message: &str) {
        let noun = self.noun;
        let mut said = self.said();
        let kind = said.kind_of(message);
        kind.slices.entry(scan.into()).or_default().push(slice);
        if kind.first.is_some() {
            kind.more.entry(scan.into()).or_default().push(slice);
            return;
        }
        let message = format!("{}{noun} {slice}: {message}", before(scan, " "));
        kind.first = Some(message.clone());
        drop(said);
        self.console.warn(&message);
    }

    /// Says what was not said yet, and how much there was in all.
    pub fn finish(&self) {
        let said = self.said();
        for kind in &said.kinds {
            if let Some(first) = kind.first.as_ref().filter(|_| !kind.more.is_empty()) {
                self.console.warn(&format!("{first}; {}", self.more(&kind.more)));
            }
        }
        if let Some(summary) = said.summary(self.noun) {
            self.console.say(&summary);
        }
    }

    /// `3 more slices like it: slices 4, 8 to 9`, of several scans with their names.
    fn more(&self, more: &BTreeMap<String, Vec<usize>>) -> String {
        let noun = self.noun;
        let named = more.iter().take(MAX_NAMED_SCANS).map(|(scan, slices)| {
            let several = if slices.len() > 1 { "s" } else { "" };
            let numbers = ranges(slices.clone());
            format!("{}{noun}{several} {numbers}", before(scan, " "))
        });
        let mut named: Vec<String> = named.collect();
        if let others @ 1.. = more.len().saturating_sub(MAX_NAMED_SCANS) {
            named.push(format!("and those of {}", counted(others, "more scan")));
        }
        let count = more.values().map(Vec::len).sum();
        format!(
            "{} like it: {}",
            counted(count, &format!("more {noun}")),
            named.join("; ")
        )
    }
}

/// The name of a scan before what is said of it; nothing where there is but one, without a name.
fn before(scan: &str, what: &str) -> String {
    match scan {
        "" => String::new(),
        scan => format!("{scan}{what}"),
    }
}

impl Said {
    fn kind_of(&mut self, message: &str) -> &mut Kind {
        let at = *self
            .by_words
            .entry(MessageTemplate::of(message).literals)
            .or_insert(self.kinds.len());
        if at == self.kinds.len() {
            self.kinds.push(Kind::default());
        }
        &mut self.kinds[at]
    }

    fn summary(&self, noun: &str) -> Option<String> {
        let mut slices: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (scan, warned) in self.kinds.iter().flat_map(|kind| &kind.slices) {
            slices.entry(scan).or_default().extend(warned);
        }
        let distinct = |warned: &mut Vec<usize>| {
            warned.sort_unstable();
            warned.dedup();
            warned.len()
        };
        let slices: usize = slices.values_mut().map(distinct).sum();
        let whole = self.kinds.iter().any(|kind| kind.scans > 0);
        let mut of = Vec::new();
        if whole {
            of.push("whole scans".to_string());
        }
        if slices > 0 {
            of.push(counted(slices, noun));
        }
        let kinds = counted(self.kinds.len(), "kind");
        (!of.is_empty()).then(|| format!("warnings: {kinds}, of {}", joined_with_and(&of)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(noun: &'static str) -> Warnings<'static> {
        static QUIET: std::sync::OnceLock<Console> = std::sync::OnceLock::new();
        Warnings::new(QUIET.get_or_init(|| Console::new(true, false)), noun)
    }

    #[test]
    fn numbers_make_no_other_kind() {
        let warnings = warned("slice");
        for slice in [12, 3, 4, 9, 8, 10] {
            warnings.of_slice("", slice, &format!("{}.5 % are odd", slice * slice));
        }
        warnings.of_slice("", 12, "all zero");
        let said = warnings.said();
        assert_eq!(said.kinds[0].first.as_deref(), Some("slice 12: 144.5 % are odd"));
        assert_eq!(
            warnings.more(&said.kinds[0].more),
            "5 more slices like it: slices 3, 4, 8 to 10"
        );
        assert!(said.kinds[1].more.is_empty());
        assert_eq!(said.summary("slice").unwrap(), "warnings: 2 kinds, of 6 slices");
    }

    #[test]
    fn slices_of_many_scans_are_told_apart() {
        let warnings = warned("slice");
        assert_eq!(warnings.said().summary("slice"), None);
        warnings.of_scan("a", "few lines");
        for scan in 0..9 {
            warnings.of_slice(&format!("knee_{scan}"), 2, "all zero");
        }
        let said = warnings.said();
        let told = warnings.more(&said.kinds[1].more);
        assert!(
            told.starts_with("8 more slices like it: knee_1 slice 2; knee_2 slice 2; "),
            "{told}"
        );
        assert!(told.ends_with("; and those of 2 more scans"), "{told}");
        assert_eq!(
            said.summary("slice").unwrap(),
            "warnings: 2 kinds, of whole scans and 9 slices"
        );
    }
}
