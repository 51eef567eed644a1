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

/// A pixel of all samples.
type Lane<T> = [T; SAMPLES];

/// Similar patches: real parts, then imaginary parts.
///
/// Kept pixel by pixel, so that what is done to one sample is done to all in one go.
pub struct PatchGroup<T> {
    pixels: [Lane<T>; LENGTH],
    /// Cholesky factor R of `RᵀR`, upper triangle, its diagonal inverted.
    factor: [[T; LENGTH]; LENGTH],
}

impl<T: Real> PatchGroup<T> {
    pub fn new() -> Self {
        Self {
            pixels: [[T::zero(); SAMPLES]; LENGTH],
            factor: [[T::zero(); LENGTH]; LENGTH],
        }
    }

    pub fn put(&mut self, member: usize, pixel: usize, value: Complex<T>) {
        self.pixels[pixel][member] = value.re;
        self.pixels[pixel][GROUP + member] = value.im;
    }

    pub fn get(&self, member: usize, pixel: usize) -> Complex<T> {
        Complex::new(self.pixels[pixel][member], self.pixels[pixel][GROUP + member])
    }

    /// `p ← (C (C + s² I)⁻¹)² p` for each sample p, with C the mean of `p pᵀ`.
    pub fn shrink(&mut self, variance: T) {
        let noise = variance * T::of(SAMPLES as f64);
        if !self.factorise(noise) {
            return;
        }
        for _ in 0..2 {
            let mut solved = self.pixels;
            solve(&self.factor, &mut solved);
            // C (C + s² I)⁻¹ = I − s² (C + s² I)⁻¹
            for (pixel, solved) in self.pixels.iter_mut().zip(&solved) {
                subtract(pixel, noise, solved);
            }
        }
    }

    /// Cholesky factor of `Σ p pᵀ` and a ridge. Returns whether there is anything to shrink.
    fn factorise(&mut self, ridge: T) -> bool {
        let Self { pixels, factor } = self;
        for (i, row) in factor.iter_mut().enumerate() {
            for (value, right) in row[i..].iter_mut().zip(&pixels[i..]) {
                *value = dot(&pixels[i], right);
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
            let (done, left) = factor.split_at_mut(j + 1);
            let pivot = &mut done[j];
            // With the ridge in it, no pivot can be less but by rounding.
            let inverse = T::one() / pivot[j].max(ridge * T::of(0.5)).sqrt();
            pivot[j] = inverse;
            pivot[j + 1..].iter_mut().for_each(|v| *v *= inverse);
            for (i, row) in (j + 1..).zip(left) {
                let scale = pivot[i];
                row[i..].iter_mut().zip(&pivot[i..]).for_each(|(v, &p)| *v -= scale * p);
            }
        }
        true
    }
}

/// `(RᵀR)⁻¹ x` of all samples.
fn solve<T: Real>(factor: &[[T; LENGTH]; LENGTH], x: &mut [Lane<T>; LENGTH]) {
    for i in 0..LENGTH {
        let (done, left) = x.split_at_mut(i + 1);
        let pivot = &mut done[i];
        pivot.iter_mut().for_each(|v| *v *= factor[i][i]);
        for (lane, &scale) in left.iter_mut().zip(&factor[i][i + 1..]) {
            subtract(lane, scale, pivot);
        }
    }
    for i in (0..LENGTH).rev() {
        let (left, done) = x.split_at_mut(i + 1);
        let lane = &mut left[i];
        for (known, &scale) in done.iter().zip(&factor[i][i + 1..]) {
            subtract(lane, scale, known);
        }
        lane.iter_mut().for_each(|v| *v *= factor[i][i]);
    }
}

/// `from ← from − scale · what`.
fn subtract<T: Real>(from: &mut Lane<T>, scale: T, what: &Lane<T>) {
    from.iter_mut().zip(what).for_each(|(v, &w)| *v -= scale * w);
}

/// Eight sums side by side, then their sum: the order is fixed, and leaves room for vector instructions.
fn dot<T: Real>(a: &Lane<T>, b: &Lane<T>) -> T {
    let mut sums = [T::zero(); 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.into_iter().fold(T::zero(), |sum, part| sum + part)
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

    fn samples(group: &PatchGroup<f64>) -> Vec<[f64; LENGTH]> {
        (0..SAMPLES).map(|k| group.pixels.map(|lane| lane[k])).collect()
    }

    /// `(C + s² I)² p' = C² p`.
    #[test]
    fn samples_are_shrunk_by_their_covariance() {
        let before = samples(&group(1.0));
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
        for (p, q) in before.iter().zip(&samples(&after)) {
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
            assert_eq!(same.pixels, group(scale).pixels);
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
