//! Decides which slice is next: those of open scans first, as many at once as threads and memory allow.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use super::lock;

/// What a worker does next.
pub enum Work<V> {
    /// Open this scan, then call [`Queue::opened`].
    Open(Waiting),
    /// Reconstruct this slice, then call [`Queue::ended`].
    Slice(Arc<V>, usize),
    /// There is not enough memory, or the remaining scans are being opened.
    Wait,
    /// No work is left to start.
    Done,
}

/// Scans that wait or are open. `V` is an open scan.
pub struct Queue<V> {
    state: Mutex<State<V>>,
    /// Bytes for all slices that are reconstructed at once.
    limit: u64,
    /// With fewer slices ready than this, in scans that are open or being opened, the next scan is opened.
    ready_slices: usize,
}

struct State<V> {
    waiting: VecDeque<Waiting>,
    open: VecDeque<Open<V>>,
    /// Scans that are being opened, and the number of their slices.
    opening: usize,
    expected_slices: usize,
    used: u64,
    stopped: bool,
}

/// A scan that is not open.
#[derive(Clone, Copy)]
pub struct Waiting {
    pub index: usize,
    pub slices: usize,
    /// Bytes that one of its slices needs.
    pub memory: u64,
}

struct Open<V> {
    volume: Arc<V>,
    memory: u64,
    begun: usize,
    slices: usize,
}

impl<V> Queue<V> {
    /// `limit` is in bytes, for all slices that are reconstructed at once.
    pub fn new(waiting: impl IntoIterator<Item = Waiting>, limit: u64, threads: usize) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: waiting.into_iter().collect(),
                open: VecDeque::new(),
                opening: 0,
                expected_slices: 0,
                used: 0,
                stopped: false,
            }),
            limit,
            // no thread waits while a scan is opened, and no more scans are open than this takes
            ready_slices: 2 * threads,
        }
    }

    /// The next piece of work. A slice larger than the limit is started when no other runs.
    pub fn next(&self) -> Work<V> {
        let mut state = self.lock();
        let used = state.used;
        let fits = |memory: u64| used == 0 || used.saturating_add(memory) <= self.limit;
        let ready_slices: usize = state.open.iter().map(|open| open.slices - open.begun).sum();
        if state.stopped {
            return Work::Done;
        }
        if let Some(&next) = state.waiting.front()
            && ready_slices + state.expected_slices < self.ready_slices
            && fits(next.memory)
        {
            state.waiting.pop_front();
            state.used += next.memory;
            state.opening += 1;
            state.expected_slices += next.slices;
            return Work::Open(next);
        }
        let nothing_expected = state.opening == 0 && state.waiting.is_empty();
        match state.open.front_mut() {
            Some(open) if fits(open.memory) => {
                let (volume, slice, memory) = (open.volume.clone(), open.next(), open.memory);
                if open.begun == open.slices {
                    state.open.pop_front();
                }
                state.used += memory;
                Work::Slice(volume, slice)
            }
            None if nothing_expected => Work::Done,
            _ => Work::Wait,
        }
    }

    /// Reports that a scan was opened, or failed to open, and frees the memory reserved for opening it. An open scan
    /// comes with its number of slices, at least one, and the bytes that each needs, which are now known exactly.
    pub fn opened(&self, waiting: Waiting, open: Option<(Arc<V>, usize, u64)>) {
        let mut state = self.lock();
        state.opening -= 1;
        state.expected_slices -= waiting.slices;
        state.used -= waiting.memory;
        state.open.extend(open.map(|(volume, slices, memory)| Open {
            volume,
            memory,
            begun: 0,
            slices,
        }));
    }

    /// Reports that a slice has ended, and frees its memory.
    pub fn ended(&self, memory: u64) {
        self.lock().used -= memory;
    }

    /// Starts no more work.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Drops the slices of a scan that were not started. Returns their number.
    pub fn drop_slices(&self, volume: &Arc<V>) -> usize {
        let mut state = self.lock();
        let is_of_volume = |open: &Open<V>| Arc::ptr_eq(&open.volume, volume);
        let left = state
            .open
            .iter()
            .filter(|open| is_of_volume(open))
            .map(|open| open.slices - open.begun);
        let left = left.sum();
        state.open.retain(|open| !is_of_volume(open));
        left
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        lock(&self.state)
    }
}

impl<V> Open<V> {
    /// The middle slice first: its maps may exist already, and are freed with it.
    fn next(&mut self) -> usize {
        let middle = self.slices / 2;
        let slice = match self.begun {
            0 => middle,
            begun if begun <= middle => begun - 1,
            begun => begun,
        };
        self.begun += 1;
        slice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All slices that are started while none ends.
    fn at_once(queue: &Queue<usize>) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| match queue.next() {
            Work::Slice(volume, slice) => Some((*volume, slice)),
            _ => None,
        })
        .collect()
    }

    /// Scans with these numbers of slices, of 10 bytes each.
    fn queue(slices: &[usize], limit: u64, threads: usize) -> Queue<usize> {
        let waiting = slices.iter().enumerate().map(|(index, &slices)| Waiting {
            index,
            slices,
            memory: 10,
        });
        Queue::new(waiting, limit, threads)
    }

    fn begin_opening(queue: &Queue<usize>) -> Waiting {
        match queue.next() {
            Work::Open(waiting) => waiting,
            _ => panic!("nothing to open"),
        }
    }

    fn open(queue: &Queue<usize>) {
        let waiting = begin_opening(queue);
        queue.opened(waiting, Some((Arc::new(waiting.index), waiting.slices, 10)));
    }

    #[test]
    fn every_slice_is_given_out_once_and_the_middle_first() {
        let queue = queue(&[5], u64::MAX, 1);
        open(&queue);
        let slices: Vec<usize> = at_once(&queue).into_iter().map(|(_, slice)| slice).collect();
        assert_eq!(slices, [2, 0, 1, 3, 4]);
        assert!(matches!(queue.next(), Work::Done));
    }

    #[test]
    fn slices_wait_for_memory() {
        let queue = queue(&[3, 1], 25, 1);
        open(&queue);
        assert_eq!(at_once(&queue).len(), 2);
        assert!(matches!(queue.next(), Work::Wait));
        queue.ended(10);
        // few slices are left, so the next scan is opened before they are started
        let waiting = begin_opening(&queue);
        assert!(matches!(queue.next(), Work::Wait));
        queue.opened(waiting, None);
        assert_eq!(at_once(&queue), [(0, 2)]);
        assert!(matches!(queue.next(), Work::Done));
    }

    #[test]
    fn no_more_scans_are_open_than_keep_all_threads_busy() {
        let queue = queue(&[24, 24, 24, 24], u64::MAX, 16);
        let first = begin_opening(&queue);
        let second = begin_opening(&queue);
        assert!(matches!(queue.next(), Work::Wait));
        queue.opened(first, Some((Arc::new(first.index), 24, 10)));
        queue.opened(second, Some((Arc::new(second.index), 24, 10)));
        // until the next scan is opened
        assert_eq!(at_once(&queue).len(), 17);
        assert_eq!(at_once(&queue).len(), 24);
    }

    #[test]
    fn a_slice_above_the_limit_runs_alone() {
        let queue = queue(&[2], 5, 4);
        open(&queue);
        assert_eq!(at_once(&queue).len(), 1);
        queue.ended(10);
        assert_eq!(at_once(&queue).len(), 1);
    }

    #[test]
    fn slices_of_a_failed_scan_are_left_out() {
        let failing = queue(&[4], u64::MAX, 1);
        open(&failing);
        let Work::Slice(volume, _) = failing.next() else {
            panic!("no slice")
        };
        assert_eq!(failing.drop_slices(&volume), 3);
        assert!(matches!(failing.next(), Work::Done));
        let stopped = queue(&[4], u64::MAX, 1);
        stopped.stop();
        assert!(matches!(stopped.next(), Work::Done));
    }
}
