use std::io::{ErrorKind, Write, stderr, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use pvdamp_io::error::{Error, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt raises a flag, which the loops look at, so that nothing is left half written; a second
/// one ends the process. For commands whose loops do look.
pub fn catch_interrupt() {
    // A handler set before does the same; without any the process ends at once, as it would by default.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
}

/// Whether to go on: `Break` after an interrupt.
pub fn going() -> ControlFlow<()> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        return ControlFlow::Break(());
    }
    ControlFlow::Continue(())
}

/// Errors: [`Error::Interrupted`] after an interrupt.
pub fn check_interrupt() -> Result<()> {
    match going() {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Interrupted),
    }
}

/// What is said to the user: results on stdout, all else on stderr.
#[derive(Clone, Copy)]
pub struct Console {
    quiet: bool,
    verbose: bool,
}

impl Console {
    pub fn new(quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose }
    }

    /// A result, on stdout. A reader who has seen enough, as `head` has, is no error.
    pub fn result(&self, text: &str) -> Result<()> {
        let mut stdout = stdout().lock();
        match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
            Err(e) if e.kind() != ErrorKind::BrokenPipe => {
                let problem = format!("cannot be written ({e})");
                Err(Error::data(Path::new("standard output"), problem, "make room for it"))
            }
            _ => Ok(()),
        }
    }

    pub fn error(&self, message: &str) {
        tell(&format!("pvdamp: error: {message}"));
    }

    pub fn warn(&self, message: &str) {
        if !self.quiet {
            tell(&format!("pvdamp: warning: {message}"));
        }
    }

    pub fn say(&self, message: &str) {
        if !self.quiet {
            tell(message);
        }
    }

    pub fn detail(&self, message: &str) {
        if self.verbose {
            tell(message);
        }
    }

    /// A bar with the time left, on a terminal; elsewhere, or when quiet or verbose, nothing.
    pub fn progress(&self, steps: usize) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
        if self.quiet || self.verbose {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {elapsed} (left: {eta})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }
}

/// A line on stderr. Where nobody listens, the work goes on.
fn tell(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
