//! The page of a bench: what [`Results`] and the pictures say.

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
use crate::report::page::{Extra, Section, page};
use crate::report::plot::Axis;
use pvdamp_io::error::Result;
use view::View;

/// One HTML page with everything in it: nothing is fetched when it is opened. The same results give the same page.
///
/// `shown` may lack cases, and figures may be missing, infinite or NaN: the page says what there is.
///
/// # Errors
/// A picture without pixels.
pub fn comparison_page(results: &Results, shown: &[CaseImages]) -> Result<String> {
    let view = View::new(results);
    let candidates = [
        ("accuracy", "Accuracy and time", tables::section(&view)),
        (
            "convergence",
            "Error against iterations and time",
            convergence::section(&view)?,
        ),
        ("images", "Images", panels::section(&view, shown)?),
        ("lambda", "Sensitivity to λ", sensitivity::section(&view)?),
        ("evolution", "State evolution", evolution::section(&view, shown)?),
        ("calibration", "Error bars", calibration::section(&view, shown)?),
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
        &Extra::default(),
    ))
}

/// A sentence that names the contenders whose NMSE in dB lies beyond the upper end of an axis; empty for none.
fn above(axis: &Axis, errors: impl IntoIterator<Item = (String, f64)>) -> String {
    let beyond = errors.into_iter().filter(|(_, nmse)| *nmse > axis.high);
    let beyond: Vec<String> = beyond
        .map(|(label, nmse)| format!("{label} ({} dB)", decibels(nmse)))
        .collect();
    if beyond.is_empty() {
        return String::new();
    }
    format!("Above the plot: {}.", beyond.join("; "))
}
