//! Which slice is next: those of scans that are open first, as many at once as there are threads and memory for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a worker does next.
pub enum Work<V> {
    /// Open the scan of this index, and say so by [`Queue::opened`].
    Open(usize),
    /// Reconstruct a slice, and say so by [`Queue::ended`].
    Slice(Arc<V>, usize),
    /// There is no room, or what is left is being opened.
    Wait,
    /// Nothing is left to begin.
    Done,
}

/// Scans waiting and open. `V` is an open one.
pub struct Queue<V> {
    state: Mutex<State<V>>,
    /// Bytes for slices at work.
    limit: u64,
}

struct State<V> {
    /// Index and bytes of a slice.
    waiting: VecDeque<(usize, u64)>,
    open: VecDeque<Open<V>>,
    opening: usize,
    used: u64,
    stopped: bool,
}

struct Open<V> {
    volume: Arc<V>,
    memory: u64,
    begun: usize,
    slices: usize,
}

impl<V> Queue<V> {
    /// Scans, each with the bytes of one of its slices; `limit` bytes for all that are at work.
    pub fn new(scans: impl IntoIterator<Item = (usize, u64)>, limit: u64) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: scans.into_iter().collect(),
                open: VecDeque::new(),
                opening: 0,
                used: 0,
                stopped: false,
            }),
            limit,
        }
    }

    /// One that does not fit by itself is begun when nothing else is at work.
    pub fn next(&self) -> Work<V> {
        let mut state = self.lock();
        if state.stopped {
            return Work::Done;
        }
        let room = |used: u64, memory: u64| used == 0 || used + memory <= self.limit;
        let used = state.used;
        if let Some(open) = state.open.front_mut() {
            if !room(used, open.memory) {
                return Work::Wait;
            }
            let (volume, slice, memory) = (open.volume.clone(), open.next(), open.memory);
            if open.begun == open.slices {
                state.open.pop_front();
            }
            state.used += memory;
            return Work::Slice(volume, slice);
        }
        match state.waiting.front() {
            Some(&(_, memory)) if !room(used, memory) => Work::Wait,
            Some(&(index, memory)) => {
                state.waiting.pop_front();
                state.used += memory;
                state.opening += 1;
                Work::Open(index)
            }
            None if state.opening > 0 => Work::Wait,
            None => Work::Done,
        }
    }

    /// A scan was opened, or could not be; either way the memory of opening it is free.
    pub fn opened(&self, memory: u64, open: Option<(Arc<V>, usize)>) {
        let mut state = self.lock();
        state.opening -= 1;
        state.used -= memory;
        if let Some((volume, slices)) = open.filter(|(_, slices)| *slices > 0) {
            state.open.push_back(Open {
                volume,
                memory,
                begun: 0,
                slices,
            });
        }
    }

    /// A slice is done.
    pub fn ended(&self, memory: u64) {
        self.lock().used -= memory;
    }

    /// Nothing more is begun.
    pub fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Leaves out the slices of a scan that were not begun; how many.
    pub fn drop_slices(&self, volume: &Arc<V>) -> usize {
        let mut state = self.lock();
        let of = |open: &Open<V>| Arc::ptr_eq(&open.volume, volume);
        let left = state
            .open
            .iter()
            .filter(|open| of(open))
            .map(|open| open.slices - open.begun);
        let left = left.sum();
        state.open.retain(|open| !of(open));
        left
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<V> Open<V> {
    /// The slice in the middle first: its maps may have been made already, and are let go of with it.
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

    /// All slices that are given out while nothing ends.
    fn at_once(queue: &Queue<usize>) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| match queue.next() {
            Work::Slice(volume, slice) => Some((*volume, slice)),
            _ => None,
        })
        .collect()
    }

    fn open(queue: &Queue<usize>, slices: usize) {
        let Work::Open(index) = queue.next() else {
            panic!("nothing to open")
        };
        queue.opened(10, Some((Arc::new(index), slices)));
    }

    #[test]
    fn every_slice_is_given_out_once_and_the_middle_first() {
        let queue = Queue::new([(7, 10)], u64::MAX);
        open(&queue, 5);
        let slices: Vec<usize> = at_once(&queue).into_iter().map(|(_, slice)| slice).collect();
        assert_eq!(slices, [2, 0, 1, 3, 4]);
        assert!(matches!(queue.next(), Work::Done));
    }

    #[test]
    fn slices_wait_for_memory() {
        let queue = Queue::new([(0, 10), (1, 10)], 25);
        open(&queue, 3);
        assert_eq!(at_once(&queue).len(), 2);
        assert!(matches!(queue.next(), Work::Wait));
        queue.ended(10);
        assert_eq!(at_once(&queue), [(0, 1)]);
        // the next scan has to wait too
        assert!(matches!(queue.next(), Work::Wait));
        queue.ended(10);
        assert!(matches!(queue.next(), Work::Open(1)));
        // while it is opened others wait for its slices
        queue.ended(10);
        assert!(matches!(queue.next(), Work::Wait));
        queue.opened(10, None);
        assert!(matches!(queue.next(), Work::Done));
    }

    #[test]
    fn what_is_too_large_goes_alone() {
        let queue = Queue::new([(0, 10)], 5);
        open(&queue, 2);
        assert_eq!(at_once(&queue).len(), 1);
        queue.ended(10);
        assert_eq!(at_once(&queue).len(), 1);
    }

    #[test]
    fn slices_of_a_failed_scan_are_left_out() {
        let queue = Queue::new([(0, 10)], u64::MAX);
        open(&queue, 4);
        let Work::Slice(volume, _) = queue.next() else {
            panic!("no slice")
        };
        assert_eq!(queue.drop_slices(&volume), 3);
        assert!(matches!(queue.next(), Work::Done));
        let queue: Queue<usize> = Queue::new([(0, 10)], u64::MAX);
        queue.stop();
        assert!(matches!(queue.next(), Work::Done));
    }
}
