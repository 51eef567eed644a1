use std::io::{ErrorKind, Write, stderr, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use pvdamp_io::error::{Error, Result};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt sets a flag that the loops check, so that no file is left half written. A second interrupt
/// ends the process. For commands whose loops check the flag.
pub fn catch_interrupt() {
    // An earlier handler does the same. Without a handler the process ends at once, as by default.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
}

/// From now on writing beyond the limit on the size of files is an error as on a full disk. By default it ends the
/// process, which leaves its temporary files.
pub fn catch_file_size_limit() {
    #[cfg(unix)]
    {
        use signal_hook::{consts::signal::SIGXFSZ, flag::register};
        // No one reads the flag: that there is a handler is enough. Without one it is as by default.
        static REACHED: AtomicBool = AtomicBool::new(false);
        let _ = register(SIGXFSZ, &REACHED);
    }
}

/// `Break` after an interrupt.
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

/// Output for the user: results on stdout, everything else on stderr.
#[derive(Clone, Copy)]
pub struct Console {
    quiet: bool,
    verbose: bool,
}

impl Console {
    pub fn new(quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose }
    }

    /// Prints a result on stdout. A closed pipe, as from `head`, is no error.
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
        print_line(&format!("pvdamp: error: {message}"));
    }

    pub fn warn(&self, message: &str) {
        if !self.quiet {
            print_line(&format!("pvdamp: warning: {message}"));
        }
    }

    pub fn say(&self, message: &str) {
        if !self.quiet {
            print_line(message);
        }
    }

    pub fn detail(&self, message: &str) {
        if self.verbose {
            print_line(message);
        }
    }

    /// A progress bar with the time left. It is hidden when quiet or verbose, and outside a terminal.
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

/// Prints a line on stderr. Errors are ignored, so that the work continues.
fn print_line(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
