//! Progress of a batch: a bar on a terminal, otherwise a line for each scan.

use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::batch::{BatchVolume, Listener, Plan, SliceLine, Status};
use crate::cli::console::{self, Console};
use crate::cli::eval::figure;
use crate::cli::warnings::Warnings;

/// If no scan finishes for this long, a line is logged anyway.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

pub struct Progress<'a> {
    bar: ProgressBar,
    console: &'a Console,
    warnings: Warnings<'a>,
    start: Instant,
    done: Mutex<Counts>,
    all: Counts,
}

/// Scans, slices and an estimate of their work, not counting what earlier runs did.
struct Counts {
    volumes: usize,
    failed: usize,
    slices: usize,
    work: u64,
    /// When a line was last logged.
    last_line: Instant,
}

impl<'a> Progress<'a> {
    pub fn new(plan: &Plan, console: &'a Console) -> Self {
        let mut all = Counts::none();
        for volume in plan.volumes.iter().filter(|volume| volume.past.is_none()) {
            all.volumes += 1;
            if !volume.to_do() {
                continue;
            }
            all.slices += volume.record.slices;
            all.work += work_of(&volume.record, volume.record.slices);
        }
        Self {
            bar: console.progress(all.work as usize),
            console,
            warnings: Warnings::new(console, "slice"),
            start: Instant::now(),
            done: Mutex::new(Counts::none()),
            all,
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
        self.warnings.finish();
    }

    fn done(&self) -> MutexGuard<'_, Counts> {
        self.done.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn add_slices(&self, volume: &BatchVolume, slices: usize) {
        let mut done = self.done();
        done.slices += slices;
        done.work += work_of(volume, slices);
        self.bar.set_position(done.work);
    }

    /// `[scan 3/200, 1 failed, slice 30/7000, about 3 min 20 s left]`. Notes that a line is logged now.
    fn position_text(&self, done: &mut Counts) -> String {
        done.last_line = Instant::now();
        let failed = match done.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let scans = format!("scan {}/{}{failed}", done.volumes, self.all.volumes);
        self.bar.set_message(scans.clone());
        let left = match done.work {
            0 => String::new(),
            work => {
                let rest = self.all.work.saturating_sub(work) as f64 / work as f64;
                format!(", about {} left", duration_text(self.start.elapsed().mul_f64(rest)))
            }
        };
        format!("[{scans}, slice {}/{}{left}]", done.slices, self.all.slices)
    }
}

impl Listener for Progress<'_> {
    fn slice(&self, volume: &BatchVolume, line: &SliceLine) {
        self.add_slices(volume, 1);
        let name = format!("{} slice {}", volume.name, line.slice);
        let mut done = self.done();
        let overdue_line =
            (self.bar.is_hidden() && done.last_line.elapsed() > LOG_INTERVAL).then(|| self.position_text(&mut done));
        drop(done);
        self.bar.suspend(|| {
            overdue_line.into_iter().for_each(|line| self.console.say(&line));
            self.console.detail(&format!("{name}: {:.2} s", line.seconds));
            for warning in &line.warnings {
                self.warnings.of_slice(&volume.name, line.slice, warning);
            }
        });
    }

    fn left_out(&self, volume: &BatchVolume, slices: usize) {
        self.add_slices(volume, slices);
    }

    fn volume(&self, volume: &BatchVolume) {
        let mut done = self.done();
        done.volumes += 1;
        done.failed += usize::from(volume.status == Status::Failed);
        let position_text = self.position_text(&mut done);
        drop(done);
        self.bar.suspend(|| {
            if let Some(error) = &volume.error {
                return self.console.error(error);
            }
            for warning in &volume.warnings {
                self.warnings.of_scan(&volume.name, warning);
            }
            let ssim = volume.metrics.map(|metrics| figure(metrics.ssim, 4));
            let ssim = ssim.map_or(String::new(), |ssim| format!(", SSIM {ssim}"));
            let (name, slices, seconds) = (&volume.name, volume.slices, volume.seconds.unwrap_or(0.0));
            self.console.say(&format!(
                "{position_text} {name}: {slices} slice(s) in {seconds:.2} s{ssim}"
            ));
        });
    }

    fn going(&self) -> ControlFlow<()> {
        console::going()
    }
}

impl Counts {
    fn none() -> Self {
        Self {
            volumes: 0,
            failed: 0,
            slices: 0,
            work: 0,
            last_line: Instant::now(),
        }
    }
}

/// Roughly proportional to the time that the slices take.
fn work_of(volume: &BatchVolume, slices: usize) -> u64 {
    (slices * volume.rows * volume.cols * volume.coils.max(1)) as u64
}

/// `2 h 5 min`, `3 min 20 s`, `12 s`.
pub fn duration_text(time: Duration) -> String {
    let seconds = time.as_secs_f64().ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units() {
        let text = |seconds| duration_text(Duration::from_secs(seconds));
        assert_eq!([text(12), text(200), text(7500)], ["12 s", "3 min 20 s", "2 h 5 min"]);
    }
}
