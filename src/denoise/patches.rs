use num_complex::Complex;
use rayon::prelude::*;

use super::group::{GROUP, LENGTH, PatchGroup, SIDE};
use crate::array::{Grid, Real};

/// Distance of neighbouring reference patches.
const STRIDE: usize = 4;
/// Farthest displacement of a similar patch, along each axis.
const REACH: usize = 5;
/// Rows of references worked on at a time.
const ROWS: usize = 16;

/// Wiener shrinkage of groups of similar patches by their own covariance.
///
/// Around every fourth pixel along both axes, the 16 patches of 5×5 most like the one there, within 5 pixels, make a
/// group. Their real and imaginary parts are 32 samples of a random vector of 25 components whose covariance C they
/// estimate, and each becomes `(C (C + s² I)⁻¹)²` of itself: nearly a Wiener filter (Lebrun, Buades, Morel 2013), with
/// a steeper way down for what is weak. Each pixel is the mean over all patches that cover it. All is periodic.
pub struct SimilarPatches {
    grid: Grid,
    /// Top left pixels, a group after the other.
    members: Vec<[u32; 2]>,
}

/// What the groups of one row of references add up to, over the rows they reach.
struct Strip<T> {
    first: usize,
    sum: Vec<Complex<T>>,
    count: Vec<T>,
}

impl SimilarPatches {
    /// Finds the groups by an image, row-major. `None` for a grid too small for patches.
    pub fn find<T: Real>(grid: Grid, pilot: &[T]) -> Option<Self> {
        let shortest = grid.rows.min(grid.cols);
        if shortest < 2 * SIDE {
            return None;
        }
        let padded = Padded::new(grid, REACH.min((shortest - 1) / 2), pilot);
        let rows: Vec<usize> = (0..grid.rows).step_by(STRIDE).collect();
        let of_row = |&row: &usize| -> Vec<[u32; 2]> {
            let references = (0..grid.cols).step_by(STRIDE);
            references.flat_map(|col| padded.most_similar([row, col])).collect()
        };
        let members: Vec<Vec<[u32; 2]>> = rows.par_iter().map(of_row).collect();
        Some(Self {
            grid,
            members: members.concat(),
        })
    }

    /// Denoises `image`, row-major. `variance` is s², of the noise in the real part and likewise in the imaginary part.
    pub fn denoise<T: Real>(&self, image: &mut [Complex<T>], variance: T) {
        let Grid { rows, cols } = self.grid;
        let of_row = cols.div_ceil(STRIDE) * GROUP;
        let mut sum = vec![Complex::new(T::zero(), T::zero()); image.len()];
        let mut count = vec![T::zero(); image.len()];
        for (block, members) in self.members.chunks(of_row * ROWS).enumerate() {
            let strips: Vec<Strip<T>> = (members.par_chunks(of_row).enumerate())
                .map(|(row, members)| self.strip(image, variance, (block * ROWS + row) * STRIDE, members))
                .collect();
            // In their order, whatever the number of threads.
            for strip in strips {
                let lines = strip.sum.chunks_exact(cols).zip(strip.count.chunks_exact(cols));
                for (offset, (values, counts)) in lines.enumerate() {
                    let at = (strip.first + offset) % rows * cols;
                    let into = sum[at..at + cols].iter_mut().zip(&mut count[at..at + cols]);
                    for ((sum, count), (v, c)) in into.zip(values.iter().zip(counts)) {
                        *sum += v;
                        *count += *c;
                    }
                }
            }
        }
        for ((pixel, sum), count) in image.iter_mut().zip(&sum).zip(&count) {
            *pixel = sum / *count;
        }
    }

    fn strip<T: Real>(&self, image: &[Complex<T>], variance: T, row: usize, members: &[[u32; 2]]) -> Strip<T> {
        let Grid { rows, cols } = self.grid;
        let height = 2 * REACH + SIDE;
        let mut strip = Strip {
            first: (row + rows - REACH.min(rows)) % rows,
            sum: vec![Complex::new(T::zero(), T::zero()); height * cols],
            count: vec![T::zero(); height * cols],
        };
        let mut group = PatchGroup::new();
        for members in members.chunks_exact(GROUP) {
            for (member, &[top, left]) in members.iter().enumerate() {
                for u in 0..SIDE {
                    let line = (top as usize + u) % rows * cols;
                    for w in 0..SIDE {
                        group.put(member, u * SIDE + w, image[line + (left as usize + w) % cols]);
                    }
                }
            }
            group.shrink(variance);
            for (member, &[top, left]) in members.iter().enumerate() {
                let offset = (top as usize + rows - strip.first) % rows;
                for u in 0..SIDE {
                    let line = (offset + u) * cols;
                    for w in 0..SIDE {
                        let at = line + (left as usize + w) % cols;
                        strip.sum[at] += group.get(member, u * SIDE + w);
                        strip.count[at] += T::one();
                    }
                }
            }
        }
        strip
    }
}

/// An image with a margin around it, filled periodically.
struct Padded<T> {
    grid: Grid,
    margin: usize,
    cols: usize,
    values: Vec<T>,
}

impl<T: Real> Padded<T> {
    fn new(grid: Grid, margin: usize, image: &[T]) -> Self {
        let (rows, cols) = (grid.rows + 2 * margin + SIDE, grid.cols + 2 * margin + SIDE);
        let mut values = Vec::with_capacity(rows * cols);
        for row in 0..rows {
            let line = (row + grid.rows - margin) % grid.rows * grid.cols;
            values.extend((0..cols).map(|col| image[line + (col + grid.cols - margin) % grid.cols]));
        }
        Self {
            grid,
            margin,
            cols,
            values,
        }
    }

    /// The patches most like the one at `reference`, it first; of two as like, the earlier in row-major order.
    fn most_similar(&self, reference: [usize; 2]) -> [[u32; 2]; GROUP] {
        let span = 2 * self.margin + 1;
        let mut best = [(T::infinity(), [reference[0] as u32, reference[1] as u32]); GROUP];
        best[0].0 = -T::one();
        let centre = self.patch(reference[0] + self.margin, reference[1] + self.margin);
        for (down, right) in (0..span).flat_map(|down| (0..span).map(move |right| (down, right))) {
            if (down, right) == (self.margin, self.margin) {
                continue;
            }
            let candidate = self.patch(reference[0] + down, reference[1] + right);
            let squares = centre.iter().zip(&candidate).map(|(&a, &b)| (a - b) * (a - b));
            let distance = squares.fold(T::zero(), |sum, square| sum + square);
            if distance < best[GROUP - 1].0 {
                let place = best.partition_point(|(d, _)| *d <= distance);
                best.copy_within(place..GROUP - 1, place + 1);
                let at = |start: usize, shift: usize, n: usize| ((start + shift + n - self.margin) % n) as u32;
                let row = at(reference[0], down, self.grid.rows);
                let col = at(reference[1], right, self.grid.cols);
                best[place] = (distance, [row, col]);
            }
        }
        best.map(|(_, at)| at)
    }

    fn patch(&self, top: usize, left: usize) -> [T; LENGTH] {
        let mut patch = [T::zero(); LENGTH];
        for (u, line) in patch.chunks_exact_mut(SIDE).enumerate() {
            let at = (top + u) * self.cols + left;
            line.copy_from_slice(&self.values[at..at + SIDE]);
        }
        patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A smooth wave with noise of ±1/2, variance 1/12 a part.
    fn noisy(grid: Grid) -> (Vec<Complex<f64>>, Vec<Complex<f64>>) {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        let wave =
            |at: usize| 5.0 * ((at % grid.cols) as f64 * 0.4).sin() + 3.0 * ((at / grid.cols) as f64 * 0.3).cos();
        let clean: Vec<Complex<f64>> = (0..grid.len()).map(|at| Complex::new(wave(at), 0.0)).collect();
        let noisy = clean.iter().map(|v| v + Complex::new(draw(), draw())).collect();
        (clean, noisy)
    }

    fn real(image: &[Complex<f64>]) -> Vec<f64> {
        image.iter().map(|v| v.re).collect()
    }

    #[test]
    fn noise_goes_at_any_size() {
        for (rows, cols) in [(64, 48), (31, 50), (10, 11)] {
            let grid = Grid::new(rows, cols);
            let (clean, image) = noisy(grid);
            let mut cleaned = image.clone();
            let groups = SimilarPatches::find(grid, &real(&image)).unwrap();
            groups.denoise(&mut cleaned, 1.0 / 12.0);
            let error = |image: &[Complex<f64>]| image.iter().zip(&clean).map(|(a, b)| (a - b).norm_sqr()).sum::<f64>();
            assert!(
                error(&cleaned) < 0.6 * error(&image),
                "{grid}: {} of {}",
                error(&cleaned),
                error(&image)
            );
        }
        assert!(SimilarPatches::find(Grid::new(9, 40), &[0.0; 360]).is_none());
    }

    #[test]
    fn the_reference_is_the_first_of_its_group() {
        let grid = Grid::new(20, 18);
        let groups = SimilarPatches::find(grid, &real(&noisy(grid).1)).unwrap();
        for (group, members) in groups.members.chunks_exact(GROUP).enumerate() {
            assert_eq!(members[0], [(group / 5 * STRIDE) as u32, (group % 5 * STRIDE) as u32]);
            let distinct: std::collections::HashSet<_> = members.iter().collect();
            assert_eq!(distinct.len(), GROUP);
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let grid = Grid::new(40, 36);
        let (_, image) = noisy(grid);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut out = image.clone();
                SimilarPatches::find(grid, &real(&image))
                    .unwrap()
                    .denoise(&mut out, 0.1);
                out
            })
        };
        assert_eq!(run(1), run(3));
    }
}
