use std::fmt;

use crate::array::Grid;
use crate::error::{Error, Parameter, Result};
use crate::wavelet::{Layout, Wavelet};

/// ρ unless one is given: the published value.
const DAMPING: f64 = 0.75;
/// The same for masks of phase-encode lines: the best of those tried on a brain (`docs/algorithm.md`).
const LINE_DAMPING: f64 = 0.7;

/// Scales of the wavelet transform unless the image is too small for them: the published number.
const SCALES: usize = 4;

/// What a user can tune. The defaults are those of the method, or the published ones.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Of the transform Ψ.
    pub wavelet: &'static Wavelet,
    /// Scales of Ψ; `None` for [`Tuning::scales`]'s choice.
    pub scales: Option<usize>,
    /// ρ: the share of the new estimate in each damped update, 0 < ρ ≤ 1; `None` for [`Tuning::damping`]'s choice.
    pub damping: Option<f64>,
    /// λ: the regularisation weight. A threshold, in units of the image's [intensity](super::Problem::intensity),
    /// for methods that threshold; the Tikhonov weight, without unit, of CG-SENSE.
    pub lambda: Lambda,
    /// A random circular shift of the wavelet grid in each iteration.
    pub shift: Shift,
    /// Iterations that a method with a schedule fits it into; `None` for its own choice.
    pub iterations: Option<usize>,
    /// Seed of the samples that are held out for error bars ([`ErrorBars`](super::ErrorBars)); `None` for no error bars.
    pub error_bars: Option<u64>,
}

/// Shifts of the wavelet grid, for methods that have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shift {
    /// As the method has it: [`Method::shift`](super::Method::shift).
    #[default]
    Own,
    /// None.
    Off,
    /// Drawn from this seed.
    Random(u64),
}

impl Shift {
    /// The seed, for a method whose own is `own`; `None` for no shifts.
    pub fn seed(self, own: Option<u64>) -> Option<u64> {
        match self {
            Self::Own => own,
            Self::Off => None,
            Self::Random(seed) => Some(seed),
        }
    }
}

/// The regularisation weight, for methods that have one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Lambda {
    /// In the unit of [`Tuning::lambda`].
    Value(f64),
    /// The one of least error against the fully sampled reference, which [`reconstruct`](crate::reconstruct()) searches
    /// for. A solver itself takes it for 0.
    Optimal,
}

impl Lambda {
    /// The number; 0 while the optimal one has not been found.
    pub fn value(self) -> f64 {
        match self {
            Self::Value(value) => value,
            Self::Optimal => 0.0,
        }
    }
}

impl fmt::Display for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "{value}"),
            Self::Optimal => f.write_str("optimal"),
        }
    }
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            wavelet: Wavelet::find("db4").expect("db4 is in the table"),
            scales: None,
            damping: None,
            lambda: Lambda::Value(0.0),
            shift: Shift::Own,
            iterations: None,
            error_bars: None,
        }
    }
}

impl Tuning {
    /// ρ as it is used: unless one was given, a little more damping for masks of phase-encode lines.
    pub fn damping(&self, lines: bool) -> f64 {
        self.damping.unwrap_or(if lines { LINE_DAMPING } else { DAMPING })
    }

    /// Scales of Ψ on images of size `grid`, as they are used: 4 unless set, fewer where the image is too small.
    pub fn scales(&self, grid: Grid) -> usize {
        self.scales
            .unwrap_or_else(|| Layout::deepest(grid, self.wavelet.scaling.len()).min(SCALES))
    }

    /// # Errors
    /// [`Error::Setting`] where a value has no meaning for an image of this size.
    pub fn validate(&self, grid: Grid) -> Result<()> {
        if self.iterations == Some(0) {
            return Err(Error::setting(Parameter::Iterations, 0, "are none; give at least 1"));
        }
        if let Some(found) = self.damping.filter(|&share| !(share > 0.0 && share <= 1.0)) {
            let why = "is no share; give a number above 0 and at most 1, 0.75 is the published value";
            return Err(Error::setting(Parameter::Damping, found, why));
        }
        let lambda = self.lambda.value();
        if !(lambda >= 0.0 && lambda.is_finite()) {
            let why = "is no weight; give a finite number, 0 or more";
            return Err(Error::setting(Parameter::Lambda, lambda, why));
        }
        let most = usize::BITS - (grid.rows.max(grid.cols).max(2) - 1).leading_zeros();
        let scales = self.scales(grid);
        if scales == 0 || scales > most as usize {
            let deepest = Layout::deepest(grid, self.wavelet.scaling.len());
            let why = format!(
                "are impossible: an image of {grid} can be split 1 to {most} times; for {} at most {deepest} makes sense",
                self.wavelet.name
            );
            return Err(Error::setting(Parameter::Scales, scales, why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damping_is_what_was_given_or_what_suits_the_mask() {
        let mut tuning = Tuning::default();
        assert_eq!((tuning.damping(false), tuning.damping(true)), (0.75, 0.7));
        tuning.damping = Some(0.4);
        assert_eq!((tuning.damping(false), tuning.damping(true)), (0.4, 0.4));
        for impossible in [0.0, -1.0, 1.1, f64::NAN] {
            tuning.damping = Some(impossible);
            assert!(tuning.validate(Grid::new(64, 64)).is_err(), "{impossible}");
        }
    }
}
