//! The noise covariance across coils, from acquisitions without signal.

use ndarray::Array2;
use num_complex::Complex;

use super::layout::same_dwell;
use super::table::{Head, Row, Table};
use crate::error::Result;

/// Share of the sampled band that the receiver's filter passes, where the header does not tell; that of a common
/// vendor.
pub(super) const RECEIVER_BANDWIDTH: f64 = 0.79;
/// A covariance needs at least so many samples for each coil.
const SAMPLES_A_COIL: usize = 10;

/// What noise becomes on its way into a k-space sample of the scan.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct Chain {
    /// Of a line of the image, µs.
    pub dwell_us: f32,
    /// `relativeReceiverNoiseBandwidth` of the header.
    pub bandwidth: Option<f64>,
    /// Whether only the centre of the oversampled field of view is usable.
    pub trimmed: bool,
    /// The mean of one over how often a sample was averaged.
    pub averaging: f64,
}

impl Chain {
    /// The variance of a k-space sample over that of a sample of noise.
    ///
    /// Noise power goes with the bandwidth, one over the dwell time. The receiver's filter passes a share of the
    /// sampled band, by which the variance of the noise readout is too small for the middle of the field of view; where
    /// the oversampling is taken out, that middle is all there is. The transforms are unitary and change no variance.
    fn factor(&self, noise_dwell_us: f32) -> f64 {
        let dwell = if known(self.dwell_us) && known(noise_dwell_us) {
            f64::from(noise_dwell_us) / f64::from(self.dwell_us)
        } else {
            1.0
        };
        let stated = self.bandwidth.filter(|share| (0.1..=1.0).contains(share));
        let share = if self.trimmed {
            stated.unwrap_or(RECEIVER_BANDWIDTH)
        } else {
            1.0
        };
        dwell / share * self.averaging
    }
}

/// Whether a head tells its dwell time.
pub(super) fn known(dwell_us: f32) -> bool {
    dwell_us > 0.0 && dwell_us.is_finite()
}

/// `E[ε εᴴ]` of a k-space sample, `(coils, coils)`, in f64; `None` without noise acquisitions, and, with a warning, if
/// they cannot be used.
pub(super) fn covariance(
    table: &Table,
    heads: &[Head],
    noise: &[usize],
    coils: usize,
    chain: Chain,
    warnings: &mut Vec<String>,
) -> Result<Option<Array2<Complex<f64>>>> {
    if noise.is_empty() {
        return Ok(None);
    }
    Ok(match measure(table, heads, noise, coils)? {
        Ok(measured) => Some(measured.through(&chain)),
        Err(why) => {
            warnings.push(format!("the noise acquisitions are not used: {why}"));
            None
        }
    })
}

/// Noise as it was sampled.
pub(super) struct Measured {
    covariance: Array2<Complex<f64>>,
    /// Of which it is the mean.
    pub acquisitions: usize,
    pub dwell_us: f32,
    /// The largest magnitude over the root mean square, of the coil where it is most.
    pub peak: f64,
}

impl Measured {
    /// What it is in a k-space sample of a scan.
    pub fn through(self, chain: &Chain) -> Array2<Complex<f64>> {
        let factor = chain.factor(self.dwell_us);
        self.covariance.mapv_into(|v| v * factor)
    }

    /// As it was sampled.
    pub fn unscaled(self) -> Array2<Complex<f64>> {
        self.covariance
    }
}

/// The noise of those of the acquisitions `noise` that are sampled as the first is; the inner error says in words why they
/// tell nothing.
pub(super) fn measure(
    table: &Table,
    heads: &[Head],
    noise: &[usize],
    coils: usize,
) -> Result<std::result::Result<Measured, String>> {
    let fits = |at: &&usize| usize::from(heads[**at].active_channels) == coils;
    let Some(first) = noise.iter().find(fits).map(|&at| &heads[at]) else {
        return Ok(Err(format!("they have not {coils} coils")));
    };
    let alike = |at: &&usize| {
        let head = &heads[**at];
        head.active_channels == first.active_channels && same_dwell(head.sample_time_us, first.sample_time_us)
    };
    let used: Vec<usize> = noise.iter().filter(alike).copied().collect();
    let row = |&at: &usize| Row {
        row: at,
        samples: heads[at].number_of_samples.into(),
    };
    let rows: Vec<Row> = used.iter().map(row).collect();
    let mut moments = Moments::new(coils);
    table.samples(coils, &rows, |at, values| {
        let head = &heads[used[at]];
        let usable = usize::from(head.discard_pre)..usize::from(head.number_of_samples - head.discard_post);
        moments.add(values, usable);
    })?;
    if moments.count < SAMPLES_A_COIL * coils {
        return Ok(Err(format!("{} samples are too few for {coils} coils", moments.count)));
    }
    let covariance = moments.covariance();
    if covariance.diag().iter().any(|v| v.re <= 0.0 || !v.re.is_finite()) {
        return Ok(Err("they hold no noise".into()));
    }
    let peaks = moments.largest.iter().zip(covariance.diag());
    Ok(Ok(Measured {
        peak: peaks.map(|(&largest, v)| (largest / v.re).sqrt()).fold(0.0, f64::max),
        acquisitions: used.len(),
        dwell_us: first.sample_time_us,
        covariance,
    }))
}

/// Sums over samples, in f64.
struct Moments {
    coils: usize,
    count: usize,
    first: Vec<Complex<f64>>,
    /// `Σ ε_c conj(ε_d)` for `d <= c`.
    second: Array2<Complex<f64>>,
    /// The largest `|ε_c|²`.
    largest: Vec<f64>,
}

impl Moments {
    fn new(coils: usize) -> Self {
        Self {
            coils,
            count: 0,
            first: vec![Complex::default(); coils],
            second: Array2::zeros((coils, coils)),
            largest: vec![0.0; coils],
        }
    }

    /// Adds the samples `usable` of a readout, `(coils, samples, 2)`.
    fn add(&mut self, values: &[f32], usable: std::ops::Range<usize>) {
        let samples = values.len() / (2 * self.coils);
        let line = |coil: usize| {
            let values = &values[2 * (coil * samples + usable.start)..2 * (coil * samples + usable.end)];
            values
                .chunks_exact(2)
                .map(|v| Complex::new(f64::from(v[0]), f64::from(v[1])))
        };
        for c in 0..self.coils {
            self.first[c] += line(c).sum::<Complex<f64>>();
            self.largest[c] = line(c).map(|v| v.norm_sqr()).fold(self.largest[c], f64::max);
            for d in 0..=c {
                self.second[[c, d]] += line(c).zip(line(d)).map(|(a, b)| a * b.conj()).sum::<Complex<f64>>();
            }
        }
        self.count += usable.len();
    }

    /// About the mean, so that an offset of a receiver is no noise.
    fn covariance(&self) -> Array2<Complex<f64>> {
        let n = self.count as f64;
        let lower = |c: usize, d: usize| (self.second[[c, d]] - self.first[c] * self.first[d].conj() / n) / (n - 1.0);
        Array2::from_shape_fn((self.coils, self.coils), |(c, d)| match c.cmp(&d) {
            std::cmp::Ordering::Greater => lower(c, d),
            std::cmp::Ordering::Equal => lower(c, c).re.into(),
            std::cmp::Ordering::Less => lower(d, c).conj(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_definition() {
        // two coils, four samples; the first is discarded
        let values = [
            [9.0, 9.0, 1.0, 0.0, 0.0, 2.0, -1.0, 1.0],
            [9.0, 9.0, 0.0, 1.0, 1.0, 0.0, 2.0, -1.0],
        ]
        .concat();
        let mut moments = Moments::new(2);
        moments.add(&values, 1..4);
        let x =
            |coil: usize, i: usize| Complex::new(values[8 * coil + 2 * i] as f64, values[8 * coil + 2 * i + 1] as f64);
        let mean = |coil: usize| (1..4).map(|i| x(coil, i)).sum::<Complex<f64>>() / 3.0;
        let covariance = moments.covariance();
        for c in 0..2 {
            for d in 0..2 {
                let products = (1..4).map(|i| (x(c, i) - mean(c)) * (x(d, i) - mean(d)).conj());
                let expected = products.sum::<Complex<f64>>() / 2.0;
                assert!((covariance[[c, d]] - expected).norm() < 1e-12);
            }
        }
    }

    #[test]
    fn dwell_bandwidth_and_averages_scale_the_variance() {
        let chain = Chain {
            dwell_us: 2.0,
            bandwidth: None,
            trimmed: false,
            averaging: 0.5,
        };
        assert_eq!(chain.factor(5.0), 1.25);
        // what is not known changes nothing
        assert_eq!(chain.factor(0.0), 0.5);
        let trimmed = Chain { trimmed: true, ..chain };
        assert_eq!(trimmed.factor(5.0), 1.25 / RECEIVER_BANDWIDTH);
        let stated = Chain {
            bandwidth: Some(0.5),
            ..trimmed
        };
        assert_eq!(stated.factor(5.0), 2.5);
    }
}
