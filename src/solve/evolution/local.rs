//! ξ, the coil maps averaged over the energy of each wavelet, and τ as a quadratic form in it.

use std::iter::repeat;
use std::sync::Arc;

use ndarray::parallel::prelude::*;
use num_complex::Complex;

use super::Covariance;
use crate::array::{LANES, Real, vectorised};
use crate::operator::Encoding;
use crate::wavelet::{EnergyAverage, Layout, Pyramid};

/// Blocks of coefficients that one task works on, where nothing makes it fewer.
const TASK: usize = 128;

/// A complex value for each of [`LANES`] coefficients, or samples: real parts, then imaginary ones.
pub(super) type Lanes<T> = [[T; LANES]; 2];

/// Coefficients of one subband that follow each other.
struct Tile {
    band: usize,
    /// Which of the matrices of the subband is theirs, where it has more than one.
    matrix: usize,
    /// In a pyramid.
    coefficients: std::ops::Range<usize>,
    /// The first block of their ξ.
    block: usize,
}

impl Tile {
    fn blocks(&self) -> usize {
        self.coefficients.len().div_ceil(LANES)
    }
}

/// How the coefficients of all subbands, in the order of a pyramid, are divided among tasks. A subband where one
/// covariance holds for all is cut anywhere; one where it depends on the row or the column, into rows.
pub(super) struct Tiles {
    layout: Arc<Layout>,
    tiles: Vec<Tile>,
}

impl Tiles {
    pub(super) fn new(layout: &Arc<Layout>, by_row: bool) -> Self {
        let mut tiles: Vec<Tile> = Vec::new();
        let mut block = 0;
        for (index, band) in layout.bands.iter().enumerate() {
            let length = if by_row { band.grid.cols } else { TASK * LANES };
            for (row, start) in band.range().step_by(length).enumerate() {
                let tile = Tile {
                    band: index,
                    matrix: if by_row { row } else { 0 },
                    coefficients: start..band.range().end.min(start + length),
                    block,
                };
                block += tile.blocks();
                tiles.push(tile);
            }
        }
        Self {
            layout: Arc::clone(layout),
            tiles,
        }
    }

    fn blocks(&self) -> usize {
        self.tiles.last().map_or(0, |tile| tile.block + tile.blocks())
    }

    /// Each tile with its own part of `values`, of which it has as many as `count` says.
    fn each<'a, V>(&'a self, mut values: &'a mut [V], count: impl Fn(&Tile) -> usize) -> Vec<(&'a Tile, &'a mut [V])> {
        let part = |tile| {
            let (own, others) = std::mem::take(&mut values).split_at_mut(count(tile));
            values = others;
            (tile, own)
        };
        self.tiles.iter().map(part).collect()
    }
}

/// ξ of one set of maps, `[block][coil]`: what the quadratic form reads, in the order in which it does. The last block
/// of a tile is filled up with zeros.
pub(super) struct LocalMaps<T> {
    coils: usize,
    blocks: Vec<Lanes<T>>,
}

impl<T: Real> LocalMaps<T> {
    fn zeros(coils: usize, tiles: &Tiles) -> Self {
        Self {
            coils,
            blocks: vec![[[T::zero(); LANES]; 2]; tiles.blocks() * coils],
        }
    }

    /// `conj(S)` of a set of maps, averaged over the energy of each wavelet. As many coils at a time as there are
    /// threads: all of them as pyramids first would double the memory.
    pub(super) fn averaged(encoding: &Encoding<T>, set: usize, energy: &EnergyAverage<T>, tiles: &Tiles) -> Self {
        let coils: Vec<usize> = (0..encoding.coils()).collect();
        let at_once = rayon::current_num_threads().min(coils.len());
        let mut pyramids = vec![Pyramid::filled(&tiles.layout, Complex::new(T::zero(), T::zero())); at_once];
        let mut xi = Self::zeros(coils.len(), tiles);
        for coils in coils.chunks(at_once) {
            let averages = pyramids.par_iter_mut().zip(coils);
            averages.for_each(|(xi, &coil)| {
                energy.average(encoding.map(set, coil).view(), xi);
                xi.values.iter_mut().for_each(|v| *v = v.conj());
            });
            xi.put(coils[0], &pyramids[..coils.len()], tiles);
        }
        xi
    }

    /// Given as pyramids, one for each coil.
    pub(super) fn given(xi: &[Pyramid<Complex<T>>], tiles: &Tiles) -> Self {
        let mut local = Self::zeros(xi.len(), tiles);
        local.put(0, xi, tiles);
        local
    }

    /// Those of the coils from `first` on.
    fn put(&mut self, first: usize, xi: &[Pyramid<Complex<T>>], tiles: &Tiles) {
        let coils = self.coils;
        let tiles = tiles.each(&mut self.blocks, |tile| tile.blocks() * coils);
        tiles.into_par_iter().for_each(|(tile, blocks)| {
            for (coil, xi) in xi.iter().enumerate() {
                let values = xi.values[tile.coefficients.clone()].chunks(LANES);
                for (lanes, values) in blocks[first + coil..].iter_mut().step_by(coils).zip(values) {
                    for (j, v) in values.iter().enumerate() {
                        (lanes[0][j], lanes[1][j]) = (v.re, v.im);
                    }
                }
            }
        });
    }

    /// `τ_b[j] = Re Σ conj(ξ_c[j]) Z_b[c,c'] ξ_c'[j]` of every coefficient, with `Z_b` of each subband.
    pub(super) fn variances(&self, covariance: &[Covariance<T>], tiles: &Tiles, tau: &mut Pyramid<T>) {
        let tiles = tiles.each(&mut tau.values, |tile| tile.coefficients.len());
        tiles.into_par_iter().for_each(|(tile, tau)| {
            let blocks = tile.block * self.coils..(tile.block + tile.blocks()) * self.coils;
            let xi = &self.blocks[blocks];
            let pairs = super::pairs(self.coils).count();
            vectorised(
                #[inline(always)]
                || {
                    let xi = xi.chunks_exact(self.coils);
                    match &covariance[tile.band] {
                        Covariance::Same(matrices) => {
                            let matrix = &matrices[tile.matrix * pairs..(tile.matrix + 1) * pairs];
                            quadratic_forms(xi.zip(repeat(matrix)), tau);
                        }
                        Covariance::Along(matrices) => quadratic_forms(xi.zip(matrices.chunks_exact(pairs)), tau),
                    }
                },
            );
        });
    }
}

/// An entry of Z for each coefficient of a block.
trait Entry<T> {
    fn of_lane(&self, lane: usize) -> Complex<T>;
}

impl<T: Real> Entry<T> for Complex<T> {
    #[inline(always)]
    fn of_lane(&self, _: usize) -> Self {
        *self
    }
}

impl<T: Real> Entry<T> for Lanes<T> {
    #[inline(always)]
    fn of_lane(&self, lane: usize) -> Complex<T> {
        Complex::new(self[0][lane], self[1][lane])
    }
}

/// The quadratic form for block after block of coefficients. Never negative: rounding is clipped.
#[inline(always)]
fn quadratic_forms<'a, T: Real, Z: Entry<T> + 'a>(
    blocks: impl Iterator<Item = (&'a [Lanes<T>], &'a [Z])>,
    tau: &mut [T],
) {
    for ((xi, matrix), tau) in blocks.zip(tau.chunks_mut(LANES)) {
        let mut sums = quadratic_form(xi, matrix);
        for sum in &mut sums {
            // A NaN stays one: it must not pass for no noise.
            *sum = if *sum < T::zero() { T::zero() } else { *sum };
        }
        match <&mut [T; LANES]>::try_from(&mut *tau) {
            Ok(tau) => *tau = sums,
            Err(_) => tau.copy_from_slice(&sums[..tau.len()]),
        }
    }
}

/// `Re Σ_c conj(ξ_c) Σ_{d ≥ c} Z[c,d] ξ_d`, of ξ of each coil and the upper triangle of Z.
#[inline(always)]
fn quadratic_form<T: Real>(xi: &[Lanes<T>], matrix: &[impl Entry<T>]) -> [T; LANES] {
    let mut sums = [T::zero(); LANES];
    let mut rest = matrix;
    for (c, left) in xi.iter().enumerate() {
        let (row, below) = rest.split_at(xi.len() - c);
        rest = below;
        let (mut re, mut im) = ([T::zero(); LANES], [T::zero(); LANES]);
        for j in 0..LANES {
            let z = row[0].of_lane(j).re;
            re[j] += z * left[0][j];
            im[j] += z * left[1][j];
        }
        for (entry, right) in row[1..].iter().zip(&xi[c + 1..]) {
            for j in 0..LANES {
                let z = entry.of_lane(j);
                re[j] += z.re * right[0][j] - z.im * right[1][j];
                im[j] += z.re * right[1][j] + z.im * right[0][j];
            }
        }
        for j in 0..LANES {
            sums[j] += left[0][j] * re[j] + left[1][j] * im[j];
        }
    }
    sums
}
