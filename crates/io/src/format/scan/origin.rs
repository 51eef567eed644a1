//! Where zero frequency lies in the planes of a file, and planes that are brought to the centre.

use ndarray::{Array1, Array2, Array3, Zip};
use num_complex::Complex;

use super::reader::Planes;
use crate::error::Result;
use pvdamp::array::{CoilStack, Grid, Mask};

/// How the samples along an axis of a file come to lie about the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// By so many samples, and what leaves at the end comes in at the beginning: k-space that was not centred.
    Roll(usize),
    /// By so many samples, and what leaves is lost: the acquisition lies elsewhere.
    Shift(isize),
}

impl Move {
    pub const NONE: Self = Self::Roll(0);

    /// Where the sample at `index` of `n` lies in the file.
    fn stored(self, index: usize, n: usize) -> Option<usize> {
        match self {
            Self::Roll(by) => Some((index + n - by % n) % n),
            Self::Shift(by) => index.checked_add_signed(-by).filter(|&stored| stored < n),
        }
    }
}

/// What has to be done with the planes of a file for the origin of k-space, and of the image, to be at the centre.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Origin {
    grid: Grid,
    /// Along rows and columns.
    moves: [Move; 2],
    /// The factors that move the image by half its size, where they do.
    turns: [Option<Array1<Complex<f32>>>; 2],
}

/// `exp(2πi (p − n/2)(n/2)/n)` with `n/2` rounded down: the image whose first pixel was its origin has it at the centre.
fn half_turns(n: usize) -> Array1<Complex<f32>> {
    let half = (n / 2) as i64;
    let turn = |p: usize| match (n % 2, (p as i64 - half) % 2) {
        (0, 0) => Complex::new(1.0, 0.0),
        (0, _) => Complex::new(-1.0, 0.0),
        _ => {
            let turns = (p as i64 - half) as f64 * half as f64 / n as f64;
            let Complex { re, im } = Complex::from_polar(1.0, std::f64::consts::TAU * turns);
            Complex::new(re as f32, im as f32)
        }
    };
    Array1::from_shape_fn(n, turn)
}

impl Origin {
    /// Planes that are as they should be.
    pub fn centred(grid: Grid) -> Self {
        Self {
            grid,
            moves: [Move::NONE; 2],
            turns: [None, None],
        }
    }

    pub fn moved(self, moves: [Move; 2]) -> Self {
        Self { moves, ..self }
    }

    /// With the image moved by half its size along rows, or columns, or both.
    pub fn turned(self, [rows, cols]: [bool; 2]) -> Self {
        let turns = [
            rows.then(|| half_turns(self.grid.rows)),
            cols.then(|| half_turns(self.grid.cols)),
        ];
        Self { turns, ..self }
    }

    pub fn is_centred(&self) -> bool {
        !self.is_moved() && !self.is_turned()
    }

    /// Whether k-space lies elsewhere.
    pub fn is_moved(&self) -> bool {
        let still = |by: &Move| matches!(by, Move::Roll(0) | Move::Shift(0));
        !self.moves.iter().all(still)
    }

    /// Whether the image does.
    pub fn is_turned(&self) -> bool {
        self.turns.iter().any(Option::is_some)
    }

    /// Where a location of the centred plane lies in the file; `None` where it is not there.
    pub fn stored(&self, [row, col]: [usize; 2]) -> Option<[usize; 2]> {
        let [rows, cols] = self.moves;
        Some([rows.stored(row, self.grid.rows)?, cols.stored(col, self.grid.cols)?])
    }

    /// A plane that lies in the file as k-space does, with zero frequency at the centre; `outside` where nothing is.
    pub fn plane<T: Copy>(&self, plane: &Array2<T>, outside: T) -> Array2<T> {
        Array2::from_shape_fn(plane.dim(), |(row, col)| {
            self.stored([row, col]).map_or(outside, |at| plane[at])
        })
    }

    /// The factor of a sample.
    pub fn turn(&self, [row, col]: [usize; 2]) -> Complex<f32> {
        let factor = |turns: &Option<Array1<Complex<f32>>>, at: usize| turns.as_ref().map_or(Complex::ONE, |t| t[at]);
        factor(&self.turns[0], row) * factor(&self.turns[1], col)
    }

    /// k-space of a slice, with the origins at the centre.
    pub fn centre(&self, kspace: &CoilStack<f32>) -> CoilStack<f32> {
        let mut centred = Array3::zeros(kspace.dim());
        Zip::indexed(&mut centred).par_for_each(|(coil, row, col), value| {
            if let Some([at_row, at_col]) = self.stored([row, col]) {
                *value = kspace[[coil, at_row, at_col]] * self.turn([row, col]);
            }
        });
        centred
    }
}

/// Planes of a file whose origins lie elsewhere.
pub(super) struct Recentred {
    pub planes: Box<dyn Planes>,
    pub origin: Origin,
}

impl Planes for Recentred {
    fn slice(&self, slice: usize) -> Result<CoilStack<f32>> {
        Ok(self.origin.centre(&self.planes.slice(slice)?))
    }

    fn acquired(&self, slice: usize) -> Option<Mask> {
        let acquired = self.planes.acquired(slice)?;
        Some(Mask::new(self.origin.plane(&acquired.sampled, false)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_even_and_odd_lengths() {
        let even: Vec<f32> = half_turns(6).iter().map(|v| v.re).collect();
        assert_eq!(even, [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        let odd = half_turns(5);
        assert_eq!(odd[2], Complex::new(1.0, 0.0));
        let turns = std::f64::consts::TAU * 2.0 / 5.0;
        assert!((odd[3] - Complex::new(turns.cos() as f32, turns.sin() as f32)).norm() < 1e-6);
        assert!(odd.iter().all(|v| (v.norm() - 1.0).abs() < 1e-6));
    }

    #[test]
    fn samples_come_in_again_or_are_lost() {
        let grid = Grid::new(1, 5);
        let plane = Array2::from_shape_vec((1, 5), vec![1, 2, 3, 4, 5]).unwrap();
        let moved = |by: Move| {
            let origin = Origin::centred(grid).moved([Move::NONE, by]);
            origin.plane(&plane, 0).into_raw_vec_and_offset().0
        };
        assert_eq!(moved(Move::Roll(2)), [4, 5, 1, 2, 3]);
        assert_eq!(moved(Move::Shift(2)), [0, 0, 1, 2, 3]);
        assert_eq!(moved(Move::Shift(-1)), [2, 3, 4, 5, 0]);
        assert_eq!(moved(Move::NONE), [1, 2, 3, 4, 5]);
    }
}
