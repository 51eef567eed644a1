//! Scans of the Calgary-Campinas data set (Souza et al., NeuroImage 170:482, 2018; Beauferris et al., Front Neurosci
//! 16:919186, 2022): brains in three dimensions, transformed along the readout already.

use ndarray::{Array1, Array2, Array3, Ix3, Zip};
use num_complex::Complex;

use super::super::geometry::{Geometry, Plane};
use super::super::hdf5_reader::Hdf5File;
use super::super::masks::{mask_of, probability_of};
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::source::messages::DAMAGED;
use super::super::stamp::ReadFiles;
use super::check_axes::{MOST_COILS, MOST_SLICES};
use super::places::Places;
use super::reader::{Planes, Scan, ScanFormat, ScanOptions};
use crate::error::{Error, Result};
use pvdamp::array::{CoilStack, Grid, Mask};

pub(super) const FORMAT: ScanFormat = ScanFormat {
    name: "calgary-campinas",
    title: "Calgary-Campinas HDF5",
    summary: "'kspace' float32 (x, ky, kz, 2 coils), real and imaginary parts of the coils in turn; slices run along x",
    citation: "Souza et al., NeuroImage 170:482 (2018)",
    recognise,
    open,
};

fn recognise(file: &Container, options: &ScanOptions) -> bool {
    options.axes.is_none() && kspace_of(file, options).is_ok_and(|source| source.is_some())
}

/// The dataset, where it has the data set's type and shape: real, four axes, the last of them even and the shortest but
/// for the slices.
fn kspace_of(file: &Container, options: &ScanOptions) -> Result<Option<Source>> {
    if file.hdf5().is_none() {
        return Ok(None);
    }
    let source = file.source(options.dataset.as_deref().unwrap_or("kspace"))?;
    let fits = |source: &Source| match source.shape[..] {
        [slices, rows, cols, parts] => {
            let real = source.element.is_number() && !source.element.is_complex();
            real && (1..=MOST_SLICES).contains(&slices)
                && parts > 0
                && parts % 2 == 0
                && parts < rows
                && parts < cols
                && parts <= 2 * MOST_COILS
        }
        _ => false,
    };
    Ok(source.filter(fits))
}

/// `kspace` (slices, ky, kz, 2 coils), real; slices run along x, and rows and columns are ky and kz.
///
/// # Errors
/// A mask or probability that does not fit the grid.
fn open(file: &Container, options: &ScanOptions) -> Result<Scan> {
    let missing = || {
        Error::data(
            file.path(),
            "holds no k-space of this kind",
            "name the k-space dataset by --kspace",
        )
    };
    let kspace = kspace_of(file, options)?.ok_or_else(missing)?;
    let (slices, grid, coils) = match kspace.shape[..] {
        [slices, rows, cols, parts] => (slices, Grid::new(rows, cols), parts / 2),
        _ => return Err(missing()),
    };
    let (attributes, warnings) = file.hdf5().map(Hdf5File::attributes).unwrap_or_default();
    let optional = |name: &str| file.source(name);
    let place = kspace.place.clone();
    let dtype = format!("{}, real and imaginary parts in turn", kspace.dtype);
    let mask = optional("mask")?.map(|s| mask_of(&s, grid)).transpose()?;
    let probability = optional("prob_map")?.map(|s| probability_of(&s, grid)).transpose()?;
    let planes = Interleaved::new(kspace, slices, grid)?;
    Ok(Scan {
        place,
        format: FORMAT.name,
        slices,
        coils,
        grid,
        dtype,
        geometry: Geometry::of_header(None, Plane::Yz, grid),
        places: Places::of_each(slices),
        references: optional("reconstruction_rss")?.into_iter().collect(),
        header: None,
        mask: mask.map(|mask| Mask::new(planes.centred(&mask.sampled))),
        probability: probability.map(|probability| planes.centred(&probability)),
        noise_covariance: None,
        planes: Box::new(planes),
        attributes,
        anonymized: false,
        warnings,
        files: ReadFiles::default(),
    })
}

/// The images of this k-space are its plain inverse transform, whose origin is the first pixel. To have the same image
/// with the origin at its centre, each location is turned by the phase of a shift by half the field of view: where the
/// length is even, every second sample changes its sign. Zero frequency may lie at the centre or at the first sample;
/// the energy tells.
struct Interleaved {
    kspace: Source,
    /// From the stored index of zero frequency to that at the centre, along rows and columns.
    shift: [usize; 2],
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

impl Interleaved {
    /// Looks at the slice in the middle to find zero frequency.
    fn new(kspace: Source, slices: usize, grid: Grid) -> Result<Self> {
        let mut planes = Self {
            kspace,
            shift: [0, 0],
            turns: [half_turns(grid.rows), half_turns(grid.cols)],
        };
        let middle = planes.slice(slices / 2)?;
        let distance = |index: usize, n: usize| index.abs_diff(n / 2) < n.div_ceil(4);
        let [mut inner, mut outer] = [0.0; 2];
        for ((_, row, col), value) in middle.indexed_iter() {
            match (distance(row, grid.rows), distance(col, grid.cols)) {
                (true, true) => inner += f64::from(value.norm_sqr()),
                (false, false) => outer += f64::from(value.norm_sqr()),
                _ => {}
            }
        }
        if outer > inner {
            planes.shift = [grid.rows / 2, grid.cols / 2];
        }
        Ok(planes)
    }

    /// Where a location of the centred plane lies in the file.
    fn stored(&self, [row, col]: [usize; 2]) -> [usize; 2] {
        let [rows, cols] = self.turns.each_ref().map(Array1::len);
        [(row + rows - self.shift[0]) % rows, (col + cols - self.shift[1]) % cols]
    }

    /// A plane that lies in the file as k-space does, with zero frequency at the centre.
    fn centred<T: Copy>(&self, plane: &Array2<T>) -> Array2<T> {
        Array2::from_shape_fn(plane.dim(), |(row, col)| plane[self.stored([row, col])])
    }
}

impl Planes for Interleaved {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let parts = self.kspace.real::<f32>(&[slice])?.into_dimensionality::<Ix3>();
        let parts = parts.map_err(|e| self.kspace.error(e.to_string(), DAMAGED).caused_by(e))?;
        let (rows, cols, both) = parts.dim();
        let [along_rows, along_cols] = &self.turns;
        let mut planes = Array3::zeros((both / 2, rows, cols));
        Zip::indexed(&mut planes).for_each(|(coil, row, col), value| {
            let [at_row, at_col] = self.stored([row, col]);
            let read = Complex::new(parts[[at_row, at_col, 2 * coil]], parts[[at_row, at_col, 2 * coil + 1]]);
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
