//! Random numbers as smooth functions of position, so that what is drawn varies slowly from slice to slice.

use std::f64::consts::TAU;
use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// One millimetre: the field of view is 220 mm.
pub(super) const MM: f64 = 1.0 / 110.0;

/// A place in the head, `[x, y]`.
pub(super) type Point = [f64; 2];

/// Streams of one seed: draws for one purpose never shift those for another.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Anatomy,
    Phase,
    Coils,
    /// Thermal noise of a slice.
    Noise(usize),
}

impl Stream {
    pub(super) fn rng(self, seed: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(match self {
            Self::Anatomy => 0,
            Self::Phase => 1,
            Self::Coils => 2,
            Self::Noise(slice) => 3 + slice as u64,
        });
        rng
    }
}

/// Draws parameters at height `z`. Which numbers are drawn does not depend on z, only what becomes of them,
/// so that the slices of one seed show one head.
pub(super) struct Draw {
    rng: ChaCha8Rng,
    z: f64,
}

impl Draw {
    pub(super) fn new(seed: u64, stream: Stream, z: f64) -> Self {
        let rng = stream.rng(seed);
        Self { rng, z }
    }

    /// Uniform in `[low, high)`, the same at every height.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.rng.random::<f64>()
    }

    /// Within `centre ± spread`, drifting with height over about the length of the head.
    pub(super) fn drift(&mut self, centre: f64, spread: f64) -> f64 {
        let (phase, rate) = (self.between(0.0, TAU), self.between(2.0, 5.0));
        centre + spread * (phase + rate * self.z).cos()
    }
}

/// A smooth function of the angle around the head: a few harmonics about a mean.
pub(super) struct Ring {
    mean: f64,
    /// Order, cosine and sine amplitude.
    harmonics: Vec<(f64, f64, f64)>,
}

impl Ring {
    pub(super) fn new(draw: &mut Draw, mean: f64, spread: f64, orders: Range<usize>) -> Self {
        let share = spread / (orders.len() as f64).sqrt();
        let harmonics = orders.map(|order| (order as f64, draw.drift(0.0, share), draw.drift(0.0, share)));
        Self {
            mean,
            harmonics: harmonics.collect(),
        }
    }

    pub(super) fn at(&self, angle: f64) -> f64 {
        let wave = |&(order, cosine, sine): &(f64, f64, f64)| {
            let (s, c) = (order * angle).sin_cos();
            cosine * c + sine * s
        };
        self.mean + self.harmonics.iter().map(wave).sum::<f64>()
    }
}

/// Value noise in three dimensions: smooth between random values in `[-1, 1]` on a lattice.
#[derive(Clone, Copy)]
pub(super) struct Noise {
    seed: u64,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The noise at `point`, with lattice steps of `wavelength`.
    pub(super) fn at(self, point: [f64; 3], wavelength: f64) -> f64 {
        let salt = self.seed ^ wavelength.to_bits();
        let scaled = point.map(|p| p / wavelength);
        let cell = scaled.map(|s| s.floor() as i64);
        let [x, y, z] = [0, 1, 2].map(|axis| smoothstep(scaled[axis] - scaled[axis].floor()));
        let value = |dx, dy, dz| lattice(salt, [cell[0] + dx, cell[1] + dy, cell[2] + dz]);
        let line = |dy, dz| lerp(value(0, dy, dz), value(1, dy, dz), x);
        let plane = |dz| lerp(line(0, dz), line(1, dz), y);
        lerp(plane(0), plane(1), z)
    }
}

/// A value in `[-1, 1]` for a lattice point (the finaliser of SplitMix64 over its coordinates).
fn lattice(salt: u64, cell: [i64; 3]) -> f64 {
    let mix = |h: u64, c: i64| {
        let h = (h ^ c as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let h = (h ^ (h >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let h = (h ^ (h >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        h ^ (h >> 31)
    };
    let hash = cell.into_iter().fold(salt, mix);
    (hash >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

pub(super) fn lerp(from: f64, to: f64, t: f64) -> f64 {
    from + (to - from) * t
}

/// `3t² − 2t³` on `[0, 1]`, constant outside.
pub(super) fn smoothstep(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}
