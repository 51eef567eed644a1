//! Images read from a file, slice by slice, to be written as another.

use ndarray::{Array2, Ix2, s};
use num_complex::Complex;

use super::super::attribute::{Attribute, AttributeValue};
use super::super::geometry::{Geometry, Plane};
use super::super::geometry_dataset::{GEOMETRY, read_geometry};
use super::super::header::Header;
use super::super::plane_order::AXES;
use super::super::scan::{Axes, MOST_SLICES};
use super::super::source::array::Source;
use super::super::source::container::{Container, files_of};
use super::super::source::find::Wanted;
use super::super::source::messages::{DAMAGED, shape_text};
use super::super::stamp::ReadFiles;
use super::part::Part;
use super::sink::Series;
use crate::error::{Place, Result};
use pvdamp::array::Grid;
use pvdamp::solve::Method;

/// Names of images, the first that is there is taken where none is given.
const NAMES: [&str; 4] = [MAGNITUDE, "reconstruction_rss", "reconstruction_esc", IMAGE];
const MAGNITUDE: &str = "reconstruction";
/// What it is the magnitude of, in full size.
const IMAGE: &str = "image";
const KSPACE: &str = "kspace";
/// As BART numbers its dimensions.
const COILS: usize = 3;

/// Images `(slices, rows, cols)` in a file, with what the file says of them.
pub struct Images {
    source: Source,
    /// What they are read from, as it was before.
    files: ReadFiles,
    slices: usize,
    /// What is read of each slice, about its origin.
    grid: Grid,
    pub(in crate::format) geometry: Geometry,
    pub(in crate::format) header: Option<Header>,
    method: String,
    /// Whether what tells of the patient was taken out.
    pub(in crate::format) anonymized: bool,
    /// Those of the file.
    pub attributes: Vec<Attribute>,
    /// What was left out, a sentence each.
    pub warnings: Vec<String>,
}

/// Whether `place` means images, rather than k-space: what it names has at most three axes, or is not there, and is no
/// raw data; or, where it names a file alone, that has images, or one array that may be some, and no `kspace`.
pub fn holds_images(place: &Place) -> bool {
    let Ok(file) = Container::open(&place.file) else {
        return false;
    };
    let of = |source: Source| source.shape.len();
    let rank = |name: &str| file.source(name).ok().flatten().map(of);
    match (&place.dataset, file.only()) {
        (Some(name), None) => {
            let kspace = name.rsplit('/').next() == Some(KSPACE);
            !kspace && !is_raw(&file, name) && rank(name).is_none_or(|axes| axes <= 3)
        }
        (None, None) => {
            let named = |name: &&str| rank(name).is_some_and(|axes| axes <= 3);
            rank(KSPACE).is_none() && (NAMES.iter().any(named) || only_images(&file))
        }
        (_, Some(array)) => array.shape.len() <= 3 && array.dimensions().is_none_or(|lengths| lengths[COILS] == 1),
    }
}

/// Whether a group of HDF5 is a measurement in ISMRMRD's layout, or its table.
fn is_raw(file: &Container, name: &str) -> bool {
    let name = name.trim_matches('/');
    let measurement = |group: &str| ["data", "xml"].iter().all(|part| file.has(&format!("{group}/{part}")));
    let folder = name
        .strip_suffix("data")
        .filter(|folder| folder.is_empty() || folder.ends_with('/'));
    file.hdf5().is_some()
        && (measurement(name) || folder.is_some_and(|folder| measurement(folder.trim_end_matches('/'))))
}

/// Whether the only array of numbers in a file has two or three axes.
fn only_images(file: &Container) -> bool {
    let held = file.sources();
    let raw = held.iter().any(|source| is_raw(file, source.name()));
    let mut numbers = held.iter().filter(|source| source.element.is_number());
    match (numbers.next(), numbers.next()) {
        (Some(only), None) => !raw && matches!(only.shape.len(), 2 | 3) && only.name() != GEOMETRY,
        _ => false,
    }
}

impl Images {
    /// Opens images; none are read yet. Real or complex `(slices, rows, cols)`, or `(rows, cols)` as one slice.
    ///
    /// # Errors
    /// A file or dataset that is not there, of another shape or larger than what is stored, and a `geometry` of other
    /// slices.
    pub fn open(place: &Place) -> Result<Self> {
        Self::open_parts(place, &[])
    }

    fn open_in(file: &Container, place: &Place, files: ReadFiles) -> Result<Self> {
        let images = |source: &Source| {
            source.element.is_number() && matches!(source.shape.len(), 2 | 3) && source.name() != GEOMETRY
        };
        let source = Wanted {
            what: "images",
            names: &NAMES,
            fits: &images,
        }
        .find_in(file, place)?;
        let (slices, grid) = match source.shape[..] {
            [slices, rows, cols] => (slices, Grid::new(rows, cols)),
            [rows, cols] => (1, Grid::new(rows, cols)),
            _ => {
                let problem = format!("has shape {}", shape_text(&source.shape));
                return Err(source.error(problem, "give images as (slices, rows, cols) or (rows, cols)"));
            }
        };
        if source.shape.contains(&0) {
            let problem = format!("has shape {}, with an empty axis", shape_text(&source.shape));
            return Err(source.error(problem, "give images with data"));
        }
        // what is written has names and room for every slice before the first is read
        source.check_claim()?;
        if slices > MOST_SLICES {
            let problem = format!("has shape {}: {slices} slices", shape_text(&source.shape));
            return Err(source.error(problem, format!("no more than {MOST_SLICES} are read; reshape it")));
        }
        let mut images = Self {
            source,
            files,
            slices,
            grid,
            geometry: Geometry::default(),
            header: None,
            method: String::new(),
            anonymized: false,
            attributes: Vec::new(),
            warnings: Vec::new(),
        };
        images.read_about(file)?;
        images.files.check()?;
        Ok(images)
    }

    /// The same, for these parts of the images. Where `place` names no dataset, magnitudes that stand beside the complex
    /// `image` that they come from are taken from it, cropped as they are.
    ///
    /// # Errors
    /// As of [`Images::open`], and images without a phase where a part needs it.
    pub fn open_parts(place: &Place, parts: &[Part]) -> Result<Self> {
        let files = ReadFiles::of(files_of(&place.file)?);
        let file = Container::open(&place.file)?;
        let mut images = Self::open_in(&file, place, files)?;
        let needed = parts.iter().find(|part| part.needs_phase());
        let Some(part) = needed.filter(|_| !images.is_complex()) else {
            return Ok(images);
        };
        if let Some(image) = images.complex_beside(&file, place)? {
            image.check_claim()?;
            images.source = image;
            images.files.check()?;
            return Ok(images);
        }
        let problem = format!("holds real numbers, and '{}' is a part of complex images", part.name());
        let mend = "name complex images, as FILE:image, or ask for mag alone";
        Err(images.source.error(problem, mend))
    }

    /// The complex images that the magnitudes come from, where the file has them and `place` leaves the choice.
    fn complex_beside(&self, file: &Container, place: &Place) -> Result<Option<Source>> {
        let name = self.source.name().trim_matches('/');
        let named = place
            .dataset
            .as_deref()
            .is_some_and(|named| named.trim_matches('/') == name);
        let (folder, last) = name
            .rsplit_once('/')
            .map_or(("", name), |(folder, last)| (folder, last));
        if named || last != MAGNITUDE {
            return Ok(None);
        }
        let image = file.source(&format!("{folder}/{IMAGE}"))?;
        let holds = |image: &Source| match image.shape[..] {
            [slices, rows, cols] => slices == self.slices && rows >= self.grid.rows && cols >= self.grid.cols,
            _ => false,
        };
        Ok(image.filter(|image| image.element.is_complex() && holds(image)))
    }

    /// Header, geometry, attributes and method, of a file that has them.
    fn read_about(&mut self, file: &Container) -> Result<()> {
        let header = file.source("ismrmrd_header")?.map(|source| Header::read(&source));
        self.header = match header.transpose() {
            Ok(header) => header,
            Err(why) => {
                self.warnings.push(format!("the ismrmrd_header is not used: {why}"));
                None
            }
        };
        // a plane by itself, as a mask is, lies at no slice
        let known = match self.source.shape.len() {
            2 => None,
            _ => read_geometry(file, self.slices)?,
        };
        let lengths = self.source.dimensions();
        let volume = lengths.is_some_and(|lengths| !lengths[..3].contains(&1)) || of_volume(file);
        let plane = if volume { Plane::Yz } else { Plane::Xy };
        let voxel = |header: &Header| voxel_of(header, plane, self.grid);
        self.geometry = known.unwrap_or_else(|| Geometry {
            plane,
            voxel_mm: self.header.as_ref().and_then(voxel),
            ..Geometry::default()
        });
        let Some(file) = file.hdf5() else {
            return Ok(());
        };
        (self.attributes, _) = file.attributes();
        let settings = file.attributes_of("settings").unwrap_or_default().0;
        let method = settings.into_iter().find(|a| a.name == "method");
        if let Some(AttributeValue::Text(method)) = method.map(|method| method.value) {
            self.method = method;
        }
        file.check()
    }

    pub fn is_complex(&self) -> bool {
        self.source.element.is_complex()
    }

    /// What is known of them, for a format that they are written in.
    pub fn series(&self) -> Series {
        // the file may call both anything
        let method = if self.anonymized {
            Method::find(&self.method).map_or("", |method| method.name)
        } else {
            &self.method
        };
        let dataset = match self.source.name() {
            "" => String::new(),
            name if self.anonymized && !NAMES.contains(&name) => String::new(),
            name => format!(" '{name}'"),
        };
        let by = match method {
            "" => String::new(),
            method => format!(", method {method}"),
        };
        Series {
            slices: self.slices,
            grid: self.grid,
            geometry: self.geometry.clone(),
            header: self.header.clone(),
            description: format!("images{dataset}{by}, converted by pvdamp {}", env!("CARGO_PKG_VERSION")),
            method: method.to_string(),
            parts: Vec::new(),
            anonymized: self.anonymized,
        }
    }

    /// One slice, `(rows, cols)`.
    ///
    /// # Errors
    /// Data that cannot be read, NaN and Inf, and a file that changed since it was opened.
    pub fn read(&self, slice: usize) -> Result<Array2<Complex<f32>>> {
        let lead: &[usize] = if self.source.shape.len() == 2 { &[] } else { &[slice] };
        let values = self.source.complex::<f32>(lead);
        self.files.check()?;
        let values = values?
            .into_dimensionality::<Ix2>()
            .map_err(|e| self.source.error(e.to_string(), DAMAGED).caused_by(e))?;
        let (row, col) = Grid::from(values.dim()).centred_offset(self.grid);
        Ok(values.slice_move(s![row..row + self.grid.rows, col..col + self.grid.cols]))
    }
}

/// Whether the k-space beside the images tells that it is that of a volume.
fn of_volume(file: &Container) -> bool {
    let kspace = file.source(KSPACE).ok().flatten();
    let axes = kspace.and_then(|kspace| kspace.hdf5()?.attribute_text(AXES));
    axes.is_some_and(|text| text.parse().is_ok_and(|axes: Axes| axes.is_volume()))
}

/// Size of a pixel of images that have the matrix which the header calls reconstructed, or else the encoded one.
fn voxel_of(header: &Header, plane: Plane, grid: Grid) -> Option<[f64; 3]> {
    let [rows, cols] = plane.in_plane();
    let fits = |matrix: [usize; 3]| [matrix[rows], matrix[cols]] == [grid.rows, grid.cols];
    let spaces = [header.recon, header.encoded].into_iter().flatten();
    let space = spaces.into_iter().find(|space| fits(space.matrix))?;
    let reconstructed = Header {
        encoded: Some(space),
        ..Header::default()
    };
    Geometry::of_header(Some(&reconstructed), plane, grid).voxel_mm
}
