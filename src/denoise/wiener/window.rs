use crate::array::{Aligned, LANES, Real};

/// Energies around the coefficients of a row of the real or imaginary part of a band, while rows pass by.
pub(in crate::denoise) struct Energies<T> {
    /// Over three columns, of three rows.
    rows: [Aligned<T>; 3],
    /// Of the latest row, from [`LANES`] on, with one more column on both sides.
    squares: Aligned<T>,
}

/// The same, and the coefficients.
pub(super) struct Window<T> {
    values: [Aligned<T>; 3],
    energies: Energies<T>,
}

impl<T: Real> Energies<T> {
    pub(in crate::denoise) fn new(cols: usize) -> Self {
        Self {
            rows: std::array::from_fn(|_| Aligned::zeros(cols)),
            squares: Aligned::zeros(cols + 2 * LANES),
        }
    }

    /// Moves on by a row, which is the lowest of the three then.
    #[inline(always)]
    pub(in crate::denoise) fn advance(&mut self, line: &[T]) {
        self.rows.rotate_left(1);
        let cols = line.len();
        let squares = &mut self.squares[LANES - 1..][..cols + 2];
        for (square, &v) in squares[1..=cols].iter_mut().zip(line) {
            *square = v * v;
        }
        squares[0] = squares[cols];
        squares[cols + 1] = squares[1];
        let (left, here, right) = (&squares[..cols], &squares[1..=cols], &squares[2..]);
        for (sum, ((&l, &h), &r)) in self.rows[2].iter_mut().zip(left.iter().zip(here).zip(right)) {
            *sum = l + h + r;
        }
    }

    /// Nine times the mean energy around each coefficient of the middle row.
    #[inline(always)]
    pub(in crate::denoise) fn around(&self, out: &mut [T]) {
        let [above, here, below] = &self.rows;
        let rows = above.iter().zip(&**here).zip(&**below);
        for (out, ((&a, &b), &c)) in out.iter_mut().zip(rows) {
            *out = a + b + c;
        }
    }

    /// `values`, the middle row, shrunk. `noise` is the variance of a coefficient.
    #[inline(always)]
    pub(super) fn shrink(&self, noise: T, values: &[T], out: &mut [T]) {
        // The energy below is a sum over nine.
        let noise = noise * T::of(9.0);
        let [above, here, below] = &self.rows;
        let around = above.iter().zip(&**here).zip(&**below).map(|((&a, &b), &c)| a + b + c);
        for ((out, &value), energy) in out.iter_mut().zip(values).zip(around) {
            *out = value * wiener_gain(noise, energy);
        }
    }
}

impl<T: Real> Window<T> {
    pub(super) fn new(cols: usize) -> Self {
        Self {
            values: std::array::from_fn(|_| Aligned::zeros(cols)),
            energies: Energies::new(cols),
        }
    }

    /// Moves on by a row. What `fill` puts into the line is the lowest of the three then.
    #[inline(always)]
    pub(super) fn advance(&mut self, fill: impl FnOnce(&mut [T])) {
        self.values.rotate_left(1);
        fill(&mut self.values[2]);
        self.energies.advance(&self.values[2]);
    }

    /// The middle row, shrunk. `noise` is the variance of a coefficient.
    #[inline(always)]
    pub(super) fn shrink(&self, noise: T, out: &mut [T]) {
        self.energies.shrink(noise, &self.values[1], out);
    }
}

/// `energy / (energy + noise)`.
#[inline(always)]
fn wiener_gain<T: Real>(noise: T, energy: T) -> T {
    // Without signal the gain does not matter, and 0/0 must not appear.
    energy / (energy + noise).max(T::min_positive_value())
}
