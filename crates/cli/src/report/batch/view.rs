//! Access to a batch by volume, and titles and links of its slices.

use std::collections::HashMap;

use crate::batch::{BatchVolume, FastMriMetrics, Manifest, SliceLine, Status};

pub struct View<'a> {
    pub manifest: &'a Manifest,
    pub volumes: Vec<Volume<'a>>,
    /// All lines, each with the index of its volume.
    pub slices: Vec<(usize, &'a SliceLine)>,
    pub notes: &'a [String],
}

pub struct Volume<'a> {
    pub record: &'a BatchVolume,
    /// The volume's lines, sorted by slice.
    pub lines: Vec<&'a SliceLine>,
}

/// Reads a number from a slice; `None` if it is missing.
pub type Figure = fn(&SliceLine) -> Option<f64>;

impl<'a> View<'a> {
    /// Lines of volumes that are not in the manifest are skipped.
    pub fn new(manifest: &'a Manifest, slices: &'a [SliceLine], notes: &'a [String]) -> Self {
        let mut volumes: Vec<Volume> = manifest
            .volumes
            .iter()
            .map(|record| Volume { record, lines: vec![] })
            .collect();
        let names = manifest.volumes.iter().enumerate().map(|(i, v)| (v.name.as_str(), i));
        let index_by_name: HashMap<&str, usize> = names.collect();
        let with_volume = slices
            .iter()
            .filter_map(|line| Some((*index_by_name.get(line.volume.as_str())?, line)));
        let slices: Vec<(usize, &SliceLine)> = with_volume.collect();
        for &(volume, line) in &slices {
            volumes[volume].lines.push(line);
        }
        Self {
            manifest,
            volumes,
            slices,
            notes,
        }
    }

    pub fn of_status(&self, status: Status) -> Vec<&Volume<'a>> {
        self.volumes.iter().filter(|v| v.record.status == status).collect()
    }

    /// Acquisitions and their volumes, the most frequent first. Volumes that name no acquisition come last.
    pub fn acquisitions(&self) -> Vec<(Option<&'a str>, Vec<usize>)> {
        let mut kinds: Vec<(Option<&str>, Vec<usize>)> = Vec::new();
        let with_lines = self.volumes.iter().enumerate().filter(|(_, v)| !v.lines.is_empty());
        for (i, volume) in with_lines {
            let kind = volume.record.acquisition.as_deref();
            match kinds.iter_mut().find(|(existing, _)| *existing == kind) {
                Some((_, volumes)) => volumes.push(i),
                None => kinds.push((kind, vec![i])),
            }
        }
        kinds.sort_by_key(|(kind, volumes)| (kind.is_none(), std::cmp::Reverse(volumes.len()), *kind));
        kinds
    }

    /// Finite values of a figure over the slices of some volumes.
    pub fn figures(&self, volumes: &[usize], figure: Figure) -> Vec<f64> {
        let lines = volumes.iter().flat_map(|&volume| &self.volumes[volume].lines);
        lines
            .filter_map(|line| figure(line))
            .filter(|f| f.is_finite())
            .collect()
    }
}

/// The title of an acquisition, also for volumes that name none.
pub fn kind_title(kind: Option<&str>) -> &str {
    kind.unwrap_or("no acquisition named")
}

pub fn predicted(line: &SliceLine) -> Option<f64> {
    line.predicted_nmse
}

pub fn unexplained(line: &SliceLine) -> Option<f64> {
    line.maps_unexplained
}

pub fn nmse(line: &SliceLine) -> Option<f64> {
    line.metrics?.nmse
}

/// In dB. Infinite for a perfect image, which JSON cannot store.
pub fn psnr(line: &SliceLine) -> Option<f64> {
    psnr_of(&line.metrics?)
}

pub fn psnr_of(metrics: &FastMriMetrics) -> Option<f64> {
    metrics.psnr_db.or((metrics.nmse == Some(0.0)).then_some(f64::INFINITY))
}

pub fn ssim(line: &SliceLine) -> Option<f64> {
    line.metrics?.ssim
}

pub fn seconds(line: &SliceLine) -> Option<f64> {
    Some(line.seconds)
}

/// `file1.h5, slice 3`.
pub fn slice_title(volume: &str, slice: usize) -> String {
    format!("{volume}, slice\u{a0}{slice}")
}

/// The link that opens a slice on the page.
pub fn link(volume: &str, slice: usize) -> String {
    format!("#slice={}/{slice}", percent_encoded(volume))
}

/// Percent-encoded as in a URL, except `/`.
fn percent_encoded(text: &str) -> String {
    let byte = |b: u8| match b {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(b).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_one_whatever_the_name() {
        assert_eq!(link("sub/é #1%.h5", 3), "#slice=sub/%C3%A9%20%231%25.h5/3");
    }
}
