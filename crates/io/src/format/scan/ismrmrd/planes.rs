//! k-space of a slice, gathered from its lines.

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, s};
use num_complex::Complex;

use super::super::plane_store::{PlaneStore, Scattered};
use super::super::reader::Planes;
use super::epi::Regridding;
use super::layout::{Layout, Line};
use super::readout::{Lines, Readout, Span};
use super::table::{Row, Table};
use crate::error::Result;
use pvdamp::array::{CoilStack, Mask};

/// Bytes of the part of a volume that is held while it is put in order.
const PART: usize = 32 << 20;

/// Slices of a two-dimensional scan: the lines of each, read when it is asked for.
pub(super) struct Slices {
    pub table: Table,
    pub frames: Vec<Vec<Line>>,
    pub coils: usize,
    pub columns: usize,
    pub readout: Readout,
    /// Whether the oversampling is taken out.
    pub trimmed: bool,
    pub rows: usize,
    pub regridding: Option<Regridding>,
}

impl Planes for Slices {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let lines = &self.frames[slice];
        let shape = [self.coils, self.columns, self.rows];
        let mut values = gather(&self.table, lines, shape, |line| line.column, self.regridding.as_ref())?;
        let mut rows = self.rows;
        if self.trimmed {
            values = self.readout.without_oversampling(&mut values);
            rows = self.readout.positions();
        }
        check_finite(&self.table, &values)?;
        let stack = Array3::from_shape_vec((self.coils, self.columns, rows), values).expect("a value for every sample");
        Ok(stack.permuted_axes([0, 2, 1]).as_standard_layout().into_owned())
    }

    fn acquired(&self, slice: usize) -> Option<Mask> {
        let rows = if self.trimmed {
            self.readout.positions()
        } else {
            self.rows
        };
        let mut sampled = Array2::from_elem((rows, self.columns), false);
        for Line { column, span, .. } in &self.frames[slice] {
            let read = if self.trimmed {
                0..rows
            } else {
                span.row..span.row + span.count
            };
            sampled.slice_mut(s![read, *column]).fill(true);
        }
        Some(Mask::new(sampled))
    }
}

/// Volumes: every frame is one.
pub(super) struct Volumes {
    pub table: Table,
    pub frames: Vec<Vec<Line>>,
    pub layout: Layout,
    pub readout: Readout,
}

impl Scattered for Volumes {
    /// Transforms each along its readout and stores its planes, `(frames × x, coils, y, z)`.
    fn put_in_order(&self) -> Result<(Box<dyn Planes>, Vec<String>)> {
        let [rows, y, z] = self.layout.matrix;
        let (coils, positions) = (self.layout.coils, self.readout.positions());
        let (grid, planes) = self.layout.planes(positions);
        let store = PlaneStore::create(&self.table.place, self.frames.len() * planes, coils, grid)?;
        let together = (PART / (coils * z * rows * size_of::<Complex<f32>>())).clamp(1, y);
        for (frame, lines) in self.frames.iter().enumerate() {
            let mut parts: BTreeMap<usize, Vec<Line>> = BTreeMap::new();
            for line in lines {
                parts.entry(line.column / together).or_default().push(*line);
            }
            for (part, lines) in parts {
                let first = part * together;
                let columns = together.min(y - first);
                let shape = [coils, columns * z, rows];
                let column = |line: &Line| (line.column - first) * z + line.partition;
                let mut gathered = gather(&self.table, &lines, shape, column, self.layout.regridding.as_ref())?;
                let values = self.readout.to_positions(&mut gathered);
                check_finite(&self.table, &values)?;
                let mut along = vec![Complex::default(); columns * z];
                for (coil, values) in values.chunks(columns * z * positions).enumerate() {
                    for x in 0..positions {
                        along
                            .iter_mut()
                            .enumerate()
                            .for_each(|(at, v)| *v = values[at * positions + x]);
                        store.write([frame * planes + x, coil, first, 0], &along)?;
                    }
                }
            }
        }
        Ok((Box::new(store), Vec::new()))
    }
}

/// Reads lines, each into the column that `column` tells, and averages them: `(coils, columns, rows)`.
fn gather(
    table: &Table,
    lines: &[Line],
    [coils, columns, rows]: [usize; 3],
    column: impl Fn(&Line) -> usize,
    regridding: Option<&Regridding>,
) -> Result<Vec<Complex<f32>>> {
    let mut into = Lines::zeros(coils, columns, rows).ok_or_else(|| {
        let problem = format!("its lines need memory for {coils} coils of {columns}x{rows} values, which there is not");
        table.error(problem, "give the program more memory, or the scan in smaller parts")
    })?;
    let read: Vec<Row> = lines.iter().map(|line| line.row).collect();
    table.samples(coils, &read, |at, values| {
        let Line { span, .. } = lines[at];
        match regridding {
            // reversed lines are turned by it
            Some(regridding) => {
                let values = regridding.apply(span.reversed, values);
                let span = Span {
                    reversed: false,
                    ..span
                };
                into.add(column(&lines[at]), &span, &values);
            }
            None => into.add(column(&lines[at]), &span, values),
        }
    })?;
    Ok(into.mean())
}

/// Sums of values near the end of single precision may leave it.
fn check_finite(table: &Table, values: &[Complex<f32>]) -> Result<()> {
    if values.iter().all(|v| v.re.is_finite() && v.im.is_finite()) {
        return Ok(());
    }
    let problem = "its samples exceed single precision (3.4e38) when they are added";
    Err(table.error(problem, "rescale the data, for instance to a maximum of 1"))
}
