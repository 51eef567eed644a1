//! The results, looked up by what they are of.

use std::collections::HashMap;

use crate::compare::{CaseRecord, ContenderRecord, Results, RunMetrics, RunRecord};
use crate::report::number::{listed, short};

/// What a run says, where it says it.
pub type Figure = fn(&RunRecord) -> Option<f64>;

pub struct View<'a> {
    pub results: &'a Results,
    /// Those of the record, then those that only runs name.
    pub contenders: Vec<ContenderRecord>,
    pub groups: Vec<Group<'a>>,
    runs: HashMap<(&'a str, &'a str), &'a RunRecord>,
}

/// Cases that differ by their seed alone.
pub struct Group<'a> {
    pub name: &'a str,
    /// Not empty.
    pub cases: Vec<&'a CaseRecord>,
}

impl<'a> View<'a> {
    pub fn new(results: &'a Results) -> Self {
        let mut runs = HashMap::new();
        let mut contenders = results.contenders.clone();
        for run in &results.runs {
            runs.entry((run.case.as_str(), run.contender.as_str())).or_insert(run);
            if contenders.iter().all(|c| c.id != run.contender) {
                contenders.push(ContenderRecord {
                    id: run.contender.clone(),
                    label: run.contender.clone(),
                    program: String::new(),
                    oracle: String::new(),
                    timed: String::new(),
                });
            }
        }
        let mut groups: Vec<Group> = Vec::new();
        for case in &results.cases {
            match groups.iter_mut().find(|group| group.name == case.group) {
                Some(group) => group.cases.push(case),
                None => groups.push(Group {
                    name: &case.group,
                    cases: vec![case],
                }),
            }
        }
        Self {
            results,
            contenders,
            groups,
            runs,
        }
    }

    pub fn run(&self, case: &str, contender: &str) -> Option<&'a RunRecord> {
        self.runs.get(&(case, contender)).copied()
    }

    pub fn case(&self, id: &str) -> Option<&'a CaseRecord> {
        self.results.cases.iter().find(|case| case.id == id)
    }

    /// Of a contender, for its look on a plot.
    pub fn series(&self, contender: &str) -> usize {
        let known = self.contenders.iter().position(|c| c.id == contender);
        known.unwrap_or(self.contenders.len())
    }

    /// As in a table, with a dagger where it took something from the reference.
    pub fn label(&self, contender: &str) -> String {
        let known = self.contenders.iter().find(|c| c.id == contender);
        known.map_or_else(|| contender.to_string(), marked)
    }

    /// A figure of each run of a contender over `cases`, where it has one.
    pub fn figures(&self, contender: &str, cases: &[&CaseRecord], figure: Figure) -> Vec<f64> {
        let of = |case: &&CaseRecord| figure(self.run(&case.id, contender)?);
        cases.iter().filter_map(of).filter(|f| !f.is_nan()).collect()
    }

    /// Those of `cases` in which any contender has the figure.
    pub fn measured<'c>(&self, cases: &[&'c CaseRecord], figure: Figure) -> Vec<&'c CaseRecord> {
        let has = |case: &CaseRecord| {
            let mut figures = self.contenders.iter().map(|c| self.figures(&c.id, &[case], figure));
            figures.any(|figures| !figures.is_empty())
        };
        cases.iter().copied().filter(|case| has(case)).collect()
    }

    pub fn cases(&self) -> Vec<&'a CaseRecord> {
        self.groups
            .iter()
            .flat_map(|group| group.cases.iter().copied())
            .collect()
    }
}

impl Group<'_> {
    /// Scan, slice, sampling and R.
    pub fn title(&self) -> String {
        let first = self.cases[0];
        format!("{}: {}", slice_title(first), sampling_title(first))
    }
}

pub fn slice_title(case: &CaseRecord) -> String {
    format!("{}, slice {}", case.scan, case.slice)
}

pub fn sampling_title(case: &CaseRecord) -> String {
    // "R = 4" stays on one line
    format!("{}, R\u{a0}=\u{a0}{}", case.sampling, short(case.acceleration))
}

/// With the seed, where it is one of several.
pub fn case_title(case: &CaseRecord) -> String {
    let seed = case.seed.map(|seed| format!(", seed {seed}")).unwrap_or_default();
    format!("{}: {}{seed}", slice_title(case), sampling_title(case))
}

/// Which of the cases of a group it is.
pub fn seed_title(case: &CaseRecord) -> String {
    case.seed.map_or_else(String::new, |seed| format!("Seed {seed}."))
}

pub fn marked(contender: &ContenderRecord) -> String {
    let dagger = if contender.oracle.is_empty() { "" } else { "†" };
    format!("{}{dagger}", contender.label)
}

fn metric(run: &RunRecord, figure: fn(&RunMetrics) -> Option<f64>) -> Option<f64> {
    figure(run.metrics.as_ref()?)
}

pub fn nmse_object(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.nmse_object_db)
}

pub fn nmse(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.nmse_db)
}

pub fn psnr(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.psnr_db)
}

pub fn ssim(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.ssim)
}

pub fn hfen(run: &RunRecord) -> Option<f64> {
    metric(run, |m| m.hfen_db)
}

/// Threads that the runs used; of other programs it may differ.
pub fn threads(view: &View) -> String {
    let mut used: Vec<usize> = view.results.runs.iter().map(|run| run.threads).collect();
    used.sort_unstable();
    used.dedup();
    if used.is_empty() {
        used.push(view.results.machine.threads);
    }
    listed(&used.iter().map(ToString::to_string).collect::<Vec<_>>())
}
