//! Distributions of metrics and times over the slices, by acquisition.

use maud::{Markup, html};

use super::view::{Figure, View, kind_title, nmse, predicted, psnr, psnr_of, seconds, ssim, unexplained};
use crate::batch::FastMriMetrics;
use crate::report::number::{Spread, as_precise, counted, decibels, fixed, significant};
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use crate::report::table::{Rank, cell, scrollable_table};
use pvdamp_io::error::Result;

/// Number of acquisitions that are drawn. The table has all of them.
const MAX_KINDS: usize = 8;
const SIZE: (u32, u32) = (330, 210);

/// A quantity of slices and how it is drawn.
struct Measure {
    name: &'static str,
    axis: &'static str,
    figure: Figure,
    logarithmic: bool,
    text: fn(f64) -> String,
}

const MEASURES: &[Measure] = &[
    Measure {
        name: "NMSE",
        axis: "NMSE of a slice",
        figure: nmse,
        logarithmic: true,
        text: significant,
    },
    Measure {
        name: "PSNR",
        axis: "PSNR of a slice / dB",
        figure: psnr,
        logarithmic: false,
        text: decibels,
    },
    Measure {
        name: "SSIM",
        axis: "SSIM of a slice",
        figure: ssim,
        logarithmic: false,
        text: |value| fixed(value, 4),
    },
    Measure {
        name: "Predicted NMSE",
        axis: "predicted NMSE of a slice",
        figure: predicted,
        logarithmic: true,
        text: significant,
    },
    Measure {
        name: "Unexplained by coil maps",
        axis: "share of the central k-space that coil maps leave unexplained",
        figure: unexplained,
        logarithmic: true,
        text: significant,
    },
    Measure {
        name: "Time",
        axis: "time of a slice / s",
        figure: seconds,
        logarithmic: true,
        text: significant,
    },
];

/// The volumes of one acquisition.
struct Kind<'a> {
    title: &'a str,
    volumes: Vec<usize>,
}

pub fn section(view: &View) -> Result<Option<Markup>> {
    let kinds = view.acquisitions().into_iter().map(|(kind, volumes)| Kind {
        title: kind_title(kind),
        volumes,
    });
    let kinds: Vec<Kind> = kinds.collect();
    let drawn = &kinds[..kinds.len().min(MAX_KINDS)];
    let mut figures = Vec::new();
    for measure in MEASURES {
        let values: Vec<Vec<f64>> = drawn.iter().map(|k| view.figures(&k.volumes, measure.figure)).collect();
        if let Some(plot) = histogram(measure, &values) {
            figures.push(figure(&plot, &html! { (summary(measure, values.concat())) })?);
        }
    }
    if figures.is_empty() {
        return Ok(None);
    }
    let names = drawn.iter().enumerate().map(|(i, kind)| (i, kind.title));
    Ok(Some(html! {
        (table(view, &kinds))
        @if drawn.len() > 1 {
            (legend(names)?)
            p.quiet {
                "Shares of the slices of each acquisition."
                @if kinds.len() > MAX_KINDS { " The " (MAX_KINDS) " most frequent are drawn." }
            }
        }
        div.plots.small { @for figure in &figures { (figure) } }
    }))
}

fn table(view: &View, kinds: &[Kind]) -> Markup {
    let all: Vec<usize> = kinds.iter().flat_map(|kind| kind.volumes.iter().copied()).collect();
    let caption = html! {
        "NMSE, PSNR and SSIM of whole volumes against their references, as fastMRI has them, mean ± standard deviation "
        "over the volumes that have a reference; the other figures are means ± standard deviation over slices."
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Acquisition" }
                th scope="col" { "Volumes" }
                th scope="col" { "Slices" }
                th scope="col" { "NMSE" small { "volumes" } }
                th scope="col" { "PSNR\u{a0}/\u{a0}dB" small { "volumes" } }
                th scope="col" { "SSIM" small { "volumes" } }
                th scope="col" { "Predicted NMSE" small { "slices" } }
                th scope="col" { "Time\u{a0}/\u{a0}s" small { "slices" } }
            } }
            tbody {
                @for kind in kinds { (row(view, kind.title, &kind.volumes)) }
                @if kinds.len() > 1 { (row(view, "All", &all)) }
            }
        }
    };
    scrollable_table(&caption, &table)
}

fn row(view: &View, title: &str, volumes: &[usize]) -> Markup {
    let slices: usize = volumes.iter().map(|&volume| view.volumes[volume].lines.len()).sum();
    let spread_of_volumes = |figure: fn(&FastMriMetrics) -> Option<f64>| {
        let figures = volumes
            .iter()
            .filter_map(|&volume| figure(view.volumes[volume].record.metrics.as_ref()?));
        Spread::of(figures)
    };
    let spread_of_slices = |figure| Spread::of(view.figures(volumes, figure));
    let mean = |spread, of, text: fn(f64, f64) -> String| cell(spread, of, Rank::default(), text);
    let predictions = spread_of_slices(predicted);
    let predicted_of = if predictions.is_some() { slices } else { 0 };
    html! {
        tr {
            th scope="row" { (title) }
            td { (volumes.len()) }
            td { (slices) }
            (mean(spread_of_volumes(|m| m.nmse), volumes.len(), as_precise))
            (mean(spread_of_volumes(psnr_of), volumes.len(), |value, _| decibels(value)))
            (mean(spread_of_volumes(|m| m.ssim), volumes.len(), |value, _| fixed(value, 4)))
            (mean(predictions, predicted_of, as_precise))
            (mean(spread_of_slices(seconds), slices, as_precise))
        }
    }
}

/// The median, and the 5th and 95th percentiles.
fn summary(measure: &Measure, mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| (measure.text)(values[((values.len() - 1) as f64 * share).round() as usize]);
    match values.len() {
        0 => String::new(),
        1 => format!("{}: {} of one slice.", measure.name, at(0.0)),
        count => format!(
            "{} of {}: median {}, 5 % below {}, 95 % below {}.",
            measure.name,
            counted(count, "slice"),
            at(0.5),
            at(0.05),
            at(0.95)
        ),
    }
}

/// Counts as bars for a single acquisition, shares as outlines for several. `None` without values on the axis.
fn histogram(measure: &Measure, values: &[Vec<f64>]) -> Option<Plot> {
    let logarithmic = measure.logarithmic && is_wide(values.iter().flatten().copied());
    let to_axis = |value: f64| if logarithmic { value.log10() } else { value };
    let from_axis = |at: f64| if logarithmic { 10f64.powf(at) } else { at };
    let positions: Vec<Vec<f64>> = values
        .iter()
        .map(|kind| kind.iter().map(|&v| to_axis(v)).filter(|at| at.is_finite()).collect())
        .collect();
    let all = || positions.iter().flatten().copied();
    let count = all().count();
    let edges = edges(all(), count)?;
    let bins = edges.len() - 1;
    let (low, high) = (edges[0], edges[bins]);
    let several = values.len() > 1;
    let mut curves = Vec::new();
    let mut top = 0.0f64;
    for (series, kind) in positions.iter().enumerate().filter(|(_, kind)| !kind.is_empty()) {
        let mut counts = vec![0usize; bins];
        for at in kind {
            counts[(((at - low) / (high - low) * bins as f64) as usize).min(bins - 1)] += 1;
        }
        let scale = if several { 100.0 / kind.len() as f64 } else { 1.0 };
        let heights: Vec<f64> = counts.iter().map(|&count| count as f64 * scale).collect();
        top = heights.iter().copied().fold(top, f64::max);
        let (form, points) = if several {
            (Form::LineOnly, outline(&edges, &heights))
        } else {
            let middle = |pair: &[f64]| (pair[0] + pair[1]) / 2.0;
            (Form::Bars, edges.windows(2).map(middle).zip(heights).collect())
        };
        curves.push(Curve {
            series,
            form,
            points: points.into_iter().map(|(at, height)| (from_axis(at), height)).collect(),
        });
    }
    let ends = [from_axis(low), from_axis(high)];
    let x = if logarithmic {
        Axis::logarithmic(measure.axis, ends)?
    } else {
        Axis::linear(measure.axis, ends)?
    };
    // at least 4, so that no tick of a count is fractional
    let y = Axis::between(
        if several { "slices / %" } else { "slices" },
        0.0,
        (1.08 * top).max(4.0),
    );
    Some(Plot {
        label: format!("Histogram of {} of {}", measure.name, counted(count, "slice")),
        x,
        y,
        curves,
        size: SIZE,
    })
}

/// Whether the range of the values calls for a logarithmic axis.
fn is_wide(values: impl Iterator<Item = f64>) -> bool {
    let positive = values.filter(|&v| v > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0f64), |(l, h), v| (l.min(v), h.max(v)));
    high > 3.0 * low
}

/// Edges of 6 to 40 bins of equal width over all values.
fn edges(values: impl Iterator<Item = f64>, count: usize) -> Option<Vec<f64>> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if count == 0 || !(high - low).is_finite() {
        return None;
    }
    let margin = if high - low > 1e-9 * high.abs() {
        0.0
    } else {
        (0.05 * high.abs()).max(0.05)
    };
    let (low, high) = (low - margin, high + margin);
    let bins = (2.0 * (count as f64).sqrt()).clamp(6.0, 40.0) as usize;
    Some(
        (0..=bins)
            .map(|i| low + (high - low) * i as f64 / bins as f64)
            .collect(),
    )
}

/// The outline of a histogram from the first to the last bin that is not empty.
fn outline(edges: &[f64], heights: &[f64]) -> Vec<(f64, f64)> {
    let is_filled = |height: &f64| *height > 0.0;
    let first = heights.iter().position(is_filled).unwrap_or(0);
    let last = heights.iter().rposition(is_filled).unwrap_or(0);
    let tops = (first..=last).flat_map(|bin| [(edges[bin], heights[bin]), (edges[bin + 1], heights[bin])]);
    let (start, end) = ((edges[first], 0.0), (edges[last + 1], 0.0));
    [start].into_iter().chain(tops).chain([end]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bin() {
        for measure in MEASURES {
            let values: Vec<f64> = (1..=500).map(|i| f64::from(i) * 0.001).collect();
            let plot = histogram(measure, std::slice::from_ref(&values)).unwrap();
            let sum: f64 = plot.curves[0].points.iter().map(|point| point.1).sum();
            assert_eq!(sum, 500.0, "{}", measure.name);
            let plot = histogram(measure, &[values.clone(), vec![0.2]]).unwrap();
            let highest = plot.curves[1].points.iter().map(|point| point.1).fold(0.0, f64::max);
            assert_eq!(highest, 100.0);
        }
    }

    #[test]
    fn few_equal_or_extreme_values_are_drawn_too() {
        for measure in MEASURES {
            assert!(histogram(measure, &[vec![0.25]]).is_some());
            assert!(histogram(measure, &[vec![0.25; 9]]).is_some());
            assert!(histogram(measure, &[vec![]]).is_none());
            assert!(histogram(measure, &[]).is_none());
        }
        // 0 has no coordinate on a logarithmic axis, and is drawn if the others do not need one
        let drawn = |values: &[f64]| -> f64 {
            let plot = histogram(&MEASURES[0], &[values.to_vec()]).unwrap();
            plot.curves[0].points.iter().map(|point| point.1).sum()
        };
        assert_eq!((drawn(&[0.0, 1.0, 10.0]), drawn(&[0.0, 1.0, 2.0])), (2.0, 3.0));
    }
}
