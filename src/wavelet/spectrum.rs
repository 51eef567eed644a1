use std::f64::consts::TAU;

use num_complex::Complex;

use super::{Layout, Orientation, Wavelet};

/// Energy spectra of the cascade's filters along one k-space axis of length N, in centred order:
/// `a_s(ω) = Π_{j<s} |L(2^j ω)|² / N` and `d_s(ω) = a_{s−1}(ω) |G(2^{s−1} ω)|²`, at `ω_k = 2πk/N`.
///
/// Evaluating the filters at `2^j ω_k` serves every N, also one that `2^s` does not divide.
#[derive(Clone, Debug)]
pub struct AxisSpectra {
    /// `low[s − 1]` is `a_s`.
    pub low: Vec<Vec<f64>>,
    /// `high[s − 1]` is `d_s`.
    pub high: Vec<Vec<f64>>,
}

impl AxisSpectra {
    /// The spectra of an axis of `n` k-space samples, for `scales` scales of `wavelet`.
    pub fn new(n: usize, scales: usize, wavelet: &Wavelet) -> Self {
        // Whatever the scale, 2^j ω_k is one of these: the filters are evaluated once.
        let powers = |filter: &[f64]| -> Vec<f64> {
            let power = |k: usize| {
                let omega = TAU * k as f64 / n as f64;
                let terms = filter.iter().enumerate();
                let response: Complex<f64> = terms.map(|(t, &tap)| Complex::from_polar(tap, -omega * t as f64)).sum();
                response.norm_sqr()
            };
            (0..n).map(power).collect()
        };
        let (low_power, high_power) = (powers(&wavelet.low()), powers(&wavelet.high()));
        let mut carried = vec![1.0 / n as f64; n];
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for scale in 0..scales {
            let times = |power: &[f64]| -> Vec<f64> {
                let factor = |index: usize| power[((index + n - n / 2) << scale) % n];
                let carried = carried.iter().enumerate();
                carried.map(|(index, a)| a * factor(index)).collect()
            };
            high.push(times(&high_power));
            low.push(times(&low_power));
            carried.clone_from(&low[scale]);
        }
        Self { low, high }
    }
}

/// The 2-D energy spectrum of a subband, as the two axis spectra of which it is the outer product.
#[derive(Clone, Copy, Debug)]
pub struct BandSpectrum<'a> {
    /// Spectrum along axis 0, one value a row of k-space.
    pub rows: &'a [f64],
    /// Spectrum along axis 1, one value a column.
    pub cols: &'a [f64],
}

/// `|ψ̂_b(k)|²` of every subband on the k-space grid: at each frequency, their sum weighted by the number
/// of coefficients in a subband is 1 (where no side is padded).
#[derive(Clone, Debug)]
pub struct Spectra {
    /// Along axis 0.
    pub rows: AxisSpectra,
    /// Along axis 1.
    pub cols: AxisSpectra,
}

impl Spectra {
    /// The spectra on the k-space grid of the image, which is not padded.
    pub fn new(layout: &Layout, wavelet: &Wavelet) -> Self {
        Self {
            rows: AxisSpectra::new(layout.image.rows, layout.scales, wavelet),
            cols: AxisSpectra::new(layout.image.cols, layout.scales, wavelet),
        }
    }

    /// The spectrum of one subband. `scale` counts from 1, the finest.
    ///
    /// # Panics
    /// If there is no such scale.
    pub fn band(&self, orientation: Orientation, scale: usize) -> BandSpectrum<'_> {
        let s = scale - 1;
        let (rows, cols) = match orientation {
            Orientation::H => (&self.rows.high[s], &self.cols.low[s]),
            Orientation::V => (&self.rows.low[s], &self.cols.high[s]),
            Orientation::D => (&self.rows.high[s], &self.cols.high[s]),
            Orientation::A => (&self.rows.low[s], &self.cols.low[s]),
        };
        BandSpectrum { rows, cols }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Grid;
    use crate::wavelet::WAVELETS;

    #[test]
    fn weighted_sum_is_one_at_every_frequency() {
        for wavelet in WAVELETS {
            for (rows, cols, scales) in [(32, 48, 4), (21, 30, 3), (7, 8, 2)] {
                let layout = Layout::new(Grid::new(rows, cols), scales);
                let spectra = Spectra::new(&layout, wavelet);
                for r in 0..rows {
                    for c in 0..cols {
                        let weighted = |band: &crate::wavelet::Band| {
                            let spectrum = spectra.band(band.orientation, band.scale);
                            let size = layout.image.len() as f64 / 4f64.powi(band.scale as i32);
                            size * spectrum.rows[r] * spectrum.cols[c]
                        };
                        let sum: f64 = layout.bands.iter().map(weighted).sum();
                        assert!((sum - 1.0).abs() < 1e-9, "{} at {r},{c}: {sum}", wavelet.name);
                    }
                }
            }
        }
    }
}
