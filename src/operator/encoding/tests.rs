use super::*;
use ndarray::{Array3, Array4, Axis};
use proptest::prelude::*;

fn noise(seed: u64, len: usize) -> Vec<Complex<f64>> {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || f64::from(rng.next_u32()) / f64::from(u32::MAX) - 0.5;
    (0..len).map(|_| Complex::new(draw(), draw())).collect()
}

fn encoding(sets: usize, coils: usize, grid: Grid, seed: u64) -> Encoding<f64> {
    let maps = Array4::from_shape_vec(
        (sets, coils, grid.rows, grid.cols),
        noise(seed, sets * coils * grid.len()),
    );
    let mask = noise(seed + 1, grid.len()).iter().map(|v| v.re > 0.1).collect();
    let mask = Mask::new(Array2::from_shape_vec(grid.dim(), mask).unwrap());
    Encoding::new(maps.unwrap(), &mask)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn adjoint_is_the_adjoint(sets in 1usize..3, coils in 1usize..6, rows in 1usize..20, cols in 1usize..20, seed in 0u64..1000) {
        let grid = Grid::new(rows, cols);
        let a = encoding(sets, coils, grid, seed);
        let x = Array3::from_shape_vec((sets, rows, cols), noise(seed + 2, sets * grid.len())).unwrap();
        let samples = a.sampled().len();
        let y = Array2::from_shape_vec((coils, samples), noise(seed + 3, coils * samples)).unwrap();
        let weights: Vec<f64> = (0..samples).map(|i| 1.0 + (i % 5) as f64).collect();
        let dot = |a: &[Complex<f64>], b: &[Complex<f64>]| -> Complex<f64> { a.iter().zip(b).map(|(a, b)| a.conj() * b).sum() };
        let ax = a.forward(&x);
        let weighted = Array2::from_shape_fn(y.dim(), |(c, i)| y[[c, i]] * weights[i]);
        let left = dot(ax.as_slice().unwrap(), weighted.as_slice().unwrap());
        let right = dot(x.as_slice().unwrap(), a.adjoint(&y, Some(&weights)).as_slice().unwrap());
        prop_assert!((left - right).norm() < 1e-10 * (1.0 + left.norm()));

        let mut residual = y.clone();
        let gradient = a.gradient(&y, &x, Some(&weights), &mut residual);
        prop_assert!(residual.iter().zip(&(&y - &ax)).all(|(a, b)| (a - b).norm() < 1e-12));
        prop_assert_eq!(gradient, a.adjoint(&residual, Some(&weights)));
    }
}

#[test]
fn fully_sampled_normal_operator_is_the_restriction() {
    let grid = Grid::new(9, 12);
    let some = encoding(2, 3, grid, 5);
    let maps: Vec<_> = (0..2).flat_map(|set| (0..3).map(move |coil| (set, coil))).collect();
    let maps = maps.iter().flat_map(|&(set, coil)| some.map(set, coil)).collect();
    let maps = Array4::from_shape_vec((2, 3, 9, 12), maps).unwrap();
    let a = Encoding::new(maps, &Mask::full(grid));
    let x = Array3::from_shape_vec((2, 9, 12), noise(8, 2 * grid.len())).unwrap();
    let normal = a.adjoint(&a.forward(&x), None);
    let kspace = a.forward(&x).into_shape_with_order((3, 9, 12)).unwrap();
    assert_eq!(a.combine_full(kspace.view()), normal);
    let y = a.forward(&x);
    let restricted = a.corrected(&y, &x, None, &mut y.clone());
    assert!(normal.iter().zip(&restricted).all(|(a, b)| (a - b).norm() < 1e-12));
}

#[test]
fn fewer_samples_are_rows_of_the_same_operator() {
    let grid = Grid::new(13, 20);
    let a = encoding(2, 3, grid, 11);
    let keep: Vec<bool> = (0..a.sampled().len()).map(|sample| sample % 3 != 1).collect();
    let kept: Vec<usize> = (0..keep.len()).filter(|&sample| keep[sample]).collect();
    let restricted = a.restricted(&keep);
    assert!(Arc::ptr_eq(&a.coils, &restricted.coils), "the maps are there twice");
    let sampled: Vec<u32> = kept.iter().map(|&sample| a.sampled()[sample]).collect();
    assert_eq!(restricted.sampled(), sampled);

    let x = Array3::from_shape_vec((2, 13, 20), noise(12, 2 * grid.len())).unwrap();
    assert_eq!(restricted.forward(&x), a.forward(&x).select(Axis(1), &kept));
    // Its adjoint is that of data with zeros in the place of the samples left out.
    let y = Array2::from_shape_vec((3, kept.len()), noise(13, 3 * kept.len())).unwrap();
    let mut whole = Array2::zeros((3, keep.len()));
    for (value, &sample) in y.axis_iter(Axis(1)).zip(&kept) {
        whole.column_mut(sample).assign(&value);
    }
    assert_eq!(restricted.adjoint(&y, None), a.adjoint(&whole, None));
}

#[test]
fn the_norm_is_bounded() {
    let grid = Grid::new(8, 10);
    let a = encoding(2, 3, grid, 7);
    let mut x = Array3::from_shape_vec((2, 8, 10), noise(9, 160)).unwrap();
    for _ in 0..30 {
        x = a.adjoint(&a.forward(&x), None);
        let length = crate::array::energy(&x).sqrt();
        x.mapv_inplace(|v| v / length);
    }
    let largest = crate::array::energy(&a.forward(&x));
    assert!(largest <= a.norm_bound() && a.norm_bound() < 4.0 * largest);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let a = encoding(1, 7, Grid::new(24, 20), 3);
    let x = Array3::from_shape_vec((1, 24, 20), noise(4, 480)).unwrap();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let y = a.forward(&x);
            let image = a.adjoint(&y, None);
            (a.corrected(&y, &image, None, &mut y.clone()), image)
        })
    };
    assert_eq!(run(1), run(3));
}
