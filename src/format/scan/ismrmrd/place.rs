//! Where slices lie in the patient, from the position and directions of acquisitions.

use super::super::super::header::Header;
use super::super::{Geometry, Placement, Plane};
use super::layout::Layout;
use super::table::Head;

/// Directions are unit vectors at right angles, to so much.
const TOLERANCE: f64 = 0.01;

/// `position` is the centre of the slice or slab, in mm, in the patient's coordinates, and lies at the origin of the
/// image. Rows of a slice run along `read_dir`, columns along `phase_dir`; those of a volume along `phase_dir` and
/// `slice_dir`, and its planes along `read_dir`. `kept` positions of the readout are kept.
pub(super) fn geometry(layout: &Layout, header: &Header, firsts: &[&Head], kept: usize) -> Geometry {
    let plane = if layout.volume { Plane::Yz } else { Plane::Xy };
    let pixel = header.encoded.and_then(|space| {
        let view = space.field_of_view_mm?;
        let size = |axis: usize| view[axis] / layout.matrix[axis] as f64;
        Some([size(0), size(1), size(2)]).filter(|sizes| sizes.iter().all(|s| s.is_finite() && *s > 0.0))
    });
    let placed: Option<Vec<Placement>> = firsts.iter().map(|head| placement(head)).collect();
    let placements = match (placed, plane, pixel) {
        (Some(placed), Plane::Xy, _) => placed,
        (Some(placed), Plane::Yz, Some(pixel)) => {
            let along =
                |place: Placement| (0..kept).map(move |x| across(&place, (x as f64 - (kept / 2) as f64) * pixel[0]));
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
    let [read, phase, slice] = [head.read_dir, head.phase_dir, head.slice_dir].map(|d| d.map(f64::from));
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>();
    let unit = [read, phase, slice]
        .iter()
        .all(|&d| (dot(d, d).sqrt() - 1.0).abs() < TOLERANCE);
    let square = [(read, phase), (phase, slice), (slice, read)]
        .iter()
        .all(|&(a, b)| dot(a, b).abs() < TOLERANCE);
    let there = head.position.iter().all(|v| v.is_finite());
    let normal = |d: [f64; 3]| d.map(|v| v / dot(d, d).sqrt());
    (unit && square && there).then(|| Placement {
        centre_mm: head.position.map(f64::from),
        rows: normal(read),
        cols: normal(phase),
        slices: normal(slice),
    })
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
