use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, s};
use num_complex::Complex;

use super::{Layout, Orientation, Pyramid, Wavelet};
use crate::array::{Grid, Real, vectorised};

/// Columns worked on together across rows: those of one strip lie row by row, in the first cache.
const STRIP: usize = 64;
/// Outputs worked on together along a row.
const LANES: usize = 16;

/// Averages over the energy of each wavelet: `Σ_n |ψ_j[n]|² v[n]` for every coefficient j.
///
/// This is the exact diagonal of `Ψ diag(v) Ψᵀ`. It turns a variance per pixel into the variance of each coefficient,
/// and a coil map into the sensitivity of the coil to each coefficient. (A cascade of squared filters, or of the
/// filters themselves, costs little less and is 2-13 % off from the second scale on.)
pub struct EnergyAverage<T> {
    layout: Arc<Layout>,
    rows: Vec<AxisEnergy<T>>,
    cols: Vec<AxisEnergy<T>>,
}

/// `|φ|²` and `|ψ|²` along one axis at one scale, for output 0; output o is shifted by `o · 2^scale`.
struct AxisEnergy<T> {
    /// Position of the first tap, modulo the length of the axis.
    start: usize,
    /// Low-pass and high-pass; at most one period of them.
    taps: Vec<[T; 2]>,
}

/// What [`EnergyAverage::average`] holds beside its result.
struct Strips<T> {
    /// Along the columns axis of the padded grid; the last is filled up with zeros.
    count: usize,
    /// The image, `[part][strip][row]`: real part, then imaginary one.
    image: Vec<[T; STRIP]>,
    /// Low-pass and high-pass across rows, `[part][strip][output]`.
    averaged: Vec<[[T; STRIP]; 2]>,
}

impl<T: Real> EnergyAverage<T> {
    /// The averages for images of `layout`, over the energy of the wavelets of `wavelet`.
    pub fn new(layout: &Arc<Layout>, wavelet: &Wavelet) -> Self {
        Self {
            layout: Arc::clone(layout),
            rows: axis_energies(layout.padded.rows, layout.scales, wavelet),
            cols: axis_energies(layout.padded.cols, layout.scales, wavelet),
        }
    }

    /// Overwrites `out`, of the same layout, with the averages of `values`, `(rows, cols)`, which count as zero on the
    /// padding.
    ///
    /// # Panics
    /// If `values` is of another size than the image of the layout, or `out` of another layout.
    pub fn average(&self, values: ArrayView2<Complex<T>>, out: &mut Pyramid<Complex<T>>) {
        let layout = &*self.layout;
        assert_eq!(
            values.dim(),
            layout.image.dim(),
            "image of another size than the layout"
        );
        let mut strips = Strips::of(values, layout.padded);
        for (scale, (along_rows, along_cols)) in (1..).zip(self.rows.iter().zip(&self.cols)) {
            vectorised(
                #[inline(always)]
                || {
                    strips.average_across(along_rows, scale, layout.padded.rows);
                    average_along(&strips, along_cols, scale, out);
                },
            );
        }
    }

    /// The adjoint of [`Self::average`]: `Σ_j |ψ_j[n]|² v_j` for every pixel n, `(rows, cols)`, without the padding.
    ///
    /// With v the variances of coefficients whose errors are uncorrelated, these are the variances of the pixels.
    ///
    /// # Panics
    /// If `values` has another layout.
    pub fn spread(&self, values: &Pyramid<T>) -> Array2<f64> {
        let layout = &*self.layout;
        assert_eq!(values.layout, self.layout, "coefficients of another layout");
        let Grid { rows, cols } = layout.padded;
        let mut plane = Array2::zeros((rows, cols));
        for (scale, (along_rows, along_cols)) in (1..).zip(self.rows.iter().zip(&self.cols)) {
            for high in 0..2 {
                let mut lines = Array2::zeros((rows >> scale, cols));
                for (index, band) in layout.bands.iter().enumerate().filter(|(_, band)| band.scale == scale) {
                    let passes = passes(band.orientation);
                    if passes[0] != high {
                        continue;
                    }
                    let lines = lines.outer_iter_mut();
                    for (mut line, values) in lines.zip(values.band(index).chunks_exact(cols >> scale)) {
                        for (o, value) in values.iter().enumerate() {
                            let reach = along_cols.reach(passes[1], o << scale, cols);
                            reach.for_each(|(at, tap)| line[at] += tap * value.wide());
                        }
                    }
                }
                for (o, line) in lines.outer_iter().enumerate() {
                    let reach = along_rows.reach(high, o << scale, rows);
                    reach.for_each(|(at, tap)| plane.row_mut(at).scaled_add(tap, &line));
                }
            }
        }
        plane.slice_move(s![..layout.image.rows, ..layout.image.cols])
    }
}

/// Along the rows axis and along the columns axis: 0 for low-pass, 1 for high-pass.
fn passes(orientation: Orientation) -> [usize; 2] {
    match orientation {
        Orientation::H => [1, 0],
        Orientation::V => [0, 1],
        Orientation::D => [1, 1],
        Orientation::A => [0, 0],
    }
}

impl<T: Real> AxisEnergy<T> {
    /// Every position modulo `n` of a tap of the low-pass or high-pass, `by` beyond the first output, and the
    /// tap.
    fn reach(&self, pass: usize, by: usize, n: usize) -> impl Iterator<Item = (usize, f64)> {
        let taps = self.taps.iter().enumerate();
        taps.map(move |(t, tap)| ((self.start + by + t) % n, tap[pass].wide()))
    }
}

impl<T: Real> Strips<T> {
    fn of(values: ArrayView2<Complex<T>>, padded: Grid) -> Self {
        let count = padded.cols.div_ceil(STRIP);
        let mut image = vec![[T::zero(); STRIP]; 2 * count * padded.rows];
        let (re, im) = image.split_at_mut(count * padded.rows);
        for (row, values) in values.outer_iter().enumerate() {
            let strips = (row..).step_by(padded.rows);
            for (at, values) in strips.zip(values.axis_chunks_iter(Axis(0), STRIP)) {
                for ((re, im), v) in re[at].iter_mut().zip(&mut im[at]).zip(values) {
                    (*re, *im) = (v.re, v.im);
                }
            }
        }
        Self {
            count,
            averaged: vec![[[T::zero(); STRIP]; 2]; 2 * count * (padded.rows >> 1)],
            image,
        }
    }

    /// `Σ_t taps[t] image[start + t + o 2^scale, ·]` for every output o, rows modulo their number.
    #[inline(always)]
    fn average_across(&mut self, energy: &AxisEnergy<T>, scale: usize, rows: usize) {
        let outputs = self.averaged.chunks_exact_mut(rows >> scale);
        for (image, outputs) in self.image.chunks_exact(rows).zip(outputs) {
            for (o, output) in outputs.iter_mut().enumerate() {
                let first = (energy.start + (o << scale)) % rows;
                // The taps are at most one period long: they wrap around once at the most.
                let (head, tail) = energy.taps.split_at(energy.taps.len().min(rows - first));
                let sums = [[T::zero(); STRIP]; 2];
                let sums = weighted_rows(sums, &image[first..], head);
                *output = weighted_rows(sums, image, tail);
            }
        }
    }

    /// One row of what [`Self::average_across`] left.
    #[inline(always)]
    fn line(&self, part: usize, pass: usize, output: usize, outputs: usize, line: &mut [T]) {
        let strips = (0..self.count).map(|strip| &self.averaged[(part * self.count + strip) * outputs + output][pass]);
        for (line, strip) in line.chunks_mut(STRIP).zip(strips) {
            line.copy_from_slice(&strip[..line.len()]);
        }
    }
}

/// The same along each row of what was averaged across rows.
#[inline(always)]
fn average_along<T: Real>(strips: &Strips<T>, energy: &AxisEnergy<T>, scale: usize, out: &mut Pyramid<Complex<T>>) {
    let layout = Arc::clone(&out.layout);
    let Grid { rows, cols } = layout.padded;
    let (rows, outputs) = (rows >> scale, cols >> scale);
    let mut line = vec![T::zero(); cols];
    let mut phases = Phases::new(energy, scale, outputs);
    let mut sums = [(); 2].map(|_| vec![[[T::zero(); LANES]; 2]; outputs.div_ceil(LANES)]);
    for row in 0..rows {
        for pass in 0..2 {
            for (part, sums) in sums.iter_mut().enumerate() {
                strips.line(part, pass, row, rows, &mut line);
                phases.average(energy, &line, sums);
            }
            for (index, band) in layout.bands.iter().enumerate().filter(|(_, band)| band.scale == scale) {
                let [across, along] = passes(band.orientation);
                if across != pass {
                    continue;
                }
                let out = &mut out.band_mut(index)[row * outputs..(row + 1) * outputs];
                for ((out, re), im) in out.chunks_mut(LANES).zip(&sums[0]).zip(&sums[1]) {
                    for ((out, &re), &im) in out.iter_mut().zip(&re[along]).zip(&im[along]) {
                        *out = Complex::new(re, im);
                    }
                }
            }
        }
    }
}

/// A line split into its `2^scale` phases, so that the inputs of neighbouring outputs lie side by side.
struct Phases<T> {
    scale: usize,
    /// Of one phase, with all that the taps of the last output reach.
    length: usize,
    /// The line from the first tap of output 0 on, as often as it takes.
    extended: Vec<T>,
    values: Vec<T>,
}

impl<T: Real> Phases<T> {
    fn new(energy: &AxisEnergy<T>, scale: usize, outputs: usize) -> Self {
        let length = outputs.next_multiple_of(LANES) + (energy.taps.len() >> scale);
        Self {
            scale,
            length,
            extended: Vec::new(),
            values: vec![T::zero(); length << scale],
        }
    }

    /// `Σ_t taps[t] line[start + t + o 2^scale]` for every output o, modulo the length of the line.
    #[inline(always)]
    fn average(&mut self, energy: &AxisEnergy<T>, line: &[T], sums: &mut [[[T; LANES]; 2]]) {
        self.extended.clear();
        self.extended.extend_from_slice(&line[energy.start..]);
        while self.extended.len() < self.values.len() {
            self.extended.extend_from_slice(line);
        }
        for (phase, values) in self.values.chunks_exact_mut(self.length).enumerate() {
            let from = self.extended[phase..].iter().step_by(1 << self.scale);
            values.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        for (block, sums) in sums.iter_mut().enumerate() {
            let (mut low, mut high) = ([T::zero(); LANES], [T::zero(); LANES]);
            for (t, taps) in energy.taps.iter().enumerate() {
                let phase = t & ((1 << self.scale) - 1);
                let first = phase * self.length + (t >> self.scale) + block * LANES;
                let values = &self.values[first..first + LANES];
                for j in 0..LANES {
                    low[j] += taps[0] * values[j];
                    high[j] += taps[1] * values[j];
                }
            }
            *sums = [low, high];
        }
    }
}

/// `sums` and, low-pass and high-pass, what the rows add to them by their taps.
#[inline(always)]
fn weighted_rows<T: Real>(sums: [[T; STRIP]; 2], rows: &[[T; STRIP]], taps: &[[T; 2]]) -> [[T; STRIP]; 2] {
    let [mut low, mut high] = sums;
    for (row, taps) in rows.iter().zip(taps) {
        for j in 0..STRIP {
            low[j] += taps[0] * row[j];
            high[j] += taps[1] * row[j];
        }
    }
    [low, high]
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
        let [of_low, of_high] = [&l, &h].map(|filter| squared_period(filter, n));
        energies.push(AxisEnergy {
            start: (n - offset % n) % n,
            taps: of_low
                .into_iter()
                .zip(of_high)
                .map(|(low, high)| [low, high].map(T::of))
                .collect(),
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

/// The filter wrapped onto a period of `n`, then squared.
fn squared_period(filter: &[f64], n: usize) -> Vec<f64> {
    let mut wrapped = vec![0.0; filter.len().min(n)];
    for (t, value) in filter.iter().enumerate() {
        wrapped[t % n] += value;
    }
    wrapped.iter().map(|v| v * v).collect()
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
            // several strips, and blocks of outputs
            ("db3", 12, 150, 2),
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
