//! Coil sensitivity maps and noise covariances given by the user.

use ndarray::{Array2, Axis, Ix2, Ix4};
use num_complex::Complex;

use super::source::array::Source;
use super::source::find::Wanted;
use super::source::messages::{DAMAGED, shape_text};
use crate::error::{Place, Result};
use pvdamp::array::{Grid, Maps};
use pvdamp::coil::eigenvalues;

/// The attribute that names the axes of a dataset: of maps as `slices,sets,coils,rows,cols`, of k-space as
/// `coil,kx,ky,kz`.
pub const AXES: &str = "axes";

/// More sets of ESPIRiT maps than this serve no scan; a longer axis means something else.
const MOST_SETS: usize = 4;

/// Maps on disk, read slice by slice.
pub struct MapsFile {
    source: Source,
    first: First,
    sets: Option<usize>,
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
/// the frames of a dynamic scan, there may be as many maps as places instead. Maps of BART are read by their dimensions,
/// one slice of them for all.
///
/// Of four axes the attribute [`AXES`] tells the first; without it, it is the slices or places if it is as long.
/// Without a dataset name: `maps`, `sensitivity_maps`, `smaps`, or the only complex dataset of fitting shape.
pub fn read_maps(place: &Place, scan: MapsOf) -> Result<MapsFile> {
    let MapsOf {
        slices,
        places,
        coils,
        grid,
    } = scan;
    let inner = [coils, grid.rows, grid.cols];
    let fits = |source: &Source| source.element.is_complex() && source.shape.ends_with(&inner);
    let names = &["maps", "sensitivity_maps", "smaps"];
    let source = Wanted {
        what: "coil sensitivity maps",
        names,
        fits: &fits,
    }
    .find(place)?;
    let source = source.maps_by_dimensions().unwrap_or(source);
    let axes = first_axis(&source);
    let are_sets = |n: usize| (1..=MOST_SETS).contains(&n);
    let counted = |n: usize| match n {
        _ if n == slices => Some(First::Slices),
        _ if n == places => Some(First::Places),
        _ => None,
    };
    let misfit = || misfit(&source, scan);
    let (first, sets) = match source.shape[..] {
        [.., c, r, w] if [c, r, w] != inner => return Err(misfit()),
        [_, _, _] => (First::All, None),
        [1, n, _, _, _] if are_sets(n) && source.dimensions().is_some() => (First::All, Some(n)),
        [s, n, _, _, _] if are_sets(n) => (counted(s).ok_or_else(misfit)?, Some(n)),
        [n, _, _, _] => match (axes.as_deref(), counted(n)) {
            (Some("slices" | "places") | None, Some(first)) => (first, None),
            (Some("sets") | None, _) if are_sets(n) => (First::All, Some(n)),
            _ => return Err(misfit()),
        },
        _ => return Err(misfit()),
    };
    Ok(MapsFile { source, first, sets })
}

impl MapsFile {
    /// Sets of maps: 1, or more where the object exceeds the field of view.
    pub fn sets(&self) -> usize {
        self.sets.unwrap_or(1)
    }

    /// What there are maps for.
    pub fn first(&self) -> First {
        self.first
    }

    /// Reads the maps of a slice at a place, `(sets, coils, rows, cols)`; all of them finite.
    pub fn slice(&self, slice: usize, place: usize) -> Result<Maps<f32>> {
        let lead: &[usize] = match self.first {
            First::Slices => &[slice],
            First::Places => &[place],
            First::All if self.source.shape.len() == 5 => &[0],
            First::All => &[],
        };
        if let Some(&index) = lead.first()
            && index >= self.source.shape[0]
        {
            let problem = format!("has no maps {index}, but {} of them", self.source.shape[0]);
            return Err(self.source.error(problem, "give maps for every slice"));
        }
        let mut maps = self.source.complex::<f32>(lead)?;
        if self.sets.is_none() {
            maps.insert_axis_inplace(Axis(0));
        }
        maps.into_dimensionality::<Ix4>()
            .map_err(|e| self.source.error(e.to_string(), DAMAGED).caused_by(e))
    }
}

fn first_axis(source: &Source) -> Option<String> {
    let axes = source.hdf5()?.attribute_text(AXES)?;
    axes.split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// What maps have to fit.
#[derive(Clone, Copy, Debug)]
pub struct MapsOf {
    pub slices: usize,
    /// Places that the slices show.
    pub places: usize,
    pub coils: usize,
    pub grid: Grid,
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
    let mend = match found {
        [.., r, c, n] if [*n, *r, *c] == [coils, rows, cols] => "move the coils before rows and columns",
        [.., n, c, r] if [*n, *r, *c] == [coils, rows, cols] => "transpose rows and columns",
        _ => "give maps made from this scan",
    };
    source.error(
        format!(
            "maps of shape {} do not fit the scan, which needs {shapes}",
            shape_text(found)
        ),
        mend,
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
