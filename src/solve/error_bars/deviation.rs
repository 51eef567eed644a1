use ndarray::{Array2, Array3, Axis, Zip, s};
use num_complex::Complex;

use super::held_out::ErrorSpectrum;
use super::smooth::smooth;
use crate::array::{ImageSets, Real};
use crate::coil;
use crate::fourier::Fourier;
use crate::operator::{Encoding, Samples};
use crate::solve::Problem;
use crate::wavelet::Frame;

/// Parts of an error of the signal that lie where the image has detail, and wherever coils see; the rest lies on the
/// object.
const ON_DETAIL: f64 = 0.5;
const ANYWHERE: f64 = 0.2;
/// Most that detail counts for, in multiples of its mean on the object.
const MOST_DETAIL: f64 = 4.0;
/// Finest bands that detail is judged by, and their weights.
const DETAIL: [f64; 6] = [1.0, 1.0, 1.0, 0.25, 0.25, 0.25];
/// Of the pixels, one of so many serves for the mean over the object of products of maps, which are smooth.
const EVERY: usize = 5;
/// Magnitude, relative to the largest, at which a pixel counts half as object.
const EDGE: f64 = 0.015;
/// Noise beside the object, relative to that on it: there the noise of the samples is an error too.
const BESIDE: f64 = 0.8;
/// Least noise of a part of the image, and least of a sample, relative to mean and median.
const LEAST_PROFILE: f64 = 0.05;
const QUIETEST: f64 = 0.2;

type C64 = Complex<f64>;

/// Which part of the image each coil sees, and in which directions of the space of coils the object shows.
pub(super) struct CoilSight {
    /// `Σ_c |S_c|²` of each set of maps, `(sets, rows, cols)`, and its mean over pixels, all sets together.
    support: Array3<f64>,
    pub cover: f64,
    /// How far each pixel belongs to the object, 0 to 1.
    object: Array3<f64>,
    /// Orthonormal, as columns: that which sees least of the object first.
    directions: Array2<C64>,
    /// Of the object's energy in each direction; they add up to 1.
    pub shares: Vec<f64>,
}

impl CoilSight {
    /// `image` shows where the object is.
    pub(super) fn new<T: Real>(encoding: &Encoding<T>, image: &ImageSets<T>) -> Self {
        let coils = encoding.coils();
        let mut support = Array3::<f64>::zeros(image.dim());
        let object = object(image);
        let mut gram = Array2::<C64>::zeros((coils, coils));
        for (set, (mut support, object)) in support.outer_iter_mut().zip(object.outer_iter()).enumerate() {
            let object: Vec<f64> = object.iter().copied().step_by(EVERY).collect();
            let mut maps = Vec::new();
            for coil in 0..coils {
                let map = encoding.map(set, coil);
                support.zip_mut_with(&map, |sum, s| *sum += s.norm_sqr().wide());
                let some = map.iter().step_by(EVERY);
                maps.push(some.map(|s| C64::new(s.re.wide(), s.im.wide())).collect::<Vec<C64>>());
            }
            for ((c, d), sum) in gram.indexed_iter_mut() {
                let pixels = maps[c].iter().zip(&maps[d]).zip(&object);
                *sum += pixels.map(|((c, d), object)| c * d.conj() * object).sum::<C64>();
            }
        }
        let (mut shares, directions) =
            coil::principal(&gram).unwrap_or_else(|_| (vec![1.0; coils], Array2::from_diag_elem(coils, C64::ONE)));
        shares.reverse();
        let total = shares.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        Self {
            cover: support.sum() / encoding.grid().len() as f64,
            support,
            object,
            directions: directions.slice_move(s![.., ..;-1]),
            shares: shares.into_iter().map(|share| share / total).collect(),
        }
    }

    /// How many directions see so little of the object that noise is most of what they show: half of them.
    pub(super) fn dim(&self) -> usize {
        (self.shares.len() / 2).max(1)
    }

    /// The energy of each sample in each direction.
    pub(super) fn energies<T: Real>(&self, samples: &Samples<T>) -> Vec<Vec<f64>> {
        let of = |direction| self.along(samples, direction).iter().map(|v| v.norm_sqr()).collect();
        (0..self.shares.len()).map(of).collect()
    }

    /// Each sample in one direction.
    fn along<T: Real>(&self, samples: &Samples<T>, direction: usize) -> Vec<C64> {
        let mut along = vec![C64::ZERO; samples.dim().1];
        for (of_coil, part) in samples.outer_iter().zip(self.directions.column(direction)) {
            let sums = along.iter_mut().zip(of_coil);
            sums.for_each(|(sum, v)| *sum += part.conj() * C64::new(v.re.wide(), v.im.wide()));
        }
        along
    }
}

/// Standard deviation of the real part and of the imaginary part of the error of `image`, `(sets, rows, cols)`. `residual`
/// is its own; `spectrum` tells the energy of its error.
pub(super) fn deviation<T: Real>(
    problem: &Problem<T>,
    frame: &Frame<T>,
    sight: &CoilSight,
    spectrum: &ErrorSpectrum,
    image: &ImageSets<T>,
    residual: &Samples<T>,
) -> Array3<T> {
    let encoding = &problem.encoding;
    let fourier = Fourier::new(encoding.grid());
    let profile = if encoding.coils() > encoding.sets() {
        noise_profile(problem, &fourier, sight, &spectrum.noise, residual)
    } else {
        Array2::ones(encoding.grid().dim())
    };
    let seen_noise = &sight.support * &profile;
    let inside = seen_noise.sum() / profile.sum();
    let energy = Energy::new(encoding, spectrum, inside, residual);

    let noise = seen_noise * &sight.object.mapv(|object| BESIDE + (1.0 - BESIDE) * object);
    let object = &sight.support * &sight.object;
    let detail = detail(image, frame, &fourier, &object);
    let mut variance = Array3::zeros(image.dim());
    let parts = [
        (energy.noise, &noise),
        (energy.signal * (1.0 - ON_DETAIL - ANYWHERE), &object),
        (energy.signal * ON_DETAIL, &detail),
        (energy.signal * ANYWHERE, &sight.support),
    ];
    for (energy, place) in parts {
        let sum = place.sum();
        if sum > 0.0 {
            variance.scaled_add(energy / sum, place);
        }
    }
    variance.mapv(|v: f64| T::of((v / 2.0).sqrt()))
}

/// Energy of the error of an image of all samples, over all pixels.
struct Energy {
    noise: f64,
    signal: f64,
}

impl Energy {
    /// `inside` is the share of a coil's noise that the maps let into the image.
    ///
    /// Where nothing was sampled, the reference holds noise that the image cannot know. At the samples, the residual
    /// shows the error and the noise that is not in the maps' reach. An image that follows the noise of its samples owes
    /// elsewhere what it gains there, so the error there is not let below 0, nor above that of a linear estimate.
    fn new<T: Real>(encoding: &Encoding<T>, spectrum: &ErrorSpectrum, inside: f64, residual: &Samples<T>) -> Self {
        let mut sampled = vec![false; spectrum.signal.len()];
        encoding.sampled().iter().for_each(|&at| sampled[at as usize] = true);
        let unsampled = |variances: &[f64]| -> f64 {
            let pairs = variances.iter().zip(&sampled).filter(|(_, sampled)| !**sampled);
            pairs.map(|(variance, _)| variance).sum()
        };
        let (noise, signal) = (inside * unsampled(&spectrum.noise), unsampled(&spectrum.signal));
        let mut shown: f64 = residual.iter().map(|v| v.norm_sqr().wide()).sum();
        let mut most = f64::INFINITY;
        if encoding.coils() > encoding.sets() {
            most = 0.0;
            for &at in encoding.sampled() {
                let noise = spectrum.noise[at as usize];
                let error = inside * noise + spectrum.signal[at as usize];
                most += error * noise / (error + noise).max(f64::MIN_POSITIVE);
                shown -= (encoding.coils() as f64 - inside) * noise;
            }
        }
        let more = 1.0 + shown.clamp(0.0, most) / (noise + signal).max(f64::MIN_POSITIVE);
        Self {
            noise: more * noise,
            signal: more * signal,
        }
    }
}

/// How far each pixel belongs to the object.
fn object<T: Real>(image: &ImageSets<T>) -> Array3<f64> {
    let mut object = Array3::zeros(image.dim());
    for (mut object, image) in object.outer_iter_mut().zip(image.outer_iter()) {
        object.assign(&smooth(&image.mapv(|v| v.norm().wide()), 2.5));
    }
    let largest = object.iter().copied().fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    object.mapv(|magnitude: f64| {
        let square = (magnitude / largest).powi(2);
        square / (square + EDGE * EDGE)
    })
}

/// Root of the energy of an image's finest bands, on the object.
fn detail<T: Real>(image: &ImageSets<T>, frame: &Frame<T>, fourier: &Fourier<T>, object: &Array3<f64>) -> Array3<f64> {
    let mut scratch = fourier.scratch();
    let mut all = Array3::zeros(image.dim());
    for (mut of_set, image) in all.outer_iter_mut().zip(image.outer_iter()) {
        let mut spectrum = image.as_standard_layout().into_owned();
        fourier.forward(spectrum.as_slice_mut().expect("standard layout"), &mut scratch);
        let spectrum = spectrum.as_slice().expect("standard layout");
        let mut plane = spectrum.to_vec();
        let mut sum = Array2::<f64>::zeros(image.dim());
        let details = frame.bands.len() - 1;
        for (band, weight) in frame.bands[..details].iter().zip(DETAIL) {
            band.apply(spectrum, &mut plane);
            fourier.inverse(&mut plane, &mut scratch);
            let sums = sum.iter_mut().zip(&plane);
            sums.for_each(|(sum, v)| *sum += weight * v.norm_sqr().wide());
        }
        of_set.assign(&smooth(&sum, 2.0).mapv(f64::sqrt));
    }
    all *= object;
    let most = MOST_DETAIL * (&all * object).sum() / object.sum().max(f64::MIN_POSITIVE);
    all.mapv(|detail: f64| detail.min(most))
}

/// How much noise each pixel of a coil's image has, with a mean of 1: what the residual shows on the object, and beside it.
///
/// Of noise with variance ν(n) at each pixel, the residual at the samples has the energy `ψ ∗ ν`, where ψ is `|F⁻¹ mask|²`.
/// The directions of the coils that see little of the object show it, as the image has followed the others.
fn noise_profile<T: Real>(
    problem: &Problem<T>,
    fourier: &Fourier<T>,
    sight: &CoilSight,
    noise: &[f64],
    residual: &Samples<T>,
) -> Array2<f64> {
    let encoding = &problem.encoding;
    let mut scratch = fourier.scratch();
    let (dim, count) = (encoding.grid().dim(), encoding.grid().len() as f64);
    let mut spread = |values: &mut dyn Iterator<Item = C64>| -> Array2<f64> {
        let mut plane = vec![Complex::new(T::zero(), T::zero()); encoding.grid().len()];
        for (&at, value) in encoding.sampled().iter().zip(values) {
            plane[at as usize] = Complex::new(T::of(value.re), T::of(value.im));
        }
        fourier.inverse(&mut plane, &mut scratch);
        let energies = plane.iter().map(|v| v.norm_sqr().wide()).collect();
        Array2::from_shape_vec(dim, energies).expect("a plane")
    };
    let counts = problem.measured.iter().map(|&measured| f64::from(u8::from(measured)));
    let spreading = spread(&mut counts.map(C64::from)) / count;
    let mut sorted: Vec<f64> = encoding.sampled().iter().map(|&at| noise[at as usize]).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let least = (QUIETEST * sorted[sorted.len() / 2]).max(f64::MIN_POSITIVE);
    let mut shown = Array2::<f64>::zeros(dim);
    for direction in 0..sight.dim() {
        let along = sight.along(residual, direction);
        let white = encoding.sampled().iter().zip(along).zip(&problem.measured);
        let mut white = white.map(|((&at, v), &measured)| {
            let scale = f64::from(u8::from(measured)) / noise[at as usize].max(least).sqrt();
            v * scale
        });
        shown += &spread(&mut white);
    }
    let object = sight
        .object
        .fold_axis(Axis(0), 0.0, |&most: &f64, &object| most.max(object));
    let mean = object.sum() / count;
    let expected = convolved(&spreading, &object, fourier);
    let expected_mean = expected.sum() / count;
    let (mut both, mut square) = (0.0, 0.0);
    Zip::from(&shown).and(&expected).for_each(|shown, expected| {
        both += shown * (expected - expected_mean);
        square += (expected - expected_mean).powi(2);
    });
    let level = shown.sum() / count / spreading.sum();
    let contrast = if level > 0.0 && square > 0.0 {
        both / square / level
    } else {
        0.0
    };
    // Not below the least, wherever.
    let contrast = contrast.clamp(
        -(1.0 - LEAST_PROFILE) / (1.0 - mean).max(LEAST_PROFILE),
        (1.0 - LEAST_PROFILE) / mean.max(LEAST_PROFILE),
    );
    object.mapv(|object| 1.0 + contrast * (object - mean))
}

/// Circular convolution of real planes, the origin of the first in the middle.
fn convolved<T: Real>(kernel: &Array2<f64>, plane: &Array2<f64>, fourier: &Fourier<T>) -> Array2<f64> {
    let mut scratch = fourier.scratch();
    let mut transformed = |plane: &Array2<f64>| -> Vec<Complex<T>> {
        let mut complex: Vec<Complex<T>> = plane.iter().map(|&v| Complex::new(T::of(v), T::zero())).collect();
        fourier.forward(&mut complex, &mut scratch);
        complex
    };
    let kernel = transformed(kernel);
    let mut product = transformed(plane);
    product.iter_mut().zip(&kernel).for_each(|(v, k)| *v *= k);
    fourier.inverse(&mut product, &mut scratch);
    let root = (plane.len() as f64).sqrt();
    let values = product.iter().map(|v| root * v.re.wide()).collect();
    Array2::from_shape_vec(plane.dim(), values).expect("a plane")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Grid, Mask};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    /// Four coils, an object in the middle third that each sees from its side, and one sample of five.
    fn problem(rng: &mut ChaCha8Rng) -> (Problem<f64>, ImageSets<f64>) {
        let grid = Grid::new(96, 90);
        let maps = ndarray::Array4::from_shape_fn((1, 4, grid.rows, grid.cols), |(_, coil, row, col)| {
            let angle = (row as f64 / 60.0 + col as f64 / 70.0) * (coil as f64 - 1.5);
            C64::from_polar(0.5, angle)
        });
        let inside = |at: usize, n: usize| (n / 3..2 * n / 3).contains(&at);
        let image = Array3::from_shape_fn((1, grid.rows, grid.cols), |(_, row, col)| {
            C64::from(f64::from(u8::from(inside(row, grid.rows) && inside(col, grid.cols))))
        });
        let mask = Array2::from_shape_fn(grid.dim(), |_| rng.random_range(0..5) == 0);
        let probability = Array2::from_elem(grid.dim(), 0.2);
        let kspace = Array3::ones((4, grid.rows, grid.cols));
        let noise = Array2::zeros((4, 4));
        let problem = Problem::new(kspace.view(), &Mask::new(mask), &probability, maps, noise).unwrap();
        (problem, image)
    }

    #[test]
    fn directions_are_orthonormal_and_keep_the_energy() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (problem, image) = problem(&mut rng);
        let sight = CoilSight::new(&problem.encoding, &image);
        assert!((sight.cover - 1.0).abs() < 1e-12);
        assert!((sight.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(sight.shares.is_sorted() && sight.shares[3] > 0.5, "{:?}", sight.shares);
        let data = problem.encoding.forward(&image);
        let energies = sight.energies(&data);
        let all: f64 = energies.iter().flatten().sum();
        assert!((all / data.iter().map(|v| v.norm_sqr()).sum::<f64>() - 1.0).abs() < 1e-9);
        let last: f64 = energies[3].iter().sum();
        assert!(
            (last / all - sight.shares[3]).abs() < 0.1,
            "{} {}",
            last / all,
            sight.shares[3]
        );
    }

    #[test]
    fn the_residual_shows_where_the_noise_is() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (problem, image) = problem(&mut rng);
        let encoding = &problem.encoding;
        let (grid, fourier) = (encoding.grid(), Fourier::new(encoding.grid()));
        let sight = CoilSight::new(encoding, &image);
        for (beside, least, most) in [(1.0, 0.7, 1.5), (0.25, 2.5, 6.0)] {
            let mut residual = Samples::zeros(problem.data.dim());
            for mut coil in residual.outer_iter_mut() {
                let amplitude = |object: f64| if object > 0.5 { 1.0 } else { f64::sqrt(beside) };
                let mut plane: Vec<C64> = sight
                    .object
                    .iter()
                    .map(|&object| {
                        let normal = C64::new(rng.sample(StandardNormal), rng.sample(StandardNormal));
                        normal * amplitude(object)
                    })
                    .collect();
                fourier.forward(&mut plane, &mut fourier.scratch());
                coil.iter_mut()
                    .zip(encoding.sampled())
                    .for_each(|(v, &at)| *v = plane[at as usize]);
            }
            let noise = vec![1.0; grid.len()];
            let profile = noise_profile(&problem, &fourier, &sight, &noise, &residual);
            let found = profile[[grid.rows / 2, grid.cols / 2]] / profile[[0, 0]];
            assert!((least..most).contains(&found), "{beside}: {found}");
            assert!((profile.mean().unwrap() - 1.0).abs() < 1e-9);
        }
    }
}
