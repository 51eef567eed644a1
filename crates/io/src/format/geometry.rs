//! Where the slices of a scan lie in the scanner.

use super::header::Header;
use pvdamp::array::Grid;

/// Directions are unit vectors at right angles, to so much.
const TOLERANCE: f64 = 0.01;
/// No slice lies farther from the centre of its scanner than 100 m.
const FARTHEST_MM: f64 = 1e5;

/// Which encodes the rows and the columns of a slice are; x is the readout, y and z are the phase encodes of the
/// ISMRMRD header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Plane {
    /// Rows x, columns y: slices of a two-dimensional scan.
    #[default]
    Xy,
    /// Rows y, columns z: a volume, cut along its readout, so that the slices run along x.
    Yz,
}

impl Plane {
    /// The encodes, 0 for x, of rows and columns.
    pub fn in_plane(self) -> [usize; 2] {
        match self {
            Self::Xy => [0, 1],
            Self::Yz => [1, 2],
        }
    }

    /// That of the slices.
    pub fn across(self) -> usize {
        match self {
            Self::Xy => 2,
            Self::Yz => 0,
        }
    }
}

/// Where a slice lies in the patient: DICOM's coordinates (towards left, posterior, superior), in mm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// Of the origin of the image, the pixel at half the rows and half the columns.
    pub centre_mm: [f64; 3],
    /// Unit vectors: the direction in which the row index grows, the column index, and the slices.
    pub rows: [f64; 3],
    pub cols: [f64; 3],
    pub slices: [f64; 3],
}

impl Placement {
    /// Of a centre and the directions of rows, columns and slices, which are brought to unit length. `None` where they
    /// are no unit vectors at right angles, and for a centre that is nowhere in a scanner.
    pub fn new(centre_mm: [f64; 3], [rows, cols, slices]: [[f64; 3]; 3]) -> Option<Self> {
        let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>();
        let unit = |d: [f64; 3]| (dot(d, d).sqrt() - 1.0).abs() < TOLERANCE;
        let square = |a: [f64; 3], b: [f64; 3]| dot(a, b).abs() < TOLERANCE;
        let sound = [rows, cols, slices].into_iter().all(unit)
            && square(rows, cols)
            && square(cols, slices)
            && square(slices, rows)
            && centre_mm.iter().all(|v| v.abs() <= FARTHEST_MM);
        let normal = |d: [f64; 3]| d.map(|v| v / dot(d, d).sqrt());
        sound.then(|| Self {
            centre_mm,
            rows: normal(rows),
            cols: normal(cols),
            slices: normal(slices),
        })
    }
}

/// Size and place of the pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Geometry {
    pub plane: Plane,
    /// Size of a pixel along rows, columns and slices, where it is known.
    pub voxel_mm: Option<[f64; 3]>,
    /// One a slice, or none.
    pub placements: Vec<Placement>,
    /// Which way the directions of raw data were taken to point, and why, in words.
    pub directions: Option<String>,
    /// What each slice is, as `contrast 1, slice 3`, or none where their numbers say all.
    pub names: Vec<String>,
}

impl Geometry {
    /// What a header tells of a scan on `grid`: a pixel is the field of view that the grid covers over the grid; of
    /// slices, the field of view across them over the matrix.
    pub fn of_header(header: Option<&Header>, plane: Plane, grid: Grid) -> Self {
        let voxel = || {
            let header = header?;
            let [rows, cols] = plane.in_plane();
            let across = plane.across();
            let voxel = [
                header.pixel_mm(rows, grid.rows)?,
                header.pixel_mm(cols, grid.cols)?,
                header.pixel_mm(across, header.encoded?.matrix[across])?,
            ];
            Some(voxel)
        };
        Self {
            plane,
            voxel_mm: voxel(),
            placements: Vec::new(),
            names: Vec::new(),
            directions: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_unit_vectors_at_right_angles() {
        let axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let place = Placement::new([1.0, -2.0, 3.0], axes).unwrap();
        assert_eq!((place.centre_mm, place.slices), ([1.0, -2.0, 3.0], axes[2]));
        let rounded = [[0.999, 0.0, 0.0], [0.0, 1.001, 0.0], axes[2]];
        assert_eq!(Placement::new([1.0, -2.0, 3.0], rounded), Some(place));
        let skew = [0.6, 0.8, 0.0];
        for bad in [[0.0; 3], [2.0, 0.0, 0.0], [f64::NAN, 0.0, 0.0], [1e308, 0.0, 0.0], skew] {
            assert_eq!(Placement::new([0.0; 3], [bad, axes[1], axes[2]]), None, "{bad:?}");
        }
        for bad in [f64::NAN, f64::INFINITY, 1e308, -1e6] {
            assert_eq!(Placement::new([0.0, bad, 0.0], axes), None, "{bad}");
        }
    }
}
