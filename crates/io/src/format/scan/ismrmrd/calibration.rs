//! Lines of parallel calibration that are a scan of their own: what coil maps can be calibrated on.

use std::collections::BTreeMap;

use super::super::super::header::Header;
use super::super::axes::AxisKind;
use super::super::options::Centre;
use super::super::reader::Calibration;
use super::layout::{Layout, Line};
use super::planes;
use super::table::{Head, Row, Table};
use crate::error::Result;

/// The calibration lines `separate` of a scan whose frames have these counters, on its grid: those of one slice, whatever
/// their other counters, are averaged.
///
/// # Errors
/// Lines of other coils, or that do not lie on the grid, and slices without any.
pub(super) fn calibration(
    table: Table,
    header: &Header,
    heads: &[Head],
    separate: &[usize],
    scan: &Layout,
    frames: &[[u16; 5]],
    positions: usize,
) -> Result<Calibration> {
    let mut heads = heads.to_vec();
    for &at in separate {
        let idx = &mut heads[at].idx;
        (idx.contrast, idx.phase, idx.repetition, idx.set) = (0, 0, 0, 0);
    }
    let [line, partition] = scan.centres;
    let centre = Centre::Stated(vec![(AxisKind::Ky, line), (AxisKind::Kz, partition)]);
    let layout = Layout::new(header, &heads, separate, &table, &centre)?;
    if (layout.coils, layout.matrix, layout.volume) != (scan.coils, scan.matrix, scan.volume) {
        return Err(table.error(
            "they have other coils, or other partitions",
            "calibrate maps on another scan",
        ));
    }
    let lines: BTreeMap<[u16; 5], Vec<Line>> = layout.frames(&heads, separate, &table)?;
    let rows: Vec<Row> = lines.values().flatten().map(|line| line.row).collect();
    table.check_lengths(layout.coils, &rows)?;
    let (_, planes_a_frame) = layout.planes(positions);
    let mut of_slice = Vec::new();
    for frame in frames {
        let group = lines.keys().position(|lines| lines[4] == frame[4]);
        let group = group.ok_or_else(|| {
            let problem = format!("there are none of slice {}", frame[4]);
            table.error(problem, "calibrate maps on another scan")
        })?;
        of_slice.extend((0..planes_a_frame).map(|plane| group * planes_a_frame + plane));
    }
    Ok(Calibration {
        of_slice,
        lines: separate.len(),
        planes: planes(table, lines.into_values().collect(), layout, positions),
    })
}
