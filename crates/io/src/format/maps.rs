//! Coil sensitivity maps and noise covariances given by the user.

use ndarray::{Array2, Ix2};
use num_complex::Complex;

use super::plane_order::{KspaceOrder, is_columns, plane_order, words};
use super::source::array::Source;
use super::source::find::Wanted;
use super::source::messages::{DAMAGED, shape_text};
use crate::error::{Place, Result};
use pvdamp::array::{Grid, Maps};
use pvdamp::coil::eigenvalues;

/// More sets of ESPIRiT maps than this serve no scan; a longer axis means something else.
const MOST_SETS: usize = 4;

/// Maps on disk, read slice by slice.
pub struct MapsFile {
    source: Source,
    axes: Vec<MapAxis>,
    /// Whether rows and columns may be the other way round.
    doubtful: bool,
    /// Whether their first pixel is the middle of the image.
    rolled: bool,
    /// How they are read, where that is not as usual.
    told: Option<String>,
}

/// What an axis of maps is, in the order in which maps are handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum MapAxis {
    /// Of length 1.
    One,
    Slice,
    Place,
    Set,
    Coil,
    Row,
    Column,
}

/// What the first axis of maps counts, beside sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// Nothing: they are one for all slices.
    All,
    /// Slices.
    Slices,
    /// Places, whose frames share maps.
    Places,
}

/// Opens the maps of a scan: `(coils, rows, cols)` for all slices, `(slices, coils, rows, cols)`,
/// `(sets, coils, rows, cols)` for all slices, or `(slices, sets, coils, rows, cols)`. Where several slices show a place, as
/// the frames of a dynamic scan, there may be as many maps as places instead. The coils may be last, and columns before rows,
/// where the shape leaves no doubt, or [`KspaceOrder`] says so. Maps of BART are read by their dimensions,
/// one slice of them for all.
///
/// The attribute [`AXES`](super::AXES) tells the axes, or of four the first; without it, it is the slices or places if it is as long.
/// Without a dataset name: `maps`, `sensitivity_maps`, `smaps`, or the only complex dataset of fitting shape.
pub fn read_maps(place: &Place, scan: MapsOf) -> Result<MapsFile> {
    let fits = |source: &Source| source.element.is_complex() && !arrangements(source, scan).is_empty();
    let names = &["maps", "sensitivity_maps", "smaps"];
    let source = Wanted {
        what: "coil sensitivity maps",
        names,
        fits: &fits,
    }
    .find(place)?;
    let source = source.maps_by_dimensions().unwrap_or(source);
    let found = arrangements(&source, scan);
    let fits = [false, true].map(|columns_first| found.iter().any(|axes| has_columns_first(axes) == columns_first));
    let lies = plane_order(&source, fits, scan.order, false).ok_or_else(|| misfit(&source, scan))?;
    let mut chosen = found
        .into_iter()
        .filter(|axes| has_columns_first(axes) == lies.columns_first);
    let axes = chosen.next().ok_or_else(|| misfit(&source, scan))?;
    let unusual = lies.columns_first && !scan.order.columns_first && fits == [false, true];
    let told = unusual.then(|| {
        format!(
            "the given coil maps, of shape {}, are read with columns before rows: only that fits",
            shape_text(&source.shape)
        )
    });
    Ok(MapsFile {
        source,
        axes,
        doubtful: lies.doubtful,
        rolled: false,
        told,
    })
}

fn has_columns_first(axes: &[MapAxis]) -> bool {
    axes.iter().find(|axis| **axis >= MapAxis::Row) == Some(&MapAxis::Column)
}

/// What the axes can be, the more usual first; of those with the coils last only where no other fits.
fn arrangements(source: &Source, scan: MapsOf) -> Vec<Vec<MapAxis>> {
    use MapAxis::{Coil, Column, One, Row};
    if let Some(mut axes) = stated(source) {
        // maps of one slice are those of a place that several slices show
        for (axis, &length) in axes.iter_mut().zip(&source.shape) {
            if *axis == MapAxis::Slice && length != scan.slices && length == scan.places {
                *axis = MapAxis::Place;
            }
        }
        return Vec::from_iter(fitting(source, &axes, scan).then_some(axes));
    }
    let inner = [
        [Coil, Row, Column],
        [Coil, Column, Row],
        [Row, Column, Coil],
        [Column, Row, Coil],
    ];
    let singles = source.shape.iter().filter(|&&n| n == 1).count();
    for dropped in [false, true].into_iter().take(1 + usize::from(singles > 0)) {
        let kept: Vec<usize> = (0..source.shape.len())
            .filter(|&a| !dropped || source.shape[a] != 1)
            .collect();
        let lengths: Vec<usize> = kept.iter().map(|&a| source.shape[a]).collect();
        let Some(outer) = lengths.len().checked_sub(inner[0].len()) else {
            continue;
        };
        let Some(lead) = lead_axes(source, &lengths[..outer], scan) else {
            // maps of one slice are not for all slices
            if lengths.ends_with(&[scan.coils, scan.grid.rows, scan.grid.cols]) {
                break;
            }
            continue;
        };
        let whole = inner.iter().filter_map(|inner| {
            let mut axes = vec![One; source.shape.len()];
            let of_kept = lead.iter().chain(inner);
            kept.iter().zip(of_kept).for_each(|(&at, &axis)| axes[at] = axis);
            fitting(source, &axes, scan).then_some(axes)
        });
        let mut found: Vec<Vec<MapAxis>> = whole.collect();
        let coils_last =
            |axes: &Vec<MapAxis>| axes.iter().rposition(|a| *a == Coil) > axes.iter().position(|a| *a == Row);
        if found.iter().any(|axes| !coils_last(axes)) {
            found.retain(|axes| !coils_last(axes));
        }
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

/// Whether the lengths of axes are those of the scan.
fn fitting(source: &Source, axes: &[MapAxis], scan: MapsOf) -> bool {
    axes.len() == source.shape.len()
        && axes.iter().zip(&source.shape).all(|(axis, &length)| match axis {
            MapAxis::One => length == 1,
            MapAxis::Slice => length == scan.slices,
            MapAxis::Place => length == scan.places,
            MapAxis::Set => (1..=MOST_SETS).contains(&length),
            MapAxis::Coil => length == scan.coils,
            MapAxis::Row => length == scan.grid.rows,
            MapAxis::Column => length == scan.grid.cols,
        })
}

/// The axes that the attribute names, where it names each of them.
fn stated(source: &Source) -> Option<Vec<MapAxis>> {
    let words = words(source);
    let axis = |word: &String| match (word.as_str(), is_columns(word, &words)) {
        (_, Some(true)) => Some(MapAxis::Column),
        (_, Some(false)) => Some(MapAxis::Row),
        ("slices" | "slice" | "x" | "kx", None) => Some(MapAxis::Slice),
        ("places" | "place", None) => Some(MapAxis::Place),
        ("sets" | "set", None) => Some(MapAxis::Set),
        ("coils" | "coil", None) => Some(MapAxis::Coil),
        _ => None,
    };
    let axes: Vec<MapAxis> = words.iter().map(axis).collect::<Option<_>>()?;
    let once = |axis: MapAxis| axes.iter().filter(|a| **a == axis).count() == 1;
    let whole =
        axes.len() == source.shape.len() && [MapAxis::Coil, MapAxis::Row, MapAxis::Column].map(once) == [true; 3];
    whole.then_some(axes)
}

/// What the axes before coils, rows and columns are.
fn lead_axes(source: &Source, lengths: &[usize], scan: MapsOf) -> Option<Vec<MapAxis>> {
    let are_sets = |n: usize| (1..=MOST_SETS).contains(&n);
    let counted = |n: usize| match n {
        _ if n == scan.slices => Some(MapAxis::Slice),
        _ if n == scan.places => Some(MapAxis::Place),
        _ => None,
    };
    match *lengths {
        [] => Some(Vec::new()),
        [1, n] if are_sets(n) && source.dimensions().is_some() => Some(vec![MapAxis::One, MapAxis::Set]),
        [s, n] if are_sets(n) => Some(vec![counted(s)?, MapAxis::Set]),
        [n] => match (words(source).first().map(String::as_str), counted(n)) {
            (Some("slices" | "places") | None, Some(first)) => Some(vec![first]),
            (Some("sets") | None, _) if are_sets(n) => Some(vec![MapAxis::Set]),
            _ => None,
        },
        _ => None,
    }
}

impl MapsFile {
    /// Sets of maps: 1, or more where the object exceeds the field of view.
    pub fn sets(&self) -> usize {
        self.position(MapAxis::Set).map_or(1, |axis| self.source.shape[axis])
    }

    /// What there are maps for.
    pub fn first(&self) -> First {
        match (self.position(MapAxis::Slice), self.position(MapAxis::Place)) {
            (Some(_), _) => First::Slices,
            (None, Some(_)) => First::Places,
            (None, None) => First::All,
        }
    }

    /// Whether rows and columns may be the other way round, so that only the data can tell.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// How they are read, where that is not as usual.
    pub fn told(&self) -> Option<&str> {
        self.told.as_deref()
    }

    /// Takes rows for columns, and columns for rows.
    pub fn turn(&mut self) {
        for axis in &mut self.axes {
            *axis = match *axis {
                MapAxis::Row => MapAxis::Column,
                MapAxis::Column => MapAxis::Row,
                other => other,
            };
        }
    }

    /// Takes the middle of the image for its first pixel, and its first pixel for the middle.
    pub fn roll(&mut self) {
        self.rolled = !self.rolled;
    }

    fn position(&self, axis: MapAxis) -> Option<usize> {
        self.axes.iter().position(|a| *a == axis)
    }

    /// Reads the maps of a slice at a place, `(sets, coils, rows, cols)`; all of them finite.
    pub fn slice(&self, slice: usize, place: usize) -> Result<Maps<f32>> {
        let (mut start, mut count) = (vec![0; self.axes.len()], self.source.shape.clone());
        let mut lead = None;
        for (at, axis) in self.axes.iter().enumerate() {
            let index = match axis {
                MapAxis::Slice => slice,
                MapAxis::Place => place,
                _ => continue,
            };
            if index >= count[at] {
                let problem = format!("has no maps {index}, but {} of them", count[at]);
                return Err(self.source.error(problem, "give maps for every slice"));
            }
            (start[at], count[at], lead) = (index, 1, Some(index));
        }
        let values = self.source.block::<f32>(&start, &count, lead)?;
        let mut order: Vec<usize> = (0..self.axes.len()).collect();
        order.sort_by_key(|&at| self.axes[at]);
        let length = |axis| self.position(axis).map_or(1, |at| count[at]);
        let shape = [MapAxis::Set, MapAxis::Coil, MapAxis::Row, MapAxis::Column].map(length);
        let values = values.permuted_axes(order).as_standard_layout().into_owned();
        let maps = values
            .into_shape_with_order(shape)
            .map_err(|e| self.source.error(e.to_string(), DAMAGED).caused_by(e))?;
        Ok(if self.rolled { rolled(&maps) } else { maps })
    }
}

/// What has its origin at the first pixel, with it at the centre.
fn rolled(maps: &Maps<f32>) -> Maps<f32> {
    let (.., rows, cols) = maps.dim();
    let from = |at: usize, n: usize| (at + n - n / 2) % n;
    Maps::from_shape_fn(maps.dim(), |(set, coil, row, col)| {
        maps[[set, coil, from(row, rows), from(col, cols)]]
    })
}

/// What maps have to fit.
#[derive(Clone, Copy, Debug)]
pub struct MapsOf {
    pub slices: usize,
    /// Places that the slices show.
    pub places: usize,
    pub coils: usize,
    pub grid: Grid,
    /// How its k-space lies.
    pub order: KspaceOrder,
}

fn misfit(source: &Source, scan: MapsOf) -> crate::error::Error {
    let (coils, Grid { rows, cols }) = (scan.coils, scan.grid);
    let found = &source.shape[..];
    let inner = format!("{coils}, {rows}, {cols}");
    let mut counts = vec![scan.slices];
    if scan.places < scan.slices {
        counts.insert(0, scan.places);
    }
    let shapes = |sets: &str| {
        let of_each = counts.iter().map(|count| format!(" or ({count}, {sets}{inner})"));
        format!("({sets}{inner}){}", of_each.collect::<String>())
    };
    let shapes = format!("{}, or with sets {}", shapes(""), shapes("sets, "));
    source.error(
        format!(
            "maps of shape {} do not fit the scan, which needs {shapes}",
            shape_text(found)
        ),
        "give maps made from this scan",
    )
}

/// Reads a noise covariance between coils, `(coils, coils)`, real or complex, in squared units of k-space:
/// `Ψ[i, j] = E n_i conj(n_j)`, Hermitian and without negative eigenvalues.
/// Of BART, the coils run along dimensions 3 and 4, as `bart whiten` writes it.
/// Without a dataset name: `noise_covariance`, or the only dataset of fitting shape.
pub fn read_covariance(place: &Place, coils: usize) -> Result<Array2<Complex<f64>>> {
    // what single precision makes of an exact covariance
    const ROUNDING: f64 = 1e-5;
    let fits = |source: &Source| source.element.is_number() && source.shape == [coils, coils];
    let source = Wanted {
        what: "noise covariance",
        names: &["noise_covariance"],
        fits: &fits,
    }
    .find(place)?;
    let source = source.covariance_by_dimensions().unwrap_or(source);
    if source.shape != [coils, coils] {
        let problem = format!(
            "has shape {}, but {coils} coils need {}",
            shape_text(&source.shape),
            shape_text(&[coils; 2])
        );
        return Err(source.error(problem, "measure it with the coils of this scan"));
    }
    let values = source.complex::<f64>(&[])?.into_dimensionality::<Ix2>();
    let values = values.map_err(|e| source.error(e.to_string(), DAMAGED).caused_by(e))?;
    let largest = values.iter().map(|v| v.norm()).fold(0.0, f64::max);
    let adjoint = values.t().mapv(|v| v.conj());
    if (&values - &adjoint).iter().any(|d| d.norm() > ROUNDING * largest) {
        return Err(source.error("is not Hermitian", "give the covariance of the noise, E[n n^H]"));
    }
    let hermitian = (values + adjoint).mapv(|v| v / 2.0);
    let eigenvalues =
        eigenvalues(hermitian.view()).map_err(|_| source.error("has no eigenvalues", "measure it anew"))?;
    match eigenvalues.iter().find(|&&value| value < -ROUNDING * largest) {
        Some(value) => {
            let problem = format!("has the negative eigenvalue {value:.3e}, which no covariance has");
            Err(source.error(problem, "give the covariance of the noise, E[n n^H]"))
        }
        None if largest == 0.0 => Err(source.error("is zero", "measure the noise, or leave the covariance out")),
        None => Ok(hermitian),
    }
}
