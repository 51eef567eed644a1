//! The introduction of the page: the state of the batch, and its main figures.

use maud::{Markup, html};

use super::view::View;
use crate::batch::{State, Status};
use crate::report::number::{counted, distinct, duration, joined_with_and, short};

pub fn introduction(view: &View) -> Markup {
    let manifest = view.manifest;
    let machine = &manifest.machine;
    html! {
        p.lead { (outcome(view)) }
        (tiles(view))
        dl.facts {
            dt { "Program" } dd { "pvdamp " (manifest.version) }
            @if let Some(shard) = manifest.shard {
                dt { "Part" }
                dd { (shard.index) " of " (shard.count) ", this part alone" }
            }
            @let methods = distinct(view.slices.iter().map(|(_, line)| line.method.as_str()));
            @if !methods.is_empty() { dt { "Method" } dd { (joined_with_and(&methods)) } }
            @let accelerations = accelerations(view);
            @if !accelerations.is_empty() { dt { "Acceleration" } dd { "R\u{a0}=\u{a0}" (accelerations) } }
            dt { "Processor" }
            dd {
                @if machine.processor.is_empty() { "not recorded" } @else { (machine.processor) }
                ", " (counted(machine.cores, "core")) ", " (counted(machine.threads, "thread"))
            }
            dt { "Manifest written" } dd { (manifest.written_at) }
        }
        @if !view.notes.is_empty() {
            p { "What is missing or was left out:" }
            ul.notes { @for note in view.notes { li { (note) } } }
        }
    }
}

fn outcome(view: &View) -> String {
    let count = |status| view.of_status(status).len();
    let (done, failed, left) = (count(Status::Done), count(Status::Failed), count(Status::Left));
    let volumes = counted(view.volumes.len(), "volume");
    let rest = match (failed, left) {
        (0, 0) => String::new(),
        (failed, 0) => format!("; {failed} failed"),
        (0, left) => format!("; {left} left to do"),
        (failed, left) => format!("; {failed} failed, {left} left to do"),
    };
    let state = match view.manifest.state {
        State::Complete => "The batch is complete",
        State::Stopped => "The batch was stopped and can be resumed",
        State::Running => "When this was read the batch was still at work, or had been killed",
    };
    let volumes = if done == view.volumes.len() && done > 0 {
        format!("{volumes} done")
    } else {
        format!("{done} of {volumes} done")
    };
    format!("{state}: {volumes}{rest}.")
}

/// The main figures in large type.
fn tiles(view: &View) -> Markup {
    let count = |status| view.of_status(status).len();
    let planned: usize = view.volumes.iter().map(|v| v.record.slices).sum();
    let done = view.slices.len();
    let warned = view.slices.iter().filter(|(_, line)| !line.warnings.is_empty()).count();
    let seconds: f64 = view.slices.iter().map(|(_, line)| line.seconds).sum();
    let mean = (done > 0).then(|| format!("{} a slice", duration(seconds / done as f64)));
    html! {
        div.tiles {
            (tile("volumes done", &count(Status::Done).to_string(), &format!("of {}", view.volumes.len()), "", None))
            (tile("failed", &count(Status::Failed).to_string(), "volumes", "bad", Some("#failures")))
            (tile("left", &count(Status::Left).to_string(), "volumes", "", Some("#failures")))
            (tile("slices done", &done.to_string(), &format!("of {planned}"), "", Some("#sheet")))
            (tile("with warnings", &warned.to_string(), "slices", "odd", Some("#warnings")))
            (tile("spent on slices", &duration(seconds), &mean.unwrap_or_default(), "", Some("#distributions")))
        }
    }
}

/// `mark` is the class of a figure other than 0. A figure of 0 has no link.
fn tile(name: &str, figure: &str, of: &str, mark: &str, link: Option<&str>) -> Markup {
    let is_zero = figure == "0";
    let class = if is_zero { "" } else { mark };
    let inside = html! { span { (name) } b class=(class) { (figure) } small { (of) } };
    html! {
        @match link.filter(|_| !is_zero) {
            Some(link) => a.tile href=(link) { (inside) },
            None => div.tile { (inside) },
        }
    }
}

/// A single value or a range of R.
fn accelerations(view: &View) -> String {
    let factors = view.slices.iter().map(|(_, line)| line.acceleration);
    let (least, greatest) = factors.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), r| {
        (low.min(r), high.max(r))
    });
    match (least, greatest) {
        _ if !(least.is_finite() && greatest.is_finite()) => String::new(),
        _ if short(least) == short(greatest) => short(least),
        _ => format!("{} to {}", short(least), short(greatest)),
    }
}
