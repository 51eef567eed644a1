//! Images and k-space as HDF5 in fastMRI's layout, where they come from another file.

use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, ArrayView3};
use num_complex::Complex;

use super::attribute::Attribute;
use super::geometry::Geometry;
use super::geometry_dataset::write_geometry;
use super::hdf5_output::{Hdf5Output, OutputDataset};
use super::header::Header;
use super::image::{ImageSink, Images, KspaceSink, magnitude_of};
use super::scan::{Scan, write_places};
use super::source::messages::shape_text;
use crate::error::Result;

/// Images as `reconstruction` (float32 magnitude), of complex ones also `image`, with header, geometry and attributes.
pub struct Hdf5Images {
    path: PathBuf,
    file: Hdf5Output,
    magnitude: OutputDataset<f32>,
    image: Option<OutputDataset<Complex<f32>>>,
}

impl Hdf5Images {
    /// Starts the file under a temporary name.
    pub fn create(path: &Path, images: &Images) -> Result<Self> {
        let series = images.series();
        let shape = [series.slices, series.grid.rows, series.grid.cols];
        let file = Hdf5Output::create(path)?;
        write_about(&file, &images.attributes, series.header.as_ref(), &series.geometry)?;
        let image = images.is_complex().then(|| file.dataset("image", &shape));
        Ok(Self {
            magnitude: file.dataset("reconstruction", &shape)?,
            image: image.transpose()?,
            path: path.to_path_buf(),
            file,
        })
    }
}

impl ImageSink for Hdf5Images {
    fn write(&mut self, slice: usize, image: ArrayView2<Complex<f32>>) -> Result<()> {
        self.magnitude
            .write_slice(slice, magnitude_of(&self.path, slice, image)?.view())?;
        self.image.as_ref().map_or(Ok(()), |set| set.write_slice(slice, image))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

/// A scan as `kspace` `(slices, coils, rows, cols)`, with everything that is known of it.
pub struct Hdf5Kspace {
    file: Hdf5Output,
    kspace: OutputDataset<Complex<f32>>,
    warnings: Vec<String>,
}

impl Hdf5Kspace {
    /// Starts the file under a temporary name; the first reference is copied, if it has an
    /// image of every slice.
    pub fn create(path: &Path, scan: &Scan) -> Result<Self> {
        let (slices, grid) = (scan.slices(), scan.grid());
        let file = Hdf5Output::create(path)?;
        write_about(&file, &scan.attributes, scan.header.as_ref(), &scan.geometry)?;
        write_places(&file, &scan.places)?;
        if let Some(mask) = &scan.mask {
            file.write("mask", mask.sampled.view())?;
        }
        if let Some(probability) = &scan.probability {
            file.write("prob_map", probability.view())?;
        }
        if let Some(covariance) = &scan.noise_covariance {
            file.write("noise_covariance", covariance.view())?;
        }
        let mut warnings = Vec::new();
        if let Some(reference) = scan.references().first() {
            match images(&reference.shape) {
                Some(shape) if shape[0] == slices => {
                    let dataset = file.dataset(&reference.dataset, &shape)?;
                    for slice in 0..slices {
                        if let Some(plane) = scan.read_reference(slice)? {
                            dataset.write_slice(slice, plane.view())?;
                        }
                    }
                }
                _ => {
                    let (name, shape) = (&reference.dataset, shape_text(&reference.shape));
                    warnings.push(format!(
                        "'{name}' is not copied: it has shape {shape}, and there are {slices} slices"
                    ));
                }
            }
        }
        Ok(Self {
            kspace: file.dataset("kspace", &[slices, scan.coils(), grid.rows, grid.cols])?,
            warnings,
            file,
        })
    }
}

/// A shape as that of images, `(slices, rows, cols)`, if it is one.
fn images(shape: &[usize]) -> Option<[usize; 3]> {
    let images = match *shape {
        [slices, rows, cols] => [slices, rows, cols],
        [rows, cols] => [1, rows, cols],
        _ => return None,
    };
    (!images.contains(&0)).then_some(images)
}

impl KspaceSink for Hdf5Kspace {
    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn write(&mut self, slice: usize, kspace: ArrayView3<Complex<f32>>) -> Result<()> {
        self.kspace.write_slice(slice, kspace)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        self.file.finish()
    }
}

/// Writes what is known of a scan besides its arrays: attributes, with the version of this program, header and
/// geometry.
pub fn write_about(
    file: &Hdf5Output,
    attributes: &[Attribute],
    header: Option<&Header>,
    geometry: &Geometry,
) -> Result<()> {
    let version = Attribute::new("pvdamp_version", env!("CARGO_PKG_VERSION"));
    let others = attributes.iter().filter(|other| other.name != version.name);
    others
        .chain([&version])
        .try_for_each(|attribute| file.attribute("/", attribute))?;
    if let Some(header) = header {
        file.text("ismrmrd_header", &header.xml)?;
    }
    write_geometry(file, geometry)
}
