//! k-space that coil maps are calibrated on, where it is not that of the image: calibration lines of a scan of their own,
//! or another scan.

use ndarray::s;

use super::ScanSettings;
use crate::error::{Error, Place, Result};
use crate::format::{Scan, ScanOptions};
use pvdamp::array::{CoilStack, Grid, Mask};
use pvdamp::reconstruct::Sampling;
use pvdamp::sampling::{held_data, sampled_centre};

/// Fields of view that differ by no more than this share are the same.
const SAME_VIEW: f64 = 0.02;

/// Where maps are calibrated.
pub(super) enum Calibration {
    /// On lines of the scan's own file.
    OfScan,
    /// On another scan.
    File { scan: Box<Scan>, place: Place },
}

impl Calibration {
    /// The scan that is asked for, or lines of the scan's own file, where they make a larger centre than its image has.
    ///
    /// # Errors
    /// Those of [`Self::open`], and lines that cannot be read.
    pub fn of(scan: &Scan, settings: &ScanSettings, sampling: &Sampling) -> Result<Option<Self>> {
        if !settings.calibrates(scan.coils()) {
            return Ok(None);
        }
        if let Some(place) = &settings.calibration {
            return Self::open(place, scan).map(Some);
        }
        let Some((_, mask)) = Self::OfScan.of_slice(scan, 0)? else {
            return Ok(None);
        };
        let window = |centre: Grid| settings.engine.espirit.window(centre).len();
        let larger = window(sampled_centre(&mask)) > window(sampling.centre);
        Ok(larger.then_some(Self::OfScan))
    }

    /// Opens a scan of the coils and the field of view of `scan`: of one slice for all, or of as many as it has.
    ///
    /// # Errors
    /// A file that is no such scan.
    fn open(place: &Place, scan: &Scan) -> Result<Self> {
        let options = ScanOptions {
            dataset: place.dataset.clone(),
            ..ScanOptions::default()
        };
        let found = Scan::open(&place.file, &options)?;
        let unfit = |problem: String, mend: &str| Err(Error::data(place.clone(), problem, mend));
        if found.coils() != scan.coils() {
            let problem = format!("has {} coils, the scan has {}", found.coils(), scan.coils());
            return unfit(problem, "calibrate coil maps on a scan by the same coils");
        }
        let (slices, places) = (scan.slices(), scan.places.count());
        if ![1, places, slices].contains(&found.slices()) {
            let problem = format!("has {} slices, the scan has {slices}", found.slices());
            return unfit(problem, "give one slice for all, or as many as the scan has");
        }
        let views = [&found, scan].map(view_mm);
        if let [Some(a), Some(b)] = views
            && a.iter().zip(b).any(|(a, b)| (a - b).abs() > SAME_VIEW * b)
        {
            let [[ah, aw], [bh, bw]] = [a, b];
            let problem = format!("covers {ah:.0}x{aw:.0} mm, the scan {bh:.0}x{bw:.0} mm");
            return unfit(problem, "calibrate coil maps on the same field of view");
        }
        Ok(Self::File {
            scan: Box::new(found),
            place: place.clone(),
        })
    }

    /// k-space for the maps of a slice of `scan`, on its grid, and where it was acquired; `None` where there is none of it.
    ///
    /// # Errors
    /// A slice that cannot be read.
    pub fn of_slice(&self, scan: &Scan, slice: usize) -> Result<Option<(CoilStack<f32>, Mask)>> {
        let read = match self {
            Self::OfScan => scan.read_calibration(slice)?,
            Self::File { scan: other, .. } => {
                let at = match other.slices() {
                    1 => 0,
                    slices if slices == scan.slices() => slice,
                    _ => scan.places.of_slice(slice),
                };
                Some((other.read_slice(at)?, other.acquired(at)))
            }
        };
        Ok(read.map(|(kspace, acquired)| {
            let mask = acquired.unwrap_or_else(|| held_data(kspace.view()).mask);
            on_grid(kspace, &mask, scan.grid())
        }))
    }

    /// Warnings of the other scan.
    pub fn warnings(&self) -> &[String] {
        match self {
            Self::OfScan => &[],
            Self::File { scan, .. } => &scan.warnings,
        }
    }
}

/// The field of view along rows and columns, where it is known.
fn view_mm(scan: &Scan) -> Option<[f64; 2]> {
    let [high, wide, _] = scan.geometry.voxel_mm?;
    let grid = scan.grid();
    Some([high * grid.rows as f64, wide * grid.cols as f64])
}

/// The same with the origin of another grid: its centre, or with nothing about it.
fn on_grid(kspace: CoilStack<f32>, mask: &Mask, grid: Grid) -> (CoilStack<f32>, Mask) {
    let (coils, rows, cols) = kspace.dim();
    if Grid::new(rows, cols) == grid {
        return (kspace, mask.clone());
    }
    let both = Grid::new(rows.min(grid.rows), cols.min(grid.cols));
    let (from_row, from_col) = Grid::new(rows, cols).centred_offset(both);
    let (to_row, to_col) = grid.centred_offset(both);
    let from = s![.., from_row..from_row + both.rows, from_col..from_col + both.cols];
    let to = s![.., to_row..to_row + both.rows, to_col..to_col + both.cols];
    let mut placed = CoilStack::zeros((coils, grid.rows, grid.cols));
    placed.slice_mut(to).assign(&kspace.slice(from));
    let mut sampled = Mask::full(grid).sampled;
    sampled.fill(false);
    let (from, to) = (
        s![from_row..from_row + both.rows, from_col..from_col + both.cols],
        s![to_row..to_row + both.rows, to_col..to_col + both.cols],
    );
    sampled.slice_mut(to).assign(&mask.sampled.slice(from));
    (placed, Mask::new(sampled))
}
