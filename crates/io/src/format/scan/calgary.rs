//! Scans of the Calgary-Campinas data set (Souza et al., NeuroImage 170:482, 2018; Beauferris et al., Front Neurosci
//! 16:919186, 2022): brains in three dimensions, transformed along the readout already.

use ndarray::{Array3, Ix3, Zip};
use num_complex::Complex;

use super::super::geometry::{Geometry, Plane};
use super::super::hdf5_reader::Hdf5File;
use super::super::masks::{mask_of, probability_of};
use super::super::plane_order::KspaceOrder;
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::source::messages::DAMAGED;
use super::super::stamp::ReadFiles;
use super::check_axes::{MOST_COILS, MOST_SLICES};
use super::options::ScanOptions;
use super::places::Places;
use super::reader::{ImageBegins, Planes, Scan, ScanFormat};
use crate::error::{Error, Result};
use pvdamp::array::{CoilStack, Grid};

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

/// `kspace` (slices, ky, kz, 2 coils), real; slices run along x, and rows and columns are ky and kz. The images of this
/// k-space are its plain inverse transform, whose origin is the first pixel.
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
    // x, ky, kz, whatever wrote it
    let order = KspaceOrder::default();
    let dtype = format!("{}, real and imaginary parts in turn", kspace.dtype);
    let mask = optional("mask")?.map(|s| mask_of(&s, grid, order)).transpose()?;
    let probability = optional("prob_map")?
        .map(|s| probability_of(&s, grid, order))
        .transpose()?;
    Ok(Scan {
        place,
        format: FORMAT.name,
        slices,
        planes_of_volume: slices,
        coils,
        grid,
        dtype,
        geometry: Geometry::of_header(None, Plane::Yz, grid),
        places: Places::of_each(slices),
        references: optional("reconstruction_rss")?.into_iter().collect(),
        header: None,
        mask,
        probability,
        noise_covariance: None,
        calibration: None,
        noise_chain: None,
        kspace_order: order,
        planes: Box::new(Interleaved { kspace }),
        steps_at_centre: None,
        image_begins: ImageBegins::AtItsOrigin,
        attributes,
        origin: None,
        looked_at: Default::default(),
        anonymized: false,
        warnings,
        files: ReadFiles::default(),
    })
}

/// Planes of real numbers, real and imaginary parts of the coils in turn.
struct Interleaved {
    kspace: Source,
}

impl Planes for Interleaved {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let parts = self.kspace.real::<f32>(&[slice])?.into_dimensionality::<Ix3>();
        let parts = parts.map_err(|e| self.kspace.error(e.to_string(), DAMAGED).caused_by(e))?;
        let (rows, cols, both) = parts.dim();
        let mut planes = Array3::zeros((both / 2, rows, cols));
        Zip::indexed(&mut planes).for_each(|(coil, row, col), value| {
            *value = Complex::new(parts[[row, col, 2 * coil]], parts[[row, col, 2 * coil + 1]]);
        });
        Ok(planes)
    }
}
