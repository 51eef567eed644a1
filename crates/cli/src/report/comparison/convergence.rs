//! Error against iterations and against time.

use maud::{Markup, html};

use super::note_above_axis;
use super::view::{Group, View, case_title, nmse_object, seed_title};
use crate::compare::{CaseRecord, RunRecord, TracePoint};
use crate::report::page::collapsible;
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use pvdamp_io::error::Result;

const SIZE: (u32, u32) = (440, 300);

/// The quantity on the y axis: NMSE, or without a reference the variance that a method predicts.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Error,
    Variance,
}

/// One run as three columns of equal length: iteration, seconds, value.
struct RunCurve {
    series: usize,
    iterations: Vec<f64>,
    seconds: Vec<f64>,
    values: Vec<f64>,
}

pub fn section(view: &View) -> Result<Option<Markup>> {
    let mut blocks = Vec::new();
    for group in &view.groups {
        if let Some(block) = block(view, group)? {
            blocks.push(collapsible(blocks.is_empty(), &group.title(), &block));
        }
    }
    Ok((!blocks.is_empty()).then(|| {
        html! {
            p { "The first case of each combination of slice and sampling. Time runs from k-space and maps in memory; "
                "a search for λ is not in it. A single marker is a method without iterations, or one whose "
                "course is not "
                "on record." }
            @for block in &blocks { (block) }
        }
    }))
}

fn block(view: &View, group: &Group) -> Result<Option<Markup>> {
    let case = group.cases[0];
    let curves_of = |quantity| -> Vec<RunCurve> {
        let run_curve = |c: &crate::compare::ContenderRecord| run_curve(view, view.run(&case.id, &c.id)?, quantity);
        view.contenders.iter().filter_map(run_curve).collect()
    };
    let (run_curves, quantity) = match curves_of(Quantity::Error) {
        run_curves if run_curves.is_empty() => (curves_of(Quantity::Variance), Quantity::Variance),
        run_curves => (run_curves, Quantity::Error),
    };
    let plots: Vec<Markup> = [true, false]
        .into_iter()
        .filter_map(|by_time| plot(case, &run_curves, quantity, by_time))
        .map(|plot| figure(&plot, &html! {}))
        .collect::<Result<_>>()?;
    if plots.is_empty() {
        return Ok(None);
    }
    let names: Vec<(usize, String)> = run_curves
        .iter()
        .map(|c| (c.series, view.label(&view.contenders[c.series].id)))
        .collect();
    let legend = legend(names.iter().map(|(series, name)| (*series, name.as_str())))?;
    Ok(Some(html! {
        div.keep {
            p.quiet {
                (seed_title(case)) " " (note_above_plot(view, &run_curves, quantity))
                @if quantity == Quantity::Variance { " No reference: the predicted variance, where a method has one." }
            }
            (legend)
            div.plots { @for plot in plots.iter().rev() { (plot) } }
        }
    }))
}

fn run_curve(view: &View, run: &RunRecord, quantity: Quantity) -> Option<RunCurve> {
    let value = |point: &TracePoint| match quantity {
        Quantity::Error => point.nmse_object_db,
        Quantity::Variance => Some(point.tau).filter(|&tau| tau > 0.0),
    };
    let mut run_curve = RunCurve {
        series: view.series(&run.contender),
        iterations: Vec::new(),
        seconds: Vec::new(),
        values: Vec::new(),
    };
    let mut push = |iteration: usize, seconds: f64, value: f64| {
        if value.is_finite() {
            run_curve.iterations.push(iteration as f64);
            run_curve.seconds.push(seconds);
            run_curve.values.push(value);
        }
    };
    for (i, point) in run.trace.iter().enumerate() {
        push(i + 1, point.seconds, value(point).unwrap_or(f64::NAN));
    }
    if run.trace.is_empty() && quantity == Quantity::Error {
        push(run.iterations, run.seconds, nmse_object(run).unwrap_or(f64::NAN));
    }
    (!run_curve.values.is_empty()).then_some(run_curve)
}

fn plot(case: &CaseRecord, run_curves: &[RunCurve], quantity: Quantity, by_time: bool) -> Option<Plot> {
    let abscissas = |run_curve: &RunCurve| {
        if by_time {
            run_curve.seconds.clone()
        } else {
            run_curve.iterations.clone()
        }
    };
    let all: Vec<f64> = run_curves.iter().flat_map(abscissas).collect();
    let (x, x_name) = if by_time {
        (Axis::logarithmic("time / s", all)?, "time")
    } else {
        (Axis::linear("iteration", all.into_iter().chain([0.0]))?, "iterations")
    };
    let (y, name) = match quantity {
        Quantity::Error => (error_axis(run_curves)?, "NMSE"),
        Quantity::Variance => {
            let values = run_curves.iter().flat_map(|run_curve| run_curve.values.iter().copied());
            (
                Axis::logarithmic("predicted variance / units²", values)?,
                "Predicted variance",
            )
        }
    };
    let curve = |run_curve: &RunCurve| Curve {
        series: run_curve.series,
        form: Form::Line,
        points: abscissas(run_curve)
            .into_iter()
            .zip(run_curve.values.iter().copied())
            .collect(),
    };
    Some(Plot {
        label: format!(
            "{name} against {x_name} of {} methods, {}",
            run_curves.len(),
            case_title(case)
        ),
        x,
        y,
        curves: run_curves.iter().map(curve).collect(),
        size: SIZE,
    })
}

/// From the lowest error to a little above the worst final error of the iterative methods. Showing the large initial
/// errors too would hide the differences between methods, so lines enter through the upper edge.
fn error_axis(run_curves: &[RunCurve]) -> Option<Axis> {
    let all: Vec<f64> = run_curves
        .iter()
        .flat_map(|run_curve| run_curve.values.iter().copied())
        .collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let iterating = run_curves.iter().filter(|run_curve| run_curve.values.len() > 1);
    let worst = iterating
        .filter_map(|run_curve| run_curve.values.last().copied())
        .fold(least, f64::max);
    let top = (worst + 0.5 * (worst - least)).max(least + 3.0);
    let highest = all.iter().copied().fold(least, f64::max);
    Axis::linear("NMSE, object / dB", [least, top.min(highest)])
}

/// Names the contenders that lie entirely above the plot.
fn note_above_plot(view: &View, run_curves: &[RunCurve], quantity: Quantity) -> String {
    let Some(axis) = error_axis(run_curves).filter(|_| quantity == Quantity::Error) else {
        return String::new();
    };
    let least = |run_curve: &RunCurve| run_curve.values.iter().copied().fold(f64::INFINITY, f64::min);
    note_above_axis(
        &axis,
        run_curves
            .iter()
            .map(|c| (view.label(&view.contenders[c.series].id), least(c))),
    )
}
