//! Work on a pool of threads, while Python's lock is free and signals are looked for.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pvdamp::Observer;
use pvdamp::reconstruct::Stage;
use pvdamp::solve::IterationRecord;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// How often signals are looked for: Ctrl-C takes effect within this time and an iteration.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the latest signal was one to stop. Read by what waits for a file.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether Python was asked to stop what it is doing.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The pools of a process, by their number of threads.
#[derive(Default)]
struct Pools {
    /// A process that was forked has none of the threads of its parent.
    process: u32,
    by_threads: HashMap<usize, Arc<ThreadPool>>,
}

/// The pool of so many threads, or of all processors. It is made once, and stays.
fn pool(_: Python<'_>, threads: Option<usize>) -> PyResult<Arc<ThreadPool>> {
    // Only taken while Python's lock is held, as it is where a process forks: no fork finds it taken.
    static POOLS: Mutex<Option<Pools>> = Mutex::new(None);
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some(of_parent) = pools.take_if(|pools| pools.process != process) {
        // whose threads cannot be told to end
        std::mem::forget(of_parent);
    }
    let pools = pools.get_or_insert_with(|| Pools {
        process,
        ..Pools::default()
    });
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if let Some(pool) = pools.by_threads.get(&threads) {
        return Ok(pool.clone());
    }
    let built = ThreadPoolBuilder::new().num_threads(threads).build();
    let refused = |e| {
        PyRuntimeError::new_err(format!(
            "{threads} threads cannot be started ({e}); give fewer as threads="
        ))
    };
    let pool = Arc::new(built.map_err(refused)?);
    pools.by_threads.insert(threads, pool.clone());
    Ok(pool)
}

/// How far a reconstruction is.
struct Report {
    slice: usize,
    stage: &'static str,
    /// Those of this stage that are done.
    iteration: usize,
}

/// What the work says while it goes on.
enum Message<T> {
    Report(Report),
    Done(T),
}

/// What the work asks whether to go on, and tells how far it is.
pub(crate) struct Watch<'a> {
    cancelled: &'a AtomicBool,
    report: &'a dyn Fn(Report),
    slice: usize,
    stage: &'static str,
    iteration: usize,
}

impl Watch<'_> {
    /// What follows is about another slice.
    pub(crate) fn begin_slice(&mut self, slice: usize) {
        self.slice = slice;
    }

    fn tell(&self) -> ControlFlow<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        (self.report)(Report {
            slice: self.slice,
            stage: self.stage,
            iteration: self.iteration,
        });
        ControlFlow::Continue(())
    }
}

impl Observer for Watch<'_> {
    fn stage(&mut self, stage: Stage) -> ControlFlow<()> {
        self.iteration = 0;
        self.stage = match stage {
            Stage::Sampling => "sampling",
            Stage::Channels => "channels",
            Stage::Maps => "maps",
            Stage::Solving => "solving",
        };
        self.tell()
    }

    fn iteration(&mut self, _: &IterationRecord) -> ControlFlow<()> {
        self.iteration += 1;
        self.tell()
    }
}

/// Does `work` on the pool of so many threads, and waits for it without Python's lock. `progress` is called with slice,
/// stage and iterations done, from this thread.
///
/// Errors: what a signal handler or `progress` raised; the work was told to stop, and has.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&mut Watch) -> T + Send,
) -> PyResult<T> {
    let pool = pool(py, threads)?;
    let progress = progress.map(|progress| progress.clone().unbind());
    INTERRUPTED.store(false, Ordering::Relaxed);
    let cancelled = &AtomicBool::new(false);
    py.detach(move || {
        pool.in_place_scope(|scope| {
            let (send, received) = channel();
            let wants_reports = progress.is_some();
            scope.spawn(move |_| {
                let result = work(&mut Watch {
                    cancelled,
                    report: &|report| tell(&send, wants_reports, report),
                    slice: 0,
                    stage: "sampling",
                    iteration: 0,
                });
                // whoever waited gave up only if this thread panicked
                let _ = send.send(Message::Done(result));
            });
            let mut raised = None;
            loop {
                let looked = match received.recv_timeout(LOOK) {
                    Ok(Message::Done(result)) => return raised.map_or(Ok(result), Err),
                    Ok(Message::Report(report)) => Python::attach(|py| call(py, progress.as_ref(), &report)),
                    Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals()),
                    // the work panicked, which the end of this scope passes on
                    Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("internal error")),
                };
                if let Err(error) = looked
                    && raised.is_none()
                {
                    cancelled.store(true, Ordering::Relaxed);
                    INTERRUPTED.store(true, Ordering::Relaxed);
                    raised = Some(error);
                }
            }
        })
    })
}

fn tell<T>(send: &Sender<Message<T>>, wanted: bool, report: Report) {
    if wanted {
        let _ = send.send(Message::Report(report));
    }
}

fn call(py: Python<'_>, progress: Option<&Py<PyAny>>, report: &Report) -> PyResult<()> {
    py.check_signals()?;
    match progress {
        Some(progress) => progress
            .call1(py, (report.slice, report.stage, report.iteration))
            .map(drop),
        None => Ok(()),
    }
}
