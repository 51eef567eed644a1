//! The state evolution: variance of every wavelet coefficient of an unbiased estimate.
//!
//! For a k-space residual z (the data at the start), subband b, and ξ the coil maps averaged over the energy of each
//! wavelet (arXiv:2203.04180, section III, restated with ξ ≈ conj(S)):
//! `τ_b[j] = Re Σ_{c,c'} conj(ξ_c[j]) Z_b[c,c'] ξ_c'[j]`:
//! the energy, in the band, of the residual that the coils combine at position j.
//!
//! `Z_b`, the covariance across coils, depends on the mask. For 2-D undersampling, where each location is drawn
//! independently, it is one matrix for each band (`plane`). For 1-D undersampling, of phase-encode lines, it is one for
//! each position along the readout (`lines`).

mod lines;
mod local;
mod plane;
mod products;

use std::sync::Arc;

use ndarray::Array2;
use num_complex::Complex;

use self::lines::Lines;
use self::local::{Lanes, LocalMaps, Tiles};
use self::plane::Plane;
use super::Problem;
use crate::array::Real;
use crate::operator::Samples;
use crate::sampling;
use crate::wavelet::{Band, EnergyAverage, Layout, Pyramid, Spectra, Wavelet};

/// Predicts the error variance τ of every wavelet coefficient: all that does not change from iteration to iteration.
///
/// Millard et al., arXiv:2203.04180, section III.
pub struct StateEvolution<T: Real> {
    layout: Arc<Layout>,
    tiles: Tiles,
    /// For each set of maps.
    xi: Vec<LocalMaps<T>>,
    errors: Errors<T>,
    noise: Noise,
}

/// Which errors are correlated.
enum Errors<T: Real> {
    /// None: every location was drawn independently.
    Plane(Plane<T>),
    /// Those of one phase-encode line.
    Lines(Box<Lines<T>>),
}

/// The contribution of measurement noise to `Z_b`.
struct Noise {
    /// Σ_meas.
    covariance: Array2<Complex<f64>>,
    /// `Σ_k |ψ̂_b(k)|² / p` over the locations measured, for each band.
    gain: Vec<f64>,
}

/// `Z_b` of one subband: upper triangles of Hermitian matrices, in the order of [`pairs`], and twice what lies above
/// the diagonal, to stand for what lies below.
enum Covariance<T> {
    /// `[matrix][pair]`: one for the whole subband, or one for each of its rows.
    Same(Vec<Complex<T>>),
    /// One for each column, `[block of columns][pair]`.
    Along(Vec<Lanes<T>>),
}

impl<T: Real> StateEvolution<T> {
    /// The state evolution of a problem, for the subbands of `layout` and `wavelet`. ξ is averaged exactly.
    ///
    /// # Panics
    /// If `layout` is of another image than the problem, or the problem has no coils.
    pub fn new(problem: &Problem<T>, layout: &Arc<Layout>, wavelet: &Wavelet) -> Self {
        let energy = EnergyAverage::new(layout, wavelet);
        Self::with_parts(problem, layout, wavelet, |tiles| {
            let of_set = |set| LocalMaps::averaged(&problem.encoding, set, &energy, tiles);
            (0..problem.encoding.sets()).map(of_set).collect()
        })
    }

    /// The same with ξ given: for each set of maps, one pyramid a coil.
    pub fn with_local_maps(
        problem: &Problem<T>,
        layout: &Arc<Layout>,
        wavelet: &Wavelet,
        xi: &[Vec<Pyramid<Complex<T>>>],
    ) -> Self {
        Self::with_parts(problem, layout, wavelet, |tiles| {
            xi.iter().map(|xi| LocalMaps::given(xi, tiles)).collect()
        })
    }

    fn with_parts(
        problem: &Problem<T>,
        layout: &Arc<Layout>,
        wavelet: &Wavelet,
        xi: impl FnOnce(&Tiles) -> Vec<LocalMaps<T>>,
    ) -> Self {
        let spectra = Spectra::new(layout, wavelet);
        let errors = match sampling::line_axis(&problem.encoding.mask()) {
            Some(axis) => Errors::Lines(Box::new(Lines::new(problem, layout, wavelet, &spectra, axis))),
            None => Errors::Plane(Plane::new(problem, layout, &spectra)),
        };
        let tiles = Tiles::new(layout, matches!(errors, Errors::Lines(_)));
        Self {
            layout: Arc::clone(layout),
            xi: xi(&tiles),
            tiles,
            errors,
            noise: Noise::new(problem, layout, &spectra),
        }
    }

    /// The subbands that it predicts the variance of.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Whether the mask is a 1-D undersampling of phase-encode lines, the errors along each of which are correlated.
    pub fn models_lines(&self) -> bool {
        matches!(self.errors, Errors::Lines(_))
    }

    /// Predicts τ from `z`, the residual `y − A x` of the estimate: for set m of maps into `tau[m]`, in squared units
    /// of the image.
    ///
    /// # Panics
    /// If `z` has another number of coils than the data or fewer samples, or is not in standard layout; or if a pyramid
    /// has fewer coefficients than the layout.
    pub fn update(&self, z: &Samples<T>, tau: &mut [Pyramid<T>]) {
        let covariance = match &self.errors {
            Errors::Plane(plane) => plane.covariance(z, &self.noise),
            Errors::Lines(lines) => lines.covariance(z, &self.noise),
        };
        for (tau, xi) in tau.iter_mut().zip(&self.xi) {
            xi.variances(&covariance, &self.tiles, tau);
        }
    }
}

impl Noise {
    fn new<T: Real>(problem: &Problem<T>, layout: &Layout, spectra: &Spectra) -> Self {
        let cols = problem.encoding.grid().cols;
        let samples = problem.encoding.sampled().iter().zip(&problem.inverse_probability);
        // Zero padding has no noise.
        let measured: Vec<_> = samples
            .zip(&problem.measured)
            .filter(|&(_, &measured)| measured)
            .map(|((&at, q), _)| (at as usize / cols, at as usize % cols, q.wide()))
            .collect();
        let gain = |band: &Band| -> f64 {
            let spectrum = spectra.band(band.orientation, band.scale);
            let power = |&(row, column, q): &(usize, usize, f64)| q * spectrum.rows[row] * spectrum.cols[column];
            measured.iter().map(power).sum()
        };
        Self {
            covariance: problem.noise.clone(),
            gain: layout.bands.iter().map(gain).collect(),
        }
    }

    /// Of coils c and d in a band.
    fn of(&self, band: usize, (c, d): (usize, usize)) -> Complex<f64> {
        // conj(z_c) z_d meets E[conj(ε_c) ε_d], which is the transpose of E[ε εᴴ].
        self.covariance[[d, c]] * self.gain[band]
    }
}

/// Coil pairs `c ≤ c'`.
fn pairs(coils: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..coils).flat_map(move |c| (c..coils).map(move |d| (c, d)))
}

/// How many entries of a Hermitian matrix that of coils c and d stands for.
fn stands_for((c, d): (usize, usize)) -> f64 {
    if c == d { 1.0 } else { 2.0 }
}

#[cfg(test)]
mod tests;
