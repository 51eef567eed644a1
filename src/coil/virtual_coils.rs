//! Virtual coils: linear combinations of the coils of a scan, in which their noise is white and, where they are
//! fewer, nearly all of the signal is left.
//!
//! Compression: M. Buehrer, K. P. Pruessmann, P. Boesiger, S. Kozerke, Magn Reson Med 57 (2007) 1131-1139; F. Huang,
//! S. Vijayakumar, Y. Li, S. Hertel, G. R. Duensing, Magn Reson Imaging 26 (2008) 133-141: the dominant left singular
//! vectors of the samples across coils. One slice at a time, as T. Zhang, J. M. Pauly, S. S. Vasanawala, M. Lustig,
//! Magn Reson Med 69 (2013) 571-582 do it along a fully sampled axis; nothing has to be aligned from slice to slice
//! here, since images are combined slice by slice.

use faer::Mat;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayView3, Axis, s};
use num_complex::Complex;
use rayon::prelude::*;

use super::hermitian::{eigen, gram};
use super::scaling::{CoilScaling, mapped, narrow, overlaps, product, wide};
use super::whitening::whitening;
use crate::array::{CoilStack, Grid, Maps};
use crate::error::Result;

type C32 = Complex<f32>;
type C64 = Complex<f64>;

/// [`Compression::Auto`] compresses more coils than this to at most this many.
const MANY: usize = 16;
/// Share of the energy that the virtual coils of [`Compression::Auto`] have to keep.
const ENOUGH: f64 = 0.9995;
/// Fewer samples than this for each coil say too little of what coils have in common.
const LEAST_PER_COIL: usize = 4;

/// How many virtual coils to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// For more than 16 coils, as many as keep 99.95 % of the energy, at most 16; else all.
    #[default]
    Auto,
    /// As many virtual coils as there are coils.
    Off,
    /// This many, where there are more coils.
    To(usize),
}

impl Compression {
    /// The most virtual coils that `coils` coils are compressed to.
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
    if all > 0.0 {
        (energies[..kept].iter().sum::<f64>() / all).min(1.0)
    } else {
        1.0
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
    /// Whether the noise was not white, and was whitened.
    pub whitened: bool,
    /// Share of the energy of the samples that the virtual coils keep, at most 1.
    pub energy: f64,
}

impl VirtualCoils {
    /// The virtual coils of one slice; `None` where there is nothing to compress and nothing to whiten.
    ///
    /// `kspace` is `(coils, rows, cols)`, zero where not sampled. `covariance` is that of its noise, `(coils, coils)`,
    /// in its units squared, zero where not known. `locations` is the number of k-space locations that are not zero
    /// padding.
    ///
    /// Principal components are those of the samples in the centred rectangle `centre`, which hold most of the energy
    /// with the least noise, and are the same for every mask. Where they are too few, all samples are used.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) for values that are not finite.
    ///
    /// # Panics
    /// If `covariance` has another number of coils than `kspace`, or `centre` exceeds the planes.
    pub fn new(
        kspace: ArrayView3<C32>,
        centre: Grid,
        covariance: &Array2<C64>,
        locations: usize,
        whiten: bool,
        compression: Compression,
    ) -> Result<Option<Self>> {
        let coils = kspace.dim().0;
        let compress = compression.most(coils) < coils;
        if !compress && !whiten {
            return Ok(None);
        }
        let all = energies_across(kspace);
        let white = if whiten {
            whitening(covariance.view(), trace(&all) / (coils * locations.max(1)) as f64)?
        } else {
            None
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
            let of_centre = if centre.len() < LEAST_PER_COIL * coils {
                all
            } else {
                energies_across(centre_of(kspace, centre))
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

    /// T, `(virtual, coils)`: what [`Self::apply`] multiplies each sample by.
    pub fn matrix(&self) -> ArrayView2<'_, C64> {
        self.forward.view()
    }

    /// Number of virtual coils.
    pub fn count(&self) -> usize {
        self.forward.nrows()
    }

    /// Replaces the k-space of the coils, `(coils, rows, cols)`, by that of the virtual coils, `(virtual, rows, cols)`.
    /// Each sample is summed in f64. There must be as many coils as in the scan that these virtual coils were made for.
    ///
    /// # Panics
    /// If `kspace` has fewer coils than there are virtual coils.
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

    /// Converts the weights u on coils that fix the phase of maps ([`espirit`](super::espirit)) to weights on virtual
    /// coils.
    pub fn weights(&self, of_coils: &[C64]) -> Vec<C64> {
        let weight = |column: ArrayView1<C64>| column.iter().zip(of_coils).map(|(b, u)| b.conj() * u).sum();
        self.back.columns().into_iter().map(weight).collect()
    }

    /// Converts maps of the virtual coils, `(sets, virtual, rows, cols)`, to maps of the coils of the scan, `(sets,
    /// coils, rows, cols)`. `Σ_c |S_c|²` stays the same.
    pub fn expand(&self, maps: &Maps<f32>) -> Maps<f32> {
        mapped(&self.back, maps, true).0
    }

    /// What brings images that are reconstructed with `maps` of the virtual coils into the units of the scan.
    pub fn scaling(&self, maps: &Maps<f32>) -> CoilScaling {
        let (_, growth) = mapped(&self.back, maps, false);
        CoilScaling::new(growth, overlaps(&self.back, maps))
    }

    /// Converts maps of the coils of the scan to maps of the virtual coils, and gives the scaling of images that are
    /// reconstructed with these. `Σ_c |S_c|²` stays the same, or becomes 0 where the virtual coils see nothing.
    pub fn reduce(&self, maps: &Maps<f32>) -> (Maps<f32>, CoilScaling) {
        let (reduced, growth) = mapped(&self.forward, maps, true);
        let unit = Array2::from_diag_elem(self.forward.ncols(), C64::new(1.0, 0.0));
        (
            reduced,
            CoilScaling::new(growth.mapv_into(f32::recip), overlaps(&unit, maps)),
        )
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

/// Eigenvalues, falling and none below zero, and eigenvectors as columns. Scaled to a trace of 1 for the computation,
/// so that powers of two change no digit of the vectors.
pub(crate) fn principal(hermitian: &Array2<C64>) -> Result<(Vec<f64>, Array2<C64>)> {
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
mod tests;
