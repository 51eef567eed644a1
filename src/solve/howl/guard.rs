/// How far the energy that the samples do not show has to rise, as a share of what it was, before the guard acts.
const RISE: f64 = 0.06;
/// The same where the residual is no larger than the noise; it falls with the square of their ratio.
const RISE_IN_NOISE: f64 = 1.5;
/// What is left of the residual, at least, where the iterations have no more to explain.
const STILL: f64 = 0.75;
/// How many times what that energy was in the [middle of the schedule](Guard::expect) the guard leaves.
const LEFT: f64 = 3.0;
/// Growth of the strength in an iteration after which the energy is still too high.
const GROWTH: f64 = 1.1;

/// Keeps the iterations from fitting what no image can explain.
///
/// Data that contradict the maps leave a residual that is large where the signal is, and that the median does not see.
/// Less and less of it remains, at the price of more and more energy at locations without samples, where nothing holds
/// it. Against that the denoiser is given the mean of the residual for noise, and more if that is not enough.
#[derive(Default)]
pub(super) struct Guard {
    /// Most of the unseen energy that the guard leaves.
    most: Option<f64>,
    settled: Option<Look>,
    acts: Option<Acts>,
}

/// What a residual `z = y − A v` shows, in squared units of the samples.
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
    /// Takes note of an iteration while the schedule still makes the denoiser stronger.
    pub(super) fn expect(&mut self, look: Look) {
        self.most = Some(LEFT * look.unseen);
    }

    /// Takes note of an iteration whose denoiser is not made stronger by the schedule. Returns the least noise variance
    /// of a sample that it may be given.
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
        if look.unseen > self.most.map_or(settled.unseen, |most| most.min(settled.unseen)) {
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
        let rise = (RISE_IN_NOISE * (self.noise / self.mean).powi(2)).max(RISE);
        self.unseen > (1.0 + rise) * settled.unseen && self.mean > STILL * settled.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(unseen: f64, mean: f64) -> Look {
        Look {
            unseen,
            mean,
            noise: 1.0,
        }
    }

    /// The floors of iterations 1, 2, … and from when on the guard acts.
    fn run(looks: &[(f64, f64)]) -> (Vec<f64>, Option<usize>) {
        let mut guard = Guard::default();
        let floors = (1..)
            .zip(looks)
            .map(|(i, &(unseen, mean))| guard.floor(i, look(unseen, mean)));
        (floors.collect(), guard.acts().map(|acts| acts.since))
    }

    #[test]
    fn it_acts_where_energy_rises_and_a_residual_far_above_the_noise_stays() {
        let sound = [
            // Energy stays; noise; a residual that falls to what the image explains now.
            [(1.0, 9.0), (1.03, 8.9), (1.05, 8.9)],
            [(1.0, 0.9), (1.1, 0.9), (1.3, 0.9)],
            [(1.0, 9.0), (1.1, 6.0), (1.3, 3.0)],
        ];
        for looks in sound {
            assert_eq!(run(&looks), (vec![0.0; 3], None), "{looks:?}");
        }
        let (floors, since) = run(&[(1.0, 9.0), (1.05, 8.9), (1.2, 8.8), (1.3, 8.7)]);
        assert_eq!(since, Some(3));
        let expected = [0.0, 0.0, GROWTH * 8.8, GROWTH * GROWTH * 8.7];
        assert!(
            floors.iter().zip(expected).all(|(floor, e)| (floor - e).abs() < 1e-9),
            "{floors:?}"
        );
        // The closer to the noise, the more it takes.
        assert_eq!(run(&[(1.0, 2.0), (1.3, 2.0), (1.4, 2.0)]).1, Some(3));
    }

    #[test]
    fn strength_grows_no_further_once_the_energy_is_back() {
        let (floors, _) = run(&[(1.0, 4.0), (1.5, 4.0), (0.9, 5.0), (0.8, 5.0)]);
        assert_eq!(floors[2..], [GROWTH * 5.0; 2]);
    }

    #[test]
    fn what_had_risen_before_has_to_go_too() {
        let mut guard = Guard::default();
        guard.expect(look(0.1, 9.0));
        let floors = [1.0, 1.2, 0.9, 0.31, 0.29].map(|unseen| guard.floor(1, look(unseen, 1e3)) / 1e3);
        let expected = [0.0, GROWTH, GROWTH.powi(2), GROWTH.powi(3), GROWTH.powi(3)];
        assert!(
            floors.iter().zip(expected).all(|(floor, e)| (floor - e).abs() < 1e-9),
            "{floors:?}"
        );
    }

    #[test]
    fn complete_agreement_is_no_contradiction() {
        let silent = Look {
            unseen: 0.0,
            mean: 0.0,
            noise: 0.0,
        };
        let mut guard = Guard::default();
        assert_eq!([guard.floor(1, silent), guard.floor(2, silent)], [0.0; 2]);
        assert!(guard.acts().is_none());
    }
}
