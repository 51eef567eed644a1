//! From images and maps of virtual coils to those of the coils of a scan, and back.

use ndarray::{Array2, Array3, Array4, ArrayView1, Axis, Zip, s};
use num_complex::Complex;
use rayon::prelude::*;

use crate::array::{ImageSets, Maps};

type C32 = Complex<f32>;
type C64 = Complex<f64>;
const ZERO: C64 = C64::new(0.0, 0.0);

/// Factors between images of virtual coils and images in the units of the scan.
///
/// The magnitude of an image in the units of the scan is the root sum of squares of its coil images over the coils of
/// the scan. Made by [`VirtualCoils::scaling`](super::VirtualCoils::scaling) and
/// [`VirtualCoils::reduce`](super::VirtualCoils::reduce).
pub struct CoilScaling {
    /// `(sets, rows, cols)`: the root sum of squares over the coils of the scan of an image of 1.
    growth: Array3<f32>,
    /// `⟨s_m, s_n⟩` between the maps of the sets m and n in the coils of the scan, each of norm 1, `(sets, sets, rows,
    /// cols)`; `None` of one set.
    overlaps: Option<Array4<C32>>,
}

impl CoilScaling {
    /// `growth` is taken as 1 where it is not a positive number: where maps are zero.
    pub(super) fn new(growth: Array3<f32>, overlaps: Option<Array4<C32>>) -> Self {
        let positive = |v: f32| if v > 0.0 && v.is_finite() { v } else { 1.0 };
        Self {
            growth: growth.mapv_into(positive),
            overlaps,
        }
    }

    /// Brings images `(sets, rows, cols)` of the virtual coils into the units of the scan, in place.
    ///
    /// # Panics
    /// If the images are not of the shape of the maps.
    pub fn scale(&self, images: &mut ImageSets<f32>) {
        Zip::from(images).and(&self.growth).for_each(|v, g| *v *= *g);
    }

    /// The same for standard deviations `(sets, rows, cols)`.
    ///
    /// # Panics
    /// If they are not of the shape of the maps.
    pub fn scale_deviations(&self, deviations: &mut Array3<f32>) {
        *deviations *= &self.growth;
    }

    /// Magnitude `(rows, cols)` of the image that several sets make together, `√(Σ_mn conj(x_m) ⟨s_m, s_n⟩ x_n)`. The
    /// images are in the units of the scan. `None` for one set, where the magnitude is that of the image.
    ///
    /// # Panics
    /// If the images exceed the maps.
    pub fn magnitude(&self, images: &ImageSets<f32>) -> Option<Array2<f32>> {
        let overlaps = self.overlaps.as_ref()?;
        let (sets, rows, cols) = images.dim();
        Some(Array2::from_shape_fn((rows, cols), |(row, col)| {
            let at = |set: usize| wide(images[[set, row, col]]);
            let pairs = (0..sets).flat_map(|m| (0..sets).map(move |n| (m, n)));
            let power: C64 = pairs
                .map(|(m, n)| at(m).conj() * wide(overlaps[[m, n, row, col]]) * at(n))
                .sum();
            power.re.max(0.0).sqrt() as f32
        }))
    }
}

/// `M S` scaled to the norm of S in each pixel, `(sets, M's rows, rows, cols)`, or no coils of it unless `kept`; and
/// `‖M S‖/‖S‖`, `(sets, rows, cols)`, 0 where that is nothing.
pub(super) fn mapped(matrix: &Array2<C64>, maps: &Maps<f32>, kept: bool) -> (Maps<f32>, Array3<f32>) {
    let (sets, coils, rows, cols) = maps.dim();
    let count = if kept { matrix.nrows() } else { 0 };
    let mut out = Maps::zeros((sets, count, rows, cols));
    let mut growth = Array3::zeros((sets, rows, cols));
    for (set, (mut out, mut growth)) in out.outer_iter_mut().zip(growth.outer_iter_mut()).enumerate() {
        let mut lines: Vec<_> = out.axis_iter_mut(Axis(1)).zip(growth.outer_iter_mut()).collect();
        lines.par_iter_mut().enumerate().for_each_init(
            || (vec![ZERO; coils], vec![ZERO; matrix.nrows()]),
            |(from, to), (row, (out, growth))| {
                for col in 0..cols {
                    let norm = load(maps.slice(s![set, .., row, col]), from);
                    let grown = multiply(matrix, from, to);
                    if norm > 0.0 && grown > f64::EPSILON * norm {
                        growth[col] = (grown / norm) as f32;
                        let target = out.column_mut(col);
                        target
                            .into_iter()
                            .zip(to.iter())
                            .for_each(|(t, v)| *t = narrow(v * (norm / grown)));
                    }
                }
            },
        );
    }
    (out, growth)
}

/// `⟨s_m, s_n⟩` with `s_m = M S_m / ‖M S_m‖`, 0 where that is nothing.
pub(super) fn overlaps(matrix: &Array2<C64>, maps: &Maps<f32>) -> Option<Array4<C32>> {
    let (sets, coils, rows, cols) = maps.dim();
    if sets == 1 {
        return None;
    }
    let mut overlaps = Array4::zeros((sets, sets, rows, cols));
    let mut lines: Vec<_> = overlaps.axis_iter_mut(Axis(2)).collect();
    lines.par_iter_mut().enumerate().for_each(|(row, overlaps)| {
        let mut from = vec![ZERO; coils];
        let mut units = vec![vec![ZERO; matrix.nrows()]; sets];
        for col in 0..cols {
            for (set, unit) in units.iter_mut().enumerate() {
                load(maps.slice(s![set, .., row, col]), &mut from);
                let norm = multiply(matrix, &from, unit);
                let factor = if norm > 0.0 { norm.recip() } else { 0.0 };
                unit.iter_mut().for_each(|v| *v *= factor);
            }
            for (m, left) in units.iter().enumerate() {
                for (n, right) in units.iter().enumerate() {
                    let inner: C64 = left.iter().zip(right).map(|(a, b)| a.conj() * b).sum();
                    overlaps[[m, n, col]] = narrow(inner);
                }
            }
        }
    });
    Some(overlaps)
}

/// Copies one pixel's maps; their norm.
fn load(maps: ArrayView1<C32>, into: &mut [C64]) -> f64 {
    into.iter_mut().zip(maps).for_each(|(v, s)| *v = wide(*s));
    into.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt()
}

/// `M v` into `to`; its norm.
fn multiply(matrix: &Array2<C64>, from: &[C64], to: &mut [C64]) -> f64 {
    for (to, row) in to.iter_mut().zip(matrix.outer_iter()) {
        *to = product(row, from);
    }
    to.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt()
}

pub(super) fn product(row: ArrayView1<C64>, values: &[C64]) -> C64 {
    row.iter().zip(values).map(|(a, b)| a * b).sum()
}

pub(super) fn wide(value: C32) -> C64 {
    C64::new(value.re.into(), value.im.into())
}

pub(super) fn narrow(value: C64) -> C32 {
    C32::new(value.re as f32, value.im as f32)
}
