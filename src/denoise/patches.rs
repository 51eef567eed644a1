use num_complex::Complex;
use rayon::prelude::*;

use super::group::{GROUP, LENGTH, PatchGroup, SIDE};
use crate::array::{Grid, Real, vectorised};

/// Distance of neighbouring reference patches.
const STRIDE: usize = 4;
/// Farthest displacement of a similar patch, along each axis.
const REACH: usize = 5;
/// Displacements along a row that are measured at once, at least all.
const WIDTH: usize = 16;
/// Rows of references worked on at a time.
const ROWS: usize = 16;

/// Wiener shrinkage of groups of similar patches by their own covariance.
///
/// Around every fourth pixel along both axes, the 16 patches of 5×5 most like the one there, within 5 pixels, make a
/// group. Their real and imaginary parts are 32 samples of a random vector of 25 components whose covariance C they
/// estimate, and each is multiplied by `(C (C + s² I)⁻¹)²`: nearly a Wiener filter (Lebrun, Buades & Morel, SIAM J.
/// Imaging Sci. 6, 2013), which attenuates weak components more. Each pixel is the mean over all patches that cover it.
/// The image is periodic.
pub struct SimilarPatches {
    grid: Grid,
    /// Top left pixels, a group after the other.
    members: Vec<[u32; 2]>,
    /// Patches that cover a pixel.
    count: Vec<u16>,
}

/// What the groups of one row of references add up to, over the rows they reach. Real part, imaginary part.
struct Strip<T> {
    first: usize,
    sums: [Vec<T>; 2],
}

impl SimilarPatches {
    /// Finds the groups of similar patches in the real image `pilot`, row-major. `None` for a grid too small for
    /// patches, with a side below 10.
    ///
    /// # Panics
    /// If `pilot` is shorter than the grid.
    pub fn find<T: Real>(grid: Grid, pilot: &[T]) -> Option<Self> {
        let shortest = grid.rows.min(grid.cols);
        if shortest < 2 * SIDE {
            return None;
        }
        let reach = REACH.min((shortest - 1) / 2);
        let padded = Padded::new(grid, reach, reach + WIDTH, |at| pilot[at]);
        let rows: Vec<usize> = (0..grid.rows).step_by(STRIDE).collect();
        let of_row = |&row: &usize| -> Vec<[u32; 2]> {
            vectorised(
                #[inline(always)]
                || {
                    let references = (0..grid.cols).step_by(STRIDE);
                    let mut members = Vec::with_capacity(grid.cols.div_ceil(STRIDE) * GROUP);
                    for col in references {
                        members.extend(padded.most_similar([row, col], reach));
                    }
                    members
                },
            )
        };
        let members: Vec<Vec<[u32; 2]>> = rows.par_iter().map(of_row).collect();
        let members = members.concat();
        Some(Self {
            grid,
            count: count(grid, &members),
            members,
        })
    }

    /// Denoises `image`, row-major, in place. `variance` is s²: that of white noise in the real part, and likewise in
    /// the imaginary part.
    ///
    /// # Panics
    /// If `image` is shorter than the grid.
    pub fn denoise<T: Real>(&self, image: &mut [Complex<T>], variance: T) {
        let Grid { rows, cols } = self.grid;
        let of_row = cols.div_ceil(STRIDE) * GROUP;
        let parts = [
            Padded::new(self.grid, 0, SIDE, |at| image[at].re),
            Padded::new(self.grid, 0, SIDE, |at| image[at].im),
        ];
        image.fill(Complex::new(T::zero(), T::zero()));
        for (block, members) in self.members.chunks(of_row * ROWS).enumerate() {
            let strips: Vec<Strip<T>> = (members.par_chunks(of_row).enumerate())
                .map(|(row, members)| self.strip(&parts, variance, (block * ROWS + row) * STRIDE, members))
                .collect();
            // In their order, whatever the number of threads.
            for Strip { first, sums: [re, im] } in strips {
                let width = cols + SIDE;
                for (offset, (re, im)) in re.chunks_exact(width).zip(im.chunks_exact(width)).enumerate() {
                    let at = (first + offset) % rows * cols;
                    let line = &mut image[at..at + cols];
                    for (sum, (&re, &im)) in line.iter_mut().zip(re.iter().zip(im)) {
                        *sum = Complex::new(sum.re + re, sum.im + im);
                    }
                    for (sum, (&re, &im)) in line.iter_mut().zip(re[cols..].iter().zip(&im[cols..])) {
                        *sum = Complex::new(sum.re + re, sum.im + im);
                    }
                }
            }
        }
        for (pixel, &count) in image.iter_mut().zip(&self.count) {
            *pixel /= T::of(f64::from(count));
        }
    }

    fn strip<T: Real>(&self, parts: &[Padded<T>; 2], variance: T, row: usize, members: &[[u32; 2]]) -> Strip<T> {
        let Grid { rows, cols } = self.grid;
        let height = 2 * REACH + SIDE;
        let mut strip = Strip {
            first: (row + rows - REACH.min(rows)) % rows,
            sums: [0, 1].map(|_| vec![T::zero(); height * (cols + SIDE)]),
        };
        let mut group = PatchGroup::new();
        vectorised(
            #[inline(always)]
            || {
                for members in members.chunks_exact(GROUP) {
                    self.shrink(parts, variance, members, &mut group, &mut strip);
                }
            },
        );
        strip
    }

    /// One group.
    #[inline(always)]
    fn shrink<T: Real>(
        &self,
        parts: &[Padded<T>; 2],
        variance: T,
        members: &[[u32; 2]],
        group: &mut PatchGroup<T>,
        strip: &mut Strip<T>,
    ) {
        let Grid { rows, cols } = self.grid;
        for (member, &[top, left]) in members.iter().enumerate() {
            for (imaginary, part) in [false, true].into_iter().zip(parts) {
                part.patch([top as usize, left as usize], group.sample(member, imaginary));
            }
        }
        group.shrink(variance);
        for (member, &[top, left]) in members.iter().enumerate() {
            let offset = if top as usize >= strip.first {
                top as usize - strip.first
            } else {
                top as usize + rows - strip.first
            };
            for (imaginary, sums) in [false, true].into_iter().zip(&mut strip.sums) {
                for u in 0..SIDE {
                    let at = (offset + u) * (cols + SIDE) + left as usize;
                    let line: &mut [T; SIDE] = sums[at..].first_chunk_mut().expect("room for a patch");
                    for (w, sum) in line.iter_mut().enumerate() {
                        *sum += group.shrunk(member, imaginary, u * SIDE + w);
                    }
                }
            }
        }
    }
}

/// How many patches cover each pixel.
fn count(grid: Grid, members: &[[u32; 2]]) -> Vec<u16> {
    let width = grid.cols + SIDE;
    let mut padded = vec![0; (grid.rows + SIDE) * width];
    for &[top, left] in members {
        for u in 0..SIDE {
            let at = (top as usize + u) * width + left as usize;
            padded[at..at + SIDE].iter_mut().for_each(|count| *count += 1);
        }
    }
    let mut count = vec![0; grid.len()];
    for (row, line) in padded.chunks_exact(width).enumerate() {
        for (col, more) in line.iter().enumerate() {
            count[row % grid.rows * grid.cols + col % grid.cols] += more;
        }
    }
    count
}

/// An image with a margin around it, filled periodically: patches need not look where it ends.
struct Padded<T> {
    grid: Grid,
    cols: usize,
    values: Vec<T>,
}

impl<T: Real> Padded<T> {
    /// `before` and `after` are the widths of the margin on the two sides of each axis.
    fn new(grid: Grid, before: usize, after: usize, image: impl Fn(usize) -> T) -> Self {
        let (rows, cols) = (grid.rows + before + after, grid.cols + before + after);
        let mut values = Vec::with_capacity(rows * cols);
        for row in 0..rows {
            let line = (row + grid.rows - before) % grid.rows * grid.cols;
            let mut col = (grid.cols - before) % grid.cols;
            for _ in 0..cols {
                values.push(image(line + col));
                col = if col + 1 == grid.cols { 0 } else { col + 1 };
            }
        }
        Self { grid, cols, values }
    }

    /// The patches most like the one at `reference`, it first; of two as like, the earlier in row-major order.
    #[inline(always)]
    fn most_similar(&self, reference: [usize; 2], reach: usize) -> [[u32; 2]; GROUP] {
        let span = 2 * reach + 1;
        let mut nearest = [T::infinity(); GROUP];
        let mut places = [[reach, reach]; GROUP];
        nearest[0] = -T::one();
        let mut centre = [T::zero(); LENGTH];
        self.patch([reference[0] + reach, reference[1] + reach], &mut centre);
        for down in 0..span {
            let distances = self.distances(&centre, [reference[0] + down, reference[1]]);
            for (right, &distance) in distances[..span].iter().enumerate() {
                if distance < nearest[GROUP - 1] && (down, right) != (reach, reach) {
                    let mut place = GROUP - 1;
                    while nearest[place - 1] > distance {
                        (nearest[place], places[place]) = (nearest[place - 1], places[place - 1]);
                        place -= 1;
                    }
                    (nearest[place], places[place]) = (distance, [down, right]);
                }
            }
        }
        let around = |start: usize, shift: usize, n: usize| ((start + shift + n - reach) % n) as u32;
        places.map(|[down, right]| {
            [
                around(reference[0], down, self.grid.rows),
                around(reference[1], right, self.grid.cols),
            ]
        })
    }

    /// Squared distances of `centre` from the patch at `place` and from those to the right of it.
    #[inline(always)]
    fn distances(&self, centre: &[T; LENGTH], place: [usize; 2]) -> [T; WIDTH] {
        let mut sums = [T::zero(); WIDTH];
        for (u, centre) in centre.chunks_exact(SIDE).enumerate() {
            let line = &self.values[(place[0] + u) * self.cols + place[1]..][..SIDE + WIDTH];
            for (w, &centre) in centre.iter().enumerate() {
                let values: &[T; WIDTH] = line[w..].first_chunk().expect("room for all");
                for (sum, &value) in sums.iter_mut().zip(values) {
                    let gap = centre - value;
                    *sum += gap * gap;
                }
            }
        }
        sums
    }

    /// Copies a patch to the first of `out`.
    #[inline(always)]
    fn patch<const N: usize>(&self, [top, left]: [usize; 2], out: &mut [T; N]) {
        for (u, to) in out[..LENGTH].chunks_exact_mut(SIDE).enumerate() {
            let at = (top + u) * self.cols + left;
            to.copy_from_slice(&self.values[at..at + SIDE]);
        }
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
