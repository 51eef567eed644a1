use crate::array::Real;
use crate::operator::{Samples, sample_energies};
use crate::sampling;
use crate::solve::Problem;

/// Samples farthest from the origin that bound the noise where the residual does not tell it: one of so many.
const FAR: usize = 10;
/// The fewest of them.
const FEWEST: usize = 20;
/// Share of their variance that is noise, at least: signal reaches most of them.
const FAR_SHARE: f64 = 0.4;

/// Where the noise of a sample is taken from.
pub(super) enum Noise {
    /// The residual, where the coils are more than the images can explain.
    Shown,
    /// Where they are not, a residual is noise at most: what it is at least.
    Least(f64),
    /// Aliasing of lines goes away too slowly to be left to the residual.
    Far(f64),
}

impl Noise {
    pub(super) fn of<T: Real>(problem: &Problem<T>) -> Self {
        let encoding = &problem.encoding;
        if encoding.coils() > encoding.sets() {
            return Self::Shown;
        }
        let far = far_noise(problem);
        if sampling::lacks_lines(&encoding.mask()) {
            return Self::Far(far);
        }
        let known = problem.noise.diag().iter().map(|v| v.re).sum::<f64>() / encoding.coils() as f64;
        Self::Least(known.max(FAR_SHARE * far).min(far))
    }

    /// Complex noise variance of a sample, with the residual of the latest image.
    pub(super) fn variance<T: Real>(&self, residual: &Samples<T>, problem: &Problem<T>) -> f64 {
        let Problem { encoding, measured, .. } = problem;
        match *self {
            Self::Shown => residual_noise(residual, measured, encoding.sets()),
            Self::Least(least) => least.max(mean_energy(&sample_energies(residual), measured, encoding.coils())),
            Self::Far(far) => far,
        }
    }
}

/// Complex noise variance of a sample, from the residuals of those measured: robust against the few in
/// which the image is not yet right. Of nc coils the images take one coil's part for each set of maps; the others are
/// left.
fn residual_noise<T: Real>(residual: &Samples<T>, measured: &[bool], sets: usize) -> f64 {
    let coils = residual.dim().0;
    let energies = sample_energies(residual).into_iter().zip(measured);
    let energies = energies
        .filter(|&(_, &measured)| measured)
        .map(|(energy, _)| energy)
        .collect();
    median_noise(energies, coils - sets)
}

/// Mean of the `energies` of samples, of those measured, for each of `coils`.
pub(super) fn mean_energy(energies: &[f64], measured: &[bool], coils: usize) -> f64 {
    let energies = energies.iter().zip(measured).filter(|&(_, &measured)| measured);
    let (sum, count) = energies.fold((0.0, 0), |(sum, count), (energy, _)| (sum + energy, count + 1));
    sum / (coils * count).max(1) as f64
}

/// From the samples farthest from the origin, which hold the least signal.
fn far_noise<T: Real>(problem: &Problem<T>) -> f64 {
    let encoding = &problem.encoding;
    let grid = encoding.grid();
    let radius = |at: u32| grid.radius(at as usize / grid.cols, at as usize % grid.cols);
    let energies = sample_energies(&problem.data);
    let mut far: Vec<(f64, f64)> = encoding.sampled().iter().map(|&at| radius(at)).zip(energies).collect();
    let mut noisy = problem.measured.iter();
    far.retain(|_| noisy.next().copied().unwrap_or(true));
    far.sort_by(|a, b| b.0.total_cmp(&a.0));
    far.truncate((far.len() / FAR).max(FEWEST));
    let energies = far.into_iter().map(|(_, energy)| energy).collect();
    median_noise(energies, encoding.coils())
}

/// Variance of one of `coils` complex values, from the median over samples of the sum of their energies.
fn median_noise(mut energies: Vec<f64>, coils: usize) -> f64 {
    if energies.is_empty() {
        return 0.0;
    }
    let middle = energies.len() / 2;
    let (_, median, _) = energies.select_nth_unstable_by(middle, f64::total_cmp);
    let count = coils as f64;
    // Median of a Gamma distribution over its mean, after Wilson and Hilferty.
    *median / count / (1.0 - 1.0 / (9.0 * count)).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Grid, Mask};
    use ndarray::{Array2, Array3, Array4};
    use num_complex::Complex;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn the_noise_of_residuals_is_found() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let mut gauss = || -> f64 { StandardNormal.sample(&mut rng) };
        for (coils, sets) in [(2, 1), (8, 1), (8, 2), (32, 1)] {
            let mut residual = Samples::zeros((coils, 20_000));
            let mut left = residual.slice_mut(ndarray::s![..coils - sets, ..]);
            left.mapv_inplace(|_| Complex::new(gauss(), gauss()));
            let mut noisy = vec![true; 20_000];
            let (found, expected) = (residual_noise(&residual, &noisy, sets), 2.0);
            assert!(
                (found / expected - 1.0).abs() < 0.03,
                "{coils} coils: {found} of {expected}"
            );
            residual.slice_mut(ndarray::s![.., 9_000..]).fill(Complex::ZERO);
            noisy[9_000..].fill(false);
            let padded = residual_noise(&residual, &noisy, sets);
            assert!(
                (padded / expected - 1.0).abs() < 0.05,
                "{coils} coils: {padded} of {expected} beside padding"
            );
        }
        assert_eq!(residual_noise(&Samples::<f64>::zeros((4, 0)), &[], 1), 0.0);
    }

    /// One coil, noise of variance 2 in it, which is taken to be `known`.
    fn one_coil(known: f64, lines: bool) -> Problem<f64> {
        let grid = Grid::new(64, 64);
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        let mut gauss = || -> f64 { StandardNormal.sample(&mut rng) };
        let kspace = Array3::from_shape_fn((1, 64, 64), |_| Complex::new(gauss(), gauss()));
        let sampled = |(row, col)| if lines { col % 2 == 0 } else { (row + col) % 2 == 0 };
        let mask = Mask::new(Array2::from_shape_fn(grid.dim(), sampled));
        let maps = Array4::from_elem((1, 1, 64, 64), Complex::ONE);
        let noise = Array2::from_elem((1, 1), Complex::new(known, 0.0));
        Problem::new(kspace.view(), &mask, &Array2::from_elem(grid.dim(), 0.5), maps, noise).unwrap()
    }

    #[test]
    fn one_coil_has_the_noise_of_its_residual_within_bounds() {
        let far = far_noise(&one_coil(0.0, false));
        assert!((far / 2.0 - 1.0).abs() < 0.2, "{far}");
        for (known, least) in [(0.0, FAR_SHARE * far), (1.5, 1.5), (9.0, far)] {
            let problem = one_coil(known, false);
            let noise = Noise::of(&problem);
            let mut residual = Samples::zeros(problem.data.dim());
            assert_eq!(noise.variance(&residual, &problem), least);
            residual.fill(Complex::new(0.0, 3.0));
            assert!((noise.variance(&residual, &problem) - 9.0).abs() < 1e-9);
        }
        let lines = one_coil(1.5, true);
        assert_eq!(Noise::of(&lines).variance(&lines.data, &lines), far_noise(&lines));
    }

    #[test]
    fn padding_does_not_count_in_the_mean() {
        let energies: Vec<f64> = (0..10).map(|sample| if sample < 5 { 4.0 } else { 49.0 }).collect();
        let measured: Vec<bool> = (0..10).map(|sample| sample < 5).collect();
        assert_eq!(mean_energy(&energies, &measured, 2), 2.0);
        assert_eq!(mean_energy(&energies, &[false; 10], 1), 0.0);
    }
}
