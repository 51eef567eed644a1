//! Volumes cut into planes along their readout, which is transformed first where it is still in k-space.

use ndarray::{Array4, ArrayView4, s};
use num_complex::Complex;

use super::super::header::Header;
use super::super::source::messages::{DAMAGED, shape_text};
use super::axes::AxisKind;
use super::kspace_array::{KspaceArray, four_axes, unravel};
use super::plane_store::{PlaneStore, Scattered};
use super::reader::Planes;
use crate::error::Result;
use pvdamp::array::{CoilStack, Grid};
use pvdamp::fourier::{Fourier, Scratch};

/// Values of one block in memory, half a megabyte; a second block of that size holds its transform.
const BLOCK: usize = 1 << 16;
/// Fewer zeros than this share of a position along the readout are chance.
const CHANCE: f64 = 0.01;

/// How many positions along a readout of `length` the image needs: all, or those without the oversampling that a header
/// tells of.
pub(super) fn positions_needed(length: usize, header: &Header) -> usize {
    ((length as f64 / header.readout_oversampling()).round() as usize).clamp(1, length)
}

/// The positions along a readout of `length` that are kept, as first and count: all, or those at the centre where a
/// header tells of oversampling that is still there.
pub(super) fn window(length: usize, header: Option<&Header>) -> (usize, usize) {
    // an array may have been cut before it was written
    let whole = |header: &&Header| header.recon.is_none_or(|recon| recon.matrix[0] != length);
    let positions = header
        .filter(whole)
        .map_or(length, |header| positions_needed(length, header));
    (length / 2 - positions / 2, positions)
}

/// Volumes in an array, and the positions along their readout that are kept, as first and count.
pub(super) struct Volumes {
    pub array: KspaceArray,
    pub window: (usize, usize),
}

impl Scattered for Volumes {
    /// The file is read once, from front to back, in blocks.
    ///
    /// # Errors
    /// Data that cannot be read or are not finite, no room on disk, and a readout that is not fully sampled.
    fn put_in_order(&self) -> Result<(Box<dyn Planes>, Vec<String>)> {
        let array = &self.array;
        let cut = Cut::new(array, self.window)?;
        let mut readout = Readout::new(cut.length, array.position(AxisKind::Kx).is_some());
        let repeats: Vec<usize> = (0..array.kinds.len())
            .filter(|&a| array.kinds[a].is_repeated())
            .collect();
        for repeat in 0..array.repeated() {
            let (mut start, mut count) = (vec![0; array.kinds.len()], array.source.shape.clone());
            let at = unravel(repeat, repeats.iter().map(|&a| array.source.shape[a]));
            for (&axis, at) in repeats.iter().zip(at) {
                (start[axis], count[axis]) = (at, 1);
            }
            cut.volume(repeat, start, count, &mut readout)?;
        }
        let warning = readout.judge().map_err(|problem| {
            let mend = "only ky and kz may be undersampled in a volume; if kx is another axis, say so by --axes";
            array.source.error(problem, mend)
        })?;
        let (store, turned) = (cut.store, cut.turned);
        let planes: Box<dyn Planes> = if turned {
            Box::new(Turned(store))
        } else {
            Box::new(store)
        };
        Ok((planes, warning.into_iter().collect()))
    }
}

/// As many rows as fit a block, or the few more or less that are whole chunks: a compressed chunk is unpacked each
/// time.
fn whole_chunks(rows: usize, chunk: usize) -> usize {
    match chunk {
        _ if chunk <= rows => rows / chunk * chunk,
        _ if chunk <= 4 * rows => chunk,
        _ => rows,
    }
}

/// A volume being cut. Of the two axes of a plane, `p` is the slower one in the file; a plane is stored `(p, q)`.
struct Cut<'a> {
    array: &'a KspaceArray,
    store: PlaneStore,
    /// Whether planes are stored with their columns first.
    turned: bool,
    kinds: [AxisKind; 3],
    /// Along p, q and the readout.
    axes: [usize; 3],
    coil: Option<usize>,
    /// Coils, p and q in a block.
    step: [usize; 3],
    window: (usize, usize),
    length: usize,
}

impl<'a> Cut<'a> {
    fn new(array: &'a KspaceArray, window: (usize, usize)) -> Result<Self> {
        let source = &array.source;
        let readout = match array.position(AxisKind::Kx) {
            Some(_) => AxisKind::Kx,
            None => AxisKind::X,
        };
        let [rows, cols] = array.in_plane();
        let at = |kind| {
            let missing = || source.error(format!("has shape {}", shape_text(&source.shape)), DAMAGED);
            array.position(kind).ok_or_else(missing)
        };
        let strides = source.strides();
        let turned = strides[at(rows)?] < strides[at(cols)?];
        let [p, q] = if turned { [cols, rows] } else { [rows, cols] };
        let kinds = [p, q, readout];
        let axes = [at(p)?, at(q)?, at(readout)?];
        let [np, nq, length] = axes.map(|a| source.shape[a]);
        let coil = array.position(AxisKind::Coil);
        let together = coil.is_some_and(|c| strides[c] < strides[axes[0]]);
        let coils = if together { array.coils() } else { 1 };
        let wide = (BLOCK / (coils * length)).clamp(1, nq);
        let high = whole_chunks((BLOCK / (coils * length * wide)).clamp(1, np), source.chunk(axes[0])).min(np);
        let slices = array.repeated() * window.1;
        Ok(Self {
            array,
            store: PlaneStore::create(&source.place, slices, array.coils(), Grid::new(np, nq))?,
            turned,
            kinds,
            axes,
            coil,
            step: [coils, high, wide],
            window,
            length,
        })
    }

    /// One volume: `start` and `count` have one index of each axis that repeats.
    fn volume(&self, repeat: usize, mut start: Vec<usize>, mut count: Vec<usize>, readout: &mut Readout) -> Result<()> {
        let [p, q, _] = self.axes;
        let (np, nq) = (count[p], count[q]);
        let [coils, high, wide] = self.step;
        for coil in (0..self.array.coils()).step_by(coils) {
            if let Some(axis) = self.coil {
                (start[axis], count[axis]) = (coil, coils);
            }
            for p0 in (0..np).step_by(high) {
                for q0 in (0..nq).step_by(wide) {
                    (start[p], count[p]) = (p0, high.min(np - p0));
                    (start[q], count[q]) = (q0, wide.min(nq - q0));
                    let block = self.array.source.block::<f32>(&start, &count, None)?;
                    let lines = four_axes(&block, self.array, self.kinds);
                    let lines =
                        lines.ok_or_else(|| self.array.source.error("changed while it was read", "read it again"))?;
                    let out = readout.transform(lines, self.window);
                    drop(block);
                    self.write(repeat, [coil, p0, q0], &out)?;
                }
            }
        }
        Ok(())
    }

    /// Writes `(coils, positions, p, q)`.
    fn write(&self, repeat: usize, [coil, p0, q0]: [usize; 3], out: &Array4<Complex<f32>>) -> Result<()> {
        let (_, positions, high, wide) = out.dim();
        // rows of a plane follow each other where the block is as wide as the plane
        let run = if wide == self.array.source.shape[self.axes[1]] {
            high
        } else {
            1
        };
        for (c, planes) in out.outer_iter().enumerate() {
            for (x, plane) in planes.outer_iter().enumerate() {
                for p in (0..high).step_by(run) {
                    let values = plane.slice(s![p..p + run, ..]);
                    let values = values.as_slice().expect("rows of a block follow each other");
                    self.store
                        .write([repeat * positions + x, coil + c, p0 + p, q0], values)?;
                }
            }
        }
        Ok(())
    }
}

/// The transform along the readout, and where the readout held data.
struct Readout {
    fourier: Option<(Fourier<f32>, Scratch<f32>)>,
    line: Vec<Complex<f32>>,
    /// Lines that are not all zero.
    lines: u64,
    /// Of those, how many are not zero at each position.
    filled: Vec<u64>,
}

impl Readout {
    fn new(length: usize, encoded: bool) -> Self {
        let fourier = encoded.then(|| {
            let fourier = Fourier::new(Grid::new(1, length));
            let scratch = fourier.scratch();
            (fourier, scratch)
        });
        Self {
            fourier,
            line: vec![Complex::new(0.0, 0.0); length],
            lines: 0,
            filled: vec![0; length],
        }
    }

    /// Lines `(coils, p, q, readout)` to planes `(coils, positions, p, q)`, the positions those of the window.
    fn transform(
        &mut self,
        lines: ArrayView4<Complex<f32>>,
        (first, positions): (usize, usize),
    ) -> Array4<Complex<f32>> {
        let (coils, high, wide, _) = lines.dim();
        let mut out = Array4::zeros((coils, positions, high, wide));
        for c in 0..coils {
            for p in 0..high {
                for q in 0..wide {
                    self.line
                        .iter_mut()
                        .zip(lines.slice(s![c, p, q, ..]))
                        .for_each(|(to, &from)| *to = from);
                    self.count();
                    if let Some((fourier, scratch)) = &mut self.fourier {
                        fourier.inverse(&mut self.line, scratch);
                    }
                    out.slice_mut(s![c, .., p, q])
                        .iter_mut()
                        .zip(&self.line[first..])
                        .for_each(|(to, &from)| *to = from);
                }
            }
        }
        out
    }

    fn count(&mut self) {
        let zero = Complex::new(0.0, 0.0);
        if self.fourier.is_none() || self.line.iter().all(|&v| v == zero) {
            return;
        }
        self.lines += 1;
        let filled = self.filled.iter_mut().zip(&self.line);
        filled.for_each(|(count, &v)| *count += u64::from(v != zero));
    }

    /// Whether every line was read out in full, which a plane at one position needs. A readout that begins late or ends
    /// early, all lines alike, is a warning.
    fn judge(&self) -> std::result::Result<Option<String>, String> {
        let sampled = |&&count: &&u64| count > 0;
        let length = self.filled.len();
        let late = self.filled.iter().take_while(|c| !sampled(c)).count();
        if self.lines == 0 || late == length {
            return Ok(None);
        }
        let early = self.filled.iter().rev().take_while(|c| !sampled(c)).count();
        let within = &self.filled[late..length - early];
        let least = within.iter().min().copied().unwrap_or(0);
        if (self.lines - least) as f64 > CHANCE * self.lines as f64 {
            let missing = self.lines - least;
            return Err(format!(
                "the readout kx is undersampled: {missing} of {} lines lack a sample at one of its {length} positions",
                self.lines
            ));
        }
        Ok((late + early > 0).then(|| {
            format!(
                "the readout holds no data at its first {late} and last {early} of {length} positions: the image is \
                 blurred along x"
            )
        }))
    }
}

/// Planes stored with their columns first.
struct Turned(PlaneStore);

impl Planes for Turned {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        let plane = self.0.slice(slice)?.permuted_axes([0, 2, 1]);
        Ok(plane.as_standard_layout().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversampling_that_is_still_there_is_cut_at_the_centre() {
        let header = |encoded: usize, recon: usize| {
            let space = |x: usize| format!("<matrixSize><x>{x}</x><y>8</y><z>8</z></matrixSize>");
            Header::parse(&format!(
                "<h><encoding><encodedSpace>{}</encodedSpace><reconSpace>{}</reconSpace></encoding></h>",
                space(encoded),
                space(recon)
            ))
            .unwrap()
        };
        assert_eq!(window(32, None), (0, 32));
        assert_eq!(window(32, Some(&header(32, 16))), (8, 16));
        assert_eq!(window(16, Some(&header(32, 16))), (0, 16));
        assert_eq!(window(31, Some(&header(31, 31))), (0, 31));
        assert_eq!(window(33, Some(&header(33, 15))), (9, 15));
    }

    #[test]
    fn blocks_are_whole_chunks_where_these_are_small() {
        let of = |chunk| whole_chunks(10, chunk);
        assert_eq!((of(1), of(4), of(10), of(16), of(41)), (10, 8, 10, 16, 10));
    }

    #[test]
    fn a_readout_with_holes_is_told_from_a_short_one() {
        let judged = |filled: &[u64]| {
            let mut readout = Readout::new(filled.len(), true);
            (readout.lines, readout.filled) = (1000, filled.to_vec());
            readout.judge()
        };
        assert_eq!(judged(&[1000; 8]), Ok(None));
        assert_eq!(judged(&[1000, 995, 1000]), Ok(None));
        assert!(
            judged(&[0, 0, 1000, 1000])
                .unwrap()
                .unwrap()
                .contains("first 2 and last 0 of 4")
        );
        assert!(judged(&[1000, 600, 1000]).unwrap_err().contains("400 of 1000 lines"));
        assert!(judged(&[10, 1000, 1000]).unwrap_err().contains("990 of 1000"));
    }
}
