//! Scans and images on disk.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use num_complex::Complex;
use numpy::{PyArray2, PyArray3, PyReadonlyArray3, PyReadonlyArray5};
use pvdamp::array::Grid;
use pvdamp_io::error::{Place, Result};
use pvdamp_io::format::{
    self, Attribute, AttributeValue, Hdf5Output, ImageFormat, ImageSink, Images, Part, Reading, ScanOptions, Series,
    write_about,
};
use pvdamp_io::recon::maps_dataset;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Stack, give};
use crate::errors::of_files;
use crate::job::{interrupted, run};

/// HDF5 is read by a process of the command line `reader` from now on; by a thread of this one where there is none. The first
/// call counts.
fn begin(reader: Option<Vec<OsString>>) {
    Reading {
        program: reader,
        interrupted,
        ..Reading::default()
    }
    .begin();
}

fn wrong(sentence: String) -> PyErr {
    PyValueError::new_err(sentence)
}

/// A file open in this process. The process that reads its HDF5 answers the one that opened it alone: a process that was
/// forked opens the file again.
struct Opened<T> {
    by_process: Mutex<(u32, Arc<T>)>,
}

impl<T: Send + Sync> Opened<T> {
    fn open(py: Python<'_>, open: impl Fn() -> Result<T> + Send + Sync) -> PyResult<Self> {
        let opened = run(py, None, None, |_| open())?.map_err(of_files)?;
        Ok(Self {
            by_process: Mutex::new((std::process::id(), Arc::new(opened))),
        })
    }

    /// The lock is held while Python's is, and no fork finds it taken.
    fn here(&self, py: Python<'_>, open: impl Fn() -> Result<T> + Send + Sync) -> PyResult<Arc<T>> {
        let lock = || self.by_process.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        let (opened_by, opened) = lock().clone();
        if opened_by == process {
            return Ok(opened);
        }
        let again = Arc::new(run(py, None, None, |_| open())?.map_err(of_files)?);
        *lock() = (process, again.clone());
        Ok(again)
    }
}

/// A scan in any format that the program reads.
#[pyclass(module = "pvdamp._pvdamp", frozen)]
pub(crate) struct Scan {
    path: PathBuf,
    options: ScanOptions,
    scan: Opened<format::Scan>,
}

#[pymethods]
impl Scan {
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        dataset: Option<String>,
        axes: Option<&str>,
        centre: &str,
        directions: Option<&str>,
        reader: Option<Vec<OsString>>,
    ) -> PyResult<Self> {
        begin(reader);
        let unfit = |what: &'static str, text: &str| {
            let text = text.to_string();
            move |why: String| wrong(format!("{what} {text:?}: {why}"))
        };
        let options = ScanOptions {
            dataset,
            axes: axes.map(|text| text.parse().map_err(unfit("axes", text))).transpose()?,
            centre: centre.parse().map_err(unfit("centre", centre))?,
            directions: directions
                .map(|text| text.parse().map_err(unfit("directions", text)))
                .transpose()?,
        };
        let scan = Opened::open(py, || format::Scan::open(&path, &options))?;
        Ok(Self { path, options, scan })
    }

    /// `(slices, coils, rows, cols)`.
    #[getter]
    fn shape(&self, py: Python<'_>) -> PyResult<(usize, usize, usize, usize)> {
        let scan = self.opened(py)?;
        let (rows, cols) = scan.grid().dim();
        Ok((scan.slices(), scan.coils(), rows, cols))
    }

    /// Size of the image that the header asks for.
    #[getter]
    fn crop(&self, py: Python<'_>) -> PyResult<(usize, usize)> {
        Ok(self.opened(py)?.crop_size().dim())
    }

    #[getter]
    fn format(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.opened(py)?.format)
    }

    #[getter]
    fn stored_dtype(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.opened(py)?.dtype.clone())
    }

    #[getter]
    fn header(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let scan = self.opened(py)?;
        Ok(scan.header.as_ref().map(|header| header.xml.clone()))
    }

    #[getter]
    fn warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.opened(py)?.warnings.clone())
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        attributes(py, &self.opened(py)?.attributes)
    }

    #[getter]
    fn voxel_mm(&self, py: Python<'_>) -> PyResult<Option<[f64; 3]>> {
        Ok(self.opened(py)?.geometry.voxel_mm)
    }

    /// Of each slice, the place that it shows.
    #[getter]
    fn places(&self, py: Python<'_>) -> PyResult<Vec<usize>> {
        let scan = self.opened(py)?;
        Ok((0..scan.slices()).map(|slice| scan.places.of_slice(slice)).collect())
    }

    #[getter]
    fn mask<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<bool>>>> {
        let mask = self.opened(py)?.mask.clone();
        Ok(mask.map(|mask| give(py, mask.sampled)))
    }

    #[getter]
    fn prob<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<f64>>>> {
        let probability = self.opened(py)?.probability.clone();
        Ok(probability.map(|probability| give(py, probability)))
    }

    #[getter]
    fn noise_covariance<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray2<Complex<f64>>>>> {
        let covariance = self.opened(py)?.noise_covariance.clone();
        Ok(covariance.map(|covariance| give(py, covariance)))
    }

    /// K-space of a slice, `(coils, rows, cols)`.
    fn read<'py>(&self, py: Python<'py>, slice: usize) -> PyResult<Bound<'py, PyArray3<Complex<f32>>>> {
        let scan = self.opened(py)?;
        let kspace = run(py, None, None, |_| scan.read_slice(slice))?;
        Ok(give(py, kspace.map_err(of_files)?))
    }

    /// The reference image of a slice, `(rows, cols)`.
    fn reference<'py>(&self, py: Python<'py>, slice: usize) -> PyResult<Option<Bound<'py, PyArray2<f32>>>> {
        let scan = self.opened(py)?;
        let reference = run(py, None, None, |_| scan.read_reference(slice))?;
        Ok(reference.map_err(of_files)?.map(|reference| give(py, reference)))
    }
}

impl Scan {
    /// As this process reads it.
    pub(crate) fn opened(&self, py: Python<'_>) -> PyResult<Arc<format::Scan>> {
        self.scan.here(py, || format::Scan::open(&self.path, &self.options))
    }
}

fn attributes<'py>(py: Python<'py>, attributes: &[Attribute]) -> PyResult<Bound<'py, PyDict>> {
    let found = PyDict::new(py);
    for Attribute { name, value } in attributes {
        match value {
            AttributeValue::Text(text) => found.set_item(name, text)?,
            AttributeValue::Texts(texts) => found.set_item(name, texts)?,
            AttributeValue::Bool(value) => found.set_item(name, value)?,
            AttributeValue::Int(value) => found.set_item(name, value)?,
            AttributeValue::Float(value) => found.set_item(name, value)?,
            AttributeValue::Ints(values) => found.set_item(name, give(py, values.clone()))?,
            AttributeValue::Floats(values) => found.set_item(name, give(py, values.clone()))?,
        }
    }
    Ok(found)
}

/// `FILE` or `FILE:DATASET`.
fn place(path: &str) -> Place {
    let Ok(place) = path.parse();
    place
}

/// Images in any format that the program reads.
#[pyclass(module = "pvdamp._pvdamp", frozen)]
pub(crate) struct ImageFile {
    place: Place,
    images: Opened<Images>,
}

#[pymethods]
impl ImageFile {
    #[new]
    fn new(py: Python<'_>, path: &str, reader: Option<Vec<OsString>>) -> PyResult<Self> {
        begin(reader);
        let place = place(path);
        let images = Opened::open(py, || Images::open(&place))?;
        Ok(Self { place, images })
    }

    /// `(slices, rows, cols)`.
    #[getter]
    fn shape(&self, py: Python<'_>) -> PyResult<(usize, usize, usize)> {
        let Series { slices, grid, .. } = self.opened(py)?.series();
        Ok((slices, grid.rows, grid.cols))
    }

    #[getter]
    fn is_complex(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.opened(py)?.is_complex())
    }

    #[getter]
    fn warnings(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.opened(py)?.warnings.clone())
    }

    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        attributes(py, &self.opened(py)?.attributes)
    }

    /// An image, `(rows, cols)`.
    fn read<'py>(&self, py: Python<'py>, slice: usize) -> PyResult<Bound<'py, PyArray2<Complex<f32>>>> {
        let images = self.opened(py)?;
        let image = run(py, None, None, |_| images.read(slice))?;
        Ok(give(py, image.map_err(of_files)?))
    }
}

impl ImageFile {
    fn opened(&self, py: Python<'_>) -> PyResult<Arc<Images>> {
        self.images.here(py, || Images::open(&self.place))
    }
}

/// What images are of: a scan, and which of its slices.
#[derive(FromPyObject)]
pub(crate) struct Of<'py>(Bound<'py, Scan>, Vec<usize>);

/// What a file of images says of them.
struct About {
    series: Series,
    attributes: Vec<Attribute>,
}

/// Of `slices` images on `grid`, which may be the uncropped ones of a scan.
fn about(py: Python<'_>, slices: usize, grid: Grid, of: Option<&Of<'_>>, method: &str) -> PyResult<About> {
    let by = match method {
        "" => String::new(),
        method => format!(", method {method}"),
    };
    let description = format!("reconstruction{by}, by pvdamp {}", env!("CARGO_PKG_VERSION"));
    let Some(Of(scan, indices)) = of else {
        return Ok(About {
            series: Series {
                slices,
                grid,
                geometry: format::Geometry::default(),
                header: None,
                description,
                method: method.to_string(),
                parts: Vec::new(),
                anonymized: false,
            },
            attributes: Vec::new(),
        });
    };
    let scan = scan.get().opened(py)?;
    let mut series = Series::of_scan(&scan, description, method);
    if ![scan.grid(), series.grid].contains(&grid) {
        return Err(wrong(format!(
            "image: {grid}; expected {} as k-space of the scan has, or {} as its header crops it",
            scan.grid(),
            series.grid
        )));
    }
    if indices.len() != slices || indices.iter().any(|&index| index >= scan.slices()) {
        return Err(wrong(format!(
            "image: {slices} slices; expected those {} of the scan",
            indices.len()
        )));
    }
    // where a slice lies goes with it
    let chosen = |index: &usize| series.geometry.placements.get(*index).cloned();
    let placements = indices.iter().filter_map(chosen).collect();
    let names = indices
        .iter()
        .filter_map(|&index| series.geometry.names.get(index).cloned());
    series.geometry.names = names.collect();
    series.geometry.placements = placements;
    series.slices = slices;
    Ok(About {
        series,
        attributes: scan.attributes.clone(),
    })
}

/// Writes images `(slices, rows, cols)` in the format that the name of the file says, all but HDF5, and says which files
/// these are. Complex images stay complex where the format has them.
#[pyfunction]
pub(crate) fn write_images(
    py: Python<'_>,
    path: PathBuf,
    images: Stack<'_>,
    of: Option<Of<'_>>,
    method: &str,
    parts: Vec<String>,
) -> PyResult<Option<Vec<PathBuf>>> {
    let Some(format) = ImageFormat::of(&path) else {
        return Ok(None);
    };
    let images = images.as_array();
    let (slices, rows, cols) = images.dim();
    let mut series = about(py, slices, Grid::new(rows, cols), of.as_ref(), method)?.series;
    let part = |name: &String| {
        name.parse::<Part>()
            .map_err(|why| wrong(format!("part {name:?}: {why}")))
    };
    series.parts = parts.iter().map(part).collect::<PyResult<_>>()?;
    if !series.parts.is_empty() && !format.parts {
        let title = format.title;
        return Err(wrong(format!(
            "part= means nothing to {title}: name the file .nii, .nii.gz or .dcm, or leave it out"
        )));
    }
    let (row, col) = Grid::new(rows, cols).centred_offset(series.grid);
    let shown = ndarray::s![.., row..row + series.grid.rows, col..col + series.grid.cols];
    let images = images.slice_move(shown);
    let written = run(py, None, None, |_| {
        let mut sink: Box<dyn ImageSink> = format.create(&path, &series)?;
        for (slice, image) in images.outer_iter().enumerate() {
            sink.write(slice, image)?;
        }
        sink.finish()
    })?;
    written.map_err(of_files)?;
    Ok(Some(format.files(&path, slices, &series.parts)))
}

/// Arrays of a result, each with an axis of slices before the others.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Arrays<'py> {
    /// Magnitudes, full size, where there is no complex image.
    magnitude: Option<PyReadonlyArray3<'py, f32>>,
    image: Option<Stack<'py>>,
    unbiased: Option<Stack<'py>>,
    std: Option<PyReadonlyArray3<'py, f32>>,
    unbiased_std: Option<PyReadonlyArray3<'py, f32>>,
    maps: Option<PyReadonlyArray5<'py, Complex<f32>>>,
}

/// Writes HDF5 as the program lays it out: `reconstruction`, the cropped magnitude, and what there is beside it.
#[pyfunction]
pub(crate) fn write_result(
    py: Python<'_>,
    path: PathBuf,
    arrays: Arrays<'_>,
    of: Option<Of<'_>>,
    method: &str,
    records: Vec<String>,
) -> PyResult<()> {
    let image = arrays.image.as_ref().map(|image| image.as_array());
    let magnitude = match (&image, &arrays.magnitude) {
        (Some(image), _) => image.mapv(|value| value.norm()),
        (None, Some(magnitude)) => magnitude.as_array().to_owned(),
        (None, None) => return Err(wrong("image: there is none; expected images to write".into())),
    };
    let (slices, rows, cols) = magnitude.dim();
    let About { series, attributes } = about(py, slices, Grid::new(rows, cols), of.as_ref(), method)?;
    let (row, col) = Grid::new(rows, cols).centred_offset(series.grid);
    let magnitude = magnitude.slice(ndarray::s![
        ..,
        row..row + series.grid.rows,
        col..col + series.grid.cols
    ]);
    let complex = [
        ("image", image),
        ("unbiased", arrays.unbiased.as_ref().map(|a| a.as_array())),
    ];
    let real = [("std", &arrays.std), ("unbiased_std", &arrays.unbiased_std)];
    let real = real.map(|(name, array)| (name, array.as_ref().map(|array| array.as_array())));
    let maps = arrays.maps.as_ref().map(|maps| maps.as_array());
    let written = run(py, None, None, |_| {
        let file = Hdf5Output::create(&path)?;
        write_about(&file, &attributes, series.header.as_ref(), &series.geometry)?;
        file.write("reconstruction", magnitude)?;
        for (name, array) in complex {
            array.map_or(Ok(()), |array| file.write(name, array))?;
        }
        for (name, array) in real {
            array.map_or(Ok(()), |array| file.write(name, array))?;
        }
        if let Some(maps) = maps {
            let (slices, sets, coils, rows, cols) = maps.dim();
            maps_dataset(&file, [slices, sets, coils, rows, cols], false)?.write(maps)?;
        }
        if !method.is_empty() {
            file.group("settings")?;
            file.attribute("settings", &Attribute::new("method", method))?;
        }
        if !records.is_empty() {
            file.text("records", &records.join("\n"))?;
        }
        file.finish()
    })?;
    written.map_err(of_files)
}
