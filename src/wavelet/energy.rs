use std::borrow::Cow;
use std::sync::Arc;

use ndarray::ArrayView2;
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
                for (index, band) in layout.bands.iter().enumerate().filter(|(_, band)| band.scale == scale) {
                    let taps = match (is_high, band.orientation) {
                        (true, Orientation::H) | (false, Orientation::A) => &along_cols.low,
                        (true, Orientation::D) | (false, Orientation::V) => &along_cols.high,
                        _ => continue,
                    };
                    along_row(taps, scale, averaged, out.band_mut(index), cols);
                }
            }
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
    use ndarray::Array2;

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
}
