//! Volumes: planes of ky and kz along the readout, whatever the order of the axes and however far transformed.

use std::f64::consts::TAU;
use std::path::Path;

use ndarray::{Array2, Array4, Array5, ArrayD, Axis, IxDyn, arr0, s};
use num_complex::Complex;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use zip::CompressionMethod;

use super::fixtures::{TestFolder, complex_npy};
use super::{assert_says, file, message, put};
use crate::format::{Plane, Scan, ScanOptions};
use pvdamp::array::{Grid, energy};
use pvdamp::fourier::Fourier;

type C32 = Complex<f32>;

fn options(axes: &str) -> ScanOptions {
    ScanOptions {
        axes: Some(axes.parse().unwrap()),
        ..ScanOptions::default()
    }
}

/// Random planes `(x, coil, ky, kz)`.
fn planes(x: usize, coils: usize, ky: usize, kz: usize) -> Array4<C32> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    Array4::from_shape_simple_fn((x, coils, ky, kz), || {
        Complex::new(rng.random::<f32>() - 0.5, rng.random::<f32>() - 0.5)
    })
}

/// The planes transformed along x, centred and unitary, by its definition.
fn along_x(planes: &Array4<C32>) -> Array4<C32> {
    let n = planes.dim().0;
    let half = (n / 2) as f64;
    let mut out = Array4::zeros(planes.dim());
    for k in 0..n {
        for x in 0..n {
            let turns = -(k as f64 - half) * (x as f64 - half) / n as f64;
            let turn = Complex::from_polar(1.0 / (n as f64).sqrt(), TAU * turns);
            let turn = Complex::new(turn.re as f32, turn.im as f32);
            out.index_axis_mut(Axis(0), k)
                .scaled_add(turn, &planes.index_axis(Axis(0), x));
        }
    }
    out
}

/// How far the scan is from these planes, relative to their energy.
fn error(scan: &Scan, planes: &Array4<C32>) -> f64 {
    let (x, coils, ky, kz) = planes.dim();
    assert_eq!(
        (scan.slices(), scan.coils(), scan.grid()),
        (x, coils, Grid::new(ky, kz))
    );
    assert_eq!(scan.geometry.plane, Plane::Yz);
    let differ = |slice: usize| {
        let difference = scan.read_slice(slice).unwrap() - planes.index_axis(Axis(0), slice);
        energy(&difference)
    };
    ((0..x).map(differ).sum::<f64>() / energy(planes)).sqrt()
}

/// The axes x, coil, ky, kz in other orders.
const ORDERS: [[usize; 4]; 6] = [
    [1, 0, 2, 3],
    [0, 1, 2, 3],
    [0, 2, 3, 1],
    [3, 2, 0, 1],
    [1, 3, 2, 0],
    [2, 0, 3, 1],
];

fn put_in_order(values: &Array4<C32>, order: [usize; 4], readout: &str) -> (ArrayD<C32>, String) {
    let names = [readout, "coil", "ky", "kz"];
    let values = values.view().permuted_axes(order).as_standard_layout().into_owned();
    (values.into_dyn(), order.map(|axis| names[axis]).join(","))
}

#[test]
fn planes_transformed_already_are_as_they_were() {
    let folder = TestFolder::new();
    let planes = planes(7, 2, 6, 5);
    for order in ORDERS {
        let (values, text) = put_in_order(&planes, order, "x");
        let path = folder.file("x.npy", &complex_npy(&values));
        let scan = Scan::open(&path, &options(&text)).unwrap();
        assert_eq!((error(&scan, &planes), scan.warnings.len()), (0.0, 0), "{text}");
    }
}

#[test]
fn a_readout_in_k_space_is_transformed() {
    let folder = TestFolder::new();
    for (x, ky) in [(8, 6), (7, 9)] {
        let planes = planes(x, 3, ky, 5);
        let encoded = along_x(&planes);
        for order in ORDERS {
            let (values, text) = put_in_order(&encoded, order, "kx");
            let (_folder, path) = file(|f| put(f, "kspace", &values));
            let scan = Scan::open(&path, &options(&text)).unwrap();
            assert!(error(&scan, &planes) < 1e-6, "{text}");
            assert_eq!(scan.warnings, [""; 0]);
            let members = [("kspace", complex_npy(&values))];
            let path = folder.npz("v.npz", &members, CompressionMethod::Deflated);
            assert!(
                error(&Scan::open(&path, &options(&text)).unwrap(), &planes) < 1e-6,
                "{text}"
            );
        }
    }
}

#[test]
fn blocks_smaller_than_the_volume() {
    // more than one block of rows, and planes wider than a block
    for shape in [(64, 2, 40, 192), (600, 1, 2, 900)] {
        let planes = planes(shape.0, shape.1, shape.2, shape.3);
        let mut encoded = planes.clone();
        let fourier = Fourier::new(Grid::new(1, shape.0));
        let mut scratch = fourier.scratch();
        for mut lane in encoded.lanes_mut(Axis(0)) {
            let mut line = lane.to_vec();
            fourier.forward(&mut line, &mut scratch);
            lane.iter_mut().zip(line).for_each(|(to, from)| *to = from);
        }
        for order in [[1, 0, 2, 3], [3, 2, 0, 1], [2, 3, 0, 1]] {
            let (values, text) = put_in_order(&encoded, order, "kx");
            let (_folder, path) = file(|f| put(f, "kspace", &values));
            assert!(
                error(&Scan::open(&path, &options(&text)).unwrap(), &planes) < 1e-6,
                "{text}"
            );
        }
    }
}

#[test]
fn bart_volumes() {
    let folder = TestFolder::new();
    let planes = planes(8, 3, 6, 5);
    let encoded = along_x(&planes).permuted_axes([0, 2, 3, 1]).into_dyn();
    let scan = Scan::open(&folder.cfl("volume", encoded.view()), &ScanOptions::default()).unwrap();
    assert_eq!(scan.warnings, [""; 0]);
    assert!(error(&scan, &planes) < 1e-6);
    // cut along x already: planes of ky and kz in dimension 13
    let cut = planes
        .view()
        .permuted_axes([2, 3, 1, 0])
        .into_dyn()
        .insert_axis(Axis(0));
    let cut = (4..13).fold(cut, |view, axis| view.insert_axis(Axis(axis)));
    let scan = Scan::open(&folder.cfl("planes", cut), &ScanOptions::default()).unwrap();
    assert_eq!(error(&scan, &planes), 0.0);
}

#[test]
fn several_volumes() {
    let folder = TestFolder::new();
    let both = planes(10, 2, 4, 3);
    let of = |volume: usize| both.slice(s![5 * volume..5 * volume + 5, .., .., ..]).to_owned();
    let mut values = Array5::zeros((2, 5, 2, 4, 3));
    for volume in 0..2 {
        values.index_axis_mut(Axis(0), volume).assign(&along_x(&of(volume)));
    }
    let path = folder.file("two.npy", &complex_npy(&values.into_dyn()));
    let scan = Scan::open(&path, &options("slice,kx,coil,ky,kz")).unwrap();
    assert!(error(&scan, &both) < 1e-6);
}

#[test]
fn masks_and_oversampling_of_a_volume() {
    let planes = planes(16, 2, 6, 5);
    let mask = Array2::from_shape_fn((6, 5), |(ky, kz)| (ky * 5 + kz) % 3 == 0);
    let header = |encoded: usize| {
        format!(
            "<h><encoding><encodedSpace><matrixSize><x>{encoded}</x><y>6</y><z>5</z></matrixSize></encodedSpace>\
             <reconSpace><matrixSize><x>8</x><y>4</y><z>5</z></matrixSize></reconSpace></encoding></h>"
        )
    };
    for (encoded, expected) in [(16, planes.slice(s![4..12, .., .., ..])), (8, planes.view())] {
        let (values, text) = put_in_order(&along_x(&planes), [1, 0, 2, 3], "kx");
        let (_folder, path) = file(|f| {
            put(f, "kspace", &values)?;
            put(f, "mask", &mask)?;
            let header = header(encoded).parse::<hdf5::types::VarLenUnicode>().unwrap();
            put(f, "ismrmrd_header", &arr0(header))
        });
        let scan = Scan::open(&path, &options(&text)).unwrap();
        assert!(error(&scan, &expected.to_owned()) < 1e-6);
        assert_eq!(scan.mask.as_ref().unwrap().sampled, mask);
        assert_eq!(scan.crop_size(), Grid::new(4, 5));
        let (values, text) = put_in_order(&planes, [0, 1, 2, 3], "x");
        put(&hdf5::File::open_rw(&path).unwrap(), "x", &values).unwrap();
        let with = ScanOptions {
            dataset: Some("x".into()),
            ..options(&text)
        };
        assert_eq!(error(&Scan::open(&path, &with).unwrap(), &expected.to_owned()), 0.0);
    }
}

#[test]
fn an_undersampled_readout_is_refused() {
    let folder = TestFolder::new();
    let mut encoded = along_x(&planes(8, 2, 6, 5));
    let mut open = |zero: &dyn Fn(usize, usize) -> bool| {
        for ((kx, _, ky, _), value) in encoded.indexed_iter_mut() {
            if zero(kx, ky) {
                *value = Complex::new(0.0, 0.0);
            }
        }
        let (values, text) = put_in_order(&encoded, [1, 0, 2, 3], "kx");
        let path = folder.file("kx.npy", &complex_npy(&values));
        (Scan::open(&path, &options(&text)), path)
    };
    // whole phase-encode lines are missing, which is no harm, then a part of the echo
    assert_eq!(open(&|_, ky| ky == 2).0.unwrap().warnings, [""; 0]);
    let warnings = open(&|kx, _| kx < 2).0.unwrap().warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("first 2 and last 0 of 8"),
        "{warnings:?}"
    );
    let (refused, path) = open(&|kx, ky| kx == 5 && ky % 2 == 0);
    assert_says(
        &message(refused),
        &path,
        &["readout kx is undersampled", "20 of 50 lines", "--axes"],
    );
}

#[test]
fn values_of_a_volume_must_be_finite() {
    let folder = TestFolder::new();
    let mut encoded = planes(8, 2, 6, 5);
    encoded[[3, 1, 2, 2]].im = f32::NAN;
    let (values, text) = put_in_order(&encoded, [1, 0, 2, 3], "kx");
    let path = folder.file("nan.npy", &complex_npy(&values));
    assert_says(
        &message(Scan::open(&path, &options(&text))),
        &path,
        &["1 values are NaN"],
    );
}

/// `numpy.fft.ifft2` of each channel, root of the sum of squares; rows and columns of one slice.
fn their_image(parts: &Array4<f32>, slice: usize) -> Array2<f64> {
    let (_, rows, cols, both) = parts.dim();
    let mut image = Array2::<f64>::zeros((rows, cols));
    for ((r, c), pixel) in image.indexed_iter_mut() {
        for coil in 0..both / 2 {
            let mut sum = Complex::new(0.0, 0.0);
            for p in 0..rows {
                for q in 0..cols {
                    let turns = (p * r) as f64 / rows as f64 + (q * c) as f64 / cols as f64;
                    let at = |part: usize| f64::from(parts[[slice, p, q, 2 * coil + part]]);
                    sum += Complex::new(at(0), at(1)) * Complex::from_polar(1.0, TAU * turns);
                }
            }
            *pixel += (sum / (rows * cols) as f64).norm_sqr();
        }
        *pixel = pixel.sqrt();
    }
    image
}

#[test]
fn calgary_campinas_gives_the_image_of_ifft2() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (rows, cols, coils) in [(8, 10, 3), (7, 10, 2), (8, 9, 1)] {
        let mut parts = Array4::from_shape_simple_fn((2, rows, cols, 2 * coils), || rng.random::<f32>() - 0.5);
        parts.slice_mut(s![.., rows / 2, cols / 2, ..]).fill(4.0);
        let mask = Array2::from_shape_fn((rows, cols), |(r, c)| (r + c) % 2 == 0);
        let (_folder, path) = file(|f| put(f, "kspace", &parts).and(put(f, "mask", &mask)));
        let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
        assert_eq!(scan.format, "calgary-campinas");
        assert_eq!(
            (scan.slices(), scan.coils(), scan.grid()),
            (2, coils, Grid::new(rows, cols))
        );
        assert_eq!(
            (scan.geometry.plane, &scan.mask.as_ref().unwrap().sampled),
            (Plane::Yz, &mask)
        );
        let fourier = Fourier::new(scan.grid());
        let mut scratch = fourier.scratch();
        for slice in 0..2 {
            let mut coils = scan.read_slice(slice).unwrap();
            let mut ours = Array2::<f64>::zeros((rows, cols));
            for mut plane in coils.outer_iter_mut() {
                fourier.inverse(plane.as_slice_mut().unwrap(), &mut scratch);
                ours.zip_mut_with(&plane, |sum, v| *sum += f64::from(v.norm_sqr()));
            }
            let unitary = ((rows * cols) as f64).sqrt();
            let theirs = their_image(&parts, slice);
            for (ours, theirs) in ours.iter().zip(&theirs) {
                assert!((ours.sqrt() - theirs * unitary).abs() < 1e-5, "{rows}x{cols}");
            }
        }
    }
}

/// Zero frequency at the first sample instead of the centre: the energy tells, and the mask comes along.
#[test]
fn calgary_campinas_with_zero_frequency_first() {
    for (rows, cols) in [(24, 20), (27, 25)] {
        let mut parts = Array4::from_elem((3, rows, cols, 2), 0.01_f32);
        parts.slice_mut(s![.., 0, 0, 0]).fill(5.0);
        let mask = Array2::from_shape_fn((rows, cols), |(r, c)| (r, c) != (rows - 1, 0));
        let (_folder, path) = file(|f| put(f, "kspace", &parts).and(put(f, "mask", &mask)));
        let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
        let plane = scan.read_slice(0).unwrap();
        assert!((plane[[0, rows / 2, cols / 2]].norm() - 5.0).abs() < 1e-3);
        let missing: Vec<_> = scan
            .mask
            .unwrap()
            .sampled
            .indexed_iter()
            .filter(|(_, s)| !**s)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(missing, [(rows / 2 - 1, cols / 2)]);
    }
}

/// Real values that are not of that shape are no scan of this kind.
#[test]
fn other_real_arrays_are_refused_as_before() {
    let refused = |shape: &[usize]| {
        let (_folder, path) = file(|f| put(f, "kspace", &ArrayD::<f32>::zeros(IxDyn(shape))));
        let text = message(Scan::open(Path::new(&path), &ScanOptions::default()));
        assert_says(&text, &path, &["float32", "complex"]);
    };
    refused(&[2, 8, 8, 3]);
    refused(&[2, 4, 4, 8]);
    refused(&[8, 8, 2]);
}
