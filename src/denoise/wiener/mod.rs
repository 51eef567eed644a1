mod band;
mod frequency;
mod space;
mod window;

use num_complex::Complex;

use self::frequency::{Buffers, InFrequency};
use self::space::{InSpace, Planes};
use crate::array::Real;
use crate::fourier::Fourier;
use crate::wavelet::{Frame, Wavelet};

/// Local Wiener shrinkage in a tight frame (Mihçak, Kozintsev, Ramchandran 1999), of real and imaginary part apart.
///
/// A coefficient's part is multiplied by `E / (E + s² w_b)`, with `E` the mean energy of that part over the 3×3
/// coefficients around it (around the edges), `w_b` the gain of the band and `s²` the variance of white noise in the
/// part. The low pass stays as it is. The energy still holds the noise: in an iteration this gentler gain ends at a
/// better image than `max(1 − s² w_b / E, 0)` does, which is the better one to apply once.
pub struct LocalWiener<T: Real>(Way<T>);

/// How a frame is met.
enum Way<T: Real> {
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
    /// In any frame.
    pub fn new(frame: &Frame<T>, fourier: &Fourier<T>) -> Self {
        Self(Way::Frequency(InFrequency::new(frame, fourier)))
    }

    /// In [`Frame::undecimated`]; faster, where the wavelet has two or eight taps.
    pub fn undecimated(scales: usize, wavelet: &Wavelet, fourier: &Fourier<T>) -> Self {
        let frame = Frame::undecimated(fourier.grid(), scales, wavelet);
        let haar = InSpace::new(&frame, scales, wavelet).map(Way::Haar);
        let in_space = haar.or_else(|| InSpace::new(&frame, scales, wavelet).map(Way::Db4));
        in_space.map_or_else(|| Self::new(&frame, fourier), Self)
    }

    /// Denoises `image`, row-major and of the frame's grid. `variance` is s².
    pub fn denoise(
        &self,
        image: &mut [Complex<T>],
        variance: f64,
        fourier: &Fourier<T>,
        work: &mut WienerWorkspace<T>,
    ) {
        match &self.0 {
            Way::Haar(haar) => haar.denoise(image, variance, &mut work.space),
            Way::Db4(db4) => db4.denoise(image, variance, &mut work.space),
            Way::Frequency(frame) => frame.denoise(image, variance, fourier, &mut work.frequency),
        }
    }
}

impl<T: Real> WienerWorkspace<T> {
    /// For undecimated frames of at most `scales` scales, and others of at most `bands` bands.
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
                assert!(!matches!(space.0, Way::Frequency(_)), "{}", wavelet.name);
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
