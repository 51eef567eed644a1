use ndarray::{Array2, ArrayView3};
use num_complex::Complex;

use crate::array::{Maps, Mask, Real};
use crate::operator::{Encoding, Samples};

/// One slice to reconstruct: `y = A x0 + ε`, every location k measured with probability `p(k)`.
pub struct Problem<T: Real> {
    pub encoding: Encoding<T>,
    /// y, at the sampled locations.
    pub data: Samples<T>,
    /// `1/p` at each sampled location.
    pub inverse_probability: Vec<T>,
    /// Σ_meas, `(coils, coils)`: `E[ε εᴴ]` of one k-space sample, complex variance.
    pub noise: Array2<Complex<f64>>,
}

impl<T: Real> Problem<T> {
    /// `kspace` is `(coils, rows, cols)`; only its sampled locations are read. `probability` must be positive
    /// wherever the mask is set.
    pub fn new(
        kspace: ArrayView3<Complex<T>>,
        mask: &Mask,
        probability: &Array2<f64>,
        maps: Maps<T>,
        noise: Array2<Complex<f64>>,
    ) -> Self {
        let encoding = Encoding::new(maps, mask);
        let data = encoding.gather(kspace);
        let sampled = mask.sampled.iter().zip(probability).filter(|&(&sampled, _)| sampled);
        let inverse_probability = sampled.map(|(_, &p)| T::of(1.0 / p)).collect();
        Self {
            encoding,
            data,
            inverse_probability,
            noise,
        }
    }

    /// The unbiased start `Aᴴ P⁻¹ y`: aliasing looks like coloured noise.
    pub fn density_compensated(&self) -> crate::array::ImageSets<T> {
        self.encoding.adjoint(&self.data, Some(&self.inverse_probability))
    }
}
