use std::ops::Range;
use std::sync::Mutex;

use ndarray::{Array2, Array3, Array4, ArrayView3, Axis, Zip};
use num_complex::Complex;
use rayon::prelude::*;

use super::products::{accumulate_conjugate, multiply};
use crate::array::{Grid, Image, ImageSets, LANES, Maps, Mask, Real};
use crate::fourier::{Along, Direction, Fourier, Panels, Scratch};

/// k-space values at the sampled locations only, `(coils, samples)`, in row-major order of the grid.
pub type Samples<T> = Array2<Complex<T>>;

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
    /// `Σ_c conj(S_{m,c}) S_{m',c}`, `(sets, sets, rows, cols)`.
    gram: Array4<Complex<T>>,
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
        let gram = gram(&maps);
        let maps = panels_of(&fourier, maps);
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

    /// Picks the sampled locations out of full planes `(coils, rows, cols)`.
    pub fn gather(&self, kspace: ArrayView3<Complex<T>>) -> Samples<T> {
        let cols = self.grid().cols;
        Array2::from_shape_fn((kspace.dim().0, self.sampled.len()), |(c, i)| {
            let at = self.sampled[i] as usize;
            kspace[[c, at / cols, at % cols]]
        })
    }

    /// `A x`; `x` is `(sets, rows, cols)`.
    pub fn forward(&self, x: &ImageSets<T>) -> Samples<T> {
        let mut out = Array2::zeros((self.coils(), self.sampled.len()));
        self.encode(x, &mut out, |_, value| value);
        out
    }

    /// `y − A x`, into `out`.
    pub fn residual(&self, y: &Samples<T>, x: &ImageSets<T>, out: &mut Samples<T>) {
        assert_eq!(y.dim(), out.dim(), "a residual for each sample");
        let y = y.as_standard_layout();
        let y = y.as_slice().expect("standard layout");
        self.encode(x, out, |index, value| y[index] - value);
    }

    /// `finish` sees the index of each sample in `(coils, samples)` and its value in `A x`.
    fn encode(&self, x: &ImageSets<T>, out: &mut Samples<T>, finish: impl Fn(usize, Complex<T>) -> Complex<T> + Sync) {
        assert_eq!(x.dim().0, self.sets(), "one image for each set of maps");
        let x = x.as_standard_layout();
        let images: Vec<Panels<T>> = (x.outer_iter())
            .map(|x| {
                let mut image = self.image();
                self.fourier.load(x.to_slice().expect("standard layout"), &mut image);
                image
            })
            .collect();
        let samples = self.sampled.len();
        let out = out.as_slice_mut().expect("samples in standard layout");
        out.par_chunks_mut(samples.max(1))
            .enumerate()
            .for_each(|(coil, values)| {
                let mut scratch = self.scratch();
                self.encode_coil(coil, &images, &mut scratch, |sample, value| {
                    values[sample] = finish(coil * samples + sample, value);
                });
                self.put_back(scratch);
            });
        self.put_back_images(images);
    }

    /// `put` gets each sample of one coil.
    fn encode_coil(
        &self,
        coil: usize,
        images: &[Panels<T>],
        scratch: &mut Scratch<T>,
        mut put: impl FnMut(usize, Complex<T>),
    ) {
        let (fourier, scale) = (&self.fourier, self.fourier.scale());
        let (rows, cols) = self.grid().dim();
        for (group, &seen) in self.seen.iter().enumerate() {
            if !seen {
                fourier.first_of_zeros(Along::Columns, group, scratch);
                continue;
            }
            for (set, image) in images.iter().enumerate() {
                let product = scratch.block.group_mut(0, rows);
                multiply(
                    image.group(group, rows),
                    self.panels(set, coil).group(group, rows),
                    product,
                    set > 0,
                );
            }
            fourier.first(Along::Columns, Direction::Forward, group, scratch);
        }
        for (group, samples) in self
            .groups
            .iter()
            .enumerate()
            .filter(|(_, samples)| !samples.is_empty())
        {
            let (re, im) = scratch.panels.group_mut(group, cols);
            fourier.run(Along::Rows, Direction::Forward, re, im);
            for (sample, &at) in samples.clone().zip(&self.exit[samples.clone()]) {
                put(sample, Complex::new(re[at as usize] * scale, im[at as usize] * scale));
            }
        }
    }

    /// `Aᴴ W samples`, `(sets, rows, cols)`, with real weights per sampled location (all 1 where `None`).
    pub fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        let samples = samples.as_standard_layout();
        self.combine(|coil, group, block| {
            let run = self.groups[group].clone();
            if run.is_empty() {
                return false;
            }
            let values = samples.row(coil).to_slice().expect("standard layout");
            let places = self.entry[run.clone()].iter().zip(&values[run.clone()]);
            let (re, im) = block.group_mut(0, self.grid().cols);
            re.fill(T::zero());
            im.fill(T::zero());
            match weights {
                Some(weights) => places
                    .zip(&weights[run])
                    .for_each(|((&at, v), &w)| (re[at as usize], im[at as usize]) = (v.re * w, v.im * w)),
                None => places.for_each(|(&at, v)| (re[at as usize], im[at as usize]) = (v.re, v.im)),
            }
            true
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
        self.combine(|coil, group, block| {
            let plane = kspace.index_axis(Axis(0), coil);
            for (lane, row) in (group * LANES..rows.min((group + 1) * LANES)).enumerate() {
                for (value, &place) in plane.row(row).iter().zip(self.fourier.entry(Along::Rows)) {
                    let at = place as usize * LANES + lane;
                    (block.re[at], block.im[at]) = (value.re, value.im);
                }
            }
            true
        })
    }

    /// `Σ_c conj(S_c) Fᴴ` of k-space, of which `fill` gives a group of rows of each coil, as the transform along them
    /// wants it; it returns whether there is anything but zeros.
    ///
    /// A few coils at a time, so that memory does not grow with the coils. Each pixel adds the coils in their order, so
    /// that the sum is the same whatever the number of threads.
    fn combine(&self, fill: impl Fn(usize, usize, &mut Panels<T>) -> bool + Sync) -> ImageSets<T> {
        let coils: Vec<usize> = (0..self.coils).collect();
        let at_once = match rayon::current_num_threads() {
            1 => 1,
            threads => 2 * threads,
        };
        let mut sums: Vec<Panels<T>> = (0..self.sets).map(|_| self.image()).collect();
        sums.iter_mut().for_each(Panels::fill_zero);
        for coils in coils.chunks(at_once) {
            let along_rows = |&coil: &usize| {
                let mut scratch = self.scratch();
                for group in 0..self.groups.len() {
                    match fill(coil, group, &mut scratch.block) {
                        true => self.fourier.first(Along::Rows, Direction::Inverse, group, &mut scratch),
                        false => self.fourier.first_of_zeros(Along::Rows, group, &mut scratch),
                    }
                }
                scratch
            };
            let mut planes: Vec<Scratch<T>> = coils.par_iter().map(along_rows).collect();
            self.add_coils(coils, &mut planes, &mut sums);
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

    /// Transforms the columns of some coils, group by group, and adds them to the images.
    fn add_coils(&self, coils: &[usize], planes: &mut [Scratch<T>], sums: &mut [Panels<T>]) {
        let rows = self.grid().rows;
        let exit = self.fourier.in_order(Along::Columns);
        let mut planes = by_group(
            planes.iter_mut().map(|scratch| &mut scratch.panels),
            rows,
            self.seen.len(),
        );
        let mut sums = by_group(sums.iter_mut(), rows, self.seen.len());
        let groups = planes
            .par_iter_mut()
            .zip(&mut sums)
            .enumerate()
            .filter(|&(group, _)| self.seen[group]);
        groups.for_each(|(group, (planes, sums))| {
            for (&coil, (re, im)) in coils.iter().zip(planes) {
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

    /// `sum += Sᴴ S x`: what remains of an image that only the coils see. The identity on the object; outside the
    /// support of the maps it removes what no coil can measure.
    pub fn add_restricted(&self, x: &ImageSets<T>, sum: &mut ImageSets<T>) {
        for (mut target, rows) in sum.outer_iter_mut().zip(self.gram.outer_iter()) {
            for (gram, source) in rows.outer_iter().zip(x.outer_iter()) {
                Zip::from(&mut target)
                    .and(gram)
                    .and(source)
                    .for_each(|t, g, s| *t += g * s);
            }
        }
    }

    /// A bound of `‖A‖²`: of `SᴴS` in every pixel, by the row sums of its magnitudes. 1 for one set of normalised maps.
    pub fn norm_bound(&self) -> f64 {
        let sums = self
            .gram
            .map_axis(Axis(1), |row| row.iter().map(|v| v.norm().wide()).sum::<f64>());
        sums.into_iter().fold(0.0, f64::max)
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

/// `Σ_c conj(S_{m,c}) S_{m',c}`, `(sets, sets, rows, cols)`.
fn gram<T: Real>(maps: &Maps<T>) -> Array4<Complex<T>> {
    let (sets, coils, rows, cols) = maps.dim();
    let mut gram = Array4::zeros((sets, sets, rows, cols));
    for (a, b) in (0..sets).flat_map(|a| (0..sets).map(move |b| (a, b))) {
        let mut sum = gram.index_axis_mut(Axis(0), a);
        let mut sum = sum.index_axis_mut(Axis(0), b);
        for c in 0..coils {
            let [left, right] = [a, b].map(|m| maps.index_axis(Axis(0), m).index_axis_move(Axis(0), c));
            Zip::from(&mut sum)
                .and(left)
                .and(right)
                .for_each(|s, l, r| *s += l.conj() * r);
        }
    }
    gram
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
            a.residual(&y, &x, &mut residual);
            prop_assert!(residual.iter().zip(&(&y - &ax)).all(|(a, b)| (a - b).norm() < 1e-12));
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
        let mut restricted = Array3::zeros(x.dim());
        a.add_restricted(&x, &mut restricted);
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
            pool.install(|| a.adjoint(&a.forward(&x), None))
        };
        assert_eq!(run(1), run(3));
    }
}
