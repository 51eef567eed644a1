//! Compares the state evolution with the true error.

use ndarray::Array2;
use num_complex::Complex;

use super::{EvolutionRecord, EvolutionStep, ResidualImages, ResidualRecord};
use pvdamp::array::{Image, Real};
use pvdamp::solve::Tracked;
use pvdamp::wavelet::{Layout, Orientation, Pyramid, Workspace};

/// Iterations, from 1, for which statistics and images of the residual are kept.
const DETAILED_ITERATIONS: [usize; 4] = [1, 3, 10, 30];
/// The histogram reaches from minus to plus this value.
const HISTOGRAM_RANGE: f64 = 5.0;
const HISTOGRAM_BINS: usize = 80;
/// The Q-Q plot has points at Gaussian quantiles from -3.5 to 3.5 in steps of 0.1.
const QUANTILE_STEPS: i32 = 35;

/// Compares `Ψ(r − x0)` with τ in each iteration.
pub struct EvolutionCheck<'a> {
    reference: &'a Image<f32>,
    bands: Vec<String>,
    steps: Vec<EvolutionStep>,
    residuals: Vec<ResidualRecord>,
    images: Vec<ResidualImages>,
}

impl<'a> EvolutionCheck<'a> {
    pub fn new(reference: &'a Image<f32>) -> Self {
        Self {
            reference,
            bands: Vec::new(),
            steps: Vec::new(),
            residuals: Vec::new(),
            images: Vec::new(),
        }
    }

    /// Adds the estimate that the next iteration starts from. Does nothing with more than one set of maps.
    pub fn record(&mut self, tracked: &Tracked<f32>) {
        let Tracked {
            estimate,
            variance: [variance],
            transform,
        } = tracked
        else {
            return;
        };
        let layout = &transform.layout;
        let error = &estimate.index_axis(ndarray::Axis(0), 0) - self.reference;
        let mut w = Pyramid::filled(layout, Complex::new(0.0, 0.0));
        let mut workspace: Workspace<f32> = transform.workspace();
        transform.analyse(error.view(), &mut w, &mut workspace);

        self.bands = layout.band_names();
        let bands = 0..layout.bands.len();
        self.steps.push(EvolutionStep {
            predicted: bands
                .clone()
                .map(|b| mean(variance.band(b).iter().map(|t| t.wide())))
                .collect(),
            measured: bands
                .map(|b| mean(w.band(b).iter().map(|v| v.norm_sqr().wide())))
                .collect(),
        });
        let iteration = self.steps.len();
        if DETAILED_ITERATIONS.contains(&iteration) {
            self.residuals.push(residual_record(iteration, &w, variance));
            self.images.push(ResidualImages {
                contender: String::new(),
                iteration,
                error: nested_subbands(layout, &w.values, |v| v.norm()),
                predicted: nested_subbands(layout, &variance.values, |t| t.sqrt()),
            });
        }
    }

    /// Whether there was an estimate to compare.
    pub fn holds_any(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The record. Dividing by `power` gives variances in the units of the scan. The estimate after the last iteration
    /// is dropped, because it was not thresholded.
    pub fn finish(mut self, case: &str, contender: &str, power: f64) -> (EvolutionRecord, Vec<ResidualImages>) {
        self.steps.pop();
        let iterations = self.steps.len();
        for values in self.steps.iter_mut().flat_map(|s| [&mut s.predicted, &mut s.measured]) {
            values.iter_mut().for_each(|v| *v /= power);
        }
        let root = power.sqrt() as f32;
        for images in &mut self.images {
            images.contender = contender.into();
            images.error.mapv_inplace(|v| v / root);
            images.predicted.mapv_inplace(|v| v / root);
        }
        self.images.retain(|images| images.iteration <= iterations);
        self.residuals.retain(|residual| residual.iteration <= iterations);
        let record = EvolutionRecord {
            case: case.into(),
            contender: contender.into(),
            bands: self.bands,
            steps: self.steps,
            residuals: self.residuals,
        };
        (record, self.images)
    }
}

/// Statistics of real and imaginary parts over `√(τ/2)`, of the detail coefficients with τ > 0.
fn residual_record(iteration: usize, w: &Pyramid<Complex<f32>>, variance: &Pyramid<f32>) -> ResidualRecord {
    let layout = &w.layout;
    let details = (0..layout.bands.len()).filter(|&b| layout.bands[b].orientation != Orientation::A);
    let pairs = details.flat_map(|b| w.band(b).iter().zip(variance.band(b)));
    let normalised = pairs.filter(|&(_, &tau)| tau > 0.0).flat_map(|(v, &tau)| {
        let deviation = (f64::from(tau) / 2.0).sqrt();
        [f64::from(v.re) / deviation, f64::from(v.im) / deviation]
    });
    let mut values: Vec<f64> = normalised.collect();
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len();
    let average =
        |power: i32, about: f64| values.iter().map(|v| (v - about).powi(power)).sum::<f64>() / count.max(1) as f64;
    let mean = average(1, 0.0);
    let variance = average(2, mean);
    let width = 2.0 * HISTOGRAM_RANGE / HISTOGRAM_BINS as f64;
    let mut histogram = vec![0.0; HISTOGRAM_BINS];
    for value in values.iter().filter(|v| v.abs() < HISTOGRAM_RANGE) {
        histogram[((value + HISTOGRAM_RANGE) / width) as usize] += 1.0 / (count as f64 * width);
    }
    let quantile = |step: i32| {
        let gaussian = f64::from(step) / 10.0;
        let rank = (normal_share(gaussian) * count as f64) as usize;
        (
            gaussian,
            values.get(rank.min(count.saturating_sub(1))).copied().unwrap_or(0.0),
        )
    };
    ResidualRecord {
        iteration,
        count,
        mean,
        variance,
        kurtosis: if variance > 0.0 {
            average(4, mean) / (variance * variance)
        } else {
            0.0
        },
        histogram,
        quantiles: (-QUANTILE_STEPS..=QUANTILE_STEPS).map(quantile).collect(),
    }
}

/// Cumulative distribution of a standard Gaussian.
fn normal_share(x: f64) -> f64 {
    libm::erfc(-x / std::f64::consts::SQRT_2) / 2.0
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len();
    values.sum::<f64>() / count as f64
}

/// The subbands as one image, the coarsest at the top left, H below and V to the right of it.
fn nested_subbands<V: Copy>(layout: &Layout, values: &[V], value_of: impl Fn(V) -> f32) -> Array2<f32> {
    let mut picture = Array2::zeros(layout.padded.dim());
    for band in &layout.bands {
        let (down, right) = match band.orientation {
            Orientation::A => (0, 0),
            Orientation::H => (band.grid.rows, 0),
            Orientation::V => (0, band.grid.cols),
            Orientation::D => (band.grid.rows, band.grid.cols),
        };
        for (i, &value) in values[band.range()].iter().enumerate() {
            picture[[down + i / band.grid.cols, right + i % band.grid.cols]] = value_of(value);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;
    use pvdamp::array::Grid;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use std::sync::Arc;

    #[test]
    fn gaussian_errors_of_the_predicted_variance_look_standard() {
        let layout = Arc::new(Layout::new(Grid::new(128, 128), 3));
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
        let mut gauss = || -> f32 { StandardNormal.sample(&mut rng) };
        let mut w = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
        let mut tau = Pyramid::filled(&layout, 0.0);
        for (i, (w, tau)) in w.values.iter_mut().zip(&mut tau.values).enumerate() {
            *tau = 1.0 + (i % 7) as f32;
            *w = Complex::new(gauss(), gauss()) * (*tau / 2.0).sqrt();
        }
        let found = residual_record(1, &w, &tau);
        assert!(found.mean.abs() < 0.02 && (found.variance - 1.0).abs() < 0.03 && (found.kurtosis - 3.0).abs() < 0.1);
        assert!((found.histogram.iter().sum::<f64>() * 10.0 / HISTOGRAM_BINS as f64 - 1.0).abs() < 1e-3);
        for (gaussian, measured) in found.quantiles.iter().filter(|q| q.0.abs() < 2.0) {
            assert!((gaussian - measured).abs() < 0.08, "{gaussian} {measured}");
        }
    }

    #[test]
    fn the_share_below_is_that_of_a_gaussian() {
        for (x, share) in [(0.0, 0.5), (1.0, 0.841_344_7), (-1.96, 0.024_997_9), (3.5, 0.999_767_4)] {
            assert!((normal_share(x) - share).abs() < 1e-6, "{x}");
        }
    }

    #[test]
    fn the_nested_picture_holds_every_coefficient_once() {
        let layout = Layout::new(Grid::new(16, 8), 2);
        let values: Vec<f32> = (0..128).map(|v| v as f32).collect();
        let mut seen: Vec<f32> = nested_subbands(&layout, &values, |v| v).into_iter().collect();
        seen.sort_by(f32::total_cmp);
        assert_eq!(seen, values);
    }
}
