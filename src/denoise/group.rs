use num_complex::Complex;

use crate::array::Real;

/// Side of a patch.
pub const SIDE: usize = 5;
/// Pixels of a patch.
pub const LENGTH: usize = SIDE * SIDE;
/// Patches in a group.
pub const GROUP: usize = 16;
/// Real and imaginary parts are samples of their own.
const SAMPLES: usize = 2 * GROUP;
/// Least ridge, relative to the trace: below it a factorisation in single precision means nothing.
const LEAST_RIDGE: f64 = 1e-5;

/// Similar patches: real parts, then imaginary parts.
pub struct PatchGroup<T> {
    samples: [[T; LENGTH]; SAMPLES],
    /// Cholesky factor, lower triangle, its diagonal inverted.
    factor: [[T; LENGTH]; LENGTH],
}

impl<T: Real> PatchGroup<T> {
    pub fn new() -> Self {
        Self {
            samples: [[T::zero(); LENGTH]; SAMPLES],
            factor: [[T::zero(); LENGTH]; LENGTH],
        }
    }

    pub fn put(&mut self, member: usize, pixel: usize, value: Complex<T>) {
        self.samples[member][pixel] = value.re;
        self.samples[GROUP + member][pixel] = value.im;
    }

    pub fn get(&self, member: usize, pixel: usize) -> Complex<T> {
        Complex::new(self.samples[member][pixel], self.samples[GROUP + member][pixel])
    }

    /// `p ← (C (C + s² I)⁻¹)² p` for each sample p, with C the mean of `p pᵀ`.
    pub fn shrink(&mut self, variance: T) {
        let noise = variance * T::of(SAMPLES as f64);
        if !self.factorise(noise) {
            return;
        }
        for sample in &mut self.samples {
            for _ in 0..2 {
                let solved = solve(&self.factor, *sample);
                // C (C + s² I)⁻¹ = I − s² (C + s² I)⁻¹
                sample.iter_mut().zip(solved).for_each(|(p, x)| *p -= noise * x);
            }
        }
    }

    /// Cholesky factor of `Σ p pᵀ` and a ridge. Returns whether there is anything to shrink.
    fn factorise(&mut self, ridge: T) -> bool {
        let factor = &mut self.factor;
        *factor = [[T::zero(); LENGTH]; LENGTH];
        for sample in &self.samples {
            for (row, &left) in factor.iter_mut().zip(sample) {
                row.iter_mut()
                    .zip(sample)
                    .for_each(|(sum, &right)| *sum += left * right);
            }
        }
        let trace = (0..LENGTH).fold(T::zero(), |sum, i| sum + factor[i][i]);
        // Written so that a NaN is left alone.
        let any = trace > T::zero() && ridge > T::zero();
        if !any {
            return false;
        }
        let ridge = ridge.max(trace * T::of(LEAST_RIDGE));
        (0..LENGTH).for_each(|i| factor[i][i] += ridge);
        for j in 0..LENGTH {
            let pivot = factor[j];
            let squares = pivot[..j].iter().fold(T::zero(), |sum, &v| sum + v * v);
            let inverse = T::one() / (pivot[j] - squares).max(ridge * T::of(0.5)).sqrt();
            factor[j][j] = inverse;
            for row in &mut factor[j + 1..] {
                let products = row[..j].iter().zip(&pivot[..j]);
                let sum = products.fold(row[j], |sum, (&a, &b)| sum - a * b);
                row[j] = sum * inverse;
            }
        }
        true
    }
}

/// `(L Lᵀ)⁻¹ x`.
fn solve<T: Real>(factor: &[[T; LENGTH]; LENGTH], mut x: [T; LENGTH]) -> [T; LENGTH] {
    for i in 0..LENGTH {
        let products = factor[i][..i].iter().zip(&x[..i]);
        x[i] = products.fold(x[i], |sum, (&l, &x)| sum - l * x) * factor[i][i];
    }
    for i in (0..LENGTH).rev() {
        let value = x[i] * factor[i][i];
        x[i] = value;
        // Column by column, so that the inner loop runs along a row of the factor.
        x[..i]
            .iter_mut()
            .zip(&factor[i][..i])
            .for_each(|(x, &l)| *x -= l * value);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(scale: f64) -> PatchGroup<f64> {
        let mut group = PatchGroup::new();
        for member in 0..GROUP {
            for pixel in 0..LENGTH {
                let wave = (member as f64 * 0.7 + pixel as f64).sin();
                let value = Complex::new(3.0 * wave + (pixel * member % 7) as f64, 0.1 * wave);
                group.put(member, pixel, value * scale);
            }
        }
        group
    }

    /// `(C + s² I)² p' = C² p`.
    #[test]
    fn samples_are_shrunk_by_their_covariance() {
        let before = group(1.0).samples;
        let mut after = group(1.0);
        let noise = 0.3;
        after.shrink(noise);
        let times = |p: [f64; LENGTH], ridge: f64| -> [f64; LENGTH] {
            let mut out = p.map(|v| v * ridge);
            for sample in &before {
                let product: f64 = sample.iter().zip(&p).map(|(a, b)| a * b).sum();
                out.iter_mut()
                    .zip(sample)
                    .for_each(|(o, s)| *o += s * product / SAMPLES as f64);
            }
            out
        };
        for (p, q) in before.iter().zip(&after.samples) {
            let left = times(times(*q, noise), noise);
            let right = times(times(*p, 0.0), 0.0);
            assert!(
                left.iter()
                    .zip(&right)
                    .all(|(a, b)| (a - b).abs() < 1e-6 * right[0].abs().max(1.0))
            );
        }
    }

    #[test]
    fn nothing_to_shrink_is_left_as_it_is() {
        for (scale, noise) in [(1.0, 0.0), (0.0, 1.0)] {
            let mut same = group(scale);
            same.shrink(noise);
            assert_eq!(same.samples, group(scale).samples);
        }
    }

    /// In single precision, and with noise far below the patches.
    #[test]
    fn little_noise_changes_little() {
        let mut group = PatchGroup::<f32>::new();
        let value = |member: usize, pixel: usize| Complex::new(100.0 + (member * pixel) as f32 % 5.0, 1.0);
        for (member, pixel) in (0..GROUP).flat_map(|m| (0..LENGTH).map(move |p| (m, p))) {
            group.put(member, pixel, value(member, pixel));
        }
        group.shrink(1e-7);
        for (member, pixel) in (0..GROUP).flat_map(|m| (0..LENGTH).map(move |p| (m, p))) {
            assert!((group.get(member, pixel) - value(member, pixel)).norm() < 0.01);
        }
    }
}
