use crate::array::{ImageSets, Real, energy};

/// Energy of an iterate, relative to the first, that no reconstruction of the data could have.
pub(super) const GROWN: f64 = 4.0;
/// Mean variance, relative to the least so far, that counts as a rise: by chance alone, of shifts, it goes up and down less.
const RISE: f64 = 1.3;

/// Keeps the image after which the variance had risen, for iterations that diverge.
pub(super) struct Guard<T> {
    first_energy: f64,
    least: f64,
    /// Where that is not the latest.
    best: Option<Kept<T>>,
    /// Of the first part.
    first: Option<Kept<T>>,
}

/// An image, denoised and not folded.
pub(super) struct Kept<T> {
    /// Counted from 1.
    pub iteration: usize,
    pub image: ImageSets<T>,
}

impl<T: Real> Guard<T> {
    /// `estimate` is the first, of mean variance `tau`.
    pub(super) fn new(estimate: &ImageSets<T>, tau: f64) -> Self {
        Self {
            first_energy: energy(estimate),
            least: tau,
            best: None,
            first: None,
        }
    }

    /// Whether an estimate can be one of the data.
    pub(super) fn allows(&self, estimate: &ImageSets<T>) -> bool {
        // Written so that a NaN counts as growth.
        energy(estimate) <= GROWN * self.first_energy
    }

    /// Takes note of the mean variance of the estimate that the latest image led to.
    pub(super) fn note(&mut self, tau: f64, latest: impl FnOnce() -> Kept<T>) {
        if tau < self.least {
            self.least = tau;
            self.best = None;
        } else if tau > RISE * self.least && self.best.is_none() {
            self.best = Some(latest());
        }
    }

    /// What the second part predicts is another thing: the guard starts anew, and keeps the image of the first.
    pub(super) fn end_first_part(&mut self, latest: impl FnOnce() -> Kept<T>) {
        self.first = Some(self.best.take().unwrap_or_else(latest));
        self.least = f64::INFINITY;
    }

    /// Of a second part that grew before its variance had risen, nothing is to be trusted.
    pub(super) fn grew(&mut self) {
        self.best = self.best.take().or(self.first.take());
    }

    /// The image to return, where that is not the latest.
    pub(super) fn best(&self) -> Option<&Kept<T>> {
        self.best.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex;

    fn images(value: f64) -> ImageSets<f64> {
        ImageSets::from_elem((1, 2, 2), Complex::new(value, 0.0))
    }

    fn guard() -> Guard<f64> {
        Guard::new(&images(1.0), 1.0)
    }

    fn latest(iteration: usize) -> Kept<f64> {
        Kept {
            iteration,
            image: images(iteration as f64),
        }
    }

    /// Mean variances of the estimates that iterations 1, 2, … led to, and which of them is kept.
    fn kept(guard: &mut Guard<f64>, taus: &[f64]) -> Option<usize> {
        for (iteration, &tau) in (1..).zip(taus) {
            guard.note(tau, || latest(iteration));
        }
        guard.best().map(|kept| kept.iteration)
    }

    #[test]
    fn what_led_to_a_rise_is_kept_until_the_variance_falls_below_its_least() {
        assert_eq!(kept(&mut guard(), &[0.8, 0.6, 0.7]), None);
        assert_eq!(kept(&mut guard(), &[0.8, 0.6, 0.9, 1.2]), Some(3));
        assert_eq!(kept(&mut guard(), &[0.8, 0.6, 0.9, 0.5]), None);
    }

    #[test]
    fn the_second_part_is_held_to_itself() {
        let mut guard = guard();
        kept(&mut guard, &[0.5, 0.4]);
        guard.end_first_part(|| latest(2));
        assert_eq!(kept(&mut guard, &[0.9, 0.8]), None);
        guard.grew();
        assert_eq!(guard.best().map(|kept| kept.iteration), Some(2));
        let mut guard = self::guard();
        guard.end_first_part(|| latest(2));
        kept(&mut guard, &[0.9, 0.8, 1.2]);
        guard.grew();
        assert_eq!(guard.best().map(|kept| kept.iteration), Some(3));
    }

    #[test]
    fn energy_and_nan_are_growth() {
        assert!(guard().allows(&images(1.9)));
        assert!(!guard().allows(&images(2.1)) && !guard().allows(&images(f64::NAN)));
    }
}
