/// How far the energy that the data do not show has to rise before anything is done, as a share of what it was.
const RISE: f64 = 0.06;
/// That of a residual no larger than the noise; it falls with the square of their ratio, down to [`RISE`].
const RISE_IN_NOISE: f64 = 0.6;
/// What is left of the residual, at least, where the iterations have no more to explain.
const STILL: f64 = 0.75;
/// Growth of the strength in an iteration after which the energy is still too high.
const GROWTH: f64 = 1.1;

/// Keeps the iterations from fitting what no image can explain.
///
/// Data that contradict the maps leave a residual that is large where the signal is, and that the median does not see. Less
/// and less of it remains at the price of more and more energy at locations without samples, where nothing holds it.
/// Against that the denoiser is given the mean of the residual for noise, and more if that is not enough.
#[derive(Default)]
pub(super) struct Guard {
    settled: Option<Look>,
    acts: Option<Acts>,
}

/// What a residual `z = y − A v` shows.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// `|v|² − |A v|²`: energy at locations without samples.
    pub unseen: f64,
    /// Mean energy of z, for each coil that the images leave.
    pub mean: f64,
    /// The same from the median.
    pub noise: f64,
}

/// From when on the guard acts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Acts {
    /// The iteration, counted from 1.
    pub since: usize,
    /// Mean energy of the residual over the noise.
    pub excess: f64,
    strength: f64,
}

impl Guard {
    /// Takes note of an iteration whose denoiser is not made stronger by the schedule. Returns the least noise variance of
    /// a sample that it may be given.
    pub(super) fn floor(&mut self, iteration: usize, look: Look) -> f64 {
        let settled = *self.settled.get_or_insert(look);
        if self.acts.is_none() && look.contradicts(&settled) {
            self.acts = Some(Acts {
                since: iteration,
                excess: look.mean / look.noise,
                strength: 1.0,
            });
        }
        let Some(acts) = &mut self.acts else { return 0.0 };
        if look.unseen > settled.unseen {
            acts.strength *= GROWTH;
        }
        acts.strength * look.mean
    }

    pub(super) fn acts(&self) -> Option<Acts> {
        self.acts
    }
}

impl Look {
    fn contradicts(&self, settled: &Self) -> bool {
        let in_noise = RISE_IN_NOISE * (self.noise / self.mean).powi(2);
        let most = settled.unseen * (1.0 + in_noise.max(RISE));
        self.unseen > most && self.mean > STILL * settled.mean
    }
}
