mod back;
mod coils;

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView3, Zip};
use num_complex::Complex;
use rayon::prelude::*;

use self::coils::Coils;
use crate::array::{Grid, Image, ImageSets, LANES, Maps, Mask, Real, vectorised};
use crate::fourier::{Along, Direction, Panels, Scratch};
use crate::operator::products::multiply;

/// k-space values at the sampled locations only, `(coils, samples)`, in row-major order of the grid.
pub type Samples<T> = Array2<Complex<T>>;

/// Picks the sampled locations out of full planes `(coils, rows, cols)`, of the size of the mask.
///
/// # Panics
/// If the mask has samples outside the planes.
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

/// Energy of each sample, over coils.
pub(crate) fn sample_energies<T: Real>(samples: &Samples<T>) -> Vec<f64> {
    let mut energies = vec![0.0; samples.dim().1];
    for of_coil in samples.outer_iter() {
        let of_coil = of_coil.to_slice().expect("standard layout");
        vectorised(
            #[inline(always)]
            || {
                for (sum, v) in energies.iter_mut().zip(of_coil) {
                    *sum += (v.re * v.re + v.im * v.im).wide();
                }
            },
        );
    }
    energies
}

/// Multi-coil Cartesian encoding `A = M F S`: coil sensitivity maps, centred unitary FFT, sampling mask.
///
/// `(A x)_c = M F Σ_m S_{m,c} x_m` over sets of maps m (Pruessmann et al., MRM 42:952, 1999; more than one set: Uecker
/// et al., MRM 71:990, 2014). k-space is kept at the sampled locations only, and never as a plane: samples are taken
/// from, and put into, the groups of rows that the transform works on.
///
/// Arrays must have the stated shapes. Not every mismatch is noticed: it panics, or the result has no meaning.
pub struct Encoding<T: Real> {
    /// S and F, which encodings of other masks share.
    coils: Arc<Coils<T>>,
    sampled: Vec<u32>,
    /// The samples of each group of rows.
    groups: Vec<Range<usize>>,
    /// For each sample, where it is put into its group of rows, and where it is found in the transform of that.
    entry: Vec<u32>,
    exit: Vec<u32>,
}

impl<T: Real> Encoding<T> {
    /// The encoding of one slice. `maps` is `(sets, coils, rows, cols)`, of the size of the mask.
    ///
    /// # Panics
    /// If maps and mask are of different sizes, or have no pixels.
    pub fn new(maps: Maps<T>, mask: &Mask) -> Self {
        let (_, _, rows, cols) = maps.dim();
        assert_eq!((rows, cols), mask.sampled.dim(), "maps and mask of different grids");
        let locations = mask.sampled.iter().enumerate();
        let sampled = locations.filter(|&(_, &s)| s).map(|(i, _)| i as u32).collect();
        Self::of(Arc::new(Coils::new(maps)), sampled)
    }

    /// The encoding of those samples for which `keep` is true, in their order: another mask and the same maps, which the
    /// two share.
    ///
    /// # Panics
    /// If `keep` has fewer values than there are samples.
    pub fn restricted(&self, keep: &[bool]) -> Self {
        let kept = self.sampled.iter().enumerate().filter(|&(sample, _)| keep[sample]);
        Self::of(Arc::clone(&self.coils), kept.map(|(_, &at)| at).collect())
    }

    fn of(coils: Arc<Coils<T>>, sampled: Vec<u32>) -> Self {
        let fourier = &coils.fourier;
        let cols = fourier.grid().cols;
        let place = |at: u32, places: &[u32]| {
            let (row, col) = (at as usize / cols, at as usize % cols);
            places[col] * LANES as u32 + (row % LANES) as u32
        };
        let places = |places: &[u32]| sampled.iter().map(|&at| place(at, places)).collect();
        let end = |group: usize| sampled.partition_point(|&at| (at as usize) < group * LANES * cols);
        Self {
            groups: (0..fourier.groups(Along::Rows))
                .map(|group| end(group)..end(group + 1))
                .collect(),
            entry: places(fourier.entry(Along::Rows)),
            exit: places(fourier.exit(Along::Rows)),
            sampled,
            coils,
        }
    }

    /// Size of the image and of k-space.
    pub fn grid(&self) -> Grid {
        self.coils.fourier.grid()
    }

    /// Number of sets of maps, and so of images.
    pub fn sets(&self) -> usize {
        self.coils.sets
    }

    /// Number of coils.
    pub fn coils(&self) -> usize {
        self.coils.count
    }

    /// The map of one coil, `(rows, cols)`.
    pub fn map(&self, set: usize, coil: usize) -> Image<T> {
        let mut map = Image::zeros(self.grid().dim());
        let plane = map.as_slice_mut().expect("standard layout");
        self.coils.fourier.store(self.coils.panels(set, coil), T::one(), plane);
        map
    }

    /// The support of a set of maps, `(rows, cols)`: where the map of any coil is not zero.
    pub fn seen_by(&self, set: usize) -> Array2<bool> {
        let mut seen = Array2::from_elem(self.grid().dim(), false);
        for coil in 0..self.coils.count {
            Zip::from(&mut seen)
                .and(&self.map(set, coil))
                .for_each(|seen, s| *seen |= s.norm_sqr() > T::zero());
        }
        seen
    }

    /// Row-major indices of the sampled locations, ascending: the order of [`Samples`].
    pub fn sampled(&self) -> &[u32] {
        &self.sampled
    }

    /// The sampling mask.
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

    /// `A x`: the k-space samples of the images `x`, `(sets, rows, cols)`.
    ///
    /// # Panics
    /// If `x` does not hold one image for each set of maps.
    pub fn forward(&self, x: &ImageSets<T>) -> Samples<T> {
        let images = self.panelled(x);
        let samples = self.sampled.len();
        let mut out = Array2::zeros((self.coils(), samples));
        let values = out.as_slice_mut().expect("standard layout");
        let coils = values.par_chunks_mut(samples.max(1)).enumerate();
        coils.for_each(|(coil, values)| {
            let mut scratch = self.coils.scratch();
            self.along_columns(coil, &images, &mut scratch);
            for group in 0..self.groups.len() {
                self.along_rows(group, &mut scratch, &mut |sample, value| values[sample] = value);
            }
            self.coils.put_back(scratch);
        });
        self.coils.put_back_images(images);
        out
    }

    /// The first half of the transform of what a coil sees.
    fn along_columns(&self, coil: usize, images: &[Panels<T>], scratch: &mut Scratch<T>) {
        let rows = self.grid().rows;
        for (group, &seen) in self.coils.seen.iter().enumerate() {
            if !seen {
                self.coils.fourier.first_of_zeros(Along::Columns, group, scratch);
                continue;
            }
            for (set, image) in images.iter().enumerate() {
                let map = self.coils.panels(set, coil).group(group, rows);
                let product = scratch.block.group_mut(0, rows);
                multiply(image.group(group, rows), map, product, set > 0);
            }
            self.coils
                .fourier
                .first(Along::Columns, Direction::Forward, group, scratch);
        }
    }

    /// The second half, of a group of rows: `put` gets each of its samples.
    fn along_rows(&self, group: usize, scratch: &mut Scratch<T>, put: &mut impl FnMut(usize, Complex<T>)) {
        let samples = self.groups[group].clone();
        if samples.is_empty() {
            return;
        }
        let scale = self.coils.fourier.scale();
        let (re, im) = scratch.panels.group_mut(group, self.grid().cols);
        self.coils.fourier.run(Along::Rows, Direction::Forward, re, im);
        for (sample, &at) in samples.clone().zip(&self.exit[samples]) {
            put(sample, Complex::new(re[at as usize] * scale, im[at as usize] * scale));
        }
    }

    /// An upper bound of `‖A‖²`: the largest row sum of magnitudes of `SᴴS` over all pixels. 1 for one set of
    /// normalised maps.
    pub fn norm_bound(&self) -> f64 {
        let magnitude = |panels: &Panels<T>, at: usize| Complex::new(panels.re[at], panels.im[at]).norm().wide();
        let row = |gram: &[Panels<T>], at: usize| gram.iter().map(|panels| magnitude(panels, at)).sum::<f64>();
        let pixels = 0..self.coils.gram.first().map_or(0, |gram| gram.re.len());
        let rows = self.coils.gram.chunks_exact(self.coils.sets);
        rows.flat_map(|gram| pixels.clone().map(move |at| row(gram, at)))
            .fold(0.0, f64::max)
    }

    /// Images as the transform along columns wants them.
    fn panelled(&self, x: &ImageSets<T>) -> Vec<Panels<T>> {
        assert_eq!(x.dim().0, self.sets(), "one image for each set of maps");
        let x = x.as_standard_layout();
        let one = |plane: &[Complex<T>]| {
            let mut image = self.coils.image();
            self.coils.fourier.load(plane, &mut image);
            image
        };
        x.as_slice()
            .expect("standard layout")
            .chunks_exact(self.grid().len())
            .map(one)
            .collect()
    }

    fn zero_images(&self) -> Vec<Panels<T>> {
        let mut images: Vec<Panels<T>> = (0..self.coils.sets).map(|_| self.coils.image()).collect();
        images.iter_mut().for_each(Panels::fill_zero);
        images
    }
}

#[cfg(test)]
mod tests;
