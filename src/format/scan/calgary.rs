//! Scans of the Calgary-Campinas data set (Souza et al., NeuroImage 170:482, 2018; Beauferris et al., Front Neurosci
//! 16:919186, 2022): brains in three dimensions, transformed along the readout already.

use std::path::Path;

use ndarray::{Array1, Array3, Ix3, Zip};
use num_complex::Complex;

use super::super::attribute;
use super::super::masks::{mask_of, probability_of};
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::source::h5::{self, DAMAGED};
use super::plausible::MOST_COILS;
use super::{Geometry, Plane, Planes, Scan, ScanFormat, ScanOptions};
use crate::array::{CoilStack, Grid};
use crate::error::{Error, Result};

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "calgary-campinas",
    title: "Calgary-Campinas HDF5",
    summary: "'kspace' float32 (x, ky, kz, 2 coils), real and imaginary parts of the coils in turn; slices run along x",
    citation: "Souza et al., NeuroImage 170:482 (2018)",
    recognise: |path, options| options.axes.is_none() && kspace_of(path, options).is_ok_and(|source| source.is_some()),
    open,
};

/// The dataset, where it has the data set's type and shape: real, four axes, the last of them even and the shortest but for
/// the slices.
fn kspace_of(path: &Path, options: &ScanOptions) -> Result<Option<Source>> {
    if h5::open(path).is_err() {
        return Ok(None);
    }
    let name = options.dataset.as_deref().unwrap_or("kspace");
    let source = Container::open(path)?.source(name)?;
    let fits = |source: &Source| match source.shape[..] {
        [slices, rows, cols, parts] => {
            let real = source.element.is_number() && !source.element.is_complex();
            real && slices > 0 && parts > 0 && parts % 2 == 0 && parts < rows && parts < cols && parts <= 2 * MOST_COILS
        }
        _ => false,
    };
    Ok(source.filter(fits))
}

/// `kspace` (slices, ky, kz, 2 coils), real; slices run along x, and rows and columns are ky and kz.
///
/// # Errors
/// A mask or probability that does not fit the grid.
fn open(path: &Path, options: &ScanOptions) -> Result<Scan> {
    let file = Container::open(path)?;
    let missing = || {
        Error::data(
            path,
            "holds no k-space of this kind",
            "name the k-space dataset by --kspace",
        )
    };
    let kspace = kspace_of(path, options)?.ok_or_else(missing)?;
    let (slices, grid, coils) = match kspace.shape[..] {
        [slices, rows, cols, parts] => (slices, Grid::new(rows, cols), parts / 2),
        _ => return Err(missing()),
    };
    let (attributes, warnings) = file.hdf5().map(|f| attribute::read_all(f)).unwrap_or_default();
    let optional = |name: &str| file.source(name);
    Ok(Scan {
        place: kspace.place.clone(),
        format: FORMAT.name,
        slices,
        coils,
        grid,
        dtype: format!("{}, real and imaginary parts in turn", kspace.dtype),
        geometry: Geometry::of_header(None, Plane::Yz, grid),
        planes: Box::new(Interleaved {
            turns: [half_turns(grid.rows), half_turns(grid.cols)],
            kspace,
        }),
        references: optional("reconstruction_rss")?.into_iter().collect(),
        header: None,
        mask: optional("mask")?.map(|s| mask_of(&s, grid)).transpose()?,
        probability: optional("prob_map")?.map(|s| probability_of(&s, grid)).transpose()?,
        noise_covariance: None,
        attributes,
        warnings,
    })
}

/// Zero frequency is at the centre of this k-space, but the images are its plain inverse transform, whose origin is the
/// first pixel. To have the same image with the origin at its centre, each location is turned by the phase of a shift by
/// half the field of view: where the length is even, every second sample changes its sign.
struct Interleaved {
    kspace: Source,
    /// Along rows and columns.
    turns: [Array1<Complex<f32>>; 2],
}

/// `exp(2πi (p − n/2)(n/2)/n)` with `n/2` rounded down.
fn half_turns(n: usize) -> Array1<Complex<f32>> {
    let half = (n / 2) as i64;
    let turn = |p: usize| match (n % 2, (p as i64 - half) % 2) {
        (0, 0) => Complex::new(1.0, 0.0),
        (0, _) => Complex::new(-1.0, 0.0),
        _ => {
            let turns = (p as i64 - half) as f64 * half as f64 / n as f64;
            let Complex { re, im } = Complex::from_polar(1.0, std::f64::consts::TAU * turns);
            Complex::new(re as f32, im as f32)
        }
    };
    Array1::from_shape_fn(n, turn)
}

impl Planes for Interleaved {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let parts = self.kspace.real::<f32>(&[slice])?.into_dimensionality::<Ix3>();
        let parts = parts.map_err(|e| self.kspace.error(e.to_string(), DAMAGED))?;
        let (rows, cols, both) = parts.dim();
        let [along_rows, along_cols] = &self.turns;
        let mut planes = Array3::zeros((both / 2, rows, cols));
        Zip::indexed(&mut planes).for_each(|(coil, row, col), value| {
            let read = Complex::new(parts[[row, col, 2 * coil]], parts[[row, col, 2 * coil + 1]]);
            *value = read * along_rows[row] * along_cols[col];
        });
        Ok(planes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_even_and_odd_lengths() {
        let even: Vec<f32> = half_turns(6).iter().map(|v| v.re).collect();
        assert_eq!(even, [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        let odd = half_turns(5);
        assert_eq!(odd[2], Complex::new(1.0, 0.0));
        let turns = std::f64::consts::TAU * 2.0 / 5.0;
        assert!((odd[3] - Complex::new(turns.cos() as f32, turns.sin() as f32)).norm() < 1e-6);
        assert!(odd.iter().all(|v| (v.norm() - 1.0).abs() < 1e-6));
    }
}
