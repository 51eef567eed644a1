//! Plots as SVG in the page. They scale with it and use the colours of its theme.

mod axis;
mod clip;
mod draw;
mod style;

pub use axis::Axis;
pub use draw::draw;

use maud::{Markup, PreEscaped, html};

use pvdamp_io::error::Result;

/// Curves over a pair of axes.
pub struct Plot {
    /// Label for screen readers.
    pub label: String,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
    /// Full size in CSS pixels.
    pub size: (u32, u32),
}

/// One series. Points are values, not coordinates. Values without a coordinate on an axis are skipped.
pub struct Curve {
    /// Determines colour and marker, the same in all plots and legends.
    pub series: usize,
    pub form: Form,
    pub points: Vec<(f64, f64)>,
}

pub enum Form {
    /// A line with a few markers. A single point is a marker.
    Line,
    /// A line without markers.
    LineOnly,
    /// A marker at each point.
    Markers,
    /// One large marker, with a rim.
    Best,
    /// A dashed line at the height of the first point, with a label.
    Level(String),
    /// A bar at each point, down to the bottom of the plot. Points are equally spaced.
    Bars,
    /// A thin line in the colour of text for expected values.
    Expected,
}

/// A plot as a figure with a caption.
pub fn figure(plot: &Plot, caption: &Markup) -> Result<Markup> {
    let svg = draw(plot)?;
    Ok(html! {
        figure.plotted { (PreEscaped(svg)) figcaption { (caption) } }
    })
}

/// Samples of the series with their names.
pub fn legend<'a>(entries: impl IntoIterator<Item = (usize, &'a str)>) -> Result<Markup> {
    let swatches: Vec<(String, &str)> = entries
        .into_iter()
        .map(|(series, name)| Ok((draw::swatch(series)?, name)))
        .collect::<Result<_>>()?;
    Ok(html! {
        ul.legend { @for (swatch, name) in &swatches { li { (PreEscaped(swatch)) span { (name) } } } }
    })
}
