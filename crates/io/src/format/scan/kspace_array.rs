//! An array of k-space and what its axes are.

use ndarray::{ArrayD, ArrayView4, Axis};
use num_complex::Complex;

use super::super::geometry::Plane;
use super::super::plane_order::{KspaceOrder, by_matlab};
use super::super::source::array::Source;
use super::super::source::messages::shape_text;
use super::axes::{Axes, AxisKind};
use super::places::Places;
use crate::error::Result;
use pvdamp::array::Grid;

/// An array of k-space. Axes of length 1 that are not named count as slices.
pub(super) struct KspaceArray {
    pub source: Source,
    /// Of each axis.
    pub kinds: Vec<AxisKind>,
}

impl KspaceArray {
    /// # Errors
    /// Axes that are not as many as the array has, but for those of length 1.
    pub fn new(source: Source, axes: &Axes) -> Result<Self> {
        let named = axes.kinds().len();
        let spare = source.shape.len().saturating_sub(named);
        let singles = source.shape.iter().filter(|&&n| n == 1).count();
        if named > source.shape.len() || spare > singles {
            let shape = shape_text(&source.shape);
            let problem = format!(
                "has shape {shape}, of {} axes, but {axes} are {named}",
                source.shape.len()
            );
            return Err(source.error(
                problem,
                "name each axis that is longer than 1, slowest first, by --axes",
            ));
        }
        let (mut spare, mut kinds) = (spare, axes.kinds().iter().copied());
        let of = |&length: &usize| {
            if length == 1 && spare > 0 {
                spare -= 1;
                return AxisKind::Slice;
            }
            kinds.next().unwrap_or(AxisKind::Slice)
        };
        let kinds = source.shape.iter().map(of).collect();
        Ok(Self { source, kinds })
    }

    /// Where the axis of a kind is, of those that there is one of.
    pub fn position(&self, kind: AxisKind) -> Option<usize> {
        self.kinds.iter().position(|&k| k == kind)
    }

    /// The length of all axes of a kind together; 1 if there is none.
    pub fn length(&self, kind: AxisKind) -> usize {
        self.product(|k| k == kind)
    }

    /// How many images there are that are reconstructed by themselves, but for the positions along a readout.
    pub fn repeated(&self) -> usize {
        self.product(AxisKind::is_repeated)
    }

    /// The lengths of some axes, multiplied; a damaged shape may exceed what can be counted.
    fn product(&self, wanted: impl Fn(AxisKind) -> bool) -> usize {
        let lengths = self
            .kinds
            .iter()
            .zip(&self.source.shape)
            .filter(|(kind, _)| wanted(**kind));
        lengths.fold(1, |product, (_, &length)| product.saturating_mul(length))
    }

    /// How many slices there are; of a volume, the positions along its readout count too.
    pub fn slices(&self) -> usize {
        let along = match self.plane() {
            Plane::Xy => 1,
            Plane::Yz => self.length(AxisKind::X).saturating_mul(self.length(AxisKind::Kx)),
        };
        self.repeated().saturating_mul(along)
    }

    /// Which slices show the same place, of so many positions along the readout of a volume.
    pub fn places(&self, positions: Option<usize>) -> Places {
        fn is_time(kind: AxisKind) -> bool {
            matches!(kind, AxisKind::Frame | AxisKind::Echo)
        }
        let axes = self.slice_axes();
        let lengths: Vec<usize> = axes
            .iter()
            .map(|&a| match positions {
                Some(length) if !self.kinds[a].is_repeated() => length,
                _ => self.source.shape[a],
            })
            .collect();
        if !self.kinds.iter().any(|&kind| is_time(kind)) {
            return Places::of_each(lengths.iter().product());
        }
        let of = |at: &[usize], wanted: fn(AxisKind) -> bool| {
            let chosen = axes.iter().zip(at).filter(|(axis, _)| wanted(self.kinds[**axis]));
            chosen.map(|(_, &index)| index).collect::<Vec<_>>()
        };
        Places::of((0..lengths.iter().product()).map(|slice| {
            let at = unravel(slice, lengths.iter().copied());
            let place = of(&at, |kind| !is_time(kind));
            (place, of(&at, |kind| kind == AxisKind::Echo))
        }))
    }

    pub fn coils(&self) -> usize {
        self.length(AxisKind::Coil)
    }

    pub fn plane(&self) -> Plane {
        match self.position(AxisKind::Kz) {
            Some(_) => Plane::Yz,
            None => Plane::Xy,
        }
    }

    /// How it lies in its file. BART has the columns first in every array, and each tells so.
    pub fn plane_order(&self) -> KspaceOrder {
        let [rows, columns] = self.in_plane().map(|kind| self.position(kind));
        KspaceOrder {
            columns_first: columns < rows && self.source.dimensions().is_none(),
            by_matlab: by_matlab(&self.source),
        }
    }

    /// The axes that rows and columns are.
    pub fn in_plane(&self) -> [AxisKind; 2] {
        match self.plane() {
            Plane::Xy => [AxisKind::Kx, AxisKind::Ky],
            Plane::Yz => [AxisKind::Ky, AxisKind::Kz],
        }
    }

    pub fn grid(&self) -> Grid {
        let [rows, cols] = self.in_plane().map(|kind| self.length(kind));
        Grid::new(rows, cols)
    }

    /// The axes in words, as in `--axes`.
    pub fn axes(&self) -> Axes {
        Axes::of(self.kinds.clone())
    }

    /// Axes of slices in the order in which their indices count, then the readout of a volume.
    pub fn slice_axes(&self) -> Vec<usize> {
        let of = |kind: AxisKind| (0..self.kinds.len()).filter(move |&a| self.kinds[a] == kind);
        let along = if self.plane() == Plane::Yz {
            [AxisKind::X, AxisKind::Kx].as_slice()
        } else {
            &[]
        };
        (0..self.kinds.len())
            .filter(|&a| self.kinds[a].is_repeated())
            .chain(along.iter().flat_map(|&kind| of(kind)))
            .collect()
    }

    /// The order in which axes stand as `(slices..., coil, second, third, fourth)`, those that are missing left out.
    pub fn order(&self, last: [AxisKind; 3]) -> Vec<usize> {
        let slices = (0..self.kinds.len()).filter(|&a| self.kinds[a].is_repeated());
        let others = [[AxisKind::Coil].as_slice(), &last].concat();
        slices
            .chain(others.into_iter().filter_map(|kind| self.position(kind)))
            .collect()
    }

    /// Whether each plane lies in a few pieces, so that it can be read as it is needed.
    pub fn planes_lie_together(&self) -> bool {
        let strides = self.source.strides();
        let stride = |kind: AxisKind| self.position(kind).map(|a| strides[a]);
        let in_plane = self.in_plane().map(|kind| stride(kind).unwrap_or(0));
        stride(AxisKind::X).is_none_or(|x| in_plane.iter().all(|&s| s < x))
    }
}

/// Index of each axis, the last fastest, that the `index`-th of all is at.
pub(super) fn unravel(mut index: usize, lengths: impl DoubleEndedIterator<Item = usize>) -> Vec<usize> {
    let mut at: Vec<usize> = lengths
        .rev()
        .map(|n| {
            let here = index % n;
            index /= n;
            here
        })
        .collect();
    at.reverse();
    at
}

/// A block with one index of each axis of slices as `(coils, p, q, readout)`.
pub(super) fn four_axes<'a>(
    block: &'a ArrayD<Complex<f32>>,
    array: &KspaceArray,
    [p, q, readout]: [AxisKind; 3],
) -> Option<ArrayView4<'a, Complex<f32>>> {
    let mut view = block.view().permuted_axes(array.order([p, q, readout]));
    for _ in array.kinds.iter().filter(|kind| kind.is_repeated()) {
        view = view.index_axis_move(Axis(0), 0);
    }
    if array.position(AxisKind::Coil).is_none() {
        view.insert_axis_inplace(Axis(0));
    }
    view.into_dimensionality().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_axis_counts_fastest() {
        let at = |index| unravel(index, [2usize, 3, 4].into_iter());
        assert_eq!((at(0), at(5), at(23)), (vec![0, 0, 0], vec![0, 1, 1], vec![1, 2, 3]));
        assert_eq!(unravel(0, std::iter::empty()), [0usize; 0]);
    }
}
