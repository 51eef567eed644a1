//! Where slices lie in the patient, from the position and directions of acquisitions.

use super::super::super::geometry::{Geometry, Placement, Plane};
use super::super::super::header::Header;
use super::super::options::Directions;
use super::layout::Layout;
use super::table::Head;

/// `position` is the centre of the slice or slab, in mm, in the patient's coordinates, and lies at the origin of the
/// image. Rows of a slice run along `read_dir`, columns along `phase_dir`; those of a volume along `phase_dir` and
/// `slice_dir`, and its planes along `read_dir`; or against them. `positions` of the readout are kept.
pub(super) fn geometry(
    layout: &Layout,
    header: &Header,
    firsts: &[&Head],
    positions: usize,
    directions: Directions,
) -> Geometry {
    let plane = if layout.volume { Plane::Yz } else { Plane::Xy };
    let placed: Option<Vec<Placement>> = firsts.iter().map(|head| placement(head, plane, directions)).collect();
    let pixel = pixel(header, placed.as_deref());
    let placements = match (placed, plane, pixel) {
        (Some(placed), Plane::Xy, _) => placed,
        (Some(placed), Plane::Yz, Some(pixel)) => {
            let along = |place: Placement| {
                (0..positions).map(move |x| across(&place, (x as f64 - (positions / 2) as f64) * pixel[0]))
            };
            placed.into_iter().flat_map(along).collect()
        }
        _ => Vec::new(),
    };
    let [rows, cols] = plane.in_plane();
    Geometry {
        plane,
        voxel_mm: pixel.map(|pixel| [pixel[rows], pixel[cols], pixel[plane.across()]]),
        placements,
        names: Vec::new(),
        directions: None,
    }
}

/// The size of an encoded pixel along x, y and z. A thickness that the header does not tell is the distance of slices.
fn pixel(header: &Header, placed: Option<&[Placement]>) -> Option<[f64; 3]> {
    let matrix = header.encoded?.matrix;
    let size = |axis: usize| header.pixel_mm(axis, matrix[axis]);
    Some([size(0)?, size(1)?, size(2).or_else(|| distance(placed?))?])
}

/// The least distance of two slices along their normal.
fn distance(placed: &[Placement]) -> Option<f64> {
    let height = |p: &Placement| -> f64 { p.centre_mm.iter().zip(&p.slices).map(|(a, b)| a * b).sum() };
    let mut heights: Vec<f64> = placed.iter().map(height).collect();
    heights.sort_by(f64::total_cmp);
    let apart = heights.windows(2).map(|pair| pair[1] - pair[0]);
    apart.filter(|&apart| apart > 0.01).min_by(f64::total_cmp)
}

/// Of a slice or slab; `None` where the directions are none.
///
/// A slice is where its position is, however it is encoded: of a slab alone does `slice_dir` turn.
fn placement(head: &Head, plane: Plane, directions: Directions) -> Option<Placement> {
    let sign = match directions {
        Directions::Along => 1.0,
        Directions::Against => -1.0,
    };
    let across = if plane == Plane::Yz { sign } else { 1.0 };
    let turned = |direction: [f32; 3], sign: f64| direction.map(|v| sign * f64::from(v));
    Placement::new(
        head.position.map(f64::from),
        [
            turned(head.read_dir, sign),
            turned(head.phase_dir, sign),
            turned(head.slice_dir, across),
        ],
    )
}

/// The plane of a volume that is `offset` mm from its middle along the readout.
fn across(slab: &Placement, offset: f64) -> Placement {
    let mut centre_mm = slab.centre_mm;
    centre_mm
        .iter_mut()
        .zip(slab.rows)
        .for_each(|(c, along)| *c += offset * along);
    Placement {
        centre_mm,
        rows: slab.cols,
        cols: slab.slices,
        slices: slab.rows,
    }
}
