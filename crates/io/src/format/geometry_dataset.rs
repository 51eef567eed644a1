//! Size and place of the pixels, kept in HDF5 results so that they can be converted later: dataset `geometry`.

use ndarray::Array3;

use super::attribute::{Attribute, AttributeValue};
use super::geometry::{Geometry, Placement, Plane};
use super::hdf5_output::Hdf5Output;
use super::source::container::Container;
use crate::error::Result;

/// Not an image, though it has the shape of some.
pub(super) const GEOMETRY: &str = "geometry";

const NAMES: &str = "slice_names";
const DIRECTIONS: &str = "directions";

/// A pixel of another size is none.
const PIXELS_MM: std::ops::Range<f64> = 1e-6..1e6;

const PLANES: [(Plane, &str); 2] = [(Plane::Xy, "xy"), (Plane::Yz, "yz")];

/// Writes the dataset `geometry`: float64 `(slices, 4, 3)`, of each slice the centre in mm and the directions of rows,
/// columns and slices in the patient; no slices where the places are not known. Attributes `plane`, `voxel_mm` and, of raw
/// data, `directions`. What each slice is goes into the text `slice_names`, a line each.
pub fn write_geometry(file: &Hdf5Output, geometry: &Geometry) -> Result<()> {
    let vectors = |p: &Placement| [p.centre_mm, p.rows, p.cols, p.slices];
    let placements = &geometry.placements;
    let values = Array3::from_shape_fn((placements.len(), 4, 3), |(slice, vector, axis)| {
        vectors(&placements[slice])[vector][axis]
    });
    file.write(GEOMETRY, values.view())?;
    let (_, plane) = PLANES
        .into_iter()
        .find(|(plane, _)| *plane == geometry.plane)
        .expect("a name for every plane");
    file.attribute(GEOMETRY, &Attribute::new("plane", plane))?;
    if !geometry.names.is_empty() {
        file.text(NAMES, &geometry.names.join("\n"))?;
    }
    if let Some(directions) = &geometry.directions {
        file.attribute(GEOMETRY, &Attribute::new(DIRECTIONS, directions.as_str()))?;
    }
    match geometry.voxel_mm {
        Some(voxel) => file.attribute(GEOMETRY, &Attribute::new("voxel_mm", voxel.to_vec())),
        None => Ok(()),
    }
}

/// Reads it for a scan of so many slices; `None` where the file has none, or a dataset of this name that is another
/// thing.
///
/// # Errors
/// Values that are not finite, places of another number of slices, and those that are no [`Placement`].
pub(super) fn read_geometry(file: &Container, slices: usize) -> Result<Option<Geometry>> {
    let Some(source) = file.source(GEOMETRY)? else {
        return Ok(None);
    };
    let attributes = source.hdf5().map(|dataset| dataset.attributes().0);
    let attributes = attributes.unwrap_or_default();
    let value = |name: &str| attributes.iter().find(|a| a.name == name).map(|a| &a.value);
    let named = |plane: &AttributeValue| {
        PLANES
            .into_iter()
            .find(|(_, name)| *plane == AttributeValue::from(*name))
    };
    let Some((plane, _)) = value("plane").and_then(named) else {
        return Ok(None);
    };
    let [count, 4, 3] = source.shape[..] else {
        return Ok(None);
    };
    if count != 0 && count != slices {
        let problem = format!("tells where {count} slices lie, and there are {slices}");
        return Err(source.error(problem, "give as many as there are slices, or remove it"));
    }
    let voxel_mm = match value("voxel_mm") {
        Some(AttributeValue::Floats(sizes)) => match sizes.iter().copied().collect::<Vec<f64>>()[..] {
            [rows, cols, slices] => Some([rows, cols, slices]),
            _ => None,
        },
        _ => None,
    };
    let mut placements = Vec::new();
    if count > 0 {
        let values = source.real::<f64>(&[])?;
        let vector = |slice: usize, vector: usize| [0, 1, 2].map(|axis| values[[slice, vector, axis]]);
        for slice in 0..count {
            let placement = Placement::new(vector(slice, 0), [1, 2, 3].map(|direction| vector(slice, direction)));
            placements.push(placement.ok_or_else(|| {
                let problem = format!(
                    "slice {slice}: the directions are no unit vectors at right angles, or the centre is out of reach"
                );
                source.error(
                    problem,
                    "give centre [mm] and directions of rows, columns and slices, or remove it",
                )
            })?);
        }
    }
    let names = file.source(NAMES)?;
    let names = names.and_then(|source| source.hdf5()?.texts().ok());
    let names: Vec<String> = names
        .iter()
        .flatten()
        .flat_map(|text| text.lines().map(str::to_string))
        .collect();
    Ok(Some(Geometry {
        names: if names.len() == slices { names } else { Vec::new() },
        directions: attributes
            .iter()
            .find(|a| a.name == DIRECTIONS)
            .and_then(|a| a.text().map(str::to_string)),
        plane,
        voxel_mm: voxel_mm.filter(|voxel| voxel.iter().all(|v| PIXELS_MM.contains(v))),
        placements,
    }))
}
