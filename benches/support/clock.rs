//! Times of several pieces of work, taken in turn, so that a slow moment of the machine hits all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rayon::ThreadPool;

/// A piece of work is repeated for so long in each round.
const WHILE: Duration = Duration::from_millis(20);

/// A piece of work. It times what counts of it, by name.
pub type Work<'a> = Box<dyn FnMut(&mut Clock) + Send + 'a>;

/// Seconds by name, with a number of threads.
pub struct Clock {
    threads: usize,
    /// Of the current round: the sum, and how many times.
    current: BTreeMap<String, (f64, usize)>,
    /// The mean of each round.
    rounds: BTreeMap<String, Vec<f64>>,
}

/// What was found for one name [s].
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub median: f64,
    pub least: f64,
    /// Distance of the quartiles of the rounds, relative to the median.
    pub spread: f64,
}

impl Clock {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            current: BTreeMap::new(),
            rounds: BTreeMap::new(),
        }
    }

    pub fn threads(&self) -> usize {
        self.threads
    }

    pub fn time<R>(&mut self, name: &str, work: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let done = std::hint::black_box(work());
        self.note(name, start.elapsed());
        done
    }

    pub fn note(&mut self, name: &str, taken: Duration) {
        let (sum, count) = self.current.entry(name.into()).or_default();
        *sum += taken.as_secs_f64();
        *count += 1;
    }

    fn end_round(&mut self) {
        for (name, (sum, count)) in std::mem::take(&mut self.current) {
            self.rounds.entry(name).or_default().push(sum / count as f64);
        }
    }

    /// `None` for what was never timed.
    pub fn times(&self, name: &str) -> Option<Times> {
        let mut rounds = self.rounds.get(name)?.clone();
        rounds.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| rounds[((rounds.len() - 1) as f64 * share).round() as usize];
        Some(Times {
            median: at(0.5),
            least: at(0.0),
            spread: (at(0.75) - at(0.25)) / at(0.5),
        })
    }

    /// Median [s]; NaN for what was never timed.
    pub fn median(&self, name: &str) -> f64 {
        self.times(name).map_or(f64::NAN, |times| times.median)
    }

    /// Least [s]; NaN likewise.
    pub fn least(&self, name: &str) -> f64 {
        self.times(name).map_or(f64::NAN, |times| times.least)
    }
}

/// A pool of so many threads.
pub fn pool(threads: usize) -> ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().expect("threads can be started")
}

/// Rounds of all work on each of the pools, after one that does not count. A clock for each pool.
pub fn interleave(rounds: usize, pools: &[ThreadPool], works: &mut [Work]) -> Vec<Clock> {
    let mut clocks: Vec<Clock> = pools
        .iter()
        .map(|pool| Clock::new(pool.current_num_threads()))
        .collect();
    for round in 0..=rounds {
        for work in works.iter_mut() {
            for (pool, clock) in pools.iter().zip(&mut clocks) {
                pool.install(|| {
                    let start = Instant::now();
                    while start.elapsed() < WHILE {
                        work(clock);
                    }
                });
            }
        }
        for clock in &mut clocks {
            match round {
                0 => clock.current.clear(),
                _ => clock.end_round(),
            }
        }
    }
    clocks
}
