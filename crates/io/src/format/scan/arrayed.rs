//! k-space that lies in a file as one array, whose axes have a stated or a usual meaning.

use std::path::Path;

use ndarray::{ArrayD, ArrayView4, Axis};
use num_complex::Complex;

use super::super::attribute::{self, text_of};
use super::super::header::Header;
use super::super::maps::AXES;
use super::super::masks::{mask_of, probability_of};
use super::super::placed::read_geometry;
use super::super::source::array::Source;
use super::super::source::container::Container;
use super::super::source::messages::{DAMAGED, shape_text};
use super::axes::{Axes, AxisKind};
use super::plausible::{self, Stated};
use super::readout::{self, Volumes};
use super::store::Ordered;
use super::{Geometry, Plane, Planes, Scan, ScanOptions};
use crate::error::{Error, Result};
use pvdamp::array::{CoilStack, Grid};

/// The axes that a format gives an array, and what to warn of if it had to guess. The error is the whole sentence.
pub(super) type UsualAxes = fn(&Source) -> Result<(Axes, Option<String>)>;

/// An array of k-space. Axes of length 1 that are not named count as slices.
pub(super) struct Array {
    pub source: Source,
    /// Of each axis.
    pub kinds: Vec<AxisKind>,
}

impl Array {
    /// # Errors
    /// Axes that are not as many as the array has, but for those of length 1.
    pub fn new(source: Source, axes: &Axes) -> Result<Self> {
        let named = axes.kinds().len();
        let spare = source.shape.len().saturating_sub(named);
        let singles = source.shape.iter().filter(|&&n| n == 1).count();
        if named > source.shape.len() || spare > singles {
            let shape = shape_text(&source.shape);
            let problem = format!(
                "has shape {shape}, of {} axes, but {axes} are {named}",
                source.shape.len()
            );
            return Err(source.error(
                problem,
                "name each axis that is longer than 1, slowest first, by --axes",
            ));
        }
        let (mut spare, mut kinds) = (spare, axes.kinds().iter().copied());
        let of = |&length: &usize| {
            if length == 1 && spare > 0 {
                spare -= 1;
                return AxisKind::Slice;
            }
            kinds.next().unwrap_or(AxisKind::Slice)
        };
        let kinds = source.shape.iter().map(of).collect();
        Ok(Self { source, kinds })
    }

    /// Where the axis of a kind is, of those that there is one of.
    pub fn position(&self, kind: AxisKind) -> Option<usize> {
        self.kinds.iter().position(|&k| k == kind)
    }

    /// The length of all axes of a kind together; 1 if there is none.
    pub fn length(&self, kind: AxisKind) -> usize {
        let lengths = self.kinds.iter().zip(&self.source.shape).filter(|(k, _)| **k == kind);
        lengths.map(|(_, n)| n).product()
    }

    pub fn coils(&self) -> usize {
        self.length(AxisKind::Coil)
    }

    pub fn plane(&self) -> Plane {
        match self.position(AxisKind::Kz) {
            Some(_) => Plane::Yz,
            None => Plane::Xy,
        }
    }

    /// The axes that rows and columns are.
    pub fn in_plane(&self) -> [AxisKind; 2] {
        match self.plane() {
            Plane::Xy => [AxisKind::Kx, AxisKind::Ky],
            Plane::Yz => [AxisKind::Ky, AxisKind::Kz],
        }
    }

    pub fn grid(&self) -> Grid {
        let [rows, cols] = self.in_plane().map(|kind| self.length(kind));
        Grid::new(rows, cols)
    }

    /// The axes in words, as in `--axes`.
    pub fn axes(&self) -> Axes {
        Axes::of(self.kinds.clone())
    }

    /// Axes of slices in the order in which their indices count, then the readout of a volume.
    pub fn slice_axes(&self) -> Vec<usize> {
        let of = |kind: AxisKind| (0..self.kinds.len()).filter(move |&a| self.kinds[a] == kind);
        let along = if self.plane() == Plane::Yz {
            [AxisKind::X, AxisKind::Kx].as_slice()
        } else {
            &[]
        };
        of(AxisKind::Slice)
            .chain(along.iter().flat_map(|&kind| of(kind)))
            .collect()
    }

    /// The order in which axes stand as `(slices..., coil, second, third, fourth)`, those that are missing left out.
    pub fn order(&self, last: [AxisKind; 3]) -> Vec<usize> {
        let slices = (0..self.kinds.len()).filter(|&a| self.kinds[a] == AxisKind::Slice);
        let others = [[AxisKind::Coil].as_slice(), &last].concat();
        slices
            .chain(others.into_iter().filter_map(|kind| self.position(kind)))
            .collect()
    }

    /// Whether each plane lies in a few pieces, so that it can be read as it is needed.
    fn planes_lie_together(&self) -> bool {
        let strides = self.source.strides();
        let stride = |kind: AxisKind| self.position(kind).map(|a| strides[a]);
        let in_plane = self.in_plane().map(|kind| stride(kind).unwrap_or(0));
        stride(AxisKind::X).is_none_or(|x| in_plane.iter().all(|&s| s < x))
    }
}

/// Index of each axis, the last fastest, that the `index`-th of all is at.
pub(super) fn unravel(mut index: usize, lengths: impl DoubleEndedIterator<Item = usize>) -> Vec<usize> {
    let mut at: Vec<usize> = lengths
        .rev()
        .map(|n| {
            let here = index % n;
            index /= n;
            here
        })
        .collect();
    at.reverse();
    at
}

/// Planes read where they lie.
struct Direct {
    array: Array,
    /// The first position along the readout of a volume, and how many there are.
    window: Option<(usize, usize)>,
}

impl Planes for Direct {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let Array { source, kinds } = &self.array;
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
            .map_err(|e| source.error(e.to_string(), DAMAGED))
    }
}

fn in_order(block: ArrayD<Complex<f32>>, order: Vec<usize>) -> ArrayD<Complex<f32>> {
    let block = block.permuted_axes(order);
    match block.is_standard_layout() {
        true => block,
        false => block.as_standard_layout().into_owned(),
    }
}

/// A block with one index of each axis of slices as `(coils, p, q, readout)`.
pub(super) fn four_axes<'a>(
    block: &'a ArrayD<Complex<f32>>,
    array: &Array,
    [p, q, readout]: [AxisKind; 3],
) -> Option<ArrayView4<'a, Complex<f32>>> {
    let mut view = block.view().permuted_axes(array.order([p, q, readout]));
    for _ in array.kinds.iter().filter(|&&kind| kind == AxisKind::Slice) {
        view = view.index_axis_move(Axis(0), 0);
    }
    if array.position(AxisKind::Coil).is_none() {
        view.insert_axis_inplace(Axis(0));
    }
    view.into_dimensionality().ok()
}

/// Reads what all formats of arrays have in common: k-space in the dataset named, `kspace` unless told, and by other names
/// in its file an ISMRMRD header, a mask, a probability and references, all optional.
pub(super) fn open(format: &'static str, path: &Path, options: &ScanOptions, usual: UsualAxes) -> Result<Scan> {
    let file = Container::open(path)?;
    let kspace = kspace_of(&file, path, options)?;
    let (attributes, mut warnings) = file.hdf5().map(|f| attribute::read_all(f)).unwrap_or_default();
    let header = header_of(&file, &mut warnings);
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
    let array = Array::new(kspace, &axes)?;
    warnings.extend(plausible::check(&array, header.as_ref(), stated)?);
    let optional = |name: &str| file.source(name);
    let grid = array.grid();
    let mask = optional("mask")?.map(|s| mask_of(&s, grid)).transpose()?;
    let probability = optional("prob_map")?.map(|s| probability_of(&s, grid)).transpose()?;
    let mut references = Vec::new();
    for name in ["reconstruction_rss", "reconstruction_esc"] {
        match optional(name) {
            Ok(source) => references.extend(source),
            Err(error) => warnings.push(format!("a reference is not used: {error}")),
        }
    }
    let (coils, plane) = (array.coils(), array.plane());
    let (place, dtype) = (array.source.place.clone(), array.source.dtype.clone());
    let (planes, slices) = planes_of(array, header.as_ref())?;
    let known = match options.axes {
        None => read_geometry(&file, slices)?,
        Some(_) => None,
    };
    Ok(Scan {
        place,
        format,
        slices,
        coils,
        grid,
        dtype,
        geometry: known.unwrap_or_else(|| Geometry::of_header(header.as_ref(), plane, grid)),
        planes,
        references,
        header,
        mask,
        probability,
        noise_covariance: None,
        attributes,
        warnings,
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
    if let Some(text) = kspace.dataset().and_then(|dataset| text_of(dataset, AXES)) {
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
fn planes_of(array: Array, header: Option<&Header>) -> Result<(Box<dyn Planes>, usize)> {
    let repeated = array.length(AxisKind::Slice);
    if array.plane() == Plane::Xy {
        return Ok((Box::new(Direct { array, window: None }), repeated));
    }
    let length = array.length(AxisKind::X) * array.length(AxisKind::Kx);
    let window = readout::window(length, header);
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

fn kspace_of(file: &Container, path: &Path, options: &ScanOptions) -> Result<Source> {
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
        _ => Err(plausible::no_kspace(&held, path, name)),
    }
}

fn header_of(file: &Container, warnings: &mut Vec<String>) -> Option<Header> {
    file.hdf5()?;
    let why = match file.source("ismrmrd_header").map(|s| s.map(|s| Header::read(&s))) {
        Ok(None) => return None,
        Ok(Some(Ok(header))) => return Some(header),
        Ok(Some(Err(why))) => why,
        Err(error) => error.to_string(),
    };
    warnings.push(format!("the ismrmrd_header is not used: {why}"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_axis_counts_fastest() {
        let at = |index| unravel(index, [2usize, 3, 4].into_iter());
        assert_eq!((at(0), at(5), at(23)), (vec![0, 0, 0], vec![0, 1, 1], vec![1, 2, 3]));
        assert_eq!(unravel(0, std::iter::empty()), [0usize; 0]);
    }
}
