//! From encoding counters to places on the grid.

use std::collections::{BTreeMap, HashSet};

use super::super::super::header::Header;
use super::super::check_axes::MOST_COILS;
use super::super::options::Centre;
use super::super::readout::positions_needed;
use super::centre::steps_at_centre;
use super::epi::{Regridding, check_trajectory};
use super::readout::Span;
use super::table::{Head, Row, Table};
use crate::error::{Error, Result};
use pvdamp::array::Grid;

/// Counters have 16 bits.
const LONGEST: usize = 1 << 16;
/// No scan is undersampled so much, over all its frames; a header that says so is wrong.
const THINNEST: usize = 100;
/// A readout that lacks no more than this fraction of the rows is a whole one.
const CHANCE: f64 = 0.01;
/// Field strengths of receivers differ, their bandwidths do not: dwell times further apart than this are different.
const SAME_DWELL: f32 = 0.01;

/// How the counters of a scan become places in k-space.
#[derive(Debug)]
pub(super) struct Layout {
    pub coils: usize,
    /// Encoded: readout, first and second phase encode.
    pub matrix: [usize; 3],
    /// Whether there are partition encodes.
    pub volume: bool,
    /// Values of the two step counters at zero frequency.
    pub centres: [usize; 2],
    /// Positions along the readout that the image needs, of `matrix[0]`.
    pub wanted: usize,
    /// Of readouts that are sampled on the ramps of the gradient; `matrix` has what they become.
    pub regridding: Option<Regridding>,
    /// Whether no line says which sample is its centre.
    uncentred: bool,
    pub warnings: Vec<String>,
}

/// A readout and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub row: Row,
    pub column: usize,
    pub partition: usize,
    pub span: Span,
}

impl Layout {
    /// `centre` is where zero frequency is stated to lie. Errors: a header without a matrix, or one that does not go with
    /// the acquisitions, trajectories off the grid, and fewer than half of the lines within the matrix.
    pub fn new(header: &Header, heads: &[Head], imaging: &[usize], table: &Table, centre: &Centre) -> Result<Self> {
        let coils = same_coils(heads, imaging, table)?;
        let ([x, y, z], volume) = encoded_matrix(header, heads, imaging, table)?;
        let mut warnings: Vec<String> = header.contradictions().collect();
        let (centres, odd) = steps_at_centre(centre, header, heads, imaging, [y, z]);
        warnings.extend(odd);
        warnings.extend(check_trajectory(header, heads, imaging, table)?);
        let wanted = positions_needed(x, header);
        let regridding = Regridding::new(header, heads, imaging, table, [x, wanted])?;
        warnings.extend(regridding.as_ref().map(Regridding::note));
        let mut layout = Self {
            coils,
            matrix: [regridding.as_ref().map_or(x, Regridding::positions), y, z],
            volume,
            centres,
            wanted,
            regridding,
            uncentred: false,
            warnings,
        };
        if imaging.iter().all(|&at| heads[at].center_sample == 0) && heads[imaging[0]].number_of_samples > 1 {
            layout.uncentred = true;
            layout
                .warnings
                .push("center_sample is 0 in every line: the centre of each is taken for its centre".into());
        }
        let outside: Vec<usize> = imaging
            .iter()
            .copied()
            .filter(|&at| layout.column(&heads[at]).is_none())
            .collect();
        if let Some(&first) = outside.first() {
            layout
                .warnings
                .push(layout.left_out(&heads[first], [outside.len(), imaging.len()], table)?);
        }
        Ok(layout)
    }

    /// What there is to say of lines outside the matrix, so many of all; `first` is one of them.
    ///
    /// Errors: too little is left.
    fn left_out(&self, first: &Head, [outside, all]: [usize; 2], table: &Table) -> Result<String> {
        let [_, y, z] = self.matrix;
        let [line, partition] = self.centres;
        let idx = first.idx;
        let problem = format!(
            "{outside} of {all} lines lie outside the encoded matrix of {y}x{z} with zero frequency at step {line} (ky) and \
             {partition} (kz), as steps {} and {}",
            idx.kspace_encode_step_1, idx.kspace_encode_step_2
        );
        if 2 * outside > all {
            let mend = "correct encodedSpace or encodingLimits in its header, or state the steps at zero frequency by --centre ky=N";
            return Err(table.error(problem, mend));
        }
        Ok(format!("{problem}: they are left out"))
    }

    /// The column and partition of a line; `None` outside the matrix.
    pub fn column(&self, head: &Head) -> Option<(usize, usize)> {
        let place = |step: u16, axis: usize| {
            let n = self.matrix[axis];
            (usize::from(step) + n / 2)
                .checked_sub(self.centres[axis - 1])
                .filter(|&at| at < n)
        };
        let partition = if self.volume {
            place(head.idx.kspace_encode_step_2, 2)?
        } else {
            0
        };
        Some((place(head.idx.kspace_encode_step_1, 1)?, partition))
    }

    /// Where lines lie, frame by frame, and in each in their order in the table; those outside the matrix are left out.
    ///
    /// Errors: lines of which no sample lies on the grid, or whose centre is none of their samples.
    pub fn frames(&self, heads: &[Head], imaging: &[usize], table: &Table) -> Result<BTreeMap<[u16; 5], Vec<Line>>> {
        let mut frames: BTreeMap<_, Vec<Line>> = BTreeMap::new();
        for &at in imaging {
            let head = &heads[at];
            let samples = usize::from(head.number_of_samples);
            let Some((column, partition)) = self.column(head) else {
                continue;
            };
            let centre = if self.uncentred {
                samples / 2
            } else {
                usize::from(head.center_sample)
            };
            let span = match &self.regridding {
                Some(regridding) => Some(Span::whole(regridding.positions(), head)),
                None => Span::new(head, self.matrix[0], centre).filter(|_| centre < samples),
            };
            let Some(span) = span else {
                let problem = format!("acquisition {at} has its centre at sample {centre} of {samples}");
                return Err(table.error(problem, "write center_sample as the sample at zero frequency"));
            };
            let row = Row { row: at, samples };
            frames.entry(head.frame()).or_default().push(Line {
                row,
                column,
                partition,
                span,
            });
        }
        Ok(frames)
    }

    /// The size of a plane and how many a frame has, where so many positions of the readout are kept.
    pub fn planes(&self, positions: usize) -> (Grid, usize) {
        let [_, y, z] = self.matrix;
        if self.volume {
            (Grid::new(y, z), positions)
        } else {
            (Grid::new(positions, y), 1)
        }
    }

    /// Whether the readout oversampling is taken out: from no slice where a line of any is not whole, because it would
    /// spread the missing samples over all rows. Says so, and what of the lines is missing or cut.
    pub fn positions(&mut self, lines: &[&Line], heads: &[Head]) -> usize {
        let rows = self.matrix[0];
        let shortest = lines.iter().map(|line| line.span.count).min().unwrap_or(rows);
        let cut = lines
            .iter()
            .filter(|_| self.regridding.is_none())
            .map(|line| heads[line.row.row].usable_samples() - line.span.count)
            .max()
            .unwrap_or(0);
        let partial = (rows - shortest) as f64 > CHANCE * rows as f64;
        let keep = if partial && !self.volume { rows } else { self.wanted };
        if partial {
            let left = if keep == self.wanted {
                ""
            } else {
                "; the readout oversampling is left in for that"
            };
            let counted = if self.volume { "are taken as zero" } else { "stay zero" };
            let missing = rows - shortest;
            self.warnings.push(format!(
                "short lines (partial echo): up to {missing} of the {rows} samples of a line are \
                 missing and {counted}{left}"
            ));
        }
        if cut > 0 && cut as f64 > CHANCE * rows as f64 {
            self.warnings.push(format!(
                "up to {cut} samples of a line lie outside the encoded matrix ({rows} \
                 along the readout) and are left out"
            ));
        }
        keep
    }
}

/// The coils of all lines, no more than there can be.
fn same_coils(heads: &[Head], imaging: &[usize], table: &Table) -> Result<usize> {
    let channels = |at: usize| heads[at].active_channels;
    let first = imaging[0];
    match imaging.iter().find(|&&at| channels(at) != channels(first)) {
        None if usize::from(channels(first)) > MOST_COILS => {
            let problem = format!(
                "acquisition {first} has {} coils, more than any receive array",
                channels(first)
            );
            Err(table.error(problem, format!("give a scan of at most {MOST_COILS} coils")))
        }
        None => Ok(channels(first).into()),
        Some(&other) => {
            let (one, another) = (channels(first), channels(other));
            let problem = format!("acquisition {first} has {one} coils and acquisition {other} has {another}");
            Err(table.error(problem, "give a scan whose readouts have the same coils"))
        }
    }
}

/// The encoded matrix, and whether it is that of a volume: z is 1 where there are no partition encodes.
fn encoded_matrix(header: &Header, heads: &[Head], imaging: &[usize], table: &Table) -> Result<([usize; 3], bool)> {
    let wrong = |problem: String| Err(table.error(problem, "correct the header (xml) of the file"));
    let Some(encoded) = header.encoded else {
        return wrong("its header has no encodedSpace with a matrixSize".into());
    };
    let [x, y, z] = encoded.matrix;
    let partitions = || imaging.iter().map(|&at| heads[at].idx.kspace_encode_step_2);
    let (first, last) = (partitions().min().unwrap_or(0), partitions().max().unwrap_or(0));
    let volume = z > 1 && first < last;
    if first < last && !volume {
        return wrong(format!(
            "kspace_encode_step_2 runs up to {last}, but the encoded matrix has z = {z}"
        ));
    }
    let matrix = [x, y, if volume { z } else { 1 }];
    let samples: usize = imaging.iter().map(|&at| heads[at].usable_samples()).sum();
    let frames = imaging
        .iter()
        .map(|&at| heads[at].frame())
        .collect::<HashSet<_>>()
        .len();
    let cells = matrix.iter().fold(frames, |n, &axis| n.saturating_mul(axis));
    if matrix.iter().any(|&axis| axis == 0 || axis > LONGEST) || cells / THINNEST > samples {
        let of = if volume { "volumes" } else { "slices" };
        return wrong(format!(
            "the header tells of a matrix of {x}x{y}x{z}, where {samples} samples were measured ({of}: {frames})"
        ));
    }
    Ok((matrix, volume))
}

/// How often places were sampled.
#[derive(Debug, PartialEq)]
pub(super) struct Repeats {
    /// The mean over places of one over how often each was sampled: by so much averaging lowers the variance of noise.
    pub variance: f64,
    pub warnings: Vec<String>,
}

impl Repeats {
    pub fn of(frames: &BTreeMap<[u16; 5], Vec<Line>>, heads: &[Head]) -> Self {
        // how many places were sampled so often
        let mut often: BTreeMap<usize, usize> = BTreeMap::new();
        let mut mixed = 0;
        for lines in frames.values() {
            let mut places: BTreeMap<(usize, usize), (usize, [u16; 8])> = BTreeMap::new();
            for line in lines {
                let user = heads[line.row.row].idx.user;
                let place = places.entry((line.column, line.partition)).or_insert((0, user));
                place.0 += 1;
                mixed += usize::from(place.1 != user);
            }
            places
                .values()
                .for_each(|(count, _)| *often.entry(*count).or_default() += 1);
        }
        let places: usize = often.values().sum();
        let shares = often.iter().map(|(&count, &places)| places as f64 / count as f64);
        let variance = shares.sum::<f64>() / places.max(1) as f64;
        let mut warnings = Vec::new();
        if let (Some((least, _)), Some((most, _)), true) =
            (often.first_key_value(), often.last_key_value(), often.len() > 1)
        {
            warnings.push(format!(
                "lines were sampled {least} to {most} times and averaged: their noise differs, and is given as its mean"
            ));
        }
        if mixed > 0 {
            warnings.push(format!(
                "{mixed} lines were averaged with others that differ in the user counters, whose meaning is not known"
            ));
        }
        Self { variance, warnings }
    }
}

/// Whether two dwell times are the same.
pub(super) fn same_dwell(a: f32, b: f32) -> bool {
    (a - b).abs() <= SAME_DWELL * a.abs().max(b.abs())
}

/// A refusal of a file without a line of an image.
pub(super) fn no_lines(table: &Table, rows: usize, left_out: Option<String>) -> Error {
    let left_out = left_out.map_or(String::new(), |list| format!(" ({list})"));
    let problem = format!("none of its {rows} acquisitions is a line of an image{left_out}");
    table.error(problem, "give the file with the imaging readouts")
}
