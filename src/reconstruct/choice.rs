//! Which method reconstructs, where that is left open.

use super::sampling::Sampling;
use crate::solve::{Footprint, Knob, Method};

/// What the choice of a method goes by: all of it is known before the iterations.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Nothing is missing.
    pub complete: bool,
    /// Phase-encode lines are missing.
    pub lines: bool,
    /// Partial Fourier left out one side of k-space.
    pub lacks_side: bool,
    /// Locations over samples.
    pub acceleration: f64,
    /// Of the scan.
    pub coils: usize,
}

impl Facts {
    /// Of k-space of so many coils, sampled like that.
    pub fn new(sampling: &Sampling, coils: usize) -> Self {
        Self {
            complete: sampling.is_complete(),
            lines: sampling.samples_lines(),
            lacks_side: sampling.lacks_side(),
            acceleration: sampling.record.acceleration,
            coils,
        }
    }
}

/// A method, and why it was taken.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// A row of [`METHODS`](crate::solve::METHODS).
    pub method: &'static Method,
    /// In words, where it was chosen by the data.
    pub why: Option<&'static str>,
}

impl Choice {
    /// `asked`, or else the method that does best on such data.
    pub fn new(asked: Option<&'static Method>, facts: &Facts) -> Self {
        if let Some(method) = asked {
            return Self { method, why: None };
        }
        let rule = RULES.iter().find(|rule| (rule.applies)(facts));
        let rule = rule.expect("the last applies to everything");
        Self {
            method: Method::find(rule.method).expect("a row of the table"),
            why: Some(rule.why),
        }
    }

    /// Whether a part of the tuning means something to the method asked for, or else to every method that may be chosen.
    pub fn knows(asked: Option<&Method>, knob: Knob) -> bool {
        match asked {
            Some(method) => method.has(knob),
            None => candidates().all(|method| method.has(knob)),
        }
    }

    /// Of options by name, with whether each was given and whether it means something to the method: the first that was given
    /// for nothing, and in words those that mean something.
    pub fn unused<'a>(options: &[(&'a str, bool, bool)]) -> Option<(&'a str, String)> {
        let (option, ..) = options.iter().find(|(_, given, means)| *given && !means)?;
        let taken = options.iter().filter(|(_, _, means)| *means);
        let taken: Vec<&str> = taken.map(|(option, ..)| *option).collect();
        let none = "none of these".to_string();
        Some((option, if taken.is_empty() { none } else { taken.join(", ") }))
    }

    /// What memory the method asked for takes, or else what every method that may be chosen does with.
    pub fn footprint(asked: Option<&Method>) -> Footprint {
        match asked {
            Some(method) => method.footprint,
            None => candidates()
                .map(|method| method.footprint)
                .reduce(Footprint::larger)
                .expect("there are rules"),
        }
    }
}

fn candidates() -> impl Iterator<Item = &'static Method> {
    RULES.iter().filter_map(|rule| Method::find(rule.method))
}

/// Where a method does best.
struct Rule {
    method: &'static str,
    applies: fn(&Facts) -> bool,
    why: &'static str,
}

/// Up to this acceleration of single samples, seen by several coils, P-VDAMP has no more error than HOWL.
const MILD: f64 = 2.2;

/// The first that applies counts. What they were measured on: `docs/benchmark.md`, "The automatic choice".
static RULES: &[Rule] = &[
    Rule {
        method: "pvdamp",
        applies: |facts| facts.complete,
        why: "nothing is missing",
    },
    Rule {
        method: "howl",
        applies: |facts| facts.lines,
        why: "phase-encode lines are missing, where it has the least error",
    },
    Rule {
        method: "howl",
        applies: |facts| facts.lacks_side,
        why: "one side of k-space is missing, where it has the least error",
    },
    Rule {
        method: "pvdamp",
        applies: |facts| facts.coils > 1 && facts.acceleration <= MILD,
        why: "R is at most 2.2, where it has as little error as any, and gives an unbiased image too",
    },
    Rule {
        method: "howl",
        applies: |_| true,
        why: "it has the least error with masks of single samples",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solve::Knob;

    const PLAIN: Facts = Facts {
        complete: false,
        lines: false,
        lacks_side: false,
        acceleration: 6.0,
        coils: 8,
    };

    #[test]
    fn the_first_rule_that_applies_counts() {
        let chosen = |facts: Facts| Choice::new(None, &facts);
        assert_eq!(chosen(PLAIN).method.name, "howl");
        let complete = Facts {
            complete: true,
            ..PLAIN
        };
        assert_eq!(chosen(complete).method.name, "pvdamp");
        let mild = Facts {
            acceleration: 2.0,
            ..PLAIN
        };
        assert_eq!(chosen(mild).method.name, "pvdamp");
        assert_eq!(chosen(Facts { lines: true, ..mild }).method.name, "howl");
        assert_eq!(chosen(Facts { coils: 1, ..mild }).method.name, "howl");
        assert!(chosen(PLAIN).why.is_some());
        let asked = Choice::new(Method::find("fista"), &PLAIN);
        assert!(asked.method.name == "fista" && asked.why.is_none());
    }

    #[test]
    fn every_method_that_is_chosen_has_what_settings_may_ask_for() {
        for rule in RULES {
            let method = Method::find(rule.method).unwrap();
            assert!(method.has(Knob::ErrorBars) && !method.has(Knob::Lambda) && method.oracle.is_empty());
        }
    }
}
