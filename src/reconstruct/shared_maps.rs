//! Coil sensitivity maps of a place that was imaged several times: from the mean over its frames.
//!
//! P. Kellman, F. H. Epstein, E. R. McVeigh, "Adaptive sensitivity encoding incorporating temporal filtering (TSENSE)",
//! Magn Reson Med 45 (2001) 846-852: frames of a dynamic scan without calibration lines sample different lines, and their
//! mean over time has all of them.

use ndarray::{Array2, Zip};
use num_complex::Complex;

use super::acquisition::Acquisition;
use super::channels::Channels;
use super::maps::{CoilMaps, SecondSet};
use super::observer::{Observer, Stage};
use super::prepared::begin;
use super::sampling::Sampling;
use super::settings::Settings;
use crate::array::{CoilStack, Grid, Maps, Mask};
use crate::coil::MapReport;
use crate::error::{Error, Input, Result};

/// Maps of the coils of the scan that were calibrated for all frames of a place.
#[derive(Clone, Debug)]
pub struct SharedMaps {
    /// `(sets, coils, rows, cols)`, with the weights that calibration gave them.
    pub maps: Maps<f32>,
    /// How they were calibrated.
    pub report: MapReport,
    /// Why there are two sets, where that was judged.
    pub second_set: Option<SecondSet>,
    /// Frames that the place has.
    pub frames: usize,
    /// Images that the maps come from, each a mean over frames.
    pub images: usize,
}

impl SharedMaps {
    /// Calibrates maps as [`Acquisition::prepare_sampled`] does, on the mean over so many frames, and other such means beside
    /// it ([`Acquisition::other_images`]). `None` where k-space is all zero.
    ///
    /// # Errors
    /// Those of [`reconstruct`](super::reconstruct).
    pub fn calibrate(
        mean: Acquisition,
        sampling: &Sampling,
        frames: usize,
        settings: &Settings,
        observer: &mut dyn Observer,
    ) -> Result<Option<Self>> {
        begin(Stage::Channels, observer)?;
        mean.check()?;
        settings.validate(mean.grid())?;
        let images = 1 + mean.other_images.len();
        let kspace = mean.kspace.into_owned();
        let Some(channels) = Channels::of(kspace, sampling, &mean.noise, settings, false)? else {
            return Ok(None);
        };
        begin(Stage::Maps, observer)?;
        let channels = channels.with_other_images(mean.other_images)?;
        let CoilMaps {
            maps,
            record,
            second_set,
            ..
        } = CoilMaps::calibrate(&channels, sampling, settings, observer)?;
        Ok(record.report().cloned().map(|report| Self {
            maps: channels.to_scan(maps),
            report,
            second_set,
            frames,
            images,
        }))
    }
}

/// The mean of k-space over frames: at each location over those that sampled it. Frames are added one at a time.
#[derive(Clone, Debug)]
pub struct FrameMean {
    /// `(coils, rows, cols)`, the sum of the samples.
    sum: CoilStack<f32>,
    /// `(rows, cols)`, the sum of their energies over coils.
    energy: Array2<f64>,
    /// `(rows, cols)`, of how many frames.
    count: Array2<u32>,
    frames: usize,
}

impl FrameMean {
    /// Of no frame yet.
    pub fn new(coils: usize, grid: Grid) -> Self {
        Self {
            sum: CoilStack::zeros((coils, grid.rows, grid.cols)),
            energy: Array2::zeros(grid.dim()),
            count: Array2::zeros(grid.dim()),
            frames: 0,
        }
    }

    /// Adds what `mask` samples of a frame `(coils, rows, cols)`.
    ///
    /// # Errors
    /// [`Error::Data`]: a frame of another shape.
    pub fn add(&mut self, kspace: &CoilStack<f32>, mask: &Mask) -> Result<()> {
        if kspace.dim() != self.sum.dim() || mask.sampled.dim() != self.count.dim() {
            let found = format!("a frame of shape {:?}", kspace.dim());
            return Err(Error::data(
                Input::Kspace,
                found,
                format!("{:?} as the others", self.sum.dim()),
            ));
        }
        for (mut sums, plane) in self.sum.outer_iter_mut().zip(kspace.outer_iter()) {
            Zip::from(&mut sums)
                .and(&plane)
                .and(&mask.sampled)
                .and(&mut self.energy)
                .for_each(|sum, &value, &sampled, energy| {
                    if sampled {
                        *sum += value;
                        *energy += f64::from(value.re).powi(2) + f64::from(value.im).powi(2);
                    }
                });
        }
        Zip::from(&mut self.count)
            .and(&mask.sampled)
            .for_each(|count, &sampled| *count += u32::from(sampled));
        self.frames += 1;
        Ok(())
    }

    /// How many frames were added.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// What any frame sampled.
    pub fn mask(&self) -> Mask {
        Mask::new(self.count.mapv(|count| count > 0))
    }

    /// Mean of `1/count` over the locations that were sampled: the variance of the noise of the mean, relative to that of a
    /// frame.
    pub fn relative_noise(&self) -> f64 {
        let counts = self.count.iter().filter(|&&count| count > 0);
        let (sum, sampled) = counts.fold((0.0, 0u64), |(sum, n), &count| (sum + 1.0 / f64::from(count), n + 1));
        if sampled > 0 { sum / sampled as f64 } else { 1.0 }
    }

    /// Which share of the energy that the samples of the centred `window` have is left in their mean: 1 for frames that are
    /// alike, near 0 for those that cancel each other. Of the locations that several frames sampled; 1 where there are none.
    pub fn coherence(&self, window: Grid) -> f64 {
        let grid = Grid::from(self.count.dim());
        let (row, col) = grid.centred_offset(window);
        let (mut left, mut all) = (0.0, 0.0);
        for i in row..row + window.rows {
            for j in col..col + window.cols {
                let count = self.count[[i, j]];
                if count > 1 {
                    let energy = |v: Complex<f32>| f64::from(v.re).powi(2) + f64::from(v.im).powi(2);
                    let sum: f64 = self.sum.outer_iter().map(|plane| energy(plane[[i, j]])).sum();
                    left += sum / f64::from(count);
                    all += self.energy[[i, j]];
                }
            }
        }
        if all > 0.0 { left / all } else { 1.0 }
    }

    /// The mean, `(coils, rows, cols)`; zero where no frame sampled.
    pub fn into_mean(self) -> CoilStack<f32> {
        let Self { mut sum, count, .. } = self;
        for mut plane in sum.outer_iter_mut() {
            Zip::from(&mut plane)
                .and(&count)
                .for_each(|value, &count| *value *= 1.0 / count.max(1) as f32);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn frame(value: f32) -> CoilStack<f32> {
        Array3::from_elem((2, 3, 4), Complex::new(value, 0.0))
    }

    fn columns(sampled: [bool; 4]) -> Mask {
        Mask::from_columns(3, &sampled)
    }

    #[test]
    fn each_location_is_the_mean_over_the_frames_that_sampled_it() {
        let mut mean = FrameMean::new(2, Grid::new(3, 4));
        mean.add(&frame(2.0), &columns([true, true, false, false])).unwrap();
        mean.add(&frame(4.0), &columns([false, true, true, false])).unwrap();
        assert_eq!(mean.frames(), 2);
        assert_eq!(mean.mask(), columns([true, true, true, false]));
        assert!((mean.relative_noise() - (1.0 + 0.5 + 1.0) / 3.0).abs() < 1e-12);
        let values: Vec<f32> = mean
            .into_mean()
            .slice(ndarray::s![1, 2, ..])
            .iter()
            .map(|v| v.re)
            .collect();
        assert_eq!(values, [2.0, 3.0, 4.0, 0.0]);
    }

    #[test]
    fn frames_that_cancel_are_told_from_those_that_are_alike() {
        let window = Grid::new(3, 2);
        let of = |values: [f32; 2]| {
            let mut mean = FrameMean::new(2, Grid::new(3, 4));
            values
                .iter()
                .for_each(|&v| mean.add(&frame(v), &columns([true; 4])).unwrap());
            mean.coherence(window)
        };
        assert!((of([3.0, 3.0]) - 1.0).abs() < 1e-6);
        assert!(of([3.0, -3.0]).abs() < 1e-6);
        let mut apart = FrameMean::new(2, Grid::new(3, 4));
        apart.add(&frame(1.0), &columns([true, false, true, false])).unwrap();
        apart.add(&frame(-1.0), &columns([false, true, false, true])).unwrap();
        assert_eq!(apart.coherence(window), 1.0, "nothing tells");
        assert!(apart.add(&Array3::zeros((2, 3, 5)), &columns([true; 4])).is_err());
    }
}
