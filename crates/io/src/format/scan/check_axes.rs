//! Whether the axes of k-space can be what they are taken for, and which others would fit better.

use std::path::Path;

use super::super::header::Header;
use super::super::source::array::Source;
use super::super::source::find::inventory;
use super::super::source::messages::shape_text;
use super::axes::{Axes, AxisKind};
use super::kspace_array::KspaceArray;
use crate::error::{Error, Result};

/// No receive array has more elements; a larger axis is not one of coils.
pub(super) const MOST_COILS: usize = 128;

/// No scan has more slices; lists are kept of them.
pub const MOST_SLICES: usize = 2_000_000;

/// Who says what the axes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stated {
    User,
    File,
    /// They are the usual ones.
    Nobody,
}

/// Sentences about axes that can be read but are probably not meant so.
///
/// # Errors
/// More coils or slices than there can be; usual axes that a header contradicts where others fit it.
pub(super) fn check(array: &KspaceArray, header: Option<&Header>, stated: Stated) -> Result<Vec<String>> {
    let (source, coils, grid) = (&array.source, array.coils(), array.grid());
    let other = better(&source.shape, header).filter(|other| *other != array.axes());
    let shape = shape_text(&source.shape);
    let axes = array.axes();
    let pass = |condition: &str| match &other {
        Some(other) => format!("{condition} pass --axes {other}"),
        None => format!("{condition} say by --axes what the axes are, slowest first"),
    };
    if coils > MOST_COILS {
        let problem = format!("has shape {shape}, which reads as {axes}: {coils} coils");
        return Err(source.error(problem, pass("if the coils are last or elsewhere,")));
    }
    let slices = array.slices();
    if slices > MOST_SLICES {
        let problem = format!("has shape {shape}, which reads as {axes}: {slices} slices");
        return Err(source.error(problem, pass(&format!("no more than {MOST_SLICES} are read;"))));
    }
    if stated == Stated::User {
        return Ok(Vec::new());
    }
    let lengths = HeaderLengths::of(header);
    if let (true, Some(other)) = (lengths.contradicts(array), &other)
        && lengths.fits(other, &source.shape)
    {
        let problem = format!(
            "has shape {shape}, which reads as {axes}, but the header tells of \
             {} coils and a matrix of {} (kx) by {} (ky)",
            lengths.coils, lengths.matrix[0], lengths.matrix[1]
        );
        return Err(source.error(problem, format!("pass --axes {other}")));
    }
    let read = format!(
        "k-space of shape {shape} is read as {axes}: {} slices of {coils} coils, {grid}",
        array.repeated()
    );
    let lone = source.shape.len() == 3 && coils == 1;
    let thin = lone && grid.cols <= 32 && grid.rows > 2 * grid.cols;
    let doubt = match stated {
        Stated::Nobody if lone && lengths.coils > 1 => {
            let coils = lengths.coils;
            Some(format!("{read}; the header says {coils} coils: is an axis missing?"))
        }
        Stated::Nobody if thin || coils > grid.rows || coils > grid.cols => {
            Some(pass(&format!("{read}; are the coils last? If so,")))
        }
        _ => None,
    };
    Ok(doubt.into_iter().chain(of_matlab(array, stated)).collect())
}

/// MATLAB writes the axes of its arrays in reverse.
fn of_matlab(array: &KspaceArray, stated: Stated) -> Option<String> {
    let written = array.plane_order().by_matlab;
    let mut kinds = array.kinds.clone();
    let (x, y) = (array.position(AxisKind::Kx)?, array.position(AxisKind::Ky)?);
    kinds.swap(x, y);
    (written && stated == Stated::Nobody).then(|| {
        format!(
            "MATLAB wrote this k-space, with its first axis last: it is read as {}; \
             if kx was its first axis, pass --axes {}",
            array.axes(),
            Axes::of(kinds)
        )
    })
}

/// The lengths that a header gives to the axes; 0 where it gives none.
struct HeaderLengths {
    coils: usize,
    /// Along kx and ky.
    matrix: [usize; 2],
}

impl HeaderLengths {
    fn of(header: Option<&Header>) -> Self {
        let matrix = header
            .and_then(|h| h.encoded)
            .map_or([0; 2], |e| [e.matrix[0], e.matrix[1]]);
        let coils = header.and_then(|h| h.receiver_channels).unwrap_or(0);
        Self { coils, matrix }
    }

    /// Coils and readout both differ from what is lengths.
    fn contradicts(&self, array: &KspaceArray) -> bool {
        let readout = array.position(AxisKind::Kx).map(|a| array.source.shape[a]);
        self.coils > 0
            && array.coils() != self.coils
            && self.matrix[0] > 0
            && readout.is_some_and(|n| n != self.matrix[0])
    }

    fn fits(&self, axes: &Axes, shape: &[usize]) -> bool {
        let length = |kind| axes.position(kind).map_or(1, |a| shape[a]);
        length(AxisKind::Coil) == self.coils && length(AxisKind::Kx) == self.matrix[0]
    }
}

/// The most likely axes of a two-dimensional scan by their lengths: kx and ky as the header says or the longest, the
/// coils as the header says or the longest left that can be.
fn better(shape: &[usize], header: Option<&Header>) -> Option<Axes> {
    if !(3..=4).contains(&shape.len()) {
        return None;
    }
    let lengths = HeaderLengths::of(header);
    let of_header = shape.iter().position(|&n| n == lengths.matrix[0]).and_then(|x| {
        let y = (0..shape.len()).find(|&a| a != x && shape[a] == lengths.matrix[1])?;
        Some([x, y])
    });
    let [x, y] = of_header.unwrap_or_else(|| {
        let mut longest: Vec<usize> = (0..shape.len()).collect();
        longest.sort_by_key(|&a| std::cmp::Reverse(shape[a]));
        [longest[0].min(longest[1]), longest[0].max(longest[1])]
    });
    let rest: Vec<usize> = (0..shape.len()).filter(|&a| a != x && a != y).collect();
    let can_be = |a: &&usize| shape[**a] <= MOST_COILS;
    let by_header = rest.iter().find(|&&a| lengths.coils > 1 && shape[a] == lengths.coils);
    // of two that trail the coils come first, of two that lead the slices
    let (first, last) = (rest.first()?, rest.last()?);
    let usual = match (shape[*first], shape[*last]) {
        (1, _) => last,
        (_, 1) => first,
        _ if x < *first => first,
        _ => last,
    };
    let coil = by_header.or(Some(usual).filter(can_be)).or(rest.iter().find(can_be))?;
    let kind = |a: usize| match a {
        a if a == x => AxisKind::Kx,
        a if a == y => AxisKind::Ky,
        a if a == *coil => AxisKind::Coil,
        _ => AxisKind::Slice,
    };
    Some(Axes::of((0..shape.len()).map(kind).collect()))
}

/// A file without the dataset of k-space.
pub(super) fn no_kspace(held: &[Source], path: &Path, name: &str) -> Error {
    let images = held.iter().any(|s| s.name().starts_with("reconstruction"));
    let problem = format!("no dataset '{name}'; the file holds {}", inventory(held));
    let mend = if images {
        "it holds images only: give the file with the k-space they were made of"
    } else {
        "name the k-space dataset, or write it as 'kspace' (slices, coils, rows, cols)"
    };
    Error::data(path, problem, mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(coils: usize, x: usize, y: usize) -> Header {
        Header::parse(&format!(
            "<h>\
             <acquisitionSystemInformation><receiverChannels>{coils}</receiverChannels></acquisitionSystemInformation>\
             <encoding><encodedSpace><matrixSize><x>{x}</x><y>{y}</y><z>1</z></matrixSize>\
             </encodedSpace></encoding></h>"
        ))
        .unwrap()
    }

    #[test]
    fn likely_axes() {
        let of = |shape: &[usize], header: Option<&Header>| better(shape, header).map(|a| a.to_string());
        let says = |text: &str| Some(text.to_string());
        assert_eq!(of(&[256, 320, 8, 1], None), says("kx,ky,coil,slice"));
        assert_eq!(of(&[256, 320, 8, 20], None), says("kx,ky,coil,slice"));
        assert_eq!(of(&[20, 8, 256, 320], None), says("slice,coil,kx,ky"));
        assert_eq!(of(&[1, 256, 256, 8], None), says("slice,kx,ky,coil"));
        assert_eq!(of(&[256, 320, 8], None), says("kx,ky,coil"));
        assert_eq!(of(&[256, 320, 150, 12], None), says("kx,ky,slice,coil"));
        assert_eq!(
            of(&[256, 320, 20, 8], Some(&header(8, 320, 256))),
            says("ky,kx,slice,coil")
        );
        assert_eq!(of(&[400, 300, 200], None), None);
        assert_eq!(of(&[8, 64, 64, 64, 1], None), None);
    }
}
