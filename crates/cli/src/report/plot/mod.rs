//! Plots as SVG within the page. They scale with it and take their colours from its theme.

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
    /// What a reader who does not see it is told.
    pub label: String,
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
    /// Size in CSS pixels where there is room.
    pub size: (u32, u32),
}

/// One series. Points are values, not coordinates; what has no place on an axis is left out.
pub struct Curve {
    /// Which look it has; the same number looks the same on every plot and in the legend.
    pub series: usize,
    pub form: Form,
    pub points: Vec<(f64, f64)>,
}

pub enum Form {
    /// A line with a few markers on it; a single point is a marker.
    Line,
    /// A line alone.
    Bare,
    /// A marker at each point.
    Dots,
    /// One large marker, with a rim.
    Best,
    /// A dashed line at the height of the first point, with words on it.
    Level(String),
    /// A bar around each point, down to the foot of the plot; points are equally spaced.
    Bars,
    /// A thin line in the colour of text: what is expected.
    Expected,
}

/// A plot as a figure, with what `caption` says below it.
pub fn figure(plot: &Plot, caption: &Markup) -> Result<Markup> {
    let svg = draw(plot)?;
    Ok(html! {
        figure.plotted { (PreEscaped(svg)) figcaption { (caption) } }
    })
}

/// The looks of series and their names.
pub fn legend<'a>(entries: impl IntoIterator<Item = (usize, &'a str)>) -> Result<Markup> {
    let swatches: Vec<(String, &str)> = entries
        .into_iter()
        .map(|(series, name)| Ok((draw::swatch(series)?, name)))
        .collect::<Result<_>>()?;
    Ok(html! {
        ul.legend { @for (swatch, name) in &swatches { li { (PreEscaped(swatch)) span { (name) } } } }
    })
}
