//! Pictures and curves of all slices. Their size depends on the number of slices.

use std::collections::{BTreeMap, HashSet};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::Serialize;

use super::curves::{EncodedCurves, curve_names, encoded_curves};
use super::extremes;
use super::view::View;
use crate::batch::{Manifest, SliceLine, Status, StoredResult};
use crate::report::picture::{Region, Tone, downsampled, jpeg, object_region_of, percentile};
use pvdamp_io::error::Result;

/// Size limits of all pictures and of all curves, in characters of the page.
const PICTURE_BUDGET: usize = 25_600_000;
const CURVE_BUDGET: usize = 6_000_000;
/// Longer side of a picture in pixels, a multiple of [`SIDE_STEP`].
const MIN_SIDE: usize = 64;
pub(super) const MAX_SIDE: usize = 320;
const SIDE_STEP: usize = 16;
/// Most curves of a slice: mean, noise, and the subbands of four scales.
const CURVES_PER_SLICE: usize = 15;
const MAX_ITERATIONS: usize = 300;
/// JPEG qualities. The first that keeps a picture within its limit is used.
const QUALITIES: [u8; 5] = [80, 65, 45, 25, 12];
/// Share of a volume's pixels that are not saturated.
const UNSATURATED_SHARE: f64 = 0.995;

/// Pictures and curves of a batch. Volumes are added one by one, so that only one result is in memory at a time.
pub struct BatchPictures {
    side: usize,
    /// Size limit of a picture in characters.
    budget: usize,
    /// Slices in the tables of extremes, by volume and number. They are shown in full size.
    highlighted: HashSet<(String, usize)>,
    /// Most iterations of a curve.
    iterations: usize,
    pub(super) volumes: BTreeMap<String, VolumePictures>,
}

/// Pictures and curves of a volume, by slice.
#[derive(Serialize)]
pub(super) struct VolumePictures {
    /// Names of the curves.
    names: Vec<String>,
    /// JPEG in base64.
    pictures: Vec<String>,
    #[serde(rename = "courses")]
    curves: Vec<Option<EncodedCurves>>,
}

impl VolumePictures {
    /// Slices.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }
}

impl BatchPictures {
    /// Without pictures yet. The number of finished slices decides the size of a picture.
    pub fn new(manifest: &Manifest, slices: &[SliceLine]) -> Self {
        let ranked = extremes::ranked_slices(&View::new(manifest, slices, &[]));
        let done = manifest.volumes.iter().filter(|v| v.status == Status::Done);
        let slices = done.map(|volume| volume.slices).sum::<usize>().max(1);
        let budget = PICTURE_BUDGET / slices;
        let fits = |side: &usize| typical_length(*side) <= budget;
        let sides = (MIN_SIDE..=MAX_SIDE).rev().step_by(SIDE_STEP);
        let side = sides.into_iter().find(fits).unwrap_or(MIN_SIDE);
        Self {
            side,
            // more than most need, so that only noise-like pictures lose quality
            budget: budget.max(typical_length(side)) * 23 / 20,
            iterations: (CURVE_BUDGET / slices / (2 * CURVES_PER_SLICE)).clamp(2, MAX_ITERATIONS),
            highlighted: ranked
                .into_iter()
                .map(|line| (line.volume.clone(), line.slice))
                .collect(),
            volumes: BTreeMap::new(),
        }
    }

    /// Longer side of a picture in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Adds a volume by its name.
    ///
    /// # Errors
    /// Images without pixels.
    pub fn add(&mut self, name: &str, stored: &StoredResult) -> Result<()> {
        let magnitude = &stored.magnitude;
        let highest = magnitude.fold_axis(Axis(0), 0.0f32, |&high, &value| high.max(value));
        let region = object_region_of(highest.view());
        let tone = Tone::Linear(percentile(magnitude.iter(), UNSATURATED_SHARE));
        let slices: Vec<(usize, ArrayView2<f32>)> = magnitude.outer_iter().enumerate().collect();
        let pictures = slices
            .into_par_iter()
            .map(|(number, slice)| {
                let (side, budget) = self.limits(name, number);
                let (height, width) = fitted_size(&region, side);
                picture(&downsampled(region.of(slice), height, width), tone, budget)
            })
            .collect::<Result<Vec<String>>>()?;
        let names = curve_names(stored);
        let curves = (0..pictures.len()).map(|slice| encoded_curves(stored, slice, &names, self.iterations));
        let curves = curves.collect();
        let volume = VolumePictures {
            names,
            pictures,
            curves,
        };
        self.volumes.insert(name.into(), volume);
        Ok(())
    }

    /// Longer side of a picture, and its size limit.
    fn limits(&self, name: &str, slice: usize) -> (usize, usize) {
        if self.highlighted.contains(&(name.to_string(), slice)) {
            return (MAX_SIDE, typical_length(MAX_SIDE));
        }
        (self.side, self.budget)
    }
}

fn picture(values: &Array2<f32>, tone: Tone, budget: usize) -> Result<String> {
    let mut picture = String::new();
    for quality in QUALITIES {
        picture = jpeg(values.view(), tone, quality)?;
        if picture.len() <= budget {
            break;
        }
    }
    Ok(picture)
}

/// Typical size of a picture of the first quality in base64: 2 bits per pixel and the tables of JPEG.
fn typical_length(side: usize) -> usize {
    (330 + side * side / 4) * 4 / 3
}

/// Rows and columns of the picture of a region: at most `side`, and at most those of the region.
fn fitted_size(region: &Region, side: usize) -> (usize, usize) {
    let (rows, cols) = (region.height().max(1), region.width().max(1));
    let longest = rows.max(cols);
    if longest <= side {
        return (rows, cols);
    }
    let scaled = |n: usize| ((n * side) as f64 / longest as f64).round().max(1.0) as usize;
    (scaled(rows), scaled(cols))
}
