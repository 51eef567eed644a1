use std::borrow::Cow;
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

    /// Prints a result of one or several lines on stdout; names from files go through [`plain`] before. A closed pipe, as
    /// from `head`, is no error.
    pub fn result(&self, text: &str) -> Result<()> {
        let mut stdout = stdout().lock();
        let lines: Vec<_> = text.split('\n').map(plain).collect();
        let text = lines.join("\n");
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
    let _ = writeln!(stderr(), "{}", plain(line));
}

/// One line of plain text: what would command the terminal, break the line or turn its direction is shown escaped, as
/// names in files may hold it.
pub fn plain(text: &str) -> Cow<'_, str> {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let harmful = |c: char| c.is_control() || turns(c);
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    // As JSON has it, which may pass here too.
    let shown = |c: char| match c {
        '\n' => "\\n".to_string(),
        '\r' => "\\r".to_string(),
        '\t' => "\\t".to_string(),
        _ if harmful(c) => format!("\\u{:04x}", u32::from(c)),
        _ => c.to_string(),
    };
    Cow::Owned(text.chars().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_of_text() {
        for same in ["", "knee 2 µm, 'PD' \u{e9}"] {
            assert!(matches!(plain(same), Cow::Borrowed(text) if text == same));
        }
        assert_eq!(plain("a\x1b[2Jb\nc\r\t\u{9b}1m"), "a\\u001b[2Jb\\nc\\r\\t\\u009b1m");
        assert_eq!(plain("h5\u{202e}gnp\u{7f}"), "h5\\u202egnp\\u007f");
    }
}
