use std::fmt::Display;

use maud::html;
use plotters::coord::Shift;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DrawingArea, EmptyElement, IntoDrawingArea, IntoFont, PathElement,
    Polygon, RGBColor, Rectangle, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{AXIS, GRID, INK, PAPER, UNITS_PER_PIXEL, filled, level, line, marker, series};
use super::{Axis, Curve, Form, Plot, clip};
use pvdamp_io::error::{Error, Result};

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;
type Point = (f64, f64);

/// Font size in CSS pixels at full size.
const FONT_SIZE: f64 = 11.5;
/// Margins around the plot in CSS pixels.
const TOP_MARGIN: f64 = 6.0;
const BOTTOM_MARGIN: f64 = 40.0;
/// Distance between lines of text in CSS pixels.
const LINE_HEIGHT: f64 = 12.5;
/// Longest label of a level.
const MAX_LABEL_LETTERS: usize = 20;
/// Number of markers along a line.
const MARKERS_PER_LINE: usize = 6;

/// The plot as an `svg` element.
///
/// # Errors
/// None are known: the drawing is written to memory.
pub fn draw(plot: &Plot) -> Result<String> {
    let mut svg = String::new();
    let scale = UNITS_PER_PIXEL as u32;
    {
        let root = SVGBackend::with_string(&mut svg, (plot.size.0 * scale, plot.size.1 * scale)).into_drawing_area();
        let mut chart = frame(&root, plot)?;
        for curve in &plot.curves {
            draw_curve(&mut chart, plot, curve)?;
        }
        label_levels(&mut chart, plot)?;
        root.present().map_err(drawing_error)?;
    }
    Ok(as_element(&svg, "plot", &plot.label))
}

/// A sample of a series for the legend: a piece of its line, and its marker.
pub fn swatch(index: usize) -> Result<String> {
    let mut svg = String::new();
    let (width, height) = (30 * UNITS_PER_PIXEL, 12 * UNITS_PER_PIXEL);
    {
        let root = SVGBackend::with_string(&mut svg, (width as u32, height as u32)).into_drawing_area();
        let points = vec![(0, height / 2), (width, height / 2)];
        let stroke = PathElement::new(points, line(series(index), 2.0));
        root.draw(&stroke).map_err(drawing_error)?;
        let mark = EmptyElement::at((width / 2, height / 2)) + Polygon::new(marker(index), filled(series(index)));
        root.draw(&mark).map_err(drawing_error)?;
        root.present().map_err(drawing_error)?;
    }
    Ok(as_element(&svg, "swatch", ""))
}

fn drawing_error(why: impl Display) -> Error {
    Error::internal(format!("a plot could not be drawn: {why}"))
}

/// The drawing as an element with a class of the theme, a label for screen readers, and no fixed size.
fn as_element(svg: &str, class: &str, label: &str) -> String {
    // plotters ends every tag with a line break, which in text would be a space
    let svg = svg.replace('\n', "").replace(" opacity=\"1\"", "");
    let (head, content) = svg.split_once('>').unwrap_or_default();
    let view = head.split_once("viewBox=\"").and_then(|(_, rest)| rest.split_once('"'));
    let content = content.strip_suffix("</svg>").unwrap_or(content);
    let label = (!label.is_empty()).then_some(label);
    html! {
        svg class=(class) viewBox=[view.map(|(view, _)| view)] xmlns="http://www.w3.org/2000/svg"
            role=[label.map(|_| "img")] aria-label=[label] aria-hidden=[label.is_none().then_some("true")] {
            (maud::PreEscaped(content))
        }
    }
    .into_string()
}

fn text_style(size: f64) -> TextStyle<'static> {
    // plotters writes size / 1.24 as the height of the font
    let size = size * 1.24 * f64::from(UNITS_PER_PIXEL);
    ("sans-serif", size).into_font().color(&INK)
}

/// Margin for the title of the y axis and its tick labels. Long labels are powers of ten.
fn left_margin(axis: &Axis) -> i32 {
    let longest = axis.ticks.iter().map(|(_, text)| text.chars().count()).max();
    54 + 10 * longest.unwrap_or(0).saturating_sub(5) as i32
}

fn frame<'a, 'b>(root: &'a DrawingArea<SVGBackend<'b>, Shift>, plot: &Plot) -> Result<Chart<'a, 'b>> {
    let has_levels = plot.curves.iter().any(|curve| matches!(curve.form, Form::Level(_)));
    let mut chart = ChartBuilder::on(root)
        .margin_top(TOP_MARGIN as i32 * UNITS_PER_PIXEL)
        .margin_right(if has_levels {
            120 * UNITS_PER_PIXEL
        } else {
            10 * UNITS_PER_PIXEL
        })
        .margin_left(2 * UNITS_PER_PIXEL)
        .x_label_area_size(BOTTOM_MARGIN as i32 * UNITS_PER_PIXEL)
        .y_label_area_size(left_margin(&plot.y) * UNITS_PER_PIXEL)
        .build_cartesian_2d(plot.x.clone(), plot.y.clone())
        .map_err(drawing_error)?;
    chart
        .configure_mesh()
        .bold_line_style(line(GRID, 1.0))
        .light_line_style(GRID.mix(0.0))
        .axis_style(line(AXIS, 1.0))
        .label_style(text_style(FONT_SIZE))
        .axis_desc_style(text_style(FONT_SIZE))
        .set_all_tick_mark_size(3 * UNITS_PER_PIXEL)
        .x_desc(plot.x.title.as_str())
        .y_desc(plot.y.title.as_str())
        .draw()
        .map_err(drawing_error)?;
    Ok(chart)
}

fn draw_curve(chart: &mut Chart, plot: &Plot, curve: &Curve) -> Result<()> {
    let coordinates = |&(x, y): &Point| plot.x.coordinate(x).zip(plot.y.coordinate(y));
    let points: Vec<Point> = curve.points.iter().filter_map(coordinates).collect();
    let colour = series(curve.series);
    match curve.form {
        Form::Line => {
            draw_line(chart, plot, &points, colour, 1.75)?;
            draw_markers(
                chart,
                plot,
                &marker_points(&points, &plot.x, curve.series),
                curve.series,
            )
        }
        Form::LineOnly => draw_line(chart, plot, &points, colour, 1.75),
        Form::Markers => draw_markers(chart, plot, &points, curve.series),
        Form::Best => draw_best(chart, plot, &points, curve.series),
        Form::Level(_) => {
            let across: Vec<Point> = points
                .first()
                .map_or(vec![], |p| vec![(plot.x.low, p.1), (plot.x.high, p.1)]);
            draw_line(chart, plot, &across, level(curve.series), 1.5)?;
            draw_markers(chart, plot, &across, curve.series)
        }
        Form::Bars => draw_bars(chart, plot, &points, colour),
        Form::Expected => draw_line(chart, plot, &points, INK, 1.25),
    }
}

fn draw_line(chart: &mut Chart, plot: &Plot, points: &[Point], colour: RGBColor, width: f64) -> Result<()> {
    let pieces = clip::pieces(points, &plot.x, &plot.y);
    let lines = pieces
        .into_iter()
        .map(|piece| PathElement::new(piece, line(colour, width)));
    chart.draw_series(lines).map_err(drawing_error)?;
    Ok(())
}

fn draw_markers(chart: &mut Chart, plot: &Plot, points: &[Point], index: usize) -> Result<()> {
    let within = points.iter().filter(|&&point| clip::is_within(point, &plot.x, &plot.y));
    let markers = within.map(|&at| EmptyElement::at(at) + Polygon::new(marker(index), filled(series(index))));
    chart.draw_series(markers).map_err(drawing_error)?;
    Ok(())
}

/// A larger marker with a rim that sets it off from the line.
fn draw_best(chart: &mut Chart, plot: &Plot, points: &[Point], index: usize) -> Result<()> {
    let grown = |tenths: i32| {
        let grow = |(x, y): (i32, i32)| (x * tenths / 10, y * tenths / 10);
        marker(index).into_iter().map(grow).collect::<Vec<_>>()
    };
    let layers = [(grown(24), PAPER), (grown(19), INK), (grown(13), series(index))];
    let within: Vec<Point> = points
        .iter()
        .copied()
        .filter(|&p| clip::is_within(p, &plot.x, &plot.y))
        .collect();
    for (corners, colour) in layers {
        let shape = |&at: &Point| EmptyElement::at(at) + Polygon::new(corners.clone(), filled(colour));
        chart.draw_series(within.iter().map(shape)).map_err(drawing_error)?;
    }
    Ok(())
}

/// A few points spread along the axis that get markers, and the last point. The positions differ between series, so
/// that markers do not hide each other.
fn marker_points(points: &[Point], axis: &Axis, series: usize) -> Vec<Point> {
    let Some(&last) = points.last() else {
        return Vec::new();
    };
    let mut chosen: Vec<usize> = (0..MARKERS_PER_LINE)
        .filter_map(|mark| {
            let share = (mark as f64 + (series % 8) as f64 / 8.0) / MARKERS_PER_LINE as f64;
            let wanted = axis.low + share * (axis.high - axis.low);
            let reach = (axis.high - axis.low) / (2 * MARKERS_PER_LINE) as f64;
            let distance = |i: &usize| (points[*i].0 - wanted).abs();
            let nearest = (0..points.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
            (distance(&nearest) < reach).then_some(nearest)
        })
        .collect();
    chosen.dedup();
    chosen.retain(|&i| i + 1 < points.len());
    chosen.into_iter().map(|i| points[i]).chain([last]).collect()
}

fn draw_bars(chart: &mut Chart, plot: &Plot, points: &[Point], colour: RGBColor) -> Result<()> {
    let [first, second, ..] = points else {
        return Ok(());
    };
    let half = (second.0 - first.0) / 2.0;
    let within = |&(x, y): &Point| {
        let (left, right) = ((x - half).max(plot.x.low), (x + half).min(plot.x.high));
        let (foot, top) = (plot.y.low.max(0.0), y.min(plot.y.high));
        (left < right && top > foot).then(|| Rectangle::new([(left, top), (right, foot)], colour.mix(0.45).filled()))
    };
    chart
        .draw_series(points.iter().filter_map(within))
        .map_err(drawing_error)?;
    Ok(())
}

/// Labels of levels, right of the plot. Labels of close lines are moved apart.
fn label_levels(chart: &mut Chart, plot: &Plot) -> Result<()> {
    let height = f64::from(plot.size.1) - TOP_MARGIN - BOTTOM_MARGIN;
    let mut labels: Vec<(f64, &str)> = plot
        .curves
        .iter()
        .filter_map(|curve| match &curve.form {
            Form::Level(words) => Some((plot.y.coordinate(curve.points.first()?.1)?, words.as_str())),
            _ => None,
        })
        .filter(|(at, _)| (plot.y.low..=plot.y.high).contains(at))
        .map(|(at, words)| ((plot.y.high - at) / (plot.y.high - plot.y.low) * height, words))
        .collect();
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let depths = spaced_depths(labels.iter().map(|label| label.0).collect(), height);
    let style = text_style(FONT_SIZE - 1.0).pos(Pos::new(HPos::Left, VPos::Center));
    for ((_, words), depth) in labels.into_iter().zip(depths) {
        let offset = (6 * UNITS_PER_PIXEL, (depth * f64::from(UNITS_PER_PIXEL)) as i32);
        let text = EmptyElement::at((plot.x.high, plot.y.high)) + Text::new(shortened(words), offset, style.clone());
        chart.draw_series([text]).map_err(drawing_error)?;
    }
    Ok(())
}

/// Moves sorted depths at least one line of text apart: down first, then up again from the bottom of the plot.
fn spaced_depths(mut depths: Vec<f64>, foot: f64) -> Vec<f64> {
    for i in 1..depths.len() {
        depths[i] = depths[i].max(depths[i - 1] + LINE_HEIGHT);
    }
    let mut lowest = foot;
    for depth in depths.iter_mut().rev() {
        *depth = depth.min(lowest);
        lowest = *depth - LINE_HEIGHT;
    }
    depths
}

/// Shortened to the longest label that fits.
fn shortened(words: &str) -> String {
    if words.chars().count() <= MAX_LABEL_LETTERS {
        return words.into();
    }
    let start: String = words.chars().take(MAX_LABEL_LETTERS - 1).collect();
    format!("{}…", start.trim_end_matches([' ', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(curves: Vec<Curve>) -> Plot {
        Plot {
            label: "A \"plot\" of <x>".into(),
            x: Axis::logarithmic("time / s", [0.1, 10.0]).unwrap(),
            y: Axis::linear("NMSE / dB", [-20.0, 0.0]).unwrap(),
            curves,
            size: (300, 200),
        }
    }

    fn curve(series: usize, form: Form) -> Curve {
        let extreme = [
            (f64::NAN, -3.0),
            (0.0, -4.0),
            (0.2, f64::NEG_INFINITY),
            (0.5, -5.0),
            (1.0, 1e30),
            (2.0, -10.0),
            (5.0, f64::NAN),
            (8.0, -12.0),
        ];
        Curve {
            series,
            form,
            points: extreme.to_vec(),
        }
    }

    fn all_curve_forms() -> Vec<Curve> {
        let forms = [
            Form::Line,
            Form::LineOnly,
            Form::Markers,
            Form::Best,
            Form::Level("a < b".into()),
            Form::Bars,
            Form::Expected,
        ];
        forms
            .into_iter()
            .enumerate()
            .map(|(i, form)| curve(i + 12, form))
            .collect()
    }

    #[test]
    fn extreme_values_stay_inside_the_drawing() {
        let svg = draw(&plot(all_curve_forms())).unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("viewBox"), Some("0 0 1200 800"));
        assert_eq!(root.attribute("aria-label"), Some("A \"plot\" of <x>"));
        let mut coordinates = 0;
        for node in document.descendants() {
            for pair in node.attribute("points").unwrap_or_default().split_whitespace() {
                let (x, y) = pair.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                assert!((-20.0..=1220.0).contains(&x) && (-20.0..=820.0).contains(&y), "{pair}");
                coordinates += 1;
            }
        }
        assert!(coordinates > 20);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(svg.contains("a &lt; b") && svg.contains("time / s"));
    }

    #[test]
    fn every_colour_is_one_the_theme_knows() {
        let theme = include_str!("../theme.css");
        let svg = draw(&plot(all_curve_forms())).unwrap() + &swatch(3).unwrap();
        let mut seen = 0;
        for attribute in ["fill=\"#", "stroke=\"#"] {
            for (at, _) in svg.match_indices(attribute) {
                let end = at + attribute.len() + 7;
                assert!(theme.contains(&svg[at..end]), "{}", &svg[at..end]);
                seen += 1;
            }
        }
        assert!(seen > 20);
    }

    #[test]
    fn labels_keep_their_distance_and_stay_on_the_plot() {
        assert_eq!(spaced_depths(vec![10.0, 12.0, 60.0], 100.0), [10.0, 22.5, 60.0]);
        assert_eq!(spaced_depths(vec![10.0, 95.0, 99.0], 100.0), [10.0, 87.5, 100.0]);
        assert_eq!(shortened("BART pics, ℓ1-wavelet, λ = 0.005"), "BART pics, ℓ1-wavel…");
        assert_eq!(shortened("P-VDAMP"), "P-VDAMP");
    }

    #[test]
    fn markers_are_few_and_end_with_the_last() {
        let axis = Axis::between("x", 0.0, 100.0);
        let points: Vec<Point> = (0..=100).map(|i| (f64::from(i), 0.0)).collect();
        let chosen = marker_points(&points, &axis, 3);
        assert!(chosen.len() <= MARKERS_PER_LINE + 1 && chosen.len() >= MARKERS_PER_LINE);
        assert_eq!(chosen.last(), points.last());
        assert_eq!(marker_points(&points[..1], &axis, 0), points[..1]);
        assert!(marker_points(&[], &axis, 0).is_empty());
    }
}
