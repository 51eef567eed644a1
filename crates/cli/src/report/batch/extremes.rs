//! The worst and slowest slices, and the slowest volumes.

use maud::{Markup, html};

use super::view::{Figure, View, link, nmse, predicted, seconds, slice_title, ssim};
use crate::batch::SliceLine;
use crate::report::number::{NONE, as_precise, duration, fixed, significant};
use crate::report::table::scrollable_table;

/// Number of rows in a table.
const TABLE_ROWS: usize = 10;

struct Column {
    name: &'static str,
    figure: Figure,
    text: fn(f64) -> String,
}

const COLUMNS: &[Column] = &[
    Column {
        name: "Predicted NMSE",
        figure: predicted,
        text: significant,
    },
    Column {
        name: "NMSE",
        figure: nmse,
        text: significant,
    },
    Column {
        name: "SSIM",
        figure: ssim,
        text: |value| fixed(value, 4),
    },
    Column {
        name: "Time\u{a0}/\u{a0}s",
        figure: seconds,
        text: |value| as_precise(value, value),
    },
];

/// Title of a table, its column in [`COLUMNS`], and whether the greatest values come first.
const RANKINGS: &[(&str, usize, bool)] = &[
    ("Highest predicted error", 0, true),
    ("Highest NMSE", 1, true),
    ("Lowest SSIM", 2, false),
    ("Slowest slices", 3, true),
];

pub fn section(view: &View) -> Option<Markup> {
    if view.slices.is_empty() {
        return None;
    }
    let columns: Vec<usize> = (0..COLUMNS.len())
        .filter(|&column| {
            view.slices
                .iter()
                .any(|(_, line)| (COLUMNS[column].figure)(line).is_some())
        })
        .collect();
    let rankings = RANKINGS.iter().filter(|(_, key, _)| columns.contains(key));
    Some(html! {
        div.pairs {
            @for (title, key, greatest) in rankings { (slices(view, title, *key, *greatest, &columns)) }
            (volumes(view))
        }
    })
}

/// The slices in the tables.
pub fn ranked_slices<'a>(view: &View<'a>) -> Vec<&'a SliceLine> {
    let of = |&(_, key, greatest): &(&str, usize, bool)| ranked(view, key, greatest);
    RANKINGS.iter().flat_map(of).collect()
}

fn ranked<'a>(view: &View<'a>, key: usize, greatest: bool) -> Vec<&'a SliceLine> {
    let figures = view
        .slices
        .iter()
        .filter_map(|(_, line)| Some(((COLUMNS[key].figure)(line)?, *line)));
    first_rows(figures.filter(|(value, _)| !value.is_nan()).collect(), greatest)
}

fn slices(view: &View, title: &str, key: usize, greatest: bool, columns: &[usize]) -> Markup {
    let ranked = ranked(view, key, greatest);
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Slice" }
                @for &column in columns { th scope="col" { (COLUMNS[column].name) } }
            } }
            tbody { @for line in &ranked {
                tr {
                    th scope="row" {
                        a href=(link(&line.volume, line.slice)) { (slice_title(&line.volume, line.slice)) }
                    }
                    @for &column in columns { (cell(line, &COLUMNS[column], column == key)) }
                }
            } }
        }
    };
    scrollable_table(&html! { b { (title) } }, &table)
}

fn cell(line: &SliceLine, column: &Column, is_key: bool) -> Markup {
    html! {
        @match (column.figure)(line) {
            Some(value) => td { @if is_key { b { ((column.text)(value)) } } @else { ((column.text)(value)) } },
            None => td.none { (NONE) },
        }
    }
}

fn volumes(view: &View) -> Markup {
    let timed = view.volumes.iter().filter_map(|v| Some((v.record.seconds?, v.record)));
    let slowest = first_rows(timed.collect(), true);
    if slowest.is_empty() {
        return html! {};
    }
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Volume" }
                th scope="col" { "Time" }
                th scope="col" { "Slices" }
                th scope="col" { "Size" }
                th scope="col" { "Coils" }
            } }
            tbody { @for record in &slowest {
                tr {
                    th scope="row" { (record.name) }
                    td { b { (duration(record.seconds.unwrap_or_default())) } }
                    td { (record.slices) }
                    td { (record.rows) "×" (record.cols) }
                    td { (record.coils) }
                }
            } }
        }
    };
    scrollable_table(
        &html! { b { "Slowest volumes" } ", from opening to the result" },
        &table,
    )
}

/// The first few by their values. Equal values keep their order.
fn first_rows<T>(mut ranked: Vec<(f64, T)>, greatest: bool) -> Vec<T> {
    ranked.sort_by(|(a, _), (b, _)| if greatest { b.total_cmp(a) } else { a.total_cmp(b) });
    ranked.into_iter().take(TABLE_ROWS).map(|(_, item)| item).collect()
}
