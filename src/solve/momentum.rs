use crate::array::{ImageSets, Real, vectorised};

/// An image with Nesterov's momentum, as in FISTA (Beck & Teboulle 2009).
pub(super) struct Momentum<T: Real> {
    pub x: ImageSets<T>,
    /// Where the next gradient is taken: x, extrapolated along its latest step.
    pub ahead: ImageSets<T>,
    weight: f64,
}

impl<T: Real> Momentum<T> {
    pub(super) fn new(start: ImageSets<T>) -> Self {
        Self {
            ahead: start.clone(),
            x: start,
            weight: 1.0,
        }
    }

    /// Makes `next` the image, and extrapolates from it.
    pub(super) fn advance(&mut self, next: ImageSets<T>) {
        let grown = (1.0 + (1.0 + 4.0 * self.weight * self.weight).sqrt()) / 2.0;
        let carry = T::of((self.weight - 1.0) / grown);
        self.weight = grown;
        let [new, old] = [&next, &self.x].map(|x| x.as_slice().expect("standard layout"));
        let ahead = self.ahead.as_slice_mut().expect("standard layout");
        vectorised(
            #[inline(always)]
            || {
                for (ahead, (new, old)) in ahead.iter_mut().zip(new.iter().zip(old)) {
                    *ahead = new + (new - old) * carry;
                }
            },
        );
        self.x = next;
    }

    /// Drops the momentum of earlier steps.
    pub(super) fn restart(&mut self) {
        self.weight = 1.0;
    }
}
