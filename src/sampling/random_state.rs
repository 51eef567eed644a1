use rand_mt::Mt;

/// numpy's `RandomState` of an integer seed, of which its own documentation says that it will never change: the
/// Mersenne twister MT19937 (Matsumoto and Nishimura 1998) and what is drawn from it.
pub(super) struct RandomState(Mt);

impl RandomState {
    pub(super) fn new(seed: u32) -> Self {
        Self(Mt::new(seed))
    }

    /// Uniform in [0, 1), with 53 bits.
    pub(super) fn double(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// Uniform in `0..n`: the low bits of a draw, taken again while they are too large. For n = 1 nothing is drawn.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        let largest = n.saturating_sub(1);
        let bits = u32::MAX.checked_shr(largest.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = if bits == 0 { 0 } else { self.0.next_u32() & bits };
            if drawn <= largest {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `numpy.random.RandomState(42)`.
    #[test]
    fn draws_are_those_of_numpy() {
        let mut state = RandomState::new(42);
        let doubles: Vec<f64> = (0..4).map(|_| state.double()).collect();
        assert_eq!(
            doubles,
            [
                0.3745401188473625,
                0.9507143064099162,
                0.7319939418114051,
                0.5986584841970366
            ]
        );
        let whole: Vec<u32> = [7, 1, 8, 100, 5, 1].iter().map(|&n| state.below(n)).collect();
        assert_eq!(whole, [6, 0, 1, 82, 2, 0]);
    }
}
