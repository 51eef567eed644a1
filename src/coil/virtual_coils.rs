//! Virtual coils: linear combinations of the coils of a scan, in which their noise is white and, where they are
//! fewer, nearly all of the signal is left.
//!
//! Compression: M. Buehrer, K. P. Pruessmann, P. Boesiger, S. Kozerke, Magn Reson Med 57 (2007) 1131-1139; F. Huang,
//! S. Vijayakumar, Y. Li, S. Hertel, G. R. Duensing, Magn Reson Imaging 26 (2008) 133-141: the dominant left singular
//! vectors of the samples across coils. One slice at a time, as T. Zhang, J. M. Pauly, S. S. Vasanawala, M. Lustig, Magn
//! Reson Med 69 (2013) 571-582 do it along a fully sampled axis; nothing has to be aligned from slice to slice here,
//! since images are combined slice by slice.

use faer::Mat;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, Axis, s};
use num_complex::Complex;
use rayon::prelude::*;

use super::hermitian::{eigen, gram};
use super::units::{Units, mapped, narrow, overlaps, product, wide};
use super::whitening::whitening;
use crate::array::{CoilStack, Grid, Maps};
use crate::error::Result;

type C32 = Complex<f32>;
type C64 = Complex<f64>;

/// Of more coils than this, virtual ones are made unless told otherwise, at most this many.
const MANY: usize = 16;
/// Share of the energy that virtual coils have to keep, where not told how many to be.
const ENOUGH: f64 = 0.9995;

/// How many virtual coils.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Of more than 16 coils as many as keep 99.95 % of the energy, at most 16; else all.
    #[default]
    Auto,
    Off,
    /// So many, where there are more.
    To(usize),
}

impl Compression {
    /// How many there are at most of `coils`.
    pub fn most(self, coils: usize) -> usize {
        match self {
            Self::Auto => coils.min(MANY),
            Self::Off => coils,
            Self::To(wanted) => coils.min(wanted),
        }
    }

    /// How many to keep of principal components with these energies, falling.
    fn chosen(self, energies: &[f64]) -> usize {
        let most = self.most(energies.len());
        if self != Self::Auto || most == energies.len() {
            return most;
        }
        let enough = |&kept: &usize| share(energies, kept) >= ENOUGH;
        (1..most).find(enough).unwrap_or(most)
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Off => f.write_str("off"),
            Self::To(wanted) => write!(f, "{wanted}"),
        }
    }
}

/// Share of the energy in the first `kept`; 1 of none.
fn share(energies: &[f64], kept: usize) -> f64 {
    let all: f64 = energies.iter().sum();
    match all > 0.0 {
        true => (energies[..kept].iter().sum::<f64>() / all).min(1.0),
        false => 1.0,
    }
}

/// The linear map `T = α Vᴴ W` from the coils of a scan to virtual ones: W whitens the noise, V has the principal
/// components of the whitened samples as columns, and α leaves the energy of the samples as it was.
pub struct VirtualCoils {
    /// T, `(virtual, coils)`.
    forward: Array2<C64>,
    /// `T⁺ = W⁻¹ V / α`, `(coils, virtual)`: `T T⁺ = I`.
    back: Array2<C64>,
    /// The noise covariance of the virtual coils, `(virtual, virtual)`.
    pub covariance: Array2<C64>,
    /// Whether noise that was not white is now.
    pub whitened: bool,
    /// Share of the energy that they keep.
    pub energy: f64,
}

impl VirtualCoils {
    /// The virtual coils of one slice; `None` where those of the scan serve as they are.
    ///
    /// `kspace` is `(coils, rows, cols)`, zero where not sampled; `covariance` is that of its noise, in its units, zero
    /// where not known. Principal components are those of the samples in `centre`, which hold most of the energy with the
    /// least noise and are the same for every mask, or of all samples where it is empty.
    ///
    /// Errors: values that are not finite.
    pub fn new(
        kspace: ArrayView3<C32>,
        centre: Grid,
        covariance: &Array2<C64>,
        whiten: bool,
        compression: Compression,
    ) -> Result<Option<Self>> {
        let (coils, rows, cols) = kspace.dim();
        let compress = compression.most(coils) < coils;
        if !compress && !whiten {
            return Ok(None);
        }
        let all = energies_across(kspace);
        let white = match whiten {
            true => whitening(covariance.view(), trace(&all) / (coils * rows * cols) as f64)?,
            false => None,
        };
        if white.is_none() && !compress {
            return Ok(None);
        }
        let unit = || Array2::from_diag_elem(coils, C64::new(1.0, 0.0));
        let (matrix, inverse) = match &white {
            Some(white) => (white.matrix.clone(), white.inverse.clone()),
            None => (unit(), unit()),
        };
        // One factor for all coils: units stay near those of the scan.
        let scale = match trace(&conjugated(&matrix, &all)) {
            energy if energy > 0.0 => (trace(&all) / energy).sqrt(),
            _ => 1.0,
        };
        let (mut forward, mut back, mut energy) = (matrix.clone(), inverse.clone(), 1.0);
        if compress {
            let of_centre = match centre.is_empty() {
                true => all,
                false => energies_across(centre_of(kspace, centre)),
            };
            let (energies, vectors) = principal(&conjugated(&matrix, &of_centre))?;
            let kept = compression.chosen(&energies);
            let vectors = vectors.slice(s![.., ..kept]);
            energy = share(&energies, kept);
            forward = adjoint(vectors).dot(&matrix);
            back = inverse.dot(&vectors);
        }
        forward.mapv_inplace(|v| v * scale);
        back.mapv_inplace(|v| v / scale);
        let row_major = |matrix: Array2<C64>| matrix.as_standard_layout().into_owned();
        let (forward, back) = (row_major(forward), row_major(back));
        let covariance = conjugated(&forward, covariance);
        Ok(Some(Self {
            forward,
            back,
            covariance,
            whitened: white.is_some(),
            energy,
        }))
    }

    pub fn count(&self) -> usize {
        self.forward.nrows()
    }

    /// Replaces the k-space of the coils by that of the virtual ones; each sample is summed in f64.
    pub fn apply(&self, kspace: &mut CoilStack<f32>) {
        let (coils, _, cols) = kspace.dim();
        let mut lines: Vec<_> = kspace.axis_iter_mut(Axis(1)).collect();
        lines.par_iter_mut().for_each_init(
            || vec![C64::new(0.0, 0.0); coils],
            |at, line| {
                for col in 0..cols {
                    at.iter_mut().zip(line.column(col)).for_each(|(v, s)| *v = wide(*s));
                    for (row, target) in self.forward.outer_iter().zip(line.column_mut(col)) {
                        *target = narrow(product(row, at));
                    }
                }
            },
        );
        drop(lines);
        kspace.slice_collapse(s![..self.count(), .., ..]);
    }

    /// The weights `uᴴ` on coils that fix the phase of maps, as weights on the virtual ones.
    pub fn weights(&self, of_coils: &[C64]) -> Vec<C64> {
        let weight = |column: ArrayView1<C64>| column.iter().zip(of_coils).map(|(b, u)| b.conj() * u).sum();
        self.back.columns().into_iter().map(weight).collect()
    }

    /// Maps of the virtual coils, `(sets, virtual, rows, cols)`, as maps of the coils of the scan, `Σ_c |S_c|²` the same.
    pub fn expand(&self, maps: &Maps<f32>) -> Maps<f32> {
        mapped(&self.back, maps, true).0
    }

    /// The units of images that go with maps of the virtual coils.
    pub fn units(&self, maps: &Maps<f32>) -> Units {
        let (_, growth) = mapped(&self.back, maps, false);
        Units::new(growth, overlaps(&self.back, maps))
    }

    /// Maps of the coils of the scan as maps of the virtual ones, `Σ_c |S_c|²` the same where any is left, and the
    /// units of images that go with them.
    pub fn reduce(&self, maps: &Maps<f32>) -> (Maps<f32>, Units) {
        let (reduced, growth) = mapped(&self.forward, maps, true);
        let unit = Array2::from_diag_elem(self.forward.ncols(), C64::new(1.0, 0.0));
        (reduced, Units::new(growth.mapv_into(f32::recip), overlaps(&unit, maps)))
    }
}

/// `Σ y yᴴ` over locations, `(coils, coils)`, of `(coils, rows, cols)`.
fn energies_across(kspace: ArrayView3<C32>) -> Array2<C64> {
    let (coils, rows, cols) = kspace.dim();
    let zero = || Mat::<C64>::zeros(coils, coils);
    let mut sum = zero();
    // A line at a time: the data are not copied as a whole.
    for row in 0..rows {
        let line = Mat::from_fn(coils, cols, |c, col| wide(kspace[[c, row, col]]));
        sum += gram(line.as_ref());
    }
    Array2::from_shape_fn(
        (coils, coils),
        |(c, d)| if c >= d { sum[(c, d)] } else { sum[(d, c)].conj() },
    )
}

fn centre_of(kspace: ArrayView3<C32>, centre: Grid) -> ArrayView3<C32> {
    let (_, rows, cols) = kspace.dim();
    let (row, col) = Grid::new(rows, cols).centred_offset(centre);
    kspace.slice_move(s![.., row..row + centre.rows, col..col + centre.cols])
}

/// Eigenvalues, falling and none below zero, and eigenvectors as columns. Scaled to a trace of 1 for the computation, so
/// that powers of two change no digit of the vectors.
fn principal(hermitian: &Array2<C64>) -> Result<(Vec<f64>, Array2<C64>)> {
    let coils = hermitian.nrows();
    let unit = match trace(hermitian) {
        trace if trace > 0.0 => trace,
        _ => 1.0,
    };
    let (values, vectors) = eigen(Mat::from_fn(coils, coils, |c, d| hermitian[[c, d]] / unit))?;
    let energies = values.iter().rev().map(|v| v.max(0.0)).collect();
    let vectors = Array2::from_shape_fn((coils, coils), |(c, i)| vectors[(c, coils - 1 - i)]);
    Ok((energies, vectors))
}

/// `A X Aᴴ`.
fn conjugated(matrix: &Array2<C64>, x: &Array2<C64>) -> Array2<C64> {
    matrix.dot(x).dot(&adjoint(matrix.view()))
}

fn adjoint(matrix: ArrayView2<C64>) -> Array2<C64> {
    matrix.t().mapv(|v| v.conj())
}

fn trace(matrix: &Array2<C64>) -> f64 {
    matrix.diag().iter().map(|v| v.re).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, Zip};

    use super::*;
    use crate::array::ImageSets;
    use crate::coil::whitening::tests::{correlated, draws};

    const GRID: Grid = Grid::new(24, 20);

    /// k-space of a few smooth sensitivities, in noise of the covariance [`correlated`].
    fn scan(coils: usize, noise: f64) -> CoilStack<f32> {
        let draws = draws(coils, GRID.len());
        Array3::from_shape_fn((coils, GRID.rows, GRID.cols), |(coil, row, col)| {
            let [y, x] = [row as f64 - 12.0, col as f64 - 10.0];
            let decay = 100.0 / (1.0 + y * y + x * x);
            let angle = coil as f64;
            let signal = C64::from_polar(decay, angle) + C64::from_polar(decay * 0.3 * angle.sin(), y + 0.5 * x);
            narrow(signal + draws[[coil, row * GRID.cols + col]] * noise)
        })
    }

    fn maps(sets: usize, coils: usize) -> Maps<f32> {
        let mut maps = Maps::from_shape_fn((sets, coils, GRID.rows, GRID.cols), |(set, coil, row, col)| {
            let turn = (set * 7 + coil * 3) as f32 + 0.1 * row as f32 - 0.05 * (coil * col) as f32;
            C32::from_polar(if row < 2 { 0.0 } else { 1.0 + 0.1 * coil as f32 }, turn)
        });
        for mut set in maps.outer_iter_mut() {
            let norm = set.map_axis(Axis(0), |s| s.iter().map(|v| v.norm_sqr()).sum::<f32>().sqrt());
            for mut plane in set.outer_iter_mut() {
                Zip::from(&mut plane).and(&norm).for_each(|s, &n| *s /= n.max(1.0));
            }
        }
        maps
    }

    fn made(kspace: &CoilStack<f32>, covariance: &Array2<C64>, compression: Compression) -> VirtualCoils {
        let made = VirtualCoils::new(kspace.view(), Grid::new(0, 0), covariance, true, compression);
        made.unwrap().expect("virtual coils are called for")
    }

    fn distance(a: &Maps<f32>, b: &Maps<f32>) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max)
    }

    fn energy(kspace: &CoilStack<f32>) -> f64 {
        crate::array::energy(kspace)
    }

    #[test]
    fn the_coils_of_a_scan_serve_where_nothing_has_to_be_done() {
        let kspace = scan(8, 1.0);
        let white = Array2::from_diag_elem(8, C64::new(2.0, 0.0));
        for (covariance, whiten, compression) in [
            (&white, true, Compression::Auto),
            (&Array2::zeros((8, 8)), true, Compression::Auto),
            (&correlated(8), false, Compression::Auto),
            (&white, true, Compression::To(8)),
            (&white, true, Compression::To(20)),
        ] {
            let made = VirtualCoils::new(kspace.view(), GRID, covariance, whiten, compression);
            assert!(made.unwrap().is_none());
        }
    }

    #[test]
    fn whitened_coils_hold_the_same_energy_in_white_noise() {
        let (mut kspace, covariance) = (scan(5, 1e-3), correlated(5).mapv(|v| v * 1e6));
        let before = energy(&kspace);
        let coils = made(&kspace, &covariance, Compression::Auto);
        coils.apply(&mut kspace);
        assert!((energy(&kspace) / before - 1.0).abs() < 1e-5 && coils.whitened && coils.count() == 5);
        let variance = coils.covariance[[0, 0]].re;
        for ((c, d), value) in coils.covariance.indexed_iter() {
            let expected = if c == d { variance } else { 0.0 };
            assert!((value - expected).norm() < 2e-3 * variance, "{c} {d} {value}");
        }
    }

    /// Of 20 coils with two sensitivities, two virtual ones hold all; the energy told is that which is left.
    #[test]
    fn compression_keeps_the_energy_it_tells_of() {
        let kspace = scan(20, 0.02);
        let zero = Array2::zeros((20, 20));
        for compression in [Compression::Auto, Compression::To(1), Compression::To(3)] {
            let coils = made(&kspace, &zero, compression);
            let mut compressed = kspace.clone();
            coils.apply(&mut compressed);
            assert_eq!(compressed.dim().0, coils.count());
            let kept = energy(&compressed) / energy(&kspace);
            assert!((kept - coils.energy).abs() < 1e-5, "{kept} and {}", coils.energy);
            match compression {
                Compression::Auto => {
                    assert!((2..=16).contains(&coils.count()) && kept >= ENOUGH || coils.count() == 16)
                }
                Compression::To(wanted) => assert_eq!(coils.count(), wanted),
                Compression::Off => unreachable!(),
            }
        }
        // No fewer dimensions hold more energy: any other two coils are worse than the first two virtual ones.
        let best = made(&kspace, &zero, Compression::To(2)).energy;
        let two = energy(&kspace.slice(s![3..5, .., ..]).to_owned()) / energy(&kspace);
        assert!(best > two);
    }

    #[test]
    fn maps_go_there_and_back() {
        for (coils, compression) in [(6, Compression::Auto), (20, Compression::To(5))] {
            let kspace = scan(coils, 0.1);
            let made = made(&kspace, &correlated(coils), compression);
            for sets in [1, 2] {
                let virtual_maps = maps(sets, made.count());
                let of_scan = made.expand(&virtual_maps);
                assert_eq!(of_scan.dim().1, coils);
                let (again, units) = made.reduce(&of_scan);
                assert!(
                    distance(&virtual_maps, &again) < 1e-4,
                    "{}",
                    distance(&virtual_maps, &again)
                );
                let mut ones = [(); 2].map(|()| ImageSets::from_elem((sets, GRID.rows, GRID.cols), C32::ONE));
                units.scale(&mut ones[0]);
                made.units(&virtual_maps).scale(&mut ones[1]);
                for (a, b) in ones[0].iter().zip(&ones[1]) {
                    assert!((a - b).norm() < 1e-4 * a.norm() && a.norm().is_finite(), "{a} {b}");
                }
            }
        }
    }

    /// The magnitude in the units of the scan is the root sum of squares of the coil images, of two sets too.
    #[test]
    fn images_are_in_the_units_of_the_scan() {
        let kspace = scan(4, 0.1);
        let made = made(&kspace, &correlated(4), Compression::Auto);
        let virtual_maps = maps(2, 4);
        let image = |set: usize| C32::from_polar(1.0 + set as f32, set as f32);
        for (row, col) in [(5, 3), (20, 19)] {
            let of_virtual = |c: usize| {
                (0..2)
                    .map(|m| wide(virtual_maps[[m, c, row, col]]) * wide(image(m)))
                    .sum()
            };
            let of_virtual: Vec<C64> = (0..4).map(of_virtual).collect();
            let of_scan = made.back.outer_iter().map(|line| product(line, &of_virtual).norm_sqr());
            let expected = of_scan.sum::<f64>().sqrt();
            let mut images = ImageSets::from_shape_fn((2, GRID.rows, GRID.cols), |(set, ..)| image(set));
            let units = made.units(&virtual_maps);
            units.scale(&mut images);
            let found = f64::from(units.magnitude(&images).unwrap()[[row, col]]);
            assert!((found / expected - 1.0).abs() < 1e-5, "{found} for {expected}");
        }
    }

    #[test]
    fn neither_threads_nor_powers_of_two_change_a_digit() {
        let kspace = scan(18, 0.1);
        let run = |threads: usize, power: f32| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut kspace = kspace.mapv(|v| v * power);
            let covariance = correlated(18).mapv(|v| v * f64::from(power).powi(2));
            pool.install(|| {
                let coils = made(&kspace, &covariance, Compression::Auto);
                coils.apply(&mut kspace);
                let maps = maps(1, coils.count());
                let expanded = coils.expand(&maps);
                (kspace.mapv(|v| v / power), expanded)
            })
        };
        let one = run(1, 1.0);
        assert_eq!(one, run(3, 1.0));
        assert_eq!(one, run(2, 2f32.powi(-30)));
        assert_eq!(one, run(2, 2f32.powi(40)));
    }

    #[test]
    fn a_dead_coil_and_a_copy_stay_what_they_are() {
        let mut kspace = scan(5, 0.1);
        kspace.index_axis_mut(Axis(0), 2).fill(C32::ZERO);
        let copied = kspace.index_axis(Axis(0), 0).to_owned();
        kspace.index_axis_mut(Axis(0), 1).assign(&copied);
        let mut covariance = correlated(5);
        for other in 0..5 {
            covariance[[1, other]] = covariance[[0, other]];
        }
        for other in 0..5 {
            covariance[[other, 1]] = covariance[[other, 0]];
            covariance[[2, other]] = C64::ZERO;
        }
        covariance.column_mut(2).fill(C64::ZERO);
        made(&kspace, &covariance, Compression::Auto).apply(&mut kspace);
        assert!(kspace.iter().all(|v| v.is_finite() && v.norm() < 1e4));
        let size = kspace.iter().map(|v| v.norm()).fold(0.0, f32::max);
        assert!(kspace.index_axis(Axis(0), 2).iter().all(|v| v.norm() < 1e-6 * size));
        let difference = &kspace.index_axis(Axis(0), 0) - &kspace.index_axis(Axis(0), 1);
        assert!(difference.iter().all(|v| v.norm() < 1e-3 * size));
    }
}
