//! Centred, unitary 2-D Fourier transforms.
//!
//! With the origins `r0 = rows/2`, `c0 = cols/2` (integer division) in both domains,
//! `K[p, q] = 1/√n Σ x[r, c] exp(−2πi ((p − r0)(r − r0)/rows + (q − c0)(c − c0)/cols))`:
//! what fastMRI calls `fft2c` and BART `fft -u`. The inverse is the adjoint, so that energies are the same on both
//! sides.
//!
//! [`Fourier::forward`] and [`Fourier::inverse`] transform a plane in place. The other methods of [`Fourier`] are the
//! parts that they are made of, for callers that never hold k-space as a plane ([`crate::operator::Encoding`]).
//!
//! Lines are transformed [`LANES`] at a time, side by side in [`Panels`]: along one axis first, whose results are
//! transposed into panels of the other. Index tables move the origin to index 0 on the way in and back on the way out,
//! so that centring costs nothing and adds no rounding.

mod butterfly;
mod line;
mod panels;
mod strip;

use self::line::LinePlan;
pub use self::panels::Panels;

use std::ops::Range;

use num_complex::Complex;

use self::panels::{Run, join, load_columns, store_columns};
use crate::array::{Grid, LANES, Real, transpose, vectorised};

/// Plans of the 2-D transforms of one grid. Threads share them; each brings its own [`Scratch`].
pub struct Fourier<T: Real> {
    grid: Grid,
    /// Along columns, and along rows.
    lengthwise: [Line<T>; 2],
    scale: T,
}

/// The direction in which lines run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Along {
    /// Lines are columns: the transform along axis 0.
    Columns,
    /// Lines are rows: the transform along axis 1.
    Rows,
}

impl Along {
    fn other(self) -> Self {
        match self {
            Self::Columns => Self::Rows,
            Self::Rows => Self::Columns,
        }
    }
}

/// Which transform.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From image to k-space, with `exp(−2πi …)`.
    Forward,
    /// From k-space to image, with `exp(+2πi …)`.
    Inverse,
}

/// The plan of one axis, and where its values are put and found.
struct Line<T: Real> {
    plan: LinePlan<T>,
    /// For each index (origin in the middle), the vector where its value is put before the transform.
    entry: Vec<u32>,
    /// The vector where its value is found after the transform; filled up to a whole number of [`LANES`].
    exit: Vec<u32>,
}

impl<T: Real> Line<T> {
    fn new(length: usize) -> Self {
        let plan = LinePlan::new(length);
        let from_origin = |index: usize| (index + length - length / 2) % length;
        let mut exit: Vec<u32> = (0..length).map(|index| plan.place()[from_origin(index)]).collect();
        exit.resize(length.next_multiple_of(LANES), 0);
        Self {
            entry: (0..length).map(|index| from_origin(index) as u32).collect(),
            exit,
            plan,
        }
    }

    fn length(&self) -> usize {
        self.entry.len()
    }
}

/// Buffers of one thread, reused from transform to transform. Made by [`Fourier::scratch`] for its grid.
pub struct Scratch<T> {
    /// One group of lines along the axis that is transformed first.
    pub block: Panels<T>,
    /// All groups of lines along the axis that is transformed second.
    pub panels: Panels<T>,
    /// Rows on their way between a plane and panels.
    staged: Panels<T>,
}

impl<T: Real> Fourier<T> {
    /// Plans the transforms of `grid`. A length of prime factors up to 61 is transformed by the kernels here, any other
    /// by rustfft, line by line.
    ///
    /// # Panics
    /// If the grid has no pixels.
    pub fn new(grid: Grid) -> Self {
        assert!(!grid.is_empty(), "a transform needs at least one pixel");
        Self {
            grid,
            lengthwise: [grid.rows, grid.cols].map(Line::new),
            scale: T::of(1.0 / (grid.len() as f64).sqrt()),
        }
    }

    /// The size of the planes that are transformed.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// `1/√n` of n pixels: the factor that makes the transform of both axes unitary.
    pub fn scale(&self) -> T {
        self.scale
    }

    /// New buffers for this grid.
    pub fn scratch(&self) -> Scratch<T> {
        let Grid { rows, cols } = self.grid;
        let longest = rows.max(cols).next_multiple_of(LANES);
        Scratch {
            block: Panels::zeros(longest),
            panels: self.panels(),
            staged: Panels::zeros(longest),
        }
    }

    /// New panels, with room for all groups of lines along either axis. All zero.
    pub fn panels(&self) -> Panels<T> {
        let vectors = |along| self.groups(along) * self.length(along);
        Panels::zeros(vectors(Along::Columns).max(vectors(Along::Rows)))
    }

    /// Number of groups of [`LANES`] lines that run along an axis. The last may hold fewer lines.
    pub fn groups(&self, along: Along) -> usize {
        self.length(along.other()).div_ceil(LANES)
    }

    /// Length of the lines that run along an axis.
    pub fn length(&self, along: Along) -> usize {
        self.line(along).length()
    }

    /// For each index along an axis, the vector of a group where its value is put before the transform.
    pub fn entry(&self, along: Along) -> &[u32] {
        &self.line(along).entry
    }

    /// For each index along an axis, the vector of a group where its value is found after the transform.
    pub fn exit(&self, along: Along) -> &[u32] {
        &self.line(along).exit[..self.length(along)]
    }

    /// For each vector of a group before the transform, the vector that holds the same index after it.
    pub fn in_order(&self, along: Along) -> &[u32] {
        self.line(along).plan.place()
    }

    fn line(&self, along: Along) -> &Line<T> {
        match along {
            Along::Columns => &self.lengthwise[0],
            Along::Rows => &self.lengthwise[1],
        }
    }

    /// The axis that comes first: transforms the lines of a group, which are in `scratch.block`, and puts their values
    /// into `scratch.panels`, where the transform along the other axis takes them. Not scaled.
    pub fn first(&self, along: Along, direction: Direction, group: usize, scratch: &mut Scratch<T>) {
        self.first_to(along, direction, group, 0..self.groups(along.other()), scratch);
    }

    /// [`Self::first`] for the groups `wanted` along the other axis only.
    pub fn first_to(
        &self,
        along: Along,
        direction: Direction,
        group: usize,
        wanted: Range<usize>,
        scratch: &mut Scratch<T>,
    ) {
        let Scratch { block, panels, .. } = scratch;
        let (re, im) = block.group_mut(0, self.length(along));
        self.run(along, direction, re, im);
        let other = self.length(along.other());
        let places = self.places(along, group);
        let lines = &self.line(along).exit[wanted.start * LANES..wanted.end * LANES];
        let first = wanted.start * other * LANES;
        transpose(&block.re, lines, &mut panels.re[first..], other, places);
        transpose(&block.im, lines, &mut panels.im[first..], other, places);
    }

    /// [`Self::first`] for lines that are all zero.
    pub fn first_of_zeros(&self, along: Along, group: usize, scratch: &mut Scratch<T>) {
        let Panels { re, im } = &mut scratch.panels;
        for part in [re, im] {
            for group_of_other in part
                .as_chunks_mut::<LANES>()
                .0
                .chunks_exact_mut(self.length(along.other()))
            {
                for &place in self.places(along, group) {
                    group_of_other[place as usize] = [T::zero(); LANES];
                }
            }
        }
    }

    /// Where the lines of a group are put within the lines along the other axis.
    fn places(&self, along: Along, group: usize) -> &[u32] {
        let entry = &self.line(along.other()).entry;
        &entry[group * LANES..((group + 1) * LANES).min(entry.len())]
    }

    /// The axis that comes second: transforms the lines of a group, `re` and `im`, in place. Not scaled.
    pub fn run(&self, along: Along, direction: Direction, re: &mut [T], im: &mut [T]) {
        let plan = &self.line(along).plan;
        match direction {
            Direction::Forward => plan.run(re, im),
            Direction::Inverse => plan.run(im, re),
        }
    }

    /// Image to k-space, in place. `plane` is row-major, of the size of the grid.
    ///
    /// # Panics
    /// If `plane` has another length than the grid.
    pub fn forward(&self, plane: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        self.transform(Direction::Forward, plane, scratch);
    }

    /// k-space to image, in place. `plane` is row-major, of the size of the grid.
    ///
    /// # Panics
    /// If `plane` has another length than the grid.
    pub fn inverse(&self, plane: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        self.transform(Direction::Inverse, plane, scratch);
    }

    fn transform(&self, direction: Direction, plane: &mut [Complex<T>], scratch: &mut Scratch<T>) {
        assert_eq!(plane.len(), self.grid.len(), "plane of another size than the plan");
        for group in 0..self.groups(Along::Columns) {
            let Panels { re, im } = &mut scratch.block;
            load_columns(plane, &self.columns(group, self.entry(Along::Columns)), re, im);
            self.first(Along::Columns, direction, group, scratch);
        }
        for group in 0..self.groups(Along::Rows) {
            let (re, im) = scratch.panels.group_mut(group, self.length(Along::Rows));
            self.run(Along::Rows, direction, re, im);
            self.store_rows(group, scratch, plane);
        }
    }

    /// A group of columns in a plane.
    fn columns<'a>(&self, group: usize, places: &'a [u32]) -> Run<'a> {
        let cols = self.grid.cols;
        let first = group * LANES;
        Run {
            cols,
            first,
            width: LANES.min(cols - first),
            places,
        }
    }

    /// Transformed rows out of `scratch.panels` into a plane.
    fn store_rows(&self, group: usize, scratch: &mut Scratch<T>, plane: &mut [Complex<T>]) {
        let Grid { cols, .. } = self.grid;
        let Scratch { panels, staged, .. } = scratch;
        self.unload_rows(group, panels, &mut staged.re, &mut staged.im);
        let rows = plane[group * LANES * cols..].chunks_exact_mut(cols).take(LANES);
        let pitch = self.pitch();
        let parts = staged.re.chunks_exact(pitch).zip(staged.im.chunks_exact(pitch));
        for (row, (re, im)) in rows.zip(parts) {
            vectorised(
                #[inline(always)]
                || {
                    let vectors = re.chunks_exact(LANES).zip(im.chunks_exact(LANES));
                    row.chunks_mut(LANES).zip(vectors).for_each(
                        #[inline(always)]
                        |(row, (re, im))| join(re, im, self.scale, row),
                    );
                },
            );
        }
    }

    /// Puts a row-major plane into panels as groups of columns, in the order that the transform along them takes.
    ///
    /// # Panics
    /// If `plane` has another length than the grid, or `panels` are those of a smaller grid.
    pub fn load(&self, plane: &[Complex<T>], panels: &mut Panels<T>) {
        assert_eq!(plane.len(), self.grid.len(), "plane of another size than the plan");
        for group in 0..self.groups(Along::Columns) {
            let (re, im) = panels.group_mut(group, self.grid.rows);
            load_columns(plane, &self.columns(group, self.entry(Along::Columns)), re, im);
        }
    }

    /// The inverse of [`Self::load`], times `scale`.
    ///
    /// # Panics
    /// If `plane` has another length than the grid, or `panels` are those of a smaller grid.
    pub fn store(&self, panels: &Panels<T>, scale: T, plane: &mut [Complex<T>]) {
        assert_eq!(plane.len(), self.grid.len(), "plane of another size than the plan");
        for group in 0..self.groups(Along::Columns) {
            let (re, im) = panels.group(group, self.grid.rows);
            store_columns(re, im, scale, &self.columns(group, self.entry(Along::Columns)), plane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn ramp(grid: Grid) -> Vec<Complex<f64>> {
        (0..grid.len())
            .map(|i| Complex::new((i as f64 * 0.37).sin(), (i as f64 * 0.11).cos()))
            .collect()
    }

    /// The definition, summed as it is written.
    fn slow(grid: Grid, x: &[Complex<f64>]) -> Vec<Complex<f64>> {
        let Grid { rows, cols } = grid;
        let at = |i: usize, n: usize| i as f64 - (n / 2) as f64;
        let mut out = Vec::new();
        for p in 0..rows {
            for q in 0..cols {
                let mut sum = Complex::new(0.0, 0.0);
                for r in 0..rows {
                    for c in 0..cols {
                        let turns = at(p, rows) * at(r, rows) / rows as f64 + at(q, cols) * at(c, cols) / cols as f64;
                        sum += x[r * cols + c] * Complex::from_polar(1.0, -TAU * turns);
                    }
                }
                out.push(sum / (grid.len() as f64).sqrt());
            }
        }
        out
    }

    /// As the operator does it: one axis at a time, with samples put in and looked for where they belong.
    #[test]
    fn either_axis_may_come_first() {
        let grid = Grid::new(20, 37);
        let fourier = Fourier::new(grid);
        let x = ramp(grid);
        let mut scratch = fourier.scratch();
        for direction in [Direction::Forward, Direction::Inverse] {
            let mut expected = x.clone();
            fourier.transform(direction, &mut expected, &mut scratch);
            for group in 0..fourier.groups(Along::Rows) {
                for (index, value) in x
                    .iter()
                    .enumerate()
                    .skip(group * LANES * grid.cols)
                    .take(LANES * grid.cols)
                {
                    let place = fourier.entry(Along::Rows)[index % grid.cols] as usize;
                    let at = place * LANES + index / grid.cols % LANES;
                    (scratch.block.re[at], scratch.block.im[at]) = (value.re, value.im);
                }
                fourier.first(Along::Rows, direction, group, &mut scratch);
            }
            for (index, expected) in expected.iter().enumerate() {
                let (row, col) = (index / grid.cols, index % grid.cols);
                let (re, im) = scratch.panels.group_mut(col / LANES, grid.rows);
                if row == 0 && col % LANES == 0 {
                    fourier.run(Along::Columns, direction, re, im);
                }
                let at = fourier.exit(Along::Columns)[row] as usize * LANES + col % LANES;
                let found = Complex::new(re[at], im[at]) * fourier.scale();
                assert!(
                    (found - expected).norm() < 1e-12,
                    "{row}, {col}: {found} for {expected}"
                );
            }
        }
    }

    #[test]
    fn follows_the_definition_at_even_odd_and_unit_sizes() {
        for (rows, cols) in [(8, 8), (9, 8), (6, 15), (7, 11), (1, 5), (5, 1), (20, 9)] {
            let grid = Grid::new(rows, cols);
            let fourier = Fourier::new(grid);
            let x = ramp(grid);
            let mut k = x.clone();
            let mut scratch = fourier.scratch();
            fourier.forward(&mut k, &mut scratch);
            for (a, b) in k.iter().zip(slow(grid, &x)) {
                assert!((a - b).norm() < 1e-12, "{grid}: {a} against {b}");
            }
            fourier.inverse(&mut k, &mut scratch);
            for (a, b) in k.iter().zip(&x) {
                assert!((a - b).norm() < 1e-13, "{grid}: no inverse");
            }
        }
    }
}
