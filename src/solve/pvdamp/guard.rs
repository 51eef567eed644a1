use crate::array::{ImageSets, Real, energy};

/// Energy of an iterate, relative to the first, that no reconstruction of the data could have.
const GROWN: f64 = 4.0;
/// Mean variance, relative to the least so far, that counts as a rise: by chance alone, of shifts, it goes up and down less.
const RISE: f64 = 1.3;

/// Keeps the image whose next estimate had the least variance, for iterations that diverge.
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
