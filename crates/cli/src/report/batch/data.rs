//! JSON for the script of the page: numbers of all slices in one block, pictures and curves in one block per volume.

use std::collections::HashMap;

use maud::{Markup, html};
use serde::Serialize;

use super::pictures::BatchPictures;
use super::view::{View, psnr};
use super::warnings::WarningGroups;
use crate::batch::{SliceLine, Status};
use crate::report::page::json_element;
use pvdamp_io::error::Result;

#[derive(Serialize)]
struct Index<'a> {
    /// Longer side of a picture in pixels.
    side: usize,
    volumes: Vec<VolumeEntry<'a>>,
    slices: Vec<SliceEntry>,
    /// Warnings, notes, names of methods and stop reasons, without duplicates.
    texts: Vec<&'a str>,
    /// The group of each text that is a warning.
    groups: Vec<Option<usize>>,
}

#[derive(Serialize)]
struct VolumeEntry<'a> {
    name: &'a str,
    status: Status,
    error: Option<&'a str>,
    acquisition: Option<&'a str>,
    rows: usize,
    cols: usize,
    coils: usize,
    seed: Option<u64>,
    warnings: &'a [String],
    /// Whether the volume has a block of pictures.
    shown: bool,
}

/// A slice, or a volume without slices to show. Numbers have six digits.
#[derive(Default, Serialize)]
struct SliceEntry {
    v: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<SliceFigures>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<usize>,
}

/// `[method, R, iterations, kept, stop, λ, predicted NMSE, NMSE, PSNR, SSIM, seconds, preparation]`. The PSNR of a
/// perfect image is null, as JSON has no infinity.
type SliceFigures = (
    usize,
    f64,
    usize,
    usize,
    Option<usize>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    Option<f64>,
    f64,
    f64,
);

/// The blocks `index`, and `volume-N` for each volume with pictures.
pub fn blocks(view: &View, groups: &WarningGroups, pictures: &BatchPictures) -> Result<Markup> {
    let mut texts = TextTable::default();
    let slices = slices(view, pictures, &mut texts);
    let index = Index {
        side: pictures.side(),
        volumes: view
            .volumes
            .iter()
            .map(|volume| volume_entry(volume.record, pictures))
            .collect(),
        slices,
        groups: texts.all.iter().map(|text| groups.group(text)).collect(),
        texts: texts.all,
    };
    let mut blocks = vec![json_element("index", &index)?];
    for (i, volume) in view.volumes.iter().enumerate() {
        if let Some(shown) = pictures.volumes.get(&volume.record.name) {
            blocks.push(json_element(&format!("volume-{i}"), shown)?);
        }
    }
    Ok(html! { @for block in &blocks { (block) } })
}

fn volume_entry<'a>(record: &'a crate::batch::BatchVolume, pictures: &BatchPictures) -> VolumeEntry<'a> {
    VolumeEntry {
        name: &record.name,
        status: record.status,
        error: record.error.as_deref(),
        acquisition: record.acquisition.as_deref(),
        rows: record.rows,
        cols: record.cols,
        coils: record.coils,
        seed: record.seed,
        warnings: &record.warnings,
        shown: pictures.volumes.contains_key(&record.name),
    }
}

/// One entry for every slice with a picture or a line, and one for each volume without such slices.
fn slices<'a>(view: &View<'a>, pictures: &BatchPictures, texts: &mut TextTable<'a>) -> Vec<SliceEntry> {
    let mut entries = Vec::new();
    for (v, volume) in view.volumes.iter().enumerate() {
        let shown = pictures.volumes.get(&volume.record.name).map_or(0, |p| p.len());
        let mut lines = volume.lines.iter().peekable();
        let last = volume.lines.last().map_or(0, |line| line.slice + 1);
        for slice in 0..shown.max(last) {
            match lines.next_if(|line| line.slice == slice) {
                Some(line) => entries.push(slice_entry(v, line, texts)),
                None if slice < shown => entries.push(SliceEntry {
                    v,
                    s: Some(slice),
                    ..SliceEntry::default()
                }),
                None => {}
            }
        }
        if shown == 0 && volume.lines.is_empty() {
            entries.push(SliceEntry {
                v,
                ..SliceEntry::default()
            });
        }
    }
    entries
}

fn slice_entry<'a>(v: usize, line: &'a SliceLine, texts: &mut TextTable<'a>) -> SliceEntry {
    SliceEntry {
        v,
        s: Some(line.slice),
        figures: Some((
            texts.index_of(&line.method),
            rounded(line.acceleration),
            line.iterations,
            line.kept,
            line.stop.as_deref().map(|stop| texts.index_of(stop)),
            line.lambda.map(rounded),
            line.predicted_nmse.map(rounded),
            line.metrics.and_then(|m| m.nmse).map(rounded),
            psnr(line).map(rounded),
            line.metrics.and_then(|m| m.ssim).map(rounded),
            rounded(line.seconds),
            rounded(line.preparation_seconds),
        )),
        warnings: line.warnings.iter().map(|text| texts.index_of(text)).collect(),
        notes: line.notes.iter().map(|text| texts.index_of(text)).collect(),
    }
}

/// Rounds to six digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[derive(Default)]
struct TextTable<'a> {
    all: Vec<&'a str>,
    indices: HashMap<&'a str, usize>,
}

impl<'a> TextTable<'a> {
    fn index_of(&mut self, text: &'a str) -> usize {
        let all = &mut self.all;
        *self.indices.entry(text).or_insert_with(|| {
            all.push(text);
            all.len() - 1
        })
    }
}
