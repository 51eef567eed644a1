//! Warnings, grouped by their text apart from its numbers.

use std::collections::HashMap;

use maud::{Markup, html};

use super::view::{View, link};
use crate::report::message::MessageTemplate;
use crate::report::number::{counted, ranges};
use crate::report::table::scrollable_table;

/// Number of volumes that are named for a warning. The contact sheet shows all of them.
const MAX_NAMED_VOLUMES: usize = 6;

/// All warnings of a batch.
pub struct WarningGroups {
    /// The most frequent first.
    pub groups: Vec<WarningGroup>,
    group_of_text: HashMap<String, usize>,
}

#[derive(Default)]
pub struct WarningGroup {
    /// Numbers that differ are shown as ranges.
    pub text: String,
    /// Volume and slice, sorted.
    pub slices: Vec<(usize, usize)>,
    /// Volumes that the warning concerns as a whole.
    pub volumes: Vec<usize>,
}

impl WarningGroups {
    pub fn of(view: &View) -> Self {
        let mut found: Vec<(MessageTemplate, WarningGroup)> = Vec::new();
        let mut by_literals: HashMap<Vec<String>, usize> = HashMap::new();
        let mut group_of_text: HashMap<String, usize> = HashMap::new();
        let mut group_index = |text: &str, found: &mut Vec<(MessageTemplate, WarningGroup)>| -> usize {
            if let Some(&index) = group_of_text.get(text) {
                return index;
            }
            let template = MessageTemplate::of(text);
            let at = *by_literals.entry(template.literals.clone()).or_insert(found.len());
            match found.get_mut(at) {
                Some((range, _)) => range.widen(&template),
                None => found.push((template, WarningGroup::default())),
            }
            group_of_text.insert(text.into(), at);
            at
        };
        for (i, volume) in view.volumes.iter().enumerate() {
            for text in &volume.record.warnings {
                let at = group_index(text, &mut found);
                found[at].1.volumes.push(i);
            }
            for line in &volume.lines {
                for text in &line.warnings {
                    let at = group_index(text, &mut found);
                    found[at].1.slices.push((i, line.slice));
                }
            }
        }
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(found[i].1.slices.len() + found[i].1.volumes.len()));
        let mut rank = vec![0; found.len()];
        order.iter().enumerate().for_each(|(to, &from)| rank[from] = to);
        group_of_text.values_mut().for_each(|at| *at = rank[*at]);
        let mut groups: Vec<(usize, WarningGroup)> = found
            .into_iter()
            .zip(rank)
            .map(|((template, group), rank)| {
                (
                    rank,
                    WarningGroup {
                        text: template.text(),
                        ..group
                    },
                )
            })
            .collect();
        groups.sort_by_key(|(rank, _)| *rank);
        Self {
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            group_of_text,
        }
    }

    /// The group of a warning.
    pub fn group(&self, text: &str) -> Option<usize> {
        self.group_of_text.get(text).copied()
    }
}

pub fn section(view: &View, groups: &WarningGroups) -> Option<Markup> {
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
    Some(scrollable_table(&caption, &table))
}

fn row(view: &View, index: usize, group: &WarningGroup) -> Markup {
    let mut volumes: Vec<(usize, Vec<usize>)> = Vec::new();
    for &(volume, slice) in &group.slices {
        match volumes.last_mut() {
            Some((last, slices)) if *last == volume => slices.push(slice),
            _ => volumes.push((volume, vec![slice])),
        }
    }
    let more = volumes.len().saturating_sub(MAX_NAMED_VOLUMES);
    let whole = group
        .volumes
        .iter()
        .take(MAX_NAMED_VOLUMES)
        .map(|&v| view.volumes[v].record.name.as_str());
    let whole: Vec<&str> = whole.collect();
    let more_whole = group.volumes.len().saturating_sub(MAX_NAMED_VOLUMES);
    html! {
        tr {
            th scope="row" { (group.text) }
            td.count { @if group.slices.is_empty() { "–" } @else { (group.slices.len()) } }
            td {
                @for (volume, slices) in volumes.iter().take(MAX_NAMED_VOLUMES) {
                    @let name = &view.volumes[*volume].record.name;
                    div { a href=(link(name, slices[0])) { (name) } ": " (ranges(slices.clone())) }
                }
                @if more > 0 { div.quiet { "and " (counted(more, "more volume")) } }
                @if !whole.is_empty() {
                    div {
                        "as a whole: " (whole.join(", "))
                        @if more_whole > 0 { " and " (more_whole) " more" }
                    }
                }
                @if !group.slices.is_empty() { div.screen { a href={ "#warning=" (index) } { "show on the sheet" } } }
            }
        }
    }
}
