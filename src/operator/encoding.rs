use std::sync::Mutex;

use ndarray::{Array2, Array3, Array4, ArrayView3, Axis, Zip};
use num_complex::Complex;
use rayon::prelude::*;

use crate::array::{Grid, ImageSets, Maps, Mask, Real};
use crate::fourier::{Fourier, Scratch};

/// k-space values at the sampled locations only, `(coils, samples)`, in row-major order of the grid.
pub type Samples<T> = Array2<Complex<T>>;

/// Multi-coil Cartesian encoding `A = M F S`: coil sensitivity maps, centred unitary FFT, sampling mask.
///
/// `(A x)_c = M F Σ_m S_{m,c} x_m` over map sets m. k-space is kept at the sampled locations only.
pub struct Encoding<T: Real> {
    fourier: Fourier<T>,
    maps: Maps<T>,
    sampled: Vec<u32>,
    /// `Σ_c conj(S_{m,c}) S_{m',c}`, `(sets, sets, rows, cols)`.
    gram: Array4<Complex<T>>,
    /// Buffers handed from task to task.
    idle: Mutex<Vec<Buffers<T>>>,
}

struct Buffers<T> {
    plane: Vec<Complex<T>>,
    scratch: Scratch<T>,
}

impl<T: Real> Encoding<T> {
    /// `maps` is `(sets, coils, rows, cols)`, of the mask's grid.
    pub fn new(maps: Maps<T>, mask: &Mask) -> Self {
        let maps = match maps.is_standard_layout() {
            true => maps,
            false => maps.as_standard_layout().into_owned(),
        };
        let (sets, coils, rows, cols) = maps.dim();
        assert_eq!((rows, cols), mask.sampled.dim(), "maps and mask of different grids");
        let locations = mask.sampled.iter().enumerate();
        let sampled = locations.filter(|&(_, &s)| s).map(|(i, _)| i as u32).collect();
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
        Self {
            fourier: Fourier::new(Grid::new(rows, cols)),
            maps,
            sampled,
            gram,
            idle: Mutex::new(Vec::new()),
        }
    }

    pub fn grid(&self) -> Grid {
        self.fourier.grid()
    }

    pub fn sets(&self) -> usize {
        self.maps.dim().0
    }

    pub fn coils(&self) -> usize {
        self.maps.dim().1
    }

    /// `(sets, coils, rows, cols)`.
    pub fn maps(&self) -> &Maps<T> {
        &self.maps
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
        let x = x.as_slice().expect("standard layout");
        let samples = self.sampled.len();
        let out = out.as_slice_mut().expect("samples in standard layout");
        out.par_chunks_mut(samples.max(1))
            .enumerate()
            .for_each(|(coil, values)| {
                let mut buffers = self.buffers();
                let Buffers { plane, scratch } = &mut buffers;
                for (set, image) in x.chunks_exact(plane.len()).enumerate() {
                    let products = self.map(set, coil).iter().zip(image).map(|(s, v)| s * v);
                    if set == 0 {
                        plane.iter_mut().zip(products).for_each(|(p, product)| *p = product);
                    } else {
                        plane.iter_mut().zip(products).for_each(|(p, product)| *p += product);
                    }
                }
                self.fourier.forward(plane, scratch);
                for ((index, value), &at) in (coil * samples..).zip(values).zip(&self.sampled) {
                    *value = finish(index, plane[at as usize]);
                }
                self.put_back(buffers);
            });
    }

    /// `Aᴴ W samples`, `(sets, rows, cols)`, with real weights per sampled location (all 1 where `None`).
    pub fn adjoint(&self, samples: &Samples<T>, weights: Option<&[T]>) -> ImageSets<T> {
        self.combine(|coil, plane| {
            plane.fill(Complex::new(T::zero(), T::zero()));
            let values = samples.row(coil);
            let places = self.sampled.iter().zip(&values);
            match weights {
                Some(weights) => places
                    .zip(weights)
                    .for_each(|((&at, v), &w)| plane[at as usize] = v * w),
                None => places.for_each(|(&at, &v)| plane[at as usize] = v),
            }
        })
    }

    /// `Sᴴ Fᴴ` of full planes `(coils, rows, cols)`, whatever the mask: the image, where all of k-space is known.
    pub fn combine_full(&self, kspace: ArrayView3<Complex<T>>) -> ImageSets<T> {
        assert_eq!(
            kspace.dim().0,
            self.coils(),
            "k-space of as many coils as there are maps"
        );
        self.combine(|coil, plane| {
            let values = kspace.index_axis(Axis(0), coil);
            plane.iter_mut().zip(&values).for_each(|(p, &v)| *p = v);
        })
    }

    /// `Σ_c conj(S_c) Fᴴ` of the plane that `fill` gives for each coil.
    ///
    /// As many coils at a time as there are threads, so that memory does not grow with the coils. Each pixel adds the
    /// coils in their order, so that the sum is the same whatever the number of threads.
    fn combine(&self, fill: impl Fn(usize, &mut [Complex<T>]) + Sync) -> ImageSets<T> {
        let grid = self.grid();
        let mut sum = Array3::zeros((self.sets(), grid.rows, grid.cols));
        let images = sum.as_slice_mut().expect("standard layout");
        let coils: Vec<usize> = (0..self.coils()).collect();
        let coil_image = |&coil: &usize| {
            let mut buffers = self.buffers();
            fill(coil, &mut buffers.plane);
            self.fourier.inverse(&mut buffers.plane, &mut buffers.scratch);
            buffers
        };
        for coils in coils.chunks(rayon::current_num_threads()) {
            let planes: Vec<Buffers<T>> = coils.par_iter().map(coil_image).collect();
            images.par_chunks_mut(grid.cols).enumerate().for_each(|(line, sum)| {
                let (set, row) = (line / grid.rows, line % grid.rows);
                let at = row * grid.cols..(row + 1) * grid.cols;
                for (&coil, Buffers { plane, .. }) in coils.iter().zip(&planes) {
                    let pixels = self.map(set, coil)[at.clone()].iter().zip(&plane[at.clone()]);
                    sum.iter_mut()
                        .zip(pixels)
                        .for_each(|(sum, (s, p))| *sum += s.conj() * p);
                }
            });
            planes.into_iter().for_each(|buffers| self.put_back(buffers));
        }
        sum
    }

    /// The map of one coil, row-major.
    fn map(&self, set: usize, coil: usize) -> &[Complex<T>] {
        let map = self.maps.index_axis(Axis(0), set).index_axis_move(Axis(0), coil);
        map.to_slice().expect("standard layout")
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
    fn buffers(&self) -> Buffers<T> {
        let left = self.idle.lock().unwrap_or_else(|e| e.into_inner()).pop();
        left.unwrap_or_else(|| Buffers {
            plane: vec![Complex::new(T::zero(), T::zero()); self.grid().len()],
            scratch: self.fourier.scratch(),
        })
    }

    /// Leaves buffers to a later task.
    fn put_back(&self, buffers: Buffers<T>) {
        self.idle.lock().unwrap_or_else(|e| e.into_inner()).push(buffers);
    }
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
        let a = Encoding::new(some.maps().clone(), &Mask::full(grid));
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
