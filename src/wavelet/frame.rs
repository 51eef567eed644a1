use std::f64::consts::{PI, TAU};

use num_complex::Complex;

use super::Wavelet;
use crate::array::{Grid, Real, vectorised};

/// A tight frame of filters with real impulse responses, given by their frequency responses (origin in the centre, as
/// all of k-space here). At every frequency the squares of all responses add up to 1, so that analysis followed by its
/// adjoint is the identity, for any size of image.
pub struct Frame<T> {
    /// Size of the images.
    pub grid: Grid,
    /// The frequency response of every band. The last is the low pass.
    pub bands: Vec<Response<T>>,
}

/// The frequency response of one band.
pub enum Response<T> {
    /// The product of a response along the rows axis and one along the columns axis.
    Product {
        /// Response along axis 0, one value a row.
        rows: Vec<Complex<T>>,
        /// Response along axis 1, one value a column.
        cols: Vec<Complex<T>>,
    },
    /// Any real response.
    Plane {
        /// Columns of the grid.
        cols: usize,
        /// One value a frequency, row-major.
        values: Vec<T>,
    },
}

impl<T: Real> Frame<T> {
    /// The undecimated wavelet transform: bands in the order of [`Layout`](super::Layout), H1 V1 D1 … A.
    ///
    /// With l and h the responses of the wavelet's two filters, over √2: `a_s(k) = Π_{j<s} l(2^j k)`, `d_s(k) =
    /// a_{s−1}(k) h(2^{s−1} k)`.
    ///
    /// # Panics
    /// If `scales` is 0.
    pub fn undecimated(grid: Grid, scales: usize, wavelet: &Wavelet) -> Self {
        let rows = AxisResponses::new(grid.rows, scales, wavelet);
        let cols = AxisResponses::new(grid.cols, scales, wavelet);
        let product = |rows: &[Complex<f64>], cols: &[Complex<f64>]| Response::Product {
            rows: narrow(rows),
            cols: narrow(cols),
        };
        let mut bands = Vec::with_capacity(3 * scales + 1);
        for s in 0..scales {
            bands.push(product(&rows.high[s], &cols.low[s]));
            bands.push(product(&rows.low[s], &cols.high[s]));
            bands.push(product(&rows.high[s], &cols.high[s]));
        }
        bands.push(product(&rows.low[scales - 1], &cols.low[scales - 1]));
        Self { grid, bands }
    }

    /// A directional frame: `scales` octaves of `orientations` wedges each, from the finest on, and the low pass. The
    /// responses are real, and smooth in the logarithm of the radius and in the angle, as those of steerable pyramids
    /// (Simoncelli & Freeman, ICIP 1995).
    ///
    /// # Panics
    /// If `orientations` is 0.
    pub fn directional(grid: Grid, scales: usize, orientations: usize) -> Self {
        let count = scales * orientations + 1;
        let mut planes = vec![vec![0.0; grid.len()]; count];
        let mut at = vec![0.0; count];
        for row in 0..grid.rows {
            for col in 0..grid.cols {
                wedges(
                    frequency(row, grid.rows),
                    frequency(col, grid.cols),
                    orientations,
                    &mut at,
                );
                for (plane, &value) in planes.iter_mut().zip(&at) {
                    plane[row * grid.cols + col] = value;
                }
            }
        }
        tighten(&mut planes);
        // An impulse response is real where its transform is even. At even sizes the outermost frequencies have their
        // opposite on the same side, where a wedge is not even by itself.
        for plane in &mut planes {
            let mirrored: Vec<f64> = (0..grid.len()).map(|at| plane[grid.opposite(at)]).collect();
            plane.iter_mut().zip(mirrored).for_each(|(p, m)| *p = (*p + m) / 2.0);
        }
        tighten(&mut planes);
        let response = |plane: Vec<f64>| Response::Plane {
            cols: grid.cols,
            values: plane.into_iter().map(T::of).collect(),
        };
        Self {
            grid,
            bands: planes.into_iter().map(response).collect(),
        }
    }
}

impl<T: Real> Response<T> {
    /// The response G at a frequency, given by row and column, origin in the centre.
    ///
    /// # Panics
    /// If there is no such row or column.
    #[inline(always)]
    pub fn at(&self, row: usize, col: usize) -> Complex<T> {
        match self {
            Self::Product { rows, cols } => product(rows[row], cols[col]),
            Self::Plane { cols, values } => Complex::new(values[row * cols + col], T::zero()),
        }
    }

    /// `out = G · spectrum`, both row-major and centred.
    pub fn apply(&self, spectrum: &[Complex<T>], out: &mut [Complex<T>]) {
        vectorised(
            #[inline(always)]
            || self.multiply(spectrum, out),
        );
    }

    #[inline(always)]
    fn multiply(&self, spectrum: &[Complex<T>], out: &mut [Complex<T>]) {
        match self {
            Self::Product { rows, cols } => {
                let lines = spectrum.chunks_exact(cols.len()).zip(out.chunks_exact_mut(cols.len()));
                for ((from, to), &row) in lines.zip(rows) {
                    let factors = from.iter().zip(cols);
                    to.iter_mut()
                        .zip(factors)
                        .for_each(|(to, (&v, &col))| *to = product(v, product(row, col)));
                }
            }
            Self::Plane { values, .. } => {
                let factors = spectrum.iter().zip(values);
                out.iter_mut()
                    .zip(factors)
                    .for_each(|(to, (v, &g))| *to = Complex::new(v.re * g, v.im * g));
            }
        }
    }

    /// Mean of `|G|²`: the variance in this band of white noise of variance 1.
    pub fn gain(&self) -> f64 {
        let mean = |energies: &mut dyn Iterator<Item = f64>, count: usize| energies.sum::<f64>() / count as f64;
        match self {
            Self::Product { rows, cols } => {
                let along = |axis: &[Complex<T>]| mean(&mut axis.iter().map(|v| v.norm_sqr().wide()), axis.len());
                along(rows) * along(cols)
            }
            Self::Plane { values, .. } => mean(&mut values.iter().map(|v| v.wide() * v.wide()), values.len()),
        }
    }
}

/// Written out, so that it is inlined everywhere.
#[inline(always)]
fn product<T: Real>(a: Complex<T>, b: Complex<T>) -> Complex<T> {
    Complex::new(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
}

/// Responses of one axis in centred order, `[s − 1]` for scale s.
struct AxisResponses {
    low: Vec<Vec<Complex<f64>>>,
    high: Vec<Vec<Complex<f64>>>,
}

impl AxisResponses {
    fn new(n: usize, scales: usize, wavelet: &Wavelet) -> Self {
        let response = |filter: &[f64], omega: f64| -> Complex<f64> {
            let terms = filter.iter().enumerate();
            terms
                .map(|(k, &tap)| Complex::from_polar(tap / std::f64::consts::SQRT_2, -omega * k as f64))
                .sum()
        };
        let (l, h) = (wavelet.low(), wavelet.high());
        let mut carried = vec![Complex::new(1.0, 0.0); n];
        let (mut low, mut high) = (Vec::new(), Vec::new());
        for scale in 0..scales {
            let stretch = (1u64 << scale) as f64;
            let times = |filter: &[f64]| -> Vec<Complex<f64>> {
                let factors = carried.iter().enumerate();
                factors
                    .map(|(i, a)| a * response(filter, stretch * TAU * frequency(i, n)))
                    .collect()
            };
            high.push(times(&h));
            low.push(times(&l));
            carried.clone_from(&low[scale]);
        }
        Self { low, high }
    }
}

/// Frequency of a centred index, in cycles per pixel.
fn frequency(index: usize, n: usize) -> f64 {
    (index as f64 - (n / 2) as f64) / n as f64
}

/// Responses of all wedges at one frequency, the low pass last.
fn wedges(row: f64, col: f64, orientations: usize, out: &mut [f64]) {
    let (radius, angle) = (row.hypot(col), col.atan2(row));
    let step = PI / orientations as f64;
    let mut below = 1.0;
    let octaves = out.chunks_exact_mut(orientations);
    for (scale, octave) in octaves.enumerate() {
        let cutoff = 0.5 / (1u64 << scale) as f64;
        // At radius 0 the logarithm is −∞, which is low.
        let height = ((radius / cutoff).log2() + 1.0).clamp(0.0, 1.0);
        let low = fall(height);
        let high = (1.0 - low * low).max(0.0).sqrt() * below;
        for (o, value) in octave.iter_mut().enumerate() {
            let off = angle - step * o as f64;
            let off = (off - PI * (off / PI).round()).abs();
            *value = high * fall(off / step);
        }
        below *= low;
    }
    if let Some(last) = out.last_mut() {
        *last = below;
    }
}

/// A quarter of a cosine, from 1 at 0 to exactly 0 from 1 on.
fn fall(x: f64) -> f64 {
    if x < 1.0 { (PI / 2.0 * x).cos() } else { 0.0 }
}

/// Divides by the root of the sum of squares.
fn tighten(planes: &mut [Vec<f64>]) {
    for at in 0..planes[0].len() {
        let sum: f64 = planes.iter().map(|plane| plane[at] * plane[at]).sum();
        let root = sum.sqrt();
        planes.iter_mut().for_each(|plane| plane[at] /= root);
    }
}

fn narrow<T: Real>(values: &[Complex<f64>]) -> Vec<Complex<T>> {
    values.iter().map(|v| Complex::new(T::of(v.re), T::of(v.im))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(grid: Grid) -> Vec<Frame<f64>> {
        let [db4, haar] = ["db4", "haar"].map(|name| Wavelet::find(name).unwrap());
        vec![
            Frame::undecimated(grid, 4, db4),
            Frame::undecimated(grid, 3, haar),
            Frame::directional(grid, 4, 6),
        ]
    }

    const SIZES: [(usize, usize); 5] = [(16, 24), (15, 20), (9, 13), (2, 7), (1, 1)];

    #[test]
    fn analysis_and_its_adjoint_are_the_identity() {
        for (rows, cols) in SIZES {
            let grid = Grid::new(rows, cols);
            let spectrum: Vec<Complex<f64>> = (0..grid.len())
                .map(|i| Complex::new((i as f64).sin() + 1.0, 0.3 * i as f64))
                .collect();
            for frame in frames(grid) {
                let mut sum = vec![Complex::new(0.0, 0.0); grid.len()];
                let mut plane = sum.clone();
                for band in &frame.bands {
                    band.apply(&spectrum, &mut plane);
                    for (at, sum) in sum.iter_mut().enumerate() {
                        *sum += band.at(at / cols, at % cols).conj() * plane[at];
                    }
                }
                let gains: f64 = frame.bands.iter().map(Response::gain).sum();
                assert!((gains - 1.0).abs() < 1e-12, "{grid}: {gains}");
                assert!(sum.iter().zip(&spectrum).all(|(a, b)| (a - b).norm() < 1e-10), "{grid}");
            }
        }
    }

    #[test]
    fn impulse_responses_are_real() {
        for (rows, cols) in SIZES {
            let grid = Grid::new(rows, cols);
            for (f, frame) in frames(grid).iter().enumerate() {
                for (b, band) in frame.bands.iter().enumerate() {
                    let mut response = vec![Complex::new(0.0, 0.0); grid.len()];
                    band.apply(&vec![Complex::new(1.0, 0.0); grid.len()], &mut response);
                    for at in 0..grid.len() {
                        let gap = (response[at] - response[grid.opposite(at)].conj()).norm();
                        assert!(gap < 1e-12, "{grid}: frame {f}, band {b}, {at}: {gap}");
                    }
                }
            }
        }
    }
}
