//! Arrays of k-space whose origin, or that of their image, lies elsewhere than at the centre.

use ndarray::{Array2, Array3, Array4, Axis};
use num_complex::Complex;

use super::{file, message, put};
use crate::format::{Scan, ScanOptions};
use pvdamp::array::{CoilStack, Grid, energy};
use pvdamp::fourier::Fourier;

type C32 = Complex<f32>;

/// Images of a body that has no symmetry, by two coils.
fn images(rows: usize, cols: usize) -> CoilStack<f32> {
    let share = |i: usize, n: usize| (i as f64 - (n / 2) as f64) / n as f64;
    Array3::from_shape_fn((2, rows, cols), |(coil, row, col)| {
        let (r, c) = (share(row, rows), share(col, cols));
        let body = (r / 0.4).powi(2) + (c / 0.32).powi(2) < 1.0;
        let spot = ((r - 0.15) / 0.08).powi(2) + ((c + 0.1) / 0.06).powi(2) < 1.0;
        let value = f64::from(u8::from(body)) + f64::from(u8::from(spot));
        let weight = if coil == 0 { 1.0 - r } else { 1.0 + c };
        Complex::from_polar((value * weight) as f32, (r - 2.0 * c) as f32)
    })
}

fn transformed(mut images: CoilStack<f32>) -> CoilStack<f32> {
    let (_, rows, cols) = images.dim();
    let fourier = Fourier::new(Grid::new(rows, cols));
    for mut plane in images.outer_iter_mut() {
        fourier.forward(plane.as_slice_mut().unwrap(), &mut fourier.scratch());
    }
    images
}

/// What comes first is at these indices of each plane, as numpy's `ifftshift` has it for half the length.
fn from(stack: &CoilStack<f32>, [row, col]: [usize; 2]) -> CoilStack<f32> {
    let (_, rows, cols) = stack.dim();
    Array3::from_shape_fn(stack.dim(), |(coil, r, c)| {
        stack[[coil, (r + row) % rows, (c + col) % cols]]
    })
}

fn error(scan: &Scan, right: &CoilStack<f32>) -> f64 {
    (energy(&(scan.read_slice(0).unwrap() - right)) / energy(right)).sqrt()
}

fn opened(kspace: &CoilStack<f32>, centre: &str) -> (Scan, tempfile::TempDir) {
    let (folder, path) = file(|f| put(f, "kspace", &kspace.clone().insert_axis(Axis(0))));
    let options = ScanOptions {
        centre: centre.parse().unwrap(),
        ..ScanOptions::default()
    };
    (Scan::open(&path, &options).unwrap(), folder)
}

#[test]
fn kspace_as_an_fft_leaves_it_is_shifted() {
    for (rows, cols) in [(32, 48), (33, 47)] {
        let right = transformed(images(rows, cols));
        let half = [rows / 2, cols / 2];
        for (by, words) in [
            (half, "first sample of kx and of ky"),
            ([half[0], 0], "first sample of kx,"),
            ([0, half[1]], "first sample of ky,"),
        ] {
            let (scan, _folder) = opened(&from(&right, by), "auto");
            assert!(scan.warnings[0].contains(words), "{:?}", scan.warnings);
            assert_eq!(scan.warnings.len(), 1);
            assert!(error(&scan, &right) < 1e-6);
            let (scan, _folder) = opened(&from(&right, by), "as-is");
            assert!(scan.warnings.is_empty() && error(&scan, &right) > 0.5);
        }
        let (scan, _folder) = opened(&from(&right, half), "kx=0,ky=0");
        assert!(scan.warnings.is_empty() && error(&scan, &right) < 1e-6);
        let (scan, _folder) = opened(&right, "auto");
        assert!(scan.warnings.is_empty() && error(&scan, &right) == 0.0);
    }
}

#[test]
fn images_that_were_not_shifted_before_the_fft_are() {
    for (rows, cols) in [(32, 48), (33, 47)] {
        let images = images(rows, cols);
        let right = transformed(images.clone());
        // fftshift(fft2(images)), and fft2(images) alone
        let shifted = transformed(from(&images, [rows.div_ceil(2), cols.div_ceil(2)]));
        for kspace in [shifted.clone(), from(&shifted, [rows / 2, cols / 2])] {
            let (scan, _folder) = opened(&kspace, "auto");
            let words = "the object lies about the first pixel";
            assert!(scan.warnings.last().unwrap().contains(words), "{:?}", scan.warnings);
            let error = error(&scan, &right);
            assert!(error < 1e-4, "{error}");
        }
    }
}

#[test]
fn what_lies_elsewhere_or_is_no_kspace_is_told() {
    let right = transformed(images(32, 48));
    let moved = from(&right, [0, 48 - 12]);
    let (scan, _folder) = opened(&moved, "auto");
    assert!(scan.warnings[0].contains("--centre ky=36"), "{:?}", scan.warnings);
    assert!(error(&scan, &moved) == 0.0);
    let (scan, _folder) = opened(&moved, "ky=36");
    assert!(scan.warnings.is_empty(), "{:?}", scan.warnings);
    assert!(error(&scan, &right) < 0.1);
    let (scan, _folder) = opened(&images(32, 48), "auto");
    assert!(scan.warnings[0].contains("looks like images"), "{:?}", scan.warnings);
}

/// A mask lies as k-space does, or was centred already: the data tell.
#[test]
fn a_mask_is_shifted_with_its_kspace() {
    let (rows, cols) = (32, 48);
    let mask = Array2::from_shape_fn((rows, cols), |(r, c)| {
        (r * 5 + c * 3) % 7 < 3 || r.abs_diff(16) + c.abs_diff(24) < 9
    });
    let mut sampled = transformed(images(rows, cols));
    for mut plane in sampled.outer_iter_mut() {
        plane.zip_mut_with(&mask, |value, &sampled| *value *= f32::from(u8::from(sampled)));
    }
    let half = [rows / 2, cols / 2];
    let kspace: Array4<C32> = from(&sampled, half).insert_axis(Axis(0));
    let corner = Array2::from_shape_fn(mask.dim(), |(r, c)| mask[[(r + half[0]) % rows, (c + half[1]) % cols]]);
    for given in [corner, mask.clone()] {
        let (_folder, path) = file(|f| put(f, "kspace", &kspace).and(put(f, "mask", &given)));
        let scan = Scan::open(&path, &ScanOptions::default()).unwrap();
        assert!(error(&scan, &sampled) < 1e-6);
        assert_eq!(scan.mask.unwrap().sampled, mask);
    }
}

#[test]
fn a_centre_that_is_nowhere_is_refused() {
    let (_folder, path) = file(|f| put(f, "kspace", &transformed(images(32, 48)).insert_axis(Axis(0))));
    for (centre, words) in [("ky=48", "ky has 48 samples"), ("kz=3", "no axis kz")] {
        let options = ScanOptions {
            centre: centre.parse().unwrap(),
            ..ScanOptions::default()
        };
        let message = message(Scan::open(&path, &options));
        assert!(message.contains(words) && message.contains("--centre"), "{message}");
    }
}
