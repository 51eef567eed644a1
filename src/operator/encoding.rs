use std::ops::Range;
use std::sync::Mutex;

use ndarray::{Array2, Array3, ArrayView3, Axis, Zip};
use num_complex::Complex;
use rayon::prelude::*;

use super::products::{accumulate_conjugate, multiply};
use crate::array::{Grid, Image, ImageSets, LANES, Maps, Mask, Real};
use crate::fourier::{Along, Direction, Fourier, Panels, Scratch};

/// k-space values at the sampled locations only, `(coils, samples)`, in row-major order of the grid.
pub type Samples<T> = Array2<Complex<T>>;

/// Picks the sampled locations out of full planes `(coils, rows, cols)`.
pub fn gather<T: Real>(kspace: ArrayView3<Complex<T>>, mask: &Mask) -> Samples<T> {
    let sampled: Vec<(usize, usize)> = mask
        .sampled
        .indexed_iter()
        .filter(|&(_, &s)| s)
        .map(|(at, _)| at)
        .collect();
    Array2::from_shape_fn((kspace.dim().0, sampled.len()), |(coil, sample)| {
        let (row, col) = sampled[sample];
        kspace[[coil, row, col]]
    })
}

/// Multi-coil Cartesian encoding `A = M F S`: coil sensitivity maps, centred unitary FFT, sampling mask.
///
/// `(A x)_c = M F Σ_m S_{m,c} x_m` over map sets m. k-space is kept at the sampled locations only, and never as a plane:
/// samples are taken from, and put into, the groups of rows that the transform works on.
pub struct Encoding<T: Real> {
    fourier: Fourier<T>,
    sets: usize,
    coils: usize,
    /// Of each set and, in it, each coil: groups of columns, as the transform along them wants them.
    maps: Vec<Panels<T>>,
    /// Whether any map has a value in a group of columns.
    seen: Vec<bool>,
    sampled: Vec<u32>,
    /// The samples of each group of rows.
    groups: Vec<Range<usize>>,
    /// For each sample, where it is put into its group of rows, and where it is found in the transform of that.
    entry: Vec<u32>,
    exit: Vec<u32>,
    /// `SᴴS`: `Σ_c conj(S_{m,c}) S_{m',c}` of each set m and, in it, each set m', as the maps are.
    gram: Vec<Panels<T>>,
    /// Buffers handed from task to task, and those for images.
    idle: Mutex<Vec<Scratch<T>>>,
    idle_images: Mutex<Vec<Panels<T>>>,
}

impl<T: Real> Encoding<T> {
    /// `maps` is `(sets, coils, rows, cols)`, of the mask's grid.
    pub fn new(maps: Maps<T>, mask: &Mask) -> Self {
        let (sets, coils, rows, cols) = maps.dim();
        assert_eq!((rows, cols), mask.sampled.dim(), "maps and mask of different grids");
        let fourier = Fourier::new(Grid::new(rows, cols));
        let maps = panels_of(&fourier, maps);
        let gram = gram(&fourier, &maps, sets, coils);
        let size = rows * LANES;
        let any = |group: usize| {
            let range = group * size..(group + 1) * size;
            let not_zero = |parts: &[T]| parts.iter().any(|&v| v != T::zero());
            maps.iter()
                .any(|map| not_zero(&map.re[range.clone()]) || not_zero(&map.im[range.clone()]))
        };
        let seen = (0..fourier.groups(Along::Columns)).map(any).collect();
        let locations = mask.sampled.iter().enumerate();
        let sampled: Vec<u32> = locations.filter(|&(_, &s)| s).map(|(i, _)| i as u32).collect();
        let place = |at: u32, places: &[u32]| {
            let (row, col) = (at as usize / cols, at as usize % cols);
            places[col] * LANES as u32 + (row % LANES) as u32
        };
        let places = |places: &[u32]| sampled.iter().map(|&at| place(at, places)).collect();
        let end = |group: usize| sampled.partition_point(|&at| (at as usize) < group * LANES * cols);
        Self {
            sets,
            coils,
            maps,
            seen,
            groups: (0..fourier.groups(Along::Rows))
                .map(|group| end(group)..end(group + 1))
                .collect(),
            entry: places(fourier.entry(Along::Rows)),
            exit: places(fourier.exit(Along::Rows)),
            sampled,
            gram,
            fourier,
            idle: Mutex::default(),
            idle_images: Mutex::default(),
        }
    }

    pub fn grid(&self) -> Grid {
        self.fourier.grid()
    }

    pub fn sets(&self) -> usize {
        self.sets
    }

    pub fn coils(&self) -> usize {
        self.coils
    }

    /// The map of one coil, `(rows, cols)`.
    pub fn map(&self, set: usize, coil: usize) -> Image<T> {
        let mut map = Image::zeros(self.grid().dim());
        let plane = map.as_slice_mut().expect("standard layout");
        self.fourier.store(self.panels(set, coil), T::one(), plane);
        map
    }

    /// Where any coil sees anything of the image of a set of maps.
    pub fn seen_by(&self, set: usize) -> Array2<bool> {
        let mut seen = Array2::from_elem(self.grid().dim(), false);
        for coil in 0..self.coils {
            Zip::from(&mut seen)
                .and(&self.map(set, coil))
                .for_each(|seen, s| *seen |= s.norm_sqr() > T::zero());
        }
        seen
    }

    /// Row-major indices of the sampled locations, ascending.
    pub fn sampled(&self) -> &[u32] {
        &self.sampled
    }

    pub fn mask(&self) -> Mask {
        let mut sampled = Array2::from_elem(self.grid().dim(), false);
        let flat = sampled.as_slice_mut().expect("standard layout");
        self.sampled.iter().for_each(|&at| flat[at as usize] = true);
        Mask::new(sampled)
    }

    /// Whether every location is sampled.
    pub fn is_full(&self) -> bool {
        self.sampled.len() == self.grid().len()
    }

    /// `A x`; `x` is `(sets, rows, cols)`.
    pub fn forward(&self, x: &ImageSets<T>) -> Samples<T> {
        let images = self.panelled(x);
        let samples = self.sampled.len();
        let mut out = Array2::zeros((self.coils(), samples));
        let values = out.as_slice_mut().expect("standard layout");
        let coils = values.par_chunks_mut(samples.max(1)).enumerate();
        coils.for_each(|(coil, values)| {
            let mut scratch = self.scratch();
            self.along_columns(coil, &images, &mut scratch);
            for group in 0..self.groups.len() {
                self.along_rows(group, &mut scratch, &mut |sample, value| values[sample] = value);
            }
            self.put_back(scratch);
        });
        self.put_back_images(images);
        out
    }

    /// The first half of the transform of what a coil sees.
    fn along_columns(&self, coil: usize, images: &[Panels<T>], scratch: &mut Scratch<T>) {
        let rows = self.grid().rows;
        for (group, &seen) in self.seen.iter().enumerate() {
            if !seen {
                self.fourier.first_of_zeros(Along::Columns, group, scratch);
                continue;
            }
            for (set, image) in images.iter().enumerate() {
                let map = self.panels(set, coil).group(group, rows);
                let product = scratch.block.group_mut(0, rows);
                multiply(image.group(group, rows), map, product, set > 0);
            }
            self.fourier.first(Along::Columns, Direction::Forward, group, scratch);
        }
    }

    /// The second half, of a group of rows: `put` gets each of its samples.
    fn along_rows(&self, group: usize, scratch: &mut Scratch<T>, put: &mut impl FnMut(usize, Complex<T>)) {
        let samples = self.groups[group].clone();
        if samples.is_empty() {
            return;
        }
        let scale = self.fourier.scale();
        let (re, im) = scratch.panels.group_mut(group, self.grid().cols);
        self.fourier.run(Along::Rows, Direction::Forward, re, im);
        for (sample, &at) in samples.clone().zip(&self.exit[samples]) {
            put(sample, Complex::new(re[at as usize] * scale, im[at as usize] * scale));
        }
    }

    /// `Aᴴ W z` and `z = y − A x`, which goes into `residual`, with real weights per sampled location (all 1 where
    /// `None`). Each coil is there and back before its maps have left the cache.
    pub fn gradient(
        &self,
        y: &Samples<T>,
        x: &ImageSets<T>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
    ) -> ImageSets<T> {
        let images = self.panelled(x);
        let sums = self.zero_images();
        self.there_and_back(y, images, weights, residual, sums)
    }

    /// [`Self::gradient`] and `SᴴS x`, which is what remains of an image that only the coils see: the identity on the
    /// object; outside the support of the maps it removes what no coil can measure.
    pub fn corrected(
        &self,
        y: &Samples<T>,
        x: &ImageSets<T>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
    ) -> ImageSets<T> {
        let images = self.panelled(x);
        let mut sums = self.zero_images();
        // What the inverse transform is scaled by comes at the end.
        let scale = T::one() / self.fourier.scale();
        for (sum, gram) in sums.iter_mut().zip(self.gram.chunks_exact(self.sets)) {
            for (set, (gram, image)) in gram.iter().zip(&images).enumerate() {
                multiply(
                    (&gram.re, &gram.im),
                    (&image.re, &image.im),
                    (&mut sum.re, &mut sum.im),
                    set > 0,
                );
            }
            sum.scale(scale);
        }
        self.there_and_back(y, images, weights, residual, sums)
    }

    /// Adds the gradient to `sums`.
    fn there_and_back(
        &self,
        y: &Samples<T>,
        images: Vec<Panels<T>>,
        weights: Option<&[T]>,
        residual: &mut Samples<T>,
        sums: Vec<Panels<T>>,
    ) -> ImageSets<T> {
        assert_eq!(y.dim(), residual.dim(), "a residual for each sample");
        let y = y.as_standard_layout();
        let residual = residual.as_slice_mut().expect("samples in standard layout");
        let coils = residual.chunks_mut(self.sampled.len().max(1)).collect();
        let combined = self.combine(sums, coils, |coil, residual: &mut [Complex<T>]| {
            let (mut there, mut back) = (self.scratch(), self.scratch());
            let y = y.row(coil).to_slice().expect("standard layout");
            self.along_columns(coil, &images, &mut there);
            for (group, samples) in self.groups.iter().enumerate() {
                let Panels { re, im } = &mut back.block;
                re.fill(T::zero());
                im.fill(T::zero());
                self.along_rows(group, &mut there, &mut |sample, value| {
                    let z = y[sample] - value;
                    residual[sample] = z;
                    let at = self.entry[sample] as usize;
                    let weight = weights.map_or(T::one(), |weights| weights[sample]);
                    (re[at], im[at]) = (z.re * weight, z.im * weight);
                });
                self.back_along_rows(group, !samples.is_empty(), &mut back);
            }
            self.put_back(there);
            back
        });
        self.put_back_images(images);
        combined
    }

    /// `Aᴴ W samples`, `(sets, rows, cols)`, with real weights per sampled location (all 1 where `None`).
    pub fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        let samples = samples.as_standard_layout();
        let coils = vec![(); self.coils];
        self.combine(self.zero_images(), coils, |coil, ()| {
            let mut scratch = self.scratch();
            let values = samples.row(coil).to_slice().expect("standard layout");
            for (group, run) in self.groups.iter().enumerate() {
                let (re, im) = scratch.block.group_mut(0, self.grid().cols);
                re.fill(T::zero());
                im.fill(T::zero());
                for sample in run.clone() {
                    let (at, v) = (self.entry[sample] as usize, values[sample]);
                    let weight = weights.map_or(T::one(), |weights| weights[sample]);
                    (re[at], im[at]) = (v.re * weight, v.im * weight);
                }
                self.back_along_rows(group, !run.is_empty(), &mut scratch);
            }
            scratch
        })
    }

    /// `Sᴴ Fᴴ` of full planes `(coils, rows, cols)`, whatever the mask: the image, where all of k-space is known.
    pub fn combine_full(&self, kspace: ArrayView3<Complex<T>>) -> ImageSets<T> {
        assert_eq!(
            kspace.dim().0,
            self.coils(),
            "k-space of as many coils as there are maps"
        );
        let rows = self.grid().rows;
        self.combine(self.zero_images(), vec![(); self.coils], |coil, ()| {
            let mut scratch = self.scratch();
            let plane = kspace.index_axis(Axis(0), coil);
            for group in 0..self.groups.len() {
                let Panels { re, im } = &mut scratch.block;
                for (lane, row) in (group * LANES..rows.min((group + 1) * LANES)).enumerate() {
                    for (value, &place) in plane.row(row).iter().zip(self.fourier.entry(Along::Rows)) {
                        let at = place as usize * LANES + lane;
                        (re[at], im[at]) = (value.re, value.im);
                    }
                }
                self.back_along_rows(group, true, &mut scratch);
            }
            scratch
        })
    }

    /// The first half of the inverse transform, of a group of rows in `scratch.block`.
    fn back_along_rows(&self, group: usize, any: bool, scratch: &mut Scratch<T>) {
        match any {
            true => self.fourier.first(Along::Rows, Direction::Inverse, group, scratch),
            false => self.fourier.first_of_zeros(Along::Rows, group, scratch),
        }
    }

    /// `sums + Σ_c conj(S_c) Fᴴ` of k-space, of which `half` does the first half of the inverse transform: it gets each
    /// coil and its part of `coils`. All of it scaled as the transform is.
    ///
    /// A few coils at a time, so that memory does not grow with the coils. Each pixel adds the coils in their order, so
    /// that the sum is the same whatever the number of threads.
    fn combine<I: Send>(
        &self,
        mut sums: Vec<Panels<T>>,
        coils: Vec<I>,
        half: impl Fn(usize, I) -> Scratch<T> + Sync,
    ) -> ImageSets<T> {
        let at_once = match rayon::current_num_threads() {
            1 => 1,
            threads => 2 * threads,
        };
        let mut coils = coils.into_iter().enumerate();
        for first in (0..self.coils).step_by(at_once) {
            let some: Vec<(usize, I)> = coils.by_ref().take(at_once).collect();
            let planes = some.into_par_iter().map(|(coil, part)| half(coil, part));
            let mut planes: Vec<Scratch<T>> = planes.collect();
            self.add_coils(first, &mut planes, &mut sums);
            planes.into_iter().for_each(|scratch| self.put_back(scratch));
        }
        let mut images = Array3::zeros((self.sets, self.grid().rows, self.grid().cols));
        for (sum, mut image) in sums.iter().zip(images.outer_iter_mut()) {
            let plane = image.as_slice_mut().expect("standard layout");
            self.fourier.store(sum, self.fourier.scale(), plane);
        }
        self.put_back_images(sums);
        images
    }

    /// The second half: transforms the columns of the coils from `first` on, group by group, and adds them to the images.
    fn add_coils(&self, first: usize, planes: &mut [Scratch<T>], sums: &mut [Panels<T>]) {
        let rows = self.grid().rows;
        let exit = self.fourier.in_order(Along::Columns);
        let mut planes = by_group(
            planes.iter_mut().map(|scratch| &mut scratch.panels),
            rows,
            self.seen.len(),
        );
        let mut sums = by_group(sums.iter_mut(), rows, self.seen.len());
        let groups = planes.par_iter_mut().zip(&mut sums).enumerate();
        let seen = groups.filter(|&(group, _)| self.seen[group]);
        seen.for_each(|(group, (planes, sums))| {
            for (coil, (re, im)) in (first..).zip(planes) {
                self.fourier.run(Along::Columns, Direction::Inverse, re, im);
                for (set, (sum_re, sum_im)) in sums.iter_mut().enumerate() {
                    let map = self.panels(set, coil).group(group, rows);
                    accumulate_conjugate(map, (re, im), exit, (sum_re, sum_im));
                }
            }
        });
    }

    fn panels(&self, set: usize, coil: usize) -> &Panels<T> {
        &self.maps[set * self.coils + coil]
    }

    /// A bound of `‖A‖²`: of `SᴴS` in every pixel, by the row sums of its magnitudes. 1 for one set of normalised maps.
    pub fn norm_bound(&self) -> f64 {
        let magnitude = |panels: &Panels<T>, at: usize| Complex::new(panels.re[at], panels.im[at]).norm().wide();
        let row = |gram: &[Panels<T>], at: usize| gram.iter().map(|panels| magnitude(panels, at)).sum::<f64>();
        let pixels = 0..self.gram.first().map_or(0, |gram| gram.re.len());
        let rows = self.gram.chunks_exact(self.sets);
        rows.flat_map(|gram| pixels.clone().map(move |at| row(gram, at)))
            .fold(0.0, f64::max)
    }

    /// Images as the transform along columns wants them.
    fn panelled(&self, x: &ImageSets<T>) -> Vec<Panels<T>> {
        assert_eq!(x.dim().0, self.sets(), "one image for each set of maps");
        let x = x.as_standard_layout();
        let one = |plane: &[Complex<T>]| {
            let mut image = self.image();
            self.fourier.load(plane, &mut image);
            image
        };
        x.as_slice()
            .expect("standard layout")
            .chunks_exact(self.grid().len())
            .map(one)
            .collect()
    }

    fn zero_images(&self) -> Vec<Panels<T>> {
        let mut images: Vec<Panels<T>> = (0..self.sets).map(|_| self.image()).collect();
        images.iter_mut().for_each(Panels::fill_zero);
        images
    }

    /// Buffers that an earlier task has left, or new ones.
    fn scratch(&self) -> Scratch<T> {
        taken(&self.idle).unwrap_or_else(|| self.fourier.scratch())
    }

    /// Leaves buffers to a later task.
    fn put_back(&self, scratch: Scratch<T>) {
        self.idle.lock().unwrap_or_else(|e| e.into_inner()).push(scratch);
    }

    fn image(&self) -> Panels<T> {
        taken(&self.idle_images).unwrap_or_else(|| self.fourier.panels())
    }

    fn put_back_images(&self, images: Vec<Panels<T>>) {
        self.idle_images
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .extend(images);
    }
}

fn gram<T: Real>(fourier: &Fourier<T>, maps: &[Panels<T>], sets: usize, coils: usize) -> Vec<Panels<T>> {
    let vectors: Vec<u32> = (0..(fourier.groups(Along::Columns) * fourier.length(Along::Columns)) as u32).collect();
    let of_sets = |(a, b): (usize, usize)| {
        let mut sum = fourier.panels();
        for coil in 0..coils {
            let [left, right] = [a, b].map(|set| &maps[set * coils + coil]);
            accumulate_conjugate(
                (&left.re, &left.im),
                (&right.re, &right.im),
                &vectors,
                (&mut sum.re, &mut sum.im),
            );
        }
        sum
    };
    (0..sets)
        .flat_map(|a| (0..sets).map(move |b| (a, b)))
        .map(of_sets)
        .collect()
}

/// One for each set and, in it, each coil.
fn panels_of<T: Real>(fourier: &Fourier<T>, maps: Maps<T>) -> Vec<Panels<T>> {
    let maps = match maps.is_standard_layout() {
        true => maps,
        false => maps.as_standard_layout().into_owned(),
    };
    let planes = maps.as_slice().expect("standard layout");
    let one = |plane: &[Complex<T>]| {
        let mut panels = fourier.panels();
        fourier.load(plane, &mut panels);
        panels
    };
    planes.chunks_exact(fourier.grid().len()).map(one).collect()
}

fn taken<V>(idle: &Mutex<Vec<V>>) -> Option<V> {
    idle.lock().unwrap_or_else(|e| e.into_inner()).pop()
}

/// For each of `count` groups of lines of `length`: its part of each of `panels`.
fn by_group<'a, T: Real>(
    panels: impl Iterator<Item = &'a mut Panels<T>>,
    length: usize,
    count: usize,
) -> Vec<Vec<(&'a mut [T], &'a mut [T])>> {
    let mut groups: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for Panels { re, im } in panels {
        let parts = re
            .chunks_exact_mut(length * LANES)
            .zip(im.chunks_exact_mut(length * LANES));
        groups.iter_mut().zip(parts).for_each(|(group, part)| group.push(part));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array4;
    use proptest::prelude::*;

    fn noise(seed: u64, len: usize) -> Vec<Complex<f64>> {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        (0..len).map(|_| Complex::new(draw(), draw())).collect()
    }

    fn encoding(sets: usize, coils: usize, grid: Grid, seed: u64) -> Encoding<f64> {
        let maps = Array4::from_shape_vec(
            (sets, coils, grid.rows, grid.cols),
            noise(seed, sets * coils * grid.len()),
        );
        let mask = noise(seed + 1, grid.len()).iter().map(|v| v.re > 0.1).collect();
        let mask = Mask::new(Array2::from_shape_vec(grid.dim(), mask).unwrap());
        Encoding::new(maps.unwrap(), &mask)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn adjoint_is_the_adjoint(sets in 1usize..3, coils in 1usize..6, rows in 1usize..20, cols in 1usize..20, seed in 0u64..1000) {
            let grid = Grid::new(rows, cols);
            let a = encoding(sets, coils, grid, seed);
            let x = Array3::from_shape_vec((sets, rows, cols), noise(seed + 2, sets * grid.len())).unwrap();
            let samples = a.sampled().len();
            let y = Array2::from_shape_vec((coils, samples), noise(seed + 3, coils * samples)).unwrap();
            let weights: Vec<f64> = (0..samples).map(|i| 1.0 + (i % 5) as f64).collect();
            let dot = |a: &[Complex<f64>], b: &[Complex<f64>]| -> Complex<f64> { a.iter().zip(b).map(|(a, b)| a.conj() * b).sum() };
            let ax = a.forward(&x);
            let weighted = Array2::from_shape_fn(y.dim(), |(c, i)| y[[c, i]] * weights[i]);
            let left = dot(ax.as_slice().unwrap(), weighted.as_slice().unwrap());
            let right = dot(x.as_slice().unwrap(), a.adjoint(&y, Some(&weights)).as_slice().unwrap());
            prop_assert!((left - right).norm() < 1e-10 * (1.0 + left.norm()));

            let mut residual = y.clone();
            let gradient = a.gradient(&y, &x, Some(&weights), &mut residual);
            prop_assert!(residual.iter().zip(&(&y - &ax)).all(|(a, b)| (a - b).norm() < 1e-12));
            prop_assert_eq!(gradient, a.adjoint(&residual, Some(&weights)));
        }
    }

    #[test]
    fn fully_sampled_normal_operator_is_the_restriction() {
        let grid = Grid::new(9, 12);
        let some = encoding(2, 3, grid, 5);
        let maps: Vec<_> = (0..2).flat_map(|set| (0..3).map(move |coil| (set, coil))).collect();
        let maps = maps.iter().flat_map(|&(set, coil)| some.map(set, coil)).collect();
        let maps = Array4::from_shape_vec((2, 3, 9, 12), maps).unwrap();
        let a = Encoding::new(maps, &Mask::full(grid));
        let x = Array3::from_shape_vec((2, 9, 12), noise(8, 2 * grid.len())).unwrap();
        let normal = a.adjoint(&a.forward(&x), None);
        let kspace = a.forward(&x).into_shape_with_order((3, 9, 12)).unwrap();
        assert_eq!(a.combine_full(kspace.view()), normal);
        let y = a.forward(&x);
        let restricted = a.corrected(&y, &x, None, &mut y.clone());
        assert!(normal.iter().zip(&restricted).all(|(a, b)| (a - b).norm() < 1e-12));
    }

    #[test]
    fn the_norm_is_bounded() {
        let grid = Grid::new(8, 10);
        let a = encoding(2, 3, grid, 7);
        let mut x = Array3::from_shape_vec((2, 8, 10), noise(9, 160)).unwrap();
        for _ in 0..30 {
            x = a.adjoint(&a.forward(&x), None);
            let length = crate::array::energy(&x).sqrt();
            x.mapv_inplace(|v| v / length);
        }
        let largest = crate::array::energy(&a.forward(&x));
        assert!(largest <= a.norm_bound() && a.norm_bound() < 4.0 * largest);
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let a = encoding(1, 7, Grid::new(24, 20), 3);
        let x = Array3::from_shape_vec((1, 24, 20), noise(4, 480)).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let y = a.forward(&x);
                let image = a.adjoint(&y, None);
                (a.corrected(&y, &image, None, &mut y.clone()), image)
            })
        };
        assert_eq!(run(1), run(3));
    }
}
