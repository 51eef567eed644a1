//! The reference data, and how to read them.

#[path = "../support/relative.rs"]
mod relative;
#[path = "../support/shared_data.rs"]
mod shared_data;

use std::path::PathBuf;

use ndarray::{Array2, Array3, Array4, Axis};
use num_complex::Complex;
use pvdamp::array::Mask;

pub(crate) use relative::relative;
pub(crate) use shared_data::shared_data;

pub type C64 = Complex<f64>;

/// The four golden cases: name of the mask and of the golden file.
pub const CASES: [&str; 4] = ["bern_r5", "pd_r5", "bern_r10", "pd_r10"];

pub fn open(path: PathBuf) -> hdf5::File {
    hdf5::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn widen(v: &Complex<f32>) -> C64 {
    Complex::new(f64::from(v.re), f64::from(v.im))
}

pub fn complex2(file: &hdf5::File, name: &str) -> Array2<C64> {
    let stored: Array2<Complex<f32>> = file.dataset(name).unwrap().read_2d().unwrap();
    stored.map(widen)
}

pub fn complex3(file: &hdf5::File, name: &str) -> Array3<C64> {
    let stored: Array3<Complex<f32>> = file.dataset(name).unwrap().read().unwrap();
    stored.map(widen)
}

pub fn real2(file: &hdf5::File, name: &str) -> Array2<f64> {
    file.dataset(name).unwrap().read_2d().unwrap()
}

pub fn real1(file: &hdf5::File, name: &str) -> Vec<f64> {
    file.dataset(name).unwrap().read_raw().unwrap()
}

/// The brain scan with its reference maps and image.
pub struct Brain {
    pub kspace: Array3<C64>,
    pub maps: Array4<C64>,
    pub x0: Array2<C64>,
}

pub fn brain(data: &std::path::Path) -> Brain {
    let scan = open(data.join("brain8_pvdamp.h5"));
    let stored: Array4<Complex<f32>> = scan.dataset("kspace").unwrap().read().unwrap();
    let golden = open(data.join("golden_bern_r5.h5"));
    Brain {
        kspace: stored.index_axis_move(Axis(0), 0).map(widen),
        maps: complex3(&golden, "smaps").insert_axis(Axis(0)),
        x0: complex2(&golden, "x0"),
    }
}

pub fn case_mask(data: &std::path::Path, case: &str) -> (Mask, Array2<f64>) {
    let masks = open(data.join("masks_256x256.h5"));
    let mask: Array2<u8> = masks.dataset(&format!("{case}/mask")).unwrap().read_2d().unwrap();
    let probability = real2(&masks, &format!("{case}/prob_map"));
    (Mask::new(mask.map(|&m| m != 0)), probability)
}

/// `10 log10(‖m(x − x0)‖² / ‖m x0‖²)` with m the object, `|x0| > max|x0| / 20`. No phase is aligned.
pub fn masked_nmse_db(x: &Array2<C64>, x0: &Array2<C64>) -> f64 {
    let peak = x0.iter().map(|v| v.norm()).fold(0.0, f64::max);
    let object = |v: &C64| v.norm() > peak / 20.0;
    let pairs = x.iter().zip(x0).filter(|(_, x0)| object(x0));
    let (error, power) = pairs.fold((0.0, 0.0), |(e, p), (x, x0)| {
        (e + (x - x0).norm_sqr(), p + x0.norm_sqr())
    });
    10.0 * (error / power).log10()
}
