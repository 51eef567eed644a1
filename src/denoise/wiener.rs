use num_complex::Complex;
use rayon::prelude::*;

use crate::array::{Grid, Real};
use crate::fourier::{Fourier, Scratch};
use crate::wavelet::{Frame, Response};

/// Local Wiener shrinkage in a tight frame (Mihçak, Kozintsev, Ramchandran 1999), of real and imaginary part apart.
///
/// A coefficient's part is multiplied by `E / (E + s² w_b)`, with `E` the mean energy of that part over the 3×3
/// coefficients around it (around the edges), `w_b` the gain of the band and `s²` the variance of white noise in the
/// part. The low pass stays as it is. The energy still holds the noise: in an iteration this gentler gain ends at a
/// better image than `max(1 − s² w_b / E, 0)` does, which is the better one to apply once.
pub struct LocalWiener<T: Real> {
    frame: Frame<T>,
    gains: Vec<f64>,
}

/// Buffers of [`LocalWiener`], for any frame on the same grid.
pub struct WienerWorkspace<T> {
    spectrum: Vec<Complex<T>>,
    scratch: Scratch<T>,
    /// One for each band that is worked on at the same time.
    tasks: Vec<Task<T>>,
}

struct Task<T> {
    plane: Vec<Complex<T>>,
    shrunk: Vec<Complex<T>>,
    /// `(re², im²)` summed over three rows, with one more column on both sides.
    energy: Vec<Complex<T>>,
    scratch: Scratch<T>,
}

impl<T: Real> LocalWiener<T> {
    pub fn new(frame: Frame<T>) -> Self {
        let gains = frame.bands.iter().map(Response::gain).collect();
        Self { frame, gains }
    }

    pub fn frame(&self) -> &Frame<T> {
        &self.frame
    }

    /// Denoises `image`, row-major and of the frame's grid. `variance` is s².
    pub fn denoise(
        &self,
        image: &mut [Complex<T>],
        variance: f64,
        fourier: &Fourier<T>,
        work: &mut WienerWorkspace<T>,
    ) {
        let Some((low_pass, details)) = self.frame.bands.split_last() else {
            return;
        };
        let WienerWorkspace {
            spectrum,
            scratch,
            tasks,
        } = work;
        fourier.forward(image, scratch);
        spectrum.copy_from_slice(image);
        low_pass.apply(spectrum, image);
        low_pass.apply_adjoint(image);

        let Grid { cols, .. } = self.frame.grid;
        let at_once = tasks.len();
        for (bands, gains) in details.chunks(at_once).zip(self.gains.chunks(at_once)) {
            let work = bands.par_iter().zip(gains).zip(tasks.par_iter_mut());
            work.for_each(|((band, gain), task)| task.shrink(band, T::of(variance * gain), fourier, spectrum));
            // Each frequency adds the bands in their order, whatever the number of threads.
            image.par_chunks_mut(cols).enumerate().for_each(|(row, sum)| {
                for task in &tasks[..bands.len()] {
                    let line = &task.shrunk[row * cols..(row + 1) * cols];
                    sum.iter_mut().zip(line).for_each(|(sum, v)| *sum += v);
                }
            });
        }
        fourier.inverse(image, scratch);
    }
}

impl<T: Real> WienerWorkspace<T> {
    /// For frames of at most `bands` bands.
    pub fn new(fourier: &Fourier<T>, bands: usize) -> Self {
        let zeros = |len| vec![Complex::new(T::zero(), T::zero()); len];
        let grid = fourier.grid();
        let task = || Task {
            plane: zeros(grid.len()),
            shrunk: zeros(grid.len()),
            energy: zeros(grid.cols + 2),
            scratch: fourier.scratch(),
        };
        Self {
            spectrum: zeros(grid.len()),
            scratch: fourier.scratch(),
            tasks: (0..rayon::current_num_threads().min(bands)).map(|_| task()).collect(),
        }
    }
}

impl<T: Real> Task<T> {
    /// One band: filtered, shrunk, and filtered again by the adjoint, as a spectrum in `self.shrunk`.
    fn shrink(&mut self, band: &Response<T>, variance: T, fourier: &Fourier<T>, spectrum: &[Complex<T>]) {
        band.apply(spectrum, &mut self.plane);
        fourier.inverse(&mut self.plane, &mut self.scratch);
        shrink_plane(&self.plane, variance, &mut self.energy, &mut self.shrunk);
        fourier.forward(&mut self.shrunk, &mut self.scratch);
        band.apply_adjoint(&mut self.shrunk);
    }
}

fn shrink_plane<T: Real>(plane: &[Complex<T>], variance: T, energy: &mut [Complex<T>], out: &mut [Complex<T>]) {
    let cols = energy.len() - 2;
    let rows = plane.len() / cols;
    let line = |row: usize| &plane[row * cols..(row + 1) * cols];
    // The energy below is a sum over nine.
    let variance = variance * T::of(9.0);
    for (row, out) in out.chunks_exact_mut(cols).enumerate() {
        let (above, here, below) = (line((row + rows - 1) % rows), line(row), line((row + 1) % rows));
        let lines = above.iter().zip(here).zip(below);
        for (sum, ((a, b), c)) in energy[1..=cols].iter_mut().zip(lines) {
            *sum = Complex::new(
                a.re * a.re + b.re * b.re + c.re * c.re,
                a.im * a.im + b.im * b.im + c.im * c.im,
            );
        }
        energy[0] = energy[cols];
        energy[cols + 1] = energy[1];
        for ((out, v), e) in out.iter_mut().zip(here).zip(energy.windows(3)) {
            let around = e[0] + e[1] + e[2];
            *out = Complex::new(
                v.re * wiener_gain(variance, around.re),
                v.im * wiener_gain(variance, around.im),
            );
        }
    }
}

/// `energy / (energy + noise)`.
#[inline]
fn wiener_gain<T: Real>(noise: T, energy: T) -> T {
    // Without signal the gain does not matter, and 0/0 must not appear.
    energy / (energy + noise).max(T::min_positive_value())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelet::Wavelet;

    fn denoised(grid: Grid, image: &[Complex<f64>], variance: f64) -> Vec<Complex<f64>> {
        let fourier = Fourier::new(grid);
        let haar = Wavelet::find("haar").unwrap();
        let denoiser = LocalWiener::new(Frame::undecimated(grid, 3, haar));
        let mut out = image.to_vec();
        denoiser.denoise(&mut out, variance, &fourier, &mut WienerWorkspace::new(&fourier, 10));
        out
    }

    fn noise(len: usize, seed: u64) -> Vec<Complex<f64>> {
        use rand::{Rng, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
        (0..len).map(|_| Complex::new(draw(), draw())).collect()
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
