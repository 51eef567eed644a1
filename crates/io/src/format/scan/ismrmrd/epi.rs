//! EPI, and other lines of both directions; readouts that are sampled on the ramps of their gradient too, brought to equal
//! distances in k-space.

use std::collections::HashMap;
use std::f64::consts::TAU;

use num_complex::Complex;

use super::super::super::header::{Header, Ramps};
use super::readout::REVERSE;
use super::table::{Head, Table};
use crate::error::Result;
use pvdamp::array::Grid;
use pvdamp::fourier::Fourier;

type C64 = Complex<f64>;

/// What keeps positions that too few samples tell of from growing, as a share of what a position weighs.
const DAMPING: f64 = 1e-4;
/// No EPI has more samples in a readout.
const LONGEST: usize = 2048;

/// What is doubtful about the trajectory, a sentence each.
///
/// # Errors
/// Lines that do not lie on the grid and cannot be brought there.
pub(super) fn check_trajectory(
    header: &Header,
    heads: &[Head],
    imaging: &[usize],
    table: &Table,
) -> Result<Option<String>> {
    let stored = imaging.iter().any(|&at| heads[at].trajectory_dimensions > 0);
    let trajectory = header.trajectory.as_deref().unwrap_or_default().to_ascii_lowercase();
    let refused = |problem: String| Err(table.error(problem, "grid the samples first, or give a Cartesian scan"));
    match (trajectory.as_str(), stored) {
        ("epi", true) => refused("is EPI with samples off the grid, as on the ramps of the gradient".into()),
        ("epi", false) => Ok(Some(
            "EPI lines are taken as they are: delays between lines of either direction are not corrected".into(),
        )),
        ("" | "cartesian", true) => Ok(Some(
            "a trajectory is stored with the lines and not used: the header tells of none".into(),
        )),
        ("" | "cartesian", false) => Ok(both_directions(heads, imaging).then(|| {
            "lines of an image are read in both directions, as of EPI: delays between them are not corrected".into()
        })),
        (other, _) => refused(format!("has the trajectory '{other}', which is not Cartesian")),
    }
}

/// Whether the lines of an image were read in both directions.
fn both_directions(heads: &[Head], imaging: &[usize]) -> bool {
    let mut directions: HashMap<[u16; 5], bool> = HashMap::new();
    imaging.iter().any(|&at| {
        let reversed = heads[at].is(REVERSE);
        *directions.entry(heads[at].frame()).or_insert(reversed) != reversed
    })
}

/// From samples at equal times on a trapezoid to samples at equal distances in k-space, without oversampling.
#[derive(Debug)]
pub(super) struct Regridding {
    samples: usize,
    /// Of the lines that are made.
    positions: usize,
    /// `(positions, samples)`, of lines as they are read and of reversed ones.
    matrices: [Vec<Complex<f32>>; 2],
}

impl Regridding {
    /// Of lines that are sampled on the ramps too, to so many of the `encoded` positions along the readout; `None` where no
    /// sample lies on a ramp.
    ///
    /// # Errors
    /// Times that do not fit the readouts, and readouts that are not alike.
    pub fn new(
        header: &Header,
        heads: &[Head],
        imaging: &[usize],
        table: &Table,
        [encoded, positions]: [usize; 2],
    ) -> Result<Option<Self>> {
        let Some(ramps) = &header.ramps else { return Ok(None) };
        let first = &heads[imaging[0]];
        let samples = usize::from(first.number_of_samples);
        let refused = |problem: &str| {
            Err(table.error(
                problem,
                "correct trajectoryDescription in the header, or grid the samples first",
            ))
        };
        let Some(window) = Window::new(ramps, first) else {
            return refused("has readouts that are longer than the gradient which trajectoryDescription tells of");
        };
        if !window.is_on_ramps(ramps) {
            return Ok(None);
        }
        let alike =
            |&at: &usize| usize::from(heads[at].number_of_samples) == samples && heads[at].usable_samples() == samples;
        if samples > LONGEST || positions > samples {
            return refused("has readouts on the ramps of the gradient that cannot be those of EPI");
        }
        if !imaging.iter().all(alike) {
            return refused("is sampled on the ramps of the gradient by readouts of several lengths");
        }
        let along: Vec<f64> = window
            .times(samples)
            .map(|t| window.encodes(ramps, t) * encoded as f64)
            .collect();
        // a reversed line is turned as a whole; the gradient has the other sign
        let against: Vec<f64> = along.iter().rev().map(|k| -k).collect();
        let matrices = [along, against].map(|k| matrix(&k, encoded, positions));
        Ok(Some(Self {
            samples,
            positions,
            matrices,
        }))
    }

    pub fn positions(&self) -> usize {
        self.positions
    }

    /// What is done, in words.
    pub fn note(&self) -> String {
        format!(
            "readouts are sampled on the ramps of the gradient too (trajectoryDescription): their {} samples were brought to \
             {} at equal distances in k-space",
            self.samples, self.positions
        )
    }

    /// A readout of all coils, `(coils, samples, 2)`, as `(coils, positions, 2)`.
    pub fn apply(&self, reversed: bool, values: &[f32]) -> Vec<f32> {
        let matrix = &self.matrices[usize::from(reversed)];
        let mut line = vec![Complex::default(); self.samples];
        let mut regridded = Vec::with_capacity(values.len() / self.samples * self.positions);
        for values in values.chunks_exact(2 * self.samples) {
            let (pairs, _) = values.as_chunks::<2>();
            for (i, &[re, im]) in pairs.iter().enumerate() {
                let to = if reversed { self.samples - 1 - i } else { i };
                line[to] = Complex::new(re, im);
            }
            for row in matrix.chunks_exact(self.samples) {
                let sum: Complex<f32> = row.iter().zip(&line).map(|(a, b)| a * b).sum();
                regridded.extend([sum.re, sum.im]);
            }
        }
        regridded
    }
}

/// When the samples of a readout are taken, in µs.
struct Window {
    delay: f64,
    dwell: f64,
    end: f64,
}

impl Window {
    /// By the times of the description, or of the readout where these do not fit; `None` where none do.
    fn new(ramps: &Ramps, head: &Head) -> Option<Self> {
        let whole = ramps.up + ramps.flat + ramps.down;
        let samples = f64::from(head.number_of_samples);
        let dwells = [ramps.dwell, Some(f64::from(head.sample_time_us))];
        dwells
            .into_iter()
            .flatten()
            .filter(|&dwell| dwell > 0.0)
            .find_map(|dwell| {
                let length = samples * dwell;
                let delay = ramps.delay.unwrap_or((whole - length) / 2.0);
                let end = delay + length;
                (delay >= 0.0 && end <= whole + dwell).then_some(Self { delay, dwell, end })
            })
    }

    /// Whether a sample lies on a ramp.
    fn is_on_ramps(&self, ramps: &Ramps) -> bool {
        let half = self.dwell / 2.0;
        self.delay + half < ramps.up || self.end - half > ramps.up + ramps.flat
    }

    fn times(&self, samples: usize) -> impl Iterator<Item = f64> {
        (0..samples).map(|i| self.delay + (i as f64 + 0.5) * self.dwell)
    }

    /// What the gradient has encoded at a time, from its middle on, as a share of all between the ends of the window.
    fn encodes(&self, ramps: &Ramps, time: f64) -> f64 {
        let middle = area(ramps, f64::INFINITY) / 2.0;
        (area(ramps, time) - middle) / (area(ramps, self.end) - area(ramps, self.delay))
    }
}

/// Under the trapezoid of height 1 up to a time.
fn area(ramps: &Ramps, time: f64) -> f64 {
    let Ramps { up, flat, down, .. } = *ramps;
    let time = time.min(up + flat + down);
    let left = up + flat + down - time;
    match time {
        t if t < up => t * t / (2.0 * up),
        t if t < up + flat => t - up / 2.0,
        _ => up / 2.0 + flat + down / 2.0 - left * left / (2.0 * down),
    }
}

/// `F (AᴴA + δ)⁻¹ Aᴴ`, `(positions, samples)`: samples at `k` [cycles in the encoded field of view] become the positions of
/// the image that explain them best, and these k-space at equal distances.
fn matrix(k: &[f64], encoded: usize, positions: usize) -> Vec<Complex<f32>> {
    let samples = k.len();
    let scale = 1.0 / (encoded as f64).sqrt();
    let encode = |k: f64, position: usize| {
        let x = (position as f64 - (positions / 2) as f64) / encoded as f64;
        C64::from_polar(scale, -TAU * k * x)
    };
    // of each position, conjugated: (positions, samples)
    let adjoint: Vec<C64> = (0..positions)
        .flat_map(|p| k.iter().map(move |&k| (k, p)))
        .map(|(k, p)| encode(k, p).conj())
        .collect();
    let of = |p: usize| &adjoint[p * samples..][..samples];
    let mut gram = vec![C64::default(); positions * positions];
    for (p, row) in gram.chunks_exact_mut(positions).enumerate() {
        for (q, value) in row[..=p].iter_mut().enumerate() {
            *value = of(p).iter().zip(of(q)).map(|(a, b)| a * b.conj()).sum();
        }
        row[p] += DAMPING * scale * scale * samples as f64;
    }
    factorize(&mut gram, positions);
    let fourier = Fourier::<f64>::new(Grid::new(1, positions));
    let mut scratch = fourier.scratch();
    let mut matrix = vec![Complex::default(); positions * samples];
    for sample in 0..samples {
        let mut column: Vec<C64> = (0..positions).map(|p| of(p)[sample]).collect();
        solve(&gram, &mut column);
        fourier.forward(&mut column, &mut scratch);
        for (p, value) in column.iter().enumerate() {
            matrix[p * samples + sample] = Complex::new(value.re as f32, value.im as f32);
        }
    }
    matrix
}

/// Cholesky's factor of a Hermitian matrix, in place of its lower triangle.
fn factorize(matrix: &mut [C64], n: usize) {
    for i in 0..n {
        for j in 0..=i {
            let before: C64 = (0..j).map(|k| matrix[i * n + k] * matrix[j * n + k].conj()).sum();
            let rest = matrix[i * n + j] - before;
            matrix[i * n + j] = if i == j {
                C64::new(rest.re.max(f64::MIN_POSITIVE).sqrt(), 0.0)
            } else {
                rest / matrix[j * n + j].re
            };
        }
    }
}

/// Solves `L Lᴴ x = b` in place.
fn solve(factor: &[C64], x: &mut [C64]) {
    let n = x.len();
    for i in 0..n {
        let before: C64 = (0..i).map(|k| factor[i * n + k] * x[k]).sum();
        x[i] = (x[i] - before) / factor[i * n + i].re;
    }
    for i in (0..n).rev() {
        let after: C64 = (i + 1..n).map(|k| factor[k * n + i].conj() * x[k]).sum();
        x[i] = (x[i] - after) / factor[i * n + i].re;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAMPS: Ramps = Ramps {
        up: 120.0,
        flat: 220.0,
        down: 120.0,
        delay: Some(30.0),
        dwell: None,
    };

    #[test]
    fn the_area_of_a_trapezoid() {
        assert_eq!(area(&RAMPS, 0.0), 0.0);
        assert_eq!(area(&RAMPS, 120.0), 60.0);
        assert_eq!(area(&RAMPS, 230.0), 170.0);
        assert_eq!(area(&RAMPS, f64::INFINITY), 340.0);
        assert!((area(&RAMPS, 400.0) - (340.0 - area(&RAMPS, 60.0))).abs() < 1e-9);
    }

    #[test]
    fn samples_on_ramps_become_those_at_equal_distances() {
        let (encoded, positions) = (64, 32);
        let head = Head {
            number_of_samples: 64,
            sample_time_us: 6.25,
            ..Head::default()
        };
        let window = Window::new(&RAMPS, &head).unwrap();
        assert!(window.is_on_ramps(&RAMPS));
        let k: Vec<f64> = window.times(64).map(|t| 64.0 * window.encodes(&RAMPS, t)).collect();
        let matrix = matrix(&k, encoded, positions);
        // an object in the field of view of the image: what it gives at k, and at equal distances
        let image: Vec<C64> = (0..positions)
            .map(|x| C64::from_polar(if (6..27).contains(&x) { 1.0 } else { 0.1 }, 0.1 * x as f64))
            .collect();
        let sample = |k: f64| -> C64 {
            let of = |(x, v): (usize, &C64)| v * C64::from_polar(0.125, -TAU * k * (x as f64 - 16.0) / 64.0);
            image.iter().enumerate().map(of).sum()
        };
        let mut right = image.clone();
        let fourier = Fourier::<f64>::new(Grid::new(1, positions));
        fourier.forward(&mut right, &mut fourier.scratch());
        for (p, right) in right.iter().enumerate() {
            let row = &matrix[p * 64..][..64];
            let found: C64 = row
                .iter()
                .zip(&k)
                .map(|(a, &k)| C64::new(a.re.into(), a.im.into()) * sample(k))
                .sum();
            assert!((found - right).norm() < 2e-2, "{p}: {found} {right}");
        }
    }

    #[test]
    fn a_readout_on_the_flat_top_is_left_alone() {
        let head = Head {
            number_of_samples: 32,
            sample_time_us: 6.0,
            ..Head::default()
        };
        let flat = Ramps {
            delay: Some(121.0),
            ..RAMPS
        };
        assert!(!Window::new(&flat, &head).unwrap().is_on_ramps(&flat));
        // by the middle of the gradient, where the delay is not told
        let untold = Ramps { delay: None, ..RAMPS };
        assert!(!Window::new(&untold, &head).unwrap().is_on_ramps(&untold));
        // longer than the gradient
        let long = Head {
            sample_time_us: 20.0,
            ..head
        };
        assert!(Window::new(&flat, &long).is_none());
    }
}
