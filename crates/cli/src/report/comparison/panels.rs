//! Images, enlarged details and errors of every contender, beside the reference.

use maud::{Markup, html};
use ndarray::{Array2, Zip};

use super::view::{View, nmse_object, sampling_title, seed_title, slice_title};
use crate::compare::CaseImages;
use crate::report::number::{decibels, significant};
use crate::report::page::collapsible;
use crate::report::picture::{Region, Tone, data_uri, magnitude, most_detailed_square, object_region, percentile};
use pvdamp::array::Image;
use pvdamp_io::error::Result;

/// Share of the reference's pixels that are not saturated.
const UNSATURATED_SHARE: f64 = 0.995;
/// Factors by which errors may be brightened.
const GAINS: [f32; 9] = [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0];

/// Region, window and gain that all pictures of a case share.
struct DisplaySettings {
    /// The object.
    region: Region,
    /// Enlarged part of `region`.
    detail: Region,
    /// Value shown as white.
    white: f32,
    gain: f32,
}

struct Panel {
    contender: String,
    magnitude: Array2<f32>,
    /// `|x − x0|`, if there is a reference.
    error: Option<Array2<f32>>,
}

pub fn section(view: &View, case_images: &[CaseImages]) -> Result<Option<Markup>> {
    let mut blocks = Vec::new();
    for images in case_images {
        let title = view.case(&images.case).map_or_else(
            || images.case.clone(),
            |case| format!("{}: {}", slice_title(case), sampling_title(case)),
        );
        if let Some(block) = block(view, images)? {
            blocks.push(collapsible(blocks.is_empty(), &title, &block));
        }
    }
    Ok((!blocks.is_empty()).then(|| html! { @for block in &blocks { (block) } }))
}

fn block(view: &View, images: &CaseImages) -> Result<Option<Markup>> {
    let Some(guide_image) = images.reference.as_ref().or_else(|| Some(&images.images.first()?.1)) else {
        return Ok(None);
    };
    let (same, other): (Vec<_>, Vec<_>) = images
        .images
        .iter()
        .partition(|(_, image)| image.dim() == guide_image.dim());
    let panels: Vec<Panel> = same
        .iter()
        .map(|(contender, image)| Panel {
            contender: contender.clone(),
            magnitude: magnitude(image),
            error: images
                .reference
                .as_ref()
                .map(|reference| error_magnitude(image, reference)),
        })
        .collect();
    let display = display_settings(guide_image, &panels);
    let seed = view.case(&images.case).map(seed_title).unwrap_or_default();
    let cards: Vec<Markup> = panels
        .iter()
        .map(|panel| card(view, &images.case, panel, &display))
        .collect::<Result<_>>()?;
    Ok(Some(html! {
        p.quiet { (seed) " " (explanation(&display, images.reference.is_some())) }
        @for (contender, _) in &other {
            p.quiet { (view.label(contender)) " is not shown: its image has another size." }
        }
        div.cards {
            @if let Some(reference) = &images.reference { (reference_card(&magnitude(reference), &display)?) }
            @for card in &cards { (card) }
        }
    }))
}

fn explanation(display: &DisplaySettings, has_reference: bool) -> String {
    let white = significant(f64::from(display.white));
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
        display.gain
    )
}

fn error_magnitude(image: &Image<f32>, reference: &Image<f32>) -> Array2<f32> {
    Zip::from(image).and(reference).map_collect(|x, x0| (x - x0).norm())
}

fn display_settings(guide_image: &Image<f32>, panels: &[Panel]) -> DisplaySettings {
    let region = object_region(guide_image);
    let magnitude = magnitude(guide_image);
    let white = percentile(&magnitude, UNSATURATED_SHARE);
    DisplaySettings {
        detail: most_detailed_square(magnitude.view(), &region),
        gain: gain(panels, &region, white),
        region,
        white,
    }
}

/// The largest gain that keeps the error of the median contender within the window.
fn gain(panels: &[Panel], region: &Region, white: f32) -> f32 {
    let of = |panel: &Panel| Some(percentile(region.of(panel.error.as_ref()?.view()), UNSATURATED_SHARE));
    let mut largest: Vec<f32> = panels.iter().filter_map(of).collect();
    largest.sort_by(f32::total_cmp);
    let Some(&median) = largest.get(largest.len() / 2) else {
        return 1.0;
    };
    let fits = |gain: &&f32| *gain * median <= white;
    GAINS.iter().rev().find(fits).copied().unwrap_or(1.0)
}

fn card(view: &View, case: &str, panel: &Panel, display: &DisplaySettings) -> Result<Markup> {
    let label = view.label(&panel.contender);
    let nmse = view.run(case, &panel.contender).and_then(nmse_object);
    let dim = (display.region.width(), display.region.height());
    let whole = data_uri(display.region.of(panel.magnitude.view()), Tone::Linear(display.white))?;
    let detail = data_uri(display.detail.of(panel.magnitude.view()), Tone::Linear(display.white))?;
    let error = panel.error.as_ref().map(|error| display.region.of(error.view()));
    let error = error
        .map(|error| data_uri(error, Tone::Linear(display.white / display.gain)))
        .transpose()?;
    Ok(html! {
        figure.card {
            figcaption { b { (label) } @if let Some(nmse) = nmse { "NMSE " (decibels(nmse)) " dB" } }
            img src=(whole) width=(dim.0) height=(dim.1) alt={ "Magnitude, " (label) };
            img src=(detail) width=(display.detail.width()) height=(display.detail.height()) alt={ "Detail, " (label) };
            @if let Some(error) = error { img src=(error) width=(dim.0) height=(dim.1) alt={ "Error, " (label) }; }
        }
    })
}

fn reference_card(magnitude: &Array2<f32>, display: &DisplaySettings) -> Result<Markup> {
    let DisplaySettings { region, detail, .. } = display;
    let whole = data_uri(region.of(magnitude.view()), Tone::Linear(display.white))?;
    let detail_image = data_uri(detail.of(magnitude.view()), Tone::Linear(display.white))?;
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of as f64;
    let (width, height) = (region.width(), region.height());
    let outline_style = format!(
        "left:{:.3}%;top:{:.3}%;width:{:.3}%;height:{:.3}%",
        percent(detail.cols.start - region.cols.start, width),
        percent(detail.rows.start - region.rows.start, height),
        percent(detail.width(), width),
        percent(detail.height(), height),
    );
    Ok(html! {
        figure.card {
            figcaption { b { "Reference" } "fully sampled" }
            div.framed {
                img src=(whole) width=(width) height=(height) alt="Magnitude, reference";
                i style=(outline_style) {}
            }
            img src=(detail_image) width=(detail.width()) height=(detail.height()) alt="Detail, reference";
            div.blank style={ "aspect-ratio:" (width) "/" (height) } { "errors in this row × " (display.gain) }
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
