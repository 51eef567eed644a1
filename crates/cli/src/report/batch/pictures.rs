//! Pictures and courses of all slices, as small as their number makes necessary.

use std::collections::{BTreeMap, HashSet};

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use serde::Serialize;

use super::curves::{Course, course, names};
use super::extremes;
use super::view::View;
use crate::batch::{Manifest, SliceLine, Status, Stored};
use crate::report::picture::{Region, Tone, jpeg, object_region_of, percentile, shrunk};
use pvdamp_io::error::Result;

/// Letters that all pictures may take, and all courses.
const PICTURES: usize = 25_600_000;
const COURSES: usize = 6_000_000;
/// Longer side of a picture in pixels, a multiple of [`STEP`].
const LEAST: usize = 64;
pub(super) const MOST: usize = 320;
const STEP: usize = 16;
/// Curves that a slice may have: mean, noise, the subbands of four scales.
const CURVES: usize = 15;
const ITERATIONS: usize = 300;
/// Of JPEG, the first that leaves a picture within its room.
const QUALITIES: [u8; 5] = [80, 65, 45, 25, 12];
/// Share of the pixels of a volume that are not saturated.
const WINDOW: f64 = 0.995;

/// What the page shows of the results of a batch, added volume by volume, so that one is in memory at a time.
pub struct BatchPictures {
    side: usize,
    /// Letters that a picture may take.
    room: usize,
    /// Volumes and slices to look at first, which are shown as large as pictures get.
    closer: HashSet<(String, usize)>,
    /// Iterations of a course.
    iterations: usize,
    pub(super) volumes: BTreeMap<String, VolumePictures>,
}

/// By slice.
#[derive(Serialize)]
pub(super) struct VolumePictures {
    /// Of the values of each course.
    names: Vec<String>,
    /// JPEG in base64.
    pictures: Vec<String>,
    courses: Vec<Option<Course>>,
}

impl VolumePictures {
    /// Slices.
    pub fn len(&self) -> usize {
        self.pictures.len()
    }
}

impl BatchPictures {
    /// Of no volume yet. The number of slices that are done decides the size of a picture.
    pub fn new(manifest: &Manifest, slices: &[SliceLine]) -> Self {
        let named = extremes::ranked_slices(&View::new(manifest, slices, &[]));
        let done = manifest.volumes.iter().filter(|v| v.status == Status::Done);
        let slices = done.map(|volume| volume.slices).sum::<usize>().max(1);
        let room = PICTURES / slices;
        let fits = |side: &usize| typical(*side) <= room;
        let sides = (LEAST..=MOST).rev().step_by(STEP);
        let side = sides.into_iter().find(fits).unwrap_or(LEAST);
        Self {
            side,
            // more than most need, so that quality is for the few that are all noise
            room: room.max(typical(side)) * 23 / 20,
            iterations: (COURSES / slices / (2 * CURVES)).clamp(2, ITERATIONS),
            closer: named
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
    pub fn add(&mut self, name: &str, stored: &Stored) -> Result<()> {
        let magnitude = &stored.magnitude;
        let highest = magnitude.fold_axis(Axis(0), 0.0f32, |&high, &value| high.max(value));
        let region = object_region_of(highest.view());
        let tone = Tone::Linear(percentile(magnitude.iter(), WINDOW));
        let slices: Vec<(usize, ArrayView2<f32>)> = magnitude.outer_iter().enumerate().collect();
        let pictures = slices
            .into_par_iter()
            .map(|(number, slice)| {
                let (side, room) = self.limits(name, number);
                let (height, width) = fitted(&region, side);
                picture(&shrunk(region.of(slice), height, width), tone, room)
            })
            .collect::<Result<Vec<String>>>()?;
        let names = names(stored);
        let courses = (0..pictures.len()).map(|slice| course(stored, slice, &names, self.iterations));
        let courses = courses.collect();
        let volume = VolumePictures {
            names,
            pictures,
            courses,
        };
        self.volumes.insert(name.into(), volume);
        Ok(())
    }

    /// Side and letters of a picture.
    fn limits(&self, name: &str, slice: usize) -> (usize, usize) {
        if self.closer.contains(&(name.to_string(), slice)) {
            return (MOST, typical(MOST));
        }
        (self.side, self.room)
    }
}

fn picture(values: &Array2<f32>, tone: Tone, room: usize) -> Result<String> {
    let mut picture = String::new();
    for quality in QUALITIES {
        picture = jpeg(values.view(), tone, quality)?;
        if picture.len() <= room {
            break;
        }
    }
    Ok(picture)
}

/// Letters that a picture of the first quality takes in base64, roughly: 2 bits a pixel and the tables of JPEG.
fn typical(side: usize) -> usize {
    (330 + side * side / 4) * 4 / 3
}

/// Rows and columns of the picture of a region: none longer than `side`, and no more than there are.
fn fitted(region: &Region, side: usize) -> (usize, usize) {
    let (rows, cols) = (region.height().max(1), region.width().max(1));
    let longest = rows.max(cols);
    if longest <= side {
        return (rows, cols);
    }
    let scaled = |n: usize| ((n * side) as f64 / longest as f64).round().max(1.0) as usize;
    (scaled(rows), scaled(cols))
}
