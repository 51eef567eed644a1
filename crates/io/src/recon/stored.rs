//! A result file read back: its images, and what its iterations knew of their error.

use std::path::Path;

use ndarray::{Array2, Array3, ArrayD, Dimension};

use super::output::EVOLUTION;
use crate::error::{Error, Place, Result};
use crate::format::{AttributeValue, Role, read_group_attributes, read_table, read_volume};

/// Images, and state evolution where the method has one, NaN where an iteration has none.
#[derive(Clone, Debug)]
pub struct StoredResult {
    /// `reconstruction`, `(slices, rows, cols)`, in the units of the scan.
    pub magnitude: Array3<f32>,
    /// Variance of the error as predicted, mean over all coefficients, `(slices, iterations)`; 0 of methods that
    /// predict none.
    pub mean_tau: Option<Array2<f64>>,
    /// Noise variance given to the denoiser, `(slices, iterations)`.
    pub noise: Option<Array2<f64>>,
    /// `(slices, iterations, subbands)`.
    pub tau: Option<Array3<f64>>,
    /// Names of the subbands; with two sets of maps twice over.
    pub subbands: Vec<String>,
}

impl StoredResult {
    /// Reads what `recon` wrote to `path`.
    ///
    /// # Errors
    /// A file that is not there, is damaged, or has no images; tables that are not of its slices.
    pub fn read(path: &Path) -> Result<Self> {
        let images = read_volume(&Place::new(path, "reconstruction"), Role::Result)?;
        let attributes = read_group_attributes(path, EVOLUTION)?;
        let subbands = attributes.into_iter().find(|attribute| attribute.name == "subbands");
        let stored = Self {
            magnitude: images.into_magnitude(),
            mean_tau: table(path, "mean_tau")?,
            noise: table(path, "noise")?,
            tau: table(path, "tau")?,
            subbands: match subbands.map(|attribute| attribute.value) {
                Some(AttributeValue::Texts(names)) => names,
                _ => Vec::new(),
            },
        };
        stored.check(path)?;
        Ok(stored)
    }

    /// Every table is of the same slices and iterations, and every subband has a name.
    fn check(&self, path: &Path) -> Result<()> {
        let slices = self.magnitude.dim().0;
        let tau = self.tau.as_ref().map(|tau| tau.dim());
        let dims = [self.mean_tau.as_ref(), self.noise.as_ref()];
        let dims = dims.into_iter().flatten().map(|table| table.dim());
        let dims: Vec<(usize, usize)> = dims.chain(tau.map(|(s, i, _)| (s, i))).collect();
        let alike = dims.iter().all(|dim| dim.0 == slices && dim.1 == dims[0].1);
        if alike && tau.is_none_or(|(.., bands)| bands == self.subbands.len()) {
            return Ok(());
        }
        let problem = format!("its tables are not of its {slices} slice(s)");
        Err(Error::data(
            Place::new(path, EVOLUTION),
            problem,
            "reconstruct the scan again",
        ))
    }
}

/// A table of the state evolution; `None` where there is none.
fn table<D: Dimension>(path: &Path, name: &str) -> Result<Option<ndarray::Array<f64, D>>> {
    let place = Place::new(path, format!("{EVOLUTION}/{name}"));
    let shaped = |table: ArrayD<f64>| {
        let axes = table.ndim();
        table.into_dimensionality::<D>().map_err(|_| {
            let problem = format!("has {axes} axes");
            Error::data(place.clone(), problem, "reconstruct the scan again")
        })
    };
    read_table(&place)?.map(shaped).transpose()
}
