//! Variable-density Poisson disc: samples that keep a distance, so that there are no clusters and no large holes.
//!
//! Dart throwing (Cook 1986) on the grid: locations are visited in random order, and each one that is free is
//! sampled and blanks the disc around it. The radius of a disc is `c/√p` pixels, p the density of [`variable`],
//! as Vasanawala et al. (2011) vary it in k-space. On a grid the neighbours come at 1, √2, 2, √5 … pixels only, and a
//! density would jump where a radius passes one of these; so each radius is drawn from 0.75 to 1.25 of that.
//! Distances run across the edges (a DFT is periodic), or the edges would be sampled more densely.

use std::f64::consts::FRAC_1_SQRT_2;

use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Drawn, MaskPlan, variable};
use crate::array::{Grid, Mask};
use crate::error::Result;

/// A disc's radius lies within this fraction of its mean radius.
const SPREAD: f64 = 0.25;
/// Seed of the simulation, whatever the mask's seed: the probability belongs to the generator, not to one draw of it.
const SIMULATION_SEED: u64 = 0x7064_6973;
/// Locations visited to learn the probability: 16 draws of 256x256.
const SIMULATED: usize = 1 << 20;
/// Locations visited for each trial of c.
const TRIED: usize = 1 << 16;
/// More discs than wanted are thrown, by this fraction: dropping some keeps the distances, adding would not.
const SURPLUS: f64 = 0.01;

pub(super) fn draw(plan: &MaskPlan) -> Result<Drawn> {
    plan.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(SIMULATION_SEED);
    let generator = Generator::new(plan, &mut rng);
    let probability = generator.probability(&mut rng);
    let sampled = generator.draw(&mut ChaCha8Rng::seed_from_u64(plan.seed));
    let sampled = Array2::from_shape_fn(plan.grid.dim(), |(row, col)| sampled[row * plan.grid.cols + col]);
    Ok(Drawn {
        mask: Mask::new(sampled),
        probability,
    })
}

/// What is the same for every draw. Locations are row-major indices.
struct Generator {
    grid: Grid,
    /// Locations beyond the ACS.
    beyond: Vec<usize>,
    acs: Vec<bool>,
    /// The density aimed at.
    density: Vec<f64>,
    /// Samples wanted beyond the ACS.
    wanted: usize,
    /// c: the mean disc radius is this over √p, pixels.
    scale: f64,
}

impl Generator {
    fn new(plan: &MaskPlan, rng: &mut ChaCha8Rng) -> Self {
        let grid = plan.grid;
        let samples = (grid.len() as f64 / plan.acceleration).round() as usize;
        let beyond: Vec<usize> = variable::locations(plan)
            .map(|(row, col)| row * grid.cols + col)
            .collect();
        let mut acs = vec![true; grid.len()];
        beyond.iter().for_each(|&i| acs[i] = false);
        let mut generator = Self {
            grid,
            wanted: samples.saturating_sub(plan.acs.len()).min(beyond.len()),
            beyond,
            acs,
            density: variable::density(plan).into_iter().collect(),
            scale: 0.0,
        };
        generator.scale = generator.find_scale(rng);
        generator
    }

    /// The largest c that still gives, on average, the samples wanted and the surplus.
    fn find_scale(&self, rng: &mut ChaCha8Rng) -> f64 {
        let draws = (TRIED / self.grid.len()).clamp(1, 1024);
        let wanted = self.wanted as f64 * (1.0 + SURPLUS);
        let mut surplus = |scale: f64| {
            let thrown: usize = (0..draws).map(|_| self.throw(scale, rng).len()).sum();
            thrown as f64 / draws as f64 / wanted - 1.0
        };
        // At c = 1/√2 random discs in the plane jam close to the density aimed at.
        let (mut low, mut high) = (0.0, FRAC_1_SQRT_2);
        while wanted > 0.0 && surplus(high) > 0.0 && high < self.grid.len() as f64 {
            (low, high) = (high, 1.5 * high);
        }
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            let excess = surplus(middle);
            if excess.abs() < 0.2 * SURPLUS {
                return middle;
            }
            if excess > 0.0 { low = middle } else { high = middle }
        }
        low
    }

    /// Throws discs until none fits. The locations sampled beyond the ACS; there the ACS blanks nothing, or it
    /// would stand in a ring without samples.
    fn throw(&self, scale: f64, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut order: Vec<u32> = (0..self.grid.len() as u32).collect();
        order.shuffle(rng);
        let mut blanked = vec![false; self.grid.len()];
        let mut sampled = Vec::new();
        for i in order.into_iter().map(|i| i as usize) {
            if blanked[i] {
                continue;
            }
            let spread = 1.0 + SPREAD * (2.0 * rng.random::<f64>() - 1.0);
            blank(self.grid, &mut blanked, i, scale * spread / self.density[i].sqrt());
            if !self.acs[i] {
                sampled.push(i);
            }
        }
        sampled
    }

    /// One mask: throws, then drops samples at random or, rarely, adds some with the density aimed at.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<bool> {
        let mut mask = self.acs.clone();
        let mut sampled = self.throw(self.scale, rng);
        sampled.shuffle(rng);
        sampled.truncate(self.wanted);
        sampled.iter().for_each(|&i| mask[i] = true);

        let missing = self.wanted - sampled.len();
        if missing > 0 {
            // Weighted sampling without replacement: the first arrivals of clocks that tick at rates p.
            let free = self.beyond.iter().filter(|&&i| !mask[i]);
            let mut arrivals: Vec<(f64, usize)> = free
                .map(|&i| (-(1.0 - rng.random::<f64>()).ln() / self.density[i], i))
                .collect();
            arrivals.sort_by(|a, b| a.0.total_cmp(&b.0));
            arrivals.iter().take(missing).for_each(|&(_, i)| mask[i] = true);
        }
        mask
    }

    /// The probability with which [`Generator::draw`] samples each location, `(rows, cols)`; its mean is that of a mask.
    ///
    /// Counted over many draws. What is counted is compared with the density aimed at, in shells of like radius; the
    /// ratio, interpolated between the shells, corrects that density.
    fn probability(&self, rng: &mut ChaCha8Rng) -> Array2<f64> {
        let draws = (SIMULATED / self.grid.len()).clamp(4, 4096);
        let mut counts = vec![0u32; self.grid.len()];
        for _ in 0..draws {
            for (count, sampled) in counts.iter_mut().zip(self.draw(rng)) {
                *count += u32::from(sampled);
            }
        }
        let shells = self.shells(&counts, draws);
        let radius = |i: usize| self.grid.radius(i / self.grid.cols, i % self.grid.cols);
        let mut corrected: Vec<f64> = self.density.clone();
        for &i in &self.beyond {
            corrected[i] *= interpolate(&shells, radius(i));
        }
        self.rescale(&mut corrected);
        Array2::from_shape_fn(self.grid.dim(), |(row, col)| corrected[row * self.grid.cols + col])
    }

    /// `(radius, counted over aimed at)` of shells of about equally many counts, outwards.
    fn shells(&self, counts: &[u32], draws: usize) -> Vec<(f64, f64)> {
        let radius = |i: usize| self.grid.radius(i / self.grid.cols, i % self.grid.cols);
        let mut outwards: Vec<(f64, usize)> = self.beyond.iter().map(|&i| (radius(i), i)).collect();
        outwards.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = self.wanted * draws;
        let per_shell = (total as f64 / (total / 2000).clamp(1, 48) as f64).max(1.0);
        let mut shells = Vec::new();
        let (mut aimed, mut counted, mut moment) = (0.0, 0.0, 0.0);
        for (k, &(radius, i)) in outwards.iter().enumerate() {
            let expected = self.density[i] * draws as f64;
            aimed += expected;
            moment += expected * radius;
            counted += f64::from(counts[i]);
            let last = k + 1 == outwards.len();
            // A last shell of a few locations is left to the one before it.
            if aimed >= per_shell || (last && aimed > 0.5 * per_shell) || (last && shells.is_empty()) {
                shells.push((moment / aimed, counted.max(1.0) / aimed));
                (aimed, counted, moment) = (0.0, 0.0, 0.0);
            }
        }
        shells
    }

    /// Scales the probabilities beyond the ACS so that they add up to the samples wanted, none above 1.
    fn rescale(&self, probability: &mut [f64]) {
        for _ in 0..100 {
            let sum: f64 = self.beyond.iter().map(|&i| probability[i]).sum();
            let factor = self.wanted as f64 / sum;
            if self.beyond.is_empty() || (factor - 1.0).abs() < 1e-13 {
                break;
            }
            self.beyond
                .iter()
                .for_each(|&i| probability[i] = (probability[i] * factor).min(1.0));
        }
    }
}

/// Blanks all locations nearer to `centre` than `radius` pixels, across the edges too.
fn blank(grid: Grid, blanked: &mut [bool], centre: usize, radius: f64) {
    let Grid { rows, cols } = grid;
    let (row, col) = (centre / cols, centre % cols);
    let reach = (radius.ceil() as usize).saturating_sub(1);
    for down in 0..=reach.min(rows / 2) {
        let across = (radius * radius - (down * down) as f64).max(0.0).sqrt();
        let across = (across.ceil() as usize).saturating_sub(1).min(cols);
        for row in [(row + down) % rows, (row + rows - down) % rows] {
            let line = &mut blanked[row * cols..(row + 1) * cols];
            if 2 * across + 1 >= cols {
                line.fill(true);
                continue;
            }
            let (first, end) = (col + cols - across, col + cols + across + 1);
            if first >= cols && end <= 2 * cols {
                line[first - cols..end - cols].fill(true);
            } else {
                // Over an edge: what runs out on one side comes in on the other.
                line[first % cols..].fill(true);
                line[..end % cols].fill(true);
            }
        }
    }
}

/// Linear between the points, constant beyond them.
fn interpolate(points: &[(f64, f64)], x: f64) -> f64 {
    match points.partition_point(|point| point.0 < x) {
        0 => points[0].1,
        k if k == points.len() => points[k - 1].1,
        k => {
            let ((x0, y0), (x1, y1)) = (points[k - 1], points[k]);
            y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(grid: (usize, usize), acceleration: f64, acs: (usize, usize)) -> MaskPlan {
        MaskPlan {
            grid: grid.into(),
            acceleration,
            acs: acs.into(),
            order: super::super::DEFAULT_ORDER,
            seed: 0,
        }
    }

    fn generator(plan: &MaskPlan) -> (Generator, ChaCha8Rng) {
        let mut rng = ChaCha8Rng::seed_from_u64(SIMULATION_SEED);
        (Generator::new(plan, &mut rng), rng)
    }

    #[test]
    fn discs_keep_their_distance_across_the_edges_too() {
        let (generator, mut rng) = generator(&plan((96, 75), 8.0, (0, 0)));
        let thrown = generator.throw(generator.scale, &mut rng);
        let wanted = generator.wanted as f64;
        assert!(
            (thrown.len() as f64 / wanted - 1.0).abs() < 0.03,
            "{} for {wanted}",
            thrown.len()
        );
        let smallest = |i: usize| generator.scale * (1.0 - SPREAD) / generator.density[i].sqrt();
        let apart = |a: usize, b: usize, n: usize| a.abs_diff(b).min(n - a.abs_diff(b)) as f64;
        for (k, &a) in thrown.iter().enumerate() {
            for &b in &thrown[..k] {
                let distance = apart(a / 75, b / 75, 96).hypot(apart(a % 75, b % 75, 75));
                assert!(
                    distance >= smallest(a).min(smallest(b)),
                    "{distance} between {a} and {b}"
                );
            }
        }
    }

    #[test]
    fn a_disc_is_blanked_as_its_definition_says() {
        for (rows, cols) in [(9, 12), (1, 7), (6, 1), (5, 5), (2, 3)] {
            for radius in [0.3, 1.0, 1.2, 2.0, 2.3, 3.7, 20.0] {
                for centre in 0..rows * cols {
                    let mut blanked = vec![false; rows * cols];
                    blank(Grid::new(rows, cols), &mut blanked, centre, radius);
                    for (i, &blanked) in blanked.iter().enumerate() {
                        let apart = |a: usize, b: usize, n: usize| a.abs_diff(b).min(n - a.abs_diff(b)) as f64;
                        let distance = apart(i / cols, centre / cols, rows).hypot(apart(i % cols, centre % cols, cols));
                        assert_eq!(
                            blanked,
                            distance < radius,
                            "{rows}x{cols} radius {radius} at {distance}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn samples_come_with_the_probability_stated() {
        for plan in [
            plan((128, 128), 4.0, (16, 16)),
            plan((100, 140), 10.0, (16, 16)),
            plan((90, 90), 6.0, (0, 0)),
        ] {
            let (generator, mut rng) = generator(&plan);
            let probability = generator.probability(&mut rng);
            let (mut counted, mut stated) = ([0.0f64; 15], [0.0; 15]);
            for seed in 100..150 {
                let mask = generator.draw(&mut ChaCha8Rng::seed_from_u64(seed));
                for (row, col) in variable::locations(&plan) {
                    let shell = (10.0 * plan.grid.radius(row, col)) as usize;
                    counted[shell] += f64::from(u8::from(mask[row * plan.grid.cols + col]));
                    stated[shell] += probability[[row, col]];
                }
            }
            for (shell, (counted, stated)) in counted.into_iter().zip(stated).enumerate() {
                let tolerance = 3.0 * f64::sqrt(stated) + 0.01 * stated;
                assert!(
                    (counted - stated).abs() <= tolerance,
                    "{plan:?} shell {shell}: {counted} for {stated}"
                );
            }
        }
    }
}
