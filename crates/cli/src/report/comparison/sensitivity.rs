//! Error as a function of λ, and the loss from a wrong λ.

use maud::{Markup, html};

use super::note_above_axis;
use super::view::{View, case_title, nmse_object, seed_title};
use crate::compare::{CaseRecord, RunRecord, SensitivityRecord};
use crate::report::number::{NONE, Spread, decibels, significant};
use crate::report::page::collapsible;
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use crate::report::table::scrollable_table;
use pvdamp_io::error::Result;

/// Factors by which λ is wrong in the table.
const FACTORS: [(f64, &str); 4] = [(0.1, "λ/10"), (1.0 / 3.0, "λ/3"), (3.0, "3λ"), (10.0, "10λ")];

/// Range of a plot above the lowest error, in dB.
const PLOTTED_RANGE: f64 = 10.0;

pub fn section(view: &View) -> Result<Option<Markup>> {
    let mut plots: Vec<(&str, Vec<Markup>)> = Vec::new();
    for case in view.cases() {
        let records = records_of(view, case);
        if let Some(plot) = plot(view, case, &records) {
            let levels = levels(view, case).into_iter().map(|(_, label, nmse)| (label, nmse));
            let caption = html! { (seed_title(case)) " " (note_above_axis(&plot.y, levels)) };
            let drawn = figure(&plot, &caption)?;
            match plots.iter_mut().find(|(group, _)| *group == case.group) {
                Some((_, drawings)) => drawings.push(drawn),
                None => plots.push((&case.group, vec![drawn])),
            }
        }
    }
    let Some(table) = table(view) else {
        return Ok(None);
    };
    let names = varied_contenders(view)
        .into_iter()
        .map(|id| (view.series(id), view.label(id)));
    let names: Vec<(usize, String)> = names.collect();
    let legend = legend(names.iter().map(|(series, name)| (*series, name.as_str())))?;
    let title = |group: &str| {
        view.groups
            .iter()
            .find(|g| g.name == group)
            .map(super::view::Group::title)
    };
    Ok(Some(html! {
        p { "Methods with a regularisation weight λ, run over a range of it. The large marker is the best λ, which "
            "takes the reference to find. Dashed: methods that have no λ. Errors of more than "
            (PLOTTED_RANGE) " dB above the least are left out of the plots." }
        (table)
        (legend)
        @for (i, (group, drawings)) in plots.iter().enumerate() {
            (collapsible(i == 0, &title(group).unwrap_or_default(), &html! {
                div.plots { @for drawing in drawings { (drawing) } }
            }))
        }
    }))
}

fn records_of<'a>(view: &View<'a>, case: &CaseRecord) -> Vec<&'a SensitivityRecord> {
    view.results
        .sensitivities
        .iter()
        .filter(|record| record.case == case.id)
        .collect()
}

/// Contenders whose λ was varied, in their order.
fn varied_contenders<'v>(view: &'v View) -> Vec<&'v str> {
    let is_varied = |id: &str| view.results.sensitivities.iter().any(|record| record.contender == id);
    view.contenders
        .iter()
        .map(|c| c.id.as_str())
        .filter(|id| is_varied(id))
        .collect()
}

fn plot(view: &View, case: &CaseRecord, records: &[&SensitivityRecord]) -> Option<Plot> {
    let points = || records.iter().flat_map(|record| record.points.iter());
    let best = |record: &&SensitivityRecord| Some((record.lambda, nmse_at(record, record.lambda)?));
    let curve = |series, form, points| Curve { series, form, points };
    let levels = levels(view, case).into_iter();
    let levels = levels.map(|(series, label, nmse)| curve(series, Form::Level(label), vec![(1.0, nmse)]));
    let series_of = |record: &&SensitivityRecord| view.series(&record.contender);
    let curves = records
        .iter()
        .map(|r| curve(series_of(r), Form::Line, r.points.clone()));
    let marks = records
        .iter()
        .map(|r| curve(series_of(r), Form::Best, best(r).into_iter().collect()));
    Some(Plot {
        label: format!("NMSE against λ, {}", case_title(case)),
        x: Axis::logarithmic("λ, relative to the intensity of the image", points().map(|p| p.0))?,
        y: axis(
            points()
                .map(|p| p.1)
                .chain(self::levels(view, case).into_iter().map(|level| level.2)),
        )?,
        curves: levels.chain(curves).chain(marks).collect(),
        size: (450, 300),
    })
}

/// From the lowest error to at most [`PLOTTED_RANGE`] above it, so that errors near the best can be distinguished.
fn axis(errors: impl Iterator<Item = f64>) -> Option<Axis> {
    let errors: Vec<f64> = errors.filter(|e| e.is_finite()).collect();
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    Axis::linear(
        "NMSE, object / dB",
        errors.into_iter().filter(|&e| e <= least + PLOTTED_RANGE),
    )
}

/// Series, label and NMSE of the contenders without a λ that use nothing from the reference.
fn levels(view: &View, case: &CaseRecord) -> Vec<(usize, String, f64)> {
    let without = |run: &&RunRecord| run.lambda.is_none();
    let level = |id: &str| nmse_object(view.run(&case.id, id).filter(without)?);
    let non_oracles = view.contenders.iter().filter(|c| c.oracle.is_empty());
    non_oracles
        .filter_map(|c| Some((view.series(&c.id), c.label.clone(), level(&c.id)?)))
        .collect()
}

/// NMSE at a λ, interpolated linearly in log λ; `None` outside the points.
fn nmse_at(record: &SensitivityRecord, lambda: f64) -> Option<f64> {
    let is_usable = |p: &&(f64, f64)| p.0 > 0.0 && p.0.is_finite() && p.1.is_finite();
    let points: Vec<(f64, f64)> = record
        .points
        .iter()
        .filter(is_usable)
        .map(|p| (p.0.ln(), p.1))
        .collect();
    let log_lambda = lambda.ln();
    // rounding may place the last point of a range slightly off its factor
    let near = |x: f64| (x - log_lambda).abs() < 1e-6;
    if let Some(&(_, nmse)) = points.iter().find(|p| near(p.0)) {
        return Some(nmse);
    }
    let pair = points
        .windows(2)
        .find(|pair| pair[0].0 < log_lambda && log_lambda < pair[1].0)?;
    let share = (log_lambda - pair[0].0) / (pair[1].0 - pair[0].0);
    Some(pair[0].1 + share * (pair[1].1 - pair[0].1))
}

/// Loss in dB if λ is wrong by a factor.
fn loss(record: &SensitivityRecord, factor: f64) -> Option<f64> {
    Some(nmse_at(record, factor * record.lambda)? - nmse_at(record, record.lambda)?)
}

fn table(view: &View) -> Option<Markup> {
    let varied = varied_contenders(view);
    if varied.is_empty() {
        return None;
    }
    let caption = html! {
        "dB lost where λ is wrong by a factor: mean over cases, and range. Where no case reaches so far there is no "
        "figure."
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Method" }
                th scope="col" { "Best λ" small { "median, range" } }
                @for (_, name) in FACTORS { th scope="col" { (name) small { "dB lost" } } }
            } }
            tbody {
                @for id in varied {
                    tr {
                        th scope="row" { (view.label(id)) }
                        (best_cell(view, id))
                        @for (factor, _) in FACTORS { (loss_cell(view, id, factor)) }
                    }
                }
            }
        }
    };
    Some(scrollable_table(&caption, &table))
}

fn records<'a>(view: &View<'a>, contender: &str) -> impl Iterator<Item = &'a SensitivityRecord> {
    view.results
        .sensitivities
        .iter()
        .filter(move |record| record.contender == contender)
}

fn best_cell(view: &View, contender: &str) -> Markup {
    let mut best: Vec<f64> = records(view, contender)
        .map(|r| r.lambda)
        .filter(|l| l.is_finite())
        .collect();
    best.sort_by(f64::total_cmp);
    let Some(median) = best.get(best.len() / 2) else {
        return html! { td.none { (NONE) } };
    };
    html! { td { (significant(*median)) small { (significant(best[0])) " to " (significant(best[best.len() - 1])) } } }
}

fn loss_cell(view: &View, contender: &str, factor: f64) -> Markup {
    let losses: Vec<f64> = records(view, contender)
        .filter_map(|record| loss(record, factor))
        .collect();
    let Some(Spread { mean, count, .. }) = Spread::of(losses.iter().copied()) else {
        return html! { td {} };
    };
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let most = losses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let all = records(view, contender).count();
    html! {
        td {
            (decibels(mean))
            small { (decibels(least)) " to " (decibels(most)) }
            @if count < all { small { (count) " of " (all) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> SensitivityRecord {
        SensitivityRecord {
            case: String::new(),
            contender: String::new(),
            lambda: 0.1,
            points: vec![(0.01, -15.0), (0.1, -20.0), (1.0, -16.0)],
        }
    }

    #[test]
    fn the_loss_is_interpolated_in_log_lambda() {
        assert_eq!(loss(&record(), 1.0), Some(0.0));
        assert!((loss(&record(), 0.1).unwrap() - 5.0).abs() < 1e-9);
        let third = loss(&record(), 1.0 / 3.0).unwrap();
        assert!((third - 5.0 * 3f64.log10()).abs() < 1e-9);
        assert!((loss(&record(), 10.0).unwrap() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn beyond_the_range_there_is_no_loss() {
        assert_eq!(loss(&record(), 0.01), None);
        assert_eq!(loss(&record(), 100.0), None);
        let mut broken = record();
        broken.points[1].1 = f64::NAN;
        assert!(loss(&broken, 1.0).is_some_and(|l| l == 0.0));
        broken.points.clear();
        assert_eq!(loss(&broken, 3.0), None);
    }
}
