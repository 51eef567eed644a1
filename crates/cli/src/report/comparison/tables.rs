//! Tables of every contender's metrics: by scan and sampling, and over all cases.

use maud::{Markup, html};

use super::view::{
    Figure, Group, View, hfen, label_with_dagger, nmse, nmse_object, psnr, sampling_title, slice_title, ssim, threads,
};
use crate::compare::{CaseRecord, ContenderRecord};
use crate::report::number::{Spread, as_precise, counted, decibels, fixed};
use crate::report::table::{Rank, cell, ranks_of_least, scrollable_table};

pub fn section(view: &View) -> Option<Markup> {
    if view.results.runs.is_empty() {
        return None;
    }
    let measured = view.measured(&view.cases(), nmse_object);
    Some(html! {
        @if measured.is_empty() {
            p { "No case has a fully sampled reference, so that the table of errors is missing." }
        } @else {
            (by_group(view))
        }
        (over_all(view))
        (oracles(view))
    })
}

/// Ranks of all contenders by mean NMSE on the object. A contender competes only if it has a figure on every case where
/// any contender has one. `None` without figures.
pub fn ranks(view: &View, cases: &[&CaseRecord]) -> Option<Vec<Rank>> {
    let count = view.measured(cases, nmse_object).len();
    if count == 0 {
        return None;
    }
    let mean = |id: &str| {
        let figures = view.figures(id, cases, nmse_object);
        (figures.len() == count).then(|| figures.iter().sum::<f64>() / count as f64)
    };
    let means: Vec<Option<f64>> = view.contenders.iter().map(|c| mean(&c.id)).collect();
    let non_oracle: Vec<bool> = view.contenders.iter().map(|c| c.oracle.is_empty()).collect();
    Some(ranks_of_least(&means, &non_oracle, decibels))
}

fn by_group(view: &View) -> Markup {
    let columns = view.contenders.len() + 1;
    let caption = html! {
        "NMSE on the object in dB, mean ± standard deviation over the seeds of the mask; less is better. "
        b { "Bold" } ": best of all. " u { "Underlined" } ": best of those that use nothing a user lacks. "
        "†: took something from the reference, see below."
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Sampling" }
                @for contender in &view.contenders { th scope="col" { (label_with_dagger(contender)) } }
            } }
            @for slice in slices(view) {
                tbody {
                    tr { th.span scope="rowgroup" colspan=(columns) { span { (slice_heading(slice[0])) } } }
                    @for group in slice { (group_row(view, group)) }
                }
            }
        }
    };
    scrollable_table(&caption, &table)
}

/// Groups by slice, in the order of their first groups.
pub(super) fn slices<'v, 'a>(view: &'v View<'a>) -> Vec<Vec<&'v Group<'a>>> {
    let mut slices: Vec<Vec<&Group>> = Vec::new();
    for group in &view.groups {
        match slices
            .iter_mut()
            .find(|slice| slice_heading(slice[0]) == slice_heading(group))
        {
            Some(slice) => slice.push(group),
            None => slices.push(vec![group]),
        }
    }
    slices
}

pub(super) fn slice_heading(group: &Group) -> String {
    let case = group.cases[0];
    let (rows, cols) = (case.rows, case.cols);
    format!("{} ({rows}×{cols}, {})", slice_title(case), counted(case.coils, "coil"))
}

fn group_row(view: &View, group: &Group) -> Markup {
    let ranks = ranks(view, &group.cases);
    let of = view.measured(&group.cases, nmse_object).len();
    let rank = |i: usize| ranks.as_ref().map_or_else(Rank::default, |ranks| ranks[i]);
    html! {
        tr {
            th scope="row" {
                (sampling_title(group.cases[0]))
                @if of == 0 { small { "no reference" } }
                @else if of > 1 { small { (counted(of, "seed")) } }
            }
            @for (i, contender) in view.contenders.iter().enumerate() {
                @let spread = Spread::of(view.figures(&contender.id, &group.cases, nmse_object));
                (cell(spread, of, rank(i), |value, _| decibels(value)))
            }
        }
    }
}

/// A column of the second table.
struct Column {
    name: &'static str,
    unit: &'static str,
    figure: Figure,
    /// Formats a value with the precision of the mean.
    text: fn(f64, f64) -> String,
}

const COLUMNS: &[Column] = &[
    Column {
        name: "NMSE, object",
        unit: "dB",
        figure: nmse_object,
        text: |value, _| decibels(value),
    },
    Column {
        name: "NMSE, whole image",
        unit: "dB",
        figure: nmse,
        text: |value, _| decibels(value),
    },
    Column {
        name: "PSNR",
        unit: "dB",
        figure: psnr,
        text: |value, _| decibels(value),
    },
    Column {
        name: "SSIM",
        unit: "1",
        figure: ssim,
        text: |value, _| fixed(value, 4),
    },
    Column {
        name: "HFEN",
        unit: "dB",
        figure: hfen,
        text: |value, _| decibels(value),
    },
    Column {
        name: "Time",
        unit: "s",
        figure: |run| Some(run.seconds),
        text: as_precise,
    },
    Column {
        name: "Iterations",
        unit: "count",
        figure: |run| Some(run.iterations as f64),
        text: |value, mean| fixed(value, usize::from(mean.fract() != 0.0)),
    },
    Column {
        name: "Time to convergence",
        unit: "s",
        figure: |run| run.converged_seconds,
        text: as_precise,
    },
];

fn over_all(view: &View) -> Markup {
    let cases = view.cases();
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|column| !view.measured(&cases, column.figure).is_empty())
        .collect();
    let missing: Vec<&str> = COLUMNS
        .iter()
        .filter(|column| columns.iter().all(|shown| shown.name != column.name))
        .map(|column| column.name)
        .collect();
    let ranks = ranks(view, &cases);
    let caption = html! {
        "Over all cases, mean ± standard deviation. Times are of the reconstruction alone unless said otherwise, with "
        (threads(view)) " threads."
        @if ranks.is_some() { " Marks as above, by NMSE on the object." }
        @if !missing.is_empty() { " Missing, because no case has them: " (missing.join("; ")) "." }
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Method" }
                @for column in &columns { th scope="col" { (column.name) small { (column.unit) } } }
            } }
            tbody {
                @for (i, contender) in view.contenders.iter().enumerate() {
                    @let rank = ranks.as_ref().map_or_else(Rank::default, |ranks| ranks[i]);
                    tr {
                        th scope="row" { (label_with_dagger(contender)) (program(contender)) }
                        @for column in &columns { (figure_cell(view, &contender.id, &cases, column, rank)) }
                    }
                }
            }
        }
    };
    scrollable_table(&caption, &table)
}

/// Name of another program, and what its times include.
fn program(contender: &ContenderRecord) -> Markup {
    let ContenderRecord { program, timed, .. } = contender;
    html! {
        @if !program.is_empty() && program != "pvdamp" {
            small { (program) @if !timed.is_empty() { "; time: " (timed) } }
        }
    }
}

fn figure_cell(view: &View, contender: &str, cases: &[&CaseRecord], column: &Column, rank: Rank) -> Markup {
    let of = view.measured(cases, column.figure).len();
    let spread = Spread::of(view.figures(contender, cases, column.figure));
    // only the first column is ranked
    let rank = if column.name == COLUMNS[0].name {
        rank
    } else {
        Rank::default()
    };
    cell(spread, of, rank, column.text)
}

fn oracles(view: &View) -> Markup {
    let oracles: Vec<_> = view.contenders.iter().filter(|c| !c.oracle.is_empty()).collect();
    html! {
        @if !oracles.is_empty() {
            p.quiet { "† Took from the reference what a user would not have: "
                @for (i, contender) in oracles.iter().enumerate() {
                    @if i > 0 { "; " }
                    (contender.label) ": " (contender.oracle)
                }
                "."
            }
        }
    }
}
