//! Settings of the batch, and definitions of all figures.

use maud::{Markup, html};

use super::view::View;
use crate::report::table::scrollable_table;

const TERMS: &[(&str, &str)] = &[
    (
        "NMSE, PSNR, SSIM",
        "Of magnitude images against the first reference in the scan, as fastMRI defines them, with the maximum of the \
         reference volume as data range. NMSE is linear: squared error over the energy of the reference. Where the \
         scan has no reference they are missing. The PSNR of a perfect image is ∞.",
    ),
    (
        "Predicted NMSE",
        "What the method itself expects of the squared error of the complex image over its energy, without a \
         reference: by its error bars where they were asked for, else by its state evolution. Missing for methods \
         that predict nothing. It is of the complex image against the truth, so that it need not be the NMSE against \
         a noisy reference.",
    ),
    (
        "Time",
        "Of a slice: reading, maps, noise and iterations. Slices that are worked on at the same time each count in \
         full.",
    ),
    (
        "Mean τ, τ of a subband",
        "Predicted variance E|e|² of a complex wavelet coefficient, in squared units of the scan, against the \
         iteration; scale 1 is the finest. With two sets of maps the mean of both.",
    ),
    (
        "Noise variance",
        "The variance of the error that a denoiser for white noise was given, of methods that have one.",
    ),
    (
        "Pictures",
        "The magnitude, cut to the object in its volume, made smaller by averaging, as JPEG. Black is 0 and white \
         the value that 99.5 % of the pixels of the volume do not exceed, so that slices of a volume compare, and \
         volumes do not.",
    ),
];

pub fn section(view: &View) -> Markup {
    html! {
        @if !view.manifest.settings.is_empty() { (settings(view)) }
        dl.terms { @for (term, meaning) in TERMS { dt { (term) } dd { (meaning) } } }
    }
}

fn settings(view: &View) -> Markup {
    let table = html! {
        table.left {
            thead { tr { th scope="col" { "Option" } th scope="col" { "Value" } } }
            tbody { @for (option, value) in &view.manifest.settings {
                tr { th scope="row" { code { (option) } } td { code { (value) } } }
            } }
        }
    };
    scrollable_table(&html! { "Settings of the reconstruction" }, &table)
}
