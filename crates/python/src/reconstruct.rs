//! From k-space, in arrays or in a file, to images.

use ndarray::{Array, ArrayD, ArrayView3, Axis, Dimension};
use num_complex::Complex;
use numpy::{PyArrayDyn, PyReadonlyArray2, PyReadonlyArray5, PyReadonlyArrayDyn};
use pvdamp::reconstruct::Slices;
use pvdamp::solve::METHODS;
use pvdamp::{Acquisition, Noise, Reconstruction};
use pvdamp_io::error::{Error, Place};
use pvdamp_io::recon::{
    MapsSource, NoiseSource, SamplingSource, ScanReconstruction, ScanSettings, ScanSetup, SliceRecord,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Plane, Stack, Stacks, give};
use crate::errors::{of_engine, of_files};
use crate::files::Scan;
use crate::job::run;
use crate::options::Options;
use crate::origin::oddities;

/// What is known of k-space beside its values, `None` where it is not.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Known<'py> {
    mask: Option<Plane<'py, bool>>,
    prob: Option<Plane<'py, f64>>,
    maps: Option<Maps<'py>>,
    noise_covariance: Option<Covariance<'py>>,
}

#[derive(FromPyObject)]
enum Maps<'py> {
    OfAll(Stacks<'py>),
    OfEachSlice(PyReadonlyArray5<'py, Complex<f32>>),
}

/// Of one k-space sample.
#[derive(FromPyObject)]
pub(crate) enum Covariance<'py> {
    Variance(f64),
    OfCoils(PyReadonlyArray2<'py, Complex<f64>>),
}

impl Covariance<'_> {
    pub(crate) fn noise(&self) -> Noise {
        match self {
            Self::Variance(variance) => Noise::Variance(*variance),
            Self::OfCoils(covariance) => Noise::Covariance(covariance.as_array().to_owned().into()),
        }
    }
}

/// The same without Python.
struct Beside<'a> {
    mask: Option<ndarray::ArrayView2<'a, bool>>,
    prob: Option<ndarray::ArrayView2<'a, f64>>,
    maps: Option<ndarray::ArrayViewD<'a, Complex<f32>>>,
    noise: Noise,
}

impl Known<'_> {
    fn beside(&self) -> Beside<'_> {
        Beside {
            mask: self.mask.as_ref().map(|mask| mask.as_array()),
            prob: self.prob.as_ref().map(|prob| prob.as_array()),
            maps: self.maps.as_ref().map(|maps| match maps {
                Maps::OfAll(maps) => maps.as_array().into_dyn(),
                Maps::OfEachSlice(maps) => maps.as_array().into_dyn(),
            }),
            noise: self
                .noise_covariance
                .as_ref()
                .map_or(Noise::Estimate, Covariance::noise),
        }
    }
}

impl Beside<'_> {
    /// The acquisition of a slice.
    fn acquisition<'k>(&self, kspace: ArrayView3<'k, Complex<f32>>, slice: usize) -> Acquisition<'k> {
        let mut acquisition = Acquisition::new(kspace).with_noise(self.noise.clone());
        if let Some(mask) = self.mask {
            acquisition = acquisition.with_mask(mask.to_owned());
        }
        if let Some(prob) = self.prob {
            acquisition = acquisition.with_probability(prob.to_owned());
        }
        if let Some(maps) = &self.maps {
            let of_slice = match maps.ndim() {
                4 => maps.view(),
                _ => maps.index_axis(Axis(0), slice),
            };
            let maps = of_slice.to_owned().into_dimensionality();
            acquisition = acquisition.with_maps(maps.expect("four axes, or five less one"));
        }
        acquisition
    }
}

/// The methods: name, title and summary of each.
#[pyfunction]
pub(crate) fn methods() -> Vec<(&'static str, &'static str, &'static str)> {
    let row = |method: &pvdamp::solve::Method| (method.name, method.title, method.summary);
    METHODS.iter().map(row).collect()
}

/// Magnitudes, as result files hold them: NumPy's differ in the last bit.
#[pyfunction]
pub(crate) fn magnitude<'py>(
    py: Python<'py>,
    images: PyReadonlyArrayDyn<'py, Complex<f32>>,
) -> Bound<'py, PyArrayDyn<f32>> {
    give(py, images.as_array().mapv(|value| value.norm()))
}

/// One slice, `(coils, rows, cols)`.
#[pyfunction]
pub(crate) fn reconstruct<'py>(
    py: Python<'py>,
    kspace: Stack<'py>,
    known: Known<'py>,
    options: Options,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = options.settings()?;
    let kspace = kspace.as_array();
    let acquisition = known.beside().acquisition(kspace, 0);
    let found = run(py, threads, progress.as_ref(), |watch| {
        let mut results = Results {
            warnings: oddities(kspace),
            ..Results::default()
        };
        results.push(0, pvdamp::reconstruct(&acquisition, &settings, watch)?);
        Ok(results)
    })?;
    found.map_err(of_engine)?.give(py, false)
}

/// Slices, `(slices, coils, rows, cols)`, that share mask, probability, noise and the shape of results; their maps too, or
/// each its own, `(slices, sets, coils, rows, cols)`.
#[pyfunction]
pub(crate) fn reconstruct_slices<'py>(
    py: Python<'py>,
    kspace: Stacks<'py>,
    known: Known<'py>,
    options: Options,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = options.settings()?;
    let (kspace, beside) = (kspace.as_array(), known.beside());
    let count = kspace.dim().0;
    if count == 0 {
        return Err(PyValueError::new_err("k-space: 0 slices; expected at least one"));
    }
    if let Some(maps) = beside.maps.as_ref().filter(|maps| maps.ndim() == 5)
        && maps.shape()[0] != count
    {
        let found = maps.shape()[0];
        return Err(PyValueError::new_err(format!(
            "coil sensitivity maps: those of {found} slices; expected those of {count}, or one for all"
        )));
    }
    let slice = |index: usize| beside.acquisition(kspace.index_axis(Axis(0), index), index);
    let found = run(py, threads, progress.as_ref(), |watch| {
        let slices = Slices::settle(count, slice, &settings, watch)?;
        // the first that tells anything, of a few
        let looked_at = [0, 4, 2, 6].map(|eighth| oddities(kspace.index_axis(Axis(0), count * eighth / 8)));
        let mut results = Results {
            warnings: looked_at.into_iter().find(|odd| !odd.is_empty()).unwrap_or_default(),
            ..Results::default()
        };
        for index in 0..count {
            watch.begin_slice(index);
            results.push(index, slices.reconstruct(slice(index), watch)?);
        }
        Ok(results)
    })?;
    found.map_err(of_engine)?.give(py, true)
}

/// What goes with a scan, in files: `FILE` or `FILE:DATASET`.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Files {
    mask: Option<String>,
    prob: Option<String>,
    maps: Option<String>,
    noise_covariance: Option<FileOr>,
}

#[derive(FromPyObject)]
enum FileOr {
    Variance(f64),
    File(String),
}

impl Files {
    fn settings(&self, options: &Options) -> PyResult<ScanSettings> {
        let place = |text: &String| -> Place {
            let Ok(place) = text.parse();
            place
        };
        Ok(ScanSettings {
            engine: options.settings()?,
            sampling: self
                .mask
                .as_ref()
                .map(place)
                .map_or(SamplingSource::Scan, SamplingSource::File),
            probability: self.prob.as_ref().map(place),
            maps: self
                .maps
                .as_ref()
                .map(place)
                .map_or(MapsSource::Espirit, MapsSource::File),
            noise: match &self.noise_covariance {
                None => NoiseSource::Scan,
                Some(FileOr::Variance(variance)) => NoiseSource::Variance(*variance),
                Some(FileOr::File(file)) => NoiseSource::File(place(file)),
            },
            ..ScanSettings::default()
        })
    }
}

/// Slices of a scan on disk, as the program reconstructs them.
#[pyfunction]
pub(crate) fn reconstruct_scan<'py>(
    py: Python<'py>,
    scan: &Scan,
    slices: Vec<usize>,
    files: Files,
    options: Options,
    threads: Option<usize>,
    progress: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let settings = files.settings(&options)?;
    let scan = scan.opened(py)?;
    let found = run(py, threads, progress.as_ref(), |watch| {
        let reconstruction = ScanReconstruction::settle(ScanSetup::new(&scan, &settings)?, watch)?;
        let mut results = Results {
            warnings: reconstruction.setup().warnings(),
            ..Results::default()
        };
        for index in slices {
            watch.begin_slice(index);
            results.push(index, reconstruction.slice(index, watch)?.into());
        }
        Ok::<_, Error>(results)
    })?;
    found.map_err(of_files)?.give(py, true)
}

/// The results of slices, in the order they were asked for.
#[derive(Default)]
struct Results {
    slices: Vec<(usize, Reconstruction)>,
    /// What looks odd about all of them.
    warnings: Vec<String>,
}

impl Results {
    fn push(&mut self, slice: usize, result: Reconstruction) {
        self.slices.push((slice, result));
    }

    /// A dictionary of arrays, `None` where there is none, of the records as JSON, and of the warnings: those of all slices
    /// and then those of each. `stacked` arrays have an axis of slices before the others.
    fn give(mut self, py: Python<'_>, stacked: bool) -> PyResult<Bound<'_, PyDict>> {
        let found = PyDict::new(py);
        let mut lines = Vec::new();
        let mut warnings = Vec::new();
        for (slice, result) in &self.slices {
            let record = SliceRecord {
                slice: *slice,
                record: result.record.clone(),
            };
            lines.push(record.line().map_err(of_files)?);
            warnings.push((*slice, result.record.warnings.clone()));
        }
        found.set_item("records", lines)?;
        found.set_item("warnings", (std::mem::take(&mut self.warnings), warnings))?;
        let slices = &mut self.slices;
        let images = take(slices, |result| Some(std::mem::take(&mut result.image)));
        found.set_item("image", array(py, images, stacked)?)?;
        found.set_item(
            "unbiased",
            array(py, take(slices, |result| result.unbiased.take()), stacked)?,
        )?;
        found.set_item(
            "std",
            array(py, take(slices, |result| result.deviation.take()), stacked)?,
        )?;
        let deviations = take(slices, |result| result.unbiased_deviation.take());
        found.set_item("unbiased_std", array(py, deviations, stacked)?)?;
        found.set_item("maps", array(py, take(slices, |result| result.maps.take()), stacked)?)?;
        Ok(found)
    }
}

/// One of the arrays of every slice; none where a slice has none.
fn take<A, D: Dimension>(
    slices: &mut [(usize, Reconstruction)],
    mut of: impl FnMut(&mut Reconstruction) -> Option<Array<A, D>>,
) -> Vec<Array<A, D>> {
    slices.iter_mut().filter_map(|(_, result)| of(result)).collect()
}

/// The array of the only slice, or those of all as one, which has room for all before it is filled.
fn array<'py, A: numpy::Element + Clone + Default, D: Dimension>(
    py: Python<'py>,
    mut arrays: Vec<Array<A, D>>,
    stacked: bool,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if !stacked {
        let only = arrays.pop();
        return Ok(only.map(|only| give(py, only).into_any()));
    }
    let Some(first) = arrays.first() else {
        return Ok(None);
    };
    let shape: Vec<usize> = [arrays.len()].iter().chain(first.shape()).copied().collect();
    let mut all = ArrayD::from_elem(shape, A::default());
    for (index, array) in arrays.into_iter().enumerate() {
        let mut place = all.index_axis_mut(Axis(0), index);
        if place.shape() != array.shape() {
            return Err(PyValueError::new_err(
                "internal error: slices of different shapes; please report it",
            ));
        }
        place.assign(&array.into_dyn());
    }
    Ok(Some(give(py, all).into_any()))
}
