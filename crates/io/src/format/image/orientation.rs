//! Where the pixels of a series lie in the patient. DICOM's coordinates: towards left, posterior, superior, in mm.

use super::super::geometry::Placement;
use super::sink::Series;

pub(super) type Vector = [f64; 3];

pub(super) fn add(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub(super) fn scaled(a: Vector, by: f64) -> Vector {
    a.map(|v| v * by)
}

pub(super) fn minus(a: Vector, b: Vector) -> Vector {
    add(a, scaled(b, -1.0))
}

pub(super) fn dot(a: Vector, b: Vector) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn norm(a: Vector) -> f64 {
    dot(a, a).sqrt()
}

/// The centre of the pixel at row 0 and column 0: the origin of the image lies at half the rows and half the columns.
pub(super) fn first_pixel(placement: &Placement, series: &Series, voxel: Vector) -> Vector {
    let rows = scaled(placement.rows, -voxel[0] * (series.grid.rows / 2) as f64);
    let cols = scaled(placement.cols, -voxel[1] * (series.grid.cols / 2) as f64);
    add(placement.centre_mm, add(rows, cols))
}

/// Parallel slices at equal distances, perhaps measured several times.
#[derive(Debug, PartialEq)]
pub(super) struct Stack {
    /// The slice of the series at each place, for each time: `order[time][place]`.
    pub order: Vec<Vec<usize>>,
    /// Of the first place.
    pub first: Placement,
    /// From the centre of one place to that of the next.
    pub step: Vector,
}

/// The slices sorted along their normal. `thickness` is their distance where there is one place only.
///
/// # Errors
/// Why they are no stack.
pub(super) fn stack(placements: &[Placement], thickness: f64) -> Result<Stack, String> {
    let first = placements.first().ok_or("their places are not known")?;
    let close = |a: Vector, b: Vector| norm(minus(a, b)) < 1e-3;
    let parallel = |p: &&Placement| close(p.rows, first.rows) && close(p.cols, first.cols);
    if !placements.iter().all(|p| parallel(&p)) {
        return Err("the slices lie in several directions".into());
    }
    let height = |slice: usize| dot(placements[slice].centre_mm, first.slices);
    let mut sorted: Vec<usize> = (0..placements.len()).collect();
    sorted.sort_by(|&a, &b| height(a).total_cmp(&height(b)));
    // slices at one place keep the order of the scan, since the sort is stable
    let near = 1e-3 * thickness;
    let mut places: Vec<Vec<usize>> = Vec::new();
    for slice in sorted {
        match places.last_mut() {
            Some(place) if height(slice) - height(place[0]) < near => place.push(slice),
            _ => places.push(vec![slice]),
        }
    }
    places.iter_mut().for_each(|place| place.sort_unstable());
    // slabs, and slices moved within their plane, have heights in common
    let apart = |a: usize, b: usize| norm(minus(placements[a].centre_mm, placements[b].centre_mm));
    let beside = |place: &Vec<usize>| place.iter().any(|&slice| apart(slice, place[0]) > 0.01 * thickness);
    if places.iter().any(beside) {
        return Err("slices at one height lie beside each other".into());
    }
    let times = places[0].len();
    if places.iter().any(|place| place.len() != times) {
        return Err("some slices were measured more often than others".into());
    }
    let centre = |place: usize| placements[places[place][0]].centre_mm;
    let last = places.len() - 1;
    let step = match last {
        0 => scaled(first.slices, thickness),
        _ => scaled(minus(centre(last), centre(0)), 1.0 / last as f64),
    };
    let off = |place: usize| norm(minus(minus(centre(place), centre(0)), scaled(step, place as f64)));
    if (0..=last).any(|place| off(place) > 0.01 * norm(step)) {
        return Err("the slices lie at uneven distances".into());
    }
    let order = (0..times).map(|time| places.iter().map(|place| place[time]).collect());
    Ok(Stack {
        order: order.collect(),
        first: placements[places[0][0]],
        step,
    })
}
