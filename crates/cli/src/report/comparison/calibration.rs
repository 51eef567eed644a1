//! Calibration of error bars: coverage, true against predicted error, and maps of both.

use maud::{Markup, html};
use ndarray::{Array2, ArrayView2, Zip};

use super::tables::{slice_heading, slices};
use super::view::{Group, View, label_with_dagger, seed_title};
use crate::compare::{CalibrationRecord, CaseImages, ContenderRecord};
use crate::report::number::{NONE, Spread, decimals_for, fixed, significant};
use crate::report::page::collapsible;
use crate::report::picture::{Region, Tone, data_uri, object_region, percentile};
use crate::report::plot::{Axis, Curve, Form, Plot, figure, legend};
use crate::report::table::scrollable_table;
use pvdamp_io::error::Result;

/// Ratio of true to predicted error that is shown as white.
const MAX_RATIO: f32 = 3.0;
/// Share of the pixels that are not saturated.
const UNSATURATED_SHARE: f64 = 0.995;

pub fn section(view: &View, case_images: &[CaseImages]) -> Result<Option<Markup>> {
    if view.results.calibrations.is_empty() {
        return Ok(None);
    }
    let mut blocks = Vec::new();
    for group in &view.groups {
        if let Some(block) = block(view, group, case_images)? {
            blocks.push(collapsible(blocks.is_empty(), &group.title(), &block));
        }
    }
    Ok(Some(html! {
        p { "Error bars are the standard deviation σ that a method predicts for the real part of each pixel's error, "
            "and "
            "for the imaginary part. If they are right and errors are Gaussian, 68.3 % of the parts lie within σ and "
            "95 % within 1.96 σ. The error is that against the reference, on the object: what noise the unsampled part "
            "of the reference has is in it." }
        (coverage(view))
        @for block in &blocks { (block) }
    }))
}

type CoverageColumn = (&'static str, &'static str, fn(&CalibrationRecord) -> Option<f64>);
/// Columns of the table: the value for correct error bars, the name, and the figure.
const COLUMNS: [CoverageColumn; 3] = [
    ("68.3 %", "within σ", |r| Some(100.0 * r.within_68)),
    ("95 %", "within 1.96 σ", |r| Some(100.0 * r.within_95)),
    ("1", "predicted / true energy", |r| r.energy_ratio),
];

fn coverage(view: &View) -> Markup {
    let slices = slices(view);
    let several = slices.len() > 1;
    let caption = html! {
        "Share of the error within the error bars in percent, and energy that they predict over that of the error: "
        "mean, and least to greatest over the cases. Below each heading what it is if error bars are right. Less "
        "than that: "
        "error bars too small."
    };
    let table = html! {
        table {
            thead { tr {
                th scope="col" { "Method" }
                @for (nominal, name, _) in COLUMNS { th scope="col" { (name) small { (nominal) } } }
                th scope="col" { "Cases" }
            } }
            @for slice in &slices {
                @let is_in = |id: &str| slice.iter().any(|group| group.cases.iter().any(|case| case.id == id));
                (rows(view, &slice_heading(slice[0]), &is_in))
            }
            @if several { (rows(view, "All", &|_| true)) }
        }
    };
    scrollable_table(&caption, &table)
}

/// A row for each contender with error bars on any of the cases that belong under the heading.
fn rows(view: &View, heading: &str, is_in_group: &dyn Fn(&str) -> bool) -> Markup {
    let of = |contender: &ContenderRecord| -> Vec<&CalibrationRecord> {
        let own = view.results.calibrations.iter().filter(|r| r.contender == contender.id);
        own.filter(|r| is_in_group(&r.case)).collect()
    };
    let rows: Vec<_> = view.contenders.iter().map(|c| (c, of(c))).collect();
    let rows = rows.iter().filter(|(_, records)| !records.is_empty());
    html! {
        @if rows.clone().next().is_some() {
            tbody {
                tr { th.span scope="rowgroup" colspan=(COLUMNS.len() + 2) { span { (heading) } } }
                @for (contender, records) in rows {
                    tr {
                        th scope="row" { (label_with_dagger(contender)) }
                        @for (_, _, figure) in COLUMNS { (range(records.iter().filter_map(|r| figure(r)).collect())) }
                        td { (records.len()) }
                    }
                }
            }
        }
    }
}

/// A cell with the mean and, below it, the range.
fn range(values: Vec<f64>) -> Markup {
    let Some(Spread { mean, count, .. }) = Spread::of(values.iter().copied()) else {
        return html! { td.none { (NONE) } };
    };
    let decimals = decimals_for(mean, 3).min(3);
    let ends = [f64::min, f64::max].map(|least_or_greatest| values.iter().copied().reduce(least_or_greatest));
    let [least, greatest] = ends.map(|end| fixed(end.unwrap_or(mean), decimals));
    html! { td { (fixed(mean, decimals)) @if count > 1 { small { (least) " to " (greatest) } } } }
}

fn block(view: &View, group: &Group, case_images: &[CaseImages]) -> Result<Option<Markup>> {
    let case = group.cases[0];
    let of_case = view.results.calibrations.iter().filter(|r| r.case == case.id);
    let records: Vec<&CalibrationRecord> = of_case.collect();
    let Some(plot) = plot(view, &records) else {
        return Ok(None);
    };
    let names: Vec<(usize, String)> = records
        .iter()
        .map(|r| (view.series(&r.contender), view.label(&r.contender)))
        .collect();
    let images = case_images.iter().find(|images| images.case == case.id);
    let panels = images.map(|images| panels(view, images)).transpose()?.flatten();
    Ok(Some(html! {
        div.keep {
            p.quiet { (seed_title(case)) }
            (legend(names.iter().map(|(series, name)| (*series, name.as_str())))?)
            div.plots {
                (figure(&plot, &html! {
                    "Root mean square of the error in bins of equal count, by predicted σ. Line: equal. Above it error "
                    "bars are too small."
                })?)
            }
        }
        @if let Some(panels) = panels { (panels) }
    }))
}

/// Both axes have the same range, so that equal values lie on the diagonal.
fn plot(view: &View, records: &[&CalibrationRecord]) -> Option<Plot> {
    let bins = || records.iter().flat_map(|record| &record.bins);
    let both = || bins().flat_map(|bin| [bin.predicted, bin.measured]);
    let x = Axis::logarithmic("predicted σ / units", both())?;
    let ends = [x.low, x.high].map(|end| (10f64.powf(end), 10f64.powf(end)));
    let curves = |record: &&CalibrationRecord| {
        let series = view.series(&record.contender);
        let points: Vec<(f64, f64)> = record.bins.iter().map(|bin| (bin.predicted, bin.measured)).collect();
        [Form::LineOnly, Form::Markers].map(|form| Curve {
            series,
            form,
            points: points.clone(),
        })
    };
    let expected = Curve {
        series: 0,
        form: Form::Expected,
        points: ends.to_vec(),
    };
    Some(Plot {
        label: format!(
            "Error against predicted standard deviation of {} methods",
            records.len()
        ),
        y: Axis::logarithmic("root mean square error / units", both())?,
        x,
        curves: [expected].into_iter().chain(records.iter().flat_map(curves)).collect(),
        size: (440, 360),
    })
}

/// Predicted and true error of each contender side by side.
fn panels(view: &View, images: &CaseImages) -> Result<Option<Markup>> {
    let Some(reference) = &images.reference else {
        return Ok(None);
    };
    let region = object_region(reference);
    let image = |id: &String| {
        images
            .images
            .iter()
            .find(|(other, _)| other == id)
            .map(|(_, image)| image)
    };
    let pairs: Vec<(&String, Array2<f32>, Array2<f32>)> = images
        .deviations
        .iter()
        .filter_map(|(id, deviation)| {
            let image = image(id).filter(|image| image.dim() == reference.dim() && image.dim() == deviation.dim())?;
            let error = Zip::from(image).and(reference).map_collect(|x, x0| (x - x0).norm());
            Some((id, error, deviation * std::f32::consts::SQRT_2))
        })
        .collect();
    let white = pairs
        .iter()
        .map(|(_, error, _)| percentile(region.of(error.view()), UNSATURATED_SHARE))
        .fold(0.0, f32::max);
    let cards: Vec<Markup> = pairs
        .iter()
        .map(|(id, error, predicted)| card(view, id, [error, predicted], &region, white))
        .collect::<Result<_>>()?;
    if cards.is_empty() {
        return Ok(None);
    }
    Ok(Some(html! {
        p.quiet {
            "From the top: predicted √2 σ, the root mean square of |x − x₀|; |x − x₀|, both from 0 (black) to "
            (significant(f64::from(white))) " (white); and the second over the first, from 0 (black) to " (MAX_RATIO)
            " (white), which is 1 in root mean square if error bars are right. Air around the object is cut away."
        }
        div.cards { @for card in &cards { (card) } }
    }))
}

fn card(view: &View, id: &str, [error, predicted]: [&Array2<f32>; 2], region: &Region, white: f32) -> Result<Markup> {
    let label = view.label(id);
    let ratio = Zip::from(error).and(predicted).map_collect(|&e, &p| ratio(e, p));
    let picture = |values: ArrayView2<f32>, white: f32| data_uri(region.of(values), Tone::Linear(white));
    let predicted = picture(predicted.view(), white)?;
    let error = picture(error.view(), white)?;
    let ratio = picture(ratio.view(), MAX_RATIO)?;
    let (width, height) = (region.width(), region.height());
    Ok(html! {
        figure.card {
            figcaption { b { (label) } }
            img src=(predicted) width=(width) height=(height) alt={ "Predicted error, " (label) };
            img src=(error) width=(width) height=(height) alt={ "Error, " (label) };
            img src=(ratio) width=(width) height=(height) alt={ "Error over predicted error, " (label) };
        }
    })
}

/// Infinite if no error was predicted but there is one.
fn ratio(error: f32, predicted: f32) -> f32 {
    match (error, predicted) {
        (0.0, _) => 0.0,
        (_, 0.0) => f32::INFINITY,
        (error, predicted) => error / predicted,
    }
}

#[cfg(test)]
mod tests {
    use super::super::comparison_page;
    use super::super::tests::{assert_says, case_images, results};
    use super::*;
    use crate::compare::CalibrationBin;
    use crate::report::page_check::checked_text;

    #[test]
    fn an_error_where_none_was_predicted_is_beyond_all() {
        assert_eq!(
            (ratio(0.0, 0.0), ratio(1.0, 0.0), ratio(1.0, 2.0)),
            (0.0, f32::INFINITY, 0.5)
        );
    }

    #[test]
    fn a_cell_has_mean_and_range() {
        let text = |values: &[f64]| range(values.to_vec()).into_string();
        assert_eq!(text(&[44.4, 58.8]), "<td>51.6<small>44.4 to 58.8</small></td>");
        assert_eq!(text(&[0.5]), "<td>0.500</td>");
        assert_eq!(text(&[]), r#"<td class="none">–</td>"#);
    }

    fn record(case: &str, within: f64, scale: f64) -> CalibrationRecord {
        let bin = |i: i32| CalibrationBin {
            predicted: scale * 1.1f64.powi(i),
            measured: scale * 1.3f64.powi(i),
        };
        CalibrationRecord {
            case: case.into(),
            contender: "pvdamp".into(),
            pixels: 400,
            within_68: within,
            within_95: 0.8,
            energy_ratio: Some(0.5),
            bins: (0..12).map(bin).collect(),
        }
    }

    #[test]
    fn the_page_has_coverage_and_error_maps() {
        let mut results = results();
        let without = comparison_page(&results, &case_images()).unwrap();
        assert!(!without.contains("id=\"calibration\""));
        results.calibrations = vec![record("g0-s1", 0.444, 1e-6), record("g1-s1", 0.588, 1e-6)];
        let page = comparison_page(&results, &case_images()).unwrap();
        assert_says(&page, "51.6 44.4 to 58.8");
        assert_eq!(page.matches("Error over predicted error, P-VDAMP").count(), 1);
        assert_eq!(page.matches("Error against predicted standard deviation").count(), 2);
        assert_eq!(page, comparison_page(&results, &case_images()).unwrap());
    }

    #[test]
    fn missing_and_extreme_figures_are_handled() {
        for extreme in [0.0, f64::NAN, f64::INFINITY, -1.0, 1e300] {
            let mut results = results();
            results.calibrations = vec![record("g0-s1", extreme, extreme), record("nobody", extreme, 1.0)];
            results.calibrations[0].energy_ratio = None;
            checked_text(&comparison_page(&results, &case_images()).unwrap());
        }
    }
}
