//! k-space that lies in a file as one array, whose axes have a stated or a usual meaning.

use ndarray::ArrayD;
use num_complex::Complex;

use super::super::geometry::{Geometry, Plane};
use super::super::geometry_dataset::read_geometry;
use super::super::hdf5_reader::Hdf5File;
use super::super::header::Header;
use super::super::masks::{mask_of, probability_of};
use super::super::plane_order::AXES;
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::source::messages::{DAMAGED, shape_text};
use super::super::stamp::ReadFiles;
use super::axes::{Axes, AxisKind};
use super::check_axes::{self, Stated};
use super::kspace_array::{KspaceArray, unravel};
use super::options::ScanOptions;
use super::places::read_places;
use super::plane_store::Ordered;
use super::reader::{ImageBegins, Planes, Scan};
use super::readout::{self, Volumes};
use crate::error::{Error, Result};
use pvdamp::array::CoilStack;

/// The axes that a format gives an array, and what to warn of if it had to guess. The error is the whole sentence.
pub(super) type UsualAxes = fn(&Source) -> Result<(Axes, Option<String>)>;

/// Axes that nothing tells.
pub(super) fn axes_needed(kspace: &Source) -> Error {
    let problem = format!(
        "has shape {}, of {} axes",
        shape_text(&kspace.shape),
        kspace.shape.len()
    );
    let mend = "name them by --axes, as coil,kx,ky,kz, or reshape it to (slices, coils, rows, cols)";
    kspace.error(problem, mend)
}

/// Planes read where they lie.
struct Direct {
    array: KspaceArray,
    /// The first position along the readout of a volume, and how many there are.
    window: Option<(usize, usize)>,
}

impl Planes for Direct {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let KspaceArray { source, kinds } = &self.array;
        let axes = self.array.slice_axes();
        let lengths = axes.iter().map(|&a| match (kinds[a], self.window) {
            (AxisKind::X, Some((_, length))) => length,
            _ => source.shape[a],
        });
        let (mut start, mut count) = (vec![0; source.shape.len()], source.shape.clone());
        for (&axis, at) in axes.iter().zip(unravel(slice, lengths)) {
            let first = self.window.filter(|_| kinds[axis] == AxisKind::X);
            start[axis] = at + first.map_or(0, |(first, _)| first);
            count[axis] = 1;
        }
        let block = source.block::<f32>(&start, &count, Some(slice))?;
        let [rows, cols] = self.array.in_plane();
        let order = self.array.order([AxisKind::X, rows, cols]);
        let grid = self.array.grid();
        in_order(block, order)
            .into_shape_with_order((self.array.coils(), grid.rows, grid.cols))
            .map_err(|e| source.error(e.to_string(), DAMAGED).caused_by(e))
    }
}

fn in_order(block: ArrayD<Complex<f32>>, order: Vec<usize>) -> ArrayD<Complex<f32>> {
    let block = block.permuted_axes(order);
    if block.is_standard_layout() {
        block
    } else {
        block.as_standard_layout().into_owned()
    }
}

/// Reads what all formats of arrays have in common: k-space in the dataset named, `kspace` by default, and by other
/// names in its file an ISMRMRD header, a mask, a probability and references, all optional.
pub(super) fn open(format: &'static str, file: &Container, options: &ScanOptions, usual: UsualAxes) -> Result<Scan> {
    let kspace = kspace_of(file, options)?;
    let (attributes, mut warnings) = file.hdf5().map(Hdf5File::attributes).unwrap_or_default();
    let header = header_of(file, &mut warnings);
    if !kspace.element.is_complex() {
        let mend = if kspace.element.is_number() {
            "give complex k-space: write real and imaginary part as one complex array"
        } else {
            "write k-space as complex64, a compound {r, i} of floats"
        };
        return Err(kspace.error(format!("holds {}, not complex numbers", kspace.dtype), mend));
    }
    if kspace.shape.contains(&0) {
        let shape = shape_text(&kspace.shape);
        let problem = format!("has shape {shape}, with an empty axis");
        return Err(kspace.error(problem, "give a scan with data"));
    }
    let (axes, stated) = axes_of(&kspace, options, usual, &mut warnings)?;
    let array = KspaceArray::new(kspace, &axes)?;
    warnings.extend(check_axes::check(&array, header.as_ref(), stated)?);
    if let Some(header) = &header {
        warnings.extend(header.contradictions());
        warnings.extend(header.misfit(array.plane().in_plane(), array.grid()));
    }
    let optional = |name: &str| file.source(name);
    let (grid, order) = (array.grid(), array.plane_order());
    let mask = optional("mask")?.map(|s| mask_of(&s, grid, order)).transpose()?;
    let probability = optional("prob_map")?
        .map(|s| probability_of(&s, grid, order))
        .transpose()?;
    let mut references = Vec::new();
    for name in ["reconstruction_rss", "reconstruction_esc"] {
        match optional(name) {
            Ok(source) => references.extend(source),
            Err(error) => warnings.push(format!("a reference is not used: {error}")),
        }
    }
    let (coils, plane) = (array.coils(), array.plane());
    let (place, dtype) = (array.source.place.clone(), array.source.dtype.clone());
    let positions = (plane == Plane::Yz).then(|| window_of(&array, header.as_ref()).1);
    let of_axes = array.places(positions);
    let volumes = array.repeated();
    let (planes, slices) = planes_of(array, header.as_ref())?;
    let stored = match options.axes {
        None => read_places(file, slices)?,
        Some(_) => None,
    };
    let known = match options.axes {
        None => read_geometry(file, slices)?,
        Some(_) => None,
    };
    Ok(Scan {
        place,
        format,
        slices,
        planes_of_volume: if plane == Plane::Yz { slices / volumes } else { 1 },
        coils,
        grid,
        dtype,
        geometry: known.unwrap_or_else(|| Geometry::of_header(header.as_ref(), plane, grid)),
        places: stored.unwrap_or(of_axes),
        planes,
        references,
        header,
        mask,
        probability,
        noise_covariance: None,
        calibration: None,
        noise_chain: None,
        kspace_order: order,
        attributes,
        steps_at_centre: None,
        image_begins: ImageBegins::AtItsEdge,
        origin: None,
        looked_at: Default::default(),
        anonymized: false,
        warnings,
        files: ReadFiles::default(),
    })
}

/// The axes that the user names, else the file, else those that are usual.
fn axes_of(
    kspace: &Source,
    options: &ScanOptions,
    usual: UsualAxes,
    warnings: &mut Vec<String>,
) -> Result<(Axes, Stated)> {
    if let Some(axes) = &options.axes {
        return Ok((axes.clone(), Stated::User));
    }
    if let Some(text) = kspace.hdf5().and_then(|dataset| dataset.attribute_text(AXES)) {
        match text.parse() {
            Ok(axes) => return Ok((axes, Stated::File)),
            Err(why) => warnings.push(format!("the attribute '{AXES}' of the k-space is not used: {why}")),
        }
    }
    let (axes, guess) = usual(kspace)?;
    warnings.extend(guess);
    Ok((axes, Stated::Nobody))
}

/// Planes, unprepared, and how many slices there are.
fn planes_of(array: KspaceArray, header: Option<&Header>) -> Result<(Box<dyn Planes>, usize)> {
    let repeated = array.repeated();
    if array.plane() == Plane::Xy {
        return Ok((Box::new(Direct { array, window: None }), repeated));
    }
    let window = window_of(&array, header);
    let slices = repeated * window.1;
    let transformed = array.position(AxisKind::Kx).is_none();
    if transformed && array.planes_lie_together() {
        let window = Some(window);
        return Ok((Box::new(Direct { array, window }), slices));
    }
    // a damaged shape is known before a file as large is made
    array.source.check_claim()?;
    Ok((Ordered::later(Volumes { array, window }), slices))
}

/// The positions along the readout of a volume that are kept, as first and count.
fn window_of(array: &KspaceArray, header: Option<&Header>) -> (usize, usize) {
    readout::window(array.length(AxisKind::X) * array.length(AxisKind::Kx), header)
}

fn kspace_of(file: &Container, options: &ScanOptions) -> Result<Source> {
    let path = file.path();
    match (file.only(), &options.dataset) {
        (Some(only), None) => return Ok(only.of_kspace()),
        (Some(_), Some(name)) => {
            let problem = format!("no array '{name}'; this kind of file holds one array, which has no name");
            return Err(Error::data(path, problem, "leave out --kspace"));
        }
        (None, _) => {}
    }
    let name = options.dataset.as_deref().unwrap_or("kspace");
    if let Some(kspace) = file.source(name)? {
        return Ok(kspace);
    }
    let held = file.sources();
    let mut complex = held.iter().filter(|s| s.element.is_complex() && s.shape.len() > 1);
    match (file.hdf5(), &options.dataset, complex.next(), complex.next()) {
        (None, None, Some(only), None) => Ok(only.clone()),
        _ => Err(check_axes::no_kspace(&held, path, name)),
    }
}

fn header_of(file: &Container, warnings: &mut Vec<String>) -> Option<Header> {
    file.hdf5()?;
    let why = match file.source("ismrmrd_header").map(|s| s.map(|s| Header::read(&s))) {
        Ok(None) => return None,
        Ok(Some(Ok(header))) => return Some(header),
        Ok(Some(Err(why))) => why,
        Err(error) => error.to_string().into(),
    };
    warnings.push(format!("the ismrmrd_header is not used: {why}"));
    None
}
