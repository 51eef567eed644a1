//! Warnings, those together that say the same of other slices with other numbers.

use std::collections::HashMap;

use maud::{Markup, html};

use super::view::{View, link, ranges};
use crate::report::number::counted;
use crate::report::table::boxed;

/// Volumes that a warning names; the sheet shows the others.
const NAMED: usize = 6;

/// All warnings of a batch.
pub struct Groups {
    /// The most frequent first.
    pub groups: Vec<Group>,
    of_text: HashMap<String, usize>,
}

#[derive(Default)]
pub struct Group {
    /// With ranges where its numbers differ.
    pub text: String,
    /// Volumes and slices, in their order.
    pub slices: Vec<(usize, usize)>,
    /// Volumes that it is of as a whole.
    pub volumes: Vec<usize>,
}

impl Groups {
    pub fn of(view: &View) -> Self {
        let mut found: Vec<(Words, Group)> = Vec::new();
        let mut by_form: HashMap<Vec<String>, usize> = HashMap::new();
        let mut of_text: HashMap<String, usize> = HashMap::new();
        let mut place = |text: &str, found: &mut Vec<(Words, Group)>| -> usize {
            if let Some(&known) = of_text.get(text) {
                return known;
            }
            let words = Words::of(text);
            let at = *by_form.entry(words.between.clone()).or_insert(found.len());
            match found.get_mut(at) {
                Some((range, _)) => range.widen(&words),
                None => found.push((words, Group::default())),
            }
            of_text.insert(text.into(), at);
            at
        };
        for (i, volume) in view.volumes.iter().enumerate() {
            for text in &volume.record.warnings {
                let at = place(text, &mut found);
                found[at].1.volumes.push(i);
            }
            for line in &volume.lines {
                for text in &line.warnings {
                    let at = place(text, &mut found);
                    found[at].1.slices.push((i, line.slice));
                }
            }
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(found[i].1.slices.len() + found[i].1.volumes.len()));
        let mut rank = vec![0; found.len()];
        order.iter().enumerate().for_each(|(to, &from)| rank[from] = to);
        of_text.values_mut().for_each(|at| *at = rank[*at]);
        let mut groups: Vec<(usize, Group)> = found
            .into_iter()
            .zip(rank)
            .map(|((words, group), rank)| {
                (
                    rank,
                    Group {
                        text: words.text(),
                        ..group
                    },
                )
            })
            .collect();
        groups.sort_by_key(|(rank, _)| *rank);
        Self {
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            of_text,
        }
    }

    /// The group of a warning.
    pub fn group(&self, text: &str) -> Option<usize> {
        self.of_text.get(text).copied()
    }
}

/// A text taken apart: its numbers, as written, from least to greatest, and the words between them.
struct Words {
    /// One more than there are numbers.
    between: Vec<String>,
    numbers: Vec<(String, String)>,
}

impl Words {
    fn of(text: &str) -> Self {
        let (mut between, mut numbers) = (vec![String::new()], Vec::new());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let before = between.last().and_then(|words| words.chars().last());
            // not the 1 of "H1", nor the 2 of "wavelet2"
            let starts = next.is_ascii_digit() && !before.is_some_and(char::is_alphanumeric);
            let length = if starts { number_length(rest) } else { next.len_utf8() };
            let (head, tail) = rest.split_at(length);
            if starts {
                numbers.push((head.to_string(), head.to_string()));
                between.push(String::new());
            } else if let Some(words) = between.last_mut() {
                words.push_str(head);
            }
            rest = tail;
        }
        Self { between, numbers }
    }

    fn widen(&mut self, other: &Self) {
        let value = |text: &str| text.parse::<f64>().unwrap_or(0.0);
        for ((low, high), (other, _)) in self.numbers.iter_mut().zip(&other.numbers) {
            if value(other) < value(low) {
                low.clone_from(other);
            }
            if value(other) > value(high) {
                high.clone_from(other);
            }
        }
    }

    fn text(&self) -> String {
        let mut text = self.between.first().cloned().unwrap_or_default();
        for ((low, high), words) in self.numbers.iter().zip(self.between.iter().skip(1)) {
            text.push_str(low);
            if low != high {
                text.push('…');
                text.push_str(high);
            }
            text.push_str(words);
        }
        text
    }
}

/// Of the number that a text begins with: digits, and a point between digits.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| {
        let rest = &text.as_bytes()[from..];
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let is_point = text.as_bytes().get(whole) == Some(&b'.');
    match if is_point { digits(whole + 1) } else { 0 } {
        0 => whole,
        fraction => whole + 1 + fraction,
    }
}

pub fn section(view: &View, groups: &Groups) -> Option<Markup> {
    if groups.groups.is_empty() {
        return None;
    }
    let caption = html! { "Warnings that differ in their numbers alone are one; a…b is from least to greatest." };
    let table = html! {
        table.left.warnings {
            thead { tr { th scope="col" { "Warning" } th.count scope="col" { "Slices" } th scope="col" { "Of" } } }
            tbody { @for (i, group) in groups.groups.iter().enumerate() { (row(view, i, group)) } }
        }
    };
    Some(boxed(&caption, &table))
}

fn row(view: &View, index: usize, group: &Group) -> Markup {
    let mut volumes: Vec<(usize, Vec<usize>)> = Vec::new();
    for &(volume, slice) in &group.slices {
        match volumes.last_mut() {
            Some((last, slices)) if *last == volume => slices.push(slice),
            _ => volumes.push((volume, vec![slice])),
        }
    }
    let more = volumes.len().saturating_sub(NAMED);
    let whole = group
        .volumes
        .iter()
        .take(NAMED)
        .map(|&v| view.volumes[v].record.name.as_str());
    let whole: Vec<&str> = whole.collect();
    html! {
        tr {
            th scope="row" { (group.text) }
            td.count { @if group.slices.is_empty() { "–" } @else { (group.slices.len()) } }
            td {
                @for (volume, slices) in volumes.iter().take(NAMED) {
                    @let name = &view.volumes[*volume].record.name;
                    div { a href=(link(name, slices[0])) { (name) } ": " (ranges(slices.clone())) }
                }
                @if more > 0 { div.quiet { "and " (counted(more, "more volume")) } }
                @if !whole.is_empty() {
                    div {
                        "as a whole: " (whole.join(", "))
                        @if group.volumes.len() > NAMED { " and " (group.volumes.len() - NAMED) " more" }
                    }
                }
                @if !group.slices.is_empty() { div.screen { a href={ "#warning=" (index) } { "show on the sheet" } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_ranges() {
        let mut words = Words::of("kept 12 of 30.5 in H1.");
        words.widen(&Words::of("kept 9 of 30.5 in H1."));
        words.widen(&Words::of("kept 100 of 30.5 in H1."));
        assert_eq!(words.text(), "kept 9…100 of 30.5 in H1.");
        for text in ["", "é 1é 2", "3", "1.2.3", "1.", "no number", "7 7 7"] {
            assert_eq!(Words::of(text).text(), text);
        }
    }
}
