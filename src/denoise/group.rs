use crate::array::Real;

/// Side of a patch.
pub(super) const SIDE: usize = 5;
/// Pixels of a patch.
pub(super) const LENGTH: usize = SIDE * SIDE;
/// Patches in a group.
pub(super) const GROUP: usize = 16;
/// Real and imaginary parts are samples of their own.
const SAMPLES: usize = 2 * GROUP;
/// Length of all lines here: of a value for each sample, or for each pixel with room for whole vectors.
const ROOM: usize = 32;
/// Lines that are worked on together. Loops run over these inside and along the lines outside, so that it is along the
/// lines that the compiler makes vectors.
const BLOCK: usize = SIDE;
/// Least ridge, relative to the trace: below it a factorisation in single precision means nothing.
const LEAST_RIDGE: f64 = 1e-5;

type Line<T> = [T; ROOM];
type Lines<T> = [Line<T>; BLOCK];
/// What one block of lines takes from another.
type Scales<T> = [[T; BLOCK]; BLOCK];

/// Similar patches: real parts, then imaginary parts.
pub(super) struct PatchGroup<T> {
    /// Each a line of pixels.
    samples: [Line<T>; SAMPLES],
    /// The same, each pixel a line of samples.
    pixels: [Lines<T>; SIDE],
    solved: [Lines<T>; SIDE],
    /// `C = Rᵀ D R`, its factor R above a diagonal of ones, and `D⁻¹`.
    factor: [Lines<T>; SIDE],
    inverse: [[T; BLOCK]; SIDE],
}

impl<T: Real> PatchGroup<T> {
    pub(super) fn new() -> Self {
        let lines = [[[T::zero(); ROOM]; BLOCK]; SIDE];
        Self {
            samples: [[T::zero(); ROOM]; SAMPLES],
            pixels: lines,
            solved: lines,
            factor: lines,
            inverse: [[T::zero(); BLOCK]; SIDE],
        }
    }

    /// The pixels of a sample, to be set before [`Self::shrink`]: of the real part of a member, or of its imaginary
    /// part.
    #[inline(always)]
    pub(super) fn sample(&mut self, member: usize, imaginary: bool) -> &mut [T; ROOM] {
        &mut self.samples[usize::from(imaginary) * GROUP + member]
    }

    /// A pixel of a sample, shrunk.
    #[inline(always)]
    pub(super) fn shrunk(&self, member: usize, imaginary: bool, pixel: usize) -> T {
        self.pixels.as_flattened()[pixel][usize::from(imaginary) * GROUP + member]
    }

    /// `p ← (C (C + s² I)⁻¹)² p` for each sample p, with C the mean of `p pᵀ`.
    #[inline(always)]
    pub(super) fn shrink(&mut self, variance: T) {
        let pixels = self.pixels.as_flattened_mut();
        for (at, sample) in self.samples.iter().enumerate() {
            for (lane, &value) in pixels.iter_mut().zip(sample) {
                lane[at] = value;
            }
        }
        let noise = variance * T::of(SAMPLES as f64);
        if !self.factorise(noise) {
            return;
        }
        for _ in 0..2 {
            self.solve();
            // C (C + s² I)⁻¹ = I − s² (C + s² I)⁻¹
            let solved = self.solved.as_flattened().as_flattened();
            let pixels = self.pixels.as_flattened_mut().as_flattened_mut();
            pixels.iter_mut().zip(solved).for_each(|(v, &s)| *v -= noise * s);
        }
    }

    /// Factors of `Σ p pᵀ` and a ridge. Returns whether there is anything to shrink.
    #[inline(always)]
    fn factorise(&mut self, ridge: T) -> bool {
        self.correlate();
        let Self { factor, inverse, .. } = self;
        let trace = (0..LENGTH).fold(T::zero(), |sum, i| sum + factor[i / BLOCK][i % BLOCK][i]);
        // Written so that a NaN is left alone.
        let any = trace > T::zero() && ridge > T::zero();
        if !any {
            return false;
        }
        let ridge = ridge.max(trace * T::of(LEAST_RIDGE));
        (0..LENGTH).for_each(|i| factor[i / BLOCK][i % BLOCK][i] += ridge);
        for b in 0..SIDE {
            let (done, left) = factor.split_at_mut(b + 1);
            let lines = &mut done[b];
            let square = scales(lines, b);
            // With the ridge in it, no pivot can be less but by rounding.
            let (upper, diagonal) = factorise_block(square, ridge * T::of(0.5));
            forward(lines, &upper);
            inverse[b] = diagonal;
            let unscaled = *lines;
            for (line, &inverse) in lines.iter_mut().zip(&diagonal) {
                line.iter_mut().for_each(|v| *v *= inverse);
            }
            for (c, later) in (b + 1..).zip(left) {
                eliminate(later, &transposed(&scales(&unscaled, c)), lines);
            }
        }
        true
    }

    /// `Σ p pᵀ`, in the blocks on and above the diagonal.
    #[inline(always)]
    fn correlate(&mut self) {
        const AT_ONCE: usize = 8;
        for (b, out) in self.factor.iter_mut().enumerate() {
            let mut sums = [[T::zero(); ROOM]; BLOCK];
            for samples in self.samples.as_chunks::<AT_ONCE>().0 {
                let mut left = [[T::zero(); BLOCK]; AT_ONCE];
                for (left, sample) in left.iter_mut().zip(samples) {
                    left.copy_from_slice(&sample[b * BLOCK..(b + 1) * BLOCK]);
                }
                for l in 0..ROOM {
                    for r in 0..BLOCK {
                        let mut sum = sums[r][l];
                        for k in 0..AT_ONCE {
                            sum += left[k][r] * samples[k][l];
                        }
                        sums[r][l] = sum;
                    }
                }
            }
            *out = sums;
        }
    }

    /// `(Rᵀ D R)⁻¹` of the pixels of all samples.
    #[inline(always)]
    fn solve(&mut self) {
        let Self {
            pixels,
            solved,
            factor,
            inverse,
            ..
        } = self;
        *solved = *pixels;
        for b in 0..SIDE {
            let (known, lines) = solved.split_at_mut(b);
            let lines = &mut lines[0];
            for (known, row) in known.iter().zip(&*factor) {
                eliminate(lines, &transposed(&scales(row, b)), known);
            }
            forward(lines, &scales(&factor[b], b));
        }
        for b in (0..SIDE).rev() {
            let (lines, known) = solved.split_at_mut(b + 1);
            let lines = &mut lines[b];
            for (line, &inverse) in lines.iter_mut().zip(&inverse[b]) {
                line.iter_mut().for_each(|v| *v *= inverse);
            }
            for (c, known) in (b + 1..).zip(&*known) {
                eliminate(lines, &scales(&factor[b], c), known);
            }
            backward(lines, &scales(&factor[b], b));
        }
    }
}

/// Columns of block `b`.
#[inline(always)]
fn scales<T: Real>(lines: &Lines<T>, b: usize) -> Scales<T> {
    let mut out = [[T::zero(); BLOCK]; BLOCK];
    for (out, line) in out.iter_mut().zip(lines) {
        *out = *line[b * BLOCK..].first_chunk().expect("whole blocks");
    }
    out
}

#[inline(always)]
fn transposed<T: Real>(scales: &Scales<T>) -> Scales<T> {
    let mut out = *scales;
    for i in 0..BLOCK {
        for k in 0..BLOCK {
            out[i][k] = scales[k][i];
        }
    }
    out
}

/// `Rᵀ D R` of a symmetric block: R above the diagonal, and `D⁻¹`.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "read as the equations are")]
fn factorise_block<T: Real>(mut square: Scales<T>, least: T) -> (Scales<T>, [T; BLOCK]) {
    let mut upper = square;
    let mut inverse = [T::zero(); BLOCK];
    for i in 0..BLOCK {
        inverse[i] = T::one() / square[i][i].max(least);
        for k in i + 1..BLOCK {
            upper[i][k] = square[i][k] * inverse[i];
            for m in i + 1..=k {
                square[m][k] -= square[i][m] * upper[i][k];
            }
        }
    }
    (upper, inverse)
}

/// `out_r ← out_r − Σ_t scales_rt known_t`.
#[inline(always)]
fn eliminate<T: Real>(out: &mut Lines<T>, scales: &Scales<T>, known: &Lines<T>) {
    for l in 0..ROOM {
        for r in 0..BLOCK {
            let mut value = out[r][l];
            for t in 0..BLOCK {
                value -= scales[r][t] * known[t][l];
            }
            out[r][l] = value;
        }
    }
}

/// Solves by the lower triangle `upperᵀ`, its diagonal 1.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "read as the equations are")]
fn forward<T: Real>(lines: &mut Lines<T>, upper: &Scales<T>) {
    for l in 0..ROOM {
        for i in 0..BLOCK {
            for k in i + 1..BLOCK {
                lines[k][l] -= upper[i][k] * lines[i][l];
            }
        }
    }
}

/// Solves by the upper triangle, its diagonal 1.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "read as the equations are")]
fn backward<T: Real>(lines: &mut Lines<T>, upper: &Scales<T>) {
    for l in 0..ROOM {
        for i in (0..BLOCK).rev() {
            for k in 0..i {
                lines[k][l] -= upper[k][i] * lines[i][l];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(scale: f64) -> PatchGroup<f64> {
        let mut group = PatchGroup::new();
        for member in 0..GROUP {
            for pixel in 0..LENGTH {
                let wave = (member as f64 * 0.7 + pixel as f64).sin();
                let real = 3.0 * wave + (pixel * member % 7) as f64;
                group.sample(member, false)[pixel] = real * scale;
                group.sample(member, true)[pixel] = 0.1 * wave * scale;
            }
        }
        group
    }

    /// Before [`PatchGroup::shrink`].
    fn samples(group: &PatchGroup<f64>) -> Vec<[f64; LENGTH]> {
        group
            .samples
            .iter()
            .map(|sample| *sample.first_chunk().unwrap())
            .collect()
    }

    /// After it.
    fn shrunk(group: &PatchGroup<f64>) -> Vec<[f64; LENGTH]> {
        (0..SAMPLES)
            .map(|k| std::array::from_fn(|pixel| group.pixels.as_flattened()[pixel][k]))
            .collect()
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
        for (p, q) in before.iter().zip(&shrunk(&after)) {
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
    fn nothing_to_shrink_is_left_unscaled() {
        for (scale, noise) in [(1.0, 0.0), (0.0, 1.0)] {
            let mut same = group(scale);
            same.shrink(noise);
            assert_eq!(shrunk(&same), samples(&same));
        }
    }

    /// In single precision, and with noise far below the patches.
    #[test]
    fn little_noise_changes_little() {
        let mut group = PatchGroup::<f32>::new();
        let value = |member: usize, pixel: usize| [100.0 + (member * pixel) as f32 % 5.0, 1.0];
        for (member, pixel) in (0..GROUP).flat_map(|m| (0..LENGTH).map(move |p| (m, p))) {
            let [re, im] = value(member, pixel);
            group.sample(member, false)[pixel] = re;
            group.sample(member, true)[pixel] = im;
        }
        group.shrink(1e-7);
        for (member, pixel) in (0..GROUP).flat_map(|m| (0..LENGTH).map(move |p| (m, p))) {
            let [re, im] = value(member, pixel);
            assert!((group.shrunk(member, false, pixel) - re).abs() < 0.01);
            assert!((group.shrunk(member, true, pixel) - im).abs() < 0.01);
        }
    }
}
