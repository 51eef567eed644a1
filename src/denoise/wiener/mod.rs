mod band;
mod frequency;
mod space;
mod window;

pub(super) use window::Energies;

use num_complex::Complex;

use self::frequency::{Buffers, InFrequency};
use self::space::{InSpace, Planes};
use crate::array::Real;
use crate::fourier::Fourier;
use crate::wavelet::{Frame, Wavelet};

/// Local Wiener shrinkage in a tight frame (Mihçak, Kozintsev, Ramchandran & Moulin, IEEE Signal Process. Lett. 6,
/// 1999), of real and imaginary part separately.
///
/// A coefficient's part is multiplied by `E / (E + s² w_b)`, with `E` the mean energy of that part over the 3×3
/// coefficients around it (periodic), `w_b` the gain of the band and `s²` the variance of white noise in the part. The
/// low pass stays as it is. The energy includes that of the noise. In an iteration this gentler gain gives better
/// images than `max(1 − s² w_b / E, 0)`, which is better if applied once.
pub struct LocalWiener<T: Real>(Kernel<T>);

/// How the frame is applied.
enum Kernel<T: Real> {
    /// The wavelets of two and of eight taps.
    Haar(InSpace<T, 2>),
    Db4(InSpace<T, 8>),
    Frequency(InFrequency<T>),
}

/// Buffers of [`LocalWiener`], for any frame on the same grid.
pub struct WienerWorkspace<T> {
    frequency: Buffers<T>,
    /// Real part, imaginary part.
    space: [Planes<T>; 2],
}

impl<T: Real> LocalWiener<T> {
    /// Shrinkage in any frame on the grid of `fourier`, by two Fourier transforms a band.
    ///
    /// # Panics
    /// If the frame is on a smaller grid.
    pub fn new(frame: &Frame<T>, fourier: &Fourier<T>) -> Self {
        Self(Kernel::Frequency(InFrequency::new(frame, fourier)))
    }

    /// Shrinkage in [`Frame::undecimated`] on the grid of `fourier`. With a wavelet of two or eight taps, such as
    /// `haar` or `db4`, it runs on the image itself, which is faster.
    ///
    /// # Panics
    /// If `scales` is 0.
    pub fn undecimated(scales: usize, wavelet: &Wavelet, fourier: &Fourier<T>) -> Self {
        let frame = Frame::undecimated(fourier.grid(), scales, wavelet);
        let haar = InSpace::new(&frame, scales, wavelet).map(Kernel::Haar);
        let in_space = haar.or_else(|| InSpace::new(&frame, scales, wavelet).map(Kernel::Db4));
        in_space.map_or_else(|| Self::new(&frame, fourier), Self)
    }

    /// Denoises `image`, row-major, in place. `variance` is s². `image`, `fourier` and `work` must be of the grid of
    /// the frame, and `work` of as many scales and bands.
    ///
    /// # Panics
    /// If they are not, as far as that is noticed.
    pub fn denoise(
        &self,
        image: &mut [Complex<T>],
        variance: f64,
        fourier: &Fourier<T>,
        work: &mut WienerWorkspace<T>,
    ) {
        match &self.0 {
            Kernel::Haar(haar) => haar.denoise(image, variance, &mut work.space),
            Kernel::Db4(db4) => db4.denoise(image, variance, &mut work.space),
            Kernel::Frequency(frame) => frame.denoise(image, variance, fourier, &mut work.frequency),
        }
    }
}

impl<T: Real> WienerWorkspace<T> {
    /// Buffers for undecimated frames of at most `scales` scales, and other frames of at most `bands` bands beside the
    /// low pass, on the grid of `fourier`.
    pub fn new(fourier: &Fourier<T>, scales: usize, bands: usize) -> Self {
        Self {
            frequency: Buffers::new(fourier, bands),
            space: std::array::from_fn(|_| Planes::new(fourier.grid(), scales)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Grid;
    use crate::wavelet::Wavelet;

    fn denoised(grid: Grid, image: &[Complex<f64>], variance: f64) -> Vec<Complex<f64>> {
        let fourier = Fourier::new(grid);
        let denoiser = LocalWiener::undecimated(3, Wavelet::find("haar").unwrap(), &fourier);
        let mut out = image.to_vec();
        denoiser.denoise(&mut out, variance, &fourier, &mut WienerWorkspace::new(&fourier, 3, 10));
        out
    }

    fn noise(len: usize, seed: u64) -> Vec<Complex<f64>> {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        (0..len).map(|_| Complex::new(draw(), draw())).collect()
    }

    /// Also where the filters are longer than the image, and go around it more than once.
    #[test]
    fn space_and_frequency_agree_at_any_size() {
        for (rows, cols) in [(64, 48), (70, 33), (15, 22), (5, 140), (3, 2), (1, 9), (1, 1)] {
            let grid = Grid::new(rows, cols);
            let fourier = Fourier::new(grid);
            let image = noise(grid.len(), 4);
            let mut work = WienerWorkspace::new(&fourier, 4, 13);
            for wavelet in ["haar", "db4"].map(|name| Wavelet::find(name).unwrap()) {
                let space = LocalWiener::undecimated(4, wavelet, &fourier);
                assert!(!matches!(space.0, Kernel::Frequency(_)), "{}", wavelet.name);
                let frequency = LocalWiener::new(&Frame::undecimated(grid, 4, wavelet), &fourier);
                for variance in [0.0, 0.02, 0.5] {
                    let [found, expected] = [&space, &frequency].map(|denoiser| {
                        let mut out = image.clone();
                        denoiser.denoise(&mut out, variance, &fourier, &mut work);
                        out
                    });
                    let gap = found
                        .iter()
                        .zip(&expected)
                        .map(|(a, b)| (a - b).norm())
                        .fold(0.0, f64::max);
                    assert!(gap < 1e-11, "{}, {grid}, {variance}: {gap}", wavelet.name);
                }
            }
        }
    }

    /// As [`LocalWiener`] says it, band by band in row-major planes.
    fn plain(frame: &Frame<f64>, image: &[Complex<f64>], variance: f64) -> Vec<Complex<f64>> {
        let Grid { rows, cols } = frame.grid;
        let fourier = Fourier::new(frame.grid);
        let mut scratch = fourier.scratch();
        let mut spectrum = image.to_vec();
        fourier.forward(&mut spectrum, &mut scratch);
        let mut sum = vec![Complex::new(0.0, 0.0); image.len()];
        for (number, band) in frame.bands.iter().enumerate() {
            let mut plane = sum.clone();
            band.apply(&spectrum, &mut plane);
            if number + 1 < frame.bands.len() {
                fourier.inverse(&mut plane, &mut scratch);
                let noise = variance * band.gain();
                let shrunk = |at: usize| {
                    let near = |k: usize| (at / cols + rows + k / 3 - 1) % rows * cols + (at + cols + k % 3 - 1) % cols;
                    let gain = |part: fn(Complex<f64>) -> f64| {
                        let energy = (0..9).map(|k| part(plane[near(k)]).powi(2)).sum::<f64>() / 9.0;
                        energy / (energy + noise).max(f64::MIN_POSITIVE)
                    };
                    Complex::new(plane[at].re * gain(|v| v.re), plane[at].im * gain(|v| v.im))
                };
                plane = (0..image.len()).map(shrunk).collect();
                fourier.forward(&mut plane, &mut scratch);
            }
            for (at, sum) in sum.iter_mut().enumerate() {
                *sum += band.at(at / cols, at % cols).conj() * plane[at];
            }
        }
        fourier.inverse(&mut sum, &mut scratch);
        sum
    }

    #[test]
    fn any_frame_follows_the_definition_at_any_size() {
        for (rows, cols) in [(64, 48), (70, 33), (15, 22), (5, 140), (3, 2), (1, 9), (1, 1)] {
            let grid = Grid::new(rows, cols);
            let fourier = Fourier::new(grid);
            let image = noise(grid.len(), 5);
            let mut work = WienerWorkspace::new(&fourier, 4, 24);
            let db3 = Wavelet::find("db3").unwrap();
            for frame in [Frame::directional(grid, 4, 6), Frame::undecimated(grid, 2, db3)] {
                let denoiser = LocalWiener::new(&frame, &fourier);
                // Twice, since buffers are used again.
                for variance in [0.5, 0.02] {
                    let mut found = image.clone();
                    denoiser.denoise(&mut found, variance, &fourier, &mut work);
                    let expected = plain(&frame, &image, variance);
                    let near = found.iter().zip(&expected).all(|(a, b)| (a - b).norm() < 1e-11);
                    assert!(near, "{grid}, {variance}");
                }
            }
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let grid = Grid::new(70, 52);
        let image: Vec<Complex<f32>> = noise(grid.len(), 6)
            .iter()
            .map(|v| Complex::new(v.re as f32, v.im as f32))
            .collect();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let fourier = Fourier::new(grid);
                let [db4, haar] = ["db4", "haar"].map(|name| Wavelet::find(name).unwrap());
                let mut work = WienerWorkspace::new(&fourier, 4, 24);
                [
                    LocalWiener::undecimated(4, db4, &fourier),
                    LocalWiener::undecimated(4, haar, &fourier),
                    LocalWiener::new(&Frame::directional(grid, 4, 6), &fourier),
                ]
                .map(|denoiser| {
                    let mut out = image.clone();
                    denoiser.denoise(&mut out, 0.05, &fourier, &mut work);
                    out
                })
            })
        };
        assert_eq!(run(1), run(3));
    }

    #[test]
    fn without_noise_the_image_stays() {
        let grid = Grid::new(15, 22);
        let image = noise(grid.len(), 1);
        let same = denoised(grid, &image, 0.0);
        assert!(same.iter().zip(&image).all(|(a, b)| (a - b).norm() < 1e-12));
        assert!(
            denoised(grid, &vec![Complex::new(0.0, 0.0); grid.len()], 0.0)
                .iter()
                .all(|v| v.norm() == 0.0)
        );
    }

    #[test]
    fn noise_goes_and_an_edge_stays() {
        let grid = Grid::new(64, 64);
        let step = |at: usize| if at % 64 < 32 { 10.0 } else { -10.0 };
        // Uniform in ±1/2: variance 1/12 a part.
        let image: Vec<Complex<f64>> = noise(grid.len(), 2)
            .iter()
            .enumerate()
            .map(|(at, v)| v + step(at))
            .collect();
        let error = |image: &[Complex<f64>]| -> f64 {
            image
                .iter()
                .enumerate()
                .map(|(at, v)| (v - step(at)).norm_sqr())
                .sum::<f64>()
                / grid.len() as f64
        };
        let cleaned = denoised(grid, &image, 4.0 / 12.0);
        assert!(
            error(&cleaned) < 0.1 * error(&image),
            "{} of {}",
            error(&cleaned),
            error(&image)
        );
    }

    #[test]
    fn scale_does_not_matter() {
        let grid = Grid::new(20, 13);
        let image = noise(grid.len(), 3);
        let once = denoised(grid, &image, 0.05);
        let scaled: Vec<Complex<f64>> = image.iter().map(|v| v * 1024.0).collect();
        let again = denoised(grid, &scaled, 0.05 * 1024.0 * 1024.0);
        assert!(once.iter().zip(&again).all(|(a, b)| (a * 1024.0 - b).norm() < 1e-9));
    }
}
