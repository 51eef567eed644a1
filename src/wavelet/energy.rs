use std::borrow::Cow;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, s};
use num_complex::Complex;

use super::bank::accumulate;
use super::{Layout, Orientation, Pyramid, Wavelet};
use crate::array::{Grid, Real};

/// Averages over the energy of each wavelet: `Σ_n |ψ_j[n]|² v[n]` for every coefficient j.
///
/// This is the exact diagonal of `Ψ diag(v) Ψᵀ`. It carries a variance per pixel to the variance of each
/// coefficient, and a coil map to what a coefficient sees of it. (A cascade of squared filters, or of plain
/// ones, is cheaper by little and 2-13 % off from the second scale on.)
pub struct EnergyAverage<T> {
    layout: Arc<Layout>,
    rows: Vec<AxisEnergy<T>>,
    cols: Vec<AxisEnergy<T>>,
}

/// `|ψ|²` and `|φ|²` along one axis at one scale, for output 0; output o is shifted by `o · 2^scale`.
struct AxisEnergy<T> {
    low: Taps<T>,
    high: Taps<T>,
}

struct Taps<T> {
    /// Position of the first tap, modulo the length of the axis.
    start: usize,
    values: Vec<T>,
}

impl<T: Real> EnergyAverage<T> {
    pub fn new(layout: &Arc<Layout>, wavelet: &Wavelet) -> Self {
        Self {
            layout: Arc::clone(layout),
            rows: axis_energies(layout.padded.rows, layout.scales, wavelet),
            cols: axis_energies(layout.padded.cols, layout.scales, wavelet),
        }
    }

    /// The averages of `values`, which are taken as zero on the padding.
    pub fn average(&self, values: ArrayView2<Complex<T>>, out: &mut Pyramid<Complex<T>>) {
        let layout = &*self.layout;
        assert_eq!(
            values.dim(),
            layout.image.dim(),
            "image of another size than the layout"
        );
        let zero = Complex::new(T::zero(), T::zero());
        let Grid { rows, cols } = layout.padded;
        let plane = match values.to_slice() {
            Some(plane) if layout.padded == layout.image => Cow::Borrowed(plane),
            _ => {
                let mut plane = vec![zero; layout.padded.len()];
                for (to, from) in plane.chunks_exact_mut(cols).zip(values.outer_iter()) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
                Cow::Owned(plane)
            }
        };
        let mut averaged = vec![zero; (rows >> 1) * cols];
        for (scale, (along_rows, along_cols)) in (1..).zip(self.rows.iter().zip(&self.cols)) {
            for (taps, is_high) in [(&along_rows.low, false), (&along_rows.high, true)] {
                let averaged = &mut averaged[..(rows >> scale) * cols];
                across_rows(taps, scale, rows, &plane, averaged, cols);
                for (index, taps) in bands_of(layout, scale, is_high, along_cols) {
                    along_row(taps, scale, averaged, out.band_mut(index), cols);
                }
            }
        }
    }

    /// The adjoint of [`Self::average`]: `Σ_j |ψ_j[n]|² v_j` for every pixel n, `(rows, cols)`; what falls on the
    /// padding is left out. The variance of each pixel, of an image whose coefficients have variances v and errors
    /// that are not correlated.
    pub fn spread(&self, values: &Pyramid<T>) -> Array2<f64> {
        let layout = &*self.layout;
        assert_eq!(values.layout, self.layout, "coefficients of another layout");
        let Grid { rows, cols } = layout.padded;
        let mut plane = Array2::zeros((rows, cols));
        for (scale, (along_rows, along_cols)) in (1..).zip(self.rows.iter().zip(&self.cols)) {
            for (taps, is_high) in [(&along_rows.low, false), (&along_rows.high, true)] {
                let mut lines = Array2::zeros((rows >> scale, cols));
                for (index, taps) in bands_of(layout, scale, is_high, along_cols) {
                    let lines = lines.outer_iter_mut();
                    for (mut line, values) in lines.zip(values.band(index).chunks_exact(cols >> scale)) {
                        for (o, value) in values.iter().enumerate() {
                            taps.reach(o << scale, cols, |at, tap| line[at] += tap * value.wide());
                        }
                    }
                }
                for (o, line) in lines.outer_iter().enumerate() {
                    taps.reach(o << scale, rows, |at, tap| plane.row_mut(at).scaled_add(tap, &line));
                }
            }
        }
        plane.slice_move(s![..layout.image.rows, ..layout.image.cols])
    }
}

/// The subbands of a scale that are high-pass, or low-pass, along the rows axis, each by its index and with its taps
/// along the columns axis.
fn bands_of<'a, T>(
    layout: &'a Layout,
    scale: usize,
    is_high: bool,
    along_cols: &'a AxisEnergy<T>,
) -> impl Iterator<Item = (usize, &'a Taps<T>)> {
    let bands = layout
        .bands
        .iter()
        .enumerate()
        .filter(move |(_, band)| band.scale == scale);
    bands.filter_map(move |(index, band)| match (is_high, band.orientation) {
        (true, Orientation::H) | (false, Orientation::A) => Some((index, &along_cols.low)),
        (true, Orientation::D) | (false, Orientation::V) => Some((index, &along_cols.high)),
        _ => None,
    })
}

impl<T: Real> Taps<T> {
    /// Every position modulo `n` that a tap meets, `by` beyond the first output, and the tap.
    fn reach(&self, by: usize, n: usize, mut meet: impl FnMut(usize, f64)) {
        for (t, tap) in self.values.iter().enumerate() {
            meet((self.start + by + t) % n, tap.wide());
        }
    }
}

/// `out[o, ·] = Σ_t taps[t] plane[start + t + o 2^scale, ·]`, rows modulo their number.
fn across_rows<T: Real>(
    taps: &Taps<T>,
    scale: usize,
    rows: usize,
    plane: &[Complex<T>],
    out: &mut [Complex<T>],
    cols: usize,
) {
    for (o, target) in out.chunks_exact_mut(cols).enumerate() {
        target.fill(Complex::new(T::zero(), T::zero()));
        for (t, &tap) in taps.values.iter().enumerate() {
            let row = (taps.start + t + (o << scale)) % rows;
            accumulate(target, &plane[row * cols..(row + 1) * cols], tap);
        }
    }
}

/// The same along each row.
fn along_row<T: Real>(taps: &Taps<T>, scale: usize, plane: &[Complex<T>], out: &mut [Complex<T>], cols: usize) {
    for (source, target) in plane.chunks_exact(cols).zip(out.chunks_exact_mut(cols >> scale)) {
        for (o, target) in target.iter_mut().enumerate() {
            let first = (taps.start + (o << scale)) % cols;
            // The taps are at most one period long: they wrap around once at the most.
            let (head, tail) = taps.values.split_at(taps.values.len().min(cols - first));
            let mut sum = Complex::new(T::zero(), T::zero());
            for (v, &tap) in source[first..].iter().zip(head).chain(source.iter().zip(tail)) {
                sum += v * tap;
            }
            *target = sum;
        }
    }
}

/// Energies of the equivalent filters of the cascade along an axis of length `n`.
fn axis_energies<T: Real>(n: usize, scales: usize, wavelet: &Wavelet) -> Vec<AxisEnergy<T>> {
    let reversed = |filter: Vec<f64>| -> Vec<f64> { filter.into_iter().rev().collect() };
    let (low, high) = (reversed(wavelet.low()), reversed(wavelet.high()));
    let lead = low.len() / 2 - 1;
    let mut carried = vec![1.0];
    let mut offset = 0;
    let mut energies = Vec::new();
    for scale in 0..scales {
        offset += lead << scale;
        let [l, h] = [&low, &high].map(|filter| upsampled_convolution(&carried, filter, 1 << scale));
        let energy = |filter: &[f64]| squared_period(filter, offset, n);
        energies.push(AxisEnergy {
            low: energy(&l),
            high: energy(&h),
        });
        carried = l;
    }
    energies
}

/// `carried ∗ (filter, with step − 1 zeros between its taps)`.
fn upsampled_convolution(carried: &[f64], filter: &[f64], step: usize) -> Vec<f64> {
    let mut out = vec![0.0; carried.len() + (filter.len() - 1) * step];
    for (k, tap) in filter.iter().enumerate() {
        for (i, value) in carried.iter().enumerate() {
            out[i + k * step] += tap * value;
        }
    }
    out
}

/// The filter, which starts `offset` before 0, wrapped onto a period of `n`, then squared.
fn squared_period<T: Real>(filter: &[f64], offset: usize, n: usize) -> Taps<T> {
    let start = (n - offset % n) % n;
    let mut wrapped = vec![0.0; filter.len().min(n)];
    for (t, value) in filter.iter().enumerate() {
        wrapped[t % n] += value;
    }
    Taps {
        start,
        values: wrapped.iter().map(|v| T::of(v * v)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelet::{FilterBank, Transform};

    #[test]
    fn is_the_energy_of_each_wavelet() {
        for (name, rows, cols, scales) in [
            ("db4", 32, 48, 3),
            ("sym8", 21, 16, 2),
            ("coif2", 8, 6, 3),
            ("haar", 5, 9, 2),
        ] {
            let wavelet = Wavelet::find(name).unwrap();
            let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
            let transform = Transform::<f64>::new(&layout, FilterBank::of(wavelet));
            let energy = EnergyAverage::<f64>::new(&layout, wavelet);
            let zero = Complex::new(0.0, 0.0);
            let (mut squared, mut averaged) = (Pyramid::filled(&layout, zero), Pyramid::filled(&layout, zero));
            for at in [(0, 0), (rows / 2, cols / 3), (rows - 1, cols - 1)] {
                let mut impulse = Array2::from_elem((rows, cols), zero);
                impulse[at] = Complex::new(1.0, 0.0);
                transform.analyse(impulse.view(), &mut squared, &mut transform.workspace());
                energy.average(impulse.view(), &mut averaged);
                for (j, (w, e)) in squared.values.iter().zip(&averaged.values).enumerate() {
                    assert!((w.norm_sqr() - e.re).abs() < 1e-12, "{name} {at:?} coefficient {j}");
                }
            }
        }
    }

    #[test]
    fn spreads_each_variance_over_the_energy_of_its_wavelet() {
        for (name, rows, cols, scales) in [("db4", 24, 16, 3), ("sym8", 21, 10, 2), ("haar", 5, 9, 2)] {
            let wavelet = Wavelet::find(name).unwrap();
            let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
            let transform = Transform::<f64>::new(&layout, FilterBank::of(wavelet));
            let mut variance = Pyramid::filled(&layout, 0.0);
            let mut expected = Array2::<f64>::zeros((rows, cols));
            let mut image = Array2::zeros((rows, cols));
            for j in 0..variance.values.len() {
                variance.values[j] = 1.0 + ((7 * j) % 11) as f64;
                let mut one = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
                one.values[j] = Complex::new(1.0, 0.0);
                transform.synthesise(&one, image.view_mut(), &mut transform.workspace());
                expected.zip_mut_with(&image, |e, v| *e += v.norm_sqr() * variance.values[j]);
            }
            let found = EnergyAverage::<f64>::new(&layout, wavelet).spread(&variance);
            let error = (&found - &expected).iter().fold(0.0, |most: f64, e| most.max(e.abs()));
            assert!(found.dim() == (rows, cols) && error < 1e-12, "{name}: {error:e}");
        }
    }
}
