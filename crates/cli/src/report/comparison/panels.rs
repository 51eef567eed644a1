//! Images, errors and details of every contender beside the reference.

use maud::{Markup, html};
use ndarray::{Array2, Zip};

use super::view::{View, nmse_object, sampling_title, seed_title, slice_title};
use crate::compare::CaseImages;
use crate::report::number::{decibels, significant};
use crate::report::page::fold;
use crate::report::picture::{Region, Tone, data_uri, magnitude, most_detail, object_region, percentile};
use pvdamp::array::Image;
use pvdamp_io::error::Result;

/// Share of the pixels of the reference that are not saturated.
const WINDOW: f64 = 0.995;
/// By how much errors may be made brighter.
const GAINS: [f32; 9] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0];

/// What all pictures of a case share.
struct Frame {
    /// The object.
    region: Region,
    /// Shown larger; within `region`.
    detail: Region,
    /// What is white.
    white: f32,
    gain: f32,
}

struct Panel {
    contender: String,
    magnitude: Array2<f32>,
    /// `|x − x0|`, where there is a reference.
    error: Option<Array2<f32>>,
}

pub fn section(view: &View, shown: &[CaseImages]) -> Result<Option<Markup>> {
    let mut blocks = Vec::new();
    for shown in shown {
        let title = view.case(&shown.case).map_or_else(
            || shown.case.clone(),
            |case| format!("{}: {}", slice_title(case), sampling_title(case)),
        );
        if let Some(block) = block(view, shown)? {
            blocks.push(fold(blocks.is_empty(), &title, &block));
        }
    }
    Ok((!blocks.is_empty()).then(|| html! { @for block in &blocks { (block) } }))
}

fn block(view: &View, shown: &CaseImages) -> Result<Option<Markup>> {
    let Some(leading) = shown.reference.as_ref().or_else(|| Some(&shown.images.first()?.1)) else {
        return Ok(None);
    };
    let (same, other): (Vec<_>, Vec<_>) = shown.images.iter().partition(|(_, image)| image.dim() == leading.dim());
    let panels: Vec<Panel> = same
        .iter()
        .map(|(contender, image)| Panel {
            contender: contender.clone(),
            magnitude: magnitude(image),
            error: shown.reference.as_ref().map(|reference| distance(image, reference)),
        })
        .collect();
    let frame = frame(leading, &panels);
    let seed = view.case(&shown.case).map(seed_title).unwrap_or_default();
    let cards: Vec<Markup> = panels
        .iter()
        .map(|panel| card(view, &shown.case, panel, &frame))
        .collect::<Result<_>>()?;
    Ok(Some(html! {
        p.quiet { (seed) " " (explanation(&frame, shown.reference.is_some())) }
        @for (contender, _) in &other {
            p.quiet { (view.label(contender)) " is not shown: its image has another size." }
        }
        div.cards {
            @if let Some(reference) = &shown.reference { (reference_card(&magnitude(reference), &frame)?) }
            @for card in &cards { (card) }
        }
    }))
}

fn explanation(frame: &Frame, has_reference: bool) -> String {
    let white = significant(f64::from(frame.white));
    if !has_reference {
        return format!(
            "No reference: magnitudes and details alone. White is {white}, the 99.5th percentile of the first image. \
             Air around the object is cut away."
        );
    }
    format!(
        "From the top: magnitude, from 0 (black) to the 99.5th percentile of the reference, {white} (white); the \
         framed square, where the reference has most detail; magnitude of the error, {} times as bright. The \
         same for all. NMSE is \
         of the object; air around it is cut away.",
        frame.gain
    )
}

fn distance(image: &Image<f32>, reference: &Image<f32>) -> Array2<f32> {
    Zip::from(image).and(reference).map_collect(|x, x0| (x - x0).norm())
}

fn frame(leading: &Image<f32>, panels: &[Panel]) -> Frame {
    let region = object_region(leading);
    let magnitude = magnitude(leading);
    let white = percentile(&magnitude, WINDOW);
    Frame {
        detail: most_detail(magnitude.view(), &region),
        gain: gain(panels, &region, white),
        region,
        white,
    }
}

/// The largest that leaves the error of the median contender within the window.
fn gain(panels: &[Panel], region: &Region, white: f32) -> f32 {
    let of = |panel: &Panel| Some(percentile(region.of(panel.error.as_ref()?.view()), WINDOW));
    let mut largest: Vec<f32> = panels.iter().filter_map(of).collect();
    largest.sort_by(f32::total_cmp);
    let Some(&median) = largest.get(largest.len() / 2) else {
        return 1.0;
    };
    let fits = |gain: &&f32| *gain * median <= white;
    GAINS.iter().rev().find(fits).copied().unwrap_or(1.0)
}

fn card(view: &View, case: &str, panel: &Panel, frame: &Frame) -> Result<Markup> {
    let label = view.label(&panel.contender);
    let nmse = view.run(case, &panel.contender).and_then(nmse_object);
    let dim = (frame.region.width(), frame.region.height());
    let whole = data_uri(frame.region.of(panel.magnitude.view()), Tone::Linear(frame.white))?;
    let detail = data_uri(frame.detail.of(panel.magnitude.view()), Tone::Linear(frame.white))?;
    let error = panel.error.as_ref().map(|error| frame.region.of(error.view()));
    let error = error
        .map(|error| data_uri(error, Tone::Linear(frame.white / frame.gain)))
        .transpose()?;
    Ok(html! {
        figure.card {
            figcaption { b { (label) } @if let Some(nmse) = nmse { "NMSE " (decibels(nmse)) " dB" } }
            img src=(whole) width=(dim.0) height=(dim.1) alt={ "Magnitude, " (label) };
            img src=(detail) width=(frame.detail.width()) height=(frame.detail.height()) alt={ "Detail, " (label) };
            @if let Some(error) = error { img src=(error) width=(dim.0) height=(dim.1) alt={ "Error, " (label) }; }
        }
    })
}

fn reference_card(magnitude: &Array2<f32>, frame: &Frame) -> Result<Markup> {
    let Frame { region, detail, .. } = frame;
    let whole = data_uri(region.of(magnitude.view()), Tone::Linear(frame.white))?;
    let closer = data_uri(detail.of(magnitude.view()), Tone::Linear(frame.white))?;
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of as f64;
    let (width, height) = (region.width(), region.height());
    let place = format!(
        "left:{:.3}%;top:{:.3}%;width:{:.3}%;height:{:.3}%",
        percent(detail.cols.start - region.cols.start, width),
        percent(detail.rows.start - region.rows.start, height),
        percent(detail.width(), width),
        percent(detail.height(), height),
    );
    Ok(html! {
        figure.card {
            figcaption { b { "Reference" } "fully sampled" }
            div.framed { img src=(whole) width=(width) height=(height) alt="Magnitude, reference"; i style=(place) {} }
            img src=(closer) width=(detail.width()) height=(detail.height()) alt="Detail, reference";
            div.blank style={ "aspect-ratio:" (width) "/" (height) } { "errors in this row × " (frame.gain) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(error: f32) -> Panel {
        Panel {
            contender: String::new(),
            magnitude: Array2::ones((4, 4)),
            error: Some(Array2::from_elem((4, 4), error)),
        }
    }

    #[test]
    fn the_gain_fits_the_median_contender() {
        let region = Region { rows: 0..4, cols: 0..4 };
        let panels = [panel(0.5), panel(0.09), panel(0.0)];
        assert_eq!(gain(&panels, &region, 1.0), 10.0);
        assert_eq!(gain(&[panel(7.0)], &region, 1.0), 1.0);
        assert_eq!(gain(&[], &region, 1.0), 1.0);
        assert_eq!(gain(&[panel(0.0)], &region, 1.0), 100.0);
    }
}
