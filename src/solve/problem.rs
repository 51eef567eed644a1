use ndarray::{Array2, ArrayView3, Axis};
use num_complex::Complex;

use crate::array::{Grid, ImageSets, Maps, Mask, Real};
use crate::error::{Error, Input, Result};
use crate::fourier::Fourier;
use crate::operator::{Encoding, Samples, gather};
use crate::sampling;

/// Longest side of the centre of k-space that the intensity is judged by.
const CENTRE: usize = 32;

/// One slice to reconstruct: `y = A x0 + ε`, every location k measured with probability `p(k)`.
pub struct Problem<T: Real> {
    /// A = M F S: maps, Fourier transform, mask.
    pub encoding: Encoding<T>,
    /// y, at the sampled locations.
    pub data: Samples<T>,
    /// `1/p` at each sampled location.
    pub inverse_probability: Vec<T>,
    /// Which samples hold a value in any coil. The others are zero padding, which is known and has no noise.
    pub measured: Vec<bool>,
    /// Σ_meas, `(coils, coils)`: `E[ε εᴴ]` of one k-space sample, complex variance.
    pub noise: Array2<Complex<f64>>,
    /// x0, where all of k-space is known: for oracles and for judges, never for an honest method.
    pub reference: Option<ImageSets<T>>,
}

impl<T: Real> Problem<T> {
    /// `kspace` is `(coils, rows, cols)`; only its sampled locations are read. `probability` is `(rows, cols)` and positive
    /// wherever the mask is set; `maps` are `(sets, coils, rows, cols)`; `noise` is `(coils, coils)`.
    ///
    /// # Errors
    /// [`Error::Data`] where a shape does not fit, or a probability is not positive.
    pub fn new(
        kspace: ArrayView3<Complex<T>>,
        mask: &Mask,
        probability: &Array2<f64>,
        maps: Maps<T>,
        noise: Array2<Complex<f64>>,
    ) -> Result<Self> {
        let (coils, rows, cols) = kspace.dim();
        fits(
            Input::Kspace,
            &[rows, cols],
            &[mask.grid().rows, mask.grid().cols],
            "those of the mask",
        )?;
        fits(
            Input::Maps,
            &maps.shape()[1..],
            &[coils, rows, cols],
            "those of k-space",
        )?;
        Self::of_samples(gather(kspace, mask), mask, probability, maps, noise)
    }

    /// The same of `data` that were picked out of k-space already, `(coils, samples)`, so that this need not be kept
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Problem::new`].
    pub fn of_samples(
        data: Samples<T>,
        mask: &Mask,
        probability: &Array2<f64>,
        maps: Maps<T>,
        noise: Array2<Complex<f64>>,
    ) -> Result<Self> {
        let (coils, grid) = (data.dim().0, mask.grid());
        fits(
            Input::Kspace,
            &[data.dim().1],
            &[mask.count()],
            "one sample for each location of the mask",
        )?;
        fits(
            Input::Maps,
            &maps.shape()[1..],
            &[coils, grid.rows, grid.cols],
            "those of k-space and the mask",
        )?;
        fits(
            Input::Probability,
            probability.shape(),
            &[grid.rows, grid.cols],
            "those of the mask",
        )?;
        fits(Input::NoiseCovariance, noise.shape(), &[coils, coils], "coils by coils")?;
        let sampled = mask.sampled.iter().zip(probability).filter(|&(&sampled, _)| sampled);
        if sampled.clone().any(|(_, &p)| !T::of(1.0 / p).is_finite() || p <= 0.0) {
            let found = "a value that is not positive where the mask samples";
            return Err(Error::data(Input::Probability, found, "a probability above 0"));
        }
        // Solvers read them row by row.
        let data = if data.is_standard_layout() {
            data
        } else {
            data.as_standard_layout().into_owned()
        };
        let encoding = Encoding::new(maps, mask);
        let inverse_probability = sampled.map(|(_, &p)| T::of(1.0 / p)).collect();
        Ok(Self {
            encoding,
            measured: measured(&data),
            data,
            inverse_probability,
            noise,
            reference: None,
        })
    }

    /// With the reference that fully sampled k-space `(coils, rows, cols)` gives.
    ///
    /// # Errors
    /// [`Error::Data`]: k-space of another shape.
    pub fn with_reference(mut self, kspace: ArrayView3<Complex<T>>) -> Result<Self> {
        let (coils, grid) = (self.data.dim().0, self.encoding.grid());
        let expected = [coils, grid.rows, grid.cols];
        fits(Input::Kspace, kspace.shape(), &expected, "those of the problem")?;
        self.reference = Some(self.encoding.combine_full(kspace));
        Ok(self)
    }

    /// The problem without the samples for which `held_out` is true. `chance`, below 1, is the probability with which each
    /// sample was to be held out, so that its location keeps a sample with probability `p (1 − chance)`. There is no
    /// reference. The maps are shared, not copied.
    ///
    /// # Panics
    /// If there are fewer of either than samples.
    pub fn without(&self, held_out: &[bool], chance: &[f64]) -> Self {
        let keep: Vec<bool> = held_out.iter().map(|&held_out| !held_out).collect();
        let kept: Vec<usize> = (0..self.data.dim().1).filter(|&sample| keep[sample]).collect();
        let inverse = |&sample: &usize| T::of(self.inverse_probability[sample].wide() / (1.0 - chance[sample]));
        Self {
            encoding: self.encoding.restricted(&keep),
            // Solvers read them row by row.
            data: Samples::from_shape_fn((self.data.dim().0, kept.len()), |(coil, sample)| {
                self.data[[coil, kept[sample]]]
            }),
            inverse_probability: kept.iter().map(inverse).collect(),
            measured: kept.iter().map(|&sample| self.measured[sample]).collect(),
            noise: self.noise.clone(),
            reference: None,
        }
    }

    /// The zero-filled image `Aᴴ y`.
    pub fn zero_filled(&self) -> ImageSets<T> {
        self.encoding.adjoint(&self.data, None)
    }

    /// The unbiased start `Aᴴ P⁻¹ y`: aliasing looks like coloured noise.
    pub fn density_compensated(&self) -> ImageSets<T> {
        self.encoding.adjoint(&self.data, Some(&self.inverse_probability))
    }

    /// Length of a gradient step that is sure to descend: over a bound of `‖A‖²`, and 1 where that is 1 but for rounding.
    pub fn step_length(&self) -> f64 {
        match self.encoding.norm_bound() {
            bound if bound < 1.001 => 1.0,
            bound => 1.0 / bound,
        }
    }

    /// How bright the image is: the unit of λ.
    ///
    /// BART's rule: of the root sum of squares of the coil images that the sampled centre gives, at most 32 × 32
    /// samples of it, the 90th percentile, or the maximum where that stands out (by twice the distance of the
    /// percentile from the median). Without a sampled centre, of the density-compensated image.
    pub fn intensity(&self) -> f64 {
        let mut values = match self.centre() {
            centre if centre.is_empty() => {
                let image = self.density_compensated();
                image.map_axis(Axis(0), |sets| root_of_squares(sets.iter().copied()))
            }
            centre => self.low_resolution(centre),
        }
        .into_raw_vec_and_offset()
        .0;
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() as f64 * share) as usize).min(values.len() - 1)];
        let (median, high, most) = (at(0.5), at(0.9), at(1.0));
        if most - high < 2.0 * (high - median) {
            high
        } else {
            most
        }
    }

    /// The part of the sampled centre that is looked at.
    fn centre(&self) -> Grid {
        let centre = sampling::sampled_centre(&self.encoding.mask());
        Grid::new(centre.rows.min(CENTRE), centre.cols.min(CENTRE))
    }

    /// Root sum of squares over coils of the images that the samples inside `centre` give.
    fn low_resolution(&self, centre: Grid) -> Array2<f64> {
        let grid = self.encoding.grid();
        let (top, left) = grid.centred_offset(centre);
        let inside = |&(_, &at): &(usize, &u32)| {
            let (row, col) = (at as usize / grid.cols, at as usize % grid.cols);
            (top..top + centre.rows).contains(&row) && (left..left + centre.cols).contains(&col)
        };
        let within: Vec<usize> = self
            .encoding
            .sampled()
            .iter()
            .enumerate()
            .filter(inside)
            .map(|(i, _)| i)
            .collect();
        let fourier = Fourier::new(centre);
        let mut scratch = fourier.scratch();
        let mut power = Array2::zeros(centre.dim());
        for samples in self.data.outer_iter() {
            // All of the rectangle is sampled, in row-major order.
            let mut plane: Vec<Complex<T>> = within.iter().map(|&i| samples[i]).collect();
            fourier.inverse(&mut plane, &mut scratch);
            power
                .iter_mut()
                .zip(&plane)
                .for_each(|(p, v)| *p += v.norm_sqr().wide());
        }
        // A unitary transform of fewer samples is brighter.
        let share = centre.len() as f64 / grid.len() as f64;
        power.mapv_into(|p: f64| (p * share).sqrt())
    }
}

/// Errors: lengths of axes that are not those expected, which are `whose`.
fn fits(what: Input, found: &[usize], expected: &[usize], whose: &str) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::data(
        what,
        format!("axes of {found:?}"),
        format!("{expected:?}, {whose}"),
    ))
}

fn measured<T: Real>(data: &Samples<T>) -> Vec<bool> {
    let mut measured = vec![false; data.dim().1];
    for of_coil in data.outer_iter() {
        let pairs = measured.iter_mut().zip(&of_coil);
        pairs.for_each(|(any, v)| *any |= v.re != T::zero() || v.im != T::zero());
    }
    measured
}

fn root_of_squares<T: Real>(values: impl Iterator<Item = Complex<T>>) -> f64 {
    values.map(|v| v.norm_sqr().wide()).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Array4};

    #[test]
    fn what_is_held_out_is_gone_and_the_rest_is_as_it_was() {
        let grid = Grid::new(6, 8);
        let mask = Mask::new(Array2::from_shape_fn(grid.dim(), |(r, c)| (r + 2 * c) % 3 > 0));
        let probability = Array2::from_shape_fn(grid.dim(), |(r, _)| if r == 3 { 1.0 } else { 0.5 });
        let value =
            |at: usize, coil: usize| Complex::new(at as f64, if at.is_multiple_of(5) { 0.0 } else { coil as f64 });
        let kspace = Array3::from_shape_fn((2, 6, 8), |(coil, r, c)| value((r * 8 + c) * 5 / 4, coil));
        let maps = Array4::from_elem((1, 2, 6, 8), Complex::new(0.5f64.sqrt(), 0.0));
        let noise = Array2::eye(2);
        let whole = Problem::new(kspace.view(), &mask, &probability, maps, noise).unwrap();
        let whole = whole.with_reference(kspace.view()).unwrap();

        let chance: Vec<f64> = whole
            .inverse_probability
            .iter()
            .map(|&q| if q > 1.0 { 0.2 } else { 0.0 })
            .collect();
        let held_out: Vec<bool> = chance.iter().enumerate().map(|(i, &h)| h > 0.0 && i % 3 == 0).collect();
        assert!(held_out.iter().any(|&held_out| held_out));
        let some = whole.without(&held_out, &chance);
        let kept: Vec<usize> = (0..held_out.len()).filter(|&sample| !held_out[sample]).collect();
        assert_eq!(some.encoding.sampled().len(), kept.len());
        for (new, &old) in kept.iter().enumerate() {
            assert_eq!(some.encoding.sampled()[new], whole.encoding.sampled()[old]);
            assert_eq!(some.data.column(new), whole.data.column(old));
            assert_eq!(some.measured[new], whole.measured[old]);
            // 1/p, or 1/(p (1 − h))
            let expected = if whole.inverse_probability[old] > 1.0 { 2.5 } else { 1.0 };
            assert!((some.inverse_probability[new] - expected).abs() < 1e-12);
        }
        assert!(some.reference.is_none() && some.data.is_standard_layout());
    }
}
