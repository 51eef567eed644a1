//! From places in the head to pixels: coordinates, and the drawing of strokes.

use ndarray::Array2;

use super::anatomy::Stroke;
use super::field::Point;
use crate::array::Grid;

/// Pixels as places in the head. The shorter side of the grid spans −1 to 1, so that the head keeps its
/// proportions, and a longer side shows more air. The centre is the pixel at `n / 2`.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub grid: Grid,
    /// Side of a pixel.
    pub pixel: f64,
}

impl Frame {
    pub(super) fn new(grid: Grid) -> Self {
        let pixel = 2.0 / grid.rows.min(grid.cols) as f64;
        Self { grid, pixel }
    }

    /// The point `[x, y]` of a pixel: x along the columns, y along the rows.
    pub(super) fn point(self, row: usize, col: usize) -> Point {
        let along = |index: usize, n: usize| (index as f64 - (n / 2) as f64) * self.pixel;
        [along(col, self.grid.cols), along(row, self.grid.rows)]
    }

    /// Indices along an axis of `n` pixels that lie within `reach` of `[low, high]`.
    fn span(self, n: usize, low: f64, high: f64, reach: f64) -> std::ops::Range<usize> {
        let index = |at: f64| (at / self.pixel + (n / 2) as f64).clamp(0.0, n as f64);
        index(low - reach).ceil() as usize..(index(high + reach).floor() as usize + 1).min(n)
    }
}

/// For every pixel the nearest of some strokes.
pub(super) struct Clefts {
    pub near: Array2<Nearest>,
}

/// Distance to the middle of a stroke, and the stroke's half width there.
#[derive(Clone, Copy)]
pub(super) struct Nearest {
    pub distance: f64,
    pub half_width: f64,
}

impl Nearest {
    const NONE: Self = Self {
        distance: f64::INFINITY,
        half_width: 0.0,
    };

    /// Distance to the edge, negative inside.
    pub(super) fn edge(&self) -> f64 {
        self.distance - self.half_width
    }

    /// The share of a pixel of side `width` that a straight stroke covers: also right for one thinner than a pixel.
    pub(super) fn coverage(&self, width: f64) -> f64 {
        let (low, high) = (self.distance - width / 2.0, self.distance + width / 2.0);
        ((high.min(self.half_width) - low.max(-self.half_width)) / width).max(0.0)
    }
}

impl Clefts {
    /// Exact within `reach` and a pixel of a stroke's edge, none farther away.
    pub(super) fn new(frame: Frame, strokes: &[Stroke], reach: f64) -> Self {
        let mut near = Array2::from_elem(frame.grid.dim(), Nearest::NONE);
        for pair in strokes.iter().flat_map(|stroke| stroke.points.windows(2)) {
            let [(a, width_a), (b, width_b)] = [pair[0], pair[1]];
            let margin = reach + width_a.max(width_b) + frame.pixel;
            let [cols, rows] = [(0, frame.grid.cols), (1, frame.grid.rows)]
                .map(|(axis, n)| frame.span(n, a[axis].min(b[axis]), a[axis].max(b[axis]), margin));
            for row in rows {
                for col in cols.clone() {
                    let [x, y] = frame.point(row, col);
                    let along = [b[0] - a[0], b[1] - a[1]];
                    let dot = (x - a[0]) * along[0] + (y - a[1]) * along[1];
                    let t = (dot / (along[0].powi(2) + along[1].powi(2)).max(1e-12)).clamp(0.0, 1.0);
                    let found = Nearest {
                        distance: (x - a[0] - t * along[0]).hypot(y - a[1] - t * along[1]),
                        half_width: width_a + t * (width_b - width_a),
                    };
                    if found.edge() < near[[row, col]].edge() {
                        near[[row, col]] = found;
                    }
                }
            }
        }
        Self { near }
    }
}
