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
//!
//! Locations of a Poisson disc are not drawn independently. Their aliasing is less, by a factor for each band that is
//! found on probes (`probes`); that of the noise in the residual is not (`noise`).

mod lines;
mod local;
mod noise;
mod plane;
mod probes;
mod products;

use std::sync::Arc;

use ndarray::{Array3, Zip};
use num_complex::Complex;

use self::lines::Lines;
use self::local::{Lanes, LocalMaps, Tiles};
use self::noise::{Noise, ResidualNoise};
use self::plane::Plane;
use super::Problem;
use crate::array::Real;
use crate::operator::Encoding;
use crate::operator::Samples;
use crate::sampling;
use crate::wavelet::{EnergyAverage, Layout, Pyramid, Spectra, Wavelet};

/// Predicts the error variance τ of every wavelet coefficient: all that does not change from iteration to iteration.
///
/// Millard et al., arXiv:2203.04180, section III.
pub struct StateEvolution<T: Real> {
    layout: Arc<Layout>,
    tiles: Tiles,
    /// For each set of maps.
    xi: Vec<LocalMaps<T>>,
    energy: EnergyAverage<T>,
    errors: Errors<T>,
    /// Of each band: what aliasing has of the variance that independent draws would give.
    aliasing: Vec<f64>,
    noise: Noise,
    residual_noise: ResidualNoise,
}

/// Which errors are correlated.
enum Errors<T: Real> {
    /// None: every location was drawn independently.
    Plane(Plane<T>),
    /// Those of one phase-encode line.
    Lines(Box<Lines<T>>),
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
        Self::with_parts(problem, layout, wavelet, |tiles, energy| {
            let of_set = |set| LocalMaps::averaged(&problem.encoding, set, energy, tiles);
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
        Self::with_parts(problem, layout, wavelet, |tiles, _| {
            xi.iter().map(|xi| LocalMaps::given(xi, tiles)).collect()
        })
    }

    fn with_parts(
        problem: &Problem<T>,
        layout: &Arc<Layout>,
        wavelet: &Wavelet,
        xi: impl FnOnce(&Tiles, &EnergyAverage<T>) -> Vec<LocalMaps<T>>,
    ) -> Self {
        let spectra = Spectra::new(layout, wavelet);
        let errors = match sampling::line_axis(&problem.encoding.mask()) {
            Some(axis) => Errors::Lines(Box::new(Lines::new(problem, layout, wavelet, &spectra, axis))),
            None => Errors::Plane(Plane::new(problem, layout, &spectra)),
        };
        let tiles = Tiles::new(layout, matches!(errors, Errors::Lines(_)));
        let energy = EnergyAverage::new(layout, wavelet);
        Self {
            layout: Arc::clone(layout),
            xi: xi(&tiles, &energy),
            tiles,
            energy,
            errors,
            aliasing: vec![1.0; layout.bands.len()],
            noise: Noise::new(problem, layout, &spectra),
            residual_noise: ResidualNoise::new(problem, layout, &spectra),
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
        let independent = vec![1.0; self.aliasing.len()];
        let covariance = match &self.errors {
            Errors::Plane(plane) => plane.covariance(z, &independent, |band, pair| self.noise.of(band, pair)),
            Errors::Lines(lines) => lines.covariance(z, &self.noise),
        };
        self.predict(&covariance, tau);
    }

    /// The same by what [`Self::calibrate`] found. White noise in the residual, of variance `noise` in each coil and
    /// sample, is independent from sample to sample: its aliasing is that of independent draws, whatever the mask is.
    ///
    /// # Panics
    /// As [`Self::update`].
    pub fn update_calibrated(&self, z: &Samples<T>, noise: f64, tau: &mut [Pyramid<T>]) {
        let Errors::Plane(plane) = &self.errors else {
            return self.update(z, tau);
        };
        let covariance = plane.covariance(z, &self.aliasing, |band, (c, d)| {
            let beyond = (1.0 - self.aliasing[band]) * self.noise.aliased(band);
            self.noise.of(band, (c, d)) + if c == d { noise * beyond } else { 0.0 }
        });
        self.predict(&covariance, tau);
    }

    fn predict(&self, covariance: &[Covariance<T>], tau: &mut [Pyramid<T>]) {
        for (tau, xi) in tau.iter_mut().zip(&self.xi) {
            xi.variances(covariance, &self.tiles, tau);
        }
    }

    /// The variance of the measurement noise, the mean over coils.
    pub fn noise(&self) -> f64 {
        self.noise.variance()
    }

    /// The variance of white noise, in each coil and sample, that the residual `z` of an estimate shows, whose error has
    /// the energy `error` in the subbands H, V and D of the finest scale: what z holds there beyond that error. 0 where
    /// there are no more coils than sets of maps, so that noise looks like an error of the image.
    ///
    /// # Panics
    /// As [`Self::update`].
    pub fn residual_noise(&self, z: &Samples<T>, error: f64) -> f64 {
        self.residual_noise.variance(z, error)
    }

    /// The standard deviation of real and imaginary part of each pixel, `(sets, rows, cols)`, of an estimate with the
    /// variances `tau`, errors of different coefficients taken as not correlated. 0 where no coil sees.
    ///
    /// # Panics
    /// If a pyramid has another layout.
    pub fn deviation(&self, tau: &[Pyramid<T>], encoding: &Encoding<T>) -> Array3<T> {
        let (rows, cols) = self.layout.image.dim();
        let mut deviation = Array3::zeros((tau.len(), rows, cols));
        for (set, (mut deviation, tau)) in deviation.outer_iter_mut().zip(tau).enumerate() {
            Zip::from(&mut deviation)
                .and(&self.energy.spread(tau))
                .and(&encoding.seen_by(set))
                // However far a wavelet reaches.
                .for_each(|deviation, &variance, &seen| {
                    *deviation = if seen {
                        T::of((variance / 2.0).sqrt())
                    } else {
                        T::zero()
                    };
                });
        }
        deviation
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
