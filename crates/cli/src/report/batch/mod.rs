//! The page of a batch, from its manifest, the lines of its slices and its results.

mod curves;
mod data;
mod distributions;
mod extremes;
mod failures;
mod pictures;
mod provenance;
mod sheet;
mod summary;
#[cfg(test)]
mod tests;
mod view;
mod warnings;

pub use pictures::BatchPictures;

use crate::batch::{Manifest, SliceLine};
use crate::report::page::{PageAssets, Section, page};
use pvdamp_io::error::Result;
use view::View;
use warnings::WarningGroups;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(include_str!("sheet.js"), "\n", include_str!("slice.js"), "\nstart();\n");

/// One self-contained HTML page. The same batch gives the same page.
///
/// `slices` are in the order of the volumes, without duplicates. `notes` are sentences on what could not be read.
/// Pictures may be missing, and numbers may be missing or infinite.
///
/// # Errors
/// None are known.
pub fn batch_page(
    manifest: &Manifest,
    slices: &[SliceLine],
    pictures: &BatchPictures,
    notes: &[String],
) -> Result<String> {
    let view = View::new(manifest, slices, notes);
    let groups = WarningGroups::of(&view);
    let candidates = [
        ("failures", "Failures", failures::section(&view)),
        ("warnings", "Warnings", warnings::section(&view, &groups)),
        ("distributions", "Distributions", distributions::section(&view)?),
        ("extremes", "Worst and slowest", extremes::section(&view)),
        ("sheet", "All slices", sheet::section(&view, &groups, pictures)),
        ("made", "How it was made", Some(provenance::section(&view))),
    ];
    let sections: Vec<Section> = candidates
        .into_iter()
        .filter_map(|(id, title, body)| Some(Section { id, title, body: body? }))
        .collect();
    let assets = PageAssets {
        style: STYLE,
        script: SCRIPT,
        data: Some(data::blocks(&view, &groups, pictures)?),
    };
    Ok(page(
        "Reconstruction of a batch",
        &summary::introduction(&view),
        &sections,
        &assets,
    ))
}
