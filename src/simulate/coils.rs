//! Smooth coil sensitivity maps of loops around the head.

use std::f64::consts::{PI, TAU};

use ndarray::Array3;
use num_complex::Complex;
use rayon::prelude::*;

use super::field::{Draw, Stream};
use super::frame::Frame;
use crate::array::{CoilStack, Grid};

/// Coils on one ring before a second ring is laid above it, and the most rings there are.
const PER_RING: usize = 8;
const RINGS: usize = 4;

/// A loop facing the head's axis.
struct Loop {
    centre: [f64; 3],
    /// Unit vector to the head's axis.
    facing: [f64; 2],
    radius: f64,
    /// Phase at the centre, its slope along x and y, and its turn across the loop, in radians.
    phase: f64,
    slope: [f64; 2],
    turn: f64,
}

/// Sensitivity maps of `coils` loops, `(coils, rows, cols)`, with `Σ|S|² = 1` at every pixel.
///
/// A loop of radius a sees a point at distance d with magnitude `(1 + d²/a²)^(−3/2)`, the field on the axis of a
/// current loop, and a phase that turns across it. The maps of all slices are drawn from `seed`; `position` is
/// that of [`super::phantom()`]. A single coil has a uniform map of 1.
pub fn coil_maps(grid: Grid, coils: usize, position: f64, seed: u64) -> CoilStack<f32> {
    let mut maps = Array3::zeros((coils, grid.rows, grid.cols));
    if coils == 1 {
        maps.fill(Complex::ONE);
        return maps;
    }
    let loops = array_of_loops(coils, seed);
    let frame = Frame::new(grid);
    let height = position - 0.5;
    let sensitivities = |row: usize| -> Vec<Complex<f64>> {
        let at = |col| {
            let [x, y] = frame.point(row, col);
            let seen: Vec<_> = loops.iter().map(|coil| coil.sensitivity([x, y, height])).collect();
            let norm = seen.iter().map(|s| s.norm_sqr()).sum::<f64>().sqrt();
            seen.into_iter().map(move |s| s / norm)
        };
        (0..grid.cols).flat_map(at).collect()
    };
    let rows: Vec<_> = (0..grid.rows).into_par_iter().map(sensitivities).collect();
    for ((coil, row, col), s) in maps.indexed_iter_mut() {
        let seen = rows[row][col * coils + coil];
        *s = Complex::new(seen.re as f32, seen.im as f32);
    }
    maps
}

/// Loops spread evenly over rings around the head, each ring turned against the one below.
fn array_of_loops(coils: usize, seed: u64) -> Vec<Loop> {
    let mut draw = Draw::new(seed, Stream::Coils, 0.0);
    let rings = coils.div_ceil(PER_RING).min(RINGS);
    let start = draw.between(0.0, TAU);
    (0..coils)
        .map(|coil| {
            let (ring, place) = (coil % rings, coil / rings);
            let on_ring = (coils - ring).div_ceil(rings) as f64;
            let spacing = TAU / on_ring;
            let angle = start + spacing * (place as f64 + ring as f64 / rings as f64 + draw.between(-0.08, 0.08));
            let (sin, cos) = angle.sin_cos();
            let height = if rings == 1 {
                0.0
            } else {
                ring as f64 / (rings - 1) as f64 - 0.5
            };
            Loop {
                centre: [0.95 * cos, 1.1 * sin, height],
                facing: [-cos, -sin],
                // Neighbours overlap a little; below the floor the maps would no longer be smooth.
                radius: (0.6 * spacing).clamp(0.4, 0.8) * draw.between(0.95, 1.05),
                phase: angle + draw.between(-PI, PI),
                slope: [draw.between(-0.5, 0.5), draw.between(-0.5, 0.5)],
                turn: draw.between(1.0, 1.6),
            }
        })
        .collect()
}

impl Loop {
    fn sensitivity(&self, point: [f64; 3]) -> Complex<f64> {
        let [x, y, z] = [0, 1, 2].map(|axis| point[axis] - self.centre[axis]);
        let reach = x * x + y * y + z * z + self.radius * self.radius;
        let magnitude = self.radius.powi(3) / (reach * reach.sqrt());
        let across = (x * self.facing[1] - y * self.facing[0]) / reach.sqrt();
        let phase = self.phase + self.slope[0] * point[0] + self.slope[1] * point[1] + self.turn * across;
        Complex::from_polar(magnitude, phase)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::energy;
    use crate::fourier::Fourier;
    use ndarray::{Axis, Zip};

    #[test]
    fn squares_sum_to_one_everywhere() {
        for coils in [1, 2, 8, 32] {
            for (rows, cols) in [(32, 32), (31, 17), (80, 46)] {
                let maps = coil_maps(Grid::new(rows, cols), coils, 0.4, 3);
                let sum = maps.mapv(|s| s.norm_sqr()).sum_axis(Axis(0));
                assert!(
                    sum.iter().all(|s| (s - 1.0).abs() < 1e-5),
                    "{coils} coils on {rows}x{cols}"
                );
            }
        }
        assert!(coil_maps(Grid::new(4, 5), 1, 0.5, 0).iter().all(|&s| s == Complex::ONE));
    }

    /// ESPIRiT with 6×6 kernels can follow maps of such a bandwidth. Windowed, since a map need not be periodic.
    #[test]
    fn maps_are_of_low_bandwidth() {
        let grid = Grid::new(96, 96);
        let hann = |i: usize| (PI * i as f64 / 96.0).sin().powi(2) as f32;
        let fourier = Fourier::new(grid);
        let mut scratch = fourier.scratch();
        for coils in [2, 8, 16, 32, 64] {
            let mut worst = 0.0f64;
            for mut map in coil_maps(grid, coils, 0.5, 1).outer_iter_mut() {
                map.indexed_iter_mut().for_each(|((r, c), s)| *s *= hann(r) * hann(c));
                fourier.forward(map.as_slice_mut().unwrap(), &mut scratch);
                let centre = map.slice(ndarray::s![43..54, 43..54]);
                worst = worst.max(1.0 - energy(centre) / energy(&map));
            }
            assert!(
                worst < 1e-4,
                "{coils} coils: {worst:.1e} of the energy outside the central 11x11"
            );
        }
    }

    #[test]
    fn coils_differ_and_follow_the_seed() {
        let grid = Grid::new(24, 24);
        let maps = coil_maps(grid, 8, 0.5, 1);
        assert_ne!(maps, coil_maps(grid, 8, 0.5, 2));
        for a in 0..8 {
            for b in 0..a {
                let mut inner = Complex::<f32>::ZERO;
                Zip::from(maps.index_axis(Axis(0), a))
                    .and(maps.index_axis(Axis(0), b))
                    .for_each(|p, q| inner += p.conj() * q);
                let size = |c| energy(maps.index_axis(Axis(0), c)).sqrt();
                let likeness = f64::from(inner.norm()) / (size(a) * size(b));
                assert!(likeness < 0.95, "coils {a} and {b}: {likeness:.3}");
            }
        }
    }
}
