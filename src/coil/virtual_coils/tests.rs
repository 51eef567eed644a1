use ndarray::{Array3, Zip};

use super::*;
use crate::array::ImageSets;
use crate::coil::whitening::tests::{correlated, draws};

const GRID: Grid = Grid::new(24, 20);

/// k-space of a few smooth sensitivities, in noise of the covariance [`correlated`].
fn scan(coils: usize, noise: f64) -> CoilStack<f32> {
    let draws = draws(coils, GRID.len());
    Array3::from_shape_fn((coils, GRID.rows, GRID.cols), |(coil, row, col)| {
        let [y, x] = [row as f64 - 12.0, col as f64 - 10.0];
        let decay = 100.0 / (1.0 + y * y + x * x);
        let angle = coil as f64;
        let signal = C64::from_polar(decay, angle) + C64::from_polar(decay * 0.3 * angle.sin(), y + 0.5 * x);
        narrow(signal + draws[[coil, row * GRID.cols + col]] * noise)
    })
}

fn maps(sets: usize, coils: usize) -> Maps<f32> {
    let mut maps = Maps::from_shape_fn((sets, coils, GRID.rows, GRID.cols), |(set, coil, row, col)| {
        let turn = (set * 7 + coil * 3) as f32 + 0.1 * row as f32 - 0.05 * (coil * col) as f32;
        C32::from_polar(if row < 2 { 0.0 } else { 1.0 + 0.1 * coil as f32 }, turn)
    });
    for mut set in maps.outer_iter_mut() {
        let norm = set.map_axis(Axis(0), |s| s.iter().map(|v| v.norm_sqr()).sum::<f32>().sqrt());
        for mut plane in set.outer_iter_mut() {
            Zip::from(&mut plane).and(&norm).for_each(|s, &n| *s /= n.max(1.0));
        }
    }
    maps
}

fn made(kspace: &CoilStack<f32>, covariance: &Array2<C64>, compression: Compression) -> VirtualCoils {
    let made = VirtualCoils::new(
        kspace.view(),
        Grid::new(0, 0),
        covariance,
        GRID.len(),
        true,
        compression,
    );
    made.unwrap().expect("virtual coils are called for")
}

fn distance(a: &Maps<f32>, b: &Maps<f32>) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max)
}

fn energy(kspace: &CoilStack<f32>) -> f64 {
    crate::array::energy(kspace)
}

#[test]
fn the_coils_of_a_scan_serve_where_nothing_has_to_be_done() {
    let kspace = scan(8, 1.0);
    let white = Array2::from_diag_elem(8, C64::new(2.0, 0.0));
    for (covariance, whiten, compression) in [
        (&white, true, Compression::Auto),
        (&Array2::zeros((8, 8)), true, Compression::Auto),
        (&correlated(8), false, Compression::Auto),
        (&white, true, Compression::To(8)),
        (&white, true, Compression::To(20)),
    ] {
        let made = VirtualCoils::new(kspace.view(), GRID, covariance, GRID.len(), whiten, compression);
        assert!(made.unwrap().is_none());
    }
}

#[test]
fn whitened_coils_hold_the_same_energy_in_white_noise() {
    let (mut kspace, covariance) = (scan(5, 1e-3), correlated(5).mapv(|v| v * 1e6));
    let before = energy(&kspace);
    let coils = made(&kspace, &covariance, Compression::Auto);
    coils.apply(&mut kspace);
    assert!((energy(&kspace) / before - 1.0).abs() < 1e-5 && coils.whitened && coils.count() == 5);
    let variance = coils.covariance[[0, 0]].re;
    for ((c, d), value) in coils.covariance.indexed_iter() {
        let expected = if c == d { variance } else { 0.0 };
        assert!((value - expected).norm() < 2e-3 * variance, "{c} {d} {value}");
    }
}

/// For 20 coils with two sensitivities, two virtual coils hold all the energy; the energy reported is that which is
/// left.
#[test]
fn compression_keeps_the_energy_it_reports() {
    let kspace = scan(20, 0.02);
    let zero = Array2::zeros((20, 20));
    for compression in [Compression::Auto, Compression::To(1), Compression::To(3)] {
        let coils = made(&kspace, &zero, compression);
        let mut compressed = kspace.clone();
        coils.apply(&mut compressed);
        assert_eq!(compressed.dim().0, coils.count());
        let kept = energy(&compressed) / energy(&kspace);
        assert!((kept - coils.energy).abs() < 1e-5, "{kept} and {}", coils.energy);
        match compression {
            Compression::Auto => {
                assert!((2..=16).contains(&coils.count()) && kept >= ENOUGH || coils.count() == 16)
            }
            Compression::To(wanted) => assert_eq!(coils.count(), wanted),
            Compression::Off => unreachable!(),
        }
    }
    // No fewer dimensions hold more energy: any other two coils are worse than the first two virtual ones.
    let best = made(&kspace, &zero, Compression::To(2)).energy;
    let two = energy(&kspace.slice(s![3..5, .., ..]).to_owned()) / energy(&kspace);
    assert!(best > two);
}

/// A single sample would be held by one virtual coil whole.
#[test]
fn a_centre_of_few_samples_is_not_believed() {
    let kspace = scan(20, 0.02);
    let zero = Array2::zeros((20, 20));
    let made = |centre| {
        let made = VirtualCoils::new(kspace.view(), centre, &zero, GRID.len(), true, Compression::Auto);
        made.unwrap().unwrap()
    };
    let all = made(Grid::new(0, 0));
    for centre in [Grid::new(1, 1), Grid::new(3, 4), Grid::new(8, 9)] {
        let few = made(centre);
        assert_eq!((few.count(), few.energy), (all.count(), all.energy), "{centre}");
    }
    assert!(made(Grid::new(8, 10)).energy != all.energy);
}

/// δ is a share of the power of what was acquired.
#[test]
fn zero_padding_does_not_change_the_whitening() {
    let (kspace, covariance) = (scan(5, 0.1), correlated(5).mapv(|v| v * 0.01));
    let mut padded = Array3::zeros((5, 2 * GRID.rows, 2 * GRID.cols));
    let (row, col) = Grid::new(2 * GRID.rows, 2 * GRID.cols).centred_offset(GRID);
    let within = s![.., row..row + GRID.rows, col..col + GRID.cols];
    padded.slice_mut(within).assign(&kspace);
    let expected = made(&kspace, &covariance, Compression::Auto);
    let found = VirtualCoils::new(padded.view(), GRID, &covariance, GRID.len(), true, Compression::Auto);
    let found = found.unwrap().unwrap();
    for (a, b) in expected.forward.iter().zip(&found.forward) {
        assert!((a - b).norm() < 1e-9 * expected.forward[[0, 0]].norm(), "{a} {b}");
    }
}

#[test]
fn maps_go_there_and_back() {
    for (coils, compression) in [(6, Compression::Auto), (20, Compression::To(5))] {
        let kspace = scan(coils, 0.1);
        let made = made(&kspace, &correlated(coils), compression);
        for sets in [1, 2] {
            let virtual_maps = maps(sets, made.count());
            let of_scan = made.expand(&virtual_maps);
            assert_eq!(of_scan.dim().1, coils);
            let (again, scaling) = made.reduce(&of_scan);
            assert!(
                distance(&virtual_maps, &again) < 1e-4,
                "{}",
                distance(&virtual_maps, &again)
            );
            let mut ones = [(); 2].map(|()| ImageSets::from_elem((sets, GRID.rows, GRID.cols), C32::ONE));
            scaling.scale(&mut ones[0]);
            made.scaling(&virtual_maps).scale(&mut ones[1]);
            for (a, b) in ones[0].iter().zip(&ones[1]) {
                assert!((a - b).norm() < 1e-4 * a.norm() && a.norm().is_finite(), "{a} {b}");
            }
        }
    }
}

/// The magnitude in the units of the scan is the root sum of squares of the coil images, of two sets too.
#[test]
fn images_are_in_the_units_of_the_scan() {
    let kspace = scan(4, 0.1);
    let made = made(&kspace, &correlated(4), Compression::Auto);
    let virtual_maps = maps(2, 4);
    let image = |set: usize| C32::from_polar(1.0 + set as f32, set as f32);
    for (row, col) in [(5, 3), (20, 19)] {
        let of_virtual = |c: usize| {
            (0..2)
                .map(|m| wide(virtual_maps[[m, c, row, col]]) * wide(image(m)))
                .sum()
        };
        let of_virtual: Vec<C64> = (0..4).map(of_virtual).collect();
        let of_scan = made.back.outer_iter().map(|line| product(line, &of_virtual).norm_sqr());
        let expected = of_scan.sum::<f64>().sqrt();
        let mut images = ImageSets::from_shape_fn((2, GRID.rows, GRID.cols), |(set, ..)| image(set));
        let scaling = made.scaling(&virtual_maps);
        scaling.scale(&mut images);
        let found = f64::from(scaling.magnitude(&images).unwrap()[[row, col]]);
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} for {expected}");
    }
}

#[test]
fn neither_threads_nor_powers_of_two_change_a_digit() {
    let kspace = scan(18, 0.1);
    let run = |threads: usize, power: f32| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut kspace = kspace.mapv(|v| v * power);
        let covariance = correlated(18).mapv(|v| v * f64::from(power).powi(2));
        pool.install(|| {
            let coils = made(&kspace, &covariance, Compression::Auto);
            coils.apply(&mut kspace);
            let maps = maps(1, coils.count());
            let expanded = coils.expand(&maps);
            (kspace.mapv(|v| v / power), expanded)
        })
    };
    let one = run(1, 1.0);
    assert_eq!(one, run(3, 1.0));
    assert_eq!(one, run(2, 2f32.powi(-30)));
    assert_eq!(one, run(2, 2f32.powi(40)));
}

#[test]
fn a_dead_coil_and_a_copy_stay_what_they_are() {
    let mut kspace = scan(5, 0.1);
    kspace.index_axis_mut(Axis(0), 2).fill(C32::ZERO);
    let copied = kspace.index_axis(Axis(0), 0).to_owned();
    kspace.index_axis_mut(Axis(0), 1).assign(&copied);
    let mut covariance = correlated(5);
    for other in 0..5 {
        covariance[[1, other]] = covariance[[0, other]];
    }
    for other in 0..5 {
        covariance[[other, 1]] = covariance[[other, 0]];
        covariance[[2, other]] = C64::ZERO;
    }
    covariance.column_mut(2).fill(C64::ZERO);
    made(&kspace, &covariance, Compression::Auto).apply(&mut kspace);
    assert!(kspace.iter().all(|v| v.is_finite() && v.norm() < 1e4));
    let size = kspace.iter().map(|v| v.norm()).fold(0.0, f32::max);
    assert!(kspace.index_axis(Axis(0), 2).iter().all(|v| v.norm() < 1e-6 * size));
    let difference = &kspace.index_axis(Axis(0), 0) - &kspace.index_axis(Axis(0), 1);
    assert!(difference.iter().all(|v| v.norm() < 1e-3 * size));
}
