//! What was found, as tables.

use crate::parts::{EVOLUTION, PARTS, SHRINK, WAVELET};
use crate::transforms::{FFTW_ALL, FFTW_ONE, NDRUSTFFT, OURS, RUSTFFT};
use crate::{ARITHMETIC, COPY, COPY_PLANE, Case, PASSES, READ, READ_PLANE, TURNS};
use support::clock::Clock;
use support::machine;
use support::work::{ESPIRIT, HOWL, HOWL_KINDS, ITERATION};

/// What was found: on one thread, and on two.
pub struct Found {
    pub one: Clock,
    pub two: Clock,
}

impl Found {
    /// The yardstick [s]: whichever way of FFTW was faster on one thread; NaN where there is none.
    fn yardstick(&self) -> f64 {
        self.one.median(FFTW_ALL).min(self.one.median(FFTW_ONE))
    }

    pub fn show(&self, case: &Case) {
        self.show_transforms();
        self.show_parts();
        self.show_howl();
        self.show_machine(case);
        self.show_targets();
    }

    /// Median, least and spread on one thread, then `more`, then two threads; nothing where nothing was timed.
    fn row(&self, label: &str, name: &str, more: &[String]) {
        let Some(times) = self.one.times(name) else { return };
        let two = match self.two.times(name) {
            Some(two) => format!("{} | {:.2}", ms(two.median), times.median / two.median),
            None => "| ".into(),
        };
        let (median, least, spread) = (ms(times.median), ms(times.least), 100.0 * times.spread);
        let more: String = more.iter().map(|cell| format!("{cell} | ")).collect();
        println!("| {label} | {median} | {least} | {spread:.0} % | {more}{two} |");
    }

    fn over_yardstick(&self, seconds: f64) -> String {
        match seconds / self.yardstick() {
            ratio if ratio.is_finite() => format!("{ratio:.2}"),
            _ => String::new(),
        }
    }

    fn show_transforms(&self) {
        println!(
            "| Fourier transforms of an iteration [ms] | median | least | spread | over FFTW | two threads | speed-up |"
        );
        println!("|---|---|---|---|---|---|---|");
        for name in [FFTW_ALL, FFTW_ONE, OURS, RUSTFFT, NDRUSTFFT] {
            self.row(name, name, &[self.over_yardstick(self.one.median(name))]);
        }
        println!();
    }

    fn show_parts(&self) {
        let whole = self.one.median(ITERATION);
        println!("| P-VDAMP [ms] | median | least | spread | over FFTW | of the iteration | two threads | speed-up |");
        println!("|---|---|---|---|---|---|---|---|");
        let more = |seconds: f64| {
            let share = format!("{:.0} %", 100.0 * seconds / whole);
            [self.over_yardstick(seconds), share]
        };
        self.row("**one iteration**", ITERATION, &more(whole));
        for name in PARTS {
            self.row(name, name, &more(self.one.median(name)));
        }
        let rest = |clock: &Clock| clock.median(ITERATION) - PARTS.iter().map(|name| clock.median(name)).sum::<f64>();
        let ([over, share], [one, two]) = (more(rest(&self.one)), [&self.one, &self.two].map(rest));
        println!(
            "| the rest (by difference) | {} | | | {over} | {share} | {} | |",
            ms(one),
            ms(two)
        );
        let more = [
            String::new(),
            format!("{:.1} iterations", self.one.median(ESPIRIT) / whole),
        ];
        self.row("ESPIRiT, 24×24 centre", ESPIRIT, &more);
        println!();
    }

    fn show_howl(&self) {
        println!("| HOWL [ms] | median | least | spread | over FFTW | two threads | speed-up |");
        println!("|---|---|---|---|---|---|---|");
        let more = |name: &str| [self.over_yardstick(self.one.median(name))];
        self.row("**one iteration, mean of 30**", HOWL, &more(HOWL));
        for name in HOWL_KINDS {
            self.row(name, name, &more(name));
        }
        println!();
    }

    fn show_machine(&self, case: &Case) {
        let billions = |work: f64, seconds: f64| work / seconds / 1e9;
        let operations = (TURNS * machine::VALUES * machine::OPERATIONS) as f64;
        let stack = case.stack();
        println!("| the machine (copies count twice, as read and as written) | one thread | two threads |");
        println!("|---|---|---|");
        let both = |label: &str, unit: &str, rate: &dyn Fn(&Clock) -> f64| {
            let [one, two] = [rate(&self.one), rate(&self.two)];
            if one.is_finite() {
                println!("| {label} | {one:.0} {unit} | {two:.0} {unit} |");
            }
            one
        };
        let size = format!("all maps, {:.0} MB", stack / 1e6);
        both(&format!("reading {size}"), "GB/s", &|clock| {
            billions(stack, clock.median(READ))
        });
        both(&format!("copying {size}"), "GB/s", &|clock| {
            billions(2.0 * stack, clock.median(COPY))
        });
        let plane = stack / case.coils as f64;
        let passes = |clock: &Clock| clock.threads() as f64 * PASSES as f64 * plane;
        let size = format!("a plane of {:.1} MB, each thread its own", plane / 1e6);
        both(&format!("reading {size}"), "GB/s", &|clock| {
            billions(passes(clock), clock.median(READ_PLANE))
        });
        both(&format!("copying {size}"), "GB/s", &|clock| {
            billions(2.0 * passes(clock), clock.median(COPY_PLANE))
        });
        let peak = both("multiplying and adding in registers", "Gflop/s", &|clock| {
            billions(clock.threads() as f64 * operations, clock.median(ARITHMETIC))
        });
        both("FFTW, coil by coil", "Gflop/s", &|clock| {
            billions(case.operations(), clock.median(FFTW_ONE))
        });
        println!();

        println!("| what an iteration must do | | at least [ms] | the iteration over it |");
        println!("|---|---|---|---|");
        let floor = |by: &str, amount: String, least: f64| {
            println!(
                "| {by} | {amount} | {} | {:.1} |",
                ms(least),
                self.one.median(ITERATION) / least
            );
        };
        let (operations, bytes) = (case.operations() / 1e9, case.bytes());
        floor(
            "by the arithmetic",
            format!("{operations:.3} Gflop of Fourier transforms"),
            operations / peak,
        );
        floor(
            "by the memory",
            format!("{:.1} MB to and from memory", bytes / 1e6),
            bytes * self.one.median(READ) / stack,
        );
        println!();
    }

    /// What is aimed at, beside what was found by the medians, and by the least of all rounds: where the two differ
    /// much, the machine was busy.
    fn show_targets(&self) {
        println!("| | found | by the least | aimed at |");
        println!("|---|---|---|---|");
        let figures = [Clock::median, Clock::least].map(|seconds| {
            let (one, two) = (|name| seconds(&self.one, name), |name| seconds(&self.two, name));
            let yardstick = one(FFTW_ALL).min(one(FFTW_ONE));
            [
                one(ITERATION) / yardstick,
                [EVOLUTION, WAVELET, SHRINK].map(one).iter().sum::<f64>() / one(ITERATION),
                one(HOWL) / yardstick,
                one(ESPIRIT) / one(ITERATION),
                one(ITERATION) / two(ITERATION),
                one(HOWL) / two(HOWL),
                one(ESPIRIT) / two(ESPIRIT),
            ]
        });
        for ((label, aim), (median, least)) in TARGETS.iter().zip(figures[0].iter().zip(figures[1])) {
            if median.is_finite() {
                let (met, aim) = match aim {
                    Aim::AtMost(aim) => (median <= aim, format!("≤ {aim}")),
                    Aim::AtLeast(aim) => (median >= aim, format!("≥ {aim}")),
                };
                let not = if met { "" } else { ", not met" };
                println!("| {label} | {median:.2} | {least:.2} | {aim}{not} |");
            }
        }
        println!();
    }
}

enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

const TARGETS: [(&str, Aim); 7] = [
    ("P-VDAMP iteration over FFTW", Aim::AtMost(1.5)),
    ("state evolution, wavelets and SURE, of the iteration", Aim::AtMost(0.3)),
    ("HOWL iteration over FFTW", Aim::AtMost(2.5)),
    ("ESPIRiT over P-VDAMP iteration", Aim::AtMost(15.0)),
    ("P-VDAMP iteration, one thread over two", Aim::AtLeast(1.8)),
    ("HOWL iteration, one thread over two", Aim::AtLeast(1.8)),
    ("ESPIRiT, one thread over two", Aim::AtLeast(1.8)),
];

fn ms(seconds: f64) -> String {
    let value = 1e3 * seconds;
    match value {
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
