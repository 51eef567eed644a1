//! The sums against their plain definitions. Whether what they predict is true is asked in `tests/engine/evolution.rs`.

use std::sync::Arc;

use ndarray::{Array2, Array3, Array4, Axis, s};
use num_complex::Complex;
use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;

use crate::array::{Grid, Mask, energy};
use crate::solve::{Problem, StateEvolution};
use crate::wavelet::{EnergyAverage, FilterBank, Layout, Pyramid, Spectra, Transform, Wavelet};

type C = Complex<f64>;

fn noise(seed: u64) -> impl FnMut() -> C {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    move || Complex::new(rng.sample(StandardNormal), rng.sample(StandardNormal)) * 0.5f64.sqrt()
}

/// Lines that vary along `phase`, not sampled at the ends of the readout.
struct Lines {
    mask: Mask,
    probability: Array2<f64>,
    /// Where a readout has values.
    read: std::ops::Range<usize>,
    phase: Axis,
}

fn lines(grid: Grid, phase: Axis, empty: usize) -> Lines {
    let n = [grid.rows, grid.cols];
    let (full, length) = (n[phase.0] / 2, n[1 - phase.0]);
    let read = empty..length - empty / 2;
    let sampled = |at: [usize; 2]| {
        let line = at[phase.0];
        (line.abs_diff(full) < 3 || line * line % 7 < 2) && read.contains(&at[1 - phase.0])
    };
    let p = |at: [usize; 2]| match at[phase.0].abs_diff(full) {
        0..3 => 1.0,
        far => 1.0 / (1.5 + 0.1 * far as f64),
    };
    Lines {
        mask: Mask::new(Array2::from_shape_fn(grid.dim(), |(r, c)| sampled([r, c]))),
        probability: Array2::from_shape_fn(grid.dim(), |(r, c)| p([r, c])),
        read,
        phase,
    }
}

impl Lines {
    fn is_read(&self, (r, c): (usize, usize)) -> bool {
        self.read.contains(&[r, c][1 - self.phase.0])
    }

    /// With the ends of the readout known to be zero.
    fn padded(mut self) -> Self {
        for at in ndarray::indices(self.mask.sampled.dim()) {
            if !self.is_read(at) {
                self.mask.sampled[at] = true;
                self.probability[at] = 1.0;
            }
        }
        self
    }

    /// k-space, zero where nothing is read.
    fn kspace(&self, coils: usize, mut values: impl FnMut() -> C) -> Array3<C> {
        let (rows, cols) = self.mask.sampled.dim();
        Array3::from_shape_fn((coils, rows, cols), |(_, r, c)| {
            let value = values();
            if self.is_read((r, c)) {
                value
            } else {
                Complex::new(0.0, 0.0)
            }
        })
    }
}

fn evolved(problem: &Problem<f64>, layout: &Arc<Layout>, wavelet: &Wavelet) -> Vec<Pyramid<f64>> {
    let mut tau = vec![Pyramid::filled(layout, 0.0); problem.encoding.sets()];
    StateEvolution::new(problem, layout, wavelet).update(&problem.data, &mut tau);
    tau
}

/// `τ_j = Re Σ conj(ξ_c) Z_b[c,c'] ξ_c'` with `Z_b` of locations that were sampled each by itself, term by term.
fn plain(problem: &Problem<f64>, layout: &Arc<Layout>, wavelet: &Wavelet, set: usize) -> Pyramid<f64> {
    let spectra = Spectra::new(layout, wavelet);
    let energy = EnergyAverage::new(layout, wavelet);
    let average = |coil| {
        let mut xi = Pyramid::filled(layout, Complex::new(0.0, 0.0));
        energy.average(problem.encoding.map(set, coil).view(), &mut xi);
        xi
    };
    let coils = problem.encoding.coils();
    let averages: Vec<_> = (0..coils).map(average).collect();
    let mut tau = Pyramid::filled(layout, 0.0);
    for (index, band) in layout.bands.iter().enumerate() {
        let spectrum = spectra.band(band.orientation, band.scale);
        for (c, d) in (0..coils).flat_map(|c| (0..coils).map(move |d| (c, d))) {
            let mut z = Complex::new(0.0, 0.0);
            for (i, &at) in problem.encoding.sampled().iter().enumerate() {
                let (row, col) = (at as usize / layout.image.cols, at as usize % layout.image.cols);
                let q = problem.inverse_probability[i];
                let product = problem.data[[c, i]].conj() * problem.data[[d, i]];
                let error = product * (q * (q - 1.0)) + problem.noise[[d, c]] * q;
                z += error * (spectrum.rows[row] * spectrum.cols[col]);
            }
            let (left, right) = (averages[c].band(index), averages[d].band(index));
            for ((tau, left), right) in tau.band_mut(index).iter_mut().zip(left).zip(right) {
                // ξ is the conjugate of the average.
                *tau += (left * z * right.conj()).re;
            }
        }
    }
    tau
}

/// Of any size, with coarse subbands of a few coefficients, more scales than column spectra are summed at a time, and
/// rows of k-space that have many samples, few, or none with an error.
#[test]
fn sums_over_single_locations_are_those_of_the_definition() {
    for (name, rows, cols, scales, coils) in [("db4", 64, 64, 5, 3), ("haar", 33, 150, 1, 2), ("sym8", 150, 41, 3, 5)] {
        let mut draw = noise(7);
        let sampled = |(r, c): (usize, usize)| r % 5 != 0 && (r * r + 3 * c) % 7 < 3;
        let mask = Mask::new(Array2::from_shape_fn((rows, cols), sampled));
        let p = |(r, c): (usize, usize)| {
            if r % 9 == 4 {
                1.0
            } else {
                1.0 / (1.1 + ((r + c) % 4) as f64)
            }
        };
        let probability = Array2::from_shape_fn((rows, cols), p);
        let kspace = Array3::from_shape_simple_fn((coils, rows, cols), &mut draw);
        let maps = Array4::from_shape_simple_fn((2, coils, rows, cols), &mut draw);
        let mixed = Array2::from_shape_simple_fn((coils, coils), &mut draw);
        let covariance = mixed.dot(&mixed.t().map(|v| v.conj()));
        let problem = Problem::new(kspace.view(), &mask, &probability, maps, covariance).unwrap();
        let wavelet = Wavelet::find(name).unwrap();
        let layout = Arc::new(Layout::new(Grid::new(rows, cols), scales));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evolved(&problem, &layout, wavelet))
        };
        let (found, again) = (run(1), run(3));
        for set in 0..2 {
            assert_eq!(found[set].values, again[set].values);
            let expected = plain(&problem, &layout, wavelet, set);
            for (j, (found, expected)) in found[set].values.iter().zip(&expected.values).enumerate() {
                assert!(
                    (found - expected).abs() < 1e-9 * expected.abs(),
                    "{name} set {set} coefficient {j}: {found:e} against {expected:e}"
                );
            }
        }
    }
}

/// With one coil that sees everything alike nothing is approximated: `τ_j = Σ_k (1/p)(1/p − 1) |(Ψ x_k)_j|²`,
/// where `x_k` is the image that line k alone gives. Along the readout any length will do.
#[test]
fn is_the_energy_that_each_line_leaves_in_each_coefficient() {
    for (name, across, along, scales) in [("db4", 32, 48, 3), ("haar", 16, 21, 2), ("sym8", 24, 30, 3)] {
        for (phase, padded) in [(0, false), (0, true), (1, false), (1, true)] {
            let phase = Axis(phase);
            let grid = match phase {
                Axis(0) => Grid::new(across, along),
                _ => Grid::new(along, across),
            };
            let wavelet = Wavelet::find(name).unwrap();
            let drawn = lines(grid, phase, 3);
            let drawn = if padded { drawn.padded() } else { drawn };
            let kspace = drawn.kspace(1, noise(5));
            let (mask, probability) = (&drawn.mask, &drawn.probability);
            let ones = Array4::ones((1, 1, grid.rows, grid.cols));
            let none = Array2::zeros((1, 1));
            let problem = Problem::new(kspace.view(), mask, probability, ones.clone(), none.clone()).unwrap();
            let layout = Arc::new(Layout::new(grid, scales));
            assert!(StateEvolution::new(&problem, &layout, wavelet).models_lines());
            let found = evolved(&problem, &layout, wavelet);

            let transform = Transform::new(&layout, FilterBank::of(wavelet));
            let zero = Complex::new(0.0, 0.0);
            let (mut w, mut expected) = (Pyramid::filled(&layout, zero), Pyramid::filled(&layout, 0.0));
            for line in 0..across {
                let mut only = Mask::new(Array2::from_elem(grid.dim(), false));
                let chosen = mask.sampled.index_axis(phase, line);
                only.sampled.index_axis_mut(phase, line).assign(&chosen);
                let alone = Problem::new(kspace.view(), &only, probability, ones.clone(), none.clone()).unwrap();
                transform.analyse(
                    alone.zero_filled().slice(s![0, .., ..]),
                    &mut w,
                    &mut transform.workspace(),
                );
                let q = 1.0 / probability.index_axis(phase, line)[drawn.read.start];
                let sums = expected.values.iter_mut().zip(&w.values);
                sums.for_each(|(sum, w)| *sum += q * (q - 1.0) * w.norm_sqr());
            }
            // ξ is below 1 for what reaches into the padding.
            let mut xi = Pyramid::filled(&layout, zero);
            let seen = Array2::from_elem(grid.dim(), Complex::new(1.0, 0.0));
            EnergyAverage::new(&layout, wavelet).average(seen.view(), &mut xi);
            let (mut error, mut power) = (0.0, 0.0);
            for ((found, expected), xi) in found[0].values.iter().zip(&expected.values).zip(&xi.values) {
                error += (found - expected * xi.norm_sqr()).powi(2);
                power += expected.powi(2);
            }
            assert!(
                error < 1e-18 * power,
                "{name} {phase:?} {padded}: {:e}",
                (error / power).sqrt()
            );
        }
    }
}

/// Noise alone, of a covariance that is not real, in lines that are zero-filled at their ends.
#[test]
fn noise_is_predicted() {
    let (n, draws) = (32, 200);
    let grid = Grid::new(n, n);
    let maps = Array4::from_shape_fn((1, 2, n, n), |(_, c, i, j)| {
        Complex::from_polar(0.5f64.sqrt(), c as f64 * (0.02 * i as f64 + 0.03 * j as f64))
    });
    let i = Complex::new(0.0, 0.8);
    let covariance = ndarray::arr2(&[[Complex::new(1.0, 0.0), i], [i.conj(), Complex::new(1.0, 0.0)]]);
    let wavelet = Wavelet::find("db4").unwrap();
    let layout = Arc::new(Layout::new(grid, 2));
    let transform = Transform::new(&layout, FilterBank::of(wavelet));
    let mut w = Pyramid::filled(&layout, Complex::new(0.0, 0.0));
    for (phase, padded) in [(0, false), (1, false), (1, true)] {
        let lines = lines(grid, Axis(phase), 10);
        let lines = if padded { lines.padded() } else { lines };
        let (mask, probability) = (&lines.mask, &lines.probability);
        let (mut predicted, mut drawn) = (vec![0.0; n * n], vec![0.0; n * n]);
        let mut draw = noise(1);
        for _ in 0..draws {
            let mut kspace = lines.kspace(2, &mut draw);
            for k in 0..n * n {
                let (a, b) = (kspace[[0, k / n, k % n]], kspace[[1, k / n, k % n]]);
                kspace[[1, k / n, k % n]] = i.conj() * a + b * 0.6;
            }
            let problem = Problem::new(kspace.view(), mask, probability, maps.clone(), covariance.clone()).unwrap();
            let tau = evolved(&problem, &layout, wavelet);
            let image = problem.density_compensated();
            transform.analyse(image.slice(s![0, .., ..]), &mut w, &mut transform.workspace());
            let each = predicted
                .iter_mut()
                .zip(&mut drawn)
                .zip(tau[0].values.iter().zip(&w.values));
            each.for_each(|((predicted, drawn), (tau, w))| {
                *predicted += tau;
                *drawn += w.norm_sqr();
            });
        }
        let error: f64 = predicted.iter().zip(&drawn).map(|(p, d)| (p - d).powi(2)).sum();
        let power: f64 = drawn.iter().map(|d| d * d).sum();
        let (total, expected) = (predicted.iter().sum::<f64>(), drawn.iter().sum::<f64>());
        println!(
            "{phase} {padded}: relative error of τ {:.3}, sum {:.3}",
            (error / power).sqrt(),
            total / expected
        );
        assert!((error / power).sqrt() < 0.2);
        assert!((total / expected - 1.0).abs() < 0.04);
    }
}

#[test]
fn two_sets_of_maps_and_any_number_of_threads() {
    let grid = Grid::new(30, 44);
    let Lines { mask, probability, .. } = lines(grid, Axis(1), 0);
    let mut draw = noise(2);
    let kspace = Array3::from_shape_simple_fn((5, 30, 44), &mut draw);
    let maps = Array4::from_shape_simple_fn((2, 5, 30, 44), &mut draw);
    let covariance = Array2::eye(5);
    let wavelet = Wavelet::find("db4").unwrap();
    let layout = Arc::new(Layout::new(grid, 2));
    let run = |threads, maps: &Array4<C>| {
        let problem = Problem::new(kspace.view(), &mask, &probability, maps.clone(), covariance.clone()).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| evolved(&problem, &layout, wavelet))
    };
    let both = run(1, &maps);
    let again = run(3, &maps);
    for set in 0..2 {
        assert_eq!(both[set].values, again[set].values);
        let alone = run(2, &maps.slice(s![set..=set, .., .., ..]).to_owned());
        assert_eq!(both[set].values, alone[0].values);
    }
    assert!(energy(&maps) > 0.0 && both[0].values != both[1].values);
}

/// Two coils, sampled at random, a quarter of k-space with certainty.
fn scattered(grid: Grid, mut values: impl FnMut() -> C) -> Problem<f64> {
    let probability = Array2::from_shape_fn(grid.dim(), |(r, _)| if r < grid.rows / 4 { 1.0 } else { 0.3 });
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
    let mask = Mask::new(probability.map(|&p| rng.random::<f64>() < p));
    let kspace = Array3::from_shape_simple_fn((2, grid.rows, grid.cols), &mut values);
    let maps = Array4::from_elem((1, 2, grid.rows, grid.cols), Complex::new(0.5f64.sqrt(), 0.0));
    Problem::new(kspace.view(), &mask, &probability, maps, Array2::zeros((2, 2))).unwrap()
}

/// The residual of an image that is right is noise, of which one coil's worth looks like an error of the image.
#[test]
fn white_noise_is_found_in_a_residual() {
    let grid = Grid::new(60, 64);
    let problem = scattered(grid, noise(3));
    let layout = Arc::new(Layout::new(grid, 2));
    let wavelet = Wavelet::find("db4").unwrap();
    let evolution = StateEvolution::new(&problem, &layout, wavelet);
    // Of a coefficient of either coil the variance is 1, and so it is of an image of both.
    let details: usize = layout.bands[..3].iter().map(|band| band.grid.len()).sum();
    let found = evolution.residual_noise(&problem.data, details as f64);
    assert!((found - 1.0).abs() < 0.1, "{found}");
    assert_eq!(evolution.residual_noise(&problem.data, 1e9), 0.0);
}

/// Independent draws have all of the aliasing that is predicted for them, so that nothing changes but by chance; noise has
/// it whatever the factors are.
#[test]
fn independent_draws_need_no_factors() {
    let grid = Grid::new(64, 64);
    let problem = scattered(grid, noise(3));
    let layout = Arc::new(Layout::new(grid, 2));
    let wavelet = Wavelet::find("db4").unwrap();
    let mut evolution = StateEvolution::new(&problem, &layout, wavelet);
    let mean = |tau: &[Pyramid<f64>]| tau[0].values.iter().sum::<f64>();
    let mut tau = vec![Pyramid::filled(&layout, 0.0)];
    evolution.update(&problem.data, &mut tau);
    let before = mean(&tau);
    evolution.update_calibrated(&problem.data, 0.0, &mut tau);
    assert_eq!(mean(&tau), before);
    evolution.calibrate(&problem, &Transform::new(&layout, FilterBank::of(wavelet)));
    for noise in [0.0, 1.0] {
        evolution.update_calibrated(&problem.data, noise, &mut tau);
        let ratio = mean(&tau) / before;
        let near = if noise == 0.0 { 0.1 } else { 0.01 };
        assert!((ratio - 1.0).abs() < near, "{ratio} with noise {noise}");
    }
}
