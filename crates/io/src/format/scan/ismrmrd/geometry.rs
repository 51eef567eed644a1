//! Where slices lie in the patient, from the position and directions of acquisitions.

use super::super::super::geometry::{Geometry, Placement, Plane};
use super::super::super::header::Header;
use super::layout::Layout;
use super::table::Head;

/// `position` is the centre of the slice or slab, in mm, in the patient's coordinates, and lies at the origin of the
/// image. Rows of a slice run along `read_dir`, columns along `phase_dir`; those of a volume along `phase_dir` and
/// `slice_dir`, and its planes along `read_dir`. `positions` of the readout are kept.
pub(super) fn geometry(layout: &Layout, header: &Header, firsts: &[&Head], positions: usize) -> Geometry {
    let plane = if layout.volume { Plane::Yz } else { Plane::Xy };
    let pixel = header.encoded.and_then(|space| {
        let view = space.field_of_view_mm?;
        let size = |axis: usize| view[axis] / space.matrix[axis].max(1) as f64;
        Some([size(0), size(1), size(2)]).filter(|sizes| sizes.iter().all(|s| s.is_finite() && *s > 0.0))
    });
    let placed: Option<Vec<Placement>> = firsts.iter().map(|head| placement(head)).collect();
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
    }
}

/// Of a slice; `None` where the directions are none.
fn placement(head: &Head) -> Option<Placement> {
    let directions = [head.read_dir, head.phase_dir, head.slice_dir];
    Placement::new(
        head.position.map(f64::from),
        directions.map(|direction| direction.map(f64::from)),
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
