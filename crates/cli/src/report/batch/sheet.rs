//! The contact sheet of all slices, and the dialog that shows one of them. The script fills both.

use maud::{Markup, html};

use super::pictures::{BatchPictures, MAX_SIDE};
use super::view::{View, kind_title, nmse, predicted, psnr, ssim};
use super::warnings::{WarningGroup, WarningGroups};

/// Longest text of a warning in the selection list.
const MAX_WARNING_LETTERS: usize = 60;

pub fn section(view: &View, groups: &WarningGroups, pictures: &BatchPictures) -> Option<Markup> {
    if view.volumes.is_empty() {
        return None;
    }
    Some(html! {
        noscript { p { "The pictures are shown by a script, which this browser does not run." } }
        p.quiet {
            "Black is 0 and white the value that 99.5 % of the pixels of the volume do not exceed: slices of a "
            "volume compare. "
            "Pictures are at most " (pictures.side()) " pixels wide and high, cut to the object"
            @if pictures.side() < MAX_SIDE { "; those of the slices named above at most " (MAX_SIDE) }
            ". A click opens a slice; ← and → then go to its neighbours, Esc closes it."
        }
        div.bar {
            (filters(view, groups))
            (window_controls())
            div.pager {
                output #count {}
                button #before type="button" { "← back" }
                output #place {}
                button #after type="button" { "on →" }
            }
        }
        div #grid {}
        (slice_dialog())
    })
}

fn filters(view: &View, groups: &WarningGroups) -> Markup {
    let any = |figure: super::view::Figure| view.slices.iter().any(|(_, line)| figure(line).is_some());
    let mut orders = vec![("volume", "volume and slice")];
    let candidates: [(&str, &str, super::view::Figure); 4] = [
        ("predicted", "predicted error, highest first", predicted),
        ("nmse", "NMSE, highest first", nmse),
        ("psnr", "PSNR, lowest first", psnr),
        ("ssim", "SSIM, lowest first", ssim),
    ];
    orders.extend(candidates.iter().filter(|c| any(c.2)).map(|c| (c.0, c.1)));
    orders.push(("seconds", "time, longest first"));
    let kinds = view.acquisitions();
    html! {
        label { "Volume" input #name type="search" placeholder="part of its name" size="16" autocomplete="off"; }
        label { "Show" select #show {
            option value="all" { "everything" }
            option value="warned" { "with warnings" }
            option value="missing" { "failed, left or without picture" }
        } }
        @if kinds.len() > 1 {
            label { "Acquisition" select #kind {
                option value="" { "any" }
                @for (kind, _) in &kinds {
                    option value=(kind.map_or("none".into(), |kind| format!("={kind}"))) { (kind_title(*kind)) }
                }
            } }
        }
        @if groups.groups.iter().any(|group| !group.slices.is_empty()) {
            label { "Warning" select #warning {
                option value="" { "any or none" }
                @for (i, group) in groups.groups.iter().enumerate().filter(|(_, group)| !group.slices.is_empty()) {
                    option value=(i) { (shortened(group)) }
                }
            } }
        }
        label { "Order" select #order { @for (value, name) in &orders { option value=(value) { (name) } } } }
        label { "Size" input #size type="range" min="64" max="320" step="8"; }
    }
}

/// Moves into the dialog while a slice is shown.
fn window_controls() -> Markup {
    html! {
        div #window-home {
            fieldset #window {
                legend { "Window" }
                label { "black" input #low type="range" min="0" max="90" value="0"; output #low-said {} }
                label { "white" input #high type="range" min="2" max="100" value="100"; output #high-said {} }
                button #window-reset type="button" { "reset" }
            }
        }
    }
}

fn slice_dialog() -> Markup {
    html! {
        dialog #slice tabindex="-1" aria-labelledby="slice-title" {
            div.head {
                h3 #slice-title {}
                output #slice-place {}
                button #slice-before type="button" aria-label="previous slice" { "←" }
                button #slice-after type="button" aria-label="next slice" { "→" }
                button #slice-close type="button" aria-label="close" { "✕" }
            }
            div.body {
                div.picture { div #slice-picture {} div #window-slot {} }
                div.findings { dl.facts #slice-facts {} div #slice-words {} div.courses #slice-courses {} }
            }
        }
    }
}

fn shortened(group: &WarningGroup) -> String {
    let text = match group.text.char_indices().nth(MAX_WARNING_LETTERS) {
        Some((end, _)) => format!("{}…", group.text[..end].trim_end()),
        None => group.text.clone(),
    };
    format!("{text} ({})", group.slices.len())
}
