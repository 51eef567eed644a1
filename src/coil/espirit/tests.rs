use std::f64::consts::TAU;

use ndarray::{Array2, Array3, Axis, s};
use num_complex::Complex;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::array::CoilStack;
use crate::coil::root_sum_of_squares;
use crate::fourier::Fourier;

type C32 = Complex<f32>;

/// Smooth complex maps of coils around the object, `Σ|S|² = 1`, in units of the field of view.
fn true_map(coil: usize, coils: usize, y: f64, x: f64) -> Complex<f64> {
    let angle = TAU * (coil as f64 + 0.3) / coils as f64;
    let ring = if coil.is_multiple_of(2) { 0.75 } else { 0.95 };
    let (dy, dx) = (y - ring * angle.sin(), x - ring * angle.cos());
    Complex::from_polar(
        1.0 / (0.3 + dy * dy + dx * dx),
        angle + 1.5 * (dy * angle.cos() + dx * angle.sin()),
    )
}

/// Image: an ellipse with structure, `half` the half axes.
fn object(y: f64, x: f64, half: (f64, f64)) -> f64 {
    let r = (y / half.0).hypot(x / half.1);
    if r > 1.0 {
        0.0
    } else {
        1.0 + 0.4 * (9.0 * y + 4.0 * x).sin() - if r < 0.35 { 0.5 } else { 0.0 }
    }
}

struct Scan {
    kspace: CoilStack<f32>,
    maps: Array3<Complex<f64>>,
    inside: Array2<bool>,
}

/// Fully sampled k-space of an ellipse. Where it is larger than the field of view it folds.
fn scan(coils: usize, grid: Grid, half: (f64, f64), noise: f64) -> Scan {
    let Grid { rows, cols } = grid;
    let place = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / n as f64;
    let root = |y, x| {
        (0..coils)
            .map(|c| true_map(c, coils, y, x).norm_sqr())
            .sum::<f64>()
            .sqrt()
    };
    let map = |c, y, x| true_map(c, coils, y, x) / root(y, x);
    let maps = Array3::from_shape_fn((coils, rows, cols), |(c, r, q)| map(c, place(r, rows), place(q, cols)));
    let inside = Array2::from_shape_fn((rows, cols), |(r, q)| {
        object(place(r, rows), place(q, cols), half) > 0.0
    });
    let fourier = Fourier::<f32>::new(grid);
    let mut scratch = fourier.scratch();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut kspace = Array3::from_shape_fn((coils, rows, cols), |(c, r, q)| {
        let (y, x) = (place(r, rows), place(q, cols));
        let value: Complex<f64> = (-1..=1)
            .map(|turn| f64::from(turn) + x)
            .map(|x| map(c, y, x) * object(y, x, half))
            .sum();
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        let value = value + Complex::new(draw(), draw()) * (noise * 0.5f64.sqrt());
        C32::new(value.re as f32, value.im as f32)
    });
    for mut plane in kspace.axis_iter_mut(Axis(0)) {
        fourier.forward(plane.as_slice_mut().unwrap(), &mut scratch);
    }
    Scan { kspace, maps, inside }
}

fn keep_centre(kspace: &CoilStack<f32>, centre: Grid) -> CoilStack<f32> {
    let (_, rows, cols) = kspace.dim();
    let (row, col) = Grid::new(rows, cols).centred_offset(centre);
    let part = s![.., row..row + centre.rows, col..col + centre.cols];
    let mut kept = CoilStack::zeros(kspace.dim());
    kept.slice_mut(part).assign(&kspace.slice(part));
    kept
}

/// Mean and least `|⟨S, S_true⟩|` over the pixels of `inside` for unit maps.
fn agreement(maps: &Maps<f32>, truth: &Array3<Complex<f64>>, inside: &Array2<bool>) -> (f64, f64) {
    let (mut sum, mut count, mut least) = (0.0, 0.0, f64::INFINITY);
    for ((row, col), _) in inside.indexed_iter().filter(|(_, inside)| **inside) {
        let products = maps
            .slice(s![0, .., row, col])
            .iter()
            .zip(truth.slice(s![.., row, col]))
            .map(|(a, b)| b.conj() * Complex::new(f64::from(a.re), f64::from(a.im)))
            .sum::<Complex<f64>>();
        sum += products.norm();
        count += 1.0;
        least = least.min(products.norm());
    }
    (sum / count, least)
}

fn defaults(kspace: &CoilStack<f32>, centre: Grid) -> (Maps<f32>, MapReport) {
    espirit(
        kspace.view(),
        centre,
        &EspiritSettings::default(),
        &EspiritContext::default(),
    )
    .unwrap()
}

/// `Σ_c |S_c|²` of one set.
fn power(maps: &Maps<f32>, set: usize) -> Array2<f32> {
    root_sum_of_squares(maps.index_axis(Axis(0), set)).mapv(|v| v * v)
}

const CENTRE: Grid = Grid::new(24, 24);
const SMALL: (f64, f64) = (0.4, 0.35);

#[test]
fn smooth_maps_are_recovered() {
    for (coils, rows, cols) in [
        (2, 48, 48),
        (8, 64, 64),
        (8, 63, 50),
        (5, 48, 65),
        (32, 48, 40),
        (4, 24, 25),
    ] {
        let grid = Grid::new(rows, cols);
        let scan = scan(coils, grid, SMALL, 0.0);
        let (maps, report) = defaults(&keep_centre(&scan.kspace, CENTRE), CENTRE);
        let (mean, least) = agreement(&maps, &scan.maps, &scan.inside);
        assert!(mean > 0.9999 && least > 0.999, "{coils} coils, {grid}: {mean}, {least}");
        assert!(
            report.first_eigenvalue.unwrap() > 0.99 && report.second_eigenvalue.unwrap() < 0.4,
            "{report:?}"
        );
        assert!(report.warnings.is_empty() && report.method == MapMethod::Espirit && report.kernel == 6);
    }
}

#[test]
fn a_matrix_narrower_than_the_correlation_kernel_wraps_around() {
    let grid = Grid::new(24, 8);
    let scan = scan(4, grid, SMALL, 0.0);
    let wide = EspiritSettings {
        kernel: Some(6),
        ..EspiritSettings::default()
    };
    let (maps, report) = espirit(scan.kspace.view(), grid, &wide, &EspiritContext::default()).unwrap();
    assert!(2 * report.kernel - 1 > grid.cols, "{report:?}");
    let (mean, _) = agreement(&maps, &scan.maps, &scan.inside);
    assert!(mean > 0.99, "{mean}");
}

#[test]
fn noise_does_not_spoil_the_maps() {
    let scan = scan(8, Grid::new(64, 64), SMALL, 0.05);
    let (mean, least) = agreement(&defaults(&scan.kspace, CENTRE).0, &scan.maps, &scan.inside);
    assert!(mean > 0.999 && least > 0.99, "{mean}, {least}");
}

#[test]
fn images_that_would_cancel_in_a_mean_are_calibrated_on_side_by_side() {
    let grid = Grid::new(64, 64);
    let small = scan(8, grid, (0.2, 0.18), 0.01);
    let large = scan(8, grid, SMALL, 0.01);
    let of = |first: &CoilStack<f32>, others: &[CoilStack<f32>]| {
        let settings = EspiritSettings::default();
        let context = EspiritContext {
            others,
            ..EspiritContext::default()
        };
        espirit(first.view(), CENTRE, &settings, &context).unwrap()
    };
    // opposite signs: their mean is nothing, and the two are one image
    let (alone, _) = defaults(&large.kspace, CENTRE);
    let (both, report) = of(&large.kspace, &[large.kspace.mapv(|v| -v)]);
    assert!(
        alone.iter().zip(&both).all(|(a, b)| (a - b).norm() < 1e-3),
        "{report:?}"
    );
    // in phase and in opposed phase: what cancels in their mean is in the second principal image
    let echoes = [&large.kspace + &small.kspace, &large.kspace - &small.kspace];
    let (maps, _) = of(&echoes[0], &echoes[1..]);
    let (mean, least) = agreement(&maps, &large.maps, &large.inside);
    assert!(mean > 0.9999 && least > 0.999, "{mean}, {least}");
    // one that holds a part of the object, and one that holds all of it
    let (maps, _) = of(&small.kspace, std::slice::from_ref(&large.kspace));
    let (mean, _) = agreement(&maps, &large.maps, &large.inside);
    let (part, _) = agreement(&defaults(&small.kspace, CENTRE).0, &large.maps, &large.inside);
    assert!(mean > 0.9999 && part < 0.9, "{mean}, of the part alone {part}");
}

#[test]
fn the_phase_is_that_of_the_virtual_coil() {
    let scan = scan(6, Grid::new(48, 40), SMALL, 0.01);
    let (maps, _) = defaults(&scan.kspace, CENTRE);
    let reference = crate::coil::dominant_coils(scan.kspace.view(), CENTRE)
        .unwrap()
        .unwrap();
    assert!((reference.iter().map(|u| u.norm_sqr()).sum::<f64>() - 1.0).abs() < 1e-12);
    for (row, col) in (0..48).flat_map(|r| (0..40).map(move |c| (r, c))) {
        let at = maps.slice(s![0, .., row, col]);
        let product: Complex<f64> = reference
            .iter()
            .zip(at)
            .map(|(u, v)| u.conj() * Complex::new(v.re.into(), v.im.into()))
            .sum();
        assert!(product.im.abs() < 1e-6 && product.re >= 0.0, "{product}");
    }
    // Another phase of the whole scan is not a property of the coils.
    let turned = scan.kspace.mapv(|v| v * Complex::from_polar(1.0, 2.0));
    let (again, _) = defaults(&turned, CENTRE);
    assert!(maps.iter().zip(&again).all(|(a, b)| (a - b).norm() < 1e-4));
}

#[test]
fn maps_are_unit_inside_zero_outside_and_the_report_counts_them() {
    let scan = scan(8, Grid::new(64, 64), (0.25, 0.2), 0.01);
    let (maps, report) = defaults(&scan.kspace, CENTRE);
    let power = power(&maps, 0);
    let fraction = |test: &dyn Fn(f32) -> bool| power.iter().filter(|&&v| test(v)).count() as f64 / 4096.0;
    assert!((fraction(&|v| v > 0.0) - report.support).abs() < 1e-9);
    assert!((fraction(&|v| v > 0.0 && v < 1.0 - 1e-5) - report.soft).abs() < 0.01);
    assert!(power.iter().all(|&v| v < 1.0 + 1e-5) && report.support < 0.8 && report.soft > 0.0);
    for (value, inside) in power.iter().zip(&scan.inside) {
        assert!(!inside || (value - 1.0).abs() < 1e-5, "{value} inside");
    }
    let open = EspiritSettings {
        crop: Some(0.0),
        ..Default::default()
    };
    let (maps, report) = espirit(scan.kspace.view(), CENTRE, &open, &EspiritContext::default()).unwrap();
    assert!((report.support, report.soft) == (1.0, 0.0) && maps.iter().all(|v| v.is_finite()));
}

#[test]
fn the_soft_crop_rises_monotonically_from_zero_to_one() {
    for crop in [0.05, 0.8, 0.95, 0.99] {
        let crop = Crop::new(crop);
        let weights: Vec<f32> = (0..=1000).map(|i| crop.weight(i as f32 * 1e-3)).collect();
        assert!(weights[0] == 0.0 && weights[1000] == 1.0 && weights.windows(2).all(|w| w[0] <= w[1]));
    }
}

#[test]
fn a_folded_object_has_two_sets_of_maps() {
    let (grid, half) = (Grid::new(64, 64), (0.4, 0.65));
    let scan = scan(8, grid, half, 0.0);
    let settings = EspiritSettings {
        sets: MapSets::Fixed(2),
        ..Default::default()
    };
    let (maps, report) = espirit(scan.kspace.view(), CENTRE, &settings, &EspiritContext::default()).unwrap();
    assert!(report.warnings.is_empty(), "{report:?}");
    assert!(defaults(&scan.kspace, CENTRE).1.all_warnings()[0].contains("use two sets"));
    let second = power(&maps, 1);
    let fourier = Fourier::<f32>::new(grid);
    let mut images = scan.kspace.clone();
    for mut plane in images.axis_iter_mut(Axis(0)) {
        fourier.inverse(plane.as_slice_mut().unwrap(), &mut fourier.scratch());
    }
    let (mut folded, mut residual, mut all) = (0, 0.0, 0.0);
    for (row, col) in (0..64).flat_map(|r| (0..64).map(move |c| (r, c))) {
        let (y, x) = ((row as f64 - 32.0) / 64.0, (col as f64 - 32.0) / 64.0);
        let layers = [-1.0, 0.0, 1.0]
            .iter()
            .filter(|turn| object(y, x + *turn, half) > 0.0)
            .count();
        // Away from the edges of the object, where the maps of a pixel jump.
        if layers == 2 && y.abs() < 0.1 && x.abs() > 0.4 {
            folded += 1;
            assert!(second[[row, col]] > 0.99, "{row} {col}: {}", second[[row, col]]);
        }
        // Both maps together explain the coil images, and are orthogonal.
        let at = |set: usize| maps.slice(s![set, .., row, col]);
        let dot = |a: ndarray::ArrayView1<C32>, b: ndarray::ArrayView1<C32>| -> C32 {
            a.iter().zip(b).map(|(a, b)| a.conj() * b).sum()
        };
        assert!(dot(at(0), at(1)).norm() < 1e-4);
        let measured = images.slice(s![.., row, col]);
        let weights = [dot(at(0), measured), dot(at(1), measured)];
        for coil in 0..8 {
            let model = weights[0] * at(0)[coil] + weights[1] * at(1)[coil];
            residual += f64::from((model - measured[coil]).norm_sqr());
            all += f64::from(measured[coil].norm_sqr());
        }
    }
    assert!(
        folded > 50 && residual < 1e-3 * all,
        "{folded} pixels, {}",
        residual / all
    );
}

#[test]
fn results_do_not_depend_on_threads() {
    let scan = scan(6, Grid::new(50, 61), (0.4, 0.6), 0.05);
    let settings = EspiritSettings {
        sets: MapSets::Fixed(2),
        ..Default::default()
    };
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            espirit(scan.kspace.view(), CENTRE, &settings, &EspiritContext::default())
                .unwrap()
                .0
        })
    };
    let one = run(1);
    for threads in [2, 3] {
        let equal = |(a, b): (&C32, &C32)| (a.re.to_bits(), a.im.to_bits()) == (b.re.to_bits(), b.im.to_bits());
        assert!(one.iter().zip(&run(threads)).all(equal));
    }
}

#[test]
fn the_scale_of_the_data_does_not_matter() {
    let scan = scan(6, Grid::new(48, 48), SMALL, 0.02);
    for centre in [CENTRE, Grid::new(4, 4)] {
        let (maps, _) = defaults(&scan.kspace, centre);
        for scale in [1e-7, 1e-20, 1e13] {
            let (scaled, _) = defaults(&scan.kspace.mapv(|v| v * scale), centre);
            let largest = maps
                .iter()
                .zip(&scaled)
                .map(|(a, b)| (a - b).norm())
                .fold(0.0, f32::max);
            assert!(largest < 1e-3, "{largest} at {scale}");
        }
    }
}

#[test]
fn small_centres_get_smaller_kernels_and_then_low_resolution_maps() {
    let scan = scan(8, Grid::new(64, 60), SMALL, 0.005);
    for (rows, cols, kernel, wanted) in [
        (24, 16, 6, 0.999),
        (24, 14, 5, 0.999),
        (24, 12, 4, 0.999),
        (24, 8, 3, 0.999),
        (12, 12, 4, 0.999),
        (9, 9, 3, 0.998),
        (8, 8, 3, 0.999),
        (7, 7, 3, 0.999),
        (6, 6, 0, 0.99),
        (24, 4, 0, 0.99),
        (3, 24, 0, 0.99),
        (1, 1, 0, 0.8),
    ] {
        let centre = Grid::new(rows, cols);
        let (maps, report) = defaults(&keep_centre(&scan.kspace, centre), centre);
        assert!(maps.iter().all(|v| v.is_finite()));
        let (mean, _) = agreement(&maps, &scan.maps, &scan.inside);
        assert_eq!((report.kernel, report.calibration), (kernel, centre), "{report:?}");
        assert_eq!(report.method == MapMethod::LowResolution, kernel == 0);
        assert_eq!(report.warnings.len(), usize::from(kernel == 0), "{report:?}");
        assert_eq!(report.notes.len(), usize::from((1..6).contains(&kernel)), "{report:?}");
        assert!(mean > wanted, "{centre}: {mean}");
    }
    // One that was asked for is as large as the centre allows, and the user is told.
    let centre = Grid::new(24, 8);
    let asked = EspiritSettings {
        kernel: Some(6),
        ..EspiritSettings::default()
    };
    let kspace = keep_centre(&scan.kspace, centre);
    let (_, report) = espirit(kspace.view(), centre, &asked, &EspiritContext::default()).unwrap();
    assert_eq!(
        (report.kernel, report.warnings.len(), report.notes.len()),
        (5, 1, 0),
        "{report:?}"
    );
}

#[test]
fn noise_that_is_known_does_not_pass_for_signal() {
    const NOISE: f64 = 0.5;
    let grid = Grid::new(64, 60);
    let clean = scan(8, grid, SMALL, 0.0);
    let noisy = scan(8, grid, SMALL, NOISE).kspace;
    let kept = |noise: f64| {
        let context = EspiritContext {
            noise,
            ..EspiritContext::default()
        };
        let (maps, report) = espirit(noisy.view(), CENTRE, &EspiritSettings::default(), &context).unwrap();
        (agreement(&maps, &clean.maps, &clean.inside).0, report)
    };
    let ((blind, all), (knowing, fewer)) = (kept(0.0), kept(NOISE * NOISE));
    assert!(all.kernels_kept > 2 * fewer.kernels_kept, "{all:?}, {fewer:?}");
    assert!(1.0 - knowing < 0.5 * (1.0 - blind), "{knowing} after {blind}");
    assert!(
        fewer.singular_threshold.unwrap() > 0.02 && fewer.notes.len() == 1,
        "{fewer:?}"
    );
    assert!(all.singular_threshold == Some(0.02) && all.notes.is_empty(), "{all:?}");
    // Of little noise nothing changes.
    let (_, usual) = kept(1e-6);
    assert_eq!(usual.kernels_kept, all.kernels_kept);
}

#[test]
fn one_coil_has_unit_maps_and_nothing_has_zero_maps() {
    let one = scan(1, Grid::new(20, 21), SMALL, 0.0).kspace;
    let (maps, report) = espirit(
        one.view(),
        Grid::new(0, 0),
        &EspiritSettings {
            sets: MapSets::Fixed(2),
            ..Default::default()
        },
        &EspiritContext::default(),
    )
    .unwrap();
    assert!(maps.index_axis(Axis(0), 0).iter().all(|v| *v == C32::new(1.0, 0.0)));
    assert!(maps.index_axis(Axis(0), 1).iter().all(|v| *v == C32::new(0.0, 0.0)));
    assert!(report.method == MapMethod::Unit && report.support == 1.0 && report.warnings.len() == 1);
    assert!(
        serde_json::to_string(&report)
            .unwrap()
            .contains(r#""method":"unit","calibration":"0x0""#)
    );

    let nothing = CoilStack::zeros((4, 32, 32));
    for centre in [CENTRE, Grid::new(2, 2)] {
        let (maps, report) = defaults(&nothing, centre);
        assert!(maps.iter().all(|v| *v == C32::new(0.0, 0.0)) && report.support == 0.0);
        assert!(report.warnings[0].contains("all zeros"));
    }
}

#[test]
fn a_dead_coil_has_a_zero_map() {
    let mut scan = scan(4, Grid::new(40, 40), SMALL, 0.01);
    scan.kspace.index_axis_mut(Axis(0), 2).fill(C32::new(0.0, 0.0));
    for centre in [CENTRE, Grid::new(5, 5)] {
        let (maps, report) = defaults(&scan.kspace, centre);
        assert!(maps.slice(s![0, 2, .., ..]).iter().all(|v| v.norm() < 1e-6) && report.support > 0.3);
        assert!(maps.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn impossible_requests_are_refused_with_a_mend() {
    let mut kspace = scan(2, Grid::new(32, 32), SMALL, 0.0).kspace;
    let refused = |kspace: &CoilStack<f32>, centre, settings: EspiritSettings| {
        espirit(kspace.view(), centre, &settings, &EspiritContext::default())
            .unwrap_err()
            .to_string()
    };
    let usual = EspiritSettings::default;
    assert!(refused(&kspace, Grid::new(0, 0), usual()).contains("give coil maps"));
    assert!(refused(&kspace, Grid::new(33, 8), usual()).contains("at least the fully sampled centre of 33x8"));
    assert!(
        refused(
            &kspace,
            CENTRE,
            EspiritSettings {
                sets: MapSets::Fixed(3),
                ..usual()
            }
        )
        .contains("1 or 2")
    );
    assert!(
        refused(
            &kspace,
            CENTRE,
            EspiritSettings {
                kernel: Some(2),
                ..usual()
            }
        )
        .contains("at least 3")
    );
    assert!(
        refused(
            &kspace,
            CENTRE,
            EspiritSettings {
                calibration: 0,
                ..usual()
            }
        )
        .contains("24")
    );
    assert!(
        refused(
            &kspace,
            CENTRE,
            EspiritSettings {
                crop: Some(1.0),
                ..usual()
            }
        )
        .contains("crop")
    );
    assert!(
        refused(
            &kspace,
            CENTRE,
            EspiritSettings {
                singular_threshold: f64::NAN,
                ..usual()
            }
        )
        .contains("0.02")
    );
    kspace[[0, 16, 16]].re = f32::NAN;
    assert!(refused(&kspace, CENTRE, usual()).contains("not finite"));
}

#[path = "../../../tests/support/shared_data.rs"]
mod shared_data;

/// The maps of the P-VDAMP authors' demo scan, from all of k-space with a 5×5 kernel, where the brain is.
#[test]
fn a_small_centre_of_a_brain_gives_the_published_maps() {
    let Some(data) = shared_data::shared_data() else { return };
    let [brain, golden] =
        ["brain8_pvdamp.h5", "golden_bern_r5.h5"].map(|name| hdf5::File::open(data.join(name)).unwrap());
    let kspace: ndarray::Array4<C32> = brain.dataset("kspace").unwrap().read().unwrap();
    let published: Array3<C32> = golden.dataset("smaps").unwrap().read().unwrap();
    let image: Array2<C32> = golden.dataset("x0").unwrap().read().unwrap();
    let brightest = image.iter().map(|v| v.norm()).fold(0.0, f32::max);
    let inside = image.mapv(|v| v.norm() > 0.05 * brightest);
    let published = published.mapv(|v| Complex::new(f64::from(v.re), f64::from(v.im)));
    let (maps, report) = defaults(&kspace.index_axis_move(Axis(0), 0), CENTRE);
    let (mean, least) = agreement(&maps, &published, &inside);
    assert!(mean > 0.9999 && least > 0.99, "{mean}, {least}");
    assert!(
        report.first_eigenvalue.unwrap() > 0.99 && report.warnings.is_empty(),
        "{report:?}"
    );
}
