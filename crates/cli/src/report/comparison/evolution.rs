//! Check of the state evolution: predicted against measured variance, and the normalised residual.

use maud::{Markup, html};

use super::view::{View, case_title};
use crate::compare::{CaseImages, EvolutionRecord, EvolutionStep, ResidualImages, ResidualRecord};
use crate::report::number::{NONE, fixed, significant};
use crate::report::page::collapsible;
use crate::report::picture::{Tone, data_uri, percentile};
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use crate::report::table::scrollable_table;
use pvdamp_io::error::Result;

/// Histograms reach from minus to plus this many standard deviations.
const HISTOGRAM_RANGE: f64 = 5.0;
/// The four orientations of subbands, in the order of their series.
const ORIENTATIONS: [(char, &str); 4] = [
    ('H', "H, horizontal edges"),
    ('V', "V, vertical edges"),
    ('D', "D, diagonal"),
    ('A', "A, approximation"),
];

pub fn section(view: &View, case_images: &[CaseImages]) -> Result<Option<Markup>> {
    let records = &view.results.evolutions;
    if records.is_empty() {
        return Ok(None);
    }
    let mut blocks = Vec::new();
    for record in in_order(view, records) {
        let pictures = case_images
            .iter()
            .filter(|s| s.case == record.case)
            .flat_map(|s| &s.residuals);
        let pictures: Vec<&ResidualImages> = pictures.filter(|p| p.contender == record.contender).collect();
        let case = view.case(&record.case).map_or_else(|| record.case.clone(), case_title);
        let title = format!("{}, {case}", view.label(&record.contender));
        blocks.push(collapsible(
            blocks.is_empty(),
            &title,
            &record_markup(record, &pictures)?,
        ));
    }
    Ok(Some(html! {
        p { "A method with a state evolution predicts the variance τ of the error of its unbiased estimate r in every "
            "wavelet coefficient. If the prediction holds, markers lie on the lines, ratios are near 1, and the error "
            "divided by its predicted standard deviation is a standard Gaussian: mean 0, variance 1, kurtosis 3, "
            "points on the diagonal." }
        (legend(ORIENTATIONS.iter().enumerate().map(|(i, (_, name))| (i, *name)))?)
        p.quiet { "Lines: predicted. Markers: measured. Scale 1 is the finest." }
        @for block in &blocks { (block) }
    }))
}

/// The first record of each group before the others.
fn in_order<'a>(view: &View, records: &'a [EvolutionRecord]) -> Vec<&'a EvolutionRecord> {
    let group = |record: &EvolutionRecord| view.case(&record.case).map(|case| case.group.as_str());
    let (mut first, mut others): (Vec<&EvolutionRecord>, Vec<_>) = (Vec::new(), Vec::new());
    for record in records {
        let same = |seen: &&EvolutionRecord| group(seen) == group(record) && seen.contender == record.contender;
        if first.iter().any(same) {
            others.push(record);
        } else {
            first.push(record);
        }
    }
    first.append(&mut others);
    first
}

fn record_markup(record: &EvolutionRecord, pictures: &[&ResidualImages]) -> Result<Markup> {
    let plots: Vec<Markup> = scales(record)
        .into_iter()
        .filter_map(|scale| Some((variance_plot(record, &scale)?, scale.name)))
        .map(|(plot, name)| figure(&plot, &html! { (name) }))
        .collect::<Result<_>>()?;
    let residuals: Vec<Markup> = iterations(record, pictures)
        .into_iter()
        .map(|iteration| residual(record, pictures, iteration))
        .collect::<Result<_>>()?;
    Ok(html! {
        @if plots.is_empty() { p.quiet { "No iteration is on record." } }
        div.plots.small { @for plot in &plots { (plot) } }
        (ratio_table(record))
        @for residual in &residuals { (residual) }
    })
}

/// Subbands of one scale. The approximation is separate.
struct Scale {
    name: String,
    /// Index in the record, and index in [`ORIENTATIONS`].
    bands: Vec<(usize, usize)>,
}

fn scales(record: &EvolutionRecord) -> Vec<Scale> {
    let mut scales: Vec<Scale> = Vec::new();
    for (index, band) in record.bands.iter().enumerate() {
        let Some(kind) = ORIENTATIONS.iter().position(|(letter, _)| band.starts_with(*letter)) else {
            continue;
        };
        let number = &band[1..];
        let name = match kind {
            3 => format!("Approximation, scale {number}"),
            _ => format!("Scale {number}"),
        };
        match scales.iter_mut().find(|scale| scale.name == name) {
            Some(scale) => scale.bands.push((index, kind)),
            None => scales.push(Scale {
                name,
                bands: vec![(index, kind)],
            }),
        }
    }
    scales
}

fn band_curve(record: &EvolutionRecord, values: fn(&EvolutionStep) -> &Vec<f64>, band: usize) -> Vec<(f64, f64)> {
    let steps = record.steps.iter().enumerate();
    steps
        .filter_map(|(i, step)| Some(((i + 1) as f64, *values(step).get(band)?)))
        .collect()
}

fn variance_plot(record: &EvolutionRecord, scale: &Scale) -> Option<Plot> {
    let bands = scale.bands.iter();
    let curves: Vec<Curve> = bands
        .flat_map(|&(band, series)| {
            let curve = |form, values| Curve {
                series,
                form,
                points: band_curve(record, values, band),
            };
            [
                curve(Form::LineOnly, |step| &step.predicted),
                curve(Form::Markers, |step| &step.measured),
            ]
        })
        .collect();
    let points = || curves.iter().flat_map(|curve| curve.points.iter());
    Some(Plot {
        label: format!("Predicted and measured variance against iteration, {}", scale.name),
        x: Axis::linear("iteration", points().map(|p| p.0))?,
        y: Axis::logarithmic("variance / units²", points().map(|p| p.1))?,
        curves,
        size: (340, 240),
    })
}

/// The first iteration, the last, and a few between.
fn selected_iterations(count: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = [1, 2, 3, 5, 10, 20, 50].into_iter().filter(|&i| i < count).collect();
    if count > 0 {
        chosen.push(count);
    }
    chosen
}

fn ratio_table(record: &EvolutionRecord) -> Markup {
    let columns = selected_iterations(record.steps.len());
    let ratio = |iteration: usize, band: usize| {
        let step = &record.steps[iteration - 1];
        let ratio = step.predicted.get(band)? / step.measured.get(band)?;
        ratio.is_finite().then_some(ratio)
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Subband" }
                @for iteration in &columns { th scope="col" { small { "iteration" } (iteration) } }
            } }
            tbody {
                @for (band, name) in record.bands.iter().enumerate() {
                    tr {
                        th scope="row" { (name) }
                        @for &iteration in &columns {
                            td { (ratio(iteration, band).map_or_else(|| NONE.into(), |r| fixed(r, 2))) }
                        }
                    }
                }
            }
        }
    };
    let caption = html! { "Predicted variance divided by the measured." };
    html! { @if !columns.is_empty() { (scrollable_table(&caption, &table)) } }
}

/// Iterations with statistics or images of the residual.
fn iterations(record: &EvolutionRecord, pictures: &[&ResidualImages]) -> Vec<usize> {
    let figures = record.residuals.iter().map(|r| r.iteration);
    let mut iterations: Vec<usize> = figures.chain(pictures.iter().map(|p| p.iteration)).collect();
    iterations.sort_unstable();
    iterations.dedup();
    iterations
}

fn residual(record: &EvolutionRecord, pictures: &[&ResidualImages], iteration: usize) -> Result<Markup> {
    let figures = record.residuals.iter().find(|r| r.iteration == iteration);
    let picture = pictures.iter().find(|p| p.iteration == iteration);
    let plots = figures
        .map(|figures| [histogram(figures), quantiles(figures)])
        .into_iter()
        .flatten();
    let plots: Vec<Markup> = plots
        .flatten()
        .map(|(plot, caption)| figure(&plot, &html! { (caption) }))
        .collect::<Result<_>>()?;
    Ok(html! {
        div.keep {
            h4 { "Iteration " (iteration) }
            @if let Some(figures) = figures { p.quiet { (moments(figures)) } }
            div.residual {
                @if let Some(picture) = picture { (residual_images(picture)?) }
                @for plot in &plots { (plot) }
            }
        }
    })
}

fn moments(residual: &ResidualRecord) -> String {
    format!(
        "Normalised residual of {} values: mean {}, variance {}, kurtosis {}.",
        residual.count,
        fixed(residual.mean, 3),
        fixed(residual.variance, 3),
        fixed(residual.kurtosis, 2)
    )
}

/// `|Ψ(r − x0)|` and `√τ` with the same window. White is exceeded by one coefficient in a thousand. Black is a third of
/// the lowest √τ, but at most 60 dB below white.
fn residual_images(images: &ResidualImages) -> Result<Markup> {
    let white = percentile(&images.error, 0.999).max(percentile(&images.predicted, 0.999));
    let black = (0.3 * percentile(&images.predicted, 0.01)).max(white * 1e-3);
    let tone = Tone::Logarithmic(black, white);
    let picture = |values: &ndarray::Array2<f32>, name: &str, caption: Markup| -> Result<Markup> {
        let (rows, cols) = values.dim();
        let source = data_uri(values.view(), tone)?;
        Ok(html! {
            figure.pair { img src=(source) width=(cols) height=(rows) alt=(name); figcaption { (caption) } }
        })
    };
    let window = format!(
        "logarithmic, {} (black) to {} (white)",
        significant(f64::from(black)),
        significant(f64::from(white))
    );
    let error = picture(
        &images.error,
        "Measured error in the wavelet domain",
        html! { "|Ψ(r − x₀)|, " (window) },
    )?;
    let predicted = picture(
        &images.predicted,
        "Predicted standard deviation",
        html! { "√τ, the same window" },
    )?;
    Ok(html! { (error) (predicted) })
}

const SIZE: (u32, u32) = (260, 220);

fn histogram(residual: &ResidualRecord) -> Option<(Plot, &'static str)> {
    let width = 2.0 * HISTOGRAM_RANGE / residual.histogram.len().max(1) as f64;
    let middle = |i: usize| -HISTOGRAM_RANGE + (i as f64 + 0.5) * width;
    let bars: Vec<(f64, f64)> = residual
        .histogram
        .iter()
        .enumerate()
        .map(|(i, &d)| (middle(i), d))
        .collect();
    if bars.is_empty() {
        return None;
    }
    let gaussian = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let expected = (0..=100)
        .map(|i| HISTOGRAM_RANGE * (f64::from(i) / 50.0 - 1.0))
        .map(|x| (x, gaussian(x)))
        .collect();
    let highest = bars
        .iter()
        .map(|bar| bar.1)
        .filter(|d| d.is_finite())
        .fold(gaussian(0.0), f64::max);
    let plot = Plot {
        label: format!("Histogram of the normalised residual, iteration {}", residual.iteration),
        x: Axis::between("normalised residual", -HISTOGRAM_RANGE, HISTOGRAM_RANGE),
        y: Axis::between("density", 0.0, 1.08 * highest.min(1e6)),
        curves: vec![curve(Form::Bars, bars), curve(Form::Expected, expected)],
        size: SIZE,
    };
    Some((plot, "Bars: measured. Line: standard Gaussian."))
}

/// A curve in the first colour, as the plot has no other series.
fn curve(form: Form, points: Vec<(f64, f64)>) -> Curve {
    Curve {
        series: 0,
        form,
        points,
    }
}

fn quantiles(residual: &ResidualRecord) -> Option<(Plot, &'static str)> {
    let y = Axis::linear("measured quantile", residual.quantiles.iter().map(|q| q.1))?;
    let x = Axis::linear(
        "quantile of the standard Gaussian",
        residual.quantiles.iter().map(|q| q.0),
    )?;
    let ends = (x.low.min(y.low), x.high.max(y.high));
    let plot = Plot {
        label: format!("Quantiles of the normalised residual, iteration {}", residual.iteration),
        x,
        y,
        curves: vec![
            curve(Form::Expected, vec![(ends.0, ends.0), (ends.1, ends.1)]),
            curve(Form::Markers, thinned(&residual.quantiles)),
        ],
        size: SIZE,
    };
    Some((plot, "Line: equal quantiles."))
}

/// At most 31 points, including both ends, so that markers do not merge.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let wanted = points.len().min(31);
    let at = |i: usize| points[i * (points.len() - 1) / (wanted - 1).max(1)];
    (0..wanted).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subbands_are_grouped_by_scale() {
        let record = EvolutionRecord {
            case: String::new(),
            contender: String::new(),
            bands: ["H1", "V1", "D1", "H2", "V2", "D2", "A2", "?"]
                .map(String::from)
                .to_vec(),
            steps: Vec::new(),
            residuals: Vec::new(),
        };
        let scales = scales(&record);
        let names: Vec<&str> = scales.iter().map(|scale| scale.name.as_str()).collect();
        assert_eq!(names, ["Scale 1", "Scale 2", "Approximation, scale 2"]);
        assert_eq!(scales[1].bands, [(3, 0), (4, 1), (5, 2)]);
        assert_eq!(scales[2].bands, [(6, 3)]);
        assert!(variance_plot(&record, &scales[0]).is_none());
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let points: Vec<(f64, f64)> = (0..100).map(|i| (f64::from(i), 0.0)).collect();
        let few = thinned(&points);
        assert_eq!((few.len(), few[0], few[30]), (31, points[0], points[99]));
        assert_eq!(thinned(&points[..1]), points[..1]);
        assert!(thinned(&[]).is_empty());
    }

    #[test]
    fn few_iterations_are_shown_the_last_among_them() {
        assert_eq!(selected_iterations(0), [0; 0]);
        assert_eq!(selected_iterations(1), [1]);
        assert_eq!(selected_iterations(10), [1, 2, 3, 5, 10]);
        assert_eq!(selected_iterations(24), [1, 2, 3, 5, 10, 20, 24]);
    }
}
