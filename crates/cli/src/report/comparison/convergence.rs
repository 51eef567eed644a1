//! Error against iterations and against time.

use maud::{Markup, html};

use super::above;
use super::view::{Group, View, case_title, nmse_object, seed_title};
use crate::compare::{CaseRecord, RunRecord, TracePoint};
use crate::report::page::fold;
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use pvdamp_io::error::Result;

const SIZE: (u32, u32) = (440, 300);

/// What is drawn up the plot: NMSE, or where no reference is, the variance that a method itself predicts.
#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    Error,
    Variance,
}

/// One run as three columns of the same length: iteration, seconds, value.
struct Course {
    series: usize,
    iterations: Vec<f64>,
    seconds: Vec<f64>,
    values: Vec<f64>,
}

pub fn section(view: &View) -> Result<Option<Markup>> {
    let mut blocks = Vec::new();
    for group in &view.groups {
        if let Some(block) = block(view, group)? {
            blocks.push(fold(blocks.is_empty(), &group.title(), &block));
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
    let of = |quantity| -> Vec<Course> {
        let course = |c: &crate::compare::ContenderRecord| course(view, view.run(&case.id, &c.id)?, quantity);
        view.contenders.iter().filter_map(course).collect()
    };
    let (courses, quantity) = match of(Quantity::Error) {
        courses if courses.is_empty() => (of(Quantity::Variance), Quantity::Variance),
        courses => (courses, Quantity::Error),
    };
    let plots: Vec<Markup> = [true, false]
        .into_iter()
        .filter_map(|by_time| plot(case, &courses, quantity, by_time))
        .map(|plot| figure(&plot, &html! {}))
        .collect::<Result<_>>()?;
    if plots.is_empty() {
        return Ok(None);
    }
    let names: Vec<(usize, String)> = courses
        .iter()
        .map(|c| (c.series, view.label(&view.contenders[c.series].id)))
        .collect();
    let legend = legend(names.iter().map(|(series, name)| (*series, name.as_str())))?;
    Ok(Some(html! {
        div.keep {
            p.quiet {
                (seed_title(case)) " " (above_plot(view, &courses, quantity))
                @if quantity == Quantity::Variance { " No reference: the predicted variance, where a method has one." }
            }
            (legend)
            div.plots { @for plot in plots.iter().rev() { (plot) } }
        }
    }))
}

fn course(view: &View, run: &RunRecord, quantity: Quantity) -> Option<Course> {
    let value = |point: &TracePoint| match quantity {
        Quantity::Error => point.nmse_object_db,
        Quantity::Variance => Some(point.tau).filter(|&tau| tau > 0.0),
    };
    let mut course = Course {
        series: view.series(&run.contender),
        iterations: Vec::new(),
        seconds: Vec::new(),
        values: Vec::new(),
    };
    let mut push = |iteration: usize, seconds: f64, value: f64| {
        if value.is_finite() {
            course.iterations.push(iteration as f64);
            course.seconds.push(seconds);
            course.values.push(value);
        }
    };
    for (i, point) in run.trace.iter().enumerate() {
        push(i + 1, point.seconds, value(point).unwrap_or(f64::NAN));
    }
    if run.trace.is_empty() && quantity == Quantity::Error {
        push(run.iterations, run.seconds, nmse_object(run).unwrap_or(f64::NAN));
    }
    (!course.values.is_empty()).then_some(course)
}

fn plot(case: &CaseRecord, courses: &[Course], quantity: Quantity, by_time: bool) -> Option<Plot> {
    let along = |course: &Course| {
        if by_time {
            course.seconds.clone()
        } else {
            course.iterations.clone()
        }
    };
    let all: Vec<f64> = courses.iter().flat_map(along).collect();
    let (x, against) = if by_time {
        (Axis::logarithmic("time / s", all)?, "time")
    } else {
        (Axis::linear("iteration", all.into_iter().chain([0.0]))?, "iterations")
    };
    let (y, name) = match quantity {
        Quantity::Error => (error_axis(courses)?, "NMSE"),
        Quantity::Variance => {
            let values = courses.iter().flat_map(|course| course.values.iter().copied());
            (
                Axis::logarithmic("predicted variance / units²", values)?,
                "Predicted variance",
            )
        }
    };
    let curve = |course: &Course| Curve {
        series: course.series,
        form: Form::Line,
        points: along(course).into_iter().zip(course.values.iter().copied()).collect(),
    };
    Some(Plot {
        label: format!(
            "{name} against {against} of {} methods, {}",
            courses.len(),
            case_title(case)
        ),
        x,
        y,
        curves: courses.iter().map(curve).collect(),
        size: SIZE,
    })
}

/// From the least error to a little above the worst end of those that iterate. How errors fall from where they begin
/// would press the differences that matter into a corner; lines come in through the upper edge.
fn error_axis(courses: &[Course]) -> Option<Axis> {
    let all: Vec<f64> = courses
        .iter()
        .flat_map(|course| course.values.iter().copied())
        .collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min);
    let iterating = courses.iter().filter(|course| course.values.len() > 1);
    let worst = iterating
        .filter_map(|course| course.values.last().copied())
        .fold(least, f64::max);
    let top = (worst + 0.5 * (worst - least)).max(least + 3.0);
    let highest = all.iter().copied().fold(least, f64::max);
    Axis::linear("NMSE, object / dB", [least, top.min(highest)])
}

/// Names what lies above the plot entirely.
fn above_plot(view: &View, courses: &[Course], quantity: Quantity) -> String {
    let Some(axis) = error_axis(courses).filter(|_| quantity == Quantity::Error) else {
        return String::new();
    };
    let least = |course: &Course| course.values.iter().copied().fold(f64::INFINITY, f64::min);
    above(
        &axis,
        courses
            .iter()
            .map(|c| (view.label(&view.contenders[c.series].id), least(c))),
    )
}
