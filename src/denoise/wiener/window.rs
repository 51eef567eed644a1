use crate::array::Real;

/// Three rows of the real or imaginary part of a band, one after the other, and the energies around their coefficients.
pub(super) struct Window<T> {
    values: [Vec<T>; 3],
    /// Over three columns, of the same rows.
    energies: [Vec<T>; 3],
    /// Of the latest row, with one more column on both sides.
    squares: Vec<T>,
}

impl<T: Real> Window<T> {
    pub fn new(cols: usize) -> Self {
        let rows = || std::array::from_fn(|_| vec![T::zero(); cols]);
        Self {
            values: rows(),
            energies: rows(),
            squares: vec![T::zero(); cols + 2],
        }
    }

    /// Moves on by a row. What `fill` puts into the line is the lowest of the three then.
    #[inline(always)]
    pub fn advance(&mut self, fill: impl FnOnce(&mut [T])) {
        self.values.rotate_left(1);
        self.energies.rotate_left(1);
        let [.., latest] = &mut self.values;
        fill(latest);
        let cols = latest.len();
        let squares = &mut self.squares[..cols + 2];
        squares[1..=cols]
            .iter_mut()
            .zip(&*latest)
            .for_each(|(s, &v)| *s = v * v);
        squares[0] = squares[cols];
        squares[cols + 1] = squares[1];
        let (left, here, right) = (&squares[..cols], &squares[1..=cols], &squares[2..]);
        for (sum, ((&l, &h), &r)) in self.energies[2].iter_mut().zip(left.iter().zip(here).zip(right)) {
            *sum = l + h + r;
        }
    }

    /// The middle row, shrunk. `noise` is the variance of a coefficient.
    #[inline(always)]
    pub fn shrink(&self, noise: T, out: &mut [T]) {
        // The energy below is a sum over nine.
        let noise = noise * T::of(9.0);
        let [above, here, below] = &self.energies;
        let around = above.iter().zip(here).zip(below).map(|((&a, &b), &c)| a + b + c);
        for ((out, &value), energy) in out.iter_mut().zip(&self.values[1]).zip(around) {
            *out = value * wiener_gain(noise, energy);
        }
    }
}

/// `energy / (energy + noise)`.
#[inline(always)]
fn wiener_gain<T: Real>(noise: T, energy: T) -> T {
    // Without signal the gain does not matter, and 0/0 must not appear.
    energy / (energy + noise).max(T::min_positive_value())
}
