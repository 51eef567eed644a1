//! The page of a bench, from its [`Results`] and images.

mod calibration;
mod convergence;
mod evolution;
mod panels;
mod provenance;
mod sensitivity;
mod summary;
mod tables;
#[cfg(test)]
mod tests;
mod view;

use crate::compare::{CaseImages, Results};
use crate::report::number::decibels;
use crate::report::page::{PageAssets, Section, page};
use crate::report::plot::Axis;
use pvdamp_io::error::Result;
use view::View;

/// One self-contained HTML page. The same results give the same page.
///
/// `case_images` may lack cases, and figures may be missing, infinite or NaN.
///
/// # Errors
/// A picture without pixels.
pub fn comparison_page(results: &Results, case_images: &[CaseImages]) -> Result<String> {
    let view = View::new(results);
    let candidates = [
        ("accuracy", "Accuracy and time", tables::section(&view)),
        (
            "convergence",
            "Error against iterations and time",
            convergence::section(&view)?,
        ),
        ("images", "Images", panels::section(&view, case_images)?),
        ("lambda", "Sensitivity to λ", sensitivity::section(&view)?),
        ("evolution", "State evolution", evolution::section(&view, case_images)?),
        ("calibration", "Error bars", calibration::section(&view, case_images)?),
        ("made", "How it was made", Some(provenance::section(&view))),
    ];
    let sections: Vec<Section> = candidates
        .into_iter()
        .filter_map(|(id, title, body)| Some(Section { id, title, body: body? }))
        .collect();
    Ok(page(
        "MRI reconstruction methods compared",
        &summary::introduction(&view),
        &sections,
        &PageAssets::default(),
    ))
}

/// A sentence that names the contenders whose NMSE in dB lies above an axis; empty if there are none.
fn note_above_axis(axis: &Axis, errors: impl IntoIterator<Item = (String, f64)>) -> String {
    let above_axis = errors.into_iter().filter(|(_, nmse)| *nmse > axis.high);
    let above_axis: Vec<String> = above_axis
        .map(|(label, nmse)| format!("{label} ({} dB)", decibels(nmse)))
        .collect();
    if above_axis.is_empty() {
        return String::new();
    }
    format!("Above the plot: {}.", above_axis.join("; "))
}
