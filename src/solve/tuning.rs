use crate::array::Grid;
use crate::error::{Error, Parameter, Result};
use crate::wavelet::{Layout, Wavelet};

/// ρ unless one is given: the published value.
const DAMPING: f64 = 0.75;
/// The same for masks of whole lines: the best of those tried on a brain (`docs/algorithm.md`).
const LINE_DAMPING: f64 = 0.7;

/// What a user can tune; the defaults are the published ones, but for the damping on whole lines.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub wavelet: &'static Wavelet,
    pub scales: usize,
    /// ρ: the share of the new estimate in each damped update, 0 < ρ ≤ 1; `None` for [`Tuning::damping`]'s choice.
    pub damping: Option<f64>,
    /// λ: the regularisation weight. A threshold, in units of the image's [intensity](super::Problem::intensity),
    /// for methods that threshold; the Tikhonov weight, without unit, of CG-SENSE.
    pub lambda: f64,
    /// Seed of a random circular shift of the wavelet grid in each iteration; none where `None`.
    pub shift: Option<u64>,
    /// Iterations that a method with a schedule fits it into; `None` for its own choice.
    pub iterations: Option<usize>,
    /// Seed of what error bars draw; `None` for no error bars.
    pub error_bars: Option<u64>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            wavelet: Wavelet::find("db4").expect("db4 is in the table"),
            scales: 4,
            damping: None,
            lambda: 0.0,
            shift: None,
            iterations: None,
            error_bars: None,
        }
    }
}

impl Tuning {
    /// ρ as it is used: unless one was given, a little more damping for masks of whole lines.
    pub fn damping(&self, lines: bool) -> f64 {
        self.damping.unwrap_or(if lines { LINE_DAMPING } else { DAMPING })
    }

    /// Errors: [`Error::Setting`] where a value has no meaning for an image of this size.
    pub fn validate(&self, grid: Grid) -> Result<()> {
        if let Some(found) = self.damping.filter(|&share| !(share > 0.0 && share <= 1.0)) {
            let why = "is no share; give a number above 0 and at most 1, 0.75 is the published value";
            return Err(Error::setting(Parameter::Damping, found, why));
        }
        if !(self.lambda >= 0.0 && self.lambda.is_finite()) {
            let found = self.lambda;
            let why = "is no weight; give a finite number, 0 or more";
            return Err(Error::setting(Parameter::Lambda, found, why));
        }
        let most = usize::BITS - (grid.rows.max(grid.cols).max(2) - 1).leading_zeros();
        if self.scales == 0 || self.scales > most as usize {
            let deepest = Layout::deepest(grid, self.wavelet.scaling.len());
            let why = format!(
                "are impossible: an image of {grid} can be split 1 to {most} times; for {} at most {deepest} makes sense",
                self.wavelet.name
            );
            return Err(Error::setting(Parameter::Scales, self.scales, why));
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
